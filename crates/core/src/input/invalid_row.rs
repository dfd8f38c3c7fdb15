//! What can be wrong with one row of an input.

use super::template::RenderError;
use super::ticket::NoTicket;
use crate::planning::Defect;
use batchpost_sheets::{Names, RecordError};

/// Why no job can be made of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRow {
    /// Its cells cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A ticket cell that holds no ticket id.
    #[error("column {column:?}: {error}")]
    Ticket {
        /// The column's name.
        column: String,
        /// What is wrong with the id.
        error: NoTicket,
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
    /// A NUL character in a text.
    #[error("column {column:?} contains a NUL character; remove it")]
    Nul {
        /// The column's name.
        column: String,
    },
    /// A text made by a template, with a NUL character in it.
    #[error("the text contains a NUL character; remove it from the cell that it comes from")]
    NulInText,
    /// The template cannot be filled in.
    #[error(transparent)]
    Template(#[from] RenderError),
    /// A ticket id, and nothing that the template makes a text of.
    #[error("there is a ticket id, but nothing to make a text of by the template")]
    NothingByTemplate,
    /// A text over the length that was asked for.
    #[error("the text has {bytes} bytes, more than {most}; shorten it, or have it cut")]
    TooLong {
        /// Its length in UTF-8.
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
    /// What is wrong, without what differs from row to row: rows with the same defect have the same.
    pub fn kind(&self) -> String {
        match self {
            Self::Record(error) => error.kind(),
            Self::Ticket { column, error } => format!("column {column:?}: {}", error.kind()),
            Self::Template(_) => "the template cannot be filled in".to_owned(),
            Self::TooLong { most, .. } => format!("the text is longer than {most} bytes"),
            // These name nothing but the column.
            Self::NoTicket { .. }
            | Self::NoText { .. }
            | Self::NoName { .. }
            | Self::Nul { .. }
            | Self::NulInText
            | Self::NothingByTemplate => self.to_string(),
        }
    }
}
