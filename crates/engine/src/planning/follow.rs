//! An endless stream: its rows are posted as they arrive, each looked up on arrival.

use super::exclusion::{exclude_unsendable, excluded_row};
use super::identity::{Occurrences, presence_changes};
use super::job_file::JobRecord;
use super::planner::{ReadPolicy, record_of};
use super::row::Row;
use crate::engine::{Event, PendingJob};
use crate::job::{Key, KeyMap};
use crate::ledger::{JobState, Reading, Record};
use crate::outcome::Outcome;

/// Plans the rows of a stream. See the [module](super).
#[derive(Debug)]
pub struct Follow {
    policy: ReadPolicy,
    job_states: KeyMap<JobState>,
    occurrences: Occurrences,
    /// How often each content occurred, if a column names the jobs.
    contents: KeyMap<u32>,
    read: u64,
    blank: u64,
    offered: u64,
}

impl Follow {
    /// Plans a stream whose rows have `job_states` in the ledger of an earlier run. `unknown` is the state of
    /// a job that the ledger does not know.
    pub fn new(policy: ReadPolicy, unknown: JobState, job_states: KeyMap<JobState>) -> Self {
        let occurrences = Occurrences::new(policy.identity.clone(), unknown);
        Self { policy, job_states, occurrences, contents: KeyMap::default(), read: 0, blank: 0, offered: 0 }
    }

    /// The engine's event for the next row.
    pub fn enter(&mut self, Row { position, content }: Row) -> Event {
        self.read += 1;
        let Some((met, job_state)) = self.occurrences.enter(&content, &mut self.job_states) else {
            self.blank += 1;
            return Event::Passed(Outcome::Skipped);
        };
        exclude_unsendable(&content, met, &self.policy, job_state);
        let job_state = *job_state;
        let outcome = job_state.outcome();
        let (mut job, again) = match record_of(content, position, met, job_state, &self.policy) {
            Some(JobRecord::Job { job, again }) => (job, again),
            Some(JobRecord::Unusable(row)) => return Event::Excluded(row.into_excluded(outcome)),
            Some(JobRecord::Done(content)) => {
                self.occurrence(content);
                return Event::Passed(outcome);
            }
            None => return Event::Passed(outcome),
        };
        job.content = job.content.map(|content| self.occurrence(content));
        if !self.policy.is_to_do(outcome) {
            let excluded = || Event::Excluded(excluded_row(job, again, outcome));
            return if job_state.is_unrecorded() { excluded() } else { Event::Passed(outcome) };
        }
        if self.policy.first.is_some_and(|first| self.offered >= first) {
            return Event::InputTruncated;
        }
        self.offered += 1;
        Event::Job(PendingJob { job, outcome, attempts: job_state.attempts() })
    }

    /// The event for a pending row that another ledger knows.
    pub fn leave_out(&mut self, pending_job: PendingJob) -> Event {
        self.offered -= 1;
        match pending_job.outcome {
            // Only `posted` ends a doubt.
            Outcome::InDoubt => Event::Passed(Outcome::InDoubt),
            _ => Event::Excluded(excluded_row(pending_job.job, false, Outcome::Skipped)),
        }
    }

    fn occurrence(&mut self, content: Key) -> Key {
        let met = self.contents.entry(content).or_insert(0);
        *met += 1;
        content.occurrence(*met - 1)
    }

    /// The event at the stream's end. `fingerprint` is the hash of all that was read.
    pub fn end(&self, fingerprint: String) -> Event {
        let read = Record::Read(Reading { rows: self.read, blank: self.blank, fingerprint });
        Event::InputEnded(std::iter::once(read).chain(presence_changes(&self.job_states)).collect())
    }
}
