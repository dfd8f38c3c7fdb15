//! The seam to the account's budget: every attempt takes a slot in every window before its intent is written, and gives
//! it back at its end.

use std::time::Duration;

use crate::limit::Limit;

/// How an attempt with a slot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// A reply was read, or it is certain that no byte of the request left.
    Answered,
    /// Without a reply: the server may still count the request within the transport's time-out from now.
    Silent,
    /// Never given to the transport.
    NotSent,
}

/// When a run may ask again after it got fewer slots than it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not before this time.
    Until(Duration),
    /// All slots are held by this run's attempts in flight; one must end first.
    UntilOneEnds,
}

/// How a run limits itself below its limits, for the sake of other clients of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Space attempts evenly.
    Evenly,
    /// At most this many attempts in the shortest window, until another number is set.
    Share(u32),
    /// Apply another limit as well, for all runs that share the budget while this run takes part. This only tightens:
    /// of two limits with the same window the smaller applies.
    Learn(Limit),
}

/// What a run gives back and what it wants. Times are since the run began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Attempts that ended, how and when. Each gives its slot back.
    pub ended: Vec<(Ended, Duration)>,
    /// The number of attempts that could start now. `None` if the request only gives slots back; an earlier wish then
    /// remains.
    pub want: Option<u32>,
    /// Changes of the run's throttling, in the order of the decisions.
    pub throttles: Vec<Throttle>,
}

impl Request {
    /// Whether the request is empty.
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.want.is_none() && self.throttles.is_empty()
    }
}

/// What a run was granted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    /// The number of attempts that may start. Each has a slot in every window from now on.
    pub granted: u32,
    /// When to ask again for the rest, if less was granted than wanted.
    pub wait: Option<Wait>,
}

/// The budget cannot be kept any more.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BudgetError(pub String);

/// The slots of an account as one run sees them: its own in memory, or those it shares with other runs.
pub trait Budget: Send {
    /// Gives back the slots of ended attempts, then takes up to as many as are wanted.
    ///
    /// `now` is the time since the run began and never decreases. On return the granted slots are taken for all who
    /// share the budget. They are as durable as needed to keep others from freeing them too early after a loss of
    /// power.
    ///
    /// # Errors
    ///
    /// If the slots given back or taken could not be written. Nothing may be sent then.
    fn exchange(&mut self, request: &Request, now: Duration) -> Result<Answer, BudgetError>;
}
