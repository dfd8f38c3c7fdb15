//! What a reply was found to mean.

use jiff::Timestamp;

use crate::excerpt;
use crate::outcome::Verdict;
use crate::settings::On500;
use crate::transport::{Failure, Reply};

/// What a verdict depends on besides the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// Whether a note was posted in this run: if so, URL and keys are right, and a 404 is about its row.
    pub posted_before: bool,
    /// What to take an unexplained 500 for.
    pub on_500: On500,
    /// The wall clock, for a `Retry-After` that is a date.
    pub wall: Timestamp,
}

impl Context {
    /// At the beginning of a run with the usual settings.
    pub const fn at(wall: Timestamp) -> Self {
        Self { posted_before: false, on_500: On500::Retry, wall }
    }

    /// The same after a note was posted.
    #[must_use]
    pub const fn after_a_post(self) -> Self {
        Self { posted_before: true, ..self }
    }

    /// The same with this word on an unexplained 500.
    #[must_use]
    pub const fn on_500(self, on_500: On500) -> Self {
        Self { on_500, ..self }
    }
}

/// A verdict and the API's answer in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What the answer means.
    pub(crate) verdict: Verdict,
    /// The answer in one line of at most about 300 characters, for the ledger and for people.
    pub(crate) reply: String,
}

const BRIEF_CHARS: usize = 300;

impl Judgement {
    /// This verdict on `reply`. `said` finds in what may be quoted of its body what the API has to say; where it finds
    /// nothing, the body's beginning is quoted. Only one line of it is kept, with the status before it.
    pub fn new(verdict: Verdict, reply: &Reply, said: impl FnOnce(&[u8]) -> Option<String>) -> Self {
        let quotable = reply.quotable();
        let beginning = || String::from_utf8_lossy(&quotable[..quotable.len().min(4 * BRIEF_CHARS)]).into_owned();
        let said = said(quotable).unwrap_or_else(beginning);
        let words: Vec<&str> =
            said.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        Self { verdict, reply: excerpt(format!("{} {}", reply.status, words.join(" ")).trim_end(), BRIEF_CHARS) }
    }

    /// What the answer means.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The answer in one line of at most about 300 characters.
    pub fn reply(&self) -> &str {
        &self.reply
    }

    /// Of an attempt that got no whole reply; it means the same whatever the API.
    pub(crate) fn of_failure(failure: &Failure) -> Self {
        let verdict = match failure {
            Failure::Unsent(_) => Verdict::Unsent,
            Failure::NoReply(_) => Verdict::Unknown,
        };
        Self { verdict, reply: excerpt(&failure.to_string(), BRIEF_CHARS) }
    }

    /// Of an attempt that was not sent after all.
    pub(crate) fn of_withdrawn() -> Self {
        Self { verdict: Verdict::Withdrawn, reply: "not sent after all".to_owned() }
    }
}
