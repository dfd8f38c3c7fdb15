//! One run on a virtual clock, without a runtime: it performs the driver's steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use batchpost_apis::leadsquared::LeadSquared;
use batchpost_engine::api::RequestTemplate;
use batchpost_engine::budget::{self, Ended, Request, Wait};
use batchpost_engine::driver::{Driver, Interrupt, Left, SIGTERM, Step};
use batchpost_engine::engine::{AttemptId, Cause, Config, Event, Notice, Now, Waiting};
use batchpost_engine::job::Job;
use batchpost_engine::ledger::{Intent, Ledger, LedgerError, Record};
use batchpost_engine::limiter::{Member, Sharer};
use batchpost_engine::outcome::VerdictWord;
use batchpost_engine::planning::PendingJobs;
use batchpost_engine::planning::Row;
use batchpost_engine::transport::{Failure, Reply};
use batchpost_sandbox::{Answer, Fate, Journey};

use crate::account;
use crate::disk::DiskFile;
use crate::history::{End, History, Packet, Plan, SimEvent};
use crate::invariants::Violation;
use crate::job_file::Bytes;
use crate::opening::{Cut, Opened, open, policy, unusable};

/// The maximum number of events of a run. A run has a few per attempt; one that exceeds this does not end.
const MOST_HAPPENINGS: u32 = 400_000;

/// Runs until the run ends or everything is cut off.
pub(crate) fn run(history: &mut History, plan: &Plan) -> Result<End, Violation> {
    let sheet = Arc::clone(&history.sheet);
    let ended = Run::begin(history, plan, &sheet).and_then(Run::drive);
    match ended {
        Ok(end) | Err(Cut::Ended(end)) => Ok(end),
        Err(Cut::Violated(violation)) => Err(violation),
    }
}

/// The template of every simulated request.
pub(crate) fn request_template() -> RequestTemplate {
    RequestTemplate::new(Arc::new(LeadSquared), &[], false).expect("no field is given that could be wrong")
}

struct Run<'h> {
    history: &'h mut History,
    driver: Driver,
    ledger: Ledger<DiskFile>,
    feed: PendingJobs<Bytes>,
    request_template: RequestTemplate,
    /// When the run started, on the history's clock.
    began: Duration,
    /// Attempts that were sent and have not ended, with their rows.
    flying: BTreeMap<AttemptId, u64>,
    /// The last intent written for each row, until it is sent.
    intents: BTreeMap<u64, u32>,
    member: Member,
    /// The number of granted slots whose answer has not reached the run yet.
    granted: u32,
    committing: Option<Committing>,
    /// The number of rows in a group of the input.
    group_rows: usize,
}

/// A commit takes time. The bytes may be written long before the caller knows, or only at the end.
enum Committing {
    Done(Result<(), LedgerError>),
    Waiting(Vec<Record>),
}

impl<'h> Run<'h> {
    fn begin(history: &'h mut History, plan: &Plan, sheet: &[Row]) -> Result<Self, Cut> {
        let Opened { ledger, batch, read_summary, jobs } = open(history, plan, sheet)?;
        for (at, seconds) in &plan.wall_steps {
            history.queue.enter(history.clock + *at, SimEvent::WallStep(*seconds));
        }
        for after in &plan.interrupts {
            history.queue.enter(history.clock + *after, SimEvent::Interrupt);
        }
        history.recovery_steps = history.disk.steps();
        let settings = &history.scenario.settings;
        let run = Sharer { id: u64::from(history.runs), ..Sharer::new(settings.limits.clone(), settings.timeout) };
        let mut member = Member::new(run, settings.spread(Some(read_summary.to_do)));
        let stamp = history.kept.stamp(history.clock, history.wall());
        let alone = u64::from(history.runs);
        history.kept.change(&stamp, settings.timeout, |run| run == alone, |account, now| member.join(account, now));
        history.kept.sync();
        let config = Config {
            target: Arc::new(LeadSquared),
            openings: history.scenario.openings(),
            no_wait: settings.no_wait,
            limits: settings.limits.clone(),
            give_up_after: settings.give_up_after,
            concurrency: settings.concurrency(),
            max_attempts: settings.max_attempts,
            on_500: settings.on_500,
            counts: read_summary.counts,
            stream: false,
            seed: history.rng.u64(..),
        };
        history.watch.recorded(&history.disk);
        Ok(Self {
            driver: Driver::new(config, settings.grace),
            ledger,
            feed: PendingJobs::new(jobs.rows(), policy(plan), batch.job_states),
            request_template: request_template(),
            began: history.clock,
            group_rows: 1 + (history.scenario.seed % 5) as usize,
            history,
            flying: BTreeMap::new(),
            intents: BTreeMap::new(),
            member,
            granted: 0,
            committing: None,
        })
    }

    fn drive(mut self) -> Result<End, Cut> {
        for _ in 0..MOST_HAPPENINGS {
            self.give_rows();
            while let Some(step) = self.driver.next(self.now()) {
                if let Step::Done(left) = step {
                    return self.end(&left);
                }
                self.perform(step)?;
            }
            if let Waiting::Limit(_) = self.driver.progress().waiting {
                self.history.coverage.saw("engine", "waited for the limit");
            }
            let wake = self.driver.wake_at().map(|elapsed| self.began + elapsed);
            match (self.history.queue.next_at(), wake) {
                (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => self.happen()?,
                (_, Some(wake)) => self.history.clock = self.history.clock.max(wake),
                (_, None) => return Err(Violation::new("the run waits for something that will never happen").into()),
            }
        }
        Err(Violation::new("the run does not end").into())
    }

    fn now(&self) -> Now {
        self.history.now(self.began)
    }

    fn give_rows(&mut self) {
        while self.driver.wants_rows() {
            let mut group = Vec::new();
            while group.len() < self.group_rows {
                let event = self.feed.pull().expect("memory can be read");
                let over = !matches!(event, Event::Job(_));
                group.push(event);
                if over {
                    break;
                }
            }
            self.driver.rows(group, self.now());
        }
    }

    fn perform(&mut self, step: Step) -> Result<(), Cut> {
        match step {
            Step::CutOff => self.cut_off(),
            Step::Notify(notice) => self.told(&notice)?,
            Step::Send(group) => group.iter().try_for_each(|(attempt, job)| self.send(*attempt, job))?,
            Step::Exchange(request) => self.exchange(request),
            Step::Commit(group) => self.begin_commit(group)?,
            Step::Done(_) => unreachable!("it was asked for"),
        }
        Ok(())
    }

    fn cut_off(&mut self) {
        if !self.flying.is_empty() {
            self.history.coverage.saw("engine", "did not wait any longer");
        }
        self.flying.clear();
        self.history.queue.drop_later(self.history.clock + self.history.scenario.settings.timeout);
    }

    /// Exchanges slots with the budget; the answer arrives at once or later.
    fn exchange(&mut self, mut request: Request) {
        let history = &mut *self.history;
        let stamp = history.kept.stamp(history.clock, history.wall());
        let elapsed = history.clock - self.began;
        request.ended = on_account_clock(&request.ended, elapsed, stamp.at);
        let (member, id) = (&mut self.member, u64::from(history.runs));
        let timeout = history.scenario.settings.timeout;
        let answer = history.kept.change(
            &stamp,
            timeout,
            |run| run == id,
            |account, now| member.exchange(account, &request, now),
        );
        let wait = match answer.wait {
            Some(Wait::Until(until)) => Some(Wait::Until(elapsed + until.saturating_sub(stamp.at))),
            other => other,
        };
        let answer = budget::Grant { wait, ..answer };
        if request.want.is_none() || history.rng.u8(0..3) > 0 {
            return self.driver.answered(Ok(answer), self.now());
        }
        let delay = Duration::from_micros(history.rng.u64(0..3000));
        self.granted = answer.granted;
        history.queue.enter(history.clock + delay, SimEvent::Slots(answer));
    }

    fn saw_record(&mut self, record: &Record) {
        match record {
            Record::Intent(Intent { row, attempt, .. }) => {
                self.intents.insert(*row, *attempt);
            }
            Record::Outcome(end) => self.history.coverage.saw("verdict", word(end.verdict)),
            _ => {}
        }
    }

    fn told(&mut self, notice: &Notice) -> Result<(), Cut> {
        self.history.say(|| format!("{notice:?}"));
        match notice {
            Notice::Settled { row, outcome, .. } => {
                self.history.coverage.saw("outcome", outcome.word());
                self.history.watch.settled(&self.history.disk, *row, *outcome)?;
            }
            Notice::Unwritten { row, .. } => {
                self.history.coverage.saw("engine", "told what could not be written");
                self.history.watch.unwritten(*row);
            }
            Notice::Paused { cause, .. } => {
                let cause = match cause {
                    Cause::Limited => "limited",
                    Cause::Unreachable => "unreachable",
                    Cause::Unclear => "unclear",
                    Cause::Failing => "failing",
                };
                self.history.coverage.saw("pause", cause);
            }
            Notice::Sharing { .. } => {}
            Notice::OtherClients { .. } => self.history.coverage.saw("engine", "took a smaller share"),
            Notice::Learned { .. } => self.history.coverage.saw("engine", "adopted a limit"),
            Notice::Retrying { .. } => self.history.coverage.saw("engine", "tried again"),
            Notice::Stopping { stop, .. } => self.history.watch.forbid_sending(stop.word()),
            _ => {}
        }
        Ok(())
    }

    fn begin_commit(&mut self, records: Vec<Record>) -> Result<(), Cut> {
        records.iter().for_each(|record| self.saw_record(record));
        let commit = self.history.scenario.commit.clone();
        let (shortest, longest) = (commit.start().as_micros() as u64, commit.end().as_micros() as u64);
        let delay = Duration::from_micros(self.history.rng.u64(shortest..=longest));
        self.committing = Some(if self.history.rng.bool() {
            Committing::Done(self.commit(&records)?)
        } else {
            Committing::Waiting(records)
        });
        self.history.queue.enter(self.history.clock + delay, SimEvent::Committed);
        Ok(())
    }

    fn commit(&mut self, records: &[Record]) -> Result<Result<(), LedgerError>, Cut> {
        let result = self.ledger.commit(records);
        if self.history.disk.has_crashed() {
            self.history.coverage.saw("crash", "within a commit");
            return Err(Cut::Ended(End::Crashed));
        }
        Ok(result)
    }

    fn committed(&mut self) -> Result<(), Cut> {
        let result = match self.committing.take().expect("a group was being committed") {
            Committing::Done(result) => result,
            Committing::Waiting(records) => self.commit(&records)?,
        };
        match &result {
            Ok(()) => self.history.watch.recorded(&self.history.disk),
            Err(error) => {
                self.history.coverage.saw("disk", "ledger poisoned");
                self.history.say(|| error.to_string());
                self.history.watch.forbid_sending("an error of the ledger's storage");
                self.history.watch.ledger_failed();
            }
        }
        self.driver.committed(result, self.now());
        Ok(())
    }

    /// Counts a network step, before which everything may end.
    fn step(&mut self) -> Result<(), Cut> {
        if self.history.disk.step() {
            return Ok(());
        }
        let caught = if self.flying.is_empty() { "with nothing in flight" } else { "with requests in flight" };
        self.history.coverage.saw("crash", caught);
        Err(Cut::Ended(End::Crashed))
    }

    fn send(&mut self, attempt: AttemptId, job: &Job) -> Result<(), Cut> {
        self.step()?;
        let row = job.position.record;
        let number = self.intents.remove(&row).ok_or_else(|| Violation::new("sent without an intent"))?;
        self.history.say(|| format!("row {row} is sent, attempt {number}"));
        let (sent, in_doubt) = self.history.watch.sent(&self.history.disk, row, u64::from(number))?;
        if in_doubt {
            self.history.coverage.saw("engine", "sent a doubt again");
        }
        self.flying.insert(attempt, row);
        self.history.coverage.saw("all", "attempts");

        let history = &mut *self.history;
        let timeout = history.scenario.settings.timeout;
        let weather = &history.scenario.weather;
        let rng = &mut history.rng;
        let now = history.clock;
        if rng.f64() < weather.unsent || weather.unreachable.contains(&sent) {
            history.coverage.saw("network", "refused");
            let refused = Err(Failure::Unsent("refused".to_owned()));
            history.queue.enter(now + Duration::from_millis(1), SimEvent::Ended(attempt, refused));
            return Ok(());
        }
        let Journey { mut out, back } = history.model.journey();
        let mut gives_up = (timeout, "time-out");
        if rng.f64() < weather.late {
            history.coverage.saw("network", "late");
            out += timeout.mul_f64(2.2 * rng.f64() * rng.f64());
        }
        if rng.f64() < weather.broken {
            history.coverage.saw("network", "broken");
            gives_up = (timeout.mul_f64(rng.f64()), "reset");
        }
        // A request is in transit no later than this.
        let out = out.min(gives_up.0 + timeout);
        let silent = Err(Failure::NoReply(gives_up.1.to_owned()));
        history.queue.enter(now + gives_up.0, SimEvent::Ended(attempt, silent));
        if rng.f64() < weather.lost {
            history.coverage.saw("network", "request lost");
            return Ok(());
        }
        let reply_lost = rng.f64() < weather.reply_lost;
        if reply_lost {
            history.coverage.saw("network", "reply lost");
        }
        let request = self.request_template.request(job);
        let back = (!reply_lost).then_some(back);
        history.queue.enter(now + out, SimEvent::Arrive(Packet { run: history.runs, attempt, row, request, back }));
        Ok(())
    }

    fn happen(&mut self) -> Result<(), Cut> {
        let (at, event) = self.history.queue.pop().expect("something will happen");
        self.history.clock = self.history.clock.max(at);
        match event {
            SimEvent::Arrive(packet) => {
                self.step()?;
                self.arrive(&packet);
            }
            SimEvent::Ended(attempt, result) => {
                if let Some(row) = self.flying.get(&attempt).copied() {
                    self.step()?;
                    self.flying.remove(&attempt);
                    self.history.say(|| match &result {
                        Ok(reply) => format!("row {row} is answered {}", reply.status),
                        Err(failure) => format!("row {row}: {failure}"),
                    });
                    self.history.watch.ended(row);
                    self.driver.ended([(attempt, result)], self.now());
                }
            }
            SimEvent::Slots(answer) => {
                self.granted = 0;
                self.driver.answered(Ok(answer), self.now());
            }
            SimEvent::Committed => self.committed()?,
            SimEvent::Interrupt => {
                self.history.say(|| "asked to end".to_owned());
                self.history.watch.forbid_sending("an interrupt");
                self.driver.interrupted(Interrupt(SIGTERM), self.now());
            }
            SimEvent::WallStep(seconds) => {
                self.history.coverage.saw("clock", if seconds < 0 { "stepped back" } else { "stepped ahead" });
                self.history.wall_off += seconds;
            }
        }
        Ok(())
    }

    fn arrive(&mut self, packet: &Packet) {
        let fate = self.history.arrive(packet);
        self.history.say(|| {
            let fate = match &fate {
                Fate::Reply(answer) => format!("answered {}", answer.status),
                Fate::CutShort(_) => "answered, and the answer cut short".to_owned(),
                Fate::Closed => "not answered, and the connection closed".to_owned(),
                Fate::Silence => "not answered".to_owned(),
            };
            format!("row {}'s request arrives and is {fate}", packet.row)
        });
        let result = match fate {
            Fate::Reply(answer) => Ok(reply(answer)),
            Fate::CutShort(_) => Err(Failure::NoReply("cut short".to_owned())),
            Fate::Closed => Err(Failure::NoReply("closed".to_owned())),
            Fate::Silence => return,
        };
        if packet.run != self.history.runs || !self.flying.contains_key(&packet.attempt) {
            self.history.coverage.saw("network", "arrived after the attempt had ended");
        } else if let Some(back) = packet.back {
            self.history.queue.enter(self.history.clock + back, SimEvent::Ended(packet.attempt, result));
        }
    }

    fn end(mut self, left: &Left) -> Result<End, Cut> {
        let history = &mut *self.history;
        let stopped = left.stopped;
        history.watch.run_is_done(&history.disk, left, self.flying.len())?;
        if left.at_once {
            // The run disappears as if killed: others find its slots later.
            history.coverage.saw("engine", "ended at once");
            if !left.is_recorded {
                history.coverage.saw("engine", "did not wait for a commit");
            }
            return Ok(End::Done(stopped));
        }
        let stamp = history.kept.stamp(history.clock, history.wall());
        let mut ended = on_account_clock(&left.ended, history.clock - self.began, stamp.at);
        ended.extend((0..self.granted).map(|_| (Ended::NotSent, stamp.at)));
        account::leave(&mut history.kept, &mut self.member, &stamp, &ended);
        if left.closes_ledger() {
            self.ledger.close().map_err(|error| unusable(self.history, &error))?;
            if self.history.disk.has_pending() {
                return Err(Violation::new("a run has ended in good order and left something unsynced").into());
            }
        }
        Ok(End::Done(stopped))
    }
}

/// Converts times since the run started to the account's clock.
fn on_account_clock(ended: &[(Ended, Duration)], elapsed: Duration, at: Duration) -> Vec<(Ended, Duration)> {
    ended.iter().map(|(how, then)| (*how, at.saturating_sub(elapsed.saturating_sub(*then)))).collect()
}

fn reply(answer: Answer) -> Reply {
    let reply = Reply::new(answer.status, answer.body);
    answer.headers.iter().fold(reply, |reply, (name, value)| reply.with(*name, value))
}

fn word(verdict: VerdictWord) -> &'static str {
    match verdict {
        VerdictWord::Posted => "posted",
        VerdictWord::Limited => "limited",
        VerdictWord::Rejected => "rejected",
        VerdictWord::Again => "again",
        VerdictWord::Unsent => "unsent",
        VerdictWord::Unknown => "unknown",
        VerdictWord::SetupFault => "hopeless",
        VerdictWord::Withdrawn => "withdrawn",
    }
}
