//! A directory by its path, for systems without operations relative to an open directory.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Dir(PathBuf);

/// Owners and modes are unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Append,
}

pub(crate) fn own_user() -> u32 {
    0
}

impl Dir {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() { Ok(Self(path.to_owned())) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    pub(super) fn open_dir(&self, name: &str) -> io::Result<Self> {
        Self::open(&self.0.join(name))
    }

    pub(super) fn create_dir(&self, name: &str) -> io::Result<Self> {
        fs::create_dir(self.0.join(name))?;
        self.open_dir(name)
    }

    pub(super) fn remove_dir(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    pub(super) fn facts(&self) -> io::Result<Facts> {
        Ok(Facts)
    }

    pub(super) fn open_file(&self, name: &str, how: Use) -> io::Result<(File, u64, Facts)> {
        let path = self.0.join(name);
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok((OpenOptions::new().read(true).append(how == Use::Append).open(path)?, 1, Facts))
    }

    pub(super) fn create_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create_new(true).open(self.0.join(name))
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    pub(super) fn rename_new(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.0)?
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    /// Windows has no handle on a directory to sync; NTFS journals its entries.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn open_file_of(path: &Path, _: u32) -> io::Result<File> {
    if fs::symlink_metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("it is not a regular file"))
    }
}

pub(super) fn may_write(path: &Path) -> bool {
    path.is_dir()
}
