//! Several batches of one account with overlapping sheets, planned and claimed by the production code, step
//! by step in random order: runs end, die and start again between any two steps of other runs, also during a
//! comparison.
//!
//! Production code: the planning of the rows, the job files and the decisions over them, the ledgers with
//! their bytes, the indexes, the claims, [`look`](batchpost_engine::known::look). Simulated: the disks, the
//! order of steps, and the API's replies. There is no limit here, and no time: the other histories test
//! those.

mod registry;
mod run;
mod sheet;

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;

use batchpost_engine::known::Index;
use fastrand::Rng;

use self::registry::SharedFolder;
use self::run::Run;
use self::sheet::{Batch, Note};
use crate::coverage::Coverage;
use crate::disk::Disk;
use crate::invariants::Violation;

/// The maximum number of steps of a history.
const MOST_STEPS: u32 = 4000;

/// A history of batches that share an account's registry.
pub struct Claims(RefCell<State>);

struct State {
    rng: Rng,
    batches: Vec<Batch>,
    runs: Vec<Slot>,
    shared: SharedFolder,
    /// How often each note was sent and may exist, without a decision to send it again.
    sent: BTreeMap<Note, u32>,
    /// The maximum number of occurrences of each note in any sheet.
    most: BTreeMap<Note, u32>,
    /// One step in this many is the last of its run.
    deadly: Option<u32>,
    power_losses: u32,
    /// Seconds since 1970.
    at_s: i64,
    coverage: Coverage,
    story: Option<Vec<String>>,
}

/// The run of a batch.
enum Slot {
    None,
    /// In a step, during which other runs may take steps.
    Busy,
    Between(Box<Run>),
}

/// The result of a step.
enum Next {
    Goes(Box<Run>),
    Ended,
}

impl Claims {
    /// Draws a history from the seed alone.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0xc1a1_35ee_d000);
        let count = rng.usize(2..=4);
        let texts = rng.u8(1..=3);
        let batches: Vec<Batch> = (0..count).map(|_| Batch::drawn(&mut rng, texts)).collect();
        let mut state = State {
            runs: batches.iter().map(|_| Slot::None).collect(),
            deadly: [None, Some(40), Some(12)][rng.usize(0..3)],
            batches,
            shared: SharedFolder::default(),
            sent: BTreeMap::new(),
            most: BTreeMap::new(),
            power_losses: 0,
            at_s: 1_700_000_000,
            coverage: Coverage::default(),
            story: None,
            rng,
        };
        (0..count).for_each(|batch| state.count_rows(batch));
        Self(RefCell::new(state))
    }

    /// Logs the history from now on.
    pub fn in_words(&mut self) {
        self.0.get_mut().story = Some(Vec::new());
    }

    /// The log, if it was enabled.
    pub fn words(&self) -> Vec<String> {
        self.0.borrow().story.clone().unwrap_or_default()
    }

    /// Counts of what happened.
    pub fn coverage(&self) -> Coverage {
        self.0.borrow().coverage.clone()
    }

    /// Runs all runs of all batches.
    ///
    /// # Errors
    ///
    /// If an invariant is violated.
    pub fn go(&self) -> Result<(), Violation> {
        let count = self.state().batches.len();
        for number in 0..count {
            let words = self.state().batches[number].to_string();
            self.say(|| format!("batch {number}: {words}"));
        }
        for _ in 0..MOST_STEPS {
            if !self.step()? {
                return Ok(());
            }
        }
        Err(Violation::new("the batches do not end"))
    }

    fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    fn say(&self, words: impl FnOnce() -> String) {
        if let Some(story) = &mut self.state().story {
            story.push(words());
        }
    }

    fn saw(&self, what: &'static str) {
        self.state().coverage.saw("claims", what);
    }

    /// Lets other runs take steps within a step.
    fn meanwhile(&self) -> Result<(), Violation> {
        let steps = self.state().rng.u8(0..12);
        for _ in 0..steps.saturating_sub(5) {
            self.step()?;
        }
        Ok(())
    }

    /// Takes one step of a batch that is not within one. Returns false if no batch has any left.
    fn step(&self) -> Result<bool, Violation> {
        let mut state = self.state();
        state.at_s += 1;
        if state.deadly.is_some() && state.rng.u16(0..500) == 0 {
            state.lose_power();
        }
        if state.rng.u16(0..40) == 0 {
            state.move_a_ledger_away();
        }
        if state.rng.u16(0..15) == 0 {
            state.copy_a_ledger_or_put_it_back();
        }
        let can = |batch: &usize| match &state.runs[*batch] {
            Slot::None => state.batches[*batch].runs_left > 0,
            Slot::Busy => false,
            Slot::Between(_) => true,
        };
        let can: Vec<usize> = (0..state.runs.len()).filter(can).collect();
        if can.is_empty() {
            return Ok(false);
        }
        let batch = can[state.rng.usize(0..can.len())];
        let slot = std::mem::replace(&mut state.runs[batch], Slot::Busy);
        let deadly = state.deadly.unwrap_or(u32::MAX);
        let dies = state.rng.u32(0..deadly) == 0;
        let losses = state.power_losses;
        drop(state);
        let next = match slot {
            Slot::Between(run) if dies => self.kill(batch, &run),
            Slot::Between(run) => run.step(self)?,
            _ => self.begin(batch)?,
        };
        let mut state = self.state();
        state.runs[batch] = match next {
            // The power was lost during its step.
            Next::Goes(_) if state.power_losses != losses => Slot::None,
            Next::Goes(run) => Slot::Between(run),
            Next::Ended => Slot::None,
        };
        Ok(true)
    }

    fn begin(&self, batch: usize) -> Result<Next, Violation> {
        let mut state = self.state();
        let State { batches, rng, .. } = &mut *state;
        batches[batch].next_run(rng);
        state.count_rows(batch);
        let words = state.batches[batch].to_string();
        drop(state);
        self.say(|| format!("{batch} begins: {words}"));
        Run::plan(self, batch)
    }

    fn kill(&self, batch: usize, run: &Run) -> Next {
        self.say(|| format!("{batch} is killed"));
        self.saw(run.dies_at());
        self.state().shared.died(batch);
        Next::Ended
    }
}

impl State {
    fn count_rows(&mut self, batch: usize) {
        for (note, count) in self.batches[batch].notes() {
            let most = self.most.entry(note).or_default();
            *most = count.max(*most);
        }
    }

    /// Loses the power: every run ends, and unsynced writes may be lost.
    fn lose_power(&mut self) {
        self.power_losses += 1;
        self.coverage.saw("claims", "the power was lost");
        if let Some(story) = &mut self.story {
            story.push("the power is lost".to_owned());
        }
        for slot in self.runs.iter_mut().filter(|slot| matches!(slot, Slot::Between(_))) {
            *slot = Slot::None;
        }
        (0..self.batches.len()).for_each(|batch| self.shared.died(batch));
        self.shared.locked = false;
        for Batch { disk, .. } in &self.batches {
            let survival = disk.draw_survival(&mut self.rng);
            disk.survive(survival);
        }
    }

    /// Abandons a batch and moves its ledger away. What the ledger knew is in its index and in claims.
    fn move_a_ledger_away(&mut self) {
        let batch = self.rng.usize(0..self.batches.len());
        if self.batches[batch].has_begun && !self.is_live(batch) && self.rng.bool() {
            self.batches[batch].is_gone = true;
            self.batches[batch].runs_left = 0;
            self.coverage.saw("claims", "a ledger was moved away");
            if let Some(story) = &mut self.story {
                story.push(format!("the ledger of {batch} is moved away"));
            }
        }
    }

    /// Copies a ledger between two runs, or replaces it with the copy.
    fn copy_a_ledger_or_put_it_back(&mut self) {
        let at = self.rng.usize(0..self.batches.len());
        let batch = &mut self.batches[at];
        let is_between_runs = !batch.is_gone && matches!(self.runs[at], Slot::None);
        if !is_between_runs || batch.disk.ledger().is_none() {
            return;
        }
        match batch.copy.take() {
            None => batch.copy = Some(batch.disk.fork()),
            Some(copy) => {
                batch.disk = copy;
                // A later run resumes the copy.
                batch.runs_left += 1;
                self.coverage.saw("claims", "an older copy of a ledger was put in its place");
                if let Some(story) = &mut self.story {
                    story.push(format!("an older copy of the ledger of {at} is put in its place"));
                }
            }
        }
    }

    /// Whether a run is using this batch's ledger.
    fn is_live(&self, batch: usize) -> bool {
        !matches!(self.runs[batch], Slot::None)
    }
}

fn index_of(bytes: &Option<Vec<u8>>) -> Option<Index> {
    bytes.as_ref().and_then(|bytes| Index::from_bytes(bytes))
}

fn new_disk(rng: &mut Rng) -> Disk {
    Disk::new(rng.u64(..))
}
