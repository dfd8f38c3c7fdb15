//! Latencies of answers.

use std::time::Duration;

use hdrhistogram::Histogram;

/// A histogram of durations, precise to one percent. It takes a few kilobytes for any number of values.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u32>);

/// Longer durations are counted as this one.
const LONGEST_US: u64 = 24 * 60 * 60 * 1_000_000;

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new(2).expect("two digits are supported"))
    }
}

impl Latencies {
    /// Adds a duration.
    pub fn record(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min(LONGEST_US);
        self.0.record(us).expect("the histogram grows by itself");
    }

    /// Adds all durations of another histogram.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("the histogram grows by itself");
    }

    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The duration that the given share, from 0 to 1, of the values does not exceed; `None` if there are no values.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_micros(self.0.value_at_quantile(share).min(self.0.max())))
    }

    /// The longest duration.
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
