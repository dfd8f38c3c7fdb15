//! The state of a batch according to its ledger: the fold over the records.

use std::path::PathBuf;

use super::record::{Finish, Header, LedgerId, Reading, Record, Run};
use super::step::Step;
use crate::job::{Key, KeyMap};
use crate::outcome::{Counts, Outcome, VerdictWord};

/// The state of a job, in four bytes, since every row has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobState {
    outcome: Outcome,
    flags: u8,
    attempts: u16,
}

/// Its last intent has no outcome.
const OPEN: u8 = 1;
/// No longer in the input, according to the ledger.
const VANISHED: u8 = 2;
/// Found in this run's read pass over the input.
const MET: u8 = 4;
/// In doubt, and not resent by this run because another ledger knows it too.
const LEFT_OUT: u8 = 8;
/// A person decided to send it, so nothing holds or skips it.
const RELEASED: u8 = 16;
/// Excluded or made pending again by this run, and not recorded in the ledger yet.
const UNRECORDED: u8 = 32;
/// Was in doubt at some time. A decision ends the doubt but keeps this flag: the first note may exist.
const DOUBTED: u8 = 128;

impl Default for JobState {
    fn default() -> Self {
        Self::NEW
    }
}

impl JobState {
    /// A job without a record in any ledger.
    pub const NEW: Self = Self { outcome: Outcome::Pending, flags: 0, attempts: 0 };

    /// A job without a record in a ledger that lost records.
    pub const LOST: Self = Self { outcome: Outcome::InDoubt, flags: UNRECORDED | DOUBTED, attempts: 0 };

    /// The job's state. An intent without an outcome means in doubt.
    pub fn outcome(self) -> Outcome {
        if self.is(OPEN) { self.outcome.then(Outcome::InDoubt) } else { self.outcome }
    }

    /// The number of attempts made.
    pub fn attempts(self) -> u32 {
        u32::from(self.attempts)
    }

    /// Whether it is in doubt, or was at any time before it was posted, rejected or settled.
    pub fn was_doubted(self) -> bool {
        self.is(DOUBTED) || self.outcome() == Outcome::InDoubt
    }

    /// Whether it is no longer in the input, according to the ledger.
    pub fn is_vanished(self) -> bool {
        self.is(VANISHED)
    }

    /// Whether this run's read pass found it in the input.
    pub fn is_met(self) -> bool {
        self.is(MET)
    }

    /// Records that this run's read pass found it in the input.
    pub fn meet(&mut self) {
        self.set(MET, true);
    }

    /// Whether it is posted or in doubt and this run's read pass did not find it.
    pub fn was_sent_and_is_missing(self) -> bool {
        !self.is_met() && matches!(self.outcome(), Outcome::Posted | Outcome::InDoubt)
    }

    /// Whether a person decided to send it.
    pub fn is_released(self) -> bool {
        self.is(RELEASED)
    }

    /// Whether this run excluded it or made it pending again, and that is not recorded in the ledger yet.
    pub fn is_unrecorded(self) -> bool {
        self.is(UNRECORDED)
    }

    /// Records that the ledger now has this run's decision.
    pub fn note_recorded(&mut self) {
        self.set(UNRECORDED, false);
    }

    /// The state that the next run finds in the ledger.
    #[cfg(test)]
    pub(crate) fn as_recorded(mut self) -> Self {
        self.set(MET | UNRECORDED, false);
        self
    }

    /// Excludes the row in this run; the exclusion must be recorded.
    pub fn exclude_now(&mut self, outcome: Outcome) {
        self.exclude(outcome);
        self.set(UNRECORDED, true);
    }

    /// Excludes the row from this run because another ledger knows it. A row in doubt stays in doubt: only
    /// `posted` ends that.
    pub fn leave_out(&mut self) {
        if self.outcome() == Outcome::InDoubt {
            self.set(LEFT_OUT, true);
        } else {
            self.exclude_now(Outcome::Skipped);
        }
    }

    /// Whether this run does not send it, whatever the policy for rows in doubt.
    pub fn is_left_out(&self) -> bool {
        self.is(LEFT_OUT)
    }

    /// Holds a pending row in this run; that must be recorded.
    pub fn hold_now(&mut self) {
        self.exclude_now(Outcome::Held);
    }

    /// Makes a held row pending again in this run; that must be recorded.
    pub fn take_up_again(&mut self) {
        self.outcome = Outcome::Pending;
        self.set(UNRECORDED, true);
    }

    /// Excludes the row according to a record of the ledger.
    fn exclude(&mut self, outcome: Outcome) {
        self.move_on(outcome);
        self.set(UNRECORDED, false);
    }

    /// Applies a person's decision, which ends every doubt.
    pub fn settle(&mut self, outcome: Outcome) {
        let was_doubted = self.was_doubted() || outcome == Outcome::InDoubt;
        self.set(DOUBTED, was_doubted);
        self.outcome = outcome;
        self.set(OPEN, false);
        self.set(RELEASED, outcome == Outcome::Pending);
    }

    fn begin(&mut self) {
        if self.is(OPEN) {
            self.move_on(Outcome::InDoubt);
        }
        self.set(OPEN, true);
        self.attempts = self.attempts.saturating_add(1);
    }

    fn end(&mut self, outcome: Outcome) {
        self.set(OPEN, false);
        self.move_on(outcome);
    }

    fn move_on(&mut self, next: Outcome) {
        self.outcome = self.outcome.then(next);
        self.set(DOUBTED, self.is(DOUBTED) || self.outcome == Outcome::InDoubt);
    }

    fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn set(&mut self, flag: u8, on: bool) {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
    }
}

/// The state of a batch according to its ledger, without history.
#[derive(Debug)]
pub struct Batch {
    /// The ledger's first record.
    pub header: Header,
    /// The state of each job that has a record.
    pub job_states: KeyMap<JobState>,
    /// The last run.
    pub run: Option<Run>,
    /// The result of the last run's read pass; `None` for a stream that has not ended.
    pub reading: Option<Reading>,
    /// How the last run ended; `None` if it was cut off or is active.
    pub finish: Option<Finish>,
    /// The number of attempts, over all runs.
    pub attempts: u64,
    /// The number of attempts that the API refused because of its limit.
    pub limited: u64,
    /// Records were lost before the ledger was salvaged: a row without a record may have been sent.
    pub lost_records: bool,
    /// The ledgers from which this one was salvaged.
    pub salvaged_from: Vec<LedgerId>,
    /// Whether a run may have posted jobs that no column named: one is recorded, or the records of one may be
    /// lost.
    pub unnamed: bool,
    /// The state folder that a run used last; in older ledgers, the one that was set for a run.
    pub state_folder: Option<PathBuf>,
}

impl Batch {
    /// Creates the batch of a ledger that has only its header.
    pub fn new(header: Header) -> Self {
        let job_states = KeyMap::default();
        Self {
            header,
            job_states,
            run: None,
            reading: None,
            finish: None,
            attempts: 0,
            limited: 0,
            lost_records: false,
            salvaged_from: Vec::new(),
            unnamed: false,
            state_folder: None,
        }
    }

    /// Applies the ledger's next record.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Intent(intent) => self.begin(intent.key),
            Record::Outcome(end) => self.end(end.key, end.verdict, end.outcome),
            Record::Excluded(excluded) => self.job_state(excluded.key).exclude(excluded.outcome),
            Record::Settle(settlement) => {
                for row in &settlement.rows {
                    self.job_state(row.key).settle(row.outcome);
                }
            }
            Record::Salvage(salvage) => {
                (self.lost_records, self.unnamed) = (true, true);
                self.salvaged_from.push(salvage.from);
            }
            Record::Vanished(presence) => self.set_vanished(&presence.keys, true),
            Record::Returned(presence) => self.set_vanished(&presence.keys, false),
            Record::Run(run) => {
                self.unnamed |= !run.input.has_names();
                self.reading.clone_from(&run.input.read);
                let given = || run.settings.state_dir.clone().filter(|_| run.settings.shares());
                let used = run.state_folder.as_ref().map(PathBuf::from);
                self.state_folder = used.or(self.state_folder.take()).or_else(given);
                self.run = Some((**run).clone());
                self.finish = None;
            }
            Record::Read(reading) => self.reading = Some(reading.clone()),
            Record::Finish(finish) => {
                // Every row was read: rows without a record were put in doubt, and later ones are new. But if
                // the ledger knows rows of other inputs, records of those may be lost too.
                let all = finish.stopped.is_none() && !self.job_states.values().any(|job| job.is_vanished());
                self.lost_records &= !all;
                self.finish = Some(finish.clone());
            }
            Record::Header(_) | Record::Mark(_) | Record::Pause(_) | Record::Resumed(_) => {}
        }
    }

    /// Like `apply`, for a record that was parsed only as far as needed here.
    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Intent(attempt) => self.begin(attempt.key),
            Step::Posted(attempt) => self.end(attempt.key, VerdictWord::Posted, Outcome::Posted),
            Step::Mark => {}
            Step::Other(record) => self.apply(&record),
        }
    }

    fn begin(&mut self, key: Key) {
        self.attempts += 1;
        self.job_state(key).begin();
    }

    fn end(&mut self, key: Key, verdict: VerdictWord, outcome: Outcome) {
        match verdict {
            VerdictWord::Limited => self.limited += 1,
            VerdictWord::Withdrawn => self.attempts = self.attempts.saturating_sub(1),
            _ => {}
        }
        self.job_state(key).end(outcome);
    }

    /// The state of a job without a record in this ledger.
    pub fn unknown(&self) -> JobState {
        if self.lost_records { JobState::LOST } else { JobState::NEW }
    }

    /// The number of rows of the last read input in each state. Rows without a record are pending, or in
    /// doubt if records were lost.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for job_state in self.job_states.values().filter(|job_state| !job_state.is_vanished()) {
            *counts.of_mut(job_state.outcome()) += 1;
        }
        if let Some(reading) = &self.reading {
            // Saturating: a record may contain any number.
            counts.skipped = counts.skipped.saturating_add(reading.blank);
            let rest = reading.rows.saturating_sub(counts.total());
            let unknown = counts.of_mut(self.unknown().outcome());
            *unknown = unknown.saturating_add(rest);
        }
        counts
    }

    /// The number of jobs that are no longer in the input, except pending and invalid ones, and how many of
    /// them are in doubt.
    pub fn vanished(&self) -> (u64, u64) {
        let gone = self.job_states.values().filter(|job_state| job_state.is_vanished());
        gone.fold((0, 0), |(all, in_doubt), job_state| match job_state.outcome() {
            Outcome::Pending | Outcome::Invalid => (all, in_doubt),
            Outcome::InDoubt => (all + 1, in_doubt + 1),
            _ => (all + 1, in_doubt),
        })
    }

    fn job_state(&mut self, key: Key) -> &mut JobState {
        self.job_states.entry(key).or_insert(JobState::NEW)
    }

    fn set_vanished(&mut self, keys: &[Key], vanished: bool) {
        for key in keys {
            self.job_state(*key).set(VANISHED, vanished);
        }
    }
}
