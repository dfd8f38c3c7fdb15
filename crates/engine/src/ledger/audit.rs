//! What a ledger proves about its batch: that the limits were kept, that every row has one outcome, that the
//! sums match.
//!
//! # When a server may have counted an attempt
//!
//! T is the timeout of its run. An attempt lasts at most T, and no request is in transit for longer than T
//! after the end of its attempt, however that ended. [The limiter](crate::limiter) makes the same assumption.
//!
//! | in the ledger | counted at the earliest | at the latest |
//! |---|---|---|
//! | an end with a reply | its intent, since it is sent later | its end |
//! | an end without a reply | its intent | T after its end |
//! | an end without sending | never | never |
//! | no end | its intent | see below |
//!
//! An attempt has no end in the ledger if its run was cut off before the end was durable, or the ledger
//! failed. Its end is unknown. It may have been sent long after the run's last record: a sync can take any
//! time, and a process can be suspended. But it had ended when the next run started, since only one run at a
//! time uses the ledger. So:
//!
//! - *At the latest* it was counted T after the next run started. Within its own run there is no latest
//!   moment, and none is needed: a run gives a slot back only when the attempt's end is durable.
//! - *At the least* its slot was kept until T and a window after its intent. The slot was given back by the
//!   run itself, after an error of the ledger, or by another run that found it dead: no earlier than the
//!   intent, and as for an attempt without a reply.
//!
//! So a window is counted in two ways. With the latest moments, no server can have counted more: if the limit
//! is not exceeded, it is proven that it was kept. With the least moments, no run that kept the limit can
//! have sent more: if it is exceeded even so, a run did not keep it, or runs do not share their budget. In
//! between, the ledger proves neither: between a crash and the next run of this ledger, another run of the
//! account may have found the dead run and freed its slots.

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

/// The result of an audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// For each limit of any run, how close the batch came to it.
    pub limits: Vec<LimitAudit>,
    /// The number of runs.
    pub runs: u64,
    /// The number of attempts that may have reached the API.
    pub attempts: u64,
    /// Contradictions, at most [`Audit::MOST_PROBLEMS`].
    pub problems: Vec<String>,
    /// Runs at whose start the wall clock was before the end of the previous run, at most
    /// [`Audit::MOST_PROBLEMS`]. No time is assumed to have passed between the two.
    pub set_back: Vec<SetBack>,
}

/// How close a batch came to a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitAudit {
    /// The limit.
    pub limit: Limit,
    /// The maximum number of requests that a server may have counted in one window of a single run.
    pub peak_in_a_run: u32,
    /// The same over all runs, for windows whose last attempt is from a run with this limit. Consecutive runs
    /// share windows.
    pub peak: u32,
    /// The same, with each attempt without an end counted until the least time that its slot was kept.
    pub peak_at_least: u32,
    /// The record number of the last attempt in the fullest window; zero if there is none.
    pub fullest: u64,
    /// The number of attempts in all windows except the last of each run, and the maximum possible in that
    /// time. The last window is left out, since the run has no more to send in it.
    pub made: u64,
    /// See [`LimitAudit::made`].
    pub possible: u64,
}

/// What a ledger proves about a limit, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// No server can have counted more than the limit in any window.
    Held,
    /// Not decided: it depends on when attempts without an end in the ledger were counted.
    Open,
    /// A server may have counted more, and runs that kept the limit would not have sent that many.
    Exceeded,
}

/// The wall clock was set back between two runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetBack {
    /// The second run's number.
    pub run: u32,
    /// The difference, plus the time that passed between the runs.
    pub by: Duration,
}

impl LimitAudit {
    /// Whether it is proven that the limit was kept, within each run and across runs.
    pub fn held(&self) -> bool {
        self.proof() == Proof::Held
    }

    /// What the ledger proves about the limit.
    pub fn proof(&self) -> Proof {
        match self.limit.count() {
            count if self.peak_at_least > count => Proof::Exceeded,
            count if self.peak_in_a_run.max(self.peak) > count => Proof::Open,
            _ => Proof::Held,
        }
    }

    /// The used fraction of the possible rate; `None` if no run filled a window.
    pub fn used(&self) -> Option<f64> {
        (self.possible > 0).then(|| self.made as f64 / self.possible as f64)
    }
}

impl Audit {
    /// The maximum number of problems reported.
    pub const MOST_PROBLEMS: usize = 20;

    /// Whether all limits were kept and there is no problem.
    pub fn holds(&self) -> bool {
        self.problems.is_empty() && self.limits.iter().all(LimitAudit::held)
    }

    fn problem(&mut self, what: String) {
        if self.problems.len() < Self::MOST_PROBLEMS {
            self.problems.push(what);
        }
    }
}

/// Audits a ledger. Keeps the attempts of the longest window and the state of each row in memory.
///
/// # Errors
///
/// As for [`read`].
pub fn audit(storage: &impl Storage) -> Result<Audit, LedgerError> {
    // A run may have a limit whose windows include attempts of earlier runs with other limits. Only then read
    // the ledger again.
    let mut known = Vec::new();
    loop {
        match Auditor::read(storage, &known)? {
            Ok(audit) => return Ok(audit),
            Err(limits) => known = limits,
        }
    }
}

/// One pass over a ledger.
struct Auditor {
    audit: Audit,
    batch: Option<Batch>,
    sweep: Sweep,
    line: Timeline,
    /// The current run's number and timeout.
    run: u32,
    timeout_us: i64,
    /// The current run, until one of its records shows its clock; until then its start is unknown.
    beginning: Option<Beginning>,
    /// When the last attempt started.
    last_intent_us: i64,
    /// Ends of attempts without an intent. A salvage may have lost the intents.
    never_began: Vec<String>,
    salvaged: bool,
}

/// A run of which only the run record has been read.
struct Beginning {
    wall: Timestamp,
    limits: Vec<Limit>,
    timeout_us: i64,
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
            beginning: None,
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

    /// Applies the record's request times.
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
        self.begin();
        self.audit.runs += 1;
        self.run = run.run;
        self.line.run(run.wall_unit_us);
        let (limits, timeout_us) = (run.settings.limits.clone(), micros(run.settings.timeout));
        self.beginning = Some(Beginning { wall: run.wall, limits, timeout_us });
    }

    /// Starts the current run; the previous one is complete.
    fn begin(&mut self) {
        if let Some(Beginning { wall, limits, timeout_us }) = self.beginning.take() {
            self.sweep.close_run(self.timeout_us, self.line.began_us(wall));
            self.sweep.run(&limits);
            self.timeout_us = timeout_us;
        }
    }

    fn begin_attempt(&mut self, number: u64, intent: &Intent) {
        let stood = self.batch.as_ref().and_then(|batch| batch.job_states.get(&intent.key));
        if stood.is_some_and(|job_state| job_state.outcome() == Outcome::Posted) {
            self.audit.problem(format!("record {number}: row {} was posted and is sent again", intent.row));
        }
        let from_us = self.at(intent.at_us, intent.wall);
        if from_us < self.last_intent_us {
            self.audit.problem(format!("record {number}: an attempt started before the one recorded before it"));
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

    fn at(&mut self, at_us: u64, wall: Timestamp) -> i64 {
        if let Some(by) = self.line.set_back(wall)
            && self.audit.set_back.len() < Audit::MOST_PROBLEMS
        {
            self.audit.set_back.push(SetBack { run: self.run, by });
        }
        let at_us = self.line.at(at_us, wall);
        self.begin();
        at_us
    }

    /// Applies the record's effect on the states of rows.
    fn outcomes(&mut self, number: u64, record: Record) {
        match (&mut self.batch, record) {
            (None, Record::Header(header)) => self.batch = Some(Batch::new(header)),
            (Some(batch), record) => {
                batch.apply(&record);
                if let Record::Finish(finish) = record
                    && batch.reading.is_some()
                    && batch.counts() != finish.counts
                {
                    self.audit.problem(format!("record {number}: the run's sums do not match its records"));
                }
            }
            (None, _) => {}
        }
    }

    fn conclude(mut self) -> Result<Audit, Vec<Limit>> {
        self.begin();
        self.sweep.close_run(self.timeout_us, i64::MAX);
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
