//! Reads the bytes of spreadsheets into rows of cells, each with its position in the input.
//!
//! The formats are CSV ([`text`]), JSON lines and JSON arrays of objects ([`json`]), and XLSX, XLSM, XLSB, XLS and ODS
//! ([`workbook`]). Every reader works in bounded memory. [`excel_date`] converts the serial numbers that workbooks use
//! for dates.
//!
//! The crate does not know about tickets, keys, APIs, files or clocks.

#[cfg(test)]
mod brief;
mod cells;
mod columns;
pub mod excel_date;
pub mod json;
mod names;
mod position;
mod record_error;
pub mod text;
pub mod workbook;

pub use cells::{Cells, Wanted};
pub use columns::{Columns, Nested};
pub use names::Names;
pub use position::RowPosition;
pub use record_error::RecordError;
