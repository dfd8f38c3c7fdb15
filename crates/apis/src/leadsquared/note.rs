//! The request body of a note.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{TEXT, TICKET};
use batchpost_engine::api::Note;

/// Builds the body of the request that posts `note`.
pub(super) fn body(note: &Note<'_>) -> Vec<u8> {
    serde_json::to_vec(&Body(note)).expect("strings, a number and JSON values serialise")
}

/// The body, in the order of the documentation's sample.
struct Body<'a>(&'a Note<'a>);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(note) = self;
        let mut body = serializer.serialize_map(Some(2 + note.settings().len() + note.others().len()))?;
        body.serialize_entry(TEXT, note.text())?;
        for (name, value) in note.settings() {
            body.serialize_entry(name, value)?;
        }
        body.serialize_entry(TICKET, &note.job().ticket)?;
        for (name, value) in note.others() {
            body.serialize_entry(name, value)?;
        }
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::LeadSquared;
    use batchpost_engine::api::{Kind, RequestTemplate, RequestTemplateError};
    use batchpost_engine::fields::FixedField;
    use batchpost_engine::job::{Identity, Job, Key, Position, Ticket};

    fn job(text: &str) -> Job {
        let ticket = Ticket::try_from(143).unwrap();
        let position = Position { record: 1, line: 2, byte: 3 };
        Job::new(position, Key::of_job(&Identity::of("t"), &ticket, text), ticket, text.to_owned())
    }

    fn request_template(fields: &[&str], marker: bool) -> Result<RequestTemplate, RequestTemplateError> {
        let fields: Vec<FixedField> = fields.iter().map(|field| field.parse().unwrap()).collect();
        RequestTemplate::new(Arc::new(LeadSquared), &fields, marker)
    }

    fn body(fields: &[&str], marker: bool, job: &Job) -> String {
        String::from_utf8(request_template(fields, marker).unwrap().request(job).body.to_vec()).unwrap()
    }

    #[test]
    fn a_marked_note_ends_with_the_jobs_reference() {
        let job = job("all well");
        let marked = body(&[], true, &job);
        assert!(marked.contains(&format!(r"all well\n\n[{}]", job.key.reference())));
        assert_eq!(format!("\n\n[{}]", job.key.reference()).len(), RequestTemplate::MARKER_BYTES);
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
            (&["TextPart=x"][..], RequestTemplateError::OfTheRow("TextPart".into())),
            (&["RelatedTicketId:=1"], RequestTemplateError::OfTheRow("RelatedTicketId".into())),
            (&["textpart=x"], RequestTemplateError::OfTheRow("textpart".into())),
            (&["a=1", "b=1", "a=2"], RequestTemplateError::Twice("a".into())),
            (&["Source=1", "source=2"], RequestTemplateError::Twice("source".into())),
            (&["StorageType=x", "storagetype=y"], RequestTemplateError::Twice("storagetype".into())),
            (&["StorageType:=1"], RequestTemplateError::Kind { name: "StorageType", kind: Kind::Text }),
        ] {
            assert_eq!(request_template(fields, false).unwrap_err(), wanted);
        }
    }

    #[test]
    fn the_order_of_fields_does_not_matter_to_a_jobs_identity_but_added_ones_do() {
        let identity = |fields: &[&str]| request_template(fields, false).unwrap().identity("t");
        assert_eq!(identity(&["a=1", "b=2"]), identity(&["b=2", "a=1"]));
        assert_eq!(identity(&["StorageType=x"]), identity(&[]));
        assert_ne!(identity(&["a=1"]), identity(&[]));
    }
}
