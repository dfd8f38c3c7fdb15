//! The recent rate of a run.

use std::collections::VecDeque;
use std::time::Duration;

/// Number of windows to average over. Each window has one burst, so a single window would contain all of it
/// or nothing.
const WINDOWS: u32 = 6;

/// Maximum number of samples kept.
const MOST_SAMPLES: u32 = 60;

/// Attempts per second over the last few windows.
///
/// The count is divided by whole windows, so a run that keeps its limit is never shown above it.
#[derive(Debug)]
pub(crate) struct Rate {
    window: Duration,
    /// The limit, per second.
    most: Option<f64>,
    /// Times and numbers of attempts so far, from the oldest sample in the averaging period.
    samples: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// Creates the rate of a run with this shortest window and limit per second.
    pub(crate) fn of_window(window: Duration, most: Option<f64>) -> Self {
        let window = window.clamp(Duration::from_secs(1), Duration::from_secs(60));
        Self { window, most, samples: VecDeque::from([(Duration::ZERO, 0)]) }
    }

    /// Records the number of attempts so far.
    pub(crate) fn note(&mut self, now: Duration, attempts: u64) {
        let reach = self.window * WINDOWS;
        // Replace the last sample until it is far enough from the one before it.
        if let [.., (before, _), (last, _)] = self.samples.make_contiguous()
            && *last - *before < reach / MOST_SAMPLES
        {
            self.samples.pop_back();
        }
        self.samples.push_back((now, attempts));
        while self.samples.front().is_some_and(|(at, _)| *at + reach < now) {
            self.samples.pop_front();
        }
    }

    /// Attempts per second; `None` if unknown.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let ((_, before), (now, attempts)) = (self.samples.front()?, self.samples.back()?);
        // A burst is delayed by the round trips of the bursts before it. Until then, its window does not
        // count.
        let late = self.window + self.window / 50;
        let windows = now.as_nanos().div_ceil(late.as_nanos()).clamp(1, u128::from(WINDOWS));
        let made = attempts.saturating_sub(*before);
        let rate = made as f64 / (self.window * windows as u32).as_secs_f64();
        (made > 0).then(|| self.most.map_or(rate, |most| rate.min(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn bursts_that_keep_the_limit_are_never_shown_above_it_and_nearly_at_it() {
        let mut rate = Rate::of_window(ms(5000), Some(5.0));
        assert_eq!(rate.per_second(), None);
        for step in 0..1000 {
            let now = step * 100;
            rate.note(ms(now), 25 * (1 + now / 5105));
            let shown = rate.per_second().unwrap();
            assert!((2.5..=5.0).contains(&shown), "{shown} at {now}");
            assert!(now < 30_000 || shown > 4.1, "{shown} at {now}");
        }
        assert!(rate.samples.len() <= 2 + MOST_SAMPLES as usize);
    }

    #[test]
    fn a_line_just_before_a_burst_shows_what_the_bursts_make() {
        let mut rate = Rate::of_window(ms(5000), Some(5.0));
        rate.note(ms(10_002), 50);
        assert_eq!(rate.per_second(), Some(5.0));
        rate.note(ms(10_010), 75);
        assert_eq!(rate.per_second(), Some(5.0));
    }

    #[test]
    fn after_a_standstill_nothing_is_known() {
        let mut rate = Rate::of_window(ms(1000), None);
        rate.note(ms(100), 10);
        assert_eq!(rate.per_second(), Some(10.0));
        rate.note(ms(60_000), 10);
        assert_eq!(rate.per_second(), None);
    }
}
