//! One JSON object: its names, or the values of the mapped ones and nothing else.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::columns::Mapping;
use super::error::InvalidRow;
use super::rows::note;
use crate::job::{Ticket, TicketError, shorten};

/// The names in the object that `line` is, each once, in order.
pub(super) fn names(line: &[u8]) -> Result<Vec<String>, InvalidRow> {
    let mut names = Vec::new();
    parse(line, NamesInto(&mut names))?;
    let mut seen = HashSet::new();
    let first: Vec<bool> = names.iter().map(|name| seen.insert(name.clone())).collect();
    let mut first = first.into_iter();
    names.retain(|_| first.next() == Some(true));
    Ok(names)
}

/// The mapped values of an object, in buffers that are used again.
#[derive(Debug, Default)]
pub(super) struct Object {
    ticket: Cell,
    texts: Vec<Cell>,
    /// A mapped name that came a second time.
    twice: Option<String>,
}

#[derive(Debug, Default)]
struct Cell {
    found: Found,
    text: String,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Found {
    /// No such name.
    #[default]
    Nothing,
    Null,
    /// A string, which is the cell's text.
    Text,
    /// A number, as a ticket id.
    Number(Result<Ticket, TicketError>),
    /// Any other kind, by what it is called.
    Other(&'static str),
}

impl Object {
    /// Reads the object that `line` is, and makes a note of it; none if all mapped values are blank.
    pub(super) fn note(&mut self, line: &[u8], mapping: &Mapping) -> Result<Option<(Ticket, String)>, InvalidRow> {
        self.texts.resize_with(mapping.text.len(), Cell::default);
        self.twice = None;
        for cell in std::iter::once(&mut self.ticket).chain(&mut self.texts) {
            cell.found = Found::Nothing;
        }
        parse(line, ObjectInto { object: self, mapping })?;
        if let Some(column) = self.twice.take() {
            return Err(InvalidRow::NameTwice { column });
        }
        let wrong = |column: &String, found, wanted| InvalidRow::WrongKind { column: column.clone(), found, wanted };
        let ticket = match &self.ticket.found {
            Found::Nothing | Found::Null => Err(TicketError::Empty),
            Found::Text => self.ticket.text.parse(),
            Found::Number(ticket) => ticket.clone(),
            Found::Other(found) => return Err(wrong(&mapping.ticket, found, "a ticket id")),
        };
        let texts = self.texts.iter().zip(&mapping.text).map(|(cell, column)| match &cell.found {
            Found::Nothing | Found::Null => Ok(""),
            Found::Text => Ok(cell.text.as_str()),
            Found::Number(_) => Err(wrong(column, "a number", "a text")),
            Found::Other(found) => Err(wrong(column, found, "a text")),
        });
        note(ticket, texts, mapping)
    }
}

fn parse<'de>(line: &'de [u8], seed: impl DeserializeSeed<'de>) -> Result<(), InvalidRow> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let parsed = seed.deserialize(&mut json).and_then(|_| json.end());
    parsed.map_err(|error| {
        if let Err(error) = std::str::from_utf8(line) {
            return InvalidRow::NotAnObject { why: "not UTF-8".to_owned(), byte: error.valid_up_to() + 1 };
        }
        let at = format!(" at line {} column {}", error.line(), error.column());
        let why = error.to_string();
        // It may quote the line's own text. It counts from 0 where the first byte is of the wrong type.
        let why = shorten(why.strip_suffix(&at).unwrap_or(&why), 100);
        InvalidRow::NotAnObject { why, byte: error.column().max(1) }
    })
}

struct NamesInto<'a>(&'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for NamesInto<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for NamesInto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, IgnoredAny)) = map.next_entry()? {
            self.0.push(name);
        }
        Ok(())
    }
}

struct ObjectInto<'a> {
    object: &'a mut Object,
    mapping: &'a Mapping,
}

impl<'de> DeserializeSeed<'de> for ObjectInto<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectInto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(PlaceOf(self.mapping))? {
            let (cell, column) = match place {
                Place::Ticket => (&mut self.object.ticket, &self.mapping.ticket),
                Place::Text(nth) => (&mut self.object.texts[nth], &self.mapping.text[nth]),
                Place::Elsewhere => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if cell.found != Found::Nothing {
                self.object.twice.get_or_insert_with(|| column.clone());
            }
            cell.found = map.next_value_seed(ValueInto(&mut cell.text))?;
        }
        Ok(())
    }
}

enum Place {
    Ticket,
    Text(usize),
    Elsewhere,
}

/// Finds what a name is mapped to, without keeping the name.
struct PlaceOf<'a>(&'a Mapping);

impl<'de> DeserializeSeed<'de> for PlaceOf<'_> {
    type Value = Place;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Place, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for PlaceOf<'_> {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Place, E> {
        if self.0.ticket == name {
            return Ok(Place::Ticket);
        }
        let text = self.0.text.iter().position(|column| column == name);
        Ok(text.map_or(Place::Elsewhere, Place::Text))
    }
}

/// Says what a value is; a string goes into the buffer.
struct ValueInto<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for ValueInto<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Found, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueInto<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Found, E> {
        self.0.clear();
        self.0.push_str(text);
        Ok(Found::Text)
    }

    fn visit_unit<E: Error>(self) -> Result<Found, E> {
        Ok(Found::Null)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Found, E> {
        Ok(Found::Number(Ticket::try_from(number)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Found, E> {
        let ticket = u64::try_from(number).map_err(|_| TicketError::NotANumber(number.to_string()));
        Ok(Found::Number(ticket.and_then(Ticket::try_from)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Found, E> {
        // Above this, a float no longer tells one whole number from the next.
        const EXACT: f64 = (1_u64 << 53) as f64;
        let whole = number.fract() == 0.0 && (0.0..=EXACT).contains(&number);
        Ok(Found::Number(match whole {
            true => Ticket::try_from(number as u64),
            false => Err(TicketError::NotANumber(shorten(&number.to_string(), 40))),
        }))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Found, E> {
        Ok(Found::Other("true or false"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Found, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Found, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Found::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of objects, one after the other, with the columns `id` and `a`, `b`.
    fn notes(lines: &[&[u8]]) -> Vec<String> {
        let mapping = Mapping { ticket: "id".into(), text: vec!["a".into(), "b".into()] };
        let mut object = Object::default();
        let brief = |note| match note {
            Ok(Some((ticket, text))) => format!("{ticket} {text:?}"),
            Ok(None) => "blank".to_owned(),
            Err(reason) => InvalidRow::to_string(&reason),
        };
        lines.iter().map(|line| brief(object.note(line, &mapping))).collect()
    }

    #[test]
    fn objects_become_notes_blanks_and_reasons() {
        for (line, wanted) in [
            (&br#"{"id":143,"a":"hi"}"#[..], r#"143 "hi""#),
            (br#"{"id":143.0,"a":"hi"}"#, r#"143 "hi""#),
            (br#"{"id":1.43e2,"a":"hi"}"#, r#"143 "hi""#),
            (br##" {"a":" h\u00e9\r\n","x":[{"id":7}],"id":" #143 "} "##, r#"143 " hé\r\n""#),
            (br#"{"id":1,"b":"b","a":"a"}"#, r#"1 "a\n\nb""#),
            (br#"{"id":1,"b":"b","a":null}"#, r#"1 "b""#),
            (br#"{"\u0069d":1,"a":"x"}"#, r#"1 "x""#),
            (br#"{"id":null,"a":" ","b":""}"#, "blank"),
            (br#"{}"#, "blank"),
            (br#"{"id":1}"#, r#"there is a ticket id but no text in "a", "b""#),
            (br#"{"a":"x"}"#, r#"column "id" is empty; there is a text but no ticket id to post it under"#),
            (br#"{"id":0,"a":"x"}"#, r#"column "id": ticket id "0" is not a positive whole number"#),
            (br#"{"id":-1,"a":"x"}"#, r#"column "id": ticket id "-1" is not a positive whole number"#),
            (br#"{"id":1.5,"a":"x"}"#, r#"column "id": ticket id "1.5" is not a positive whole number"#),
            (br#"{"id":1e16,"a":"x"}"#, r#"column "id": ticket id "10000000000000000" is not a positive whole number"#),
            (br#"{"id":"x","a":"x"}"#, r#"column "id": ticket id "x" is not a positive whole number"#),
            (br#"{"id":true,"a":"x"}"#, r#"column "id" is true or false, which is not a ticket id"#),
            (br#"{"id":1,"a":5}"#, r#"column "a" is a number, which is not a text"#),
            (br#"{"id":1,"a":"x","b":["y"]}"#, r#"column "b" is an array, which is not a text"#),
            (br#"{"id":1,"a":{"id":2}}"#, r#"column "a" is an object, which is not a text"#),
            (br#"{"id":1,"a":"x\u0000"}"#, r#"column "a" contains a NUL character; remove it"#),
            (br#"{"id":1,"a":"x","id":1}"#, r#"column "id" is there twice; which one is meant cannot be known"#),
            (br#"{"id":1,"a":null,"a":"x"}"#, r#"column "a" is there twice; which one is meant cannot be known"#),
            (br#"{"id":1,"a":"x","c":1,"c":2}"#, r#"1 "x""#),
        ] {
            assert_eq!(notes(&[line]), [wanted], "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn what_is_no_object_says_where() {
        for (line, wanted) in [
            (&br#"{"id":1"#[..], "not a JSON object: EOF while parsing an object, at byte 7 of the line"),
            (br#"{"id":1,}"#, "not a JSON object: trailing comma, at byte 9 of the line"),
            (br#"{"id":1} 2"#, "not a JSON object: trailing characters, at byte 10 of the line"),
            (b"[1]", "not a JSON object: invalid type: sequence, expected an object, at byte 1 of the line"),
            (b"\"id\"", "not a JSON object: invalid type: string \"id\", expected an object, at byte 4 of the line"),
            (b"{\"id\":1,\"a\":\"\xfc\"}", "not a JSON object: not UTF-8, at byte 14 of the line"),
        ] {
            assert_eq!(notes(&[line]), [wanted], "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn values_not_mapped_do_not_matter_and_none_outlives_its_line() {
        let lines: [&[u8]; 4] = [
            br#"{"id":1,"a":"x","b":"y"}"#,
            b"{\"z\":\"\xff\",\"id\":2,\"b\":\"y\"}",
            br#"{"id":7,"a":"z","a":"z""#,
            br#"{"id":3,"a":"x"}"#,
        ];
        let cut = "not a JSON object: EOF while parsing an object, at byte 23 of the line";
        assert_eq!(notes(&lines), [r#"1 "x\n\ny""#, r#"2 "y""#, cut, r#"3 "x""#]);
    }

    #[test]
    fn names_come_in_order_each_once() {
        assert_eq!(names(br#"{"b":1,"a":{"x":1},"b":2,"c":[]}"#).unwrap(), ["b", "a", "c"]);
        assert!(names(b"[]").is_err());
    }
}
