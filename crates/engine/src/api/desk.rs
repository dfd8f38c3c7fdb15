//! A test API: text ids, an encoded key, and only the fields that it names. The reply's status decides the
//! verdict. The body of a 429 may state a limit.

use http::HeaderName;
use http::header::AUTHORIZATION;

use super::{Api, Context, FieldSpec, Fields, Judgement, Kind, Note, basic_auth};
use crate::job::{Job, Ticket, TicketError};
use crate::limit::Limit;
use crate::outcome::{Stop, Verdict};
use crate::settings::On500;
use crate::transport::{Reply, Request};

#[derive(Debug)]
pub(crate) struct Desk;

impl Api for Desk {
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

    fn judge(&self, reply: &Reply, _: &Job, context: Context) -> Judgement {
        let retry_after = reply.retry_after(context.wall);
        let text = std::str::from_utf8(&reply.body).unwrap_or_default();
        let verdict = match reply.status {
            200 => Verdict::Posted,
            429 => Verdict::Limited { retry_after, named: text.parse().ok() },
            401 => Verdict::SetupFault(Stop::Credentials),
            404 if !context.posted_before => Verdict::SetupFault(Stop::Endpoint),
            404 => Verdict::Rejected { suspicious: true },
            400 => Verdict::Rejected { suspicious: false },
            500 if context.on_500 == On500::Hold => Verdict::Unknown,
            500 => Verdict::Again { retry_after },
            503 if retry_after.is_some() => Verdict::Again { retry_after },
            _ => Verdict::Unknown,
        };
        Judgement::new(verdict, reply, |body| Some(String::from_utf8_lossy(body).into_owned()))
    }

    fn limits(&self) -> Vec<Limit> {
        vec!["25/5s".parse().unwrap()]
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["key"]
    }

    fn authorize(&self, secrets: &[&str]) -> Vec<(HeaderName, String)> {
        vec![(AUTHORIZATION, basic_auth(secrets[0], "X"))]
    }
}
