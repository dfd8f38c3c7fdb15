//! The seam to the account's budget: every attempt takes a slot in every window before its intent is written, and
//! gives it back when it has ended.

use std::time::Duration;

use crate::limit::Limit;

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

/// How a run holds itself back, for the sake of others on the account, below what its limits would let it have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Its attempts are spaced evenly.
    Evenly,
    /// So many attempts in the shortest window, until another number is given.
    Share(u32),
    /// Another limit holds as well, for all runs that share the budget while this one is there. It only ever tightens:
    /// of two limits with one window the smaller holds.
    Learn(Limit),
}

/// What a run gives back, and what it would like to have. Times are since the run began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Attempts that ended, how and when. Each gives its slot back.
    pub ended: Vec<(Ended, Duration)>,
    /// How many attempts could start now; none where only slots are given back and an earlier wish stands.
    pub want: Option<u32>,
    /// How the run holds itself back from now on, in the order in which it was decided.
    pub throttles: Vec<Throttle>,
}

impl Request {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.want.is_none() && self.throttles.is_empty()
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
