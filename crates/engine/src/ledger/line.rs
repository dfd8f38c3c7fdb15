//! A record as one line: numbered, with a checksum at its end that also covers the ledger's id.
//!
//! `{"n":7,"intent":{…},"crc":"0badcafe"}`: CRC-32 over the id's bytes and the line up to the last comma. The
//! checksum detects a changed bit, the number a missing or doubled line, and the id a line from another
//! ledger.

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::record::{
    AttemptEnd, ExcludedRow, Finish, Header, Intent, LedgerId, Mark, Paused, Presence, Reading, Record, Resumed, Run,
    Salvage, Settlement,
};

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLine {
    /// It does not end in a line feed.
    #[error("the line has no end")]
    Unfinished,
    /// It does not end in a checksum.
    #[error("this is not a line of a ledger")]
    NoChecksum,
    /// It was changed after it was written, or belongs to another ledger.
    #[error("the checksum does not match: the line was changed, or comes from another ledger")]
    Checksum,
    /// Its number does not follow the previous record's.
    #[error("record {found} is in the place of record {expected}: lines are missing, doubled or moved")]
    Number {
        /// The expected number.
        expected: u64,
        /// The number in the line.
        found: u64,
    },
    /// The checksum matches, but the record cannot be read.
    #[error("the record cannot be read: {0}")]
    Record(String),
}

/// The start of every line.
pub(super) const OPENING: &[u8] = br#"{"n":"#;

/// `,"crc":"` and eight digits and `"}`.
const CLOSING_BYTES: usize = 18;

/// Appends the line of `record` to `out`.
pub(super) fn write(out: &mut Vec<u8>, id: LedgerId, number: u64, record: &Record) {
    let start = out.len();
    let sound = match record {
        Record::Header(body) => member(out, number, "ledger", body),
        Record::Run(body) => member(out, number, "run", body),
        Record::Read(body) => member(out, number, "read", body),
        Record::Intent(body) => member(out, number, "intent", body),
        Record::Outcome(body) => member(out, number, "outcome", body),
        Record::Excluded(body) => member(out, number, "aside", body),
        Record::Settle(body) => member(out, number, "settle", body),
        Record::Salvage(body) => member(out, number, "salvage", body),
        Record::Vanished(body) => member(out, number, "vanished", body),
        Record::Returned(body) => member(out, number, "returned", body),
        Record::Pause(body) => member(out, number, "pause", body).map(|()| out.extend_from_slice(READ_AS_A_MARK)),
        Record::Resumed(body) => member(out, number, "resumed", body).map(|()| out.extend_from_slice(READ_AS_A_MARK)),
        Record::Mark(body) => member(out, number, "mark", body),
        Record::Finish(body) => member(out, number, "finish", body),
    };
    sound.expect("records serialise into memory");
    let crc = checksum(id, &out[start..]);
    writeln!(out, r#","crc":"{crc:08x}"}}"#).expect("memory takes writes");
}

fn member(out: &mut Vec<u8>, number: u64, name: &str, body: &impl Serialize) -> Result<(), serde_json::Error> {
    write!(out, r#"{{"n":{number},"{name}":"#).expect("memory takes writes");
    serde_json::to_writer(out, body)
}

pub(super) fn checksum(id: LedgerId, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&id.0.to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

/// Added to records of a kind that changes no state and that other programs of the same format version may
/// not know. They read such a record as a mark that covers no record.
const READ_AS_A_MARK: &[u8] = br#","mark":{"synced":0}"#;

/// The members of a line. Exactly one of those between `n` and `crc` is present, except that a mark may be
/// added.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Shape {
    n: u64,
    ledger: Option<Header>,
    run: Option<Box<Run>>,
    read: Option<Reading>,
    intent: Option<Intent>,
    outcome: Option<AttemptEnd>,
    #[serde(rename = "aside")]
    excluded: Option<ExcludedRow>,
    settle: Option<Settlement>,
    salvage: Option<Salvage>,
    vanished: Option<Presence>,
    returned: Option<Presence>,
    pause: Option<Paused>,
    resumed: Option<Resumed>,
    mark: Option<Mark>,
    finish: Option<Finish>,
}

impl Shape {
    fn record(self) -> Option<Record> {
        self.intent
            .map(Record::Intent)
            .or(self.outcome.map(Record::Outcome))
            .or(self.pause.map(Record::Pause))
            .or(self.resumed.map(Record::Resumed))
            .or(self.mark.map(Record::Mark))
            .or(self.ledger.map(Record::Header))
            .or(self.run.map(Record::Run))
            .or(self.read.map(Record::Read))
            .or(self.excluded.map(Record::Excluded))
            .or(self.settle.map(Record::Settle))
            .or(self.salvage.map(Record::Salvage))
            .or(self.vanished.map(Record::Vanished))
            .or(self.returned.map(Record::Returned))
            .or(self.finish.map(Record::Finish))
    }
}

/// Reads the first line of a ledger. The id that its checksum covers is in the line.
pub(super) fn read_header(line: &[u8]) -> Result<Header, BadLine> {
    let (bytes, _) = split(line)?;
    let mut closed = bytes.to_vec();
    closed.push(b'}');
    let shape: Shape = serde_json::from_slice(&closed).map_err(|_| BadLine::NoChecksum)?;
    let header = shape.ledger.ok_or(BadLine::NoChecksum)?;
    read(line, header.id, 1)?;
    Ok(header)
}

/// Reads a line that must be record `expected` of ledger `id`.
pub(super) fn read(line: &[u8], id: LedgerId, expected: u64) -> Result<Record, BadLine> {
    let (number, record) = read_any(line, id)?;
    if number != expected {
        return Err(BadLine::Number { expected, found: number });
    }
    Ok(record)
}

/// Reads a line that must be any record of ledger `id`.
pub(super) fn read_any(line: &[u8], id: LedgerId) -> Result<(u64, Record), BadLine> {
    verify(line, id)?;
    parse(line)
}

/// Reads a verified line.
pub(super) fn parse(line: &[u8]) -> Result<(u64, Record), BadLine> {
    let mut shape: Shape = serde_json::from_slice(line).map_err(|error| BadLine::Record(error.to_string()))?;
    let number = std::mem::take(&mut shape.n);
    let record = shape.record().ok_or_else(|| BadLine::Record("its kind is unknown".to_owned()))?;
    Ok((number, record))
}

/// Checks that the line was written to ledger `id`, and returns the bytes that its checksum covers.
pub(super) fn verify(line: &[u8], id: LedgerId) -> Result<&[u8], BadLine> {
    let (bytes, crc) = split(line)?;
    if checksum(id, bytes) == crc { Ok(bytes) } else { Err(BadLine::Checksum) }
}

/// The bytes that the checksum covers, and the checksum.
fn split(line: &[u8]) -> Result<(&[u8], u32), BadLine> {
    let line = line.strip_suffix(b"\n").ok_or(BadLine::Unfinished)?;
    let at = line.len().checked_sub(CLOSING_BYTES).ok_or(BadLine::NoChecksum)?;
    let (bytes, closing) = line.split_at(at);
    let digits = closing
        .strip_prefix(br#","crc":""#.as_slice())
        .and_then(|rest| rest.strip_suffix(br#""}"#.as_slice()))
        .filter(|digits| digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .ok_or(BadLine::NoChecksum)?;
    let crc = u32::from_str_radix(digits, 16).map_err(|_| BadLine::NoChecksum)?;
    Ok((bytes, crc))
}
