//! Keeps the limit exactly as the server counts it.
//!
//! A client cannot see when the server counts a request: at any moment between the send and the reply. So
//! each attempt takes a *slot* of every window before it is sent. The slot is freed one window (and a margin)
//! after the *reply* was read. A request without a reply may still be in transit, so its slot is kept for the
//! transport's timeout longer.
//!
//! # Why this is exact
//!
//! Take a limit of n in a window w. Suppose that the server counts n + 1 requests within w, and let L be the
//! one that was *sent* last. Each of the other n was sent before L, so its slot was taken before L's. Each
//! was counted no later than it ended, and its slot stays taken until more than w after its end. That is
//! later than the end of every span of length w that contains the moment at which it was counted, hence later
//! than the moment at which L was counted, hence later than L's send. So when L was to be sent, n slots were
//! taken, and L could not be sent. This is true for sliding and for fixed windows, whatever the network does.
//! The margin covers windows that include both ends, and clocks that differ by up to a thousandth.
//!
//! # Across runs, crashes and processes
//!
//! The same is true for all runs that share an [`Account`]: they share one state, and only one run at a time
//! changes it. A run keeps its slots until it gives them back or is found dead. The requests of a dead run
//! were sent before that moment, and none is in transit for longer than the timeout after it. So its slots
//! count like those of attempts that ended then without a reply. A run that can still send is never found
//! dead, with one exception: a run whose process cannot be checked and that changed nothing for the longest
//! timeout and window.
//!
//! For each window length the account stores when slots are freed, independent of the runs' counts. A run
//! that joins adds its limits, and all runs keep them while it takes part. A new length starts with every
//! attempt that may count in it: from the times of a longer window, else from the account's past, which is
//! coarse and rounds times up only. If the state is lost, or may be, anything may have been sent until that
//! moment, and every window is full until it has passed.
//!
//! # Turns
//!
//! Free slots are granted one by one to the run with the fewest slots served, among the run that asks and the
//! waiting runs that are due (start-time fair queueing). A run that is a tenth of a second late is passed
//! over, so that no run waits for a stalled one. A run that was away gets no credit for that time.
//!
//! # Pace
//!
//! Below that cap, governor's token bucket sets the pace: how attempts are spread within a window. A bucket
//! alone is not enough: one of 25 tokens refilled every 200 ms lets 49 requests through in the first 5
//! seconds. Here an extra token affects fairness to other clients, never the limit.

mod account;
mod member;
mod own;
mod pace;
mod past;
mod text;
mod window;

use std::time::Duration;

use jiff::Timestamp;

pub use account::{Account, Sharer};
pub use member::Member;
pub use text::{Stamp, Unreadable};

use crate::budget::{Budget, BudgetError, Grant, Request};
use crate::limit::Limit;
use crate::settings::Spread;

/// The budget of a single run, in memory. Its clock is the time since the run began.
#[derive(Debug)]
pub struct Limiter {
    account: Account,
    member: Member,
    limited: bool,
}

impl Limiter {
    /// Creates a limiter that keeps all of `limits`. Without limits it grants everything.
    pub fn new(limits: &[Limit], spread: Spread, timeout: Duration) -> Self {
        let run = Sharer::new(limits.to_vec(), timeout);
        Self { account: Account::default(), member: Member::new(run, spread), limited: !limits.is_empty() }
    }
}

impl Budget for Limiter {
    fn exchange(&mut self, request: &Request, now: Duration) -> Result<Grant, BudgetError> {
        if !self.limited {
            return Ok(Grant { granted: request.want.unwrap_or(0), wait: None });
        }
        Ok(self.member.exchange(&mut self.account, request, now))
    }
}

impl Sharer {
    /// A run that does not share its budget.
    pub fn new(limits: Vec<Limit>, timeout: Duration) -> Self {
        Self { id: 0, pid: 0, name: String::new(), since: Timestamp::UNIX_EPOCH, limits, timeout }
    }
}

#[cfg(test)]
mod tests;
