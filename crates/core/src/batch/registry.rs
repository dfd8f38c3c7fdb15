//! The registry: what the runs of an account know about each other's rows, as files in the account's folder:
//!
//! - `known.list`: the ledgers that posted to the account, one line of JSON each;
//! - `index-*`: an index of the keys that each ledger knows;
//! - `claim-*`: the claim of each run in progress, which the run keeps locked while it is alive;
//! - `known.lock`: locked while any of these is changed. The budget has a lock of its own, so that it does
//!   not wait while ledgers are read.

mod claims;
mod indexes;
mod ledgers;
mod list;
mod paths;

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

pub(super) use self::claims::OwnClaim;
use self::claims::{FoundClaim, claims};
use self::indexes::Indexes;
pub(super) use self::ledgers::Remembering;
pub use self::list::ListedLedger;
use self::list::{LIST, add, header_at, read_list, write_list};
pub(super) use self::list::{NamedLedger, listed, whole};
use super::registry_error::RegistryError;
use crate::job::Key;
use crate::known::{Claimed, KnownKeys, bring_up_to_date};
use crate::ledger::LedgerId;
use crate::runtime::files::LedgerFile;
use crate::runtime::platform::{is_locked, lock_through_signals};
use crate::runtime::state::AccountFolder;
use crate::storage::Storage;

const LOCK: &str = "known.lock";

/// The registry of an account, as used by one run.
#[derive(Debug)]
pub(super) struct FileRegistry {
    /// `None` if runs share nothing. Then only the ledgers found in folders are compared.
    account: Option<AccountFolder>,
    /// The API and the account.
    of: (String, String),
    own: PathBuf,
    own_id: LedgerId,
    own_claim: Option<String>,
    /// The ledgers that the run's own ledger was salvaged from. It contains their rows.
    salvaged_from: Vec<LedgerId>,
    /// Ledgers found in folders.
    found: Vec<PathBuf>,
    /// Whether indexes may be written.
    writes: bool,
    /// The ledgers that were read, with their sizes. A ledger only grows at its end.
    seen: HashMap<(PathBuf, LedgerId), u64>,
    /// The claims of dead runs that may have sent rows, as last seen.
    dead: Vec<Claimed<NamedLedger>>,
    /// Whether some ledger knows jobs by name and ticket only.
    pub(super) has_legacy: bool,
}

/// The lock of the registry. Dropping it releases the lock.
#[derive(Debug)]
pub(super) struct RegistryLock {
    _file: Option<File>,
}

impl FileRegistry {
    /// Creates the registry of the account with the folder `account`, for a run with the ledger `own`.
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

    /// Sets the ledgers that the run's own ledger was salvaged from.
    pub(super) fn salvaged_from(self, ledgers: &[LedgerId]) -> Self {
        Self { salvaged_from: ledgers.to_vec(), ..self }
    }

    /// Whether there is anything to compare with.
    pub(super) fn sees_any(&self) -> bool {
        self.account.is_some() || !self.found.is_empty()
    }

    /// The path of the list of the account's ledgers.
    fn list_path(&self) -> PathBuf {
        self.account.as_ref().map_or_else(|| self.own.clone(), |account| account.path().join(LIST))
    }

    /// Creates the registry of the account with the folder `account`, without a run.
    pub(super) fn of_account(account: AccountFolder) -> Self {
        Self::new(Some(account), (String::new(), String::new()), (Path::new(""), LedgerId(0)), &[], false)
    }

    /// Whether this is the path of the run's own ledger.
    pub(super) fn is_own(&self, path: &Path) -> bool {
        path == self.own
    }

    /// Whether this is the run's own ledger.
    pub(super) fn is_itself(&self, ledger: &NamedLedger) -> bool {
        ledger.path == self.own && ledger.id == Some(self.own_id)
    }

    /// Forgets which ledgers were read, so that all of them are read again.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }

    /// Returns what the ledger at `path` knows according to its index.
    pub(super) fn noted(&self, path: &Path, id: LedgerId) -> Option<KnownKeys> {
        self.indexes().of(path, id).map(|index| index.keys)
    }

    /// Removes a ledger from the list, with its index and the claims of its dead runs. Only under the lock.
    pub(super) fn forget_ledger(&self, ledger: &ListedLedger, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let mut claims = claims(account, None)?;
        claims.retain(|claim| claim.is_of(&ledger.path, ledger.id));
        if claims.iter().any(|claim| claim.alive) {
            return Err(RegistryError::Live(ledger.path.clone()));
        }
        let mut list = read_list(account)?;
        list.retain(|listed| !listed.is(&ledger.path, ledger.id));
        write_list(account, &list)?;
        let index = Indexes::name(&ledger.path, ledger.id);
        claims.into_iter().map(|claim| claim.name).chain([index]).try_for_each(|name| remove(account, &name))
    }

    /// Adds a ledger to the list. Only under the lock.
    pub(super) fn list_ledger(&self, ledger: ListedLedger, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let mut list = read_list(account)?;
        add(&mut list, ledger);
        write_list(account, &list)
    }

    /// The listed ledgers.
    pub(super) fn listed(&self) -> Result<Vec<ListedLedger>, RegistryError> {
        self.account.as_ref().map_or(Ok(Vec::new()), read_list)
    }

    /// Acquires the lock if it is free.
    pub(super) fn try_lock(&self) -> Result<Option<RegistryLock>, RegistryError> {
        let Some(account) = &self.account else { return Ok(Some(RegistryLock { _file: None })) };
        let file = account.append(LOCK).map_err(RegistryError::io(account, LOCK, "opened"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(RegistryLock { _file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(RegistryError::io(account, LOCK, "locked")(source)),
        }
    }

    /// Waits for the lock, without a time limit.
    pub(super) fn lock(&self) -> Result<RegistryLock, RegistryError> {
        let Some(account) = &self.account else { return Ok(RegistryLock { _file: None }) };
        let file = account.append(LOCK).map_err(RegistryError::io(account, LOCK, "opened"))?;
        lock_through_signals(&file).map_err(RegistryError::io(account, LOCK, "locked"))?;
        Ok(RegistryLock { _file: Some(file) })
    }

    /// Claims `keys`, and lists the run's own ledger and the others that were found. Durable on return. Only under the
    /// lock.
    pub(super) fn claim(&mut self, keys: &[Key], _: &RegistryLock) -> Result<Option<OwnClaim>, RegistryError> {
        let Some(account) = &self.account else { return Ok(None) };
        // From now on, a ledger that has no index and whose run has claimed rows can know only the claimed
        // rows.
        self.note_own()?;
        let id = self.own_id;
        let claim = OwnClaim::make(account, &self.own, id, keys)?;
        // The list is written after the claim, so that a run that is killed in between leaves no entry for a
        // ledger that was never created.
        let mut list = read_list(account)?;
        for path in &self.found {
            if let Ok(id) = header_at(path)
                && self.seen.contains_key(&(path.clone(), id))
            {
                let ended_bytes =
                    self.indexes().of(path, id).filter(|_| !is_locked(path)).map(|index| index.extent.good_bytes);
                add(&mut list, ListedLedger { ended_bytes, ..listed(id, &self.of.1, path) });
            }
        }
        add(&mut list, listed(id, &self.of.1, &self.own));
        write_list(account, &list)?;
        self.own_claim = Some(claim.name.clone());
        Ok(Some(claim))
    }

    /// Returns the keys that dead runs of this ledger may have sent.
    pub(super) fn claimed_by_dead_runs(&self, ledger: &NamedLedger) -> KnownKeys {
        let dead = self.dead.iter().filter(|claim| claim.ledger == *ledger);
        KnownKeys::claimed(dead.flat_map(|claim| claim.keys.iter().map(|key| (*key, claim.until_s))))
    }

    /// The indexes of the account's ledgers.
    fn indexes(&self) -> Indexes<'_> {
        Indexes(self.account.as_ref())
    }

    /// Updates the index of the run's own ledger.
    pub(super) fn note_own(&self) -> Result<(), RegistryError> {
        self.note(&self.own, self.own_id)
    }

    /// Updates the index of the ledger `id` at `path`, if it exists.
    pub(super) fn note(&self, path: &Path, id: LedgerId) -> Result<(), RegistryError> {
        if header_at(path).ok() != Some(id) {
            return Ok(());
        }
        let failed = |source| RegistryError::Io { path: path.to_owned(), doing: "read", source };
        let file = LedgerFile::open_to_read(path).map_err(failed)?;
        let index = self.indexes().of(path, id);
        // If the index does not fit, an older copy has replaced the ledger: see `FileRegistry::read_whole`.
        if index.as_ref().is_some_and(|index| index.covers(&file) || !index.fits(&file).unwrap_or(true)) {
            return Ok(());
        }
        let index = bring_up_to_date(&file, index).map_err(|error| failed(io::Error::other(error)))?;
        self.indexes().write(path, &index).map_err(failed)
    }

    /// Releases the run's claim, whose outcomes must all be durable, and updates the ledger's index. Only under the
    /// lock.
    pub(super) fn release(&self, claim: &OwnClaim, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let size = match self.index_own() {
            Ok(size) => size,
            // The claim stays. Its rows are known as those of a dead run, whatever happens to the ledger.
            Err(error) => {
                tracing::warn!(%error, ledger = %self.own.display(), "the index of the ledger could not be written");
                return Ok(());
            }
        };
        let mut list = read_list(account)?;
        // It may have been forgotten meanwhile.
        add(&mut list, listed(self.own_id, &self.of.1, &self.own));
        if let Some(own) = list.iter_mut().find(|listed| listed.is(&self.own, self.own_id)) {
            own.ended_bytes = Some(size);
        }
        write_list(account, &list)?;
        // Earlier dead runs of this ledger claimed only rows that it knows now.
        let dead = claims(account, None)?.into_iter().filter(|dead| !dead.alive && dead.is_of(&self.own, self.own_id));
        dead.map(|dead| dead.name).chain([claim.name.clone()]).try_for_each(|name| remove(account, &name))
    }

    /// Updates the index of the run's own ledger, even if an older copy has replaced it. Returns the ledger's size.
    fn index_own(&self) -> io::Result<u64> {
        let file = LedgerFile::open_to_read(&self.own)?;
        let before = self.indexes().of(&self.own, self.own_id);
        let fits = before.as_ref().is_none_or(|index| index.fits(&file).unwrap_or(true));
        let mut index = bring_up_to_date(&file, before).map_err(io::Error::other)?;
        if !fits {
            let own = NamedLedger { path: self.own.clone(), id: Some(self.own_id) };
            index = index.of_restored_ledger(self.claimed_by_dead_runs(&own));
        }
        if index.extent.id != self.own_id {
            return Err(io::Error::other("another ledger is in its place"));
        }
        self.indexes().write(&self.own, &index)?;
        file.size()
    }

    /// Removes the claims of dead runs if everything they may have sent is in an index, or if they died before they
    /// could send. In the second case, a ledger that was never created is removed from the list too.
    pub(super) fn remove_dead_claims(&self, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let claims = claims(account, None)?;
        let mut list = read_list(account)?;
        let listed = list.len();
        let mut removable = Vec::new();
        for FoundClaim { name, owner, is_begun, .. } in claims.iter().filter(|claim| !claim.alive) {
            let is_there = header_at(&owner.ledger).is_ok_and(|id| id == owner.id);
            if !is_begun || self.indexes().cover(&owner.ledger, owner.id) {
                removable.push(name);
            }
            let may_have_sent = || claims.iter().any(|claim| claim.is_begun && claim.is_of(&owner.ledger, owner.id));
            if !is_there && !may_have_sent() {
                list.retain(|listed| {
                    !listed.is(&owner.ledger, owner.id)
                        || listed.ended_bytes.is_some()
                        || self.indexes().of(&listed.path, listed.id).is_some()
                });
            }
        }
        if list.len() < listed {
            write_list(account, &list)?;
        }
        removable.into_iter().try_for_each(|name| remove(account, name))
    }
}

fn remove(account: &AccountFolder, name: &str) -> Result<(), RegistryError> {
    account.remove(name).map_err(RegistryError::io(account, name, "removed"))
}

#[cfg(test)]
mod tests;
