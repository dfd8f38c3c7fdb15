//! The delimiter of a CSV and the detection of candidates in its header.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The character that separates two cells: an ASCII character other than a quote, a carriage return or a line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Delimiter(u8);

impl Delimiter {
    /// `comma`
    pub const COMMA: Self = Self(b',');
    /// `semicolon`: used by Excel where the comma is the decimal separator.
    pub const SEMICOLON: Self = Self(b';');
    /// `tab`
    pub const TAB: Self = Self(b'\t');
    /// `pipe`
    pub const PIPE: Self = Self(b'|');

    /// The delimiters that are detected in a header.
    pub(crate) const USUAL: [Self; 4] = [Self::COMMA, Self::SEMICOLON, Self::TAB, Self::PIPE];

    /// The character itself.
    pub fn byte(self) -> u8 {
        self.0
    }

    pub(crate) fn of_byte(byte: u8) -> Option<Self> {
        (byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n')).then_some(Self(byte))
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::COMMA => f.write_str("comma"),
            Self::SEMICOLON => f.write_str("semicolon"),
            Self::TAB => f.write_str("tab"),
            Self::PIPE => f.write_str("pipe"),
            Self(other) => write!(f, "{}", char::from(other)),
        }
    }
}

impl FromStr for Delimiter {
    type Err = UnknownDelimiter;

    fn from_str(text: &str) -> Result<Self, UnknownDelimiter> {
        let found = match text {
            "comma" => Some(Self::COMMA),
            "semicolon" => Some(Self::SEMICOLON),
            // `\t` is what a user types if the shell does not convert it to a tab.
            "tab" | "\\t" => Some(Self::TAB),
            "pipe" => Some(Self::PIPE),
            _ => match *text.as_bytes() {
                [byte] => Self::of_byte(byte),
                _ => None,
            },
        };
        found.ok_or_else(|| UnknownDelimiter(text.to_owned()))
    }
}

impl TryFrom<String> for Delimiter {
    type Error = UnknownDelimiter;

    fn try_from(text: String) -> Result<Self, UnknownDelimiter> {
        text.parse()
    }
}

impl From<Delimiter> for String {
    fn from(delimiter: Delimiter) -> String {
        delimiter.to_string()
    }
}

/// Not a valid delimiter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("delimiter {0:?} is invalid; use comma, semicolon, tab, pipe, or any other single ASCII character")]
pub struct UnknownDelimiter(String);

/// Finds the end of a record for one delimiter, and counts that delimiter outside quotes.
///
/// A quote opens only at the start of a cell, so what is quoted depends on the delimiter: each candidate needs a scan
/// of its own.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) delimiter: Delimiter,
    pub(crate) count: usize,
    /// Length of the record without its line end, once found.
    pub(crate) length: Option<usize>,
    state: State,
    seen: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CellBegins,
    Plain,
    Quoted,
    /// After a quote inside quotes: the first of a doubled quote, or the closing quote.
    QuoteInQuotes,
}

impl Scan {
    pub(crate) fn new(delimiter: Delimiter) -> Self {
        Self { delimiter, count: 0, length: None, state: State::CellBegins, seen: 0 }
    }

    /// Continues with the next bytes of the record.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.length.is_some() {
                return;
            }
            self.state = match (self.state, byte) {
                (State::Quoted, b'"') => State::QuoteInQuotes,
                (State::Quoted, _) | (State::CellBegins | State::QuoteInQuotes, b'"') => State::Quoted,
                (_, b'\r' | b'\n') => {
                    self.length = Some(self.seen);
                    return;
                }
                (_, byte) if *byte == self.delimiter.byte() => {
                    self.count += 1;
                    State::CellBegins
                }
                _ => State::Plain,
            };
            self.seen += 1;
        }
    }
}

/// Returns the usual delimiters that occur in `header` outside quotes, most frequent first; the comma if none occurs.
#[cfg(test)]
pub(crate) fn detect(header: &[u8]) -> Vec<Delimiter> {
    let mut scans = Delimiter::USUAL.map(Scan::new);
    scans.iter_mut().for_each(|scan| scan.feed(header));
    candidates(&scans)
}

/// Returns the delimiters of `scans` that occur, most frequent first; the comma if none occurs.
pub(crate) fn candidates(scans: &[Scan]) -> Vec<Delimiter> {
    let mut found: Vec<&Scan> = scans.iter().filter(|scan| scan.count > 0).collect();
    found.sort_by_key(|scan| std::cmp::Reverse(scan.count));
    if found.is_empty() { vec![Delimiter::COMMA] } else { found.into_iter().map(|scan| scan.delimiter).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn delimiters_go_by_name_or_by_themselves_and_survive_text_and_json() {
        for (text, delimiter, name) in [
            (",", Delimiter::COMMA, "comma"),
            ("semicolon", Delimiter::SEMICOLON, "semicolon"),
            ("\t", Delimiter::TAB, "tab"),
            ("\\t", Delimiter::TAB, "tab"),
            ("|", Delimiter::PIPE, "pipe"),
            ("~", Delimiter(b'~'), "~"),
            ("t", Delimiter(b't'), "t"),
            ("\u{1f}", Delimiter(0x1f), "\u{1f}"),
        ] {
            assert_eq!(text.parse(), Ok(delimiter), "{text:?}");
            assert_eq!(delimiter.to_string(), name);
            assert_eq!(name.parse(), Ok(delimiter));
            let json = serde_json::to_string(&delimiter).unwrap();
            assert_eq!(serde_json::from_str::<Delimiter>(&json).unwrap(), delimiter);
        }
        for text in ["", "\"", "\n", "\r", ",,", "§", "Comma"] {
            assert_eq!(text.parse::<Delimiter>(), Err(UnknownDelimiter(text.to_owned())));
        }
    }

    #[test]
    fn what_occurs_outside_quotes_could_separate() {
        for (header, found) in [
            ("Ticket,Note", "comma"),
            ("Ticket;Note", "semicolon"),
            ("Ticket\tNote\n,,,", "tab"),
            ("Ticket|Note", "pipe"),
            ("Ticket", "comma"),
            ("", "comma"),
            ("a;b,c;d", "semicolon comma"),
            ("a,b;c", "comma semicolon"),
            ("\"a;b\",c", "comma"),
            ("\"a;\"\"b\n;\",c\n;", "comma"),
            // For the semicolon, this quote is inside a cell.
            ("a,\"b;c\"", "comma semicolon"),
        ] {
            let names: Vec<String> = detect(header.as_bytes()).iter().map(ToString::to_string).collect();
            assert_eq!(names.join(" "), found, "{header:?}");
        }
    }

    proptest! {
        /// The oracle is csv_core, reading the same record.
        #[test]
        fn cells_and_extent_are_the_parsers(
            bytes in prop::collection::vec(prop::sample::select(&b";;\"\"\"ab,\r\n"[..]), 0..60),
            parts in prop::collection::vec(0_usize..60, 0..3),
        ) {
            prop_assume!(bytes.first().is_some_and(|byte| !matches!(byte, b'\r' | b'\n')));
            let mut scan = Scan::new(Delimiter::SEMICOLON);
            let mut parts: Vec<usize> = parts.into_iter().map(|part| part.min(bytes.len())).collect();
            parts.sort_unstable();
            parts.push(bytes.len());
            let mut start = 0;
            for end in parts {
                scan.feed(&bytes[start..end]);
                start = end;
            }
            let mut core = csv_core::ReaderBuilder::new().delimiter(b';').build();
            let (result, read, _, ends) = core.read_record(&bytes, &mut [0; 100], &mut [0; 100]);
            if let csv_core::ReadRecordResult::Record = result {
                prop_assert_eq!((scan.length.map(|length| length + 1), scan.count + 1), (Some(read), ends));
            } else {
                prop_assert_eq!((scan.length, scan.count), (None, ends));
            }
        }
    }
}
