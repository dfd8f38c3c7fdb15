//! What a note's request looks like.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::fields::FixedField;
use crate::job::{Identity, Job, Key};
use crate::transport::Request;

const TEXT: &str = "TextPart";
const ACTIVITY_TYPE: &str = "ActivityType";
const STORAGE_TYPE: &str = "StorageType";
const TICKET: &str = "RelatedTicketId";

/// The form of every request of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    activity_type: String,
    storage_type: String,
    /// In the order of their names.
    extra: Vec<FixedField>,
    marker: bool,
}

/// Why fields cannot be in a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The field comes from each row.
    #[error("the field {0} comes from the rows; use --column, or a template")]
    OfTheRow(String),
    /// The name twice.
    #[error("the field {0} is given twice; leave one out")]
    Twice(String),
    /// Something else than a text, where the API wants one.
    #[error("the field {0} is a text; write {0}=TEXT")]
    NotAText(&'static str),
}

impl Default for Form {
    fn default() -> Self {
        Self {
            activity_type: "CreateInternalNote".to_owned(),
            // Spelt so in the documentation's sample and in its table.
            storage_type: "Permament".to_owned(),
            extra: Vec::new(),
            marker: false,
        }
    }
}

impl Form {
    /// The length of what a `marker` adds to a text.
    pub const MARKER_BYTES: usize = Key::REFERENCE_BYTES + "\n\n[]".len();

    /// The documented request, with `fields` added to it (`ActivityType` and `StorageType` are replaced), and with the
    /// job's reference at the end of its text if there is to be a `marker`.
    ///
    /// # Errors
    ///
    /// When a field comes twice, or is the row's own.
    pub fn new(fields: &[FixedField], marker: bool) -> Result<Self, FormError> {
        let mut form = Self { marker, ..Self::default() };
        let mut names = HashSet::new();
        if let Some(again) = fields.iter().find(|field| !names.insert(field.name().to_lowercase())) {
            return Err(FormError::Twice(again.name().to_owned()));
        }
        for field in fields {
            // A server that reads names without regard to case would take one of two that differ in nothing else.
            let is = |name: &str| field.name().eq_ignore_ascii_case(name);
            let text = |name| field.value().as_str().map(str::to_owned).ok_or(FormError::NotAText(name));
            if is(TEXT) || is(TICKET) {
                return Err(FormError::OfTheRow(field.name().to_owned()));
            } else if is(ACTIVITY_TYPE) {
                form.activity_type = text(ACTIVITY_TYPE)?;
            } else if is(STORAGE_TYPE) {
                form.storage_type = text(STORAGE_TYPE)?;
            } else {
                form.extra.push(field.clone());
            }
        }
        form.extra.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(form)
    }

    /// What the jobs of this form have in common. How a note is typed and stored is no part of it: a setting that is
    /// corrected makes no note a new one.
    pub fn identity(&self, target: impl Into<String>) -> Identity {
        Identity::of(target).with(&self.extra)
    }

    /// The request that posts `job`'s note.
    pub fn request(&self, job: &Job) -> Request {
        let body = serde_json::to_vec(&Note { form: self, job }).expect("strings, a number and JSON values serialise");
        Request { body: body.into() }
    }
}

/// The body, in the order of the documentation's sample.
struct Note<'a> {
    form: &'a Form,
    job: &'a Job,
}

impl Serialize for Note<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { form, job } = self;
        let text: Cow<'_, str> = match form.marker {
            true => format!("{}\n\n[{}]", job.text, job.key.reference()).into(),
            false => (&job.text).into(),
        };
        let mut body = serializer.serialize_map(Some(4 + form.extra.len()))?;
        body.serialize_entry(TEXT, &text)?;
        body.serialize_entry(ACTIVITY_TYPE, &form.activity_type)?;
        body.serialize_entry(STORAGE_TYPE, &form.storage_type)?;
        body.serialize_entry(TICKET, &job.ticket.get())?;
        for field in &form.extra {
            body.serialize_entry(field.name(), field.value())?;
        }
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Position, Ticket};

    fn job(text: &str) -> Job {
        let ticket = Ticket::try_from(143).unwrap();
        let position = Position { record: 1, line: 2, byte: 3 };
        Job { position, key: Key::of_job(&Identity::of("t"), ticket, text), ticket, text: text.to_owned() }
    }

    fn body(fields: &[&str], marker: bool, job: &Job) -> String {
        let fields: Vec<FixedField> = fields.iter().map(|field| field.parse().unwrap()).collect();
        String::from_utf8(Form::new(&fields, marker).unwrap().request(job).body.to_vec()).unwrap()
    }

    #[test]
    fn a_marked_note_ends_with_the_jobs_reference() {
        let job = job("all well");
        let marked = body(&[], true, &job);
        assert!(marked.contains(&format!(r"all well\n\n[{}]", job.key.reference())));
        assert_eq!(format!("\n\n[{}]", job.key.reference()).len(), Form::MARKER_BYTES);
    }

    #[test]
    fn the_request_is_the_documented_sample() {
        assert_eq!(
            body(&[], false, &job("He said \"no\"\r\n– and {left} $5")),
            r#"{"TextPart":"He said \"no\"\r\n– and {left} $5","ActivityType":"CreateInternalNote","StorageType":"Permament","RelatedTicketId":143}"#
        );
    }

    #[test]
    fn fields_are_added_or_replace_the_usual_ones() {
        assert_eq!(
            body(&["storageType=Permanent", "Source=CSV", "Priority:=3", "ActivityType=Note"], false, &job("x")),
            r#"{"TextPart":"x","ActivityType":"Note","StorageType":"Permanent","RelatedTicketId":143,"Priority":3,"Source":"CSV"}"#
        );
    }

    #[test]
    fn what_the_row_gives_or_comes_twice_is_refused() {
        for (fields, wanted) in [
            (&["TextPart=x"][..], FormError::OfTheRow("TextPart".into())),
            (&["RelatedTicketId:=1"], FormError::OfTheRow("RelatedTicketId".into())),
            (&["textpart=x"], FormError::OfTheRow("textpart".into())),
            (&["a=1", "b=1", "a=2"], FormError::Twice("a".into())),
            (&["Source=1", "source=2"], FormError::Twice("source".into())),
            (&["StorageType=x", "storagetype=y"], FormError::Twice("storagetype".into())),
            (&["StorageType:=1"], FormError::NotAText("StorageType")),
        ] {
            let fields: Vec<FixedField> = fields.iter().map(|field| field.parse().unwrap()).collect();
            assert_eq!(Form::new(&fields, false), Err(wanted));
        }
    }

    #[test]
    fn the_order_of_fields_does_not_matter_to_a_jobs_identity_but_added_ones_do() {
        let identity = |fields: &[&str]| {
            let fields: Vec<FixedField> = fields.iter().map(|field| field.parse().unwrap()).collect();
            Form::new(&fields, false).unwrap().identity("t")
        };
        assert_eq!(identity(&["a=1", "b=2"]), identity(&["b=2", "a=1"]));
        assert_eq!(identity(&["StorageType=x"]), identity(&[]));
        assert_ne!(identity(&["a=1"]), identity(&[]));
    }
}
