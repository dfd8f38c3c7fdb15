//! Posts the rows to do and reports the result.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::committer::Committer;
use super::drive::{Drive, Observation};
use super::error::Error;
use super::feeder::{self, Stream};
use super::job_file::JobFile;
use super::known_rows::{Claimed, FollowClaims};
use super::ledgers::begin;
use super::prepare::{Prepared, PreparedRows, ReadyRun};
use super::run_request::RunRequest;
use super::source::Source;
use crate::driver::{Driver, Interrupt};
use crate::engine::{Config, Notice};
use crate::input::ReadAs;
use crate::ledger::{self, Batch, Input, Ledger, LedgerError, Reading, Record, Run};
use crate::limiter::{Limiter, Member, Sharer};
use crate::outcome::{Counts, Stop};
use crate::planning::{Follow, PendingJobs, next_excluded};
use crate::runtime::budget::{Folder, SharingError};
use crate::runtime::budget_client::{BudgetClient, SlotSource};
use crate::runtime::clock::{Clock, WALL_UNIT_US, wall};
use crate::runtime::entropy::entropy;
use crate::runtime::files::LedgerFile;
use crate::runtime::sender::Sender;
use crate::runtime::signals::Interrupts;
use crate::transport::Transport;

/// Interval between attempts to acquire the registry's lock.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A run that waits for the registry's lock logs a warning after this time. A run that has ended does not wait longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The result of claiming the rows to send.
enum Claim {
    /// No rows to send.
    Nothing,
    Of(Box<Claimed>),
    OfStream(FollowClaims),
    /// A signal arrived before the rows were claimed.
    Interrupted(Interrupt),
}

/// The result of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RunReport {
    /// Rows of the input by outcome, from the records that are certainly in the ledger.
    pub counts: Counts,
    /// Whether the ledger has exactly these records. `false` after an error of the ledger, or if the run was
    /// ended at once while its disk did not respond: the ledger may have the records that were being written
    /// too.
    pub is_recorded: bool,
    /// Blank rows, which count as skipped. For a stream, only if it was read to its end.
    pub blank: u64,
    /// Jobs of the ledger that are no longer in the input.
    pub vanished: u64,
    /// How many of these are in doubt.
    pub vanished_in_doubt: u64,
    /// Attempts for the batch, over all runs.
    pub attempts: u64,
    /// Attempts for the batch that the API refused because of the limit.
    pub limited: u64,
    /// Rows posted by this run.
    pub posted_now: u64,
    /// Attempts made by this run.
    pub attempts_now: u64,
    /// Attempts of this run that the API refused because of the limit.
    pub limited_now: u64,
    /// Duration of the run.
    pub elapsed: Duration,
    /// Why the run ended, if rows are left that could have been posted.
    pub stopped: Option<Stop>,
    /// The signal that interrupted the run.
    pub interrupt: Option<Interrupt>,
}

impl ReadyRun {
    /// Posts the rows to do.
    ///
    /// Dropping the future ends the run like a crash: attempts in flight leave their rows in doubt.
    ///
    /// # Errors
    ///
    /// If the ledger cannot be created, the run cannot be recorded in it, or the job file cannot be read.
    /// Nothing was sent. A reason that stops the run later is in the report and is not an error.
    pub async fn post<T: Transport>(
        self,
        transport: T,
        mut interrupts: Interrupts,
        observe: &mut dyn FnMut(Observation<'_>),
    ) -> Result<RunReport, Error> {
        // The lock is held until the end.
        let Self { prepared: mut this, lock: _lock, ledger } = self;
        let clock = Clock::start();
        let began = clock.now().wall;
        let (slot_source, state_folder, interrupted) =
            this.slot_source(transport.timeout(), clock, &mut interrupts, observe).await?;
        let concurrency = this.run_request.settings.concurrency();
        let sender = Sender::start(transport, concurrency, clock).await.map_err(Error::thread("send from"))?;
        let path = this.run_request.ledger.clone();
        let failed = Error::ledger(&path);
        let mut claim = match interrupted {
            None => this.claim(clock, &mut interrupts).await?,
            Some(signal) => Claim::Interrupted(signal),
        };
        let mut ledger = match ledger {
            Some(ledger) => ledger,
            None => begin(&path, &this.batch.header)?,
        };
        let opening: Vec<Record> =
            std::iter::once(this.run_record(began, state_folder)).chain(this.presence.drain(..)).collect();
        commit_all(&mut ledger, &opening).map_err(&failed)?;
        match &mut claim {
            Claim::Nothing | Claim::Interrupted(_) => {}
            Claim::Of(claimed) => claimed.begun()?,
            Claim::OfStream(claims) => claims.begun()?,
        }
        // Excluded rows are recorded before anything is sent. Otherwise rows that an interrupted run did not reach
        // would have no record, and the next run would send rows that another ledger has as posted.
        if let PreparedRows::Read(read) = &this.rows
            && this.batch.job_states.values().any(|job_state| job_state.is_unrecorded())
        {
            record_excluded_rows(&read.jobs, &this.run_request, &mut this.batch, &mut ledger)?;
        }
        let (vanished, vanished_in_doubt) = this.batch.vanished();
        let job_states = std::mem::take(&mut this.batch.job_states);
        let config = this.config();
        let stream = config.stream;
        let policy = this.run_request.policy.clone();
        let blank = this.read_summary().map_or(0, |read_summary| read_summary.blank);
        let feed = match (this.rows, &claim) {
            (PreparedRows::Read(read), _) => feeder::start(PendingJobs::new(read.jobs.rows(), policy, job_states)),
            (PreparedRows::Follow(rows), Claim::OfStream(claims)) => {
                let follow = Follow::new(policy, this.batch.unknown(), job_states);
                feeder::follow(Stream { rows: *rows, follow }, claims.clone())
            }
            // The run was interrupted before it claimed anything, so it reads no rows.
            (PreparedRows::Follow(_), _) => Ok(mpsc::channel(1).1),
        };
        let feed = feed.map_err(Error::thread("read the job file"))?;

        let mut driver = Driver::new(config, this.run_request.settings.grace);
        if let Claim::Interrupted(signal) = claim {
            // The run is recorded anyway, so that it can be resumed.
            driver.interrupted(signal, clock.now());
        }
        let mut drive = Drive {
            driver,
            sender,
            slot_source,
            committer: Committer::start(ledger).map_err(Error::thread("write the ledger"))?,
            feed,
            interrupts,
            clock,
            request_template: this.run_request.request_template.clone(),
            observe,
        };
        let left = drive.run().await;
        let elapsed = clock.now().elapsed;
        let Drive { sender, committer, observe, slot_source, .. } = drive;
        // Attempts still in flight are cut off.
        drop(sender);
        let closes_ledger = left.closes_ledger();
        if !left.at_once
            && let SlotSource::Shared(budget_client) = slot_source
        {
            budget_client.finish(left.ended).await;
        }
        let progress = left.progress;
        let mut report = RunReport {
            counts: progress.counts,
            is_recorded: left.is_recorded,
            blank,
            vanished,
            vanished_in_doubt,
            attempts: this.batch.attempts + progress.attempts,
            limited: this.batch.limited + progress.limited,
            posted_now: progress.posted,
            attempts_now: progress.attempts,
            limited_now: progress.limited,
            elapsed,
            stopped: left.stopped,
            interrupt: left.interrupt,
        };
        if !closes_ledger {
            return Ok(report);
        }
        let closed = committer.finish().map_or(Err(LedgerError::Poisoned), Ledger::close);
        match closed {
            // All posts are recorded; only the final mark is missing.
            Err(error) => {
                report.stopped = Some(Stop::Ledger);
                observe(Observation::Notice(&Notice::Stopping { stop: Stop::Ledger, why: error.to_string() }));
            }
            // The content of a stream, and what vanished from it, is known and recorded only at its end.
            Ok(file) if stream => {
                if let Ok((batch, _)) = ledger::inspect(&file) {
                    (report.vanished, report.vanished_in_doubt) = batch.vanished();
                    report.blank = batch.reading.map_or(0, |reading| reading.blank);
                }
            }
            Ok(_) => {}
        }
        release(claim, clock).await;
        Ok(report)
    }
}

impl Prepared {
    /// Claims the rows to send under the lock of the account's registry, which another run may hold briefly.
    async fn claim(&mut self, clock: Clock, interrupts: &mut Interrupts) -> Result<Claim, Error> {
        if self.to_send() == Some(0) {
            return Ok(Claim::Nothing);
        }
        let read = match &mut self.rows {
            PreparedRows::Read(read) => read,
            // The rows of a stream are claimed as they arrive.
            PreparedRows::Follow(_) => {
                let begin = || FollowClaims::try_begin(&self.run_request, &self.batch);
                let begun = when_unlocked(begin, clock, interrupts).await?;
                return Ok(begun.map_or_else(Claim::Interrupted, Claim::OfStream));
            }
        };
        // `known` is set whenever there are rows to do.
        let Some(known) = read.known.take() else { return Ok(Claim::Nothing) };
        let lock = match when_unlocked(|| Ok(known.try_lock()?), clock, interrupts).await? {
            Ok(lock) => lock,
            Err(signal) => return Ok(Claim::Interrupted(signal)),
        };
        let claimed = known.claim(&lock, &self.run_request, &read.jobs, &self.batch.job_states)?;
        Ok(Claim::Of(Box::new(claimed)))
    }

    /// The first record of the run.
    fn run_record(&self, began: Timestamp, state_folder: Option<String>) -> Record {
        let read = match &self.rows {
            PreparedRows::Read(read) => Some(Reading {
                rows: read.read_summary.rows,
                blank: read.read_summary.blank,
                fingerprint: read.fingerprint.clone(),
            }),
            PreparedRows::Follow(_) => None,
        };
        let path = match &self.run_request.source {
            Source::File(path) => std::path::absolute(path).ok().map(|path| path.to_string_lossy().into_owned()),
            Source::Stdin | Source::Follow => None,
        };
        let run = Run {
            run: self.run(),
            tool: self.run_request.tool.clone(),
            wall: began,
            wall_unit_us: Some(WALL_UNIT_US),
            by: self.run_request.caller.clone(),
            pauses_recorded: true,
            input: Input {
                path,
                reader: ReadAs { options: self.run_request.options.clone(), mapping: self.mapping.clone() }.section(),
                lookup_fingerprint: self.table.clone(),
                read,
            },
            settings: self.run_request.settings.clone(),
            state_folder,
        };
        Record::Run(Box::new(run))
    }

    /// Returns the source of this run's slots, and its state folder if it is shared. Waits while other runs
    /// hold the lock. Also returns a signal that arrives meanwhile; then nothing may be sent.
    async fn slot_source(
        &self,
        timeout: Duration,
        clock: Clock,
        interrupts: &mut Interrupts,
        observe: &mut dyn FnMut(Observation<'_>),
    ) -> Result<(SlotSource, Option<String>, Option<Interrupt>), Error> {
        let settings = &self.run_request.settings;
        let spread = settings.spread(self.to_send());
        let own = || SlotSource::Own(Box::new(Limiter::new(&settings.limits, spread, timeout)));
        // With nothing to send, there is nothing to share.
        if !settings.shares() || self.to_send() == Some(0) {
            return Ok((own(), None, None));
        }
        let choice = self.run_request.state.choose(self.run_request.policy.identity.account())?;
        let state = choice.open()?;
        let name = match &self.run_request.source {
            Source::File(path) => path,
            Source::Stdin | Source::Follow => &self.run_request.ledger,
        };
        let run = Sharer {
            id: entropy(),
            pid: std::process::id(),
            name: name.file_name().unwrap_or(name.as_os_str()).to_string_lossy().into_owned(),
            since: wall(),
            ..Sharer::new(settings.limits.clone(), timeout)
        };
        let member = Member::new(run, spread);
        let account = state.account(self.run_request.policy.identity.account()).map_err(SharingError::Folder)?;
        // The state folder of the last run counts what that run sent; this folder does not.
        let last = self.batch.run.as_ref().map_or(timeout, |last| last.settings.timeout.max(timeout));
        let unknown = choice.is_moved().then_some(last);
        let mut budget_client = BudgetClient::start(Folder::of(account), member, clock, unknown)
            .map_err(Error::thread("use the account's budget"))?;
        let with = tokio::select! {
            biased;
            Some(signal) = interrupts.recv() => return Ok((own(), None, Some(signal))),
            with = budget_client.joined() => with?,
        };
        if !with.is_empty() {
            observe(Observation::Notice(&Notice::Sharing { with }));
        }
        // An absolute path, because the batch may be resumed from another folder.
        let folder = std::path::absolute(state.path()).unwrap_or_else(|_| state.path().to_owned());
        Ok((SlotSource::Shared(budget_client), Some(folder.to_string_lossy().into_owned()), None))
    }

    fn config(&self) -> Config {
        let settings = &self.run_request.settings;
        Config {
            target: Arc::clone(self.run_request.request_template.target()),
            limits: settings.limits.clone(),
            give_up_after: settings.give_up_after,
            concurrency: settings.concurrency(),
            max_attempts: settings.max_attempts,
            on_500: settings.on_500,
            counts: self.read_summary().map(|read_summary| read_summary.counts).unwrap_or_default(),
            stream: self.read_summary().is_none(),
            openings: self.run_request.openings.clone(),
            no_wait: settings.no_wait,
            seed: entropy(),
        }
    }
}

fn commit_all(ledger: &mut Ledger<LedgerFile>, records: &[Record]) -> Result<(), LedgerError> {
    const RECORDS_A_GROUP: usize = 64;
    records.chunks(RECORDS_A_GROUP).try_for_each(|group| ledger.commit(group))
}

/// Records the excluded rows.
fn record_excluded_rows(
    jobs: &JobFile,
    run_request: &RunRequest,
    batch: &mut Batch,
    ledger: &mut Ledger<LedgerFile>,
) -> Result<(), Error> {
    const ROWS_A_GROUP: usize = 256;
    let mut rows = jobs.rows();
    loop {
        let mut group = Vec::with_capacity(ROWS_A_GROUP);
        while group.len() < ROWS_A_GROUP
            && let Some(excluded) = next_excluded(&mut rows, &mut batch.job_states).map_err(jobs.unusable())?
        {
            group.push(Record::Excluded(excluded));
        }
        if group.is_empty() {
            return Ok(());
        }
        ledger.commit(&group).map_err(Error::ledger(&run_request.ledger))?;
    }
}

/// Calls `attempt` until the registry's lock is free. Returns its result, or the signal that arrived first.
async fn when_unlocked<T>(
    mut attempt: impl FnMut() -> Result<Option<T>, Error>,
    clock: Clock,
    interrupts: &mut Interrupts,
) -> Result<Result<T, Interrupt>, Error> {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(done) = attempt()? {
            return Ok(Ok(done));
        }
        tokio::select! {
            biased;
            Some(signal) = interrupts.recv() => return Ok(Err(signal)),
            () = tokio::time::sleep_until(clock.at(clock.now().elapsed + LOOK_AGAIN)) => waited += LOOK_AGAIN,
        }
        if waited == PATIENCE {
            tracing::warn!("waiting for the account's list of ledgers, locked by another run");
        }
    }
}

/// Releases a claim. The wait is limited, so that a process that is stopped while it holds the registry's
/// lock does not keep this run from ending.
async fn release(claim: Claim, clock: Clock) {
    let is_released = || match &claim {
        Claim::Nothing | Claim::Interrupted(_) => true,
        Claim::Of(claimed) => claimed.try_release(),
        Claim::OfStream(claims) => claims.try_release(),
    };
    let until = clock.now().elapsed + PATIENCE;
    while !is_released() {
        if clock.now().elapsed >= until {
            tracing::warn!(
                "this run's claim on its rows was not released, because another run has locked the account's list of ledgers; the next run \
                 detects that this run has ended"
            );
            return;
        }
        tokio::time::sleep_until(clock.at(clock.now().elapsed + LOOK_AGAIN)).await;
    }
}
