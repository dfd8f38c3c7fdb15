//! XLS sheets, which calamine reads whole, all of a workbook at once.
//!
//! It lays a sheet out from its first cell to its last, whatever is between, and trusts the extent that the file
//! declares. So the workbook is looked through first. The format: [MS-XLS].

use std::io::{Seek, SeekFrom};

use calamine::{Data, Range, Reader, Xls};

use super::cells::Value;
use super::error::SheetError;
use super::row::Row;
use super::{Rows, Source, choose, ole};
use crate::input::excel_date::Epoch;

/// Cells that are held, empty ones too: some 300 MB at the peak.
const MOST_CELLS: u64 = 4 << 20;
/// What a sheet can have.
const ALL_CELLS: u64 = 65_536 * 256;

const FORMULA: u16 = 0x0006;
const END: u16 = 0x000a;
const FILE_PASS: u16 = 0x002f;
const SHEET: u16 = 0x0085;
const MANY_NUMBERS: u16 = 0x00bd;
const RICH_TEXT: u16 = 0x00d6;
const SHARED_TEXT: u16 = 0x00fd;
const DIMENSIONS: u16 = 0x0200;
const NUMBER: u16 = 0x0203;
const TEXT: u16 = 0x0204;
const BOOLEAN: u16 = 0x0205;
const SMALL_NUMBER: u16 = 0x027e;
const BEGIN: u16 = 0x0809;

struct XlsRows {
    cells: Range<Data>,
    epoch: Epoch,
    /// Of the range's rows, from 0.
    next: usize,
}

pub(super) fn open(source: Source, asked: Option<&str>) -> Result<(String, Box<dyn Rows>), SheetError> {
    let mut workbook = workbook(source)?;
    let name = choose(workbook.sheets_metadata(), asked)?;
    let epoch = Epoch::new(workbook.has_1904_epoch());
    let cells = workbook.worksheet_range(&name)?;
    Ok((name, Box::new(XlsRows { cells, epoch, next: 0 })))
}

fn workbook(mut source: Source) -> Result<Xls<Source>, SheetError> {
    let file = ole::File::open(&mut source)?;
    if file.has("EncryptedPackage") {
        return Err(SheetError::Encrypted);
    }
    let records = match file.stream("Workbook")? {
        Some(records) => Some(records),
        None => file.stream("Book")?,
    };
    drop(file);
    look_through(&records.ok_or_else(|| SheetError::unreadable("there is no workbook in it"))?)?;
    source.seek(SeekFrom::Start(0))?;
    Ok(Xls::new(source)?)
}

impl Rows for XlsRows {
    fn next(&mut self, row: &mut Row) -> Result<bool, SheetError> {
        let Some((first_row, first_column)) = self.cells.start() else { return Ok(false) };
        while self.next < self.cells.height() {
            row.clear(first_row + self.next as u32);
            for (column, cell) in self.cells[self.next].iter().enumerate() {
                row.push(first_column + column as u32, |out| Value::from(cell).push(out, self.epoch))?;
            }
            self.next += 1;
            if !row.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Refuses what is encrypted, and what would take too much memory.
fn look_through(workbook: &[u8]) -> Result<(), SheetError> {
    let mut cells = 0;
    for record in Records(workbook) {
        let (kind, body) = record?;
        match kind {
            FILE_PASS => return Err(SheetError::Encrypted),
            SHEET => {
                let start = body.first_chunk().map_or(0, |start| u32::from_le_bytes(*start) as usize);
                let sheet = workbook.get(start..).ok_or_else(|| SheetError::unreadable("a sheet is cut off"))?;
                cells += extent(sheet)?;
                if cells > MOST_CELLS {
                    return Err(SheetError::Extent { cells, most: MOST_CELLS });
                }
            }
            END => break,
            _ => {}
        }
    }
    Ok(())
}

/// The cells from a sheet's first to its last.
fn extent(sheet: &[u8]) -> Result<u64, SheetError> {
    let mut rows: Option<(u16, u16)> = None;
    let mut columns = (u16::MAX, 0);
    let mut depth = 0_u32;
    for record in Records(sheet) {
        let (kind, body) = record?;
        let short = |at: usize| body.get(at..at + 2).map(|short| u16::from_le_bytes([short[0], short[1]]));
        match kind {
            BEGIN => depth += 1,
            END if depth <= 1 => break,
            END => depth -= 1,
            // Of a chart within the sheet.
            _ if depth > 1 => {}
            DIMENSIONS => check_dimensions(body)?,
            FORMULA | MANY_NUMBERS | RICH_TEXT | SHARED_TEXT | NUMBER | TEXT | BOOLEAN | SMALL_NUMBER => {
                let (Some(row), Some(first)) = (short(0), short(2)) else {
                    return Err(SheetError::unreadable("a cell is cut off"));
                };
                let last =
                    if kind == MANY_NUMBERS { short(body.len().saturating_sub(2)).unwrap_or(first) } else { first };
                rows = Some(rows.map_or((row, row), |(top, bottom)| (top.min(row), bottom.max(row))));
                columns = (columns.0.min(first), columns.1.max(first).max(last));
            }
            _ => {}
        }
    }
    let span = |(first, last): (u16, u16)| u64::from(last - first) + 1;
    Ok(rows.map_or(0, |rows| span(rows) * span(columns)))
}

/// Calamine reserves room for the extent that a sheet declares.
fn check_dimensions(body: &[u8]) -> Result<(), SheetError> {
    let long = |at: usize| body[at..].first_chunk().map_or(0, |long| u32::from_le_bytes(*long));
    let short = |at: usize| u32::from(body[at]) | u32::from(body[at + 1]) << 8;
    let (top, bottom, left, right) = match body.len() {
        14 | 16 => (long(0), long(4), short(8), short(10)),
        10 => (short(0), short(2), short(4), short(6)),
        _ => return Err(SheetError::unreadable("a sheet's extent is cut off")),
    };
    let left = if left > 0xff || right < left { 0 } else { left };
    let cells = u64::from(bottom.saturating_sub(top)) * u64::from(right - left);
    if cells > ALL_CELLS || (bottom > 0 && bottom <= top) {
        return Err(SheetError::unreadable("a sheet's extent is not possible"));
    }
    Ok(())
}

/// Records of a stream: type and body.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Result<(u16, &'a [u8]), SheetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let cut = || Some(Err(SheetError::unreadable("a record is cut off")));
        let Some((&[kind, kind_high, bytes, bytes_high], rest)) = self.0.split_first_chunk() else { return cut() };
        let bytes = u16::from_le_bytes([bytes, bytes_high]);
        let Some((body, rest)) = rest.split_at_checked(bytes.into()) else { return cut() };
        self.0 = rest;
        Some(Ok((u16::from_le_bytes([kind, kind_high]), body)))
    }
}
