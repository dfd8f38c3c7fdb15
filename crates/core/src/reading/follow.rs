//! A stream that does not end: its rows are posted as they come, each looked up when it is there.

use std::io::Read;

use super::identity::{Occurrences, presence_changes};
use super::job_file::Excluded;
use super::jobs::{Candidate, aside};
use super::setting_aside::{fault, set_aside};
use super::survey::{Ask, Past};
use crate::engine::Offer;
use crate::input::{Content, InputError, Row, Rows};
use crate::job::{Job, Key, KeyMap};
use crate::ledger::{Aside, Reading, Record, Standing};
use crate::outcome::Outcome;

/// What the stream gives next.
#[derive(Debug, PartialEq, Eq)]
pub enum Followed {
    /// A job to do.
    Job(Offer),
    /// A row that is not sent, which the ledger does not say yet.
    Aside(Aside),
    /// A row that needs nothing done.
    Passed(Outcome),
    /// There is more to do than was asked for.
    Withheld,
    /// The stream has ended. What it held, and which jobs vanished from it or returned, is to be recorded.
    End(Vec<Record>),
}

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
    /// The rows that `rows` will give, of which an earlier run's ledger knows `standings`.
    pub fn new(rows: Rows<R>, ask: Ask, past: &Past, standings: KeyMap<Standing>) -> Self {
        let occurrences = Occurrences::new(ask.identity.clone(), past.unknown);
        Self { rows, ask, standings, occurrences, contents: KeyMap::default(), read: 0, blank: 0, offered: 0 }
    }

    /// The next row. `fingerprint` is asked for what all that was read hashes to.
    ///
    /// # Errors
    ///
    /// When the stream cannot be read on.
    pub fn pull(&mut self, fingerprint: impl FnOnce(&R) -> String) -> Result<Followed, InputError> {
        let Some(Row { position, content }) = self.rows.next()? else { return Ok(self.end(fingerprint)) };
        self.read += 1;
        let Some((met, standing)) = self.occurrences.enter(&content, &mut self.standings) else {
            self.blank += 1;
            return Ok(Followed::Passed(Outcome::Skipped));
        };
        set_aside(&content, met, &self.ask, standing);
        let standing = *standing;
        let stands = standing.outcome();
        let (is_to_do, is_new) = (self.ask.is_to_do(stands), standing.is_unrecorded());
        let content_key = met.content.map(|content| self.occurrence(content));
        if stands == Outcome::Invalid && is_new {
            let why = fault(&content, met.again).map(|fault| fault.to_string()).unwrap_or_default();
            let ticket = if let Content::Note { ticket, .. } = content { Some(ticket) } else { None };
            let row = Excluded { position, key: met.key, ticket, why };
            return Ok(Followed::Aside(aside(Candidate::Excluded(row), stands)));
        }
        let Content::Note { ticket, text, fields, .. } = content else { return Ok(Followed::Passed(stands)) };
        let job = Job { position, key: met.key, content: content_key, ticket, text, fields };
        if is_new && stands != Outcome::Pending {
            return Ok(Followed::Aside(aside(Candidate::Job(job, met.again), stands)));
        }
        if !is_to_do {
            return Ok(Followed::Passed(stands));
        }
        if self.ask.first.is_some_and(|first| self.offered >= first) {
            return Ok(Followed::Withheld);
        }
        self.offered += 1;
        Ok(Followed::Job(Offer { job, stands, attempts: standing.attempts() }))
    }

    fn occurrence(&mut self, content: Key) -> Key {
        let met = self.contents.entry(content).or_insert(0);
        *met += 1;
        content.occurrence(*met - 1)
    }

    fn end(&self, fingerprint: impl FnOnce(&R) -> String) -> Followed {
        let fingerprint = self.rows.source().map(fingerprint).unwrap_or_default();
        let read = Record::Read(Reading { rows: self.read, blank: self.blank, fingerprint });
        Followed::End(std::iter::once(read).chain(presence_changes(&self.standings)).collect())
    }
}
