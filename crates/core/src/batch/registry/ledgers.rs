//! The other ledgers of the account, with which a run compares its rows.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::FileRegistry;
use super::claims::{FoundClaim, claims};
use super::list::{ListedLedger, NamedLedger, header_at, read_list};
use crate::batch::ledgers::api_of;
use crate::batch::registry_error::RegistryError;
use crate::known::{Claimed, Index, KnownKeys, Registry, Unreadable, bring_up_to_date};
use crate::ledger::{self, LedgerError, LedgerId};
use crate::runtime::clock::wall;
use crate::runtime::files::LedgerFile;
use crate::runtime::platform::is_locked;
use crate::runtime::state::{open_file_of, own_user};
use crate::storage::Storage;

/// The result of reading a ledger.
struct Read {
    /// Its path and id.
    seen: (PathBuf, LedgerId),
    size: u64,
    keys: KnownKeys,
}

/// While a run appends to a ledger, its index is rewritten only after this many new bytes.
const WORTH_AN_INDEX: u64 = 1 << 20;

/// A ledger to read.
#[derive(Debug)]
struct Candidate {
    path: PathBuf,
    listed: Option<ListedLedger>,
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

impl FileRegistry {
    /// The ledgers to read: those listed, then those found but not listed.
    fn ledgers(&self) -> Result<Vec<Candidate>, RegistryError> {
        let list = self.account.as_ref().map(read_list).transpose()?.unwrap_or_default();
        let mut ledgers: Vec<Candidate> = list
            .into_iter()
            // The run's own ledger may have been moved, or another may have been at its path.
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

    /// Reads what a ledger knows, and its size. Returns `None` if it belongs to another account, or if it is
    /// unchanged since it was read and `anew` is `false`.
    fn read(&self, ledger: &Candidate, anew: bool) -> Result<Option<Read>, Unreadable> {
        match self.read_whole(ledger, anew) {
            // The run's own ledger has the readable part of this one, and records that something is missing.
            Err(_) if self.was_salvaged(ledger) => Ok(None),
            read => read,
        }
    }

    /// Whether the run's own ledger was salvaged from this one.
    fn was_salvaged(&self, ledger: &Candidate) -> bool {
        let id = || ledger.listed.as_ref().map(|listed| listed.id).or_else(|| header_at(&ledger.path).ok());
        !self.salvaged_from.is_empty() && id().is_some_and(|id| self.salvaged_from.contains(&id))
    }

    fn read_whole(&self, ledger: &Candidate, anew: bool) -> Result<Option<Read>, Unreadable> {
        let path = &ledger.path;
        let index = ledger.listed.as_ref().and_then(|listed| self.indexes().of(path, listed.id));
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
        // The header is checked first: damage in the ledger of another account does not affect this run.
        let header = ledger::header(&file).map_err(|error| unreadable(error.to_string()))?;
        match &ledger.listed {
            Some(listed) if listed.id != header.id => {
                return Err(unreadable("another ledger is in its place".to_owned()));
            }
            _ if (api_of(&header), header.target.as_str()) != (&*self.of.0, &*self.of.1) => return Ok(None),
            _ => {}
        }
        let seen = (path.clone(), header.id);
        if !anew && self.seen.get(&seen) == Some(&size) {
            return Ok(None);
        }
        // Only its records show whether a salvaged ledger was restored.
        let is_source = self.salvaged_from.contains(&header.id);
        let index = index.clone().or_else(|| self.indexes().of(path, header.id)).filter(|_| !is_source);
        let covered = index.as_ref().map_or(0, |index| index.extent.good_bytes);
        let fits = index.as_ref().is_none_or(|index| index.fits(&file).unwrap_or(false));
        let up_to_date = self.read_rest(&file, index).map_err(|error| unreadable(error.to_string()))?;
        let new = up_to_date.extent.good_bytes.saturating_sub(covered);
        // If an older copy has replaced the ledger, its index is kept, because it shows which rows the copy lacks.
        // While a run appends to the ledger, the index is not rewritten for every row.
        if self.writes && fits && !is_source && new > if is_locked(path) { WORTH_AN_INDEX } else { 0 } {
            self.indexes().write(path, &up_to_date).ok();
        }
        let mut keys = up_to_date.keys;
        if !fits {
            keys.merge(self.claimed_by_dead_runs(&NamedLedger { path: path.clone(), id: Some(header.id) }));
        }
        Ok(Some(Read { seen, size, keys }))
    }

    /// Returns what the run's own ledger once recorded but lacks now, because an older copy replaced it or is
    /// continued at another path.
    fn restored(&self) -> Result<KnownKeys, RegistryError> {
        let mut keys = KnownKeys::default();
        let Ok(file) = LedgerFile::open_to_read(&self.own) else { return Ok(keys) };
        let list = self.account.as_ref().map(read_list).transpose()?.unwrap_or_default();
        let elsewhere = list.into_iter().filter(|listed| listed.id == self.own_id && listed.path != self.own);
        // If it still exists there, it is read like any other ledger.
        let gone = elsewhere.filter(|listed| !listed.is_there()).map(|listed| listed.path);
        for path in gone.chain([self.own.clone()]) {
            let Some(index) = self.indexes().of(&path, self.own_id) else { continue };
            if !index.fits(&file).unwrap_or(true) {
                keys.merge(index.keys);
                keys.merge(self.claimed_by_dead_runs(&NamedLedger { path, id: Some(self.own_id) }));
            }
        }
        Ok(keys)
    }

    fn read_rest(&self, file: &LedgerFile, index: Option<Index>) -> Result<Index, LedgerError> {
        if self.writes && index.as_ref().map(|index| index.extent.good_bytes) != file.size().ok() {
            // Records count only after they are durable.
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
        // The run may be sending now, or may have been a moment ago.
        let until_s = u32::try_from(wall().as_second()).unwrap_or(u32::MAX);
        let claims: Vec<_> = claims(account, self.own_claim.as_deref())?
            .into_iter()
            .map(|FoundClaim { owner, keys, alive, is_begun, .. }| Claimed {
                alive,
                ledger: NamedLedger { path: owner.ledger, id: Some(owner.id) },
                is_begun,
                keys,
                since_s: u32::try_from(owner.since.as_second()).unwrap_or_default(),
                until_s,
            })
            .collect();
        self.dead = claims.iter().filter(|claim| !claim.alive && claim.is_begun).cloned().collect();
        Ok(claims)
    }

    fn known(
        &mut self,
        anew: &[NamedLedger],
        each: &mut dyn FnMut(NamedLedger, Result<&KnownKeys, Unreadable>),
    ) -> Result<(), RegistryError> {
        const THREADS: usize = 2;
        let ledgers = self.ledgers()?;
        let restored = self.restored()?;
        if !restored.is_empty() {
            each(NamedLedger { path: self.own.clone(), id: Some(self.own_id) }, Ok(&restored));
        }
        let next = AtomicUsize::new(0);
        let (mut read, mut has_legacy) = (Vec::new(), false);
        let (sender, receiver) = mpsc::sync_channel(THREADS);
        let this = &*self;
        let read_next = || {
            let ledger = ledgers.get(next.fetch_add(1, Ordering::Relaxed))?;
            let name = ledger.name();
            let known = this.read(ledger, anew.contains(&name));
            Some((name, known))
        };
        thread::scope(|scope| {
            for _ in 0..THREADS.min(ledgers.len()) {
                let (read_next, sender) = (&read_next, sender.clone());
                let work = move || while read_next().is_some_and(|known| sender.send(known).is_ok()) {};
                // If the system provides no more threads, this one reads the rest.
                thread::Builder::new().spawn_scoped(scope, work).ok();
            }
            drop(sender);
            for (ledger, known) in receiver.into_iter().chain(std::iter::from_fn(&read_next)) {
                match known {
                    Ok(None) => {}
                    Ok(Some(Read { seen, size, keys })) => {
                        read.push((seen, size));
                        has_legacy |= keys.has_legacy();
                        each(ledger, Ok(&keys));
                    }
                    Err(unreadable) => each(ledger, Err(unreadable)),
                }
            }
        });
        self.seen.extend(read);
        self.has_legacy |= has_legacy;
        Ok(())
    }
}

/// A registry for a run that looks rows up repeatedly. It caches what unchanged ledgers know. The cache takes
/// 20 bytes for each row that the account's ledgers know, and 32 more if the row has a key column.
#[derive(Debug)]
pub(crate) struct Remembering {
    pub(crate) registry: FileRegistry,
    /// Keys that stay known whatever the outcome of the open intents.
    known: KnownKeys,
    /// The other keys of each ledger when it was last read.
    open: HashMap<NamedLedger, KnownKeys>,
}

impl Remembering {
    pub(crate) fn new(registry: FileRegistry) -> Self {
        Self { registry, known: KnownKeys::default(), open: HashMap::new() }
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
        anew: &[NamedLedger],
        each: &mut dyn FnMut(NamedLedger, Result<&KnownKeys, Unreadable>),
    ) -> Result<(), RegistryError> {
        let Self { registry, known, open } = self;
        registry.known(anew, &mut |ledger, keys| {
            if let Ok(keys) = keys {
                let mut keys = keys.clone();
                open.insert(ledger.clone(), keys.take_open());
                known.merge(keys);
            }
            each(ledger, keys);
        })?;
        let list = || NamedLedger { path: registry.list_path(), id: None };
        open.values().chain([&*known]).for_each(|keys| each(list(), Ok(keys)));
        Ok(())
    }
}
