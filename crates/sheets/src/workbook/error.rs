//! What can be wrong with a workbook.

use std::error::Error;

use crate::Names;

/// A workbook, or the sheet that is meant, cannot be read: the run ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// A sheet was asked for that is not there.
    #[error("there is no sheet {name:?}; the sheets are {sheets}")]
    NoSuchSheet {
        /// The name as asked.
        name: String,
        /// Those with cells.
        sheets: Names,
    },
    /// A sheet was asked for that is a chart or the like.
    #[error("the sheet {name:?} is {kind} and has no cells; the sheets are {sheets}")]
    NotCells {
        /// Its name.
        name: String,
        /// What it is.
        kind: &'static str,
        /// Those with cells.
        sheets: Names,
    },
    /// No sheet has cells.
    #[error("the workbook has no sheet with cells")]
    NoSheets,
    /// The header's row has nothing in it.
    #[error("row {row} of the sheet {sheet:?} is empty")]
    HeaderEmpty {
        /// The sheet's name.
        sheet: String,
        /// From 1.
        row: u32,
    },
    /// The header's row is behind the last.
    #[error(
        "the header was to be in row {row}, but the last row of the sheet {sheet:?} with something in it is {last}"
    )]
    HeaderBeyond {
        /// The sheet's name.
        sheet: String,
        /// From 1.
        row: u32,
        /// From 1; 0 for a sheet with nothing in it.
        last: u32,
    },
    /// Protected by a password.
    #[error("the workbook is encrypted: open it with its password and save a copy without one")]
    Encrypted,
    /// Bytes that are not as the format has them, or a source that failed.
    #[error("the workbook cannot be read{}; it may be damaged: open it and save it anew", after(*.row))]
    Unreadable {
        /// The last row that was read, from 1; 0 if none was.
        row: u32,
        /// What was found.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The parser panicked.
    #[error("the workbook cannot be read: its parser failed on it; it may be damaged: open it and save it anew")]
    Panicked,
    /// Rows that do not ascend, which nothing that was seen writes.
    #[error("row {row} of the sheet comes after row {after}; open the workbook and save it anew")]
    RowOrder {
        /// From 1.
        row: u32,
        /// From 1.
        after: u32,
    },
    /// A part that would not fit in memory.
    #[error("{what} is longer than {most_bytes} bytes")]
    TooLong {
        /// The part.
        what: String,
        /// The bound.
        most_bytes: u64,
    },
}

impl SheetError {
    pub(super) fn unreadable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreadable { row: 0, source: source.into() }
    }

    /// Says after which row, counted from 0, it was.
    pub(super) fn after(self, last: u32) -> Self {
        match self {
            Self::Unreadable { source, .. } => Self::Unreadable { row: last.saturating_add(1), source },
            other => other,
        }
    }
}

fn after(row: u32) -> String {
    if row == 0 { String::new() } else { format!(" on after row {row}") }
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
