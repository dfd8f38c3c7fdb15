//! JSON values whose numbers are kept as written.

use serde_json::value::RawValue;

use super::object::{Broken, members};

/// A JSON value. Numbers are texts: as `f64`, `143.0` would become `143`, and a twentieth digit would be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as written.
    Number(&'a str),
    /// A text.
    Text(String),
    /// `[...]`
    Array(Vec<Self>),
    /// `{...}`
    Object(Object<'a>),
}

/// Names and values in order. A name may occur more than once.
pub type Object<'a> = Vec<(String, Json<'a>)>;

/// Maximum nesting depth, as in serde_json.
const DEEPEST: usize = 128;

impl<'a> Json<'a> {
    pub(crate) fn of(raw: &'a RawValue) -> Result<Self, Broken<'a>> {
        Self::within(raw.get(), DEEPEST)
    }

    fn within(raw: &'a str, depth: usize) -> Result<Self, Broken<'a>> {
        let broken = |error| Broken { raw, error };
        let deeper = depth.checked_sub(1).ok_or_else(|| broken(serde::de::Error::custom("it is nested too deeply")));
        Ok(match raw.as_bytes().first() {
            Some(b'"') => Self::Text(text(raw)?),
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'[') => {
                let depth = deeper?;
                let elements: Vec<&RawValue> = serde_json::from_str(raw).map_err(broken)?;
                let each = |element: &'a RawValue| Self::within(element.get(), depth);
                Self::Array(elements.into_iter().map(each).collect::<Result<_, _>>()?)
            }
            Some(b'{') => {
                let depth = deeper?;
                let members = members(raw.as_bytes(), |_| true).map_err(broken)?;
                let each = |(name, member): (String, &'a RawValue)| Ok((name, Self::within(member.get(), depth)?));
                Self::Object(members.into_iter().map(each).collect::<Result<_, _>>()?)
            }
            _ => Self::Number(raw),
        })
    }

    /// Whether the value has nothing visible in it.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.chars().all(char::is_whitespace),
            Self::Bool(_) | Self::Number(_) => false,
            Self::Array(elements) => elements.iter().all(Self::is_blank),
            Self::Object(members) => members.iter().all(|(_, value)| value.is_blank()),
        }
    }
}

/// Decodes a JSON string.
pub(crate) fn text(raw: &str) -> Result<String, Broken<'_>> {
    serde_json::from_str(raw).map_err(|error| Broken { raw, error })
}

/// Returns the first name that occurs more than once in `object` or in an object inside it.
pub(crate) fn repeated<'a>(object: &'a [(String, Json<'_>)]) -> Option<&'a str> {
    let mut names: Vec<&str> = object.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
    twice.or_else(|| object.iter().find_map(|(_, value)| repeated_within(value)))
}

fn repeated_within<'a>(value: &'a Json<'_>) -> Option<&'a str> {
    match value {
        Json::Array(elements) => elements.iter().find_map(repeated_within),
        Json::Object(object) => repeated(object),
        _ => None,
    }
}
