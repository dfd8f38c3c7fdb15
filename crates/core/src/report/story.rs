//! The runs of a batch in order, and the decisions between them.

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
    /// Unknown: the run was cut off or is in progress.
    Unsaid,
    /// Nothing was left to send.
    Done,
    /// Rows were left, for this reason.
    Stopped(Stop),
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStory {
    /// Its number, from 1.
    pub run: u32,
    /// Name and version of the tool.
    pub tool: String,
    /// When the run began.
    pub wall: Timestamp,
    /// Who started it, if recorded.
    pub by: Option<Caller>,
    /// The path of its input; `None` for standard input.
    pub input: Option<String>,
    /// Number of rows, if the input was read to its end.
    pub rows: Option<u64>,
    /// The limits it applied.
    pub limits: Vec<Limit>,
    /// Position of its start on the time axis.
    pub from_us: u64,
    /// Time from its start to its last record.
    pub lasted: Duration,
    /// Its attempts by result.
    pub ends: Ends,
    /// How it ended.
    pub end: RunEnd,
}

/// Equal decisions of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settling {
    /// When the first of them was recorded.
    pub wall: Timestamp,
    /// The outcome before.
    pub was: Outcome,
    /// The outcome since then.
    pub outcome: Outcome,
    /// Number of rows.
    pub rows: u64,
    /// The reason given.
    pub why: Option<String>,
}

/// An event of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chapter {
    /// A run.
    Run(Box<RunStory>),
    /// Rows were settled.
    Settled(Settling),
    /// The ledger was salvaged from a damaged one, with this number of lost records.
    Salvaged(u64),
}

/// The events of a batch, up to a maximum.
#[derive(Debug, Default)]
pub struct Story {
    chapters: VecDeque<Chapter>,
    left_out: u64,
    runs: u64,
    /// Total duration of the runs that were dropped.
    before: Duration,
    /// Attempts outside all runs, which no version writes.
    outside: Ends,
}

impl Story {
    /// Maximum number of chapters kept; older ones are dropped.
    pub const MOST: usize = 300;

    /// The chapters kept, in order.
    pub fn chapters(&self) -> impl DoubleEndedIterator<Item = &Chapter> {
        self.chapters.iter()
    }

    /// The runs among them.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &RunStory> {
        self.chapters.iter().filter_map(|chapter| if let Chapter::Run(run) = chapter { Some(&**run) } else { None })
    }

    /// Number of all runs.
    pub fn run_count(&self) -> u64 {
        self.runs
    }

    /// Total duration of all runs.
    pub fn run_time(&self) -> Duration {
        self.runs().fold(self.before, |time, run| time.saturating_add(run.lasted))
    }

    /// Number of chapters dropped before the first one kept.
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

    /// Records that the current run began at `from_us` and has reached `at_us`.
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

    /// The attempts of the current run.
    pub(super) fn ends(&mut self) -> &mut Ends {
        let run = self.chapters.iter_mut().rev().find_map(as_run);
        run.map_or(&mut self.outside, |run| &mut run.ends)
    }

    /// The number of the current run.
    pub(super) fn number(&mut self) -> u32 {
        self.last_run().map_or(0, |run| run.run)
    }

    pub(super) fn settle(&mut self, settlement: &Settlement) {
        let why = settlement.why.as_deref().map(|why| excerpt(why, 400));
        for row in &settlement.rows {
            let alike = |chapter: &&mut Chapter| matches!(chapter, Chapter::Settled(last) if last.was == row.was && last.outcome == row.outcome && last.why == why);
            // A decision about many rows is several records.
            let lately = self.chapters.iter_mut().rev().take_while(|chapter| matches!(chapter, Chapter::Settled(_)));
            match { lately }.find(alike) {
                Some(Chapter::Settled(last)) => last.rows += 1,
                _ => self.push(Chapter::Settled(Settling {
                    wall: settlement.wall,
                    was: row.was,
                    outcome: row.outcome,
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
