//! Rows that somebody has to look at, with what was last said of them.

use std::collections::hash_map::Entry;

use jiff::Timestamp;

use super::Standings;
use crate::job::{Key, KeyMap, Ticket, shorten};
use crate::ledger::{Intent, LedgerError, Record, read};
use crate::outcome::Outcome;
use crate::storage::Storage;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// The row's number, by the reading that its last record was made in.
    pub row: u64,
    /// Its ticket, where a record says it.
    pub ticket: Option<Ticket>,
    /// The job.
    pub key: Key,
    /// Where it stands.
    pub stands: Outcome,
    /// Attempts made for it.
    pub attempts: u32,
    /// When that was said, where the record says it.
    pub at: Option<Timestamp>,
    /// The API's answer, or why it was set aside.
    pub reason: String,
    /// Whether it is no longer in the input.
    pub vanished: bool,
}

/// A bounded number of rows for each outcome of concern.
#[derive(Debug, Default)]
pub struct Concerns {
    noted: KeyMap<Concern>,
    /// Rows were met that found no room.
    full: bool,
    found: Vec<Concern>,
}

impl Concerns {
    /// The outcomes of concern.
    pub const OUTCOMES: [Outcome; 5] =
        [Outcome::Rejected, Outcome::Failed, Outcome::InDoubt, Outcome::Invalid, Outcome::Held];

    /// No more rows are kept of one outcome.
    pub const MOST: usize = 1000;

    /// So many are kept while it is not known how they end.
    pub(super) const MOST_NOTED: usize = 10 * Self::MOST;

    /// Those that stand so, in the order of their rows.
    pub fn of(&self, outcome: Outcome) -> impl Iterator<Item = &Concern> {
        self.found.iter().filter(move |concern| concern.stands == outcome)
    }

    /// Whether rows had to be forgotten that are of concern.
    pub(super) fn forgot(&self, standings: &Standings) -> bool {
        self.full
            && Self::OUTCOMES.iter().any(|outcome| {
                let all = standings.values().filter(|standing| standing.outcome() == *outcome).count();
                let noted = self.noted.keys().filter(|key| stands(standings, key) == *outcome).count();
                noted < all.min(Self::MOST)
            })
    }

    /// Reads the ledger once more, when it is known how all rows end.
    pub(super) fn again(storage: &impl Storage, standings: &Standings) -> Result<Self, LedgerError> {
        let mut concerns = Self::default();
        let mut taken = [0; Self::OUTCOMES.len()];
        let mut open: KeyMap<Intent> = KeyMap::default();
        read(storage, &mut |entry| {
            let mut room = |key: &Key| {
                let place = Self::OUTCOMES.iter().position(|outcome| *outcome == stands(standings, key));
                let Some(place) = place.filter(|place| taken[*place] < Self::MOST) else { return false };
                taken[place] += 1;
                true
            };
            match &entry.record {
                Record::Run(_) => open.drain().for_each(|(_, intent)| concerns.note_cut_off(&intent, &mut room)),
                Record::Intent(intent) => drop(open.insert(intent.key, intent.clone())),
                Record::Outcome(end) => drop(open.remove(&end.key)),
                _ => {}
            }
            concerns.note(&entry.record, &mut room);
        })?;
        let mut room = |_: &Key| true;
        open.into_values().for_each(|intent| concerns.note_cut_off(&intent, &mut room));
        Ok(concerns)
    }

    /// Takes in the ledger's next record.
    pub(super) fn apply(&mut self, record: &Record) {
        let mut room = Self::MOST_NOTED.saturating_sub(self.noted.len());
        let mut full = false;
        self.note(record, &mut |_| {
            full |= room == 0;
            room = room.saturating_sub(1);
            !full
        });
        self.full |= full;
    }

    /// An attempt was made of whose end the ledger will say nothing.
    pub(super) fn cut_off(&mut self, intent: &Intent) {
        let room = self.noted.len() < Self::MOST_NOTED;
        let mut full = false;
        self.note_cut_off(intent, &mut |_| {
            full = !room;
            room
        });
        self.full |= full;
    }

    fn note(&mut self, record: &Record, room: &mut impl FnMut(&Key) -> bool) {
        match record {
            Record::Outcome(end) => {
                if matches!(end.stands, Outcome::Posted | Outcome::Skipped) {
                    self.noted.remove(&end.key);
                } else if Self::OUTCOMES.contains(&end.stands)
                    && let Some(concern) = self.of_job(end.key, room)
                {
                    (concern.row, concern.ticket, concern.at) = (end.row, Some(end.ticket.clone()), Some(end.wall));
                    concern.reason = brief(end.reply.as_deref().unwrap_or_default());
                }
            }
            Record::Aside(aside) if Self::OUTCOMES.contains(&aside.stands) => {
                if let Some(concern) = self.of_job(aside.key, room) {
                    concern.row = aside.row;
                    concern.ticket = aside.ticket.clone().or(concern.ticket.take());
                    concern.reason = brief(&aside.why);
                }
            }
            Record::Settle(settlement) => {
                for row in &settlement.rows {
                    if !Self::OUTCOMES.contains(&row.stands) {
                        self.noted.remove(&row.key);
                    } else if let Some(concern) = self.of_job(row.key, room) {
                        (concern.row, concern.at) = (row.row, Some(settlement.wall));
                        concern.reason = brief(settlement.why.as_deref().unwrap_or("settled by a person"));
                    }
                }
            }
            _ => {}
        }
    }

    fn note_cut_off(&mut self, intent: &Intent, room: &mut impl FnMut(&Key) -> bool) {
        if let Some(concern) = self.of_job(intent.key, room) {
            (concern.row, concern.at) = (intent.row, Some(intent.wall));
            concern.ticket = Some(intent.ticket.clone());
            concern.reason = "the run was cut off before its reply was recorded".to_owned();
        }
    }

    fn of_job(&mut self, key: Key, room: &mut impl FnMut(&Key) -> bool) -> Option<&mut Concern> {
        match self.noted.entry(key) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(entry) => room(&key).then(|| {
                let (stands, reason) = (Outcome::Pending, String::new());
                let (row, ticket, attempts, at, vanished) = (0, None, 0, None, false);
                entry.insert(Concern { row, ticket, key, stands, attempts, at, reason, vanished })
            }),
        }
    }

    /// It is known where all rows stand.
    pub(super) fn settle(&mut self, standings: &Standings) {
        let mut all: Vec<Concern> = std::mem::take(&mut self.noted).into_values().collect();
        for concern in &mut all {
            if let Some(standing) = standings.get(&concern.key) {
                concern.stands = standing.outcome();
                concern.attempts = standing.attempts();
                concern.vanished = standing.is_vanished();
            }
        }
        all.sort_by_key(|concern| (concern.row, concern.key));
        for outcome in Self::OUTCOMES {
            self.found.extend(all.iter().filter(|concern| concern.stands == outcome).take(Self::MOST).cloned());
        }
    }
}

fn stands(standings: &Standings, key: &Key) -> Outcome {
    standings.get(key).map_or(Outcome::Pending, |standing| standing.outcome())
}

/// What is said of a row, in bounded length: a ledger's line may be long.
fn brief(text: &str) -> String {
    shorten(text, 400)
}
