//! The jobs that a ledger knows as posted or in doubt: a fold over its records.

use std::mem;

use crate::job::{Key, KeyMap, Ticket};
use crate::ledger::{Attempt, Record, Step};
use crate::outcome::Outcome;

/// The jobs that a ledger knows as posted or in doubt, each once, ordered by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownKeys {
    /// Their keys, and when each was last sent, in seconds since 1970.
    pub(super) rows: Vec<(Key, u32)>,
    /// For jobs that a column named: the key of the name, and the key that identifies the content.
    pub(super) names: Vec<(Key, Key)>,
    /// Intents without an outcome. They count as doubts, unless an active run finds that they were not sent.
    pub(super) open: Vec<Open>,
    /// Some rows are identified by name and ticket together, since their content is not recorded.
    pub(super) legacy: bool,
}

/// A job whose last intent has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Open {
    /// The job's own key.
    pub(super) key: Key,
    pub(super) known_by: Key,
    pub(super) at_s: u32,
}

impl KnownKeys {
    /// The number of known jobs.
    pub fn len(&self) -> usize {
        self.rows.len() + self.open_alone(0).count()
    }

    /// Whether no jobs are known.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.open.is_empty()
    }

    /// When the first and the last of them were sent, in seconds since 1970.
    pub fn dates(&self) -> Option<(u32, u32)> {
        let dates = || self.rows.iter().map(|(_, at_s)| *at_s).chain(self.open.iter().map(|open| open.at_s));
        Some((dates().min()?, dates().max()?))
    }

    /// When the row with this key was last sent, if it is known independently of open intents.
    pub(super) fn settled(&self, key: Key) -> Option<u32> {
        let at = self.rows.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(self.rows[at].1)
    }

    /// Whether the row with this key was sent at `since` or later and has no open intent.
    pub fn was_sent_since(&self, key: Key, since: u32) -> bool {
        self.settled(key).is_some_and(|at_s| at_s >= since) && !self.open.iter().any(|open| open.known_by == key)
    }

    /// The open intents of rows that, without them, are not known or were not sent since then.
    pub(super) fn open_alone(&self, since: u32) -> impl Iterator<Item = &Open> {
        self.open.iter().filter(move |open| self.settled(open.known_by).is_none_or(|at_s| at_s < since))
    }

    /// The rows that dead runs claimed and may have sent, with the latest possible time.
    pub fn claimed(keys: impl Iterator<Item = (Key, u32)>) -> Self {
        let open = keys.map(|(key, at_s)| Open { key, known_by: key, at_s });
        Self { open: open.collect(), ..Self::default() }
    }

    /// Removes and returns the open intents.
    pub fn take_open(&mut self) -> Self {
        Self { open: std::mem::take(&mut self.open), ..Self::default() }
    }

    /// Turns the open intents into doubts: no more records about them will be read.
    pub(super) fn settle_open(&mut self) {
        for Open { key, known_by, at_s } in std::mem::take(&mut self.open) {
            self.rows.push((known_by, at_s));
            if key != known_by {
                self.names.push((key, known_by));
            }
        }
        self.in_order();
    }

    /// Whether some jobs are known only by [name and ticket](legacy_key).
    pub fn has_legacy(&self) -> bool {
        self.legacy
    }

    /// Adds others.
    pub fn merge(&mut self, others: Self) {
        self.legacy |= others.legacy;
        self.open.extend(others.open);
        if others.rows.is_empty() {
            return;
        }
        if self.rows.is_empty() {
            (self.rows, self.names) = (others.rows, others.names);
            return;
        }
        self.rows.extend(others.rows);
        self.names.extend(others.names);
        self.in_order();
    }

    fn in_order(&mut self) {
        // Keep the latest date of each key.
        self.rows.sort_unstable_by_key(|(key, at_s)| (*key, u32::MAX - at_s));
        self.rows.dedup_by_key(|(key, _)| *key);
        self.names.sort_unstable();
        self.names.dedup();
        self.rows.shrink_to_fit();
    }
}

/// The key of a job whose content is not in its ledger, over its name's key and its ticket.
pub fn legacy_key(name: Key, ticket: &Ticket) -> Key {
    let mut hash = blake3::Hasher::new();
    hash.update(b"batchpost known 1 name and ticket");
    hash.update(&name.to_bytes());
    hash.update(ticket.to_string().as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    Key::from_bytes(key)
}

/// Applies a ledger's records in order.
#[derive(Debug, Default)]
pub(super) struct Fold {
    jobs: KeyMap<Job>,
    /// The content keys of jobs named by a column; other jobs use their own keys.
    contents: KeyMap<Key>,
    /// Earlier content keys of named jobs that were later sent with other content, with the time of the last
    /// attempt.
    earlier: Vec<(Key, Key, u32)>,
    /// Whether a column names the jobs of the current run.
    pub(super) named: bool,
    legacy: bool,
    /// When the current run started.
    begun_s: u32,
    /// A decision concerns a job without an earlier record: the whole ledger must be read to find its key.
    pub(super) lacks_the_beginning: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Job {
    at_s: u32,
    /// It has an intent without an outcome.
    open: bool,
    /// Posted, or ever in doubt.
    known: bool,
}

impl Fold {
    /// Continues a fold: `named` is the value for the last run before, `open` the intents without an outcome.
    pub(super) fn after(named: bool, open: Vec<Open>) -> Self {
        let mut fold = Self { named, ..Self::default() };
        for Open { key, known_by, at_s } in open {
            fold.jobs.insert(key, Job { at_s, open: true, known: false });
            if key != known_by {
                fold.contents.insert(key, known_by);
            }
        }
        fold
    }

    /// Applies the next record.
    pub(super) fn take(&mut self, step: Step) {
        match step {
            // For a named job without content, the caller parses the intent in full.
            Step::Intent(attempt) => self.intent(attempt),
            Step::Posted(attempt) => self.end(attempt.key, attempt.at_s, Outcome::Posted),
            Step::Mark => {}
            Step::Other(record) => self.record(&record),
        }
    }

    fn record(&mut self, record: &Record) {
        match record {
            Record::Run(run) => {
                (self.named, self.begun_s) = (run.input.has_names(), seconds(run.wall));
            }
            Record::Intent(intent) => {
                let content = intent.content.or_else(|| self.legacy_of(intent.key, &intent.ticket));
                self.intent(Attempt { key: intent.key, content, at_s: seconds(intent.wall) });
            }
            Record::Outcome(end) => self.end(end.key, seconds(end.wall), end.outcome),
            // Records were lost, and one of them may have been an attempt for this row.
            Record::Excluded(excluded) if excluded.outcome == Outcome::InDoubt => {
                // A lost or earlier intent may have its content.
                self.lacks_the_beginning |= !self.jobs.contains_key(&excluded.key);
                if let Some(ticket) = &excluded.ticket
                    && !self.contents.contains_key(&excluded.key)
                    && let Some(known_by) = self.legacy_of(excluded.key, ticket)
                {
                    self.contents.insert(excluded.key, known_by);
                }
                self.end(excluded.key, self.begun_s, excluded.outcome);
            }
            Record::Settle(settlement) => {
                for row in settlement.rows.iter().filter(|row| is_known(row.outcome) || is_known(row.was)) {
                    self.lacks_the_beginning |= !self.jobs.contains_key(&row.key);
                    self.end(row.key, seconds(settlement.wall), Outcome::Posted);
                }
            }
            _ => {}
        }
    }

    fn legacy_of(&mut self, key: Key, ticket: &Ticket) -> Option<Key> {
        self.legacy |= self.named;
        self.named.then(|| legacy_key(key, ticket))
    }

    fn intent(&mut self, attempt: Attempt) {
        let job = self.jobs.entry(attempt.key).or_default();
        // The previous intent has no outcome and never will.
        job.known |= job.open;
        if let Some(content) = attempt.content
            && let Some(before) = self.contents.insert(attempt.key, content)
            && before != content
            && job.known
        {
            // A note with the previous content may exist, whatever happens to this attempt.
            self.earlier.push((attempt.key, before, job.at_s));
        }
        (job.open, job.at_s) = (true, attempt.at_s);
    }

    fn end(&mut self, key: Key, at_s: u32, outcome: Outcome) {
        let job = self.jobs.entry(key).or_default();
        job.open = false;
        job.at_s = job.at_s.max(at_s);
        job.known |= is_known(outcome);
    }

    /// The jobs known now.
    pub(super) fn finish(&mut self) -> KnownKeys {
        let contents = mem::take(&mut self.contents);
        let mut known = KnownKeys { legacy: self.legacy, ..KnownKeys::default() };
        for (key, Job { at_s, open, known: is_known }) in self.jobs.drain() {
            let known_by = contents.get(&key).copied().unwrap_or(key);
            if open {
                known.open.push(Open { key, known_by, at_s });
            }
            if is_known {
                known.rows.push((known_by, at_s));
                if known_by != key {
                    known.names.push((key, known_by));
                }
            }
        }
        for (key, content, at_s) in self.earlier.drain(..) {
            known.rows.push((content, at_s));
            known.names.push((key, content));
        }
        known.in_order();
        known.open.sort_unstable();
        known
    }
}

fn is_known(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Posted | Outcome::InDoubt)
}

fn seconds(wall: jiff::Timestamp) -> u32 {
    u32::try_from(wall.as_second().max(0)).unwrap_or(u32::MAX)
}
