//! Errors in a text as a whole.

use std::fmt;
use std::io;

use super::delimiter::Delimiter;
use super::encoding::Encoding;
use crate::record_error::RecordError;

/// The text as a whole cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The source failed.
    #[error("the input cannot be read past byte {byte}")]
    Read {
        /// Number of bytes read before the error.
        byte: u64,
        /// The source's error.
        source: io::Error,
    },
    /// The input is a zip archive, as .xlsx and .ods files are, or an old .xls file.
    #[error("the input is a workbook or an archive, not text")]
    NotText,
    /// The gzip data ends too early.
    #[error("the input is compressed (gzip) and cut off before its end; get a complete copy")]
    GzipCutOff,
    /// The gzip data cannot be unpacked, or its checksum does not match.
    #[error("the input is compressed (gzip) and damaged at or before byte {byte}; get another copy")]
    GzipDamaged {
        /// Position in the compressed input.
        byte: u64,
    },
    /// The unpacked input is longer than allowed.
    #[error(
        "the input is compressed (gzip) and unpacks to more than {most_bytes} bytes; check that it is the right file"
    )]
    GzipTooLong {
        /// The maximum length of the unpacked input.
        most_bytes: u64,
    },
    /// The unpacked input cannot be written.
    #[error("the input is compressed (gzip), and its unpacked copy cannot be written: {0}")]
    NotUnpacked(io::Error),
    /// Other data follows the last gzip member.
    #[error("the input is compressed (gzip), and other data follows from byte {byte} on; unpack and check it")]
    AfterGzip {
        /// Position in the compressed input.
        byte: u64,
    },
    /// The bytes are not valid in the requested or marked encoding.
    #[error("the input is not valid {encoding} from byte {byte} on; check that it is complete, and its encoding")]
    Malformed {
        /// The encoding used.
        encoding: Encoding,
        /// Position in the unpacked input.
        byte: u64,
    },
    /// The byte order mark is of another encoding than the requested one.
    #[error("the input begins with the byte order mark of {marked}, but was to be read as {requested}")]
    Contradicted {
        /// The encoding of the mark.
        marked: Encoding,
        /// The requested encoding.
        requested: Encoding,
    },
    /// The text begins with NUL bytes, or its header or first JSON record contains one.
    #[error("the input has NUL bytes where text should be{}", utf16_advice(*likely))]
    Binary {
        /// The most likely UTF-16 variant.
        likely: Option<&'static str>,
    },
    /// The CSV has only empty lines, and no header.
    #[error("the input has no header line; the first line of a CSV must name its columns")]
    NoHeader,
    /// The header is a record that cannot be used.
    #[error("the header cannot be read: {0}")]
    Header(RecordError),
    /// The input ends before the requested header line.
    #[error("the input ends before line {line}, where its header was expected")]
    NoHeaderRow {
        /// The requested line of the header.
        line: u64,
    },
    /// The header is not UTF-8.
    #[error("the header is not UTF-8 at byte {byte}; {}", encoding_advice(*likely))]
    HeaderNotUtf8 {
        /// Position in the unpacked input.
        byte: u64,
        /// The most likely encoding.
        likely: Option<&'static str>,
    },
    /// Several delimiters give the needed columns.
    #[error("the delimiter is ambiguous: the columns could be separated by any of {candidates}")]
    SeveralDelimitersFit {
        /// The delimiters that fit.
        candidates: Listed<Delimiter>,
    },
    /// None of the first lines is a JSON object.
    #[error("the first {lines} lines have no JSON object; JSON Lines needs one on each line (first: {first})")]
    NoObject {
        /// Number of lines read.
        lines: usize,
        /// The error in the first line.
        first: RecordError,
    },
    /// None of the first elements of the array is a JSON object.
    #[error("the first {elements} elements of the array have no JSON object (first: {first})")]
    NoObjectInArray {
        /// Number of elements read.
        elements: usize,
        /// The error in the first element.
        first: RecordError,
    },
    /// The input is a JSON array, but JSON lines were expected.
    #[error("the input begins as a JSON array, but JSON lines has an object on each line")]
    ArrayNotLines,
    /// The input is a JSON object, but an array was expected.
    #[error(
        "the input begins as a JSON object, but the format json is an array of objects; if the array is inside the \
         object, extract it (with jq: jq .NAME FILE)"
    )]
    ObjectNotArray,
    /// The JSON array is broken between its elements, so it is unknown where the next element begins.
    #[error("the JSON array is broken on line {line}, at byte {byte}: {what}; the rest is not read; correct the file")]
    BrokenArray {
        /// Line, from 1.
        line: u64,
        /// Offset.
        byte: u64,
        /// The fault.
        what: &'static str,
    },
}

/// Why a header cannot be used. `E` is the error of the caller that looks for columns in it. The caller also writes the
/// message.
#[derive(Debug)]
pub enum HeaderError<E> {
    /// The text cannot be read.
    Text(TextError),
    /// The needed columns are missing.
    Columns(E),
    /// Several delimiters occur in the header, but none of them gives the needed columns.
    NoDelimiterFits {
        /// The delimiters that occur in the header.
        candidates: Listed<Delimiter>,
        /// The most frequent.
        first: Delimiter,
        /// Why the most frequent delimiter does not fit.
        reason: Box<HeaderError<E>>,
    },
}

impl<E> From<TextError> for HeaderError<E> {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

/// The advice for a text that is not UTF-8.
pub(crate) fn encoding_advice(likely: Option<&'static str>) -> String {
    match likely {
        Some(encoding) => format!("it looks like {encoding}: read it with that encoding, or save the file as UTF-8"),
        None => "save the file as UTF-8".to_owned(),
    }
}

fn utf16_advice(likely: Option<&'static str>) -> String {
    match likely {
        Some(encoding) => format!("; it looks like {encoding} without a byte order mark"),
        None => "; it is binary data".to_owned(),
    }
}

/// A list of values in a message.
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
