//! Rows that need attention, with their last record.

use jiff::Timestamp;

use crate::job::{Key, KeyMap, Ticket};
use crate::ledger::{Batch, History, JobState};
use crate::outcome::Outcome;
use batchpost_engine::excerpt;

/// A row that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// The row number.
    pub row: u64,
    /// Whether that is the number in the last reading of the input. Otherwise the row may have moved.
    pub row_is_current: bool,
    /// The ticket, if recorded.
    pub ticket: Option<Ticket>,
    /// The key of the job.
    pub key: Key,
    /// The outcome.
    pub outcome: Outcome,
    /// Number of attempts.
    pub attempts: u32,
    /// Time of the last record, if it has one.
    pub at: Option<Timestamp>,
    /// The API's answer, or why the row was excluded or settled.
    pub reason: String,
    /// Whether the job is no longer in the input.
    pub vanished: bool,
}

/// A bounded number of rows for each outcome that needs attention.
#[derive(Debug, Default)]
pub struct Concerns {
    found: Vec<Concern>,
}

impl Concerns {
    /// The outcomes that need attention.
    pub const OUTCOMES: [Outcome; 5] =
        [Outcome::Rejected, Outcome::Failed, Outcome::InDoubt, Outcome::Invalid, Outcome::Held];

    /// Maximum number of rows per outcome, and of jobs in doubt that are no longer in the input.
    pub const MOST: usize = 1000;

    /// The rows with this outcome in row order, followed by those that are no longer in the input.
    pub fn of(&self, outcome: Outcome) -> impl Iterator<Item = &Concern> {
        self.found.iter().filter(move |concern| concern.outcome == outcome)
    }

    /// Creates the list from the histories of the chosen jobs.
    pub(super) fn new(batch: &Batch, histories: KeyMap<History>) -> Self {
        let concern = |(key, history): (Key, History)| {
            let job_state = batch.job_states.get(&key)?;
            Some(Concern {
                row: history.row,
                row_is_current: history.row_is_current,
                ticket: history.ticket,
                key,
                outcome: job_state.outcome(),
                attempts: job_state.attempts(),
                at: history.at,
                // A line of a ledger may be long.
                reason: excerpt(&history.reason, 400),
                vanished: job_state.is_vanished(),
            })
        };
        let mut found: Vec<Concern> = histories.into_iter().filter_map(concern).collect();
        found.sort_by_key(|concern| (concern.vanished, concern.row, concern.key));
        Self { found }
    }
}

/// Chooses the jobs whose histories are kept: of each outcome, the first ones seen.
pub(super) struct Choice {
    room: [usize; Concerns::OUTCOMES.len()],
    /// Remaining number of jobs in doubt that are no longer in the input. They are counted separately.
    room_for_vanished: usize,
    chosen: KeyMap<()>,
}

impl Choice {
    pub(super) fn new() -> Self {
        let room = [Concerns::MOST; Concerns::OUTCOMES.len()];
        Self { room, room_for_vanished: Concerns::MOST, chosen: KeyMap::default() }
    }

    /// Whether the job is chosen.
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

    /// Returns the remaining number for a job's outcome, if that needs attention. A job that is no longer in
    /// the input needs attention only if its note may exist.
    fn room(&mut self, job_state: &JobState) -> Option<&mut usize> {
        let own = job_state.outcome();
        if job_state.is_vanished() {
            return (own == Outcome::InDoubt).then_some(&mut self.room_for_vanished);
        }
        let place = Concerns::OUTCOMES.iter().position(|outcome| *outcome == own)?;
        self.room.get_mut(place)
    }
}
