//! Freshdesk's `POST /api/v2/tickets/{id}/notes`: what it accepts.

use std::num::NonZeroU64;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::answer::{self, Answer};
use crate::request::Wanted;
use crate::{Api, MAX_BODY_BYTES, Received, Settings};

#[derive(Deserialize)]
struct Body {
    body: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Whether a note may have this field, besides its body, with this value. Any other is answered with 400.
fn will_do(name: &str, value: &Value) -> bool {
    match name {
        "private" | "incoming" => value.is_boolean(),
        "user_id" => value.is_u64(),
        "notify_emails" => value.is_array(),
        _ => false,
    }
}

/// Returns the requested note, or the API's reply to an invalid request.
pub(crate) fn read(request: &Received<'_>, settings: &Settings) -> Result<Wanted, Answer> {
    const API: Api = Api::Freshdesk;
    let id = request.path.strip_prefix("/api/v2/tickets/").and_then(|rest| rest.strip_suffix("/notes"));
    let ticket: NonZeroU64 = id.and_then(|id| id.parse().ok()).ok_or_else(|| answer::not_found(API))?;
    if request.method != "POST" {
        return Err(answer::method_not_allowed(API));
    }
    if settings.access_key.is_some() && settings.access_key != key(request) {
        return Err(answer::unauthorized(API));
    }
    if request.body.len() > MAX_BODY_BYTES {
        return Err(answer::too_large());
    }
    let body: Body =
        serde_json::from_slice(request.body).map_err(|error| answer::bad_request(API, &error.to_string()))?;
    if body.body.is_empty() {
        return Err(answer::bad_request(API, "the body is blank"));
    }
    for (name, value) in &body.others {
        if !will_do(name, value) {
            return Err(answer::bad_request(API, &format!("the field {name} is not as specified")));
        }
    }
    Ok(Wanted { ticket: ticket.get(), text: body.body, fields: body.others })
}

/// The API key: the user name of Basic authentication, with any password.
fn key(request: &Received<'_>) -> Option<String> {
    let encoded = request.authorization?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(key, _)| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received<'a>(path: &'a str, authorization: Option<&'a str>, body: &'a str) -> Received<'a> {
        Received { method: "POST", path, access_key: None, secret_key: None, authorization, body: body.as_bytes() }
    }

    fn status(request: &Received<'_>) -> u16 {
        let settings = Settings { api: Api::Freshdesk, access_key: Some("k".to_owned()), ..Settings::default() };
        request.read(&settings).map_or_else(|answer| answer.status, |_| 201)
    }

    #[test]
    fn the_documented_request_asks_for_a_note_and_others_for_none() {
        const PATH: &str = "/api/v2/tickets/7/notes";
        // `k:X`
        const KEY: Option<&str> = Some("Basic azpY");
        const NOTE: &str = r#"{"body":"hi","private":true}"#;
        for (path, key, body, wanted) in [
            (PATH, KEY, NOTE, 201),
            (PATH, KEY, r#"{"body":"hi"}"#, 201),
            (PATH, None, NOTE, 401),
            (PATH, Some("Basic eDpY"), NOTE, 401),
            (PATH, Some("k"), NOTE, 401),
            ("/api/v2/tickets/x/notes", KEY, NOTE, 404),
            ("/api/v2/tickets/7/8/notes", KEY, NOTE, 404),
            ("/api/v2/tickets/7", KEY, NOTE, 404),
            (PATH, KEY, r#"{"body":""}"#, 400),
            (PATH, KEY, r#"{"private":true}"#, 400),
            (PATH, KEY, r#"{"body":"hi","private":"yes"}"#, 400),
            (PATH, KEY, r#"{"body":"hi","Source":"x"}"#, 400),
        ] {
            assert_eq!(status(&received(path, key, body)), wanted, "{path} {key:?} {body}");
        }
        assert_eq!(status(&Received { method: "PUT", ..received(PATH, KEY, NOTE) }), 405);
    }
}
