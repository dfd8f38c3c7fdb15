//! Errors in an input as a whole and in the options for reading it.

use std::io;

use super::options::{Field, Format};
use super::template::TemplateError;
use super::ticket::LookupSpec;
use batchpost_sheets::Names;
use batchpost_sheets::text::{Delimiter, HeaderError, Listed, TextError};
use batchpost_sheets::workbook::SheetError;

/// The input as a whole cannot be read. The run ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The text cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A setting applies to inputs of another format.
    #[error("the {setting} setting applies to {of}, but the input is {format}")]
    Misplaced {
        /// The setting: `sheet`, `delimiter`, `header row` or `encoding`.
        setting: &'static str,
        /// The inputs that it applies to.
        of: &'static str,
        /// The format of the input.
        format: Format,
    },
    /// The options name a lookup table that was not loaded.
    #[error("the lookup table {0} was not loaded")]
    NoTable(LookupSpec),
    /// The workbook cannot be read.
    #[error(transparent)]
    Sheet(#[from] SheetError),
    /// The workbook cannot be copied, for example for lack of space.
    #[error("the workbook cannot be copied before it is read: {0}")]
    NotCopied(io::Error),
    /// Several delimiters occur in the header, but none of them gives the needed columns.
    #[error("no delimiter ({candidates}) gives the needed columns; with {first}: {reason}")]
    NoDelimiterFits {
        /// The delimiters that occur in the header.
        candidates: Listed<Delimiter>,
        /// The most frequent.
        first: Delimiter,
        /// Why the most frequent one does not fit.
        reason: Box<InputError>,
    },
    /// A requested column does not exist.
    #[error("no column {column:?} for the {field}; the columns are {columns}")]
    MissingColumn {
        /// The field it was requested for.
        field: Field,
        /// The requested name.
        column: String,
        /// The existing columns.
        columns: Names,
    },
    /// No column was requested for a field, and none has an obvious name.
    #[error("cannot tell which column is the {field}; the columns are {columns}")]
    NoCandidate {
        /// The field without a column.
        field: Field,
        /// The existing columns.
        columns: Names,
    },
    /// Several columns match equally well.
    #[error("several columns could be the {field}: {candidates}")]
    AmbiguousColumn {
        /// The field.
        field: Field,
        /// The columns that match.
        candidates: Names,
    },
    /// The header has a needed name more than once.
    #[error("the header has the column {column:?} more than once; rename the one not meant")]
    RepeatedColumn {
        /// The field that needs it.
        field: Field,
        /// The name.
        column: String,
    },
    /// Two nested JSON members have the same path, because a name contains a dot.
    #[error("two members have the path {0:?}, because a name contains a dot; rename one of them")]
    RepeatedPath(String),
    /// A column is requested twice.
    #[error("the column {0:?} is requested twice; remove one request")]
    ColumnAskedTwice(String),
    /// Two columns are requested for a field that takes only one.
    #[error("the {field} comes from one column, but both {first:?} and {second:?} are requested; remove one")]
    TwoColumns {
        /// The field.
        field: Field,
        /// The column requested first.
        first: String,
        /// The column requested second.
        second: String,
    },
    /// Both a template and text columns are requested.
    #[error("the text comes from a template, but the column {0:?} is requested for it too; remove one")]
    TemplateAndColumn(String),
    /// The template does not fit the input.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A file that should be a workbook is not one.
    #[error("the input is not a workbook (XLSX, XLSB, XLS or ODS)")]
    NoWorkbook,
}

impl From<HeaderError<Self>> for InputError {
    fn from(error: HeaderError<Self>) -> Self {
        match error {
            HeaderError::Text(error) => Self::Text(error),
            HeaderError::Columns(error) => error,
            HeaderError::NoDelimiterFits { candidates, first, reason } => {
                Self::NoDelimiterFits { candidates, first, reason: Box::new(Self::from(*reason)) }
            }
        }
    }
}

/// An option for reading the input is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// Unknown format.
    #[error("format {0:?} is unknown; use csv, jsonl, json, xlsx, xlsb, xls or ods")]
    Format(String),
    /// Unknown field.
    #[error("field {0:?} is unknown; use ticket, text or key")]
    Field(String),
    /// Not of the form FIELD=COLUMN.
    #[error("column choice {0:?} is invalid; write it like ticket=Ticket ID or text=Comment")]
    Choice(String),
}
