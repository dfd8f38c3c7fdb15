//! The fields that a note has in an API.

use std::fmt;

use serde_json::Value;

/// A field of an API's notes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FieldSpec {
    /// Its name in the API.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether the API takes no note without it.
    pub required: bool,
    /// Its value where no other is given.
    pub usual: Option<Value>,
}

/// What a field's value is.
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

    /// How a person writes a field of this kind.
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
    /// A field that need not be there.
    pub fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false, usual: None }
    }

    /// One that must be there.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// One that is there with this value where no other is given.
    #[must_use]
    pub fn usually(self, value: impl Into<Value>) -> Self {
        Self { usual: Some(value.into()), ..self }
    }
}

/// All fields of an API's notes: what each row gives, and what the settings of a batch may give.
///
/// ```
/// use batchpost::api::{FieldSpec, Fields, Kind};
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
    /// The ticket's field and the text's, which each row gives.
    pub fn new(ticket: FieldSpec, text: &'static str) -> Self {
        let text = FieldSpec::new(text, Kind::Text).required();
        Self { ticket: ticket.required(), text, settings: Vec::new(), takes_others: false }
    }

    /// And one that the settings of a batch may give. It says how notes are kept rather than what they are: a batch that
    /// is continued with another value has the same notes still, and posts none of them again.
    #[must_use]
    pub fn with(mut self, field: FieldSpec) -> Self {
        self.settings.push(field);
        self
    }

    /// And any others that the settings of a batch give. A note with another value in one of these is another note.
    #[must_use]
    pub fn and_others(self) -> Self {
        Self { takes_others: true, ..self }
    }

    /// What the API calls the ticket.
    pub fn ticket_name(&self) -> &'static str {
        self.ticket.name
    }

    /// What the API calls the text.
    pub fn text_name(&self) -> &'static str {
        self.text.name
    }

    /// All that have a name.
    pub fn iter(&self) -> impl Iterator<Item = &FieldSpec> {
        [&self.ticket, &self.text].into_iter().chain(&self.settings)
    }
}
