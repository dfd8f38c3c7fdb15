//! Which job a row is: rows exactly alike are told apart by their occurrence.

use std::io::Read;

use crate::input::{Content, InputError, Rows};
use crate::job::{Identity, Key, KeyMap};
use crate::ledger::{Pass, Presence, Record, Standing};

/// Gives each row of one reading its key.
#[derive(Debug)]
pub(super) struct Occurrences {
    identity: Identity,
    /// How often a key's content was met, where it was more than once.
    repeats: KeyMap<u32>,
}

/// A row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) key: Key,
    /// An earlier row of this reading has the same content, or name.
    pub(super) again: bool,
}

impl Occurrences {
    pub(super) fn new(identity: Identity) -> Self {
        Self { identity, repeats: KeyMap::default() }
    }

    /// The key of the next row: its own in each reading, the same in the next. None for a blank one.
    pub(super) fn meet(&mut self, content: &Content, standings: &KeyMap<Standing>, pass: Pass) -> Option<Met> {
        let first = match content {
            Content::Blank => return None,
            Content::Note { name: Some(name), .. } => Key::of_name(&self.identity, name),
            Content::Note { ticket, text, name: None } => Key::of_job(&self.identity, *ticket, text),
            Content::Invalid { key, .. } => *key,
        };
        if !standings.get(&first).is_some_and(|standing| standing.is_met(pass)) {
            return Some(Met { key: first, again: false });
        }
        let repeat = self.repeats.entry(first).or_insert(0);
        *repeat += 1;
        Some(Met { key: first.occurrence(*repeat), again: true })
    }
}

/// Reads the whole input and tells each row's key and number.
///
/// # Errors
///
/// When the input cannot be read.
pub fn number_rows<R: Read>(
    rows: &mut Rows<R>,
    identity: Identity,
    standings: &mut KeyMap<Standing>,
    each: &mut dyn FnMut(Key, u64),
) -> Result<(), InputError> {
    let mut occurrences = Occurrences::new(identity);
    while let Some(row) = rows.next()? {
        if let Some(met) = occurrences.meet(&row.content, standings, Pass::First) {
            standings.entry(met.key).or_insert(Standing::NEW).meet(Pass::First);
            each(met.key, row.position.record);
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
