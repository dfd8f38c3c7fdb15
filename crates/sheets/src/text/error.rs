//! What can be wrong with a text as a whole.

use std::fmt;
use std::io;

use super::decode::Encoding;
use super::delimiter::Delimiter;
use crate::record_error::RecordError;

/// A text as a whole cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The source failed.
    #[error("the input cannot be read on from byte {byte}")]
    Read {
        /// Bytes read before it.
        byte: u64,
        /// The source's error.
        source: io::Error,
    },
    /// A zip archive, which is what .xlsx and .ods files are, or an old .xls file.
    #[error("the input is a workbook or an archive, not text")]
    NotText,
    /// Gzip that ends too early.
    #[error("the input is compressed (gzip) and cut off before its end; get a whole copy of it")]
    GzipCutOff,
    /// Gzip that cannot be unpacked, or whose checksum does not match.
    #[error("the input is compressed (gzip) and damaged at or before byte {byte}; get another copy of it")]
    GzipDamaged {
        /// Where in the compressed bytes.
        byte: u64,
    },
    /// More than there is room for.
    #[error(
        "the input is compressed (gzip) and has more than {most_bytes} bytes when unpacked; check that it is the right file"
    )]
    GzipTooLong {
        /// The most that are unpacked.
        most_bytes: u64,
    },
    /// What is unpacked cannot be kept.
    #[error("the input is compressed (gzip), and there is no place to unpack it: {0}")]
    NotUnpacked(io::Error),
    /// Something else after gzip's last member.
    #[error("the input is compressed (gzip), and something else follows from byte {byte} on; unpack it and look")]
    AfterGzip {
        /// Where in the compressed bytes.
        byte: u64,
    },
    /// Bytes that the encoding, asked for or marked, does not have.
    #[error("the input is not valid {encoding} from byte {byte} on; check that it is complete, and its encoding")]
    Malformed {
        /// The encoding it was read in.
        encoding: Encoding,
        /// Where in the (unpacked) input.
        byte: u64,
    },
    /// A byte order mark of one encoding, and a request to read another.
    #[error("the input begins with the byte order mark of {marked}, and is to be read as {said}")]
    Contradicted {
        /// The mark's.
        marked: Encoding,
        /// The one asked for.
        said: Encoding,
    },
    /// NUL bytes where text should begin.
    #[error("the input has NUL bytes where text should be{}", utf16_advice(*likely))]
    Binary {
        /// The UTF-16 that it most likely is.
        likely: Option<&'static str>,
    },
    /// Nothing but empty lines, where a CSV's header was expected.
    #[error("the input has no header line; the first line of a CSV must name its columns")]
    NoHeader,
    /// The header is not a record that can be used.
    #[error("the header cannot be read: {0}")]
    Header(RecordError),
    /// The lines that are to stand before the header are all there is.
    #[error("the input ends before line {line}, where its header is said to be")]
    NoHeaderRow {
        /// The header's line, as asked.
        line: u64,
    },
    /// The header is in another encoding.
    #[error("the header is not UTF-8 at byte {byte}; {}", encoding_advice(*likely))]
    HeaderNotUtf8 {
        /// Where in the (unpacked) input.
        byte: u64,
        /// The encoding that it looks most like.
        likely: Option<&'static str>,
    },
    /// Several characters could separate the columns, and do equally well.
    #[error("the columns could be separated by any of {candidates}")]
    SeveralDelimitersFit {
        /// Those that do.
        candidates: Listed<Delimiter>,
    },
    /// Line after line, and none a JSON object.
    #[error("none of the first {lines} lines is a JSON object; JSON lines has an object on each line (first: {first})")]
    NoObject {
        /// Lines looked at.
        lines: usize,
        /// What was wrong with the first.
        first: RecordError,
    },
    /// Element after element, and none a JSON object.
    #[error("none of the first {elements} elements of the array is a JSON object (first: {first})")]
    NoObjectInArray {
        /// Elements looked at.
        elements: usize,
        /// What was wrong with the first.
        first: RecordError,
    },
    /// A JSON array where JSON lines were expected.
    #[error("the input begins as a JSON array, and JSON lines has an object on each line")]
    ArrayNotLines,
    /// A JSON object where an array was expected.
    #[error(
        "the input begins as a JSON object, and the format json is an array of objects; if the array is inside the \
         object, extract it (with jq: jq .NAME FILE)"
    )]
    ObjectNotArray,
    /// A JSON array that is broken outside its elements, so that where they begin cannot be known.
    #[error("the JSON array is broken on line {line}, at byte {byte}: {what}; repair it: nothing after that is read")]
    BrokenArray {
        /// Line, from 1.
        line: u64,
        /// Offset.
        byte: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Why a header could not be used. `E` is what whoever finds columns in it has against it, who also puts all of it into words.
#[derive(Debug)]
pub enum HeaderError<E> {
    /// The text cannot be read.
    Text(TextError),
    /// The columns that are needed are not there.
    Columns(E),
    /// Several characters could separate the columns, and by none of them are the columns there that are needed.
    NoDelimiterFits {
        /// Those that occur in the header.
        candidates: Listed<Delimiter>,
        /// The most frequent.
        first: Delimiter,
        /// Why it does not do.
        reason: Box<HeaderError<E>>,
    },
}

impl<E> From<TextError> for HeaderError<E> {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

/// What to do about a text that looks like it is in another encoding.
pub(crate) fn encoding_advice(likely: Option<&'static str>) -> String {
    match likely {
        Some(encoding) => format!("it looks like {encoding}: read it as that, or save the file as UTF-8"),
        None => "save the file as UTF-8".to_owned(),
    }
}

fn utf16_advice(likely: Option<&'static str>) -> String {
    match likely {
        Some(encoding) => format!(", as {encoding} without a byte order mark has"),
        None => "; it is binary data".to_owned(),
    }
}

/// A few values for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T>(pub Vec<T>);

impl<T: fmt::Display> fmt::Display for Listed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, value) in self.0.iter().enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            write!(f, "{comma}{value}")?;
        }
        Ok(())
    }
}
