//! Which job a row is: rows exactly alike are told apart by their occurrence.

use std::io::Read;

use crate::input::{Content, InputError, Rows};
use crate::job::{Key, KeyMap};
use crate::ledger::{Pass, Presence, Record, Standing};

/// Gives each row of one reading its key.
#[derive(Debug, Default)]
pub(super) struct Occurrences {
    /// How often a key's content was met, where it was more than once.
    repeats: KeyMap<u32>,
}

impl Occurrences {
    /// The key of a row with the content key `first`: its own in each reading, the same in the next.
    pub(super) fn key(&mut self, first: Key, standings: &KeyMap<Standing>, pass: Pass) -> Key {
        if !standings.get(&first).is_some_and(|standing| standing.is_met(pass)) {
            return first;
        }
        let repeat = self.repeats.entry(first).or_insert(0);
        *repeat += 1;
        first.occurrence(*repeat)
    }

    /// Rows that were exactly like an earlier one.
    pub(super) fn duplicates(&self) -> u64 {
        self.repeats.values().map(|repeats| u64::from(*repeats)).sum()
    }
}

/// The key that a row has by its content, whatever was met before; none for a blank one.
pub(super) fn content_key(content: &Content, target: &str) -> Option<Key> {
    match content {
        Content::Blank => None,
        Content::Note { ticket, text } => Some(Key::of_job(target, *ticket, text)),
        Content::Invalid { key, .. } => Some(*key),
    }
}

/// Reads the whole input and tells each row's key and number.
///
/// # Errors
///
/// When the input cannot be read.
pub fn number_rows<R: Read>(
    rows: &mut Rows<R>,
    target: &str,
    standings: &mut KeyMap<Standing>,
    each: &mut dyn FnMut(Key, u64),
) -> Result<(), InputError> {
    let mut occurrences = Occurrences::default();
    while let Some(row) = rows.next()? {
        if let Some(first) = content_key(&row.content, target) {
            let key = occurrences.key(first, standings, Pass::First);
            standings.entry(key).or_insert(Standing::NEW).meet(Pass::First);
            each(key, row.position.record);
        }
    }
    Ok(())
}

/// After the first reading: which jobs of the ledger are no longer in the input and which are there again, in records of
/// a readable size.
pub fn presence_changes(standings: &KeyMap<Standing>) -> Vec<Record> {
    const KEYS_A_RECORD: usize = 256;
    let mut vanished = Vec::new();
    let mut returned = Vec::new();
    for (key, standing) in standings {
        match (standing.is_met(Pass::First), standing.is_vanished()) {
            (false, false) => vanished.push(*key),
            (true, true) => returned.push(*key),
            _ => {}
        }
    }
    // The table's order differs from run to run; the ledger's should not.
    vanished.sort_unstable();
    returned.sort_unstable();
    let chunk = |keys: &[Key]| Presence { keys: keys.to_vec() };
    let vanished = vanished.chunks(KEYS_A_RECORD).map(chunk).map(Record::Vanished);
    vanished.chain(returned.chunks(KEYS_A_RECORD).map(chunk).map(Record::Returned)).collect()
}
