//! The common part of a batch's requests.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use super::Api;
use super::fields::Kind;
use crate::fields::FixedField;
use crate::job::{Identity, Job, Key};
use crate::transport::Request;

/// The template of every request of a batch: the API, and the fields from the batch's settings.
#[derive(Debug, Clone)]
pub struct RequestTemplate {
    target: Arc<dyn Api>,
    /// Fields that the API names, in its order.
    settings: Vec<(&'static str, Value)>,
    /// Other fields, in the order of their names.
    others: Vec<FixedField>,
    marker: bool,
}

/// Why fields cannot be part of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestTemplateError {
    /// The field comes from each row.
    #[error("the field {0} comes from the rows: map a column to it, or use a template")]
    OfTheRow(String),
    /// The name is given twice.
    #[error("the field {0} is given twice; leave one out")]
    Twice(String),
    /// The value is not of the type that the API expects.
    #[error("the field {name} is a {kind}; write {name}{}", kind.as_written())]
    Kind {
        /// The field.
        name: &'static str,
        /// The type that the API expects.
        kind: Kind,
    },
    /// The API has no such field.
    #[error("the API's notes have no field {name}; {}", names(known))]
    Unknown {
        /// The field.
        name: String,
        /// The fields that can be set.
        known: Vec<&'static str>,
    },
    /// The API requires the field.
    #[error("the field {0} is missing; the API requires it")]
    Missing(&'static str),
}

fn names(known: &[&'static str]) -> String {
    match known {
        [] => "no fields can be set".to_owned(),
        [one] => format!("the only field is {one}"),
        many => format!("the fields are {}", many.join(", ")),
    }
}

impl RequestTemplate {
    /// The length of the text that a marker adds, in bytes.
    pub const MARKER_BYTES: usize = Key::REFERENCE_BYTES + "\n\n[]".len();

    /// The API's default request, in which `fields` are added or replace default ones. With `marker`, the
    /// text ends with the job's reference.
    ///
    /// # Errors
    ///
    /// If a field is given twice, comes from the row, has the wrong type, is required and missing, or is
    /// unknown to the API.
    pub fn new(target: Arc<dyn Api>, fields: &[FixedField], marker: bool) -> Result<Self, RequestTemplateError> {
        let mut names = HashSet::new();
        if let Some(again) = fields.iter().find(|field| !names.insert(field.name().to_lowercase())) {
            return Err(RequestTemplateError::Twice(again.name().to_owned()));
        }
        let specs = target.fields();
        // Names are compared without case: a server that ignores case would take one of two such fields.
        let is = |field: &FixedField, name: &str| field.name().eq_ignore_ascii_case(name);
        let mut settings = Vec::new();
        for spec in &specs.settings {
            let given = fields.iter().find(|field| is(field, spec.name)).map(FixedField::value);
            match given.or(spec.usual.as_ref()) {
                Some(value) if spec.kind.takes(value) => settings.push((spec.name, value.clone())),
                Some(_) => return Err(RequestTemplateError::Kind { name: spec.name, kind: spec.kind }),
                None if spec.required => return Err(RequestTemplateError::Missing(spec.name)),
                None => {}
            }
        }
        let mut others = Vec::new();
        for field in fields.iter().filter(|field| !specs.settings.iter().any(|spec| is(field, spec.name))) {
            if is(field, specs.ticket.name) || is(field, specs.text.name) {
                return Err(RequestTemplateError::OfTheRow(field.name().to_owned()));
            }
            if !specs.takes_others {
                let known = specs.settings.iter().map(|spec| spec.name).collect();
                return Err(RequestTemplateError::Unknown { name: field.name().to_owned(), known });
            }
            others.push(field.clone());
        }
        others.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(Self { target, settings, others, marker })
    }

    /// The API that the requests are for.
    pub fn target(&self) -> &Arc<dyn Api> {
        &self.target
    }

    /// The common part of these jobs' identity. Settings that only affect how a note is stored are not part
    /// of it: correcting one does not create new notes.
    pub fn identity(&self, endpoint: impl Into<String>) -> Identity {
        Identity::of(endpoint).with(&self.others)
    }

    /// The request that posts `job`'s note.
    pub fn request(&self, job: &Job) -> Request {
        let text = match self.marker {
            true => format!("{}\n\n[{}]", job.text, job.key.reference()).into(),
            false => job.text.as_str().into(),
        };
        self.target.request(&Note { request_template: self, job, text })
    }
}

/// A note to post.
#[derive(Debug)]
pub struct Note<'a> {
    request_template: &'a RequestTemplate,
    job: &'a Job,
    text: Cow<'a, str>,
}

impl Note<'_> {
    /// The note's job.
    pub fn job(&self) -> &Job {
        self.job
    }

    /// The note's text: the job's text plus additions from the settings.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The fields besides ticket and text that the API names, in its order, if they have a value.
    pub fn settings(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.request_template.settings.iter().map(|(name, value)| (*name, value))
    }

    /// The fields that the API does not name, in the order of their names.
    pub fn others(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.request_template.others.iter().map(|field| (field.name(), field.value()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::desk::Desk;
    use super::*;
    use crate::job::Position;

    fn request_template(fields: &[&str]) -> Result<RequestTemplate, RequestTemplateError> {
        let fields: Vec<FixedField> = fields.iter().map(|field| field.parse().unwrap()).collect();
        RequestTemplate::new(Arc::new(Desk), &fields, false)
    }

    #[test]
    fn a_request_has_the_usual_fields_and_those_that_are_given_in_the_apis_order() {
        let ticket = Desk.ticket("A/1").unwrap();
        let request_template = request_template(&["CC:=[\"a\"]", "department:=7"]).unwrap();
        let key = Key::of_job(&request_template.identity("t"), &ticket, "hi");
        let job = Job::new(Position { record: 1, line: 2, byte: 3 }, key, ticket, "hi".to_owned());
        let request = request_template.request(&job);
        assert_eq!(request.body, "hi private=true department=7 cc=[\"a\"]");
        let endpoint = crate::api::Endpoint::from_url("https://desk.test/api").unwrap();
        assert_eq!(endpoint.url(&request.path).as_str(), "https://desk.test/api/notes/A%2F1");
    }

    #[test]
    fn what_is_missing_unknown_or_of_another_kind_is_refused_and_said() {
        for (fields, wanted) in [
            (&[][..], "the field department is missing; the API requires it"),
            (&["department=7"], "the field department is a number; write department:=NUMBER"),
            (&["department:=7", "private=yes"], "the field private is a flag; write private:=true or :=false"),
            (&["department:=7", "cc=a"], "the field cc is a list; write cc:=[...]"),
            (&["department:=7", "Body=x"], "the field Body comes from the rows: map a column to it, or use a template"),
            (
                &["department:=7", "Level=1"],
                "the API's notes have no field Level; the fields are private, department, cc",
            ),
        ] {
            assert_eq!(request_template(fields).unwrap_err().to_string(), wanted);
        }
    }

    #[test]
    fn a_field_that_the_api_names_makes_no_note_another() {
        let identity = |field| request_template(&["department:=7", field]).unwrap().identity("t");
        assert_eq!(identity("private:=false"), identity("private:=true"));
    }
}
