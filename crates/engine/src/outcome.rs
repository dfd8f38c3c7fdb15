//! What an attempt's reply means, and where that leaves its row.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limit::Limit;

/// Where a row stands. Every row of the input has exactly one of these.
///
/// To be matched whole: code that takes an outcome that it does not know for another would lose rows, so a release with
/// one more is to break it rather than to pass unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// Still to do.
    Pending,
    /// The API confirmed it.
    Posted,
    /// The API refused this row; it is not sent again.
    Rejected,
    /// Its tries were used up; the next run tries again.
    Failed,
    /// It may or may not have been created. Only a later `posted` or a person ends that.
    InDoubt,
    /// No job can be made of it.
    Invalid,
    /// Waits for a decision: it was changed after it had been posted.
    Held,
    /// Passed over on purpose.
    Skipped,
}

impl Outcome {
    /// All of them, in the order in which reports name them.
    pub const ALL: [Self; 8] = [
        Self::Posted,
        Self::Rejected,
        Self::Failed,
        Self::InDoubt,
        Self::Pending,
        Self::Invalid,
        Self::Held,
        Self::Skipped,
    ];

    /// The word for it in ledgers, options and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Posted => "posted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Invalid => "invalid",
            Self::Held => "held",
            Self::Skipped => "skipped",
        }
    }

    /// Where a row stands after an attempt that led to `next`, having stood at `self` before.
    ///
    /// Doubt is sticky: the note of an earlier attempt may exist whatever a later one was answered, so only
    /// `posted` ends it.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::InDoubt, next) if next != Self::Posted => Self::InDoubt,
            (_, next) => next,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl std::str::FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(text: &str) -> Result<Self, UnknownOutcome> {
        let word = text.trim().replace('-', "_");
        Self::ALL.into_iter().find(|outcome| outcome.word() == word).ok_or_else(|| UnknownOutcome(text.to_owned()))
    }
}

/// A word names no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no outcome; there are posted, rejected, failed, in_doubt, pending, invalid, held and skipped")]
pub struct UnknownOutcome(String);

/// What an attempt's end means. A [target](crate::api::Api) finds it; to be matched whole, like [`Outcome`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The note was created.
    Posted,
    /// Not created: over the limit. Nobody may send for a while.
    Limited {
        /// How long the API asks to wait.
        retry_after: Option<Duration>,
        /// The limit that the API's message names.
        named: Option<Limit>,
    },
    /// Not created: the API refuses this row, and would again.
    Rejected {
        /// The answer might also mean that the endpoint is wrong or that access was withdrawn (403, 404, 410):
        /// several of these in a row end the run.
        suspicious: bool,
    },
    /// Not created, as far as the API says; worth another try.
    Again {
        /// How long the API asks to wait.
        retry_after: Option<Duration>,
    },
    /// Not created: no byte of the request left.
    Unsent,
    /// It may or may not have been created.
    Unknown,
    /// Not created, and no other row would be: the run ends, the row is still to do.
    SetupFault(Stop),
    /// The intent was written, then the engine decided not to send (a pause or the run's end came between).
    Withdrawn,
}

impl Verdict {
    /// How long the API asks to wait.
    pub fn asks_to_wait(&self) -> Option<Duration> {
        match self {
            Self::Limited { retry_after, .. } | Self::Again { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// The word for it in ledgers and logs.
    pub fn word(&self) -> VerdictWord {
        match self {
            Self::Posted => VerdictWord::Posted,
            Self::Limited { .. } => VerdictWord::Limited,
            Self::Rejected { .. } => VerdictWord::Rejected,
            Self::Again { .. } => VerdictWord::Again,
            Self::Unsent => VerdictWord::Unsent,
            Self::Unknown => VerdictWord::Unknown,
            Self::SetupFault(_) => VerdictWord::SetupFault,
            Self::Withdrawn => VerdictWord::Withdrawn,
        }
    }
}

/// A [`Verdict`] without its particulars, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictWord {
    /// See [`Verdict::Posted`].
    Posted,
    /// See [`Verdict::Limited`].
    Limited,
    /// See [`Verdict::Rejected`].
    Rejected,
    /// See [`Verdict::Again`].
    Again,
    /// See [`Verdict::Unsent`].
    Unsent,
    /// See [`Verdict::Unknown`].
    Unknown,
    /// See [`Verdict::SetupFault`]. Ledgers have it by its first name.
    #[serde(rename = "hopeless")]
    SetupFault,
    /// See [`Verdict::Withdrawn`].
    Withdrawn,
}

impl fmt::Display for VerdictWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Posted => "posted",
            Self::Limited => "limited",
            Self::Rejected => "rejected",
            Self::Again => "again",
            Self::Unsent => "unsent",
            Self::Unknown => "unknown",
            Self::SetupFault => "hopeless",
            Self::Withdrawn => "withdrawn",
        })
    }
}

/// Why a run ended before every row was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The API does not take the access keys.
    Credentials,
    /// The URL is not the API's, or no longer.
    Endpoint,
    /// The API refused one row after the other without taking any.
    Refused,
    /// The ledger could not be written or synced.
    Ledger,
    /// The input could not be read, or changed while it was.
    Input,
    /// The API cannot be reached, or answers nothing that can be understood.
    Outage,
    /// Over the limit for too long.
    Limited,
    /// Somebody asked the run to end.
    Interrupted,
    /// The run did what it was asked to and rows are left.
    Planned,
}

impl Stop {
    /// All of them, in the order in which exit codes ask for them.
    pub const ALL: [Self; 9] = [
        Self::Credentials,
        Self::Endpoint,
        Self::Refused,
        Self::Ledger,
        Self::Input,
        Self::Outage,
        Self::Limited,
        Self::Interrupted,
        Self::Planned,
    ];

    /// The word for it in ledgers and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Endpoint => "endpoint",
            Self::Refused => "refused",
            Self::Ledger => "ledger",
            Self::Input => "input",
            Self::Outage => "outage",
            Self::Limited => "limited",
            Self::Interrupted => "interrupted",
            Self::Planned => "planned",
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why nothing is sent for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The API says that the account is over its limit.
    Limited,
    /// The API cannot be reached: several attempts in a row could not be sent.
    Unreachable,
    /// The API's answers cannot be understood, or do not come: several in a row.
    Unclear,
    /// The API answers that it has failed, for several rows in a row.
    Failing,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Limited, Self::Unreachable, Self::Unclear, Self::Failing];

    /// The word for it in ledgers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::Unreachable => "unreachable",
            Self::Unclear => "unclear",
            Self::Failing => "failing",
        }
    }
}

/// How many rows stand where.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Rows that are posted.
    pub posted: u64,
    /// Rows that the API refused.
    pub rejected: u64,
    /// Rows whose tries were used up.
    pub failed: u64,
    /// Rows that may or may not have been created.
    pub in_doubt: u64,
    /// Rows still to do.
    pub pending: u64,
    /// Rows of which no job can be made.
    pub invalid: u64,
    /// Rows that wait for a decision.
    pub held: u64,
    /// Rows passed over on purpose.
    pub skipped: u64,
}

impl Counts {
    /// The number of rows that stand at `outcome`.
    pub fn of(&self, outcome: Outcome) -> u64 {
        let mut counts = *self;
        *counts.of_mut(outcome)
    }

    /// The number of rows that stand at `outcome`, to be changed.
    pub fn of_mut(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Pending => &mut self.pending,
            Outcome::Posted => &mut self.posted,
            Outcome::Rejected => &mut self.rejected,
            Outcome::Failed => &mut self.failed,
            Outcome::InDoubt => &mut self.in_doubt,
            Outcome::Invalid => &mut self.invalid,
            Outcome::Held => &mut self.held,
            Outcome::Skipped => &mut self.skipped,
        }
    }

    /// Moves one row from one outcome to another.
    pub fn move_one(&mut self, from: Outcome, to: Outcome) {
        let left = self.of_mut(from);
        debug_assert!(*left > 0, "a row stood at {from}");
        *left = left.saturating_sub(1);
        *self.of_mut(to) += 1;
    }

    /// All rows.
    pub fn total(&self) -> u64 {
        Outcome::ALL.into_iter().fold(0, |total: u64, outcome| total.saturating_add(self.of(outcome)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_posted_ends_a_doubt() {
        for next in Outcome::ALL {
            let expected = if next == Outcome::Posted { Outcome::Posted } else { Outcome::InDoubt };
            assert_eq!(Outcome::InDoubt.then(next), expected, "{next}");
            assert_eq!(Outcome::Pending.then(next), next);
        }
    }

    /// Ledgers are read forever, whatever the code calls it.
    #[test]
    fn verdicts_are_recorded_by_the_words_that_they_were_first_recorded_by() {
        use VerdictWord::{Again, Limited, Posted, Rejected, SetupFault, Unknown, Unsent, Withdrawn};
        let words = ["posted", "limited", "rejected", "again", "unsent", "unknown", "hopeless", "withdrawn"];
        for (verdict, word) in
            [Posted, Limited, Rejected, Again, Unsent, Unknown, SetupFault, Withdrawn].iter().zip(words)
        {
            assert_eq!((serde_json::to_value(verdict).unwrap(), verdict.to_string()), (word.into(), word.to_owned()));
        }
    }

    #[test]
    fn words_read_back() {
        for outcome in Outcome::ALL {
            assert_eq!(outcome.word().parse(), Ok(outcome));
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.word());
        }
        for cause in Cause::ALL {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.word());
        }
    }
}
