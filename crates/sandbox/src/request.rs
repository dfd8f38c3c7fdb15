//! Received requests, and the API's validation of them: LeadSquared's here, Freshdesk's in
//! [`freshdesk`](crate::freshdesk).

use std::num::NonZeroU64;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::answer::{self, Answer};
use crate::{Api, Settings, freshdesk};

/// The maximum body length; a longer body is answered with 413. The API documents no maximum.
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// One request as the API receives it. It contains keys, so it does not implement `Debug`.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    /// The method; usually `POST`.
    pub method: &'a str,
    /// The path without the query.
    pub path: &'a str,
    /// The header `X-LSQ-ACCESS-KEY`.
    pub access_key: Option<&'a str>,
    /// The header `X-LSQ-SECRET-KEY`.
    pub secret_key: Option<&'a str>,
    /// The header `Authorization`, which carries Freshdesk's key.
    pub authorization: Option<&'a str>,
    /// The body; if longer than [`MAX_BODY_BYTES`], at least one byte more than that.
    pub body: &'a [u8],
}

/// The note that a request asks to create.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) ticket: u64,
    pub(crate) text: String,
    pub(crate) fields: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text_part: String,
    activity_type: String,
    storage_type: String,
    related_ticket_id: NonZeroU64,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Received<'_> {
    /// Returns the requested note, or the API's reply to an invalid request.
    pub(crate) fn read(&self, settings: &Settings) -> Result<Wanted, Answer> {
        match settings.api {
            Api::LeadSquared => self.read_upload(settings),
            Api::Freshdesk => freshdesk::read(self, settings),
        }
    }

    fn read_upload(&self, settings: &Settings) -> Result<Wanted, Answer> {
        let api = settings.api;
        if !is_upload(self.path) {
            return Err(answer::not_found(api));
        }
        if self.method != "POST" {
            return Err(answer::method_not_allowed(api));
        }
        let fits = |wanted: &Option<String>, key: Option<&str>| wanted.is_none() || wanted.as_deref() == key;
        if !fits(&settings.access_key, self.access_key) || !fits(&settings.secret_key, self.secret_key) {
            return Err(answer::unauthorized(api));
        }
        if self.body.len() > MAX_BODY_BYTES {
            return Err(answer::too_large());
        }
        let body: Body =
            serde_json::from_slice(self.body).map_err(|error| answer::bad_request(api, &error.to_string()))?;
        if body.text_part.is_empty() {
            return Err(answer::bad_request(api, "TextPart is empty"));
        }
        if body.activity_type != "CreateInternalNote" {
            return Err(answer::bad_request(api, "ActivityType is not CreateInternalNote"));
        }
        // Any value except an empty one: the only documented literal looks misspelt, and users may override
        // it.
        if body.storage_type.is_empty() {
            return Err(answer::bad_request(api, "StorageType is empty"));
        }
        Ok(Wanted { ticket: body.related_ticket_id.get(), text: body.text_part, fields: body.others })
    }
}

fn is_upload(path: &str) -> bool {
    let tenant = path.strip_prefix("/api/tenants/").and_then(|rest| rest.strip_suffix("/internalnote/upload"));
    tenant.is_some_and(|tenant| !tenant.is_empty() && !tenant.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        r#"{"TextPart":"hello","ActivityType":"CreateInternalNote","StorageType":"Permament","RelatedTicketId":143}"#;

    fn received(body: &str) -> Received<'_> {
        let path = "/api/tenants/1/internalnote/upload";
        Received {
            method: "POST",
            path,
            access_key: None,
            secret_key: None,
            authorization: None,
            body: body.as_bytes(),
        }
    }

    fn status(request: &Received<'_>, settings: &Settings) -> u16 {
        request.read(settings).map_or_else(|answer| answer.status, |_| 200)
    }

    #[test]
    fn the_documented_body_asks_for_a_note() {
        let wanted = received(GOOD).read(&Settings::default()).unwrap();
        assert_eq!(wanted, Wanted { ticket: 143, text: "hello".to_owned(), fields: Map::new() });
    }

    #[test]
    fn a_body_that_is_not_as_documented_is_answered_400_in_the_apis_words() {
        let wrong = [
            ("\"hello\"", "\"\""),
            ("\"hello\"", "7"),
            ("TextPart", "Text"),
            ("CreateInternalNote", "CreateNote"),
            ("Permament", ""),
            ("StorageType", "Storage"),
            ("143", "0"),
            ("143", "-1"),
            ("143", "\"143\""),
            ("143", "1.5"),
            ("}", ""),
        ];
        for (part, instead) in wrong {
            let body = GOOD.replace(part, instead);
            let answer = received(&body).read(&Settings::default()).expect_err(&body);
            assert_eq!(answer.status, 400, "{body}");
            let error: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(error["Status"], "Error");
        }
    }

    #[test]
    fn only_the_upload_paths_of_tenants_are_found_and_only_by_post() {
        let settings = Settings::default();
        for path in ["/", "/api/tenants//internalnote/upload", "/api/tenants/1/2/internalnote/upload", "/api/tenants/1"]
        {
            assert_eq!(status(&Received { path, ..received(GOOD) }, &settings), 404, "{path}");
        }
        assert_eq!(status(&Received { path: "/api/tenants/a9/internalnote/upload", ..received(GOOD) }, &settings), 200);
        assert_eq!(status(&Received { method: "GET", ..received(GOOD) }, &settings), 405);
    }

    #[test]
    fn keys_that_are_set_must_be_given() {
        let settings =
            Settings { access_key: Some("a".to_owned()), secret_key: Some("$s".to_owned()), ..Settings::default() };
        for (access_key, secret_key, answered) in
            [(Some("a"), Some("$s"), 200), (Some("a"), Some("s"), 401), (None, Some("$s"), 401), (Some("a"), None, 401)]
        {
            assert_eq!(status(&Received { access_key, secret_key, ..received(GOOD) }, &settings), answered);
        }
    }

    #[test]
    fn a_body_over_the_bound_is_answered_413() {
        let body = "x".repeat(MAX_BODY_BYTES + 1);
        assert_eq!(status(&received(&body), &Settings::default()), 413);
    }
}
