//! The engine: decides what is sent when, and the state of each row. No I/O, no clock.
//!
//! The caller passes events to [`Engine::handle`] and carries out the actions from [`Engine::next_action`]
//! until there are none. It continues at the next event or at [`Engine::wake_at`]. The caller is the
//! [driver](crate::driver): for the runtime with sockets, files and a clock, and for the simulation with
//! models of the API and the disk and virtual time.
//!
//! # Invariants
//!
//! - An attempt is sent only after its intent was reported durable. A row is reported as settled only after
//!   its outcome was reported durable.
//! - Every attempt has a slot in every window before its intent is written.
//! - Doubt is sticky ([`Outcome::then`]).
//! - Rows of one ticket are attempted in order, one at a time, through their retries.
//! - After an error from the ledger nothing is sent.
//! - Memory is bounded: see [`Engine::wants_input`].

mod backlog;
mod durable;
mod health;
mod hours;
mod messages;
mod replies;
mod share;
mod slots;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub use messages::{Action, AttemptId, Cause, Event, Notice, Now, PendingJob, Progress, Waiting};

use backlog::{Backlog, WorkId};
use durable::OnceDurable;
use health::Health;
use hours::OpenHours;
use share::Share;
use slots::{Slots, Spent, Taken};

use crate::api::Api;
use crate::budget::Ended;
use crate::ledger::{Finish, Intent, Record};
use crate::limit::Limit;
use crate::outcome::{Counts, Outcome, Stop};
use crate::retry::Delays;
use crate::schedule::Openings;
use crate::settings::On500;
use crate::transport::Failure;

/// The engine's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The API, which judges replies.
    pub target: Arc<dyn Api>,
    /// The limits that the budget keeps. A limited reply without a wait time pauses for the shortest window.
    pub limits: Vec<Limit>,
    /// The maximum duration of an outage. With 0, the first failed probe ends the run.
    pub give_up_after: Duration,
    /// The maximum number of attempts in flight, from 1.
    pub concurrency: u32,
    /// The maximum number of attempts for a row in this run, from 1.
    pub max_attempts: u32,
    /// How to judge an unexplained 500.
    pub on_500: On500,
    /// The states of the input's rows at the start; zero for a stream, whose rows are counted as they arrive.
    pub counts: Counts,
    /// Whether the input is a stream that was not counted before.
    pub stream: bool,
    /// When attempts may start.
    pub openings: Openings,
    /// Whether to end instead of waiting for hours to open, or for more than a minute for a slot.
    pub no_wait: bool,
    /// The seed of all random choices.
    pub seed: u64,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Engine {
    config: Config,
    slots: Slots,
    schedule: Delays,
    rng: fastrand::Rng,
    backlog: Backlog,
    health: Health,
    hours: OpenHours,
    /// `None` for a run without limits.
    share: Option<Share>,
    /// The share last reported to the budget.
    told_share: Option<u32>,
    /// The recorded pause whose end is not recorded yet.
    pause: Option<Recorded>,
    attempts: BTreeMap<AttemptId, Attempt>,
    next_attempt: u64,
    /// Attempts with durable intents that have not been passed to the transport yet.
    cleared: VecDeque<AttemptId>,
    /// The action once each record is durable, in the order of the records.
    uncommitted: VecDeque<(u64, OnceDurable)>,
    /// The number of records requested so far.
    written: u64,
    actions: VecDeque<Action>,
    input: InputState,
    stop: Option<Stop>,
    ledger_failed: bool,
    ending: Ending,
    /// The result of the last `next_action`.
    waiting: Waiting,
    progress: Progress,
}

/// The state of a recorded pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recorded {
    /// No attempt since.
    Paused,
    /// The first attempt after it, and when that took its slots.
    Probing(AttemptId, Now),
}

/// An attempt from its slots to its end.
#[derive(Debug)]
struct Attempt {
    place: WorkId,
    taken: Taken,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its intent is being made durable.
    Intended,
    /// It may be sent.
    Cleared,
    /// It was passed to the transport.
    Sent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InputState {
    Open,
    Ended,
    /// There are more rows, which were not requested.
    Truncated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// The run's last record is being made durable.
    Closing,
    Done,
}

/// The number of jobs to look ahead per possible attempt in flight: rows of other tickets fill the window
/// while rows of one ticket wait for each other.
const LOOK_AHEAD: usize = 16;
const LEAST_LOOK_AHEAD: usize = 1024;

/// The maximum number of records that are not durable yet; above it no input is read.
const MOST_UNCOMMITTED: usize = 4096;

/// The pause after a limited reply if there is no limit with a window.
const UNKNOWN_WINDOW: Duration = Duration::from_secs(5);

impl Engine {
    /// Creates an engine at time zero of its run.
    pub fn new(config: Config) -> Self {
        let shortest = shortest(&config.limits);
        let window = shortest.map_or(UNKNOWN_WINDOW, Limit::window);
        Self {
            slots: Slots::default(),
            schedule: Delays::new(config.max_attempts),
            rng: fastrand::Rng::with_seed(config.seed),
            backlog: Backlog::new((config.concurrency as usize * LOOK_AHEAD).max(LEAST_LOOK_AHEAD)),
            health: Health::new(window, config.give_up_after),
            hours: OpenHours::new(config.openings.clone()),
            share: shortest.map(Share::whole),
            told_share: None,
            pause: None,
            attempts: BTreeMap::new(),
            next_attempt: 0,
            cleared: VecDeque::new(),
            uncommitted: VecDeque::new(),
            written: 0,
            actions: VecDeque::new(),
            input: InputState::Open,
            stop: None,
            ledger_failed: false,
            ending: Ending::No,
            waiting: Waiting::UnderWay,
            progress: Progress {
                counts: config.counts,
                posted: 0,
                attempts: 0,
                limited: 0,
                in_flight: 0,
                waiting: Waiting::UnderWay,
            },
            config,
        }
    }

    /// Whether more input is wanted. Pass at most one row each time this returns true.
    pub fn wants_input(&self) -> bool {
        // Rows that are only recorded wait for the disk, not for a slot.
        let behind = self.uncommitted.len() >= MOST_UNCOMMITTED;
        self.input == InputState::Open && self.stop.is_none() && self.backlog.has_room() && !behind
    }

    /// When to call [`Engine::next_action`] again if no event arrives before. `None`: only an event changes
    /// anything. Valid after `next_action` returned `None`.
    pub fn wake_at(&self) -> Option<Duration> {
        match self.waiting {
            Waiting::UnderWay => None,
            Waiting::Limit(until) | Waiting::Pause(_, until) | Waiting::Retry(until) | Waiting::Hours(until, _) => {
                Some(until)
            }
        }
    }

    /// The run's progress.
    pub fn progress(&self) -> Progress {
        Progress { in_flight: self.attempts.len(), waiting: self.waiting, ..self.progress }
    }

    /// Handles an event.
    pub fn handle(&mut self, event: Event, now: Now) {
        match event {
            Event::Job(pending_job) => {
                self.count(pending_job.outcome);
                self.backlog.push(pending_job);
            }
            Event::Excluded(excluded) => {
                self.count(excluded.outcome);
                self.write(Record::Excluded(excluded), OnceDurable::Nothing);
            }
            Event::Passed(outcome) => self.count(outcome),
            Event::InputEnded(records) => {
                self.input = InputState::Ended;
                for record in records {
                    self.write(record, OnceDurable::Nothing);
                }
            }
            Event::InputTruncated => self.input = InputState::Truncated,
            Event::InputFailed(why) => {
                self.input = InputState::Ended;
                self.stop(Stop::Input, why);
            }
            Event::Committed(through) => self.committed(through),
            Event::LedgerFailed(why) => self.ledger_failed(why, now.elapsed),
            Event::Slots(answer) => self.slots.answered(answer, now.elapsed),
            Event::BudgetFailed(why) => self.stop(Stop::Limited, why),
            Event::Ended(attempt, result) => self.ended(attempt, &result, now),
            Event::Interrupted => self.stop(Stop::Interrupted, "asked to end".to_owned()),
            Event::Abandoned => self.abandon(),
            Event::GraceOver => {
                let sent: Vec<AttemptId> =
                    self.attempts.iter().filter(|(_, a)| a.phase == Phase::Sent).map(|(id, _)| *id).collect();
                for attempt in sent {
                    self.ended(attempt, &Err(Failure::NoReply("no longer awaited".to_owned())), now);
                }
            }
        }
    }

    /// The next action; `None` if there is none before the next event or [`Engine::wake_at`].
    pub fn next_action(&mut self, now: Now) -> Option<Action> {
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Some(action);
            }
            if !self.send_one(now) && !self.start_one(now) && !self.end(now) {
                return None;
            }
        }
    }

    /// Counts a row of a stream. The rows of a file are counted before the run.
    fn count(&mut self, outcome: Outcome) {
        if self.config.stream {
            *self.progress.counts.of_mut(outcome) += 1;
        }
    }

    /// Requests a record. After an error of the ledger no more are written.
    fn write(&mut self, record: Record, then: OnceDurable) {
        if self.ledger_failed {
            // No new attempt starts. Those in flight still end.
            if let OnceDurable::Moved(moved) = then {
                self.unwritten(moved);
            }
            return;
        }
        self.written += 1;
        self.uncommitted.push_back((self.written, then));
        self.actions.push_back(Action::Write(record));
    }

    fn notify(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notify(notice));
    }

    /// Stops new attempts. The first reason becomes the run's.
    fn stop(&mut self, stop: Stop, why: String) {
        // A finished run cannot be stopped: its last record states how it ended.
        if self.stop.is_none() && self.ending == Ending::No {
            self.stop = Some(stop);
            self.notify(Notice::Stopping { stop, why });
        }
    }

    /// Passes the next attempt with a durable intent to the transport, or withdraws it.
    fn send_one(&mut self, now: Now) -> bool {
        let Some(id) = self.cleared.pop_front() else { return false };
        let closed =
            self.stop.is_some() || self.health.pause(now.elapsed).is_some() || self.hours.closed(now).is_some();
        if closed {
            self.withdraw(id, now);
            return true;
        }
        let attempt = self.attempts.get_mut(&id).expect("an attempt that was not sent has not ended");
        attempt.phase = Phase::Sent;
        let job = Arc::clone(&self.backlog.get_mut(attempt.place).job);
        self.progress.attempts += 1;
        self.actions.push_back(Action::Send(id, job));
        true
    }

    /// Starts an attempt if possible: uses a slot and requests its intent.
    fn start_one(&mut self, now: Now) -> bool {
        self.waiting = Waiting::UnderWay;
        let Some(place) = self.next_to_start(now) else { return self.give_unused_back(now.elapsed) };
        let Some(taken) = self.slots.use_one() else { return self.ask_for_slots(now.elapsed) };
        let id = AttemptId(self.next_attempt);
        self.next_attempt += 1;
        self.health.started(id);
        if self.pause == Some(Recorded::Paused) {
            self.pause = Some(Recorded::Probing(id, now));
        }
        let work = self.backlog.start(place);
        work.attempts += 1;
        let intent = Intent {
            row: work.job.position.record,
            key: work.job.key,
            content: work.job.content,
            ticket: work.job.ticket.clone(),
            attempt: work.attempts,
            at_us: micros(now.elapsed),
            wall: now.wall,
        };
        self.attempts.insert(id, Attempt { place, taken, phase: Phase::Intended });
        self.write(Record::Intent(intent), OnceDurable::Clear(id));
        true
    }

    /// The next row to attempt, if only a slot is missing.
    fn next_to_start(&mut self, now: Now) -> Option<WorkId> {
        if self.stop.is_some() || self.attempts.len() >= self.config.concurrency as usize {
            return None;
        }
        let place = match self.backlog.ready(now.elapsed) {
            Ok(place) => place,
            Err(due) => {
                self.waiting = due.map_or(Waiting::UnderWay, Waiting::Retry);
                return None;
            }
        };
        if let Some((cause, until)) = self.health.pause(now.elapsed) {
            self.waiting = Waiting::Pause(cause, until);
            return None;
        }
        if let Some(closed) = self.hours.closed(now) {
            if self.config.no_wait {
                self.stop(Stop::Planned, "the hours for posting are over".to_owned());
            } else {
                self.waiting = Waiting::Hours(closed.check_at, closed.opens);
            }
            return None;
        }
        self.health.may_start().then_some(place)
    }

    /// Requests as many slots as attempts could start now.
    fn ask_for_slots(&mut self, now: Duration) -> bool {
        match self.slots.next(now) {
            slots::Next::RequestSlots => {}
            // Send what is in flight first: a stop would withdraw it.
            slots::Next::Until(until)
                if self.config.no_wait && self.attempts.is_empty() && self.slots.run_dry(until, now) =>
            {
                self.stop(Stop::Planned, "no slot becomes free for more than a minute".to_owned());
                return true;
            }
            slots::Next::Until(until) => {
                self.waiting = Waiting::Limit(until);
                return false;
            }
            slots::Next::UnderWay => return false,
        }
        self.notify_share(now);
        let free = self.config.concurrency as usize - self.attempts.len();
        let most = if self.health.is_alone() { 1 } else { free };
        let want = self.backlog.ready_now().min(most);
        self.actions.push_back(Action::Take(u32::try_from(want).unwrap_or(u32::MAX)));
        true
    }

    /// Gives unused slots back: other runs may be waiting for them.
    fn give_unused_back(&mut self, now: Duration) -> bool {
        let unused = self.slots.drop_unused();
        self.actions.extend((0..unused).map(|_| Action::GiveBack(Ended::NotSent, now)));
        unused > 0
    }

    fn give_back(&mut self, Spent { taken, ended, at }: Spent) {
        self.slots.give_back(taken);
        self.actions.push_back(Action::GiveBack(ended, at));
    }

    /// Ends the run when nothing is left to wait for.
    fn end(&mut self, now: Now) -> bool {
        let read = self.input != InputState::Open && self.backlog.is_empty();
        let over = (read || self.stop.is_some()) && self.attempts.is_empty() && self.ending == Ending::No;
        if !over {
            return false;
        }
        if self.ledger_failed {
            self.ending = Ending::Done;
            self.actions.push_back(Action::Done(self.stop));
            return true;
        }
        if !self.uncommitted.is_empty() {
            return false;
        }
        if self.stop.is_none() && self.input == InputState::Truncated {
            self.stop = Some(Stop::Planned);
        }
        self.ending = Ending::Closing;
        let counts = self.progress.counts;
        let finish = Finish { at_us: micros(now.elapsed), wall: now.wall, stopped: self.stop, counts };
        self.write(Record::Finish(finish), OnceDurable::Nothing);
        true
    }
}

fn shortest(limits: &[Limit]) -> Option<Limit> {
    limits.iter().copied().min_by_key(|limit| limit.window())
}

fn micros(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).expect("no run lasts 584,000 years")
}

#[cfg(test)]
pub(crate) mod tests;
