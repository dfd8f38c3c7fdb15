//! Rows as planning sees them, independent of the input's format.

use crate::fields::FixedField;
use crate::job::{Key, Position, Ticket};

/// One row of an input. A reader may use its own defect type `F`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<F = Defect> {
    /// Its position.
    pub position: Position,
    /// Its content.
    pub content: Content<F>,
}

impl<F: Into<Defect>> Row<F> {
    /// The row, with its defect as text.
    pub fn in_words(self) -> Row {
        let content = match self.content {
            Content::Blank => Content::Blank,
            Content::Note { ticket, text, uncut, name, fields } => Content::Note { ticket, text, uncut, name, fields },
            Content::Invalid { reason, key } => Content::Invalid { reason: reason.into(), key },
        };
        Row { position: self.position, content }
    }
}

/// The content of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<F = Defect> {
    /// Only blanks in every mapped column.
    Blank,
    /// A note for a ticket.
    Note {
        /// The ticket.
        ticket: Ticket,
        /// The text: of one cell, of several text columns joined by an empty line, or of a template; possibly
        /// truncated.
        text: String,
        /// The full text of a truncated one. It identifies the row, so truncation does not change the
        /// identity.
        uncut: Option<String>,
        /// The job's name, if a column names the jobs.
        name: Option<String>,
        /// Fields besides ticket and text from columns, in the order of their names.
        fields: Vec<FixedField>,
    },
    /// The row cannot be turned into a job.
    Invalid {
        /// The reason.
        reason: F,
        /// The key of its raw cells, or of the stored part of them.
        key: Key,
    },
}

/// Why a row is invalid, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The kind of defect, without row-specific parts, to group rows by.
    pub kind: String,
    /// The defect of this row.
    pub what: String,
}

impl Defect {
    pub(super) fn repeated_name(name: &str) -> Self {
        Self {
            kind: "an earlier row has the same key".to_owned(),
            what: format!("an earlier row has the same key {name:?}; each row needs its own key"),
        }
    }
}
