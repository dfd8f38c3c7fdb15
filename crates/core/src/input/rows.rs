//! Turns records into rows: a note to post, a blank row, or an invalid one.

use std::io::{Read, Seek};
use std::num::NonZeroU32;

use super::columns::Mapping;
use super::error::InputError;
use super::invalid_row::InvalidRow;
use super::layout::Layout;
use super::note_builder::{Note, NoteBuilder, is_blank};
use super::options::Format;
use super::reader_config::ReaderConfig;
use crate::export::{KEY_COLUMN, unguard, unguard_str};
use crate::job::{Key, Position, Ticket};
use crate::planning;
use batchpost_sheets::json::{self, Container, Members, placed};
use batchpost_sheets::text::{CsvReader, CsvRecord, Delimiter, Source, TextError, open_csv};
use batchpost_sheets::workbook::{CellText, Sheet, WorkbookKind};
use batchpost_sheets::{Cells, Columns, RecordError, RowPosition, Wanted};

/// A row of the input.
pub type Row = planning::Row<InvalidRow>;

/// The content of a row.
pub type Content = planning::Content<InvalidRow>;

fn content_of(note: Result<Option<Note>, InvalidRow>, key: impl FnOnce() -> Key) -> Content {
    match note {
        Ok(Some(Note { ticket, text, uncut, name, fields })) => Content::Note { ticket, text, uncut, name, fields },
        Ok(None) => Content::Blank,
        Err(reason) => Content::Invalid { reason, key: key() },
    }
}

/// The rows of an input in order.
#[derive(Debug)]
pub struct Rows<R> {
    records: Records<R>,
    columns: Vec<String>,
    cells: Cells,
    note_builder: NoteBuilder,
}

#[derive(Debug)]
enum Records<R> {
    Csv {
        source: Source<R>,
        reader: Box<CsvReader>,
        wanted: Wanted,
        count: u64,
        /// The input is an export of batchpost, whose cells are guarded.
        guarded: bool,
    },
    Json {
        source: Source<R>,
        reader: json::Reader<Key>,
        members: Members,
    },
    Sheet {
        sheet: Box<Sheet>,
        kind: WorkbookKind,
        wanted: Wanted,
        count: u64,
        guarded: bool,
    },
}

impl<R: Read> Rows<R> {
    /// Reads the header, or JSON up to the first object, and chooses the columns to use.
    ///
    /// A CSV without a header is an error. An input without rows is not.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or the input cannot be used with this configuration.
    pub fn open(source: R, reader_config: &ReaderConfig) -> Result<Self, InputError> {
        let options = &reader_config.options;
        options.check()?;
        let mut source = Source::open(source, options.encoding)?;
        let (records, columns, note_builder) = match options.format {
            Format::Csv => {
                let (reader, (columns, (wanted, note_builder))) = open_csv(&mut source, options.known(), |names| {
                    let columns = Columns::of_header(names);
                    let made = reader_config.for_columns(&columns)?;
                    Ok::<_, InputError>((columns, made))
                })?;
                let guarded = is_guarded(&columns);
                (Records::Csv { source, reader: reader.into(), wanted, count: 0, guarded }, columns, note_builder)
            }
            Format::JsonLines | Format::Json => {
                let container = if options.format == Format::Json { Container::Array } else { Container::Lines };
                let bound = options.record_bound_bytes;
                let (reader, columns) = json::Reader::open(&mut source, container, bound, key_of_record)?;
                let (members, note_builder) = reader_config.for_objects(columns.as_ref())?;
                (Records::Json { source, reader, members }, columns.unwrap_or_default(), note_builder)
            }
            Format::Workbook => return Err(InputError::NoWorkbook),
        };
        Ok(Self { records, columns: columns.names, cells: Cells::default(), note_builder })
    }

    /// Reads the header of a workbook's sheet and chooses the columns to use. The content shows which format the
    /// workbook has.
    ///
    /// # Errors
    ///
    /// If the source is not a workbook or cannot be read, or cannot be used with this configuration.
    pub fn open_workbook(
        mut source: impl Read + Seek + Send + 'static,
        reader_config: &ReaderConfig,
    ) -> Result<Self, InputError> {
        let options = &reader_config.options;
        options.check()?;
        let kind = WorkbookKind::sniff(&mut source).map_err(|source| TextError::Read { byte: 0, source })?;
        let kind = kind.ok_or(InputError::NoWorkbook)?;
        let header_row = options.header_row.map_or(1, NonZeroU32::get);
        let sheet = Sheet::open(source, kind, options.sheet.as_deref(), header_row)?;
        let columns = Columns::of_header(sheet.columns().to_vec());
        let (wanted, note_builder) = reader_config.for_columns(&columns)?;
        let guarded = is_guarded(&columns);
        let records = Records::Sheet { sheet: sheet.into(), kind, wanted, count: 0, guarded };
        Ok(Self { records, columns: columns.names, cells: Cells::default(), note_builder })
    }

    /// Returns the next row, or `None` at the end; the source has then been read to its end too.
    ///
    /// Do not call it after an error: data that a failed source returns later has no known position in the input.
    #[expect(clippy::should_implement_trait, reason = "an error ends the run, so it is `?` on each call, not an item")]
    pub fn next(&mut self) -> Result<Option<Row>, InputError> {
        let Self { records, columns, cells, note_builder } = self;
        // Cells of a broken record are not read, so they must not keep those of the row before.
        cells.clear();
        let (position, content) = match records {
            Records::Csv { source, reader, wanted, count, guarded } => {
                let Some(record) = reader.next(source)? else { return Ok(None) };
                *count += 1;
                let position = Position { record: *count, line: record.line, byte: record.byte };
                let note = match read_record(&record, columns, wanted, *guarded, cells) {
                    Ok(true) => note_builder.note(cells, None),
                    Ok(false) => Ok(None),
                    Err(reason) => Err(reason.into()),
                };
                (position, content_of(note, || Key::of_invalid(record.cells())))
            }
            Records::Json { source, reader, members } => match reader.next(source)? {
                None => return Ok(None),
                Some(json::Record::Broken(position, reason, key)) => {
                    (position_of(position), Content::Invalid { reason: reason.into(), key })
                }
                Some(json::Record::Line(position, line)) => {
                    let read = members.read(line, cells).map_err(InvalidRow::from);
                    let note = read.and_then(|()| note_builder.note(cells, Some(line)));
                    (position_of(position), content_of(note, || key_of_record(line)))
                }
                Some(json::Record::Element(position, element)) => {
                    let read = members.read(element, cells).map_err(|reason| placed(reason, element, position).into());
                    let note = read.and_then(|()| note_builder.note(cells, Some(element)));
                    (position_of(position), content_of(note, || key_of_record(element)))
                }
            },
            Records::Sheet { sheet, wanted, count, guarded, .. } => {
                let Some(row) = sheet.next()? else { return Ok(None) };
                *count += 1;
                let position = Position { record: *count, line: row.into(), byte: 0 };
                let read = read_sheet(sheet, columns, wanted, *guarded, cells).map_err(InvalidRow::from);
                let note = read.and_then(|()| note_builder.note(cells, None));
                let key = || Key::of_invalid((0..columns.len()).map(|column| sheet.cell(column).shown().as_bytes()));
                (position, content_of(note, key))
            }
        };
        Ok(Some(Row { position, content }))
    }

    /// The cells of the last row, one for each of [`Rows::columns`] as far as the row has them.
    pub fn cells(&self) -> Vec<Vec<u8>> {
        match &self.records {
            Records::Csv { reader, guarded, .. } => {
                reader.last_cells().map(|cell| plain(cell, *guarded).to_vec()).collect()
            }
            Records::Json { reader, .. } => reader.last_cells(&self.columns),
            Records::Sheet { sheet, guarded, .. } => {
                let cell = |column| plain(sheet.cell(column).shown().as_bytes(), *guarded).to_vec();
                (0..self.columns.len()).map(cell).collect()
            }
        }
    }

    /// The ticket cell of the last row, or an empty text if it could not be read.
    pub fn ticket_cell(&self) -> &str {
        self.note_builder.ticket_cell(&self.cells)
    }

    /// The ticket that this text would give in a ticket cell.
    pub(crate) fn ticket_of(&mut self, cell: &str) -> Option<Ticket> {
        self.note_builder.tickets.ticket(cell).ok()
    }

    /// The text cells of the last row, as far as they could be read.
    pub(crate) fn text_cells(&self) -> impl Iterator<Item = &str> {
        self.note_builder.text_cells(&self.cells)
    }

    /// The columns used.
    pub fn mapping(&self) -> &Mapping {
        &self.note_builder.mapping
    }

    /// All columns: those of the header, or the names in the first JSON object.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The detected layout of the input.
    pub fn layout(&self) -> Layout {
        let text = |format: Format, source: &Source<R>, delimiter: Option<Delimiter>| Layout {
            format: format.to_string(),
            packed: source.compressed(),
            encoding: Some(source.encoding().to_owned()),
            delimiter: delimiter.map(|delimiter| delimiter.to_string()),
            sheet: None,
            columns: self.columns.clone(),
        };
        match &self.records {
            Records::Csv { source, reader, .. } => text(Format::Csv, source, Some(reader.delimiter())),
            Records::Json { source, reader, .. } => {
                let format = if reader.container() == Container::Array { Format::Json } else { Format::JsonLines };
                text(format, source, None)
            }
            Records::Sheet { sheet, kind, .. } => Layout {
                format: kind.to_string(),
                packed: false,
                encoding: None,
                delimiter: None,
                sheet: Some(sheet.name().to_owned()),
                columns: self.columns.clone(),
            },
        }
    }

    /// The delimiter of a CSV.
    pub fn delimiter(&self) -> Option<u8> {
        match &self.records {
            Records::Csv { reader, .. } => Some(reader.delimiter().byte()),
            Records::Json { .. } | Records::Sheet { .. } => None,
        }
    }

    /// The source, which may have been read beyond the last row; `None` for a workbook, which is not read in order.
    pub fn source(&self) -> Option<&R> {
        match &self.records {
            Records::Csv { source, .. } | Records::Json { source, .. } => Some(source.get_ref()),
            Records::Sheet { .. } => None,
        }
    }
}

fn position_of(RowPosition { record, line, byte }: RowPosition) -> Position {
    Position { record, line, byte }
}

/// The key of an invalid record, made from its bytes.
fn key_of_record(record: &[u8]) -> Key {
    Key::of_invalid(std::iter::once(record))
}

/// Whether the input is an export of batchpost, whose cells are guarded.
fn is_guarded(columns: &Columns) -> bool {
    columns.names.iter().any(|column| column == KEY_COLUMN)
}

fn plain(cell: &[u8], guarded: bool) -> &[u8] {
    if guarded { unguard(cell) } else { cell }
}

/// Copies the wanted cells of a record. Returns `false` if the record is blank and has another width than the header.
fn read_record(
    record: &CsvRecord<'_>,
    columns: &[String],
    wanted: &Wanted,
    guarded: bool,
    cells: &mut Cells,
) -> Result<bool, RecordError> {
    if let Some(reason) = &record.broken {
        return Err(reason.clone());
    }
    if record.width() != columns.len() {
        let blank = record.cells().all(|cell| std::str::from_utf8(cell).is_ok_and(is_blank));
        let count =
            RecordError::CellCount { found: record.width(), expected: columns.len(), delimiter: record.delimiter };
        return if blank { Ok(false) } else { Err(count) };
    }
    wanted.read(cells, |column, out| {
        let cell = record.cell(column);
        let text =
            std::str::from_utf8(plain(cell, guarded)).map_err(|_| RecordError::not_utf8(&columns[column], cell))?;
        out.push_str(text);
        Ok(())
    })?;
    Ok(true)
}

/// Copies the wanted cells of a sheet's row.
fn read_sheet(
    sheet: &Sheet,
    columns: &[String],
    wanted: &Wanted,
    guarded: bool,
    cells: &mut Cells,
) -> Result<(), RecordError> {
    wanted.read(cells, |at, out| {
        let place = || (columns[at].clone(), sheet.a1(at));
        match sheet.cell(at) {
            CellText::Text(text) | CellText::Number(text) => {
                out.push_str(if guarded { unguard_str(text) } else { text });
                Ok(())
            }
            CellText::Inexact(number) => {
                let (column, cell) = place();
                Err(RecordError::InexactNumber { column, cell, number: number.to_owned() })
            }
            CellText::Error(error) => {
                let (column, cell) = place();
                Err(RecordError::ErrorCell { column, cell, error: error.to_owned() })
            }
            CellText::Garbled(_) => {
                let (column, cell) = place();
                Err(RecordError::GarbledCell { column, cell })
            }
            CellText::Uncomputed => {
                let (column, cell) = place();
                Err(RecordError::Uncomputed { column, cell })
            }
        }
    })?;
    match sheet.beyond() {
        Some(cell) => Err(RecordError::CellBeyond { cell }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
