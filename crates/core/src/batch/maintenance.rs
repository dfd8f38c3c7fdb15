//! Maintains ledgers: settles rows, salvages, audits, summarizes and exports.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::feeder::with_causes;
use super::input::{Input, InputRows, reader_config};
use super::ledgers::api_of;
use super::ledgers::{header_of, header_to_write, lock, look, resume, take_lock};
use crate::api::{Api, RequestTemplate};
use crate::input::ReadAs;
use crate::input::ReaderConfig;
use crate::job::{Identity, Key, KeyMap};
use crate::ledger::{
    self, Audit, Batch, Decided, Entry, Extent, Header, History, Ledger, LedgerError, LedgerId, Record, Salvaged,
    Settled,
};
use crate::outcome::Outcome;
use crate::reading::{
    DecisionsError, ExportError, Recorded, decisions, export_input, export_ledger, named_rows, number_rows,
};
use crate::report::{self, Overview};
use crate::runtime::clock;
use crate::runtime::entropy::entropy;
use crate::runtime::files::{LedgerFile, LedgerPath, Lock, LockError};
use crate::runtime::platform::is_locked;

/// A locked ledger whose rows can be settled, with its state.
#[derive(Debug)]
pub struct Settling {
    _lock: Lock,
    path: PathBuf,
    ledger: Ledger<LedgerFile>,
    /// The state of the jobs.
    pub batch: Batch,
    /// The last known record of each job.
    pub histories: KeyMap<History>,
    /// Why rows have the numbers of their records, if the input cannot be read as it was last. `None` for standard
    /// input, which has no other numbers.
    pub numbered_by_ledger: Option<String>,
}

impl Settling {
    /// Opens the ledger at `path`, whose batch is posted to `target`, to settle rows.
    ///
    /// # Errors
    ///
    /// If it is in use, does not exist, or is damaged.
    pub fn open(path: &Path, target: &Arc<dyn Api>) -> Result<Self, Error> {
        header_to_write(path)?;
        let lock = take_lock(path)?;
        let (ledger, mut batch) = resume(path)?.ok_or_else(|| Error::ledger(path)(LedgerError::Empty))?;
        let mut histories = ledger::histories(ledger.storage(), u64::MAX, |_| true).map_err(Error::ledger(path))?;
        let numbered = number_rows_anew(&mut batch, target, &mut histories);
        let read_standard_input = batch.run.as_ref().is_some_and(|run| run.input.path.is_none());
        let numbered_by_ledger = numbered.err().filter(|_| !read_standard_input);
        Ok(Self { _lock: lock, path: path.to_owned(), ledger, batch, histories, numbered_by_ledger })
    }

    /// Reads the decisions that a person entered into a sheet, and compares its rows with the ledger.
    ///
    /// # Errors
    ///
    /// If the sheet or a decision in it cannot be read.
    pub fn decisions(&self, sheet: impl Read, target: &Arc<dyn Api>) -> Result<Vec<Decided>, DecisionsError> {
        let batch = &self.batch;
        let identity = identity(batch, target);
        let run = batch.run.as_ref().filter(|_| api_of(&batch.header) == target.name());
        let reader_config = run.and_then(|run| {
            let read_as = ReadAs::of(&run.input).ok()?;
            let (reader_config, table) = reader_config(&read_as.options, &run.settings, target).ok()?;
            (table == run.input.lookup_fingerprint).then_some((reader_config, read_as))
        });
        let has_names = run.is_some_and(|run| run.input.has_names());
        let input = if has_names { input_of(batch, target).ok() } else { None };
        let named = input.and_then(|mut rows| named_rows(&mut rows, &identity).ok());
        decisions(sheet, &Recorded { batch, histories: &self.histories, identity, reader_config, named })
    }

    /// Records the decisions, all or none. Durable on return. If there are none, nothing is recorded.
    ///
    /// # Errors
    ///
    /// If the ledger cannot be written. The error states whether the decisions may be recorded nevertheless.
    pub fn record(mut self, rows: &[Settled], why: Option<&str>) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let records = ledger::settlement(clock::wall(), why, rows);
        self.ledger.commit_settlement(&records).map_err(Error::ledger(&self.path))?;
        if let Err(error) = self.ledger.close() {
            tracing::warn!(%error, "the decisions are recorded, but the sync mark after them could not be written");
        }
        Ok(())
    }
}

/// A ledger as it was at one moment, whatever a run appends later.
#[derive(Debug)]
pub struct LedgerView {
    path: PathBuf,
    file: LedgerFile,
    /// The part of the ledger that was read.
    pub extent: Extent,
    /// The state of the jobs.
    pub batch: Batch,
    /// The last record of each wanted job, with the row numbers of the input as last read.
    pub histories: KeyMap<History>,
}

impl LedgerView {
    /// Reads the ledger at `path`, whose batch is posted to `target`.
    ///
    /// # Errors
    ///
    /// If it does not exist or is damaged.
    pub fn look(path: &Path, target: &Arc<dyn Api>, wanted: impl Fn(&Batch, &Key) -> bool) -> Result<Self, Error> {
        let (mut batch, extent) = look(path)?;
        let file = LedgerFile::open_to_read(path).map_err(Error::ledger_file(path, "opened"))?;
        let mut histories =
            ledger::histories(&file, extent.last, |key| wanted(&batch, key)).map_err(Error::ledger(path))?;
        // Each history states whether its number is current.
        number_rows_anew(&mut batch, target, &mut histories).ok();
        Ok(Self { path: path.to_owned(), file, extent, batch, histories })
    }

    /// Passes the records that existed then to `each`, in order.
    ///
    /// # Errors
    ///
    /// If they can no longer be read.
    pub fn records(&self, mut each: impl FnMut(Record)) -> Result<(), Error> {
        let mut known = |entry: Entry| {
            if entry.number <= self.extent.last {
                each(entry.record);
            }
        };
        ledger::read(&self.file, &mut known).map_err(Error::ledger(&self.path))?;
        Ok(())
    }
}

/// Updates the histories to the row numbers in the input as last read, if it still exists. Otherwise returns why they
/// keep the numbers of their last records.
fn number_rows_anew(batch: &mut Batch, target: &Arc<dyn Api>, histories: &mut KeyMap<History>) -> Result<(), String> {
    let mut rows = input_of(batch, target)?;
    let identity = identity(batch, target);
    let numbered = number_rows(&mut rows, identity, batch, &mut |key, row| {
        if let Some(history) = histories.get_mut(&key) {
            (history.row, history.row_is_current) = (row, true);
        }
    });
    numbered.map_err(|error| format!("the input cannot be read: {}", with_causes(&error)))
}

/// Salvages the readable part of the ledger at `path` into a new ledger at `new`. The old ledger is not changed.
///
/// # Errors
///
/// If the first line of the old ledger cannot be read, the new one exists already, or either is in use.
pub fn salvage(path: &Path, new: &Path, tool: &str) -> Result<Salvaged, Error> {
    let there =
        || Err(Error::ledger_file(new, "begun")(io::Error::new(io::ErrorKind::AlreadyExists, "it already exists")));
    // Checked before locking: if both are the same ledger, the second lock would be reported as in use.
    if new.exists() {
        return there();
    }
    header_of(path)?;
    let _locks = (lock(path)?, lock(new)?);
    if is_locked(path) {
        let holder = "under another name".to_owned();
        return Err(Error::Lock { path: path.to_owned(), source: LockError::Held { holder } });
    }
    let from = LedgerFile::open_to_read(path).map_err(Error::ledger_file(path, "opened"))?;
    let header = ledger::header(&from).map_err(Error::ledger(path))?;
    if new.exists() {
        return there();
    }
    let header = Header { id: LedgerId(entropy()), tool: tool.to_owned(), wall: clock::wall(), ..header };
    ledger::salvage(&from, &mut LedgerPath(new), &header).map_err(Error::ledger(new))
}

/// Audits the ledger at `path`.
///
/// # Errors
///
/// If it does not exist or is damaged.
pub fn audit(path: &Path) -> Result<Audit, Error> {
    let file = LedgerFile::open_to_read(path).map_err(Error::ledger_file(path, "opened"))?;
    ledger::audit(&file).map_err(Error::ledger(path))
}

/// Summarizes the ledger at `path`, whose batch is posted to `target`, for a report. Rows have the numbers that
/// [`LedgerView`] gives them.
///
/// # Errors
///
/// If it does not exist or is damaged.
pub fn overview(path: &Path, target: &Arc<dyn Api>) -> Result<Overview, Error> {
    let file = LedgerFile::open_to_read(path).map_err(Error::ledger_file(path, "opened"))?;
    let number = |batch: &mut Batch, histories: &mut _| drop(number_rows_anew(batch, target, histories));
    report::overview(&file, number).map_err(Error::ledger(path))
}

/// A completed export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Number of rows written.
    pub rows: u64,
    /// Why the export lacks the columns of the input, if it does.
    pub without_input: Option<String>,
}

/// Writes the rows whose outcome is in `wanted` as CSV: with the columns of the input, if it is unchanged since the
/// last run and was posted to `target`; otherwise with the data of the ledger alone.
///
/// # Errors
///
/// If the ledger or the input cannot be read, or `out` cannot be written.
pub fn export(
    path: &Path,
    target: &Arc<dyn Api>,
    wanted: &[Outcome],
    out: impl Write,
) -> Result<Exported, ExportFailed> {
    let (mut batch, extent) = look(path)?;
    let file = LedgerFile::open_to_read(path).map_err(Error::ledger_file(path, "opened"))?;
    let is_wanted =
        |key: &Key| batch.job_states.get(key).is_some_and(|job_state| wanted.contains(&job_state.outcome()));
    let histories = ledger::histories(&file, extent.last, is_wanted).map_err(Error::ledger(path))?;
    match input_of(&batch, target) {
        Ok(mut rows) => {
            let identity = identity(&batch, target);
            let rows = export_input(&mut rows, identity, &mut batch, &histories, wanted, out)?;
            Ok(Exported { rows, without_input: None })
        }
        Err(why) => {
            let rows = export_ledger(&batch, &histories, wanted, out)?;
            Ok(Exported { rows, without_input: Some(why) })
        }
    }
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportFailed {
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] Error),
    /// The export cannot be written, or the input cannot be read.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Opens the input of the last run if it is unchanged; otherwise returns the reason.
fn input_of(batch: &Batch, target: &Arc<dyn Api>) -> Result<InputRows, String> {
    let api = api_of(&batch.header);
    if api != target.name() {
        return Err(format!("its rows were posted to another API, {api}"));
    }
    let run = batch.run.as_ref().ok_or("no run has been made")?;
    let path = run.input.path.as_ref().ok_or("the last run read standard input")?;
    let reading = batch.reading.as_ref().ok_or("the last run did not read all of its input")?;
    let ReadAs { options, .. } = ReadAs::of(&run.input).map_err(|error| error.to_string())?;
    let unresolved = ReaderConfig::new(options.clone(), Arc::clone(target));
    let input = Input::open_file(Path::new(path), unresolved).map_err(|error| with_causes(&error))?;
    // Checked first, because loading a large table might be in vain.
    if input.fingerprint_anew().map_err(|error| format!("{path} cannot be read: {error}"))? != reading.fingerprint {
        return Err(format!("{path} changed since the last run"));
    }
    let (reader_config, table) = reader_config(&options, &run.settings, target).map_err(|error| error.to_string())?;
    if table != run.input.lookup_fingerprint && run.input.lookup_fingerprint.is_some() {
        return Err("the lookup table changed since the last run".to_owned());
    }
    input.by(reader_config).rows().map_err(|error| format!("{path}: {}", with_causes(&error)))
}

/// The identity that the notes of a batch share, from its last run.
fn identity(batch: &Batch, target: &Arc<dyn Api>) -> Identity {
    let fields = batch.run.as_ref().map(|run| run.settings.fields.as_slice()).unwrap_or_default();
    let endpoint = batch.header.target.as_str();
    // Recorded fields were valid when their run began.
    RequestTemplate::new(Arc::clone(target), fields, false)
        .map_or_else(|_| Identity::of(endpoint), |request_template| request_template.identity(endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leadsquared::LeadSquared;
    use crate::ledger::Settlement;
    use crate::runtime::files::tests::header;

    #[test]
    fn what_is_recorded_after_a_ledger_was_looked_at_is_not_told_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        ledger::begin(&mut LedgerPath(&path), &header()).unwrap();
        let decide = || {
            let (mut ledger, _) = resume(&path).unwrap().unwrap();
            let settlement = Settlement { wall: clock::wall(), part: None, why: None, rows: Vec::new() };
            ledger.commit(&[Record::Settle(settlement)]).unwrap();
            ledger.close().unwrap();
        };
        let target: Arc<dyn Api> = Arc::new(LeadSquared);
        let look = || LedgerView::look(&path, &target, |_, _| true).unwrap();
        let decisions = |known: &LedgerView| {
            let mut decisions = 0;
            known.records(|record| decisions += u32::from(matches!(record, Record::Settle(_)))).unwrap();
            decisions
        };
        decide();
        let known = look();
        decide();
        assert_eq!((decisions(&known), decisions(&look())), (1, 2));
    }
}
