//! JSON as records: an object a line, or an array of objects.

use std::collections::VecDeque;
use std::io::Read;

use super::array::{Elements, placed};
use super::columns::Columns;
use super::error::{InputError, InvalidRow};
use super::kept::Kept;
use super::lines::Lines;
use super::object;
use super::options::{Format, Options};
use super::source::Source;
use super::value;
use crate::job::{Key, Position};

/// Records looked at for a first object. They are kept until they are asked for, so there is an end to it.
const MOST_BEFORE_FIRST: usize = 100;

/// Reads records, into buffers that are used again.
#[derive(Debug)]
pub(super) struct Reader {
    records: Records,
    /// The record that was read last.
    record: Kept,
    /// What was found on the way to the first object.
    waiting: VecDeque<(Position, InvalidRow, Key)>,
    /// The first object's position, while it is still the record at hand.
    first: Option<Position>,
}

/// A record.
#[derive(Debug)]
pub(super) enum Record<'a> {
    /// A line that may be an object.
    Line(Position, &'a [u8]),
    /// An array's element that may be one.
    Element(Position, &'a [u8]),
    /// What is neither, and its key.
    Broken(Position, InvalidRow, Key),
}

/// What tells one record from the next.
#[derive(Debug)]
enum Records {
    Lines(Lines),
    Elements(Elements),
}

impl Reader {
    /// Reads up to the first object, whose names are the columns there are; none where there is no object.
    pub(super) fn open<R: Read>(
        source: &mut Source<R>,
        options: &Options,
    ) -> Result<(Self, Option<Columns>), InputError> {
        let records = match options.format {
            Format::Json => Records::Elements(Elements::new()),
            _ => Records::Lines(Lines::default()),
        };
        let record = Kept::new(options.record_bound_bytes);
        let mut reader = Self { records, record, waiting: VecDeque::new(), first: None };
        while let Some(position) = reader.next_record(source)? {
            if reader.record.bytes().contains(&0) {
                return Err(InputError::Binary { likely: None });
            }
            let first_byte = reader.record.bytes().trim_ascii_start().first();
            if matches!(reader.records, Records::Lines(_)) && position.record == 1 && first_byte == Some(&b'[') {
                return Err(InputError::ArrayNotLines);
            }
            match reader.columns(position) {
                Ok(columns) => {
                    reader.first = Some(position);
                    return Ok((reader, Some(columns)));
                }
                Err(reason) => {
                    let key = reader.record.key();
                    reader.waiting.push_back((position, reason, key));
                    if reader.waiting.len() == MOST_BEFORE_FIRST {
                        let first = reader.waiting[0].1.clone();
                        return Err(reader.records.none_is_an_object(first));
                    }
                }
            }
        }
        Ok((reader, None))
    }

    /// The next record; none at the end.
    pub(super) fn next<R: Read>(&mut self, source: &mut Source<R>) -> Result<Option<Record<'_>>, InputError> {
        if let Some((position, reason, key)) = self.waiting.pop_front() {
            return Ok(Some(Record::Broken(position, reason, key)));
        }
        let position = match self.first.take() {
            Some(position) => position,
            None => match self.next_record(source)? {
                Some(position) => position,
                None => return Ok(None),
            },
        };
        Ok(Some(match (&self.records, self.record.get()) {
            (Records::Lines(_), Some(line)) => Record::Line(position, line),
            (Records::Elements(_), Some(element)) => Record::Element(position, element),
            (_, None) => Record::Broken(position, self.too_long(), self.record.key()),
        }))
    }

    /// The columns that the record at hand shows.
    fn columns(&self, position: Position) -> Result<Columns, InvalidRow> {
        let record = self.record.get().ok_or_else(|| self.too_long())?;
        object::columns(record).map_err(|reason| match self.records {
            Records::Lines(_) => reason,
            Records::Elements(_) => placed(reason, record, position),
        })
    }

    fn too_long(&self) -> InvalidRow {
        let bound_bytes = self.record.bound_bytes();
        match self.records {
            Records::Lines(_) => InvalidRow::LineTooLong { bound_bytes },
            Records::Elements(_) => InvalidRow::ElementTooLong { bound_bytes },
        }
    }

    fn next_record<R: Read>(&mut self, source: &mut Source<R>) -> Result<Option<Position>, InputError> {
        match &mut self.records {
            Records::Lines(lines) => lines.next(source, &mut self.record),
            Records::Elements(elements) => elements.next(source, &mut self.record),
        }
    }

    /// Which of the two forms it reads.
    pub(super) fn format(&self) -> Format {
        match self.records {
            Records::Lines(_) => Format::JsonLines,
            Records::Elements(_) => Format::Json,
        }
    }

    /// The last record's members of these names, as text: what is no string as JSON, what is missing as nothing. (Of the
    /// records before the first object, nothing.)
    pub(super) fn last_cells(&self, columns: &[String]) -> Vec<Vec<u8>> {
        let wanted = |name: &str| columns.iter().any(|column| column == name);
        let object = self.record.get().and_then(|record| object::members(record, wanted).ok()).unwrap_or_default();
        let text = |column: &String| match object.iter().find(|(name, _)| name == column).map(|(_, raw)| raw.get()) {
            None | Some("null") => Vec::new(),
            Some(raw) => value::text(raw).unwrap_or_else(|_| raw.to_owned()).into_bytes(),
        };
        columns.iter().map(text).collect()
    }
}

impl Records {
    fn none_is_an_object(&self, first: InvalidRow) -> InputError {
        match self {
            Self::Lines(_) => InputError::NoObject { lines: MOST_BEFORE_FIRST, first },
            Self::Elements(_) => InputError::NoObjectInArray { elements: MOST_BEFORE_FIRST, first },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::brief::brief_in_pieces;
    use super::super::rows::{Content, Rows};
    use super::*;

    fn brief(input: &str, options: &Options) -> Vec<String> {
        brief_in_pieces(input.as_bytes(), options)
    }

    fn rows(input: &str) -> Vec<String> {
        brief(input, &Options::new(Format::JsonLines))
    }

    #[test]
    fn a_row_is_a_line_with_something_on_it() {
        let input = "\u{feff}\n{\"ticket\":1,\"text\":\"a\"}\r\n  \r\n\n{\"text\":\"b\",\"ticket\":\"2\"}\n{}\nx\n{\"ticket\":3,\"text\":\"c\"}";
        assert_eq!(
            rows(input),
            [
                r#"1@2+4: 1 "a""#,
                r#"2@5+34: 2 "b""#,
                "3@6+60: blank",
                "4@7+63: not a JSON object: expected value, at byte 1 of the line",
                r#"5@8+65: 3 "c""#,
            ]
        );
    }

    #[test]
    fn lines_before_the_first_object_are_rows_too() {
        let input = "x\n[]\n{\"ticket\":1,\"text\":\"a\"}\n";
        assert_eq!(
            rows(input),
            [
                "1@1+0: not a JSON object: expected value, at byte 1 of the line",
                "2@2+2: not a JSON object: invalid type: sequence, expected an object, at byte 1 of the line",
                r#"3@3+5: 1 "a""#,
            ]
        );
    }

    #[test]
    fn many_lines_without_an_object_are_another_format() {
        let wanted = "error: none of the first 100 lines is a JSON object; the format JSON lines has one on each line \
                      (first: not a JSON object: expected value, at byte 1 of the line)";
        assert_eq!(rows(&"x\n".repeat(100)), [wanted]);
        assert_eq!(rows(&"x\n".repeat(99)).len(), 99);
    }

    #[test]
    fn an_array_is_another_format() {
        let wanted =
            "error: the input begins as a JSON array, and JSON lines has an object on each line; say --format json";
        for input in ["[\n  {}\n]", "\n [{\"ticket\":1,\"text\":\"a\"}]"] {
            assert_eq!(rows(input), [wanted]);
        }
    }

    #[test]
    fn an_over_long_line_costs_itself_alone() {
        let mut options = Options::new(Format::JsonLines);
        options.record_bound_bytes = 25;
        // The first is of 25 bytes, without its line end.
        let (short, long) = (r#"{"ticket":1,"text":"abc"}"#, r#"{"ticket":2,"text":"abcd"}"#);
        let much = "x".repeat(200_000);
        assert_eq!(
            brief(&format!("{long}\n{short}\n{much}\n{long}\n{short}"), &options),
            [
                "1@1+0: the line is longer than 25 bytes",
                r#"2@2+27: 1 "abc""#,
                "3@3+53: the line is longer than 25 bytes",
                "4@4+200054: the line is longer than 25 bytes",
                r#"5@5+200081: 1 "abc""#,
            ]
        );
    }

    #[test]
    fn the_first_object_shows_the_columns() {
        let with = |input: &str, choices: &[&str]| {
            let mut options = Options::new(Format::JsonLines);
            options.columns = choices.iter().map(|choice| choice.parse().unwrap()).collect();
            let rows = Rows::open(input.as_bytes(), &options.clone().into());
            rows.map_or_else(|error| error.to_string(), |rows| format!("{:?} {:?}", rows.columns(), rows.mapping()))
        };
        for (input, choices, wanted) in [
            (
                "{\"Ticket ID\":1,\"x\":2,\"Body\":\"\"}",
                &[][..],
                r#"["Ticket ID", "x", "Body"] Mapping { ticket: "Ticket ID", text: ["Body"], key: None }"#,
            ),
            (
                "{\"id\":1,\"Body\":\"\"}",
                &["ticket=ID"],
                r#"["id", "Body"] Mapping { ticket: "id", text: ["Body"], key: None }"#,
            ),
            (
                "{\"id\":1,\"Body\":\"\"}",
                &["ticket=id", "text=Note"],
                r#"there is no column "Note" for the text; the columns are "id", "Body""#,
            ),
            ("", &["text=Note"], r#"[] Mapping { ticket: "RelatedTicketId", text: ["Note"], key: None }"#),
            ("\n\n", &[], r#"[] Mapping { ticket: "RelatedTicketId", text: ["TextPart"], key: None }"#),
            ("{\"a\":\"\0\"}", &[], "the input has NUL bytes where text should be; it is binary data"),
        ] {
            assert_eq!(with(input, choices), wanted, "{input:?} {choices:?}");
        }
    }

    #[test]
    fn a_line_has_the_same_key_whatever_its_end() {
        let key = |input: &[u8]| {
            let mut rows = Rows::open(input, &Options::new(Format::JsonLines).into()).unwrap();
            match rows.next().unwrap().unwrap().content {
                Content::Invalid { key, .. } => key,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(key(b"x\n"), key(b"x\r\n"));
        assert_eq!(key(b"x"), key(b"x\n"));
        assert_ne!(key(b"x"), key(b"y"));
    }
}
