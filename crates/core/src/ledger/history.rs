//! What a ledger's records say of single jobs.

use jiff::Timestamp;

use super::record::Record;
use super::{LedgerError, Storage, read};
use crate::job::{Key, KeyMap, Ticket};
use crate::outcome::Outcome;

/// The last that is known of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Number of its row, as it was last read.
    pub row: u64,
    /// Its ticket, where a record says it.
    pub ticket: Option<Ticket>,
    /// What was last said of it: the API's answer, why it was set aside, why it was settled.
    pub reason: String,
    /// When.
    pub at: Option<Timestamp>,
    /// Where it stood before a person settled it, as long as it was not sent since.
    pub settled_from: Option<Outcome>,
}

/// The histories of the jobs that are wanted and have a record.
///
/// # Errors
///
/// As [`read`].
pub fn histories(storage: &impl Storage, wanted: impl Fn(&Key) -> bool) -> Result<KeyMap<History>, LedgerError> {
    let mut all: KeyMap<History> = KeyMap::default();
    read(storage, &mut |entry| match entry.record {
        Record::Intent(intent) if wanted(&intent.key) => {
            let history = all.entry(intent.key).or_default();
            (history.row, history.ticket, history.at) = (intent.row, Some(intent.ticket), Some(intent.wall));
            history.reason = "the run was cut off before its reply was recorded".to_owned();
            history.settled_from = None;
        }
        Record::Outcome(end) if wanted(&end.key) => {
            let history = all.entry(end.key).or_default();
            history.at = Some(end.wall);
            history.reason = end.reply.unwrap_or_default();
        }
        Record::Aside(aside) if wanted(&aside.key) => {
            let history = all.entry(aside.key).or_default();
            (history.row, history.ticket) = (aside.row, aside.ticket);
            history.reason = aside.why;
        }
        Record::Settle(settlement) => {
            for row in settlement.rows.iter().filter(|row| wanted(&row.key)) {
                let history = all.entry(row.key).or_default();
                history.row = row.row;
                history.at = Some(settlement.wall);
                history.settled_from = Some(row.was);
                history.reason = settlement.why.clone().unwrap_or_else(|| "settled by a person".to_owned());
            }
        }
        _ => {}
    })?;
    Ok(all)
}
