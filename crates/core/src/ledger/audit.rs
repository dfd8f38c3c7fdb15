//! What a ledger proves about its batch: that the limits held, that every row has one outcome, that the sums match.
//!
//! An attempt may have been counted at any moment from its intent to its end; one without a reply, until a time-out after
//! it was given up on. One that a crash cut off was sent when its intent was synced, soon after the run's last record at
//! the latest, and may have been counted until a time-out after that.

mod sweep;
mod timeline;

use std::time::Duration;

use jiff::Timestamp;

use super::batch::Batch;
use super::record::{AttemptEnd, Intent, Record, Run};
use super::{LedgerError, Storage, read};
use crate::limit::Limit;
use crate::outcome::{Outcome, VerdictWord};
use sweep::{Sweep, micros};
use timeline::Timeline;

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
    /// Runs at whose beginning the wall clock lay before the former run's end, at most [`Audit::MOST_PROBLEMS`]. No time
    /// is taken to have passed between the two.
    pub set_back: Vec<SetBack>,
}

/// How close a batch came to one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitAudit {
    /// The limit.
    pub limit: Limit,
    /// The most requests that any server can have counted in one window of a single run.
    pub peak_in_a_run: u32,
    /// The same over all runs, for windows whose last attempt is of a run that had this limit: runs one right after the
    /// other share windows.
    pub peak: u32,
    /// The record of the attempt that was the last in the fullest window; zero where there is none.
    pub fullest: u64,
    /// Attempts in all windows but each run's last, and the most that were possible in the time that they took. In its
    /// last window a run has no more to send.
    pub made: u64,
    /// See [`LimitAudit::made`].
    pub possible: u64,
}

/// The wall clock was set back between two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetBack {
    /// The number of the second one.
    pub run: u32,
    /// By this much, and by the time that passed between them.
    pub by: Duration,
}

impl LimitAudit {
    /// Whether the limit held within each run, and across them.
    pub fn held(&self) -> bool {
        self.peak_in_a_run <= self.limit.count() && self.peak <= self.limit.count()
    }

    /// How much of the possible rate was used; none where no run filled a window.
    pub fn used(&self) -> Option<f64> {
        (self.possible > 0).then(|| self.made as f64 / self.possible as f64)
    }
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

/// Audits a ledger. What is kept at once of its attempts is what the longest window holds, and besides them where each
/// row stands.
///
/// # Errors
///
/// As [`read`].
pub fn audit(storage: &impl Storage) -> Result<Audit, LedgerError> {
    // A run may have a limit whose windows hold attempts of runs before it, which had other ones. Then, and only then,
    // the ledger is read again.
    let mut known = Vec::new();
    loop {
        match Auditor::read(storage, &known)? {
            Ok(audit) => return Ok(audit),
            Err(limits) => known = limits,
        }
    }
}

/// One reading of a ledger.
struct Auditor {
    audit: Audit,
    batch: Option<Batch>,
    sweep: Sweep,
    line: Timeline,
    /// The present run's number, and how long its attempts may be under way.
    run: u32,
    timeout_us: i64,
    /// Where the last attempt began.
    last_intent_us: i64,
    /// Ends without a beginning, which may be among what was lost before a salvage.
    never_began: Vec<String>,
    salvaged: bool,
}

impl Auditor {
    fn read(storage: &impl Storage, known: &[Limit]) -> Result<Result<Audit, Vec<Limit>>, LedgerError> {
        let mut auditor = Self {
            audit: Audit::default(),
            batch: None,
            sweep: Sweep::new(known),
            line: Timeline::default(),
            run: 0,
            timeout_us: 0,
            last_intent_us: i64::MIN,
            never_began: Vec::new(),
            salvaged: false,
        };
        read(storage, &mut |entry| {
            auditor.timing(entry.number, &entry.record);
            auditor.outcomes(entry.number, entry.record);
        })?;
        Ok(auditor.conclude())
    }

    /// What the record says of when requests were made.
    fn timing(&mut self, number: u64, record: &Record) {
        match record {
            Record::Salvage(_) => self.salvaged = true,
            Record::Run(run) => self.begin_run(run),
            Record::Intent(intent) => self.begin_attempt(number, intent),
            Record::Outcome(end) => self.end_attempt(number, end),
            Record::Finish(finish) => {
                self.at(finish.at_us, finish.wall);
            }
            _ => {}
        }
    }

    fn begin_run(&mut self, run: &Run) {
        self.close_run();
        self.audit.runs += 1;
        self.run = run.run;
        self.timeout_us = micros(run.settings.timeout);
        self.line.run();
        self.sweep.run(&run.settings.limits);
    }

    fn begin_attempt(&mut self, number: u64, intent: &Intent) {
        let stood = self.batch.as_ref().and_then(|batch| batch.standings.get(&intent.key));
        if stood.is_some_and(|standing| standing.outcome() == Outcome::Posted) {
            self.audit.problem(format!("record {number}: row {} was posted and is sent again", intent.row));
        }
        let from_us = self.at(intent.at_us, intent.wall);
        if from_us < self.last_intent_us {
            self.audit.problem(format!("record {number}: an attempt began before the one that is recorded before it"));
        }
        self.last_intent_us = from_us.max(self.last_intent_us);
        self.sweep.begin(intent.key, self.last_intent_us, number);
    }

    fn end_attempt(&mut self, number: u64, end: &AttemptEnd) {
        let at_us = self.at(end.at_us, end.wall);
        match self.sweep.under_way(&end.key) {
            None if self.never_began.len() < Audit::MOST_PROBLEMS => {
                self.never_began.push(format!("record {number}: an attempt ended that never began"));
            }
            None => {}
            Some(from_us) => {
                if at_us < from_us {
                    self.audit.problem(format!("record {number}: an attempt ended before it began"));
                }
                let silent = end.status.is_none() && end.verdict == VerdictWord::Unknown;
                let to_us = if silent { at_us.saturating_add(self.timeout_us) } else { at_us };
                let sent = !matches!(end.verdict, VerdictWord::Withdrawn | VerdictWord::Unsent);
                self.sweep.end(&end.key, sent.then_some(to_us));
            }
        }
    }

    fn close_run(&mut self) {
        self.sweep.close_run(self.line.last_us().saturating_add(self.timeout_us));
    }

    fn at(&mut self, at_us: u64, wall: Timestamp) -> i64 {
        if let Some(by) = self.line.set_back(wall)
            && self.audit.set_back.len() < Audit::MOST_PROBLEMS
        {
            self.audit.set_back.push(SetBack { run: self.run, by });
        }
        self.line.at(at_us, wall)
    }

    /// What the record says of where rows stand.
    fn outcomes(&mut self, number: u64, record: Record) {
        match (&mut self.batch, record) {
            (None, Record::Header(header)) => self.batch = Some(Batch::new(header)),
            (Some(batch), record) => {
                batch.apply(&record);
                if let Record::Finish(finish) = record
                    && batch.reading.is_some()
                    && batch.counts() != finish.counts
                {
                    self.audit.problem(format!("record {number}: the run's sums are not those of its records"));
                }
            }
            (None, _) => {}
        }
    }

    fn conclude(mut self) -> Result<Audit, Vec<Limit>> {
        self.close_run();
        let mut audit = self.audit;
        self.never_began.into_iter().filter(|_| !self.salvaged).for_each(|problem| audit.problem(problem));
        if let Some(batch) = &self.batch
            && let Some(reading) = &batch.reading
            && batch.counts().total() != reading.rows
        {
            let total = batch.counts().total();
            audit.problem(format!("the outcomes add up to {total} and the rows to {}", reading.rows));
        }
        audit.attempts = self.sweep.sent();
        audit.limits = self.sweep.found()?;
        Ok(audit)
    }
}

#[cfg(test)]
mod tests;
