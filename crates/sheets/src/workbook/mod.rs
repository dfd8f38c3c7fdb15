//! One sheet of a workbook, row by row, as the text that it shows.
//!
//! XLSX, XLSB and ODS are streamed: what is kept is the current row and, of the first two, the shared strings. XLS
//! files, which end at 65,536 rows, are held as a whole. Calamine reads XLSX and XLSB. ODS is read here, because
//! calamine lays out every sheet of it, empty cells and repeated ones too, before the first can be asked for, and
//! does not come to an end on one that is cut off; XLS, because calamine misreads what some programs write.
//!
//! What is shown, as far as it can be known: whole numbers with all their digits, others with 15, dates as
//! `2026-03-01`, with a time `2026-03-01 14:05`, times as `14:05`, durations as `36:30`, booleans as `TRUE` and
//! `FALSE`, formulas as the value last computed. Not known are the other number formats: 0.5 shown as `50%` is `0.5`,
//! 143 shown as `00143` is `143`, and of a date of which only the month is shown all is there. So one table saved in
//! two formats has the same rows.
//!
//! Merged cells have their value in the first; hidden rows and columns are like others.
//!
//! A workbook may be damaged, or made to do harm. Its members' checksums are verified and their sizes bounded before
//! one is parsed, what would be allocated by extent is bounded, and a panic of the parser is an error.

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

/// A workbook's bytes, read here and there.
trait ReadSeek: Read + Seek + Send {}
impl<R: Read + Seek + Send> ReadSeek for R {}
type Source = Box<dyn ReadSeek>;

/// A sheet's rows, whatever its format.
trait Rows: Send {
    /// Reads the next row with something in it; false at the end.
    fn next(&mut self, row: &mut Row) -> Result<bool, SheetError>;
}

/// A sheet behind its header.
pub struct Sheet {
    name: String,
    columns: Vec<String>,
    /// None once there is nothing more to read: at the end, and after an error.
    rows: Option<Box<dyn Rows>>,
    row: Row,
}

impl std::fmt::Debug for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sheet").field("name", &self.name).field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Sheet {
    /// Opens the sheet called `sheet`, or else the first one shown, and reads its header from the row `header_row`,
    /// counted from 1 as the sheet does.
    ///
    /// The source is read from its beginning, wherever it stands.
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
        // The row stays: one that is repeated is not written anew.
        Ok(Self { name, columns: row.texts(), rows: Some(rows), row })
    }

    /// The sheet's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The header's cells as text, up to the last with something in it.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Goes to the next row with something in it and gives its number, counted from 1 as the sheet does.
    ///
    /// After an error there is nothing more.
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

    /// A cell of the current row, its column counted from 0.
    pub fn cell(&self, column: usize) -> CellText<'_> {
        self.row.cell(column)
    }

    /// The name of a cell of the current row that is not blank and right of all columns.
    pub fn beyond(&self) -> Option<String> {
        self.row.not_blank_from(self.columns.len()).map(|column| self.a1(column))
    }

    /// The name of the current row's cell in a column: `C7`.
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

/// Makes an error of a panic: calamine indexes by what it finds in a file.
///
/// What `read` was working on is not used again.
fn guarded<T>(read: impl FnOnce() -> Result<T, SheetError>) -> Result<T, SheetError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_or(Err(SheetError::Panicked))
}

/// The sheet that is meant: that of the name asked for, or the first that is shown, or the first.
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

/// Spreadsheets do not tell sheets apart by case.
fn same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests;
