//! The first reading: everything is counted, nothing is sent.

use std::collections::HashSet;
use std::io::Read;

use super::identity::Occurrences;
use crate::input::{Content, InputError, Rows};
use crate::job::{Job, Key, KeyMap, Position, Ticket};
use crate::ledger::{Pass, Standing};
use crate::outcome::{Counts, Outcome};
use crate::settings::{InDoubt, OnChanged, OnKnown};

/// What is asked of a reading.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// What the notes are posted to, as the ledger names it.
    pub target: String,
    /// What to do with rows that are in doubt.
    pub in_doubt: InDoubt,
    /// Post only so many rows, then end.
    pub first: Option<u64>,
    /// What to do with a row that seems to be an edit of one that was posted.
    pub changed: OnChanged,
    /// What to do with rows that another ledger knows.
    pub known: OnKnown,
}

/// What the ledger says that bears on rows it does not know.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Tickets with a posted or doubtful job that vanished from the input.
    pub changed: HashSet<Ticket>,
    /// What a job is that the ledger does not know: new, or perhaps sent by a record that was lost.
    pub unknown: Standing,
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
    /// Rows that are to be sent; this run may have been asked for fewer.
    pub to_do: u64,
    /// The invalid rows, as many as were asked for.
    pub invalid: Vec<RowNote>,
    /// The rows in doubt, as many as were asked for.
    pub in_doubt: Vec<RowNote>,
    /// Rows that are held, as many as were asked for.
    pub held: Vec<RowNote>,
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

/// Why a row is held.
pub(super) const HELD: &str =
    "another note on its ticket was posted, or may have been, and is no longer in the input: this may be an edit of it";

/// Why a row stands where this run has set it.
pub(super) fn why_aside(stands: Outcome) -> &'static str {
    match stands {
        Outcome::Held => HELD,
        Outcome::Pending => "nothing speaks for holding it any more",
        Outcome::InDoubt => "records of this ledger were lost, and it may have been sent by one of them",
        _ => "another ledger of the same target has it as posted or in doubt",
    }
}

/// Holds a row that may be an edit of one that was posted, and takes one up again that no longer is.
fn hold(standing: &mut Standing, changed: bool) {
    match standing.outcome() {
        Outcome::Held if !changed => standing.take_up_again(),
        // A job that was attempted before is no edit, and what a person released is theirs to answer for.
        Outcome::Pending if changed && standing.attempts() == 0 && !standing.is_released() => {
            standing.hold_now();
        }
        _ => {}
    }
}

/// Reads the whole input and enters every row into `standings`.
///
/// # Errors
///
/// When the input as a whole cannot be read; a row that is no good is counted as invalid.
pub fn survey<R: Read>(
    rows: &mut Rows<R>,
    ask: &Ask,
    past: &Past,
    named: Named,
    standings: &mut KeyMap<Standing>,
) -> Result<Survey, InputError> {
    let mut survey = Survey::default();
    let mut occurrences = Occurrences::default();
    let mut meet = |first: Key, unknown: Standing, decide: &dyn Fn(&mut Standing)| {
        let key = occurrences.key(first, standings, Pass::First);
        let standing = standings.entry(key).or_insert(unknown);
        standing.meet(Pass::First);
        decide(standing);
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
                let (_, stands) = meet(key, Standing::NEW, &|standing| {
                    // A person may have waived it.
                    if standing.outcome() == Outcome::Pending {
                        standing.set_aside_now(Outcome::Invalid);
                    }
                });
                *survey.counts.of_mut(stands) += 1;
                if stands == Outcome::Invalid && survey.invalid.len() < named.notes {
                    survey.invalid.push(RowNote { position, ticket: None, what: reason.to_string() });
                }
            }
            Content::Note { ticket, text } => {
                let changed = ask.changed == OnChanged::Hold && past.changed.contains(&ticket);
                let first = Key::of_job(&ask.target, ticket, &text);
                let (key, stands) = meet(first, past.unknown, &|standing| hold(standing, changed));
                *survey.counts.of_mut(stands) += 1;
                let notes = match stands {
                    Outcome::InDoubt => Some((&mut survey.in_doubt, "it may or may not have been created")),
                    Outcome::Held => Some((&mut survey.held, HELD)),
                    _ => None,
                };
                if let Some((notes, what)) = notes.filter(|(notes, _)| notes.len() < named.notes) {
                    notes.push(RowNote { position, ticket: Some(ticket), what: what.to_owned() });
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
    survey.duplicates = occurrences.duplicates();
    Ok(survey)
}
