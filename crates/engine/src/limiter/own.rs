//! A run's own slots in the shortest window, for a run that limits itself to less than the account allows.

use std::time::Duration;

use super::window::Window;
use crate::budget::Wait;

/// When a run's own slots are freed, and its share of the window.
#[derive(Debug)]
pub(super) struct Own {
    window: Window,
    share: Option<u32>,
    /// The time of the last call.
    now: Duration,
    timeout: Duration,
}

impl Own {
    /// Creates the state for the shortest window. `timeout` is how long a request may be counted after its
    /// end.
    pub(super) fn new(shortest: Duration, timeout: Duration) -> Self {
        Self { window: Window::new(shortest), share: None, now: Duration::ZERO, timeout }
    }

    /// Sets the maximum number of slots in the window.
    pub(super) fn take_share(&mut self, share: u32) {
        self.share = Some(share);
    }

    /// Changes to a shorter window if `shortest` is shorter.
    pub(super) fn keep(&mut self, shortest: Duration) {
        if shortest < self.window.length() {
            let mut shorter = Window::new(shortest);
            for (free, count) in self.window.freeing() {
                shorter.add(free.saturating_sub(self.window.kept()), count);
            }
            self.window = shorter;
        }
    }

    /// Records an ended attempt that may be counted until `last`.
    pub(super) fn ended(&mut self, last: Duration) {
        self.window.add(last, 1);
    }

    /// Removes the slots that are free at `now`.
    pub(super) fn free(&mut self, now: Duration) {
        if now < self.now {
            // The wall clock was set back, on a system where runs share no better clock.
            let latest = now + self.timeout + self.window.kept();
            self.window = self.window.moved(|free| Some(free.min(latest)));
        }
        self.now = now;
        self.window.free(now);
    }

    /// The number of attempts that may start while `held` are in flight. If none, when one may start.
    pub(super) fn room(&self, held: u32) -> Result<u32, Wait> {
        let Some(share) = self.share else { return Ok(u32::MAX) };
        let used = u64::from(held) + self.window.used();
        match u64::from(share).checked_sub(used) {
            Some(room @ 1..) => Ok(u32::try_from(room).unwrap_or(u32::MAX)),
            _ => {
                let free = self.window.when_free(used - u64::from(share) + 1);
                Err(free.map_or(Wait::UntilOneEnds, Wait::Until))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A window of five seconds with a share of three; two attempts ended at `at`.
    fn own(at: Duration) -> Own {
        let mut own = Own::new(ms(5000), TIMEOUT);
        own.free(at);
        own.take_share(3);
        (0..2).for_each(|_| own.ended(at));
        own
    }

    #[test]
    fn a_shorter_window_that_was_learned_knows_what_was_sent_before() {
        let mut own = own(ms(100));
        own.keep(ms(1000));
        own.free(ms(1100));
        assert_eq!((own.room(0), own.room(1)), (Ok(1), Err(Wait::Until(ms(1101)))));
        own.free(ms(1101));
        assert_eq!(own.room(0), Ok(3));
    }

    #[test]
    fn a_longer_window_that_was_learned_is_not_the_one_that_the_share_is_of() {
        let mut own = own(ms(100));
        own.keep(ms(60_000));
        own.free(ms(5105));
        assert_eq!(own.room(0), Ok(3));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_slots_for_as_long_as_they_can_count_and_no_longer() {
        let hour = Duration::from_secs(3600);
        let mut own = own(2 * hour);
        own.ended(2 * hour + TIMEOUT);
        own.free(2 * hour);
        assert_eq!(own.room(0), Err(Wait::Until(2 * hour + ms(5005))));
        own.free(hour);
        let free = hour + TIMEOUT + ms(5005);
        assert_eq!(own.room(0), Err(Wait::Until(free)));
        own.free(free);
        assert_eq!(own.room(0), Ok(3));
    }
}
