//! The fields with the same value in every note of a batch.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A field of the request with the same value in every note: `NAME=TEXT`, or `NAME:=JSON` for other types
/// than text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FixedField {
    /// Does not end with a colon: the field's text would then be parsed as JSON.
    name: String,
    value: Value,
}

impl FixedField {
    /// The field's name in the request.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The field's value.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// Why a text is not a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The name or the separator is missing.
    #[error("field {0:?} is not valid; write it like Source=Old helpdesk, or Priority:=3 for a value that is not text")]
    NotAField(String),
    /// The value after `:=` is not JSON.
    #[error("the value of field {name} is not JSON: {why}; if it is plain text, write {name}=TEXT")]
    Json {
        /// The field's name.
        name: String,
        /// The parser's error.
        why: String,
    },
}

impl FromStr for FixedField {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let not_a_field = || FieldError::NotAField(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(not_a_field)?;
        let (name, value) = match name.strip_suffix(':') {
            None => (name, Value::String(value.to_owned())),
            Some(name) => {
                let json = serde_json::from_str(value);
                let name_again = || name.trim().to_owned();
                (name, json.map_err(|error| FieldError::Json { name: name_again(), why: error.to_string() })?)
            }
        };
        let name = name.trim();
        if name.is_empty() || name.ends_with(':') {
            Err(not_a_field())
        } else {
            Ok(Self { name: name.to_owned(), value })
        }
    }
}

impl fmt::Display for FixedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::String(text) => write!(f, "{}={text}", self.name),
            value => write!(f, "{}:={value}", self.name),
        }
    }
}

impl TryFrom<String> for FixedField {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        text.parse()
    }
}

impl From<FixedField> for String {
    fn from(field: FixedField) -> String {
        field.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_read_back_as_they_were_written() {
        for text in
            ["Source=Old helpdesk", "a=b=c", "Empty=", "Priority:=3", "Tags:=[\"a\",\"b\"]", "Flag:=true", "n=3"]
        {
            let field: FixedField = text.parse().unwrap();
            assert_eq!(field.to_string(), text);
            assert_eq!(field.to_string().parse(), Ok(field));
        }
        assert_eq!("n=3".parse::<FixedField>().unwrap().value(), &Value::String("3".into()));
    }

    #[test]
    fn anything_else_says_how_to_write_it() {
        for text in ["", "Source", "=x", " =x", ":=3", "Priority:=high", "a: =x", "a::=1", "a::=\"x\""] {
            assert!(text.parse::<FixedField>().is_err(), "{text:?}");
        }
    }
}
