//! What the ledger records. Docs of the format: `docs/ledger-format.md`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::section::Section;
use crate::job::{Key, Ticket};
use crate::outcome::{Cause, Counts, Outcome, Stop, VerdictWord};
use crate::settings::Settings;

/// The version of the format that this code writes. Older ones are read, newer ones refused.
pub const VERSION: u32 = 1;

/// A ledger's own id, drawn when it is begun.
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
    /// The ledger's own id: every line's checksum covers it.
    pub id: LedgerId,
    /// How the keys were made.
    pub key_scheme: u32,
    /// Name and version of the program that began it.
    pub tool: String,
    /// The API, by its target's name. None for the one that was there before ledgers named theirs: which that is, whoever
    /// knows the APIs knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// What the notes are posted to: the endpoint's URL, with the tenant in it.
    pub target: String,
    /// When it was begun.
    pub wall: Timestamp,
}

/// A run begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number, from 1.
    pub run: u32,
    /// Name and version of the program.
    pub tool: String,
    /// When it began, before it had a part in its account's budget.
    pub wall: Timestamp,
    /// The unit in microseconds to which the wall clock of its records is cut off; not in ledgers of programs that did not
    /// say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_unit_us: Option<u32>,
    /// Who began it, where, and how; not in ledgers of programs that did not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Caller>,
    /// Whether its pauses are records; not in ledgers of programs that recorded none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pauses_recorded: bool,
    /// What is read.
    pub input: Input,
    /// How it posts.
    pub settings: Settings,
    /// The state folder that it used; none where it needed none, and in ledgers of programs that did not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_folder: Option<String>,
}

/// Who began a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caller {
    /// The user's name, or number where it has none.
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
    /// `anna@nightly1`, as far as it is known.
    pub fn at(&self) -> String {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "?".to_owned());
        format!("{}@{}", part(&self.user), part(&self.host))
    }
}

/// The input of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its absolute path; none for standard input.
    pub path: Option<String>,
    /// How it was read: its format, columns, templates, as whoever reads inputs writes it.
    #[serde(flatten)]
    pub reader: Section,
    /// BLAKE3 of the table that the options name, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup_fingerprint: Option<String>,
    /// What the first reading found; none where the input is read only once.
    pub read: Option<Reading>,
}

impl Input {
    /// Whether a column named the jobs.
    pub fn has_names(&self) -> bool {
        self.reader.get("key").is_some_and(|column| !column.is_null())
    }
}

/// What a whole reading of the input found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Records, the blank ones included.
    pub rows: u64,
    /// Rows with nothing in any mapped column.
    pub blank: u64,
    /// BLAKE3 of the input's bytes, in hexadecimal.
    pub fingerprint: String,
}

/// An attempt is about to be made. Durable before its first byte leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Number of the row in the input as last read.
    pub row: u64,
    /// Identity of the job.
    pub key: Key,
    /// The key of its content, where a column names the job. Not in ledgers of programs that did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Key>,
    /// The ticket.
    pub ticket: Ticket,
    /// The how-manieth attempt for this job, over all runs, from 1.
    pub attempt: u32,
    /// Microseconds since the run began, when the attempt took its slots.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
}

/// An attempt has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEnd {
    /// Number of the row in the input as last read.
    pub row: u64,
    /// Identity of the job.
    pub key: Key,
    /// The ticket.
    pub ticket: Ticket,
    /// The attempt that ended.
    pub attempt: u32,
    /// Microseconds since the run began, when the reply was read or given up on.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
    /// What the answer means.
    pub verdict: VerdictWord,
    /// Where the row stands now.
    pub stands: Outcome,
    /// The HTTP status, where a whole reply came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The answer in brief; left out where the note was posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}

/// A row that is not sent: no job can be made of it, it waits for a decision, or it is passed over. Or one that was held
/// and is to do again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludedRow {
    /// Number of the row in the input as last read.
    pub row: u64,
    /// The line on which it begins.
    pub line: u64,
    /// Identity of the row.
    pub key: Key,
    /// Its ticket, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// Where it stands: `invalid`, `held`, `skipped`, `in_doubt` where records were lost, or `pending` again.
    pub stands: Outcome,
    /// Why.
    pub why: String,
}

/// A person has decided about rows, or has taken a decision back. All of it counts or nothing: a settlement that has no
/// room in one record is several, and those are read only where they are all there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The wall clock; the same in all records of one settlement.
    pub wall: Timestamp,
    /// Which of the settlement's records this is; none where it is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// What the person said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The rows.
    pub rows: Vec<Settled>,
}

/// One of several records that belong together and follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// A row that was decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Number of the row in the input as last read.
    pub row: u64,
    /// Identity of the job.
    pub key: Key,
    /// Where it stood.
    pub was: Outcome,
    /// Where it stands now, whatever was in doubt before.
    pub stands: Outcome,
}

/// This ledger was made of what could be read of a damaged one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salvage {
    /// The damaged ledger's id.
    pub from: LedgerId,
    /// Records that could not be read; any row may have been sent by one of them.
    pub lost: u64,
}

/// Some jobs of this ledger are no longer in the input, or are there again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The jobs.
    pub keys: Vec<Key>,
}

/// Nothing is sent for a while because of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Microseconds since the run began, when the answer was read or given up on.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
    /// Why.
    pub cause: Cause,
    /// For how long at first; answers that still come may make it longer.
    pub wait_us: u64,
    /// How long the API asked to wait, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_us: Option<u64>,
    /// The row whose attempt was answered so.
    pub row: u64,
    /// The answer in brief.
    pub reply: String,
}

/// The first attempt after a pause has ended. Where another pause began before it did, or it was never made, there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Microseconds since the run began, when that attempt took its slots.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
    /// The row that was attempted.
    pub row: u64,
    /// What the answer meant.
    pub verdict: VerdictWord,
}

/// What of this ledger is known to be synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Every record up to this number.
    pub synced: u64,
}

/// A run has ended in good order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Microseconds since it began.
    pub at_us: u64,
    /// The wall clock.
    pub wall: Timestamp,
    /// Why, where rows that could have been posted are left.
    pub stopped: Option<Stop>,
    /// Where the rows of its input stood.
    pub counts: Counts,
}

/// One record. Its name is the member of the line that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// `ledger`
    Header(Header),
    /// `run`
    Run(Box<Run>),
    /// `read`: the input, read once as a stream, has come to its end.
    Read(Reading),
    /// `intent`
    Intent(Intent),
    /// `outcome`
    Outcome(AttemptEnd),
    /// `excluded`
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
