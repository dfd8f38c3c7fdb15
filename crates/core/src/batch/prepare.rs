//! Prepares a run until it can send: the ledger is open, and the input has been read.

use std::ops::Deref;
use std::path::Path;

use super::error::Error;
use super::input::{Input, InputRows, reader_config};
use super::job_file;
use super::known_ledger::KnownLedger;
use super::known_rows::{KnownRows, unreadable_ledger};
use super::ledgers::{self, lock, same_target};
use super::open_ledger::OpenLedger;
use super::read::{ReadThrough, read_input};
use super::run_request::{Access, RunRequest};
use super::source::Source;
use crate::input::{IdShapes, ReadAs};
use crate::input::{Layout, Mapping};
use crate::job::Key;
use crate::ledger::{Batch, Ledger, LedgerId, Record};
use crate::outcome::Outcome;
use crate::planning::{ReadSummary, presence_changes};
use crate::reading::likely_encoding;
use crate::runtime::files::{LedgerFile, Lock};
use crate::settings::{OnChanged, OnKnown};

/// A run whose ledger and input have been read. Nothing is locked, and nothing was written or sent.
#[derive(Debug)]
pub struct Prepared {
    pub(super) run_request: RunRequest,
    pub(super) batch: Batch,
    pub(super) rows: PreparedRows,
    pub(super) mapping: Mapping,
    /// The hash of the lookup table that the options name.
    pub(super) table: Option<String>,
    /// Jobs that are posted or in doubt and vanished from the input because the lookup table changed.
    lost_by_table: u64,
    layout: Layout,
    /// Records of jobs that vanished from the input since the ledger's last record, and of jobs that returned.
    pub(super) presence: Vec<Record>,
}

/// A prepared run that may [post](Self::post): its ledger is locked, and nothing refuses it.
#[derive(Debug)]
pub struct ReadyRun {
    pub(super) prepared: Prepared,
    pub(super) lock: Lock,
    /// `None` if it does not exist yet.
    pub(super) ledger: Option<Ledger<LedgerFile>>,
}

impl Deref for ReadyRun {
    type Target = Prepared;

    fn deref(&self) -> &Prepared {
        &self.prepared
    }
}

impl ReadyRun {
    /// Opens and locks the ledger, if there is one, and reads the whole input, if it is a file.
    ///
    /// # Errors
    ///
    /// If either cannot be used. Nothing was sent or written, except that a torn tail may have been repaired.
    pub fn open(run_request: RunRequest) -> Result<Self, Error> {
        // Checked before a lock file is created beside a ledger that would then not be created.
        if !run_request.ledger.exists() {
            can_share(&run_request)?;
        }
        let lock = lock(&run_request.ledger)?;
        let (ledger, batch) = ledgers::open_to_write(&run_request)?;
        Self::read(run_request, lock, ledger, batch)
    }

    /// Reads the whole input, if it is a file, to continue the open ledger. The ledger that `run_request`
    /// names is ignored.
    ///
    /// # Errors
    ///
    /// If the request is for another account, or the input cannot be used. Nothing was sent.
    pub fn resume(run_request: RunRequest, open_ledger: OpenLedger) -> Result<Self, Error> {
        let OpenLedger { path, lock, ledger, batch } = open_ledger;
        Self::read(RunRequest { ledger: path, ..run_request }, lock, Some(ledger), batch)
    }

    fn read(
        run_request: RunRequest,
        lock: Lock,
        ledger: Option<Ledger<LedgerFile>>,
        batch: Batch,
    ) -> Result<Self, Error> {
        let prepared = Prepared::read(run_request, Access::Post, ledger.as_ref().map(Ledger::storage), batch)?;
        match prepared.refusal() {
            Some(refusal) => Err(refusal),
            None => Ok(Self { prepared, lock, ledger }),
        }
    }
}

/// The rows of a run.
#[derive(Debug)]
pub(super) enum PreparedRows {
    /// The input was read to its end.
    Read(Box<ReadThrough>),
    /// A stream that is posted as it arrives.
    Follow(Box<InputRows>),
}

impl Prepared {
    /// Reads the ledger, if there is one, and the whole input, if it is a file.
    ///
    /// # Errors
    ///
    /// If either cannot be read. A reason for which a run would not post is not an error but a
    /// [refusal](Self::refusal).
    pub fn look(run_request: RunRequest) -> Result<Self, Error> {
        let (file, batch) = ledgers::open_to_read(&run_request)?;
        Self::read(run_request, Access::Look, file.as_ref(), batch)
    }

    fn read(
        mut run_request: RunRequest,
        access: Access,
        ledger: Option<&LedgerFile>,
        mut batch: Batch,
    ) -> Result<Self, Error> {
        same_target(&run_request, &batch)?;
        run_request.state = run_request.state.continuing(&batch);
        let (reader_config, table) =
            reader_config(&run_request.options, &run_request.settings, run_request.request_template.target())?;
        let input = Input::open(&run_request.source, reader_config, &job_file::folder(&run_request, access))?;
        let mut presence = Vec::new();
        let mut lost_by_table = 0;
        let (rows, mapping, layout) = if run_request.source == Source::Follow {
            let rows = input.rows().map_err(Error::input(run_request.source.name()))?;
            let (mapping, layout) = (rows.mapping().clone(), rows.layout());
            (PreparedRows::Follow(Box::new(rows)), mapping, layout)
        } else {
            let mut read = read_input(input, &run_request, access, ledger, &mut batch)?;
            presence = presence_changes(&batch.job_states);
            if is_other_table(&batch, table.as_deref()) {
                lost_by_table = sent_and_vanished(&batch, &presence);
            }
            presence.iter().for_each(|record| batch.apply(record));
            if read.read_summary.to_do > 0 {
                read.look_for_known(&run_request, access, &mut batch)?;
            }
            let (mapping, layout) = (read.mapping.clone(), read.layout.clone());
            (PreparedRows::Read(Box::new(read)), mapping, layout)
        };
        Ok(Self { run_request, batch, rows, mapping, table, lost_by_table, layout, presence })
    }

    /// Returns why a run would be refused although everything could be read.
    pub fn refusal(&self) -> Option<Error> {
        if self.to_send() != Some(0)
            && let Err(error) = can_share(&self.run_request)
        {
            return Some(error);
        }
        let read_summary = self.read_summary()?;
        if let Some(first) = &read_summary.first_same_name {
            return Some(Error::DuplicateKey { first: first.clone(), rows: read_summary.same_names });
        }
        if self.to_send() == Some(0) {
            return None;
        }
        if self.lost_by_table > 0 && self.run_request.policy.changed == OnChanged::Hold {
            return Some(Error::LookupTableChanged { rows: self.lost_by_table });
        }
        let known = self.known_rows()?;
        let unreadable = || {
            // An unreadable ledger of another batch does not stop this one if it is under way, unless it relies on all
            // ledgers.
            let matters = match self.run_request.policy.known {
                OnKnown::Refuse => self.batch.run.is_none(),
                OnKnown::Skip => true,
                OnKnown::Post => false,
            };
            let (ledger, why) = known.unreadable.first().filter(|_| matters)?;
            Some(unreadable_ledger(ledger.clone(), why.clone()))
        };
        if self.run_request.policy.known == OnKnown::Refuse && known.restored > 0 {
            return Some(Error::LedgerRestored { path: self.run_request.ledger.clone(), rows: known.restored });
        }
        if self.run_request.policy.known == OnKnown::Refuse && known.rows() > 0 {
            let ledgers = known.ledgers.iter().filter(|ledger| ledger.rows > 0).cloned().collect();
            return Some(Error::Known { rows: known.rows(), ledgers });
        }
        unreadable()
    }

    /// Number of rows that this run will send, if known in advance.
    pub fn to_send(&self) -> Option<u64> {
        let read_summary = self.read_summary()?;
        Some(read_summary.to_do.min(self.run_request.policy.first.unwrap_or(u64::MAX)))
    }

    /// The run request.
    pub fn run_request(&self) -> &RunRequest {
        &self.run_request
    }

    /// The columns used.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The detected layout of the input.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the encoding that the cells of a file, used or not, most likely have, if it is read as UTF-8 by default;
    /// `None` if they are UTF-8. For a person to check: a run never guesses.
    pub fn likely_encoding(&self) -> Option<&'static str> {
        let PreparedRows::Read(read) = &self.rows else { return None };
        if self.run_request.options.encoding.is_some() || self.run_request.source == Source::Stdin {
            return None;
        }
        // The file was readable before, and nothing else depends on this reading.
        read.input.rows().and_then(|mut rows| likely_encoding(&mut rows)).ok().flatten()
    }

    /// The summary of the reading; `None` for a stream that is posted as it arrives.
    pub fn read_summary(&self) -> Option<&ReadSummary> {
        match &self.rows {
            PreparedRows::Read(read) => Some(&read.read_summary),
            PreparedRows::Follow(_) => None,
        }
    }

    /// The shapes of the ticket cells; `None` for a stream.
    pub fn tickets(&self) -> Option<&IdShapes> {
        match &self.rows {
            PreparedRows::Read(read) => Some(&read.tickets),
            PreparedRows::Follow(_) => None,
        }
    }

    fn known_rows(&self) -> Option<&KnownRows> {
        match &self.rows {
            PreparedRows::Read(read) => read.known.as_ref(),
            PreparedRows::Follow(_) => None,
        }
    }

    /// Other ledgers that know rows to send as posted or in doubt, or other rows with the same names. Empty for a
    /// stream that is posted as it arrives, whose rows are looked up then.
    pub fn known_by(&self) -> &[KnownLedger] {
        self.known_rows().map(|known| known.ledgers.as_slice()).unwrap_or_default()
    }

    /// Number of rows to send that other ledgers know as posted or in doubt.
    pub fn known(&self) -> u64 {
        self.known_rows().map_or(0, KnownRows::rows)
    }

    /// Ledgers of the account that cannot be read and may know more rows, with the reasons.
    pub fn unreadable_ledgers(&self) -> impl Iterator<Item = (&Path, &str)> {
        let unreadable = self.known_rows().map(|known| known.unreadable.as_slice()).unwrap_or_default();
        unreadable.iter().map(|(ledger, why)| (ledger.path.as_path(), why.as_str()))
    }

    /// The number of this run in the ledger.
    pub fn run(&self) -> u32 {
        self.batch.run.as_ref().map_or(1, |run| run.run + 1)
    }

    /// The id of the ledger.
    pub fn ledger_id(&self) -> LedgerId {
        self.batch.header.id
    }

    /// Whether the run continues an existing batch.
    pub fn continues(&self) -> bool {
        // A salvaged ledger may have lost the records of all runs.
        self.batch.run.is_some() || self.batch.lost_records
    }

    /// Number of jobs of the ledger that are no longer in the input, and how many of them are in doubt.
    pub fn vanished(&self) -> (u64, u64) {
        self.batch.vanished()
    }

    /// Number of attempts made so far for the batch, and how many of them the API refused because of the
    /// limit.
    pub fn attempts(&self) -> (u64, u64) {
        (self.batch.attempts, self.batch.limited)
    }
}

/// Checks that a run of `run_request` can share the account's limits with other runs.
fn can_share(run_request: &RunRequest) -> Result<(), Error> {
    if run_request.settings.shares() {
        let target = run_request.policy.identity.account();
        run_request.state.choose(target)?.check(target)?;
    }
    Ok(())
}

/// Whether the lookup table is another one than in the last run, as far as that is recorded.
fn is_other_table(batch: &Batch, table: Option<&str>) -> bool {
    let Some(last) = batch.run.as_ref().map(|run| &run.input) else { return false };
    let named_none = || ReadAs::of(last).is_ok_and(|read_as| read_as.options.lookup.is_none());
    let is_recorded = last.lookup_fingerprint.is_some() || named_none();
    is_recorded && last.lookup_fingerprint.as_deref() != table
}

/// Number of jobs that are missing from this reading and are posted or in doubt.
fn sent_and_vanished(batch: &Batch, presence: &[Record]) -> u64 {
    let vanished = presence.iter().filter_map(|record| match record {
        Record::Vanished(presence) => Some(&presence.keys),
        _ => None,
    });
    let was_sent = |key: &&Key| {
        let outcome = batch.job_states.get(*key).map(|job_state| job_state.outcome());
        matches!(outcome, Some(Outcome::Posted | Outcome::InDoubt))
    };
    vanished.flatten().filter(was_sent).count() as u64
}
