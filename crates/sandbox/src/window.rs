//! The limit's arithmetic: which calls are accepted, and how full the fullest window was.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Counting;

/// The calls that count against the limit. Times never decrease from call to call.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    limit: Option<u32>,
    window: Duration,
    refused_count: bool,
    counted: Counted,
}

#[derive(Debug, Clone)]
enum Counted {
    /// The latest calls that count, oldest first. Only the last `limit` calls matter, so no more are kept.
    Sliding(VecDeque<Duration>),
    /// The number of calls in the latest window that had any.
    Fixed { phase: Duration, index: i128, calls: u32 },
}

impl Budget {
    pub(crate) fn new(limit: Option<u32>, window: Duration, counting: Counting, refused_count: bool) -> Self {
        let counted = match counting {
            Counting::Sliding => Counted::Sliding(VecDeque::new()),
            Counting::Fixed { phase } => Counted::Fixed { phase, index: i128::MIN, calls: 0 },
        };
        Self { limit, window, refused_count, counted }
    }

    /// Whether a call that arrives now is accepted. It is counted if it is, or if refused calls count.
    pub(crate) fn take(&mut self, at: Duration) -> bool {
        let Some(limit) = self.limit else { return true };
        match &mut self.counted {
            Counted::Sliding(calls) => {
                while calls.front().is_some_and(|oldest| at.saturating_sub(*oldest) > self.window) {
                    calls.pop_front();
                }
                debug_assert!(calls.len() <= limit as usize, "no more are kept than the limit");
                let let_through = calls.len() < limit as usize;
                if !let_through && self.refused_count {
                    calls.pop_front();
                }
                if let_through || (self.refused_count && limit > 0) {
                    calls.push_back(at);
                }
                let_through
            }
            Counted::Fixed { phase, index, calls } => {
                let now = fixed_window(at, self.window, *phase);
                if now != *index {
                    (*index, *calls) = (now, 0);
                }
                // A refused call finds its window full, and the window stays full: whether it counts makes no
                // difference here.
                let let_through = *calls < limit;
                *calls += u32::from(let_through);
                let_through
            }
        }
    }
}

/// The fixed window that contains a moment. If windows have no length, every moment is its own window.
fn fixed_window(at: Duration, window: Duration, phase: Duration) -> i128 {
    let nanos = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    (nanos(at) - nanos(phase)).div_euclid(nanos(window).max(1))
}

/// The maximum number of `times` within any closed interval of the length `window`. `times` are sorted.
///
/// ```
/// use std::time::Duration;
///
/// let times = [0, 4, 5, 10].map(Duration::from_secs);
/// assert_eq!(batchpost_sandbox::most_in_any(&times, Duration::from_secs(5)), 3);
/// ```
pub fn most_in_any(times: &[Duration], window: Duration) -> usize {
    debug_assert!(times.is_sorted(), "the times are in order");
    let mut first = 0;
    let mut most = 0;
    for (last, time) in times.iter().enumerate() {
        while time.saturating_sub(times[first]) > window {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

/// The maximum number of `times` within one of the fixed windows. `times` are sorted.
pub(crate) fn most_in_a_fixed(times: &[Duration], window: Duration, phase: Duration) -> usize {
    let same_window = |a: &Duration, b: &Duration| fixed_window(*a, window, phase) == fixed_window(*b, window, phase);
    times.chunk_by(same_window).map(<[Duration]>::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Small numbers, so that calls are often exactly one window apart.
    fn times() -> impl Strategy<Value = Vec<Duration>> {
        prop::collection::vec(0u64..4, 0..80).prop_map(|steps| {
            let mut at = Duration::ZERO;
            steps
                .into_iter()
                .map(|step| {
                    at += Duration::from_millis(step);
                    at
                })
                .collect()
        })
    }

    fn lengths() -> impl Strategy<Value = Duration> {
        (0u64..12).prop_map(Duration::from_millis)
    }

    fn let_through(budget: &mut Budget, times: &[Duration]) -> Vec<Duration> {
        times.iter().copied().filter(|at| budget.take(*at)).collect()
    }

    /// Counts, call by call, every interval that begins at one of the times.
    fn most_naively(times: &[Duration], window: Duration) -> usize {
        let within = |start: Duration| times.iter().filter(|time| (start..=start + window).contains(time)).count();
        times.iter().map(|start| within(*start)).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn most_in_any_agrees_with_counting_every_interval(times in times(), window in lengths()) {
            prop_assert_eq!(most_in_any(&times, window), most_naively(&times, window));
        }

        #[test]
        fn no_sliding_window_lets_more_through_than_the_limit(
            times in times(), window in lengths(), limit in 0u32..6, refused_count: bool,
        ) {
            let mut budget = Budget::new(Some(limit), window, Counting::Sliding, refused_count);
            prop_assert!(most_naively(&let_through(&mut budget, &times), window) <= limit as usize);
        }

        #[test]
        fn a_sliding_window_refuses_exactly_when_it_is_full(
            times in times(), window in lengths(), limit in 0u32..6, refused_count: bool,
        ) {
            let mut budget = Budget::new(Some(limit), window, Counting::Sliding, refused_count);
            let mut counted: Vec<Duration> = Vec::new();
            for at in times {
                let free = counted.iter().filter(|call| **call + window >= at).count() < limit as usize;
                prop_assert_eq!(budget.take(at), free, "at {:?} after {:?}", at, counted);
                if free || refused_count {
                    counted.push(at);
                }
            }
        }

        #[test]
        fn a_fixed_window_lets_its_limit_through_and_no_more(
            times in times(), window in 1u64..12, phase in 0u64..30, limit in 0u32..6, refused_count: bool,
        ) {
            let [length, begins] = [window, phase].map(Duration::from_millis);
            let mut budget = Budget::new(Some(limit), length, Counting::Fixed { phase: begins }, refused_count);
            let passed = let_through(&mut budget, &times);
            // The windows computed by hand; the first one is cut off at time zero.
            let edges: Vec<u64> = [0].into_iter().chain((0..400).map(|n| phase % window + n * window)).collect();
            for edge in edges.windows(2) {
                let one = Duration::from_millis(edge[0])..Duration::from_millis(edge[1]);
                let inside = |times: &[Duration]| times.iter().filter(|at| one.contains(at)).count();
                prop_assert_eq!(inside(&passed), inside(&times).min(limit as usize), "window {:?}", one);
            }
        }

        #[test]
        fn no_fixed_window_holds_more_than_a_closed_interval(times in times(), window in lengths(), phase in lengths()) {
            prop_assert!(most_in_a_fixed(&times, window, phase) <= most_in_any(&times, window));
        }
    }

    #[test]
    fn fixed_windows_let_a_double_burst_through_where_they_meet() {
        let times = [4_999, 4_999, 5_000, 5_000].map(Duration::from_millis);
        let window = Duration::from_secs(5);
        let mut budget = Budget::new(Some(2), window, Counting::Fixed { phase: Duration::ZERO }, false);
        assert_eq!(let_through(&mut budget, &times), times);
        assert_eq!(most_in_any(&times, window), 4);
        assert_eq!(most_in_a_fixed(&times, window, Duration::ZERO), 2);
    }

    #[test]
    fn without_a_limit_all_are_let_through() {
        let times = [Duration::ZERO; 100];
        let mut budget = Budget::new(None, Duration::from_secs(5), Counting::Sliding, true);
        assert_eq!(let_through(&mut budget, &times), times);
    }
}
