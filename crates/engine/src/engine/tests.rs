//! A test driver that makes every record durable at once and replies by a script.

mod ending;
pub(crate) mod fixtures;
mod pauses;
mod replies;

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

use fixtures::{created, ms, no_reply, now, pending_job, status};

use super::*;
use crate::budget::{Budget, Grant, Request, Wait};
use crate::ledger::{Paused, Resumed};
use crate::limit::Limit;
use crate::limiter::Limiter;
use crate::outcome::VerdictWord;
use crate::settings::Spread;
use crate::transport::Reply;

/// An engine with its own budget, which gets each request as soon as the engine makes it.
struct Engine {
    engine: super::Engine,
    limiter: Limiter,
}

impl Engine {
    fn new((config, limit): (Config, Limit)) -> Self {
        let limiter = Limiter::new(&[limit], Spread::Burst, ms(30_000));
        Self { engine: super::Engine::new(config), limiter }
    }

    fn next_action(&mut self, now: Now) -> Option<Action> {
        loop {
            let request = match self.engine.next_action(now)? {
                Action::Take(want) => Request { want: Some(want), ..Request::default() },
                Action::GiveBack(how, at) => Request { ended: vec![(how, at)], ..Request::default() },
                Action::Throttle(how) => Request { throttles: vec![how], ..Request::default() },
                other => return Some(other),
            };
            let answer = self.limiter.exchange(&request, now.elapsed).unwrap();
            if request.want.is_some() {
                self.engine.handle(Event::Slots(answer), now);
            }
        }
    }
}

impl Deref for Engine {
    type Target = super::Engine;

    fn deref(&self) -> &super::Engine {
        &self.engine
    }
}

impl DerefMut for Engine {
    fn deref_mut(&mut self) -> &mut super::Engine {
        &mut self.engine
    }
}

/// One observed event, with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Saw {
    Intent(u64),
    Send(u64),
    End(u64, VerdictWord, Outcome),
    Settled(u64, Outcome),
    Unwritten(u64),
    Paused,
    Done(Option<Stop>),
}

/// The settings of most tests, with this limit.
pub(super) fn config(limit: &str) -> (Config, Limit) {
    let config = fixtures::config(limit);
    let limit = config.limits[0];
    (config, limit)
}

/// The result of every attempt in an outage.
type Kind = fn() -> Result<Reply, Failure>;

/// Drives an engine through virtual time: attempts take `round_trip`, replies come from
/// `answer(row, nth try)`.
struct Driver {
    engine: Engine,
    now: Duration,
    round_trip: Duration,
    flying: Vec<(Duration, AttemptId, u64)>,
    tries: HashMap<u64, u32>,
    saw: Vec<(Duration, Saw)>,
    /// The row and the attempt's number of each intent and outcome.
    numbers: Vec<(u64, u32)>,
    /// Until this time every attempt has this result; after it the script is used.
    answer_from: Option<(Duration, Kind)>,
    /// How often a limit was learned.
    learned: u32,
    /// The records of pauses.
    pauses: Vec<Record>,
}

impl Driver {
    fn new(config: (Config, Limit), rows: impl IntoIterator<Item = PendingJob>) -> Self {
        let mut engine = Engine::new(config);
        for row in rows {
            assert!(engine.wants_input());
            engine.handle(Event::Job(row), now(ms(0)));
        }
        engine.handle(Event::InputEnded(Vec::new()), now(ms(0)));
        let round_trip = ms(100);
        Self {
            engine,
            now: ms(0),
            round_trip,
            flying: Vec::new(),
            tries: HashMap::new(),
            saw: Vec::new(),
            numbers: Vec::new(),
            answer_from: None,
            learned: 0,
            pauses: Vec::new(),
        }
    }

    /// Carries out the engine's actions until it has to wait.
    fn settle(&mut self) {
        let mut written = 0;
        loop {
            let before = self.engine.written;
            while let Some(action) = self.engine.next_action(now(self.now)) {
                match &action {
                    Action::Write(Record::Intent(intent)) => self.numbers.push((intent.row, intent.attempt)),
                    Action::Write(Record::Outcome(end)) => self.numbers.push((end.row, end.attempt)),
                    _ => {}
                }
                let saw = match action {
                    Action::Write(Record::Intent(intent)) => Saw::Intent(intent.row),
                    Action::Write(Record::Outcome(end)) => Saw::End(end.row, end.verdict, end.outcome),
                    Action::Write(record @ (Record::Pause(_) | Record::Resumed(_))) => {
                        self.pauses.push(record);
                        continue;
                    }
                    Action::Send(id, job) => {
                        self.flying.push((self.now + self.round_trip, id, job.position.record));
                        Saw::Send(job.position.record)
                    }
                    Action::Notify(Notice::Settled { row, outcome, .. }) => Saw::Settled(row, outcome),
                    Action::Notify(Notice::Unwritten { row, .. }) => Saw::Unwritten(row),
                    Action::Notify(Notice::Paused { .. }) => Saw::Paused,
                    Action::Notify(Notice::Learned { .. }) => {
                        self.learned += 1;
                        continue;
                    }
                    Action::Done(stop) => Saw::Done(stop),
                    _ => continue,
                };
                self.saw.push((self.now, saw));
            }
            if self.engine.written == written && self.engine.written == before {
                return;
            }
            written = self.engine.written;
            if !self.engine.ledger_failed {
                self.engine.handle(Event::Committed(written), now(self.now));
            }
        }
    }

    fn run(mut self, mut answer: impl FnMut(u64, u32) -> Result<Reply, Failure>) -> Self {
        loop {
            self.settle();
            if let Some((_, Saw::Done(_))) = self.saw.last() {
                return self;
            }
            let first = (0..self.flying.len()).min_by_key(|i| self.flying[*i].0);
            let wake = self.engine.wake_at();
            let next = first.map(|i| self.flying[i].0).into_iter().chain(wake).min().expect("something will happen");
            assert!(next >= self.now, "time goes on");
            self.now = next;
            if let Some(first) = first.filter(|i| self.flying[*i].0 == next) {
                let (_, id, row) = self.flying.remove(first);
                let tries = self.tries.entry(row).or_default();
                *tries += 1;
                let result = match self.answer_from {
                    Some((ends, kind)) if next < ends => kind(),
                    _ => answer(row, *tries),
                };
                self.engine.handle(Event::Ended(id, result), now(self.now));
            }
        }
    }

    fn times(&self, pick: impl Fn(&Saw) -> bool) -> Vec<u64> {
        self.saw.iter().filter(|(_, saw)| pick(saw)).map(|(at, _)| at.as_millis() as u64).collect()
    }

    fn sent(&self) -> Vec<u64> {
        self.saw.iter().filter_map(|(_, saw)| if let Saw::Send(row) = saw { Some(*row) } else { None }).collect()
    }

    fn counts(&self) -> Counts {
        self.engine.progress().counts
    }

    fn done(&self) -> Option<Stop> {
        match self.saw.last() {
            Some((_, Saw::Done(stop))) => *stop,
            other => panic!("the run has not ended: {other:?}"),
        }
    }
}

#[test]
fn every_row_is_intended_sent_recorded_and_told_of_in_that_order() {
    let run = Driver::new(config("25/5s"), [pending_job(1, 7)]).run(|_, _| created());
    let saw: Vec<Saw> = run.saw.iter().map(|(_, saw)| saw.clone()).collect();
    let expected = [
        Saw::Intent(1),
        Saw::Send(1),
        Saw::End(1, VerdictWord::Posted, Outcome::Posted),
        Saw::Settled(1, Outcome::Posted),
        Saw::Done(None),
    ];
    assert_eq!(saw, expected);
    assert_eq!(run.counts(), Counts { posted: 1, ..Counts::default() });
}

#[test]
fn nothing_is_sent_or_told_of_before_it_is_durable() {
    let mut engine = Engine::new(config("25/5s"));
    engine.handle(Event::Job(pending_job(1, 7)), now(ms(0)));
    assert!(matches!(engine.next_action(now(ms(0))), Some(Action::Write(Record::Intent(_)))));
    assert!(engine.next_action(now(ms(1))).is_none());
    engine.handle(Event::Committed(1), now(ms(2)));
    let Some(Action::Send(id, _)) = engine.next_action(now(ms(2))) else { panic!("a durable intent is sent") };
    engine.handle(Event::Ended(id, created()), now(ms(3)));
    assert!(matches!(engine.next_action(now(ms(3))), Some(Action::Write(Record::Outcome(_)))));
    assert!(engine.next_action(now(ms(4))).is_none());
    assert_eq!(engine.progress().posted, 0);
    engine.handle(Event::Committed(2), now(ms(5)));
    assert!(matches!(engine.next_action(now(ms(5))), Some(Action::Notify(Notice::Settled { .. }))));
    assert_eq!(engine.progress().posted, 1);
}

#[test]
fn a_hundred_rows_finish_at_the_best_possible_time() {
    let run = Driver::new(config("25/5s"), (1..=100).map(|n| pending_job(n, n))).run(|_, _| created());
    assert_eq!(run.counts().posted, 100);
    // Three full windows, each plus a round trip and a margin; one round trip at the end, and one for the
    // first row, which is sent alone.
    assert_eq!(run.now, ms(3 * (5000 + 5 + 100) + 100 + 100));
}

#[test]
fn the_first_attempt_goes_alone() {
    let run = Driver::new(config("25/5s"), (1..=10).map(|n| pending_job(n, n))).run(|_, _| created());
    assert_eq!(run.times(|saw| matches!(saw, Saw::Send(_))), [0, 100, 100, 100, 100, 100, 100, 100, 100, 100]);
}

#[test]
fn rows_of_one_ticket_go_in_order_one_at_a_time_through_their_retries() {
    let rows = [pending_job(1, 7), pending_job(2, 7), pending_job(3, 8), pending_job(4, 7)];
    let run = Driver::new(config("25/5s"), rows).run(|row, tries| match (row, tries) {
        (1, 1 | 2) => status(500),
        _ => created(),
    });
    let of_ticket_7: Vec<u64> = run.sent().into_iter().filter(|row| *row != 3).collect();
    assert_eq!(of_ticket_7, [1, 1, 1, 2, 4]);
    assert_eq!(run.sent()[1], 3, "another ticket's row is sent meanwhile");
    assert_eq!(run.counts().posted, 4);
}

#[test]
fn retries_stop_at_the_last_try_and_the_row_has_failed() {
    let run = Driver::new(config("25/5s"), [pending_job(1, 7), pending_job(2, 7)]).run(|row, _| match row {
        1 => status(500),
        _ => created(),
    });
    assert_eq!(run.sent(), [1, 1, 1, 2]);
    assert_eq!(run.counts(), Counts { posted: 1, failed: 1, ..Counts::default() });
    assert_eq!(run.done(), None);
}

#[test]
fn nothing_is_intended_without_a_slot_and_none_is_kept_that_cannot_be_used() {
    let mut engine = super::Engine::new(config("25/5s").0);
    for row in 1..=3 {
        engine.handle(Event::Job(pending_job(row, row)), now(ms(0)));
    }
    // The first attempt is sent alone, so one slot is requested, and only once.
    assert!(matches!(engine.next_action(now(ms(0))), Some(Action::Take(1))));
    assert!(engine.next_action(now(ms(0))).is_none());
    let wait = Some(Wait::Until(ms(70)));
    engine.handle(Event::Slots(Grant { granted: 0, wait }), now(ms(1)));
    assert!(engine.next_action(now(ms(69))).is_none());
    assert_eq!(engine.wake_at(), Some(ms(70)));
    assert!(matches!(engine.next_action(now(ms(70))), Some(Action::Take(1))));
    // One slot more than requested, and one too late.
    engine.handle(Event::Slots(Grant { granted: 2, wait: None }), now(ms(71)));
    assert!(matches!(engine.next_action(now(ms(71))), Some(Action::Write(Record::Intent(_)))));
    assert!(matches!(engine.next_action(now(ms(71))), Some(Action::GiveBack(Ended::NotSent, _))));
    engine.handle(Event::Interrupted, now(ms(72)));
    engine.handle(Event::Slots(Grant { granted: 1, wait: None }), now(ms(73)));
    let rest: Vec<Action> = std::iter::from_fn(|| engine.next_action(now(ms(73)))).collect();
    assert!(rest.iter().any(|action| matches!(action, Action::GiveBack(Ended::NotSent, _))), "{rest:?}");
}

#[test]
fn a_budget_that_cannot_be_kept_ends_the_run() {
    let mut run = Driver::new(config("25/5s"), (1..=10).map(|n| pending_job(n, n)));
    run.settle();
    run.engine.handle(Event::BudgetFailed("no space".to_owned()), now(ms(1)));
    let run = run.run(|_, _| created());
    assert_eq!((run.done(), run.sent()), (Some(Stop::Limited), vec![1]));
}

#[test]
fn retries_take_slots_like_anything_else() {
    let run =
        Driver::new(config("2/5s"), [pending_job(1, 1), pending_job(2, 2)]).run(|row, tries| match (row, tries) {
            (1, 1) => status(500),
            _ => created(),
        });
    let sent = run.times(|saw| matches!(saw, Saw::Send(_)));
    assert_eq!(sent.len(), 3);
    assert!(sent[2] >= 5105, "the third attempt waits for a slot: {sent:?}");
}

#[test]
fn the_look_ahead_is_bounded_by_rows_and_by_bytes() {
    let mut engine = Engine::new(config("25/5s"));
    let mut rows = 0;
    while engine.wants_input() {
        rows += 1;
        engine.handle(Event::Job(pending_job(rows, 1)), now(ms(0)));
    }
    assert_eq!(rows, 1024);
    let mut engine = Engine::new(config("25/5s"));
    let mut bytes = 0;
    while engine.wants_input() {
        let mut long = pending_job(1, 1);
        long.job.text = "x".repeat(1 << 20);
        bytes += long.job.text.len();
        engine.handle(Event::Job(long), now(ms(0)));
    }
    assert_eq!(bytes, 16 << 20);
}

#[test]
fn one_tickets_rows_do_not_keep_the_others_from_filling_the_window() {
    let rows = (1..=30).map(|n| pending_job(n, if n <= 10 { 7 } else { n }));
    let run = Driver::new(config("25/5s"), rows).run(|_, _| created());
    let sent = run.times(|saw| matches!(saw, Saw::Send(_)));
    assert_eq!(sent.iter().filter(|at| **at <= 1000).count(), 25);
}
