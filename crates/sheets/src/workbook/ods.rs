//! Streams ODS sheets.
//!
//! The format is OpenDocument 1.3, part 3, chapters 9 (tables), 6 (text) and 19 (attributes). Element names are
//! compared with their usual prefixes, as other readers do.

use std::io::{self, BufRead, BufReader, ErrorKind};

use calamine::{SheetType, SheetVisible};
use quick_xml::events::{BytesStart, Event};
use self_cell::{MutBorrow, self_cell};
use zip::ZipArchive;
use zip::read::ZipFile;

use super::archive::attribute;
use super::error::SheetError;
use super::ods_cell::{Calendar, Cell, content_text};
use super::row::{Row, Shown};
use super::{Rows, Source, archive, choose};

/// The limits of LibreOffice.
const MOST_ROWS: u32 = 1 << 20;
const MOST_COLUMNS: u32 = 1 << 14;

pub(super) type Xml<'a> = quick_xml::Reader<BufReader<ZipFile<'a, Source>>>;

self_cell!(
    struct Content {
        owner: MutBorrow<ZipArchive<Source>>,
        #[not_covariant]
        dependent: Xml,
    }
);

struct OdsRows {
    content: Content,
    calendar: Calendar,
    buffer: Vec<u8>,
    /// Number of the next row, from 0.
    next: u32,
    /// How many more times the last row is repeated.
    again: u32,
}

pub(super) fn open(source: Source, asked: Option<&str>) -> Result<(String, Box<dyn Rows>), SheetError> {
    // The list of sheets is known only at the end of the content.
    let (sheets, calendar, archive) = sheets(source)?;
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
    Ok((name, Box::new(OdsRows { content, calendar, buffer, next: 0, again: 0 })))
}

fn sheets(source: Source) -> Result<(Vec<calamine::Sheet>, Calendar, ZipArchive<Source>), SheetError> {
    let mut archive = archive::open_verified(source)?;
    refuse_encrypted(&mut archive)?;
    let mut content = content(archive)?;
    let mut calendar = Calendar::default();
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
                    "table:null-date" => {
                        if let Some(date) = attribute(element, "table:date-value")? {
                            calendar = Calendar::from_day_zero(&date)?;
                        }
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
    Ok((sheets, calendar, archive))
}

/// Reads up to the next table that has a name. Tables without one contain values cached from other files.
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
        let Self { content, calendar, buffer, next, again } = self;
        let found = content.with_dependent_mut(|_, xml| {
            while let Some(repeats) = next_row(xml, buffer)? {
                let number = *next;
                *next = number.saturating_add(repeats);
                row.clear(number);
                read_row(xml, buffer, *calendar, row)?;
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

/// Reads up to the next row and returns how often it is repeated; `None` at the end of the table.
fn next_row(xml: &mut Xml<'_>, buffer: &mut Vec<u8>) -> Result<Option<u32>, SheetError> {
    loop {
        buffer.clear();
        match xml.read_event_into(buffer)? {
            Event::Start(element) => match element.name().as_ref() {
                "table:table-row" => return repeats(&element, "table:number-rows-repeated").map(Some),
                // Drawings, which may contain texts and tables.
                "table:shapes" => skip(xml, &element.into_owned())?,
                _ => {}
            },
            Event::End(element) if element.name().as_ref() == "table:table" => return Ok(None),
            Event::Eof => return Err(cut_off()),
            _ => {}
        }
    }
}

fn read_row(xml: &mut Xml<'_>, buffer: &mut Vec<u8>, calendar: Calendar, row: &mut Row) -> Result<(), SheetError> {
    let mut column = 0_u32;
    loop {
        buffer.clear();
        match xml.read_event_into(buffer)? {
            Event::Start(element) => {
                let covered = match element.name().as_ref() {
                    "table:table-cell" => false,
                    // Covered by a merged cell, so not shown.
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
                        let shown = cell.push(text.as_deref(), calendar, out);
                        found = out.len() > start || shown == Shown::Uncomputed;
                        shown
                    };
                    // A format may extend to the last column and beyond.
                    if cell.is_something(text.as_deref().unwrap_or_default()) {
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

fn repeats(element: &BytesStart<'_>, name: &str) -> Result<u32, SheetError> {
    attribute(element, name)?.map_or(Ok(1), |repeats| repeats.trim().parse()).map_err(SheetError::unreadable)
}

pub(super) fn skip(xml: &mut Xml<'_>, element: &BytesStart<'_>) -> Result<(), SheetError> {
    xml.read_to_end_into(element.name(), &mut Vec::new())?;
    Ok(())
}

pub(super) fn cut_off() -> SheetError {
    io::Error::new(ErrorKind::UnexpectedEof, "the content is cut off").into()
}
