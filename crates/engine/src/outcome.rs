//! What the reply to an attempt means, and the resulting state of its row.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limit::Limit;

/// The state of a row. Every row of the input has exactly one.
///
/// Match it without a wildcard: code that treats an unknown outcome like another loses rows. A release that
/// adds an outcome breaks the build on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// Not sent yet.
    Pending,
    /// The API confirmed it.
    Posted,
    /// The API refused this row; it is not sent again.
    Rejected,
    /// Its attempts are used up; the next run tries again.
    Failed,
    /// May or may not have been created. Only a later `posted` or a person's decision changes that.
    InDoubt,
    /// The row cannot be turned into a job.
    Invalid,
    /// Changed after it was posted; waits for a decision.
    Held,
    /// Excluded on purpose.
    Skipped,
}

impl Outcome {
    /// All outcomes, in report order.
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

    /// Its word in ledgers, options and JSON.
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

    /// The state of a row after an attempt that led to `next`; `self` is the state before.
    ///
    /// Doubt is sticky: an earlier attempt may have created the note, whatever the reply to a later one. Only
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

/// The word does not name an outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an outcome; use posted, rejected, failed, in_doubt, pending, invalid, held or skipped")]
pub struct UnknownOutcome(String);

/// What the end of an attempt means, as decided by an [API](crate::api::Api). Match it without a wildcard,
/// like [`Outcome`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The note was created.
    Posted,
    /// Not created: over the limit. Sending must pause.
    Limited {
        /// The wait that the API requests.
        retry_after: Option<Duration>,
        /// The limit that the API's message states.
        named: Option<Limit>,
    },
    /// Not created: the API refused this row and would refuse it again.
    Rejected {
        /// The reply may also mean that the endpoint is wrong or access was withdrawn (403, 404, 410).
        /// Several of these in a row end the run.
        suspicious: bool,
    },
    /// Not created, according to the API; worth another attempt.
    Again {
        /// The wait that the API requests.
        retry_after: Option<Duration>,
    },
    /// Not created: no byte of the request was sent.
    Unsent,
    /// May or may not have been created.
    Unknown,
    /// Not created, and no other row would be created either. The run ends; the row stays pending.
    SetupFault(Stop),
    /// The intent was written, but the engine decided not to send, because of a pause or the run's end.
    Withdrawn,
}

impl Verdict {
    /// The wait that the API requests.
    pub fn asks_to_wait(&self) -> Option<Duration> {
        match self {
            Self::Limited { retry_after, .. } | Self::Again { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// Its word in ledgers and logs.
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

/// A [`Verdict`] without its details, as the ledger keeps it.
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
    /// See [`Verdict::SetupFault`]. Ledgers use its original name.
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

/// Why a run ended before every row had a final state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The API refuses the access keys.
    Credentials,
    /// The URL does not, or no longer, belong to the API.
    Endpoint,
    /// The API refused many rows in a row and accepted none.
    Refused,
    /// The ledger could not be written or synced.
    Ledger,
    /// The input could not be read, or changed while it was read.
    Input,
    /// The API is unreachable, or its replies cannot be interpreted.
    Outage,
    /// Over the limit for longer than a run waits.
    Limited,
    /// A person or the system asked the run to end.
    Interrupted,
    /// The run did what was requested, and rows are left.
    Planned,
}

impl Stop {
    /// All reasons, in the order in which exit codes consider them.
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

    /// Its word in ledgers and JSON.
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

/// Why sending is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The API reports that the account is over its limit.
    Limited,
    /// The API is unreachable: several attempts in a row could not be sent.
    Unreachable,
    /// The API's replies cannot be interpreted or are missing, several times in a row.
    Unclear,
    /// The API reports an internal failure, for several rows in a row.
    Failing,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 4] = [Self::Limited, Self::Unreachable, Self::Unclear, Self::Failing];

    /// Its word in ledgers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Limited => "limited",
            Self::Unreachable => "unreachable",
            Self::Unclear => "unclear",
            Self::Failing => "failing",
        }
    }
}

/// The number of rows in each state.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Posted rows.
    pub posted: u64,
    /// Rows that the API refused.
    pub rejected: u64,
    /// Rows whose attempts are used up.
    pub failed: u64,
    /// Rows that may or may not have been created.
    pub in_doubt: u64,
    /// Rows not sent yet.
    pub pending: u64,
    /// Rows that cannot be turned into jobs.
    pub invalid: u64,
    /// Rows that wait for a decision.
    pub held: u64,
    /// Rows excluded on purpose.
    pub skipped: u64,
}

impl Counts {
    /// The number of rows in state `outcome`.
    pub fn of(&self, outcome: Outcome) -> u64 {
        let mut counts = *self;
        *counts.of_mut(outcome)
    }

    /// The number of rows in state `outcome`, mutable.
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
        debug_assert!(*left > 0, "a row was in state {from}");
        *left = left.saturating_sub(1);
        *self.of_mut(to) += 1;
    }

    /// The number of all rows.
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

    /// Recorded words never change, whatever their names in the code.
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
