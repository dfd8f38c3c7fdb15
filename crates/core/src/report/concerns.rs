//! Rows that somebody has to look at, with what was last said of them.

use jiff::Timestamp;

use crate::job::{Key, KeyMap, Ticket};
use crate::ledger::{Batch, History, JobState};
use crate::outcome::Outcome;
use batchpost_engine::excerpt;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// The row's number.
    pub row: u64,
    /// Whether that is the number in the last reading of the input: else the row may have moved.
    pub row_is_current: bool,
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
    /// The API's answer, why it was set aside, or why it was settled.
    pub reason: String,
    /// Whether it is no longer in the input.
    pub vanished: bool,
}

/// A bounded number of rows for each outcome of concern.
#[derive(Debug, Default)]
pub struct Concerns {
    found: Vec<Concern>,
}

impl Concerns {
    /// The outcomes of concern.
    pub const OUTCOMES: [Outcome; 5] =
        [Outcome::Rejected, Outcome::Failed, Outcome::InDoubt, Outcome::Invalid, Outcome::Held];

    /// No more rows are kept of one outcome, and no more doubts about what is no longer in the input.
    pub const MOST: usize = 1000;

    /// Those that stand so, in the order of their rows, and after them those that are no longer in the input.
    pub fn of(&self, outcome: Outcome) -> impl Iterator<Item = &Concern> {
        self.found.iter().filter(move |concern| concern.stands == outcome)
    }

    /// Of these histories.
    pub(super) fn new(batch: &Batch, histories: KeyMap<History>) -> Self {
        let concern = |(key, history): (Key, History)| {
            let job_state = batch.job_states.get(&key)?;
            Some(Concern {
                row: history.row,
                row_is_current: history.row_is_current,
                ticket: history.ticket,
                key,
                stands: job_state.outcome(),
                attempts: job_state.attempts(),
                at: history.at,
                // A ledger's line may be long.
                reason: excerpt(&history.reason, 400),
                vanished: job_state.is_vanished(),
            })
        };
        let mut found: Vec<Concern> = histories.into_iter().filter_map(concern).collect();
        found.sort_by_key(|concern| (concern.vanished, concern.row, concern.key));
        Self { found }
    }
}

/// Chooses the jobs whose histories are of concern: of each outcome the first that are asked about.
pub(super) struct Choice {
    room: [usize; Concerns::OUTCOMES.len()],
    /// For doubts about what is no longer in the input, so that they take no room from the others.
    room_for_vanished: usize,
    chosen: KeyMap<()>,
}

impl Choice {
    pub(super) fn new() -> Self {
        let room = [Concerns::MOST; Concerns::OUTCOMES.len()];
        Self { room, room_for_vanished: Concerns::MOST, chosen: KeyMap::default() }
    }

    /// Whether it is one of them.
    pub(super) fn takes(&mut self, batch: &Batch, key: &Key) -> bool {
        if self.chosen.contains_key(key) {
            return true;
        }
        let Some(room) = batch.job_states.get(key).and_then(|job_state| self.room(job_state)) else { return false };
        let takes = *room > 0;
        if takes {
            *room -= 1;
            self.chosen.insert(*key, ());
        }
        takes
    }

    /// The room for those that stand so, if it is of concern. What is no longer in the input needs nobody, unless its note may
    /// be there.
    fn room(&mut self, job_state: &JobState) -> Option<&mut usize> {
        let stands = job_state.outcome();
        if job_state.is_vanished() {
            return (stands == Outcome::InDoubt).then_some(&mut self.room_for_vanished);
        }
        let place = Concerns::OUTCOMES.iter().position(|outcome| *outcome == stands)?;
        self.room.get_mut(place)
    }
}
