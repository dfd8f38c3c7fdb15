//! Access keys, taken literally and kept out of every message.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::redaction::Redactor;
use crate::api::Api;

/// A user's keys for an API, and the headers that contain them.
#[derive(Clone)]
pub struct Credentials {
    /// Marked as sensitive, so that they are not printed.
    headers: HeaderMap,
    redactor: Redactor,
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
    /// The key is empty.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// HTTP would strip a blank from the key.
    #[error("the {0} begins or ends with white space, which HTTP headers cannot carry; remove it")]
    Blank(&'static str),
    /// The key contains characters that no header can.
    #[error("the {0} contains a line break or another character that HTTP headers cannot carry")]
    Unsendable(&'static str),
    /// A header that the API makes from the keys contains characters that no header can.
    #[error("the keys give the header {0} a character that HTTP headers cannot carry")]
    Header(HeaderName),
    /// The API returns a header twice; only one of the two would be sent.
    #[error("two keys use the header {0}; only one can be sent")]
    Twice(HeaderName),
}

impl Credentials {
    /// Creates credentials for the API `target` from the keys, in the order of [`Api::credentials`]. They are taken
    /// literally.
    ///
    /// # Errors
    ///
    /// If a key is missing or empty or cannot be sent in a header, or if a header that the API makes cannot be sent.
    pub fn new(target: &dyn Api, secrets: &[SecretString]) -> Result<Self, CredentialsError> {
        let names = target.credentials();
        for (at, what) in names.iter().enumerate() {
            check(what, secrets.get(at).ok_or(CredentialsError::Empty(what))?.expose_secret())?;
        }
        let secrets: Vec<&str> = secrets.iter().take(names.len()).map(ExposeSecret::expose_secret).collect();
        let made = target.authorize(&secrets);
        let headers = headers_of(&made)?;
        // As in `Basic QUtJVTpY`: the scheme is not secret, but the value after it is a secret of its own.
        let made = made.iter().map(|(_, value)| &**value).filter(|value| !secrets.contains(value));
        let made = made.flat_map(|value| [Some(value), value.split_once(' ').map(|(_, made)| made)]);
        let redactor = Redactor::new(secrets.iter().copied().chain(made.flatten()));
        Ok(Self { headers, redactor })
    }

    /// The headers that contain the keys.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns `answer` without the keys, if it repeats them in any supported encoding; otherwise `None`.
    pub(crate) fn redact(&self, answer: &[u8]) -> Option<Vec<u8>> {
        self.redactor.redact(answer)
    }
}

/// Converts the headers that an API makes from the keys.
fn headers_of(made: &[(HeaderName, String)]) -> Result<HeaderMap, CredentialsError> {
    let mut headers = HeaderMap::new();
    for (name, value) in made {
        let mut header = HeaderValue::from_str(value).map_err(|_| CredentialsError::Header(name.clone()))?;
        header.set_sensitive(true);
        // The client sends only one header of each name.
        if headers.insert(name, header).is_some() {
            return Err(CredentialsError::Twice(name.clone()));
        }
    }
    Ok(headers)
}

/// Checks that a header can contain `key` unchanged.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Context, Fields, Judgement, Note, basic_auth};
    use crate::job::{Job, Ticket, TicketError};
    use crate::leadsquared::LeadSquared;
    use crate::limit::Limit;
    use crate::transport::{Reply, Request};

    /// An API with an encoded key that is otherwise like LeadSquared.
    #[derive(Debug)]
    struct Encoded;

    impl Api for Encoded {
        fn name(&self) -> &'static str {
            "encoded"
        }

        fn fields(&self) -> Fields {
            LeadSquared.fields()
        }

        fn ticket(&self, text: &str) -> Result<Ticket, TicketError> {
            LeadSquared.ticket(text)
        }

        fn request(&self, note: &Note<'_>) -> Request {
            LeadSquared.request(note)
        }

        fn judge(&self, reply: &Reply, job: &Job, context: Context) -> Judgement {
            LeadSquared.judge(reply, job, context)
        }

        fn limits(&self) -> Vec<Limit> {
            LeadSquared.limits()
        }

        fn credentials(&self) -> &'static [&'static str] {
            &["key"]
        }

        fn authorize(&self, secrets: &[&str]) -> Vec<(HeaderName, String)> {
            vec![(http::header::AUTHORIZATION, basic_auth(secrets[0], "X"))]
        }
    }

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
    fn what_a_header_makes_of_a_key_is_hidden_too() {
        let keys = Credentials::new(&Encoded, &["hunter2".into()]).unwrap();
        assert_eq!(keys.headers()["authorization"], "Basic aHVudGVyMjpY");
        let redacted =
            keys.redact(b"no hunter2, nor Basic aHVudGVyMjpY, nor aHVudGVyMjpY; Basic is no secret").unwrap();
        assert_eq!(redacted, b"no [hidden], nor [hidden], nor [hidden]; Basic is no secret");
        assert!(!format!("{keys:?} {:?}", keys.headers()).contains("HVudGVy"));
        assert!(matches!(Credentials::new(&Encoded, &[]), Err(CredentialsError::Empty("key"))));
    }

    #[test]
    fn headers_of_a_target_that_cannot_be_sent_are_named() {
        for (made, wanted) in [
            (&[("x-user", "a"), ("x-sign", "hunter2\n")][..], "the header x-sign"),
            (&[("x-key", "a"), ("x-user", "b"), ("x-key", "hunter2")], "two keys use the header x-key"),
        ] {
            let made = made.iter().map(|(name, value)| (HeaderName::from_static(name), (*value).to_owned()));
            let error = headers_of(&made.collect::<Vec<_>>()).unwrap_err().to_string();
            assert!(error.contains(wanted) && !error.contains("hunter2"), "{error}");
        }
    }
}
