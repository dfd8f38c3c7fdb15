//! Checks XLSX parts for content that calamine misreads.
//!
//! calamine takes the position of a cell from its reference alone, even if the cell is in another row. It reads a
//! shared text with an invalid index as the first one. It replaces half a surrogate pair by a replacement character, as
//! if the file contained that.

use std::io::{BufRead, BufReader, Read, Seek};

use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::archive::attribute;
use super::error::SheetError;

/// Length of an escape such as `_x000D_`.
const ESCAPE_BYTES: usize = 7;

/// Checks all sheets and shared texts. Returns whether one of their escapes is half a surrogate pair.
pub(super) fn look_through<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<bool, SheetError> {
    let mut halves = false;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(SheetError::unreadable)?;
        if part.name().is_ok_and(|name| name.to_ascii_lowercase().ends_with(".xml")) {
            halves |= look_through_part(BufReader::new(part))?;
        }
    }
    Ok(halves)
}

fn look_through_part(part: impl BufRead) -> Result<bool, SheetError> {
    let mut xml = quick_xml::Reader::from_reader(part);
    let mut buffer = Vec::new();
    let (mut begun, mut halves) = (false, false);
    let mut sheet = CellPosition::default();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer)? {
            Event::Start(element) | Event::Empty(element) => {
                let name = element.local_name();
                // Only sheets and shared texts have cells.
                if !begun && !matches!(name.as_ref(), "worksheet" | "sst") {
                    return Ok(false);
                }
                begun = true;
                sheet.enter(&element)?;
            }
            Event::End(element) if element.local_name().as_ref() == "v" => sheet.in_value = false,
            Event::Text(text) => {
                sheet.check_value(&text)?;
                halves |= has_half(&text);
            }
            Event::Eof => return Ok(halves),
            _ => {}
        }
    }
}

/// The current position in a sheet.
#[derive(Debug, Default)]
struct CellPosition {
    row: Option<String>,
    cell: String,
    shared: bool,
    in_value: bool,
}

impl CellPosition {
    fn enter(&mut self, element: &BytesStart<'_>) -> Result<(), SheetError> {
        match element.local_name().as_ref() {
            "row" => self.row = attribute(element, "r")?,
            "c" => {
                self.cell = attribute(element, "r")?.unwrap_or_default();
                self.shared = attribute(element, "t")?.as_deref() == Some("s");
                let row = self.cell.trim_start_matches(|char: char| char.is_ascii_alphabetic());
                match &self.row {
                    Some(within) if !row.is_empty() && row != within => {
                        Err(SheetError::unreadable(format!("the cell {} is in row {within}", self.cell)))?;
                    }
                    _ => {}
                }
            }
            "v" => self.in_value = true,
            _ => {}
        }
        Ok(())
    }

    fn check_value(&self, value: &str) -> Result<(), SheetError> {
        if self.in_value && self.shared && !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SheetError::unreadable(format!("the cell {} has the shared text {value:?}", self.cell)));
        }
        Ok(())
    }
}

/// Whether an escape is half a surrogate pair without its other half.
fn has_half(mut text: &str) -> bool {
    while let Some(at) = text.find("_x") {
        text = &text[at..];
        let past = match escape(text) {
            Some(0xd800..=0xdbff) => match escape(&text[ESCAPE_BYTES..]) {
                Some(0xdc00..=0xdfff) => 2 * ESCAPE_BYTES,
                _ => return true,
            },
            Some(0xdc00..=0xdfff) => return true,
            Some(_) => ESCAPE_BYTES,
            None => 1,
        };
        text = &text[past..];
    }
    false
}

/// Returns the UTF-16 unit of an escape at the start of `text`.
fn escape(text: &str) -> Option<u16> {
    let digits = text.get(..ESCAPE_BYTES)?.strip_prefix("_x")?.strip_suffix('_')?;
    let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_that_is_half_a_character_is_found() {
        for whole in
            ["", "_x", "_x000D_", "_xD83D__xDC4D_", "_x005F_xD83D_", "_xD83D", "_x+83D_", "é_xD8é_", "__x000D_"]
        {
            assert!(!has_half(whole), "{whole}");
        }
        for half in ["_xD83D_", "a_xd83d_b", "_xDC4D_", "_xDC4D__xD83D_", "_xD83D__x0041_", "_xD83D__xDC4D__xDC4D_"] {
            assert!(has_half(half), "{half}");
        }
    }
}
