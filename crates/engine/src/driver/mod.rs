//! The driver: the loop around the [engine](crate::engine), without I/O.
//!
//! It decides which records are committed together, what to request from the budget and when, which requests
//! are sent as a group, when to take rows from the input, and how a run ends after an interrupt or an error
//! of the ledger. Its caller owns the outside world (the runtime has sockets and files, the simulation models
//! of them) and does three things:
//!
//! 1. performs each [`Step`] from [`Driver::next`] until there are none;
//! 2. waits until something happens, at most until [`Driver::wake_at`];
//! 3. reports what happened: [`Driver::rows`], [`Driver::ended`], [`Driver::answered`],
//!    [`Driver::committed`], [`Driver::interrupted`].
//!
//! Perform a step before requesting the next one. At most one [`Step::Commit`] and one [`Step::Exchange`] are
//! in progress at a time; what accumulates meanwhile goes into the next one. `now` never decreases.
//!
//! # The counts at the end
//!
//! [`Left::progress`] counts what is known to be durable. A row counts as in doubt if a reader of the ledger
//! finds it in doubt. The counts are the fold of all records whose commit succeeded, however the run ended.
//! [`Left::is_recorded`] states whether the ledger matches them or may have more records.

mod interruption;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use interruption::{Asked, DELIBERATE_AFTER, Interrupt, Interruption, SIGHUP, SIGINT, SIGTERM};

use crate::budget::{BudgetError, Ended, Grant, Request};
use crate::engine::{Action, AttemptId, Config, Engine, Event, Notice, Now, Progress};
use crate::job::Job;
use crate::ledger::{LedgerError, Record};
use crate::outcome::Stop;
use crate::transport::{Failure, Reply};

/// How long a run that ends at once waits for the current commit, so that the counts match the ledger. A
/// hanging disk cannot delay the end for longer.
const COMMIT_PATIENCE: Duration = Duration::from_secs(1);

/// A step to perform.
#[derive(Debug)]
pub enum Step {
    /// Abort all attempts in flight without waiting for replies.
    CutOff,
    /// Pass this notice to the run's observer.
    Notify(Notice),
    /// Send these jobs' requests together, each once.
    Send(Vec<(AttemptId, Arc<Job>)>),
    /// Send this request to the budget, and always report the answer with [`Driver::answered`].
    Exchange(Request),
    /// Make these records durable as one group, and report the result with [`Driver::committed`].
    Commit(Vec<Record>),
    /// The run is over; there are no more steps.
    Done(Left),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The reason, if sendable rows are left.
    pub stopped: Option<Stop>,
    /// The first signal that asked it to end.
    pub interrupt: Option<Interrupt>,
    /// A second signal ended it without waiting for attempts in flight.
    pub at_once: bool,
    /// Whether the ledger matches the counts. False after an error of the ledger, or if the run ended without
    /// waiting for a commit: the ledger may then have more records.
    pub is_recorded: bool,
    /// The states of the rows, and what this run did.
    pub progress: Progress,
    /// Ended attempts not yet reported to the budget. If a late answer grants slots, give those back too.
    pub ended: Vec<(Ended, Duration)>,
}

impl Left {
    /// Whether to close the ledger with a mark that covers all of it.
    pub fn closes_ledger(&self) -> bool {
        !self.at_once && self.is_recorded
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Driver {
    engine: Engine,
    /// How long to wait for attempts in flight after an interrupt.
    grace: Duration,
    /// Rows that were read but that the engine does not want yet.
    rows: VecDeque<Event>,
    /// The attempts to send together.
    sends: Vec<(AttemptId, Arc<Job>)>,
    to_commit: Vec<Record>,
    /// The number of records in the group being committed.
    committing: Option<u64>,
    /// The number of durable records.
    written: u64,
    ledger_failed: bool,
    /// The next request to the budget.
    request: Request,
    /// Whether the current exchange requests slots, or only gives some back.
    awaited: Option<Awaited>,
    interruption: Interruption,
    ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Slots,
    Acknowledgement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// Wait for attempts in flight until this time.
    Grace(Duration),
    /// The grace period is over: cut off the attempts in flight.
    CutOff,
    /// The attempts in flight were cut off after the grace period.
    Waited,
    /// A run that ends at once: cut off the attempts, and wait for the last commit until this time.
    CutOffAtOnce(Duration),
    AtOnce(Duration),
    Done,
}

impl Driver {
    /// Creates the driver of a run that starts now, at time zero.
    pub fn new(config: Config, grace: Duration) -> Self {
        Self {
            engine: Engine::new(config),
            grace,
            rows: VecDeque::new(),
            sends: Vec::new(),
            to_commit: Vec::new(),
            committing: None,
            written: 0,
            ledger_failed: false,
            request: Request::default(),
            awaited: None,
            interruption: Interruption::default(),
            ending: Ending::No,
        }
    }

    /// Whether another group of rows is wanted.
    pub fn wants_rows(&self) -> bool {
        self.rows.is_empty() && self.engine.wants_input()
    }

    /// When to call [`Driver::next`] again if nothing happens before. Valid after `next` returned `None`.
    pub fn wake_at(&self) -> Option<Duration> {
        let own = match self.ending {
            Ending::AtOnce(until) | Ending::CutOffAtOnce(until) => return Some(until),
            Ending::Grace(until) => Some(until),
            Ending::No | Ending::CutOff | Ending::Waited | Ending::Done => None,
        };
        self.engine.wake_at().into_iter().chain(own).min()
    }

    /// The run's progress.
    pub fn progress(&self) -> Progress {
        self.engine.progress()
    }

    /// Adds the next rows of the input, as engine events in the input's order.
    pub fn rows(&mut self, group: impl IntoIterator<Item = Event>, now: Now) {
        self.rows.extend(group);
        self.feed(now);
    }

    /// Reports ended attempts. Read `at` after the attempts ended: slots are freed one window after it.
    pub fn ended(&mut self, ends: impl IntoIterator<Item = (AttemptId, Result<Reply, Failure>)>, at: Now) {
        for (attempt, result) in ends {
            self.engine.handle(Event::Ended(attempt, result), at);
        }
    }

    /// Reports that the attempts in flight will get no reply, although the requests may have arrived. The run
    /// ends as at the end of its grace period.
    pub fn transport_lost(&mut self, now: Now) {
        self.engine.handle(Event::Interrupted, now);
        self.give_up(now);
    }

    /// The budget's answer to the last [`Step::Exchange`].
    pub fn answered(&mut self, answer: Result<Grant, BudgetError>, now: Now) {
        let awaited = self.awaited.take();
        match answer {
            Ok(answer) if awaited == Some(Awaited::Slots) => self.engine.handle(Event::Slots(answer), now),
            Ok(_) => {}
            Err(error) => self.engine.handle(Event::BudgetFailed(error.to_string()), now),
        }
    }

    /// Reports the result of the last [`Step::Commit`].
    pub fn committed(&mut self, result: Result<(), LedgerError>, now: Now) {
        let records = self.committing.take().unwrap_or_default();
        match result {
            Ok(()) => {
                self.written += records;
                self.engine.handle(Event::Committed(self.written), now);
            }
            Err(error) => {
                self.ledger_failed = true;
                self.to_commit.clear();
                self.engine.handle(Event::LedgerFailed(error.to_string()), now);
            }
        }
    }

    /// Reports a signal.
    pub fn interrupted(&mut self, signal: Interrupt, now: Now) {
        match self.interruption.on_signal(signal, now.elapsed) {
            Asked::ToEnd => {
                self.engine.handle(Event::Interrupted, now);
                if self.ending == Ending::No {
                    self.ending = Ending::Grace(now.elapsed + self.grace);
                }
            }
            Asked::Again => {}
            Asked::AtOnce => {
                // Drop records that are not being committed yet.
                self.to_commit.clear();
                self.ending = Ending::CutOffAtOnce(now.elapsed + COMMIT_PATIENCE);
            }
        }
    }

    /// The next step; `None` if there is none before the next report or [`Driver::wake_at`].
    pub fn next(&mut self, now: Now) -> Option<Step> {
        match self.ending {
            Ending::CutOffAtOnce(until) => {
                self.ending = Ending::AtOnce(until);
                return Some(Step::CutOff);
            }
            Ending::AtOnce(until) => return self.end_at_once(until, now),
            Ending::Grace(until) if until <= now.elapsed => self.give_up(now),
            _ => {}
        }
        if self.ending == Ending::CutOff {
            self.ending = Ending::Waited;
            return Some(Step::CutOff);
        }
        self.feed(now);
        while let Some(action) = self.engine.next_action(now) {
            match action {
                Action::Write(record) => self.to_commit.push(record),
                Action::Take(want) => self.request.want = Some(want),
                Action::GiveBack(how, at) => self.request.ended.push((how, at)),
                Action::Throttle(how) => self.request.throttles.push(how),
                Action::Send(attempt, job) => self.sends.push((attempt, job)),
                Action::Notify(notice) => return Some(Step::Notify(notice)),
                Action::Done(stopped) => return Some(self.done(stopped)),
            }
        }
        if !self.sends.is_empty() {
            return Some(Step::Send(std::mem::take(&mut self.sends)));
        }
        if self.awaited.is_none() && !self.request.is_empty() {
            let request = std::mem::take(&mut self.request);
            self.awaited = Some(if request.want.is_some() { Awaited::Slots } else { Awaited::Acknowledgement });
            return Some(Step::Exchange(request));
        }
        if self.committing.is_none() && !self.to_commit.is_empty() {
            let group = std::mem::take(&mut self.to_commit);
            self.committing = Some(group.len() as u64);
            return Some(Step::Commit(group));
        }
        None
    }

    /// Passes as many of the buffered rows to the engine as it wants.
    fn feed(&mut self, now: Now) {
        while self.engine.wants_input()
            && let Some(row) = self.rows.pop_front()
        {
            self.engine.handle(row, now);
        }
    }

    /// Stops waiting for attempts in flight.
    fn give_up(&mut self, now: Now) {
        self.engine.handle(Event::GraceOver, now);
        self.ending = Ending::CutOff;
    }

    fn end_at_once(&mut self, until: Duration, now: Now) -> Option<Step> {
        if self.committing.is_some() && now.elapsed < until {
            return None;
        }
        self.engine.handle(Event::Abandoned, now);
        while let Some(action) = self.engine.next_action(now) {
            if let Action::Notify(notice) = action {
                return Some(Step::Notify(notice));
            }
        }
        let stopped = if self.ledger_failed { Stop::Ledger } else { Stop::Interrupted };
        Some(self.done(Some(stopped)))
    }

    fn done(&mut self, stopped: Option<Stop>) -> Step {
        let at_once = matches!(self.ending, Ending::AtOnce(_));
        self.ending = Ending::Done;
        Step::Done(Left {
            stopped,
            interrupt: self.interruption.first(),
            at_once,
            is_recorded: !self.ledger_failed && self.committing.is_none(),
            progress: self.progress(),
            ended: std::mem::take(&mut self.request.ended),
        })
    }
}

#[cfg(test)]
mod tests;
