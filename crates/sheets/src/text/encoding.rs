//! Character encodings by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A character encoding, parsed from any label of the Encoding Standard: `windows-1252`, `utf-16le`, `shift_jis`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encoding(pub(super) &'static encoding_rs::Encoding);

impl Encoding {
    /// The encoding of an input without a byte order mark, if the caller names none.
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);

    /// The name in the Encoding Standard.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The encoding whose byte order mark `bytes` start with.
    pub(crate) fn of_mark(bytes: &[u8]) -> Option<Self> {
        encoding_rs::Encoding::for_bom(bytes).map(|(encoding, _)| Self(encoding))
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(text: &str) -> Result<Self, UnknownEncoding> {
        let encoding = encoding_rs::Encoding::for_label_no_replacement(text.as_bytes());
        encoding.map(Self).ok_or_else(|| UnknownEncoding(text.to_owned()))
    }
}

impl TryFrom<String> for Encoding {
    type Error = UnknownEncoding;

    fn try_from(text: String) -> Result<Self, UnknownEncoding> {
        text.parse()
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> String {
        encoding.name().to_owned()
    }
}

/// Unknown encoding label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("encoding {0:?} is unknown; common ones are windows-1252, iso-8859-15, utf-16le, utf-16be, shift_jis, gb18030")]
pub struct UnknownEncoding(String);
