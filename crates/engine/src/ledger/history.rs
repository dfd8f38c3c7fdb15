//! What a ledger's records say of single jobs.

use std::mem;

use jiff::Timestamp;

use super::record::Record;
use super::{LedgerError, Storage, read};
use crate::job::{Key, KeyMap, Ticket};
use crate::outcome::Outcome;

/// The last that is known of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Number of its row, by the reading that its last record was made in.
    pub row: u64,
    /// The same, whatever number it is given since.
    pub recorded_row: u64,
    /// Whether that was the last reading of the input, or one of the very same bytes: else the row may have moved.
    pub row_is_current: bool,
    /// The reading, by the number of changes of the input before it.
    reading: u32,
    /// Its ticket, where a record says it.
    pub ticket: Option<Ticket>,
    /// What was last said of it: the API's answer, why it was set aside, why it was settled. Where a decision was taken
    /// back, what was said before it.
    pub reason: String,
    /// The last that happened is that a decision was taken back.
    pub taken_back: bool,
    /// When.
    pub at: Option<Timestamp>,
    /// How it stood before each decision of a person, the first one first: of those that were taken since it was last
    /// sent, and not taken back.
    pub decided_from: Vec<Before>,
}

/// How a job stood before a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Where.
    pub stood: Outcome,
    /// Why.
    pub reason: String,
}

/// What is said of a job whose last attempt has no end in the ledger.
pub const CUT_OFF: &str = "the run was cut off before its reply was recorded";

/// The histories of the jobs that are wanted and have a record, up to the record `last`: a run may be adding more.
///
/// # Errors
///
/// As [`read`].
pub fn histories(
    storage: &impl Storage,
    last: u64,
    mut wanted: impl FnMut(&Key) -> bool,
) -> Result<KeyMap<History>, LedgerError> {
    let mut all: KeyMap<History> = KeyMap::default();
    let mut reading = 0;
    let mut fingerprint = None;
    read(storage, &mut |entry| match entry.record {
        _ if entry.number > last => {}
        Record::Run(run) => {
            let read = run.input.read.map(|read| read.fingerprint);
            if read.is_none() || read != fingerprint {
                reading += 1;
            }
            fingerprint = read;
        }
        Record::Intent(intent) if wanted(&intent.key) => {
            let history = all.entry(intent.key).or_default();
            (history.row, history.reading) = (intent.row, reading);
            (history.ticket, history.at) = (Some(intent.ticket), Some(intent.wall));
            history.reason = CUT_OFF.to_owned();
            history.taken_back = false;
            history.decided_from.clear();
        }
        Record::Outcome(end) if wanted(&end.key) => {
            let history = all.entry(end.key).or_default();
            history.at = Some(end.wall);
            history.reason = end.reply.unwrap_or_default();
            history.taken_back = false;
        }
        Record::Excluded(excluded) if wanted(&excluded.key) => {
            let history = all.entry(excluded.key).or_default();
            // A salvage has read no input: it repeats the number that it found.
            if excluded.line > 0 {
                (history.row, history.reading) = (excluded.row, reading);
            }
            history.ticket = excluded.ticket.or(history.ticket.take());
            history.reason = excluded.why;
            history.taken_back = false;
        }
        Record::Settle(settlement) => {
            for row in settlement.rows.iter().filter(|row| wanted(&row.key)) {
                let history = all.entry(row.key).or_default();
                history.at = Some(settlement.wall);
                // A decision that leads to where the row stood before the last one takes that back, however it was put.
                if let Some(before) = history.decided_from.pop_if(|before| before.stood == row.stands) {
                    (history.reason, history.taken_back) = (before.reason, true);
                    continue;
                }
                let why = settlement.why.clone().unwrap_or_else(|| "settled by a person".to_owned());
                let reason = mem::replace(&mut history.reason, why);
                history.decided_from.push(Before { stood: row.was, reason });
                history.taken_back = false;
            }
        }
        _ => {}
    })?;
    for history in all.values_mut() {
        history.recorded_row = history.row;
        history.row_is_current = history.reading == reading;
    }
    Ok(all)
}
