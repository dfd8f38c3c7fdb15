//! The maximum number of attempts that a server can have counted in one window, over all runs of a ledger.
//!
//! An attempt may have been counted at any moment of an interval, so a closed window may contain every
//! attempt whose interval touches it. Take such a window, and let A be the last started of the attempts that
//! touch it. A started no later than the window's end, so the window starts no earlier than one window length
//! before A. Hence all that touch it started no later than A and ended no earlier than that; and the window
//! that ends at A's start touches them all. So to find the fullest window, count for each attempt how many of
//! those before it ended no earlier than one window length before its start.
//!
//! Attempts are processed in the order of their starts, each as soon as the ends of all before it are known.
//! They are dropped when no window can contain them any more. Kept are those within the longest window and
//! those in flight.
//!
//! A window counts against the limits of the run that made its last attempt, since that run had to wait. So
//! if a limit was raised between runs, the later attempts do not count against the lower one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::LimitAudit;
use crate::job::{Key, KeyMap};
use crate::limit::Limit;

/// Processes a ledger's attempts in order. Times are microseconds on one timeline.
#[derive(Debug)]
pub(super) struct Sweep {
    limits: Vec<Held>,
    /// Attempts in the order of their starts, from the first with an unknown end.
    waiting: VecDeque<Attempt>,
    /// The number of the first waiting attempt, counted from the start.
    first: u64,
    /// The number of each job's attempt in flight.
    open: KeyMap<u64>,
    /// The number of attempts that may have been counted.
    sent: u64,
    /// A limit first appeared after attempts that its windows should have included.
    late: bool,
}

#[derive(Debug)]
struct Attempt {
    from_us: i64,
    record: u64,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Unknown,
    /// No server can have counted it.
    NotSent,
    /// The latest moment at which it can have been counted, and the earliest moment until which its slot was
    /// kept.
    At {
        latest_us: i64,
        least_us: i64,
    },
}

impl Sweep {
    /// Creates a sweep for the limits known so far.
    pub(super) fn new(limits: &[Limit]) -> Self {
        let limits = limits.iter().copied().map(Held::new).collect();
        Self { limits, waiting: VecDeque::new(), first: 0, open: KeyMap::default(), sent: 0, late: false }
    }

    /// Starts a run with these limits. The previous run is closed.
    pub(super) fn run(&mut self, limits: &[Limit]) {
        for limit in limits {
            if !self.limits.iter().any(|held| held.limit == *limit) {
                self.late |= self.sent > 0;
                self.limits.push(Held::new(*limit));
            }
        }
        for held in &mut self.limits {
            held.begin_run(limits.contains(&held.limit));
        }
    }

    /// Starts an attempt, no earlier than those before it.
    pub(super) fn begin(&mut self, key: Key, from_us: i64, record: u64) {
        // If the job has an attempt in flight, the end of that attempt is never recorded; it ends with its
        // run.
        self.open.insert(key, self.first + self.waiting.len() as u64);
        self.waiting.push_back(Attempt { from_us, record, end: End::Unknown });
    }

    /// When the job's attempt in flight started.
    pub(super) fn under_way(&self, key: &Key) -> Option<i64> {
        let number = self.open.get(key)?;
        self.waiting.get((number - self.first) as usize).map(|attempt| attempt.from_us)
    }

    /// Ends the job's attempt, which may have been counted until `to_us`; `None` if it was not sent.
    pub(super) fn end(&mut self, key: &Key, to_us: Option<i64>) {
        let Some(number) = self.open.remove(key) else { return };
        if let Some(attempt) = self.waiting.get_mut((number - self.first) as usize) {
            attempt.end = to_us.map_or(End::NotSent, |to_us| {
                let to_us = to_us.max(attempt.from_us);
                End::At { latest_us: to_us, least_us: to_us }
            });
        }
        self.settle();
    }

    /// Ends the run. Attempts without a recorded end had ended when the next run started, at `next_us`, and
    /// may have been counted until a timeout after that.
    pub(super) fn close_run(&mut self, timeout_us: i64, next_us: i64) {
        self.open.clear();
        for attempt in self.waiting.iter_mut().filter(|attempt| matches!(attempt.end, End::Unknown)) {
            let least_us = attempt.from_us.saturating_add(timeout_us);
            attempt.end = End::At { latest_us: next_us.saturating_add(timeout_us).max(least_us), least_us };
        }
        self.settle();
        self.limits.iter_mut().for_each(Held::end_run);
    }

    /// The number of attempts that may have been counted.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The results; or all limits, for another sweep, if a limit appeared too late.
    pub(super) fn found(self) -> Result<Vec<LimitAudit>, Vec<Limit>> {
        if self.late {
            return Err(self.limits.iter().map(|held| held.limit).collect());
        }
        Ok(self.limits.into_iter().map(Held::found).collect())
    }

    fn settle(&mut self) {
        while let Some(&Attempt { from_us, record, end }) = self.waiting.front()
            && !matches!(end, End::Unknown)
        {
            self.waiting.pop_front();
            self.first += 1;
            if let End::At { latest_us, least_us } = end {
                self.sent += 1;
                self.limits.iter_mut().for_each(|held| held.take(from_us, latest_us, least_us, record));
            }
        }
    }
}

/// How well one limit was kept.
#[derive(Debug)]
struct Held {
    limit: Limit,
    window_us: i64,
    /// Whether the current run has this limit.
    in_force: bool,
    of_the_run: Ends,
    of_all: Ends,
    least_of_all: Ends,
    peak_in_a_run: u32,
    peak: u32,
    peak_at_least: u32,
    fullest: u64,
    rate: Rate,
    made: u64,
    possible: u64,
}

/// How fast the current run posts, by its windows.
#[derive(Debug, Default)]
struct Rate {
    attempts: u64,
    began_us: i64,
    /// The number of attempts before the last one that started a new window, and the time until that one.
    made: u64,
    passed_us: i64,
}

impl Held {
    fn new(limit: Limit) -> Self {
        Self {
            limit,
            window_us: micros(limit.window()),
            in_force: false,
            of_the_run: Ends::default(),
            of_all: Ends::default(),
            least_of_all: Ends::default(),
            peak_in_a_run: 0,
            peak: 0,
            peak_at_least: 0,
            fullest: 0,
            rate: Rate::default(),
            made: 0,
            possible: 0,
        }
    }

    fn begin_run(&mut self, in_force: bool) {
        self.in_force = in_force;
        self.of_the_run = Ends::default();
        self.rate = Rate::default();
    }

    fn take(&mut self, from_us: i64, to_us: i64, least_us: i64, record: u64) {
        let window_from_us = from_us.saturating_sub(self.window_us);
        let in_all = self.of_all.with(to_us, window_from_us);
        let at_least = self.least_of_all.with(least_us, window_from_us);
        if !self.in_force {
            return;
        }
        self.peak_in_a_run = self.peak_in_a_run.max(self.of_the_run.with(to_us, window_from_us));
        self.peak_at_least = self.peak_at_least.max(at_least);
        if in_all > self.peak {
            (self.peak, self.fullest) = (in_all, record);
        }
        if self.rate.attempts == 0 {
            self.rate.began_us = from_us;
        } else if self.rate.attempts.is_multiple_of(u64::from(self.limit.count())) {
            self.rate.made = self.rate.attempts;
            self.rate.passed_us = from_us.saturating_sub(self.rate.began_us);
        }
        self.rate.attempts += 1;
    }

    fn end_run(&mut self) {
        let Rate { made, passed_us, .. } = self.rate;
        let possible = i128::from(passed_us) * i128::from(self.limit.count()) / i128::from(self.window_us.max(1));
        self.made += made;
        self.possible = self.possible.saturating_add(u64::try_from(possible).unwrap_or(u64::MAX));
    }

    fn found(self) -> LimitAudit {
        let Self { limit, peak_in_a_run, peak, peak_at_least, fullest, made, possible, .. } = self;
        LimitAudit { limit, peak_in_a_run, peak, peak_at_least, fullest, made, possible }
    }
}

/// The ends of attempts that a window may still contain.
#[derive(Debug, Default)]
struct Ends(BinaryHeap<Reverse<i64>>);

impl Ends {
    /// Adds an end, and returns how many are in a window that starts at `window_from_us` or later.
    fn with(&mut self, to_us: i64, window_from_us: i64) -> u32 {
        while self.0.peek().is_some_and(|Reverse(end)| *end < window_from_us) {
            self.0.pop();
        }
        self.0.push(Reverse(to_us));
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// A span in microseconds, rounded up.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_nanos().div_ceil(1000)).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests;
