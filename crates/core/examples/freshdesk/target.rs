//! Notes on Freshdesk's tickets: the complete description of another API, through the public interface only.

use std::num::NonZeroU32;
use std::time::Duration;

use batchpost::api::{Api, Context, FieldSpec, Fields, Judgement, Kind, Note, basic_auth};
use batchpost::job::{Job, Ticket, TicketError};
use batchpost::limit::Limit;
use batchpost::outcome::{Stop, Verdict};
use batchpost::transport::{Reply, Request};
use http::HeaderName;
use http::header::AUTHORIZATION;
use serde_json::{Map, Value};

/// `POST /api/v2/tickets/{id}/notes`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freshdesk {
    /// The limit of the account's plan for all programs together: 50 on trial, 200 with Growth, 400 with Pro,
    /// 700 with Enterprise. Older plans have other limits.
    pub(crate) calls_a_minute: NonZeroU32,
}

impl Api for Freshdesk {
    fn name(&self) -> &'static str {
        "freshdesk"
    }

    fn fields(&self) -> Fields {
        Fields::new(FieldSpec::new("ticket_id", Kind::Number), "body")
            .with(FieldSpec::new("private", Kind::Flag).required().usually(true))
            .with(FieldSpec::new("incoming", Kind::Flag))
            .with(FieldSpec::new("user_id", Kind::Number))
            .with(FieldSpec::new("notify_emails", Kind::List))
    }

    fn ticket(&self, text: &str) -> Result<Ticket, TicketError> {
        Ticket::number(text)
    }

    fn request(&self, note: &Note<'_>) -> Request {
        let mut body = Map::new();
        body.insert("body".to_owned(), html(note.text()).into());
        body.extend(note.settings().map(|(name, value)| (name.to_owned(), value.clone())));
        let ticket = note.job().ticket.to_string();
        Request::post(Value::Object(body).to_string()).at(["api", "v2", "tickets", &ticket, "notes"])
    }

    fn judge(&self, reply: &Reply, job: &Job, context: Context) -> Judgement {
        Judgement::new(verdict(reply, &job.ticket, context), reply, said)
    }

    fn limits(&self) -> Vec<Limit> {
        Limit::new(self.calls_a_minute, Duration::from_secs(60)).into_iter().collect()
    }

    fn credentials(&self) -> &'static [&'static str] {
        &["API key"]
    }

    fn authorize(&self, secrets: &[&str]) -> Vec<(HeaderName, String)> {
        // The key is the user name; the password is ignored.
        vec![(AUTHORIZATION, basic_auth(secrets[0], "X"))]
    }
}

/// Converts plain text to HTML, because notes are HTML in this API.
fn html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.lines().collect::<Vec<_>>().join("<br>")
}

fn verdict(reply: &Reply, ticket: &Ticket, context: Context) -> Verdict {
    let retry_after = reply.retry_after(context.wall);
    match reply.status {
        201 => match created_on(reply) {
            Some(echoed) if echoed.is_none_or(|echoed| Some(echoed) == ticket.as_number()) => Verdict::Posted,
            // The note is on another ticket, or the reply is not from this API: a person has to check.
            _ => Verdict::Unknown,
        },
        429 => Verdict::Limited { retry_after, named: None },
        401 => Verdict::SetupFault(Stop::Credentials),
        // Before the first post, a setting is wrong; later, the row is.
        403 if !context.posted_before => Verdict::SetupFault(Stop::Credentials),
        300..=399 | 404 | 405 | 410 if !context.posted_before => Verdict::SetupFault(Stop::Endpoint),
        403 | 404 | 410 => Verdict::Rejected { suspicious: true },
        400 | 413 | 415 | 422 => Verdict::Rejected { suspicious: false },
        503 if retry_after.is_some() => Verdict::Again { retry_after },
        // The note may have been created although the server failed, so a person has to check.
        _ => Verdict::Unknown,
    }
}

/// Returns the ticket that a success names, if it names one; `None` if the reply is not a note.
fn created_on(reply: &Reply) -> Option<Option<u64>> {
    let note: Map<String, Value> = serde_json::from_slice(&reply.body).ok()?;
    note.contains_key("id").then(|| note.get("ticket_id").and_then(Value::as_u64))
}

/// Returns the error message in one line.
fn said(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = body["errors"].get(0).map(|error| format!("{}: {}", text(&error["field"]), text(&error["message"])));
    error.or_else(|| body["message"].as_str().or(body["description"].as_str()).map(str::to_owned))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
