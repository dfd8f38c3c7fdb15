//! The first reading: everything is counted, nothing is sent.

use std::io::Read;

use super::identity::Occurrences;
use crate::input::{Content, InputError, Rows};
use crate::job::{Job, Key, KeyMap, Position, Ticket};
use crate::ledger::{Pass, Standing};
use crate::outcome::{Counts, Outcome};
use crate::settings::InDoubt;

/// What is asked of a reading.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What the notes are posted to, as the ledger names it.
    pub target: String,
    /// What to do with rows that are in doubt.
    pub in_doubt: InDoubt,
    /// Post only so many rows, then end.
    pub first: Option<u64>,
}

impl Ask {
    /// Whether a row that stands so is to be sent.
    pub(super) fn is_to_do(&self, stands: Outcome) -> bool {
        match stands {
            Outcome::Pending | Outcome::Failed => true,
            Outcome::InDoubt => self.in_doubt == InDoubt::Retry,
            _ => false,
        }
    }
}

/// Something to say about one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowNote {
    /// Where it stands in the input.
    pub position: Position,
    /// Its ticket, where it has one.
    pub ticket: Option<Ticket>,
    /// What there is to say.
    pub what: String,
}

/// What the first reading found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Where the rows stand.
    pub counts: Counts,
    /// All rows.
    pub rows: u64,
    /// Rows with nothing in any mapped column; counted as skipped.
    pub blank: u64,
    /// Rows exactly like an earlier one: each is a job of its own.
    pub duplicates: u64,
    /// Rows that this run would send.
    pub to_do: u64,
    /// The invalid rows, as many as were asked for.
    pub invalid: Vec<RowNote>,
    /// The rows in doubt, as many as were asked for.
    pub in_doubt: Vec<RowNote>,
    /// The first jobs to do, as many as were asked for.
    pub next: Vec<Job>,
}

/// How many rows of each kind a survey names.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// Rows that are invalid or in doubt.
    pub notes: usize,
    /// Jobs to do.
    pub jobs: usize,
}

/// Reads the whole input and enters every row into `standings`.
///
/// # Errors
///
/// When the input as a whole cannot be read; a row that is no good is counted as invalid.
pub fn survey<R: Read>(
    rows: &mut Rows<R>,
    ask: &Ask,
    named: Named,
    standings: &mut KeyMap<Standing>,
) -> Result<Survey, InputError> {
    let mut survey = Survey::default();
    let mut occurrences = Occurrences::default();
    let mut meet = |first: Key| {
        let key = occurrences.key(first, standings, Pass::First);
        let standing = standings.entry(key).or_insert(Standing::NEW);
        standing.meet(Pass::First);
        (key, standing.outcome())
    };
    while let Some(row) = rows.next()? {
        survey.rows += 1;
        let position = row.position;
        match row.content {
            Content::Blank => {
                survey.blank += 1;
                survey.counts.skipped += 1;
            }
            Content::Invalid { reason, key } => {
                meet(key);
                survey.counts.invalid += 1;
                if survey.invalid.len() < named.notes {
                    survey.invalid.push(RowNote { position, ticket: None, what: reason.to_string() });
                }
            }
            Content::Note { ticket, text } => {
                let (key, stands) = meet(Key::of_job(&ask.target, ticket, &text));
                *survey.counts.of_mut(stands) += 1;
                if stands == Outcome::InDoubt && survey.in_doubt.len() < named.notes {
                    let what = "it may or may not have been created".to_owned();
                    survey.in_doubt.push(RowNote { position, ticket: Some(ticket), what });
                }
                if ask.is_to_do(stands) {
                    survey.to_do += 1;
                    if survey.next.len() < named.jobs {
                        survey.next.push(Job { position, key, ticket, text });
                    }
                }
            }
        }
    }
    survey.to_do = survey.to_do.min(ask.first.unwrap_or(u64::MAX));
    survey.duplicates = occurrences.duplicates();
    Ok(survey)
}
