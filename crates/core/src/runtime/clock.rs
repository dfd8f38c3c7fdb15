//! The only module that reads clocks.
#![expect(clippy::disallowed_methods, reason = "this is where the time comes from")]

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::platform::since_boot;
use crate::engine::Now;
use crate::limiter::Stamp;

/// Resolution of the wall clock in [`Clock::now`], to which it is truncated.
pub(crate) const WALL_UNIT_US: u32 = 1;

/// The clock of a run: monotonic time since its start, together with the wall clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns both clocks at one moment, the wall clock to the microsecond. The audit computes the time between two
    /// runs from them, where the whole margin may be a millisecond.
    pub(crate) fn now(self) -> Now {
        const AT_ONCE: Duration = Duration::from_micros(100);
        let mut elapsed = self.0.elapsed();
        let mut wall = Timestamp::now();
        // If the thread is suspended between the two readings, they are not of one moment. That rarely happens several
        // times in a row.
        for _ in 0..3 {
            let before = std::mem::replace(&mut elapsed, self.0.elapsed());
            if elapsed - before < AT_ONCE {
                break;
            }
            wall = Timestamp::now();
        }
        Now { elapsed, wall: cut(wall, Timestamp::as_microsecond, Timestamp::from_microsecond) }
    }

    /// Returns the moment at which `elapsed` has passed.
    pub(crate) fn at(self, elapsed: Duration) -> tokio::time::Instant {
        (self.0 + elapsed).into()
    }

    /// Returns the time of the run, and the time that all runs of this machine share, read after it.
    pub(crate) fn both(self) -> (Duration, Stamp) {
        (self.0.elapsed(), self.stamp())
    }

    /// Returns the time that all runs of this machine share: since boot if the system provides it, else by the wall
    /// clock.
    pub(crate) fn stamp(self) -> Stamp {
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

/// The wall clock, truncated to the millisecond.
pub fn wall() -> Timestamp {
    cut(Timestamp::now(), Timestamp::as_millisecond, Timestamp::from_millisecond)
}

fn cut(time: Timestamp, units: fn(Timestamp) -> i64, of_units: fn(i64) -> Result<Timestamp, jiff::Error>) -> Timestamp {
    of_units(units(time)).unwrap_or(time)
}
