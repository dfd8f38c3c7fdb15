//! What the runs of an account know of each other's rows, in the account's folder: the list of ledgers that posted to it
//! (`known.list`, a line of JSON each), an index of what each knows (`index-*`), and the claim of each run under way
//! (`claim-*`), which that run keeps locked while it lives. `known.lock` is held while any of it is changed; it is not
//! the budget's, whose holders must not wait for ledgers that are read.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::claims::{FoundClaim, OwnClaim, claims};
use super::clock::wall;
use super::files::LedgerFile;
use super::platform::is_locked;
use super::state::{AccountFolder, Durability, StateError, open_file_of, own_user};
use crate::job::Key;
use crate::known::{Claimed, Index, KnownKeys, Registry, Unreadable, bring_up_to_date};
use crate::ledger::{self, LedgerError, LedgerId};
use crate::storage::Storage;

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
    /// A claim of another run cannot be understood.
    #[error("another run's claim, {}, cannot be read ({why}); if no run is under way for the account, remove it", path.display())]
    Claim {
        /// The claim.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// A ledger that posted to the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedLedger {
    /// Its id.
    #[serde(rename = "ledger")]
    pub id: LedgerId,
    /// The account that it posted to.
    pub account: String,
    /// Where it was, as a whole path.
    pub path: PathBuf,
    /// The user whose it is; only Unix tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// When it was listed.
    pub added: Timestamp,
    /// How many bytes it had when a run last ended in good order; none where none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_bytes: Option<u64>,
}

const LIST: &str = "known.list";
const LOCK: &str = "known.lock";

/// No file of the account is longer, unless it is damaged: an index has 20 bytes a row, or 52.
const LONGEST_FILE: u64 = 4 << 30;

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
    /// Ledgers that were found in a folder.
    found: Vec<PathBuf>,
    /// Whether indexes may be written.
    writes: bool,
    /// The ledgers that were read, and the bytes that they had: more of them can only have been added at the end.
    seen: HashMap<PathBuf, u64>,
    /// Some ledger knows jobs by their name and ticket only.
    pub(super) has_legacy: bool,
}

/// A ledger as it is compared: where one was removed, another may have been begun in its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NamedLedger {
    pub(super) path: PathBuf,
    /// None where it was not listed.
    id: Option<LedgerId>,
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
            found,
            writes,
            seen: HashMap::new(),
            has_legacy: false,
        }
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
        let mut list = read_list(account)?;
        list.retain(|listed| listed.id != ledger.id || listed.path != ledger.path);
        write_list(account, &list)?;
        let dead = claims(account)?.into_iter().filter(|claim| !claim.alive && claim.is_of(&ledger.path, ledger.id));
        for name in dead.map(|claim| claim.name).chain([index_name(&ledger.path, ledger.id)]) {
            account.remove(&name).map_err(failed(account, &name, "removed"))?;
        }
        Ok(())
    }

    /// Lists a ledger. Only under the lock.
    pub(super) fn list_ledger(&self, ledger: ListedLedger, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let mut list = read_list(account)?;
        if !list.iter().any(|listed| listed.id == ledger.id && listed.path == ledger.path) {
            list.push(ledger);
        }
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
        let id = self.own_id;
        let claim = OwnClaim::make(account, &self.own, id, keys)?;
        // After the claim: a run that is killed in between leaves no entry for a ledger that was never begun.
        let mut list = read_list(account)?;
        for path in self.found.iter().filter(|path| self.seen.contains_key(*path)) {
            if let Ok(header) = header_at(path)
                && !list.iter().any(|listed| listed.id == header && listed.path == *path)
            {
                let ended_bytes = (!is_locked(path)).then(|| self.seen[path]);
                list.push(ListedLedger { ended_bytes, ..listed(header, &self.of.1, path) });
            }
        }
        if !list.iter().any(|listed| listed.id == id && listed.path == self.own) {
            list.push(listed(id, &self.of.1, &self.own));
        }
        write_list(account, &list)?;
        self.own_claim = Some(claim.name.clone());
        Ok(Some(claim))
    }

    /// Drops the claim of the run, whose outcomes are all durable, and notes what its ledger knows. Only under the lock.
    pub(super) fn release(&self, claim: &OwnClaim, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let ledger = LedgerFile::open_to_read(&self.own).and_then(|file| {
            let index = bring_up_to_date(&file, self.index(&self.own, self.own_id)).map_err(io::Error::other)?;
            Ok((index, file.size()?))
        });
        match ledger {
            Ok((index, size)) => {
                let is_noted = self.write_index(&self.own, &index);
                let mut list = read_list(account)?;
                if let Some(own) = list.iter_mut().find(|listed| listed.id == self.own_id && listed.path == self.own) {
                    own.ended_bytes = Some(size);
                }
                write_list(account, &list)?;
                // Earlier runs of this ledger that died claimed no more than it knows now.
                let dead =
                    claims(account)?.into_iter().filter(|claim| !claim.alive && claim.is_of(&self.own, self.own_id));
                for FoundClaim { name, .. } in dead.filter(|_| is_noted) {
                    account.remove(&name).map_err(failed(account, &name, "removed"))?;
                }
            }
            // Its claim stays: the rows in it are known as those of a run that died, whatever became of the ledger.
            Err(error) => {
                tracing::warn!(%error, ledger = %self.own.display(), "what the ledger knows could not be noted");
                return Ok(());
            }
        }
        account.remove(&claim.name).map_err(failed(account, &claim.name, "removed"))
    }

    /// Removes the claims of runs that died, where all they may have sent is noted in an index, or where they died before they
    /// could send: then the ledger that they would have begun is not listed any more either.
    pub(super) fn remove_dead_claims(&self, _: &RegistryLock) -> Result<(), RegistryError> {
        let Some(account) = &self.account else { return Ok(()) };
        let claims = claims(account)?;
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
                    (&listed.path, listed.id) != (&owner.ledger, owner.id)
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

    fn index(&self, path: &Path, id: LedgerId) -> Option<Index> {
        let bytes = read_file(self.account.as_ref()?, &index_name(path, id)).ok()?;
        Index::from_bytes(&bytes).filter(|index| index.extent.id == id)
    }

    /// Whether all that a ledger knows is in its index. It is not where another run had the ledger when it was read.
    fn is_noted(&self, path: &Path, id: LedgerId) -> bool {
        let index = self.index(path, id);
        index.is_some_and(|index| LedgerFile::open_to_read(path).is_ok_and(|file| index.covers(&file)))
    }

    /// Returns whether it was written. One that cannot be costs the next run time.
    fn write_index(&self, path: &Path, index: &Index) -> bool {
        let Some(account) = &self.account else { return false };
        let name = index_name(path, index.extent.id);
        let written = account.replace(&name, &index.to_bytes(), Durability::Content);
        if let Err(error) = &written {
            tracing::debug!(%error, name, "an index could not be written");
        }
        written.is_ok()
    }

    /// The ledgers to look at: those listed, then those found that are not.
    fn ledgers(&self) -> Result<Vec<Candidate>, RegistryError> {
        let list = self.account.as_ref().map(read_list).transpose()?.unwrap_or_default();
        let mut ledgers: Vec<Candidate> = list
            .into_iter()
            // Its own may have been moved, or another may have been where it is now.
            .filter(|listed| listed.id != self.own_id || (listed.path != self.own && listed.is_there()))
            .map(|listed| Candidate { path: listed.path.clone(), listed: Some(listed) })
            .collect();
        let found = self.found.iter().filter(|path| **path != self.own);
        let found: Vec<Candidate> = found
            .filter(|path| !ledgers.iter().any(|listed| listed.path == **path && listed.is_there()))
            .map(|path| Candidate { path: path.clone(), listed: None })
            .collect();
        ledgers.extend(found);
        Ok(ledgers)
    }

    /// What a ledger knows, and its size; none where it is of another account, or was read before and has not changed.
    fn read(&self, ledger: &Candidate) -> Result<Option<(KnownKeys, u64)>, Unreadable> {
        let path = &ledger.path;
        let index = ledger.listed.as_ref().and_then(|listed| self.index(path, listed.id));
        let unreadable = |why: String| {
            let ended = ledger.listed.as_ref().and_then(|listed| listed.ended_bytes);
            let covered = index.as_ref().map_or(0, |index| index.extent.good_bytes);
            Unreadable {
                why,
                index: index.clone().map(|index| index.keys),
                outdated: ended.is_some_and(|ended| ended > covered),
            }
        };
        let file = ledger.open().map_err(|error| unreadable(error.to_string()))?;
        let size = file.size().map_err(|error| unreadable(error.to_string()))?;
        if self.seen.get(path) == Some(&size) {
            return Ok(None);
        }
        // By its header: what is damaged in the ledger of another account is nothing to this run.
        let header = ledger::header(&file).map_err(|error| unreadable(error.to_string()))?;
        match &ledger.listed {
            Some(listed) if listed.id != header.id => {
                return Err(unreadable("another ledger is there in its place".to_owned()));
            }
            _ if (&header.api, &header.target) != (&self.of.0, &self.of.1) => return Ok(None),
            _ => {}
        }
        let index = index.clone().or_else(|| self.index(path, header.id));
        let covered = index.as_ref().map(|index| index.extent.clone());
        let up_to_date = self.read_rest(&file, index).map_err(|error| unreadable(error.to_string()))?;
        // A run that adds to it may still find that an intent was not carried out, or was refused.
        if self.writes
            && covered.as_ref() != Some(&up_to_date.extent)
            && !is_locked(path)
            && file.size().ok() == Some(size)
        {
            self.write_index(path, &up_to_date);
        }
        Ok(Some((up_to_date.keys, size)))
    }

    fn read_rest(&self, file: &LedgerFile, index: Option<Index>) -> Result<Index, LedgerError> {
        if self.writes && index.as_ref().map(|index| index.extent.good_bytes) != file.size().ok() {
            // What is read counts only after it is durable.
            file.make_durable().map_err(|source| LedgerError::Io { doing: "synced", source })?;
        }
        bring_up_to_date(file, index)
    }
}

impl Registry for FileRegistry {
    type Ledger = NamedLedger;
    type Error = RegistryError;

    fn claims(&mut self) -> Result<Vec<Claimed<NamedLedger>>, RegistryError> {
        let Some(account) = &self.account else { return Ok(Vec::new()) };
        Ok(claims(account)?
            .into_iter()
            .filter(|claim| self.own_claim.as_ref() != Some(&claim.name))
            .map(|FoundClaim { owner, keys, alive, is_begun, .. }| Claimed {
                alive,
                ledger: NamedLedger { path: owner.ledger, id: Some(owner.id) },
                is_begun,
                keys,
                since_s: u32::try_from(owner.since.as_second()).unwrap_or_default(),
            })
            .collect())
    }

    fn known(
        &mut self,
        each: &mut dyn FnMut(NamedLedger, Result<&KnownKeys, Unreadable>),
    ) -> Result<(), RegistryError> {
        const THREADS: usize = 2;
        let ledgers = self.ledgers()?;
        let next = AtomicUsize::new(0);
        let (mut read, mut has_legacy) = (Vec::new(), false);
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(THREADS);
            for _ in 0..THREADS.min(ledgers.len()) {
                let (sender, this, ledgers, next) = (sender.clone(), &*self, &ledgers, &next);
                let work = move || {
                    while let Some(ledger) = ledgers.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if sender.send((ledger.name(), this.read(ledger))).is_err() {
                            return;
                        }
                    }
                };
                thread::Builder::new().spawn_scoped(scope, work)?;
            }
            drop(sender);
            for (ledger, known) in receiver {
                match known {
                    Ok(None) => {}
                    Ok(Some((keys, size))) => {
                        read.push((ledger.path.clone(), size));
                        has_legacy |= keys.has_legacy();
                        each(ledger, Ok(&keys));
                    }
                    Err(unreadable) => each(ledger, Err(unreadable)),
                }
            }
            Ok(())
        })
        .map_err(|source| RegistryError::Io {
            path: self.own.clone(),
            doing: "compared with other ledgers",
            source,
        })?;
        self.seen.extend(read);
        self.has_legacy |= has_legacy;
        Ok(())
    }
}

/// A registry as a run sees it that looks at it again and again: it remembers what unchanged ledgers know, which takes 20
/// bytes for each row that the account's ledgers know.
#[derive(Debug)]
pub(super) struct Remembering {
    pub(super) registry: FileRegistry,
    known: KnownKeys,
}

impl Remembering {
    pub(super) fn new(registry: FileRegistry) -> Self {
        Self { registry, known: KnownKeys::default() }
    }
}

impl Registry for Remembering {
    type Ledger = NamedLedger;
    type Error = RegistryError;

    fn claims(&mut self) -> Result<Vec<Claimed<NamedLedger>>, RegistryError> {
        self.registry.claims()
    }

    fn known(
        &mut self,
        each: &mut dyn FnMut(NamedLedger, Result<&KnownKeys, Unreadable>),
    ) -> Result<(), RegistryError> {
        let Self { registry, known } = self;
        registry.known(&mut |ledger, keys| match keys {
            Ok(keys) => known.merge(keys.clone()),
            Err(unreadable) => each(ledger, Err(unreadable)),
        })?;
        each(NamedLedger { path: registry.list_path(), id: None }, Ok(known));
        Ok(())
    }
}

/// A ledger to look at.
#[derive(Debug)]
struct Candidate {
    path: PathBuf,
    listed: Option<ListedLedger>,
}

impl ListedLedger {
    fn is_there(&self) -> bool {
        header_at(&self.path).is_ok_and(|id| id == self.id)
    }
}

impl Candidate {
    fn is_there(&self) -> bool {
        self.listed.as_ref().is_some_and(ListedLedger::is_there)
    }

    fn name(&self) -> NamedLedger {
        NamedLedger { path: self.path.clone(), id: self.listed.as_ref().map(|listed| listed.id) }
    }

    fn open(&self) -> io::Result<LedgerFile> {
        match self.listed.as_ref().and_then(|listed| listed.owner) {
            Some(owner) if owner != own_user() => LedgerFile::read_from(open_file_of(&self.path, owner)?, &self.path),
            _ => LedgerFile::open_to_read(&self.path),
        }
    }
}

/// The ledgers that posted to the account.
fn read_list(account: &AccountFolder) -> Result<Vec<ListedLedger>, RegistryError> {
    let bytes = match read_file(account, LIST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        result => result.map_err(failed(account, LIST, "read"))?,
    };
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|error| RegistryError::List {
                path: account.path().join(LIST),
                line: at + 1,
                why: error.to_string(),
            })
        })
        .collect()
}

fn write_list(account: &AccountFolder, list: &[ListedLedger]) -> Result<(), RegistryError> {
    let mut bytes = Vec::new();
    for listed in list {
        serde_json::to_writer(&mut bytes, listed).map_err(|error| failed(account, LIST, "written")(error.into()))?;
        bytes.push(b'\n');
    }
    account.replace(LIST, &bytes, Durability::Name).map_err(failed(account, LIST, "written"))
}

pub(super) fn listed(id: LedgerId, account: &str, path: &Path) -> ListedLedger {
    let (account, owner) = (account.to_owned(), Some(own_user()));
    ListedLedger { id, account, path: whole(path), owner, added: wall(), ended_bytes: None }
}

fn header_at(path: &Path) -> io::Result<LedgerId> {
    super::ledgers::header_of(path).map(|header| header.id).map_err(io::Error::other)
}

/// A ledger may be known by several names of one folder; a path that has no whole form is told as it is.
pub(super) fn whole(path: &Path) -> PathBuf {
    let canonical = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize()
        .ok()
        .or_else(canonical)
        .or_else(|| std::path::absolute(path).ok())
        .unwrap_or_else(|| path.to_owned())
}

fn index_name(path: &Path, id: LedgerId) -> String {
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
    format!("index-{id}-{}", &hash[..16])
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
