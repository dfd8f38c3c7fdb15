//! The seam to the disk: what a ledger needs of the file that holds it, and of the directory that names it.

use std::io;

/// One append-only file. Calls block; one owner writes.
///
/// After an error from a write or a sync nothing is known of what reached the disk: callers give up on the storage.
pub trait Storage: Send {
    /// Bytes in the file now, synced or not.
    fn size(&self) -> io::Result<u64>;

    /// Reads at `offset` into `buffer`; less than its length only at the end, 0 past it.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at the end. Durable only after [`Storage::sync`].
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written survives a loss of power (fdatasync).
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file off after `size` bytes. Durable only after [`Storage::sync`].
    fn truncate(&mut self, size: u64) -> io::Result<()>;

    /// Keeps `bytes`, which are about to be cut off, beside the file; durable on return.
    fn keep_torn_tail(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The directory that one ledger lives in.
///
/// Names are durable only after [`Directory::sync`], whatever was synced of the files that they name.
pub trait Directory {
    /// The ledger's file, or the one that is to become it.
    type File: Storage;

    /// The ledger, to be continued; none if it is not there.
    fn open(&mut self) -> io::Result<Option<Self::File>>;

    /// An empty file under a name that no reader looks for. What an earlier, unfinished beginning left is gone.
    fn create_unfinished(&mut self) -> io::Result<Self::File>;

    /// Gives the unfinished file the ledger's name, at once and whole.
    fn rename_finished(&mut self) -> io::Result<()>;

    /// Returns when all names survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;
}
