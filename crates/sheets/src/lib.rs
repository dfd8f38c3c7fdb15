//! The bytes of spreadsheets to rows of cells: nothing here knows of tickets, keys, APIs, files or clocks.
//!
//! [`workbook`] reads XLSX, XLSM, XLSB, XLS and ODS, [`excel_date`] the serial numbers that they have for dates.

pub mod excel_date;
mod names;
pub mod workbook;

pub use names::{Names, excerpt};
