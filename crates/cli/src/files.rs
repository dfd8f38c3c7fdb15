//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner (0600): it names customers' tickets.
    Owner,
    /// Everybody (0644), whatever the umask: it is made for another user's program.
    All,
}

/// Writes the file at `path`, or replaces it, as one step: whoever reads it finds the old one or the new one.
pub(crate) fn write_whole(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is there and is no regular file; name another"));
    }
    // In the same folder, for only within one file system a name is replaced in one step.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    if readers == Readers::All {
        for_all(file.as_file())?;
    }
    // Else a loss of power could leave the new name with nothing in it.
    file.as_file().sync_data()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(unix)]
fn for_all(file: &File) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
}

#[cfg(not(unix))]
fn for_all(_: &File) -> io::Result<()> {
    Ok(())
}
