//! JSON lines: an object a line.

use std::collections::VecDeque;
use std::io::Read;

use super::columns::Columns;
use super::error::{InputError, InvalidRow};
use super::object;
use super::options::Options;
use super::source::Source;
use crate::job::{Key, Position};

/// Lines looked at for a first object. They are kept until they are asked for, so there is an end to it.
const MOST_BEFORE_FIRST: usize = 100;

/// Reads records from lines, into buffers that are used again.
#[derive(Debug)]
pub(super) struct Reader {
    lines: Lines,
    /// What was found on the way to the first object.
    waiting: VecDeque<(Position, InvalidRow, Key)>,
    /// The first object's position, while it is still in the line's buffer.
    first: Option<Position>,
}

/// A record.
#[derive(Debug)]
pub(super) enum Record<'a> {
    /// A line that may be an object.
    Line(Position, &'a [u8]),
    /// One that is none, and its key.
    Broken(Position, InvalidRow, Key),
}

impl Reader {
    /// Reads up to the first object, whose names are the columns there are; none where there is no object.
    pub(super) fn open<R: Read>(
        source: &mut Source<R>,
        options: &Options,
    ) -> Result<(Self, Option<Columns>), InputError> {
        let lines = Lines::new(options.record_bound_bytes);
        let mut reader = Self { lines, waiting: VecDeque::new(), first: None };
        while let Some(position) = reader.lines.next(source)? {
            if reader.lines.line.contains(&0) {
                return Err(InputError::Binary);
            }
            match reader.lines.get().and_then(object::columns) {
                Ok(columns) => {
                    reader.first = Some(position);
                    return Ok((reader, Some(columns)));
                }
                Err(reason) => {
                    let key = reader.lines.key();
                    reader.waiting.push_back((position, reason, key));
                    if reader.waiting.len() == MOST_BEFORE_FIRST {
                        let first = reader.waiting[0].1.clone();
                        return Err(InputError::NoObject { lines: MOST_BEFORE_FIRST, first });
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
            None => match self.lines.next(source)? {
                Some(position) => position,
                None => return Ok(None),
            },
        };
        Ok(Some(match self.lines.get() {
            Ok(line) => Record::Line(position, line),
            Err(reason) => Record::Broken(position, reason, self.lines.key()),
        }))
    }

    /// The last record's members of these names, as text: what is no string as JSON, what is missing as nothing. (Of the
    /// records before the first object, nothing.)
    pub(super) fn last_cells(&self, columns: &[String]) -> Vec<Vec<u8>> {
        let object = self.lines.get().and_then(object::whole).unwrap_or_default();
        let text = |column: &String| match object.get(column) {
            None | Some(serde_json::Value::Null) => Vec::new(),
            Some(serde_json::Value::String(text)) => text.clone().into_bytes(),
            Some(other) => other.to_string().into_bytes(),
        };
        columns.iter().map(text).collect()
    }
}

/// Lines, one at a time, none longer than a bound.
#[derive(Debug)]
struct Lines {
    /// The line, without its end; of a longer one, the bound and a byte.
    line: Vec<u8>,
    bound_bytes: usize,
    /// Lines read so far, and those of them that are records.
    count: u64,
    records: u64,
}

impl Lines {
    fn new(bound_bytes: usize) -> Self {
        Self { line: Vec::new(), bound_bytes, count: 0, records: 0 }
    }

    /// Reads up to the end of the next line that is not blank; none at the end.
    fn next<R: Read>(&mut self, source: &mut Source<R>) -> Result<Option<Position>, InputError> {
        loop {
            let byte = source.byte();
            if !self.read(source)? {
                return Ok(None);
            }
            self.count += 1;
            if !self.line.trim_ascii_start().is_empty() {
                self.records += 1;
                return Ok(Some(Position { record: self.records, line: self.count, byte }));
            }
        }
    }

    fn read<R: Read>(&mut self, source: &mut Source<R>) -> Result<bool, InputError> {
        self.line.clear();
        let mut begun = false;
        loop {
            let input = source.peek(1)?;
            if input.is_empty() {
                return Ok(begun);
            }
            begun = true;
            let end = memchr::memchr(b'\n', input);
            let part = &input[..end.unwrap_or(input.len())];
            let room = self.bound_bytes.saturating_add(1) - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            source.consume(used);
            if end.is_some() {
                // Of a line that was cut off, this may be any return; it is over the bound with or without it.
                if self.line.len() <= self.bound_bytes && self.line.ends_with(b"\r") {
                    self.line.pop();
                }
                return Ok(true);
            }
        }
    }

    /// The line that was read last, if it keeps the bound.
    fn get(&self) -> Result<&[u8], InvalidRow> {
        let bound_bytes = self.bound_bytes;
        if self.line.len() > bound_bytes { Err(InvalidRow::LineTooLong { bound_bytes }) } else { Ok(&self.line) }
    }

    /// The key of a line of which no job can be made.
    fn key(&self) -> Key {
        Key::of_invalid(std::iter::once(&self.line[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::Format;
    use super::super::rows::{Content, Row, Rows};
    use super::super::source::Pieces;
    use super::*;

    /// The rows in brief, `record@line+byte: content`, read in pieces of several sizes; or the error.
    fn brief(input: &str, options: &Options) -> Vec<String> {
        let read = |size| {
            let mut rows = match Rows::open(Pieces::new(input.as_bytes(), vec![size]), &options.clone().into()) {
                Ok(rows) => rows,
                Err(error) => return vec![format!("error: {error}")],
            };
            let mut out = Vec::new();
            while let Some(Row { position: Position { record, line, byte }, content }) = rows.next().unwrap() {
                let content = match content {
                    Content::Blank => "blank".to_owned(),
                    Content::Note { ticket, text, .. } => format!("{ticket} {text:?}"),
                    Content::Invalid { reason, .. } => reason.to_string(),
                };
                out.push(format!("{record}@{line}+{byte}: {content}"));
            }
            out
        };
        let all = read(1 << 20);
        for size in [1, 3, 7] {
            assert_eq!(read(size), all, "in pieces of {size}");
        }
        all
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
            (
                "{\"a\":\"\0\"}",
                &[],
                "the input looks like UTF-16 or binary data; save it as UTF-8 (in Excel: CSV UTF-8)",
            ),
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
