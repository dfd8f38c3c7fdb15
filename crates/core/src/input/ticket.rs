//! Extracts ticket ids from cells: with a pattern, a lookup table of old and new ids, or both.

mod lookup;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use regex::{CaptureLocations, Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

pub use lookup::{LookupError, LookupSpec, LookupSpecError, LookupTable};

use crate::api::Api;
use crate::job::{Ticket, TicketError};
use batchpost_engine::excerpt;

/// Extracts the id from a ticket cell: a regular expression with one group, such as `TKT-0*(\d+)`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TicketPattern(Regex);

/// Why a text is not a [`TicketPattern`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Not a regular expression, or one that is too large.
    #[error("{0}")]
    Regex(#[from] regex::Error),
    /// The number of groups is not one, so it is unclear which is the id.
    #[error(
        r"the pattern has {0} groups but must have one, around the id, as in TKT-0*(\d+); use (?:...) for other groups"
    )]
    Groups(usize),
}

/// Why a cell has no ticket id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoTicket {
    /// The cell, or what the pattern extracts from it, is not a ticket id.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The pattern does not match the cell.
    #[error("{cell:?} does not match the pattern {pattern}")]
    NoMatch {
        /// The cell, truncated.
        cell: String,
        /// The pattern.
        pattern: String,
    },
    /// The pattern extracts different ids from the cell.
    #[error("{cell:?} contains both {first:?} and {second:?}; keep one of them, or use a stricter pattern")]
    Several {
        /// The cell, truncated.
        cell: String,
        /// The first id.
        first: String,
        /// The first id that differs.
        second: String,
    },
    /// The number continues after what the pattern extracts.
    #[error("the pattern matches only {found:?} of a longer number in {cell:?}; make it match the whole number")]
    CutShort {
        /// The cell, truncated.
        cell: String,
        /// The extracted text.
        found: String,
    },
    /// The pattern extracts leading zeros.
    #[error(r"the pattern matches {found:?} in {cell:?}, with leading zeros; use 0*(\d+) to omit them")]
    LeadingZeros {
        /// The cell, truncated.
        cell: String,
        /// The extracted text.
        found: String,
    },
    /// The cell is longer than any id or link.
    #[error("the ticket cell is longer than {most_bytes} bytes: {cell:?}")]
    TooLong {
        /// The cell, truncated.
        cell: String,
        /// The maximum length.
        most_bytes: usize,
    },
    /// The id is not in the lookup table.
    #[error("{found:?} is not in the lookup table")]
    NotInTable {
        /// The id.
        found: String,
    },
}

impl NoTicket {
    /// Returns the error without the text of the cell.
    pub fn kind(&self) -> String {
        match self {
            Self::Ticket(error) => error.kind(),
            Self::NoMatch { pattern, .. } => format!("no match of the pattern {pattern}"),
            Self::CutShort { .. } => "the pattern matches part of a number".to_owned(),
            Self::Several { .. } => "several ids in one cell".to_owned(),
            Self::LeadingZeros { .. } => "the pattern matches leading zeros".to_owned(),
            Self::TooLong { most_bytes, .. } => format!("the ticket cell is longer than {most_bytes} bytes"),
            Self::NotInTable { .. } => "not in the lookup table".to_owned(),
        }
    }
}

impl TicketPattern {
    /// Maximum size of the compiled expression. Usual patterns for ids take a few kB.
    const LARGEST_BYTES: usize = 1 << 20;
}

impl FromStr for TicketPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(text).size_limit(Self::LARGEST_BYTES).build()?;
        match regex.captures_len() - 1 {
            1 => Ok(Self(regex)),
            groups => Err(PatternError::Groups(groups)),
        }
    }
}

impl fmt::Display for TicketPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for TicketPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for TicketPattern {}

impl TryFrom<String> for TicketPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<TicketPattern> for String {
    fn from(pattern: TicketPattern) -> String {
        pattern.to_string()
    }
}

/// How to get the ticket from its cell.
#[derive(Debug)]
pub(super) struct TicketRule {
    target: Arc<dyn Api>,
    pattern: Option<(TicketPattern, CaptureLocations)>,
    lookup: Option<Arc<LookupTable>>,
}

impl TicketRule {
    /// Maximum length of a cell: finding all matches may take time quadratic in it.
    const LONGEST_BYTES: usize = 4096;

    /// Creates a rule. Without a pattern and a table, the cell is the id, as defined by `target`.
    pub(super) fn new(target: Arc<dyn Api>, pattern: Option<TicketPattern>, lookup: Option<Arc<LookupTable>>) -> Self {
        let pattern = pattern.map(|pattern| {
            let locations = pattern.0.capture_locations();
            (pattern, locations)
        });
        Self { target, pattern, lookup }
    }

    /// Returns the ticket of a cell. A blank cell is [`TicketError::Empty`] under every rule.
    pub(super) fn ticket(&mut self, cell: &str) -> Result<Ticket, NoTicket> {
        let cell = cell.trim();
        if cell.is_empty() {
            return Err(TicketError::Empty.into());
        }
        let found = match &mut self.pattern {
            Some((pattern, locations)) => extract(pattern, locations, cell)?,
            None => cell,
        };
        if let Some(table) = &self.lookup {
            return table.get(found).cloned().ok_or_else(|| NoTicket::NotInTable { found: excerpt(found, 40) });
        }
        self.target.ticket(found).map_err(|error| match error {
            TicketError::LeadingZeros(found) if self.pattern.is_some() => {
                NoTicket::LeadingZeros { cell: excerpt(cell, 60), found }
            }
            error => error.into(),
        })
    }
}

/// Returns the trimmed text of the group, which must be the same in all matches.
fn extract<'a>(pattern: &TicketPattern, locations: &mut CaptureLocations, cell: &'a str) -> Result<&'a str, NoTicket> {
    if cell.len() > TicketRule::LONGEST_BYTES {
        return Err(NoTicket::TooLong { cell: excerpt(cell, 60), most_bytes: TicketRule::LONGEST_BYTES });
    }
    let mut first: Option<&str> = None;
    let mut from = 0;
    while from <= cell.len() {
        let Some(whole) = pattern.0.captures_read_at(locations, cell, from) else { break };
        from = match whole.is_empty() {
            false => whole.end(),
            // An empty match would be found again and again.
            true => whole.end() + cell[whole.end()..].chars().next().map_or(1, char::len_utf8),
        };
        let (start, end) = locations.get(1).unwrap_or((whole.end(), whole.end()));
        let taken = cell[start..end].trim();
        // If the pattern also matches what follows the id, the id is complete.
        if !taken.is_empty() && end == whole.end() && goes_on(&cell[..end], &cell[end..]) {
            return Err(NoTicket::CutShort { cell: excerpt(cell, 60), found: excerpt(taken, 40) });
        }
        match first {
            _ if taken.is_empty() => {}
            None => first = Some(taken),
            Some(first) if first == taken => {}
            Some(first) => {
                let (first, second) = (excerpt(first, 40), excerpt(taken, 40));
                return Err(NoTicket::Several { cell: excerpt(cell, 60), first, second });
            }
        }
    }
    first.ok_or_else(|| NoTicket::NoMatch { cell: excerpt(cell, 60), pattern: excerpt(pattern.0.as_str(), 60) })
}

/// Whether a number continues after the extracted text: with a letter or digit, decimals, or a group of thousands.
fn goes_on(before: &str, after: &str) -> bool {
    let mut chars = after.chars();
    let digit = |c: char| c.is_ascii_digit();
    if !before.ends_with(digit) {
        return false;
    }
    match chars.next() {
        Some(first) if first.is_ascii_alphanumeric() => true,
        Some('.' | ',') => chars.next().is_some_and(digit),
        Some(' ' | '\u{a0}' | '\u{202f}') => {
            let group: Vec<char> = chars.by_ref().take(4).take_while(|c| digit(*c)).collect();
            group.len() == 3
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leadsquared::LeadSquared;

    fn found(pattern: &str, cell: &str) -> String {
        let pattern = (!pattern.is_empty()).then(|| pattern.parse().unwrap());
        match TicketRule::new(Arc::new(LeadSquared), pattern, None).ticket(cell) {
            Ok(ticket) => ticket.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn without_a_pattern_the_cell_is_the_number() {
        assert_eq!(found("", " #143.0 "), "143");
        assert_eq!(
            found("", "00143"),
            r#"ticket id "00143" has leading zeros; the API's ticket ids are plain positive numbers"#
        );
    }

    #[test]
    fn the_group_is_the_number_wherever_it_stands() {
        for (pattern, cell, wanted) in [
            (r"TKT-0*(\d+)", "TKT-00143", "143"),
            (r"TKT-0*(\d+)", " see TKT-00143 (old)", "143"),
            (r"(?i)tkt-0*(\d+)", "Tkt-143", "143"),
            (r"/tickets/(\d+)", "https://desk.example/tickets/143?tab=2", "143"),
            (r"TKT-0*(\d+)", "TKT-143, TKT-00143", "143"),
            (r"TKT-(\d+)", "TKT-143. Done", "143"),
            (r"TKT-(\d+)", "TKT-143 2026-01-01", "143"),
            (r"TKT-(\d+)[a-z]*", "TKT-143abc", "143"),
            (r"(\d+)-", "143-2", "143"),
            (r"(\d*)", "TKT-143", "143"),
            (r"T(\d+)|U", "U T5", "5"),
            (r"é(\d*)", "éé7é", "7"),
        ] {
            assert_eq!(found(pattern, cell), wanted, "{pattern} {cell:?}");
        }
    }

    #[test]
    fn what_is_missing_is_said_with_the_cells_text() {
        for (pattern, cell, wanted) in [
            (r"TKT-(\d+)", "INC-7", r#""INC-7" does not match the pattern TKT-(\d+)"#),
            (r"TKT-(\d*)", "TKT-", r#""TKT-" does not match the pattern TKT-(\d*)"#),
            (
                r"(\d+)",
                "143 and 144",
                r#""143 and 144" contains both "143" and "144"; keep one of them, or use a stricter pattern"#,
            ),
            (
                r"TKT-(\d+)",
                "TKT-00143",
                r#"the pattern matches "00143" in "TKT-00143", with leading zeros; use 0*(\d+) to omit them"#,
            ),
            (
                r"TKT-0*(\d+)",
                "TKT-1,234",
                r#"the pattern matches only "1" of a longer number in "TKT-1,234"; make it match the whole number"#,
            ),
            (
                r"TKT-0*(\d+)",
                "TKT-1 234",
                r#"the pattern matches only "1" of a longer number in "TKT-1 234"; make it match the whole number"#,
            ),
            (
                r"/(\d+)",
                "/143.5",
                r#"the pattern matches only "143" of a longer number in "/143.5"; make it match the whole number"#,
            ),
            (
                r"/(\d+)",
                "/143abc",
                r#"the pattern matches only "143" of a longer number in "/143abc"; make it match the whole number"#,
            ),
            (r"TKT-(.+)", "TKT-x", r#"ticket id "x" is not a positive whole number"#),
            (r"(\d+)", "١٤٣", r#"ticket id "١٤٣" is not a positive whole number"#),
            (r"(\d+)", "  ", "the ticket id is empty"),
        ] {
            assert_eq!(found(pattern, cell), wanted, "{pattern} {cell:?}");
        }
        assert!(found(r"(\d+)", &"1".repeat(5000)).starts_with("the ticket cell is longer than 4096 bytes: \"111"));
        assert!(found(r"(\d+)", &"x".repeat(4000)).len() < 200);
    }

    #[test]
    fn what_the_pattern_takes_is_looked_up_as_it_stands() {
        let mut table = LookupTable::default();
        table.insert("00143", Ticket::try_from(7).unwrap()).unwrap();
        let pattern = Some(r"TKT-(\w+)".parse().unwrap());
        let mut rule = TicketRule::new(Arc::new(LeadSquared), pattern, Some(Arc::new(table)));
        assert_eq!(rule.ticket("TKT-00143"), Ok(Ticket::try_from(7).unwrap()));
        assert_eq!(rule.ticket("TKT-143").unwrap_err().to_string(), r#""143" is not in the lookup table"#);
        assert_eq!(rule.ticket(" "), Err(TicketError::Empty.into()));
    }

    #[test]
    fn patterns_survive_text_and_json_and_others_are_refused() {
        let pattern: TicketPattern = r"TKT-0*(\d+)".parse().unwrap();
        assert_eq!(pattern.to_string(), r"TKT-0*(\d+)");
        let json = serde_json::to_string(&pattern).unwrap();
        assert_eq!(serde_json::from_str::<TicketPattern>(&json).unwrap(), pattern);
        for (text, wanted) in [
            (r"\d+", "the pattern has 0 groups but must have one"),
            (r"(a)(\d+)", "the pattern has 2 groups but must have one"),
            (r"(\d+", "regex parse error"),
            (r"((?:\w{1000}){1000})", "Compiled regex exceeds size limit"),
        ] {
            let error = text.parse::<TicketPattern>().unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
            assert!(serde_json::from_value::<TicketPattern>(text.into()).is_err());
        }
    }
}
