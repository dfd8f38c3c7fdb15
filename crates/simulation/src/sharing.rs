//! Several concurrent runs on one account: their engines share one virtual clock, one budget and one counting
//! server. Any of them may be killed at any moment and restarted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use batchpost_apis::leadsquared::LeadSquared;
use batchpost_engine::api::RequestTemplate;
use batchpost_engine::budget::{self, Ended, Request, Wait};
use batchpost_engine::engine::{Action, AttemptId, Config, Engine, Event, Now, PendingJob};
use batchpost_engine::job::{Identity, Job, Key, Position, Ticket};
use batchpost_engine::limit::Limit;
use batchpost_engine::limiter::{Member, Sharer};
use batchpost_engine::outcome::{Counts, Outcome};
use batchpost_engine::schedule::Openings;
use batchpost_engine::settings::{On500, Settings, Spread};
use batchpost_engine::transport::{self, Failure, Reply};
use batchpost_sandbox::{self as sandbox, Counting, Fate, Journey, Model, Received};
use fastrand::Rng;
use jiff::Timestamp;

use crate::account::AccountFile;
use crate::run::request_template;

/// A planned run.
#[derive(Debug, Clone)]
pub struct Part {
    /// When it starts.
    pub at: Duration,
    /// The number of rows that it posts, each on its own ticket.
    pub rows: u64,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// How it spreads its attempts.
    pub spread: Spread,
}

/// The faults while runs share an account, and its other clients.
#[derive(Debug, Clone)]
pub struct Rough {
    /// The number of times that a run is killed and restarted within a second.
    pub kills: u32,
    /// The number of power losses: all runs are killed and restarted within a second.
    pub power_losses: u32,
    /// The probability that a reply, or a request with it, is lost.
    pub lost: f64,
    /// The probability that a request is delayed, for as long as its attempt lasts and at most as long again.
    pub late: f64,
    /// How long an attempt waits for its reply.
    pub timeout: Duration,
    /// Other clients make this many calls per this time on average.
    pub other_clients: Option<(u32, Duration)>,
    /// The limit that the server enforces and states, if it is not the first run's.
    pub limit: Option<Limit>,
    /// How the server counts.
    pub counting: Counting,
    /// Whether refused requests count against the server's limit.
    pub refused_count: bool,
}

impl Default for Rough {
    fn default() -> Self {
        Self {
            kills: 0,
            power_losses: 0,
            lost: 0.0,
            late: 0.0,
            timeout: Duration::from_secs(2),
            other_clients: None,
            limit: None,
            counting: Counting::Sliding,
            refused_count: false,
        }
    }
}

/// The result.
#[derive(Debug)]
pub struct Shared {
    /// The server.
    pub server: Model,
    /// When each run ended.
    pub ended: Vec<Duration>,
    /// The number of kills of a run with requests in flight.
    pub killed_in_flight: u32,
}

/// Runs all of them to their ends.
pub fn share(seed: u64, parts: &[Part], rough: &Rough) -> Shared {
    let mut rng = Rng::with_seed(seed);
    let limit = rough.limit.unwrap_or(parts[0].limits[0]);
    let server = sandbox::Settings {
        limit: Some(limit.count()),
        window: limit.window(),
        counting: rough.counting,
        refused_count: rough.refused_count,
        other_clients: rough.other_clients,
        latency: Duration::from_millis(20)..=Duration::from_millis(120),
        seed,
        ..sandbox::Settings::default()
    };
    let mut queue = Queue::default();
    let mut runs = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let rows = (1..=part.rows).map(|row| row + 10_000 * place as u64).collect();
        runs.push(Run { part: part.clone(), rows, life: 0, now: None, ended: None });
        queue.enter(part.at, ShareEvent::Begin(place));
    }
    for _ in 0..rough.kills {
        let at = Duration::from_secs(20).mul_f64(rng.f64());
        queue.enter(at, ShareEvent::Kill(rng.usize(0..parts.len())));
    }
    for _ in 0..rough.power_losses {
        let at = Duration::from_secs(20).mul_f64(rng.f64());
        queue.enter(at, ShareEvent::PowerLoss);
    }
    let world = World {
        request_template: request_template(),
        rng,
        clock: Duration::ZERO,
        queue,
        kept: AccountFile::default(),
        model: Model::new(server),
        lost: rough.lost,
        late: rough.late,
        timeout: rough.timeout,
        runs,
        killed_in_flight: 0,
    };
    world.go()
}

struct World {
    request_template: RequestTemplate,
    rng: Rng,
    clock: Duration,
    queue: Queue,
    kept: AccountFile,
    model: Model,
    lost: f64,
    late: f64,
    timeout: Duration,
    runs: Vec<Run>,
    killed_in_flight: u32,
}

/// A planned run with all of its restarts.
struct Run {
    part: Part,
    /// Rows that are not known to have ended.
    rows: VecDeque<u64>,
    life: u64,
    now: Option<Living>,
    ended: Option<Duration>,
}

struct Living {
    id: u64,
    engine: Engine,
    member: Member,
    request: Request,
    asking: Option<u32>,
    began: Duration,
    written: u64,
    committing: bool,
    committed: u64,
    flying: BTreeMap<AttemptId, u64>,
    /// The current delay of its timer.
    lag: Duration,
}

#[derive(Debug)]
enum ShareEvent {
    Begin(usize),
    Kill(usize),
    PowerLoss,
    Arrive { run: usize, id: u64, attempt: AttemptId, body: transport::Request, back: Option<Duration> },
    Ended { run: usize, id: u64, attempt: AttemptId, result: Result<Reply, Failure> },
    Committed { run: usize, id: u64, through: u64 },
    Slots { run: usize, id: u64, answer: budget::Grant },
}

#[derive(Default)]
struct Queue {
    things: BTreeMap<(Duration, u64), ShareEvent>,
    entered: u64,
}

impl Queue {
    fn enter(&mut self, at: Duration, thing: ShareEvent) {
        self.entered += 1;
        self.things.insert((at, self.entered), thing);
    }
}

fn wall(clock: Duration) -> Timestamp {
    Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_millis(1_800_000_000_000 + clock.as_millis() as i64)
}

impl World {
    fn go(mut self) -> Shared {
        loop {
            for run in 0..self.runs.len() {
                self.carry_out(run);
            }
            let wakes = self.runs.iter().filter_map(|run| {
                let run = run.now.as_ref()?;
                Some(run.began + run.engine.wake_at()? + run.lag)
            });
            let wake = wakes.min();
            let next = self.queue.things.keys().next().map(|(at, _)| *at);
            match (next, wake) {
                (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
                    self.clock = self.clock.max(at);
                    if let Some((_, thing)) = self.queue.things.pop_first() {
                        self.happen(thing);
                    }
                }
                (_, Some(wake)) => self.clock = self.clock.max(wake),
                (_, None) => break,
            }
            assert!(self.clock < Duration::from_secs(3600), "the runs do not end");
        }
        let ended = self.runs.iter().map(|run| run.ended.expect("every run ends")).collect();
        Shared { server: self.model, ended, killed_in_flight: self.killed_in_flight }
    }

    fn begin(&mut self, place: usize) {
        let run = &mut self.runs[place];
        run.life += 1;
        let id = run.life * 1000 + place as u64;
        let settings = Settings { limits: run.part.limits.clone(), ..Settings::of(&LeadSquared) };
        let mut engine = Engine::new(Config {
            target: Arc::new(LeadSquared),
            openings: Openings::always(),
            no_wait: false,
            limits: settings.limits.clone(),
            give_up_after: settings.give_up_after,
            concurrency: settings.concurrency(),
            max_attempts: 5,
            on_500: On500::Retry,
            counts: Counts::default(),
            stream: true,
            seed: self.rng.u64(..),
        });
        let now = Now { elapsed: Duration::ZERO, wall: wall(self.clock) };
        for row in &run.rows {
            assert!(engine.wants_input(), "all rows fit into the look-ahead");
            engine.handle(Event::Job(PendingJob { job: job(*row), outcome: Outcome::Pending, attempts: 0 }), now);
        }
        engine.handle(Event::InputEnded(Vec::new()), now);
        let sharer = Sharer { id, ..Sharer::new(settings.limits, self.timeout) };
        let mut member = Member::new(sharer, run.part.spread);
        let alive = self.alive(Some(id));
        let stamp = self.kept.stamp(self.clock, wall(self.clock));
        self.kept.change(&stamp, self.timeout, |id| alive.contains(&id), |account, now| member.join(account, now));
        self.kept.sync();
        self.runs[place].now = Some(Living {
            id,
            engine,
            member,
            request: Request::default(),
            asking: None,
            began: self.clock,
            written: 0,
            committing: false,
            committed: 0,
            flying: BTreeMap::new(),
            lag: Duration::ZERO,
        });
    }

    fn alive(&self, one_more: Option<u64>) -> Vec<u64> {
        self.runs.iter().filter_map(|run| run.now.as_ref()).map(|run| run.id).chain(one_more).collect()
    }

    fn carry_out(&mut self, place: usize) {
        loop {
            let Some(run) = &mut self.runs[place].now else { return };
            let now = Now { elapsed: self.clock - run.began, wall: wall(self.clock) };
            while let Some(action) = run.engine.next_action(now) {
                match action {
                    Action::Write(_) => run.written += 1,
                    Action::Take(want) => run.request.want = Some(want),
                    Action::GiveBack(how, at) => run.request.ended.push((how, at)),
                    Action::Throttle(how) => run.request.throttles.push(how),
                    Action::Send(attempt, job) => {
                        run.flying.insert(attempt, job.position.record);
                        let id = run.id;
                        let Journey { mut out, back } = self.model.journey();
                        if self.rng.f64() < self.late {
                            out = (2 * self.timeout).mul_f64(self.rng.f64());
                        }
                        let body = self.request_template.request(&job);
                        let back = (self.rng.f64() >= self.lost).then_some(back);
                        if self.rng.f64() >= self.lost {
                            let arrive = ShareEvent::Arrive { run: place, id, attempt, body, back };
                            self.queue.enter(self.clock + out, arrive);
                        }
                        let result = Err(Failure::NoReply("time-out".to_owned()));
                        self.queue
                            .enter(self.clock + self.timeout, ShareEvent::Ended { run: place, id, attempt, result });
                    }
                    Action::Notify(_) => {}
                    Action::Done(_) => return self.end(place),
                }
            }
            if run.written > run.committed && !run.committing {
                run.committing = true;
                let delay = Duration::from_micros(self.rng.u64(1000..4000));
                let committed = ShareEvent::Committed { run: place, id: run.id, through: run.written };
                self.queue.enter(self.clock + delay, committed);
            }
            run.lag = Duration::from_micros(self.rng.u64(0..3000));
            if run.request.is_empty() || run.asking.is_some() {
                return;
            }
            self.exchange(place);
        }
    }

    fn exchange(&mut self, place: usize) {
        let alive = self.alive(None);
        let Some(run) = &mut self.runs[place].now else { return };
        let mut request = std::mem::take(&mut run.request);
        let stamp = self.kept.stamp(self.clock, wall(self.clock));
        let elapsed = self.clock - run.began;
        for (_, at) in &mut request.ended {
            *at = stamp.at - (elapsed - *at);
        }
        let member = &mut run.member;
        let is_alive = |id| alive.contains(&id);
        let answer =
            self.kept.change(&stamp, self.timeout, is_alive, |account, now| member.exchange(account, &request, now));
        if request.want.is_some() {
            let wait = answer.wait.map(|wait| match wait {
                Wait::Until(until) => Wait::Until(elapsed + (until - stamp.at)),
                Wait::UntilOneEnds => wait,
            });
            run.asking = Some(answer.granted);
            let answer = budget::Grant { wait, ..answer };
            let delay = Duration::from_micros(self.rng.u64(10..300));
            self.queue.enter(self.clock + delay, ShareEvent::Slots { run: place, id: run.id, answer });
        }
    }

    fn end(&mut self, place: usize) {
        let Some(mut run) = self.runs[place].now.take() else { return };
        let stamp = self.kept.stamp(self.clock, wall(self.clock));
        let mut ended: Vec<_> = run.request.ended.iter().map(|(how, _)| (*how, stamp.at)).collect();
        ended.extend((0..run.asking.unwrap_or(0)).map(|_| (Ended::NotSent, stamp.at)));
        let alive = self.alive(Some(run.id));
        let timeout = self.timeout;
        let member = &mut run.member;
        self.kept.change(
            &stamp,
            timeout,
            |id| alive.contains(&id),
            |account, now| {
                member.leave(account, &ended, now);
            },
        );
        self.kept.sync();
        self.runs[place].ended = Some(self.clock);
    }

    fn kill(&mut self, place: usize) {
        let Some(killed) = self.runs[place].now.take() else { return };
        self.killed_in_flight += u32::from(!killed.flying.is_empty());
        // Rows that it has sent are in doubt and not sent again.
        self.runs[place].rows.retain(|row| !killed.flying.values().any(|flying| flying == row));
        let again = self.clock + Duration::from_secs(1).mul_f64(self.rng.f64());
        self.queue.enter(again, ShareEvent::Begin(place));
        // Its attempts end here, and no request is in transit for longer than a timeout after that.
        let last = self.clock + self.timeout;
        let over = |thing: &ShareEvent| matches!(thing, ShareEvent::Arrive { id, .. } if *id == killed.id);
        self.queue.things.retain(|(at, _), thing| *at <= last || !over(thing));
    }

    fn living(&mut self, place: usize, id: u64) -> Option<&mut Living> {
        self.runs[place].now.as_mut().filter(|run| run.id == id)
    }

    fn happen(&mut self, thing: ShareEvent) {
        let clock = self.clock;
        match thing {
            ShareEvent::Begin(place) => self.begin(place),
            ShareEvent::Kill(place) => self.kill(place),
            ShareEvent::PowerLoss => {
                (0..self.runs.len()).for_each(|place| self.kill(place));
                self.kept.flush();
                self.kept.lose_power(&mut self.rng, clock);
            }
            ShareEvent::Arrive { run, id, attempt, body, back } => {
                let path = "/api/tenants/1/internalnote/upload";
                let received = Received {
                    method: "POST",
                    path,
                    access_key: None,
                    secret_key: None,
                    authorization: None,
                    body: &body.body,
                };
                let wall = SystemTime::try_from(wall(clock)).expect("histories are short");
                let fate = self.model.receive(clock, wall, &received);
                if let (Fate::Reply(answer), Some(back)) = (fate, back) {
                    let reply = Reply::new(answer.status, answer.body);
                    self.queue.enter(clock + back, ShareEvent::Ended { run, id, attempt, result: Ok(reply) });
                }
            }
            ShareEvent::Ended { run, id, attempt, result } => {
                let Some(living) = self.living(run, id) else { return };
                let now = Now { elapsed: clock - living.began, wall: wall(clock) };
                if let Some(row) = living.flying.remove(&attempt) {
                    living.engine.handle(Event::Ended(attempt, result), now);
                    self.runs[run].rows.retain(|other| *other != row);
                }
            }
            ShareEvent::Committed { run, id, through } => {
                let Some(living) = self.living(run, id) else { return };
                let now = Now { elapsed: clock - living.began, wall: wall(clock) };
                living.committing = false;
                living.committed = through;
                living.engine.handle(Event::Committed(through), now);
            }
            ShareEvent::Slots { run, id, answer } => {
                let Some(living) = self.living(run, id) else { return };
                let now = Now { elapsed: clock - living.began, wall: wall(clock) };
                living.asking = None;
                living.engine.handle(Event::Slots(answer), now);
            }
        }
    }
}

fn job(row: u64) -> Job {
    let ticket = Ticket::try_from(row).expect("a simulated ticket is one");
    let text = format!("note {row}");
    let position = Position { record: row, line: row + 1, byte: row };
    Job::new(position, Key::of_job(&Identity::of("simulated"), &ticket, &text), ticket, text)
}
