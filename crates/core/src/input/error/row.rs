//! What can be wrong with one row of an input.

use super::encoding_advice;
use crate::input::decode::legacy_hint;
use crate::input::delimiter::Delimiter;
use crate::input::template::RenderError;
use crate::input::ticket::NoTicket;
use crate::planning::Defect;
use batchpost_sheets::Names;

/// Why no job can be made of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRow {
    /// A CSV record over the bound.
    #[error("the record that begins on line {line} is longer than {bound_bytes} bytes; is a quote never closed?")]
    RecordTooLong {
        /// Where it begins, from 1.
        line: u64,
        /// [`Options::record_bound_bytes`](crate::input::Options::record_bound_bytes).
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
    /// A NUL character in a text.
    #[error("column {column:?} contains a NUL character; remove it")]
    Nul {
        /// The column's name.
        column: String,
    },
    /// A ticket cell that holds no ticket id.
    #[error("column {column:?}: {error}")]
    Ticket {
        /// The column's name.
        column: String,
        /// What is wrong with the id.
        error: NoTicket,
    },
    /// A text made by a template, with a NUL character in it.
    #[error("the text contains a NUL character; remove it from the cell that it comes from")]
    NulInText,
    /// A ticket id, and nothing that the template makes a text of.
    #[error("there is a ticket id, but nothing to make a text of by the template")]
    NothingByTemplate,
    /// The template cannot be filled in.
    #[error(transparent)]
    Template(#[from] RenderError),
    /// A workbook's cell that shows an error.
    #[error("column {column:?} shows {error} in cell {cell}; mend its formula, or the cells that it refers to")]
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
        "column {column:?} has a text in cell {cell} with something in it that is no character, such as half an emoji; \
         type it anew"
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
    /// A text, and an empty ticket cell.
    #[error("column {column:?} is empty; there is a text but no ticket id to post it under")]
    NoTicket {
        /// The ticket's column.
        column: String,
    },
    /// A ticket id, and no text in any text column.
    #[error("there is a ticket id but no text in {columns}")]
    NoText {
        /// The text columns.
        columns: Names,
    },
    /// The column that names the job is empty.
    #[error("column {column:?} is empty; it is to name the job")]
    NoName {
        /// The column's name.
        column: String,
    },
    /// A text over the length that was asked for.
    #[error("the text has {bytes} bytes, more than {most}; shorten it, or say --too-long truncate")]
    TooLong {
        /// Its length in UTF-8.
        bytes: usize,
        /// [`MaxText::bytes`](crate::input::MaxText::bytes).
        most: usize,
    },
    /// A JSON line over the bound.
    #[error("the line is longer than {bound_bytes} bytes")]
    LineTooLong {
        /// [`Options::record_bound_bytes`](crate::input::Options::record_bound_bytes).
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
        /// [`Options::record_bound_bytes`](crate::input::Options::record_bound_bytes).
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
    #[error("the object has other names than {columns}")]
    OtherNames {
        /// The mapped columns.
        columns: Names,
    },
    /// A JSON object with a mapped name twice.
    #[error("column {column:?} is there twice; which one is meant cannot be known")]
    NameTwice {
        /// The column's name.
        column: String,
    },
}

impl From<InvalidRow> for Defect {
    fn from(row: InvalidRow) -> Self {
        Self { kind: row.kind(), what: row.to_string() }
    }
}

impl InvalidRow {
    /// What is wrong, without what differs from row to row: rows with the same fault have the same.
    pub fn kind(&self) -> String {
        match self {
            Self::RecordTooLong { bound_bytes, .. } => format!("the record is longer than {bound_bytes} bytes"),
            Self::TooManyCells { most, .. } => format!("the record has more than {most} cells"),
            Self::OpenQuote { .. } => "a quote is never closed".to_owned(),
            Self::TextAfterQuote { .. } => "text after a closing quote".to_owned(),
            Self::CellCount { .. } => "not as many cells as the header has columns".to_owned(),
            Self::NotAnObject { .. } => "not a JSON object".to_owned(),
            Self::TooLong { most, .. } => format!("the text is longer than {most} bytes"),
            Self::Ticket { column, error } => format!("column {column:?}: {}", error.kind()),
            Self::Template(_) => "the template cannot be filled in".to_owned(),
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
            Self::Nul { .. }
            | Self::NulInText
            | Self::NothingByTemplate
            | Self::NoTicket { .. }
            | Self::NoText { .. }
            | Self::NoName { .. }
            | Self::LineTooLong { .. }
            | Self::ElementTooLong { .. }
            | Self::WrongKind { .. }
            | Self::OtherNames { .. }
            | Self::NameTwice { .. } => self.to_string(),
        }
    }

    /// Of a cell that is not UTF-8.
    pub(in crate::input) fn not_utf8(column: &str, cell: &[u8]) -> Self {
        let (byte, likely) = not_utf8(cell);
        Self::NotUtf8 { column: column.to_owned(), byte, likely }
    }

    /// Of a JSON line or element that is not UTF-8.
    pub(in crate::input) fn record_not_utf8(record: &[u8]) -> Self {
        let (byte, likely) = not_utf8(record);
        Self::RecordNotUtf8 { byte, likely }
    }
}

/// The first byte that is not UTF-8, from 1, and the encoding that the text looks most like.
fn not_utf8(text: &[u8]) -> (usize, Option<&'static str>) {
    let valid = std::str::from_utf8(text).map_or_else(|error| error.valid_up_to(), str::len);
    (valid + 1, legacy_hint(text))
}
