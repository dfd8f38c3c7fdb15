//! Errors in one row of an input.

use super::template::RenderError;
use super::ticket::NoTicket;
use crate::planning::Defect;
use batchpost_sheets::{Names, RecordError};

/// Why a row cannot be turned into a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRow {
    /// Its cells cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The ticket cell does not contain a ticket id.
    #[error("column {column:?}: {error}")]
    Ticket {
        /// The column's name.
        column: String,
        /// What is wrong with the id.
        error: NoTicket,
    },
    /// The row has a text, but its ticket cell is empty.
    #[error("column {column:?} is empty: the row has a text but no ticket id")]
    NoTicket {
        /// The ticket column.
        column: String,
    },
    /// The row has a ticket id, but no text in any text column.
    #[error("the row has a ticket id but no text in {columns}")]
    NoText {
        /// The text columns.
        columns: Names,
    },
    /// The column that names the job is empty.
    #[error("the key column {column:?} is empty in this row; every row needs a key")]
    NoName {
        /// The column's name.
        column: String,
    },
    /// A text contains a NUL character.
    #[error("column {column:?} contains a NUL character; remove it")]
    Nul {
        /// The column's name.
        column: String,
    },
    /// A text from a template contains a NUL character.
    #[error("the text contains a NUL character; remove it from the cell that it comes from")]
    NulInText,
    /// The template cannot be rendered.
    #[error(transparent)]
    Template(#[from] RenderError),
    /// The row has a ticket id, but the template renders no text.
    #[error("the row has a ticket id, but the template produces no text")]
    NothingByTemplate,
    /// The text exceeds the requested maximum length.
    #[error("the text has {bytes} bytes, more than the {most} allowed; shorten it, or allow truncation")]
    TooLong {
        /// The length of the text in UTF-8.
        bytes: usize,
        /// [`MaxText::bytes`](crate::input::MaxText::bytes).
        most: usize,
    },
}

impl From<InvalidRow> for Defect {
    fn from(row: InvalidRow) -> Self {
        Self { kind: row.kind(), what: row.to_string() }
    }
}

impl InvalidRow {
    /// Returns the error without the parts that differ from row to row: rows with the same defect have the same kind.
    pub fn kind(&self) -> String {
        match self {
            Self::Record(error) => error.kind(),
            Self::Ticket { column, error } => format!("column {column:?}: {}", error.kind()),
            Self::Template(_) => "the template cannot be filled in".to_owned(),
            Self::TooLong { most, .. } => format!("the text is longer than {most} bytes"),
            // These contain nothing that differs from row to row.
            Self::NoTicket { .. }
            | Self::NoText { .. }
            | Self::NoName { .. }
            | Self::Nul { .. }
            | Self::NulInText
            | Self::NothingByTemplate => self.to_string(),
        }
    }
}
