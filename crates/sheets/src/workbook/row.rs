//! The current row: its cells as text in one reused buffer.

use std::ops::Range;

use super::error::SheetError;

/// Maximum text of a row, far above any real one, so that repeated strings cannot fill the memory.
const MOST_ROW_BYTES: usize = 64 << 20;
/// Number of columns in the largest sheets; the last is XFD.
const MOST_COLUMNS: u32 = 16_384;

/// The content of a cell as shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellText<'a> {
    /// A text, a date or a boolean; an empty text if the cell is empty.
    Text(&'a str),
    /// A number.
    Number(&'a str),
    /// A whole number that has or may have lost digits: above 2^53, or of 16 digits with a 0 at the end, which Excel
    /// writes for the 16th digit. The text is the number in the file, which may differ from the one typed.
    Inexact(&'a str),
    /// An error, such as `#REF!`.
    Error(&'a str),
    /// A text with an invalid character, such as half an emoji.
    Garbled(&'a str),
    /// A formula whose value is not in the file, because the program that wrote it does not compute.
    Uncomputed,
}

impl<'a> CellText<'a> {
    /// The text shown, including errors.
    pub fn shown(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Inexact(text) | Self::Error(text) | Self::Garbled(text) => {
                text
            }
            Self::Uncomputed => "",
        }
    }
}

/// [`CellText`] without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Text,
    Number,
    Inexact,
    Error,
    Garbled,
    Uncomputed,
}

#[derive(Debug)]
struct Cell {
    column: u32,
    shown: Shown,
    /// Range in the text of the row.
    at: Range<usize>,
}

/// A row. Only cells that are not empty are kept.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// From 0.
    number: u32,
    text: String,
    /// In ascending order of columns.
    cells: Vec<Cell>,
}

impl Row {
    /// Starts a row without cells.
    pub(super) fn clear(&mut self, number: u32) {
        self.number = number;
        self.text.clear();
        self.cells.clear();
    }

    /// Adds a cell. `write` appends its content to the text of the row.
    pub(super) fn push(&mut self, column: u32, write: impl FnOnce(&mut String) -> Shown) -> Result<(), SheetError> {
        if column >= MOST_COLUMNS {
            let column = a1(column as usize, self.number);
            return Err(SheetError::unreadable(format!("the cell {column} is beyond the last column of a sheet")));
        }
        let start = self.text.len();
        let shown = write(&mut self.text);
        if self.text.len() > MOST_ROW_BYTES {
            let what = format!("the text of row {}", self.number.saturating_add(1));
            return Err(SheetError::TooLong { what, most_bytes: MOST_ROW_BYTES as u64 });
        }
        if start == self.text.len() && shown != Shown::Uncomputed {
            return Ok(());
        }
        let cell = Cell { column, shown, at: start..self.text.len() };
        if self.cells.last().is_none_or(|last| last.column < column) {
            self.cells.push(cell);
            return Ok(());
        }
        match self.find(column) {
            Ok(_) => Err(SheetError::unreadable(format!("the cell {} occurs twice", a1(column as usize, self.number)))),
            Err(at) => {
                self.cells.insert(at, cell);
                Ok(())
            }
        }
    }

    /// Repeats the last cell in `columns`, which must follow it.
    pub(super) fn repeat_last(&mut self, columns: Range<u32>) {
        let Some(Cell { shown, at, .. }) = self.cells.last() else { return };
        let (shown, at) = (*shown, at.clone());
        self.cells.extend(columns.map(|column| Cell { column, shown, at: at.clone() }));
    }

    /// Turns the row into a copy of itself, one row below.
    pub(super) fn move_down(&mut self) {
        self.number += 1;
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Whether the row has no cells.
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.not_blank_from(0).is_none()
    }

    pub(super) fn cell(&self, column: usize) -> CellText<'_> {
        let found = u32::try_from(column).ok().and_then(|column| self.find(column).ok());
        found.map_or(CellText::Text(""), |at| self.text_of(&self.cells[at]))
    }

    /// The first column at or after `column` whose cell is not blank.
    pub(super) fn not_blank_from(&self, column: usize) -> Option<usize> {
        let from = self.cells.partition_point(|cell| (cell.column as usize) < column);
        let shows =
            |cell: &&Cell| !matches!(self.text_of(cell), CellText::Text(text) if text.chars().all(char::is_whitespace));
        self.cells[from..].iter().find(shows).map(|cell| cell.column as usize)
    }

    /// The texts up to the last cell that is not blank.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for cell in &self.cells {
            texts.resize(cell.column as usize, String::new());
            texts.push(self.text[cell.at.clone()].to_owned());
        }
        while texts.last().is_some_and(|text| text.chars().all(char::is_whitespace)) {
            texts.pop();
        }
        texts
    }

    fn find(&self, column: u32) -> Result<usize, usize> {
        self.cells.binary_search_by_key(&column, |cell| cell.column)
    }

    fn text_of(&self, cell: &Cell) -> CellText<'_> {
        let text = &self.text[cell.at.clone()];
        match cell.shown {
            Shown::Text => CellText::Text(text),
            Shown::Number => CellText::Number(text),
            Shown::Inexact => CellText::Inexact(text),
            Shown::Error => CellText::Error(text),
            Shown::Garbled => CellText::Garbled(text),
            Shown::Uncomputed => CellText::Uncomputed,
        }
    }
}

/// The name of a cell from its column and row, counted from 0: (2, 6) is `C7`.
pub(super) fn a1(column: usize, row: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    let letters: String = letters.iter().rev().collect();
    format!("{letters}{}", u64::from(row) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(row: &mut Row, column: u32, text: &str) {
        let write = |out: &mut String| {
            out.push_str(text);
            Shown::Text
        };
        row.push(column, write).unwrap();
    }

    #[test]
    fn cells_have_the_names_that_sheets_show() {
        for (column, row, name) in [
            (0, 0, "A1"),
            (25, 6, "Z7"),
            (26, 0, "AA1"),
            (701, 0, "ZZ1"),
            (702, 0, "AAA1"),
            (16_383, 1_048_575, "XFD1048576"),
        ] {
            assert_eq!(a1(column, row), name);
        }
    }

    #[test]
    fn cells_are_found_in_whatever_order_they_came() {
        let mut row = Row::default();
        for (column, cell) in [(4, "e"), (1, "b"), (1, ""), (2, ""), (9, " ")] {
            text(&mut row, column, cell);
        }
        let shown = |column| row.cell(column);
        assert_eq!([0, 1, 2, 4, 9].map(shown), ["", "b", "", "e", " "].map(CellText::Text));
        assert_eq!(shown(usize::MAX), CellText::Text(""));
        assert_eq!((row.not_blank_from(0), row.not_blank_from(2), row.not_blank_from(5)), (Some(1), Some(4), None));
        assert_eq!(row.texts(), ["", "b", "", "", "e"]);
    }

    #[test]
    fn a_row_cannot_grow_without_end() {
        let mut row = Row::default();
        let part = "x".repeat(MOST_ROW_BYTES / 2);
        text(&mut row, 0, &part);
        text(&mut row, 1, &part);
        let more = row.push(2, |out| {
            out.push('x');
            Shown::Text
        });
        assert_eq!(more.unwrap_err().to_string(), "the text of row 1 is longer than 67108864 bytes");
    }
}
