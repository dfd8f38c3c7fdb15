//! How a simulated run opens its ledger and reads the sheet, before it drives anything.

use std::fmt::Display;

use batchpost_engine::job::{Identity, KEY_SCHEME};
use batchpost_engine::ledger::{
    self, Batch, Header, Input, Ledger, LedgerError, LedgerId, Reading, Record, Run as RunRecord, Section, VERSION,
};
use batchpost_engine::planning::{Planner, ReadPolicy, ReadSummary, Row, SampleSizes};

use crate::disk::DiskFile;
use crate::history::{End, History, Plan};
use crate::invariants::Violation;
use crate::job_file::JobFile;

/// The target of all of a history's notes.
pub(crate) const TARGET: &str = "simulated";

/// Why a run does not continue.
pub(crate) enum Cut {
    Ended(End),
    Violated(Violation),
}

impl From<Violation> for Cut {
    fn from(violation: Violation) -> Self {
        Self::Violated(violation)
    }
}

/// A ledger with the run's record, and what the run posts.
pub(crate) struct Opened {
    pub(crate) ledger: Ledger<DiskFile>,
    pub(crate) batch: Batch,
    pub(crate) read_summary: ReadSummary,
    pub(crate) jobs: JobFile,
}

/// Opens the ledger or creates it, reads the sheet, and records the run.
pub(crate) fn open(history: &mut History, plan: &Plan, sheet: &[Row]) -> Result<Opened, Cut> {
    let opened = ledger::resume(&mut history.disk.clone()).map_err(|error| unusable(history, &error))?;
    if history.disk.has_foreign_line() {
        return Err(Violation::new("the ledger was opened with a line in it that was never written").into());
    }
    if let Some((_, _, extent)) = &opened
        && extent.torn_bytes > 0
    {
        history.coverage.saw("disk", "torn tail mended");
    }
    let (opened, mut batch) = match opened {
        Some((ledger, batch, _)) => (Some(ledger), batch),
        None => (None, Batch::new(new_header(history))),
    };
    let (read_summary, jobs) = read(sheet, plan, &mut batch);
    let mut ledger = match opened {
        Some(ledger) => ledger,
        None => begin_ledger(history, &batch.header)?,
    };
    let record = run_record(history, &batch, &read_summary);
    ledger.commit(&[record]).map_err(|error| unusable(history, &error))?;
    let excluded_rows = jobs.excluded_rows(&mut batch.job_states);
    if !excluded_rows.is_empty() {
        ledger.commit(&excluded_rows).map_err(|error| unusable(history, &error))?;
    }
    Ok(Opened { ledger, batch, read_summary, jobs })
}

/// The read policy of a run with this plan; all else is default.
pub(crate) fn policy(plan: &Plan) -> ReadPolicy {
    ReadPolicy { identity: Identity::of(TARGET), in_doubt: plan.in_doubt, first: plan.first, ..ReadPolicy::default() }
}

pub(crate) fn read(sheet: &[Row], plan: &Plan, batch: &mut Batch) -> (ReadSummary, JobFile) {
    let (policy, named, unknown) = (policy(plan), SampleSizes { notes: 0, jobs: 0 }, batch.unknown());
    JobFile::plan(sheet, Planner::new(&policy, unknown, named, &mut batch.job_states))
}

fn begin_ledger(history: &mut History, header: &Header) -> Result<Ledger<DiskFile>, Cut> {
    ledger::begin(&mut history.disk.clone(), header).map_err(|error| not_begun(history, &error))?;
    let resumed = ledger::resume(&mut history.disk.clone()).map_err(|error| unusable(history, &error))?;
    let (ledger, ..) = resumed.ok_or_else(|| Violation::new("a ledger was begun and is not there"))?;
    Ok(ledger)
}

/// Handles an unusable ledger: an injected fault, or a violation.
pub(crate) fn unusable(history: &mut History, error: &LedgerError) -> Cut {
    match error {
        LedgerError::Damaged { .. } if history.watch.has_dropped() => Cut::Ended(End::Damaged),
        _ => not_begun(history, error),
    }
}

fn not_begun(history: &mut History, error: &impl Display) -> Cut {
    if history.disk.has_crashed() {
        history.coverage.saw("crash", if history.runs == 1 { "at the beginning" } else { "in recovery" });
        Cut::Ended(End::Crashed)
    } else if history.disk.has_failed() {
        history.say(|| error.to_string());
        Cut::Ended(End::Failed)
    } else {
        Cut::Violated(Violation::new(format!("the ledger cannot be used: {error}")))
    }
}

fn new_header(history: &mut History) -> Header {
    Header {
        version: VERSION,
        id: LedgerId(history.rng.u64(..)),
        key_scheme: KEY_SCHEME,
        tool: "batchpost simulated".to_owned(),
        api: None,
        target: TARGET.to_owned(),
        wall: history.wall(),
    }
}

fn run_record(history: &History, batch: &Batch, read_summary: &ReadSummary) -> Record {
    let read = Reading { rows: read_summary.rows, blank: read_summary.blank, fingerprint: String::new() };
    Record::Run(Box::new(RunRecord {
        by: None,
        wall_unit_us: Some(1),
        pauses_recorded: true,
        run: batch.run.as_ref().map_or(1, |run| run.run + 1),
        tool: batch.header.tool.clone(),
        wall: history.wall(),
        input: Input {
            path: Some("/simulated.csv".to_owned()),
            reader: Section::default(),
            lookup_fingerprint: None,
            read: Some(read),
        },
        settings: history.scenario.settings.clone(),
        state_folder: None,
    }))
}
