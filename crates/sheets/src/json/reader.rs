//! Reads JSON records: one object per line, or the elements of one array.

use std::collections::VecDeque;
use std::io::Read;

use super::array::{Elements, placed};
use super::bounded_buf::BoundedBuf;
use super::lines::Lines;
use super::object;
use super::value;
use crate::columns::Columns;
use crate::position::RowPosition;
use crate::record_error::RecordError;
use crate::text::{Source, TextError};

/// Maximum number of records read to find the first object. They are kept until requested, so their number is bounded.
const MOST_BEFORE_FIRST: usize = 100;

/// The layout of a JSON input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// One object per line.
    Lines,
    /// One array of objects.
    Array,
}

/// Reads records into a reused buffer. `K` is the part that is kept of a record that cannot be used.
#[derive(Debug)]
pub struct Reader<K> {
    records: Records,
    key_of: fn(&[u8]) -> K,
    /// The last record read.
    record: BoundedBuf,
    /// Records read before the first object.
    waiting: VecDeque<(RowPosition, RecordError, K)>,
    /// Position of the first object, as long as it is in `record`.
    first: Option<RowPosition>,
}

/// A record.
#[derive(Debug)]
pub enum Record<'a, K> {
    /// A line that may be an object.
    Line(RowPosition, &'a [u8]),
    /// An array element that may be an object.
    Element(RowPosition, &'a [u8]),
    /// A record that cannot be used, the reason, and the part kept.
    Broken(RowPosition, RecordError, K),
}

/// How records are separated.
#[derive(Debug)]
enum Records {
    Lines(Lines),
    Elements(Elements),
}

impl<K> Reader<K> {
    /// Reads up to the first object, whose member names are the columns; `None` if there is no object.
    ///
    /// # Errors
    ///
    /// If the source cannot be read or has another layout.
    pub fn open<R: Read>(
        source: &mut Source<R>,
        container: Container,
        record_bound_bytes: usize,
        key_of: fn(&[u8]) -> K,
    ) -> Result<(Self, Option<Columns>), TextError> {
        let records = match container {
            Container::Array => Records::Elements(Elements::new()),
            Container::Lines => Records::Lines(Lines::default()),
        };
        let record = BoundedBuf::new(record_bound_bytes);
        let mut reader = Self { records, key_of, record, waiting: VecDeque::new(), first: None };
        while let Some(position) = reader.next_record(source)? {
            if reader.record.bytes().contains(&0) {
                return Err(TextError::Binary { likely: None });
            }
            let first_byte = reader.record.bytes().trim_ascii_start().first();
            if matches!(reader.records, Records::Lines(_)) && position.record == 1 && first_byte == Some(&b'[') {
                return Err(TextError::ArrayNotLines);
            }
            match reader.columns(position) {
                Ok(columns) => {
                    reader.first = Some(position);
                    return Ok((reader, Some(columns)));
                }
                Err(reason) => {
                    let key = key_of(reader.record.bytes());
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

    /// Returns the next record, or `None` at the end.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or the array is broken between its elements.
    pub fn next<R: Read>(&mut self, source: &mut Source<R>) -> Result<Option<Record<'_, K>>, TextError> {
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
            (_, None) => Record::Broken(position, self.too_long(), (self.key_of)(self.record.bytes())),
        }))
    }

    /// The columns of the current record.
    fn columns(&self, position: RowPosition) -> Result<Columns, RecordError> {
        let record = self.record.get().ok_or_else(|| self.too_long())?;
        object::columns(record).map_err(|reason| match self.records {
            Records::Lines(_) => reason,
            Records::Elements(_) => placed(reason, record, position),
        })
    }

    fn too_long(&self) -> RecordError {
        let bound_bytes = self.record.bound_bytes();
        match self.records {
            Records::Lines(_) => RecordError::LineTooLong { bound_bytes },
            Records::Elements(_) => RecordError::ElementTooLong { bound_bytes },
        }
    }

    fn next_record<R: Read>(&mut self, source: &mut Source<R>) -> Result<Option<RowPosition>, TextError> {
        match &mut self.records {
            Records::Lines(lines) => lines.next(source, &mut self.record),
            Records::Elements(elements) => elements.next(source, &mut self.record),
        }
    }

    /// The layout of the input.
    pub fn container(&self) -> Container {
        match self.records {
            Records::Lines(_) => Container::Lines,
            Records::Elements(_) => Container::Array,
        }
    }

    /// The named members of the last record as text: a value other than a string as JSON, a missing one or `null` as an
    /// empty text. Records before the first object give empty texts.
    pub fn last_cells(&self, columns: &[String]) -> Vec<Vec<u8>> {
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
    fn none_is_an_object(&self, first: RecordError) -> TextError {
        match self {
            Self::Lines(_) => TextError::NoObject { lines: MOST_BEFORE_FIRST, first },
            Self::Elements(_) => TextError::NoObjectInArray { elements: MOST_BEFORE_FIRST, first },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brief::{BOUND_BYTES, json_in_pieces};

    fn rows(input: &str) -> Vec<String> {
        json_in_pieces(input.as_bytes(), Container::Lines, BOUND_BYTES)
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
        let wanted = "error: the first 100 lines have no JSON object; JSON Lines needs one on each line \
                      (first: not a JSON object: expected value, at byte 1 of the line)";
        assert_eq!(rows(&"x\n".repeat(100)), [wanted]);
        assert_eq!(rows(&"x\n".repeat(99)).len(), 99);
    }

    #[test]
    fn an_array_is_another_format() {
        let wanted = "error: the input begins as a JSON array, but JSON lines has an object on each line";
        for input in ["[\n  {}\n]", "\n [{\"ticket\":1,\"text\":\"a\"}]"] {
            assert_eq!(rows(input), [wanted]);
        }
    }

    #[test]
    fn an_over_long_line_costs_itself_alone() {
        // `short` has 25 bytes without its line end.
        let (short, long) = (r#"{"ticket":1,"text":"abc"}"#, r#"{"ticket":2,"text":"abcd"}"#);
        let much = "x".repeat(200_000);
        assert_eq!(
            json_in_pieces(format!("{long}\n{short}\n{much}\n{long}\n{short}").as_bytes(), Container::Lines, 25),
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
        let columns = |input: &str| {
            let mut source = Source::open(input.as_bytes(), None)?;
            let (_, columns) = Reader::open(&mut source, Container::Lines, BOUND_BYTES, |_| ())?;
            Ok::<_, TextError>(columns.map(|columns| columns.all()))
        };
        assert_eq!(columns("x\n{\"b\":1,\"a\":{\"c\":2}}\n{\"d\":1}").unwrap().unwrap(), ["b", "a", "a.c"]);
        assert_eq!(columns("\n\n").unwrap(), None);
        let binary = columns("{\"a\":\"\0\"}").unwrap_err().to_string();
        assert_eq!(binary, "the input has NUL bytes where text should be; it is binary data");
    }
}
