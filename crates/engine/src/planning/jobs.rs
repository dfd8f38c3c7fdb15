//! Evaluates a job file: the decisions that need the whole input, and the jobs to post.

use std::io::Read;

use super::exclusion::{HELD, excluded_row, hold, skips_repeat};
use super::job_file::{JobFileError, JobFileReader, JobRecord};
use super::planner::{ReadPolicy, ReadSummary, RowNote};
use crate::engine::{Event, PendingJob};
use crate::job::{Job, Key, KeyMap, TicketSet};
use crate::ledger::{ExcludedRow, JobState};
use crate::outcome::Outcome;

/// The records of a job file, in the input's order.
#[derive(Debug)]
pub struct Jobs<R> {
    reader: JobFileReader<R>,
    /// How often each content shared by several named rows has occurred so far.
    repeated: KeyMap<u32>,
}

impl<R: Read> Jobs<R> {
    /// Reads the rows of `reader`. `repeated` are the contents that [several named rows](repeated_contents)
    /// share.
    pub fn new(reader: JobFileReader<R>, repeated: &[Key]) -> Self {
        Self { reader, repeated: repeated.iter().map(|key| (*key, 0)).collect() }
    }

    /// The next record. Identical notes get different content keys.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or differs from what was written.
    #[expect(clippy::should_implement_trait, reason = "an error ends the run, so it is `?` on each call, not an item")]
    pub fn next(&mut self) -> Result<Option<JobRecord>, JobFileError> {
        let mut record = self.reader.next()?;
        if let Some(JobRecord::Done(content) | JobRecord::Job { job: Job { content: Some(content), .. }, .. }) =
            &mut record
        {
            *content = self.occurrence(*content);
        }
        Ok(record)
    }

    /// The next note that this run sends, according to `job_states`.
    fn next_to_send(
        &mut self,
        policy: &ReadPolicy,
        job_states: &KeyMap<JobState>,
    ) -> Result<Option<(Job, JobState)>, JobFileError> {
        while let Some(record) = self.next()? {
            if let JobRecord::Job { job, .. } = record
                && let Some(job_state) = job_states.get(&job.key).filter(|job_state| policy.sends(job_state))
            {
                return Ok(Some((job, *job_state)));
            }
        }
        Ok(None)
    }

    fn occurrence(&mut self, content: Key) -> Key {
        let Some(met) = self.repeated.get_mut(&content) else { return content };
        *met += 1;
        content.occurrence(*met - 1)
    }
}

/// The contents that several named rows of a job file share. Empty if no column names the jobs.
///
/// Uses 16 bytes of memory per record.
///
/// # Errors
///
/// If the file cannot be read, or differs from what was written.
pub fn repeated_contents<R: Read>(mut reader: JobFileReader<R>) -> Result<Vec<Key>, JobFileError> {
    let mut contents = Vec::with_capacity(reader.left());
    while let Some(record) = reader.next()? {
        match record {
            JobRecord::Done(content) => contents.push(content),
            JobRecord::Job { job, .. } => contents.extend(job.content),
            JobRecord::Unusable(_) => {}
        }
    }
    contents.sort_unstable();
    let mut repeated: Vec<Key> = contents.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    repeated.dedup();
    Ok(repeated)
}

/// Holds the rows on the tickets in `changed`, which may be edits of posted ones, and makes rows pending
/// again that can no longer be edits. Call it once it is known which posted jobs vanished from the input.
///
/// # Errors
///
/// If the job file cannot be read.
pub fn hold_edits<R: Read>(
    jobs: &mut Jobs<R>,
    policy: &ReadPolicy,
    changed: &TicketSet,
    named: usize,
    job_states: &mut KeyMap<JobState>,
    read_summary: &mut ReadSummary,
) -> Result<(), JobFileError> {
    read_summary.held.clear();
    while let Some(record) = jobs.next()? {
        let JobRecord::Job { job, again } = record else { continue };
        let Some(job_state) = job_states.get_mut(&job.key) else { continue };
        let from = job_state.outcome();
        hold(job_state, changed.contains(&job.ticket));
        if from == Outcome::Held && job_state.outcome() == Outcome::Pending && skips_repeat(policy, again, job.content)
        {
            job_state.exclude_now(Outcome::Skipped);
        }
        let to = job_state.outcome();
        read_summary.counts.move_one(from, to);
        read_summary.to_do = read_summary.to_do + u64::from(policy.is_to_do(to)) - u64::from(policy.is_to_do(from));
        if to == Outcome::Held && read_summary.held.len() < named {
            let note = RowNote { position: job.position, ticket: Some(job.ticket), what: HELD.to_owned() };
            read_summary.held.push(note);
        }
    }
    Ok(())
}

/// Skips the pending rows for which `is_known` is true, by the keys that other ledgers use for them. Returns
/// their number.
///
/// # Errors
///
/// If the job file cannot be read.
pub fn skip_known<R: Read>(
    jobs: &mut Jobs<R>,
    policy: &ReadPolicy,
    mut is_known: impl FnMut(&Job) -> bool,
    job_states: &mut KeyMap<JobState>,
    read_summary: &mut ReadSummary,
) -> Result<u64, JobFileError> {
    let mut skipped = 0;
    while let Some((job, mut job_state)) = jobs.next_to_send(policy, job_states)? {
        if is_known(&job) {
            let from = job_state.outcome();
            job_state.leave_out();
            read_summary.counts.move_one(from, job_state.outcome());
            read_summary.to_do -= 1;
            skipped += 1;
            job_states.insert(job.key, job_state);
        }
    }
    Ok(skipped)
}

/// Calls `each` with the rows to send, in order.
///
/// # Errors
///
/// If the job file cannot be read.
pub fn for_each_to_do<R: Read>(
    jobs: &mut Jobs<R>,
    policy: &ReadPolicy,
    job_states: &KeyMap<JobState>,
    mut each: impl FnMut(Job),
) -> Result<(), JobFileError> {
    for _ in 0..policy.first.unwrap_or(u64::MAX) {
        let Some((job, _)) = jobs.next_to_send(policy, job_states)? else { break };
        each(job);
    }
    Ok(())
}

/// The next row that this run excludes or has made pending again, and whose state is not in the ledger yet.
/// From now on the row counts as recorded; the caller must record it.
///
/// All of them are recorded before anything is sent. Otherwise a run that ends early would leave rows
/// unrecorded, and the next run would send those that another ledger has as posted.
///
/// # Errors
///
/// If the job file cannot be read.
pub fn next_excluded<R: Read>(
    jobs: &mut Jobs<R>,
    job_states: &mut KeyMap<JobState>,
) -> Result<Option<ExcludedRow>, JobFileError> {
    let mut unrecorded = |key| {
        let job_state = job_states.get_mut(&key).filter(|job_state| job_state.is_unrecorded())?;
        job_state.note_recorded();
        Some(job_state.outcome())
    };
    while let Some(record) = jobs.next()? {
        let excluded = match record {
            JobRecord::Job { job, again } => unrecorded(job.key).map(|outcome| excluded_row(job, again, outcome)),
            JobRecord::Unusable(row) => unrecorded(row.key).map(|outcome| row.into_excluded(outcome)),
            JobRecord::Done(_) => None,
        };
        if excluded.is_some() {
            return Ok(excluded);
        }
    }
    Ok(None)
}

/// Returns the pending jobs of a job file, after all decisions.
#[derive(Debug)]
pub struct PendingJobs<R> {
    jobs: Jobs<R>,
    policy: ReadPolicy,
    job_states: KeyMap<JobState>,
    offered: u64,
}

impl<R: Read> PendingJobs<R> {
    /// Returns the rows of `jobs` that are pending according to `job_states`.
    pub fn new(jobs: Jobs<R>, policy: ReadPolicy, job_states: KeyMap<JobState>) -> Self {
        Self { jobs, policy, job_states, offered: 0 }
    }

    /// The next pending row, as an [`Event::Job`], or the end: [`Event::InputTruncated`] if there are more
    /// rows than requested, else [`Event::InputEnded`].
    ///
    /// # Errors
    ///
    /// If the job file cannot be read, or differs from what was written.
    pub fn pull(&mut self) -> Result<Event, JobFileError> {
        let Some((job, job_state)) = self.jobs.next_to_send(&self.policy, &self.job_states)? else {
            return Ok(Event::InputEnded(Vec::new()));
        };
        if self.policy.first.is_some_and(|first| self.offered >= first) {
            return Ok(Event::InputTruncated);
        }
        self.offered += 1;
        Ok(Event::Job(PendingJob { job, outcome: job_state.outcome(), attempts: job_state.attempts() }))
    }
}
