//! A directory by its handle: operations stay in the directory that was checked, whatever happens to its
//! path.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

/// An open directory.
#[derive(Debug)]
pub(super) struct Dir(OwnedFd);

/// The owner, group and permissions of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(super) owner: u32,
    pub(super) group: u32,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub(super) mode: u32,
}

impl Facts {
    fn of(handle: impl std::os::fd::AsFd) -> io::Result<(FileType, u64, Self)> {
        let stat = fs::fstat(handle)?;
        // These types differ between systems.
        #[allow(clippy::useless_conversion, reason = "not the same types everywhere")]
        let (mode, links): (u32, u64) = (stat.st_mode.into(), stat.st_nlink.into());
        let facts = Self { owner: stat.st_uid, group: stat.st_gid, mode: mode & 0o7777 };
        Ok((FileType::from_raw_mode(stat.st_mode), links, facts))
    }
}

/// The access mode for opening a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    /// For reading and appending.
    Append,
}

/// The user that this process acts as.
pub(crate) fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Dir {
    /// Opens the directory at `path`. Symbolic links in the path are followed, because the path is the user's
    /// own.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(fs::openat(CWD, path, DIRECTORY, Mode::empty())?))
    }

    /// Opens the directory `name` in this one.
    pub(super) fn open_dir(&self, name: &str) -> io::Result<Self> {
        Ok(Self(fs::openat(&self.0, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?))
    }

    pub(super) fn create_dir(&self, name: &str) -> io::Result<Self> {
        fs::mkdirat(&self.0, name, Mode::RWXU)?;
        self.open_dir(name)
    }

    pub(super) fn remove_dir(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    pub(super) fn facts(&self) -> io::Result<Facts> {
        Ok(Facts::of(&self.0)?.2)
    }

    pub(super) fn set_mode(&self, mode: u32) -> io::Result<()> {
        set_mode(&self.0, mode)
    }

    /// Opens the regular file `name`. Also returns its number of hard links.
    pub(super) fn open_file(&self, name: &str, how: Use) -> io::Result<(File, u64, Facts)> {
        let access = match how {
            Use::Read => OFlags::RDONLY,
            Use::Append => OFlags::RDWR | OFlags::APPEND,
        };
        open_regular(&self.0, Path::new(name), access)
    }

    /// Creates the file `name` for its owner only. Fails if the name exists.
    pub(super) fn create_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(File::from(fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?))
    }

    /// Renames `from` to `to`, replacing an existing file.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Renames `from` to `to` unless that exists. Returns [`io::ErrorKind::Unsupported`] if the system cannot
    /// guarantee that.
    pub(super) fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        let renamed = fs::renameat_with(&self.0, from, &self.0, to, fs::RenameFlags::NOREPLACE);
        #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
        let renamed = {
            let _not_tried = (from, to);
            Err(Errno::NOTSUP)
        };
        renamed.map_err(|error| match error {
            Errno::INVAL | Errno::NOSYS | Errno::NOTSUP => io::ErrorKind::Unsupported.into(),
            error => error.into(),
        })
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.0)? {
            names
                .extend(entry?.file_name().to_str().ok().filter(|name| ![".", ".."].contains(name)).map(str::to_owned));
        }
        Ok(names)
    }

    /// Makes the directory entries durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(&self.0)?)
    }
}

pub(super) fn set_mode(handle: impl std::os::fd::AsFd, mode: u32) -> io::Result<()> {
    #[allow(clippy::useless_conversion, reason = "not the same type everywhere")]
    let mode = Mode::from_raw_mode(mode.try_into().unwrap_or(0o600));
    Ok(fs::fchmod(handle, mode)?)
}

/// Opens a regular file without following a symbolic link in the last component, and without blocking as on a
/// pipe.
fn open_regular(at: impl std::os::fd::AsFd, path: &Path, access: OFlags) -> io::Result<(File, u64, Facts)> {
    let flags = access | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = fs::openat(at, path, flags, Mode::empty()).map_err(|error| match error {
        // FreeBSD and other systems return these errors for a symbolic link.
        Errno::LOOP | Errno::MLINK => io::Error::other("it is a symbolic link"),
        error => error.into(),
    })?;
    let (kind, links, facts) = Facts::of(&file)?;
    if kind != FileType::RegularFile {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok((File::from(file), links, facts))
}

/// Opens the regular file at `path` for reading, if it belongs to the user `owner`.
pub(super) fn open_file_of(path: &Path, owner: u32) -> io::Result<File> {
    let (file, _, facts) = open_regular(CWD, path, OFlags::RDONLY)?;
    if facts.owner == owner {
        return Ok(file);
    }
    Err(io::Error::other(format!("it belongs to user {}, not to user {owner}", facts.owner)))
}

/// Whether this process may create files in the directory at `path`.
pub(super) fn may_write(path: &Path) -> bool {
    fs::accessat(CWD, path, fs::Access::WRITE_OK | fs::Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}
