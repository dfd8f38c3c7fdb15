//! Reads a ledger line by line.

use std::ops::Range;

use super::LedgerError;
use crate::storage::Storage;

/// The maximum length of a record's line. Longer lines are not kept in memory.
pub(super) const LONGEST_LINE_BYTES: u64 = 1 << 20;

const PIECE_BYTES: usize = 1 << 18;

/// Reads lines of bounded length and borrows them from its buffer without copying: a ledger may have
/// millions.
pub(super) struct Lines<'a, S> {
    storage: &'a S,
    /// The number of bytes read so far.
    offset: u64,
    buffer: Vec<u8>,
    /// The number of buffer bytes that are filled.
    filled: usize,
    line: Range<usize>,
    /// The line exceeds the maximum length; the next line starts after its line feed.
    is_cut: bool,
}

impl<'a, S: Storage> Lines<'a, S> {
    pub(super) fn new(storage: &'a S) -> Self {
        Self::from(storage, 0)
    }

    /// Starts at `offset`, which must be the first byte of a line.
    pub(super) fn from(storage: &'a S, offset: u64) -> Self {
        Self { storage, offset, buffer: vec![0; PIECE_BYTES], filled: 0, line: 0..0, is_cut: false }
    }

    /// The last line read, including its line feed. Only the start of a line that exceeds the maximum length,
    /// which never verifies.
    pub(super) fn line(&self) -> &[u8] {
        &self.buffer[self.line.clone()]
    }

    /// Where the last line read ends.
    pub(super) fn end(&self) -> u64 {
        self.offset - (self.filled - self.line.end) as u64
    }

    /// Reads the next line. Returns false at the end of the file.
    pub(super) fn next(&mut self) -> Result<bool, LedgerError> {
        if self.is_cut {
            self.skip_to_line_feed()?;
        }
        let mut looked_at = 0;
        self.line = self.line.end..self.filled;
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.line()[looked_at..]) {
                self.line.end = self.line.start + looked_at + at + 1;
                self.is_cut = false;
                break;
            }
            looked_at = self.line.len();
            if looked_at as u64 >= LONGEST_LINE_BYTES {
                self.is_cut = true;
                break;
            }
            if !self.read_on()? {
                break;
            }
        }
        if self.line.len() as u64 > LONGEST_LINE_BYTES {
            self.line.end = self.line.start + LONGEST_LINE_BYTES as usize;
            self.is_cut = true;
        }
        Ok(!self.line.is_empty())
    }

    /// Reads more bytes after the current line, which extends to the end of the filled part. Returns false if
    /// there are none.
    fn read_on(&mut self) -> Result<bool, LedgerError> {
        self.buffer.copy_within(self.line.clone(), 0);
        self.line = 0..self.line.len();
        self.filled = self.line.end;
        if self.buffer.len() - self.filled < PIECE_BYTES / 2 {
            self.buffer.resize(self.buffer.len() + PIECE_BYTES, 0);
        }
        let read =
            self.storage.read_at(self.offset, &mut self.buffer[self.filled..]).map_err(LedgerError::io("read"))?;
        self.offset += read as u64;
        self.filled += read;
        self.line.end = self.filled;
        Ok(read > 0)
    }

    fn skip_to_line_feed(&mut self) -> Result<(), LedgerError> {
        self.line = self.line.end..self.filled;
        loop {
            if let Some(at) = memchr::memchr(b'\n', self.line()) {
                self.line.end = self.line.start + at + 1;
                return Ok(());
            }
            self.line.start = self.line.end;
            if !self.read_on()? {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Bytes that are returned in pieces of at most this size.
    struct Pieces(Vec<u8>, usize);

    impl Storage for Pieces {
        fn size(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let rest = &self.0[(offset as usize).min(self.0.len())..];
            let read = rest.len().min(buffer.len()).min(self.1);
            buffer[..read].copy_from_slice(&rest[..read]);
            Ok(read)
        }

        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            unreachable!("it is only read")
        }

        fn sync(&mut self) -> io::Result<()> {
            unreachable!("it is only read")
        }

        fn truncate(&mut self, _: u64) -> io::Result<()> {
            unreachable!("it is only read")
        }

        fn keep_torn_tail(&mut self, _: &[u8]) -> io::Result<()> {
            unreachable!("it is only read")
        }
    }

    #[test]
    fn lines_come_whole_with_their_ends_however_they_are_read() {
        const LONGEST: usize = LONGEST_LINE_BYTES as usize;
        let lengths = [1, 7, PIECE_BYTES - 8, PIECE_BYTES, 2, LONGEST, LONGEST + 1, 3, 3 * LONGEST, 5];
        let mut bytes: Vec<u8> = Vec::new();
        for length in lengths {
            bytes.extend(std::iter::repeat_n(b'x', length - 1));
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(b"torn");
        for piece in [977, PIECE_BYTES, usize::MAX] {
            let storage = Pieces(bytes.clone(), piece);
            let mut lines = Lines::new(&storage);
            let mut end = 0;
            for length in lengths {
                assert!(lines.next().unwrap());
                end += length as u64;
                let whole = length <= LONGEST;
                assert_eq!(lines.line().len(), length.min(LONGEST));
                assert_eq!(lines.line().ends_with(b"\n"), whole);
                assert!(!whole || lines.end() == end, "{length} in pieces of {piece}");
            }
            assert!(lines.next().unwrap());
            assert_eq!(lines.line(), b"torn");
            assert!(!lines.next().unwrap());
            assert!(lines.buffer.len() <= LONGEST + 2 * PIECE_BYTES);
        }
    }
}
