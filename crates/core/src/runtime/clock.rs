//! The only place that reads the clocks.
#![expect(clippy::disallowed_methods, reason = "this is where the time comes from")]

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::platform::since_boot;
use crate::engine::Now;
use crate::limiter::Stamp;

/// To what the wall clock of [`Clock::now`] is cut off.
pub(crate) const WALL_UNIT_US: u32 = 1;

/// The time of a run: monotonic since it began, and the wall clock beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Both clocks at one moment, the wall clock to the microsecond: the audit tells by them how much time passed between
    /// two runs, where a millisecond may be all the margin there is.
    pub(crate) fn now(self) -> Now {
        const AT_ONCE: Duration = Duration::from_micros(100);
        let mut elapsed = self.0.elapsed();
        let mut wall = Timestamp::now();
        // A thread that is put aside between two looks takes them for one moment. Twice in a row is rare enough.
        for _ in 0..3 {
            let before = std::mem::replace(&mut elapsed, self.0.elapsed());
            if elapsed - before < AT_ONCE {
                break;
            }
            wall = Timestamp::now();
        }
        Now { elapsed, wall: cut(wall, Timestamp::as_microsecond, Timestamp::from_microsecond) }
    }

    /// The moment at which `elapsed` will have passed.
    pub(crate) fn at(self, elapsed: Duration) -> tokio::time::Instant {
        (self.0 + elapsed).into()
    }

    /// The time of the run, and after it the time that all runs of this machine share.
    pub(crate) fn both(self) -> (Duration, Stamp) {
        (self.0.elapsed(), self.stamp())
    }

    /// The time that all runs of this machine share: since its boot, where the system tells, else by the wall clock.
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

/// The wall clock, to the millisecond.
pub fn wall() -> Timestamp {
    cut(Timestamp::now(), Timestamp::as_millisecond, Timestamp::from_millisecond)
}

fn cut(time: Timestamp, units: fn(Timestamp) -> i64, of_units: fn(i64) -> Result<Timestamp, jiff::Error>) -> Timestamp {
    of_units(units(time)).unwrap_or(time)
}
