//! Records turned into rows: a note to post, a blank, or what is wrong.

use std::io::Read;

use super::array::placed;
use super::cells::{Cells, Wanted};
use super::columns::{Chosen, Columns, Mapping, resolve, unseen};
use super::csv::{self, Record};
use super::error::{InputError, InvalidRow};
use super::header::{self, Layout};
use super::jsonl;
use super::note::{Maker, Note, Slots, is_blank};
use super::object::Members;
use super::options::Format;
use super::recipe::Recipe;
use super::source::Source;
use crate::export::{KEY_COLUMN, unguard};
use crate::job::{Key, Position, Ticket};

/// One record of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub position: Position,
    /// What it is.
    pub content: Content,
}

/// What a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing but blanks in every mapped column.
    Blank,
    /// A text for a ticket.
    Note {
        /// The ticket.
        ticket: Ticket,
        /// The text, as it stands in its cell; cells of several text columns are joined by an empty line.
        text: String,
        /// What names the job, where a column does.
        name: Option<String>,
    },
    /// No job can be made of it.
    Invalid {
        /// Why.
        reason: InvalidRow,
        /// The key of its raw cells, or of what was kept of them.
        key: Key,
    },
}

impl Content {
    fn of(note: Result<Option<Note>, InvalidRow>, key: impl FnOnce() -> Key) -> Self {
        match note {
            Ok(Some(Note { ticket, text, name })) => Self::Note { ticket, text, name },
            Ok(None) => Self::Blank,
            Err(reason) => Self::Invalid { reason, key: key() },
        }
    }
}

/// The rows of an input, in order.
#[derive(Debug)]
pub struct Rows<R> {
    records: Records<R>,
    columns: Vec<String>,
    cells: Cells,
    maker: Maker,
}

#[derive(Debug)]
enum Records<R> {
    Csv {
        source: Source<R>,
        reader: Box<csv::Reader>,
        wanted: Wanted,
        count: u64,
        /// An export of ours, whose cells are guarded.
        guarded: bool,
    },
    Json {
        source: Source<R>,
        reader: jsonl::Reader,
        members: Members,
    },
}

impl<R: Read> Rows<R> {
    /// Reads the header of a text, or JSON up to the first object, and finds the columns to use.
    ///
    /// An input with no rows is fine; a text without a header is not.
    pub fn open(source: R, recipe: &Recipe) -> Result<Self, InputError> {
        let options = &recipe.options;
        let mut source = Source::open(source, options.encoding)?;
        let (records, columns, maker) = match options.format {
            Format::Csv => {
                let layout = Layout::of(options);
                let (reader, (columns, chosen, mapping)) = header::open(&mut source, layout, |names| {
                    let columns = Columns::of_header(names);
                    let (chosen, mapping) = resolve(&columns, &options.columns, false)?;
                    Ok((columns, chosen, mapping))
                })?;
                let guarded = columns.names.iter().any(|column| column == KEY_COLUMN);
                let (wanted, slots) = slots(&chosen);
                let records = Records::Csv { source, reader: reader.into(), wanted, count: 0, guarded };
                (records, columns, Maker::new(mapping, slots, recipe))
            }
            Format::JsonLines | Format::Json => {
                let (reader, columns) = jsonl::Reader::open(&mut source, options)?;
                let mapping = match &columns {
                    Some(columns) => resolve(columns, &options.columns, false)?.1,
                    None => unseen(&options.columns, false)?,
                };
                let columns = columns.unwrap_or_default();
                let (members, slots) = members(&columns, &mapping);
                (Records::Json { source, reader, members }, columns, Maker::new(mapping, slots, recipe))
            }
            Format::Workbook => return Err(InputError::Spreadsheet),
        };
        Ok(Self { records, columns: columns.names, cells: Cells::default(), maker })
    }

    /// Reads the header of a workbook's sheet, and finds the columns to use.
    pub fn open_workbook(_: impl Read + std::io::Seek + Send + 'static, _: &Recipe) -> Result<Self, InputError> {
        Err(InputError::Spreadsheet)
    }

    /// The next row; none at the end, when the source has been read to its end too.
    ///
    /// After an error there is nothing more to read: what a failed source gives next has no place in the input.
    #[expect(clippy::should_implement_trait, reason = "an error ends the run, so it is `?` on each call, not an item")]
    pub fn next(&mut self) -> Result<Option<Row>, InputError> {
        let Self { records, columns, cells, maker } = self;
        let (position, content) = match records {
            Records::Csv { source, reader, wanted, count, guarded } => {
                let Some(record) = reader.next(source)? else { return Ok(None) };
                *count += 1;
                let position = Position { record: *count, line: record.line, byte: record.byte };
                let note = match read_record(&record, columns, wanted, *guarded, cells) {
                    Ok(true) => maker.note(cells),
                    Ok(false) => Ok(None),
                    Err(reason) => Err(reason),
                };
                (position, Content::of(note, || Key::of_invalid(record.cells())))
            }
            Records::Json { source, reader, members } => match reader.next(source)? {
                None => return Ok(None),
                Some(jsonl::Record::Broken(position, reason, key)) => (position, Content::Invalid { reason, key }),
                Some(jsonl::Record::Line(position, line)) => {
                    let note = members.read(line, cells).and_then(|()| maker.note(cells));
                    (position, Content::of(note, || Key::of_invalid(std::iter::once(line))))
                }
                Some(jsonl::Record::Element(position, element)) => {
                    let read = members.read(element, cells).map_err(|reason| placed(reason, element, position));
                    let note = read.and_then(|()| maker.note(cells));
                    (position, Content::of(note, || Key::of_invalid(std::iter::once(element))))
                }
            },
        };
        Ok(Some(Row { position, content }))
    }

    /// The cells of the last row, one for each of [`Rows::columns`] where the row has as many.
    pub fn cells(&self) -> Vec<Vec<u8>> {
        match &self.records {
            Records::Csv { reader, guarded, .. } => {
                reader.last_cells().map(|cell| if *guarded { unguard(cell) } else { cell }.to_vec()).collect()
            }
            Records::Json { reader, .. } => reader.last_cells(&self.columns),
        }
    }

    /// The columns in use.
    pub fn mapping(&self) -> &Mapping {
        self.maker.mapping()
    }

    /// The columns there are: those of the header, or the names in the first JSON object.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The encoding that the text is read in, by its name.
    pub fn encoding(&self) -> &'static str {
        match &self.records {
            Records::Csv { source, .. } | Records::Json { source, .. } => source.encoding(),
        }
    }

    /// Whether the input is compressed (gzip).
    pub fn compressed(&self) -> bool {
        match &self.records {
            Records::Csv { source, .. } | Records::Json { source, .. } => source.compressed(),
        }
    }

    /// The source, which may have been read further than the last row; none of a workbook, which is read here and
    /// there.
    pub fn source(&self) -> Option<&R> {
        match &self.records {
            Records::Csv { source, .. } | Records::Json { source, .. } => Some(source.get_ref()),
        }
    }
}

/// The columns that a note is made of, and where its parts are found among their cells.
fn slots(chosen: &Chosen) -> (Wanted, Slots) {
    let texts = chosen.text.len();
    let columns: Vec<usize> =
        std::iter::once(chosen.ticket).chain(chosen.text.iter().copied()).chain(chosen.key).collect();
    (Wanted::each(&columns), Slots { ticket: 0, text: (1..=texts).collect(), key: chosen.key.map(|_| texts + 1) })
}

fn members(columns: &Columns, mapping: &Mapping) -> (Members, Slots) {
    let texts = mapping.text.len();
    let names = std::iter::once(&mapping.ticket).chain(&mapping.text).chain(&mapping.key).map(String::as_str);
    let slots = Slots { ticket: 0, text: (1..=texts).collect(), key: mapping.key.as_ref().map(|_| texts + 1) };
    (Members::new(columns, names), slots)
}

/// Takes the wanted cells of a record over; false if it is blank altogether and of another width than the header.
fn read_record(
    record: &Record<'_>,
    columns: &[String],
    wanted: &Wanted,
    guarded: bool,
    cells: &mut Cells,
) -> Result<bool, InvalidRow> {
    if let Some(reason) = &record.broken {
        return Err(reason.clone());
    }
    if record.len() != columns.len() {
        let blank = record.cells().all(|cell| std::str::from_utf8(cell).is_ok_and(is_blank));
        let count = InvalidRow::CellCount { found: record.len(), expected: columns.len(), delimiter: record.delimiter };
        return if blank { Ok(false) } else { Err(count) };
    }
    wanted.read(cells, |column, out| {
        let cell = record.cell(column);
        let text = std::str::from_utf8(if guarded { unguard(cell) } else { cell })
            .map_err(|_| InvalidRow::not_utf8(&columns[column], cell))?;
        out.push_str(text);
        Ok(())
    })?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::options::Options;
    use super::super::source::Pieces;
    use super::*;

    /// The rows of `input` in brief: `record@line: content`; or the error.
    fn brief<R: Read>(input: R, options: &Options) -> Vec<String> {
        let mut rows = match Rows::open(input, &options.clone().into()) {
            Ok(rows) => rows,
            Err(error) => return vec![format!("error: {error}")],
        };
        let mut out = Vec::new();
        while let Some(Row { position, content }) = rows.next().unwrap() {
            let content = match content {
                Content::Blank => "blank".to_owned(),
                Content::Note { ticket, text, .. } => format!("{ticket} {text:?}"),
                Content::Invalid { reason, .. } => reason.to_string(),
            };
            out.push(format!("{}@{}: {content}", position.record, position.line));
        }
        out
    }

    fn csv(input: impl AsRef<[u8]>) -> Vec<String> {
        brief(input.as_ref(), &Options::new(Format::Csv))
    }

    #[test]
    fn records_become_notes_blanks_and_reasons() {
        for (record, wanted) in [
            (&b"143,hi"[..], r#"1@2: 143 "hi""#),
            (b"#143.0,hi", r#"1@2: 143 "hi""#),
            (b" 143 ,\"  a\r\nb \"", r#"1@2: 143 "  a\r\nb ""#),
            (b",", "1@2: blank"),
            (b" ,\t", "1@2: blank"),
            (b" , ,,", "1@2: blank"),
            (b"\"\"", "1@2: blank"),
            (b"143,", r#"1@2: there is a ticket id but no text in "Note""#),
            (b",hi", r#"1@2: column "Ticket" is empty; there is a text but no ticket id to post it under"#),
            (b"T-1,hi", r#"1@2: column "Ticket": ticket id "T-1" is not a positive whole number"#),
            (b"T-1,", r#"1@2: column "Ticket": ticket id "T-1" is not a positive whole number"#),
            (b"143", "1@2: cells: 1, columns in the header: 2; a text with a comma or quote in it must be quoted"),
            (b"143,a,b", "1@2: cells: 3, columns in the header: 2; a text with a comma or quote in it must be quoted"),
            (
                b"143,Gr\xfc\xdfe",
                r#"1@2: column "Note" is not UTF-8 at byte 3 of its cell; if the file is windows-1252, say --encoding windows-1252"#,
            ),
            (b"143,a\0b", r#"1@2: column "Note" contains a NUL character; remove it"#),
            (
                b"143,\"a",
                "1@2: the record that begins on line 2 has a quote that is never closed; the input ends inside it",
            ),
        ] {
            assert_eq!(csv([b"Ticket,Note\n", record].concat()), [wanted], "{record:?}");
        }
    }

    #[test]
    fn cells_that_are_not_mapped_do_not_matter() {
        assert_eq!(csv(b"x,Ticket,Note\n\xff\0,1,a\nzz,,\n"), [r#"1@2: 1 "a""#, "2@3: blank"]);
    }

    #[test]
    fn text_columns_are_joined_by_an_empty_line_in_the_order_asked_without_blank_ones() {
        let mut options = Options::new(Format::Csv);
        options.columns = ["text=c", "text=a", "text=b"].map(|choice| choice.parse().unwrap()).to_vec();
        let input = "Ticket,a,b,c\n1,a,b,c\n2, ,b,c\n3,,b\n,\n,,,\n3,,b,\n4,,, \n";
        assert_eq!(
            brief(input.as_bytes(), &options),
            [
                r#"1@2: 1 "c\n\na\n\nb""#,
                r#"2@3: 2 "c\n\nb""#,
                "3@4: cells: 3, columns in the header: 4; a text with a comma or quote in it must be quoted",
                "4@5: blank",
                "5@6: blank",
                r#"6@7: 3 "b""#,
                r#"7@8: there is a ticket id but no text in "c", "a", "b""#,
            ]
        );
    }

    #[test]
    fn reading_goes_on_after_an_over_long_record() {
        let mut options = Options::new(Format::Csv);
        options.record_bound_bytes = 20;
        let input = format!("Ticket,Note\n1,a\n2,\"{}\n\"\n3,c\n", "x".repeat(200_000));
        for size in [1000, 1 << 20] {
            assert_eq!(
                brief(Pieces::new(input.as_bytes(), vec![size]), &options),
                [
                    r#"1@2: 1 "a""#,
                    "2@3: the record that begins on line 3 is longer than 20 bytes; is a quote never closed?",
                    r#"3@5: 3 "c""#,
                ]
            );
        }
    }

    #[test]
    fn an_input_without_rows_is_fine_and_one_without_header_is_not() {
        assert!(csv("Ticket,Note").is_empty());
        assert!(csv("\u{feff}Ticket,Note\r\n\r\n").is_empty());
        for nothing in ["", "\n\r\n", "\u{feff}"] {
            let wanted = "error: the input has no header line; the first line of a CSV must name its columns";
            assert_eq!(csv(nothing), [wanted]);
        }
    }

    #[test]
    fn an_invalid_row_has_the_key_of_its_raw_cells() {
        let keys = |input: &[u8]| {
            let mut rows = Rows::open(input, &Options::new(Format::Csv).into()).unwrap();
            let mut keys = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                match row.content {
                    Content::Invalid { key, .. } => keys.push(key),
                    other => panic!("{other:?}"),
                }
            }
            keys
        };
        let found = keys(b"Ticket,Note\r\nx,\"a\"\r\nx,b\r\n\xff,a\r\n");
        let again = keys(b"Ticket,Note\n\xff,a\nx,a\n");
        assert_eq!((found[0], found[2]), (again[1], again[0]));
        assert_eq!(found[0], Key::of_invalid([&b"x"[..], b"a"].into_iter()));
        assert_ne!(found[0], found[1]);
    }

    #[test]
    fn the_source_comes_back_read_to_its_end() {
        let mut rows = Rows::open(&b"Ticket,Note\n1,a\n"[..], &Options::new(Format::Csv).into()).unwrap();
        assert_eq!(rows.columns(), ["Ticket", "Note"]);
        assert_eq!(*rows.mapping(), Mapping { ticket: "Ticket".into(), text: vec!["Note".into()], key: None });
        while rows.next().unwrap().is_some() {}
        assert!(rows.source().unwrap().is_empty());
    }
}
