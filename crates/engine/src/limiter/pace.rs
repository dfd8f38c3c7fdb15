//! How attempts are spread within a window: governor's token bucket (GCRA) on the engine's clock.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::budget::Wait;
use crate::limit::Limit;
use crate::settings::Spread;

/// A clock for governor that shows the engine's latest time.
#[derive(Debug, Clone, Default)]
struct EngineClock(Arc<AtomicU64>);

impl Clock for EngineClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        // Only one thread reads and writes; governor's `Clone` requires the atomic.
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
pub(super) struct Pace {
    limit: Limit,
    spread: Spread,
    clock: EngineClock,
    bucket: RateLimiter<NotKeyed, InMemoryState, EngineClock, NoOpMiddleware<Duration>>,
}

impl Pace {
    pub(super) fn new(limit: Limit, spread: Spread) -> Self {
        let clock = EngineClock::default();
        Self { limit, spread, bucket: bucket(limit, spread, clock.clone()), clock }
    }

    pub(super) fn take(&mut self, now: Duration) -> Result<(), Wait> {
        self.set(now);
        self.bucket.check().map_err(|not_until| Wait::Until(not_until.earliest_possible()))
    }

    /// Changes the limit to one with a shorter window, or to a smaller one with the same window.
    pub(super) fn keep(&mut self, limit: Limit, now: Duration) {
        if limit != self.limit {
            self.set(now);
            self.limit = limit;
            self.bucket = bucket(limit, self.spread, self.clock.clone());
        }
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    pub(super) fn spread(&mut self, spread: Spread, now: Duration) {
        if self.spread != spread {
            self.set(now);
            self.spread = spread;
            self.bucket = bucket(self.limit, self.spread, self.clock.clone());
        }
    }

    fn set(&mut self, now: Duration) {
        let nanos = u64::try_from(now.as_nanos()).expect("no clock here shows 584 years");
        let before = self.clock.0.swap(nanos, Ordering::Relaxed);
        if nanos < before {
            // The wall clock was set back, on a system where runs share no better clock: the bucket would
            // grant nothing until the old time.
            self.bucket = bucket(self.limit, self.spread, self.clock.clone());
        }
    }
}

fn bucket(
    limit: Limit,
    spread: Spread,
    clock: EngineClock,
) -> RateLimiter<NotKeyed, InMemoryState, EngineClock, NoOpMiddleware<Duration>> {
    let burst = match spread {
        Spread::Burst => limit.count(),
        Spread::Even => 1,
    };
    // Governor rejects a period of zero. A limit of more than one request per nanosecond is not paced.
    let period = (limit.window() / limit.count()).max(Duration::from_nanos(1));
    let quota = Quota::with_period(period)
        .expect("the period is not zero")
        .allow_burst(NonZeroU32::new(burst).expect("a limit's count is not zero"));
    RateLimiter::direct_with_clock(quota, clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn limit(limit: &str) -> Limit {
        limit.parse().unwrap()
    }

    #[test]
    fn a_limit_that_was_learned_spaces_attempts_from_then_on() {
        let mut pace = Pace::new(limit("25/5s"), Spread::Even);
        assert_eq!(pace.take(ms(0)), Ok(()));
        pace.keep(limit("25/5s"), ms(10));
        assert_eq!(pace.take(ms(10)), Err(Wait::Until(ms(200))), "the same one changes nothing");
        pace.keep(limit("5/5s"), ms(200));
        assert_eq!(pace.limit(), limit("5/5s"));
        assert_eq!(pace.take(ms(200)), Ok(()));
        assert_eq!(pace.take(ms(400)), Err(Wait::Until(ms(1200))));
    }

    #[test]
    fn an_even_spread_that_is_asked_for_again_changes_nothing() {
        let mut pace = Pace::new(limit("25/5s"), Spread::Burst);
        pace.spread(Spread::Even, ms(0));
        assert_eq!(pace.take(ms(0)), Ok(()));
        pace.spread(Spread::Even, ms(10));
        assert_eq!(pace.take(ms(10)), Err(Wait::Until(ms(200))));
    }

    #[test]
    fn a_clock_that_is_set_back_holds_up_no_attempt_until_it_shows_the_same_time_again() {
        let mut pace = Pace::new(limit("25/5s"), Spread::Even);
        assert_eq!(pace.take(ms(7_200_000)), Ok(()));
        assert_eq!(pace.take(ms(3_600_000)), Ok(()));
        assert_eq!(pace.take(ms(3_600_100)), Err(Wait::Until(ms(3_600_200))));
    }
}
