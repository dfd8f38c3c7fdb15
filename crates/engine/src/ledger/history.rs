//! The latest events of single jobs, from a ledger's records.

use std::mem;

use jiff::Timestamp;

use super::record::Record;
use super::{LedgerError, Storage, read};
use crate::job::{Key, KeyMap, Ticket};
use crate::outcome::Outcome;

/// The latest known facts about a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// The row number in the pass of its last record.
    pub row: u64,
    /// The recorded row number, even if `row` is renumbered later.
    pub recorded_row: u64,
    /// Whether that was the last pass over the input, or one over identical bytes. Otherwise the row may have
    /// moved.
    pub row_is_current: bool,
    /// The pass's number: the count of changes of the input before it.
    reading: u32,
    /// Its ticket, if a record has it.
    pub ticket: Option<Ticket>,
    /// The last reason: the API's reply, why the row was excluded, or why it was settled. If a decision was
    /// undone, the reason before it.
    pub reason: String,
    /// Whether the last event is that a decision was undone.
    pub undone: bool,
    /// The time of the last event.
    pub at: Option<Timestamp>,
    /// The states before each decision of a person, oldest first; only decisions made since the row was last
    /// sent and not undone.
    pub decided_from: Vec<Before>,
}

/// A job's state before a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The state.
    pub stood: Outcome,
    /// The reason.
    pub reason: String,
}

/// The reason of a job whose last attempt has no end in the ledger.
pub const CUT_OFF: &str = "the run was cut off before its reply was recorded";

/// The histories of the requested jobs that have a record, up to the record `last`: an active run may be
/// adding more.
///
/// # Errors
///
/// As for [`read`].
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
            history.undone = false;
            history.decided_from.clear();
        }
        Record::Outcome(end) if wanted(&end.key) => {
            let history = all.entry(end.key).or_default();
            history.at = Some(end.wall);
            history.reason = end.reply.unwrap_or_default();
            history.undone = false;
        }
        Record::Excluded(excluded) if wanted(&excluded.key) => {
            let history = all.entry(excluded.key).or_default();
            // A salvage reads no input and repeats the recorded number.
            if excluded.line > 0 {
                (history.row, history.reading) = (excluded.row, reading);
            }
            history.ticket = excluded.ticket.or(history.ticket.take());
            history.reason = excluded.why;
            history.undone = false;
        }
        Record::Settle(settlement) => {
            for row in settlement.rows.iter().filter(|row| wanted(&row.key)) {
                let history = all.entry(row.key).or_default();
                history.at = Some(settlement.wall);
                // A decision that restores the state before the last one undoes that one, whatever its kind.
                if let Some(before) = history.decided_from.pop_if(|before| before.stood == row.outcome) {
                    (history.reason, history.undone) = (before.reason, true);
                    continue;
                }
                let why = settlement.why.clone().unwrap_or_else(|| "settled by a person".to_owned());
                let reason = mem::replace(&mut history.reason, why);
                history.decided_from.push(Before { stood: row.was, reason });
                history.undone = false;
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
