//! The seam to the disk: the operations that a ledger needs on its file and on the file's directory.

use std::io;

/// One append-only file with one writer. Calls block.
///
/// After an error from a write or a sync it is unknown what reached the disk: stop using the storage.
pub trait Storage: Send {
    /// The file's size in bytes, synced or not.
    fn size(&self) -> io::Result<u64>;

    /// Reads into `buffer` from `offset` on. Returns fewer bytes than the buffer's length only at the end of
    /// the file, and 0 past the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at the end. Durable only after [`Storage::sync`].
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all written bytes survive a power loss (fdatasync).
    fn sync(&mut self) -> io::Result<()>;

    /// Truncates the file to `size` bytes. Durable only after [`Storage::sync`].
    fn truncate(&mut self, size: u64) -> io::Result<()>;

    /// Copies `bytes`, which are about to be truncated, to a file beside this one. Durable on return.
    fn keep_torn_tail(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The directory of one ledger.
///
/// Names are durable only after [`Directory::sync`]; syncing the file itself is not enough.
pub trait Directory {
    /// The ledger's file, or the unfinished file that will become it.
    type File: Storage;

    /// Opens an existing ledger. `None` if there is none.
    fn open(&mut self) -> io::Result<Option<Self::File>>;

    /// Creates an empty file under a name that no reader looks for. Replaces the file of an earlier
    /// unfinished creation.
    fn create_unfinished(&mut self) -> io::Result<Self::File>;

    /// Renames the unfinished file to the ledger's name, atomically.
    fn rename_finished(&mut self) -> io::Result<()>;

    /// Returns when all names survive a power loss.
    fn sync(&mut self) -> io::Result<()>;
}
