//! Access keys: read literally, kept out of every message.

use std::fmt;

use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::target::Target;

/// A user's keys to an API, and the headers that carry them.
#[derive(Clone)]
pub struct Credentials {
    /// Marked so that nothing prints them.
    headers: HeaderMap,
    /// What no answer may be quoted with: the keys, and what the headers make of them. The longer ones first: what is
    /// left of one when a shorter one was taken out would still be most of it.
    hidden: Vec<SecretString>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([hidden])")
    }
}

/// Why a key cannot be used. Names the key, never its value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// It is empty.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// HTTP would not send it as it is.
    #[error("the {0} begins or ends with a blank, which HTTP does not send; take it off")]
    Blank(&'static str),
    /// It holds characters that no header can.
    #[error("the {0} holds a line break or another character that cannot be sent in a header")]
    Unsendable(&'static str),
}

impl Credentials {
    /// The keys to the API of `target`, in the order in which [it names them](Target::credentials), taken literally.
    ///
    /// # Errors
    ///
    /// For a key that is missing, empty, or cannot be sent in a header.
    pub fn new(target: &dyn Target, secrets: &[SecretString]) -> Result<Self, CredentialsError> {
        let names = target.credentials();
        for (at, what) in names.iter().enumerate() {
            check(what, secrets.get(at).ok_or(CredentialsError::Empty(what))?.expose_secret())?;
        }
        let secrets: Vec<&str> = secrets.iter().take(names.len()).map(ExposeSecret::expose_secret).collect();
        let mut hidden: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        let mut headers = HeaderMap::new();
        for (name, value) in target.authorize(&secrets) {
            let unsendable = |_| CredentialsError::Unsendable(names.first().copied().unwrap_or("key"));
            let mut header = HeaderValue::from_str(&value).map_err(unsendable)?;
            header.set_sensitive(true);
            headers.insert(name, header);
            if !secrets.contains(&value.as_str()) {
                // As in `Basic QUtJVTpY`: the word is no secret, and what follows it is one by itself.
                hidden.extend(value.split_once(' ').map(|(_, made)| made.into()));
                hidden.push(value.into());
            }
        }
        hidden.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Ok(Self { headers, hidden })
    }

    /// The headers that carry the keys.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// `answer` without the keys, should it repeat them: as they are, or as JSON escapes them. None where it does not.
    pub(super) fn scrub(&self, answer: &[u8]) -> Option<Vec<u8>> {
        let keys: Vec<&str> = self.hidden.iter().map(ExposeSecret::expose_secret).collect();
        let escaped = keys.iter().map(|key| {
            let quoted = serde_json::to_string(key).expect("a text is JSON");
            quoted[1..quoted.len() - 1].to_owned()
        });
        let escaped: Vec<String> = escaped.collect();
        let mut scrubbed: Option<Vec<u8>> = None;
        for key in keys.iter().copied().chain(escaped.iter().map(String::as_str)) {
            if let Some(clean) = without(key, scrubbed.as_deref().unwrap_or(answer)) {
                scrubbed = Some(clean);
            }
        }
        // JSON has other ways to escape, `\u0024` for one; what counts is what is read out of it.
        if let Ok(mut value) = serde_json::from_slice::<Value>(scrubbed.as_deref().unwrap_or(answer))
            && hide(&mut value, &keys)
        {
            scrubbed = Some(value.to_string().into_bytes());
        }
        scrubbed
    }
}

/// Whether a header can carry `key` as it is.
fn check(what: &'static str, key: &str) -> Result<(), CredentialsError> {
    if key.trim().is_empty() {
        return Err(CredentialsError::Empty(what));
    }
    if key.trim() != key {
        let line_break = key.contains(['\r', '\n']);
        return Err(if line_break { CredentialsError::Unsendable(what) } else { CredentialsError::Blank(what) });
    }
    HeaderValue::from_str(key).map(|_| ()).map_err(|_| CredentialsError::Unsendable(what))
}

const HIDDEN: &str = "[hidden]";

fn without(key: &str, text: &[u8]) -> Option<Vec<u8>> {
    let finder = memchr::memmem::Finder::new(key.as_bytes());
    let mut rest = 0;
    let mut clean = Vec::new();
    for at in finder.find_iter(text) {
        clean.extend_from_slice(&text[rest..at]);
        clean.extend_from_slice(HIDDEN.as_bytes());
        rest = at + finder.needle().len();
    }
    (rest > 0).then(|| {
        clean.extend_from_slice(&text[rest..]);
        clean
    })
}

/// Takes `keys` out of every text in `value`; tells whether there was one.
fn hide(value: &mut Value, keys: &[&str]) -> bool {
    match value {
        Value::String(text) => {
            let found = keys.iter().any(|key| text.contains(key));
            if found {
                *text = keys.iter().fold(std::mem::take(text), |text, key| text.replace(key, HIDDEN));
            }
            found
        }
        Value::Array(values) => values.iter_mut().fold(false, |found, value| hide(value, keys) | found),
        Value::Object(members) => members.values_mut().fold(false, |found, value| hide(value, keys) | found),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leadsquared::LeadSquared;
    use crate::target::desk::Desk;

    fn credentials(access: &str, secret: &str) -> Result<Credentials, CredentialsError> {
        Credentials::new(&LeadSquared, &[access.into(), secret.into()])
    }

    #[test]
    fn keys_are_taken_literally_and_never_shown() {
        let keys = credentials("u$r{AK}", "s%3D\"'\\").unwrap();
        assert_eq!(keys.headers()["x-lsq-access-key"].as_bytes(), b"u$r{AK}");
        assert_eq!(keys.headers()["x-lsq-secret-key"].as_bytes(), b"s%3D\"'\\");
        assert!(!format!("{keys:?} {:?}", keys.headers()).contains("AK"));
    }

    #[test]
    fn keys_that_cannot_be_sent_are_refused_without_being_repeated() {
        for (access, secret) in [("", "x"), ("x", " "), ("hunter2\n", "x"), ("x", "hunter2\r\nX-Evil: 1")] {
            assert!(!credentials(access, secret).unwrap_err().to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_key_that_an_answer_repeats_is_scrubbed() {
        let keys = credentials("AK-1", "SK-2").unwrap();
        let scrubbed = keys.scrub(b"no user AK-1 with AK-1/SK-2").unwrap();
        assert_eq!(scrubbed, b"no user [hidden] with [hidden]/[hidden]");
        assert_eq!(keys.scrub(b"all well"), None);
    }

    #[test]
    fn what_a_header_makes_of_a_key_is_scrubbed_too() {
        let keys = Credentials::new(&Desk, &["hunter2".into()]).unwrap();
        assert_eq!(keys.headers()["authorization"], "Basic aHVudGVyMjpY");
        let scrubbed = keys.scrub(b"no hunter2, nor Basic aHVudGVyMjpY, nor aHVudGVyMjpY; Basic is no secret").unwrap();
        assert_eq!(scrubbed, b"no [hidden], nor [hidden], nor [hidden]; Basic is no secret");
        assert!(!format!("{keys:?} {:?}", keys.headers()).contains("HVudGVy"));
        assert!(matches!(Credentials::new(&Desk, &[]), Err(CredentialsError::Empty("key"))));
    }

    #[test]
    fn a_key_that_json_escapes_is_scrubbed_however_it_is_escaped() {
        let keys = credentials("A\"K$1", "SK-2").unwrap();
        for answer in [r#"{"a":["no A\"K$1"]}"#, r#"{"a":["no \u0041\u0022K\u00241"]}"#] {
            let scrubbed = keys.scrub(answer.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(scrubbed).unwrap(), r#"{"a":["no [hidden]"]}"#);
        }
        assert_eq!(keys.scrub(br#"cut short: "no A\"K$1"#).unwrap(), br#"cut short: "no [hidden]"#);
        assert_eq!(keys.scrub(br#"{"a":["no A","K$1"],"n":2}"#), None);
    }

    #[test]
    fn a_key_that_is_part_of_its_own_replacement_ends() {
        let keys = credentials("hidden", "e").unwrap();
        assert!(keys.scrub(b"hidden").is_some());
    }
}
