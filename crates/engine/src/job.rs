//! Rows, their jobs, and a job identity that survives sorting and resaving the file.

mod ticket;

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

pub use ticket::{Ticket, TicketError, TicketSet};

use crate::fields::FixedField;

/// The position of a row in its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Number of the record, from 1; a header is not counted.
    pub record: u64,
    /// Line on which the record begins, from 1.
    pub line: u64,
    /// Offset of the record's first byte, from 0.
    pub byte: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} (line {})", self.record, self.line)
    }
}

/// Version of the key scheme. Every ledger records it, since keys of two schemes never match.
pub const KEY_SCHEME: u32 = 1;

/// The common part of the identity of a batch's jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    target: String,
    // Computed once, since a key is made for every row.
    /// The start of the hash input of a job's content.
    job: Vec<u8>,
    /// The start of the hash input of a job's name.
    name: Vec<u8>,
    /// The end of the hash input of a job's content.
    fields: Vec<u8>,
}

impl Identity {
    /// The identity of notes to `target`, as the ledger names it, without fixed fields.
    pub fn of(target: impl Into<String>) -> Self {
        let target = target.into();
        let begin = |kind| [kind, target.as_bytes()].into_iter().flat_map(measured).collect();
        Self { job: begin(JOB), name: begin(NAME), fields: Vec::new(), target }
    }

    /// Adds these fixed `fields`, in the order of their names.
    #[must_use]
    pub fn with(mut self, fields: &[FixedField]) -> Self {
        self.fields.clear();
        self.fields.extend(fields.iter().flat_map(|field| measured(field.to_string().as_bytes())));
        self
    }

    /// The account that the notes are posted to, as the ledger names it.
    pub fn account(&self) -> &str {
        &self.target
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::of("")
    }
}

/// The first part of each kind of hash. Each names [`KEY_SCHEME`].
const JOB: &[u8] = b"batchpost key 1 job";
const NAME: &[u8] = b"batchpost key 1 name";
const INVALID: &[u8] = b"batchpost key 1 invalid";
const OCCURRENCE: &[u8] = b"batchpost key 1 occurrence";

/// Identifies a job in a file that was sorted, edited or saved in another format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key([u8; 16]);

impl Key {
    /// The key of the first job with this content: 128 bits of BLAKE3 over target, ticket, text and fixed
    /// fields.
    ///
    /// For the key only, the text is normalised: NFC, LF line ends, no trailing blanks on a line or at the
    /// end. Spreadsheets change those on saving. Each part is hashed after its length, so that different
    /// contents never give the same hash input.
    pub fn of_job(identity: &Identity, ticket: &Ticket, text: &str) -> Self {
        Self::of_note(identity, ticket, text, &[])
    }

    /// The key of a job whose row has its own `fields`. They are hashed after the fields of the whole batch.
    pub fn of_note(identity: &Identity, ticket: &Ticket, text: &str, fields: &[FixedField]) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&identity.job);
        match ticket.as_number() {
            Some(number) => part(&mut hash, &number.to_le_bytes()),
            // Longer than a number's 8 bytes, so a text never hashes like a number.
            None => part(&mut hash, format!("text id {ticket}").as_bytes()),
        }
        part(&mut hash, canonical(text).as_bytes());
        hash.update(&identity.fields);
        fields.iter().for_each(|field| part(&mut hash, field.to_string().as_bytes()));
        Self::truncate(&hash)
    }

    /// The key of a job named by a column of the input, independent of its ticket and text. Blanks around the
    /// name are ignored.
    pub fn of_name(identity: &Identity, name: &str) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&identity.name);
        part(&mut hash, canonical(name.trim()).as_bytes());
        Self::truncate(&hash)
    }

    /// The key of an invalid row, over its raw cells.
    pub fn of_invalid<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut hash = Self::hasher(INVALID);
        for cell in cells {
            part(&mut hash, cell);
        }
        Self::truncate(&hash)
    }

    /// The key of the `occurrence`th of several identical rows, from 0. Each is its own job.
    #[must_use]
    pub fn occurrence(self, occurrence: u32) -> Self {
        if occurrence == 0 {
            return self;
        }
        let mut hash = Self::hasher(OCCURRENCE);
        part(&mut hash, &self.0);
        part(&mut hash, &occurrence.to_le_bytes());
        Self::truncate(&hash)
    }

    /// Parses 32 hexadecimal digits.
    pub(crate) fn of_digits(digits: &[u8; 32]) -> Option<Self> {
        let mut key = [0; 16];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |d: u8| char::from(d).to_digit(16);
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Some(Self(key))
    }

    /// The length of a [reference](Self::reference), in bytes.
    pub const REFERENCE_BYTES: usize = 13;

    /// A short reference to search for: `bp-` and the key's first ten hexadecimal digits.
    pub fn reference(self) -> String {
        format!("bp-{}", &self.to_string()[..10])
    }

    /// The key's sixteen bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    fn hasher(kind: &[u8]) -> blake3::Hasher {
        let mut hash = blake3::Hasher::new();
        part(&mut hash, kind);
        hash
    }

    fn truncate(hash: &blake3::Hasher) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize().as_bytes()[..16]);
        Self(key)
    }
}

/// Returns `bytes` preceded by their length.
fn measured(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_le_bytes(), bytes].concat()
}

/// Hashes `bytes` preceded by their length.
fn part(hash: &mut blake3::Hasher, bytes: &[u8]) {
    hash.update(&(bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

/// Normalises to NFC, LF line ends, no blanks before the end of a line or of the text.
///
/// Called for every row. Most texts are in this form already; they are checked and not copied.
fn canonical(text: &str) -> Cow<'_, str> {
    let composed = text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes;
    let text = if composed { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) };
    let returns = memchr::memchr(b'\r', text.as_bytes()).is_some();
    if !returns && !text.ends_with(char::is_whitespace) {
        let mut ends = memchr::memchr_iter(b'\n', text.as_bytes());
        if ends.all(|end| !text[..end].ends_with([' ', '\t'])) {
            return text;
        }
    }
    let lines = if returns { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text };
    let mut out = String::with_capacity(lines.len());
    for line in lines.split('\n') {
        out.push_str(line.trim_end_matches([' ', '\t']));
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.into()
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 hexadecimal digits")]
pub struct KeyError;

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        text.as_bytes().try_into().ok().and_then(Self::of_digits).ok_or(KeyError)
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        serializer.serialize_str(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key of 32 hexadecimal digits")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl std::hash::Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut word = [0; 8];
        word.copy_from_slice(&self.0[..8]);
        state.write_u64(u64::from_le_bytes(word));
    }
}

/// Hashes a [`Key`] to its first 64 bits: a key is already the output of a cryptographic hash.
#[derive(Debug, Default, Clone, Copy)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a key hashes as one u64")
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

/// A map from keys. An entry takes 21 bytes (20 and a control byte) where the value takes 4.
pub type KeyMap<V> = std::collections::HashMap<Key, V, BuildHasherDefault<KeyHasher>>;

/// A valid row turned into one note to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The row's position in the input when it was last read.
    pub position: Position,
    /// Identifies the job.
    pub key: Key,
    /// The key of the content, if a column names the job. Other ledgers identify the job by this key.
    pub content: Option<Key>,
    /// The ticket that gets the note.
    pub ticket: Ticket,
    /// The note's text as posted.
    pub text: String,
    /// Fields of this row's note besides ticket and text, in the order of their names.
    pub fields: Vec<FixedField>,
}

impl Job {
    /// A job identified by its content, without its own fields.
    pub fn new(position: Position, key: Key, ticket: Ticket, text: String) -> Self {
        Self { position, key, content: None, ticket, text, fields: Vec::new() }
    }

    /// The key by which other ledgers identify the job.
    pub fn content_key(&self) -> Key {
        self.content.unwrap_or(self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(n: u64) -> Ticket {
        Ticket::try_from(n).unwrap()
    }

    #[test]
    fn what_saving_a_sheet_changes_leaves_the_key_alone() {
        let key = |text| Key::of_job(&Identity::of("t"), &ticket(1), text);
        assert_eq!(key("a\nb"), key("a\r\nb"));
        assert_eq!(key("a\nb"), key("a \nb\n \n"));
        assert_eq!(key("caf\u{e9}"), key("cafe\u{301}"));
        assert_ne!(key("a\nb"), key("a b"));
        assert_ne!(key("a"), key(" a"));
        assert_ne!(key("a"), key("A"));
    }

    #[test]
    fn the_plain_path_agrees_with_the_thorough_one() {
        for text in ["", "a", "a\nb", "Grüße\n\n– Ann", "a\u{a0}\nb", "x\u{2028}"] {
            let thorough = Key::of_job(&Identity::of("t"), &ticket(1), &format!("{text}\r\n"));
            assert_eq!(Key::of_job(&Identity::of("t"), &ticket(1), text), thorough, "{text:?}");
        }
    }

    #[test]
    fn target_ticket_text_fields_and_occurrence_each_matter() {
        let t = Identity::of("t");
        let key = Key::of_job(&t, &ticket(1), "x");
        let field = |text: &str| t.clone().with(&[text.parse().unwrap()]);
        let others = [
            Key::of_job(&Identity::of("u"), &ticket(1), "x"),
            Key::of_job(&t, &ticket(2), "x"),
            Key::of_job(&t, &Ticket::text("1").unwrap(), "x"),
            // This text has the same bytes as a number.
            Key::of_job(&t, &Ticket::text("HELP-123").unwrap(), "x"),
            Key::of_job(&t, &ticket(u64::from_le_bytes(*b"HELP-123")), "x"),
            Key::of_job(&t, &ticket(1), "y"),
            Key::of_job(&field("a=1"), &ticket(1), "x"),
            Key::of_job(&field("a:=1"), &ticket(1), "x"),
            Key::of_name(&t, "x"),
            key.occurrence(1),
            key.occurrence(2),
            Key::of_invalid([b"x".as_slice()].into_iter()),
        ];
        assert!(others.iter().all(|other| *other != key));
        assert_eq!(others.iter().collect::<std::collections::BTreeSet<_>>().len(), others.len());
        assert_eq!(key.occurrence(0), key);
    }

    /// Pinned: a key that changes between releases would post every row of a running batch again.
    #[test]
    fn scheme_1_is_pinned() {
        let identity = Identity::of("https://example.test/api");
        let key = Key::of_job(&identity, &ticket(143), "Hello\n");
        assert_eq!(key.to_string(), "98f661ba4bd868221bb7c00bb02799a7");
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    /// The format that `docs/ledger-format.md` specifies.
    #[test]
    fn a_key_is_the_hash_of_its_parts_each_after_its_length() {
        let key = |parts: &[&[u8]]| {
            let mut hash = blake3::Hasher::new();
            for bytes in parts {
                hash.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
            }
            hash.finalize().to_hex()[..32].to_owned()
        };
        let fields = ["Level:=3", "Source=Old desk"].map(|field| field.parse().unwrap());
        let identity = Identity::of("t").with(&[]).with(&fields);
        let job = Key::of_job(&identity, &ticket(7), "x \n");
        let ticket_bytes = 7_u64.to_le_bytes();
        let parts: [&[u8]; 6] = [b"batchpost key 1 job", b"t", &ticket_bytes, b"x", b"Level:=3", b"Source=Old desk"];
        assert_eq!(job.to_string(), key(&parts));
        let of_text = Key::of_job(&identity, &Ticket::text("HELP-7").unwrap(), "x");
        let parts: [&[u8]; 6] =
            [b"batchpost key 1 job", b"t", b"text id HELP-7", b"x", b"Level:=3", b"Source=Old desk"];
        assert_eq!(of_text.to_string(), key(&parts));
        assert_eq!(Key::of_name(&identity, " a ").to_string(), key(&[b"batchpost key 1 name", b"t", b"a"]));
        let occurrence = [&b"batchpost key 1 occurrence"[..], &job.0, &2_u32.to_le_bytes()];
        assert_eq!(job.occurrence(2).to_string(), key(&occurrence));
        let cells = [&b"x"[..], b"y"];
        assert_eq!(Key::of_invalid(cells.into_iter()).to_string(), key(&[b"batchpost key 1 invalid", b"x", b"y"]));
        assert!([JOB, NAME, INVALID, OCCURRENCE].iter().all(|kind| kind.starts_with(b"batchpost key 1 ")));
        assert_eq!(KEY_SCHEME, 1);
    }
}
