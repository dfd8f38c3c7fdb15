//! What the end of an attempt means for its row, for the run, and for the next attempts.

use super::backlog::WorkId;
use super::durable::{Move, Next, OnceDurable};
use super::health::{Advice, LONGEST_OUTAGE_PAUSE};
use super::slots::Spent;
use super::{AttemptId, Cause, Engine, Notice, Now, Recorded, micros};
use crate::api::{Context, Judgement};
use crate::budget::Ended;
use crate::ledger::{AttemptEnd, Paused, Record, Resumed};
use crate::outcome::{Outcome, Verdict, VerdictWord};
use crate::retry::Delays;
use crate::transport::{Failure, Reply};

impl Engine {
    /// Withdraws an attempt that was not sent. Its job stays pending.
    pub(super) fn withdraw(&mut self, id: AttemptId, now: Now) {
        let attempt = self.attempts.remove(&id).expect("an attempt that was not sent has not ended");
        let spent = Spent { taken: attempt.taken, ended: Ended::NotSent, at: now.elapsed };
        self.health.on_verdict(id, attempt.place, &Verdict::Withdrawn, now.elapsed);
        if matches!(self.pause, Some(Recorded::Probing(probe, _)) if probe == id) {
            self.pause = Some(Recorded::Paused);
        }
        self.conclude(attempt.place, spent, &Judgement::of_withdrawn(), None, now);
    }

    /// Handles the end of an attempt.
    pub(super) fn ended(&mut self, id: AttemptId, result: &Result<Reply, Failure>, now: Now) {
        // The reply to an abandoned attempt may still arrive; its row is already in doubt.
        let Some(attempt) = self.attempts.remove(&id) else { return };
        let ended = if matches!(result, Err(Failure::NoReply(_))) { Ended::Silent } else { Ended::Answered };
        let spent = Spent { taken: attempt.taken, ended, at: now.elapsed };
        let job = &self.backlog.get_mut(attempt.place).job;
        let row = job.position.record;
        let context = Context { posted_before: self.health.posted(), on_500: self.config.on_500, wall: now.wall };
        let judgement = match result {
            Ok(reply) => self.config.target.judge(reply, job, context),
            Err(failure) => Judgement::of_failure(failure),
        };
        // The reply to a probe, or to an attempt from before a pause, does not measure this run's share of a
        // window.
        let is_shared = !self.health.is_alone();
        let advice = self.health.on_verdict(id, attempt.place, &judgement.verdict, now.elapsed);
        for (place, tries) in self.health.take_refundable() {
            self.backlog.refund(place, tries);
        }
        self.conclude(attempt.place, spent, &judgement, result.as_ref().ok().map(|reply| reply.status), now);

        let Judgement { verdict, reply } = judgement;
        if let Some(Recorded::Probing(probe, Now { elapsed, wall })) = self.pause
            && probe == id
        {
            self.pause = None;
            let resumed = Resumed { at_us: micros(elapsed), wall, row, verdict: verdict.word() };
            self.write(Record::Resumed(resumed), OnceDurable::Nothing);
        }
        if let Verdict::Limited { named, .. } = verdict {
            let learned = named.is_some_and(|limit| self.learn(limit));
            if let Advice::Pause(Cause::Limited, delay) = advice
                && !learned
            {
                self.make_room(is_shared, now.elapsed, delay);
            }
        }
        match advice {
            Advice::GoOn => {}
            Advice::Pause(cause, delay) => {
                self.pause = Some(Recorded::Paused);
                let paused = Paused {
                    at_us: micros(now.elapsed),
                    wall: now.wall,
                    cause,
                    wait_us: micros(delay),
                    asked_us: verdict.asks_to_wait().map(micros),
                    row,
                    reply: reply.clone(),
                };
                self.write(Record::Pause(paused), OnceDurable::Nothing);
                self.notify(Notice::Paused { cause, delay, reply });
            }
            Advice::Stop(stop, why) => self.stop(stop, format!("{why} (last reply: {reply})")),
        }
    }

    /// Records the end of an attempt and decides what happens to its job.
    fn conclude(&mut self, place: WorkId, spent: Spent, judgement: &Judgement, status: Option<u16>, now: Now) {
        let work = self.backlog.get_mut(place);
        let next = match &judgement.verdict {
            Verdict::Posted => Next::Done(Outcome::Posted),
            Verdict::Rejected { .. } => Next::Done(Outcome::Rejected),
            Verdict::Unknown => Next::Done(Outcome::InDoubt),
            Verdict::Again { retry_after } if self.health.is_outage() => {
                work.outage_attempts += 1;
                // Probe other rows next: the API may always fail at this row.
                let turn = LONGEST_OUTAGE_PAUSE * work.outage_attempts;
                Next::Retry(turn.max(Delays::within_reason(*retry_after)))
            }
            Verdict::Again { retry_after } => {
                work.tries += 1;
                let delay = self.schedule.delay(work.tries, *retry_after, &mut self.rng);
                delay.map_or(Next::Done(Outcome::Failed), Next::Retry)
            }
            Verdict::Unsent => Next::Retry(Delays::BASE.mul_f64(self.rng.f64())),
            Verdict::Limited { .. } | Verdict::SetupFault(_) | Verdict::Withdrawn => Next::Resume,
        };
        let from = work.outcome;
        let to = from.then(if let Next::Done(outcome) = next { outcome } else { Outcome::Pending });
        work.outcome = to;
        let verdict = judgement.verdict.word();
        let (row, ticket, reply) = (work.job.position.record, work.job.ticket.clone(), judgement.reply.clone());
        let end = AttemptEnd {
            row,
            key: work.job.key,
            ticket: ticket.clone(),
            attempt: work.attempts,
            at_us: micros(now.elapsed),
            wall: now.wall,
            verdict,
            outcome: to,
            status,
            reply: (verdict != VerdictWord::Posted).then(|| reply.clone()),
        };
        match next {
            Next::Done(_) => self.backlog.finish(place),
            Next::Retry(delay) => self.backlog.put_back(place, now.elapsed + delay),
            Next::Resume => self.backlog.put_back(place, now.elapsed),
        }
        let moved = Move { row, ticket, from, to, verdict, reply, next, spent };
        self.write(Record::Outcome(end), OnceDurable::Moved(moved));
    }
}
