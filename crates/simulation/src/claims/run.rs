//! One run of a batch, step by step, like `core/src/batch/prepare.rs`, `core/src/batch/known_rows.rs` and
//! `core/src/batch/post.rs`.

use std::collections::BTreeMap;

use batchpost_apis::leadsquared::LeadSquared;
use batchpost_engine::engine::{Event, PendingJob};
use batchpost_engine::job::{KEY_SCHEME, Key, KeyMap, TicketSet};
use batchpost_engine::known::{Candidates, Look, look};
use batchpost_engine::ledger::{
    self, AttemptEnd, Finish, Header, Input, Intent, JobState, Ledger, LedgerError, LedgerId, Reading, Record,
    Run as RunRecord, Section, Settled, Settlement, VERSION,
};
use batchpost_engine::outcome::{Counts, Outcome, VerdictWord};
use batchpost_engine::planning::{
    PendingJobs, Planner, ReadPolicy, ReadSummary, SampleSizes, for_each_to_do, hold_edits, presence_changes,
    skip_known, tickets_of_vanished,
};
use batchpost_engine::settings::{OnKnown, Settings};
use jiff::Timestamp;

use super::registry::{AsSeen, Seen, release};
use super::sheet::Note;
use super::{Claims, Next, State};
use crate::disk::DiskFile;
use crate::invariants::Violation;
use crate::job_file::{Bytes, JobFile};
use crate::opening::TARGET;

pub(super) struct Run {
    batch: usize,
    policy: ReadPolicy,
    named: bool,
    ledger: Option<Ledger<DiskFile>>,
    header: Header,
    number: u32,
    presence: Vec<Record>,
    job_states: KeyMap<JobState>,
    read_summary: ReadSummary,
    jobs: JobFile,
    candidates: Candidates,
    seen: Seen,
    phase: Phase,
}

enum Phase {
    Look,
    Claim,
    Begin,
    Record,
    Post(Box<PendingJobs<Bytes>>),
    Send(Box<PendingJobs<Bytes>>, PendingJob),
    End(Box<PendingJobs<Bytes>>, PendingJob, VerdictWord),
    Close,
    Release,
}

fn broken(error: &LedgerError) -> Violation {
    Violation::new(format!("the ledger cannot be used: {error}"))
}

/// Reads a batch's sheet, and makes the decisions that depend only on its ledger.
fn read(claims: &Claims, batch: usize, known: &mut ledger::Batch) -> Result<(ReadSummary, JobFile), Violation> {
    let state = claims.state();
    let of = &state.batches[batch];
    let (policy, unknown) = (&of.policy, known.unknown());
    let planner = Planner::new(policy, unknown, SampleSizes { notes: 0, jobs: 0 }, &mut known.job_states);
    let (mut read_summary, jobs) = JobFile::plan(&of.sheet(), planner);
    let jobs = if of.named { jobs.with_repeated_contents() } else { jobs };
    let changed = match of.disk.ledger() {
        Some(ledger) if policy.holds_edits(of.named, known.unnamed) => {
            tickets_of_vanished(&ledger, &known.job_states).map_err(|error| broken(&error))?
        }
        _ => TicketSet::default(),
    };
    hold_edits(&mut jobs.rows(), policy, &changed, 0, &mut known.job_states, &mut read_summary)
        .expect("memory can be read");
    Ok((read_summary, jobs))
}

impl Run {
    /// Opens the ledger, if it exists, and reads the sheet.
    pub(super) fn plan(claims: &Claims, batch: usize) -> Result<Next, Violation> {
        let mut disk = claims.state().batches[batch].disk.clone();
        let opened = ledger::resume(&mut disk).map_err(|error| broken(&error))?;
        let (mut ledger, mut known) = match opened {
            Some((ledger, batch, _)) => (Some(ledger), batch),
            None => (None, ledger::Batch::new(header(claims))),
        };
        if let Some(ledger) = &mut ledger
            && claims.state().rng.u8(0..6) == 0
        {
            waive(claims, batch, ledger, &mut known)?;
        }
        let (read_summary, jobs) = read(claims, batch, &mut known)?;
        let presence = presence_changes(&known.job_states);
        presence.iter().for_each(|record| known.apply(record));
        let state = claims.state();
        let run = Self {
            batch,
            policy: state.batches[batch].policy.clone(),
            named: state.batches[batch].named,
            ledger,
            header: known.header,
            number: known.run.map_or(1, |run| run.run + 1),
            presence,
            job_states: known.job_states,
            phase: if read_summary.to_do == 0 { Phase::Begin } else { Phase::Look },
            read_summary,
            jobs,
            candidates: Candidates::default(),
            seen: Seen::new(),
        };
        Ok(Next::Goes(Box::new(run)))
    }

    /// The name of a kill before the next step, for the coverage.
    pub(super) fn dies_at(&self) -> &'static str {
        match self.phase {
            Phase::Look | Phase::Claim => "killed before its claim",
            Phase::Begin | Phase::Record => "killed before it sent",
            Phase::Post(_) => "killed between rows",
            Phase::Send(..) => "killed after an intent",
            Phase::End(..) => "killed before an outcome",
            Phase::Close | Phase::Release => "killed before it released its claim",
        }
    }

    pub(super) fn step(mut self: Box<Self>, claims: &Claims) -> Result<Next, Violation> {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Look) {
            Phase::Look => match self.look(claims)? {
                Some(phase) => phase,
                None => return Ok(Next::Ended),
            },
            Phase::Claim => {
                // Another run has the lock: wait.
                if claims.state().shared.locked {
                    Phase::Claim
                } else {
                    claims.state().shared.locked = true;
                    let losses = claims.state().power_losses;
                    let next = self.claim(claims, losses);
                    if claims.state().power_losses == losses {
                        claims.state().shared.locked = false;
                    }
                    match next? {
                        Some(phase) => phase,
                        None => return Ok(Next::Ended),
                    }
                }
            }
            Phase::Begin => {
                self.begin(claims)?;
                Phase::Record
            }
            Phase::Record => {
                self.record(claims)?;
                let job_states = std::mem::take(&mut self.job_states);
                Phase::Post(Box::new(PendingJobs::new(self.jobs.rows(), self.policy.clone(), job_states)))
            }
            Phase::Post(mut feed) => match feed.pull().expect("memory can be read") {
                Event::Job(pending_job) => {
                    self.commit(&[intent(claims, &pending_job)])?;
                    Phase::Send(feed, pending_job)
                }
                _ => Phase::Close,
            },
            Phase::Send(feed, pending_job) => {
                let verdict = self.send(claims, &pending_job)?;
                Phase::End(feed, pending_job, verdict)
            }
            Phase::End(feed, pending_job, verdict) => {
                self.ended(claims, &pending_job, verdict)?;
                Phase::Post(feed)
            }
            Phase::Close => {
                self.close(claims)?;
                Phase::Release
            }
            Phase::Release if claims.state().shared.locked => Phase::Release,
            Phase::Release => {
                release(claims, self.batch)?;
                claims.say(|| format!("{} has ended", self.batch));
                claims.saw("ended");
                return Ok(Next::Ended);
            }
        };
        Ok(Next::Goes(self))
    }

    fn compare(&mut self, claims: &Claims) -> Result<Look<usize>, Violation> {
        let mut registry = AsSeen { claims, batch: self.batch, seen: &mut self.seen };
        look(&mut registry, &mut self.candidates, 0, &|_| false)
    }

    fn refused(&self, claims: &Claims, why: &'static str) -> Result<Option<Phase>, Violation> {
        claims.say(|| format!("{} does not begin: {why}", self.batch));
        claims.saw(why);
        Ok(None)
    }

    fn keys_to_send(&self, policy: &ReadPolicy) -> Vec<Key> {
        let mut keys = Vec::new();
        for_each_to_do(&mut self.jobs.rows(), policy, &self.job_states, |job| keys.push(job.content_key()))
            .expect("memory can be read");
        keys.sort_unstable();
        keys
    }

    /// The first comparison, without the lock.
    fn look(&mut self, claims: &Claims) -> Result<Option<Phase>, Violation> {
        self.candidates = Candidates::new(self.keys_to_send(&ReadPolicy { first: None, ..self.policy.clone() }));
        let found = self.compare(claims)?;
        if !found.in_use.is_empty() {
            return self.refused(claims, "rows in use at the first look");
        }
        let matters = match self.policy.known {
            OnKnown::Refuse => self.number == 1,
            OnKnown::Skip => true,
            OnKnown::Post => false,
        };
        if matters && !found.unreadable.is_empty() {
            return self.refused(claims, "a ledger cannot be read");
        }
        if self.candidates.known() > 0 {
            match self.policy.known {
                OnKnown::Refuse => return self.refused(claims, "rows are known"),
                OnKnown::Skip => {
                    let is_known = |job: &batchpost_engine::job::Job| self.candidates.is_known(job.content_key());
                    let mut rows = self.jobs.rows();
                    skip_known(&mut rows, &self.policy, is_known, &mut self.job_states, &mut self.read_summary)
                        .expect("memory can be read");
                    claims.saw("known rows skipped");
                }
                OnKnown::Post => claims.saw("known rows posted by order"),
            }
        }
        Ok(Some(if self.read_summary.to_do == 0 { Phase::Begin } else { Phase::Claim }))
    }

    /// The second comparison and the claim, under the lock.
    fn claim(&mut self, claims: &Claims, losses: u32) -> Result<Option<Phase>, Violation> {
        let found = self.compare(claims)?;
        if claims.state().power_losses != losses {
            return Ok(None);
        }
        if !found.in_use.is_empty() {
            return self.refused(claims, "rows in use at the second look");
        }
        let new: u64 = found.known.iter().map(|known| known.found.new).sum();
        if new > 0 && self.policy.known != OnKnown::Post {
            return self.refused(claims, "rows became known");
        }
        if !found.unreadable.is_empty() && self.policy.known == OnKnown::Skip {
            return self.refused(claims, "a ledger cannot be read");
        }
        let keys = self.keys_to_send(&self.policy);
        let mut state = claims.state();
        if let Some(other) = state.shared.active_holder(self.batch, &keys, &state.batches) {
            return Err(Violation::new(format!("{} and {other} have claimed the same row", self.batch)));
        }
        let State { shared, batches, .. } = &mut *state;
        shared.remove_dead_claims(batches);
        shared.note(self.batch, batches[self.batch].disk.ledger())?;
        let dies_over_it = state.deadly.is_some() && state.rng.u8(0..30) == 0;
        let cut = dies_over_it.then(|| state.rng.usize(0..60));
        let at_s = state.at_s;
        state.shared.claim(self.batch, &keys, at_s, cut);
        drop(state);
        claims.say(|| format!("{} claims {} rows", self.batch, keys.len()));
        claims.saw(if dies_over_it { "killed over its claim" } else { "claimed" });
        Ok((!dies_over_it).then_some(Phase::Begin))
    }

    fn begin(&mut self, claims: &Claims) -> Result<(), Violation> {
        if self.ledger.is_none() {
            let mut disk = claims.state().batches[self.batch].disk.clone();
            ledger::begin(&mut disk, &self.header).map_err(|error| Violation::new(error.to_string()))?;
            self.ledger = ledger::resume(&mut disk).map_err(|error| broken(&error))?.map(|(ledger, ..)| ledger);
        }
        Ok(())
    }

    fn record(&mut self, claims: &Claims) -> Result<(), Violation> {
        let mut records = vec![self.run_record(claims)];
        records.append(&mut self.presence);
        records.append(&mut self.jobs.excluded_rows(&mut self.job_states));
        self.commit(&records)?;
        let mut state = claims.state();
        let State { shared, batches, .. } = &mut *state;
        shared.note(self.batch, batches[self.batch].disk.ledger())?;
        shared.begun(self.batch);
        Ok(())
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), Violation> {
        let ledger = self.ledger.as_mut().expect("it was begun");
        ledger.commit(records).map_err(|error| broken(&error))
    }

    fn send(&self, claims: &Claims, pending_job: &PendingJob) -> Result<VerdictWord, Violation> {
        let key = pending_job.job.content_key();
        let mut state = claims.state();
        let (verdict, may_exist) = match state.rng.u8(0..10) {
            0 => (VerdictWord::Rejected, false),
            1 => (VerdictWord::Again, false),
            2 => (VerdictWord::Unknown, true),
            _ => (VerdictWord::Posted, true),
        };
        if !state.shared.has(self.batch, key) {
            return Err(Violation::new(format!(
                "{} sent row {} without a claim",
                self.batch, pending_job.job.position.record
            )));
        }
        let by_order = pending_job.outcome == Outcome::InDoubt || self.policy.known == OnKnown::Post;
        let note = note(pending_job);
        let sent = state.sent.get(&note).copied().unwrap_or(0) + u32::from(may_exist && !by_order);
        state.sent.insert(note, sent);
        let most = state.most.get(&note).copied().unwrap_or(0);
        drop(state);
        claims.say(|| format!("{} sends {note:?} ({key}): {verdict}", self.batch));
        if sent > most {
            return Err(Violation::new(format!(
                "{note:?} was sent {sent} times unasked, and no sheet has it more than {most} times"
            )));
        }
        Ok(verdict)
    }

    fn ended(&mut self, claims: &Claims, pending_job: &PendingJob, verdict: VerdictWord) -> Result<(), Violation> {
        let next = match verdict {
            VerdictWord::Posted => Outcome::Posted,
            VerdictWord::Rejected => Outcome::Rejected,
            VerdictWord::Unknown => Outcome::InDoubt,
            _ => Outcome::Failed,
        };
        let outcome = pending_job.outcome.then(next);
        self.read_summary.counts.move_one(pending_job.outcome, outcome);
        let status = (verdict != VerdictWord::Unknown).then_some(200);
        let record = AttemptEnd {
            row: pending_job.job.position.record,
            key: pending_job.job.key,
            ticket: pending_job.job.ticket.clone(),
            attempt: pending_job.attempts + 1,
            at_us: 0,
            wall: wall(claims),
            verdict,
            outcome,
            status,
            reply: None,
        };
        self.commit(&[Record::Outcome(record)])
    }

    /// Checks that every row has one outcome and that the sums match: the run's own counts, its ledger's, and
    /// those of another pass.
    fn close(&mut self, claims: &Claims) -> Result<(), Violation> {
        let counts = self.read_summary.counts;
        self.commit(&[Record::Finish(Finish { at_us: 0, wall: wall(claims), stopped: None, counts })])?;
        let ledger = self.ledger.take().expect("it was begun");
        let file = ledger.close().map_err(|error| broken(&error))?;
        let (mut known, _) = ledger::inspect(&file).map_err(|error| broken(&error))?;
        let by_ledger = known.counts();
        let again: Counts = read(claims, self.batch, &mut known)?.0.counts;
        let rows = claims.state().batches[self.batch].rows();
        if counts != by_ledger || counts != again || counts.total() != rows {
            return Err(Violation::new(format!(
                "of {rows} rows {} counted {counts:?}, its ledger {by_ledger:?}, another reading {again:?}",
                self.batch
            )));
        }
        Ok(())
    }

    fn run_record(&self, claims: &Claims) -> Record {
        let reader = if self.named { Section::of(&BTreeMap::from([("key", "Id")])) } else { Section::default() };
        let read =
            Some(Reading { rows: self.read_summary.rows, blank: self.read_summary.blank, fingerprint: String::new() });
        Record::Run(Box::new(RunRecord {
            run: self.number,
            tool: String::new(),
            wall: wall(claims),
            wall_unit_us: None,
            by: None,
            pauses_recorded: true,
            input: Input { path: None, reader, lookup_fingerprint: None, read },
            settings: Settings::of(&LeadSquared),
            state_folder: None,
        }))
    }
}

/// A person waives the doubts of a batch.
fn waive(
    claims: &Claims,
    batch: usize,
    ledger: &mut Ledger<DiskFile>,
    known: &mut ledger::Batch,
) -> Result<(), Violation> {
    let doubts = known.job_states.iter().filter(|(_, job_state)| job_state.outcome() == Outcome::InDoubt);
    let settled = |(key, _): (&Key, _)| Settled { row: 1, key: *key, was: Outcome::InDoubt, outcome: Outcome::Skipped };
    let rows: Vec<Settled> = doubts.map(settled).collect();
    if rows.is_empty() {
        return Ok(());
    }
    claims.say(|| format!("{} doubts of {batch} are waived", rows.len()));
    claims.saw("doubts waived");
    let record = Record::Settle(Settlement { wall: wall(claims), part: None, why: None, rows });
    known.apply(&record);
    ledger.commit(&[record]).map_err(|error| broken(&error))
}

fn intent(claims: &Claims, pending_job: &PendingJob) -> Record {
    Record::Intent(Intent {
        row: pending_job.job.position.record,
        key: pending_job.job.key,
        content: pending_job.job.content,
        ticket: pending_job.job.ticket.clone(),
        attempt: pending_job.attempts + 1,
        at_us: 0,
        wall: wall(claims),
    })
}

fn note(pending_job: &PendingJob) -> Note {
    let number = |text: &str| text.trim_start_matches('t').parse().expect("a simulated sheet has numbers");
    (number(&pending_job.job.ticket.to_string()), number(&pending_job.job.text))
}

fn wall(claims: &Claims) -> Timestamp {
    Timestamp::from_second(claims.state().at_s).expect("a history is short")
}

fn header(claims: &Claims) -> Header {
    let id = LedgerId(claims.state().rng.u64(..));
    Header {
        version: VERSION,
        id,
        key_scheme: KEY_SCHEME,
        tool: String::new(),
        api: None,
        target: TARGET.to_owned(),
        wall: wall(claims),
    }
}
