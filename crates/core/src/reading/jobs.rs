//! What is made of a job file: all that is decided after the reading, and what posting is given.

use std::io::Read;

use super::job_file::{Excluded, JobFileError, JobFileReader, JobRecord};
use super::setting_aside::{HELD, hold, why};
use super::survey::{Ask, Past, RowNote, Survey};
use crate::engine::Offer;
use crate::job::{Job, Key, KeyMap};
use crate::ledger::{Aside, Standing};
use crate::outcome::Outcome;
use crate::settings::OnChanged;

/// A record of a job file that is about one row of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// A note that may be sent, and whether an earlier row has its key. Its content key is its own among rows exactly
    /// alike.
    Job(Job, bool),
    /// A row of which no job can be made.
    Excluded(Excluded),
}

/// The rows of a job file, in the input's order.
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

    /// The next row.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not what was written.
    #[expect(clippy::should_implement_trait, reason = "an error ends the run, so it is `?` on each call, not an item")]
    pub fn next(&mut self) -> Result<Option<Candidate>, JobFileError> {
        loop {
            match self.reader.next()? {
                None => return Ok(None),
                Some(JobRecord::Done(content)) => drop(self.occurrence(content)),
                Some(JobRecord::Excluded(row)) => return Ok(Some(Candidate::Excluded(row))),
                Some(JobRecord::Job { mut job, again }) => {
                    job.content = job.content.map(|content| self.occurrence(content));
                    return Ok(Some(Candidate::Job(job, again)));
                }
            }
        }
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

/// Holds rows that may be edits of posted ones, and takes up again those that no longer are: to be decided once it is
/// known which posted jobs vanished from the input.
///
/// # Errors
///
/// When the job file cannot be read.
pub fn hold_edits<R: Read>(
    jobs: &mut Jobs<R>,
    ask: &Ask,
    past: &Past,
    named: usize,
    standings: &mut KeyMap<Standing>,
    survey: &mut Survey,
) -> Result<(), JobFileError> {
    survey.held.clear();
    while let Some(candidate) = jobs.next()? {
        let Candidate::Job(job, _) = candidate else { continue };
        let Some(standing) = standings.get_mut(&job.key) else { continue };
        // An edit of a job that was named has its name, and is the same job.
        let may_be_edit = ask.changed == OnChanged::Hold && (job.content.is_none() || past.unnamed);
        let from = standing.outcome();
        hold(standing, may_be_edit && past.changed.contains(&job.ticket));
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
    while let Some(candidate) = jobs.next()? {
        let Candidate::Job(job, _) = candidate else { continue };
        let Some(standing) = standings.get_mut(&job.key).filter(|standing| ask.sends(standing)) else {
            continue;
        };
        if is_known(&job) {
            let from = standing.outcome();
            standing.leave_out();
            survey.counts.move_one(from, standing.outcome());
            survey.to_do -= 1;
            skipped += 1;
        }
    }
    Ok(skipped)
}

/// Calls `each` with the rows that are to be sent, in order, until it says that it has enough.
///
/// # Errors
///
/// When the job file cannot be read.
pub fn for_each_to_do<R: Read>(
    jobs: &mut Jobs<R>,
    ask: &Ask,
    standings: &KeyMap<Standing>,
    mut each: impl FnMut(Job) -> bool,
) -> Result<(), JobFileError> {
    let mut left = ask.first.unwrap_or(u64::MAX);
    while left > 0
        && let Some(candidate) = jobs.next()?
    {
        if let Candidate::Job(job, _) = candidate
            && standings.get(&job.key).is_some_and(|standing| ask.sends(standing))
        {
            left -= 1;
            if !each(job) {
                break;
            }
        }
    }
    Ok(())
}

/// The rows that this run does not send, or has taken up again, which the ledger does not say yet. From now on they count
/// as recorded: `each` is to see to it.
///
/// They are recorded before anything is sent. A run that ends early would otherwise leave rows that it never came to
/// as if nothing were known of them: those that another ledger has as posted would be sent by the next run.
///
/// # Errors
///
/// When the job file cannot be read, or what `each` returns.
pub fn record_asides<R: Read, E: From<JobFileError>>(
    jobs: &mut Jobs<R>,
    standings: &mut KeyMap<Standing>,
    each: &mut dyn FnMut(Aside) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(candidate) = jobs.next()? {
        let key = match &candidate {
            Candidate::Job(job, _) => job.key,
            Candidate::Excluded(row) => row.key,
        };
        if let Some(standing) = standings.get_mut(&key).filter(|standing| standing.is_unrecorded()) {
            standing.note_recorded();
            each(aside(candidate, standing.outcome()))?;
        }
    }
    Ok(())
}

pub(super) fn aside(candidate: Candidate, stands: Outcome) -> Aside {
    let (position, key, ticket, why) = match candidate {
        Candidate::Job(job, again) => (job.position, job.key, Some(job.ticket), why(stands, again).to_owned()),
        Candidate::Excluded(row) => (row.position, row.key, row.ticket, row.why),
    };
    Aside { row: position.record, line: position.line, key, ticket, stands, why }
}

/// The record of a note of a stream that another ledger knows, and that is left out for it.
pub fn left_out(job: Job) -> Aside {
    aside(Candidate::Job(job, false), Outcome::Skipped)
}

/// What posting is given next.
#[derive(Debug, PartialEq, Eq)]
pub enum Fed {
    /// A job to do.
    Job(Offer),
    /// There is more to do than was asked for.
    Withheld,
    /// There is nothing more.
    End,
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

    /// The next row to do.
    ///
    /// # Errors
    ///
    /// When the job file cannot be read, or is not what was written.
    pub fn pull(&mut self) -> Result<Fed, JobFileError> {
        while let Some(candidate) = self.jobs.next()? {
            let Candidate::Job(job, _) = candidate else { continue };
            let Some(standing) = self.standings.get(&job.key) else { continue };
            let stands = standing.outcome();
            if !self.ask.sends(standing) {
                continue;
            }
            if self.ask.first.is_some_and(|first| self.offered >= first) {
                return Ok(Fed::Withheld);
            }
            self.offered += 1;
            return Ok(Fed::Job(Offer { job, stands, attempts: standing.attempts() }));
        }
        Ok(Fed::End)
    }
}
