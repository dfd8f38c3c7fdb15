//! The one reading of an input, and what is decided when it was read to its end.

use std::panic::resume_unwind;
use std::thread;

use super::ahead::ahead;
use super::error::Error;
use super::files::LedgerFile;
use super::input::Input;
use super::job_file::{self, JobFile};
use super::known_rows::KnownRows;
use super::order::{Access, Order};
use crate::input::{IdShapes, Layout, Mapping};
use crate::job::{KeyMap, TicketSet};
use crate::ledger::{Batch, Standing};
use crate::planning::{Ask, JobFileError, Planner, Survey, for_each_to_do, hold_edits, tickets_of_vanished};
use crate::reading::{Scan, SurveyError, survey_scanned};
use crate::settings::OnKnown;

/// An input that was read to its end.
#[derive(Debug)]
pub(super) struct ReadThrough {
    pub(super) input: Input,
    pub(super) survey: Survey,
    /// What tickets look like as they are written.
    pub(super) tickets: IdShapes,
    pub(super) mapping: Mapping,
    pub(super) layout: Layout,
    pub(super) fingerprint: String,
    pub(super) jobs: JobFile,
    /// What other ledgers know of its rows; none where nothing is to do.
    pub(super) known: Option<KnownRows>,
}

/// Reads the whole input, enters its rows into the batch's standings, and holds those that may be edits of posted ones.
pub(super) fn read_through(
    input: Input,
    order: &Order,
    access: Access,
    batch: &mut Batch,
) -> Result<ReadThrough, Error> {
    let failed = Error::input(order);
    let folder = job_file::folder(order, access);
    let unusable = Error::job_file(&folder);
    let unknown = batch.unknown();
    let mut rows = input.rows().map_err(&failed)?;
    let mapping = rows.mapping().clone();
    let mut writer = JobFile::begin(&folder).map_err(&unusable)?;
    let mut scan = Scan::new(&mut rows);
    let surveyed = ahead(&mut scan, |next| {
        survey_scanned(next, Planner::new(&order.ask, unknown, order.named, &mut batch.standings), &mut writer)
    });
    let survey = surveyed.map_err(|error| match error {
        SurveyError::Input(error) => failed(error),
        SurveyError::JobFile(error) => unusable(error),
    })?;
    let tickets = scan.tickets();
    let fingerprint = input.fingerprint(&rows);
    let layout = rows.layout();
    let finish = || JobFile::finish(writer, mapping.key.is_some(), folder).map_err(unusable);
    let look_again = || input.is_unchanged(&fingerprint);
    let (jobs, is_unchanged) = both(finish, look_again);
    if !is_unchanged.map_err(|source| Error::InputGone { name: order.input_name(), source })? {
        return Err(Error::Changed { name: order.input_name() });
    }
    let mut read = ReadThrough { input, survey, tickets, mapping, layout, fingerprint, jobs: jobs?, known: None };
    read.hold_edits(order, batch)?;
    Ok(read)
}

/// What both give: one waits for the disk, the other hashes. Where the system has no second thread, one after the other.
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
    fn hold_edits(&mut self, order: &Order, batch: &mut Batch) -> Result<(), Error> {
        let may_hold = order.ask.holds_edits(self.mapping.key.is_some(), batch.unnamed);
        let changed = if may_hold && self.survey.to_do + self.survey.counts.held > 0 {
            missing_tickets(order, batch)?
        } else {
            TicketSet::default()
        };
        if changed.is_empty() && self.survey.counts.held == 0 {
            return Ok(());
        }
        let (ask, named, survey) = (&order.ask, order.named.notes, &mut self.survey);
        hold_edits(&mut self.jobs.rows(), ask, &changed, named, &mut batch.standings, survey)
            .and_then(|()| self.name_first_jobs(order, &batch.standings))
            .map_err(self.jobs.unusable())
    }

    /// Looks for rows to do that other ledgers know, and leaves them out where that is asked for.
    pub(super) fn look_for_known(&mut self, order: &Order, access: Access, batch: &mut Batch) -> Result<(), Error> {
        let known = KnownRows::look(order, access, batch, &self.jobs, self.mapping.key.is_some())?;
        if order.ask.known == OnKnown::Skip
            && known
                .skip(&self.jobs, &order.ask, &mut batch.standings, &mut self.survey)
                .map_err(self.jobs.unusable())?
        {
            self.name_first_jobs(order, &batch.standings).map_err(self.jobs.unusable())?;
        }
        self.known = Some(known);
        Ok(())
    }

    /// Names the first jobs anew, when it was decided which are to do.
    fn name_first_jobs(&mut self, order: &Order, standings: &KeyMap<Standing>) -> Result<(), JobFileError> {
        let (next, most) = (&mut self.survey.next, order.named.jobs);
        next.clear();
        let ask = Ask { first: Some(most as u64), ..order.ask.clone() };
        for_each_to_do(&mut self.jobs.rows(), &ask, standings, |job| next.push(job))
    }
}

/// The tickets of jobs that are posted or in doubt and are no longer in the input.
fn missing_tickets(order: &Order, batch: &Batch) -> Result<TicketSet, Error> {
    if !batch.standings.values().any(|standing| standing.was_sent_and_is_missing()) {
        return Ok(TicketSet::default());
    }
    let path = &order.ledger;
    let file = LedgerFile::open_to_read(path).map_err(Error::ledger_file(path, "opened"))?;
    tickets_of_vanished(&file, &batch.standings).map_err(Error::ledger(path))
}
