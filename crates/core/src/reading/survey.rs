//! The reading: everything is counted, what may be sent goes into the job file, nothing is sent.

use std::io::{Read, Write};

use super::identity::{Met, Occurrences};
use super::job_file::{Excluded, JobFileError, JobFileWriter, JobRecord};
use super::profile::Profile;
use super::scan::Scan;
use super::setting_aside::{HELD, fault, set_aside};
use crate::input::{Content, InputError, Row, Rows};
use crate::job::{Identity, Job, KeyMap, Position, Ticket};
use crate::ledger::Standing;
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

impl Ask {
    /// Whether a row that stands so is to be sent.
    pub fn is_to_do(&self, stands: Outcome) -> bool {
        match stands {
            Outcome::Pending | Outcome::Failed => true,
            Outcome::InDoubt => self.in_doubt == InDoubt::Retry,
            _ => false,
        }
    }

    /// Whether a row may be held as the edit of one that was posted. `named` says that a column names the jobs: an edit has
    /// its job's name then, and is the same job, unless the ledger may know jobs `unnamed` by any column.
    pub fn holds_edits(&self, named: bool, unnamed: bool) -> bool {
        self.changed == OnChanged::Hold && (!named || unnamed)
    }

    /// Whether this run sends a job that stands so.
    pub(crate) fn sends(&self, standing: &Standing) -> bool {
        !standing.is_left_out() && self.is_to_do(standing.outcome())
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
}

/// How many rows of each kind a survey names.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// Rows that are blank, invalid, in doubt or held.
    pub notes: usize,
    /// Jobs to do.
    pub jobs: usize,
}

/// Why an input could not be read into a job file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurveyError {
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The job file cannot be written.
    #[error(transparent)]
    JobFile(#[from] JobFileError),
}

/// Reads the whole input, enters every row into `standings`, and writes what may be sent, and what is not sent and the
/// ledger does not say yet, to `jobs`. `unknown` is what a job is that the ledger does not know.
///
/// # Errors
///
/// When the input as a whole cannot be read, or the job file not be written; a row that is no good is counted as invalid.
pub fn survey<R: Read, W: Write>(
    rows: &mut Rows<R>,
    ask: &Ask,
    unknown: Standing,
    named: Named,
    standings: &mut KeyMap<Standing>,
    jobs: &mut JobFileWriter<W>,
) -> Result<Survey, SurveyError> {
    let mut scan = Scan::new(rows);
    let mut survey = survey_scanned(&mut || scan.next(), ask, unknown, named, standings, jobs)?;
    survey.profile.tickets = scan.tickets();
    Ok(survey)
}

/// The same with what a [`Scan`] of the rows gives, but for what it knows of the tickets in the end.
pub(crate) fn survey_scanned<W: Write>(
    next: &mut dyn FnMut() -> Result<Option<Row>, InputError>,
    ask: &Ask,
    unknown: Standing,
    named: Named,
    standings: &mut KeyMap<Standing>,
    jobs: &mut JobFileWriter<W>,
) -> Result<Survey, SurveyError> {
    let mut survey = Survey::default();
    let mut occurrences = Occurrences::new(ask.identity.clone(), unknown);
    while let Some(Row { position, content }) = next()? {
        survey.rows += 1;
        let Some((met, standing)) = occurrences.enter(&content, standings) else {
            survey.blank += 1;
            survey.counts.skipped += 1;
            if survey.blanks.len() < named.notes {
                survey.blanks.push(position);
            }
            continue;
        };
        set_aside(&content, met, ask, standing);
        let standing = *standing;
        survey.meet(&content, position, met.again, standing.outcome(), named);
        let Some(record) = record_of(content, position, met, standing, ask) else { continue };
        jobs.add(&record)?;
        if let JobRecord::Job { job, .. } = record
            && ask.is_to_do(standing.outcome())
        {
            survey.to_do += 1;
            if survey.next.len() < named.jobs {
                survey.next.push(job);
            }
        }
    }
    Ok(survey)
}

impl Survey {
    /// Counts a row, and names it where it is to be named.
    fn meet(&mut self, content: &Content, position: Position, again: bool, stands: Outcome, named: Named) {
        *self.counts.of_mut(stands) += 1;
        let ticket = match content {
            Content::Note { ticket, .. } => Some(ticket),
            _ => None,
        };
        let row_note = |what: String| RowNote { position, ticket: ticket.cloned(), what };
        let note = |notes: &mut Vec<RowNote>, what: &dyn Fn() -> String| {
            if notes.len() < named.notes {
                notes.push(row_note(what()));
            }
        };
        if let Content::Note { text, .. } = content {
            self.profile.meet_text(text.len(), position);
        }
        let fault = fault(content, again);
        match stands {
            Outcome::Invalid => {
                if let Some(fault) = &fault {
                    self.profile.meet_fault(fault, position);
                }
                note(&mut self.invalid, &|| fault.as_ref().map(ToString::to_string).unwrap_or_default());
            }
            Outcome::InDoubt => note(&mut self.in_doubt, &|| "it may or may not have been created".to_owned()),
            Outcome::Held => note(&mut self.held, &|| HELD.to_owned()),
            _ => {}
        }
        match content {
            Content::Note { name: Some(_), .. } if again => {
                self.same_names += 1;
                let what = || fault.map(|fault| fault.to_string()).unwrap_or_default();
                self.first_same_name.get_or_insert_with(|| row_note(what()));
            }
            Content::Note { name: None, .. } if again => {
                self.duplicates += 1;
                note(&mut self.repeats, &|| "exactly like an earlier row".to_owned());
            }
            _ => {}
        }
    }
}

/// What the job file has of a row, or nothing if there is nothing to do with it.
pub(super) fn record_of(
    content: Content,
    position: Position,
    met: Met,
    standing: Standing,
    ask: &Ask,
) -> Option<JobRecord> {
    let stands = standing.outcome();
    if stands == Outcome::Invalid {
        if !standing.is_unrecorded() {
            return None;
        }
        let why = fault(&content, met.again).map(|fault| fault.to_string()).unwrap_or_default();
        let ticket = if let Content::Note { ticket, .. } = content { Some(ticket) } else { None };
        return Some(JobRecord::Excluded(Excluded { position, key: met.key, ticket, why }));
    }
    let Content::Note { ticket, text, fields, .. } = content else { return None };
    if ask.is_to_do(stands) || stands == Outcome::Held || standing.is_unrecorded() {
        let job = Job { position, key: met.key, content: met.content, ticket, text, fields };
        return Some(JobRecord::Job { job, again: met.again });
    }
    met.content.map(JobRecord::Done)
}
