//! ODS sheets, streamed.
//!
//! The format: OpenDocument 1.3, part 3, chapters 9 (tables), 6 (text) and 19 (attributes). Names of elements are
//! compared with their usual prefixes, as other readers do.

use std::io::{self, BufRead, BufReader, ErrorKind};

use calamine::{SheetType, SheetVisible};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use self_cell::{MutBorrow, self_cell};
use zip::ZipArchive;
use zip::read::ZipFile;

use super::archive::attribute;
use super::date::{push_iso_duration, push_iso_moment};
use super::error::SheetError;
use super::number::push_float;
use super::row::{Row, Shown};
use super::{Rows, Source, archive, choose};

/// As many as LibreOffice has.
const MOST_ROWS: u32 = 1 << 20;
const MOST_COLUMNS: u32 = 1 << 14;
/// Of blanks that one element stands for.
const MOST_BLANKS: usize = 1 << 16;

type Xml<'a> = quick_xml::Reader<BufReader<ZipFile<'a, Source>>>;

self_cell!(
    struct Content {
        owner: MutBorrow<ZipArchive<Source>>,
        #[not_covariant]
        dependent: Xml,
    }
);

struct OdsRows {
    content: Content,
    buffer: Vec<u8>,
    /// Of the row after the last one read, from 0.
    next: u32,
    /// How often the last one read is still to come.
    again: u32,
}

pub(super) fn open(source: Source, asked: Option<&str>) -> Result<(String, Box<dyn Rows>), SheetError> {
    // The sheets there are: only the end of the content says.
    let (sheets, archive) = sheets(source)?;
    let name = choose(&sheets, asked)?;
    let mut content = content(archive)?;
    let mut buffer = Vec::new();
    content.with_dependent_mut(|_, xml| {
        while let Some(table) = next_table(xml, &mut buffer, |_| Ok(()))? {
            if table == name {
                return Ok(());
            }
        }
        Err(SheetError::NoSheets)
    })?;
    Ok((name, Box::new(OdsRows { content, buffer, next: 0, again: 0 })))
}

fn sheets(source: Source) -> Result<(Vec<calamine::Sheet>, ZipArchive<Source>), SheetError> {
    let mut archive = archive::open_verified(source)?;
    refuse_encrypted(&mut archive)?;
    let mut content = content(archive)?;
    let sheets = content.with_dependent_mut(|_, xml| {
        let (mut sheets, mut buffer) = (Vec::new(), Vec::new());
        let mut hidden = Vec::new();
        let mut style = None;
        loop {
            let seen = |element: &BytesStart<'_>| {
                match element.name().as_ref() {
                    "style:style" => style = attribute(element, "style:name")?,
                    "style:table-properties" if attribute(element, "table:display")?.as_deref() == Some("false") => {
                        hidden.extend(style.take());
                    }
                    "table:table" => style = attribute(element, "table:style-name")?,
                    _ => {}
                }
                Ok(())
            };
            let Some(name) = next_table(xml, &mut buffer, seen)? else { return Ok::<_, SheetError>(sheets) };
            let is_hidden = style.take().is_some_and(|style| hidden.contains(&style));
            let visible = if is_hidden { SheetVisible::Hidden } else { SheetVisible::Visible };
            sheets.push(calamine::Sheet { name, typ: SheetType::WorkSheet, visible });
        }
    })?;
    let archive = content.into_owner().into_inner();
    Ok((sheets, archive))
}

/// Reads on into the next table that has a name: there are others, of values kept from elsewhere.
fn next_table<R: BufRead>(
    xml: &mut quick_xml::Reader<R>,
    buffer: &mut Vec<u8>,
    mut seen: impl FnMut(&BytesStart<'_>) -> Result<(), SheetError>,
) -> Result<Option<String>, SheetError> {
    loop {
        buffer.clear();
        match xml.read_event_into(buffer)? {
            Event::Start(element) => {
                seen(&element)?;
                if element.name().as_ref() == "table:table"
                    && let Some(name) = attribute(&element, "table:name")?
                {
                    return Ok(Some(name));
                }
            }
            Event::Eof => return Ok(None),
            _ => {}
        }
    }
}

fn content(archive: ZipArchive<Source>) -> Result<Content, SheetError> {
    Content::try_new(MutBorrow::new(archive), |archive| {
        let mut xml = quick_xml::Reader::from_reader(archive::part(archive.borrow_mut(), "content.xml")?);
        xml.config_mut().expand_empty_elements = true;
        Ok(xml)
    })
}

fn refuse_encrypted(archive: &mut ZipArchive<Source>) -> Result<(), SheetError> {
    let Ok(manifest) = archive::part(archive, "META-INF/manifest.xml") else { return Ok(()) };
    let mut xml = quick_xml::Reader::from_reader(manifest);
    let mut buffer = Vec::new();
    loop {
        match xml.read_event_into(&mut buffer)? {
            Event::Start(element) | Event::Empty(element) if element.local_name().as_ref() == "encryption-data" => {
                return Err(SheetError::Encrypted);
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
        buffer.clear();
    }
}

impl Rows for OdsRows {
    fn next(&mut self, row: &mut Row) -> Result<bool, SheetError> {
        if self.again > 0 {
            self.again -= 1;
            row.move_down();
            return Ok(true);
        }
        let Self { content, buffer, next, again } = self;
        let found = content.with_dependent_mut(|_, xml| {
            while let Some(repeats) = next_row(xml, buffer)? {
                let number = *next;
                *next = number.saturating_add(repeats);
                row.clear(number);
                read_row(xml, buffer, row)?;
                if row.is_empty() || repeats == 0 {
                    continue;
                }
                if *next > MOST_ROWS {
                    return Err(SheetError::unreadable(format!("more rows than {MOST_ROWS}")));
                }
                *again = repeats - 1;
                return Ok(true);
            }
            Ok(false)
        });
        let read = self.next;
        found.map_err(|error| if read > 0 { error.after(read - 1) } else { error })
    }
}

/// Reads on into the next row and gives how often it is there; none at the table's end.
fn next_row(xml: &mut Xml<'_>, buffer: &mut Vec<u8>) -> Result<Option<u32>, SheetError> {
    loop {
        buffer.clear();
        match xml.read_event_into(buffer)? {
            Event::Start(element) => match element.name().as_ref() {
                "table:table-row" => return repeats(&element, "table:number-rows-repeated").map(Some),
                // Pictures, with texts and tables of their own.
                "table:shapes" => skip(xml, &element.into_owned())?,
                _ => {}
            },
            Event::End(element) if element.name().as_ref() == "table:table" => return Ok(None),
            Event::Eof => return Err(cut_off()),
            _ => {}
        }
    }
}

fn read_row(xml: &mut Xml<'_>, buffer: &mut Vec<u8>, row: &mut Row) -> Result<(), SheetError> {
    let mut column = 0_u32;
    loop {
        buffer.clear();
        match xml.read_event_into(buffer)? {
            Event::Start(element) => {
                let covered = match element.name().as_ref() {
                    "table:table-cell" => false,
                    // Under a merged cell: not shown.
                    "table:covered-table-cell" => true,
                    _ => {
                        skip(xml, &element.into_owned())?;
                        continue;
                    }
                };
                let repeats = repeats(&element, "table:number-columns-repeated")?;
                let after = column.saturating_add(repeats);
                let cell = Cell::of(&element)?;
                let text = content_text(xml)?;
                if !covered && repeats > 0 {
                    let mut found = false;
                    let write = |out: &mut String| {
                        let start = out.len();
                        let shown = cell.push(&text, out);
                        found = out.len() > start || shown == Shown::Uncomputed;
                        shown
                    };
                    // A format can be set to the last column and beyond.
                    if cell.is_something(&text) {
                        row.push(column, write)?;
                    }
                    if found {
                        row.repeat_last(column + 1..after.min(MOST_COLUMNS));
                    }
                }
                column = after;
            }
            Event::End(element) if element.name().as_ref() == "table:table-row" => return Ok(()),
            Event::Eof => return Err(cut_off()),
            _ => {}
        }
    }
}

/// The attributes that make a cell's value.
#[derive(Debug, Default)]
struct Cell {
    /// `office:value-type`.
    kind: Option<String>,
    /// The attribute that goes with the type.
    value: Option<String>,
    formula: bool,
    error: bool,
}

impl Cell {
    fn of(element: &BytesStart<'_>) -> Result<Self, SheetError> {
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
            formula: element.try_get_attribute("table:formula").map_err(SheetError::unreadable)?.is_some(),
            error: attribute(element, "calcext:value-type")?.as_deref() == Some("error"),
            kind,
        })
    }

    fn is_something(&self, text: &str) -> bool {
        self.kind.is_some() || self.value.is_some() || self.formula || !text.is_empty()
    }

    /// Appends what is shown, given the text in the cell.
    fn push(&self, text: &str, out: &mut String) -> Shown {
        // Before it had a type for them, LibreOffice gave errors the value 0.
        let old_error = self.formula && (text.starts_with('#') || text.starts_with("Err:"));
        if self.error || (old_error && self.kind.as_deref() == Some("float")) {
            out.push_str(if text.is_empty() { "#ERROR" } else { text });
            return Shown::Error;
        }
        match (self.kind.as_deref(), self.value.as_deref()) {
            (None, None) if text.is_empty() => return Shown::Uncomputed,
            (Some("string") | None, value) => out.push_str(value.unwrap_or(text)),
            (Some(_), None) => out.push_str(text),
            (Some("date"), Some(value)) => push_iso_moment(out, value),
            (Some("time"), Some(value)) => push_iso_duration(out, value),
            (Some("boolean"), Some(value)) => out.push_str(if value == "true" { "TRUE" } else { "FALSE" }),
            (Some(_), Some(value)) => match value.parse() {
                Ok(number) => return push_float(out, number),
                Err(_) => out.push_str(value),
            },
        }
        Shown::Text
    }
}

/// The text in a cell, to its end: paragraphs, on a line each.
fn content_text(xml: &mut Xml<'_>) -> Result<String, SheetError> {
    let (mut text, mut buffer) = (String::new(), Vec::new());
    let mut depth = 0_u32;
    let (mut paragraphs, mut within) = (0, 0_u32);
    // Whether a blank would be one of several, or begin a paragraph: those are not shown.
    let mut after_blank = true;
    loop {
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
                    // Comments, pictures, phonetic text and what else is not the cell's text.
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
                    return Ok(text);
                }
                depth -= 1;
                if matches!(element.name().as_ref(), "text:p" | "text:h") {
                    within -= 1;
                }
            }
            Event::Text(found) if within > 0 => push_collapsed(&mut text, &found.xml10_content(), &mut after_blank),
            Event::CData(found) if within > 0 => push_collapsed(&mut text, &found.xml10_content(), &mut after_blank),
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

/// Fields show their last value as their text: dates, names, pages.
fn is_field(name: &str) -> bool {
    name.starts_with("text:") && !matches!(name, "text:note" | "text:ruby-text" | "text:list")
}

/// Blanks and line ends in the file are one blank on the sheet; more have an element.
fn push_collapsed(text: &mut String, found: &str, after_blank: &mut bool) {
    for char in found.chars() {
        let blank = matches!(char, ' ' | '\t' | '\r' | '\n');
        if !blank {
            text.push(char);
        } else if !*after_blank {
            text.push(' ');
        }
        *after_blank = blank;
    }
}

fn repeats(element: &BytesStart<'_>, name: &str) -> Result<u32, SheetError> {
    attribute(element, name)?.map_or(Ok(1), |repeats| repeats.trim().parse()).map_err(SheetError::unreadable)
}

fn skip(xml: &mut Xml<'_>, element: &BytesStart<'_>) -> Result<(), SheetError> {
    xml.read_to_end_into(element.name(), &mut Vec::new())?;
    Ok(())
}

fn cut_off() -> SheetError {
    io::Error::new(ErrorKind::UnexpectedEof, "the content is cut off").into()
}
