//! The first reading: everything is counted, nothing is sent.

use std::io::Read;

use super::identity::Occurrences;
use super::profile::Profile;
use super::scan::{Scan, Scanned, Scanning};
use super::setting_aside::{HELD, fault, hold, set_aside, why};
use super::start::Start;
use crate::input::{Content, InputError, Row, Rows};
use crate::job::{Identity, Job, KeyMap, Position, Ticket, TicketSet};
use crate::ledger::{Pass, Standing};
use crate::outcome::{Counts, Outcome};
use crate::settings::{InDoubt, OnChanged, OnDuplicate, OnKnown};

/// What is asked of a reading.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// What the notes have in common.
    pub identity: Identity,
    /// What to do with rows that are in doubt.
    pub in_doubt: InDoubt,
    /// Post only so many rows, then end.
    pub first: Option<u64>,
    /// What to do with a row that seems to be an edit of one that was posted.
    pub changed: OnChanged,
    /// What to do with rows that another ledger knows.
    pub known: OnKnown,
    /// What to do with rows exactly like an earlier one.
    pub duplicates: OnDuplicate,
}

/// What the ledger says that bears on rows it does not know.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Tickets with a posted or doubtful job that vanished from the input.
    pub changed: TicketSet,
    /// What a job is that the ledger does not know: new, or perhaps sent by a record that was lost.
    pub unknown: Standing,
    /// A run may have posted jobs that no column named: a row with a name may be one of them.
    pub unnamed: bool,
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
    /// The first of them, as many as were asked for.
    pub blanks: Vec<Position>,
    /// Rows exactly like an earlier one. Where a column names the jobs there are none.
    pub duplicates: u64,
    /// Rows with the name of an earlier one, where a column names the jobs.
    pub same_names: u64,
    /// The first of them.
    pub first_same_name: Option<RowNote>,
    /// Rows that are to be sent; this run may have been asked for fewer.
    pub to_do: u64,
    /// The invalid rows, as many as were asked for.
    pub invalid: Vec<RowNote>,
    /// Rows like an earlier one, as many as were asked for.
    pub repeats: Vec<RowNote>,
    /// The rows in doubt, as many as were asked for.
    pub in_doubt: Vec<RowNote>,
    /// Rows that are held, as many as were asked for.
    pub held: Vec<RowNote>,
    /// The first jobs to do, as many as were asked for.
    pub next: Vec<Job>,
    /// What else there is to tell of the input.
    pub profile: Profile,
    /// Where the second reading begins.
    pub(super) start: Start,
}

/// How many rows of each kind a survey names.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// Rows that are blank, invalid, in doubt or held.
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
    past: &Past,
    named: Named,
    standings: &mut KeyMap<Standing>,
) -> Result<Survey, InputError> {
    let mut scan = Scan::new(rows);
    let can_skip = scan.can_skip();
    survey_scanned(Scanning { next: &mut || scan.next(), can_skip }, ask, past, named, standings)
}

/// The same with what a [`Scan`] of the rows gives.
pub(crate) fn survey_scanned(
    scanning: Scanning<'_>,
    ask: &Ask,
    past: &Past,
    named: Named,
    standings: &mut KeyMap<Standing>,
) -> Result<Survey, InputError> {
    let Scanning { next, can_skip } = scanning;
    let mut survey = Survey::default();
    let mut occurrences = Occurrences::new(ask.identity.clone(), past.unknown, Pass::First);
    let mut start = if can_skip { None } else { Some(Start::First) };
    loop {
        let Row { position, content } = match next()? {
            Scanned::Row(row) => row,
            Scanned::End(tickets) => {
                survey.profile.tickets = tickets;
                break;
            }
        };
        survey.rows += 1;
        let Some((met, standing)) = occurrences.enter(&content, standings) else {
            survey.blank += 1;
            survey.counts.skipped += 1;
            if survey.blanks.len() < named.notes {
                survey.blanks.push(position);
            }
            continue;
        };
        let ticket = match &content {
            Content::Note { ticket, .. } => Some(ticket),
            _ => None,
        };
        set_aside(&content, met, ask, standing);
        if let Content::Note { ticket, name, .. } = &content {
            // An edit of a job that was named has its name, and is the same job.
            let may_be_edit = name.is_none() || past.unnamed;
            hold(standing, may_be_edit && ask.changed == OnChanged::Hold && past.changed.contains(ticket));
        }
        let stands = standing.outcome();
        *survey.counts.of_mut(stands) += 1;
        if start.is_none() {
            if ask.is_to_do(stands) || standing.is_unrecorded() {
                start = Some(Start::at(position, survey.blank, &occurrences, met));
            } else {
                standing.pass_over();
            }
        }
        let note = |notes: &mut Vec<RowNote>, what: &dyn Fn() -> String| {
            if notes.len() < named.notes {
                notes.push(RowNote { position, ticket: ticket.cloned(), what: what() });
            }
        };
        if let Content::Note { text, .. } = &content {
            survey.profile.meet_text(text.len(), position);
        }
        if stands == Outcome::Invalid
            && let Some(fault) = fault(&content)
        {
            survey.profile.meet_fault(&fault, position);
        }
        match stands {
            Outcome::Invalid => note(&mut survey.invalid, &|| why(&content, met, stands)),
            Outcome::InDoubt => note(&mut survey.in_doubt, &|| "it may or may not have been created".to_owned()),
            Outcome::Held => note(&mut survey.held, &|| HELD.to_owned()),
            _ => {}
        }
        if met.again
            && let Content::Note { name: Some(_), .. } = &content
        {
            survey.same_names += 1;
            let what = || why(&content, met, Outcome::Invalid);
            survey.first_same_name.get_or_insert_with(|| RowNote { position, ticket: ticket.cloned(), what: what() });
        }
        if met.again && matches!(content, Content::Note { name: None, .. }) {
            survey.duplicates += 1;
            note(&mut survey.repeats, &|| "exactly like an earlier row".to_owned());
        }
        if let Content::Note { ticket, text, .. } = content
            && ask.is_to_do(stands)
        {
            survey.to_do += 1;
            if survey.next.len() < named.jobs {
                survey.next.push(Job { position, key: met.key, ticket, text });
            }
        }
    }
    survey.start = start.unwrap_or(Start::Nowhere);
    Ok(survey)
}
