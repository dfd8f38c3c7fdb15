//! Other clients of the account: calls at random times that count against the same limit.

use std::time::Duration;

use fastrand::Rng;

use crate::window::Budget;

/// Counts of the other clients' calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// All calls.
    pub(crate) made: usize,
    /// Calls that the limit refused; they are not repeated.
    pub(crate) refused: usize,
}

/// A Poisson process with its own generator, so that other random choices do not depend on it.
#[derive(Debug, Clone)]
pub(crate) struct OtherClients {
    rng: Rng,
    /// The mean time between two calls.
    mean: Duration,
    next: Duration,
    calls: Calls,
}

impl OtherClients {
    /// `count` calls per `time` on average; `None` if either is zero.
    pub(crate) fn new(count: u32, time: Duration, seed: u64) -> Option<Self> {
        let mean = time.checked_div(count).filter(|mean| !mean.is_zero())?;
        let mut other_clients =
            Self { rng: Rng::with_seed(seed ^ 0x5354_5241), mean, next: Duration::ZERO, calls: Calls::default() };
        other_clients.next = other_clients.pause();
        Some(other_clients)
    }

    /// Makes the calls that are due by `now`.
    pub(crate) fn call(&mut self, now: Duration, budget: &mut Budget) {
        while self.next <= now {
            self.calls.made += 1;
            self.calls.refused += usize::from(!budget.take(self.next));
            let pause = self.pause();
            self.next += pause;
        }
    }

    pub(crate) fn calls(&self) -> Calls {
        self.calls
    }

    fn pause(&mut self) -> Duration {
        // 1 - [0, 1) is never zero, so its logarithm is finite.
        self.mean.mul_f64(-(1.0 - self.rng.f64()).ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Counting;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn they_call_as_often_as_was_said_on_average_and_at_random_times() {
        let mut other_clients = OtherClients::new(10, 5 * SECOND, 7).unwrap();
        let mut budget = Budget::new(None, SECOND, Counting::Sliding, false);
        let mut before = 0;
        let mut seconds = [0; 12];
        for second in 1..=10_000 {
            other_clients.call(SECOND * second, &mut budget);
            seconds[(other_clients.calls().made - before).min(11)] += 1;
            before = other_clients.calls().made;
        }
        assert!((19_500..20_500).contains(&before), "{before}");
        // Poisson with a mean of 2: no calls in 13.5% of all seconds, five or more in 5.3%.
        assert!((1200..1500).contains(&seconds[0]), "{seconds:?}");
        assert!((400..660).contains(&seconds[5..].iter().sum::<i32>()), "{seconds:?}");
    }

    #[test]
    fn their_calls_use_the_limit_up_and_are_refused_by_it() {
        let mut other_clients = OtherClients::new(100, SECOND, 1).unwrap();
        let mut budget = Budget::new(Some(25), 5 * SECOND, Counting::Sliding, false);
        other_clients.call(4 * SECOND, &mut budget);
        assert_eq!(other_clients.calls().made - other_clients.calls().refused, 25);
        assert!(!budget.take(4 * SECOND));
    }

    #[test]
    fn nobody_calls_where_nobody_is() {
        assert!(OtherClients::new(0, SECOND, 1).is_none());
        assert!(OtherClients::new(1, Duration::ZERO, 1).is_none());
    }
}
