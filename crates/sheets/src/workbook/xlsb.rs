//! Finds formulas in XLSB sheets whose value is an error. calamine skips these cells as if they were empty.
//!
//! The format is [MS-XLSB]: records of a type and a length, both in groups of seven bits.

use std::io::{self, BufRead, ErrorKind, Read, Seek};

use calamine::CellErrorType;
use quick_xml::events::Event;
use zip::ZipArchive;

use super::archive::{attribute, part};
use super::error::SheetError;

const ROW_HEADER: u16 = 0;
const FORMULA_ERROR: u16 = 11;
const SHEET: u16 = 156;
/// Maximum length of a record that is parsed.
const MOST_RECORD_BYTES: u64 = 1 << 20;

/// A formula whose value is an error.
#[derive(Debug, PartialEq)]
pub(super) struct FormulaError {
    row: u32,
    column: u32,
    pub(super) error: CellErrorType,
}

impl FormulaError {
    pub(super) fn position(&self) -> (u32, u32) {
        (self.row, self.column)
    }
}

/// Returns these formulas by sheet, in the order of the sheet.
pub(super) fn formula_errors<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
) -> Result<Vec<(String, Vec<FormulaError>)>, SheetError> {
    let sheets = sheets(&mut part(archive, "xl/workbook.bin")?)?;
    let targets = targets(part(archive, "xl/_rels/workbook.bin.rels")?)?;
    let mut found = Vec::new();
    for (relation, name) in sheets {
        let Some((_, target)) = targets.iter().find(|(id, _)| *id == relation) else { continue };
        let path = target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned);
        let mut errors = errors_of_sheet(&mut part(archive, &path)?)?;
        errors.sort_by_key(FormulaError::position);
        found.push((name, errors));
    }
    Ok(found)
}

/// Returns the relation and name of each sheet.
fn sheets(workbook: &mut impl BufRead) -> Result<Vec<(String, String)>, SheetError> {
    let mut sheets = Vec::new();
    while let Some((kind, bytes)) = record(workbook)? {
        if kind == SHEET {
            let body = body(workbook, bytes)?;
            let (relation, rest) = wide_text(body.get(8..).unwrap_or_default()).ok_or_else(cut_off)?;
            let (name, _) = wide_text(rest).ok_or_else(cut_off)?;
            sheets.push((relation, name));
        } else {
            skip(workbook, bytes)?;
        }
    }
    Ok(sheets)
}

fn targets(relations: impl BufRead) -> Result<Vec<(String, String)>, SheetError> {
    let mut xml = quick_xml::Reader::from_reader(relations);
    let (mut buffer, mut targets) = (Vec::new(), Vec::new());
    loop {
        match xml.read_event_into(&mut buffer)? {
            Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == "Relationship" => {
                let [id, target] = ["Id", "Target"].map(|name| attribute(&element, name));
                targets.push((id?.unwrap_or_default(), target?.unwrap_or_default()));
            }
            Event::Eof => return Ok(targets),
            _ => {}
        }
        buffer.clear();
    }
}

fn errors_of_sheet(sheet: &mut impl BufRead) -> Result<Vec<FormulaError>, SheetError> {
    let mut errors = Vec::new();
    let mut row = 0;
    while let Some((kind, bytes)) = record(sheet)? {
        match kind {
            ROW_HEADER => row = word(&body(sheet, bytes)?).ok_or_else(cut_off)?,
            FORMULA_ERROR => {
                let body = body(sheet, bytes)?;
                let (Some(column), Some(code)) = (word(&body), body.get(8)) else { return Err(cut_off().into()) };
                errors.push(FormulaError { row, column, error: error(*code) });
            }
            _ => skip(sheet, bytes)?,
        }
    }
    Ok(errors)
}

/// Converts an error code, which is the same in XLS.
pub(super) fn error(code: u8) -> CellErrorType {
    match code {
        0x00 => CellErrorType::Null,
        0x07 => CellErrorType::Div0,
        0x17 => CellErrorType::Ref,
        0x1d => CellErrorType::Name,
        0x24 => CellErrorType::Num,
        0x2a => CellErrorType::NA,
        0x2b => CellErrorType::GettingData,
        // Programs show newer errors that they do not know as this one.
        _ => CellErrorType::Value,
    }
}

/// Returns the type and length of the next record, or `None` at the end.
fn record(from: &mut impl BufRead) -> io::Result<Option<(u16, u64)>> {
    if from.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let kind = groups(from, 2)?;
    let bytes = groups(from, 4)?;
    Ok(Some((kind as u16, bytes)))
}

/// Reads a number in groups of seven bits, lowest first; the eighth bit is set in all but the last.
fn groups(from: &mut impl Read, most: u32) -> io::Result<u64> {
    let mut number = 0;
    for group in 0..most {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        number |= u64::from(byte[0] & 0x7f) << (7 * group);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    Ok(number)
}

fn body(from: &mut impl Read, bytes: u64) -> Result<Vec<u8>, SheetError> {
    if bytes > MOST_RECORD_BYTES {
        return Err(SheetError::TooLong { what: "a record".to_owned(), most_bytes: MOST_RECORD_BYTES });
    }
    let mut body = vec![0; bytes as usize];
    from.read_exact(&mut body)?;
    Ok(body)
}

fn skip(from: &mut impl Read, bytes: u64) -> io::Result<()> {
    let skipped = io::copy(&mut from.take(bytes), &mut io::sink())?;
    if skipped == bytes { Ok(()) } else { Err(cut_off()) }
}

fn wide_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let units = word(bytes)? as usize;
    let (text, rest) = bytes[4..].split_at_checked(units.checked_mul(2)?)?;
    let units: Vec<u16> = text.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
    Some((String::from_utf16_lossy(&units), rest))
}

fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().copied().map(u32::from_le_bytes)
}

fn cut_off() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "a record is cut off")
}
