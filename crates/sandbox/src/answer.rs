//! Replies of the API, and of gateways and firewalls in front of it.
//!
//! Documented are only the success, the shape of the error body, and the exceptions for the limit and for a
//! missing attribute; all other texts are placeholders.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;
use serde_json::json;

use crate::{Api, Fault, Settings};

/// A complete reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names, in lower case, and their values, without the body's length.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A reply.
    Reply(Answer),
    /// A reply whose connection ends in the middle of this body.
    CutShort(Answer),
    /// The connection ends without a byte of a reply.
    Closed,
    /// No reply, and the connection stays open.
    Silence,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    status: &'a str,
    exception_type: &'a str,
    exception_message: &'a str,
}

impl Answer {
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

fn reply(status: u16, body: String) -> Answer {
    Answer { status, headers: vec![("content-type", "application/json".to_owned())], body }
}

/// An error in the API's format; the exception is LeadSquared's.
fn error(api: Api, status: u16, exception_type: &str, exception_message: &str) -> Answer {
    if api == Api::Freshdesk {
        return freshdesk_error(status, exception_message);
    }
    let body = ErrorBody { status: "Error", exception_type, exception_message };
    reply(status, serde_json::to_string(&body).expect("a struct of texts is JSON"))
}

/// Freshdesk's documented success.
fn freshdesk_created(ticket: u64) -> Answer {
    let note = json!({ "id": 1, "user_id": 1, "incoming": false, "private": true, "ticket_id": ticket });
    reply(201, note.to_string())
}

/// Freshdesk's error. Documented are the shape of a validation error, the code for wrong credentials, and
/// that a 404 has no body.
fn freshdesk_error(status: u16, message: &str) -> Answer {
    let body = match status {
        400 => json!({
            "description": "Validation failed",
            "errors": [{ "field": "body", "message": message, "code": "invalid_value" }],
        }),
        401 => json!({ "code": "invalid_credentials", "message": message }),
        404 => return Answer { status, headers: Vec::new(), body: String::new() },
        _ => json!({ "message": message }),
    };
    reply(status, body.to_string())
}

fn page(status: u16, title: &str) -> Answer {
    let body =
        format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n");
    Answer { status, headers: vec![("content-type", "text/html".to_owned())], body }
}

/// The documented success.
pub(crate) fn created(api: Api, ticket: u64) -> Answer {
    if api == Api::Freshdesk {
        return freshdesk_created(ticket);
    }
    let body = format!(
        r#"{{"Message":"Activity Created","RelatedTicketId":"{ticket}","RelatedOrgId":"22824","RelatedChannelMonitoringRequestId":0}}"#
    );
    reply(200, body)
}

pub(crate) fn bad_request(api: Api, why: &str) -> Answer {
    error(api, 400, "MXInvalidInputException", why)
}

pub(crate) fn unauthorized(api: Api) -> Answer {
    error(api, 401, "MXInvalidCredentialsException", "the access key or the secret key is not valid")
}

pub(crate) fn not_found(api: Api) -> Answer {
    error(api, 404, "MXApiNotFoundException", "the API could not be found")
}

pub(crate) fn method_not_allowed(api: Api) -> Answer {
    error(api, 405, "MXMethodNotAllowedException", "the API takes POST").with("allow", "POST".to_owned())
}

pub(crate) fn too_large() -> Answer {
    page(413, "Request Entity Too Large")
}

/// A reply that reports the limit as exceeded, with the documented message and the configured numbers.
pub(crate) fn limited(status: u16, settings: &Settings) -> Answer {
    let limit = settings.limit.unwrap_or(Settings::LIMIT);
    let seconds = settings.window.as_secs_f64();
    let message = format!("API calls exceeded the limit of {limit} in {seconds} second(s)");
    error(settings.api, status, "MXAPIRateLimitExceededException", &message)
}

/// The reply to a request that did exceed the limit.
pub(crate) fn refused(settings: &Settings) -> Answer {
    let answer = limited(429, settings);
    match settings.api {
        Api::LeadSquared => answer,
        // Documented for every such reply.
        Api::Freshdesk => answer.with("retry-after", whole_seconds(settings.retry_after).max(1).to_string()),
    }
}

/// The result of a request with this fault. `ticket` is the one that the note was created on; faults that
/// create no note ignore it.
pub(crate) fn of_fault(fault: Fault, ticket: u64, settings: &Settings, wall: SystemTime) -> Fate {
    let api = settings.api;
    let retry_after = whole_seconds(settings.retry_after).to_string();
    let answer = match fault {
        Fault::ServerError | Fault::ServerErrorCreated => error(api, 500, "MXUnhandledException", "the server failed"),
        Fault::ServerErrorInvalid => {
            error(api, 500, "MXMandatoryAttributeMissingException", "a mandatory attribute is missing")
        }
        Fault::Limited => limited(429, settings),
        Fault::LimitedRetryAfter => limited(429, settings).with("retry-after", retry_after),
        Fault::LimitedDate => {
            // Round up to the next second, so that a client that waits until then does not wait too little.
            let wait = settings.retry_after.saturating_add(Duration::from_nanos(999_999_999));
            let free = wall.checked_add(wait).unwrap_or(wall);
            limited(429, settings).with("date", http_date(wall)).with("retry-after", http_date(free))
        }
        Fault::LimitedAs403 => limited(403, settings),
        Fault::LimitedAs200 => limited(200, settings),
        Fault::ErrorAs200 => error(api, 200, "MXEntityNotFoundException", "the ticket could not be found"),
        Fault::BadRequest => bad_request(api, "the body is not as specified"),
        Fault::Unauthorized => unauthorized(api),
        Fault::Forbidden => page(403, "Request blocked"),
        Fault::NotFound => not_found(api),
        Fault::RequestTimeout => page(408, "Request Timeout"),
        Fault::PayloadTooLarge => too_large(),
        Fault::BadGateway => page(502, "Bad Gateway"),
        Fault::Unavailable => page(503, "Service Unavailable"),
        Fault::UnavailableRetryAfter => page(503, "Service Unavailable").with("retry-after", retry_after),
        Fault::Redirect => page(302, "Found").with("location", "/moved".to_owned()),
        Fault::LoginPage => page(200, "Sign in"),
        Fault::WrongTicket => created(api, ticket.wrapping_add(1)),
        Fault::CutShort => return Fate::CutShort(created(api, ticket)),
        Fault::Reset | Fault::ResetLost => return Fate::Closed,
        Fault::Silence | Fault::Lost => return Fate::Silence,
    };
    Fate::Reply(answer)
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// `wall`, truncated to the second; the epoch if HTTP cannot express the date.
fn http_date(wall: SystemTime) -> String {
    Timestamp::try_from(wall)
        .and_then(|timestamp| DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp))
        .unwrap_or_else(|_| "Thu, 01 Jan 1970 00:00:00 GMT".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(fault: Fault, settings: &Settings, wall: SystemTime) -> Answer {
        match of_fault(fault, 143, settings, wall) {
            Fate::Reply(answer) => answer,
            other => panic!("{fault} is answered {other:?}"),
        }
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        answer.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_success_is_the_documented_one() {
        let documented = r#"{"Message":"Activity Created","RelatedTicketId":"143","RelatedOrgId":"22824","RelatedChannelMonitoringRequestId":0}"#;
        assert_eq!(created(Api::LeadSquared, 143).body, documented);
    }

    #[test]
    fn an_error_body_is_json_whatever_the_message() {
        let body: serde_json::Value =
            serde_json::from_str(&bad_request(Api::LeadSquared, "a \"quote\"\n").body).unwrap();
        assert_eq!(body["ExceptionMessage"], "a \"quote\"\n");
    }

    #[test]
    fn every_form_of_the_limit_names_it_with_the_numbers_set() {
        let settings = Settings { limit: Some(7), window: Duration::from_millis(2500), ..Settings::default() };
        for fault in Fault::ALL.iter().copied().filter(|fault| fault.limits()) {
            let answer = answered(fault, &settings, SystemTime::UNIX_EPOCH);
            assert!(answer.body.contains("MXAPIRateLimitExceededException"), "{fault}: {}", answer.body);
            assert!(answer.body.contains("API calls exceeded the limit of 7 in 2.5 second(s)"), "{}", answer.body);
        }
    }

    #[test]
    fn a_status_fault_is_answered_with_its_status() {
        for fault in Fault::ALL {
            let Ok(status) = fault.name().split('-').next().unwrap_or_default().parse::<u16>() else { continue };
            assert_eq!(answered(*fault, &Settings::default(), SystemTime::UNIX_EPOCH).status, status, "{fault}");
        }
    }

    #[test]
    fn a_retry_after_never_asks_for_less_than_was_set() {
        let settings = Settings { retry_after: Duration::from_millis(1500), ..Settings::default() };
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_900);
        let answer = answered(Fault::LimitedDate, &settings, wall);
        assert_eq!(header(&answer, "date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(header(&answer, "retry-after"), Some("Sun, 06 Nov 1994 08:49:40 GMT"));
        for fault in [Fault::LimitedRetryAfter, Fault::UnavailableRetryAfter] {
            assert_eq!(header(&answered(fault, &settings, wall), "retry-after"), Some("2"));
        }
        assert_eq!(header(&answered(Fault::Unavailable, &settings, wall), "retry-after"), None);
    }

    #[test]
    fn no_moment_is_too_far_for_a_date() {
        let settings = Settings { retry_after: Duration::MAX, ..Settings::default() };
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50);
        assert!(header(&answered(Fault::LimitedDate, &settings, far), "date").is_some());
    }
}
