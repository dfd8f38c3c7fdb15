//! Reads a JSON array element by element, each within a length bound.

use std::io::Read;

use super::bounded_buf::BoundedBuf;
use crate::position::RowPosition;
use crate::record_error::RecordError;
use crate::text::Source;
use crate::text::TextError;

/// Finds where elements begin and end, and leaves their content to the parser. A fault inside an element therefore
/// affects that element only. A fault between elements ends the reading, because nothing after it can be trusted.
#[derive(Debug)]
pub(crate) struct Elements {
    place: ArrayState,
    /// Line of the next byte, from 1.
    line: u64,
    /// Number of elements begun.
    count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArrayState {
    Before,
    Opened,
    AfterElement,
    AfterComma,
    Closed,
}

impl Elements {
    pub(crate) fn new() -> Self {
        Self { place: ArrayState::Before, line: 1, count: 0 }
    }

    /// Reads the next element. Returns its position, or `None` at the end of the input.
    pub(crate) fn next<R: Read>(
        &mut self,
        source: &mut Source<R>,
        element: &mut BoundedBuf,
    ) -> Result<Option<RowPosition>, TextError> {
        loop {
            let next = self.next_byte(source)?;
            self.place = match (self.place, next) {
                (ArrayState::Closed, None) => return Ok(None),
                (ArrayState::Before, Some(b'[')) => ArrayState::Opened,
                (ArrayState::Before, Some(b'{')) => return Err(TextError::ObjectNotArray),
                (ArrayState::Opened | ArrayState::AfterElement, Some(b']')) => ArrayState::Closed,
                (ArrayState::AfterElement, Some(b',')) => ArrayState::AfterComma,
                (ArrayState::Opened | ArrayState::AfterComma, Some(byte))
                    if !matches!(byte, b',' | b']' | b'}' | b':') =>
                {
                    self.place = ArrayState::AfterElement;
                    self.count += 1;
                    let position = RowPosition { record: self.count, line: self.line, byte: source.byte() };
                    self.element(source, element, position)?;
                    return Ok(Some(position));
                }
                (place, next) => return Err(broken(self.line, source.byte(), fault(place, next))),
            };
            source.consume(1);
        }
    }

    /// Returns the next byte that is not whitespace, or `None` at the end.
    fn next_byte<R: Read>(&mut self, source: &mut Source<R>) -> Result<Option<u8>, TextError> {
        loop {
            let input = source.peek(1)?;
            let blanks = input.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
            self.line += memchr::memchr_iter(b'\n', &input[..blanks]).count() as u64;
            let (next, ended) = (input.get(blanks).copied(), input.is_empty());
            source.consume(blanks);
            if next.is_some() || ended {
                return Ok(next);
            }
        }
    }

    fn element<R: Read>(
        &mut self,
        source: &mut Source<R>,
        element: &mut BoundedBuf,
        begun: RowPosition,
    ) -> Result<(), TextError> {
        element.clear();
        let mut extent = Extent::default();
        loop {
            let input = source.peek(1)?;
            if input.is_empty() {
                return Err(broken(begun.line, begun.byte, "the input ends inside the element that begins there"));
            }
            let (length, ended) = match extent.find(input) {
                Some(length) => (length, true),
                None => (input.len(), false),
            };
            element.push(&input[..length]);
            self.line += memchr::memchr_iter(b'\n', &input[..length]).count() as u64;
            source.consume(length);
            if ended {
                return Ok(());
            }
        }
    }
}

fn broken(line: u64, byte: u64, what: &'static str) -> TextError {
    TextError::BrokenArray { line, byte, what }
}

fn fault(place: ArrayState, next: Option<u8>) -> &'static str {
    match (place, next) {
        (ArrayState::Before, _) => "its opening [ is missing",
        (ArrayState::Closed, _) => "other data follows its closing ]",
        (_, None) => "its closing ] is missing",
        (ArrayState::AfterElement, Some(_)) => "a comma or the closing ] is missing after an element",
        (ArrayState::Opened | ArrayState::AfterComma, Some(_)) => "an element is missing",
    }
}

/// Finds the end of a JSON value from its brackets and quotes.
#[derive(Debug, Default)]
struct Extent {
    depth: u64,
    in_string: bool,
    /// The previous byte was a backslash.
    escaped: bool,
    /// The value is a number or a word, which has no closing delimiter.
    is_bare: bool,
}

impl Extent {
    /// Returns how many bytes of `input` belong to the value, if it ends within them.
    fn find(&mut self, input: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < input.len() {
            if self.in_string {
                if std::mem::take(&mut self.escaped) {
                    at += 1;
                    continue;
                }
                at += memchr::memchr2(b'"', b'\\', &input[at..])?;
                self.escaped = input[at] == b'\\';
                self.in_string = self.escaped;
                at += 1;
                if !self.in_string && self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match input[at] {
                b',' | b']' | b'}' | b'[' | b'{' | b'"' | b' ' | b'\t' | b'\r' | b'\n' if self.is_bare => {
                    return Some(at);
                }
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => self.is_bare = self.depth == 0,
            }
            at += 1;
        }
        None
    }
}

/// Converts the position of an error from a byte of the element to a line of the input: an element may span many lines.
pub fn placed(reason: RecordError, element: &[u8], begun: RowPosition) -> RecordError {
    match reason {
        RecordError::NotAnObject { why, byte } => {
            let before = &element[..(byte - 1).min(element.len())];
            let line = begun.line + memchr::memchr_iter(b'\n', before).count() as u64;
            RecordError::ElementNotAnObject { why, line }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::brief::{BOUND_BYTES, json_in_pieces};
    use crate::json::Container;
    use crate::text::source::Pieces;

    fn rows(input: &str) -> Vec<String> {
        json_in_pieces(input.as_bytes(), Container::Array, BOUND_BYTES)
    }

    #[test]
    fn elements_are_rows_with_the_place_at_which_they_begin() {
        let pretty = "\u{feff}[\n  {\n    \"ticket\": 1,\n    \"text\": \"a ] } \\\" \\\\\"\n  },\r\n  {\"text\": \"b\", \
                      \"ticket\": \"2\", \"x\": [{\"y\": []}]},\n\n  {}]\n\n";
        assert_eq!(rows(pretty), [r#"1@2+7: 1 "a ] } \" \\""#, r#"2@6+60: 2 "b""#, "3@8+111: blank"]);
        assert_eq!(
            rows(r#"[{"ticket":1,"text":"a"},{"ticket":2,"text":"b"}]"#),
            [r#"1@1+1: 1 "a""#, r#"2@1+25: 2 "b""#]
        );
    }

    #[test]
    fn an_array_without_elements_is_fine() {
        assert!(rows("[]").is_empty());
        assert!(rows("\n [\n\n ] \n").is_empty());
    }

    #[test]
    fn an_element_that_is_no_object_costs_itself_alone() {
        let not = |place: &str, why: &str| format!("{place}: not a JSON object: {why}");
        assert_eq!(
            rows(
                "[1,\n \"a,]\\\"\",[[2],{}], null ,nonsense,\n{\"ticket\":1,\n\"text\":\n},{\"ticket\":1]\n,{\"ticket\":1,\"text\":\"a\"}]"
            ),
            [
                not("1@1+1", "invalid type: integer `1`, expected an object, on line 1"),
                not("2@2+5", "invalid type: string \"a,]\\\"\", expected an object, on line 2"),
                not("3@2+13", "invalid type: sequence, expected an object, on line 2"),
                not("4@2+23", "invalid type: null, expected an object, on line 2"),
                not("5@2+29", "expected ident, on line 2"),
                not("6@3+39", "expected value, on line 5"),
                not("7@5+62", "expected `,` or `}`, on line 5"),
                r#"8@6+76: 1 "a""#.to_owned(),
            ]
        );
    }

    #[test]
    fn what_is_wrong_between_elements_ends_the_reading_with_its_place() {
        let one = r#"{"ticket":1,"text":"a"}"#;
        for (input, rows_before, line, byte, what) in [
            (String::new(), 0, 1, 0, "its opening [ is missing"),
            (" x".to_owned(), 0, 1, 1, "its opening [ is missing"),
            ("[".to_owned(), 0, 1, 1, "its closing ] is missing"),
            ("[,".to_owned(), 0, 1, 1, "an element is missing"),
            ("[]\n]".to_owned(), 0, 2, 3, "other data follows its closing ]"),
            (format!("[{one}\n{one}]"), 1, 2, 25, "a comma or the closing ] is missing after an element"),
            (format!("[{one}}}]"), 1, 1, 24, "a comma or the closing ] is missing after an element"),
            (format!("[{one},,{one}]"), 1, 1, 25, "an element is missing"),
            (format!("[{one},\n]"), 1, 2, 26, "an element is missing"),
            (format!("[{one}"), 1, 1, 24, "its closing ] is missing"),
            (format!("[{one},"), 1, 1, 25, "its closing ] is missing"),
            (format!("[{one},\n{{\"a\":\n{one},"), 1, 2, 26, "the input ends inside the element that begins there"),
            (format!("[{one},\n\"abc]\n"), 1, 2, 26, "the input ends inside the element that begins there"),
            (format!("[{one}]{one}"), 1, 1, 25, "other data follows its closing ]"),
        ] {
            let mut found = rows(&input);
            let error = found.pop().unwrap();
            let wanted = format!(
                "error: the JSON array is broken on line {line}, at byte {byte}: {what}; the rest is \
                 not read; correct the file"
            );
            assert_eq!((found.len(), error), (rows_before, wanted), "{input:?}");
        }
    }

    #[test]
    fn an_object_or_lines_of_them_are_refused_with_a_hint() {
        let wanted = "error: the input begins as a JSON object, but the format json is an array of objects; if the \
                      array is inside the object, extract it (with jq: jq .NAME FILE)";
        assert_eq!(rows("\n{\"notes\": [{\"ticket\": 1}]}"), [wanted]);
    }

    #[test]
    fn many_elements_without_an_object_are_another_format() {
        let wanted = "error: the first 100 elements of the array have no JSON object (first: not a JSON object: \
                      invalid type: integer `1`, expected an object, on line 1)";
        assert_eq!(rows(&format!("[{}1]", "1,".repeat(99))), [wanted]);
        assert_eq!(rows(&format!("[{}1]", "1,".repeat(98))).len(), 99);
    }

    #[test]
    fn an_over_long_element_costs_itself_alone() {
        let (short, long) = (r#"{"ticket":1,"text":"abc"}"#, r#"{"ticket":2,"text":"abcd"}"#);
        let much = format!("[\"{}\n\"]", "x".repeat(200_000));
        assert_eq!(
            json_in_pieces(format!("[{long},{short},{much},\n{long},{short}]").as_bytes(), Container::Array, 25),
            [
                "1@1+1: the element is longer than 25 bytes",
                r#"2@1+28: 1 "abc""#,
                "3@1+54: the element is longer than 25 bytes",
                "4@3+200061: the element is longer than 25 bytes",
                r#"5@3+200088: 1 "abc""#,
            ]
        );
    }

    #[test]
    fn an_element_in_another_encoding_says_so() {
        assert_eq!(
            json_in_pieces(b"[{\"ticket\":1,\"text\":\"Gr\xfc\xdfe\"}]", Container::Array, BOUND_BYTES),
            [
                "1@1+1: not UTF-8 at byte 23 of the record; it looks like windows-1252: read it with that encoding, or save the file as UTF-8"
            ]
        );
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\"\\\\{}\\[\\],: a-cé\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c\"\\\\}]{0,3}", inner, 0..4)
                    .prop_map(|members| Value::from(members.into_iter().collect::<serde_json::Map<_, _>>())),
            ]
        })
    }

    proptest! {
        /// The oracle is serde_json, parsing the whole array.
        #[test]
        fn elements_are_those_that_the_parser_finds(
            values in prop::collection::vec(value(), 0..6),
            pretty in any::<bool>(),
            sizes in prop::collection::vec(1_usize..30, 1..4),
        ) {
            let text = if pretty { serde_json::to_vec_pretty(&values) } else { serde_json::to_vec(&values) }.unwrap();
            let mut source = Source::open(Pieces::new(&text, sizes), None).unwrap();
            let (mut elements, mut element) = (Elements::new(), BoundedBuf::new(1 << 20));
            let mut found: Vec<serde_json::Value> = Vec::new();
            while let Some(position) = elements.next(&mut source, &mut element).unwrap() {
                let bytes = element.get().unwrap();
                prop_assert!(text[position.byte as usize..].starts_with(bytes));
                let feeds = text[..position.byte as usize].iter().filter(|byte| **byte == b'\n').count();
                prop_assert_eq!(position.line, 1 + feeds as u64);
                found.push(serde_json::from_slice(bytes).unwrap());
            }
            prop_assert_eq!(found, values);
            prop_assert_eq!(source.byte(), text.len() as u64, "all is read");
        }

        /// For any bytes, the result does not depend on the sizes of the pieces, and reading ends.
        #[test]
        fn pieces_change_nothing(
            bytes in prop::collection::vec(prop::sample::select(&b"[[]]{{}},,\"\"\\: \n1a\xff"[..]), 0..80),
        ) {
            json_in_pieces(&[b"[", &bytes[..]].concat(), Container::Array, BOUND_BYTES);
        }
    }
}
