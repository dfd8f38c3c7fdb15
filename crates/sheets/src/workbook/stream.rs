//! Streams XLSX and XLSB sheets through calamine.

use calamine::{Cell, DataRef, Reader, Xlsb, Xlsx};
use self_cell::{MutBorrow, self_cell};

use super::cells::Value;
use super::error::SheetError;
use super::row::{Row, Shown};
use super::xlsb::FormulaError;
use super::{Rows, Source, archive, choose, xlsb, xlsx};
use crate::excel_date::Epoch;

enum Workbook {
    Xlsx(Xlsx<Source>),
    Xlsb(Xlsb<Source>, Vec<FormulaError>),
}

/// A cell of the stream.
struct Streamed<'a> {
    row: u32,
    column: u32,
    value: DataRef<'a>,
    formula: bool,
}

/// A closure, because calamine does not export the type of its XLSB reader.
type Cells<'a> = Box<dyn FnMut() -> Result<Option<Streamed<'a>>, SheetError> + Send + 'a>;

struct StreamReader<'a> {
    /// `None` after the end, which calamine reports only once.
    cells: Option<Cells<'a>>,
    /// The cell that was read to detect the end of the row.
    ahead: Option<Streamed<'a>>,
}

impl<'a> StreamReader<'a> {
    fn next(&mut self) -> Result<Option<Streamed<'a>>, SheetError> {
        if let Some(cell) = self.ahead.take() {
            return Ok(Some(cell));
        }
        let Some(cells) = &mut self.cells else { return Ok(None) };
        let cell = cells()?;
        if cell.is_none() {
            self.cells = None;
        }
        Ok(cell)
    }
}

self_cell!(
    /// The reader borrows the archive, strings and formats of the workbook.
    struct Opened {
        owner: MutBorrow<Workbook>,
        #[not_covariant]
        dependent: StreamReader,
    }
);

struct StreamedRows {
    opened: Opened,
    epoch: Epoch,
    /// Whether a replacement character may stand for half a surrogate pair in the file.
    halves: bool,
    last: Option<u32>,
}

pub(super) fn open_xlsx(source: Source, asked: Option<&str>) -> Result<(String, Box<dyn Rows>), SheetError> {
    let (workbook, halves) = xlsx(source)?;
    let name = choose(workbook.sheets_metadata(), asked)?;
    let epoch = Epoch::new(workbook.has_1904_epoch());
    rows(Workbook::Xlsx(workbook), name, epoch, halves)
}

pub(super) fn open_xlsb(source: Source, asked: Option<&str>) -> Result<(String, Box<dyn Rows>), SheetError> {
    let (workbook, mut errors) = xlsb(source)?;
    let name = choose(workbook.sheets_metadata(), asked)?;
    let epoch = Epoch::new(workbook.has_1904_epoch());
    let errors = errors.iter_mut().find(|(sheet, _)| *sheet == name).map(|(_, errors)| std::mem::take(errors));
    rows(Workbook::Xlsb(workbook, errors.unwrap_or_default()), name, epoch, false)
}

fn xlsx(mut source: Source) -> Result<(Xlsx<Source>, bool), SheetError> {
    refuse_encrypted(&mut source)?;
    let mut archive = archive::open_verified(source)?;
    let halves = xlsx::look_through(&mut archive)?;
    Ok((Xlsx::new(archive::into_source(archive)?)?, halves))
}

type SheetErrors = Vec<(String, Vec<FormulaError>)>;

fn xlsb(mut source: Source) -> Result<(Xlsb<Source>, SheetErrors), SheetError> {
    refuse_encrypted(&mut source)?;
    let mut archive = archive::open_verified(source)?;
    let errors = xlsb::formula_errors(&mut archive)?;
    Ok((Xlsb::new(archive::into_source(archive)?)?, errors))
}

/// An encrypted workbook is not an archive, but an OLE container with an archive in it.
fn refuse_encrypted(source: &mut Source) -> Result<(), SheetError> {
    match super::ole::Container::open(source) {
        Ok(container) if container.is_encrypted() => Err(SheetError::Encrypted),
        _ => Ok(()),
    }
}

fn rows(workbook: Workbook, name: String, epoch: Epoch, halves: bool) -> Result<(String, Box<dyn Rows>), SheetError> {
    let opened = Opened::try_new(MutBorrow::new(workbook), |workbook| {
        let cells: Cells<'_> = match workbook.borrow_mut() {
            Workbook::Xlsx(workbook) => {
                let mut reader = workbook.worksheet_cells_reader(&name)?;
                Box::new(move || {
                    let record = reader.next_cell_with_formula_metadata()?;
                    Ok(record.map(|record| Streamed {
                        row: record.pos.0,
                        column: record.pos.1,
                        value: record.value,
                        formula: record.formula.is_some(),
                    }))
                })
            }
            Workbook::Xlsb(workbook, errors) => {
                let mut reader = workbook.worksheet_cells_reader(&name)?;
                with_errors(move || Ok(reader.next_cell()?), errors)
            }
        };
        Ok::<_, SheetError>(StreamReader { cells: Some(cells), ahead: None })
    })?;
    Ok((name, Box::new(StreamedRows { opened, epoch, halves, last: None })))
}

/// Adds the cells that calamine skips.
fn with_errors<'a>(
    mut next: impl FnMut() -> Result<Option<Cell<DataRef<'a>>>, SheetError> + Send + 'a,
    errors: &'a [FormulaError],
) -> Cells<'a> {
    let mut errors = errors.iter().peekable();
    let (mut ahead, mut over) = (None, false);
    Box::new(move || {
        if ahead.is_none() && !over {
            ahead = next()?;
            over = ahead.is_none();
        }
        let before = |error: &&FormulaError| ahead.as_ref().is_none_or(|cell| error.position() < cell.get_position());
        if let Some(error) = errors.next_if(before) {
            let (row, column) = error.position();
            return Ok(Some(Streamed { row, column, value: DataRef::Error(error.error.clone()), formula: true }));
        }
        Ok(ahead.take().map(|cell| {
            let (row, column) = cell.get_position();
            Streamed { row, column, value: cell.get_value().clone(), formula: false }
        }))
    })
}

impl Rows for StreamedRows {
    fn next(&mut self, row: &mut Row) -> Result<bool, SheetError> {
        let (epoch, halves, mut last) = (self.epoch, self.halves, self.last);
        let found = self.opened.with_dependent_mut(|_, reading| {
            while let Some(first) = reading.next()? {
                if last.is_some_and(|last| first.row <= last) {
                    let [row, after] = [first.row, last.unwrap_or_default()].map(|row| row.saturating_add(1));
                    return Err(SheetError::RowOrder { row, after });
                }
                last = Some(first.row);
                row.clear(first.row);
                push(row, &first, epoch, halves)?;
                while let Some(cell) = reading.next()? {
                    if cell.row != row.number() {
                        reading.ahead = Some(cell);
                        break;
                    }
                    push(row, &cell, epoch, halves)?;
                }
                if !row.is_empty() {
                    return Ok(true);
                }
            }
            Ok(false)
        });
        let before = self.last;
        self.last = last;
        found.map_err(|error| match before {
            Some(before) => error.after(before),
            None => error,
        })
    }
}

fn push(row: &mut Row, cell: &Streamed<'_>, epoch: Epoch, halves: bool) -> Result<(), SheetError> {
    row.push(cell.column, |out| match &cell.value {
        // A formula whose value is an empty text has a value.
        DataRef::Empty if cell.formula => Shown::Uncomputed,
        value => {
            let start = out.len();
            let shown = Value::from(value).push(out, epoch);
            if halves && out[start..].contains(char::REPLACEMENT_CHARACTER) { Shown::Garbled } else { shown }
        }
    })
}
