//! Which job a row is: rows exactly alike are told apart by their occurrence.

use std::io::Read;

use super::start::Start;
use crate::input::{Content, InputError, Rows};
use crate::job::{Identity, Key, KeyMap, Ticket};
use crate::ledger::{Batch, Pass, Presence, Record, Standing};

/// Gives each row of one reading its key.
#[derive(Debug)]
pub(super) struct Occurrences {
    identity: Identity,
    /// What a job is that the ledger does not know.
    unknown: Standing,
    pass: Pass,
    /// How often a key's content was met, where it was more than once.
    repeats: KeyMap<u32>,
}

/// A row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) key: Key,
    /// The key of the first row with the same content, or name.
    pub(super) first: Key,
    /// An earlier row of this reading has the same content, or name.
    pub(super) again: bool,
}

impl Occurrences {
    pub(super) fn new(identity: Identity, unknown: Standing, pass: Pass) -> Self {
        Self { identity, unknown, pass, repeats: KeyMap::default() }
    }

    /// Of a second reading that begins where `start` says.
    pub(super) fn from(start: &Start, identity: Identity) -> Self {
        let repeats = match start {
            Start::At(later) => later.repeats.clone(),
            Start::First | Start::Nowhere => KeyMap::default(),
        };
        // A row that was not there at first is found by whoever asks for its standing.
        Self { identity, unknown: Standing::NEW, pass: Pass::Second, repeats }
    }

    /// What was known of repeats before the row that was met last.
    pub(super) fn repeats_before(&self, met: Met) -> KeyMap<u32> {
        let mut repeats = self.repeats.clone();
        if let Some(count) = repeats.get_mut(&met.first)
            && met.again
        {
            *count -= 1;
        }
        repeats
    }

    /// Enters the next row into `standings`: its key, its own in each reading and the same in the next, and where it
    /// stands. None for a blank one.
    pub(super) fn enter<'a>(
        &mut self,
        content: &Content,
        standings: &'a mut KeyMap<Standing>,
    ) -> Option<(Met, &'a mut Standing)> {
        let (first, unknown) = match content {
            Content::Blank => return None,
            Content::Note { name: Some(name), .. } => (Key::of_name(&self.identity, name), self.unknown),
            Content::Note { ticket, text, uncut, name: None } => {
                (content_key(&self.identity, ticket, text, uncut.as_deref()), self.unknown)
            }
            // No job, so no record that was lost can have sent it.
            Content::Invalid { key, .. } => (*key, Standing::NEW),
        };
        let mut met = Met { key: first, first, again: false };
        if standings.get(&first).is_some_and(|standing| standing.is_met(self.pass)) {
            let repeat = self.repeats.entry(first).or_insert(0);
            *repeat += 1;
            met = Met { key: first.occurrence(*repeat), first, again: true };
        }
        let standing = standings.entry(met.key).or_insert(unknown);
        standing.meet(self.pass);
        Some((met, standing))
    }
}

/// The key of a note that no column names. Where its text is cut makes it no other.
pub(super) fn content_key(identity: &Identity, ticket: &Ticket, text: &str, uncut: Option<&str>) -> Key {
    Key::of_job(identity, ticket, uncut.unwrap_or(text))
}

/// Reads the whole input, enters every row into `batch`, and tells each row's key and number.
///
/// # Errors
///
/// When the input cannot be read.
pub fn number_rows<R: Read>(
    rows: &mut Rows<R>,
    identity: Identity,
    batch: &mut Batch,
    each: &mut dyn FnMut(Key, u64),
) -> Result<(), InputError> {
    let mut occurrences = Occurrences::new(identity, batch.unknown(), Pass::First);
    while let Some(row) = rows.next()? {
        if let Some((met, _)) = occurrences.enter(&row.content, &mut batch.standings) {
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
