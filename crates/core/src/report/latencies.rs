//! How long answers took.

use std::time::Duration;

use hdrhistogram::Histogram;

/// A histogram of durations, exact to one hundredth, in a few kilobytes whatever it holds.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u32>);

/// What takes longer counts as this long.
const LONGEST_US: u64 = 24 * 60 * 60 * 1_000_000;

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new(2).expect("two digits are supported"))
    }
}

impl Latencies {
    /// Takes one in.
    pub fn record(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min(LONGEST_US);
        self.0.record(us).expect("the histogram grows by itself");
    }

    /// Takes in all of another.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("the histogram grows by itself");
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The duration that this share of them, from 0 to 1, did not exceed; none of none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_micros(self.0.value_at_quantile(share).min(self.0.max())))
    }

    /// The longest.
    pub fn longest(&self) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_micros(self.0.max()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_exact_to_a_hundredth() {
        let mut latencies = Latencies::default();
        (1..=1000).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        for (share, ms) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = latencies.quantile(share).unwrap().as_secs_f64() * 1000.0;
            assert!((found / ms - 1.0).abs() < 0.01, "{share}: {found} is not {ms}");
        }
    }

    #[test]
    fn of_none_there_is_nothing_to_tell_and_no_duration_is_too_long() {
        let mut latencies = Latencies::default();
        assert_eq!((latencies.quantile(0.5), latencies.longest()), (None, None));
        latencies.record(Duration::MAX);
        latencies.record(Duration::ZERO);
        assert_eq!(latencies.count(), 2);
        let day = latencies.longest().unwrap().as_secs_f64() / 86_400.0;
        assert!((day - 1.0).abs() < 0.01, "{day}");
    }
}
