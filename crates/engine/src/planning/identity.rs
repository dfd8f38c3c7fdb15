//! Assigns rows to jobs. Identical rows differ by their occurrence number.

use super::row::{Content, Row};
use crate::job::{Identity, Key, KeyMap, TicketSet};
use crate::ledger::{self, Batch, ExcludedRow, JobState, LedgerError, Presence, Record};
use crate::storage::Storage;

/// Computes the keys of the rows in one read pass.
#[derive(Debug)]
pub(super) struct Occurrences {
    identity: Identity,
    /// The state of a job that the ledger does not know.
    unknown: JobState,
    /// How often a key's content was repeated.
    repeats: KeyMap<u32>,
}

/// A row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) key: Key,
    /// The key of the row's content, if a column names the job; the same for all rows with this content.
    pub(super) content: Option<Key>,
    /// Whether an earlier row of this pass has the same content or name.
    pub(super) again: bool,
}

impl Occurrences {
    pub(super) fn new(identity: Identity, unknown: JobState) -> Self {
        Self { identity, unknown, repeats: KeyMap::default() }
    }

    /// Enters the next row into `job_states`. Returns its state and its key, which is unique within a pass
    /// and the same in every pass. `None` for a blank row.
    pub(super) fn enter<'a, F>(
        &mut self,
        content: &Content<F>,
        job_states: &'a mut KeyMap<JobState>,
    ) -> Option<(Occurrence, &'a mut JobState)> {
        let (first, content, unknown) = match content {
            Content::Blank => return None,
            Content::Note { ticket, text, uncut, name, fields } => {
                // Truncation does not change a note's identity.
                let content = Key::of_note(&self.identity, ticket, uncut.as_ref().unwrap_or(text), fields);
                match name {
                    Some(name) => (Key::of_name(&self.identity, name), Some(content), self.unknown),
                    None => (content, None, self.unknown),
                }
            }
            // An invalid row was never sent, so no lost record can concern it.
            Content::Invalid { key, .. } => (*key, None, JobState::NEW),
        };
        let mut met = Occurrence { key: first, content, again: false };
        if job_states.get(&first).is_some_and(|job_state| job_state.is_met()) {
            let repeat = self.repeats.entry(first).or_insert(0);
            *repeat += 1;
            met = Occurrence { key: first.occurrence(*repeat), again: true, ..met };
        }
        let job_state = job_states.entry(met.key).or_insert(unknown);
        job_state.meet();
        Some((met, job_state))
    }
}

/// Computes the keys of an input's rows, one by one.
#[derive(Debug)]
pub struct RowKeys(Occurrences);

impl RowKeys {
    /// Creates the keys for an input whose notes share `identity`, and the jobs of `batch`.
    pub fn new(identity: Identity, batch: &Batch) -> Self {
        Self(Occurrences::new(identity, batch.unknown()))
    }

    /// Enters the next row into `batch`. Returns its key and state; `None` for a blank row.
    pub fn enter<F>(&mut self, row: &Row<F>, batch: &mut Batch) -> Option<(Key, JobState)> {
        self.0.enter(&row.content, &mut batch.job_states).map(|(met, job_state)| (met.key, *job_state))
    }
}

/// Returns records of the jobs that vanished from the input and of those that returned, each of a readable
/// size. Call it after a pass.
pub fn presence_changes(job_states: &KeyMap<JobState>) -> Vec<Record> {
    const KEYS_A_RECORD: usize = 256;
    let mut vanished = Vec::new();
    let mut returned = Vec::new();
    for (key, job_state) in job_states {
        match (job_state.is_met(), job_state.is_vanished()) {
            (false, false) => vanished.push(*key),
            (true, true) => returned.push(*key),
            _ => {}
        }
    }
    // The map's order differs between runs; the ledger's must not.
    vanished.sort_unstable();
    returned.sort_unstable();
    let chunk = |keys: &[Key]| Presence { keys: keys.to_vec() };
    let vanished = vanished.chunks(KEYS_A_RECORD).map(chunk).map(Record::Vanished);
    vanished.chain(returned.chunks(KEYS_A_RECORD).map(chunk).map(Record::Returned)).collect()
}

/// The tickets of jobs that are posted or in doubt and were not found in this pass, from the records in
/// `ledger`. A new row on one of them may be an edit.
///
/// # Errors
///
/// If the ledger cannot be read.
pub fn tickets_of_vanished(ledger: &impl Storage, job_states: &KeyMap<JobState>) -> Result<TicketSet, LedgerError> {
    let mut tickets = TicketSet::default();
    ledger::read(ledger, &mut |entry| {
        // After a salvage, a job in doubt may have no intent.
        let (key, ticket) = match entry.record {
            Record::Intent(intent) => (intent.key, intent.ticket),
            Record::Outcome(end) => (end.key, end.ticket),
            Record::Excluded(ExcludedRow { key, ticket: Some(ticket), .. }) => (key, ticket),
            _ => return,
        };
        if job_states.get(&key).is_some_and(|job_state| job_state.was_sent_and_is_missing()) {
            tickets.insert(ticket);
        }
    })?;
    Ok(tickets)
}
