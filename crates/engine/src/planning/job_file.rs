//! The job file: the result of reading an input, in the input's order. Posting reads nothing else, so a later
//! change of the input does not change a note.
//!
//! # Format
//!
//! A sequence of records: the length (4 bytes), a checksum (4 bytes; CRC-32 over the record's number and its
//! bytes) and the bytes. Numbers are little-endian. The file has no name and only the process that wrote it
//! reads it, so it has no version. The writer passes the number of records to the reader, which thereby
//! detects a missing end.
//!
//! | first byte | then |
//! |---|---|
//! | `J`, a note that may be sent | flags, position, key, content key if named, ticket, text, fields |
//! | `X`, an invalid row | position, key, ticket if it has one, why |
//! | `D`, a named note that is not to be sent | content key |

use std::io::{self, Read, Write};

use crate::fields::FixedField;
use crate::job::{Job, Key, Position, Ticket};
use crate::ledger::ExcludedRow;
use crate::outcome::Outcome;

/// The maximum length of a record: a text, or an invalid row's message, has at most some MiB.
const LONGEST_RECORD: usize = 1 << 30;

const PIECE_BYTES: usize = 256 << 10;

/// A record of the job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobRecord {
    /// A note that may be sent. Its content key, if any, is that of the first row with this content;
    /// [`Jobs`](super::Jobs) distinguishes identical rows.
    Job {
        /// The note.
        job: Job,
        /// Whether an earlier row of the input has the same key.
        again: bool,
    },
    /// An invalid row.
    Unusable(UnusableRow),
    /// A named note that is not to be sent. It counts as an occurrence of its content.
    Done(Key),
}

/// An invalid row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableRow {
    /// Its position.
    pub position: Position,
    /// Its key.
    pub key: Key,
    /// Its ticket, if it has one.
    pub ticket: Option<Ticket>,
    /// The reason.
    pub why: String,
}

impl UnusableRow {
    /// Its record in the ledger.
    pub(super) fn into_excluded(self, outcome: Outcome) -> ExcludedRow {
        let Position { record, line, .. } = self.position;
        ExcludedRow { row: record, line, key: self.key, ticket: self.ticket, outcome, why: self.why }
    }
}

/// Why a job file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobFileError {
    /// It cannot be read or written.
    #[error("the job file (the rows read from the input) cannot be {doing}: {source}")]
    Io {
        /// `created`, `written`, `synced` or `read`.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A record differs from what was written.
    #[error("the job file (the rows read from the input) is damaged at record {record}; run the same command again")]
    Damaged {
        /// Its number, from 1.
        record: u64,
    },
}

/// Writes a job file.
#[derive(Debug)]
pub struct JobFileWriter<W> {
    out: W,
    buffer: Vec<u8>,
    records: u64,
}

impl<W: Write> JobFileWriter<W> {
    /// Starts a job file.
    pub fn new(out: W) -> Self {
        Self { out, buffer: Vec::new(), records: 0 }
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// If the record cannot be written.
    pub fn add(&mut self, record: &JobRecord) -> Result<(), JobFileError> {
        let start = self.begin();
        let out = &mut self.buffer;
        match record {
            JobRecord::Job { job, again } => {
                let has_fields = !job.fields.is_empty();
                out.push(b'J');
                out.push(u8::from(*again) | u8::from(job.content.is_some()) << 1 | u8::from(has_fields) << 2);
                put_position(out, job.position);
                out.extend_from_slice(&job.key.to_bytes());
                out.extend_from_slice(job.content.map(Key::to_bytes).as_ref().map_or(&[], |key| &key[..]));
                put_ticket(out, &job.ticket);
                put_bytes(out, job.text.as_bytes());
                if has_fields {
                    put_number(out, job.fields.len() as u64);
                    job.fields.iter().for_each(|field| put_bytes(out, field.to_string().as_bytes()));
                }
            }
            JobRecord::Unusable(row) => {
                out.extend_from_slice(&[b'X', u8::from(row.ticket.is_some())]);
                put_position(out, row.position);
                out.extend_from_slice(&row.key.to_bytes());
                if let Some(ticket) = &row.ticket {
                    put_ticket(out, ticket);
                }
                put_bytes(out, row.why.as_bytes());
            }
            JobRecord::Done(content) => {
                out.push(b'D');
                out.extend_from_slice(&content.to_bytes());
            }
        }
        self.end(start)
    }

    /// Writes the remaining buffer. Returns the output and the number of records.
    ///
    /// # Errors
    ///
    /// If the buffer cannot be written.
    pub fn finish(mut self) -> Result<(W, u64), JobFileError> {
        self.write_out()?;
        Ok((self.out, self.records))
    }

    /// Reserves space for a record's length and checksum.
    fn begin(&mut self) -> usize {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEAD_BYTES]);
        start
    }

    fn end(&mut self, start: usize) -> Result<(), JobFileError> {
        let (head, record) = self.buffer[start..].split_at_mut(HEAD_BYTES);
        let length = u32::try_from(record.len()).ok().filter(|_| record.len() <= LONGEST_RECORD);
        let length = length.ok_or_else(|| failed("written")(io::ErrorKind::FileTooLarge.into()))?;
        self.records += 1;
        head[..4].copy_from_slice(&length.to_le_bytes());
        head[4..].copy_from_slice(&checksum(self.records, record).to_le_bytes());
        if self.buffer.len() >= PIECE_BYTES { self.write_out() } else { Ok(()) }
    }

    fn write_out(&mut self) -> Result<(), JobFileError> {
        self.out.write_all(&self.buffer).map_err(failed("written"))?;
        self.buffer.clear();
        Ok(())
    }
}

/// Reads a job file from its start.
#[derive(Debug)]
pub struct JobFileReader<R> {
    source: R,
    buffer: Vec<u8>,
    /// The number of consumed bytes of the buffer.
    taken: usize,
    /// The number of records read so far.
    read: u64,
    /// The total number of records.
    records: u64,
}

impl<R: Read> JobFileReader<R> {
    /// Reads a file of this many records.
    pub fn new(source: R, records: u64) -> Self {
        Self { source, buffer: Vec::new(), taken: 0, read: 0, records }
    }

    /// The number of unread records.
    pub fn left(&self) -> usize {
        usize::try_from(self.records - self.read).unwrap_or_default()
    }

    /// The next record; `None` after the last.
    ///
    /// # Errors
    ///
    /// If the record cannot be read, or differs from what was written.
    #[expect(clippy::should_implement_trait, reason = "an error ends the run, so it is `?` on each call, not an item")]
    pub fn next(&mut self) -> Result<Option<JobRecord>, JobFileError> {
        if self.read == self.records {
            return Ok(None);
        }
        self.read += 1;
        let damaged = JobFileError::Damaged { record: self.read };
        let Some((length, sum)) = self.fill(HEAD_BYTES)?.split_first_chunk::<4>() else { return Err(damaged) };
        let length = u32::from_le_bytes(*length) as usize;
        let Ok(sum) = sum.try_into().map(u32::from_le_bytes) else { return Err(damaged) };
        if length > LONGEST_RECORD {
            return Err(damaged);
        }
        let number = self.read;
        let Some(record) = self.fill(HEAD_BYTES + length)?.get(HEAD_BYTES..) else { return Err(damaged) };
        if record.len() != length || checksum(number, record) != sum {
            return Err(damaged);
        }
        let read = Fields(record).record().ok_or(damaged)?;
        self.taken += HEAD_BYTES + length;
        Ok(Some(read))
    }

    /// The next `wanted` bytes, or all that are left.
    fn fill(&mut self, wanted: usize) -> Result<&[u8], JobFileError> {
        if self.buffer.len() - self.taken < wanted {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            let most = wanted.max(PIECE_BYTES) - self.buffer.len();
            (&mut self.source).take(most as u64).read_to_end(&mut self.buffer).map_err(failed("read"))?;
        }
        let end = self.buffer.len().min(self.taken + wanted);
        Ok(&self.buffer[self.taken..end])
    }
}

/// The length of a record's length and checksum.
const HEAD_BYTES: usize = 8;

/// Covers the record's number too, so a moved record is detected.
fn checksum(number: u64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(record);
    hasher.finalize()
}

pub(super) fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> JobFileError {
    move |source| JobFileError::Io { doing, source }
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_position(out: &mut Vec<u8>, position: Position) {
    [position.record, position.line, position.byte].into_iter().for_each(|number| put_number(out, number));
}

/// The number, or 0 and the text.
fn put_ticket(out: &mut Vec<u8>, ticket: &Ticket) {
    match ticket.as_number() {
        Some(number) => put_number(out, number),
        None => {
            put_number(out, 0);
            put_bytes(out, ticket.to_string().as_bytes());
        }
    }
}

/// The rest of a record.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn record(mut self) -> Option<JobRecord> {
        let read = match self.byte()? {
            b'J' => {
                let flags = self.byte()?;
                let (position, key) = (self.position()?, self.key()?);
                let content = if flags & 2 != 0 { Some(self.key()?) } else { None };
                let (ticket, text) = (self.ticket()?, self.text()?);
                let fields = if flags & 4 != 0 { self.fields()? } else { Vec::new() };
                JobRecord::Job { job: Job { position, key, content, ticket, text, fields }, again: flags & 1 != 0 }
            }
            b'X' => {
                let has_ticket = self.byte()? != 0;
                let (position, key) = (self.position()?, self.key()?);
                let ticket = if has_ticket { Some(self.ticket()?) } else { None };
                JobRecord::Unusable(UnusableRow { position, key, ticket, why: self.text()? })
            }
            b'D' => JobRecord::Done(self.key()?),
            _ => return None,
        };
        self.0.is_empty().then_some(read)
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn key(&mut self) -> Option<Key> {
        let (key, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(Key::from_bytes(*key))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn position(&mut self) -> Option<Position> {
        Some(Position { record: self.number()?, line: self.number()?, byte: self.number()? })
    }

    fn ticket(&mut self) -> Option<Ticket> {
        match self.number()? {
            0 => Ticket::text(&self.text()?).ok(),
            number => Ticket::try_from(number).ok(),
        }
    }

    fn fields(&mut self) -> Option<Vec<FixedField>> {
        (0..self.number()?).map(|_| self.text()?.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> Key {
        Key::from_bytes([byte; 16])
    }

    prop_compose! {
        fn records()(
            kind in 0..4_u8, numbers in any::<[u64; 3]>(), byte in any::<u8>(), ticket in prop_oneof!["[1-9][0-9]{0,17}", "[A-Z]{1,9}-[0-9]"],
            text in ".{0,300}", named in any::<bool>(), again in any::<bool>(), fields in prop::collection::vec("[a-z]{1,4}=.{0,9}", 0..3),
        ) -> JobRecord {
            let position = Position { record: numbers[0], line: numbers[1], byte: numbers[2] };
            let ticket = ticket.parse().ok().and_then(|number: u64| Ticket::try_from(number).ok())
                .unwrap_or_else(|| Ticket::text(&ticket).unwrap());
            match kind {
                0 => JobRecord::Done(key(byte)),
                1 => JobRecord::Unusable(UnusableRow { position, key: key(byte), ticket: named.then_some(ticket), why: text }),
                _ => {
                    let fields = fields.iter().map(|field| field.parse().unwrap()).collect();
                    let content = named.then(|| key(byte.wrapping_add(1)));
                    JobRecord::Job { job: Job { position, key: key(byte), content, ticket, text, fields }, again }
                }
            }
        }
    }

    fn written(records: &[JobRecord]) -> Vec<u8> {
        let mut writer = JobFileWriter::new(Vec::new());
        for record in records {
            writer.add(record).unwrap();
        }
        let (bytes, count) = writer.finish().unwrap();
        assert_eq!(count, records.len() as u64);
        bytes
    }

    fn read(bytes: &[u8], records: u64) -> Result<Vec<JobRecord>, JobFileError> {
        let mut reader = JobFileReader::new(bytes, records);
        let mut all = Vec::new();
        while let Some(record) = reader.next()? {
            all.push(record);
        }
        Ok(all)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(records in prop::collection::vec(records(), 0..9)) {
            prop_assert_eq!(read(&written(&records), records.len() as u64).unwrap(), records);
        }

        #[test]
        fn a_byte_that_changes_is_found(
            records in prop::collection::vec(records(), 1..5), at in any::<prop::sample::Index>(), change in 1..=255_u8,
        ) {
            let mut bytes = written(&records);
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert!(read(&bytes, records.len() as u64).is_err());
        }

        #[test]
        fn an_end_that_is_missing_is_found(records in prop::collection::vec(records(), 1..5), at in any::<prop::sample::Index>()) {
            let bytes = written(&records);
            prop_assert!(read(&bytes[..at.index(bytes.len())], records.len() as u64).is_err());
        }
    }

    #[test]
    fn a_record_in_the_place_of_another_is_found() {
        let bytes = written(&[JobRecord::Done(key(1)), JobRecord::Done(key(2))]);
        let (one, other) = bytes.split_at(bytes.len() / 2);
        let swapped = [other, one].concat();
        assert!(matches!(read(&swapped, 2), Err(JobFileError::Damaged { record: 1 })));
    }

    #[test]
    fn texts_longer_than_a_piece_are_read() {
        let text = "x".repeat(3 * PIECE_BYTES);
        let position = Position { record: 1, line: 2, byte: 3 };
        let job = Job::new(position, key(1), Ticket::try_from(1).unwrap(), text);
        let records = [JobRecord::Job { job, again: false }, JobRecord::Done(key(2))];
        assert_eq!(read(&written(&records), 2).unwrap(), records);
    }
}
