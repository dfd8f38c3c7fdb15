//! Reads a ledger: verifies the lines, finds the end, and distinguishes damage from a torn tail.

use super::line::{self, BadLine};
use super::lines::Lines;
use super::parts::{Ahead, Effect, HasParts, Parts};
use super::record::{Header, LedgerId, Record, VERSION};
use super::{LedgerError, Storage};
use crate::job::KEY_SCHEME;

/// A verified record.
#[derive(Debug)]
pub struct Entry {
    /// Its number, which is also its line number.
    pub number: u64,
    /// The record.
    pub record: Record,
}

/// The intact extent of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The ledger's id.
    pub id: LedgerId,
    /// The number of the last good record.
    pub last: u64,
    /// The length of all good lines in bytes.
    pub good_bytes: u64,
    /// The length of the tail torn by a crash after them, in bytes. None of it was synced.
    pub torn_bytes: u64,
    /// The number of settlements with missing records, in the torn tail or before it. Their decisions do not
    /// count.
    pub incomplete_settlements: u64,
}

impl Extent {
    /// A message about incomplete settlements.
    pub fn incomplete_in_words(&self) -> String {
        let settlements = match self.incomplete_settlements {
            1 => "1 settlement was".to_owned(),
            several => format!("{several} settlements were"),
        };
        format!(
            "{settlements} cut off before it was complete, so none of its decisions is in effect; settle those rows again"
        )
    }
}

/// Passes each record of a ledger to `each`, from the first to the last good one. Changes nothing. Records of
/// incomplete settlements are left out.
///
/// # Errors
///
/// If the first line is not a header that this program knows, if synced bytes are bad, or if the storage
/// cannot be read.
pub fn read(storage: &impl Storage, each: &mut impl FnMut(Entry)) -> Result<Extent, LedgerError> {
    read_as(storage, line::read, &mut |number, record| each(Entry { number, record }))
}

/// Like [`read`], with each line read by `parse`, which must reject what [`line::read`] rejects.
pub(crate) fn read_as<T: From<Record> + HasParts>(
    storage: &impl Storage,
    parse: impl Fn(&[u8], LedgerId, u64) -> Result<T, BadLine>,
    each: &mut impl FnMut(u64, T),
) -> Result<Extent, LedgerError> {
    let mut lines = Lines::new(storage);
    lines.next()?;
    let header = header_of(lines.line())?;
    let extent = Extent { id: header.id, last: 1, good_bytes: lines.end(), torn_bytes: 0, incomplete_settlements: 0 };
    each(1, Record::Header(header).into());
    read_on(storage, lines, extent, parse, each)
}

/// Like [`read_as`], for the records after those that `known` covers, which were read before.
pub(crate) fn read_after<T: HasParts>(
    storage: &impl Storage,
    known: &Extent,
    parse: impl Fn(&[u8], LedgerId, u64) -> Result<T, BadLine>,
    each: &mut impl FnMut(u64, T),
) -> Result<Extent, LedgerError> {
    let lines = Lines::from(storage, known.good_bytes);
    read_on(storage, lines, Extent { torn_bytes: 0, ..known.clone() }, parse, each)
}

fn read_on<T: HasParts>(
    storage: &impl Storage,
    mut lines: Lines<'_, impl Storage>,
    mut extent: Extent,
    parse: impl Fn(&[u8], LedgerId, u64) -> Result<T, BadLine>,
    each: &mut impl FnMut(u64, T),
) -> Result<Extent, LedgerError> {
    let size = storage.size().map_err(LedgerError::io("read"))?;
    let mut parts = Parts::default();
    while lines.next()? {
        let number = extent.last + 1;
        match parse(lines.line(), extent.id, number) {
            Ok(read) => {
                let ahead = || Ahead { lines: Lines::from(storage, lines.end()), id: extent.id, last: number };
                match parts.follow(&read, ahead)? {
                    Effect::Counts => each(number, read),
                    Effect::PassedOver => {}
                    Effect::Torn => {
                        extent.torn_bytes = size.saturating_sub(extent.good_bytes);
                        break;
                    }
                }
                extent.last = number;
                extent.good_bytes = lines.end();
            }
            Err(what) => {
                if later_mark_vouches_for(&mut lines, extent.id, number)? {
                    return Err(LedgerError::Damaged { line: number, byte: extent.good_bytes, what });
                }
                extent.torn_bytes = size.saturating_sub(extent.good_bytes);
                break;
            }
        }
    }
    extent.incomplete_settlements += parts.incomplete;
    Ok(extent)
}

/// The header of a ledger that may be damaged after it.
pub(super) fn header(storage: &impl Storage) -> Result<Header, LedgerError> {
    let mut lines = Lines::new(storage);
    lines.next()?;
    header_of(lines.line())
}

/// The header of a ledger that starts with these bytes, which contain at least its first line or are the
/// whole file.
///
/// # Errors
///
/// If it is not a ledger, or was written by a newer program.
pub fn header_of(start: &[u8]) -> Result<Header, LedgerError> {
    if start.is_empty() {
        return Err(LedgerError::Empty);
    }
    let end = memchr::memchr(b'\n', start).map_or(start.len(), |at| at + 1);
    let header = line::read_header(&start[..end]).map_err(LedgerError::NotALedger)?;
    accept(&header)?;
    Ok(header)
}

/// Reads every line that verifies on its own and has a higher number than the one before. Returns the number
/// of missing records.
///
/// # Errors
///
/// If the header cannot be read, and the errors of `each`.
pub(super) fn read_what_verifies(
    storage: &impl Storage,
    each: &mut impl FnMut(Entry) -> Result<(), LedgerError>,
) -> Result<u64, LedgerError> {
    let id = header(storage)?.id;
    let mut lines = Lines::new(storage);
    let (mut last, mut missing, mut bad_since) = (0, 0, 0);
    while lines.next()? {
        match line::read_any(lines.line(), id) {
            Ok((number, record)) if number > last => {
                missing += number - last - 1;
                (last, bad_since) = (number, 0);
                each(Entry { number, record })?;
            }
            // Counted by the gap in the numbers, unless it is the last.
            _ => bad_since += 1,
        }
    }
    // Saturating: a record may have any number.
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

/// Whether a mark on the current line or a later one states that record `number` was synced.
pub(super) fn later_mark_vouches_for(
    lines: &mut Lines<'_, impl Storage>,
    id: LedgerId,
    number: u64,
) -> Result<bool, LedgerError> {
    let vouches =
        |bytes: &[u8]| matches!(line::read_any(bytes, id), Ok((_, Record::Mark(mark))) if mark.synced >= number);
    loop {
        // If the damage is in a line feed, the mark is at the end of the bad line.
        let line = lines.line();
        if memchr::memmem::find_iter(line, line::OPENING).any(|at| vouches(&line[at..])) {
            return Ok(true);
        }
        if !lines.next()? {
            return Ok(false);
        }
    }
}
