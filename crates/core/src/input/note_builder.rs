//! Builds notes from the cells of records.

use unicode_segmentation::UnicodeSegmentation;

use super::columns::Mapping;
use super::invalid_row::InvalidRow;
use super::options::{MaxText, TooLong};
use super::template::Renderer;
use super::ticket::{NoTicket, TicketRule};
use crate::fields::FixedField;
use crate::job::{Ticket, TicketError};
use batchpost_sheets::json::{self, Json};
use batchpost_sheets::{Cells, Names};

/// Builds notes from cells.
#[derive(Debug)]
pub(super) struct NoteBuilder {
    pub(super) mapping: Mapping,
    pub(super) slots: Slots,
    pub(super) tickets: TicketRule,
    pub(super) text: Text,
    pub(super) max_text: Option<MaxText>,
    /// Bytes of each text's maximum length that are reserved for another use.
    pub(super) reserved_bytes: u32,
}

/// The slots of the cells that make a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slots {
    pub(super) ticket: usize,
    /// The cells that make the text.
    pub(super) text: Vec<usize>,
    pub(super) key: Option<usize>,
}

impl Slots {
    /// The slots in order: ticket, texts, key.
    pub(super) fn in_order(mapping: &Mapping) -> Self {
        let texts = mapping.text.len();
        Self { ticket: 0, text: (1..=texts).collect(), key: mapping.key.as_ref().map(|_| texts + 1) }
    }
}

/// The source of a note's text.
#[derive(Debug)]
pub(super) enum Text {
    /// The cells that are not blank, separated by empty lines.
    Joined,
    /// A template over cells.
    OfCells(Renderer),
    /// A template over the JSON object.
    OfObject(Renderer),
}

/// The note of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) ticket: Ticket,
    pub(super) text: String,
    /// The whole text, if it was truncated.
    pub(super) uncut: Option<String>,
    /// The value of the key column, if there is one.
    pub(super) name: Option<String>,
    /// Fields other than ticket and text, in order of names.
    pub(super) fields: Vec<FixedField>,
}

impl NoteBuilder {
    /// The ticket cell.
    pub(super) fn ticket_cell<'a>(&self, cells: &'a Cells) -> &'a str {
        cells.texts().get(self.slots.ticket).map_or("", String::as_str)
    }

    /// The cells that make the text.
    pub(super) fn text_cells<'a>(&self, cells: &'a Cells) -> impl Iterator<Item = &'a str> {
        self.slots.text.iter().filter_map(|slot| cells.texts().get(*slot)).map(String::as_str)
    }

    /// Builds the note; `None` if all relevant cells are blank. `object` is the JSON object of the cells, if any.
    pub(super) fn note(&mut self, cells: &Cells, object: Option<&[u8]>) -> Result<Option<Note>, InvalidRow> {
        let ticket = match self.tickets.ticket(cells.get(self.slots.ticket)) {
            Ok(ticket) => ticket,
            Err(NoTicket::Ticket(TicketError::Empty)) if self.is_blank(cells, object)? => return Ok(None),
            Err(error) => {
                let column = self.mapping.ticket.clone();
                return Err(match error {
                    NoTicket::Ticket(TicketError::Empty) => InvalidRow::NoTicket { column },
                    error => InvalidRow::Ticket { column, error },
                });
            }
        };
        let text = self.text(cells, object)?.ok_or_else(|| self.no_text())?;
        let cut = match self.max_text {
            Some(most) => shortened(&text, most, self.reserved_bytes)?,
            None => None,
        };
        let (text, uncut) = match cut {
            Some(cut) => (cut, Some(text)),
            None => (text, None),
        };
        Ok(Some(Note { ticket, text, uncut, name: self.name(cells)?, fields: Vec::new() }))
    }

    /// Whether all parts of a text are blank.
    fn is_blank(&self, cells: &Cells, object: Option<&[u8]>) -> Result<bool, InvalidRow> {
        Ok(match &self.text {
            Text::Joined | Text::OfCells(_) => self.slots.text.iter().all(|slot| is_blank(cells.get(*slot))),
            Text::OfObject(renderer) => {
                let object = json::read(object.unwrap_or_default(), |name| renderer.needs(name))?;
                object.iter().all(|(_, value)| Json::is_blank(value))
            }
        })
    }

    /// Builds the text; `None` if it is blank.
    fn text(&mut self, cells: &Cells, object: Option<&[u8]>) -> Result<Option<String>, InvalidRow> {
        let text = match &mut self.text {
            Text::Joined => return self.joined(cells),
            Text::OfCells(renderer) => renderer.render_cells(cells.texts())?,
            Text::OfObject(renderer) => {
                let object = json::read_each_once(object.unwrap_or_default(), |name| renderer.needs(name))?;
                renderer.render_object(&object)?
            }
        };
        if memchr::memchr(0, text.as_bytes()).is_some() {
            return Err(InvalidRow::NulInText);
        }
        Ok((!is_blank(&text)).then_some(text))
    }

    /// Joins the text cells that are not blank, separated by empty lines.
    fn joined(&self, cells: &Cells) -> Result<Option<String>, InvalidRow> {
        let mut joined: Option<String> = None;
        for (slot, column) in self.slots.text.iter().zip(&self.mapping.text) {
            let text = cells.get(*slot);
            if is_blank(text) {
                continue;
            }
            if memchr::memchr(0, text.as_bytes()).is_some() {
                return Err(InvalidRow::Nul { column: column.clone() });
            }
            match &mut joined {
                None => joined = Some(text.to_owned()),
                Some(joined) => {
                    joined.push_str("\n\n");
                    joined.push_str(text);
                }
            }
        }
        Ok(joined)
    }

    fn no_text(&self) -> InvalidRow {
        match self.text {
            Text::Joined => {
                let mut columns = self.mapping.text.clone();
                // Columns of the same name are listed once if they are adjacent, as they usually are.
                columns.dedup();
                InvalidRow::NoText { columns: Names(columns) }
            }
            Text::OfCells(_) | Text::OfObject(_) => InvalidRow::NothingByTemplate,
        }
    }

    fn name(&self, cells: &Cells) -> Result<Option<String>, InvalidRow> {
        let Some(slot) = self.slots.key else { return Ok(None) };
        let name = cells.get(slot).trim();
        if name.is_empty() {
            let column = self.mapping.key.clone().unwrap_or_default();
            return Err(InvalidRow::NoName { column });
        }
        Ok(Some(name.to_owned()))
    }
}

/// Whether the text has only whitespace.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// Marks a truncated text.
const ELLIPSIS: &str = "…";

/// Truncates or rejects a `text` over the maximum length; `None` if it is within it.
fn shortened(text: &str, most: MaxText, reserved_bytes: u32) -> Result<Option<String>, InvalidRow> {
    let most_bytes = most.bytes.get().saturating_sub(reserved_bytes) as usize;
    if text.len() <= most_bytes {
        return Ok(None);
    }
    let cut = match most.too_long {
        TooLong::Reject => None,
        TooLong::Truncate => cut(text, most_bytes),
    };
    cut.map(Some).ok_or(InvalidRow::TooLong { bytes: text.len(), most: most_bytes })
}

/// Returns the start of `text` with an ellipsis, at most `most` bytes: cut after a word if one ends in the last tenth,
/// otherwise between two grapheme clusters. `None` if nothing fits.
fn cut(text: &str, most: usize) -> Option<String> {
    let room = most.checked_sub(ELLIPSIS.len())?;
    let mut end = 0;
    let mut word_end = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        if at > room {
            break;
        }
        end = at;
        if is_blank(cluster) {
            word_end = at;
        }
    }
    let end = if word_end >= end - end / 10 { word_end } else { end };
    let cut = text[..end].trim_end();
    (!is_blank(cut)).then(|| format!("{cut}{ELLIPSIS}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut_after_a_word_and_never_inside_a_character() {
        for (text, most, wanted) in [
            ("called the customer back today", 28, "called the customer back…"),
            ("called the customer back today", 27, "called the customer back…"),
            ("called the customer back today", 30, "called the customer back today"),
            ("お客様より連絡あり", 12, "お客様…"),
            ("お客様より連絡あり", 14, "お客様…"),
            // A family of four is one grapheme cluster of 25 bytes.
            ("ok 👨‍👩‍👧‍👦 fine, thank you", 20, "ok…"),
            ("e\u{301}e\u{301}e\u{301}e\u{301}", 10, "e\u{301}e\u{301}…"),
        ] {
            let max = MaxText { bytes: most.try_into().unwrap(), too_long: TooLong::Truncate };
            let cut = shortened(text, max, 0).unwrap();
            assert_eq!(cut.as_deref().unwrap_or(text), wanted, "{text} to {most}");
        }
    }

    #[test]
    fn a_bound_without_room_for_any_of_the_text_refuses_it() {
        for (text, most) in [("abcdef", 3), ("日本", 5), ("abcdef", 1)] {
            let max = MaxText { bytes: most.try_into().unwrap(), too_long: TooLong::Truncate };
            assert_eq!(shortened(text, max, 0), Err(InvalidRow::TooLong { bytes: 6, most: most as usize }));
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_keeps_the_bound_and_begins_as_the_text_does(text in "\\PC{0,80}", most in 1_u32..100) {
            let max = MaxText { bytes: most.try_into().unwrap(), too_long: TooLong::Truncate };
            let Ok(cut) = shortened(&text, max, 0) else { return Ok(()) };
            let cut = cut.unwrap_or_else(|| text.clone());
            prop_assert!(cut.len() <= most as usize);
            prop_assert!(text == cut || text.starts_with(cut.strip_suffix(ELLIPSIS).unwrap_or(&cut)));
        }
    }
}
