//! Parses one JSON object: its member names, or the values of the requested members only.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::value::{self, Json, repeated, text};
use crate::cells::Cells;
use crate::columns::{Columns, Nested};
use crate::names::{Names, excerpt};
use crate::record_error::RecordError;

/// Maximum depth of nested objects that are offered as columns.
const DEEPEST: usize = 8;

/// Returns the distinct member names of the object in `line`, in order, and the paths of its nested members.
pub(crate) fn columns(line: &[u8]) -> Result<Columns, RecordError> {
    let object = read(line, |_| true)?;
    let mut nested = Vec::new();
    for (name, value) in &object {
        paths(&[name], value, DEEPEST, &mut nested);
    }
    let mut names: Vec<String> = object.into_iter().map(|(name, _)| name).collect();
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    nested.retain(|path| !seen.contains(&path.name));
    let mut seen = HashSet::new();
    nested.retain(|path| seen.insert(path.steps.clone()));
    Ok(Columns { names, nested })
}

fn paths(steps: &[&str], value: &Json<'_>, depth: usize, out: &mut Vec<Nested>) {
    let Json::Object(object) = value else { return };
    for (name, value) in object {
        let steps = [steps, &[name]].concat();
        if depth > 0 {
            paths(&steps, value, depth - 1, out);
        }
        let name = steps.join(".");
        out.push(Nested { name, steps: steps.into_iter().map(str::to_owned).collect() });
    }
}

/// Returns the requested members of the object in `line`.
///
/// # Errors
///
/// If `line` is not an object, or a requested member cannot be read.
pub fn read(line: &[u8], wanted: impl Fn(&str) -> bool) -> Result<value::Object<'_>, RecordError> {
    let members = members(line, wanted).map_err(|error| not_an_object(line, 0, &error))?;
    let each = |(name, raw)| match Json::of(raw) {
        Ok(value) => Ok((name, value)),
        Err(broken) => Err(broken.placed(line)),
    };
    members.into_iter().map(each).collect()
}

/// Like [`read`], but rejects repeated names.
///
/// # Errors
///
/// As for [`read`], and if a name occurs more than once.
pub fn read_each_once(line: &[u8], wanted: impl Fn(&str) -> bool) -> Result<value::Object<'_>, RecordError> {
    let object = read(line, wanted)?;
    match repeated(&object) {
        Some(name) => Err(RecordError::NameTwice { column: name.to_owned() }),
        None => Ok(object),
    }
}

/// Returns the requested members of the object in `json`, with their values as written.
pub(crate) fn members(
    json: &[u8],
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, &RawValue)>, serde_json::Error> {
    let mut found = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(json);
    json.deserialize_map(Wanted { wanted, found: &mut found })?;
    json.end()?;
    Ok(found)
}

/// A value that cannot be read although its extent is known.
#[derive(Debug)]
pub(crate) struct Broken<'a> {
    pub(crate) raw: &'a str,
    pub(crate) error: serde_json::Error,
}

impl Broken<'_> {
    /// Adds the position in `line`, which contains the value.
    fn placed(&self, line: &[u8]) -> RecordError {
        let begins = self.raw.as_ptr() as usize - line.as_ptr() as usize;
        not_an_object(line, begins, &self.error)
    }
}

/// The members to read from each object.
#[derive(Debug, Default)]
pub struct Members {
    root: Vec<Member>,
    /// The column name of each slot.
    names: Vec<String>,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// The slots that receive its value.
    slots: Vec<usize>,
    /// The members to read inside its value, if that is an object.
    within: Vec<Member>,
}

impl Members {
    /// Creates one slot for each name. A name that equals one of `paths` refers to that nested member.
    pub fn new<'a>(paths: &[Nested], names: impl Iterator<Item = &'a str>) -> Self {
        let mut members = Self::default();
        for (slot, name) in names.enumerate() {
            let name = name.to_owned();
            let nested = paths.iter().find(|path| path.name == name);
            enter(&mut members.root, nested.map_or(std::slice::from_ref(&name), |path| &path.steps), slot);
            members.names.push(name);
        }
        members
    }

    /// Reads the requested values of the object in `line` into `cells`. A missing member or `null` gives an empty text.
    ///
    /// # Errors
    ///
    /// If `line` is not an object, has members but none of the requested ones, has a requested member more than once,
    /// or has a value of the wrong type.
    pub fn read(&self, line: &[u8], cells: &mut Cells) -> Result<(), RecordError> {
        cells.begin(self.names.len());
        let mut object = Object { line, names: &self.names, cells, requested: Requested::Nothing, broken: None };
        let mut json = serde_json::Deserializer::from_slice(line);
        let parsed = Within { object: &mut object, members: &self.root }.deserialize(&mut json);
        parsed.and_then(|()| json.end()).map_err(|error| not_an_object(line, 0, &error))?;
        match (object.requested, object.broken) {
            (_, Some(broken)) => Err(broken),
            // Values under other names must not be dropped as if the object were empty.
            (Requested::OtherNames, None) => Err(RecordError::OtherNames { columns: Names(self.names.clone()) }),
            (Requested::Nothing | Requested::Wanted, None) => Ok(()),
        }
    }
}

fn enter(members: &mut Vec<Member>, steps: &[String], slot: usize) {
    let Some((name, rest)) = steps.split_first() else { return };
    let at = members.iter().position(|member| member.name == *name).unwrap_or_else(|| {
        members.push(Member { name: name.clone(), slots: Vec::new(), within: Vec::new() });
        members.len() - 1
    });
    match rest {
        [] => members[at].slots.push(slot),
        rest => enter(&mut members[at].within, rest, slot),
    }
}

/// The state of reading an object.
struct Object<'a> {
    line: &'a [u8],
    names: &'a [String],
    cells: &'a mut Cells,
    requested: Requested,
    /// The first reason why the object cannot be used even if it is well-formed.
    broken: Option<RecordError>,
}

/// Which members an object has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Requested {
    Nothing,
    /// Only members that were not requested.
    OtherNames,
    Wanted,
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
            self.broken.get_or_insert(RecordError::WrongKind { column, found, wanted: "a text or a number" });
        }
    }
}

/// Creates the error for `line` from the parser's error about the text that starts at `begins`.
fn not_an_object(line: &[u8], begins: usize, error: &serde_json::Error) -> RecordError {
    if std::str::from_utf8(line).is_err() {
        return RecordError::record_not_utf8(line);
    }
    let at = format!(" at line {} column {}", error.line(), error.column());
    let why = error.to_string();
    // The parser's message may quote the line. Its column is 0 if the first byte has the wrong type.
    let why = excerpt(why.strip_suffix(&at).unwrap_or(&why), 100);
    RecordError::NotAnObject { why, byte: begins + byte_at(&line[begins..], error.line(), error.column()).max(1) }
}

/// Converts a line and column to the position of a byte in `text`. All count from 1.
fn byte_at(text: &[u8], line: usize, column: usize) -> usize {
    let before = line.checked_sub(2).and_then(|nth| memchr::memchr_iter(b'\n', text).nth(nth));
    before.map_or(0, |feed| feed + 1) + column
}

struct Wanted<'a, 'de, F> {
    wanted: F,
    found: &'a mut Vec<(String, &'de RawValue)>,
}

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for Wanted<'_, 'de, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if (self.wanted)(&name) {
                self.found.push((name, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The requested members of one object.
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
        // A list of the members read is faster than a set, because few are requested.
        let mut requested = Vec::with_capacity(self.members.len());
        while let Some(wanted) = map.next_key_seed(Named(self.members))? {
            let Some(nth) = wanted else {
                map.next_value::<IgnoredAny>()?;
                if self.object.requested == Requested::Nothing {
                    self.object.requested = Requested::OtherNames;
                }
                continue;
            };
            self.object.requested = Requested::Wanted;
            let member = &self.members[nth];
            if requested.contains(&nth) {
                self.object.broken.get_or_insert_with(|| RecordError::NameTwice { column: member.name.clone() });
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            requested.push(nth);
            map.next_value_seed(ValueOf { object: &mut *self.object, member })?;
        }
        Ok(())
    }
}

/// Finds the index of a member by its name without copying the name.
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

/// Copies a value as text, or the requested members inside it.
struct ValueOf<'a, 'b> {
    object: &'a mut Object<'b>,
    member: &'a Member,
}

impl ValueOf<'_, '_> {
    /// Copies a value.
    fn take(self, raw: &str) {
        let Self { object, member } = self;
        match raw.as_bytes().first() {
            Some(b'"') => match raw.get(1..raw.len() - 1) {
                Some(plain) if !plain.contains('\\') => object.put(&member.slots, plain),
                _ => match text(raw) {
                    Ok(text) => object.put(&member.slots, &text),
                    Err(broken) => {
                        let reason = broken.placed(object.line);
                        object.broken.get_or_insert(reason);
                    }
                },
            },
            Some(b'n') => {}
            Some(b'[') => object.wrong_kind(&member.slots, "an array"),
            Some(b'{') => object.wrong_kind(&member.slots, "an object"),
            // A number with all its digits, or a boolean.
            _ => object.put(&member.slots, raw),
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueOf<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        if self.member.slots.is_empty() {
            return json.deserialize_any(self);
        }
        self.take(<&RawValue>::deserialize(json)?.get());
        Ok(())
    }
}

/// Visits a value that is not requested itself, for the members inside it.
impl<'de> Visitor<'de> for ValueOf<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Within { object: self.object, members: &self.member.within }.visit_map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the objects in order, for the columns `id`, `a`, `b` and the nested `n.x`.
    fn read(lines: &[&[u8]]) -> Vec<String> {
        let columns = columns(br#"{"id":1,"a":"","b":"","n":{"x":1,"y":{"z":2}}}"#).unwrap();
        let members = Members::new(&columns.nested, ["id", "a", "b", "n.x"].into_iter());
        let mut cells = Cells::default();
        let brief = |read: Result<(), RecordError>, cells: &Cells| match read {
            Ok(()) => cells.texts().join("|"),
            Err(reason) => reason.to_string(),
        };
        lines.iter().map(|line| brief(members.read(line, &mut cells), &cells)).collect()
    }

    #[test]
    fn wanted_values_become_text() {
        for (line, wanted) in [
            (&br#"{"id":143,"a":"hi"}"#[..], "143|hi||"),
            (br#"{"id":143.0,"a":1.50}"#, "143.0|1.50||"),
            (br#"{"id":1.43e2,"a":true,"b": false }"#, "1.43e2|true|false|"),
            (
                br#"{"id":12345678901234567890123,"a":0.1234567890123456789,"b":-0}"#,
                "12345678901234567890123|0.1234567890123456789|-0|",
            ),
            (br##" {"a":" h\u00e9\r\n","x":[{"id":7}],"id":" #143 "} "##, " #143 | h\u{e9}\r\n||"),
            (br#"{"n":{"y":3,"x":7},"b":"b","a":null}"#, "||b|7"),
            (br#"{"n":{"y":{"x":1}}}"#, "|||"),
            (br#"{"n":5}"#, "|||"),
            (br#"{"n":null,"n.x":"not the path"}"#, "|||"),
            (br#"{"\u0069d":-1}"#, "-1|||"),
            (br#"{}"#, "|||"),
            (br#"{"x":null,"ID":7}"#, r#"the object has none of the members "id", "a", "b", "n.x""#),
            (br#"{"x":1,"a":null}"#, "|||"),
            (br#"{"id":1e16}"#, "1e16|||"),
            (br#"{"id":18446744073709551615}"#, "18446744073709551615|||"),
            (br#"{"id":1,"b":["y"]}"#, r#"column "b" is an array; it must be a text or a number"#),
            (br#"{"id":1,"a":{"id":2}}"#, r#"column "a" is an object; it must be a text or a number"#),
            (br#"{"n":{"x":[]}}"#, r#"column "n.x" is an array; it must be a text or a number"#),
            (br#"{"id":1,"a":"x","id":1}"#, r#"column "id" occurs more than once in the object; keep only one"#),
            (br#"{"a":null,"a":"x"}"#, r#"column "a" occurs more than once in the object; keep only one"#),
            (br#"{"n":{"x":1,"x":2}}"#, r#"column "x" occurs more than once in the object; keep only one"#),
            (br#"{"id":1,"c":1,"c":2}"#, "1|||"),
            (br#"{"id":1,"a":"\ud800"}"#, "not a JSON object: unexpected end of hex escape, at byte 20 of the line"),
        ] {
            assert_eq!(read(&[line]), [wanted], "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn one_value_may_be_wanted_twice() {
        let members = Members::new(&[], ["id", "a", "id"].into_iter());
        let mut cells = Cells::default();
        members.read(br#"{"id":7,"a":"x"}"#, &mut cells).unwrap();
        assert_eq!(cells.texts(), ["7", "x", "7"]);
    }

    #[test]
    fn a_name_with_a_dot_is_one_step_of_a_path() {
        let line = br#"{"id":1,"meta.v1":{"note":"x","a.b":{"c":"y"}},"meta":{"v2":"z"}}"#;
        let columns = columns(line).unwrap();
        let members = Members::new(&columns.nested, ["meta.v1.note", "meta.v1.a.b.c", "meta.v2"].into_iter());
        let mut cells = Cells::default();
        members.read(line, &mut cells).unwrap();
        assert_eq!(cells.texts(), ["x", "y", "z"]);
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
                "not UTF-8 at byte 16 of the record; it looks like windows-1252: read it with that encoding, or save the file as UTF-8",
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
        let nested: Vec<&str> = found.nested.iter().map(|path| path.name.as_str()).collect();
        assert_eq!(nested, ["a.y.z", "a.y"]);
        assert!(columns(b"[]").is_err());
    }
}
