//! The state folder: what the runs of an account keep together on this machine. In it each account has a folder of its
//! own, `budgets/HOST-HASH`.
//!
//! A folder is *personal* (its owner's alone, files 0600) or *shared* by a group of users (set-group-id, files 0660); its
//! own owner and mode say which. A user who can write there can falsify the budget, so both are checked when it is
//! opened, and anything in between is refused. Every later operation is relative to the directory that was checked,
//! follows no symbolic link, and opens regular files only. Modes are set explicitly, whatever the umask is.

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
    /// Others may have written what is in it, or it is not kept as a state folder is.
    #[error("the state folder {} is refused: {why}", path.display())]
    Refused {
        /// The folder, or the one in it that is at fault.
        path: PathBuf,
        /// What is wrong with it.
        why: Refusal,
    },
    /// The system refuses.
    #[error("the state folder {} cannot be {doing}: {source}", path.display())]
    Io {
        /// The folder, or the one in it that is at fault.
        path: PathBuf,
        /// `opened`, `created` or `read`.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// What is wrong with the owner or the mode of a state folder, or of a folder in it. Users and groups by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Every user may write to the state folder.
    #[error("every user may write to it (mode {mode:04o})")]
    Everybodys {
        /// Its mode.
        mode: u32,
    },
    /// It is another user's.
    #[error("it belongs to user {owner}, and this process is user {own}")]
    AnotherUsers {
        /// Its owner.
        owner: u32,
        /// This process's user.
        own: u32,
    },
    /// A group may write to the state folder, and new files in it would not be the group's.
    #[error("group {group} may write to it, and it is not set up to be shared (mode {mode:04o})")]
    NotSetUp {
        /// The group.
        group: u32,
        /// Its mode.
        mode: u32,
    },
    /// Others may write to a folder in one user's state folder.
    #[error("others may write to it (mode {mode:04o})")]
    Others {
        /// Its mode.
        mode: u32,
    },
    /// A folder in a group's state folder is not the group's.
    #[error("it is not shared with group {group} as the folder above it is (group {its_group}, mode {mode:04o})")]
    NotShared {
        /// The state folder's group.
        group: u32,
        /// The folder's own.
        its_group: u32,
        /// The folder's mode.
        mode: u32,
    },
}

/// Whose runs keep their state in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One user's.
    Personal,
    /// Those of every user in a group.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has groups with modes"))]
    Shared {
        /// The group's number.
        group: u32,
    },
}

/// How a new content of a file is made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    None,
    /// The content before it gets the name: no loss of power leaves a name without its content.
    Content,
    /// The name too.
    Name,
}

/// Whether a live process has a file locked.
#[derive(Debug)]
pub(crate) enum Life {
    Locked,
    /// It is there, and no process has it locked.
    Free,
    Missing,
    /// It may not be opened, or is not a regular file: nothing can be told.
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
    /// Opens the state folder at `path`; creates it, for its owner only, where it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        if let Some(folder) = Self::open_existing(path)? {
            return Ok(folder);
        }
        create_folders_for_owner_only(path).and_then(|()| sync_directory_of(path)).map_err(failed(path, "created"))?;
        let missing = || failed(path, "created")(io::ErrorKind::NotFound.into());
        Self::open_existing(path)?.ok_or_else(missing)
    }

    /// Opens the state folder at `path`; none where there is nothing of that name.
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

    /// The folder of the account `target` in it, created where it is missing.
    pub(crate) fn account(&self, target: &str) -> Result<AccountFolder, StateError> {
        let budgets = self.path.join(BUDGETS);
        let dir = create_or_open(&self.dir, BUDGETS, &budgets, self.scope)?;
        let name = account_name(target);
        let path = budgets.join(&name);
        let dir = create_or_open(&dir, &name, &path, self.scope)?;
        Ok(AccountFolder { dir, path, scope: self.scope })
    }

    /// The folders of all accounts in it.
    pub(crate) fn accounts(&self) -> Result<Vec<AccountFolder>, StateError> {
        let budgets = self.path.join(BUDGETS);
        let Some(dir) = open_in(&self.dir, BUDGETS, &budgets, self.scope)? else { return Ok(Vec::new()) };
        let mut names = dir.names().map_err(failed(&budgets, "read"))?;
        names.sort_unstable();
        let mut accounts = Vec::new();
        for name in names {
            let path = budgets.join(&name);
            // One that is being created has another name, and may be nobody else's yet.
            if name.ends_with(UNFINISHED) || !path.is_dir() {
                continue;
            }
            if let Some(dir) = open_in(&dir, &name, &path, self.scope)? {
                accounts.push(AccountFolder { dir, path, scope: self.scope });
            }
        }
        Ok(accounts)
    }

    /// The folder of the account `target` in it; none where no run has created it.
    pub(crate) fn existing_account(&self, target: &str) -> Result<Option<AccountFolder>, StateError> {
        let budgets = self.path.join(BUDGETS);
        let Some(dir) = open_in(&self.dir, BUDGETS, &budgets, self.scope)? else { return Ok(None) };
        let name = account_name(target);
        let path = budgets.join(&name);
        let dir = open_in(&dir, &name, &path, self.scope)?;
        Ok(dir.map(|dir| AccountFolder { dir, path, scope: self.scope }))
    }
}

const BUDGETS: &str = "budgets";

/// Where the folder of the account `target` is under the state folder `state`, whether it exists or not.
pub(crate) fn account_path(state: &Path, target: &str) -> PathBuf {
    state.join(BUDGETS).join(account_name(target))
}

/// The account's host, for people, and a hash of its whole URL, for certain.
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

    /// Opens a file to read.
    pub(crate) fn open_read(&self, name: &str) -> io::Result<File> {
        self.open_file(name, Use::Read)
    }

    /// The content of a file, as far as an undamaged one is long.
    pub(crate) fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        // An index has 20 or 52 bytes a row.
        const LONGEST_FILE: u64 = 4 << 30;
        let mut bytes = Vec::new();
        self.open_read(name)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Opens a file to read, and to add to its end; creates it where it is missing.
    pub(crate) fn append(&self, name: &str) -> io::Result<File> {
        loop {
            match self.open_file(name, Use::Append) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => return result,
            }
            match self.create_exclusive(name) {
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                result => return result,
            }
        }
    }

    /// A file to be locked, created where it is missing.
    pub(crate) fn lock_file(&self, name: &str) -> io::Result<File> {
        self.append(name)
    }

    /// Creates a file; fails where there is anything of that name.
    pub(crate) fn create_exclusive(&self, name: &str) -> io::Result<File> {
        if self.scope == Scope::Personal {
            return create_file(&self.dir, name, self.scope);
        }
        // The file gets its name once it has its mode, so that every member who finds it can open it.
        let unfinished = unfinished(name);
        let file = create_file(&self.dir, &unfinished, self.scope)?;
        match self.dir.rename_new(&unfinished, name) {
            Ok(()) => Ok(file),
            Err(error) => {
                self.dir.remove(&unfinished)?;
                if error.kind() == io::ErrorKind::Unsupported {
                    create_file(&self.dir, name, self.scope)
                } else {
                    Err(error)
                }
            }
        }
    }

    /// Replaces the content of a file as a whole: a process that is killed leaves the old content or the new one. It may
    /// leave a file of another name too, which [`remove_unfinished`](Self::remove_unfinished) removes.
    pub(crate) fn replace(&self, name: &str, content: &[u8], durability: Durability) -> io::Result<()> {
        self.replace_with(name, durability, |file| file.write_all(content))
    }

    /// The same with what `write` writes.
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
            // What went wrong first is what is to be told.
            self.dir.remove(&unfinished).ok();
            return Err(error);
        }
        if durability == Durability::Name { self.sync() } else { Ok(()) }
    }

    /// Removes what processes that were killed while they replaced `name` have left. The caller holds the lock under
    /// which it is replaced.
    pub(crate) fn remove_unfinished(&self, name: &str) -> io::Result<()> {
        let is_unfinished = |other: &&String| {
            other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(UNFINISHED))
        };
        self.names()?.iter().filter(is_unfinished).try_for_each(|name| self.remove(name))
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        found(self.dir.remove(name)).map(drop)
    }

    /// The names of all that is in it, in no order.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        self.dir.names()
    }

    /// Makes the names in it durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.dir.sync()
    }

    /// Whether a live process has the file locked.
    pub(crate) fn life(&self, name: &str) -> Life {
        match self.open_read(name) {
            // The lock that is had here ends with the file.
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
        // A member of the group could have given a file of ours from elsewhere a name here, for us to write to.
        if how == Use::Append && self.scope != Scope::Personal && names > 1 {
            return Err(io::Error::other(format!("{name} is a hard link to a file elsewhere")));
        }
        share_own_file(&file, names, facts, self.scope)?;
        Ok(file)
    }
}

/// Opens a file that another user `owner` listed as their own: a regular file, not by a symbolic link, that belongs to
/// that user. Elsewhere than on Unix owners are not told apart.
pub(crate) fn open_file_of(path: &Path, owner: u32) -> io::Result<File> {
    system::open_file_of(path, owner)
}

/// Whether the directory at `path` is one that this user shares with a group, and may write to.
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

/// A name that nobody can foresee, for what is to be called `name`.
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
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(path, "created")(error)),
        }
    }
}

fn create_dir(parent: &Dir, name: &str, scope: Scope) -> io::Result<Dir> {
    if scope == Scope::Personal {
        let dir = parent.create_dir(name)?;
        set_dir_mode(&dir, scope)?;
        return Ok(dir);
    }
    let unfinished = unfinished(name);
    let dir = parent.create_dir(&unfinished)?;
    match set_dir_mode(&dir, scope).and_then(|()| parent.rename_new(&unfinished, name)) {
        Ok(()) => Ok(dir),
        Err(error) => {
            parent.remove_dir(&unfinished)?;
            if error.kind() != io::ErrorKind::Unsupported {
                return Err(error);
            }
            let dir = parent.create_dir(name)?;
            set_dir_mode(&dir, scope)?;
            Ok(dir)
        }
    }
}

fn create_file(dir: &Dir, name: &str, scope: Scope) -> io::Result<File> {
    let file = dir.create_file(name)?;
    match set_file_mode(&file, scope) {
        Ok(()) => Ok(file),
        Err(error) => {
            dir.remove(name)?;
            Err(error)
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
