//! Reads XLS sheets from the records of the workbook.
//!
//! calamine is not used: it ignores most number formats that Gnumeric writes, so that numbers become dates, and it
//! replaces a character whose units are split between two records. The file is kept in memory with the positions of the
//! sheet's cells; each row is built on request. The format is [MS-XLS], with the differences of Excel 5 and 95.

use std::collections::HashMap;

use calamine::{SheetType, SheetVisible};

use super::biff::{BiffRecord, Body, Letters, Records, Text};
use super::cells::push_boolean;
use super::date::{push_duration, push_moment};
use super::error::SheetError;
use super::format::Format;
use super::number::push_float;
use super::row::{Row, Shown};
use super::{Rows, Source, choose, ole, xlsb};
use crate::excel_date::Epoch;

const FORMULA: u16 = 0x0006;
const END: u16 = 0x000a;
const DATE_SYSTEM: u16 = 0x0022;
const FILE_PASS: u16 = 0x002f;
const CODE_PAGE: u16 = 0x0042;
const SHEET: u16 = 0x0085;
const MANY_NUMBERS: u16 = 0x00bd;
const RICH_TEXT: u16 = 0x00d6;
const CELL_FORMAT: u16 = 0x00e0;
const SHARED_TEXTS: u16 = 0x00fc;
const SHARED_TEXT: u16 = 0x00fd;
const NUMBER: u16 = 0x0203;
const TEXT: u16 = 0x0204;
const BOOLEAN: u16 = 0x0205;
const FORMULA_TEXT: u16 = 0x0207;
const ARRAY_FORMULA: u16 = 0x0221;
const TABLE_FORMULA: u16 = 0x0236;
const SMALL_NUMBER: u16 = 0x027e;
const NUMBER_FORMAT: u16 = 0x041e;
const SHARED_FORMULA: u16 = 0x04bc;
const BEGIN: u16 = 0x0809;

/// Excel 5 and 95, as written in the first record of a workbook.
const VERSION_5: u16 = 0x0500;

struct XlsRows {
    stream: Vec<u8>,
    workbook: Workbook,
    /// Row and offset of each record with cells, in order of rows.
    cells: Vec<(u16, usize)>,
    /// Index of the next element of `cells`.
    next: usize,
}

/// The parts that all sheets share.
#[derive(Debug)]
struct Workbook {
    letters: Letters,
    epoch: Epoch,
    /// Each sheet with its offset in the stream.
    sheets: Vec<(calamine::Sheet, usize)>,
    formats: Vec<Format>,
    texts: Vec<Text>,
}

pub(super) fn open(source: Source, asked: Option<&str>) -> Result<(String, Box<dyn Rows>), SheetError> {
    let container = ole::Container::open(source)?;
    if container.is_encrypted() {
        return Err(SheetError::Encrypted);
    }
    let stream = container.into_workbook()?.ok_or_else(|| SheetError::unreadable("it contains no workbook"))?;
    let workbook = Workbook::read(&stream)?;
    let sheets: Vec<calamine::Sheet> = workbook.sheets.iter().map(|(sheet, _)| sheet.clone()).collect();
    let name = choose(&sheets, asked)?;
    let start = workbook.sheets.iter().find(|(sheet, _)| sheet.name == name).map_or(0, |(_, start)| *start);
    let cells = cells(&stream, start)?;
    Ok((name, Box::new(XlsRows { stream, workbook, cells, next: 0 })))
}

impl Workbook {
    fn read(stream: &[u8]) -> Result<Self, SheetError> {
        let mut workbook = Self {
            letters: Letters::Units,
            epoch: Epoch::Year1900,
            sheets: Vec::new(),
            formats: Vec::new(),
            texts: Vec::new(),
        };
        let (mut number_formats, mut cell_formats) = (HashMap::new(), Vec::new());
        let mut records = Records::from(stream, 0);
        while let Some(BiffRecord { kind, mut body, .. }) = records.next()? {
            match kind {
                FILE_PASS => return Err(SheetError::Encrypted),
                BEGIN if body.short()? == VERSION_5 => workbook.letters = Letters::of_code_page(1252),
                CODE_PAGE if matches!(workbook.letters, Letters::Bytes(_)) => {
                    workbook.letters = Letters::of_code_page(body.short()?);
                }
                DATE_SYSTEM => workbook.epoch = Epoch::new(body.short()? == 1),
                SHEET => workbook.sheets.push(sheet(&mut body, workbook.letters)?),
                NUMBER_FORMAT => {
                    let id = body.short()?;
                    let code = match workbook.letters {
                        Letters::Units => body.text(workbook.letters)?,
                        Letters::Bytes(_) => body.short_text(workbook.letters)?,
                    };
                    number_formats.insert(id, Format::of_code(&code.text));
                }
                CELL_FORMAT => {
                    let [_font, format] = [body.short()?, body.short()?];
                    cell_formats.push(format);
                }
                SHARED_TEXTS => workbook.texts = shared_texts(&mut body)?,
                END => break,
                _ => {}
            }
        }
        let format = |id: &u16| number_formats.get(id).copied().unwrap_or_else(|| Format::built_in(*id));
        workbook.formats = cell_formats.iter().map(format).collect();
        Ok(workbook)
    }

    fn push_number(&self, number: f64, format: u16, out: &mut String) -> Shown {
        match self.formats.get(usize::from(format)) {
            Some(Format::Moment) => push_moment(out, number, self.epoch),
            Some(Format::Duration) => push_duration(out, number),
            Some(Format::Number) | None => push_float(out, number),
        }
    }
}

fn sheet(body: &mut Body<'_>, letters: Letters) -> Result<(calamine::Sheet, usize), SheetError> {
    let start = body.long()? as usize;
    let [visible, kind] = body.bytes()?;
    let visible = match visible & 3 {
        0 => SheetVisible::Visible,
        1 => SheetVisible::Hidden,
        _ => SheetVisible::VeryHidden,
    };
    let typ = match kind {
        0 => SheetType::WorkSheet,
        1 => SheetType::MacroSheet,
        2 => SheetType::ChartSheet,
        6 => SheetType::Vba,
        _ => return Err(SheetError::unreadable(format!("a sheet of the unknown kind {kind}"))),
    };
    let name = body.short_text(letters)?.text.replace('\0', "");
    Ok((calamine::Sheet { name, typ, visible }, start))
}

/// Reads the shared texts and checks that nothing follows them. Gnumeric writes the number of characters of a long text
/// instead of its UTF-16 units: everything after it is misread, and the number of texts differs from the declared one.
fn shared_texts(body: &mut Body<'_>) -> Result<Vec<Text>, SheetError> {
    let [_uses, count] = [body.long()?, body.long()?];
    let texts = (0..count).map(|_| body.rich_text()).collect::<Result<_, _>>()?;
    if body.is_at_end()? { Ok(texts) } else { Err(SheetError::unreadable(format!("more than {count} shared texts"))) }
}

/// Returns the row and offset of each record with cells.
fn cells(stream: &[u8], start: usize) -> Result<Vec<(u16, usize)>, SheetError> {
    let mut cells = Vec::new();
    let mut depth = 0_u32;
    let mut records = Records::from(stream, start);
    while let Some(BiffRecord { kind, at, mut body }) = records.next()? {
        match kind {
            BEGIN => depth += 1,
            END if depth <= 1 => {
                cells.sort_by_key(|(row, _)| *row);
                return Ok(cells);
            }
            END => depth -= 1,
            // Part of a chart inside the sheet.
            _ if depth > 1 => {}
            FORMULA | MANY_NUMBERS | RICH_TEXT | SHARED_TEXT | NUMBER | TEXT | BOOLEAN | SMALL_NUMBER => {
                cells.push((body.short()?, at));
            }
            _ => {}
        }
    }
    Err(SheetError::unreadable("a sheet is cut off"))
}

impl Rows for XlsRows {
    fn next(&mut self, row: &mut Row) -> Result<bool, SheetError> {
        while let Some((number, _)) = self.cells.get(self.next) {
            let number = *number;
            row.clear(number.into());
            while let Some((_, at)) = self.cells.get(self.next).filter(|(row, _)| *row == number) {
                let read = self.push(row, *at);
                read.map_err(|error| if number > 0 { error.after(u32::from(number) - 1) } else { error })?;
                self.next += 1;
            }
            if !row.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl XlsRows {
    /// Adds the cells of one record.
    fn push(&self, row: &mut Row, at: usize) -> Result<(), SheetError> {
        let mut following = Records::from(&self.stream, at);
        let Some(BiffRecord { kind, mut body, .. }) = following.next()? else { return Ok(()) };
        let Workbook { letters, .. } = self.workbook;
        let _row = body.short()?;
        let column = u32::from(body.short()?);
        if kind == MANY_NUMBERS {
            // The record ends with the number of its last column.
            for column in (column..).take(body.left().saturating_sub(2) / 6) {
                let (format, number) = (body.short()?, small_number(body.long()?));
                row.push(column, |out| self.workbook.push_number(number, format, out))?;
            }
            return Ok(());
        }
        let format = body.short()?;
        let number = |number| move |out: &mut String| self.workbook.push_number(number, format, out);
        match kind {
            NUMBER => row.push(column, number(f64::from_le_bytes(body.bytes()?))),
            SMALL_NUMBER => row.push(column, number(small_number(body.long()?))),
            SHARED_TEXT => {
                let missing = || SheetError::unreadable("a cell's text is not among the shared ones");
                let text = self.workbook.texts.get(body.long()? as usize).ok_or_else(missing)?;
                row.push(column, |out| push_text(text, out))
            }
            TEXT | RICH_TEXT => {
                let text = body.text(letters)?;
                row.push(column, |out| push_text(&text, out))
            }
            BOOLEAN => {
                let [value, is_error] = body.bytes()?;
                row.push(
                    column,
                    |out| if is_error == 0 { push_boolean(out, value != 0) } else { push_error(out, value) },
                )
            }
            FORMULA => match body.bytes::<8>()? {
                [0, .., 0xff, 0xff] => match formula_text(following, letters)? {
                    Some(text) => row.push(column, |out| push_text(&text, out)),
                    None => row.push(column, |_| Shown::Uncomputed),
                },
                [1, _, value, .., 0xff, 0xff] => row.push(column, |out| push_boolean(out, value != 0)),
                [2, _, value, .., 0xff, 0xff] => row.push(column, |out| push_error(out, value)),
                // An empty text.
                [_, .., 0xff, 0xff] => Ok(()),
                bytes => row.push(column, number(f64::from_le_bytes(bytes))),
            },
            _ => Ok(()),
        }
    }
}

/// Returns the text value of a formula, which is in a record of its own.
fn formula_text(mut records: Records<'_>, letters: Letters) -> Result<Option<Text>, SheetError> {
    while let Some(BiffRecord { kind, mut body, .. }) = records.next()? {
        match kind {
            FORMULA_TEXT => return Ok(Some(body.text(letters)?)),
            ARRAY_FORMULA | TABLE_FORMULA | SHARED_FORMULA => {}
            _ => break,
        }
    }
    Ok(None)
}

/// Decodes a 30-bit number: an integer or the upper bits of a double, as is or multiplied by 100.
fn small_number(bits: u32) -> f64 {
    let number = match bits & 2 {
        0 => f64::from_bits(u64::from(bits & !3) << 32),
        _ => f64::from(bits.cast_signed() >> 2),
    };
    if bits & 1 == 0 { number } else { number / 100.0 }
}

fn push_text(text: &Text, out: &mut String) -> Shown {
    out.push_str(&text.text);
    if text.garbled { Shown::Garbled } else { Shown::Text }
}

fn push_error(out: &mut String, code: u8) -> Shown {
    out.push_str(&xlsb::error(code).to_string());
    Shown::Error
}
