//! A stream that does not end: its rows are posted as they come, each looked up when it is there.

use super::identity::{Occurrences, presence_changes};
use super::job_file::JobRecord;
use super::row::Row;
use super::setting_aside::{aside_of, set_aside};
use super::survey::{Ask, record_of};
use crate::engine::{Event, Offer};
use crate::job::{Key, KeyMap};
use crate::ledger::{Reading, Record, Standing};
use crate::outcome::Outcome;

/// The rows of a stream. See the [module](super).
#[derive(Debug)]
pub struct Follow {
    ask: Ask,
    standings: KeyMap<Standing>,
    occurrences: Occurrences,
    /// How often each content was met, where a column names the jobs.
    contents: KeyMap<u32>,
    read: u64,
    blank: u64,
    offered: u64,
}

impl Follow {
    /// A stream of whose rows the ledger of an earlier run knows `standings`. `unknown` is what a job is that it does not
    /// know.
    pub fn new(ask: Ask, unknown: Standing, standings: KeyMap<Standing>) -> Self {
        let occurrences = Occurrences::new(ask.identity.clone(), unknown);
        Self { ask, standings, occurrences, contents: KeyMap::default(), read: 0, blank: 0, offered: 0 }
    }

    /// What the engine is told of the next row.
    pub fn enter(&mut self, Row { position, content }: Row) -> Event {
        self.read += 1;
        let Some((met, standing)) = self.occurrences.enter(&content, &mut self.standings) else {
            self.blank += 1;
            return Event::Passed(Outcome::Skipped);
        };
        set_aside(&content, met, &self.ask, standing);
        let standing = *standing;
        let stands = standing.outcome();
        let (mut job, again) = match record_of(content, position, met, standing, &self.ask) {
            Some(JobRecord::Job { job, again }) => (job, again),
            Some(JobRecord::Excluded(row)) => return Event::Aside(row.into_aside(stands)),
            Some(JobRecord::Done(content)) => {
                self.occurrence(content);
                return Event::Passed(stands);
            }
            None => return Event::Passed(stands),
        };
        job.content = job.content.map(|content| self.occurrence(content));
        if !self.ask.is_to_do(stands) {
            let aside = || Event::Aside(aside_of(job, again, stands));
            return if standing.is_unrecorded() { aside() } else { Event::Passed(stands) };
        }
        if self.ask.first.is_some_and(|first| self.offered >= first) {
            return Event::InputWithheld;
        }
        self.offered += 1;
        Event::Job(Offer { job, stands, attempts: standing.attempts() })
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

    /// What the engine is told at the stream's end. `fingerprint` is the hash of all that was read.
    pub fn end(&self, fingerprint: String) -> Event {
        let read = Record::Read(Reading { rows: self.read, blank: self.blank, fingerprint });
        Event::InputEnded(std::iter::once(read).chain(presence_changes(&self.standings)).collect())
    }
}
