//! What a ledger proves about its batch: that the limits held, that every row has one outcome, that the sums match.
//!
//! # When a server can have counted an attempt
//!
//! T is the time-out of its run. An attempt lasts T at the most, and no request is under way for longer than T after the
//! end of its attempt, however that ended: that is what [the limiter](crate::limiter) assumes, too.
//!
//! | the ledger has | counted at the earliest | at the latest |
//! |---|---|---|
//! | an end with a reply | its intent: it is sent later | its end |
//! | an end without a reply | its intent | its end, and T |
//! | an end of what was never sent | never | never |
//! | no end | its intent | see below |
//!
//! An attempt has no end in the ledger when its run was cut off before that was durable, or the ledger failed. When it
//! ended is not known, and it may have been sent long after the run's last record: a sync can take any time, and a process
//! can be stopped. But when the next run began it had ended, since one run at a time has the ledger. So:
//!
//! - *At the latest* it was counted T after the next run began. Within its own run there is no latest moment, and none is
//!   needed: a run gives a slot back only when the attempt's end is durable.
//! - *At the least* its slot was kept until T and a window after its intent. Either the run itself gave it back, after an
//!   error of the ledger, or another run that found it dead: no earlier than the intent, and as of an attempt without a reply.
//!
//! So a window is counted twice. By the latest moments no server can have counted more: if the limit is not exceeded so, it
//! is proven that it held. By the least ones no run that kept the limit can have made more: if it is exceeded even so, a run
//! has not kept it, or runs do not share their budget. In between, the ledger proves neither: between a crash and the next
//! run of this ledger another run of the account may have found the dead one, and freed its slots.

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
    /// The same where an attempt without an end is taken to be counted no later than its slot was kept at the least.
    pub peak_at_least: u32,
    /// The record of the attempt that was the last in the fullest window; zero where there is none.
    pub fullest: u64,
    /// Attempts in all windows but each run's last, and the most that were possible in the time that they took. In its
    /// last window a run has no more to send.
    pub made: u64,
    /// See [`LimitAudit::made`].
    pub possible: u64,
}

/// What a ledger proves of a limit, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// No server can have counted more in any window.
    Held,
    /// Whether it held depends on when attempts were counted whose end the ledger does not have.
    Open,
    /// A server can have counted more, and no run that kept it would have sent so many.
    Exceeded,
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
    /// Whether it is proven that the limit held within each run, and across them.
    pub fn held(&self) -> bool {
        self.proof() == Proof::Held
    }

    /// What is proven of the limit.
    pub fn proof(&self) -> Proof {
        match self.limit.count() {
            count if self.peak_at_least > count => Proof::Exceeded,
            count if self.peak_in_a_run.max(self.peak) > count => Proof::Open,
            _ => Proof::Held,
        }
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
    /// The present run's number, and its time-out.
    run: u32,
    timeout_us: i64,
    /// The present run, until a record of it shows its clock: only then it is known when it began.
    beginning: Option<Beginning>,
    /// Where the last attempt began.
    last_intent_us: i64,
    /// Ends without a beginning, which may be among what was lost before a salvage.
    never_began: Vec<String>,
    salvaged: bool,
}

/// A run of which only its own record was read.
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
        self.begin();
        self.audit.runs += 1;
        self.run = run.run;
        self.line.run(run.wall_unit_us);
        let (limits, timeout_us) = (run.settings.limits.clone(), micros(run.settings.timeout));
        self.beginning = Some(Beginning { wall: run.wall, limits, timeout_us });
    }

    /// The present run has begun, which ends what is known of the one before it.
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
