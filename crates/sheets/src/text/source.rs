//! The text of an input as UTF-8, with the number of bytes used.

use std::io::Read;

use super::decode::{Decoding, LEAST_ROOM_BYTES, utf16_hint};
use super::encoding::Encoding;
use super::error::TextError;
use super::gzip::Bytes;

const BUFFER_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A buffered source, unpacked if it is gzip, and decoded if its byte order mark or the caller names another encoding
/// than UTF-8.
///
/// Input read as UTF-8 is returned unchanged, valid or not: a cell that is not UTF-8 makes only its row invalid.
/// Decoded input is always valid. Bytes that cannot be decoded are an error, because a decoder cannot tell how far the
/// damage goes.
#[derive(Debug)]
pub struct Source<R> {
    bytes: Bytes<R>,
    /// `None` for UTF-8.
    decoding: Option<Decoding>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset of the byte at `start` in the text.
    byte: u64,
    ended: bool,
}

impl<R: Read> Source<R> {
    /// Opens a source: detects gzip and a byte order mark, rejects what is not text, and skips the mark. `encoding` is
    /// the one that the caller requests, if any; a mark must agree with it.
    ///
    /// # Errors
    ///
    /// If the source cannot be read or is not text, or if its byte order mark contradicts `encoding`.
    pub fn open(inner: R, encoding: Option<Encoding>) -> Result<Self, TextError> {
        let bytes = Bytes::open(inner)?;
        let buffer = vec![0; BUFFER_BYTES];
        let mut source = Self { bytes, decoding: None, buffer, start: 0, end: 0, byte: 0, ended: false };
        let head = source.peek(4)?;
        if let [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] = head {
            return Err(TextError::NotText);
        }
        let encoding = match (Encoding::of_mark(head), encoding) {
            (Some(marked), Some(requested)) if marked != requested => {
                return Err(TextError::Contradicted { marked, requested });
            }
            (marked, requested) => marked.or(requested).unwrap_or(Encoding::UTF_8),
        };
        if encoding != Encoding::UTF_8 {
            source.decoding = Some(Decoding::new(encoding, &source.buffer[..source.end]));
            (source.end, source.ended) = (0, false);
        }
        let head = source.peek(4)?;
        let head = &head[..head.len().min(4)];
        if head.contains(&0) {
            let likely = if encoding == Encoding::UTF_8 { utf16_hint(head, 0) } else { None };
            return Err(TextError::Binary { likely });
        }
        // Tools that add a mark to a text that already has one leave two.
        while source.peek(BYTE_ORDER_MARK.len())?.starts_with(BYTE_ORDER_MARK) {
            source.consume(BYTE_ORDER_MARK.len());
        }
        Ok(source)
    }

    /// A source of text that is known to be UTF-8 without a byte order mark.
    pub(crate) fn of_text(text: R) -> Self {
        let bytes = Bytes::as_they_are(text);
        Self { bytes, decoding: None, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0, byte: 0, ended: false }
    }

    /// Returns the buffered bytes: at least `least`, or fewer only at the end of the text. The buffer grows as needed.
    #[inline]
    pub(crate) fn peek(&mut self, least: usize) -> Result<&[u8], TextError> {
        if self.end - self.start < least {
            self.read(least)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn read(&mut self, least: usize) -> Result<(), TextError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < least + LEAST_ROOM_BYTES {
            self.buffer.resize((self.buffer.len() * 2).max(least + LEAST_ROOM_BYTES), 0);
        }
        while self.end < least && !self.ended {
            let room = &mut self.buffer[self.end..];
            let read = match &mut self.decoding {
                None => self.bytes.read(room)?,
                Some(decoding) => decoding.read(&mut self.bytes, room)?,
            };
            self.ended = read == 0;
            self.end += read;
        }
        Ok(())
    }

    /// Marks the first `bytes` buffered bytes as used.
    #[inline]
    pub(crate) fn consume(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.end - self.start);
        self.start += bytes;
        self.byte += bytes as u64;
    }

    /// Offset of the next byte: in the file if it is UTF-8; in the unpacked file if it is gzip; in the text as UTF-8,
    /// with its byte order mark, if it is decoded.
    pub(crate) fn byte(&self) -> u64 {
        self.byte
    }

    /// The name of the encoding used.
    pub fn encoding(&self) -> &'static str {
        self.decoding.as_ref().map_or(Encoding::UTF_8, Decoding::encoding).name()
    }

    /// Whether [`Source::byte`] counts the bytes of the (unpacked) input.
    pub(crate) fn is_raw(&self) -> bool {
        self.decoding.is_none()
    }

    /// Whether the input is gzip.
    pub fn compressed(&self) -> bool {
        self.bytes.is_compressed()
    }

    /// The underlying source, which returns the bytes as stored.
    pub fn get_ref(&self) -> &R {
        self.bytes.get_ref()
    }
}

/// A source that returns `bytes` in pieces of the given sizes, repeated, as pipes and sockets do.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

#[cfg(test)]
impl<'a> Pieces<'a> {
    pub(crate) fn new(bytes: &'a [u8], sizes: Vec<usize>) -> Self {
        assert!(!sizes.is_empty() && !sizes.contains(&0));
        Self { bytes, sizes: sizes.into_iter().cycle() }
    }
}

#[cfg(test)]
impl Pieces<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
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
    use std::io::ErrorKind;

    use super::super::gzip::packed;
    use super::*;

    fn open<'a>(bytes: &'a [u8], encoding: &str, size: usize) -> Result<Source<Pieces<'a>>, TextError> {
        let encoding = (!encoding.is_empty()).then(|| encoding.parse().unwrap());
        Source::open(Pieces::new(bytes, vec![size]), encoding)
    }

    /// Returns the encoding, the offset of the first byte after the mark, and the text. Checks that the
    /// gzipped input and any pieces give the same.
    fn read(bytes: &[u8], encoding: &str) -> Result<(&'static str, u64, Vec<u8>), String> {
        let once = |bytes: &[u8], size| {
            let mut source = open(bytes, encoding, size).map_err(|error| error.to_string())?;
            let (first, mut text) = (source.byte(), Vec::new());
            loop {
                let part = source.peek(1).map_err(|error| error.to_string())?;
                if part.is_empty() {
                    break;
                }
                text.extend_from_slice(part);
                let used = part.len();
                source.consume(used);
            }
            assert_eq!(source.byte(), first + text.len() as u64);
            assert!(source.get_ref().is_empty(), "the source is read to its end");
            Ok((source.encoding(), first, text))
        };
        let all = once(bytes, 1 << 20);
        for size in [1, 2, 3, 100] {
            assert_eq!(once(bytes, size), all, "in pieces of {size}");
            assert_eq!(once(&packed(bytes), size), all, "packed, in pieces of {size}");
        }
        all
    }

    #[test]
    fn the_encoding_is_the_marked_one_else_the_one_said_else_utf8() {
        for (bytes, requested, wanted) in [
            (&b"a"[..], "", ("UTF-8", 0, "a")),
            (b"", "", ("UTF-8", 0, "")),
            (b"\xef\xbb\xbfa", "", ("UTF-8", 3, "a")),
            (b"\xef\xbb\xbf\xef\xbb\xbfa", "utf-8", ("UTF-8", 6, "a")),
            (b"\xff\xfea\0", "", ("UTF-16LE", 3, "a")),
            (b"\xff\xfe\xff\xfea\0", "utf-16", ("UTF-16LE", 6, "a")),
            (b"\xfe\xff\0a", "", ("UTF-16BE", 3, "a")),
            (b"\xff\xfe", "", ("UTF-16LE", 3, "")),
            (b"a\0,\0\xfc\0", "utf-16le", ("UTF-16LE", 0, "a,ü")),
            (b"Gr\xfc\xdfe", "latin1", ("windows-1252", 0, "Grüße")),
        ] {
            let (name, first, text) = wanted;
            assert_eq!(read(bytes, requested), Ok((name, first, text.as_bytes().to_vec())), "{bytes:?} {requested}");
        }
        assert_eq!(read(b"Gr\xfc", "utf-8").unwrap().2, b"Gr\xfc", "as it stands");
    }

    #[test]
    fn what_is_no_text_is_refused_by_its_first_bytes() {
        let workbook = "the input is a workbook or an archive, not text";
        let binary = "the input has NUL bytes where text should be; it is binary data";
        let utf16 = |which| {
            format!("the input has NUL bytes where text should be; it looks like {which} without a byte order mark")
        };
        for (bytes, requested, wanted) in [
            (&b"PK\x03\x04\x14\0"[..], "", workbook.to_owned()),
            (b"PK\x03\x04\x14\0", "windows-1252", workbook.to_owned()),
            (b"\xd0\xcf\x11\xe0\xa1", "", workbook.to_owned()),
            (b"T\0i\0", "", utf16("utf-16le")),
            (b"T\0i\0", "utf-8", utf16("utf-16le")),
            (b"\0T\0i", "", utf16("utf-16be")),
            (b"\0\0ab", "", binary.to_owned()),
            (b"T\0i\0", "windows-1252", binary.to_owned()),
            // Happens to be UTF-32.
            (b"\xff\xfe\0\0T\0\0\0", "", binary.to_owned()),
        ] {
            assert_eq!(read(bytes, requested), Err(wanted), "{bytes:?} {requested}");
        }
        assert!(read(b"PK,\n", "").is_ok());
    }

    #[test]
    fn a_mark_and_a_word_that_contradict_each_other_are_refused() {
        for (bytes, requested, marked, name) in [
            (&b"\xef\xbb\xbfa"[..], "windows-1252", "UTF-8", "windows-1252"),
            (b"\xff\xfea\0", "utf-16be", "UTF-16LE", "UTF-16BE"),
            (b"\xff\xfea\0", "utf-8", "UTF-16LE", "UTF-8"),
        ] {
            let wanted = format!("the input begins with the byte order mark of {marked}, but was to be read as {name}");
            assert_eq!(read(bytes, requested), Err(wanted));
        }
    }

    #[test]
    fn as_many_bytes_are_at_hand_as_are_asked_for() {
        let text = vec![b'x'; 300_000];
        for bytes in [text.clone(), packed(&text)] {
            let mut source = open(&bytes, "latin1", 1000).unwrap();
            source.consume(1);
            assert!(source.peek(200_000).unwrap().len() >= 200_000);
            assert_eq!(source.peek(400_000).unwrap().len(), 299_999);
        }
    }

    #[test]
    fn a_failing_source_is_reported_with_the_byte_reached() {
        struct Failing(u32);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.0 += 1;
                match self.0 {
                    1 | 3 => Err(ErrorKind::Interrupted.into()),
                    2 => {
                        buffer[..2].copy_from_slice(b"ab");
                        Ok(2)
                    }
                    4 => {
                        buffer[..3].copy_from_slice(b"cde");
                        Ok(3)
                    }
                    _ => Err(ErrorKind::ConnectionReset.into()),
                }
            }
        }
        let mut source = Source::open(Failing(0), None).unwrap();
        assert_eq!(source.peek(1).unwrap(), b"abcde");
        source.consume(4);
        match source.peek(2) {
            Err(TextError::Read { byte: 5, source }) => assert_eq!(source.kind(), ErrorKind::ConnectionReset),
            other => panic!("{other:?}"),
        }
    }
}
