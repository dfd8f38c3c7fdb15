//! A run from beginning to end: the ledger opened, the input read through, the rest posted.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::clock::{self, Clock};
use super::committer::Committer;
use super::drive::{Drive, Left, Observation};
use super::feeder::{self, Hashing};
use super::files::{LedgerFile, Lock, LockError, Place};
use super::signals::Interrupt;
use crate::engine::{Config, Engine};
use crate::input::{ColumnChoice, Format, InputError, Mapping, Options, Rows};
use crate::job::{KEY_SCHEME, Key, Ticket};
use crate::ledger::{
    self, Batch, Extent, Header, Input, Ledger, LedgerError, LedgerId, Pass, Presence, Reading, Record, Run, Standing,
    VERSION,
};
use crate::outcome::{Counts, Outcome, Stop};
use crate::reading::{
    Ask, Feed, Named, Past, Survey, known_elsewhere, presence_changes, record_asides, skip_known, survey,
};
use crate::settings::{OnChanged, OnKnown, Settings};
use crate::transport::Transport;

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, read twice.
    File(PathBuf),
    /// Standard input, read once.
    Stdin,
}

/// What a run is asked for.
#[derive(Debug, Clone)]
pub struct Order {
    /// Where the rows come from.
    pub source: Source,
    /// How they are written.
    pub format: Format,
    /// The columns that were asked for.
    pub columns: Vec<ColumnChoice>,
    /// Where the ledger is, or is to be.
    pub ledger: PathBuf,
    /// What is to be posted, and what to do with rows in doubt.
    pub ask: Ask,
    /// How to post.
    pub settings: Settings,
    /// Name and version of the program, for the ledger.
    pub tool: String,
    /// How many rows the survey names.
    pub named: Named,
    /// The folder whose ledgers are looked through before a new one is begun; by default the new one's own.
    pub history: Option<PathBuf>,
}

/// What may be done with a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Look only: nothing is locked, mended or written.
    Look,
    /// Post: no other run may use it.
    Post,
}

/// Why a run cannot begin, or could not go on. Whatever was sent before is in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input's file cannot be opened.
    #[error("the input {} cannot be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The input's file cannot be read twice.
    #[error("the input {} is no regular file; to post a stream, give it on standard input and - as the input", .0.display())]
    NotAFile(PathBuf),
    /// The input cannot be read.
    #[error("{name}: {source}")]
    Input {
        /// The input's name.
        name: String,
        /// Why.
        source: InputError,
    },
    /// The ledger cannot be used.
    #[error("the ledger {}: {source}", path.display())]
    Ledger {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: LedgerError,
    },
    /// The ledger's file cannot be opened or begun.
    #[error("the ledger {} cannot be {doing}: {source}", path.display())]
    LedgerFile {
        /// Where it is.
        path: PathBuf,
        /// `opened` or `begun`.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The ledger is in use.
    #[error("the ledger {}: {source}", path.display())]
    Lock {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: LockError,
    },
    /// Other ledgers know rows of the input as posted or in doubt.
    #[error(
        "{} rows were posted before, or are in doubt, by the word of {}; say --known skip to leave them out, --known post \
         to post them again, or continue that batch with --ledger",
        .0.iter().map(|(_, rows)| rows).sum::<u64>(),
        named(.0)
    )]
    Known(Vec<(PathBuf, u64)>),
    /// The ledger belongs to another account.
    #[error("the ledger {} belongs to {theirs}, and this run would post to {ours}; give another one with --ledger", path.display())]
    OtherTarget {
        /// Where it is.
        path: PathBuf,
        /// Its target.
        theirs: String,
        /// The target of this run.
        ours: String,
    },
}

/// Looks at a ledger without locking or changing it.
///
/// # Errors
///
/// When it is not there, is no ledger, or is damaged.
pub fn look(path: &Path) -> Result<(Batch, Extent), Error> {
    let file = LedgerFile::open_to_read(path).map_err(ledger_file(path, "opened"))?;
    ledger::inspect(&file).map_err(|source| Error::Ledger { path: path.to_owned(), source })
}

/// A run whose ledger is open and whose input was read through. Nothing was sent.
#[derive(Debug)]
pub struct Prepared {
    order: Order,
    lock: Option<Lock>,
    ledger: Option<Ledger<LedgerFile>>,
    batch: Batch,
    torn_bytes: u64,
    input: Opened,
    mapping: Mapping,
    survey: Option<Survey>,
    fingerprint: Option<String>,
    /// Which jobs vanished from the input since the ledger's last word, and which returned.
    presence: Vec<Record>,
    /// Other ledgers that know rows of the input as posted or in doubt, and how many.
    elsewhere: Vec<(PathBuf, u64)>,
}

#[derive(Debug)]
enum Opened {
    File(File),
    Stream(Box<Rows<Hashing<io::Stdin>>>),
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Report {
    /// Where the input's rows stand.
    pub counts: Counts,
    /// Jobs of the ledger that are no longer in the input.
    pub vanished: u64,
    /// Those of them that are in doubt.
    pub vanished_in_doubt: u64,
    /// Attempts for the batch, over all runs.
    pub attempts: u64,
    /// Attempts for the batch that were answered with the limit.
    pub limited: u64,
    /// Rows posted by this run.
    pub posted_now: u64,
    /// Attempts made by this run.
    pub attempts_now: u64,
    /// Attempts of this run that were answered with the limit.
    pub limited_now: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Why it ended, where rows that could have been posted are left.
    pub stopped: Option<Stop>,
    /// The signal that asked it to end.
    pub interrupt: Option<Interrupt>,
}

impl Prepared {
    /// Opens the ledger, if there is one, and reads the whole input, if it is a file.
    ///
    /// # Errors
    ///
    /// When either cannot be used. Nothing was sent, and nothing written but for a torn tail that was mended.
    pub fn open(order: Order, access: Access) -> Result<Self, Error> {
        let path = &order.ledger;
        let lock = match access {
            Access::Look => None,
            Access::Post => {
                Some(Lock::take(path, &holder()).map_err(|source| Error::Lock { path: path.clone(), source })?)
            }
        };
        let (ledger, mut batch, torn_bytes) = open_ledger(&order, access)?;
        let (input, mapping, survey, fingerprint) = match &order.source {
            Source::Stdin => {
                let rows = Rows::open(Hashing::new(io::stdin()), &options(&order)).map_err(input_error(&order))?;
                let mapping = rows.mapping().clone();
                (Opened::Stream(Box::new(rows)), mapping, None, None)
            }
            Source::File(path) => {
                let file = open_input(path)?;
                let First { file, survey, mapping, fingerprint } = first_reading(file, &order, &mut batch)?;
                (Opened::File(file), mapping, Some(survey), Some(fingerprint))
            }
        };
        let presence = if survey.is_some() { note_presence(&mut batch) } else { Vec::new() };
        let elsewhere = Vec::new();
        let mut prepared =
            Self { order, lock, ledger, batch, torn_bytes, input, mapping, survey, fingerprint, presence, elsewhere };
        // A ledger that is there already has had its answer when it was begun.
        if !prepared.continues() {
            prepared.look_elsewhere()?;
            if access == Access::Post && prepared.order.ask.known == OnKnown::Refuse && !prepared.elsewhere.is_empty() {
                return Err(Error::Known(prepared.elsewhere));
            }
        }
        Ok(prepared)
    }

    /// Looks through the other ledgers of the target for rows of the input that they have as posted or in doubt.
    fn look_elsewhere(&mut self) -> Result<(), Error> {
        let Some(survey) = &mut self.survey else { return Ok(()) };
        for path in other_ledgers(&self.order) {
            let file = LedgerFile::open_to_read(&path).map_err(ledger_file(&path, "opened"))?;
            let failed = |source| Error::Ledger { path: path.clone(), source };
            // By its header: what is damaged in the ledger of another target is nothing to this run.
            if ledger::header(&file).map_err(failed)?.target != self.order.ask.target {
                continue;
            }
            let (other, _) = ledger::inspect(&file).map_err(failed)?;
            let rows = known_elsewhere(&other, &self.batch.standings);
            if rows > 0 {
                self.elsewhere.push((path, rows));
            }
            if self.order.ask.known == OnKnown::Skip {
                skip_known(&other, &mut self.batch.standings, survey);
            }
        }
        Ok(())
    }

    /// Other ledgers that know rows of the input as posted or in doubt, and how many each. Looked for only before a
    /// new ledger is begun, and not for a stream.
    pub fn elsewhere(&self) -> &[(PathBuf, u64)] {
        &self.elsewhere
    }

    /// How many rows this run will send, as far as that is known beforehand.
    pub fn to_send(&self) -> Option<u64> {
        let survey = self.survey.as_ref()?;
        Some(survey.to_do.min(self.order.ask.first.unwrap_or(u64::MAX)))
    }

    /// What was asked for.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The columns that are posted.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// What the first reading found; none for a stream.
    pub fn survey(&self) -> Option<&Survey> {
        self.survey.as_ref()
    }

    /// Whether the ledger is there already.
    pub fn continues(&self) -> bool {
        // A salvaged one may have lost the record of every run.
        self.batch.run.is_some() || self.batch.lost_records
    }

    /// Bytes at the ledger's end that a crash had left torn: set aside when it was opened to post.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Jobs of the ledger that are no longer in the input, and how many of them are in doubt.
    pub fn vanished(&self) -> (u64, u64) {
        self.batch.vanished()
    }

    /// Attempts made so far for the batch, and how many of them were answered with the limit.
    pub fn attempts(&self) -> (u64, u64) {
        (self.batch.attempts, self.batch.limited)
    }

    /// Posts what is to do.
    ///
    /// Dropping the future ends the run as a crash would: attempts under way leave their rows in doubt.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be begun, or its last mark cannot be written. What stops a run once it has begun to
    /// post is no error but in the report.
    ///
    /// # Panics
    ///
    /// When it was opened to look only.
    pub async fn post<T: Transport>(
        mut self,
        transport: T,
        interrupts: mpsc::Receiver<Interrupt>,
        observe: &mut dyn FnMut(Observation<'_>),
    ) -> Result<Report, Error> {
        assert!(self.lock.is_some(), "posting needs a ledger that was opened to post");
        let path = self.order.ledger.clone();
        let failed = |source| Error::Ledger { path: path.clone(), source };
        let mut ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => begin(&path, &self.batch.header)?,
        };
        // Before the run's own record, whose presence says that other ledgers need not be asked again.
        if let Opened::File(file) = &mut self.input
            && self.batch.standings.values().any(|standing| standing.is_unrecorded())
        {
            record_aside_rows(file, &self.order, &mut self.batch, &mut ledger)?;
        }
        let clock = Clock::start();
        ledger.commit(&[self.run_record(clock)]).map_err(&failed)?;
        commit_all(&mut ledger, &self.presence).map_err(&failed)?;
        let (vanished, vanished_in_doubt) = self.batch.vanished();
        let standings = std::mem::take(&mut self.batch.standings);
        let config = self.config(transport.timeout());
        let stream = config.stream;
        let ask = self.order.ask.clone();
        let (feed, reader) = match (self.input, &self.survey) {
            (Opened::File(mut file), Some(survey)) => {
                let again = file.rewind().map_err(|source| InputError::Read { byte: 0, source });
                let rows = again.and_then(|()| Rows::open(Hashing::new(file), &options(&self.order)));
                let rows = rows.map_err(input_error(&self.order))?;
                feeder::start(Feed::of_surveyed(rows, ask, standings, survey.rows))
            }
            (Opened::Stream(rows), _) => feeder::start(Feed::of_stream(*rows, ask, &past(&self.batch), standings)),
            (Opened::File(_), None) => unreachable!("a file was surveyed when it was opened"),
        };

        let mut drive = Drive {
            engine: Engine::new(config),
            transport: Arc::new(transport),
            committer: Committer::start(ledger),
            feed,
            interrupts,
            clock,
            grace: self.order.settings.grace,
            marker: self.order.settings.marker,
            observe,
        };
        let Left { stopped, interrupt, at_once } = drive.run().await;
        let elapsed = clock.now().elapsed;
        let Drive { engine, committer, feed, .. } = drive;
        let progress = engine.progress();
        let mut report = Report {
            counts: progress.counts,
            vanished,
            vanished_in_doubt,
            attempts: self.batch.attempts + progress.attempts,
            limited: self.batch.limited + progress.limited,
            posted_now: progress.posted,
            attempts_now: progress.attempts,
            limited_now: progress.limited,
            elapsed,
            stopped,
            interrupt,
        };
        if at_once {
            return Ok(report);
        }
        drop(feed);
        let ledger = committer.finish();
        // A stream that did not come to its end may never be readable again: its thread is left to the process's end.
        if stream
            && stopped.is_none()
            && let Ok(standings) = reader.join()
        {
            self.batch.standings = standings;
        } else {
            self.batch.standings.clear();
        }
        if let Some(mut ledger) = ledger.filter(|_| stopped != Some(Stop::Ledger)) {
            if stream && stopped.is_none() {
                let presence = note_presence(&mut self.batch);
                commit_all(&mut ledger, &presence).map_err(&failed)?;
                (report.vanished, report.vanished_in_doubt) = self.batch.vanished();
            }
            ledger.close().map_err(failed)?;
        }
        Ok(report)
    }

    /// What the ledger is told first.
    fn run_record(&self, clock: Clock) -> Record {
        let read = self.survey.as_ref().map(|survey| Reading {
            rows: survey.rows,
            blank: survey.blank,
            fingerprint: self.fingerprint.clone().unwrap_or_default(),
        });
        let path = match &self.order.source {
            Source::File(path) => std::path::absolute(path).ok().map(|path| path.to_string_lossy().into_owned()),
            Source::Stdin => None,
        };
        let run = Run {
            run: self.batch.run.as_ref().map_or(1, |run| run.run + 1),
            tool: self.order.tool.clone(),
            wall: clock.now().wall,
            input: Input {
                path,
                format: self.order.format.to_string(),
                columns: self.order.columns.iter().map(ColumnChoice::to_string).collect(),
                ticket: self.mapping.ticket.clone(),
                text: self.mapping.text.clone(),
                read,
            },
            settings: self.order.settings.clone(),
        };
        Record::Run(Box::new(run))
    }

    fn config(&self, timeout: Duration) -> Config {
        let settings = &self.order.settings;
        Config {
            limits: settings.limits.clone(),
            spread: settings.spread(self.to_send()),
            concurrency: settings.concurrency(),
            timeout,
            max_attempts: settings.max_attempts,
            on_500: settings.on_500,
            counts: self.survey.as_ref().map(|survey| survey.counts).unwrap_or_default(),
            stream: self.survey.is_none(),
            seed: entropy(),
        }
    }
}

/// Notes in `batch` which jobs vanished from the input and which returned; the same in records of a readable size.
fn note_presence(batch: &mut Batch) -> Vec<Record> {
    const KEYS_A_RECORD: usize = 256;
    let (vanished, returned) = presence_changes(&batch.standings);
    let chunk = |keys: &[Key]| Presence { keys: keys.to_vec() };
    let vanished = vanished.chunks(KEYS_A_RECORD).map(chunk).map(Record::Vanished);
    let records: Vec<Record> =
        vanished.chain(returned.chunks(KEYS_A_RECORD).map(chunk).map(Record::Returned)).collect();
    records.iter().for_each(|record| batch.apply(record));
    records
}

fn commit_all(ledger: &mut Ledger<LedgerFile>, records: &[Record]) -> Result<(), LedgerError> {
    const RECORDS_A_GROUP: usize = 64;
    records.chunks(RECORDS_A_GROUP).try_for_each(|group| ledger.commit(group))
}

/// Records the rows that the first reading has set aside.
fn record_aside_rows(
    file: &mut File,
    order: &Order,
    batch: &mut Batch,
    ledger: &mut Ledger<LedgerFile>,
) -> Result<(), Error> {
    const ROWS_A_GROUP: usize = 256;
    let failed = |source| Error::Ledger { path: order.ledger.clone(), source };
    let unreadable = input_error(order);
    file.rewind().map_err(|source| unreadable(InputError::Read { byte: 0, source }))?;
    let mut rows = Rows::open(file, &options(order)).map_err(&unreadable)?;
    let mut group = Vec::with_capacity(ROWS_A_GROUP);
    record_asides(&mut rows, &order.ask.target, &mut batch.standings, &mut |aside| {
        group.push(Record::Aside(aside));
        if group.len() < ROWS_A_GROUP {
            return Ok(());
        }
        ledger.commit(&std::mem::take(&mut group)).map_err(AsideError::Ledger)
    })
    .and_then(|()| ledger.commit(&group).map_err(AsideError::Ledger))
    .map_err(|error| match error {
        AsideError::Ledger(error) => failed(error),
        AsideError::Input(error) => unreadable(error),
    })
}

/// What may end the recording of rows that were set aside.
enum AsideError {
    Ledger(LedgerError),
    Input(InputError),
}

impl From<InputError> for AsideError {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

/// What the first reading of a file gives.
struct First {
    file: File,
    survey: Survey,
    mapping: Mapping,
    fingerprint: String,
}

fn first_reading(file: File, order: &Order, batch: &mut Batch) -> Result<First, Error> {
    let past = past(batch);
    let first = read_through(file, order, &past, batch)?;
    if order.ask.changed == OnChanged::Post || first.survey.to_do == 0 {
        return Ok(first);
    }
    let changed = tickets_of_vanished(order, batch)?;
    if changed.is_empty() {
        return Ok(first);
    }
    // Only now is it known which tickets lost a note that was posted: their new rows are held, and counted anew.
    batch.standings.values_mut().for_each(|standing| standing.forget(Pass::First));
    read_through(first.file, order, &Past { changed, ..past }, batch)
}

fn read_through(mut file: File, order: &Order, past: &Past, batch: &mut Batch) -> Result<First, Error> {
    let failed = input_error(order);
    file.rewind().map_err(|source| failed(InputError::Read { byte: 0, source }))?;
    let mut rows = Rows::open(Hashing::new(file), &options(order)).map_err(&failed)?;
    let survey = survey(&mut rows, &order.ask, past, order.named, &mut batch.standings).map_err(&failed)?;
    let mapping = rows.mapping().clone();
    let hashing = rows.into_inner();
    let fingerprint = hashing.fingerprint();
    Ok(First { file: hashing.into_inner(), survey, mapping, fingerprint })
}

fn past(batch: &Batch) -> Past {
    Past { changed: HashSet::new(), lost_records: batch.lost_records }
}

/// The tickets of jobs that are posted or in doubt and are no longer in the input.
fn tickets_of_vanished(order: &Order, batch: &Batch) -> Result<HashSet<Ticket>, Error> {
    let gone = |standing: &Standing| {
        !standing.is_met(Pass::First) && matches!(standing.outcome(), Outcome::Posted | Outcome::InDoubt)
    };
    let mut tickets = HashSet::new();
    if !batch.standings.values().any(gone) {
        return Ok(tickets);
    }
    let path = &order.ledger;
    let file = LedgerFile::open_to_read(path).map_err(ledger_file(path, "opened"))?;
    ledger::read(&file, &mut |entry| {
        // Of a doubt that a salvage left there may be no intent any more.
        let (key, ticket) = match entry.record {
            Record::Intent(intent) => (intent.key, Some(intent.ticket)),
            Record::Aside(aside) => (aside.key, aside.ticket),
            _ => return,
        };
        if batch.standings.get(&key).is_some_and(gone) {
            tickets.extend(ticket);
        }
    })
    .map_err(|source| Error::Ledger { path: path.clone(), source })?;
    Ok(tickets)
}

/// The ledgers beside the one of `order`, or in the folder that it names, by their first bytes.
fn other_ledgers(order: &Order) -> Vec<PathBuf> {
    let beside = order.ledger.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = order.history.as_deref().or(beside).unwrap_or(Path::new("."));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "cannot be looked through for other ledgers");
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        // Begun and never finished: nothing was sent on its strength.
        .filter(|path| path.extension().is_none_or(|extension| extension != "new"))
        // Anything else than a file, such as a pipe, might keep its reader waiting.
        .filter(|path| path.is_file() && begins_as_a_ledger(path))
        .collect();
    paths.sort();
    paths
}

fn begins_as_a_ledger(path: &Path) -> bool {
    let mut start = [0; 14];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *br#"{"n":1,"ledger"#
}

fn named(elsewhere: &[(PathBuf, u64)]) -> String {
    let names: Vec<String> = elsewhere.iter().map(|(path, rows)| format!("{} ({rows})", path.display())).collect();
    names.join(", ")
}

fn open_ledger(order: &Order, access: Access) -> Result<(Option<Ledger<LedgerFile>>, Batch, u64), Error> {
    let path = &order.ledger;
    let failed = |source| Error::Ledger { path: path.clone(), source };
    let opened = match access {
        Access::Look => match LedgerFile::open_to_read(path) {
            Ok(file) => {
                let (batch, extent) = ledger::inspect(&file).map_err(failed)?;
                Some((None, batch, extent))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(ledger_file(path, "opened")(source)),
        },
        Access::Post => {
            let resumed = ledger::resume(&mut Place(path)).map_err(failed)?;
            resumed.map(|(ledger, batch, extent)| (Some(ledger), batch, extent))
        }
    };
    let Some((ledger, batch, extent)) = opened else { return Ok((None, Batch::new(new_header(order)), 0)) };
    if batch.header.target != order.ask.target {
        let (theirs, ours) = (batch.header.target, order.ask.target.clone());
        return Err(Error::OtherTarget { path: path.clone(), theirs, ours });
    }
    Ok((ledger, batch, extent.torn_bytes))
}

/// What a lock says of its holder.
pub(super) fn holder() -> String {
    format!("process {} since {}", std::process::id(), clock::wall())
}

pub(super) fn begin(path: &Path, header: &Header) -> Result<Ledger<LedgerFile>, Error> {
    let failed = ledger_file(path, "begun");
    ledger::begin(&mut Place(path), header).map_err(&failed)?;
    let resumed = ledger::resume(&mut Place(path)).map_err(|source| Error::Ledger { path: path.to_owned(), source })?;
    let (ledger, ..) = resumed.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    Ok(ledger)
}

fn new_header(order: &Order) -> Header {
    Header {
        version: VERSION,
        id: LedgerId(entropy()),
        key_scheme: KEY_SCHEME,
        tool: order.tool.clone(),
        target: order.ask.target.clone(),
        wall: clock::wall(),
    }
}

fn open_input(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Error::NotAFile(path.to_owned()));
    }
    Ok(file)
}

fn options(order: &Order) -> Options {
    Options { columns: order.columns.clone(), ..Options::new(order.format) }
}

fn input_error(order: &Order) -> impl Fn(InputError) -> Error + use<> {
    let name = match &order.source {
        Source::File(path) => path.display().to_string(),
        Source::Stdin => "standard input".to_owned(),
    };
    move |source| Error::Input { name: name.clone(), source }
}

pub(super) fn ledger_file(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::LedgerFile { path: path.clone(), doing, source }
}

/// A number that no other process draws: the standard library seeds its maps with the system's randomness.
pub(super) fn entropy() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
