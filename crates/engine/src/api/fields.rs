//! The fields of a note in an API.

use std::fmt;

use serde_json::Value;

/// A field of an API's notes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FieldSpec {
    /// Its name in the API.
    pub name: &'static str,
    /// The type of its value.
    pub kind: Kind,
    /// Whether the API requires it.
    pub required: bool,
    /// Its default value.
    pub usual: Option<Value>,
}

/// The type of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A list.
    List,
}

impl Kind {
    pub(super) fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_number(),
            Self::Flag => value.is_boolean(),
            Self::List => value.is_array(),
        }
    }

    /// How a person writes a field of this type.
    pub(super) fn as_written(self) -> &'static str {
        match self {
            Self::Text => "=TEXT",
            Self::Number => ":=NUMBER",
            Self::Flag => ":=true or :=false",
            Self::List => ":=[...]",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::List => "list",
        })
    }
}

impl FieldSpec {
    /// An optional field.
    pub fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false, usual: None }
    }

    /// The same field, required.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same field with this default value.
    #[must_use]
    pub fn usually(self, value: impl Into<Value>) -> Self {
        Self { usual: Some(value.into()), ..self }
    }
}

/// All fields of an API's notes: those of each row, and those that a batch's settings may set.
///
/// ```
/// use batchpost_engine::api::{FieldSpec, Fields, Kind};
///
/// let fields = Fields::new(FieldSpec::new("ticket_id", Kind::Number), "body")
///     .with(FieldSpec::new("private", Kind::Flag).usually(true))
///     .with(FieldSpec::new("user_id", Kind::Number));
/// let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
/// assert_eq!(required, ["ticket_id", "body"]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fields {
    pub(super) ticket: FieldSpec,
    pub(super) text: FieldSpec,
    pub(super) settings: Vec<FieldSpec>,
    pub(super) takes_others: bool,
}

impl Fields {
    /// The fields of the ticket and the text, whose values come from each row.
    pub fn new(ticket: FieldSpec, text: &'static str) -> Self {
        let text = FieldSpec::new(text, Kind::Text).required();
        Self { ticket: ticket.required(), text, settings: Vec::new(), takes_others: false }
    }

    /// Adds a field that a batch's settings may set. It is not part of a note's identity: a batch resumed
    /// with another value has the same notes and posts none of them again.
    #[must_use]
    pub fn with(mut self, field: FieldSpec) -> Self {
        self.settings.push(field);
        self
    }

    /// Also accepts any other fields from a batch's settings. These are part of a note's identity: another
    /// value makes another note.
    #[must_use]
    pub fn and_others(self) -> Self {
        Self { takes_others: true, ..self }
    }

    /// The API's name for the ticket.
    pub fn ticket_name(&self) -> &'static str {
        self.ticket.name
    }

    /// The API's name for the text.
    pub fn text_name(&self) -> &'static str {
        self.text.name
    }

    /// All named fields.
    pub fn iter(&self) -> impl Iterator<Item = &FieldSpec> {
        [&self.ticket, &self.text].into_iter().chain(&self.settings)
    }
}
