//! The seam to the account's budget: every attempt takes a slot in every window before its intent is written, and
//! gives it back when it has ended.

use std::time::Duration;

/// How an attempt that held a slot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// A reply was read, or it is certain that no byte of the request left.
    Answered,
    /// Without a reply: the request may be counted for as long as the transport's time-out to come.
    Silent,
    /// It was never given to the transport.
    NotSent,
}

/// When a run that was refused a slot may ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not before this time.
    Until(Duration),
    /// Every slot is held by an attempt of this run that has not ended.
    UntilOneEnds,
}

/// What a run gives back, and what it would like to have. Times are since the run began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Attempts that ended, how and when. Each gives its slot back.
    pub ended: Vec<(Ended, Duration)>,
    /// How many attempts could start now; none where only slots are given back and an earlier wish stands.
    pub want: Option<u32>,
    /// Attempts are to be spaced evenly from now on.
    pub evenly: bool,
}

impl Request {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.want.is_none() && !self.evenly
    }
}

/// What a run has got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    /// So many attempts may start. Each holds a slot in every window from now on.
    pub granted: u32,
    /// When to ask again for the rest, where less was granted than wanted.
    pub wait: Option<Wait>,
}

/// A budget cannot be kept any more.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BudgetError(pub String);

/// The slots that an account has, as one run sees them: its own in memory, or those that it shares with other runs.
pub trait Budget: Send {
    /// Gives back what has ended, then takes up to as many slots as are wanted.
    ///
    /// `now` is the time since the run began, and never decreases. On return, what was granted is taken for everyone
    /// who shares the budget, and durably so as far as a loss of power could make others forget it too early.
    ///
    /// # Errors
    ///
    /// When what was given or taken could not be written down. Nothing may be sent then any more.
    fn exchange(&mut self, request: &Request, now: Duration) -> Result<Answer, BudgetError>;
}
