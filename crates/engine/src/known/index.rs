//! A stored copy of the jobs that a ledger knows, kept beside the account's budget so that runs need not read
//! the whole ledger. It can only add known rows: if it no longer matches its ledger, the ledger is read, and
//! rows that only the index has stay known.

use std::cell::Cell;

use super::fold::{Fold, KnownKeys, Open};
use crate::job::Key;
use crate::ledger::{Attempt, BadLine, Extent, LedgerError, LedgerId, Step, header, read_after, read_as};
use crate::storage::Storage;

/// The jobs that a ledger knows, and how much of the ledger was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The part that was read: all records up to the last.
    pub extent: Extent,
    /// The checksum of the last bytes read, to check whether the ledger still has them.
    last_bytes: u32,
    /// Whether a column named the jobs of the last run read.
    named: bool,
    /// The jobs that the ledger knows as posted or in doubt.
    pub keys: KnownKeys,
}

/// The format version that this code writes. Version 1 has no open intents and was only written when there
/// were none.
const OPENING: &[u8] = b"batchpost known 2\n";
const OPENING_1: &[u8] = b"batchpost known 1\n";
const ROW_BYTES: usize = 20;
const NAME_BYTES: usize = 32;
const OPEN_BYTES: usize = 36;

impl Index {
    /// The stored form: the opening; the ledger's id, and the numbers of bytes and records read (8 bytes
    /// each); the checksum of the last 512 of these bytes (4); two flags (1 each); the numbers of rows, names
    /// and open intents (8 each); the rows, each a key and seconds since 1970 (4); the names, each the name's
    /// key and the content key; the open intents, each with both keys and seconds since 1970; a checksum of
    /// all that (4). Numbers are little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let KnownKeys { rows, names, open, legacy } = &self.keys;
        let lists_bytes = rows.len() * ROW_BYTES + names.len() * NAME_BYTES + open.len() * OPEN_BYTES;
        let mut out = Vec::with_capacity(OPENING.len() + 64 + lists_bytes);
        out.extend_from_slice(OPENING);
        for number in [self.extent.id.0, self.extent.good_bytes, self.extent.last] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.last_bytes.to_le_bytes());
        out.extend_from_slice(&[u8::from(self.named), u8::from(*legacy)]);
        for count in [rows.len(), names.len(), open.len()] {
            out.extend_from_slice(&(count as u64).to_le_bytes());
        }
        for (key, at_s) in rows {
            out.extend_from_slice(&key.to_bytes());
            out.extend_from_slice(&at_s.to_le_bytes());
        }
        for (name, known_by) in names {
            out.extend_from_slice(&name.to_bytes());
            out.extend_from_slice(&known_by.to_bytes());
        }
        for Open { key, known_by, at_s } in open {
            out.extend_from_slice(&key.to_bytes());
            out.extend_from_slice(&known_by.to_bytes());
            out.extend_from_slice(&at_s.to_le_bytes());
        }
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Parses the output of [`Index::to_bytes`]. `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (covered, sum) = bytes.split_last_chunk()?;
        if crc32fast::hash(covered) != u32::from_le_bytes(*sum) {
            return None;
        }
        let is_first = covered.starts_with(OPENING_1);
        let mut rest = covered.strip_prefix(if is_first { OPENING_1 } else { OPENING })?;
        let mut number = || -> Option<u64> { take(&mut rest).map(u64::from_le_bytes) };
        let (id, good_bytes, last) = (LedgerId(number()?), number()?, number()?);
        let last_bytes = u32::from_le_bytes(take(&mut rest)?);
        let [named, legacy] = take(&mut rest)?;
        let mut count = || -> Option<usize> { usize::try_from(u64::from_le_bytes(take(&mut rest)?)).ok() };
        let (rows, names, open) = (count()?, count()?, if is_first { 0 } else { count()? });
        let lists = [(rows, ROW_BYTES), (names, NAME_BYTES), (open, OPEN_BYTES)];
        let bytes =
            lists.into_iter().try_fold(0_usize, |sum, (count, bytes)| sum.checked_add(count.checked_mul(bytes)?));
        if Some(rest.len()) != bytes {
            return None;
        }
        let rows = (0..rows).map(|_| Some((key(&mut rest)?, u32::from_le_bytes(take(&mut rest)?))));
        let rows = rows.collect::<Option<_>>()?;
        let names = (0..names).map(|_| Some((key(&mut rest)?, key(&mut rest)?))).collect::<Option<_>>()?;
        let mut next_open = || {
            let (key, known_by) = (key(&mut rest)?, key(&mut rest)?);
            Some(Open { key, known_by, at_s: u32::from_le_bytes(take(&mut rest)?) })
        };
        let open = (0..open).map(|_| next_open()).collect::<Option<_>>()?;
        let keys = KnownKeys { rows, names, open, legacy: legacy != 0 };
        let extent = Extent { id, last, good_bytes, torn_bytes: 0, incomplete_settlements: 0 };
        Some(Self { extent, last_bytes, named: named != 0, keys })
    }
}

/// The jobs that the ledger in `storage` knows. If `index` matches the ledger, only the rest is read. If
/// `index` has the ledger's id but does not match, the ledger was replaced by an older copy: the rows of the
/// index stay known.
///
/// # Errors
///
/// If it is not a ledger, is damaged, or cannot be read.
pub fn bring_up_to_date(storage: &impl Storage, index: Option<Index>) -> Result<Index, LedgerError> {
    let mut restored = KnownKeys::default();
    if let Some(index) = index {
        if index.fits(storage)? {
            if let Some(index) = index.and_the_rest(storage)? {
                return Ok(index);
            }
        } else if index.extent.id == header(storage)?.id {
            restored = index.keys;
            restored.settle_open();
        }
    }
    let named = Cell::new(false);
    let mut fold = Fold::default();
    let extent = read_as(storage, |line, id, number| read(line, id, number, named.get()), &mut |_, step| {
        fold.take(step);
        named.set(fold.named);
    })?;
    let mut keys = fold.finish();
    keys.merge(restored);
    Ok(Index { last_bytes: last_bytes(storage, extent.good_bytes)?, named: fold.named, keys, extent })
}

impl Index {
    /// Whether the index covers everything that the ledger knows.
    pub fn covers(&self, storage: &impl Storage) -> bool {
        let has_all = |now: Self| now.extent.good_bytes == self.extent.good_bytes;
        self.fits(storage).unwrap_or(false)
            && self.clone().and_the_rest(storage).is_ok_and(|now| now.is_some_and(has_all))
    }

    /// Whether the ledger still starts with the part that was read.
    ///
    /// # Errors
    ///
    /// If it is not a ledger, or cannot be read.
    pub fn fits(&self, storage: &impl Storage) -> Result<bool, LedgerError> {
        let size = storage.size().map_err(LedgerError::io("read"))?;
        let same = header(storage)?.id == self.extent.id && size >= self.extent.good_bytes;
        Ok(same && last_bytes(storage, self.extent.good_bytes)? == self.last_bytes)
    }

    /// Adds what dead runs of its ledger may have sent, and makes the index never match again: an older copy
    /// has replaced the ledger, and in that copy rows that only the index has may be pending.
    #[must_use]
    pub fn of_restored_ledger(mut self, claimed: KnownKeys) -> Self {
        self.keys.merge(claimed);
        self.keys.settle_open();
        // A growing ledger will not have this checksum at that place.
        Self { last_bytes: !self.last_bytes, ..self }
    }

    /// Adds what the ledger has recorded since. `None` if the ledger must be read from the start for that.
    fn and_the_rest(mut self, storage: &impl Storage) -> Result<Option<Self>, LedgerError> {
        let named = Cell::new(self.named);
        let mut fold = Fold::after(self.named, std::mem::take(&mut self.keys.open));
        let parse = |line: &[u8], id, number| read(line, id, number, named.get());
        let extent = read_after(storage, &self.extent, parse, &mut |_, step| {
            fold.take(step);
            named.set(fold.named);
        })?;
        if fold.lacks_the_beginning {
            return Ok(None);
        }
        self.keys.merge(fold.finish());
        self.last_bytes = last_bytes(storage, extent.good_bytes)?;
        Ok(Some(Self { extent: Extent { torn_bytes: 0, ..extent }, named: fold.named, ..self }))
    }
}

/// Parses a line as far as needed: up to the ticket for a named job without recorded content.
fn read(line: &[u8], id: LedgerId, number: u64, named: bool) -> Result<Step, BadLine> {
    match Step::read(line, id, number)? {
        Step::Intent(Attempt { content: None, .. }) if named => Step::read_in_full(line, id, number),
        step => Ok(step),
    }
}

/// The number of last bytes read that identify the ledger's state: every line has its number, time and
/// checksum.
const LAST_BYTES: u64 = 512;

fn last_bytes(storage: &impl Storage, end: u64) -> Result<u32, LedgerError> {
    let start = end.saturating_sub(LAST_BYTES);
    let mut bytes = vec![0; (end - start) as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        let read = storage.read_at(start + filled as u64, &mut bytes[filled..]).map_err(LedgerError::io("read"))?;
        if read == 0 {
            break;
        }
        filled += read;
    }
    Ok(crc32fast::hash(&bytes[..filled]))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn key(rest: &mut &[u8]) -> Option<Key> {
    take(rest).map(Key::from_bytes)
}
