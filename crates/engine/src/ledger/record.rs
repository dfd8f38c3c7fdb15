//! The records of a ledger. `docs/ledger-format.md` describes the format.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::section::Section;
use crate::job::{Key, Ticket};
use crate::outcome::{Cause, Counts, Outcome, Stop, VerdictWord};
use crate::settings::Settings;

/// The format version that this code writes. Older versions are read, newer ones rejected.
pub const VERSION: u32 = 1;

/// A ledger's own id, drawn at random when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedgerId(pub u64);

impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for LedgerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LedgerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let well_formed = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = if well_formed { u64::from_str_radix(&text, 16).ok() } else { None };
        id.map(Self).ok_or_else(|| serde::de::Error::custom("a ledger's id is 16 hexadecimal digits"))
    }
}

/// The first record of every ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format.
    pub version: u32,
    /// The ledger's own id, covered by every line's checksum.
    pub id: LedgerId,
    /// The version of the key scheme.
    pub key_scheme: u32,
    /// Name and version of the program that created it.
    pub tool: String,
    /// The API's name. `None` in ledgers from before this field existed: only one API existed then, and the
    /// caller knows which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The target of the notes: the endpoint's URL, which contains the tenant.
    pub target: String,
    /// When it was created.
    pub wall: Timestamp,
}

/// The start of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number, from 1.
    pub run: u32,
    /// Name and version of the program.
    pub tool: String,
    /// When it started, before it joined its account's budget.
    pub wall: Timestamp,
    /// The unit in microseconds to which the wall clock of its records is truncated. Missing in older
    /// ledgers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_unit_us: Option<u32>,
    /// Who started it, where and how. Missing in older ledgers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Caller>,
    /// Whether its pauses are recorded. Missing in older ledgers, which do not record them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pauses_recorded: bool,
    /// What it reads.
    pub input: Input,
    /// How it posts.
    pub settings: Settings,
    /// The state folder that it used. `None` if none was needed, and in older ledgers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_folder: Option<String>,
}

/// Who started a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caller {
    /// The user's name, or the user id if there is no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The command line, without secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

impl Caller {
    /// Such as `anna@nightly1`; `?` for unknown parts.
    pub fn at(&self) -> String {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "?".to_owned());
        format!("{}@{}", part(&self.user), part(&self.host))
    }
}

/// The input of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its absolute path; `None` for standard input.
    pub path: Option<String>,
    /// How it was read: format, columns, templates. Written by the input reader.
    #[serde(flatten)]
    pub reader: Section,
    /// BLAKE3 of the lookup table's file, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup_fingerprint: Option<String>,
    /// The result of the first pass; `None` if the input is read only once.
    pub read: Option<Reading>,
}

impl Input {
    /// Whether a column names the jobs.
    pub fn has_names(&self) -> bool {
        self.reader.get("key").is_some_and(|column| !column.is_null())
    }
}

/// The result of reading the whole input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The number of rows, including blank ones.
    pub rows: u64,
    /// Rows without text in any mapped column.
    pub blank: u64,
    /// BLAKE3 of the input's bytes, in hexadecimal.
    pub fingerprint: String,
}

/// The start of an attempt. Durable before the first byte is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Row number in the input when it was last read.
    pub row: u64,
    /// Identity of the job.
    pub key: Key,
    /// The key of the content, if a column names the job. Missing in older ledgers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Key>,
    /// The ticket.
    pub ticket: Ticket,
    /// The number of the attempt for this job, over all runs, from 1.
    pub attempt: u32,
    /// Microseconds from the start of the run until the attempt took its slots.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// Row number in the input when it was last read.
    pub row: u64,
    /// Identity of the job.
    pub key: Key,
    /// The ticket.
    pub ticket: Ticket,
    /// The attempt that ended.
    pub attempt: u32,
    /// Microseconds from the start of the run until the reply was read or given up.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
    /// What the reply means.
    pub verdict: VerdictWord,
    /// The row's state after the attempt.
    #[serde(rename = "stands")]
    pub outcome: Outcome,
    /// The HTTP status, if there was a complete reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// An excerpt of the reply; left out if the note was posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}

/// An excluded row, which is invalid, held or skipped and not sent; or a held row that is pending again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludedRow {
    /// Row number in the input when it was last read.
    pub row: u64,
    /// The line on which it begins.
    pub line: u64,
    /// Identity of the row.
    pub key: Key,
    /// Its ticket, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// Its state: `invalid`, `held`, `skipped`, `in_doubt` if records were lost, or `pending` again.
    #[serde(rename = "stands")]
    pub outcome: Outcome,
    /// The reason.
    pub why: String,
}

/// A person's decision about rows, or its withdrawal. A settlement that is too long for one record is split
/// into several, which count only if all of them are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The wall clock; the same in all records of one settlement.
    pub wall: Timestamp,
    /// The number of this record within the settlement; `None` if it is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The person's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The rows.
    pub rows: Vec<Settled>,
}

/// The position of one of several consecutive records that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// The number of parts.
    pub of: u32,
}

/// A row of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Row number in the input when it was last read.
    pub row: u64,
    /// Identity of the job.
    pub key: Key,
    /// Its state before.
    pub was: Outcome,
    /// Its state after. A decision ends a doubt.
    #[serde(rename = "stands")]
    pub outcome: Outcome,
}

/// States that this ledger was made from the readable records of a damaged one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salvage {
    /// The damaged ledger's id.
    pub from: LedgerId,
    /// The number of unreadable records; each may have been an attempt for any row.
    pub lost: u64,
}

/// Jobs of this ledger that vanished from the input or returned to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The jobs.
    pub keys: Vec<Key>,
}

/// The start of a pause caused by a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Microseconds from the start of the run until the reply was read or given up.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
    /// The cause.
    pub cause: Cause,
    /// The initial length in microseconds; later replies may extend it.
    pub wait_us: u64,
    /// The wait that the API requested, in microseconds, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_us: Option<u64>,
    /// The row of the attempt with this reply.
    pub row: u64,
    /// An excerpt of the reply.
    pub reply: String,
}

/// The end of the first attempt after a pause. Not recorded if another pause started earlier or no attempt
/// was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Microseconds from the start of the run until that attempt took its slots.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
    /// The row of the attempt.
    pub row: u64,
    /// What the reply meant.
    pub verdict: VerdictWord,
}

/// States which records are known to be synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// All records up to this number.
    pub synced: u64,
}

/// The regular end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Microseconds since the run started.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
    /// The reason, if sendable rows are left.
    pub stopped: Option<Stop>,
    /// The states of its input's rows.
    pub counts: Counts,
}

/// One record. Each variant's documentation is the name of the member that contains it in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// `ledger`
    Header(Header),
    /// `run`
    Run(Box<Run>),
    /// `read`: the end of an input that is read only once, as a stream.
    Read(Reading),
    /// `intent`
    Intent(Intent),
    /// `outcome`
    Outcome(AttemptEnd),
    /// `aside`
    Excluded(ExcludedRow),
    /// `settle`
    Settle(Settlement),
    /// `salvage`
    Salvage(Salvage),
    /// `vanished`
    Vanished(Presence),
    /// `returned`
    Returned(Presence),
    /// `pause`
    Pause(Paused),
    /// `resumed`
    Resumed(Resumed),
    /// `mark`
    Mark(Mark),
    /// `finish`
    Finish(Finish),
}
