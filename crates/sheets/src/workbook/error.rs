//! Errors in a workbook.

use std::error::Error;

use crate::Names;

/// The workbook or the chosen sheet cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// The requested sheet does not exist.
    #[error("no sheet {name:?}; the sheets are {sheets}")]
    NoSuchSheet {
        /// The requested name.
        name: String,
        /// The sheets that have cells.
        sheets: Names,
    },
    /// The requested sheet has no cells: it is a chart or the like.
    #[error("the sheet {name:?} is {kind} and has no cells; the sheets are {sheets}")]
    NotCells {
        /// The name of the sheet.
        name: String,
        /// Its type.
        kind: &'static str,
        /// The sheets that have cells.
        sheets: Names,
    },
    /// No sheet has cells.
    #[error("the workbook has no sheet with cells")]
    NoSheets,
    /// The header row is empty.
    #[error("row {row} of the sheet {sheet:?}, the header row, is empty")]
    HeaderEmpty {
        /// The name of the sheet.
        sheet: String,
        /// From 1.
        row: u32,
    },
    /// The header row is after the last row.
    #[error("the header row is {row}, but the last row of the sheet {sheet:?} that is not empty is {last}")]
    HeaderBeyond {
        /// The name of the sheet.
        sheet: String,
        /// From 1.
        row: u32,
        /// From 1; 0 if the sheet is empty.
        last: u32,
    },
    /// The workbook is protected by a password.
    #[error("the workbook is encrypted: open it with its password and save a copy without one")]
    Encrypted,
    /// The content violates the format, or the source failed.
    #[error("the workbook cannot be read{}; it may be damaged: open it and save it again", after(*.row))]
    Unreadable {
        /// The last row that was read, from 1; 0 if none was.
        row: u32,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The parser panicked.
    #[error("the workbook cannot be read: it may be damaged; open it in a spreadsheet program and save it again")]
    Panicked,
    /// The rows are not in ascending order. No known program writes such a sheet.
    #[error("row {row} of the sheet comes after row {after}; open the workbook and save it again")]
    RowOrder {
        /// From 1.
        row: u32,
        /// From 1.
        after: u32,
    },
    /// A part is too long to be kept in memory.
    #[error("{what} is longer than {most_bytes} bytes")]
    TooLong {
        /// The part.
        what: String,
        /// The maximum length.
        most_bytes: u64,
    },
}

impl SheetError {
    pub(super) fn unreadable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreadable { row: 0, source: source.into() }
    }

    /// Adds the last row that was read, counted from 0.
    pub(super) fn after(self, last: u32) -> Self {
        match self {
            Self::Unreadable { source, .. } => Self::Unreadable { row: last.saturating_add(1), source },
            other => other,
        }
    }
}

fn after(row: u32) -> String {
    if row == 0 { String::new() } else { format!(" past row {row}") }
}

impl From<calamine::XlsxError> for SheetError {
    fn from(error: calamine::XlsxError) -> Self {
        match error {
            calamine::XlsxError::Password => Self::Encrypted,
            error => Self::unreadable(error),
        }
    }
}

impl From<calamine::XlsbError> for SheetError {
    fn from(error: calamine::XlsbError) -> Self {
        match error {
            calamine::XlsbError::Password => Self::Encrypted,
            error => Self::unreadable(error),
        }
    }
}

impl From<quick_xml::Error> for SheetError {
    fn from(error: quick_xml::Error) -> Self {
        Self::unreadable(error)
    }
}

impl From<std::io::Error> for SheetError {
    fn from(error: std::io::Error) -> Self {
        Self::unreadable(error)
    }
}
