//! The only place that reads the clocks.
#![expect(clippy::disallowed_methods, reason = "this is where the time comes from")]

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::engine::Now;

/// The time of a run: monotonic since it began, and the wall clock beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Now {
        Now { elapsed: self.0.elapsed(), wall: wall() }
    }

    /// The moment at which `elapsed` will have passed.
    pub(super) fn at(self, elapsed: Duration) -> tokio::time::Instant {
        (self.0 + elapsed).into()
    }
}

/// The wall clock, to the millisecond.
pub(super) fn wall() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
