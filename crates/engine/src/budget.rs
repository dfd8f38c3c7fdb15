//! The seam to the account's budget: every attempt takes a slot in every window before its intent is written,
//! and gives the slot back when it ends.

use std::time::Duration;

use crate::limit::Limit;

/// How an attempt with a slot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// A reply was read, or certainly no byte of the request was sent.
    Answered,
    /// No reply was read: the server may still count the request for up to the transport's timeout from now.
    Silent,
    /// The request was never passed to the transport.
    NotSent,
}

/// When a run may ask again after it got fewer slots than it wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not before this time.
    Until(Duration),
    /// All slots are taken by this run's attempts in flight; one must end first.
    UntilOneEnds,
}

/// How a run stays below its limits, to leave room for other clients of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Space attempts evenly.
    Evenly,
    /// At most this many attempts in the shortest window, until another number is set.
    Share(u32),
    /// Apply another limit as well, to all runs that share the budget, while this run takes part. This only
    /// tightens: of two limits with the same window the smaller applies.
    Learn(Limit),
}

/// What a run gives back and requests. Times are measured from the start of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Attempts that ended, how and when. Each gives back its slot.
    pub ended: Vec<(Ended, Duration)>,
    /// The number of attempts that could start now. `None` if the request only gives slots back; an earlier
    /// `want` then stays in effect.
    pub want: Option<u32>,
    /// Changes of the run's throttling, in order.
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
pub struct Grant {
    /// The number of attempts that may start. Each has a slot in every window from now on.
    pub granted: u32,
    /// When to ask again for the rest, if less was granted than wanted.
    pub wait: Option<Wait>,
}

/// The budget is unusable.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BudgetError(pub String);

/// The slots of an account as one run sees them: its own in memory, or shared with other runs.
pub trait Budget: Send {
    /// Gives back the slots of ended attempts, then takes up to the wanted number.
    ///
    /// `now` is the time since the run began and never decreases. On return the granted slots are taken for
    /// all runs that share the budget. They are durable enough that after a power loss no other run frees
    /// them too early.
    ///
    /// # Errors
    ///
    /// If the slots given back or taken could not be written. Nothing may be sent then.
    fn exchange(&mut self, request: &Request, now: Duration) -> Result<Grant, BudgetError>;
}
