//! Errors in one record of a sheet.

use crate::names::Names;
use crate::text::{Delimiter, encoding_advice, legacy_hint};

/// Why the cells of a record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A CSV record exceeds the length bound.
    #[error("the record that begins on line {line} is longer than {bound_bytes} bytes; check for an unclosed quote")]
    RecordTooLong {
        /// Line on which it begins, from 1.
        line: u64,
        /// [`CsvShape::record_bound_bytes`](crate::text::CsvShape::record_bound_bytes).
        bound_bytes: usize,
    },
    /// A CSV record has more cells than any spreadsheet has columns.
    #[error("the record that begins on line {line} has more than {most} cells")]
    TooManyCells {
        /// Line on which it begins, from 1.
        line: u64,
        /// The maximum number of cells.
        most: usize,
    },
    /// The input ends before a quote is closed.
    #[error("the record that begins on line {line} has a quote that is never closed; close it, or complete the file")]
    OpenQuote {
        /// Line on which it begins, from 1.
        line: u64,
    },
    /// A cell continues after its closing quote.
    #[error(
        "the record that begins on line {line} has text after a closing quote; double each quote inside a quoted text"
    )]
    TextAfterQuote {
        /// Line on which it begins, from 1.
        line: u64,
    },
    /// The number of cells differs from the number of columns in the header.
    #[error(
        "cells: {found}, columns in the header: {expected}; quote each text that contains a {delimiter} or a quote"
    )]
    CellCount {
        /// Number of cells in this record.
        found: usize,
        /// Number of columns in the header.
        expected: usize,
        /// The character that separates the cells.
        delimiter: Delimiter,
    },
    /// A mapped cell is not UTF-8.
    #[error("column {column:?} is not UTF-8 at byte {byte} of its cell; {}", encoding_advice(*likely))]
    NotUtf8 {
        /// The column's name.
        column: String,
        /// First invalid byte in the unquoted cell, from 1.
        byte: usize,
        /// The most likely encoding.
        likely: Option<&'static str>,
    },
    /// A workbook cell shows an error.
    #[error("column {column:?} shows {error} in cell {cell}; correct its formula, or the cells that it refers to")]
    ErrorCell {
        /// The column's name.
        column: String,
        /// The cell, such as `C7`.
        cell: String,
        /// The error that the cell shows.
        error: String,
    },
    /// A number in a workbook has lost digits.
    #[error(
        "column {column:?} has {number} in cell {cell}, a number too long for a spreadsheet to keep; type it as text"
    )]
    InexactNumber {
        /// The column's name.
        column: String,
        /// The cell, such as `C7`.
        cell: String,
        /// The number as stored in the file.
        number: String,
    },
    /// A text in a workbook contains an invalid character.
    #[error("column {column:?} has an invalid character in cell {cell}, such as half an emoji; type the text again")]
    GarbledCell {
        /// The column's name.
        column: String,
        /// The cell, such as `C7`.
        cell: String,
    },
    /// A workbook has a formula without its value.
    #[error(
        "column {column:?} has a formula in cell {cell} whose value is not in the file; open it in a spreadsheet \
         program and save it"
    )]
    Uncomputed {
        /// The column's name.
        column: String,
        /// The cell, such as `C7`.
        cell: String,
    },
    /// A workbook cell to the right of the last named column is not blank.
    #[error("cell {cell} is not empty, but its column has no name; name the column in the header, or clear the cell")]
    CellBeyond {
        /// The cell, such as `C7`.
        cell: String,
    },
    /// A JSON line exceeds the length bound.
    #[error("the line is longer than {bound_bytes} bytes")]
    LineTooLong {
        /// [`CsvShape::record_bound_bytes`](crate::text::CsvShape::record_bound_bytes).
        bound_bytes: usize,
    },
    /// A line is not a single JSON object.
    #[error("not a JSON object: {why}, at byte {byte} of the line")]
    NotAnObject {
        /// The parser's error.
        why: String,
        /// Position in the line, from 1.
        byte: usize,
    },
    /// An element of a JSON array exceeds the length bound.
    #[error("the element is longer than {bound_bytes} bytes")]
    ElementTooLong {
        /// [`CsvShape::record_bound_bytes`](crate::text::CsvShape::record_bound_bytes).
        bound_bytes: usize,
    },
    /// An element of a JSON array is not an object.
    #[error("not a JSON object: {why}, on line {line}")]
    ElementNotAnObject {
        /// The parser's error.
        why: String,
        /// Line in the input, from 1.
        line: u64,
    },
    /// A JSON line or element is not UTF-8.
    #[error("not UTF-8 at byte {byte} of the record; {}", encoding_advice(*likely))]
    RecordNotUtf8 {
        /// Position in the record, from 1.
        byte: usize,
        /// The most likely encoding.
        likely: Option<&'static str>,
    },
    /// A JSON value has a type that the field cannot take.
    #[error("column {column:?} is {found}; it must be {wanted}")]
    WrongKind {
        /// The column's name.
        column: String,
        /// The type found.
        found: &'static str,
        /// The types allowed.
        wanted: &'static str,
    },
    /// A JSON object has members, but none of the mapped ones.
    #[error("the object has none of the members {columns}")]
    OtherNames {
        /// The mapped columns.
        columns: Names,
    },
    /// A JSON object has a mapped member more than once.
    #[error("column {column:?} occurs more than once in the object; keep only one")]
    NameTwice {
        /// The column's name.
        column: String,
    },
}

impl RecordError {
    /// Returns the error without the parts that differ from row to row, so that rows with the same fault have the same
    /// kind.
    pub fn kind(&self) -> String {
        match self {
            Self::RecordTooLong { bound_bytes, .. } => format!("the record is longer than {bound_bytes} bytes"),
            Self::TooManyCells { most, .. } => format!("the record has more than {most} cells"),
            Self::OpenQuote { .. } => "a quote is never closed".to_owned(),
            Self::TextAfterQuote { .. } => "text after a closing quote".to_owned(),
            Self::CellCount { .. } => "the number of cells differs from the number of columns".to_owned(),
            Self::NotAnObject { .. } => "not a JSON object".to_owned(),
            Self::ErrorCell { column, error, .. } => format!("column {column:?} shows {error}"),
            Self::InexactNumber { column, .. } => format!("column {column:?} has a number too long to be kept"),
            Self::GarbledCell { column, .. } => format!("column {column:?} has an invalid character"),
            Self::Uncomputed { column, .. } => format!("column {column:?} has a formula without a value"),
            Self::CellBeyond { .. } => "a cell whose column has no name".to_owned(),
            Self::ElementNotAnObject { .. } => "not a JSON object".to_owned(),
            Self::RecordNotUtf8 { likely, .. } => format!("not UTF-8; {}", encoding_advice(*likely)),
            Self::NotUtf8 { column, likely, .. } => {
                format!("column {column:?} is not UTF-8; {}", encoding_advice(*likely))
            }
            // These contain nothing that differs from row to row.
            Self::LineTooLong { .. }
            | Self::ElementTooLong { .. }
            | Self::WrongKind { .. }
            | Self::OtherNames { .. }
            | Self::NameTwice { .. } => self.to_string(),
        }
    }

    /// Creates the error for a cell that is not UTF-8.
    pub fn not_utf8(column: &str, cell: &[u8]) -> Self {
        let (byte, likely) = not_utf8(cell);
        Self::NotUtf8 { column: column.to_owned(), byte, likely }
    }

    /// Creates the error for a JSON line or element that is not UTF-8.
    pub(crate) fn record_not_utf8(record: &[u8]) -> Self {
        let (byte, likely) = not_utf8(record);
        Self::RecordNotUtf8 { byte, likely }
    }
}

/// Returns the position of the first byte that is not UTF-8, from 1, and the most likely encoding of the text.
fn not_utf8(text: &[u8]) -> (usize, Option<&'static str>) {
    let valid = std::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), str::len);
    (valid + 1, legacy_hint(text))
}
