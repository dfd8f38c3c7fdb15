//! One JSON object: its names, or the values of the wanted ones and nothing else.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::array::byte_at;
use super::cells::Cells;
use super::columns::Columns;
use super::error::InvalidRow;
use crate::job::shorten;

/// Nested objects are looked into so deep for columns that may be asked for.
const DEEPEST: usize = 8;

/// The names in the object that `line` is, each once, in order; and the paths to what is nested.
pub(super) fn columns(line: &[u8]) -> Result<Columns, InvalidRow> {
    // This keeps the order of names, and says where a line is no object.
    let mut names = Vec::new();
    parse(line, NamesInto(&mut names))?;
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let mut nested = Vec::new();
    for (name, value) in &whole(line)? {
        paths(name, value, DEEPEST, &mut nested);
    }
    nested.retain(|path| !seen.contains(path));
    Ok(Columns { names, nested })
}

fn paths(path: &str, value: &Value, depth: usize, out: &mut Vec<String>) {
    let Value::Object(object) = value else { return };
    for (name, value) in object {
        let path = format!("{path}.{name}");
        if depth > 0 {
            paths(&path, value, depth - 1, out);
        }
        out.push(path);
    }
}

/// The whole object.
pub(super) fn whole(line: &[u8]) -> Result<Map<String, Value>, InvalidRow> {
    serde_json::from_slice(line).map_err(|error| not_an_object(line, &error))
}

/// What is wanted of each object.
#[derive(Debug, Default)]
pub(super) struct Members {
    root: Vec<Member>,
    /// Of each slot, the column's name.
    names: Vec<String>,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// Where its value goes.
    slots: Vec<usize>,
    /// What is wanted within it, if it is an object.
    within: Vec<Member>,
}

impl Members {
    /// One slot for each name; what is no name in `columns` is a path, its steps divided by dots.
    pub(super) fn new<'a>(columns: &Columns, names: impl Iterator<Item = &'a str>) -> Self {
        let mut members = Self::default();
        for (slot, name) in names.enumerate() {
            let steps: Vec<&str> =
                if columns.nested.iter().any(|path| path == name) { name.split('.').collect() } else { vec![name] };
            enter(&mut members.root, &steps, slot);
            members.names.push(name.to_owned());
        }
        members
    }

    /// Reads the wanted values of the object that `line` is: what is missing or null is an empty text.
    pub(super) fn read(&self, line: &[u8], cells: &mut Cells) -> Result<(), InvalidRow> {
        cells.begin(self.names.len());
        let mut object = Object { names: &self.names, cells, broken: None };
        parse(line, Within { object: &mut object, members: &self.root })?;
        object.broken.map_or(Ok(()), Err)
    }
}

fn enter(members: &mut Vec<Member>, steps: &[&str], slot: usize) {
    let Some((name, rest)) = steps.split_first() else { return };
    let at = members.iter().position(|member| member.name == *name).unwrap_or_else(|| {
        members.push(Member { name: (*name).to_owned(), slots: Vec::new(), within: Vec::new() });
        members.len() - 1
    });
    match rest {
        [] => members[at].slots.push(slot),
        rest => enter(&mut members[at].within, rest, slot),
    }
}

/// What was found so far of an object.
struct Object<'a> {
    names: &'a [String],
    cells: &'a mut Cells,
    /// Why it cannot be used, were it whole.
    broken: Option<InvalidRow>,
}

impl Object<'_> {
    fn put(&mut self, slots: &[usize], text: &str) {
        for slot in slots {
            self.cells.get_mut(*slot).push_str(text);
        }
    }

    fn wrong_kind(&mut self, slots: &[usize], found: &'static str) {
        if let Some(slot) = slots.first() {
            let column = self.names[*slot].clone();
            self.broken.get_or_insert(InvalidRow::WrongKind { column, found, wanted: "a text or a number" });
        }
    }
}

fn parse<'de>(line: &'de [u8], seed: impl DeserializeSeed<'de>) -> Result<(), InvalidRow> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let parsed = seed.deserialize(&mut json).and_then(|_| json.end());
    parsed.map_err(|error| not_an_object(line, &error))
}

fn not_an_object(line: &[u8], error: &serde_json::Error) -> InvalidRow {
    if std::str::from_utf8(line).is_err() {
        return InvalidRow::record_not_utf8(line);
    }
    let at = format!(" at line {} column {}", error.line(), error.column());
    let why = error.to_string();
    // It may quote the line's own text. It counts from 0 where the first byte is of the wrong type.
    let why = shorten(why.strip_suffix(&at).unwrap_or(&why), 100);
    InvalidRow::NotAnObject { why, byte: byte_at(line, error.line(), error.column()).max(1) }
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

/// The members of one object that are wanted.
struct Within<'a, 'b> {
    object: &'a mut Object<'b>,
    members: &'a [Member],
}

impl<'de> DeserializeSeed<'de> for Within<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Within<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Few members are wanted, so a list of those met is quicker than a set.
        let mut met = Vec::with_capacity(self.members.len());
        while let Some(wanted) = map.next_key_seed(Named(self.members))? {
            let Some(nth) = wanted else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let member = &self.members[nth];
            if met.contains(&nth) {
                self.object.broken.get_or_insert_with(|| InvalidRow::NameTwice { column: member.name.clone() });
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            met.push(nth);
            map.next_value_seed(ValueOf { object: &mut *self.object, member })?;
        }
        Ok(())
    }
}

/// Finds the member of a name, by its place, without keeping the name.
struct Named<'a>(&'a [Member]);

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<usize>, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Named<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|member| member.name == name))
    }
}

/// Takes a value over as text.
struct ValueOf<'a, 'b> {
    object: &'a mut Object<'b>,
    member: &'a Member,
}

impl<'de> DeserializeSeed<'de> for ValueOf<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueOf<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.object.put(&self.member.slots, text);
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.object.put(&self.member.slots, &number.to_string());
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.object.put(&self.member.slots, &number.to_string());
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        // Above this, a float no longer tells one whole number from the next, and its digits are not to look as if.
        const EXACT: f64 = (1_u64 << 53) as f64;
        let text = if number.abs() <= EXACT { number.to_string() } else { format!("{number:e}") };
        self.object.put(&self.member.slots, &text);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.object.put(&self.member.slots, if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        self.object.wrong_kind(&self.member.slots, "an array");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.object.wrong_kind(&self.member.slots, "an object");
        Within { object: self.object, members: &self.member.within }.visit_map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of objects, one after the other, for the columns `id`, `a`, `b` and the nested `n.x`.
    fn read(lines: &[&[u8]]) -> Vec<String> {
        let columns = columns(br#"{"id":1,"a":"","b":"","n":{"x":1,"y":{"z":2}}}"#).unwrap();
        let members = Members::new(&columns, ["id", "a", "b", "n.x"].into_iter());
        let mut cells = Cells::default();
        let brief = |read: Result<(), InvalidRow>, cells: &Cells| match read {
            Ok(()) => cells.texts().join("|"),
            Err(reason) => reason.to_string(),
        };
        lines.iter().map(|line| brief(members.read(line, &mut cells), &cells)).collect()
    }

    #[test]
    fn wanted_values_become_text() {
        for (line, wanted) in [
            (&br#"{"id":143,"a":"hi"}"#[..], "143|hi||"),
            (br#"{"id":143.0,"a":1.50}"#, "143|1.5||"),
            (br#"{"id":1.43e2,"a":true,"b":false}"#, "143|true|false|"),
            (br##" {"a":" h\u00e9\r\n","x":[{"id":7}],"id":" #143 "} "##, " #143 | h\u{e9}\r\n||"),
            (br#"{"n":{"y":3,"x":7},"b":"b","a":null}"#, "||b|7"),
            (br#"{"n":{"y":{"x":1}}}"#, "|||"),
            (br#"{"n":5}"#, "|||"),
            (br#"{"n":null,"n.x":"not the path"}"#, "|||"),
            (br#"{"\u0069d":-1}"#, "-1|||"),
            (br#"{}"#, "|||"),
            (br#"{"id":1e16}"#, "1e16|||"),
            (br#"{"id":18446744073709551615}"#, "18446744073709551615|||"),
            (br#"{"id":1,"b":["y"]}"#, r#"column "b" is an array, which is not a text or a number"#),
            (br#"{"id":1,"a":{"id":2}}"#, r#"column "a" is an object, which is not a text or a number"#),
            (br#"{"n":{"x":[]}}"#, r#"column "n.x" is an array, which is not a text or a number"#),
            (br#"{"id":1,"a":"x","id":1}"#, r#"column "id" is there twice; which one is meant cannot be known"#),
            (br#"{"a":null,"a":"x"}"#, r#"column "a" is there twice; which one is meant cannot be known"#),
            (br#"{"n":{"x":1,"x":2}}"#, r#"column "x" is there twice; which one is meant cannot be known"#),
            (br#"{"id":1,"c":1,"c":2}"#, "1|||"),
        ] {
            assert_eq!(read(&[line]), [wanted], "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn one_value_may_be_wanted_twice() {
        let members = Members::new(&Columns::default(), ["id", "a", "id"].into_iter());
        let mut cells = Cells::default();
        members.read(br#"{"id":7,"a":"x"}"#, &mut cells).unwrap();
        assert_eq!(cells.texts(), ["7", "x", "7"]);
    }

    #[test]
    fn what_is_no_object_says_where() {
        for (line, wanted) in [
            (&br#"{"id":1"#[..], "not a JSON object: EOF while parsing an object, at byte 7 of the line"),
            (br#"{"id":1,}"#, "not a JSON object: trailing comma, at byte 9 of the line"),
            (br#"{"id":1} 2"#, "not a JSON object: trailing characters, at byte 10 of the line"),
            (b"[1]", "not a JSON object: invalid type: sequence, expected an object, at byte 1 of the line"),
            (b"\"id\"", "not a JSON object: invalid type: string \"id\", expected an object, at byte 4 of the line"),
            (
                b"{\"id\":1,\"a\":\"Gr\xfc\xdfe\"}",
                "not UTF-8 at byte 16 of the record; if the file is windows-1252, say --encoding windows-1252",
            ),
        ] {
            assert_eq!(read(&[line]), [wanted], "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn values_not_wanted_do_not_matter_and_none_outlives_its_line() {
        let lines: [&[u8]; 4] = [
            br#"{"id":1,"a":"x","b":"y"}"#,
            b"{\"z\":\"\xff\",\"id\":2,\"b\":\"y\"}",
            br#"{"id":7,"a":"z","a":"z""#,
            br#"{"id":3,"a":"x"}"#,
        ];
        let cut = "not a JSON object: EOF while parsing an object, at byte 23 of the line";
        assert_eq!(read(&lines), ["1|x|y|", "2||y|", cut, "3|x||"]);
    }

    #[test]
    fn names_come_in_order_each_once_and_paths_apart() {
        let found = columns(br#"{"b":1,"a":{"x":1,"y":{"z":[]}},"b":2,"a.x":0,"c":[]}"#).unwrap();
        assert_eq!(found.names, ["b", "a", "a.x", "c"]);
        assert_eq!(found.nested, ["a.y.z", "a.y"]);
        assert!(columns(b"[]").is_err());
    }
}
