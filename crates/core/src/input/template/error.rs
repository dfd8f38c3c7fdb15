//! Errors in a template and in rendering a row.

use batchpost_sheets::Names;

/// The template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The template does not compile.
    #[error("line {line} of the template: {why}")]
    Syntax {
        /// From 1.
        line: usize,
        /// The parser's error.
        why: String,
    },
    /// A tag is too long.
    #[error(
        "line {line} of the template: the tag is too long, or there are too many elif; use {{% set %}} to split it"
    )]
    TooLong {
        /// From 1.
        line: usize,
    },
    /// The filter or test does not exist.
    #[error("line {line} of the template: unknown {kind} {name:?}{}", meant(close))]
    Unknown {
        /// From 1.
        line: usize,
        /// `filter` or `test`.
        kind: &'static str,
        /// The name as written.
        name: String,
        /// A similar name that exists.
        close: Option<String>,
    },
    /// The input has no such column.
    #[error("line {line} of the template: no column {name:?}{}; the columns are {columns}", meant(close))]
    UnknownColumn {
        /// From 1.
        line: usize,
        /// The name as written.
        name: String,
        /// A similar name that exists.
        close: Option<String>,
        /// The existing columns.
        columns: Names,
    },
    /// The header has the column more than once.
    #[error("line {line} of the template: the header has the column {name:?} more than once; rename the one not meant")]
    RepeatedColumn {
        /// From 1.
        line: usize,
        /// The name of the column.
        name: String,
    },
}

fn meant(close: &Option<String>) -> String {
    close.as_ref().map_or_else(String::new, |close| format!("; the closest is {close:?}"))
}

/// Why the template cannot render a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The row lacks a name.
    #[error("line {line} of the template: {what}; if the value may be missing, write {{{{ NAME | default('') }}}}")]
    Undefined {
        /// From 1.
        line: usize,
        /// The name, in a message of minijinja.
        what: String,
    },
    /// A filter or an operation does not accept its value.
    #[error("line {line} of the template: {why}")]
    Failed {
        /// From 1.
        line: usize,
        /// The operation and its value.
        why: String,
    },
    /// Rendering the row exceeds the work limit.
    #[error("line {line} of the template: rendering takes too long; check for a loop with too many iterations")]
    TooMuchWork {
        /// From 1.
        line: usize,
    },
    /// The rendered text is too long.
    #[error("the text from the template is longer than {most_bytes} bytes")]
    TooLong {
        /// The maximum length.
        most_bytes: usize,
    },
}
