//! The limit, kept exactly as the server counts.
//!
//! A client cannot see when the server counts a request: it may be any moment between the send and the reply. So
//! each attempt takes a *slot* of every window before it is sent, and the slot comes free one window (and a margin)
//! after the *reply* was read. An attempt that ended without a reply may still be under way, so its slot is kept for
//! the transport's time-out longer.
//!
//! # Why this is exact
//!
//! Take a limit of n in a window w, and suppose that the server counts n + 1 requests at moments that lie within w.
//! Let L be the one of them that was *sent* last. Each of the other n was sent before L, so its slot was taken before
//! L's. Each was counted no later than it ended, and its slot stays taken until later than w after its end: past the
//! end of every span of length w that holds its counting, hence past the moment at which L was counted, hence past
//! L's send. So when L was to be sent, n slots were taken, and there is no n + 1st. This holds for sliding and for
//! fixed windows and whatever the network does; the margin covers windows closed at both ends and clocks that differ
//! by up to a thousandth.
//!
//! # Across runs, crashes and processes
//!
//! All of it holds for every run that shares an [`Account`]: the state is one, and only one run at a time changes it. Slots
//! that a run holds are its own until it gives them back or is found dead. A dead one's requests were sent before that
//! moment, and none of them is under way for longer than its time-out after it: its slots count as of attempts that
//! ended then without a reply. A run that can still send is never taken for dead, with one exception: a run whose life
//! cannot be tested, and that changed nothing for the longest time-out and window.
//!
//! Of each window length the account keeps when slots come free, whatever the counts that runs ask for; a run that
//! joins brings its limits, and all runs keep them while it is there. A length that nobody kept before starts with
//! every attempt that can count in it: from a longer window's times, else from the account's past, which is kept
//! coarsely, with times that are never too early. Where the state is lost, or may be, everything may have been sent
//! until that moment, and every window is full until it has passed.
//!
//! # Turns
//!
//! Room goes, slot by slot, to whoever was served least of the run that asks and the runs that wait and should be there
//! (start-time fair queueing). A run that does not come within a tenth of a second of when it should is passed over, so
//! that none waits for one that stands still; who was away has saved nothing up.
//!
//! # Pace
//!
//! Under that cap, governor's token bucket gives the pace: how attempts are spread within a window. A bucket alone
//! would not do: one of 25 tokens refilled every 200 ms lets 49 requests through in the first 5 seconds. Here a token
//! more or less costs politeness, never the limit.

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

use crate::budget::{Answer, Budget, BudgetError, Request};
use crate::limit::Limit;
use crate::settings::Spread;

/// A budget that one run has for itself, in memory. Its clock is the time since the run began.
#[derive(Debug)]
pub struct Limiter {
    account: Account,
    member: Member,
    limited: bool,
}

impl Limiter {
    /// A limiter that keeps all of `limits`. With none it lets everything through.
    pub fn new(limits: &[Limit], spread: Spread, timeout: Duration) -> Self {
        let run = Sharer::new(limits.to_vec(), timeout);
        Self { account: Account::default(), member: Member::new(run, spread), limited: !limits.is_empty() }
    }
}

impl Budget for Limiter {
    fn exchange(&mut self, request: &Request, now: Duration) -> Result<Answer, BudgetError> {
        if !self.limited {
            return Ok(Answer { granted: request.want.unwrap_or(0), wait: None });
        }
        Ok(self.member.exchange(&mut self.account, request, now))
    }
}

impl Sharer {
    /// A run that is alone.
    pub fn new(limits: Vec<Limit>, timeout: Duration) -> Self {
        Self { id: 0, pid: 0, name: String::new(), since: Timestamp::UNIX_EPOCH, limits, timeout }
    }
}

#[cfg(test)]
mod tests;
