//! Delays between a row's attempts: exponential backoff, capped, with full jitter.
//!
//! The delays come from the `backoff` crate. It is unmaintained (RUSTSEC-2025-0012), so only this table uses
//! it; `backon` would be its successor. Two of its defaults are off. It adds jitter after the cap and from an
//! unseeded generator; ours comes from the engine's generator. It gives up after 15 minutes; here attempts
//! are counted per row.

use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff;

/// The maximum time that an API's `Retry-After` delays one row.
const LONGEST_ASKED: Duration = Duration::from_secs(15 * 60);

/// The maximum delay after each of a row's attempts but the last, before jitter.
#[derive(Debug, Clone)]
pub struct Delays {
    ceilings: Vec<Duration>,
}

impl Delays {
    /// The first delay before jitter.
    pub const BASE: Duration = Duration::from_secs(1);
    /// The maximum delay, unless the API requests a longer one.
    pub const CAP: Duration = Duration::from_secs(60);

    /// The schedule for rows with `max_attempts` attempts; zero counts as one.
    pub fn new(max_attempts: u32) -> Self {
        let mut delays = ExponentialBackoffBuilder::new()
            .with_initial_interval(Self::BASE)
            .with_multiplier(2.0)
            .with_max_interval(Self::CAP)
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        let ceilings = (1..max_attempts)
            .map(|_| delays.next_backoff().expect("without a maximum elapsed time the sequence does not end"))
            .collect();
        Self { ceilings }
    }

    /// The delay after a row's `tries`th attempt (from 1) failed. `None` if it was the last.
    ///
    /// Full jitter (a random delay between zero and the ceiling) spreads rows that failed together. The delay
    /// that the API requested is a lower bound, up to 15 minutes.
    pub fn delay(&self, tries: u32, asked: Option<Duration>, rng: &mut fastrand::Rng) -> Option<Duration> {
        let ceiling = *self.ceilings.get(tries.max(1) as usize - 1)?;
        let jittered = ceiling.mul_f64(rng.f64());
        Some(jittered.max(Self::within_reason(asked)))
    }

    /// The delay that the API requested, limited to 15 minutes.
    pub fn within_reason(asked: Option<Duration>) -> Duration {
        asked.unwrap_or_default().min(LONGEST_ASKED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_up_to_the_cap() {
        let seconds: Vec<u64> = Delays::new(10).ceilings.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn there_is_no_delay_after_the_last_try() {
        let mut rng = fastrand::Rng::with_seed(1);
        let schedule = Delays::new(3);
        assert!(schedule.delay(1, None, &mut rng).is_some());
        assert!(schedule.delay(2, None, &mut rng).is_some());
        assert_eq!(schedule.delay(3, Some(Duration::from_secs(9)), &mut rng), None);
        assert_eq!(Delays::new(1).delay(1, None, &mut rng), None);
        assert_eq!(Delays::new(0).delay(1, None, &mut rng), None);
    }

    #[test]
    fn jitter_fills_the_whole_span_and_never_leaves_it() {
        let mut rng = fastrand::Rng::with_seed(7);
        let schedule = Delays::new(8);
        let delays: Vec<Duration> = (0..1000).filter_map(|_| schedule.delay(4, None, &mut rng)).collect();
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(8)));
        assert!(delays.iter().any(|delay| *delay < Duration::from_millis(400)));
        assert!(delays.iter().any(|delay| *delay > Duration::from_millis(7600)));
    }

    #[test]
    fn what_the_api_asks_for_is_a_floor_within_reason() {
        let mut rng = fastrand::Rng::with_seed(7);
        let schedule = Delays::new(5);
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(schedule.delay(1, asked(30), &mut rng), asked(30));
        assert_eq!(schedule.delay(1, asked(86_400), &mut rng), Some(LONGEST_ASKED));
    }
}
