//! Errors that keep a run from starting or continuing. They carry facts; the program that shows them adds
//! which option or command helps.

use std::io;
use std::path::{Path, PathBuf};

use super::known_ledger::{KnownLedger, in_words};
use super::registry_error::RegistryError;
use crate::input::{InputError, LookupError};
use crate::job::Position;
use crate::ledger::LedgerError;
use crate::planning::{JobFileError, RowNote};
use crate::runtime::budget::SharingError;
use crate::runtime::files::LockError;

/// Why a run cannot start or continue. Everything that was sent before is in the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input's file cannot be opened.
    #[error("the input {} cannot be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The input's file is a pipe, a device or a folder.
    #[error("the input {} is not a regular file; to post a stream, pipe it in and pass - as the input", .0.display())]
    NotAFile(PathBuf),
    /// The input cannot be read.
    #[error("{name}: {source}")]
    Input {
        /// The input's name.
        name: String,
        /// The error.
        source: Box<InputError>,
    },
    /// The lookup table cannot be used.
    #[error("the lookup table {}: {source}", path.display())]
    Lookup {
        /// The file.
        path: PathBuf,
        /// The error.
        source: Box<LookupFailed>,
    },
    /// The ledger cannot be used.
    #[error("the ledger {}: {source}", path.display())]
    Ledger {
        /// The path of the ledger.
        path: PathBuf,
        /// The error.
        source: LedgerError,
    },
    /// The ledger file cannot be opened or created.
    #[error("the ledger {} cannot be {doing}: {source}", path.display())]
    LedgerFile {
        /// The path of the ledger.
        path: PathBuf,
        /// `opened` or `begun`.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The ledger is compressed, so nothing can be appended to it.
    #[error(
        "the ledger {path} is compressed (gzip) and read-only; unpack it with `gunzip {path}` to continue with it",
        path = .0.display()
    )]
    PackedLedger(PathBuf),
    /// The ledger is in use.
    #[error("the ledger {}: {source}", path.display())]
    Lock {
        /// The path of the ledger.
        path: PathBuf,
        /// The error.
        source: LockError,
    },
    /// The folder with the other ledgers cannot be searched.
    #[error("{} cannot be searched for other ledgers: {source}", path.display())]
    History {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Other ledgers record rows of the input as posted or in doubt.
    #[error(
        "{rows} {} already recorded as posted or in doubt in {}",
        if *rows == 1 { "row is" } else { "rows are" },
        in_words(ledgers)
    )]
    Known {
        /// Number of rows.
        rows: u64,
        /// The ledgers.
        ledgers: Vec<KnownLedger>,
    },
    /// Another run posted rows after the first comparison and before this run claimed them.
    #[error(
        "another run has meanwhile recorded {rows} {} as posted or in doubt (in {}); this run sent nothing; run this again to \
         see what is left",
        if *rows == 1 { "row" } else { "rows" },
        ledger.display()
    )]
    BecameKnown {
        /// Number of rows.
        rows: u64,
        /// A ledger that records them.
        ledger: PathBuf,
    },
    /// The ledger has fewer records than before.
    #[error(
        "the ledger {} has fewer records than it had: {rows} {} missing from it, as after restoring an older copy",
        path.display(),
        if *rows == 1 { "row that it recorded as posted or in doubt is" } else { "rows that it recorded as posted or in doubt are" }
    )]
    LedgerRestored {
        /// The path of the ledger.
        path: PathBuf,
        /// Number of rows to send that the ledger had recorded as posted or in doubt.
        rows: u64,
    },
    /// Another ledger records a row of a stream.
    #[error(
        "row {row} is already recorded as posted or in doubt by another ledger of this account; the rest of the stream was not read"
    )]
    KnownInStream {
        /// The row number.
        row: u64,
    },
    /// Another run is sending rows of the input.
    #[error("{rows} {} being sent by another run, whose ledger is {}; run this again when that run has ended",
        if *rows == 1 { "row is" } else { "rows are" },
        ledger.display()
    )]
    RowsInUse {
        /// The ledger of that run.
        ledger: PathBuf,
        /// Number of rows.
        rows: u64,
    },
    /// A ledger that posted to the account cannot be read. It may record rows of the input.
    #[error(
        "the ledger {} posted to this account and cannot be read ({why}); rows recorded only there would be posted again",
        path.display()
    )]
    KnownUnreadable {
        /// The ledger.
        path: PathBuf,
        /// Why it cannot be read.
        why: String,
        /// Whether it is in the account's list. Otherwise it was found beside the input or in a folder of
        /// ledgers.
        is_listed: bool,
    },
    /// The account's list of ledgers and claims cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The claim cannot be written.
    #[error("the claim of this run cannot be written: {0}")]
    Claim(io::Error),
    /// The input was changed or replaced while it was read.
    #[error("{name} changed while it was read; nothing was sent; run it again when no program is writing to it")]
    Changed {
        /// The input's name.
        name: String,
    },
    /// The input cannot be read again to check that it is unchanged.
    #[error("{name} cannot be read again to check that it did not change: {source}; nothing was sent")]
    InputGone {
        /// The input's name.
        name: String,
        /// The system's error.
        source: io::Error,
    },
    /// The job file cannot be used.
    #[error("{source} (in {}); nothing was sent", folder.display())]
    JobFile {
        /// The folder it is in.
        folder: PathBuf,
        /// The error.
        source: JobFileError,
    },
    /// Several rows have the same value in the key column.
    #[error("{}: {} (rows with the key of an earlier row: {rows})", .first.position, .first.what)]
    DuplicateKey {
        /// The first of them.
        first: RowNote,
        /// Number of rows.
        rows: u64,
    },
    /// The lookup table maps ids to other tickets than in the last run.
    #[error(
        "the lookup table changed since the last run, and nothing was sent; it assigns other tickets to {rows} rows that are \
         posted or in doubt, so they would be posted again"
    )]
    LookupTableChanged {
        /// Number of rows.
        rows: u64,
    },
    /// The account's budget cannot be shared.
    #[error(transparent)]
    Sharing(#[from] SharingError),
    /// A thread cannot be started. Nothing was sent.
    #[error("cannot start a thread to {what}: {source}; check the limits on threads and open files (`ulimit -a`)")]
    Thread {
        /// The purpose of the thread.
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The ledger belongs to another API, which has other keys and notes.
    #[error(
        "the ledger {} belongs to the API {theirs:?}, and this run would post to {ours:?}",
        path.display()
    )]
    OtherApi {
        /// The path of the ledger.
        path: PathBuf,
        /// The name of the ledger's API.
        theirs: String,
        /// The name of this run's API.
        ours: &'static str,
    },
    /// The ledger belongs to another account.
    #[error("the ledger {} belongs to {theirs}, and this run would post to {ours}", path.display())]
    OtherTarget {
        /// The path of the ledger.
        path: PathBuf,
        /// The account of the ledger.
        theirs: String,
        /// The account of this run.
        ours: String,
        /// Whether no row of the ledger is posted or in doubt.
        unused: bool,
    },
}

impl Error {
    pub(super) fn input(name: String) -> impl Fn(InputError) -> Self {
        move |source| Self::Input { name: name.clone(), source: Box::new(source) }
    }

    pub(super) fn job_file(folder: &Path) -> impl Fn(JobFileError) -> Self + use<> {
        let folder = folder.to_owned();
        move |source| Self::JobFile { folder: folder.clone(), source }
    }

    pub(super) fn thread(what: &'static str) -> impl Fn(io::Error) -> Self + use<> {
        move |source| Self::Thread { what, source }
    }

    pub(super) fn ledger(path: &Path) -> impl Fn(LedgerError) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Ledger { path: path.clone(), source }
    }

    pub(super) fn ledger_file(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::LedgerFile { path: path.clone(), doing, source }
    }
}

/// Why a lookup table cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupFailed {
    /// The file name does not show the format.
    #[error("its name does not show its format; use the extension csv, jsonl, json, xlsx or ods")]
    Format,
    /// The file cannot be opened.
    #[error("it cannot be opened: {0}")]
    Open(io::Error),
    /// It is not a regular file, so it cannot be read twice.
    #[error("it is not a regular file")]
    NotAFile,
    /// The file cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A row has no old id, or no ticket.
    #[error("{0}: {1}")]
    Row(Position, String),
    /// A row contradicts another.
    #[error("{0}: {1}")]
    Entry(Position, LookupError),
}
