//! Attempts over time, in a bounded number of buckets of equal width.

use std::time::Duration;

use super::latencies::Latencies;
use crate::outcome::VerdictWord;

/// Attempts by result.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The note was created.
    pub posted: u64,
    /// The API rejected the row.
    pub rejected: u64,
    /// Not created; another attempt may succeed.
    pub again: u64,
    /// No byte was sent.
    pub unsent: u64,
    /// Refused because of the limit.
    pub limited: u64,
    /// The note may or may not have been created.
    pub unknown: u64,
    /// The answer ended the run.
    pub setup_fault: u64,
    /// The intent was recorded, but nothing was sent.
    pub withdrawn: u64,
    /// Unknown to the ledger: the run was cut off.
    pub cut_off: u64,
}

impl Ends {
    /// Returns the count for a verdict, for changing it.
    pub fn of_mut(&mut self, verdict: VerdictWord) -> &mut u64 {
        match verdict {
            VerdictWord::Posted => &mut self.posted,
            VerdictWord::Rejected => &mut self.rejected,
            VerdictWord::Again => &mut self.again,
            VerdictWord::Unsent => &mut self.unsent,
            VerdictWord::Limited => &mut self.limited,
            VerdictWord::Unknown => &mut self.unknown,
            VerdictWord::SetupFault => &mut self.setup_fault,
            VerdictWord::Withdrawn => &mut self.withdrawn,
        }
    }

    /// Number of attempts made, without withdrawn ones.
    pub fn attempts(&self) -> u64 {
        let answered = self.posted + self.rejected + self.again + self.limited + self.setup_fault;
        answered + self.unsent + self.unknown + self.cut_off
    }

    fn add(&mut self, other: &Self) {
        self.posted += other.posted;
        self.rejected += other.rejected;
        self.again += other.again;
        self.unsent += other.unsent;
        self.limited += other.limited;
        self.unknown += other.unknown;
        self.setup_fault += other.setup_fault;
        self.withdrawn += other.withdrawn;
        self.cut_off += other.cut_off;
    }
}

/// The attempts that began within one period.
#[derive(Debug, Default, Clone)]
pub struct Bucket {
    /// The attempts by result.
    pub ends: Ends,
    /// Latencies of the attempts with an answer.
    pub latencies: Latencies,
}

/// The buckets.
#[derive(Debug, Default)]
pub struct Course {
    /// Width of a bucket; zero until a run begins.
    width_us: u64,
    last_us: u64,
    buckets: Vec<Bucket>,
}

/// Minimum unit, also used for a run without a limit.
const LEAST_WIDTH: Duration = Duration::from_secs(1);
/// Maximum unit. For a run with longer windows, the buckets show the attempts but not how they fill the windows.
const MOST_WIDTH: Duration = Duration::from_secs(60);

impl Course {
    /// Maximum number of buckets. If more are needed, each two are merged.
    pub const MOST: usize = 240;

    /// The buckets, all of equal width.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The width of a bucket. As long as all runs have the limits of the first, it is a multiple of their shortest
    /// window of up to a minute, so the rate in a bucket does not exceed a limit that was kept.
    pub fn width(&self) -> Duration {
        Duration::from_micros(self.width_us)
    }

    /// The time covered by all buckets. The last one may be incomplete.
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.last_us)
    }

    /// Begins a run with this shortest window. Returns the window's length within the width bounds.
    pub(super) fn run(&mut self, window: Option<Duration>) -> u64 {
        let window = window.unwrap_or(LEAST_WIDTH).as_micros().max(1);
        let times = LEAST_WIDTH.as_micros().div_ceil(window);
        let unit_us = (window * times).min(MOST_WIDTH.as_micros()) as u64;
        if self.width_us == 0 {
            self.width_us = unit_us;
        }
        while self.width_us < unit_us {
            self.widen();
        }
        unit_us
    }

    /// The bucket for attempts that began at this time.
    pub(super) fn at(&mut self, at_us: u64) -> &mut Bucket {
        self.reach(at_us);
        &mut self.buckets[(at_us / self.width_us) as usize]
    }

    /// Extends the buckets to this time.
    pub(super) fn reach(&mut self, at_us: u64) {
        if self.width_us == 0 {
            self.run(None);
        }
        self.last_us = self.last_us.max(at_us);
        while at_us / self.width_us >= Self::MOST as u64 {
            self.widen();
        }
        let needed = (at_us / self.width_us) as usize + 1;
        if self.buckets.len() < needed {
            self.buckets.resize_with(needed, Bucket::default);
        }
    }

    fn widen(&mut self) {
        self.width_us = self.width_us.saturating_mul(2);
        let mut halves = std::mem::take(&mut self.buckets).into_iter();
        while let Some(mut bucket) = halves.next() {
            if let Some(other) = halves.next() {
                bucket.ends.add(&other.ends);
                bucket.latencies.add(&other.latencies);
            }
            self.buckets.push(bucket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(course: &Course) -> (u64, u64) {
        let all = course.buckets.iter();
        all.fold((0, 0), |(posted, answered), bucket| {
            (posted + bucket.ends.posted, answered + bucket.latencies.count())
        })
    }

    #[test]
    fn buckets_merge_as_the_batch_grows_and_lose_nothing() {
        let mut course = Course::default();
        course.run(Some(Duration::from_secs(5)));
        for second in 0..5000 {
            let bucket = course.at(second * 1_000_000);
            bucket.ends.posted += 1;
            bucket.latencies.record(Duration::from_millis(second));
            assert!(course.buckets().len() <= Course::MOST);
        }
        assert_eq!(count(&course), (5000, 5000));
        assert_eq!(course.width(), Duration::from_secs(40), "5000 s in 240 buckets, in doublings of 5 s");
        assert!(course.buckets()[..124].iter().all(|bucket| bucket.ends.posted == 40));
    }

    #[test]
    fn a_bucket_holds_whole_windows() {
        for (window_ms, width_ms) in [(250, 1000), (300, 1200), (5000, 5000), (86_400_000, 60_000)] {
            let mut course = Course::default();
            course.run(Some(Duration::from_millis(window_ms)));
            assert_eq!(course.width(), Duration::from_millis(width_ms), "{window_ms}");
        }
    }

    #[test]
    fn a_run_with_longer_windows_widens_the_buckets() {
        let mut course = Course::default();
        course.run(Some(Duration::from_secs(1)));
        course.at(1_500_000).ends.posted += 1;
        course.run(Some(Duration::from_secs(5)));
        assert_eq!((course.width(), count(&course).0), (Duration::from_secs(8), 1));
    }

    #[test]
    fn no_time_is_too_long_for_it() {
        let mut course = Course::default();
        course.at(0).ends.posted += 1;
        course.at(u64::MAX).ends.posted += 1;
        assert_eq!(count(&course).0, 2);
    }
}
