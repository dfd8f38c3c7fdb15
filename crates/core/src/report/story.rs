//! The runs of a batch, one after the other, and what was decided between them.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::course::Ends;
use crate::ledger::{Caller, Run, Settlement};
use crate::limit::Limit;
use crate::outcome::{Outcome, Stop};
use batchpost_engine::excerpt;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// The ledger does not say: it was cut off, or is under way.
    Unsaid,
    /// With nothing left to send.
    Done,
    /// With rows left, for this.
    Stopped(Stop),
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStory {
    /// Its number, from 1.
    pub run: u32,
    /// Name and version of the program.
    pub tool: String,
    /// When it began.
    pub wall: Timestamp,
    /// Who began it, where it says so.
    pub by: Option<Caller>,
    /// What it read; none for standard input.
    pub input: Option<String>,
    /// Rows of the input, where its reading came to its end.
    pub rows: Option<u64>,
    /// The limits that it kept.
    pub limits: Vec<Limit>,
    /// Where it began on the line of time.
    pub from_us: u64,
    /// From its beginning to its last record.
    pub lasted: Duration,
    /// Its attempts by how they ended.
    pub ends: Ends,
    /// How it ended.
    pub end: RunEnd,
}

/// Decisions of a person that are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settling {
    /// When the first of them was recorded.
    pub wall: Timestamp,
    /// Where the rows stood.
    pub was: Outcome,
    /// Where they stand since.
    pub stands: Outcome,
    /// How many rows.
    pub rows: u64,
    /// What was said of it.
    pub why: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chapter {
    /// A run.
    Run(Box<RunStory>),
    /// Rows were settled.
    Settled(Settling),
    /// The ledger was made of what could be read of a damaged one; so many records were lost.
    Salvaged(u64),
}

/// All of it, as far as there is room.
#[derive(Debug, Default)]
pub struct Story {
    chapters: VecDeque<Chapter>,
    left_out: u64,
    runs: u64,
    /// How long the runs were on that were left out.
    before: Duration,
    /// Attempts outside all runs, which no program writes.
    outside: Ends,
}

impl Story {
    /// No more chapters are kept: the last ones.
    pub const MOST: usize = 300;

    /// Those that are kept, in order.
    pub fn chapters(&self) -> impl DoubleEndedIterator<Item = &Chapter> {
        self.chapters.iter()
    }

    /// The runs among them.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &RunStory> {
        self.chapters.iter().filter_map(|chapter| if let Chapter::Run(run) = chapter { Some(&**run) } else { None })
    }

    /// How many runs there were.
    pub fn run_count(&self) -> u64 {
        self.runs
    }

    /// How long all runs were on, together.
    pub fn run_time(&self) -> Duration {
        self.runs().fold(self.before, |time, run| time.saturating_add(run.lasted))
    }

    /// How many chapters were left out before the first that is kept.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn run(&mut self, run: &Run) {
        self.runs += 1;
        self.push(Chapter::Run(Box::new(RunStory {
            run: run.run,
            tool: run.tool.clone(),
            wall: run.wall,
            by: run.by.clone(),
            input: run.input.path.as_deref().map(|path| excerpt(path, 300)),
            rows: run.input.read.as_ref().map(|read| read.rows),
            limits: run.settings.limits.clone(),
            from_us: 0,
            lasted: Duration::ZERO,
            ends: Ends::default(),
            end: RunEnd::Unsaid,
        })));
    }

    pub(super) fn read(&mut self, rows: u64) {
        if let Some(run) = self.last_run() {
            run.rows = Some(rows);
        }
    }

    /// The present run began at `from_us` and goes on at `at_us`.
    pub(super) fn reach(&mut self, from_us: u64, at_us: u64) {
        if let Some(run) = self.last_run() {
            run.from_us = from_us;
            run.lasted = run.lasted.max(Duration::from_micros(at_us.saturating_sub(from_us)));
        }
    }

    pub(super) fn finish(&mut self, stopped: Option<Stop>) {
        if let Some(run) = self.last_run() {
            run.end = stopped.map_or(RunEnd::Done, RunEnd::Stopped);
        }
    }

    /// The present run's attempts.
    pub(super) fn ends(&mut self) -> &mut Ends {
        let run = self.chapters.iter_mut().rev().find_map(as_run);
        run.map_or(&mut self.outside, |run| &mut run.ends)
    }

    /// The present run's number.
    pub(super) fn number(&mut self) -> u32 {
        self.last_run().map_or(0, |run| run.run)
    }

    pub(super) fn settle(&mut self, settlement: &Settlement) {
        let why = settlement.why.as_deref().map(|why| excerpt(why, 400));
        for row in &settlement.rows {
            let alike = |chapter: &&mut Chapter| matches!(chapter, Chapter::Settled(last) if last.was == row.was && last.stands == row.stands && last.why == why);
            // One decision about many rows is several records.
            let lately = self.chapters.iter_mut().rev().take_while(|chapter| matches!(chapter, Chapter::Settled(_)));
            match { lately }.find(alike) {
                Some(Chapter::Settled(last)) => last.rows += 1,
                _ => self.push(Chapter::Settled(Settling {
                    wall: settlement.wall,
                    was: row.was,
                    stands: row.stands,
                    rows: 1,
                    why: why.clone(),
                })),
            }
        }
    }

    pub(super) fn salvage(&mut self, lost: u64) {
        self.push(Chapter::Salvaged(lost));
    }

    fn last_run(&mut self) -> Option<&mut RunStory> {
        self.chapters.iter_mut().rev().find_map(as_run)
    }

    fn push(&mut self, chapter: Chapter) {
        if self.chapters.len() == Self::MOST {
            if let Some(Chapter::Run(run)) = self.chapters.pop_front() {
                self.before = self.before.saturating_add(run.lasted);
            }
            self.left_out += 1;
        }
        self.chapters.push_back(chapter);
    }
}

fn as_run(chapter: &mut Chapter) -> Option<&mut RunStory> {
    if let Chapter::Run(run) = chapter { Some(&mut **run) } else { None }
}
