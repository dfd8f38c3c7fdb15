//! What is made of a job file: all that is decided after the reading, and what posting is given.

use std::io::Read;

use super::job_file::{JobFileError, JobFileReader, JobRecord};
use super::setting_aside::{HELD, aside_of, hold, skips_repeat};
use super::survey::{Ask, RowNote, Survey};
use crate::engine::{Event, Offer};
use crate::job::{Job, Key, KeyMap, TicketSet};
use crate::ledger::{Aside, Standing};
use crate::outcome::Outcome;

/// The records of a job file, in the input's order.
#[derive(Debug)]
pub struct Jobs<R> {
    reader: JobFileReader<R>,
    /// How often a content was met that several named rows have.
    repeated: KeyMap<u32>,
}

impl<R: Read> Jobs<R> {
    /// The rows that `reader` gives. `repeated` are the contents that [several named rows](repeated_contents) have.
    pub fn new(reader: JobFileReader<R>, repeated: &[Key]) -> Self {
        Self { reader, repeated: repeated.iter().map(|key| (*key, 0)).collect() }
    }

    /// The next record. A note's content key is its own among notes exactly alike.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not what was written.
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

    /// The next note that this run sends by `standings`.
    fn next_to_send(
        &mut self,
        ask: &Ask,
        standings: &KeyMap<Standing>,
    ) -> Result<Option<(Job, Standing)>, JobFileError> {
        while let Some(record) = self.next()? {
            if let JobRecord::Job { job, .. } = record
                && let Some(standing) = standings.get(&job.key).filter(|standing| ask.sends(standing))
            {
                return Ok(Some((job, *standing)));
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

/// The contents that several named rows of a job file have; there are none where no column names the jobs.
///
/// Takes 16 bytes for each record while it looks.
///
/// # Errors
///
/// When the file cannot be read, or is not what was written.
pub fn repeated_contents<R: Read>(mut reader: JobFileReader<R>) -> Result<Vec<Key>, JobFileError> {
    let mut contents = Vec::with_capacity(reader.left());
    while let Some(record) = reader.next()? {
        match record {
            JobRecord::Done(content) => contents.push(content),
            JobRecord::Job { job, .. } => contents.extend(job.content),
            JobRecord::Excluded(_) => {}
        }
    }
    contents.sort_unstable();
    let mut repeated: Vec<Key> = contents.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    repeated.dedup();
    Ok(repeated)
}

/// Holds the rows on the tickets in `changed`, which may be edits of posted ones, and takes up again those that no longer
/// may: to be decided once it is known which posted jobs vanished from the input.
///
/// # Errors
///
/// When the job file cannot be read.
pub fn hold_edits<R: Read>(
    jobs: &mut Jobs<R>,
    ask: &Ask,
    changed: &TicketSet,
    named: usize,
    standings: &mut KeyMap<Standing>,
    survey: &mut Survey,
) -> Result<(), JobFileError> {
    survey.held.clear();
    while let Some(record) = jobs.next()? {
        let JobRecord::Job { job, again } = record else { continue };
        let Some(standing) = standings.get_mut(&job.key) else { continue };
        let from = standing.outcome();
        hold(standing, changed.contains(&job.ticket));
        if from == Outcome::Held && standing.outcome() == Outcome::Pending && skips_repeat(ask, again, job.content) {
            standing.set_aside_now(Outcome::Skipped);
        }
        let to = standing.outcome();
        survey.counts.move_one(from, to);
        survey.to_do = survey.to_do + u64::from(ask.is_to_do(to)) - u64::from(ask.is_to_do(from));
        if to == Outcome::Held && survey.held.len() < named {
            let note = RowNote { position: job.position, ticket: Some(job.ticket), what: HELD.to_owned() };
            survey.held.push(note);
        }
    }
    Ok(())
}

/// Leaves out the rows to do that `is_known` names, by the keys that other ledgers know them by. Returns how many.
///
/// # Errors
///
/// When the job file cannot be read.
pub fn skip_known<R: Read>(
    jobs: &mut Jobs<R>,
    ask: &Ask,
    mut is_known: impl FnMut(&Job) -> bool,
    standings: &mut KeyMap<Standing>,
    survey: &mut Survey,
) -> Result<u64, JobFileError> {
    let mut skipped = 0;
    while let Some((job, mut standing)) = jobs.next_to_send(ask, standings)? {
        if is_known(&job) {
            let from = standing.outcome();
            standing.leave_out();
            survey.counts.move_one(from, standing.outcome());
            survey.to_do -= 1;
            skipped += 1;
            standings.insert(job.key, standing);
        }
    }
    Ok(skipped)
}

/// Calls `each` with the rows that are to be sent, in order.
///
/// # Errors
///
/// When the job file cannot be read.
pub fn for_each_to_do<R: Read>(
    jobs: &mut Jobs<R>,
    ask: &Ask,
    standings: &KeyMap<Standing>,
    mut each: impl FnMut(Job),
) -> Result<(), JobFileError> {
    for _ in 0..ask.first.unwrap_or(u64::MAX) {
        let Some((job, _)) = jobs.next_to_send(ask, standings)? else { break };
        each(job);
    }
    Ok(())
}

/// The next row that this run does not send, or has taken up again, which the ledger does not say yet. From now on it
/// counts as recorded: the caller is to see to it.
///
/// All are recorded before anything is sent. A run that ends early would otherwise leave rows that it never came to
/// as if nothing were known of them: those that another ledger has as posted would be sent by the next run.
///
/// # Errors
///
/// When the job file cannot be read.
pub fn next_aside<R: Read>(
    jobs: &mut Jobs<R>,
    standings: &mut KeyMap<Standing>,
) -> Result<Option<Aside>, JobFileError> {
    let mut unrecorded = |key| {
        let standing = standings.get_mut(&key).filter(|standing| standing.is_unrecorded())?;
        standing.note_recorded();
        Some(standing.outcome())
    };
    while let Some(record) = jobs.next()? {
        let aside = match record {
            JobRecord::Job { job, again } => unrecorded(job.key).map(|stands| aside_of(job, again, stands)),
            JobRecord::Excluded(row) => unrecorded(row.key).map(|stands| row.into_aside(stands)),
            JobRecord::Done(_) => None,
        };
        if aside.is_some() {
            return Ok(aside);
        }
    }
    Ok(None)
}

/// Gives what is to do, from a job file about which all was decided.
#[derive(Debug)]
pub struct Feed<R> {
    jobs: Jobs<R>,
    ask: Ask,
    standings: KeyMap<Standing>,
    offered: u64,
}

impl<R: Read> Feed<R> {
    /// Gives the rows of `jobs` that are to do by `standings`.
    pub fn new(jobs: Jobs<R>, ask: Ask, standings: KeyMap<Standing>) -> Self {
        Self { jobs, ask, standings, offered: 0 }
    }

    /// The next row to do, as an [`Event::Job`], or the end: [`Event::InputWithheld`] where there is more to do than was
    /// asked for, else [`Event::InputEnded`].
    ///
    /// # Errors
    ///
    /// When the job file cannot be read, or is not what was written.
    pub fn pull(&mut self) -> Result<Event, JobFileError> {
        let Some((job, standing)) = self.jobs.next_to_send(&self.ask, &self.standings)? else {
            return Ok(Event::InputEnded(Vec::new()));
        };
        if self.ask.first.is_some_and(|first| self.offered >= first) {
            return Ok(Event::InputWithheld);
        }
        self.offered += 1;
        Ok(Event::Job(Offer { job, stands: standing.outcome(), attempts: standing.attempts() }))
    }
}
