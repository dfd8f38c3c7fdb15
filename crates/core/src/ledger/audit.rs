//! What a ledger proves about its batch: that the limits held, that every row has one outcome, that the sums match.

use std::time::Duration;

use super::batch::Batch;
use super::record::{Record, Run};
use super::{LedgerError, Storage, read};
use crate::job::KeyMap;
use crate::limit::Limit;
use crate::outcome::{Outcome, VerdictWord};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// For each limit that any run had, how close it came.
    pub limits: Vec<LimitAudit>,
    /// Runs.
    pub runs: u64,
    /// Attempts that may have reached the API.
    pub attempts: u64,
    /// What does not add up, at most [`Audit::MOST_PROBLEMS`].
    pub problems: Vec<String>,
}

/// How close a batch came to one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitAudit {
    /// The limit.
    pub limit: Limit,
    /// The most requests that any server can have counted in one window of a single run.
    pub peak_in_a_run: u32,
    /// The same over all runs that had this limit, by the wall clock: runs one right after the other share windows.
    pub peak: u32,
}

impl LimitAudit {
    /// Whether the limit held within each run, and across them.
    pub fn held(&self) -> bool {
        self.peak_in_a_run <= self.limit.count() && self.peak <= self.limit.count()
    }
}

/// When a server can have counted a request: microseconds of the wall clock as it stood when the run began.
#[derive(Debug, Clone, Copy)]
struct Interval {
    from_us: i64,
    to_us: i64,
}

impl Audit {
    /// More problems than this are not told.
    pub const MOST_PROBLEMS: usize = 20;

    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.problems.is_empty() && self.limits.iter().all(LimitAudit::held)
    }

    fn problem(&mut self, what: String) {
        if self.problems.len() < Self::MOST_PROBLEMS {
            self.problems.push(what);
        }
    }
}

/// Audits a ledger.
///
/// An attempt may have been counted at any moment from its intent to its end; one without a reply, or one that a crash
/// cut off, until a time-out later. A window of length w can hold every attempt whose interval touches it.
///
/// # Errors
///
/// As [`read`].
pub fn audit(storage: &impl Storage) -> Result<Audit, LedgerError> {
    let mut audit = Audit::default();
    let mut batch: Option<Batch> = None;
    let mut runs: Vec<(Vec<Limit>, Vec<Interval>)> = Vec::new();
    let mut clock = RunClock::default();
    let mut never_began = Vec::new();
    let mut salvaged = false;
    // Attempts without an end, with what they can be counted from.
    let mut open: KeyMap<i64> = KeyMap::default();

    read(storage, &mut |entry| {
        match &entry.record {
            Record::Salvage(_) => salvaged = true,
            Record::Run(run) => {
                close(&mut open, &mut runs, clock);
                audit.runs += 1;
                runs.push((run.settings.limits.clone(), Vec::new()));
                clock = RunClock::of(run);
            }
            Record::Intent(intent) => {
                let stood = batch.as_ref().and_then(|batch| batch.standings.get(&intent.key));
                if stood.is_some_and(|standing| standing.outcome() == Outcome::Posted) {
                    audit.problem(format!("record {}: row {} was posted and is sent again", entry.number, intent.row));
                }
                open.insert(intent.key, clock.at(intent.at_us));
            }
            Record::Outcome(end) => match open.remove(&end.key) {
                // Of what was salvaged the beginning may be lost; that it was is recorded after it.
                None if never_began.len() < Audit::MOST_PROBLEMS => {
                    never_began.push(format!("record {}: an attempt ended that never began", entry.number));
                }
                None => {}
                Some(from_us) => {
                    let silent = end.status.is_none() && end.verdict == VerdictWord::Unknown;
                    let to_us = clock.at(end.at_us) + if silent { clock.timeout_us } else { 0 };
                    let sent = !matches!(end.verdict, VerdictWord::Withdrawn | VerdictWord::Unsent);
                    if let Some((_, intervals)) = runs.last_mut().filter(|_| sent) {
                        intervals.push(Interval { from_us, to_us });
                    }
                }
            },
            _ => {}
        }
        match (&mut batch, entry.record) {
            (None, Record::Header(header)) => batch = Some(Batch::new(header)),
            (Some(batch), record) => {
                batch.apply(&record);
                if let Record::Finish(finish) = record
                    && batch.reading.is_some()
                    && batch.counts() != finish.counts
                {
                    audit.problem(format!("record {}: the run's sums are not those of its records", entry.number));
                }
            }
            (None, _) => {}
        }
    })?;
    close(&mut open, &mut runs, clock);
    never_began.into_iter().filter(|_| !salvaged).for_each(|problem| audit.problem(problem));
    if let Some(batch) = &batch
        && let Some(reading) = &batch.reading
        && batch.counts().total() != reading.rows
    {
        audit.problem(format!("the outcomes add up to {} and the rows to {}", batch.counts().total(), reading.rows));
    }

    audit.attempts = runs.iter().map(|(_, intervals)| intervals.len() as u64).sum();
    audit.limits = limits(&runs);
    Ok(audit)
}

/// A run's clock, on the wall clock of its beginning.
#[derive(Debug, Clone, Copy, Default)]
struct RunClock {
    began_us: i64,
    timeout_us: i64,
    last_us: i64,
}

impl RunClock {
    fn of(run: &Run) -> Self {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4);
        let began_us = run.wall.as_microsecond();
        Self { began_us, timeout_us: micros(run.settings.timeout), last_us: began_us }
    }

    fn at(&mut self, at_us: u64) -> i64 {
        let at = self.began_us.saturating_add_unsigned(at_us);
        self.last_us = self.last_us.max(at);
        at
    }
}

/// Attempts that a crash cut off: they were sent before the run's last record or soon after, and may be under way for a
/// time-out from then.
fn close(open: &mut KeyMap<i64>, runs: &mut [(Vec<Limit>, Vec<Interval>)], clock: RunClock) {
    let to_us = clock.last_us.saturating_add(clock.timeout_us);
    let cut_off = open.drain().map(|(_, from_us)| Interval { from_us, to_us });
    if let Some((_, intervals)) = runs.last_mut() {
        intervals.extend(cut_off);
    }
}

fn limits(runs: &[(Vec<Limit>, Vec<Interval>)]) -> Vec<LimitAudit> {
    let mut limits: Vec<Limit> = Vec::new();
    for limit in runs.iter().flat_map(|(limits, _)| limits) {
        if !limits.contains(limit) {
            limits.push(*limit);
        }
    }
    let of = |limit: Limit| {
        let under_it: Vec<&[Interval]> = runs
            .iter()
            .filter(|(limits, _)| limits.contains(&limit))
            .map(|(_, intervals)| intervals.as_slice())
            .collect();
        LimitAudit {
            limit,
            peak_in_a_run: under_it.iter().map(|run| peak(run, limit.window())).max().unwrap_or(0),
            peak: peak(&under_it.concat(), limit.window()),
        }
    };
    limits.into_iter().map(of).collect()
}

/// The most intervals that touch one closed window: among the fullest windows is one that begins where an interval ends.
fn peak(intervals: &[Interval], window: Duration) -> u32 {
    let window_us = i64::try_from(window.as_micros()).unwrap_or(i64::MAX / 4);
    let mut starts: Vec<i64> = intervals.iter().map(|interval| interval.from_us).collect();
    let mut ends: Vec<i64> = intervals.iter().map(|interval| interval.to_us).collect();
    starts.sort_unstable();
    ends.sort_unstable();
    let mut begun = 0;
    let mut most = 0;
    for (over, end) in ends.iter().enumerate() {
        while starts.get(begun).is_some_and(|start| *start <= end.saturating_add(window_us)) {
            begun += 1;
        }
        // `over` intervals ended before this window, those with the same end counted in.
        most = most.max(begun - over);
    }
    u32::try_from(most).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak_of(intervals: &[(i64, i64)], window_us: u64) -> u32 {
        let intervals: Vec<Interval> = intervals.iter().map(|&(from_us, to_us)| Interval { from_us, to_us }).collect();
        peak(&intervals, Duration::from_micros(window_us))
    }

    #[test]
    fn a_window_holds_every_interval_that_touches_it() {
        assert_eq!(peak_of(&[], 10), 0);
        assert_eq!(peak_of(&[(0, 5), (10, 12), (15, 20)], 10), 3);
        assert_eq!(peak_of(&[(0, 5), (10, 12), (16, 20)], 10), 2);
        assert_eq!(peak_of(&[(0, 5), (0, 5), (0, 5), (15, 15)], 10), 4);
        assert_eq!(peak_of(&[(0, 100), (50, 51), (60, 61), (90, 91)], 5), 2);
    }

    proptest::proptest! {
        #[test]
        fn the_sweep_agrees_with_looking_at_every_window(
            intervals in proptest::collection::vec((0..60i64, 0..20i64), 0..25),
            window in 0..15u64,
        ) {
            let intervals: Vec<(i64, i64)> = intervals.iter().map(|&(from, lasts)| (from, from + lasts)).collect();
            let touching = |begin: i64| {
                intervals.iter().filter(|(from, to)| *from <= begin + window as i64 && *to >= begin).count()
            };
            let every = (-1..100).map(touching).max().unwrap_or(0);
            proptest::prop_assert_eq!(peak_of(&intervals, window), every as u32);
        }
    }
}
