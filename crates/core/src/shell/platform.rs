//! What is particular to a platform: positioned reads, file modes, the durability of directory entries.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

#[cfg(unix)]
pub(super) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
pub(super) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Files that are created are for their owner only (0600): a ledger names customers' tickets.
pub(super) fn for_owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Locks an open file against other processes that do so, until it is closed.
///
/// Not on Windows, where a lock keeps readers out as well.
pub(super) fn lock_alone(file: &File) -> io::Result<()> {
    if cfg!(unix) { file.try_lock().map_err(io::Error::from) } else { Ok(()) }
}

/// Whether another process has locked the file at `path` so.
pub(super) fn is_locked(path: &Path) -> bool {
    cfg!(unix) && File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Makes the entries of the directory that holds `path` durable.
pub(super) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Windows has no handle on a directory to sync; NTFS journals its entries.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
