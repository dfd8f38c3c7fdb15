//! The slots of ended attempts in one window, and when they are freed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::limit::margin;

/// When slots are freed, stored compactly as times with counts.
///
/// The first [`MOST_EXACT`] times are exact. Further ones are rounded *up* to a multiple of a thousandth of
/// the window, so a window of any size needs at most about two thousand times. A slot is freed at most that
/// thousandth late, and never early. The rounding is coarser only if more attempts than that ended without a
/// reply and the timeout is many windows long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    length: Duration,
    freeing: BTreeMap<Duration, u32>,
    /// The sum of the counts.
    used: u64,
}

/// The number of times that are kept exactly.
const MOST_EXACT: usize = 1000;
/// The number of further times rounded to a thousandth of the window; after each such number the rounding
/// doubles.
const MOST_ROUNDED: usize = 1500;

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self { length, freeing: BTreeMap::new(), used: 0 }
    }

    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// How long a slot is kept after the last moment at which its attempt may be counted.
    pub(super) fn kept(&self) -> Duration {
        self.length + margin(self.length)
    }

    /// Adds slots of attempts that may be counted until `last`.
    pub(super) fn add(&mut self, last: Duration, count: u32) {
        self.put(last + self.kept(), count);
    }

    /// Adds slots that are freed at `free` or slightly later.
    pub(super) fn put(&mut self, free: Duration, count: u32) {
        let beyond = self.freeing.len().checked_sub(MOST_EXACT);
        let free = match beyond {
            Some(beyond) if !self.freeing.contains_key(&free) => {
                let doublings = u32::try_from(beyond / MOST_ROUNDED).unwrap_or(u32::MAX).min(40);
                round_up(free, (self.length / 1000).saturating_mul(1 << doublings.min(31)))
            }
            _ => free,
        };
        self.keep(free, count);
    }

    /// Adds slots that are freed exactly at `free`.
    pub(super) fn keep(&mut self, free: Duration, count: u32) {
        let slots = self.freeing.entry(free).or_default();
        let before = *slots;
        *slots = slots.saturating_add(count);
        self.used += u64::from(*slots - before);
    }

    /// Removes the slots that are free at `now`.
    pub(super) fn free(&mut self, now: Duration) {
        while let Some(first) = self.freeing.first_entry()
            && *first.key() <= now
        {
            self.used -= u64::from(first.remove());
        }
    }

    /// The number of slots that are not free yet.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// The time until which the attempts of its slots may be counted. `None` if all slots are free.
    pub(super) fn counted_to(&self) -> Option<Duration> {
        self.freeing.last_key_value().map(|(free, _)| free.saturating_sub(self.kept()))
    }

    /// When `slots` of them will be free. `None` if there are fewer.
    pub(super) fn when_free(&self, slots: u64) -> Option<Duration> {
        let mut freed = 0;
        self.freeing.iter().find_map(|(free, count)| {
            freed += u64::from(*count);
            (freed >= slots).then_some(*free)
        })
    }

    /// The times at which slots are freed, and how many.
    pub(super) fn freeing(&self) -> impl Iterator<Item = (Duration, u32)> {
        self.freeing.iter().map(|(free, count)| (*free, *count))
    }

    /// Converts the slots to another clock: `on_it` converts a time and returns `None` if it has passed.
    pub(super) fn moved(&self, on_it: impl Fn(Duration) -> Option<Duration>) -> Self {
        let mut moved = Self::new(self.length);
        for (free, count) in &self.freeing {
            if let Some(free) = on_it(*free) {
                moved.keep(free, *count);
            }
        }
        moved
    }
}

/// The first multiple of `unit` that is not before `time`.
pub(super) fn round_up(time: Duration, unit: Duration) -> Duration {
    let (time_ns, unit_ns) = (time.as_nanos(), unit.as_nanos());
    if unit_ns == 0 {
        return time;
    }
    let up = time_ns.div_ceil(unit_ns).saturating_mul(unit_ns);
    u64::try_from(up).map_or(time.max(Duration::from_nanos(u64::MAX)), Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Compares with a plain list of exact times.
        #[test]
        fn slots_come_free_never_early_and_late_by_a_thousandth_of_the_window_at_most(
            steps in prop::collection::vec((0u64..400, 1u32..4), 1..4000),
            length in 1000u64..2_000_000,
        ) {
            let mut window = Window::new(ms(length));
            let mut exact: Vec<(Duration, u32)> = Vec::new();
            let mut now = Duration::ZERO;
            for (number, (step, count)) in steps.into_iter().enumerate() {
                now += ms(step);
                window.free(now);
                window.add(now, count);
                exact.push((now + window.kept(), count));
                if number % 37 > 0 {
                    continue;
                }
                let used_exactly = |at: Duration| -> u64 {
                    exact.iter().filter(|(free, _)| *free > at).map(|(_, count)| u64::from(*count)).sum()
                };
                prop_assert!(window.used() >= used_exactly(now), "early at {now:?}");
                prop_assert!(window.used() <= used_exactly(now.saturating_sub(ms(length) / 1000)), "late at {now:?}");
            }
            prop_assert!(window.freeing().count() <= MOST_EXACT + 1100);
        }
    }

    #[test]
    fn few_slots_are_kept_exactly_and_many_in_little_space() {
        let mut window = Window::new(ms(86_400_000));
        for n in 0..1_000_000 {
            window.add(ms(n * 80), 1);
        }
        let times: Vec<Duration> = window.freeing().map(|(free, _)| free).collect();
        assert_eq!((window.used(), times[999]), (1_000_000, ms(999 * 80) + window.kept()));
        assert!(times.len() < 2100, "{}", times.len());
    }

    #[test]
    fn attempts_without_a_reply_do_not_make_it_large() {
        let mut window = Window::new(ms(1000));
        for n in 0..1_000_000 {
            window.add(ms(86_400 * (n % 1000)) + Duration::from_nanos(n * 7919), 1);
        }
        assert_eq!(window.used(), 1_000_000);
        assert!(window.freeing().count() < 25_000, "{}", window.freeing().count());
    }

    #[test]
    fn it_says_when_so_many_will_be_free() {
        let mut window = Window::new(ms(1000));
        window.add(ms(0), 2);
        window.add(ms(10), 1);
        assert_eq!(window.when_free(1), Some(ms(1001)));
        assert_eq!(window.when_free(2), Some(ms(1001)));
        assert_eq!(window.when_free(3), Some(ms(1011)));
        assert_eq!(window.when_free(4), None);
    }
}
