//! A ticket's id: a number, or a text for APIs whose ids are texts.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::excerpt;

/// A ticket's id in the API.
///
/// A number is positive and fits into the signed 64 bits that servers keep it in. A text (`INC0010023`,
/// `HELP-12`) consists of visible ASCII characters and not of dots alone, so it is safe in a URL, a log and a
/// terminal. A text of digits does not equal the number. The [API](crate::api::Api) decides which of the two
/// its ids are.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(Id);

/// A text takes a pointer and a length; a number needs no allocation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Id {
    Number(NonZeroU64),
    Text(Arc<str>),
}

/// Why a text is not a ticket id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// Only blanks.
    #[error("the ticket id is empty")]
    Empty,
    /// Zero-padded: most likely an id of another system, not the API's number.
    #[error("ticket id {0:?} has leading zeros; the API's ticket ids are plain positive numbers")]
    LeadingZeros(String),
    /// Not a positive whole number.
    #[error("ticket id {0:?} is not a positive whole number")]
    NotANumber(String),
    /// Not in the format of the API's ids.
    #[error("ticket id {found:?} is not {wanted}")]
    NotLike {
        /// The text, truncated.
        found: String,
        /// The expected format, such as `a key like HELP-12`.
        wanted: &'static str,
    },
}

impl TicketError {
    /// `found` does not have the format `wanted`, such as `a key like HELP-12`.
    pub fn not_like(wanted: &'static str, found: &str) -> Self {
        Self::NotLike { found: excerpt(found.trim(), 40), wanted }
    }

    /// The error without the text.
    pub fn kind(&self) -> String {
        match self {
            Self::Empty => "the ticket id is empty".to_owned(),
            Self::LeadingZeros(_) => "the ticket id has leading zeros".to_owned(),
            Self::NotANumber(_) => "the ticket id is not a positive whole number".to_owned(),
            Self::NotLike { wanted, .. } => format!("the ticket id is not {wanted}"),
        }
    }
}

impl Ticket {
    /// The maximum length of a text id.
    pub const LONGEST_BYTES: usize = 128;

    /// Parses a number as spreadsheets write it: `143`, ` 143 `, `#143`, `143.0`. Accepts no other notation.
    ///
    /// # Errors
    ///
    /// If the text is not a positive whole number, or has leading zeros.
    pub fn number(text: &str) -> Result<Self, TicketError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(TicketError::Empty);
        }
        let not_a_number = || TicketError::NotANumber(excerpt(trimmed, 40));
        let digits = trimmed.strip_prefix('#').unwrap_or(trimmed);
        let digits = match digits.split_once('.') {
            Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
            Some(_) => return Err(not_a_number()),
            None => digits,
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(not_a_number());
        }
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(TicketError::LeadingZeros(excerpt(trimmed, 40)));
        }
        let number: u64 = digits.parse().map_err(|_| not_a_number())?;
        Self::try_from(number).map_err(|_| not_a_number())
    }

    /// Parses a text id, ignoring blanks around it.
    ///
    /// # Errors
    ///
    /// If the text is empty, longer than [`LONGEST_BYTES`](Self::LONGEST_BYTES), consists of dots alone, or
    /// has a character that is not visible ASCII.
    pub fn text(text: &str) -> Result<Self, TicketError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(TicketError::Empty);
        }
        let is_visible = trimmed.len() <= Self::LONGEST_BYTES && trimmed.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_visible || trimmed.bytes().all(|byte| byte == b'.') {
            return Err(TicketError::not_like("one word of letters, digits and signs", trimmed));
        }
        Ok(Self(Id::Text(trimmed.into())))
    }

    /// The number, if the id is a number.
    pub fn as_number(&self) -> Option<u64> {
        match &self.0 {
            Id::Number(number) => Some(number.get()),
            Id::Text(_) => None,
        }
    }

    /// The text, if the id is a text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Id::Number(_) => None,
            Id::Text(text) => Some(text),
        }
    }
}

impl TryFrom<u64> for Ticket {
    type Error = TicketError;

    fn try_from(number: u64) -> Result<Self, TicketError> {
        match NonZeroU64::new(number) {
            Some(number) if i64::try_from(number.get()).is_ok() => Ok(Self(Id::Number(number))),
            _ => Err(TicketError::NotANumber(number.to_string())),
        }
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Number(number) => fmt::Display::fmt(number, f),
            Id::Text(text) => f.pad(text),
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Id::Number(number) => write!(f, "Ticket({number})"),
            Id::Text(text) => write!(f, "Ticket({text:?})"),
        }
    }
}

impl Serialize for Ticket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Id::Number(number) => serializer.serialize_u64(number.get()),
            Id::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Ticket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;
        impl Visitor<'_> for NumberOrText {
            type Value = Ticket;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a ticket's id, a number or a text")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Ticket, E> {
                Ticket::try_from(number).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ticket, E> {
                Ticket::text(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(NumberOrText)
    }
}

/// A set of tickets. A number takes 8 bytes.
#[derive(Debug, Clone, Default)]
pub struct TicketSet {
    numbers: HashSet<NonZeroU64>,
    texts: HashSet<Arc<str>>,
}

impl TicketSet {
    /// Adds a ticket.
    pub fn insert(&mut self, ticket: Ticket) {
        match ticket.0 {
            Id::Number(number) => self.numbers.insert(number),
            Id::Text(text) => self.texts.insert(text),
        };
    }

    /// Whether the set contains the ticket.
    pub fn contains(&self, ticket: &Ticket) -> bool {
        match &ticket.0 {
            Id::Number(number) => self.numbers.contains(number),
            Id::Text(text) => self.texts.contains(text),
        }
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty() && self.texts.is_empty()
    }
}

impl FromIterator<Ticket> for TicketSet {
    fn from_iter<I: IntoIterator<Item = Ticket>>(tickets: I) -> Self {
        let mut set = Self::default();
        tickets.into_iter().for_each(|ticket| set.insert(ticket));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(n: u64) -> Ticket {
        Ticket::try_from(n).unwrap()
    }

    #[test]
    fn numbers_are_taken_as_spreadsheets_write_them() {
        for text in ["143", " 143 ", "#143", "143.0", "143.00", "\t#143.0\u{a0}"] {
            assert_eq!(Ticket::number(text), Ok(ticket(143)), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_no_number() {
        for text in [
            "",
            " ",
            "0",
            "-1",
            "+1",
            "1.5",
            "143.",
            ".0",
            "##1",
            "# 1",
            "1e3",
            "1,000",
            "TKT-1",
            "١٤٣",
            "00143",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert!(Ticket::number(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_text_is_a_word_that_can_stand_anywhere() {
        assert_eq!(Ticket::text(" HELP-12\t").unwrap().as_text(), Some("HELP-12"));
        assert_ne!(Ticket::text("143").unwrap(), ticket(143));
        let longest = "x".repeat(Ticket::LONGEST_BYTES);
        assert!(Ticket::text(&longest).is_ok());
        for text in ["", " ", ".", "..", "a b", "a\nb", "\u{1b}[2J", "hélp", &format!("{longest}x")] {
            assert!(Ticket::text(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn numbers_and_texts_read_back_from_json_as_what_they_were() {
        for (ticket, json) in [(ticket(143), "143"), (Ticket::text("143").unwrap(), "\"143\"")] {
            assert_eq!(serde_json::to_string(&ticket).unwrap(), json);
            assert_eq!(serde_json::from_str::<Ticket>(json).unwrap(), ticket);
        }
        for json in ["0", "-1", "1.5", "9223372036854775808", "\"\"", "\"a b\"", "null", "[1]"] {
            assert!(serde_json::from_str::<Ticket>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_ticket_takes_sixteen_bytes_and_a_number_in_a_set_eight() {
        assert_eq!(size_of::<Ticket>(), 16);
        let set: TicketSet = [ticket(1), Ticket::text("1").unwrap()].into_iter().collect();
        assert_eq!((set.numbers.len(), set.texts.len()), (1, 1));
        assert!(set.contains(&ticket(1)) && !set.contains(&ticket(2)));
        assert!(set.contains(&Ticket::text("1").unwrap()) && !set.contains(&Ticket::text("2").unwrap()));
    }
}
