//! What can be wrong with one record of a sheet.

use crate::names::Names;
use crate::text::{Delimiter, encoding_advice, legacy_hint};

/// Why the cells of a record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A CSV record over the bound.
    #[error("the record that begins on line {line} is longer than {bound_bytes} bytes; is a quote never closed?")]
    RecordTooLong {
        /// Where it begins, from 1.
        line: u64,
        /// [`Known::record_bound_bytes`](crate::text::Known::record_bound_bytes).
        bound_bytes: usize,
    },
    /// A CSV record with more cells than any spreadsheet has columns.
    #[error("the record that begins on line {line} has more than {most} cells")]
    TooManyCells {
        /// Where it begins, from 1.
        line: u64,
        /// The most that are read.
        most: usize,
    },
    /// The input ends before a quote is closed.
    #[error("the record that begins on line {line} has a quote that is never closed; the input ends inside it")]
    OpenQuote {
        /// Where it begins, from 1.
        line: u64,
    },
    /// A cell that goes on after its closing quote.
    #[error(
        "the record that begins on line {line} has text after a closing quote; a quote within a quoted text must be \
         doubled"
    )]
    TextAfterQuote {
        /// Where it begins, from 1.
        line: u64,
    },
    /// Not as many cells as the header has columns.
    #[error(
        "cells: {found}, columns in the header: {expected}; a text with a {delimiter} or quote in it must be quoted"
    )]
    CellCount {
        /// Cells of this record.
        found: usize,
        /// Columns of the header.
        expected: usize,
        /// What separates them.
        delimiter: Delimiter,
    },
    /// A mapped cell in another encoding.
    #[error("column {column:?} is not UTF-8 at byte {byte} of its cell; {}", encoding_advice(*likely))]
    NotUtf8 {
        /// The column's name.
        column: String,
        /// Where in the cell, unquoted, from 1.
        byte: usize,
        /// The encoding that it looks most like.
        likely: Option<&'static str>,
    },
    /// A workbook's cell that shows an error.
    #[error("column {column:?} shows {error} in cell {cell}; correct its formula, or the cells that it refers to")]
    ErrorCell {
        /// The column's name.
        column: String,
        /// The cell, as the sheet names it.
        cell: String,
        /// What it shows.
        error: String,
    },
    /// A workbook's number with digits that were lost.
    #[error(
        "column {column:?} has {number} in cell {cell}, a number too long for a spreadsheet to keep; type it as text"
    )]
    InexactNumber {
        /// The column's name.
        column: String,
        /// The cell, as the sheet names it.
        cell: String,
        /// What is left of it.
        number: String,
    },
    /// A workbook's text that is not all characters.
    #[error(
        "column {column:?} has a text in cell {cell} with a broken character in it, such as half an emoji; type it \
         again"
    )]
    GarbledCell {
        /// The column's name.
        column: String,
        /// The cell, as the sheet names it.
        cell: String,
    },
    /// A workbook's formula whose value is not in the file.
    #[error(
        "column {column:?} has a formula in cell {cell} whose value is not in the file; open it in a spreadsheet \
         program and save it"
    )]
    Uncomputed {
        /// The column's name.
        column: String,
        /// The cell, as the sheet names it.
        cell: String,
    },
    /// A workbook's cell right of the last column that has a name.
    #[error("cell {cell} has something in it, and its column has no name; name it in the header, or clear the cell")]
    CellBeyond {
        /// The cell, as the sheet names it.
        cell: String,
    },
    /// A JSON line over the bound.
    #[error("the line is longer than {bound_bytes} bytes")]
    LineTooLong {
        /// [`Known::record_bound_bytes`](crate::text::Known::record_bound_bytes).
        bound_bytes: usize,
    },
    /// A line that is not one JSON object.
    #[error("not a JSON object: {why}, at byte {byte} of the line")]
    NotAnObject {
        /// What the parser found.
        why: String,
        /// Where, from 1.
        byte: usize,
    },
    /// A JSON array's element over the bound.
    #[error("the element is longer than {bound_bytes} bytes")]
    ElementTooLong {
        /// [`Known::record_bound_bytes`](crate::text::Known::record_bound_bytes).
        bound_bytes: usize,
    },
    /// A JSON array's element that is not an object.
    #[error("not a JSON object: {why}, on line {line}")]
    ElementNotAnObject {
        /// What the parser found.
        why: String,
        /// Where in the input, from 1.
        line: u64,
    },
    /// A JSON line or element in another encoding.
    #[error("not UTF-8 at byte {byte} of the record; {}", encoding_advice(*likely))]
    RecordNotUtf8 {
        /// Where in the record, from 1.
        byte: usize,
        /// The encoding that it looks most like.
        likely: Option<&'static str>,
    },
    /// A JSON value of a kind that the field cannot be.
    #[error("column {column:?} is {found}, which is not {wanted}")]
    WrongKind {
        /// The column's name.
        column: String,
        /// The kind found.
        found: &'static str,
        /// The kind wanted.
        wanted: &'static str,
    },
    /// A JSON object that has names, and none of the mapped ones.
    #[error("the object has none of the members {columns}")]
    OtherNames {
        /// The mapped columns.
        columns: Names,
    },
    /// A JSON object with a mapped name twice.
    #[error("column {column:?} is there twice; it is unclear which one is meant")]
    NameTwice {
        /// The column's name.
        column: String,
    },
}

impl RecordError {
    /// What is wrong, without what differs from row to row: rows with the same fault have the same.
    pub fn kind(&self) -> String {
        match self {
            Self::RecordTooLong { bound_bytes, .. } => format!("the record is longer than {bound_bytes} bytes"),
            Self::TooManyCells { most, .. } => format!("the record has more than {most} cells"),
            Self::OpenQuote { .. } => "a quote is never closed".to_owned(),
            Self::TextAfterQuote { .. } => "text after a closing quote".to_owned(),
            Self::CellCount { .. } => "not as many cells as the header has columns".to_owned(),
            Self::NotAnObject { .. } => "not a JSON object".to_owned(),
            Self::ErrorCell { column, error, .. } => format!("column {column:?} shows {error}"),
            Self::InexactNumber { column, .. } => format!("column {column:?} has a number too long to be kept"),
            Self::GarbledCell { column, .. } => format!("column {column:?} has something that is no character"),
            Self::Uncomputed { column, .. } => format!("column {column:?} has a formula without a value"),
            Self::CellBeyond { .. } => "a cell whose column has no name".to_owned(),
            Self::ElementNotAnObject { .. } => "not a JSON object".to_owned(),
            Self::RecordNotUtf8 { likely, .. } => format!("not UTF-8; {}", encoding_advice(*likely)),
            Self::NotUtf8 { column, likely, .. } => {
                format!("column {column:?} is not UTF-8; {}", encoding_advice(*likely))
            }
            // These name nothing but the column.
            Self::LineTooLong { .. }
            | Self::ElementTooLong { .. }
            | Self::WrongKind { .. }
            | Self::OtherNames { .. }
            | Self::NameTwice { .. } => self.to_string(),
        }
    }

    /// Of a cell that is not UTF-8.
    pub fn not_utf8(column: &str, cell: &[u8]) -> Self {
        let (byte, likely) = not_utf8(cell);
        Self::NotUtf8 { column: column.to_owned(), byte, likely }
    }

    /// Of a JSON line or element that is not UTF-8.
    pub(crate) fn record_not_utf8(record: &[u8]) -> Self {
        let (byte, likely) = not_utf8(record);
        Self::RecordNotUtf8 { byte, likely }
    }
}

/// The first byte that is not UTF-8, from 1, and the encoding that the text looks most like.
fn not_utf8(text: &[u8]) -> (usize, Option<&'static str>) {
    let valid = std::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), str::len);
    (valid + 1, legacy_hint(text))
}
