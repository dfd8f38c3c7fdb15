//! Access keys: read literally, kept out of every message.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::input::character_reference;
use crate::target::Target;

/// A user's keys to an API, and the headers that carry them.
#[derive(Clone)]
pub struct Credentials {
    /// Marked so that nothing prints them.
    headers: HeaderMap,
    /// What no answer may be quoted with: the keys, what the headers make of them, and what others do; in lower case. The
    /// longer ones first: what is left of one when a shorter one was taken out would still be most of it.
    forms: Vec<SecretString>,
    /// The same without blanks.
    bare: Vec<SecretString>,
    /// The characters that those begin with, a bit for each of ASCII's; all where that would not tell every answer that
    /// is to be looked at.
    begin: u128,
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
    /// What the target makes of the keys for a header holds characters that none can.
    #[error("what is made of the keys for the header {0} cannot be sent in one")]
    Header(HeaderName),
    /// The target gives a header twice, of which the second would not be sent.
    #[error("the keys are given in two headers of the name {0}, and one can be sent")]
    Twice(HeaderName),
}

impl Credentials {
    /// The keys to the API of `target`, in the order in which [it names them](Target::credentials), taken literally.
    ///
    /// # Errors
    ///
    /// For a key that is missing, empty, or cannot be sent in a header, and for headers of the target's that cannot.
    pub fn new(target: &dyn Target, secrets: &[SecretString]) -> Result<Self, CredentialsError> {
        let names = target.credentials();
        for (at, what) in names.iter().enumerate() {
            check(what, secrets.get(at).ok_or(CredentialsError::Empty(what))?.expose_secret())?;
        }
        let secrets: Vec<&str> = secrets.iter().take(names.len()).map(ExposeSecret::expose_secret).collect();
        let mut hidden: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        let made = target.authorize(&secrets);
        let headers = headers_of(&made)?;
        for (_, value) in made {
            if !secrets.contains(&value.as_str()) {
                // As in `Basic QUtJVTpY`: the word is no secret, and what follows it is one by itself.
                hidden.extend(value.split_once(' ').map(|(_, made)| made.into()));
                hidden.push(value.into());
            }
        }
        // As a server may log who called.
        hidden.push(secrets.join(":").into());
        let forms = hidden.iter().flat_map(|secret| forms(secret.expose_secret()));
        let mut forms: Vec<String> = forms.map(|form| form.to_ascii_lowercase()).collect();
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        let bare: Vec<String> = forms.iter().map(|form| bare(form)).filter(|form| !form.is_empty()).collect();
        // A form of blanks alone has no bare one that it could be found by, and only ASCII is looked at byte by byte.
        let are_all_told = bare.len() == forms.len() && bare.iter().all(|form| form.is_ascii());
        let begin = bare.iter().filter_map(|form| form.bytes().next()).fold(0, |begin, byte| begin | bit(byte));
        let [forms, bare] = [forms, bare].map(|forms| forms.into_iter().map(SecretString::from).collect());
        Ok(Self { headers, forms, bare, begin: if are_all_told { begin } else { u128::MAX } })
    }

    /// The headers that carry the keys.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// `answer` without the keys, should it repeat them in any form that is known here. None where it does not.
    pub(super) fn scrub(&self, answer: &[u8]) -> Option<Vec<u8>> {
        if self.is_clean(answer) {
            return None;
        }
        let mut scrubbed = self.cut(answer);
        // JSON has other ways to escape, `\u0024` for one; what counts is what is read out of it.
        if let Ok(mut value) = serde_json::from_slice::<Value>(scrubbed.as_deref().unwrap_or(answer))
            && self.hide(&mut value)
        {
            scrubbed = Some(value.to_string().into_bytes());
        }
        if self.is_betrayed_by(scrubbed.as_deref().unwrap_or(answer)) {
            return Some(HIDDEN.into());
        }
        scrubbed
    }

    /// Whether `text` is sure to hold no form, as nearly all answers are. One in which nothing is encoded says as a whole
    /// what the texts say that can be read out of it: so it is enough to look through that, and nothing has to be
    /// decoded or copied. Of any other nothing is said here.
    fn is_clean(&self, text: &[u8]) -> bool {
        let is_plain = |byte: &u8| byte.is_ascii() && !matches!(byte, b'%' | b'&' | b'\\');
        let begins = |at: usize| {
            let rest = || text[at..].iter().filter(|byte| !is_left_out(**byte)).map(u8::to_ascii_lowercase);
            self.bare.iter().any(|form| {
                let mut rest = rest();
                form.expose_secret().bytes().all(|byte| rest.next() == Some(byte))
            })
        };
        self.begin != u128::MAX
            && text.iter().all(is_plain)
            && !(0..text.len()).any(|at| self.begin & bit(text[at].to_ascii_lowercase()) != 0 && begins(at))
    }

    /// `text` without the forms that stand in it as they are, but for their case.
    fn cut(&self, text: &[u8]) -> Option<Vec<u8>> {
        let forms = || self.forms.iter().map(|form| form.expose_secret().as_bytes());
        let lower = text.to_ascii_lowercase();
        if !forms().any(|form| memchr::memmem::find(&lower, form).is_some()) {
            return None;
        }
        forms().fold(None, |cut, form| without(form, cut.as_deref().unwrap_or(text)).or(cut))
    }

    /// Whether a form can be read out of `text`, however it was encoded on the way.
    fn is_betrayed_by(&self, text: &[u8]) -> bool {
        let decoded = decoded(text);
        let holds_one = |text: &str| {
            let text = bare(text);
            self.bare.iter().any(|form| text.contains(form.expose_secret()))
        };
        // What is JSON only in part, or JSON within JSON, is not parsed here. A key may have backslashes of its own, so
        // both are looked through: the text as it is, and what its escapes stand for.
        let mut unescaped = Cow::Borrowed(decoded.as_str());
        for _ in 0..MOST_ESCAPED {
            if holds_one(&unescaped) {
                return true;
            }
            if !unescaped.contains('\\') {
                return false;
            }
            unescaped = Cow::Owned(without_escapes(&unescaped));
        }
        holds_one(&unescaped)
    }

    /// Takes the keys out of every text in `value`, of names too; tells whether there was one.
    fn hide(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => self.hide_in(text),
            Value::Array(values) => values.iter_mut().fold(false, |found, value| self.hide(value) | found),
            Value::Object(members) => {
                let mut found = members.values_mut().fold(false, |found, value| self.hide(value) | found);
                if !members.keys().all(|name| self.is_clean(name.as_bytes())) {
                    for (mut name, value) in std::mem::take(members) {
                        found |= self.hide_in(&mut name);
                        members.insert(name, value);
                    }
                }
                found
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn hide_in(&self, text: &mut String) -> bool {
        if self.is_clean(text.as_bytes()) {
            return false;
        }
        let cut = self.cut(text.as_bytes()).map(|cut| String::from_utf8_lossy(&cut).into_owned());
        let found = cut.is_some();
        *text = cut.unwrap_or_else(|| std::mem::take(text));
        // What cannot be cut out to the byte is not quoted at all.
        let betrayed = self.is_betrayed_by(text.as_bytes());
        if betrayed {
            HIDDEN.clone_into(text);
        }
        found | betrayed
    }
}

/// The headers that a target makes of the keys.
fn headers_of(made: &[(HeaderName, String)]) -> Result<HeaderMap, CredentialsError> {
    let mut headers = HeaderMap::new();
    for (name, value) in made {
        let mut header = HeaderValue::from_str(value).map_err(|_| CredentialsError::Header(name.clone()))?;
        header.set_sensitive(true);
        // The client sends one of a name.
        if headers.insert(name, header).is_some() {
            return Err(CredentialsError::Twice(name.clone()));
        }
    }
    Ok(headers)
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

/// How often a text within a text within a text may have been escaped. Each time doubles its backslashes.
const MOST_ESCAPED: usize = 5;

/// `text` without `form`, which is in lower case; whatever case it has there.
fn without(form: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let lower = text.to_ascii_lowercase();
    let mut rest = 0;
    let mut clean = Vec::new();
    for at in memchr::memmem::find_iter(&lower, form) {
        clean.extend_from_slice(&text[rest..at]);
        clean.extend_from_slice(HIDDEN.as_bytes());
        rest = at + form.len();
    }
    (rest > 0).then(|| {
        clean.extend_from_slice(&text[rest..]);
        clean
    })
}

/// `text` with what URLs and HTML make of characters turned back.
fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        rest = match hex {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                &after[2..]
            }
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut decoded = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match character_reference(rest) {
            Some((character, length)) => {
                decoded.push(character);
                rest = &rest[length..];
            }
            None => decoded.push('&'),
        }
    }
    decoded + rest
}

/// `text` with what JSON and scripts escape turned back, once.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(kind) = rest.chars().next() else { break };
        let digits = match kind {
            'u' => rest.get(1..5),
            'x' => rest.get(1..3),
            _ => None,
        };
        let character = digits.and_then(|digits| char::from_u32(u32::from_str_radix(digits, 16).ok()?));
        match (character, kind) {
            (Some(character), _) => plain.push(character),
            // Line ends and the like, which do not count.
            (None, 'n' | 'r' | 't' | 'b' | 'f') => {}
            (None, kind) => plain.push(kind),
        }
        rest = &rest[kind.len_utf8() + character.and(digits).map_or(0, str::len)..];
    }
    plain + rest
}

/// `text` without case, and without blanks, which answers in brief put otherwise, and URLs write as `+`.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && *c != '+').flat_map(char::to_lowercase).collect()
}

/// Whether [`bare`] leaves out this character of ASCII.
fn is_left_out(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || byte == b'+'
}

/// The bit of a character of ASCII.
fn bit(byte: u8) -> u128 {
    1 << (byte & 0x7f)
}

/// What may be made of a key: itself, as JSON escapes it, and in base 64 with both alphabets.
fn forms(key: &str) -> [String; 4] {
    let quoted = serde_json::to_string(key).expect("a text is JSON");
    let escaped = quoted[1..quoted.len() - 1].to_owned();
    [key.to_owned(), escaped, STANDARD_NO_PAD.encode(key), URL_SAFE_NO_PAD.encode(key)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn a_key_is_not_quoted_where_what_escapes_it_is_no_json_as_a_whole() {
        let keys = credentials("AK-1", r"aB3/dE6+gH9'kL\q").unwrap();
        for answer in [
            r#"<pre>{"secretKey":"aB3\/dE6+gH9'kL\\q"}</pre>"#,
            r#"{"secretKey":"aB3/dE6\u002BgH9\u0027kL\\q"} and more"#,
            r#"{"ExceptionMessage":"{\"secretKey\":\"aB3\\/dE6\\u002bgH9'kL\\\\q\"}"}"#,
            r#"{"ExceptionMessage":"in \"{\\\"key\\\":\\\"aB3\\\\/dE6+gH9'kL\\\\\\\\q\\\"}\""}"#,
            r"'aB3\x2FdE6+gH9\'kL\\q'",
            r"aB3/dE6+gH9'kL\q\",
        ] {
            let scrubbed = String::from_utf8(keys.scrub(answer.as_bytes()).unwrap()).unwrap();
            assert!(scrubbed.contains(HIDDEN) && !scrubbed.contains("gH9"), "{scrubbed}");
        }
        assert_eq!(keys.scrub(br#"{"ExceptionMessage":"no ticket \"7\" \u00e9\\ \u"}"#), None);
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
    fn a_key_that_an_answer_repeats_in_another_form_is_not_quoted() {
        let keys = credentials("AKxy$z{Q}7", "SK\"quote'7 \\z").unwrap();
        let other_forms = [
            "no akXY$Z{q}7 here",
            "?accessKey=AKxy%24z%7bQ%7D7",
            "SK%22quote%277+%5Cz",
            "SK&quot;quote&#39;7 \\z",
            "<b>SK&#x22;quote'7&nbsp;\\z</b>",
            "SK\"quote'7\n\\z",
            "QUt4eSR6e1F9Nw==",
            "QUt4eSR6e1F9NzpTSyJxdW90ZSc3IFx6",
        ];
        for form in other_forms {
            for answer in [form.to_owned(), json!([form]).to_string(), json!({ form: 1, "b": "kept" }).to_string()] {
                let scrubbed = String::from_utf8(keys.scrub(answer.as_bytes()).expect(&answer)).unwrap();
                assert!(!bare(&decoded(scrubbed.as_bytes())).contains(&bare(form)), "{answer}: {scrubbed}");
                assert!(
                    scrubbed.contains(HIDDEN) && scrubbed.contains("kept") == answer.contains("kept"),
                    "{scrubbed}"
                );
            }
        }
        for other in ["AKxy%24z%7bQ", "100 % of Q&A &amp; more", "%", "&", "%4", ""] {
            assert_eq!(keys.scrub(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn what_is_taken_for_clean_without_being_decoded_is_clean() {
        for byte in 0..=0x7fu8 {
            assert_eq!(is_left_out(byte), bare(&char::from(byte).to_string()).is_empty(), "{byte}");
        }
        let keys = credentials("aAb", "B+a").unwrap();
        let looked_at = |text: &[u8]| {
            let betrayed = |text: &[u8]| keys.cut(text).is_some() || keys.is_betrayed_by(text);
            assert!(!keys.is_clean(text) || !betrayed(text), "{}", String::from_utf8_lossy(text));
            let is_encoded = text.iter().any(|byte| b"%&\\\xc3".contains(byte));
            assert!(keys.is_clean(text) || is_encoded || betrayed(text), "{}", String::from_utf8_lossy(text));
        };
        // Every text of up to five of these, so every way in which a key may stand in another's rests, or be cut short.
        let mut texts = vec![Vec::new()];
        for _ in 0..5 {
            texts = texts
                .iter()
                .flat_map(|text| b"aBb+ %\xc3".map(|byte| [text.as_slice(), &[byte]].concat()))
                .chain([Vec::new()])
                .collect();
            texts.iter().for_each(|text| looked_at(text));
        }
        // A key that has no letter to be found by is looked for all the same.
        let odd = credentials("+", "SK-2").unwrap();
        assert!(odd.scrub(b"1+1").is_some() && odd.scrub(b"1-1").is_none());
    }

    #[test]
    fn headers_of_a_target_that_cannot_be_sent_are_named() {
        for (made, wanted) in [
            (&[("x-user", "a"), ("x-sign", "hunter2\n")][..], "the header x-sign"),
            (&[("x-key", "a"), ("x-user", "b"), ("x-key", "hunter2")], "two headers of the name x-key"),
        ] {
            let made = made.iter().map(|(name, value)| (HeaderName::from_static(name), (*value).to_owned()));
            let error = headers_of(&made.collect::<Vec<_>>()).unwrap_err().to_string();
            assert!(error.contains(wanted) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_key_that_is_part_of_its_own_replacement_ends() {
        let keys = credentials("hidden", "e").unwrap();
        assert!(keys.scrub(b"hidden").is_some());
    }
}
