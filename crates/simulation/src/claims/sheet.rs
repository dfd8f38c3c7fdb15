//! A batch: its sheet, which changes between runs, and its settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use batchpost_engine::job::{Identity, Position, Ticket};
use batchpost_engine::planning::{self, Content, ReadPolicy};
use batchpost_engine::settings::{InDoubt, OnChanged, OnDuplicate, OnKnown};
use fastrand::Rng;

use super::new_disk;
use crate::disk::Disk;
use crate::opening::TARGET;

/// A ticket and one of a few texts.
pub(super) type Note = (u8, u8);

/// A row: its name and its note.
#[derive(Debug, Clone, Copy)]
struct Row {
    name: u32,
    note: Note,
}

pub(super) struct Batch {
    rows: Vec<Row>,
    /// All notes that were ever in the sheet. A note that had another name before is a new note for its
    /// batch.
    used: BTreeSet<Note>,
    next_name: u32,
    texts: u8,
    /// Whether a column names the jobs.
    pub(super) named: bool,
    pub(super) policy: ReadPolicy,
    pub(super) runs_left: u8,
    pub(super) disk: Disk,
    /// A copy of the disk, made between two runs.
    pub(super) copy: Option<Disk>,
    pub(super) has_begun: bool,
    /// Its ledger was moved away.
    pub(super) is_gone: bool,
}

impl Batch {
    pub(super) fn drawn(rng: &mut Rng, texts: u8) -> Self {
        let count = rng.u32(1..=5);
        let rows: Vec<Row> = (0..count).map(|name| Row { name, note: (rng.u8(1..=2), rng.u8(0..texts)) }).collect();
        let duplicates = if rng.u8(0..4) == 0 { OnDuplicate::Skip } else { OnDuplicate::Post };
        Self {
            used: rows.iter().map(|row| row.note).collect(),
            rows,
            next_name: count,
            texts,
            named: rng.u8(0..3) == 0,
            policy: ReadPolicy { identity: Identity::of(TARGET), duplicates, ..ReadPolicy::default() },
            runs_left: rng.u8(1..=3),
            disk: new_disk(rng),
            copy: None,
            has_begun: false,
            is_gone: false,
        }
    }

    /// Prepares another run; the sheet and the policy may change.
    pub(super) fn next_run(&mut self, rng: &mut Rng) {
        self.runs_left -= 1;
        if std::mem::replace(&mut self.has_begun, true) {
            for _ in 0..rng.u8(0..3) {
                self.edit(rng);
            }
        }
        self.policy.known = [OnKnown::Refuse, OnKnown::Skip, OnKnown::Skip, OnKnown::Post][rng.usize(0..4)];
        self.policy.in_doubt = if rng.u8(0..5) == 0 { InDoubt::Retry } else { InDoubt::Hold };
        self.policy.changed = if rng.u8(0..3) == 0 { OnChanged::Hold } else { OnChanged::Post };
        self.policy.first = (rng.u8(0..5) == 0).then(|| rng.u64(1..=2));
    }

    fn edit(&mut self, rng: &mut Rng) {
        // Equal notes with several names are distinguished by their order: if it changes between two runs,
        // one may be taken for another. See docs/testing.md.
        if self.named && self.notes().values().any(|count| *count > 1) {
            return;
        }
        let fresh: Vec<Note> = (1..=2)
            .flat_map(|ticket| (0..self.texts + 2).map(move |text| (ticket, text)))
            .filter(|note| !self.named || !self.used.contains(note))
            .collect();
        let note = (!fresh.is_empty()).then(|| fresh[rng.usize(0..fresh.len())]);
        match (rng.u8(0..4), note) {
            (0, Some(note)) if !self.rows.is_empty() => {
                let at = rng.usize(0..self.rows.len());
                self.rows[at].note = note;
                self.used.insert(note);
            }
            (1, Some(note)) => {
                let at = rng.usize(0..=self.rows.len());
                self.rows.insert(at, Row { name: self.next_name, note });
                self.next_name += 1;
                self.used.insert(note);
            }
            (2, _) if !self.rows.is_empty() => drop(self.rows.remove(rng.usize(0..self.rows.len()))),
            _ => rng.shuffle(&mut self.rows),
        }
    }

    /// How often each note may be posted according to the current sheet.
    pub(super) fn notes(&self) -> BTreeMap<Note, u32> {
        let mut notes = BTreeMap::new();
        for row in &self.rows {
            let count = notes.entry(row.note).or_insert(0);
            if self.named || self.policy.duplicates == OnDuplicate::Post || *count == 0 {
                *count += 1;
            }
        }
        notes
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    pub(super) fn sheet(&self) -> Vec<planning::Row> {
        let row = |(record, Row { name, note: (ticket, text) }): (u64, &Row)| planning::Row {
            position: Position { record, line: record + 1, byte: record },
            content: Content::Note {
                ticket: Ticket::try_from(u64::from(*ticket)).expect("a simulated ticket is one"),
                text: format!("t{text}"),
                uncut: None,
                name: self.named.then(|| format!("n{name}")),
                fields: Vec::new(),
            },
        };
        (1..).zip(&self.rows).map(row).collect()
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<String> = self.rows.iter().map(|row| format!("n{}={:?}", row.name, row.note)).collect();
        let ReadPolicy { known, in_doubt, changed, first, duplicates, .. } = &self.policy;
        write!(f, "{}", rows.join(" "))?;
        let named = if self.named { "named" } else { "unnamed" };
        write!(f, "; {named}, {known:?} known, {in_doubt:?} doubts, {changed:?} changed, {duplicates:?} duplicates")?;
        first.map_or(Ok(()), |first| write!(f, ", first {first}"))
    }
}
