//! Rows as planning sees them, whatever they were read from.

use crate::fields::FixedField;
use crate::job::{Key, Position, Ticket};

/// One row of an input. Whoever reads inputs may say with a type of its own what is wrong with one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<F = Defect> {
    /// Where it stands.
    pub position: Position,
    /// What it is.
    pub content: Content<F>,
}

impl<F: Into<Defect>> Row<F> {
    /// The row, with what is wrong with it in words.
    pub fn in_words(self) -> Row {
        let content = match self.content {
            Content::Blank => Content::Blank,
            Content::Note { ticket, text, uncut, name, fields } => Content::Note { ticket, text, uncut, name, fields },
            Content::Invalid { reason, key } => Content::Invalid { reason: reason.into(), key },
        };
        Row { position: self.position, content }
    }
}

/// What a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<F = Defect> {
    /// Nothing but blanks in every mapped column.
    Blank,
    /// A text for a ticket.
    Note {
        /// The ticket.
        ticket: Ticket,
        /// The text, as it stands in its cell; cells of several text columns are joined by an empty line. Or what a
        /// template made, or what was left of a text that was cut.
        text: String,
        /// The whole of a text that was cut: it makes the row what it is, wherever the cut is made.
        uncut: Option<String>,
        /// What names the job, where a column does.
        name: Option<String>,
        /// Fields besides ticket and text that columns give, in the order of their names.
        fields: Vec<FixedField>,
    },
    /// No job can be made of it.
    Invalid {
        /// Why.
        reason: F,
        /// The key of its raw cells, or of what was kept of them.
        key: Key,
    },
}

/// Why no job can be made of a row, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// What is wrong, without what differs from row to row: rows with the same defect have the same.
    pub kind: String,
    /// What is wrong with this row.
    pub what: String,
}

impl Defect {
    pub(super) fn repeated_name(name: &str) -> Self {
        Self {
            kind: "an earlier row has the same name".to_owned(),
            what: format!(
                "an earlier row is named {name:?} as well; the column that names jobs must differ in each row"
            ),
        }
    }
}
