//! The records of XLS files and their values. The format is [MS-XLS] 2.1.4 and 2.5.

use std::io::{self, ErrorKind};

use encoding_rs::Encoding;

const CONTINUE: u16 = 0x003c;

/// The records of a stream.
#[derive(Debug, Clone)]
pub(super) struct Records<'a> {
    stream: &'a [u8],
    at: usize,
}

#[derive(Debug)]
pub(super) struct BiffRecord<'a> {
    pub(super) kind: u16,
    /// Offset of the record in the stream.
    pub(super) at: usize,
    pub(super) body: Body<'a>,
}

impl<'a> Records<'a> {
    /// The records from an offset on.
    pub(super) fn from(stream: &'a [u8], at: usize) -> Self {
        Self { stream, at }
    }

    /// Returns the next record with its continuation records, or `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<BiffRecord<'a>>> {
        loop {
            let at = self.at;
            let Some((kind, part)) = self.part()? else { return Ok(None) };
            if kind != CONTINUE {
                return Ok(Some(BiffRecord { kind, at, body: Body { part, rest: self.clone() } }));
            }
        }
    }

    fn part(&mut self) -> io::Result<Option<(u16, &'a [u8])>> {
        let rest = self.stream.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let (&[kind, kind_high, bytes, bytes_high], rest) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let bytes = usize::from(u16::from_le_bytes([bytes, bytes_high]));
        let part = rest.get(..bytes).ok_or_else(cut_off)?;
        self.at += 4 + bytes;
        Ok(Some((u16::from_le_bytes([kind, kind_high]), part)))
    }
}

/// The bytes of a record and of its continuation records.
#[derive(Debug)]
pub(super) struct Body<'a> {
    /// The rest of the current record.
    part: &'a [u8],
    rest: Records<'a>,
}

impl Body<'_> {
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        while self.part.is_empty() {
            if !self.go_on()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Moves to the next record if it is a continuation.
    fn go_on(&mut self) -> io::Result<bool> {
        let mut rest = self.rest.clone();
        match rest.part()? {
            Some((CONTINUE, part)) => {
                (self.part, self.rest) = (part, rest);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            if self.is_at_end()? {
                return Err(cut_off());
            }
            (*byte, self.part) = (self.part[0], &self.part[1..]);
        }
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> io::Result<u8> {
        self.bytes().map(|[byte]| byte)
    }

    pub(super) fn short(&mut self) -> io::Result<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    pub(super) fn long(&mut self) -> io::Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    /// Number of bytes left in the current record.
    pub(super) fn left(&self) -> usize {
        self.part.len()
    }

    fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            if self.is_at_end()? {
                return Err(cut_off());
            }
            let skipped = self.part.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
            self.part = &self.part[skipped..];
            bytes -= skipped as u64;
        }
        Ok(())
    }

    /// Reads a text with a 16-bit length.
    pub(super) fn text(&mut self, letters: Letters) -> io::Result<Text> {
        let count = self.short()?;
        self.letters(count, letters)
    }

    /// Reads a text with an 8-bit length.
    pub(super) fn short_text(&mut self, letters: Letters) -> io::Result<Text> {
        let count = self.byte()?;
        self.letters(count.into(), letters)
    }

    fn letters(&mut self, count: u16, letters: Letters) -> io::Result<Text> {
        match letters {
            // An empty text may lack the byte for its character width.
            _ if count == 0 => Ok(Text::default()),
            Letters::Units => {
                let wide = self.byte()? & 1 != 0;
                self.units(count, wide)
            }
            Letters::Bytes(encoding) => {
                let bytes: Vec<u8> = (0..count).map(|_| self.byte()).collect::<io::Result<_>>()?;
                Ok(Text::of_bytes(&bytes, encoding))
            }
        }
    }

    /// Reads a shared text, which may be followed by formats and phonetic text.
    pub(super) fn rich_text(&mut self) -> io::Result<Text> {
        let count = self.short()?;
        let flags = self.byte()?;
        let formats = if flags & 8 != 0 { self.short()? } else { 0 };
        let phonetic = if flags & 4 != 0 { self.long()? } else { 0 };
        let text = self.units(count, flags & 1 != 0)?;
        self.skip(u64::from(formats) * 4 + u64::from(phonetic))?;
        Ok(text)
    }

    /// Reads UTF-16 units, which are stored without their upper bytes if all of these are 0. Each continuation record
    /// states the width again. The units of one character may be split between two records.
    fn units(&mut self, count: u16, mut wide: bool) -> io::Result<Text> {
        let mut units = Vec::new();
        while units.len() < count.into() {
            if self.part.is_empty() {
                wide = self.byte()? & 1 != 0;
                continue;
            }
            let left = usize::from(count) - units.len();
            let size = if wide { 2 } else { 1 };
            let (now, rest) = self.part.split_at(left.min(self.part.len() / size) * size);
            if now.is_empty() {
                return Err(cut_off());
            }
            units.extend(now.chunks(size).map(|unit| u16::from_le_bytes([unit[0], *unit.get(1).unwrap_or(&0)])));
            self.part = rest;
        }
        Ok(Text::of_units(&units))
    }
}

/// The character encoding of a file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Letters {
    /// UTF-16, since Excel 97.
    Units,
    /// The user's code page; `None` if it is unknown.
    Bytes(Option<&'static Encoding>),
}

impl Letters {
    pub(super) fn of_code_page(number: u16) -> Self {
        let label = match number {
            874 | 1250..=1258 => format!("windows-{number}"),
            932 => "shift_jis".to_owned(),
            936 => "gbk".to_owned(),
            949 => "euc-kr".to_owned(),
            950 => "big5".to_owned(),
            10_000 | 0x8000 => "macintosh".to_owned(),
            10_007 => "x-mac-cyrillic".to_owned(),
            0x8001 => "windows-1252".to_owned(),
            _ => String::new(),
        };
        Self::Bytes(Encoding::for_label(label.as_bytes()))
    }
}

/// A text in a file.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) text: String,
    /// Whether the text contains an invalid character.
    pub(super) garbled: bool,
}

impl Text {
    fn of_units(units: &[u16]) -> Self {
        match String::from_utf16(units) {
            Ok(text) => Self { text, garbled: false },
            Err(_) => Self { text: String::from_utf16_lossy(units), garbled: true },
        }
    }

    fn of_bytes(bytes: &[u8], encoding: Option<&'static Encoding>) -> Self {
        let whole = match encoding {
            Some(encoding) => encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Into::into),
            None => str::from_utf8(bytes).ok().filter(|text| text.is_ascii()).map(str::to_owned),
        };
        match whole {
            Some(text) => Self { text, garbled: false },
            None => Self { text: String::from_utf8_lossy(bytes).into_owned(), garbled: true },
        }
    }
}

fn cut_off() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "a record is cut off")
}
