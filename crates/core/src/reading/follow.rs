//! A stream that does not end: its rows are posted as they come, each looked up when it is there.

use std::io::Read;

use super::identity::{Occurrences, presence_changes};
use super::job_file::JobRecord;
use super::setting_aside::{aside_of, set_aside};
use super::survey::{Ask, record_of};
use crate::engine::{Event, Offer};
use crate::input::{InputError, Row, Rows};
use crate::job::{Key, KeyMap};
use crate::ledger::{Reading, Record, Standing};
use crate::outcome::Outcome;

/// The rows of a stream. See the [module](super).
#[derive(Debug)]
pub struct Follow<R> {
    rows: Rows<R>,
    ask: Ask,
    standings: KeyMap<Standing>,
    occurrences: Occurrences,
    /// How often each content was met, where a column names the jobs.
    contents: KeyMap<u32>,
    read: u64,
    blank: u64,
    offered: u64,
}

impl<R: Read> Follow<R> {
    /// The rows that `rows` will give, of which an earlier run's ledger knows `standings`. `unknown` is what a job is that
    /// it does not know.
    pub fn new(rows: Rows<R>, ask: Ask, unknown: Standing, standings: KeyMap<Standing>) -> Self {
        let occurrences = Occurrences::new(ask.identity.clone(), unknown);
        Self { rows, ask, standings, occurrences, contents: KeyMap::default(), read: 0, blank: 0, offered: 0 }
    }

    /// The next row, or the stream's end. `fingerprint` is asked for what all that was read hashes to.
    ///
    /// # Errors
    ///
    /// When the stream cannot be read on.
    pub fn pull(&mut self, fingerprint: impl FnOnce(&R) -> String) -> Result<Event, InputError> {
        let Some(Row { position, content }) = self.rows.next()? else { return Ok(self.end(fingerprint)) };
        self.read += 1;
        let Some((met, standing)) = self.occurrences.enter(&content, &mut self.standings) else {
            self.blank += 1;
            return Ok(Event::Passed(Outcome::Skipped));
        };
        set_aside(&content, met, &self.ask, standing);
        let standing = *standing;
        let stands = standing.outcome();
        let (mut job, again) = match record_of(content, position, met, standing, &self.ask) {
            Some(JobRecord::Job { job, again }) => (job, again),
            Some(JobRecord::Excluded(row)) => return Ok(Event::Aside(row.into_aside(stands))),
            Some(JobRecord::Done(content)) => {
                self.occurrence(content);
                return Ok(Event::Passed(stands));
            }
            None => return Ok(Event::Passed(stands)),
        };
        job.content = job.content.map(|content| self.occurrence(content));
        if !self.ask.is_to_do(stands) {
            let aside = || Event::Aside(aside_of(job, again, stands));
            return Ok(if standing.is_unrecorded() { aside() } else { Event::Passed(stands) });
        }
        if self.ask.first.is_some_and(|first| self.offered >= first) {
            return Ok(Event::InputWithheld);
        }
        self.offered += 1;
        Ok(Event::Job(Offer { job, stands, attempts: standing.attempts() }))
    }

    /// What becomes of a row that was given as one to do, and that another ledger knows.
    pub fn leave_out(&mut self, offer: Offer) -> Event {
        self.offered -= 1;
        match offer.stands {
            // Only `posted` ends a doubt.
            Outcome::InDoubt => Event::Passed(Outcome::InDoubt),
            _ => Event::Aside(aside_of(offer.job, false, Outcome::Skipped)),
        }
    }

    fn occurrence(&mut self, content: Key) -> Key {
        let met = self.contents.entry(content).or_insert(0);
        *met += 1;
        content.occurrence(*met - 1)
    }

    fn end(&self, fingerprint: impl FnOnce(&R) -> String) -> Event {
        let fingerprint = self.rows.source().map(fingerprint).unwrap_or_default();
        let read = Record::Read(Reading { rows: self.read, blank: self.blank, fingerprint });
        Event::InputEnded(std::iter::once(read).chain(presence_changes(&self.standings)).collect())
    }
}
