//! Reads an input: counts everything and returns the records of the job file. Sends nothing.

use super::exclusion::{HELD, defect, exclude_unsendable};
use super::identity::{Occurrence, Occurrences};
use super::job_file::{JobRecord, UnusableRow};
use super::profile::Profile;
use super::row::{Content, Row};
use crate::job::{Identity, Job, KeyMap, Position, Ticket};
use crate::ledger::JobState;
use crate::outcome::{Counts, Outcome};
use crate::settings::{InDoubt, OnChanged, OnDuplicate, OnKnown};

/// The settings of a read pass.
#[derive(Debug, Clone, Default)]
pub struct ReadPolicy {
    /// The common part of the notes' identity.
    pub identity: Identity,
    /// What to do with rows that are in doubt.
    pub in_doubt: InDoubt,
    /// Post only this many rows, then end.
    pub first: Option<u64>,
    /// What to do with a row that may be an edit of a posted one.
    pub changed: OnChanged,
    /// What to do with rows that another ledger knows.
    pub known: OnKnown,
    /// What to do with rows that are identical to an earlier one.
    pub duplicates: OnDuplicate,
}

impl ReadPolicy {
    /// Whether a row in state `outcome` is sent.
    pub fn is_to_do(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Pending | Outcome::Failed => true,
            Outcome::InDoubt => self.in_doubt == InDoubt::Retry,
            _ => false,
        }
    }

    /// Whether rows may be held as edits of posted ones. If a column names the jobs (`named`), an edited row
    /// has its job's name and is the same job, so nothing is held, unless the ledger may have jobs that no
    /// column named (`unnamed`).
    pub fn holds_edits(&self, named: bool, unnamed: bool) -> bool {
        self.changed == OnChanged::Hold && (!named || unnamed)
    }

    /// Whether this run sends a job in this state.
    pub fn sends(&self, job_state: &JobState) -> bool {
        !job_state.is_left_out() && self.is_to_do(job_state.outcome())
    }
}

/// A message about one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowNote {
    /// Its position in the input.
    pub position: Position,
    /// Its ticket, if it has one.
    pub ticket: Option<Ticket>,
    /// The message.
    pub what: String,
}

/// The result of the first read pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSummary {
    /// The number of rows in each state.
    pub counts: Counts,
    /// The total number of rows.
    pub rows: u64,
    /// Rows with only blanks in every mapped column; counted as skipped.
    pub blank: u64,
    /// The first blank rows, as many as requested.
    pub blanks: Vec<Position>,
    /// Rows identical to an earlier one. Zero if a column names the jobs.
    pub duplicates: u64,
    /// Rows with the name of an earlier one, if a column names the jobs.
    pub same_names: u64,
    /// The first row with the name of an earlier one.
    pub first_same_name: Option<RowNote>,
    /// Rows to send; this run may have been limited to fewer.
    pub to_do: u64,
    /// The first invalid rows, as many as requested.
    pub invalid: Vec<RowNote>,
    /// The first rows identical to an earlier one, as many as requested.
    pub repeats: Vec<RowNote>,
    /// The first rows in doubt, as many as requested.
    pub in_doubt: Vec<RowNote>,
    /// The first held rows, as many as requested.
    pub held: Vec<RowNote>,
    /// The first jobs to send, as many as requested.
    pub next: Vec<Job>,
    /// Further statistics of the input.
    pub profile: Profile,
}

/// How many rows of each kind a read summary lists.
#[derive(Debug, Clone, Copy)]
pub struct SampleSizes {
    /// Rows that are blank, invalid, in doubt or held.
    pub notes: usize,
    /// Jobs to send.
    pub jobs: usize,
}

/// Plans what happens to each row of an input, one by one.
#[derive(Debug)]
pub struct Planner<'a> {
    policy: &'a ReadPolicy,
    named: SampleSizes,
    job_states: &'a mut KeyMap<JobState>,
    occurrences: Occurrences,
    read_summary: ReadSummary,
}

impl<'a> Planner<'a> {
    /// Creates a planner for an input, before its first row. `job_states` are the jobs that the ledger knows,
    /// `unknown` is the state of a job that it does not know.
    pub fn new(
        policy: &'a ReadPolicy,
        unknown: JobState,
        named: SampleSizes,
        job_states: &'a mut KeyMap<JobState>,
    ) -> Self {
        let occurrences = Occurrences::new(policy.identity.clone(), unknown);
        Self { policy, named, job_states, occurrences, read_summary: ReadSummary::default() }
    }

    /// Enters the next row. Returns its record for the job file, if it may be sent or is an excluded row that
    /// the ledger does not have yet.
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

    /// The result after the last row.
    pub fn end(self) -> ReadSummary {
        self.read_summary
    }
}

impl ReadSummary {
    /// Counts a row, and lists it if requested.
    fn meet(&mut self, content: &Content, position: Position, again: bool, outcome: Outcome, named: SampleSizes) {
        *self.counts.of_mut(outcome) += 1;
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
        match outcome {
            Outcome::Invalid => {
                if let Some(defect) = &defect {
                    self.profile.add_defect(defect, position);
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
                note(&mut self.repeats, &|| "identical to an earlier row".to_owned());
            }
            _ => {}
        }
    }
}

/// A row's record in the job file; `None` if no action is needed for it.
pub(super) fn record_of(
    content: Content,
    position: Position,
    met: Occurrence,
    job_state: JobState,
    policy: &ReadPolicy,
) -> Option<JobRecord> {
    let outcome = job_state.outcome();
    if outcome == Outcome::Invalid {
        if !job_state.is_unrecorded() {
            return None;
        }
        let why = defect(&content, met.again).map(|defect| defect.into_owned().what).unwrap_or_default();
        let ticket = if let Content::Note { ticket, .. } = content { Some(ticket) } else { None };
        return Some(JobRecord::Unusable(UnusableRow { position, key: met.key, ticket, why }));
    }
    let Content::Note { ticket, text, fields, .. } = content else { return None };
    if policy.is_to_do(outcome) || outcome == Outcome::Held || job_state.is_unrecorded() {
        let job = Job { position, key: met.key, content: met.content, ticket, text, fields };
        return Some(JobRecord::Job { job, again: met.again });
    }
    met.content.map(JobRecord::Done)
}
