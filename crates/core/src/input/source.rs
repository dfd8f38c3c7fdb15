//! The bytes of an input, with the count of those used.

use std::io::{ErrorKind, Read};

use super::error::InputError;

const BUFFER_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A source behind a buffer of fixed size.
#[derive(Debug)]
pub(super) struct Source<R> {
    inner: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Offset in the source of the byte at `start`.
    byte: u64,
    /// Once the source has ended it is not asked again: a terminal would begin anew.
    ended: bool,
}

impl<R: Read> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, buffer: vec![0; BUFFER_BYTES].into(), start: 0, end: 0, byte: 0, ended: false }
    }

    /// The bytes at hand: at least `least` (which the buffer must hold), fewer only at the source's end.
    #[inline]
    pub(super) fn peek(&mut self, least: usize) -> Result<&[u8], InputError> {
        if self.end - self.start < least {
            self.read(least)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn read(&mut self, least: usize) -> Result<(), InputError> {
        debug_assert!(least <= self.buffer.len());
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < least && !self.ended {
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(InputError::Read { byte: self.byte + self.end as u64, source }),
            }
        }
        Ok(())
    }

    /// Marks the first `bytes` of those at hand as used.
    #[inline]
    pub(super) fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.end - self.start);
        self.start += bytes;
        self.byte += bytes as u64;
    }

    /// Offset of the next byte.
    pub(super) fn byte(&self) -> u64 {
        self.byte
    }

    /// Refuses what is plainly no text in UTF-8, by its first bytes, and reads past a byte order mark.
    pub(super) fn begin(&mut self) -> Result<(), InputError> {
        match self.peek(4)? {
            [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => return Err(InputError::Spreadsheet),
            [0x1f, 0x8b, ..] => return Err(InputError::Gzip),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(InputError::Binary),
            head if head.iter().take(4).any(|byte| *byte == 0) => return Err(InputError::Binary),
            _ => {}
        }
        // Tools that add a mark to what already has one leave two.
        while self.peek(BYTE_ORDER_MARK.len())?.starts_with(BYTE_ORDER_MARK) {
            self.consume(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.inner
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }
}

/// A source that gives `bytes` in pieces of the given sizes, over and over, as pipes and sockets do.
#[cfg(test)]
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

#[cfg(test)]
impl<'a> Pieces<'a> {
    pub(super) fn new(bytes: &'a [u8], sizes: Vec<usize>) -> Self {
        assert!(!sizes.is_empty() && !sizes.contains(&0));
        Self { bytes, sizes: sizes.into_iter().cycle() }
    }
}

#[cfg(test)]
impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes.next().unwrap().min(self.bytes.len()).min(buffer.len());
        let (piece, rest) = self.bytes.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.bytes = rest;
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_utf8_text_is_refused_by_its_first_bytes_in_any_pieces() {
        for (bytes, wanted) in [
            (&b"PK\x03\x04\x14\0"[..], "Err(Spreadsheet)"),
            (b"\xd0\xcf\x11\xe0\xa1", "Err(Spreadsheet)"),
            (b"\x1f\x8b\x08", "Err(Gzip)"),
            (b"\xff\xfeT\0", "Err(Binary)"),
            (b"\xfe\xff\0T", "Err(Binary)"),
            (b"T\0i\0", "Err(Binary)"),
            (b"PK,\n", "Ok(())"),
            (b"\xef\xbb\xbf", "Ok(())"),
            (b"a", "Ok(())"),
            (b"", "Ok(())"),
        ] {
            for size in [1, 2, 100] {
                let begun = Source::new(Pieces::new(bytes, vec![size])).begin();
                assert_eq!(format!("{begun:?}"), wanted, "{bytes:?}");
            }
        }
    }

    #[test]
    fn byte_order_marks_are_read_past_and_counted() {
        let mut source = Source::new(Pieces::new(b"\xef\xbb\xbf\xef\xbb\xbfab", vec![1]));
        source.begin().unwrap();
        assert_eq!((source.byte(), source.peek(2).unwrap()), (6, &b"ab"[..]));
    }

    #[test]
    fn a_failing_source_is_reported_with_the_byte_reached() {
        struct Failing(u32);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.0 += 1;
                match self.0 {
                    1 => Err(ErrorKind::Interrupted.into()),
                    2 => {
                        buffer[..3].copy_from_slice(b"abc");
                        Ok(3)
                    }
                    _ => Err(ErrorKind::ConnectionReset.into()),
                }
            }
        }
        let mut source = Source::new(Failing(0));
        assert_eq!(source.peek(1).unwrap(), b"abc");
        source.consume(2);
        match source.peek(2) {
            Err(InputError::Read { byte: 3, source }) => assert_eq!(source.kind(), ErrorKind::ConnectionReset),
            other => panic!("{other:?}"),
        }
    }
}
