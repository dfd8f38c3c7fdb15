//! The reading: everything is counted, what may be sent goes into the job file, nothing is sent.

use super::exclusion::{HELD, defect, exclude_unsendable};
use super::identity::{Occurrence, Occurrences};
use super::job_file::{JobRecord, UnusableRow};
use super::profile::Profile;
use super::row::{Content, Row};
use crate::job::{Identity, Job, KeyMap, Position, Ticket};
use crate::ledger::JobState;
use crate::outcome::{Counts, Outcome};
use crate::settings::{InDoubt, OnChanged, OnDuplicate, OnKnown};

/// What is asked of a reading.
#[derive(Debug, Clone, Default)]
pub struct ReadPolicy {
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

impl ReadPolicy {
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
    pub fn sends(&self, job_state: &JobState) -> bool {
        !job_state.is_left_out() && self.is_to_do(job_state.outcome())
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
pub struct ReadSummary {
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
pub struct SampleSizes {
    /// Rows that are blank, invalid, in doubt or held.
    pub notes: usize,
    /// Jobs to do.
    pub jobs: usize,
}

/// Plans what becomes of each row of an input, which are given one after the other.
#[derive(Debug)]
pub struct Planner<'a> {
    policy: &'a ReadPolicy,
    named: SampleSizes,
    job_states: &'a mut KeyMap<JobState>,
    occurrences: Occurrences,
    read_summary: ReadSummary,
}

impl<'a> Planner<'a> {
    /// For an input of which no row was met yet. `job_states` are the jobs that the ledger knows, `unknown` is what a job is
    /// that it does not know.
    pub fn new(
        policy: &'a ReadPolicy,
        unknown: JobState,
        named: SampleSizes,
        job_states: &'a mut KeyMap<JobState>,
    ) -> Self {
        let occurrences = Occurrences::new(policy.identity.clone(), unknown);
        Self { policy, named, job_states, occurrences, read_summary: ReadSummary::default() }
    }

    /// Enters the next row. What the job file has of it: what may be sent, and what is not sent and the ledger does not say
    /// yet.
    pub fn enter(&mut self, Row { position, content }: Row) -> Option<JobRecord> {
        let Self { policy, named, read_summary, .. } = self;
        read_summary.rows += 1;
        let Some((met, job_state)) = self.occurrences.enter(&content, self.job_states) else {
            read_summary.blank += 1;
            read_summary.counts.skipped += 1;
            if read_summary.blanks.len() < named.notes {
                read_summary.blanks.push(position);
            }
            return None;
        };
        exclude_unsendable(&content, met, policy, job_state);
        let job_state = *job_state;
        read_summary.meet(&content, position, met.again, job_state.outcome(), *named);
        let record = record_of(content, position, met, job_state, policy)?;
        if let JobRecord::Job { job, .. } = &record
            && policy.is_to_do(job_state.outcome())
        {
            read_summary.to_do += 1;
            if read_summary.next.len() < named.jobs {
                read_summary.next.push(job.clone());
            }
        }
        Some(record)
    }

    /// What was found, when there are no more rows.
    pub fn end(self) -> ReadSummary {
        self.read_summary
    }
}

impl ReadSummary {
    /// Counts a row, and names it where it is to be named.
    fn meet(&mut self, content: &Content, position: Position, again: bool, stands: Outcome, named: SampleSizes) {
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
        let defect = defect(content, again);
        match stands {
            Outcome::Invalid => {
                if let Some(defect) = &defect {
                    self.profile.meet_defect(defect, position);
                }
                note(&mut self.invalid, &|| defect.as_ref().map(|defect| defect.what.clone()).unwrap_or_default());
            }
            Outcome::InDoubt => note(&mut self.in_doubt, &|| "it may or may not have been created".to_owned()),
            Outcome::Held => note(&mut self.held, &|| HELD.to_owned()),
            _ => {}
        }
        match content {
            Content::Note { name: Some(_), .. } if again => {
                self.same_names += 1;
                let what = || defect.map(|defect| defect.what.clone()).unwrap_or_default();
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
    met: Occurrence,
    job_state: JobState,
    policy: &ReadPolicy,
) -> Option<JobRecord> {
    let stands = job_state.outcome();
    if stands == Outcome::Invalid {
        if !job_state.is_unrecorded() {
            return None;
        }
        let why = defect(&content, met.again).map(|defect| defect.into_owned().what).unwrap_or_default();
        let ticket = if let Content::Note { ticket, .. } = content { Some(ticket) } else { None };
        return Some(JobRecord::Unusable(UnusableRow { position, key: met.key, ticket, why }));
    }
    let Content::Note { ticket, text, fields, .. } = content else { return None };
    if policy.is_to_do(stands) || stands == Outcome::Held || job_state.is_unrecorded() {
        let job = Job { position, key: met.key, content: met.content, ticket, text, fields };
        return Some(JobRecord::Job { job, again: met.again });
    }
    met.content.map(JobRecord::Done)
}
