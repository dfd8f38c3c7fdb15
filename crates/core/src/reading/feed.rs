//! The reading that posts: gives the engine what is to do.

use std::io::Read;

use super::identity::{Met, Occurrences, presence_changes};
use super::setting_aside::{set_aside, why};
use super::start::Start;
use super::survey::{Ask, Past, Survey};
use crate::engine::Offer;
use crate::input::{Content, InputError, Row, Rows};
use crate::job::{Identity, Job, KeyMap, Position};
use crate::ledger::{Aside, Pass, Reading, Record, Standing};
use crate::outcome::Outcome;

/// What the feed gives next.
#[derive(Debug, PartialEq, Eq)]
pub enum Fed {
    /// A job to do.
    Job(Offer),
    /// A row that is not sent, which the ledger does not say yet.
    Aside(Aside),
    /// A stream's row that needs nothing done; of a file's none is mentioned.
    Passed(Outcome),
    /// There is more to do than was asked for.
    Withheld,
    /// The input has come to its end.
    End,
}

/// Why the input cannot be posted any further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// It cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// It is not what it was.
    #[error("the input changed while it was read: {0}; run it again")]
    Changed(String),
}

/// See the [module](super).
#[derive(Debug)]
pub struct Feed<R> {
    rows: Rows<R>,
    ask: Ask,
    standings: KeyMap<Standing>,
    occurrences: Occurrences,
    /// All rows and the blank ones, as the first reading counted them; none where there was none.
    surveyed: Option<(u64, u64)>,
    /// What the first reading found the input's bytes to be, where that is known.
    fingerprint: Option<String>,
    /// The row to begin with, and the blank rows before it.
    first: Option<(Position, u64)>,
    /// There is nothing to read again.
    over: bool,
    /// Rows read so far.
    read: u64,
    blank: u64,
    offered: u64,
}

impl<R: Read> Feed<R> {
    /// The second reading of an input of which the first gave `survey` and entered each row into `standings`.
    pub fn of_surveyed(rows: Rows<R>, ask: Ask, standings: KeyMap<Standing>, survey: &Survey) -> Self {
        let occurrences = Occurrences::from(&survey.start, ask.identity.clone());
        let first = match &survey.start {
            Start::At(later) => Some((later.position, later.blank)),
            Start::First | Start::Nowhere => None,
        };
        Self {
            rows,
            ask,
            standings,
            occurrences,
            surveyed: Some((survey.rows, survey.blank)),
            fingerprint: None,
            first,
            over: survey.start == Start::Nowhere,
            read: 0,
            blank: 0,
            offered: 0,
        }
    }

    /// The first reading has found the input's bytes to have this fingerprint: what the second one passes over is to be
    /// what it was, too.
    #[must_use]
    pub fn expecting(self, fingerprint: Option<String>) -> Self {
        Self { fingerprint, ..self }
    }

    /// The only reading of a stream.
    pub fn of_stream(rows: Rows<R>, ask: Ask, past: &Past, standings: KeyMap<Standing>) -> Self {
        let occurrences = Occurrences::new(ask.identity.clone(), past.unknown, Pass::First);
        Self {
            rows,
            ask,
            standings,
            occurrences,
            surveyed: None,
            fingerprint: None,
            first: None,
            over: false,
            read: 0,
            blank: 0,
            offered: 0,
        }
    }

    /// Whether the input is read only once.
    pub fn is_stream(&self) -> bool {
        self.surveyed.is_none()
    }

    /// What is to be recorded now that the input has come to its end: of a stream, what it held, and which jobs vanished
    /// from it or returned. Of a file all that was recorded before.
    ///
    /// # Errors
    ///
    /// When the bytes of a file are no longer what the first reading found.
    pub fn at_the_end(&self, fingerprint: impl FnOnce(&R) -> String) -> Result<Vec<Record>, FeedError> {
        let fingerprint = self.rows.source().filter(|_| !self.over).map(fingerprint);
        if self.surveyed.is_some() {
            return match (&self.fingerprint, fingerprint) {
                (Some(first), Some(second)) if *first != second => {
                    Err(FeedError::Changed("its bytes are not what they were at first".to_owned()))
                }
                _ => Ok(Vec::new()),
            };
        }
        let fingerprint = fingerprint.unwrap_or_default();
        let read = Record::Read(Reading { rows: self.read, blank: self.blank, fingerprint });
        Ok(std::iter::once(read).chain(presence_changes(&self.standings)).collect())
    }

    /// The next thing that matters.
    ///
    /// # Errors
    ///
    /// When the input cannot be read on, or a row differs from what the first reading found.
    pub fn pull(&mut self) -> Result<Fed, FeedError> {
        if self.over {
            return Ok(Fed::End);
        }
        if let Some((position, blank)) = self.first.take() {
            (self.read, self.blank) = (position.record - 1, blank);
            self.rows.skip_to(position)?;
        }
        loop {
            let Some(row) = self.rows.next()? else { return self.end() };
            self.read += 1;
            let Row { position, content } = row;
            let Some((met, standing)) = self.meet(&content, position)? else {
                self.blank += 1;
                if self.is_stream() {
                    return Ok(Fed::Passed(Outcome::Skipped));
                }
                continue;
            };
            let stands = standing.outcome();
            let fed = match content {
                content if standing.is_unrecorded() && stands != Outcome::Pending => {
                    Fed::Aside(aside(position, &content, met, stands))
                }
                Content::Note { ticket, text, .. } if self.ask.is_to_do(stands) => {
                    if self.ask.first.is_some_and(|first| self.offered >= first) {
                        return Ok(Fed::Withheld);
                    }
                    self.offered += 1;
                    let job = Job { position, key: met.key, ticket, text };
                    Fed::Job(Offer { job, stands, attempts: standing.attempts() })
                }
                _ => Fed::Passed(stands),
            };
            // A file's rows were counted before; only what is to be done or written matters now.
            if self.surveyed.is_none() || !matches!(fed, Fed::Passed(_)) {
                return Ok(fed);
            }
        }
    }

    fn end(&self) -> Result<Fed, FeedError> {
        match self.surveyed {
            Some((rows, _)) if rows != self.read => {
                Err(FeedError::Changed(format!("it had {rows} rows at first and {} later", self.read)))
            }
            // Of rows that were there at first, one that is blank now is missed nowhere else.
            Some((_, blank)) if blank != self.blank => {
                Err(FeedError::Changed(format!("it had {blank} blank rows at first and {} later", self.blank)))
            }
            _ => Ok(Fed::End),
        }
    }

    /// The key of a row, and where it stands; none of a blank one.
    fn meet(&mut self, content: &Content, position: Position) -> Result<Option<(Met, Standing)>, FeedError> {
        let Some((met, standing)) = self.occurrences.enter(content, &mut self.standings) else { return Ok(None) };
        if self.surveyed.is_some() && !standing.is_met(Pass::First) {
            return Err(FeedError::Changed(format!("{position} was not in it at first")));
        }
        if self.surveyed.is_none() {
            set_aside(content, met, &self.ask, standing);
        }
        Ok(Some((met, *standing)))
    }
}

/// The rows that the first reading has set aside, or taken up again, which the ledger does not say yet. From now on
/// they count as recorded: `each` is to see to it.
///
/// They are recorded before anything is sent. A run that ends early would otherwise leave rows that it never came to
/// as if nothing were known of them: those that another ledger has as posted would be sent by the next run.
///
/// # Errors
///
/// When the input cannot be read, or what `each` returns.
pub fn record_asides<R: Read, E: From<InputError>>(
    rows: &mut Rows<R>,
    identity: Identity,
    survey: &Survey,
    standings: &mut KeyMap<Standing>,
    each: &mut dyn FnMut(Aside) -> Result<(), E>,
) -> Result<(), E> {
    // A row that was not there at first is found by the reading that posts.
    let mut occurrences = Occurrences::from(&survey.start, identity);
    match &survey.start {
        Start::First => {}
        Start::At(later) => rows.skip_to(later.position)?,
        Start::Nowhere => return Ok(()),
    }
    while let Some(Row { position, content }) = rows.next()? {
        let Some((met, standing)) = occurrences.enter(&content, standings) else { continue };
        if standing.is_unrecorded() {
            standing.note_recorded();
            each(aside(position, &content, met, standing.outcome()))?;
        }
    }
    standings.values_mut().for_each(|standing| standing.forget(Pass::Second));
    Ok(())
}

fn aside(position: Position, content: &Content, met: Met, stands: Outcome) -> Aside {
    let ticket = match content {
        Content::Note { ticket, .. } => Some(ticket.clone()),
        _ => None,
    };
    let why = why(content, met, stands);
    Aside { row: position.record, line: position.line, key: met.key, ticket, stands, why }
}
