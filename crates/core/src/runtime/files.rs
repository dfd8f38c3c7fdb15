//! The file of a ledger, and the lock beside it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use super::platform::{for_owner_only, is_named, lock_alone, no_follow, read_at, sync_directory_of};
use crate::input::{GZIP_MAGIC, TextError, unpack_to};
use crate::storage::{Directory, Storage};

/// The file of a ledger.
#[derive(Debug)]
pub struct LedgerFile {
    file: Exclusive,
    path: PathBuf,
}

/// An open file. Its lock, if it has one, ends when this value is dropped.
///
/// Closing the file is not enough. A lock belongs to the open file description, which a child process shares from its
/// fork until its exec. A program that starts a child at that moment, on any thread, would find its own ledger in use.
/// Unlocking ends the lock for every copy of the description.
#[derive(Debug)]
struct Exclusive(File);

impl Deref for Exclusive {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for Exclusive {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        // If this fails, the lock ends with the last copy.
        self.0.unlock().ok();
    }
}

impl LedgerFile {
    /// Opens the ledger at `path` to continue it.
    ///
    /// # Errors
    ///
    /// If it does not exist or cannot be written; [`io::ErrorKind::WouldBlock`] if another process has it open for
    /// writing.
    pub fn open(path: &Path) -> io::Result<Self> {
        only_a_file(path)?;
        let file = OpenOptions::new().read(true).append(true).open(path)?;
        // The lock beside the ledger is found by the ledger's name. This one also works if a link gives it another
        // name.
        lock_alone(&file)?;
        Ok(Self { file: Exclusive(file), path: path.to_owned() })
    }

    /// Opens the ledger at `path` for reading. A ledger compressed with gzip is unpacked into a temporary copy.
    ///
    /// # Errors
    ///
    /// If it does not exist or cannot be read, or is compressed and cannot be unpacked.
    pub fn open_to_read(path: &Path) -> io::Result<Self> {
        only_a_file(path)?;
        Self::read_from(File::open(path)?, path)
    }

    /// Like [`Self::open_to_read`], for an open file.
    pub(crate) fn read_from(file: File, path: &Path) -> io::Result<Self> {
        let file = if is_packed(&file)? { unpacked(&file)? } else { file };
        Ok(Self { file: Exclusive(file), path: path.to_owned() })
    }

    /// Makes its bytes durable, including those written by another process.
    pub(crate) fn make_durable(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Whether a file is gzip. A compressed ledger can be read, but nothing can be appended to it.
pub(crate) fn is_packed(file: &File) -> io::Result<bool> {
    let mut start = [0; GZIP_MAGIC.len()];
    Ok(read_at(file, 0, &mut start)? == start.len() && start == GZIP_MAGIC)
}

/// Unpacks a compressed file into a copy and verifies gzip's checksums.
fn unpacked(packed: &File) -> io::Result<File> {
    // Three times the size for ten million rows. The bound keeps endless data from filling the disk.
    const MOST_BYTES: u64 = 16 << 30;
    let mut copy = tempfile::tempfile()?;
    unpack_to(packed, &mut copy, MOST_BYTES).map_err(as_ledger_error)?;
    Ok(copy)
}

/// Replaces the wording of the input's errors, which speak of an input.
pub(crate) fn as_ledger_error(error: TextError) -> io::Error {
    io::Error::other(match error {
        TextError::Read { source, .. } => return source,
        TextError::GzipCutOff => "it is compressed (gzip) and cut off before its end; get a complete copy".to_owned(),
        TextError::GzipDamaged { byte } => {
            format!("it is compressed (gzip) and damaged at or before byte {byte}; get another copy")
        }
        TextError::AfterGzip { byte } => {
            format!("it is compressed (gzip), and other data follows from byte {byte} on; unpack and check it")
        }
        TextError::GzipTooLong { most_bytes } => {
            format!(
                "it is compressed (gzip) and unpacks to more than {most_bytes} bytes; check that it is the right file"
            )
        }
        TextError::NotUnpacked(source) => {
            format!(
                "it is compressed (gzip), and its unpacked copy cannot be written: {source}; set TMPDIR to another folder"
            )
        }
        other => other.to_string(),
    })
}

/// Suffix of a ledger that is being created.
pub(crate) const UNFINISHED: &str = ".unfinished";

/// Suffix of the lock file of a ledger.
const LOCK: &str = ".lock";

/// Whether a file name is that of a file beside a ledger.
pub(crate) fn is_our_own(path: &Path) -> bool {
    let name = path.to_string_lossy();
    [UNFINISHED, LOCK, ".torn"].iter().any(|suffix| name.ends_with(suffix))
}

/// The directory of the ledger at this path.
#[derive(Debug)]
pub(crate) struct LedgerPath<'a>(pub(crate) &'a Path);

impl LedgerPath<'_> {
    fn unfinished(&self) -> PathBuf {
        beside(self.0, UNFINISHED)
    }
}

impl Directory for LedgerPath<'_> {
    type File = LedgerFile;

    fn open(&mut self) -> io::Result<Option<LedgerFile>> {
        match LedgerFile::open(self.0) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create_unfinished(&mut self) -> io::Result<LedgerFile> {
        let path = self.unfinished();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // It did not exist a moment ago. A link that someone creates now is not followed.
        let file = for_owner_only(OpenOptions::new().read(true).write(true).create_new(true)).open(&path)?;
        Ok(LedgerFile { file: Exclusive(file), path })
    }

    fn rename_finished(&mut self) -> io::Result<()> {
        fs::rename(self.unfinished(), self.0)
    }

    fn sync(&mut self) -> io::Result<()> {
        sync_directory_of(self.0)
    }
}

impl Storage for LedgerFile {
    fn size(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match read_at(&self.file, offset, buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file.set_len(size)
    }

    fn keep_torn_tail(&mut self, bytes: &[u8]) -> io::Result<()> {
        let path = beside(&self.path, ".torn");
        let mut file = open_beside(&path, OpenOptions::new().append(true).create(true))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        sync_directory_of(&path)
    }
}

/// Keeps other runs from a ledger as long as it exists. Advisory, and not reliable over NFS.
#[derive(Debug)]
pub struct Lock {
    ledger: PathBuf,
    /// Dropped after the lock file was removed, if it is removed.
    _file: Exclusive,
}

/// How often the lock file may have been removed by the previous run before this one gives up.
const MOST_TRIES: usize = 100;

/// Why a lock was not acquired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another run has the lock.
    #[error("it is in use by another run ({holder})")]
    Held {
        /// What that run wrote about itself.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("its lock file {} cannot be used: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Lock {
    /// Acquires the lock of the ledger at `ledger` and writes `holder` into the lock file for others to read. Does not
    /// wait.
    ///
    /// If the ledger does not exist when the lock ends, as after a refused run, the lock file is removed. A
    /// run that has just opened the file detects that the file no longer has this name, and opens the new
    /// one.
    ///
    /// # Errors
    ///
    /// If another run has the lock, or the lock file cannot be used.
    pub fn take(ledger: &Path, holder: &str) -> Result<Self, LockError> {
        let path = beside(ledger, LOCK);
        let failed = |source| LockError::Io { path: path.clone(), source };
        for _ in 0..MOST_TRIES {
            let file = open_beside(&path, OpenOptions::new().read(true).write(true).create(true)).map_err(failed)?;
            if let Some(file) = locked(file, &path, holder)? {
                return Ok(Self { ledger: ledger.to_owned(), _file: file });
            }
        }
        Err(failed(io::Error::other("it was removed each time it was created; check which other program removes it")))
    }
}

/// Locks an open lock file for `holder`; returns `None` if the file is no longer the one at `path`.
fn locked(file: File, path: &Path, holder: &str) -> Result<Option<Exclusive>, LockError> {
    let failed = |source| LockError::Io { path: path.to_owned(), source };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // If it cannot be read, because it is being written, the holder is unknown.
            let named = (&file).take(200).read_to_string(&mut holder).is_ok_and(|bytes| bytes > 0);
            let holder = if named { holder.trim().to_owned() } else { "unknown".to_owned() };
            return Err(LockError::Held { holder });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let mut file = Exclusive(file);
    if !is_named(&file, path).map_err(failed)? {
        return Ok(None);
    }
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{holder}")).map_err(failed)?;
    Ok(Some(file))
}

impl Drop for Lock {
    fn drop(&mut self) {
        let is_gone = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        if fs::symlink_metadata(&self.ledger).is_err_and(is_gone) {
            // A lock file that cannot be removed does no harm.
            fs::remove_file(beside(&self.ledger, LOCK)).ok();
        }
    }
}

/// Opens a file beside a ledger for writing. A symbolic link is not followed.
fn open_beside(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    for_owner_only(no_follow(options)).open(path).map_err(|error| match fs::symlink_metadata(path) {
        Ok(named) if named.is_symlink() => {
            io::Error::other(format!("{} is a symbolic link; remove it", path.display()))
        }
        _ => error,
    })
}

/// Checks that the ledger is a regular file. A pipe would block its reader, and a device stores nothing. A link to a
/// missing file does not count as a ledger yet to be created: the new ledger would replace the link, and the file it
/// points to may come back.
pub(crate) fn only_a_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(io::Error::other("it is not a regular file")),
        Err(error) => Err(match fs::read_link(path) {
            Ok(to) if error.kind() == io::ErrorKind::NotFound => io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "it is a symbolic link to {}, which does not exist; restore that file, or remove the link",
                    to.display()
                ),
            ),
            _ => error,
        }),
    }
}

/// Returns `path` with `suffix` appended to its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::job::KEY_SCHEME;
    use crate::ledger::{Header, LedgerId, VERSION, begin, inspect};

    #[test]
    fn a_second_lock_is_refused_and_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("a.jsonl");
        let first = Lock::take(&ledger, "process 42").unwrap();
        assert_eq!(Lock::take(&ledger, "me").unwrap_err().to_string(), "it is in use by another run (process 42)");
        drop(first);
        Lock::take(&ledger, "me").unwrap();
    }

    /// A copy of a file handle, as a child process has between its fork and its exec.
    fn inherited(file: &File) -> File {
        file.try_clone().unwrap()
    }

    #[test]
    fn a_lock_ends_with_its_holder_though_a_child_process_still_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        File::create(&path).unwrap();
        let ledger = LedgerFile::open(&path).unwrap();
        let _child = inherited(&ledger.file);
        assert_eq!(LedgerFile::open(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(ledger);
        LedgerFile::open(&path).unwrap();

        let lock = Lock::take(&path, "process 42").unwrap();
        let _child = inherited(&lock._file);
        drop(lock);
        Lock::take(&path, "me").unwrap();
    }

    pub(crate) fn header() -> Header {
        Header {
            version: VERSION,
            id: LedgerId(7),
            key_scheme: KEY_SCHEME,
            tool: "batchpost 0".to_owned(),
            api: None,
            target: "https://example.test/".to_owned(),
            wall: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_ledger_is_begun_whole_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut unfinished = LedgerPath(&path).create_unfinished().unwrap();
        unfinished.append(b"{\"n\":1,\"led").unwrap();
        begin(&mut LedgerPath(&path), &header()).unwrap();
        let (batch, extent) = inspect(&LedgerFile::open_to_read(&path).unwrap()).unwrap();
        assert_eq!((batch.header, extent.last, extent.torn_bytes), (header(), 1, 0));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);
    }

    #[test]
    fn a_lock_file_is_left_only_beside_a_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("a.jsonl");
        drop(Lock::take(&ledger, "refused").unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let lock = Lock::take(&ledger, "process 42").unwrap();
        File::create(&ledger).unwrap();
        drop(lock);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_file_that_was_removed_when_it_had_just_been_opened_locks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("a.jsonl");
        let path = beside(&ledger, LOCK);
        let refused = Lock::take(&ledger, "refused").unwrap();
        let [first, second] = [(); 2].map(|()| File::open(&path).unwrap());
        drop(refused);
        assert!(locked(first, &path, "me").unwrap().is_none(), "it has no name");
        let _next = Lock::take(&ledger, "next").unwrap();
        assert!(locked(second, &path, "me").unwrap().is_none(), "its name is another's");
    }

    #[cfg(unix)]
    #[test]
    fn links_beside_a_ledger_are_not_followed() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a.jsonl"), folder.path().join("precious"));
        fs::File::create(&other).and_then(|mut file| file.write_all(b"kept")).unwrap();
        symlink(&other, beside(&path, UNFINISHED)).unwrap();
        begin(&mut LedgerPath(&path), &header()).unwrap();
        assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
        for suffix in [LOCK, ".torn"] {
            symlink(&other, beside(&path, suffix)).unwrap();
        }
        let refused = [
            Lock::take(&path, "me").unwrap_err().to_string(),
            LedgerFile::open(&path).unwrap().keep_torn_tail(b"torn").unwrap_err().to_string(),
        ];
        assert!(refused.iter().all(|why| why.contains("is a symbolic link; remove it")), "{refused:?}");
        assert_eq!(fs::read(&other).unwrap(), b"kept");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nowhere_is_no_ledger_to_be_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::os::unix::fs::symlink("gone.jsonl", &path).unwrap();
        let error = LedgerPath(&path).open().unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("a symbolic link to gone.jsonl"), "{error}");
    }

    #[test]
    fn what_is_set_aside_adds_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        fs::File::create(&path).and_then(|mut file| file.write_all(b"first\n")).unwrap();
        let mut file = LedgerFile::open(&path).unwrap();
        file.append(b"torn").unwrap();
        file.keep_torn_tail(b"torn").unwrap();
        file.truncate(6).unwrap();
        file.keep_torn_tail(b"more").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first\n");
        assert_eq!(fs::read(beside(&path, ".torn")).unwrap(), b"tornmore");
    }
}
