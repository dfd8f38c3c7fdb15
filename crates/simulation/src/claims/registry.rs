//! The account's registry in memory; `core/src/batch/registry.rs` stores it in files.

use std::collections::BTreeMap;

use batchpost_engine::job::Key;
use batchpost_engine::known::{Claim, Claimed, KnownKeys, Registry, Unreadable, bring_up_to_date};
use batchpost_engine::storage::Storage;

use super::sheet::Batch;
use super::{Claims, index_of};
use crate::disk::DiskFile;
use crate::invariants::Violation;

/// The shared state of all runs. Each change is immediately durable.
#[derive(Default)]
pub(super) struct SharedFolder {
    /// The batches with listed ledgers.
    listed: Vec<usize>,
    indexes: BTreeMap<usize, Option<Vec<u8>>>,
    claims: Vec<ClaimFile>,
    /// Whether a run has the registry's lock.
    pub(super) locked: bool,
}

struct ClaimFile {
    bytes: Vec<u8>,
    batch: usize,
    since_s: u32,
    alive: bool,
}

impl ClaimFile {
    /// The claimed keys; empty if the run died before the claim was durable.
    fn keys(&self) -> Vec<Key> {
        Claim::read(&self.bytes).map(|claim| claim.keys).unwrap_or_default()
    }

    fn is_begun(&self) -> bool {
        Claim::read(&self.bytes).is_ok_and(|claim| claim.is_begun)
    }
}

impl SharedFolder {
    pub(super) fn died(&mut self, batch: usize) {
        self.claims.iter_mut().filter(|claim| claim.batch == batch).for_each(|claim| claim.alive = false);
    }

    /// Indexes what the ledger knows from earlier runs.
    pub(super) fn note(&mut self, batch: usize, file: Option<DiskFile>) -> Result<(), Violation> {
        let index = self.indexes.get(&batch).and_then(index_of);
        let Some(file) = file else { return Ok(()) };
        if index.as_ref().is_none_or(|index| index.fits(&file).unwrap_or(false)) {
            let index = bring_up_to_date(&file, index).map_err(|error| Violation::new(error.to_string()))?;
            self.indexes.insert(batch, Some(index.to_bytes()));
        }
        Ok(())
    }

    /// What dead runs of this batch may have sent.
    fn claimed_by_dead_runs(&self, batch: usize) -> KnownKeys {
        let dead = self.claims.iter().filter(|claim| !claim.alive && claim.batch == batch && claim.is_begun());
        KnownKeys::claimed(dead.flat_map(|claim| claim.keys().into_iter().map(|key| (key, claim.since_s))))
    }

    /// Lists the ledger and claims rows. With `dies_after_bytes`, the run dies after writing that many bytes of the
    /// claim.
    pub(super) fn claim(&mut self, batch: usize, keys: &[Key], at_s: i64, dies_after_bytes: Option<usize>) {
        if !self.listed.contains(&batch) {
            self.listed.push(batch);
        }
        let mut bytes = [Claim::begin(&batch.to_string()), Claim::group(keys)].concat();
        bytes.truncate(dies_after_bytes.unwrap_or(usize::MAX));
        let since_s = u32::try_from(at_s).unwrap_or_default();
        self.claims.push(ClaimFile { bytes, batch, since_s, alive: dies_after_bytes.is_none() });
    }

    /// Whether the active run of this batch has claimed the row.
    pub(super) fn has(&self, batch: usize, key: Key) -> bool {
        self.claims.iter().any(|claim| claim.alive && claim.batch == batch && claim.keys().contains(&key))
    }

    /// Another batch whose active run has claimed one of these rows and has no recorded result for it.
    pub(super) fn active_holder(&self, batch: usize, keys: &[Key], batches: &[Batch]) -> Option<usize> {
        let mut others = self.claims.iter().filter(|claim| claim.alive && claim.batch != batch);
        let is_about_to_send = |claim: &&ClaimFile| {
            let ledger = batches[claim.batch].disk.ledger().and_then(|file| bring_up_to_date(&file, None).ok());
            let was_sent =
                |key: &Key| ledger.as_ref().is_some_and(|ledger| ledger.keys.was_sent_since(*key, claim.since_s));
            claim.keys().iter().any(|key| keys.contains(key) && !was_sent(key))
        };
        others.find(is_about_to_send).map(|claim| claim.batch)
    }

    /// Records that the run of this batch has begun its ledger.
    pub(super) fn begun(&mut self, batch: usize) {
        let claims = self.claims.iter_mut().filter(|claim| claim.alive && claim.batch == batch);
        claims.for_each(|claim| claim.bytes.extend(Claim::group(&[])));
    }

    /// Removes the claims of dead runs if everything that they may have sent is in an index, or if they died
    /// before they could send. In the second case, a ledger that was never begun is removed from the list
    /// too.
    pub(super) fn remove_dead_claims(&mut self, batches: &[Batch]) {
        let Self { listed, indexes, claims, .. } = self;
        let ledger = |batch: usize| batches[batch].disk.ledger().filter(|_| !batches[batch].is_gone);
        let index = |batch: usize| indexes.get(&batch).and_then(index_of);
        claims.retain(|claim| {
            let is_noted =
                || index(claim.batch).zip(ledger(claim.batch)).is_some_and(|(index, file)| index.covers(&file));
            claim.alive || claim.is_begun() && !is_noted()
        });
        listed.retain(|batch| {
            ledger(*batch).is_some() || index(*batch).is_some() || claims.iter().any(|claim| claim.batch == *batch)
        });
    }

    fn remove_claims_of(&mut self, batch: usize) {
        self.claims.retain(|claim| claim.batch != batch);
    }
}

/// The ledgers that a run has read, and their sizes then in bytes.
pub(super) type Seen = BTreeMap<usize, u64>;

/// The registry as the run of a batch sees it.
pub(super) struct AsSeen<'a> {
    pub(super) claims: &'a Claims,
    pub(super) batch: usize,
    pub(super) seen: &'a mut Seen,
}

impl AsSeen<'_> {
    /// What a ledger knows, and its size; `None` if it was read before and has not changed.
    fn read(&self, batch: usize, anew: bool) -> Result<Option<(KnownKeys, u64)>, Unreadable> {
        let mut state = self.claims.state();
        let index = state.shared.indexes.get(&batch).and_then(index_of);
        let unreadable =
            |why: String| Unreadable { why, index: index.clone().map(|index| index.keys), outdated: false };
        let Batch { disk, is_gone, .. } = &state.batches[batch];
        let Some(mut file) = disk.ledger().filter(|_| !is_gone) else {
            return Err(unreadable("it does not exist".to_owned()));
        };
        // Make the bytes durable before using them.
        let synced = file.sync().and_then(|()| file.size());
        let size = synced.map_err(|error| unreadable(error.to_string()))?;
        if !anew && self.seen.get(&batch) == Some(&size) {
            return Ok(None);
        }
        let mut up_to_date = bring_up_to_date(&file, index.clone()).map_err(|error| unreadable(error.to_string()))?;
        // The production index is not always written while a run is active, and never if an older copy has
        // replaced the ledger.
        let fits = index.is_none_or(|index| index.fits(&file).unwrap_or(false));
        if fits && (!state.is_live(batch) || state.rng.bool()) {
            state.shared.indexes.insert(batch, Some(up_to_date.to_bytes()));
        }
        if !fits {
            up_to_date.keys.merge(state.shared.claimed_by_dead_runs(batch));
        }
        Ok(Some((up_to_date.keys, size)))
    }
}

impl AsSeen<'_> {
    /// What the batch's own ledger knew before an older copy replaced it.
    fn restored(&self) -> Option<KnownKeys> {
        let state = self.claims.state();
        let index = state.shared.indexes.get(&self.batch).and_then(index_of)?;
        let fits = state.batches[self.batch].disk.ledger().is_some_and(|file| index.fits(&file).unwrap_or(true));
        let mut keys = index.keys;
        keys.merge(state.shared.claimed_by_dead_runs(self.batch));
        (!fits).then_some(keys)
    }
}

impl Registry for AsSeen<'_> {
    type Ledger = usize;
    type Error = Violation;

    fn claims(&mut self) -> Result<Vec<Claimed<usize>>, Violation> {
        self.claims.meanwhile()?;
        let state = self.claims.state();
        let others = state.shared.claims.iter().filter(|claim| claim.batch != self.batch);
        let claimed = others.map(|claim| Claimed {
            alive: claim.alive,
            is_begun: claim.is_begun(),
            ledger: claim.batch,
            keys: claim.keys(),
            since_s: claim.since_s,
            until_s: claim.since_s,
        });
        Ok(claimed.collect())
    }

    fn known(
        &mut self,
        anew: &[usize],
        each: &mut dyn FnMut(usize, Result<&KnownKeys, Unreadable>),
    ) -> Result<(), Violation> {
        self.claims.meanwhile()?;
        if let Some(keys) = self.restored() {
            each(self.batch, Ok(&keys));
        }
        let listed = self.claims.state().shared.listed.clone();
        for batch in listed.into_iter().filter(|batch| *batch != self.batch) {
            match self.read(batch, anew.contains(&batch)) {
                Ok(None) => {}
                Ok(Some((keys, size))) => {
                    self.seen.insert(batch, size);
                    each(batch, Ok(&keys));
                }
                Err(unreadable) => each(batch, Err(unreadable)),
            }
        }
        Ok(())
    }
}

/// Removes the claim of a run whose outcomes are durable, and those of its batch's dead runs, and indexes
/// what its ledger knows.
pub(super) fn release(claims: &Claims, batch: usize) -> Result<(), Violation> {
    let mut state = claims.state();
    let file = state.batches[batch].disk.ledger();
    let file = file.ok_or_else(|| Violation::new("the ledger of a run that ended is not there"))?;
    let before = state.shared.indexes.get(&batch).and_then(index_of);
    let fits = before.as_ref().is_none_or(|index| index.fits(&file).unwrap_or(true));
    let mut index = bring_up_to_date(&file, before).map_err(|error| Violation::new(error.to_string()))?;
    if !fits {
        index = index.of_restored_ledger(state.shared.claimed_by_dead_runs(batch));
    }
    state.shared.indexes.insert(batch, Some(index.to_bytes()));
    state.shared.remove_claims_of(batch);
    Ok(())
}
