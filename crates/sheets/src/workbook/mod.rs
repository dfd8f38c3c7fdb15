//! Reads one sheet of a workbook row by row, as the text that a spreadsheet program shows.
//!
//! XLSX, XLSB and ODS are streamed: only the current row is kept in memory, and for XLSX and XLSB also the shared
//! strings. XLS files, which have at most 65,536 rows, are read into memory. calamine reads XLSX and XLSB. It is not
//! used for ODS, because it lays out every sheet with all its empty and repeated cells before the first cell can be
//! read, and does not end on a truncated file. It is not used for XLS, because it misreads the files of some programs.
//!
//! Whole numbers have all their digits, other numbers have 15. Dates are rendered as `2026-03-01`, with a time as
//! `2026-03-01 14:05`, times as `14:05`, durations as `36:30`, booleans as `TRUE` and `FALSE`, and formulas as the
//! value last computed. Other number formats are ignored: 0.5 shown as `50%` is `0.5`, 143 shown as `00143` is `143`,
//! and a date that shows only its month is the whole date. A table saved in two formats therefore has the same rows.
//!
//! The value of merged cells is in the first of them. Hidden rows and columns are read like others.
//!
//! A workbook may be damaged or malicious. The checksums of its members are verified and their sizes bounded before any
//! is parsed. Allocations that depend on a declared extent are bounded. A panic of the parser is an error.

#[cfg(test)]
mod agreement;
mod archive;
mod biff;
mod cells;
mod date;
mod error;
mod format;
#[cfg(test)]
mod hostile;
mod kind;
mod number;
mod ods;
mod ods_cell;
mod ole;
mod row;
mod stream;
mod xls;
mod xlsb;
mod xlsx;

use std::io::{Read, Seek};

pub use error::SheetError;
pub use kind::WorkbookKind;
pub use row::CellText;

use crate::Names;
use row::{Row, a1};

/// The bytes of a workbook, read in any order.
trait ReadSeek: Read + Seek + Send {}
impl<R: Read + Seek + Send> ReadSeek for R {}
type Source = Box<dyn ReadSeek>;

/// The rows of a sheet, whatever its format.
trait Rows: Send {
    /// Reads the next row that is not empty; returns `false` at the end.
    fn next(&mut self, row: &mut Row) -> Result<bool, SheetError>;
}

/// A sheet whose header has been read.
pub struct Sheet {
    name: String,
    columns: Vec<String>,
    /// `None` after the end and after an error.
    rows: Option<Box<dyn Rows>>,
    row: Row,
}

impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sheet").field("name", &self.name).field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Sheet {
    /// Opens the sheet named `sheet`, or else the first visible one, and reads its header from row `header_row`,
    /// counted from 1.
    ///
    /// The source is read from its beginning, whatever its current position.
    pub fn open<R: Read + Seek + Send + 'static>(
        source: R,
        kind: WorkbookKind,
        sheet: Option<&str>,
        header_row: u32,
    ) -> Result<Self, SheetError> {
        let (name, mut rows) = guarded(|| open_rows(Box::new(source), kind, sheet))?;
        let mut row = Row::default();
        let header = header_row.saturating_sub(1);
        let mut last = 0;
        loop {
            if !guarded(|| rows.next(&mut row))? {
                return Err(SheetError::HeaderBeyond { sheet: name, row: header_row, last });
            }
            last = row.number().saturating_add(1);
            if row.number() == header && !row.is_blank() {
                break;
            }
            if row.number() >= header {
                return Err(SheetError::HeaderEmpty { sheet: name, row: header_row });
            }
        }
        // The row is kept: a repeated row is not written again.
        Ok(Self { name, columns: row.texts(), rows: Some(rows), row })
    }

    /// The name of the sheet.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The texts of the header, up to the last cell that is not blank.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Moves to the next row that is not empty and returns its number, counted from 1.
    ///
    /// After an error, it returns `None`.
    #[expect(
        clippy::should_implement_trait,
        reason = "an error ends the reading, so it is `?` on each call, not an item"
    )]
    pub fn next(&mut self) -> Result<Option<u32>, SheetError> {
        let Some(mut rows) = self.rows.take() else {
            self.row.clear(0);
            return Ok(None);
        };
        if guarded(|| rows.next(&mut self.row))? {
            self.rows = Some(rows);
            return Ok(Some(self.row.number().saturating_add(1)));
        }
        self.row.clear(0);
        Ok(None)
    }

    /// A cell of the current row. Columns are counted from 0.
    pub fn cell(&self, column: usize) -> CellText<'_> {
        self.row.cell(column)
    }

    /// The name of the first cell in the current row that is not blank and has no column in the header.
    pub fn beyond(&self) -> Option<String> {
        self.row.not_blank_from(self.columns.len()).map(|column| self.a1(column))
    }

    /// The name of the current row's cell in a column, such as `C7`.
    pub fn a1(&self, column: usize) -> String {
        a1(column, self.row.number())
    }
}

fn open_rows(source: Source, kind: WorkbookKind, sheet: Option<&str>) -> Result<(String, Box<dyn Rows>), SheetError> {
    match kind {
        WorkbookKind::Xlsx => stream::open_xlsx(source, sheet),
        WorkbookKind::Xlsb => stream::open_xlsb(source, sheet),
        WorkbookKind::Xls => xls::open(source, sheet),
        WorkbookKind::Ods => ods::open(source, sheet),
    }
}

/// Converts a panic into an error: calamine uses values from the file as indexes without checks.
///
/// Whatever `read` was working on must not be used again.
fn guarded<T>(read: impl FnOnce() -> Result<T, SheetError>) -> Result<T, SheetError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_or(Err(SheetError::Panicked))
}

/// Chooses the sheet: the one named `asked`, or else the first visible one, or else the first.
fn choose(sheets: &[calamine::Sheet], asked: Option<&str>) -> Result<String, SheetError> {
    use calamine::{SheetType, SheetVisible};

    let with_cells = || sheets.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let names = || Names(with_cells().map(|sheet| sheet.name.clone()).collect());
    let Some(asked) = asked else {
        return with_cells()
            .find(|sheet| sheet.visible == SheetVisible::Visible)
            .or_else(|| with_cells().next())
            .map(|sheet| sheet.name.clone())
            .ok_or(SheetError::NoSheets);
    };
    let sheet = sheets
        .iter()
        .find(|sheet| sheet.name == asked)
        .or_else(|| sheets.iter().find(|sheet| same_name(&sheet.name, asked)))
        .ok_or_else(|| SheetError::NoSuchSheet { name: asked.to_owned(), sheets: names() })?;
    let kind = match sheet.typ {
        SheetType::WorkSheet => return Ok(sheet.name.clone()),
        SheetType::ChartSheet => "a chart",
        SheetType::MacroSheet => "a macro sheet",
        SheetType::DialogSheet => "a dialog sheet",
        SheetType::Vba => "a module of macros",
    };
    Err(SheetError::NotCells { name: sheet.name.clone(), kind, sheets: names() })
}

/// Spreadsheet programs compare sheet names without case.
fn same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests;
