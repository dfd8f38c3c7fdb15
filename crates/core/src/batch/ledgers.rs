//! Opens and creates ledgers by path, and finds other ledgers beside one.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::Error;
use super::run_request::RunRequest;
use crate::api::Api;
use crate::input::read_start;
use crate::job::KEY_SCHEME;
use crate::leadsquared;
use crate::ledger::{self, Batch, Extent, Header, Ledger, LedgerError, LedgerId, VERSION};
use crate::outcome::Outcome;
use crate::runtime::clock;
use crate::runtime::entropy::entropy;
use crate::runtime::files::{
    LedgerFile, LedgerPath, Lock, LockError, as_ledger_error, beside, is_our_own, is_packed, only_a_file,
};
use crate::runtime::platform::{LockHolder, lock_holder};

/// Reads a ledger without locking or changing it.
///
/// # Errors
///
/// If it does not exist, is not a ledger, or is damaged.
pub fn look(path: &Path) -> Result<(Batch, Extent), Error> {
    let file = LedgerFile::open_to_read(path).map_err(Error::ledger_file(path, "opened"))?;
    ledger::inspect(&file).map_err(Error::ledger(path))
}

/// The API and the account that a ledger's batch is posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The [name](Api::name) of the API.
    pub api: String,
    /// The URL of the account's endpoint, or another name for the destination of the batch.
    pub target: String,
}

/// The API of a ledger's batch. Ledgers for LeadSquared do not name it.
pub(super) fn api_of(header: &Header) -> &str {
    header.api.as_deref().unwrap_or(leadsquared::NAME)
}

pub(super) fn same_api(path: &Path, header: &Header, target: &dyn Api) -> Result<(), Error> {
    let (theirs, ours) = (api_of(header), target.name());
    if theirs == ours {
        return Ok(());
    }
    Err(Error::OtherApi { path: path.to_owned(), theirs: theirs.to_owned(), ours })
}

/// Reads the account from a ledger's header and ignores the rest. Of a compressed ledger, only the start is
/// unpacked.
///
/// # Errors
///
/// If the file does not exist or does not begin like a ledger.
pub fn account_of(path: &Path) -> Result<Account, Error> {
    header_of(path).map(|header| Account { api: api_of(&header).to_owned(), target: header.target })
}

/// Reads the header of the ledger at `path` and ignores the rest.
pub(super) fn header_of(path: &Path) -> Result<Header, Error> {
    begins_with(path, &open_a_file(path)?)
}

/// Reads the header of a ledger to append to. A compressed ledger is an error.
pub(crate) fn header_to_write(path: &Path) -> Result<Header, Error> {
    let file = open_a_file(path)?;
    if is_packed(&file).unwrap_or(false) {
        return Err(Error::PackedLedger(path.to_owned()));
    }
    begins_with(path, &file)
}

fn open_a_file(path: &Path) -> Result<File, Error> {
    only_a_file(path).and_then(|()| File::open(path)).map_err(Error::ledger_file(path, "opened"))
}

fn begins_with(path: &Path, file: &File) -> Result<Header, Error> {
    // A header has a few hundred bytes and a URL.
    const START_BYTES: usize = 1 << 16;
    let mut start = vec![0; START_BYTES];
    let read = read_start(file, &mut start).map_err(as_ledger_error).map_err(Error::ledger_file(path, "opened"))?;
    ledger::header_of(&start[..read]).map_err(Error::ledger(path))
}

/// Locks the ledger at `path` for this process.
pub(super) fn lock(path: &Path) -> Result<Lock, Error> {
    if is_our_own(path) {
        let why = "this name is reserved for a file beside a ledger; choose another name";
        return Err(Error::ledger_file(path, "used")(io::Error::new(io::ErrorKind::NotFound, why)));
    }
    // Checked before a lock file is created beside it, which would otherwise be left behind.
    match header_to_write(path) {
        Err(Error::LedgerFile { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        header => drop(header?),
    }
    take_lock(path)
}

/// Like [`lock`], for a ledger whose header was read already.
pub(super) fn take_lock(path: &Path) -> Result<Lock, Error> {
    let holder = Holder { process: std::process::id(), since: Some(clock::wall()) };
    Lock::take(path, &holder.to_string()).map_err(|source| Error::Lock { path: path.to_owned(), source })
}

/// A process that has a ledger open for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The process id.
    pub process: u32,
    /// When the process locked the ledger, if known.
    pub since: Option<Timestamp>,
}

impl Holder {
    /// Parses the text of a lock file, if it names this process.
    fn named(process: u32, text: &str) -> Self {
        let since = text.trim().strip_prefix(&format!("process {process} since "));
        Self { process, since: since.and_then(|since| since.parse().ok()) }
    }
}

/// The content of a lock file.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.process)?;
        self.since.map_or(Ok(()), |since| write!(f, " since {since}"))
    }
}

/// Whether a process has a ledger open for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUse {
    /// The process that has it open.
    By(Holder),
    /// No process.
    Unused {
        /// The time of the check.
        at: Timestamp,
    },
    /// Unknown. Only Linux reports locks, not for every file system, and in a container not those of
    /// processes outside.
    Unknown,
}

/// Whether a process has the ledger at `path` open for writing. Takes no lock: a lock could make a run that
/// starts at this moment fail.
///
/// Call it before reading the ledger: a run that ends in between is then seen as ended.
pub fn in_use(path: &Path) -> InUse {
    let at = clock::wall();
    let Ok(file) = only_a_file(path).and_then(|()| File::open(path)) else { return InUse::Unknown };
    match lock_holder(&file) {
        LockHolder::Free => InUse::Unused { at },
        LockHolder::Unknown => InUse::Unknown,
        LockHolder::Held(process) => {
            let mut text = String::new();
            // The lock file is beside the ledger's own name. A process that opened the ledger by another name
            // wrote nothing here, or the text is from an earlier process.
            let read = File::open(beside(path, ".lock")).and_then(|file| file.take(200).read_to_string(&mut text));
            InUse::By(Holder::named(process, if read.is_ok() { &text } else { "" }))
        }
    }
}

/// Opens the ledger of `run_request` for reading, if it exists, and returns the state of its batch.
pub(super) fn open_to_read(run_request: &RunRequest) -> Result<(Option<LedgerFile>, Batch), Error> {
    let path = &run_request.ledger;
    match LedgerFile::open_to_read(path) {
        Ok(file) => {
            let (batch, _) = ledger::inspect(&file).map_err(Error::ledger(path))?;
            Ok((Some(file), batch))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((None, Batch::new(new_header(run_request)))),
        Err(source) => Err(Error::ledger_file(path, "opened")(source)),
    }
}

/// Opens the ledger of `run_request` for writing, if it exists, and returns the state of its batch.
pub(super) fn open_to_write(run_request: &RunRequest) -> Result<(Option<Ledger<LedgerFile>>, Batch), Error> {
    let opened = resume(&run_request.ledger)?.map(|(ledger, batch)| (Some(ledger), batch));
    Ok(opened.unwrap_or_else(|| (None, Batch::new(new_header(run_request)))))
}

/// Checks that `run_request` posts to the account of `batch`.
pub(super) fn same_target(run_request: &RunRequest, batch: &Batch) -> Result<(), Error> {
    let path = &run_request.ledger;
    same_api(path, &batch.header, run_request.request_template.target().as_ref())?;
    let (theirs, ours) = (&batch.header.target, run_request.policy.identity.account());
    if theirs == ours {
        return Ok(());
    }
    // Then the account was most likely mistyped.
    let unused =
        !batch.job_states.values().any(|job_state| matches!(job_state.outcome(), Outcome::Posted | Outcome::InDoubt));
    Err(Error::OtherTarget { path: path.clone(), theirs: theirs.clone(), ours: ours.to_owned(), unused })
}

/// Opens the ledger at `path` to resume it; `None` if it does not exist. A torn tail is repaired and logged
/// at once, because after a later failure the next run would not see it any more.
pub(super) fn resume(path: &Path) -> Result<Option<(Ledger<LedgerFile>, Batch)>, Error> {
    let opened = ledger::resume(&mut LedgerPath(path)).map_err(|source| match source {
        LedgerError::Io { source, .. } if source.kind() == io::ErrorKind::WouldBlock => {
            let holder = "under another name".to_owned();
            Error::Lock { path: path.to_owned(), source: LockError::Held { holder } }
        }
        source => Error::ledger(path)(source),
    })?;
    Ok(opened.map(|(ledger, batch, extent)| {
        if extent.torn_bytes > 0 {
            tracing::warn!(
                event = "mended",
                bytes = extent.torn_bytes,
                "the ledger ended in an incomplete record, as after a crash; it was moved to {}.torn",
                path.display()
            );
        }
        if extent.incomplete_settlements > 0 {
            tracing::warn!(event = "incomplete_settlement", "{}", extent.incomplete_in_words());
        }
        (ledger, batch)
    }))
}

/// Creates the ledger at `path`, which must not exist.
pub(super) fn begin(path: &Path, header: &Header) -> Result<Ledger<LedgerFile>, Error> {
    let failed = Error::ledger_file(path, "begun");
    ledger::begin(&mut LedgerPath(path), header).map_err(&failed)?;
    let (ledger, ..) =
        resume(path)?.ok_or_else(|| failed(io::Error::new(io::ErrorKind::NotFound, "it does not exist")))?;
    Ok(ledger)
}

fn new_header(run_request: &RunRequest) -> Header {
    Header {
        version: VERSION,
        id: LedgerId(entropy()),
        key_scheme: KEY_SCHEME,
        tool: run_request.tool.clone(),
        api: Some(run_request.request_template.target().name().to_owned()).filter(|name| name != leadsquared::NAME),
        target: run_request.policy.identity.account().to_owned(),
        wall: clock::wall(),
    }
}

/// Returns the ledgers beside that of `run_request`, or in the folder that it names, recognized by their
/// first bytes.
///
/// # Errors
///
/// If the folder cannot be read.
pub(super) fn others(run_request: &RunRequest) -> Result<Vec<PathBuf>, Error> {
    let beside = run_request.ledger.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = run_request.history.as_deref().or(beside).unwrap_or(Path::new("."));
    let failed = |source| Error::History { path: folder.to_owned(), source };
    let own = run_request.ledger.canonicalize().ok();
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // Skip files that belong to a ledger, including unfinished ones; skip anything that is not a regular
        // file, such as a pipe that would block its reader; skip the run's own ledger.
        if is_our_own(&path) || !path.is_file() || (own.is_some() && path.canonicalize().ok() == own) {
            continue;
        }
        match is_ledger(&path) {
            Ok(true) => paths.push(path),
            Ok(false) => {}
            // It may be a ledger that records rows of this batch.
            Err(source) if is_named_as_ledgers_are(&path) => return Err(Error::ledger_file(&path, "opened")(source)),
            Err(_) => {}
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether the file at `path` begins like a ledger, compressed or not.
///
/// # Errors
///
/// If it cannot be read.
pub fn is_ledger(path: &Path) -> io::Result<bool> {
    const OPENING: &[u8] = br#"{"n":1,"ledger"#;
    let mut start = [0; OPENING.len()];
    let read = read_start(File::open(path)?, &mut start).map_err(as_ledger_error)?;
    Ok(start[..read] == *OPENING)
}

fn is_named_as_ledgers_are(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.strip_suffix(".gz").unwrap_or(&name).ends_with(".jsonl")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::OpenLedger;
    use super::*;
    use crate::leadsquared;
    use crate::runtime::files::tests::header;

    #[test]
    fn a_lock_file_tells_since_when_only_of_the_process_that_it_names() {
        let since = Some(Timestamp::UNIX_EPOCH);
        let text = Holder { process: 42, since }.to_string() + "\n";
        assert_eq!(Holder::named(42, &text), Holder { process: 42, since });
        for other in [&text.replace("42", "421"), "process 42 since", "process 42 since yesterday", ""] {
            assert_eq!(Holder::named(42, other).since, None, "{other:?}");
        }
    }

    #[test]
    fn of_a_packed_ledger_only_the_start_is_read_to_tell_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let header = header();
        ledger::begin(&mut LedgerPath(&path), &header).unwrap();
        let mut member = GzEncoder::new(Vec::new(), Compression::none());
        member.write_all(&fs::read(&path).unwrap()).and_then(|()| member.write_all(&vec![b'x'; 1 << 20])).unwrap();
        let packed = member.finish().unwrap();
        // Half of the file is missing, so reading beyond the header fails.
        File::create(&path).and_then(|mut file| file.write_all(&packed[..packed.len() / 2])).unwrap();
        let account = Account { api: leadsquared::NAME.to_owned(), target: header.target };
        assert_eq!(account_of(&path).unwrap(), account);
        assert!(look(&path).unwrap_err().to_string().contains("cut off"));
        assert!(matches!(OpenLedger::open(&path, &leadsquared::LeadSquared), Err(Error::PackedLedger(_))));
    }
}
