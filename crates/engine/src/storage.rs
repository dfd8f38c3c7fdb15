//! The seam to the disk: what a ledger needs of its file and of the directory that names the file.

use std::io;

/// One append-only file. Calls block; one owner writes.
///
/// After an error from a write or a sync it is unknown what reached the disk: stop using the storage.
pub trait Storage: Send {
    /// The file's size in bytes, synced or not.
    fn size(&self) -> io::Result<u64>;

    /// Reads into `buffer` from `offset` on. Reads less than its length only at the file's end, and 0 bytes past the
    /// end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at the end. Durable only after [`Storage::sync`].
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all written bytes survive a loss of power (fdatasync).
    fn sync(&mut self) -> io::Result<()>;

    /// Truncates the file to `size` bytes. Durable only after [`Storage::sync`].
    fn truncate(&mut self, size: u64) -> io::Result<()>;

    /// Keeps `bytes`, which are about to be truncated, beside the file. Durable on return.
    fn keep_torn_tail(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The directory of one ledger.
///
/// Names are durable only after [`Directory::sync`]; syncing the named file is not enough.
pub trait Directory {
    /// The ledger's file, or the unfinished file that will become it.
    type File: Storage;

    /// Opens the ledger to continue it. `None` if there is none.
    fn open(&mut self) -> io::Result<Option<Self::File>>;

    /// Creates an empty file under a name that no reader looks for. Removes what an earlier unfinished creation left.
    fn create_unfinished(&mut self) -> io::Result<Self::File>;

    /// Gives the unfinished file the ledger's name, atomically.
    fn rename_finished(&mut self) -> io::Result<()>;

    /// Returns when all names survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;
}
