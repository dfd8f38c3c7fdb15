//! The meaning of a reply.

use jiff::Timestamp;

use crate::excerpt;
use crate::outcome::Verdict;
use crate::settings::On500;
use crate::transport::{Failure, Reply};

/// What a verdict depends on besides the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// Whether a note was posted in this run. If so, URL and keys are right, and a 404 concerns its row.
    pub posted_before: bool,
    /// How to judge an unexplained 500.
    pub on_500: On500,
    /// The wall clock, for a `Retry-After` that is a date.
    pub wall: Timestamp,
}

impl Context {
    /// The context at the start of a run with default settings.
    pub const fn at(wall: Timestamp) -> Self {
        Self { posted_before: false, on_500: On500::Retry, wall }
    }

    /// The same after a note was posted.
    #[must_use]
    pub const fn after_a_post(self) -> Self {
        Self { posted_before: true, ..self }
    }

    /// The same with this setting for an unexplained 500.
    #[must_use]
    pub const fn on_500(self, on_500: On500) -> Self {
        Self { on_500, ..self }
    }
}

/// A verdict and an excerpt of the reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What the reply means.
    pub(crate) verdict: Verdict,
    /// The reply in one line of at most about 300 characters, for the ledger and for people.
    pub(crate) reply: String,
}

const BRIEF_CHARS: usize = 300;

impl Judgement {
    /// Creates a judgement of `reply`. `said` extracts the API's message from the quotable part of the body;
    /// if it returns `None`, the start of the body is quoted. The quote is reduced to one line, preceded by
    /// the status.
    pub fn new(verdict: Verdict, reply: &Reply, said: impl FnOnce(&[u8]) -> Option<String>) -> Self {
        let quotable = reply.quotable();
        let beginning = || String::from_utf8_lossy(&quotable[..quotable.len().min(4 * BRIEF_CHARS)]).into_owned();
        let said = said(quotable).unwrap_or_else(beginning);
        let words: Vec<&str> =
            said.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        Self { verdict, reply: excerpt(format!("{} {}", reply.status, words.join(" ")).trim_end(), BRIEF_CHARS) }
    }

    /// What the reply means.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The reply in one line of at most about 300 characters.
    pub fn reply(&self) -> &str {
        &self.reply
    }

    /// The judgement of an attempt without a complete reply; the same for every API.
    pub(crate) fn of_failure(failure: &Failure) -> Self {
        let verdict = match failure {
            Failure::Unsent(_) => Verdict::Unsent,
            Failure::NoReply(_) => Verdict::Unknown,
        };
        Self { verdict, reply: excerpt(&failure.to_string(), BRIEF_CHARS) }
    }

    /// The judgement of an attempt that was withdrawn before sending.
    pub(crate) fn of_withdrawn() -> Self {
        Self { verdict: Verdict::Withdrawn, reply: "not sent after all".to_owned() }
    }
}
