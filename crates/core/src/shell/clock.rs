//! The only place that reads the clocks.
#![expect(clippy::disallowed_methods, reason = "this is where the time comes from")]

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::platform::since_boot;
use crate::engine::Now;
use crate::limiter::Stamp;

/// The time of a run: monotonic since it began, and the wall clock beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Now {
        // Finer than the margin of a window: the audit tells by it how much time passed between two runs.
        Now { elapsed: self.0.elapsed(), wall: cut(Timestamp::as_microsecond, Timestamp::from_microsecond) }
    }

    /// The moment at which `elapsed` will have passed.
    pub(super) fn at(self, elapsed: Duration) -> tokio::time::Instant {
        (self.0 + elapsed).into()
    }

    /// The time of the run, and after it the time that all runs of this machine share.
    pub(super) fn both(self) -> (Duration, Stamp) {
        (self.0.elapsed(), self.stamp())
    }

    /// The time that all runs of this machine share: since its boot, where the system tells, else by the wall clock.
    pub(super) fn stamp(self) -> Stamp {
        let wall = Timestamp::now();
        match since_boot() {
            Some((boot, at)) => Stamp { boot, at, wall },
            None => {
                let at = u64::try_from(wall.as_nanosecond()).unwrap_or(0);
                Stamp { boot: String::new(), at: Duration::from_nanos(at), wall }
            }
        }
    }
}

/// The wall clock, to the millisecond.
pub fn wall() -> Timestamp {
    cut(Timestamp::as_millisecond, Timestamp::from_millisecond)
}

fn cut(units: fn(Timestamp) -> i64, of_units: fn(i64) -> Result<Timestamp, jiff::Error>) -> Timestamp {
    let now = Timestamp::now();
    of_units(units(now)).unwrap_or(now)
}
