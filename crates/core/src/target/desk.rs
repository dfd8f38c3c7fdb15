//! An API of the tests: its ids are texts, its key is encoded, and its notes have no fields but those it names.

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::{Context, FieldSpec, Fields, Judgement, Kind, Note, Target, basic_auth};
use crate::job::{Job, Ticket, TicketError};
use crate::limit::Limit;
use crate::outcome::Verdict;
use crate::transport::{Reply, Request};

#[derive(Debug)]
pub(crate) struct Desk;

impl Target for Desk {
    fn name(&self) -> &'static str {
        "desk"
    }

    fn fields(&self) -> Fields {
        Fields::new(FieldSpec::new("id", Kind::Text), "body")
            .with(FieldSpec::new("private", Kind::Flag).required().usually(true))
            .with(FieldSpec::new("department", Kind::Number).required())
            .with(FieldSpec::new("cc", Kind::List))
    }

    fn ticket(&self, text: &str) -> Result<Ticket, TicketError> {
        Ticket::text(text)
    }

    fn request(&self, note: &Note<'_>) -> Request {
        let settings: Vec<String> = note.settings().map(|(name, value)| format!("{name}={value}")).collect();
        Request::post(format!("{} {}", note.text(), settings.join(" "))).at(["notes", &note.job().ticket.to_string()])
    }

    fn judge(&self, reply: &Reply, _: &Job, _: Context) -> Judgement {
        Judgement::new(Verdict::Unknown, reply, |_| None)
    }

    fn limits(&self) -> Vec<Limit> {
        Vec::new()
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["key"]
    }

    fn authorize(&self, secrets: &[&str]) -> Vec<(HeaderName, String)> {
        vec![(AUTHORIZATION, basic_auth(secrets[0], "X"))]
    }
}
