//! The bytes of spreadsheets to rows of cells with positions: nothing here knows of tickets, keys, APIs, files or clocks.
//!
//! [`workbook`] reads XLSX, XLSM, XLSB, XLS and ODS, [`text`] CSV, [`json`] an object a line or an array of objects, all in
//! bounded memory. [`excel_date`] are the serial numbers that workbooks have for dates.

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
