//! The cells of ODS sheets: values are in attributes, texts in paragraphs.

use jiff::civil::{Date, date};
use jiff::{Span, SpanRelativeTo, Unit};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::archive::attribute;
use super::cells::push_boolean;
use super::date::{push_iso_duration, push_iso_moment, push_moment};
use super::error::SheetError;
use super::number::push_float;
use super::ods::{Xml, cut_off, skip};
use super::row::Shown;
use crate::excel_date::Epoch;

/// Maximum number of blanks for one element.
const MOST_BLANKS: usize = 1 << 16;
/// Maximum text of a cell: a few bytes of the file can produce very many blanks.
const MOST_TEXT_BYTES: usize = 64 << 20;
/// A time of at least this many days is a moment that shows only its time: no duration is as long, and tickets have no
/// dates before 1927.
const LEAST_MOMENT_DAYS: f64 = 10_000.0;

/// The day from which a workbook counts its dates.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Calendar {
    /// Day 0, in days after 30 December 1899, which is the default.
    day_zero: f64,
}

impl Calendar {
    /// Creates a calendar from `table:null-date`.
    pub(super) fn from_day_zero(iso: &str) -> Result<Self, SheetError> {
        let day_zero: Date = iso.trim().parse().map_err(SheetError::unreadable)?;
        let days = date(1899, 12, 30).until((Unit::Day, day_zero)).map_err(SheetError::unreadable)?.get_days();
        Ok(Self { day_zero: days.into() })
    }

    /// Appends a time of day, a duration or a moment.
    fn push_time(self, out: &mut String, iso: &str) -> Shown {
        let span = iso.trim().parse::<Span>().ok();
        let days = span.and_then(|span| span.total((Unit::Day, SpanRelativeTo::days_are_24_hours())).ok());
        match days {
            Some(days) if days >= LEAST_MOMENT_DAYS => push_moment(out, days + self.day_zero, Epoch::Year1900),
            _ => {
                push_iso_duration(out, iso);
                Shown::Text
            }
        }
    }
}

/// Errors that a formula without a value shows.
const ERRORS: [&str; 8] = ["#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#UNKNOWN!"];

/// The attributes that determine the value of a cell.
#[derive(Debug, Default)]
pub(super) struct Cell {
    /// `office:value-type`.
    kind: Option<String>,
    /// The value attribute for that type.
    value: Option<String>,
    formula: Option<String>,
    error: bool,
}

impl Cell {
    pub(super) fn of(element: &BytesStart<'_>) -> Result<Self, SheetError> {
        let kind = attribute(element, "office:value-type")?;
        let name = match kind.as_deref() {
            Some("date") => "office:date-value",
            Some("time") => "office:time-value",
            Some("boolean") => "office:boolean-value",
            Some("string") | None => "office:string-value",
            Some(_) => "office:value",
        };
        Ok(Self {
            value: attribute(element, name)?,
            formula: attribute(element, "table:formula")?,
            error: attribute(element, "calcext:value-type")?.as_deref() == Some("error"),
            kind,
        })
    }

    pub(super) fn is_something(&self, text: &str) -> bool {
        self.kind.is_some() || self.value.is_some() || self.formula.is_some() || !text.is_empty()
    }

    /// Appends the text shown. `text` is the text in the cell.
    pub(super) fn push(&self, text: Option<&str>, calendar: Calendar, out: &mut String) -> Shown {
        let has_text = text.is_some();
        let text = text.unwrap_or_default();
        if self.is_error(text) {
            out.push_str(if text.is_empty() { "#ERROR" } else { text });
            return Shown::Error;
        }
        if let Some(boolean) = self.boolean(text) {
            return push_boolean(out, boolean);
        }
        match (self.kind.as_deref(), self.value.as_deref()) {
            // For a formula with an empty text, LibreOffice writes only an empty paragraph.
            (None, None) if !has_text => return Shown::Uncomputed,
            (Some("string") | None, value) => out.push_str(value.unwrap_or(text)),
            (Some(_), None) => out.push_str(text),
            (Some("date"), Some(value)) => push_iso_moment(out, value),
            (Some("time"), Some(value)) => return calendar.push_time(out, value),
            (Some(_), Some(value)) => match value.parse() {
                Ok(number) => return push_float(out, number),
                Err(_) => out.push_str(value),
            },
        }
        Shown::Text
    }

    /// Whether the cell shows an error. `text` is the text in the cell.
    fn is_error(&self, text: &str) -> bool {
        if self.error || self.formula.is_none() {
            return self.error;
        }
        match self.kind.as_deref() {
            // Older versions of LibreOffice have no type for errors and write the value 0.
            Some("float") => text.starts_with('#') || text.starts_with("Err:"),
            // Gnumeric writes errors as texts.
            Some("string") => ERRORS.contains(&text),
            _ => false,
        }
    }

    /// The value, if it is a boolean. `text` is the text in the cell.
    fn boolean(&self, text: &str) -> Option<bool> {
        let (kind, value) = (self.kind.as_deref()?, self.value.as_deref()?);
        let computed = match kind {
            "boolean" => return Some(value == "true"),
            // LibreOffice writes booleans from formulas as numbers, with a text in the user's language.
            "float" => self.formula.is_some() && !text.is_empty() && text.chars().all(char::is_uppercase),
            _ => false,
        };
        match value {
            "1" if computed => Some(true),
            "0" if computed => Some(false),
            _ => None,
        }
    }
}

/// Reads the rest of a cell and returns its text, one line per paragraph; `None` if it has no paragraph.
pub(super) fn content_text(xml: &mut Xml<'_>) -> Result<Option<String>, SheetError> {
    let (mut text, mut buffer) = (String::new(), Vec::new());
    let mut depth = 0_u32;
    let (mut paragraphs, mut within) = (0, 0_u32);
    // Whether the last character was a blank or the start of a paragraph. A line end after it is not shown.
    let mut after_blank = true;
    loop {
        if text.len() > MOST_TEXT_BYTES {
            let what = "the text of a cell".to_owned();
            return Err(SheetError::TooLong { what, most_bytes: MOST_TEXT_BYTES as u64 });
        }
        buffer.clear();
        match xml.read_event_into(&mut buffer)? {
            Event::Start(element) => {
                match element.name().as_ref() {
                    "text:p" | "text:h" => {
                        if paragraphs > 0 && within == 0 {
                            text.push('\n');
                        }
                        (paragraphs, within, after_blank) = (paragraphs + 1, within + 1, true);
                    }
                    "text:s" => {
                        let count = attribute(&element, "text:c")?.map_or(Ok(1), |count| count.parse());
                        let count = count.map_err(SheetError::unreadable)?;
                        text.extend(std::iter::repeat_n(' ', usize::min(count, MOST_BLANKS)));
                        after_blank = false;
                    }
                    "text:tab" => (text.push('\t'), after_blank = false).1,
                    "text:line-break" => (text.push('\n'), after_blank = true).1,
                    "text:span" | "text:a" | "text:ruby" | "text:ruby-base" | "text:meta" => {}
                    // Comments, drawings, phonetic text and anything else that is not text of the cell.
                    name if within == 0 || !is_field(name) => {
                        skip(xml, &element.into_owned())?;
                        continue;
                    }
                    _ => {}
                }
                depth += 1;
            }
            Event::End(element) => {
                if depth == 0 {
                    return Ok((paragraphs > 0).then_some(text));
                }
                depth -= 1;
                if matches!(element.name().as_ref(), "text:p" | "text:h") {
                    within -= 1;
                }
            }
            Event::Text(found) if within > 0 => push_blanks(&mut text, &found.xml10_content(), &mut after_blank),
            Event::CData(found) if within > 0 => push_blanks(&mut text, &found.xml10_content(), &mut after_blank),
            Event::GeneralRef(reference) if within > 0 => {
                let char = reference.resolve_char_ref()?;
                let name: &str = &reference;
                match (char, resolve_predefined_entity(name)) {
                    (Some(char), _) => text.push(char),
                    (None, Some(found)) => text.push_str(found),
                    (None, None) => return Err(SheetError::unreadable(format!("the entity {name} is not known"))),
                }
                after_blank = false;
            }
            Event::Eof => return Err(cut_off()),
            _ => {}
        }
    }
}

/// Fields contain their last value as text: dates, names, page numbers.
fn is_field(name: &str) -> bool {
    name.starts_with("text:") && !matches!(name, "text:note" | "text:ruby-text" | "text:list")
}

/// Appends characters of a paragraph.
///
/// In the format, a run of blanks and line ends is one blank, so that a file can be indented; several blanks have an
/// element of their own. LibreOffice, however, writes blanks unchanged in cells of several lines, and preserves them
/// when it reads. So only a run that contains a line end is reduced to one blank.
fn push_blanks(text: &mut String, found: &str, after_blank: &mut bool) {
    let is_blank = |char| matches!(char, ' ' | '\t' | '\r' | '\n');
    let mut rest = found;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(is_blank).unwrap_or(rest.len()));
        let (blanks, after) = after.split_at(after.find(|char| !is_blank(char)).unwrap_or(after.len()));
        text.push_str(word);
        *after_blank &= word.is_empty();
        if !blanks.contains(['\r', '\n']) {
            text.push_str(blanks);
        } else if !*after_blank {
            text.push(' ');
        }
        *after_blank |= !blanks.is_empty();
        rest = after;
    }
}
