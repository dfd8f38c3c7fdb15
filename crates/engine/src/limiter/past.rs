//! A coarse record of what the account has sent within the longest possible window. Used to fill windows of
//! new lengths.

use std::time::Duration;

use super::window::{Window, round_up};
use crate::limit::Limit;

/// The times until which attempts may be counted, with their number, oldest first. Older times are coarser:
/// two merged times become the later one, so slots made from them are freed late, never early.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Past(Vec<(Duration, u64)>);

/// The maximum number of times; each is then accurate to a tenth of its age.
const MOST: usize = 200;

/// Times are rounded up to this unit.
const TICK: Duration = Duration::from_secs(1);

impl Past {
    pub(super) fn of(times: Vec<(Duration, u64)>) -> Self {
        let mut past = Self(times);
        past.0.sort_unstable();
        past
    }

    pub(super) fn times(&self) -> &[(Duration, u64)] {
        &self.0
    }

    /// Adds attempts that may be counted until `last`.
    pub(super) fn add(&mut self, last: Duration, count: u64, now: Duration) {
        let last = round_up(last, TICK);
        // Almost always the newest time or close to it.
        let at = self.0.iter().rposition(|(time, _)| *time <= last).map_or(0, |before| before + 1);
        match at.checked_sub(1).map(|before| &mut self.0[before]) {
            Some((time, sum)) if *time == last => *sum = sum.saturating_add(count),
            _ => self.0.insert(at, (last, count)),
        }
        if self.0.len() > MOST {
            self.0.retain(|(time, _)| *time + Limit::LONGEST + Limit::LONGEST / 1000 > now);
        }
        if self.0.len() > MOST {
            self.join_two(now);
        }
    }

    /// Merges the two neighbours that are closest relative to their age.
    fn join_two(&mut self, now: Duration) {
        let cost = |pair: &[(Duration, u64)]| {
            let age = now.saturating_sub(pair[1].0) + 10 * TICK;
            (pair[1].0 - pair[0].0).as_secs_f64() / age.as_secs_f64()
        };
        let costs = self.0.windows(2).map(cost).enumerate();
        if let Some((first, _)) = costs.min_by(|(_, a), (_, b)| a.total_cmp(b)) {
            let (_, count) = self.0.remove(first);
            self.0[first].1 = self.0[first].1.saturating_add(count);
        }
    }

    /// Fills a new window.
    pub(super) fn fill(&self, window: &mut Window) {
        for (last, count) in &self.0 {
            window.add(*last, u32::try_from(*count).unwrap_or(u32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_made_of_the_past_holds_every_attempt_that_counts_in_it(
            steps in prop::collection::vec((0u64..500_000, 1u64..5), 1..600),
            length in 1u64..100_000,
        ) {
            let mut past = Past::default();
            let mut exact = Vec::new();
            let mut now = Duration::ZERO;
            for (step, count) in steps {
                now += Duration::from_millis(step);
                past.add(now, count, now);
                exact.push((now, count));
            }
            prop_assert!(past.times().len() <= MOST);
            let sum = |times: &[(Duration, u64)]| -> u64 { times.iter().map(|(_, count)| count).sum() };
            prop_assert_eq!(sum(past.times()), sum(&exact));
            // No time was moved to an earlier one.
            let since = |times: &[(Duration, u64)], at: Duration| -> u64 {
                times.iter().filter(|(last, _)| *last >= at).map(|(_, count)| count).sum()
            };
            for (last, _) in &exact {
                prop_assert!(since(past.times(), *last) >= since(&exact, *last));
            }
            let mut window = Window::new(Duration::from_secs(length));
            past.fill(&mut window);
            let kept = window.kept();
            window.free(now);
            let must = |longer: f64| -> u64 {
                let counts = |last: Duration| (last + kept.mul_f64(longer)) > now;
                exact.iter().filter(|(last, _)| counts(*last)).map(|(_, count)| count).sum()
            };
            prop_assert!(window.used() >= must(1.0));
            // The upper bound: the attempts within 1.2 windows, and a few more.
            prop_assert!(window.used() <= must(1.2) + 4 * 20, "{} of {}", window.used(), must(1.2));
        }
    }
}
