//! What can be wrong with a template, and with one row of it.

use batchpost_sheets::Names;

/// A template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It does not compile.
    #[error("line {line} of the template: {why}")]
    Syntax {
        /// From 1.
        line: usize,
        /// What the parser found.
        why: String,
    },
    /// A tag that goes on and on.
    #[error(
        "line {line} of the template: the tag is too long, or there are too many elif; use {{% set %}} to divide it"
    )]
    TooLong {
        /// From 1.
        line: usize,
    },
    /// A filter that does not exist.
    #[error("line {line} of the template: there is no {kind} {name:?}{}", meant(close))]
    Unknown {
        /// From 1.
        line: usize,
        /// `filter` or `test`.
        kind: &'static str,
        /// As written.
        name: String,
        /// One that looks like it.
        close: Option<String>,
    },
    /// A column that the input does not have.
    #[error("line {line} of the template: there is no column {name:?}{}; the columns are {columns}", meant(close))]
    UnknownColumn {
        /// From 1.
        line: usize,
        /// As written.
        name: String,
        /// One that looks like it.
        close: Option<String>,
        /// Those there are.
        columns: Names,
    },
    /// A column that the header has twice.
    #[error("line {line} of the template: the header has the column {name:?} more than once; rename the one not meant")]
    RepeatedColumn {
        /// From 1.
        line: usize,
        /// The column.
        name: String,
    },
}

fn meant(close: &Option<String>) -> String {
    close.as_ref().map_or_else(String::new, |close| format!("; is {close:?} meant?"))
}

/// Why a template makes no text of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A name that this row does not have.
    #[error("line {line} of the template: {what}; where it may be missing, write {{{{ ... | default('') }}}}")]
    Undefined {
        /// From 1.
        line: usize,
        /// Which name.
        what: String,
    },
    /// A filter or an operation does not go with its value.
    #[error("line {line} of the template: {why}")]
    Failed {
        /// From 1.
        line: usize,
        /// What, with the value.
        why: String,
    },
    /// Too much to do for one row.
    #[error("line {line} of the template: it takes too long; does a loop have too many turns?")]
    TooMuchWork {
        /// From 1.
        line: usize,
    },
    /// Too long a text.
    #[error("the text that the template makes is longer than {most_bytes} bytes")]
    TooLong {
        /// The longest there may be.
        most_bytes: usize,
    },
}
