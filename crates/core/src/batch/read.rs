//! Reads the input once, and makes the decisions that need the whole input.

use std::panic::resume_unwind;
use std::thread;

use super::ahead::ahead;
use super::error::Error;
use super::input::Input;
use super::job_file::{self, JobFile};
use super::known_rows::KnownRows;
use super::run_request::{Access, RunRequest};
use crate::input::{IdShapes, Layout, Mapping};
use crate::job::{KeyMap, TicketSet};
use crate::ledger::{Batch, JobState};
use crate::planning::{
    JobFileError, Planner, ReadPolicy, ReadSummary, for_each_to_do, hold_edits, tickets_of_vanished,
};
use crate::reading::{ReadRowsError, RowReader, plan_scanned_rows};
use crate::runtime::files::LedgerFile;
use crate::settings::OnKnown;

/// An input that was read to its end.
#[derive(Debug)]
pub(super) struct ReadThrough {
    pub(super) input: Input,
    pub(super) read_summary: ReadSummary,
    /// The shapes of the ticket cells.
    pub(super) tickets: IdShapes,
    pub(super) mapping: Mapping,
    pub(super) layout: Layout,
    pub(super) fingerprint: String,
    pub(super) jobs: JobFile,
    /// What other ledgers know about its rows; `None` if there are no rows to do.
    pub(super) known: Option<KnownRows>,
}

/// Reads the whole input, enters its rows into the job states of `batch`, and holds rows that may be edits of posted
/// ones.
pub(super) fn read_input(
    input: Input,
    run_request: &RunRequest,
    access: Access,
    ledger: Option<&LedgerFile>,
    batch: &mut Batch,
) -> Result<ReadThrough, Error> {
    let failed = Error::input(run_request.source.name());
    let folder = job_file::folder(run_request, access);
    let unusable = Error::job_file(&folder);
    let unknown = batch.unknown();
    let mut rows = input.rows().map_err(&failed)?;
    let mapping = rows.mapping().clone();
    let mut writer = JobFile::begin(&folder).map_err(&unusable)?;
    let mut scan = RowReader::new(&mut rows);
    let surveyed = ahead(&mut scan, |next| {
        plan_scanned_rows(
            next,
            Planner::new(&run_request.policy, unknown, run_request.named, &mut batch.job_states),
            &mut writer,
        )
    });
    let read_summary = surveyed.map_err(|error| match error {
        ReadRowsError::Input(error) => failed(error),
        ReadRowsError::JobFile(error) => unusable(error),
    })?;
    let tickets = scan.tickets();
    let fingerprint = input.fingerprint(&rows);
    let layout = rows.layout();
    let finish = || JobFile::finish(writer, mapping.key.is_some(), folder).map_err(unusable);
    let reread = || input.is_unchanged(&fingerprint);
    let (jobs, is_unchanged) = both(finish, reread);
    if !is_unchanged.map_err(|source| Error::InputGone { name: run_request.source.name(), source })? {
        return Err(Error::Changed { name: run_request.source.name() });
    }
    let mut read = ReadThrough { input, read_summary, tickets, mapping, layout, fingerprint, jobs: jobs?, known: None };
    read.hold_edits(run_request, ledger, batch)?;
    Ok(read)
}

/// Runs both closures in parallel: one waits for the disk, the other hashes. If the system provides no second thread,
/// they run one after the other.
fn both<A, B: Send>(here: impl FnOnce() -> A, beside: impl Fn() -> B + Sync) -> (A, B) {
    thread::scope(|scope| match thread::Builder::new().spawn_scoped(scope, &beside) {
        Ok(thread) => {
            let here = here();
            (here, thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
        }
        Err(_) => (here(), beside()),
    })
}

impl ReadThrough {
    fn hold_edits(
        &mut self,
        run_request: &RunRequest,
        ledger: Option<&LedgerFile>,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        let may_hold = run_request.policy.holds_edits(self.mapping.key.is_some(), batch.unnamed);
        let changed = if may_hold && self.read_summary.to_do + self.read_summary.counts.held > 0 {
            missing_tickets(run_request, ledger, batch)?
        } else {
            TicketSet::default()
        };
        if changed.is_empty() && self.read_summary.counts.held == 0 {
            return Ok(());
        }
        let (policy, named, read_summary) = (&run_request.policy, run_request.named.notes, &mut self.read_summary);
        hold_edits(&mut self.jobs.rows(), policy, &changed, named, &mut batch.job_states, read_summary)
            .and_then(|()| self.name_first_jobs(run_request, &batch.job_states))
            .map_err(self.jobs.unusable())
    }

    /// Looks up the rows to do in other ledgers, and leaves out known ones if the policy says so.
    pub(super) fn look_for_known(
        &mut self,
        run_request: &RunRequest,
        access: Access,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        let known = KnownRows::look(run_request, access, batch, &self.jobs, self.mapping.key.is_some())?;
        if run_request.policy.known == OnKnown::Skip
            && known
                .skip(&self.jobs, &run_request.policy, &mut batch.job_states, &mut self.read_summary)
                .map_err(self.jobs.unusable())?
        {
            self.name_first_jobs(run_request, &batch.job_states).map_err(self.jobs.unusable())?;
        }
        self.known = Some(known);
        Ok(())
    }

    /// Selects the first jobs again after the rows to do have changed.
    fn name_first_jobs(&mut self, run_request: &RunRequest, job_states: &KeyMap<JobState>) -> Result<(), JobFileError> {
        let (next, most) = (&mut self.read_summary.next, run_request.named.jobs);
        next.clear();
        let policy = ReadPolicy { first: Some(most as u64), ..run_request.policy.clone() };
        for_each_to_do(&mut self.jobs.rows(), &policy, job_states, |job| next.push(job))
    }
}

/// The tickets of jobs that are posted or in doubt and are no longer in the input.
fn missing_tickets(run_request: &RunRequest, ledger: Option<&LedgerFile>, batch: &Batch) -> Result<TicketSet, Error> {
    match ledger {
        Some(ledger) if batch.job_states.values().any(|job_state| job_state.was_sent_and_is_missing()) => {
            tickets_of_vanished(ledger, &batch.job_states).map_err(Error::ledger(&run_request.ledger))
        }
        _ => Ok(TicketSet::default()),
    }
}
