//! Summarizes a whole batch from its ledger as data for charts: a fold over the records.
//!
//! # Memory
//!
//! Apart from the state of each row, memory does not grow with the ledger. Time is divided into a bounded number of
//! buckets that merge as the batch grows, and latencies go into histograms. Of pauses, answers, runs and rows, a
//! bounded number is kept, and the rest is counted.
//!
//! # Older ledgers
//!
//! Older ledgers have no records of pauses. Their pauses are inferred from the answers that make a run pause and from
//! the next attempt.

mod axis;
mod concerns;
mod course;
mod latencies;
mod pauses;
mod replies;
mod story;

pub use concerns::{Concern, Concerns};
pub use course::{Bucket, Course, Ends};
pub use latencies::Latencies;
pub use pauses::{Pause, PauseEnd, PauseTotal, Pauses};
pub use replies::{Replies, ReplyGroup};
pub use story::{Chapter, RunEnd, RunStory, Settling, Story};

use std::time::Duration;

use jiff::Timestamp;

use crate::job::KeyMap;
use crate::ledger::{AttemptEnd, Batch, Extent, Header, History, Intent, LedgerError, Record, Run, histories, read};
use crate::outcome::{Counts, VerdictWord};
use crate::storage::Storage;
use axis::Axis;
use concerns::Choice;
use pauses::Watch;

/// The summary of a batch.
#[derive(Debug)]
pub struct Overview {
    /// The first record of the ledger.
    pub header: Header,
    /// The part of the ledger that was read.
    pub extent: Extent,
    /// Rows of the last reading of the input, by outcome.
    pub counts: Counts,
    /// Jobs that were sent or rejected and are no longer in the input.
    pub vanished: u64,
    /// How many of these are in doubt.
    pub vanished_in_doubt: u64,
    /// Attempts by result.
    pub ends: Ends,
    /// Rows by the number of the attempt that posted them; the last element also counts all later attempts.
    pub posted_at: [u64; Overview::TRIES],
    /// Time from taking an attempt's slot to the end of its reply.
    pub latencies: Latencies,
    /// Attempts over time.
    pub course: Course,
    /// Periods without attempts because of an answer.
    pub pauses: Pauses,
    /// Answers other than that a note was created.
    pub replies: Replies,
    /// Rows that need attention.
    pub concerns: Concerns,
    /// The runs and the decisions between them.
    pub story: Story,
    /// Wall-clock time of the last record that has one.
    pub as_of: Timestamp,
}

impl Overview {
    /// Number of attempts per row that are counted separately.
    pub const TRIES: usize = 6;
}

/// Summarizes a ledger. It is read once, or twice if rows need attention, because only the first reading shows which.
/// `number` may update the row numbers to those in the current input.
///
/// # Errors
///
/// As for [`read`].
pub fn overview(
    storage: &impl Storage,
    number: impl FnOnce(&mut Batch, &mut KeyMap<History>),
) -> Result<Overview, LedgerError> {
    let mut fold = None;
    let extent = read(storage, &mut |entry| match (&mut fold, entry.record) {
        (None, Record::Header(header)) => fold = Some(Fold::new(header)),
        (Some(fold), record) => fold.apply(&record),
        (None, _) => unreachable!("the first record of a ledger is its header"),
    })?;
    let mut fold = fold.expect("a ledger that was read has a header");
    fold.close_run();
    let counts = fold.batch.counts();
    let concerns = if Concerns::OUTCOMES.iter().any(|outcome| counts.of(*outcome) > 0) || fold.batch.vanished().1 > 0 {
        let mut choice = Choice::new();
        let batch = &mut fold.batch;
        let mut histories = histories(storage, extent.last, |key| choice.takes(batch, key))?;
        number(batch, &mut histories);
        Concerns::new(batch, histories)
    } else {
        Concerns::default()
    };
    Ok(fold.conclude(extent, counts, concerns))
}

/// A summary in progress.
struct Fold {
    batch: Batch,
    axis: Axis,
    /// Open attempts and when they began.
    open: KeyMap<u64>,
    ends: Ends,
    posted_at: [u64; Overview::TRIES],
    latencies: Latencies,
    course: Course,
    watch: Watch,
    replies: Replies,
    story: Story,
    as_of: Timestamp,
}

impl Fold {
    fn new(header: Header) -> Self {
        Self {
            as_of: header.wall,
            batch: Batch::new(header),
            axis: Axis::default(),
            open: KeyMap::default(),
            ends: Ends::default(),
            posted_at: [0; Overview::TRIES],
            latencies: Latencies::default(),
            course: Course::default(),
            watch: Watch::default(),
            replies: Replies::default(),
            story: Story::default(),
        }
    }

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Run(run) => self.begin_run(run),
            Record::Read(reading) => self.story.read(reading.rows),
            Record::Intent(intent) => self.begin_attempt(intent),
            Record::Outcome(end) => self.end_attempt(end),
            Record::Pause(paused) => {
                let at_us = self.at(paused.at_us, paused.wall);
                self.watch.paused(paused, at_us, self.story.number());
            }
            Record::Resumed(resumed) => self.watch.resumed(resumed),
            Record::Finish(finish) => {
                self.at(finish.at_us, finish.wall);
                self.story.finish(finish.stopped);
            }
            Record::Settle(settlement) => {
                self.as_of = settlement.wall;
                self.story.settle(settlement);
            }
            Record::Salvage(salvage) => self.story.salvage(salvage.lost),
            _ => {}
        }
        self.batch.apply(record);
    }

    fn begin_run(&mut self, run: &Run) {
        self.close_run();
        self.as_of = run.wall;
        let window = run.settings.limits.iter().map(|limit| limit.window()).min();
        let unit_us = self.course.run(window);
        self.axis.run(unit_us);
        self.watch.run(run.pauses_recorded);
        self.story.run(run);
    }

    fn begin_attempt(&mut self, intent: &Intent) {
        let at_us = self.at(intent.at_us, intent.wall);
        self.watch.began(intent.key, at_us);
        // Of an earlier open attempt of the same job, the ledger has no further record.
        if let Some(before_us) = self.open.insert(intent.key, at_us) {
            self.never_ended(before_us);
        }
    }

    fn end_attempt(&mut self, end: &AttemptEnd) {
        let at_us = self.at(end.at_us, end.wall);
        // An attempt whose beginning was lost in a salvage is taken to have begun when it ended.
        let begun_us = self.open.remove(&end.key);
        let from_us = begun_us.unwrap_or(at_us);
        *self.ends.of_mut(end.verdict) += 1;
        *self.story.ends().of_mut(end.verdict) += 1;
        let bucket = self.course.at(from_us);
        *bucket.ends.of_mut(end.verdict) += 1;
        if let (Some(_), Some(from_us)) = (end.status, begun_us) {
            let took = Duration::from_micros(at_us.saturating_sub(from_us));
            bucket.latencies.record(took);
            self.latencies.record(took);
        }
        if end.verdict == VerdictWord::Posted {
            let at = (end.attempt.max(1) as usize).min(Overview::TRIES) - 1;
            self.posted_at[at] += 1;
        }
        self.replies.take(end);
        self.watch.ended(end, at_us, self.story.number());
    }

    fn at(&mut self, at_us: u64, wall: Timestamp) -> u64 {
        self.as_of = wall;
        let place = self.axis.at(at_us, wall);
        self.course.reach(place);
        self.story.reach(self.axis.began_us(), place);
        place
    }

    fn close_run(&mut self) {
        for begun_us in std::mem::take(&mut self.open).into_values() {
            self.never_ended(begun_us);
        }
        self.watch.close_run(self.axis.last_us());
    }

    fn never_ended(&mut self, begun_us: u64) {
        self.ends.cut_off += 1;
        self.story.ends().cut_off += 1;
        self.course.at(begun_us).ends.cut_off += 1;
    }

    fn conclude(self, extent: Extent, counts: Counts, concerns: Concerns) -> Overview {
        let (vanished, vanished_in_doubt) = self.batch.vanished();
        Overview {
            header: self.batch.header,
            extent,
            counts,
            vanished,
            vanished_in_doubt,
            ends: self.ends,
            posted_at: self.posted_at,
            latencies: self.latencies,
            course: self.course,
            pauses: self.watch.found(),
            replies: self.replies,
            concerns,
            story: self.story,
            as_of: self.as_of,
        }
    }
}

#[cfg(test)]
mod tests;
