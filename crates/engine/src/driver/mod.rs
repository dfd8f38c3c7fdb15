//! The driver: the loop around the [engine](crate::engine), without its I/O.
//!
//! It decides which records are committed together, what the budget is asked and when, which requests go out as a
//! group, when rows are taken from the input, and how a run that is interrupted or that lost its ledger ends. Its
//! caller owns the outside world (the shell has sockets and files, the simulation models of them) and does three things:
//!
//! 1. performs each [`Step`] that [`Driver::next`] gives, until it gives none;
//! 2. waits until something happens, at most until [`Driver::wake_at`];
//! 3. tells the driver what happened: [`Driver::rows`], [`Driver::ended`], [`Driver::answered`], [`Driver::committed`],
//!    [`Driver::interrupted`].
//!
//! A step is performed before the next one is asked for. Of [`Step::Commit`] and [`Step::Exchange`] one each is under
//! way at a time; what comes up meanwhile makes the next one. `now` never decreases.
//!
//! # What the counts mean
//!
//! [`Left::progress`] counts what is known to be durable, and counts in doubt what a reader of the ledger finds so. It
//! is the fold of all records whose commit succeeded, however the run ended; [`Left::is_recorded`] says whether there
//! may be more of them in the ledger.

mod interruption;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use interruption::{Asked, DELIBERATE_AFTER, Interrupt, Interruption, SIGHUP, SIGINT, SIGTERM};

use crate::budget::{Answer, BudgetError, Ended, Request};
use crate::engine::{Action, AttemptId, Config, Engine, Event, Notice, Now, Progress};
use crate::job::Job;
use crate::ledger::{LedgerError, Record};
use crate::outcome::Stop;
use crate::transport::{Failure, Reply};

/// How long a run that ends at once waits for the commit that is under way: so the counts are those of the ledger. A
/// disk that hangs longer is not waited for.
const COMMIT_PATIENCE: Duration = Duration::from_secs(1);

/// Something is to be done.
#[derive(Debug)]
pub enum Step {
    /// Stop all attempts under way; none of them is waited for any longer.
    CutOff,
    /// Pass this on to the run's observer.
    Tell(Notice),
    /// Send these jobs' requests, once each, together.
    Send(Vec<(AttemptId, Arc<Job>)>),
    /// Ask the budget, and answer with [`Driver::answered`], whatever was asked.
    Exchange(Request),
    /// Make these records durable as one group, and answer with [`Driver::committed`].
    Commit(Vec<Record>),
    /// The run is over; nothing else is to be done.
    Done(Left),
}

/// How a run was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Why it ended, where rows that could have been sent are left.
    pub stopped: Option<Stop>,
    /// The first signal that asked it to end.
    pub interrupt: Option<Interrupt>,
    /// A second signal ended it: what was in flight was not awaited.
    pub at_once: bool,
    /// Whether the ledger has exactly what the counts say. Not after an error of the ledger, nor where a commit was
    /// under way that was not waited for: then it may have more.
    pub is_recorded: bool,
    /// Where the rows stand, and what this run did.
    pub progress: Progress,
    /// Attempts of whose end the budget was not told yet. Slots that a late answer grants are to be given back besides.
    pub ended: Vec<(Ended, Duration)>,
}

impl Left {
    /// Whether the ledger is to be closed, with the mark that vouches for all of it.
    pub fn closes_ledger(&self) -> bool {
        !self.at_once && self.is_recorded
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Driver {
    engine: Engine,
    /// How long what is in flight is awaited after an interrupt.
    grace: Duration,
    /// Rows that were read and that the engine did not want yet.
    rows: VecDeque<Event>,
    /// The attempts that go out together.
    sends: Vec<(AttemptId, Arc<Job>)>,
    to_commit: Vec<Record>,
    /// How many records are in the group that is being committed.
    committing: Option<u64>,
    /// Records that have become durable.
    written: u64,
    ledger_failed: bool,
    /// What the budget is to be asked next.
    request: Request,
    /// Whether the exchange under way asks for slots, or only gives some back.
    asking: Option<Asking>,
    interruption: Interruption,
    ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    ForSlots,
    ForNothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// What is in flight is awaited until then.
    Grace(Duration),
    /// It is to be cut off.
    CutOff,
    /// The grace is over.
    Waited,
    /// A run that ends at once is to be cut off; its last commit is awaited until then.
    CutOffAtOnce(Duration),
    AtOnce(Duration),
    Done,
}

impl Driver {
    /// The driver of a run that begins now, at time zero.
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
            asking: None,
            interruption: Interruption::default(),
            ending: Ending::No,
        }
    }

    /// Whether another group of rows is wanted.
    pub fn wants_rows(&self) -> bool {
        self.rows.is_empty() && self.engine.wants_input()
    }

    /// When to call [`Driver::next`] again if nothing happens before. Holds after `next` returned none.
    pub fn wake_at(&self) -> Option<Duration> {
        let own = match self.ending {
            Ending::AtOnce(until) | Ending::CutOffAtOnce(until) => return Some(until),
            Ending::Grace(until) => Some(until),
            Ending::No | Ending::CutOff | Ending::Waited | Ending::Done => None,
        };
        self.engine.wake_at().into_iter().chain(own).min()
    }

    /// How the run stands.
    pub fn progress(&self) -> Progress {
        self.engine.progress()
    }

    /// The input's next rows: engine events about the input, in its order.
    pub fn rows(&mut self, group: impl IntoIterator<Item = Event>, now: Now) {
        self.rows.extend(group);
        self.feed(now);
    }

    /// How attempts ended. `at` was read with the ends in hand: slots are free a window after it.
    pub fn ended(&mut self, ends: impl IntoIterator<Item = (AttemptId, Result<Reply, Failure>)>, at: Now) {
        for (attempt, result) in ends {
            self.engine.handle(Event::Ended(attempt, result), at);
        }
    }

    /// Nothing will be heard of the attempts under way, which may have arrived: the run ends as when its grace is over.
    pub fn transport_lost(&mut self, now: Now) {
        self.engine.handle(Event::Interrupted, now);
        self.give_up(now);
    }

    /// The budget's answer to the last [`Step::Exchange`].
    pub fn answered(&mut self, answer: Result<Answer, BudgetError>, now: Now) {
        let asking = self.asking.take();
        match answer {
            Ok(answer) if asking == Some(Asking::ForSlots) => self.engine.handle(Event::Slots(answer), now),
            Ok(_) => {}
            Err(error) => self.engine.handle(Event::BudgetFailed(error.to_string()), now),
        }
    }

    /// What became of the last [`Step::Commit`].
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

    /// A signal arrived.
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
                // What is not with the ledger yet is not written any more.
                self.to_commit.clear();
                self.ending = Ending::CutOffAtOnce(now.elapsed + COMMIT_PATIENCE);
            }
        }
    }

    /// What to do next; none when there is nothing to do before something happens or [`Driver::wake_at`].
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
                Action::Tell(notice) => return Some(Step::Tell(notice)),
                Action::Done(stopped) => return Some(self.done(stopped)),
            }
        }
        if !self.sends.is_empty() {
            return Some(Step::Send(std::mem::take(&mut self.sends)));
        }
        if self.asking.is_none() && !self.request.is_empty() {
            let request = std::mem::take(&mut self.request);
            self.asking = Some(if request.want.is_some() { Asking::ForSlots } else { Asking::ForNothing });
            return Some(Step::Exchange(request));
        }
        if self.committing.is_none() && !self.to_commit.is_empty() {
            let group = std::mem::take(&mut self.to_commit);
            self.committing = Some(group.len() as u64);
            return Some(Step::Commit(group));
        }
        None
    }

    /// Gives the engine as many of the rows at hand as it wants.
    fn feed(&mut self, now: Now) {
        while self.engine.wants_input()
            && let Some(row) = self.rows.pop_front()
        {
            self.engine.handle(row, now);
        }
    }

    /// What is in flight is not awaited any longer.
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
            if let Action::Tell(notice) = action {
                return Some(Step::Tell(notice));
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
