//! What can be wrong with an input as a whole, and with the options for reading it.

use std::io;

use super::options::{Field, Format};
use super::template::TemplateError;
use super::ticket::LookupSpec;
use batchpost_sheets::Names;
use batchpost_sheets::text::{Delimiter, HeaderError, Listed, TextError};
use batchpost_sheets::workbook::SheetError;

/// The input as a whole cannot be read: the run ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The text cannot be read.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A setting for inputs of another format.
    #[error("the {setting} setting is for {of}, and the input is {format}")]
    Misplaced {
        /// The setting: `sheet`, `delimiter`, `header row` or `encoding`.
        setting: &'static str,
        /// What it is for.
        of: &'static str,
        /// The input's format.
        format: Format,
    },
    /// Options that name a table, which was not loaded.
    #[error("the ids are to be looked up in {0}, which was not read")]
    NoTable(LookupSpec),
    /// What is wrong with a workbook.
    #[error(transparent)]
    Sheet(#[from] SheetError),
    /// There is no room for a copy of a workbook.
    #[error("the workbook cannot be copied before it is read: {0}")]
    NotCopied(io::Error),
    /// Several characters could separate the columns, and by none of them are the columns there that are needed.
    #[error("the columns could be separated by any of {candidates} (by {first}: {reason})")]
    NoDelimiterFits {
        /// Those that occur in the header.
        candidates: Listed<Delimiter>,
        /// The most frequent.
        first: Delimiter,
        /// Why it does not do.
        reason: Box<InputError>,
    },
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
    #[error("no column is obviously the {field}; the columns are {columns}")]
    NoCandidate {
        /// The field without a column.
        field: Field,
        /// The columns there are.
        columns: Names,
    },
    /// Several columns match equally well.
    #[error("several columns could be the {field}: {candidates}")]
    AmbiguousColumn {
        /// The field.
        field: Field,
        /// Those that match.
        candidates: Names,
    },
    /// The header has a name twice that is needed.
    #[error("the header has the column {column:?} more than once; rename the one not meant")]
    RepeatedColumn {
        /// What it is needed for.
        field: Field,
        /// The name.
        column: String,
    },
    /// In nested JSON, dots in names make two paths look alike.
    #[error("two members have the path {0:?}, since a name has a dot in it; rename the one not meant")]
    RepeatedPath(String),
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
    /// A template, and columns for the text.
    #[error("the text comes from a template, but the column {0:?} is asked for as well; leave one out")]
    TemplateAndColumn(String),
    /// The template does not fit the input.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A file that is to be a workbook is none.
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

/// An option for reading the input is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// No known format.
    #[error("format {0:?} is not known; it is csv, jsonl, json, xlsx, xlsb, xls or ods")]
    Format(String),
    /// No known field.
    #[error("field {0:?} is not known; it is ticket, text or key")]
    Field(String),
    /// Not of the form FIELD=COLUMN.
    #[error("column choice {0:?} is not understood; write it like ticket=Ticket ID or text=Comment")]
    Choice(String),
}
