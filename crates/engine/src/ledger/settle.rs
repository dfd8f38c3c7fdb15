//! Decisions of a person about rows: what may be decided, and the record of it.

use jiff::Timestamp;

use super::batch::Batch;
use super::history::History;
use super::record::{Part, Record, Settled, Settlement};
use crate::job::{Key, KeyMap};
use crate::outcome::Outcome;

/// What a person decides about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The note is there: somebody looked.
    Posted,
    /// It is to be sent, or sent again.
    ToDo,
    /// Nobody needs it.
    Waived,
    /// The last decision that stands is taken back.
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

/// What a person decides, and about which row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The row's job.
    pub key: Key,
    /// What is decided.
    pub decision: Decision,
    /// The attempts that had been made when it was, where that is known. What was sent since is another matter.
    pub attempts: Option<u32>,
    /// What the sheet that it comes from says otherwise than the ledger.
    pub contradicts: Option<Contradiction>,
}

/// What a sheet of decisions says of a row otherwise than the ledger: the key in it may be another row's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// Its ticket.
    #[error("the sheet has another ticket for this key than the ledger")]
    Ticket,
    /// Its text.
    #[error("the sheet has another text for this key than the ledger's row has")]
    Text,
    /// What a column names it.
    #[error("the sheet has another name for this key than the ledger's row has")]
    Name,
    /// Its number.
    #[error("the sheet has another row number for this key than the ledger")]
    Row,
    /// It was sent more often.
    #[error("the sheet has more attempts for this key than the ledger")]
    Attempts,
}

impl Decided {
    /// A decision by what the ledger knows now.
    pub fn now(key: Key, decision: Decision) -> Self {
        Self { key, decision, attempts: None, contradicts: None }
    }
}

/// A text is no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no decision; write posted, to-do or waived")]
pub struct UnknownDecision(String);

/// Why a row cannot be decided about so: in words that follow its number, or those of several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// There is nothing in the ledger to decide about.
    #[error(
        "no record in the ledger: never attempted, or never in the input; if it is not to be sent, take it out of the input"
    )]
    Unknown,
    /// It stands there already.
    #[error("{0} already")]
    Already(Outcome),
    /// The sheet is not about this row, or was changed.
    #[error(
        "{0}; restore the sheet's columns as `export` wrote them, or export anew (a column that a program has changed may be \
         deleted: it is not compared then)"
    )]
    Contradicts(Contradiction),
    /// The decision was made before the last attempt: it is about what was known then.
    #[error("sent since the sheet was exported, so that its decision may no longer hold")]
    SentSince,
    /// The API said that the note was created.
    #[error("posted; to send that again would make a second note")]
    Posted,
    /// No note can be made of it.
    #[error("invalid: mend that in the input, or waive it")]
    Invalid,
    /// There is no decision to take back.
    #[error("no decision that can be taken back: there is none, or it was sent since")]
    NothingToUndo,
}

/// A decision, as the ledger will have it.
///
/// # Errors
///
/// When the decision makes no sense for where the row stands, or the row was sent since it was made.
pub fn settle(batch: &Batch, histories: &KeyMap<History>, decided: Decided) -> Result<Settled, SettleError> {
    let Decided { key, decision, attempts, contradicts } = decided;
    let (Some(job_state), Some(history)) = (batch.job_states.get(&key), histories.get(&key)) else {
        return Err(SettleError::Unknown);
    };
    let contradicts =
        contradicts.or(attempts.filter(|attempts| *attempts > job_state.attempts()).map(|_| Contradiction::Attempts));
    let was_sent_since = attempts.is_some_and(|attempts| attempts < job_state.attempts());
    match contradicts {
        // Another reading may have given it another number.
        None | Some(Contradiction::Row) if was_sent_since => return Err(SettleError::SentSince),
        None => {}
        Some(contradiction) => return Err(SettleError::Contradicts(contradiction)),
    }
    let was = job_state.outcome();
    let stands = match decision {
        Decision::Posted => Outcome::Posted,
        Decision::ToDo => Outcome::Pending,
        Decision::Waived => Outcome::Skipped,
        Decision::Undone => history.decided_from.last().ok_or(SettleError::NothingToUndo)?.stood,
    };
    if decision != Decision::Undone {
        match (was, stands) {
            (was, stands) if was == stands => return Err(SettleError::Already(was)),
            (Outcome::Posted, _) => return Err(SettleError::Posted),
            (Outcome::Invalid, Outcome::Posted | Outcome::Pending) => return Err(SettleError::Invalid),
            _ => {}
        }
    }
    Ok(Settled { row: history.row, key, was, stands })
}

/// So many rows have room in one record, whatever was said of them: one has about a hundred bytes.
const ROWS_A_RECORD: usize = 4096;

/// What is recorded of decisions about `rows`: one record, or several that count together.
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
