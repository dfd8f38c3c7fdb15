//! What can be wrong with an input, with one row of it, and with the options for reading it.

use std::fmt;
use std::io;

use super::options::Field;
use super::sheet::SheetError;
use crate::job::{TicketError, shorten};

/// The input as a whole cannot be read: the run ends.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The source failed.
    #[error("the input cannot be read on from byte {byte}")]
    Read {
        /// Bytes read before it.
        byte: u64,
        /// The source's error.
        source: io::Error,
    },
    /// A zip archive, which is what .xlsx and .ods files are, or an old .xls file.
    #[error(
        "the input is a spreadsheet's own file or an archive; only CSV and JSON lines are read: save it as CSV UTF-8"
    )]
    Spreadsheet,
    /// What is wrong with a workbook.
    #[error(transparent)]
    Sheet(#[from] SheetError),
    /// A gzip file.
    #[error("the input is compressed (gzip); only CSV and JSON lines are read: unpack it first")]
    Gzip,
    /// A UTF-16 byte order mark, or NUL bytes where text should begin.
    #[error("the input looks like UTF-16 or binary data; save it as UTF-8 (in Excel: CSV UTF-8)")]
    Binary,
    /// Nothing but empty lines, where a CSV's header was expected.
    #[error("the input has no header line; the first line of a CSV must name its columns")]
    NoHeader,
    /// The header is not a record that can be used.
    #[error("the header cannot be read: {0}")]
    Header(InvalidRow),
    /// One column, with other separators in its name.
    #[error("the columns seem to be separated by {0}; save it as CSV with commas")]
    Separator(&'static str),
    /// A column that was asked for is not there.
    #[error("there is no column {column:?} for the {field}; the columns are {columns}")]
    MissingColumn {
        /// The field it was asked for.
        field: Field,
        /// The name as asked.
        column: String,
        /// Those there are.
        columns: Names,
    },
    /// No column was asked for, and none has an obvious name.
    #[error("no column is obviously the {field}; say which with --column {field}=COLUMN; the columns are {columns}")]
    NoCandidate {
        /// The field without a column.
        field: Field,
        /// The columns there are.
        columns: Names,
    },
    /// Several columns match equally well.
    #[error("several columns could be the {field}: {candidates}; say which with --column {field}=COLUMN")]
    AmbiguousColumn {
        /// The field.
        field: Field,
        /// Those that match.
        candidates: Names,
    },
    /// The header has a name twice that is needed.
    #[error("the header has the column {0:?} more than once; rename the one not meant")]
    RepeatedColumn(String),
    /// Two options ask for one column.
    #[error("the column {0:?} is asked for twice; leave one out")]
    ColumnAskedTwice(String),
    /// Two options give a field a column that has only one.
    #[error("the {field} comes from one column, but both {first:?} and {second:?} are asked for")]
    TwoColumns {
        /// The field.
        field: Field,
        /// The column asked for first.
        first: String,
        /// The other.
        second: String,
    },
    /// Line after line, and none a JSON object.
    #[error(
        "none of the first {lines} lines is a JSON object; the format JSON lines has one on each line (first: {first})"
    )]
    NoObject {
        /// Lines looked at.
        lines: usize,
        /// What was wrong with the first.
        first: InvalidRow,
    },
}

/// Why no job can be made of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRow {
    /// A CSV record over the bound.
    #[error("the record that begins on line {line} is longer than {bound_bytes} bytes; is a quote never closed?")]
    RecordTooLong {
        /// Where it begins, from 1.
        line: u64,
        /// [`Options::record_bound_bytes`](super::Options::record_bound_bytes).
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
    /// Not as many cells as the header has columns.
    #[error("cells: {found}, columns in the header: {expected}; a text with a comma or quote in it must be quoted")]
    CellCount {
        /// Cells of this record.
        found: usize,
        /// Columns of the header.
        expected: usize,
    },
    /// A mapped cell in another encoding.
    #[error("column {column:?} is not UTF-8; save the file as CSV UTF-8")]
    NotUtf8 {
        /// The column's name.
        column: String,
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
        error: TicketError,
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
    /// An earlier row has the same name.
    #[error("an earlier row is named {name:?} as well; the column that names jobs must differ in each row")]
    RepeatedName {
        /// The name.
        name: String,
    },
    /// A text over the length that was asked for.
    #[error("the text has {bytes} bytes, more than {most}; shorten it, or say --too-long truncate")]
    TooLong {
        /// Its length in UTF-8.
        bytes: usize,
        /// [`MaxText::bytes`](super::MaxText::bytes).
        most: usize,
    },
    /// A JSON line over the bound.
    #[error("the line is longer than {bound_bytes} bytes")]
    LineTooLong {
        /// [`Options::record_bound_bytes`](super::Options::record_bound_bytes).
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
    /// A JSON object with a mapped name twice.
    #[error("column {column:?} is there twice; which one is meant cannot be known")]
    NameTwice {
        /// The column's name.
        column: String,
    },
}

impl InvalidRow {
    /// What is wrong, without what differs from row to row: rows with the same fault have the same.
    pub fn kind(&self) -> String {
        match self {
            Self::RecordTooLong { bound_bytes, .. } => format!("the record is longer than {bound_bytes} bytes"),
            Self::TooManyCells { most, .. } => format!("the record has more than {most} cells"),
            Self::OpenQuote { .. } => "a quote is never closed".to_owned(),
            Self::CellCount { .. } => "not as many cells as the header has columns".to_owned(),
            Self::NotAnObject { .. } => "not a JSON object".to_owned(),
            Self::RepeatedName { .. } => "an earlier row has the same name".to_owned(),
            Self::TooLong { most, .. } => format!("the text is longer than {most} bytes"),
            Self::Ticket { column, error } => format!("column {column:?}: {}", error.kind()),
            // These name nothing but the column.
            Self::NotUtf8 { .. }
            | Self::Nul { .. }
            | Self::NoTicket { .. }
            | Self::NoText { .. }
            | Self::NoName { .. }
            | Self::LineTooLong { .. }
            | Self::WrongKind { .. }
            | Self::NameTwice { .. } => self.to_string(),
        }
    }
}

/// An option for reading the input is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No known format.
    #[error("format {0:?} is not known; it is csv or jsonl")]
    Format(String),
    /// No known field.
    #[error("field {0:?} is not known; it is ticket, text or key")]
    Field(String),
    /// Not of the form FIELD=COLUMN.
    #[error("column choice {0:?} is not understood; write it like ticket=Ticket ID or text=Comment")]
    Choice(String),
}

/// Column names for a message: quoted, and the first few where there are many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 40;
        for (nth, name) in self.0.iter().take(MOST).enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            write!(f, "{comma}{:?}", shorten(name, 60))?;
        }
        match self.0.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_cut_short_in_messages() {
        let names = |n: usize| Names((0..n).map(|i| i.to_string()).collect()).to_string();
        assert_eq!(names(2), r#""0", "1""#);
        assert!(names(40).ends_with(r#", "39""#));
        assert!(names(16_384).ends_with(r#", "39" and 16344 more"#));
        assert!(Names(vec!["x".repeat(1000)]).to_string().len() < 80);
    }
}
