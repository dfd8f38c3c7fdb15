//! What the runs of an account know of each other's rows, in the account's folder: the list of ledgers that posted to it
//! (`known.list`, a line of JSON each), an index of what each knows (`index-*`), and the claim of each run under way
//! (`claim-*`), which that run keeps locked while it lives. `known.lock` is held while any of it is changed; it is not
//! the budget's, whose holders must not wait for ledgers that are read.

mod claims;
mod indexes;
mod ledgers;
mod list;
mod paths;

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub(super) use self::claims::OwnClaim;
use self::claims::{FoundClaim, claims};
use self::indexes::index_name;
pub(super) use self::ledgers::{NamedLedger, Remembering};
pub use self::list::ListedLedger;
use self::list::{LIST, add, header_at, read_list, write_list};
pub(super) use self::list::{listed, whole};
use super::files::LedgerFile;
use super::platform::is_locked;
use super::state::{AccountFolder, StateError};
use crate::job::Key;
use crate::known::{Claimed, KnownKeys, bring_up_to_date};
use crate::ledger::LedgerId;
use crate::storage::Storage;

/// No file of the account is longer, unless it is damaged: an index has 20 bytes a row, or 52.
const LONGEST_FILE: u64 = 4 << 30;

/// Why it cannot be told which rows other runs know or send.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file in the account's folder cannot be used.
    #[error("the account's list of ledgers and claims: {} cannot be {doing}: {source}", path.display())]
    Io {
        /// The file, or the folder.
        path: PathBuf,
        /// What failed.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The list of ledgers has a line that is none of ours.
    #[error("the account's list of ledgers, {}, is damaged at line {line}: {why}; remove that line", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A ledger is to be forgotten that a run is posting by.
    #[error("a run is posting with the ledger {}; forget it when that run has ended", .0.display())]
    Live(PathBuf),
    /// A claim of another run cannot be understood.
    #[error("another run's claim, {}, cannot be read ({why}); run this again when that run has ended; if none is under way for the \
         account, remove the file", path.display())]
    Claim {
        /// The claim.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

const LOCK: &str = "known.lock";

/// The account's list of ledgers and claims, as one run uses it.
#[derive(Debug)]
pub(super) struct FileRegistry {
    /// None where runs share nothing: then only the ledgers that were found are looked at.
    account: Option<AccountFolder>,
    /// The API and the account.
    of: (String, String),
    own: PathBuf,
    own_id: LedgerId,
    own_claim: Option<String>,
    /// The ledgers that the run's own was salvaged from: it says of their rows what they would.
    salvaged_from: Vec<LedgerId>,
    /// Ledgers that were found in a folder.
    found: Vec<PathBuf>,
    /// Whether indexes may be written.
    writes: bool,
    /// The ledgers that were read, and the bytes that they had: more of them can only have been added at the end.
    seen: HashMap<(PathBuf, LedgerId), u64>,
    /// The claims of runs that died and may have sent, as they were last looked at.
    dead: Vec<Claimed<NamedLedger>>,
    /// Some ledger knows jobs by their name and ticket only.
    pub(super) has_legacy: bool,
}

/// The registry's lock, held until it is dropped.
#[derive(Debug)]
pub(super) struct RegistryLock {
    _file: Option<File>,
}

impl FileRegistry {
    /// That of the account whose folder is `account`, as the run by the ledger `own` sees it.
    pub(super) fn new(
        account: Option<AccountFolder>,
        of: (String, String),
        (own, own_id): (&Path, LedgerId),
        found: &[PathBuf],
        writes: bool,
    ) -> Self {
        let found = found.iter().map(|path| whole(path)).collect();
        Self {
            account,
            of,
            own: whole(own),
            own_id,
            own_claim: None,
            salvaged_from: Vec::new(),
            found,
            writes,
            seen: HashMap::new(),
            dead: Vec::new(),
            has_legacy: false,
        }
    }

    /// The same of a ledger that was salvaged from others.
    pub(super) fn salvaged_from(self, ledgers: &[LedgerId]) -> Self {
        Self { salvaged_from: ledgers.to_vec(), ..self }
    }

    /// Whether there is anything to look at.
    pub(super) fn sees_any(&self) -> bool {
        self.account.is_some() || !self.found.is_empty()
    }

    /// Where the account's ledgers are listed.
    fn list_path(&self) -> PathBuf {
        self.account.as_ref().map_or_else(|| self.own.clone(), |account| account.path().join(LIST))
    }

    /// That of the account whose folder is `account`, as nobody's run sees it.
    pub(super) fn of_account(account: AccountFolder) -> Self {
        Self::new(Some(account), (String::new(), String::new()), (Path::new(""), LedgerId(0)), &[], false)
    }

    /// Whether it is the run's own ledger that is at this path.
    pub(super) fn is_own(&self, path: &Path) -> bool {
        path == self.own
    }

    /// Whether it is the run's own ledger.
    pub(super) fn is_itself(&self, ledger: &NamedLedger) -> bool {
        ledger.path == self.own && ledger.id == Some(self.own_id)
    }

    /// Forgets which ledgers were read: all are looked at again.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }

    /// What the ledger at `path` knows, as far as it is noted.
    pub(super) fn noted(&self, path: &Path, id: LedgerId) -> Option<KnownKeys> {
        self.index(path, id).map(|index| index.keys)
    }

    /// Takes a ledger from the list, with what is noted of it and what runs that died had claimed. Only under the lock.
    pub(super) fn forget_ledger(&self, ledger: &ListedLedger, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let of_it = |claim: &FoundClaim| claim.is_of(&ledger.path, ledger.id);
        if claims(account, None)?.iter().any(|claim| claim.alive && of_it(claim)) {
            return Err(RegistryError::Live(ledger.path.clone()));
        }
        let mut list = read_list(account)?;
        list.retain(|listed| !listed.is(&ledger.path, ledger.id));
        write_list(account, &list)?;
        let dead =
            claims(account, None)?.into_iter().filter(|claim| !claim.alive && claim.is_of(&ledger.path, ledger.id));
        for name in dead.map(|claim| claim.name).chain([index_name(&ledger.path, ledger.id)]) {
            account.remove(&name).map_err(failed(account, &name, "removed"))?;
        }
        Ok(())
    }

    /// Lists a ledger. Only under the lock.
    pub(super) fn list_ledger(&self, ledger: ListedLedger, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let mut list = read_list(account)?;
        add(&mut list, ledger);
        write_list(account, &list)
    }

    /// The ledgers that are listed.
    pub(super) fn listed(&self) -> Result<Vec<ListedLedger>, RegistryError> {
        self.account.as_ref().map_or(Ok(Vec::new()), read_list)
    }

    /// Takes the lock, if nobody has it.
    pub(super) fn try_lock(&self) -> Result<Option<RegistryLock>, RegistryError> {
        let Some(account) = &self.account else { return Ok(Some(RegistryLock { _file: None })) };
        let file = account.lock_file(LOCK).map_err(failed(account, LOCK, "opened"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(RegistryLock { _file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(account, LOCK, "locked")(source)),
        }
    }

    /// Takes the lock, however long others have it.
    pub(super) fn lock(&self) -> Result<RegistryLock, RegistryError> {
        let Some(account) = &self.account else { return Ok(RegistryLock { _file: None }) };
        let file = account.lock_file(LOCK).map_err(failed(account, LOCK, "opened"))?;
        loop {
            match file.lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    result.map_err(failed(account, LOCK, "locked"))?;
                    return Ok(RegistryLock { _file: Some(file) });
                }
            }
        }
    }

    /// Claims `keys`, and lists the run's own ledger and the others that were found. Durable on return. Only under the lock.
    pub(super) fn claim(&mut self, keys: &[Key], _: &RegistryLock) -> Result<Option<OwnClaim>, RegistryError> {
        let Some(account) = &self.account else { return Ok(None) };
        // A ledger without an index, of a run that has claimed rows, can then only know these.
        self.note_own()?;
        let id = self.own_id;
        let claim = OwnClaim::make(account, &self.own, id, keys)?;
        // After the claim: a run that is killed in between leaves no entry for a ledger that was never begun.
        let mut list = read_list(account)?;
        for path in &self.found {
            if let Ok(id) = header_at(path)
                && self.seen.contains_key(&(path.clone(), id))
            {
                let ended_bytes =
                    self.index(path, id).filter(|_| !is_locked(path)).map(|index| index.extent.good_bytes);
                add(&mut list, ListedLedger { ended_bytes, ..listed(id, &self.of.1, path) });
            }
        }
        add(&mut list, listed(id, &self.of.1, &self.own));
        write_list(account, &list)?;
        self.own_claim = Some(claim.name.clone());
        Ok(Some(claim))
    }

    /// Notes what the run's own ledger knows.
    pub(super) fn note_own(&self) -> Result<(), RegistryError> {
        self.note(&self.own, self.own_id)
    }

    /// Notes what the ledger `id` at `path` knows, where it is there.
    pub(super) fn note(&self, path: &Path, id: LedgerId) -> Result<(), RegistryError> {
        if header_at(path).ok() != Some(id) {
            return Ok(());
        }
        let failed = |source| RegistryError::Io { path: path.to_owned(), doing: "read", source };
        let file = LedgerFile::open_to_read(path).map_err(failed)?;
        let index = self.index(path, id);
        // An older copy of the ledger is in its place where it does not fit: see `FileRegistry::read`.
        if index.as_ref().is_some_and(|index| index.covers(&file) || !index.fits(&file).unwrap_or(true)) {
            return Ok(());
        }
        let index = bring_up_to_date(&file, index).map_err(|error| failed(io::Error::other(error)))?;
        self.write_index(path, &index).map_err(failed)
    }

    /// Drops the claim of the run, whose outcomes are all durable, and notes what its ledger knows. Only under the lock.
    pub(super) fn release(&self, claim: &OwnClaim, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let ledger = LedgerFile::open_to_read(&self.own).and_then(|file| {
            let before = self.index(&self.own, self.own_id);
            let fits = before.as_ref().is_none_or(|index| index.fits(&file).unwrap_or(true));
            let mut index = bring_up_to_date(&file, before).map_err(io::Error::other)?;
            if !fits {
                let own = NamedLedger { path: self.own.clone(), id: Some(self.own_id) };
                index = index.of_one_taken_back(self.claimed_by_dead_runs(&own));
            }
            if index.extent.id != self.own_id {
                return Err(io::Error::other("another ledger is there in its place"));
            }
            Ok((index, file.size()?))
        });
        match ledger {
            Ok((index, size)) => {
                let is_noted = self.write_index(&self.own, &index).is_ok();
                let mut list = read_list(account)?;
                // It may have been forgotten meanwhile.
                add(&mut list, listed(self.own_id, &self.of.1, &self.own));
                if let Some(own) = list.iter_mut().find(|listed| listed.is(&self.own, self.own_id)) {
                    own.ended_bytes = Some(size);
                }
                write_list(account, &list)?;
                // Earlier runs of this ledger that died claimed no more than it knows now.
                let dead = claims(account, None)?
                    .into_iter()
                    .filter(|claim| !claim.alive && claim.is_of(&self.own, self.own_id));
                for FoundClaim { name, .. } in dead.filter(|_| is_noted) {
                    account.remove(&name).map_err(failed(account, &name, "removed"))?;
                }
            }
            // Its claim stays: the rows in it are known as those of a run that died, whatever became of the ledger.
            Err(error) => {
                tracing::warn!(%error, ledger = %self.own.display(), "the index of the ledger could not be written");
                return Ok(());
            }
        }
        account.remove(&claim.name).map_err(failed(account, &claim.name, "removed"))
    }

    /// Removes the claims of runs that died, where all they may have sent is noted in an index, or where they died before they
    /// could send: then the ledger that they would have begun is not listed any more either.
    pub(super) fn remove_dead_claims(&self, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let claims = claims(account, None)?;
        let mut list = read_list(account)?;
        let listed = list.len();
        let mut removable = Vec::new();
        for FoundClaim { name, owner, is_begun, .. } in claims.iter().filter(|claim| !claim.alive) {
            let is_there = header_at(&owner.ledger).is_ok_and(|id| id == owner.id);
            if !is_begun || self.is_noted(&owner.ledger, owner.id) {
                removable.push(name);
            }
            let may_have_sent = || claims.iter().any(|claim| claim.is_begun && claim.is_of(&owner.ledger, owner.id));
            if !is_there && !may_have_sent() {
                list.retain(|listed| {
                    !listed.is(&owner.ledger, owner.id)
                        || listed.ended_bytes.is_some()
                        || self.index(&listed.path, listed.id).is_some()
                });
            }
        }
        if list.len() < listed {
            write_list(account, &list)?;
        }
        removable.into_iter().try_for_each(|name| account.remove(name).map_err(failed(account, name, "removed")))
    }
}

pub(super) fn read_file(account: &AccountFolder, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    account.open_read(name)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn failed(
    account: &AccountFolder,
    name: &str,
    doing: &'static str,
) -> impl Fn(io::Error) -> RegistryError + use<> {
    let path = account.path().join(name);
    move |source| RegistryError::Io { path: path.clone(), doing, source }
}

#[cfg(test)]
mod tests;
