//! The state folder: the data that the runs of an account share on this machine. Each account has a folder in
//! it, `budgets/HOST-HASH`.
//!
//! A state folder is *personal* (only its owner has access, files 0600) or *shared* by a group of users
//! (set-group-id, files 0660), as its owner and mode show. A user who can write to it can falsify the budget,
//! so owner and mode are checked when it is opened, and any other combination is refused. Every later
//! operation is relative to the directory that was checked, follows no symbolic link, and opens regular files
//! only. Modes are set explicitly, whatever the umask is.

#[cfg(not(unix))]
mod by_path;
mod choice;
#[cfg(unix)]
mod modes;
#[cfg(not(unix))]
mod no_modes;
#[cfg(unix)]
mod unix;

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use self::modes::{check_inner, scope, set_dir_mode, set_file_mode, share_own_file};
#[cfg(unix)]
use self::unix as system;
#[cfg(not(unix))]
use self::{by_path as system, no_modes as modes};

pub use self::choice::{StateChoice, StateFolders};
pub(crate) use self::system::own_user;
use self::system::{Dir, Facts, Use};
use super::platform::{create_folders_for_owner_only, sync_directory_of};
use crate::runtime::entropy::entropy;

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Other users may have changed its content, or its owner or mode is wrong.
    #[error("the state folder {} is refused: {why}", path.display())]
    Refused {
        /// The state folder, or the folder in it that was refused.
        path: PathBuf,
        /// The reason.
        why: Refusal,
    },
    /// An operation of the system failed.
    #[error("the state folder {} cannot be {doing}: {source}", path.display())]
    Io {
        /// The state folder, or the folder in it that the error is about.
        path: PathBuf,
        /// `opened`, `created` or `read`.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
}

/// A wrong owner or mode of a state folder, or of a folder in it. Users and groups are numeric ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Every user may write to the state folder.
    #[error("every user may write to it (mode {mode:04o})")]
    WorldWritable {
        /// Its mode.
        mode: u32,
    },
    /// The folder belongs to another user.
    #[error("it belongs to user {owner}, and this process is user {own}")]
    OtherOwner {
        /// The owner of the folder.
        owner: u32,
        /// The user of this process.
        own: u32,
    },
    /// A group may write to the state folder, but new files in it would not belong to the group.
    #[error("group {group} may write to it, and it is not set up to be shared (mode {mode:04o})")]
    NotSetUp {
        /// The group.
        group: u32,
        /// Its mode.
        mode: u32,
    },
    /// Other users may write to a folder in a personal state folder.
    #[error("others may write to it (mode {mode:04o})")]
    Others {
        /// Its mode.
        mode: u32,
    },
    /// A folder in a shared state folder does not belong to the group.
    #[error("it is not shared with group {group} as the folder above it is (group {its_group}, mode {mode:04o})")]
    NotShared {
        /// The group of the state folder.
        group: u32,
        /// The group of the folder.
        its_group: u32,
        /// The mode of the folder.
        mode: u32,
    },
}

/// The users whose runs share a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One user.
    Personal,
    /// All users in a group.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has groups with modes"))]
    Shared {
        /// The group id.
        group: u32,
    },
}

/// What is durable after a file was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    None,
    /// The content is synced before the file gets its name, so a power failure never leaves a name without
    /// its content.
    Content,
    /// The content and the name.
    Name,
}

/// Whether a live process has locked a file.
#[derive(Debug)]
pub(crate) enum Life {
    Locked,
    /// The file exists, and no process has locked it.
    Free,
    Missing,
    /// Unknown: the file cannot be opened, or is not a regular file.
    Unknown,
}

/// An open state folder.
#[derive(Debug)]
pub(crate) struct StateFolder {
    dir: Dir,
    path: PathBuf,
    scope: Scope,
}

impl StateFolder {
    /// Opens the state folder at `path`, or creates it for its owner only.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        if let Some(folder) = Self::open_existing(path)? {
            return Ok(folder);
        }
        create_folders_for_owner_only(path).and_then(|()| sync_directory_of(path)).map_err(failed(path, "created"))?;
        let missing = || failed(path, "created")(io::ErrorKind::NotFound.into());
        Self::open_existing(path)?.ok_or_else(missing)
    }

    /// Opens the state folder at `path`; `None` if it does not exist.
    pub(crate) fn open_existing(path: &Path) -> Result<Option<Self>, StateError> {
        let Some(dir) = found(Dir::open(path)).map_err(failed(path, "opened"))? else { return Ok(None) };
        let scope = scope(path, dir.facts().map_err(failed(path, "opened"))?)?;
        Ok(Some(Self { dir, path: path.to_owned(), scope }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// Opens the folder of the account `target`, or creates it.
    pub(crate) fn account(&self, target: &str) -> Result<AccountFolder, StateError> {
        let path = account_path(&self.path, target);
        let dir = create_or_open(&self.dir, BUDGETS, &self.path.join(BUDGETS), self.scope)?;
        let dir = create_or_open(&dir, &account_name(target), &path, self.scope)?;
        Ok(AccountFolder { dir, path, scope: self.scope })
    }

    /// Opens the folders of all accounts.
    pub(crate) fn accounts(&self) -> Result<Vec<AccountFolder>, StateError> {
        let budgets = self.path.join(BUDGETS);
        let Some(dir) = open_in(&self.dir, BUDGETS, &budgets, self.scope)? else { return Ok(Vec::new()) };
        let mut names = dir.names().map_err(failed(&budgets, "read"))?;
        names.sort_unstable();
        let mut accounts = Vec::new();
        for name in names {
            let path = budgets.join(&name);
            // A folder that is being created has another name, and may not be accessible yet.
            if name.ends_with(UNFINISHED) || !path.is_dir() {
                continue;
            }
            if let Some(dir) = open_in(&dir, &name, &path, self.scope)? {
                accounts.push(AccountFolder { dir, path, scope: self.scope });
            }
        }
        Ok(accounts)
    }

    /// Opens the folder of the account `target`; `None` if no run has created it.
    pub(crate) fn existing_account(&self, target: &str) -> Result<Option<AccountFolder>, StateError> {
        let (budgets, path) = (self.path.join(BUDGETS), account_path(&self.path, target));
        let Some(dir) = open_in(&self.dir, BUDGETS, &budgets, self.scope)? else { return Ok(None) };
        let dir = open_in(&dir, &account_name(target), &path, self.scope)?;
        Ok(dir.map(|dir| AccountFolder { dir, path, scope: self.scope }))
    }
}

const BUDGETS: &str = "budgets";

/// Returns the path for the folder of the account `target` in the state folder `state`, whether it exists or
/// not.
pub(crate) fn account_path(state: &Path, target: &str) -> PathBuf {
    state.join(BUDGETS).join(account_name(target))
}

/// The account's host, for readability, and a hash of its whole URL, for uniqueness.
fn account_name(target: &str) -> String {
    let host = url::Url::parse(target).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).take(60).collect();
    format!("{host}-{}", &blake3::hash(target.as_bytes()).to_hex()[..16])
}

/// The open folder of an account in a state folder.
#[derive(Debug)]
pub(crate) struct AccountFolder {
    dir: Dir,
    path: PathBuf,
    scope: Scope,
}

impl AccountFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file for reading.
    pub(crate) fn open_read(&self, name: &str) -> io::Result<File> {
        self.open_file(name, Use::Read)
    }

    /// Reads a file, up to the maximum size of an undamaged one.
    pub(crate) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        // An index has 20 or 52 bytes per row.
        const LONGEST_FILE: u64 = 4 << 30;
        let mut bytes = Vec::new();
        self.open_read(name)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Opens a file for reading and appending, or creates it.
    pub(crate) fn append(&self, name: &str) -> io::Result<File> {
        loop {
            match self.open_file(name, Use::Append) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => return result,
            }
            match self.create_exclusive(name) {
                // Another process created it first.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result,
            }
        }
    }

    /// Creates a file. Fails if the name exists.
    pub(crate) fn create_exclusive(&self, name: &str) -> io::Result<File> {
        if self.scope == Scope::Personal {
            return create_file(&self.dir, name, self.scope);
        }
        // The file gets its name after its mode, so that every group member who sees it can open it.
        let unfinished = unfinished(name);
        let file = create_file(&self.dir, &unfinished, self.scope)?;
        self.dir.rename_new(&unfinished, name).map(|()| file).or_else(|error| {
            self.dir.remove(&unfinished).ok();
            let unsupported = error.kind() == io::ErrorKind::Unsupported;
            if unsupported { create_file(&self.dir, name, self.scope) } else { Err(error) }
        })
    }

    /// Replaces a file atomically: after a crash it has the old content or the new one. A killed process may
    /// leave a temporary file, which [`remove_unfinished`](Self::remove_unfinished) removes.
    pub(crate) fn replace(&self, name: &str, content: &[u8], durability: Durability) -> io::Result<()> {
        self.replace_with(name, durability, |file| file.write_all(content))
    }

    /// Like [`replace`](Self::replace), with the content that `write` writes.
    pub(crate) fn replace_with(
        &self,
        name: &str,
        durability: Durability,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let unfinished = unfinished(name);
        let mut file = create_file(&self.dir, &unfinished, self.scope)?;
        let replaced = write(&mut file)
            .and_then(|()| if durability == Durability::None { Ok(()) } else { file.sync_data() })
            .and_then(|()| self.dir.rename(&unfinished, name));
        if let Err(error) = replaced {
            // Return the first error, not that of the cleanup.
            self.dir.remove(&unfinished).ok();
            return Err(error);
        }
        if durability == Durability::Name { self.sync() } else { Ok(()) }
    }

    /// Removes the temporary files of processes that were killed while they replaced `name`. The caller holds
    /// the lock under which it is replaced.
    pub(crate) fn remove_unfinished(&self, name: &str) -> io::Result<()> {
        let is_unfinished = |other: &&String| {
            other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(UNFINISHED))
        };
        self.names()?.iter().filter(is_unfinished).try_for_each(|name| self.remove(name))
    }

    /// Removes a file, if it exists.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        found(self.dir.remove(name)).map(drop)
    }

    /// Returns the names of all entries, in no order.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        self.dir.names()
    }

    /// Makes the directory entries durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.dir.sync()
    }

    /// Whether a live process has locked the file.
    pub(crate) fn life(&self, name: &str) -> Life {
        match self.open_read(name) {
            // The lock acquired here is released with the file.
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => Life::Free,
                Err(TryLockError::WouldBlock) => Life::Locked,
                Err(TryLockError::Error(_)) => Life::Unknown,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Life::Missing,
            Err(_) => Life::Unknown,
        }
    }

    fn open_file(&self, name: &str, how: Use) -> io::Result<File> {
        let (file, names, facts) = self.dir.open_file(name, how)?;
        // A group member could have linked another file of this user here, so that this process would write
        // to it.
        if how == Use::Append && self.scope != Scope::Personal && names > 1 {
            return Err(io::Error::other(format!("{name} is a hard link to a file elsewhere")));
        }
        share_own_file(&file, names, facts, self.scope)?;
        Ok(file)
    }
}

/// Opens a file that the user `owner` has listed as their own. It must be a regular file, not a symbolic
/// link, and belong to that user. The owner is checked on Unix only.
pub(crate) fn open_file_of(path: &Path, owner: u32) -> io::Result<File> {
    system::open_file_of(path, owner)
}

/// Whether this user shares the directory at `path` with a group and may write to it.
fn is_shared_with_us(path: &Path) -> bool {
    let shared = || Some(StateFolder::open_existing(path).ok()??.scope != Scope::Personal);
    system::may_write(path) && shared().unwrap_or(false)
}

fn failed(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { path: path.clone(), doing, source }
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

const UNFINISHED: &str = ".new";

/// Returns an unpredictable temporary name for the file `name`.
fn unfinished(name: &str) -> String {
    format!("{name}.{:016x}{UNFINISHED}", entropy())
}

fn open_in(parent: &Dir, name: &str, path: &Path, scope: Scope) -> Result<Option<Dir>, StateError> {
    let Some(dir) = found(parent.open_dir(name)).map_err(failed(path, "opened"))? else { return Ok(None) };
    check_inner(&dir, path, scope)?;
    Ok(Some(dir))
}

fn create_or_open(parent: &Dir, name: &str, path: &Path, scope: Scope) -> Result<Dir, StateError> {
    loop {
        if let Some(dir) = open_in(parent, name, path, scope)? {
            return Ok(dir);
        }
        match create_dir(parent, name, scope) {
            Ok(dir) => {
                check_inner(&dir, path, scope)?;
                parent.sync().map_err(failed(path, "created"))?;
                return Ok(dir);
            }
            // Another process created it first.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(path, "created")(error)),
        }
    }
}

fn create_dir(parent: &Dir, name: &str, scope: Scope) -> io::Result<Dir> {
    let create = |name: &str| {
        let dir = parent.create_dir(name)?;
        set_dir_mode(&dir, scope).map(|()| dir)
    };
    if scope == Scope::Personal {
        return create(name);
    }
    let unfinished = unfinished(name);
    let created = create(&unfinished).and_then(|dir| parent.rename_new(&unfinished, name).map(|()| dir));
    created.or_else(|error| {
        // Return the first error, not that of the cleanup.
        parent.remove_dir(&unfinished).ok();
        if error.kind() == io::ErrorKind::Unsupported { create(name) } else { Err(error) }
    })
}

fn create_file(dir: &Dir, name: &str, scope: Scope) -> io::Result<File> {
    let file = dir.create_file(name)?;
    set_file_mode(&file, scope).inspect_err(|_| drop(dir.remove(name)))?;
    Ok(file)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
