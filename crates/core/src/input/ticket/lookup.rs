//! A lookup table from old ids to new tickets.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

use hashbrown::{HashTable, hash_table};
use serde::{Deserialize, Serialize};

use crate::job::Ticket;
use batchpost_engine::excerpt;

/// The source of a lookup table, `FILE:FROM:TO`: a file and its columns of old ids and new ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LookupSpec {
    /// The file. Its name may contain colons.
    pub file: String,
    /// The column of old ids.
    pub from: String,
    /// The column of new ids.
    pub to: String,
}

/// Not a [`LookupSpec`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lookup {0:?} is invalid; write it like ids.csv:Old ID:New ID")]
pub struct LookupSpecError(String);

impl FromStr for LookupSpec {
    type Err = LookupSpecError;

    /// Splits from the right, so that `C:\ids.csv:old:new` is valid. Column names cannot contain a colon.
    fn from_str(text: &str) -> Result<Self, LookupSpecError> {
        let mut parts = text.rsplitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(to), Some(from), Some(file)) if ![to, from, file].iter().any(|part| part.trim().is_empty()) => {
                Ok(Self { file: file.to_owned(), from: from.to_owned(), to: to.to_owned() })
            }
            _ => Err(LookupSpecError(text.to_owned())),
        }
    }
}

impl fmt::Display for LookupSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.from, self.to)
    }
}

impl TryFrom<String> for LookupSpec {
    type Error = LookupSpecError;

    fn try_from(text: String) -> Result<Self, LookupSpecError> {
        text.parse()
    }
}

impl From<LookupSpec> for String {
    fn from(spec: LookupSpec) -> String {
        spec.to_string()
    }
}

/// Why an entry cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// An old id has two different tickets.
    #[error("the old id {from:?} occurs twice, as {first} and as {second}; keep only one of them")]
    Conflict {
        /// The old id, truncated.
        from: String,
        /// The ticket of the earlier entry.
        first: Ticket,
        /// The ticket of the new entry.
        second: Ticket,
    },
    /// The old id is blank.
    #[error("the old id of {0} is empty")]
    Empty(Ticket),
    /// The old ids would take more than 4 GiB.
    #[error("the lookup table is too large; remove the ids that the input does not need")]
    TooLarge,
}

/// A lookup table from old ids to tickets.
///
/// An entry takes 45 to 65 bytes, including the spare capacity of vectors: the bytes of the old id, 20 bytes, and 6 to
/// 12 for the index. A `HashMap<String, _>` takes over 90.
#[derive(Debug, Default)]
pub struct LookupTable {
    old_ids: OldIds,
    /// Entry numbers by old id.
    index: HashTable<u32>,
}

/// The old ids, one after the other, and their tickets.
#[derive(Debug, Default)]
struct OldIds {
    texts: String,
    /// The end of each text. A text starts at the end of the previous one.
    ends: Vec<u32>,
    tickets: Vec<Ticket>,
}

impl OldIds {
    fn text(&self, entry: u32) -> &str {
        let start = entry.checked_sub(1).map_or(0, |before| self.ends[before as usize] as usize);
        &self.texts[start..self.ends[entry as usize] as usize]
    }

    fn ticket(&self, entry: u32) -> &Ticket {
        &self.tickets[entry as usize]
    }

    fn push(&mut self, text: &str, ticket: Ticket) -> Result<u32, LookupError> {
        let end = u32::try_from(self.texts.len() + text.len()).map_err(|_| LookupError::TooLarge)?;
        self.texts.push_str(text);
        self.ends.push(end);
        self.tickets.push(ticket);
        // Every entry has at least one byte of text, so there are no more entries than bytes.
        Ok(self.ends.len() as u32 - 1)
    }
}

impl LookupTable {
    /// Adds an old id, trimmed. Adding the same pair again has no effect.
    pub fn insert(&mut self, from: &str, to: Ticket) -> Result<(), LookupError> {
        let from = from.trim();
        if from.is_empty() {
            return Err(LookupError::Empty(to));
        }
        let Self { old_ids, index } = self;
        let same = |entry: &u32| old_ids.text(*entry) == from;
        match index.entry(hash(from), same, |entry| hash(old_ids.text(*entry))) {
            hash_table::Entry::Vacant(vacant) => {
                vacant.insert(old_ids.push(from, to)?);
                Ok(())
            }
            hash_table::Entry::Occupied(known) => {
                let first = old_ids.ticket(*known.get());
                if *first == to {
                    return Ok(());
                }
                Err(LookupError::Conflict { from: excerpt(from, 40), first: first.clone(), second: to })
            }
        }
    }

    /// Returns the ticket of an old id. The id is trimmed and must otherwise match exactly.
    pub fn get(&self, from: &str) -> Option<&Ticket> {
        let from = from.trim();
        let entry = self.index.find(hash(from), |entry| self.old_ids.text(*entry) == from)?;
        Some(self.old_ids.ticket(*entry))
    }

    /// Number of old ids.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

/// The hash keys are fixed: a table made by a person needs no protection, and two runs should not differ.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(n: u64) -> Ticket {
        Ticket::try_from(n).unwrap()
    }

    #[test]
    fn specs_are_split_from_the_right() {
        let spec: LookupSpec = r"C:\x.csv:Old ID:new".parse().unwrap();
        assert_eq!((&*spec.file, &*spec.from, &*spec.to), (r"C:\x.csv", "Old ID", "new"));
        assert_eq!(spec.to_string(), r"C:\x.csv:Old ID:new");
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<LookupSpec>(&json).unwrap(), spec);
        for text in ["", "x.csv", "x.csv:old", "x.csv::new", "x.csv:old: ", ":old:new"] {
            assert!(text.parse::<LookupSpec>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn old_ids_are_found_exactly_as_they_were_added() {
        let mut table = LookupTable::default();
        assert_eq!(table.get("x"), None);
        for n in 1..=5000 {
            table.insert(&format!(" OLD-{n}"), ticket(n + 7)).unwrap();
        }
        assert_eq!(table.len(), 5000);
        for n in 1..=5000 {
            assert_eq!(table.get(&format!("OLD-{n} ")), Some(&ticket(n + 7)));
        }
        for missing in ["", "OLD-0", "OLD-5001", "old-1", "OLD-01", "OLD-1O"] {
            assert_eq!(table.get(missing), None, "{missing:?}");
        }
    }

    #[test]
    fn an_old_id_with_two_tickets_is_refused_and_the_first_stays() {
        let mut table = LookupTable::default();
        table.insert("a", ticket(1)).unwrap();
        table.insert(" a ", ticket(1)).unwrap();
        let error = table.insert("a", ticket(2)).unwrap_err().to_string();
        assert_eq!(error, r#"the old id "a" occurs twice, as 1 and as 2; keep only one of them"#);
        assert_eq!(table.insert(" ", ticket(3)), Err(LookupError::Empty(ticket(3))));
        assert_eq!((table.len(), table.get("a")), (1, Some(&ticket(1))));
    }
}
