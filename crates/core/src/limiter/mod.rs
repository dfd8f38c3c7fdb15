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
//! # Pace
//!
//! Under that cap, governor's token bucket gives the pace: how attempts are spread within a window. A bucket alone
//! would not do: one of 25 tokens refilled every 200 ms lets 49 requests through in the first 5 seconds. Here a token
//! more or less costs politeness, never the limit.

mod pace;
mod slots;

use std::time::Duration;

use crate::limit::Limit;
use crate::settings::Spread;
use pace::Pace;
use slots::Slots;

/// When an attempt that was refused a slot may ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not before this time.
    Until(Duration),
    /// Every slot is held by an attempt that has not ended.
    UntilOneEnds,
}

/// How an attempt that held slots ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// A reply was read, or it is certain that no byte of the request left.
    Answered,
    /// Without a reply: the request may be counted for as long as the transport's time-out to come.
    Silent,
    /// It was never given to the transport.
    NotSent,
}

/// One slot in every window. To be given back with [`Limiter::give_back`].
#[derive(Debug)]
#[must_use = "slots that are not given back are lost to the run"]
pub struct Taken(());

/// Decides when an attempt may start. Reads no clock: `now` is the time since the run began, and never decreases.
#[derive(Debug)]
pub struct Limiter {
    windows: Vec<Slots>,
    pace: Option<Pace>,
    /// How long a request without a reply may still be under way.
    timeout: Duration,
}

impl Limiter {
    /// A limiter that keeps all of `limits`. With none it lets everything through.
    ///
    /// The pace follows the limit with the shortest window: spreading a daily cap over the day would leave every
    /// night's run unfinished.
    pub fn new(limits: &[Limit], spread: Spread, timeout: Duration) -> Self {
        let shortest = limits.iter().copied().min_by_key(|limit| limit.window());
        Self {
            windows: limits.iter().copied().map(Slots::new).collect(),
            pace: shortest.map(|limit| Pace::new(limit, spread)),
            timeout,
        }
    }

    /// Takes a slot in every window, or none.
    ///
    /// # Errors
    ///
    /// When a window has no free slot or the pace asks to wait: the earliest time at which to ask again.
    pub fn take(&mut self, now: Duration) -> Result<Taken, Wait> {
        for window in &mut self.windows {
            window.room(now)?;
        }
        if let Some(pace) = &mut self.pace {
            pace.take(now)?;
        }
        for window in &mut self.windows {
            window.take();
        }
        Ok(Taken(()))
    }

    /// Gives an attempt's slots back when it has ended. They come free later, depending on how it did.
    pub fn give_back(&mut self, Taken(()): Taken, ended: Ended, now: Duration) {
        let end = match ended {
            Ended::Answered => Some(now),
            Ended::Silent => Some(now + self.timeout),
            Ended::NotSent => None,
        };
        for window in &mut self.windows {
            window.give_back(end);
        }
    }

    /// Spaces attempts evenly from now on: some servers weight the window before, and reward it.
    pub fn space_evenly(&mut self, now: Duration) {
        if let Some(pace) = &mut self.pace {
            pace.space_evenly(now);
        }
    }
}

#[cfg(test)]
mod tests;
