//! A history: several runs over one ledger, one disk and one server, and the time between them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use batchpost_engine::budget::Grant;
use batchpost_engine::engine::{AttemptId, Now};
use batchpost_engine::outcome::Stop;
use batchpost_engine::planning::Row;
use batchpost_engine::settings::InDoubt;
use batchpost_engine::transport::{Failure, Reply, Request};
use batchpost_sandbox::{Fate, Model, Received};
use fastrand::Rng;
use jiff::Timestamp;

use crate::account::AccountFile;
use crate::coverage::Coverage;
use crate::disk::{Disk, Survival, Trouble};
use crate::invariants::{self, Violation, Watch};
use crate::run;
use crate::scenario::Scenario;

/// All state that outlives a run. A clone continues from the same moment, with the same random choices.
pub struct History {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) sheet: Arc<[Row]>,
    pub(crate) rng: Rng,
    /// Time since the history began.
    pub(crate) clock: Duration,
    /// The offset of the client's wall clock, in seconds.
    pub(crate) wall_off: i64,
    pub(crate) disk: Disk,
    pub(crate) kept: AccountFile,
    pub(crate) model: Model,
    pub(crate) queue: Queue,
    pub(crate) watch: Watch,
    pub(crate) coverage: Coverage,
    pub(crate) runs: u32,
    received: usize,
    /// The number of steps of the last run before its engine started.
    pub(crate) recovery_steps: u64,
    finished_at: Duration,
    story: Option<Vec<String>>,
}

impl Clone for History {
    fn clone(&self) -> Self {
        Self {
            scenario: Arc::clone(&self.scenario),
            sheet: Arc::clone(&self.sheet),
            rng: self.rng.clone(),
            clock: self.clock,
            wall_off: self.wall_off,
            disk: self.disk.fork(),
            kept: self.kept.clone(),
            model: self.model.clone(),
            queue: self.queue.clone(),
            watch: self.watch.clone(),
            coverage: self.coverage.clone(),
            runs: self.runs,
            received: self.received,
            recovery_steps: self.recovery_steps,
            finished_at: self.finished_at,
            story: self.story.clone(),
        }
    }
}

/// Future events in order of time; for equal times, in the order in which they were entered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    events: BTreeMap<(Duration, u64), SimEvent>,
    entered: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum SimEvent {
    /// A request reaches the server.
    Arrive(Packet),
    /// An attempt ends, if it has not ended before.
    Ended(AttemptId, Result<Reply, Failure>),
    /// The budget's answer reaches the run.
    Slots(Grant),
    /// The group being committed is durable, or the ledger has failed.
    Committed,
    /// A signal asks the run to end.
    Interrupt,
    /// The wall clock is stepped by this many seconds.
    WallStep(i64),
}

/// A request in transit.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) run: u32,
    pub(crate) attempt: AttemptId,
    pub(crate) row: u64,
    pub(crate) request: Request,
    /// How long the reply will take; `None` if it will be lost.
    pub(crate) back: Option<Duration>,
}

impl Queue {
    pub(crate) fn enter(&mut self, at: Duration, event: SimEvent) {
        self.entered += 1;
        self.events.insert((at, self.entered), event);
    }

    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<(Duration, SimEvent)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }

    /// Drops requests that would arrive later than this: nothing of them is in transit any more.
    pub(crate) fn drop_later(&mut self, than: Duration) {
        self.events.retain(|(at, _), event| *at <= than || !matches!(event, SimEvent::Arrive(_)));
    }

    fn keep_requests(&mut self, mut kept: impl FnMut() -> bool) {
        self.events.retain(|_, event| matches!(event, SimEvent::Arrive(_)) && kept());
    }
}

/// The options of one run, and the faults in it.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The faults of the disk, or the crash.
    pub trouble: Trouble,
    /// Whether rows in doubt are sent again.
    pub in_doubt: InDoubt,
    /// Post only this many rows.
    pub first: Option<u64>,
    /// The times at which signals ask it to end, from its start.
    pub interrupts: Vec<Duration>,
    /// The times at which the wall clock is stepped, and by how many seconds.
    pub wall_steps: Vec<(Duration, i64)>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Gracefully, or after an error of the ledger.
    Done(Option<Stop>),
    /// Cut off.
    Crashed,
    /// It could not start, or not close its ledger, because the storage failed.
    Failed,
    /// The ledger was found damaged.
    Damaged,
}

impl History {
    /// Creates a history in which nothing has happened.
    pub fn new(scenario: Scenario) -> Self {
        let mut rng = Rng::with_seed(scenario.seed ^ 0x5eed);
        Self {
            sheet: scenario.sheet().into(),
            disk: Disk::new(rng.u64(..)),
            kept: AccountFile::default(),
            model: Model::new(scenario.server()),
            watch: Watch::new(&scenario),
            scenario: Arc::new(scenario),
            rng,
            clock: Duration::ZERO,
            wall_off: 0,
            queue: Queue::default(),
            coverage: Coverage::default(),
            runs: 0,
            received: 0,
            recovery_steps: 0,
            finished_at: Duration::ZERO,
            story: None,
        }
    }

    /// Logs the history from now on.
    pub fn in_words(&mut self) {
        self.story = Some(Vec::new());
    }

    /// The log, if it was enabled.
    pub fn words(&self) -> &[String] {
        self.story.as_deref().unwrap_or_default()
    }

    /// Counts of what happened.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// When the last run ended, on the history's clock.
    pub fn finished_at(&self) -> Duration {
        self.finished_at
    }

    /// The number of steps of the last run before it began to post.
    pub fn recovery_steps(&self) -> u64 {
        self.recovery_steps
    }

    /// The server.
    pub fn server(&self) -> &Model {
        &self.model
    }

    /// The disk.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Time since the history began.
    pub fn clock(&self) -> Duration {
        self.clock
    }

    /// A random number. It is the same in two histories only if both drew the same ones before.
    pub fn next_random(&mut self) -> u64 {
        self.rng.u64(..)
    }

    /// Runs all runs: those with faults, then one without.
    ///
    /// # Errors
    ///
    /// If an invariant is violated.
    pub fn go(&mut self) -> Result<(), Violation> {
        for rough in (0..=self.scenario.rough_runs).rev() {
            let plan = if rough > 0 { self.draw_plan() } else { Plan::default() };
            match self.run(&plan)? {
                End::Done(None) => break,
                End::Damaged => break,
                End::Crashed => {
                    let killed = self.rng.u8(0..3) == 0;
                    let survival = (!killed).then(|| self.disk.draw_survival(&mut self.rng));
                    self.survive(survival);
                }
                End::Done(Some(_)) | End::Failed => {
                    let losses = if self.scenario.restless { 2 } else { 1 };
                    if self.rng.u8(0..3) < losses {
                        let survival = self.disk.draw_survival(&mut self.rng);
                        self.survive(Some(survival));
                    }
                }
            }
        }
        self.let_all_arrive();
        invariants::at_the_end(self)
    }

    /// Runs one run, and some time after it: its requests may arrive during the next one.
    ///
    /// # Errors
    ///
    /// If an invariant is violated.
    pub fn run(&mut self, plan: &Plan) -> Result<End, Violation> {
        self.runs += 1;
        let run = self.runs;
        self.say(|| format!("run {run} begins: {plan:?}"));
        self.watch.begin_run(plan.in_doubt);
        self.disk.begin_run(plan.trouble);
        let end = run::run(self, plan)?;
        self.say(|| format!("run {run} ended: {end:?}"));
        self.saw_end(end);
        self.finished_at = self.clock;
        self.watch.note_dropped(self.disk.has_dropped());
        self.kept.flush();
        self.settle_down(end);
        invariants::after_a_run(self, end)?;
        Ok(end)
    }

    /// Applies a power loss, or just a killed process (`None`), and a restart.
    pub fn survive(&mut self, survival: Option<Survival>) {
        self.say(|| match survival {
            Some(survival) => format!("the power is lost: {survival:?}"),
            None => "the process is killed; the system lives on".to_owned(),
        });
        match survival {
            Some(survival) => {
                if self.disk.has_pending() {
                    self.coverage.saw("unsynced writes at a loss of power", survival.writes.word());
                }
                self.disk.survive(survival);
                let what = self.kept.lose_power(&mut self.rng, self.clock);
                self.coverage.saw("power lost", what);
            }
            None => self.coverage.saw("disk", "killed, not unplugged"),
        }
    }

    fn draw_plan(&mut self) -> Plan {
        let weather = &self.scenario.weather;
        let rng = &mut self.rng;
        let mut plan = Plan::default();
        // Most steps of a run are late in it; those of a recovery are its first.
        let step = |rng: &mut Rng| {
            let most = [4, 16, 64, 400][rng.usize(0..4)];
            rng.u64(0..most)
        };
        if rng.f64() < weather.crash {
            plan.trouble.crash_at = Some(step(rng));
        }
        if rng.f64() < weather.storage_error {
            plan.trouble.fail_at = Some(step(rng));
        }
        if rng.f64() < weather.retry_doubts {
            plan.in_doubt = InDoubt::Retry;
        }
        if rng.f64() < weather.first {
            plan.first = Some(rng.u64(1..20));
        }
        if rng.f64() < weather.interrupt {
            let first = Duration::from_secs(20).mul_f64(rng.f64() * rng.f64());
            plan.interrupts.push(first);
            // A separate generator, so that histories without a second interrupt do not change.
            let mut apart = Rng::with_seed(self.scenario.seed ^ u64::from(self.runs) << 32);
            if apart.bool() {
                plan.interrupts.push(first + Duration::from_secs(3).mul_f64(apart.f64()));
            }
        }
        if rng.f64() < weather.wall_step {
            self.wall_off += rng.i64(-100_000..100_000);
            let at = Duration::from_secs(8).mul_f64(rng.f64());
            plan.wall_steps.push((at, rng.i64(-20_000..1000)));
        }
        plan
    }

    /// Lets time pass until the next run: none, or up to a timeout. Requests of the last run arrive before
    /// it, during it, or not at all.
    fn settle_down(&mut self, end: End) {
        let timeout = self.scenario.settings.timeout;
        let rng = &mut self.rng;
        self.queue.keep_requests(|| end != End::Crashed || rng.u8(0..5) > 0);
        self.queue.drop_later(self.clock + timeout);
        let gap = match rng.u8(0..if self.scenario.restless { 2 } else { 3 }) {
            0 => Duration::ZERO,
            1 => Duration::from_secs(1).mul_f64(rng.f64()),
            _ => timeout,
        };
        let until = self.clock + gap;
        self.arrive_until(until);
        self.clock = until;
    }

    /// Lets all requests in transit arrive.
    pub(crate) fn let_all_arrive(&mut self) {
        self.arrive_until(Duration::MAX);
    }

    fn arrive_until(&mut self, until: Duration) {
        while self.queue.next_at().is_some_and(|at| at <= until)
            && let Some((at, event)) = self.queue.pop()
        {
            if let SimEvent::Arrive(packet) = event {
                self.clock = self.clock.max(at);
                let row = packet.row;
                self.say(|| format!("row {row}'s request arrives after the run's end"));
                self.arrive(&packet);
            }
        }
    }

    /// Passes a request to the server.
    pub(crate) fn arrive(&mut self, packet: &Packet) -> Fate {
        let before = self.model.notes().len();
        let body = &packet.request.body;
        let path = "/api/tenants/1/internalnote/upload";
        let received = Received { method: "POST", path, access_key: None, secret_key: None, authorization: None, body };
        let wall = SystemTime::try_from(wall(self.clock, 0)).expect("histories are short");
        let refused = self.model.refusals().len();
        let fate = self.model.receive(self.clock, wall, &received);
        self.received += 1;
        if self.model.refusals().len() == refused
            && let Some(Some(fault)) = self.scenario.faults.get(self.received - 1)
        {
            self.coverage.saw("fault", fault.name());
        }
        let created = self.model.notes().len() > before;
        self.watch.arrived(packet, created, &fate);
        fate
    }

    pub(crate) fn now(&self, began: Duration) -> Now {
        Now { elapsed: self.clock - began, wall: wall(self.clock, self.wall_off) }
    }

    pub(crate) fn wall(&self) -> Timestamp {
        wall(self.clock, self.wall_off)
    }

    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>12.3} s  {}", self.clock.as_secs_f64(), what()));
        }
    }

    fn saw_end(&mut self, end: End) {
        let name = match end {
            End::Done(None) => "finished",
            End::Done(Some(stop)) => stop.word(),
            End::Crashed => "crashed",
            End::Failed => "storage failed before anything was sent, or at the end",
            End::Damaged => "ledger damaged",
        };
        self.coverage.saw("run ended", name);
    }
}

/// The start of 2026.
const EPOCH_S: i64 = 1_767_225_600;

fn wall(clock: Duration, off: i64) -> Timestamp {
    let us = i64::try_from(clock.as_micros()).expect("no history lasts 292 thousand years");
    Timestamp::from_microsecond((EPOCH_S + off) * 1_000_000 + us).expect("histories are short")
}
