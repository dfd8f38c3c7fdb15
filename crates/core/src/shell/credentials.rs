//! Access keys: read literally, kept out of every message.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// A user's keys to the API.
#[derive(Clone)]
pub struct Credentials {
    access: SecretString,
    secret: SecretString,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials([hidden])")
    }
}

/// Why a key cannot be used. Names the key, never its value.
#[derive(Debug, thiserror::Error)]
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
    /// Its file cannot be read.
    #[error("the {what} cannot be read from {}: {source}", path.display())]
    File {
        /// Which key.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Credentials {
    /// The keys, taken literally.
    ///
    /// # Errors
    ///
    /// For a key that is empty or cannot be sent in a header.
    pub fn new(access: SecretString, secret: SecretString) -> Result<Self, CredentialsError> {
        for (what, key) in [("access key", &access), ("secret key", &secret)] {
            if key.expose_secret().trim().is_empty() {
                return Err(CredentialsError::Empty(what));
            }
            if key.expose_secret().trim() != key.expose_secret() {
                let line_break = key.expose_secret().contains(['\r', '\n']);
                return Err(if line_break {
                    CredentialsError::Unsendable(what)
                } else {
                    CredentialsError::Blank(what)
                });
            }
            HeaderValue::from_str(key.expose_secret()).map_err(|_| CredentialsError::Unsendable(what))?;
        }
        Ok(Self { access, secret })
    }

    /// Reads one key from a file, but for the line break at its end.
    ///
    /// # Errors
    ///
    /// When the file cannot be read as UTF-8 text.
    pub fn key_from_file(what: &'static str, path: &Path) -> Result<SecretString, CredentialsError> {
        let text = fs::read_to_string(path).map_err(|source| CredentialsError::File {
            what,
            path: path.to_owned(),
            source,
        })?;
        let key = text.strip_suffix('\n').map_or(text.as_str(), |key| key.strip_suffix('\r').unwrap_or(key));
        Ok(SecretString::from(key))
    }

    /// The header values, marked so that nothing prints them.
    pub(super) fn headers(&self) -> [(&'static str, HeaderValue); 2] {
        [("x-lsq-access-key", &self.access), ("x-lsq-secret-key", &self.secret)].map(|(name, key)| {
            let mut value = HeaderValue::from_str(key.expose_secret()).expect("checked when the keys were taken");
            value.set_sensitive(true);
            (name, value)
        })
    }

    /// `answer` without the keys, should it repeat them: as they are, or as JSON escapes them. None where it does not.
    pub(super) fn scrub(&self, answer: &[u8]) -> Option<Vec<u8>> {
        let mut keys = [self.access.expose_secret(), self.secret.expose_secret()];
        // The longer one first: what is left of it when a shorter one was taken out would still be most of it.
        keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
        let escaped = keys.map(|key| {
            let quoted = serde_json::to_string(key).expect("a text is JSON");
            quoted[1..quoted.len() - 1].to_owned()
        });
        let mut scrubbed: Option<Vec<u8>> = None;
        for key in keys.into_iter().chain(escaped.iter().map(String::as_str)) {
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

    fn credentials(access: &str, secret: &str) -> Result<Credentials, CredentialsError> {
        Credentials::new(access.into(), secret.into())
    }

    #[test]
    fn keys_are_taken_literally_and_never_shown() {
        let keys = credentials("u$r{AK}", "s%3D\"'\\").unwrap();
        assert_eq!(keys.headers()[0].1.as_bytes(), b"u$r{AK}");
        assert_eq!(keys.headers()[1].1.as_bytes(), b"s%3D\"'\\");
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
