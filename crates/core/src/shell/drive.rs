//! The loop that carries out what the engine asks for. It decides nothing.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;

use super::broker::Purse;
use super::clock::Clock;
use super::committer::Committer;
use super::outbox::{End, Outbox};
use super::signals::{Interrupt, Interrupts};
use crate::budget::{Answer, Budget, BudgetError, Request};
use crate::engine::{Action, Engine, Event, Notice, Now, Progress};
use crate::ledger::{LedgerError, Record};
use crate::outcome::Stop;
use crate::storage::Storage;
use crate::target::Form;

/// Whoever watches hears of a run at least so often, through the longest pause.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What a run lets others see.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// Something happened.
    Notice(&'a Notice),
    /// How the run stands, after each step, and the time since it began.
    Progress(&'a Progress, Duration),
}

/// How a run was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) stopped: Option<Stop>,
    /// The first signal that asked the run to end.
    pub(super) interrupt: Option<Interrupt>,
    /// A second one ended it at once: what was in flight was not awaited.
    pub(super) at_once: bool,
}

/// What a run is made of.
pub(super) struct Drive<'a, S> {
    pub(super) engine: Engine,
    pub(super) outbox: Outbox,
    pub(super) purse: Purse,
    /// What the budget is to be asked next.
    pub(super) request: Request,
    pub(super) committer: Committer<S>,
    pub(super) feed: mpsc::Receiver<Vec<Event>>,
    pub(super) interrupts: Interrupts,
    pub(super) clock: Clock,
    pub(super) grace: Duration,
    pub(super) form: Form,
    pub(super) observe: &'a mut dyn FnMut(Observation<'_>),
}

impl<S: Storage + 'static> Drive<'_, S> {
    /// Runs to the end. The engine and the committer are left for whoever wants the sums.
    pub(super) async fn run(&mut self) -> Left {
        let mut rows = VecDeque::new();
        let mut to_commit = Vec::new();
        let mut written = 0;
        let mut interrupt: Option<Interrupt> = None;
        let mut grace_over: Option<Duration> = None;
        loop {
            // The clock costs more than what it is read for, so once for all that is at hand.
            let now = self.clock.now();
            while self.engine.wants_input()
                && let Some(row) = rows.pop_front()
            {
                self.engine.handle(row, now);
            }
            if let Some(stopped) = self.settle(&mut to_commit) {
                return Left { stopped, interrupt, at_once: false };
            }
            if !to_commit.is_empty() && !self.committer.is_busy() {
                self.committer.commit(std::mem::take(&mut to_commit));
            }
            let progress = self.engine.progress();
            let now = self.clock.now().elapsed;
            (self.observe)(Observation::Progress(&progress, now));

            let wake = self.engine.wake_at().into_iter().chain(grace_over).fold(now + TELL_EVERY, Duration::min);
            tokio::select! {
                // In this order: a reply that was read is heard of before anything new is begun.
                biased;
                Some(signal) = self.interrupts.recv() => {
                    if interrupt.is_some() {
                        return Left { stopped: Some(Stop::Interrupted), interrupt, at_once: true };
                    }
                    let now = self.clock.now();
                    interrupt = Some(signal);
                    grace_over = Some(now.elapsed + self.grace);
                    self.engine.handle(Event::Interrupted, now);
                }
                ends = self.outbox.ended() => match ends {
                    Some((ends, at)) => self.heard(ends, at),
                    None => self.nothing_will_be_heard(),
                },
                answer = answered(&mut self.purse) => self.answered(answer),
                result = self.committer.committed(), if self.committer.is_busy() => match result {
                    Ok(records) => {
                        written += records;
                        self.engine.handle(Event::Committed(written), self.clock.now());
                    }
                    Err(error) => {
                        to_commit.clear();
                        self.ledger_failed(&error);
                    }
                },
                group = self.feed.recv(), if rows.is_empty() && self.engine.wants_input() => match group {
                    Some(group) => rows.extend(group),
                    None => {
                        let why = "reading it ended without a word".to_owned();
                        self.engine.handle(Event::InputFailed(why), self.clock.now());
                    }
                },
                () = tokio::time::sleep_until(self.clock.at(wake)) => {}
            }
            while let Some((ends, at)) = self.outbox.ended_already() {
                self.heard(ends, at);
            }
            let now = self.clock.now();
            if grace_over.is_some_and(|over| over <= now.elapsed) {
                grace_over = None;
                self.engine.handle(Event::GraceOver, now);
                self.outbox.abandon();
            }
        }
    }

    /// The same, with the budget: goes on until both have nothing more to say.
    fn settle(&mut self, to_commit: &mut Vec<Record>) -> Option<Option<Stop>> {
        loop {
            if let Some(stopped) = self.carry_out(to_commit) {
                return Some(stopped);
            }
            if self.request.is_empty() {
                return None;
            }
            match &mut self.purse {
                Purse::Own(limiter) => {
                    let request = std::mem::take(&mut self.request);
                    let answer = limiter.exchange(&request, self.clock.now().elapsed);
                    self.answered(answer.map(|answer| request.want.map(|_| answer)));
                }
                Purse::Shared(broker) if broker.is_busy() => return None,
                Purse::Shared(broker) => {
                    broker.ask(std::mem::take(&mut self.request));
                    return None;
                }
            }
        }
    }

    /// Does what the engine asks for until it has to wait; tells when it is done.
    fn carry_out(&mut self, to_commit: &mut Vec<Record>) -> Option<Option<Stop>> {
        let now = self.clock.now();
        while let Some(action) = self.engine.next_action(now) {
            match action {
                Action::Write(record) => to_commit.push(record),
                Action::Take(want) => self.request.want = Some(want),
                Action::GiveBack(how, at) => self.request.ended.push((how, at)),
                Action::Restrain(how) => self.request.restraints.push(how),
                Action::Send(attempt, job) => self.outbox.add(attempt, self.form.request(&job)),
                Action::Tell(notice) => (self.observe)(Observation::Notice(&notice)),
                Action::Done(stopped) => return Some(stopped),
            }
        }
        self.outbox.send();
        None
    }

    fn answered(&mut self, answer: Result<Option<Answer>, BudgetError>) {
        let event = match answer {
            Ok(None) => return,
            Ok(Some(answer)) => Event::Slots(answer),
            Err(error) => Event::BudgetFailed(error.to_string()),
        };
        self.engine.handle(event, self.clock.now());
    }

    fn heard(&mut self, ends: Vec<End>, at: Now) {
        for (attempt, result) in ends {
            self.engine.handle(Event::Ended(attempt, result), at);
        }
    }

    /// The thread that sends has panicked: what it had may have arrived, and the run ends as when its grace is over.
    fn nothing_will_be_heard(&mut self) {
        let now = self.clock.now();
        self.engine.handle(Event::Interrupted, now);
        self.engine.handle(Event::GraceOver, now);
        self.outbox.abandon();
    }

    fn ledger_failed(&mut self, error: &LedgerError) {
        self.engine.handle(Event::LedgerFailed(error.to_string()), self.clock.now());
    }
}

/// The next answer of a budget that was asked; none comes where it was not.
async fn answered(purse: &mut Purse) -> Result<Option<Answer>, BudgetError> {
    match purse {
        Purse::Shared(broker) if broker.is_busy() => broker.answered().await,
        _ => std::future::pending().await,
    }
}
