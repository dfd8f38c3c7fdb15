//! The meaning of a reply. The function is total: an unlisted reply is `Unknown`. A row wrongly judged as
//! posted is lost; a row wrongly sent again is posted twice.

use http::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::Value;

use batchpost_engine::api::{Context, Judgement};
use batchpost_engine::job::Ticket;
use batchpost_engine::limit::Limit;
use batchpost_engine::outcome::{Stop, Verdict};
use batchpost_engine::settings::On500;
use batchpost_engine::transport::Reply;

/// Judges a complete reply to the note for `ticket`.
pub(super) fn judge(reply: &Reply, ticket: &Ticket, context: Context) -> Judgement {
    let body = Body::read(&reply.body);
    Judgement::new(verdict(reply, &body, ticket, context), reply, |quotable| Body::read(quotable).brief())
}

fn verdict(reply: &Reply, body: &Body, ticket: &Ticket, context: Context) -> Verdict {
    let status = reply.status;
    if status == 200 && body.message() == Some("Activity Created") {
        // The API created a note on another ticket than the one sent. No such case is known: a person must
        // decide.
        return if body.ticket().as_ref() == Some(ticket) { Verdict::Posted } else { Verdict::Unknown };
    }
    let after = || reply.retry_after(context.wall);
    if status == 429 || body.says_limited() {
        return Verdict::Limited { retry_after: after(), named: body.named_limit() };
    }
    let rejected = Verdict::Rejected { suspicious: false };
    match status {
        200 if body.is_error() => rejected,
        401 => Verdict::SetupFault(Stop::Credentials),
        403 if !context.posted_before => Verdict::SetupFault(Stop::Credentials),
        300..=399 | 404 | 405 | 410 if !context.posted_before => Verdict::SetupFault(Stop::Endpoint),
        403 | 404 | 410 => Verdict::Rejected { suspicious: true },
        400 | 413 | 415 | 422 => rejected,
        408 => Verdict::Again { retry_after: after() },
        400..=499 if body.is_error() => rejected,
        500 if body.blames_the_request() => rejected,
        500 => match context.on_500 {
            On500::Retry => Verdict::Again { retry_after: after() },
            On500::Hold => Verdict::Unknown,
        },
        503 if reply.header(RETRY_AFTER).is_some() || body.is_error() => Verdict::Again { retry_after: after() },
        _ => Verdict::Unknown,
    }
}

/// The relevant members of a reply's JSON object; all are null if the body is not an object.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    message: Value,
    related_ticket_id: Value,
    status: Value,
    exception_type: Value,
    exception_message: Value,
}

const LIMIT_EXCEPTION: &str = "MXAPIRateLimitExceededException";
const LIMIT_MESSAGE: &str = "API calls exceeded the limit of ";

impl Body {
    fn read(bytes: &[u8]) -> Self {
        // The derived implementation would also accept an array and assign its elements to the members in
        // order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Self::default();
        }
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    fn message(&self) -> Option<&str> {
        self.message.as_str()
    }

    /// The echoed ticket. Documented as a string, although it is sent as a number.
    fn ticket(&self) -> Option<Ticket> {
        match &self.related_ticket_id {
            Value::String(text) => Ticket::number(text).ok(),
            Value::Number(number) => number.as_u64().and_then(|number| Ticket::try_from(number).ok()),
            _ => None,
        }
    }

    fn is_error(&self) -> bool {
        self.status.as_str().is_some_and(|status| status.eq_ignore_ascii_case("error"))
            || self.exception_type.as_str().is_some_and(|exception| !exception.is_empty())
    }

    fn says_limited(&self) -> bool {
        self.exception_type.as_str() == Some(LIMIT_EXCEPTION) || self.limit_words().is_some()
    }

    /// Returns the text after the words with which the API reports its limit. Only the API's own message is
    /// searched: a note's text that is echoed elsewhere in a reply must not stop a batch.
    fn limit_words(&self) -> Option<&str> {
        let said = |value: &'_ Value| {
            value.as_str().and_then(|text| text.find(LIMIT_MESSAGE)).map(|at| at + LIMIT_MESSAGE.len())
        };
        let speaking = if self.is_error() { &self.exception_message } else { &self.message };
        said(speaking).and_then(|at| speaking.as_str().map(|text| &text[at..]))
    }

    /// Parses the limit in `N in S second(s)`.
    fn named_limit(&self) -> Option<Limit> {
        let mut words = self.limit_words()?.split_ascii_whitespace();
        let count = words.next()?;
        let window = words.nth(1)?;
        format!("{count}/{window}s").parse().ok()
    }

    /// Whether the exception of a 500 means that this request can never succeed.
    ///
    /// One such type is documented (`MXMandatoryAttributeMissingException`); the others share its words. If
    /// another type is mistaken for a refusal, a person checks the row; no second note is posted.
    fn blames_the_request(&self) -> bool {
        const WORDS: [&str; 6] = ["Mandatory", "Missing", "Invalid", "Validation", "NotFound", "Argument"];
        let exception = self.exception_type.as_str().unwrap_or_default();
        WORDS.iter().any(|word| exception.contains(word))
    }

    /// The API's message; `None` if there is none.
    fn brief(&self) -> Option<String> {
        let exception = self.exception_type.as_str().unwrap_or_default();
        let message = self.exception_message.as_str().or(self.message());
        match (exception, message) {
            ("", None) => None,
            ("", Some(message)) => Some(message.to_owned()),
            (exception, None) => Some(exception.to_owned()),
            (exception, Some(message)) => Some(format!("{exception}: {message}")),
        }
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
