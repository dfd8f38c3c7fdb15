//! A person's decisions about rows: which are allowed, and their records.

use jiff::Timestamp;

use super::batch::Batch;
use super::history::History;
use super::record::{Part, Record, Settled, Settlement};
use crate::job::{Key, KeyMap};
use crate::outcome::Outcome;

/// A person's decision about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The note exists: a person checked.
    Posted,
    /// Send it, possibly again.
    ToDo,
    /// It is not needed.
    Waived,
    /// Undo the last decision in effect.
    Undone,
}

impl std::str::FromStr for Decision {
    type Err = UnknownDecision;

    fn from_str(text: &str) -> Result<Self, UnknownDecision> {
        match text.trim().to_lowercase().as_str() {
            "posted" => Ok(Self::Posted),
            "to-do" | "to do" | "todo" => Ok(Self::ToDo),
            "waived" => Ok(Self::Waived),
            "undone" => Ok(Self::Undone),
            _ => Err(UnknownDecision(text.to_owned())),
        }
    }
}

/// A decision and its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The row's job.
    pub key: Key,
    /// What is decided.
    pub decision: Decision,
    /// The number of attempts when it was decided, if known, to detect a later attempt.
    pub attempts: Option<u32>,
    /// A difference between the ledger and the sheet that the decision comes from.
    pub contradicts: Option<Contradiction>,
}

/// A difference between a sheet of decisions and the ledger: the key in the sheet may belong to another row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// The ticket.
    #[error("the ticket in the sheet differs from the ledger for this key")]
    Ticket,
    /// The text.
    #[error("the text in the sheet differs from the ledger for this key")]
    Text,
    /// The name in the column that names jobs.
    #[error("the name in the sheet differs from the ledger for this key")]
    Name,
    /// The row number.
    #[error("the row number in the sheet differs from the ledger for this key")]
    Row,
    /// The sheet has more attempts.
    #[error("the sheet shows more attempts for this key than the ledger; it may belong to another ledger")]
    Attempts,
}

impl Decided {
    /// A decision based on the ledger's current state.
    pub fn now(key: Key, decision: Decision) -> Self {
        Self { key, decision, attempts: None, contradicts: None }
    }
}

/// The text is not a decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decision; write posted, to-do or waived")]
pub struct UnknownDecision(String);

/// Why a decision is rejected. The text follows one row number or several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The ledger has no record of the row.
    #[error(
        "it has no record in the ledger, so it was never attempted; if it must not be sent, remove it from the input"
    )]
    Unknown,
    /// It is in this state already.
    #[error("{0} already")]
    Already(Outcome),
    /// The sheet's row is a different one, or was changed.
    #[error(
        "{0}; restore the sheet's columns as `export` wrote them, or export it again (a column that another program reformatted \
         can be deleted; it is then not compared)"
    )]
    Contradicts(Contradiction),
    /// The row was attempted after the decision, so the decision may be outdated.
    #[error("sent since the sheet was exported, so the decision may be outdated; export anew")]
    SentSince,
    /// The API confirmed that the note was created.
    #[error("posted; another attempt would create a second note")]
    Posted,
    /// The row cannot be turned into a note.
    #[error("invalid: fix it in the input, or waive it")]
    Invalid,
    /// There is no decision to undo.
    #[error("no decision to undo: none was made, or the row was sent since")]
    NothingToUndo,
}

/// Checks a decision and returns its record.
///
/// # Errors
///
/// If the decision does not fit the row's state, or the row was sent after it was made.
pub fn settle(batch: &Batch, histories: &KeyMap<History>, decided: Decided) -> Result<Settled, SettleError> {
    let Decided { key, decision, attempts, contradicts } = decided;
    let (Some(job_state), Some(history)) = (batch.job_states.get(&key), histories.get(&key)) else {
        return Err(SettleError::Unknown);
    };
    let contradicts =
        contradicts.or(attempts.filter(|attempts| *attempts > job_state.attempts()).map(|_| Contradiction::Attempts));
    let was_sent_since = attempts.is_some_and(|attempts| attempts < job_state.attempts());
    match contradicts {
        // A later pass may have given it another number.
        None | Some(Contradiction::Row) if was_sent_since => return Err(SettleError::SentSince),
        None => {}
        Some(contradiction) => return Err(SettleError::Contradicts(contradiction)),
    }
    let was = job_state.outcome();
    let outcome = match decision {
        Decision::Posted => Outcome::Posted,
        Decision::ToDo => Outcome::Pending,
        Decision::Waived => Outcome::Skipped,
        Decision::Undone => history.decided_from.last().ok_or(SettleError::NothingToUndo)?.stood,
    };
    if decision != Decision::Undone {
        match (was, outcome) {
            (was, outcome) if was == outcome => return Err(SettleError::Already(was)),
            (Outcome::Posted, _) => return Err(SettleError::Posted),
            (Outcome::Invalid, Outcome::Posted | Outcome::Pending) => return Err(SettleError::Invalid),
            _ => {}
        }
    }
    Ok(Settled { row: history.row, key, was, outcome })
}

/// The number of rows that fit into one record, whatever the reason's length: a row has about a hundred
/// bytes.
const ROWS_A_RECORD: usize = 4096;

/// The records of decisions about `rows`: one, or several that count only together.
pub fn settlement(wall: Timestamp, why: Option<&str>, rows: &[Settled]) -> Vec<Record> {
    in_records_of(ROWS_A_RECORD, wall, why, rows)
}

pub(super) fn in_records_of(rows_a_record: usize, wall: Timestamp, why: Option<&str>, rows: &[Settled]) -> Vec<Record> {
    let parts = rows.chunks(rows_a_record);
    let of = u32::try_from(parts.len()).expect("a batch has fewer rows than that");
    let part = |number| (of > 1).then_some(Part { number, of });
    let record = |(number, rows): (u32, &[Settled])| {
        let (why, rows) = (why.map(str::to_owned), rows.to_vec());
        Record::Settle(Settlement { wall, part: part(number), why, rows })
    };
    (1..).zip(parts).map(record).collect()
}
