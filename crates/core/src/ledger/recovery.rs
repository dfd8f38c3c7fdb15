//! Reading a ledger back: what verifies, where it ends, and whether a bad line is damage or a torn tail.

use std::io::{self, BufRead, BufReader, Read};

use super::line;
use super::record::{Header, LedgerId, Record, VERSION};
use super::{LedgerError, Storage};
use crate::job::KEY_SCHEME;

/// No record is longer; what is, is not kept in memory to be looked at.
pub(super) const LONGEST_LINE_BYTES: u64 = 1 << 20;

/// A record that verified.
#[derive(Debug)]
pub struct Entry {
    /// Its number, which is its line too.
    pub number: u64,
    /// The record.
    pub record: Record,
}

/// How far a ledger can be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The ledger's id.
    pub id: LedgerId,
    /// Number of the last good record.
    pub last: u64,
    /// Bytes of all good lines.
    pub good_bytes: u64,
    /// Bytes after them: a tail torn by a crash, of which nothing was synced.
    pub torn_bytes: u64,
}

/// Reads a ledger from its first record to the last good one, giving each to `each`. Changes nothing.
///
/// # Errors
///
/// When the first line is no header this program knows, when bytes that were once synced are bad, or when the storage
/// cannot be read.
pub fn read(storage: &impl Storage, each: &mut impl FnMut(Entry)) -> Result<Extent, LedgerError> {
    let size = storage.size().map_err(LedgerError::io("read"))?;
    if size == 0 {
        return Err(LedgerError::Empty);
    }
    let mut lines = Lines::new(storage);
    lines.next()?;
    let header = line::read_header(&lines.line).map_err(LedgerError::NotALedger)?;
    accept(&header)?;
    let mut extent = Extent { id: header.id, last: 1, good_bytes: lines.end, torn_bytes: 0 };
    each(Entry { number: 1, record: Record::Header(header) });

    while lines.next()? {
        match line::read(&lines.line, extent.id, extent.last + 1) {
            Ok(record) => {
                extent.last += 1;
                extent.good_bytes = lines.end;
                each(Entry { number: extent.last, record });
            }
            Err(what) => {
                if later_mark_vouches_for(&mut lines, extent.id, extent.last + 1)? {
                    return Err(LedgerError::Damaged { line: extent.last + 1, byte: extent.good_bytes, what });
                }
                extent.torn_bytes = size.saturating_sub(extent.good_bytes);
                break;
            }
        }
    }
    Ok(extent)
}

/// The header, whatever follows it.
pub(super) fn header(storage: &impl Storage) -> Result<Header, LedgerError> {
    if storage.size().map_err(LedgerError::io("read"))? == 0 {
        return Err(LedgerError::Empty);
    }
    let mut lines = Lines::new(storage);
    lines.next()?;
    let header = line::read_header(&lines.line).map_err(LedgerError::NotALedger)?;
    accept(&header)?;
    Ok(header)
}

/// Reads every line that verifies by itself and follows the one before, and returns how many records are missing.
///
/// # Errors
///
/// When the header cannot be read, or what `each` returns.
pub(super) fn read_what_verifies(
    storage: &impl Storage,
    each: &mut impl FnMut(Entry) -> Result<(), LedgerError>,
) -> Result<u64, LedgerError> {
    let id = header(storage)?.id;
    let mut lines = Lines::new(storage);
    let (mut last, mut missing, mut bad_since) = (0, 0, 0);
    while lines.next()? {
        match line::read_any(&lines.line, id) {
            Ok((number, record)) if number > last => {
                missing += number - last - 1;
                (last, bad_since) = (number, 0);
                each(Entry { number, record })?;
            }
            // Counted by the gap that it leaves, unless it is the last.
            _ => bad_since += 1,
        }
    }
    // A record may have any number.
    Ok(u64::saturating_add(missing, bad_since))
}

fn accept(header: &Header) -> Result<(), LedgerError> {
    if header.version > VERSION {
        return Err(LedgerError::Newer { found: header.version });
    }
    if header.key_scheme > KEY_SCHEME {
        return Err(LedgerError::KeyScheme { found: header.key_scheme });
    }
    Ok(())
}

/// Whether a mark from the current line on says that record `number` had been synced.
fn later_mark_vouches_for(lines: &mut Lines<impl Read>, id: LedgerId, number: u64) -> Result<bool, LedgerError> {
    let vouches =
        |bytes: &[u8]| matches!(line::read_any(bytes, id), Ok((_, Record::Mark(mark))) if mark.synced >= number);
    loop {
        // Where a line feed is what was damaged, the mark stands on the bad line's own end.
        if memchr::memmem::find_iter(&lines.line, line::OPENING).any(|at| vouches(&lines.line[at..])) {
            return Ok(true);
        }
        if !lines.next()? {
            return Ok(false);
        }
    }
}

/// Lines of bounded length, with where they end.
struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    end: u64,
}

impl<'a, S: Storage> Lines<From0<'a, S>> {
    fn new(storage: &'a S) -> Self {
        Self { reader: BufReader::with_capacity(1 << 18, From0 { storage, offset: 0 }), line: Vec::new(), end: 0 }
    }
}

impl<R: Read> Lines<R> {
    /// Reads the next line, its line feed included, into `line`; false at the end of the file.
    ///
    /// Of a line beyond the bound only the beginning is kept, which verifies as nothing.
    fn next(&mut self) -> Result<bool, LedgerError> {
        self.line.clear();
        let kept = self.reader.by_ref().take(LONGEST_LINE_BYTES).read_until(b'\n', &mut self.line);
        let mut bytes = kept.map_err(LedgerError::io("read"))? as u64;
        if bytes == LONGEST_LINE_BYTES && self.line.last() != Some(&b'\n') {
            bytes += self.reader.skip_until(b'\n').map_err(LedgerError::io("read"))? as u64;
        }
        self.end += bytes;
        Ok(bytes > 0)
    }
}

/// A storage's bytes from its beginning on.
struct From0<'a, S> {
    storage: &'a S,
    offset: u64,
}

impl<S: Storage> Read for From0<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.storage.read_at(self.offset, buffer)?;
        self.offset += bytes as u64;
        Ok(bytes)
    }
}
