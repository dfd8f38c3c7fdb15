//! Which job a row is: rows exactly alike are told apart by their occurrence.

use super::row::{Content, Row};
use crate::job::{Identity, Key, KeyMap, TicketSet};
use crate::ledger::{self, Batch, ExcludedRow, JobState, LedgerError, Presence, Record};
use crate::storage::Storage;

/// Gives each row of a reading its key.
#[derive(Debug)]
pub(super) struct Occurrences {
    identity: Identity,
    /// What a job is that the ledger does not know.
    unknown: JobState,
    /// How often a key's content was met, where it was more than once.
    repeats: KeyMap<u32>,
}

/// A row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) key: Key,
    /// The key of the row's content, where a column names the job: that of the first row with this content.
    pub(super) content: Option<Key>,
    /// An earlier row of this reading has the same content, or name.
    pub(super) again: bool,
}

impl Occurrences {
    pub(super) fn new(identity: Identity, unknown: JobState) -> Self {
        Self { identity, unknown, repeats: KeyMap::default() }
    }

    /// Enters the next row into `job_states`: its key, its own in each reading and the same in the next, and where it
    /// stands. None for a blank one.
    pub(super) fn enter<'a, F>(
        &mut self,
        content: &Content<F>,
        job_states: &'a mut KeyMap<JobState>,
    ) -> Option<(Occurrence, &'a mut JobState)> {
        let (first, content, unknown) = match content {
            Content::Blank => return None,
            Content::Note { ticket, text, uncut, name, fields } => {
                // Where its text is cut makes a note no other one.
                let content = Key::of_note(&self.identity, ticket, uncut.as_ref().unwrap_or(text), fields);
                match name {
                    Some(name) => (Key::of_name(&self.identity, name), Some(content), self.unknown),
                    None => (content, None, self.unknown),
                }
            }
            // No job, so no record that was lost can have sent it.
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

/// The keys of an input's rows, which are given one after the other.
#[derive(Debug)]
pub struct RowKeys(Occurrences);

impl RowKeys {
    /// For an input whose notes have this in common, and jobs that `batch` knows.
    pub fn new(identity: Identity, batch: &Batch) -> Self {
        Self(Occurrences::new(identity, batch.unknown()))
    }

    /// Enters the next row into `batch`. Its key and where it stands; none of a blank row.
    pub fn enter<F>(&mut self, row: &Row<F>, batch: &mut Batch) -> Option<(Key, JobState)> {
        self.0.enter(&row.content, &mut batch.job_states).map(|(met, job_state)| (met.key, *job_state))
    }
}

/// After a reading: which jobs of the ledger are no longer in the input and which are there again, in records of a
/// readable size.
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
    // The table's order differs from run to run; the ledger's should not.
    vanished.sort_unstable();
    returned.sort_unstable();
    let chunk = |keys: &[Key]| Presence { keys: keys.to_vec() };
    let vanished = vanished.chunks(KEYS_A_RECORD).map(chunk).map(Record::Vanished);
    vanished.chain(returned.chunks(KEYS_A_RECORD).map(chunk).map(Record::Returned)).collect()
}

/// The tickets of jobs that are posted or in doubt and were not met in this reading, by the records in `ledger`: a new row
/// on one of them may be an edit.
///
/// # Errors
///
/// When the ledger cannot be read.
pub fn tickets_of_vanished(ledger: &impl Storage, job_states: &KeyMap<JobState>) -> Result<TicketSet, LedgerError> {
    let mut tickets = TicketSet::default();
    ledger::read(ledger, &mut |entry| {
        // Of a doubt that a salvage left there may be no intent any more.
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
