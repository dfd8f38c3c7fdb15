//! When a run sent nothing because of what it was answered.
//!
//! Programs of today record each pause, and what the first attempt after it found. In the ledgers of older ones pauses are
//! [guessed](guess) from the answers. Either lasts from the answer that caused it to the next attempt, or to the run's end:
//! that is what was waited for in fact, the pause and what else kept the next attempt back.

mod guess;

use std::time::Duration;

use jiff::Timestamp;

use crate::job::Key;
use crate::ledger::{AttemptEnd, Paused, Resumed};
use crate::outcome::{Cause, VerdictWord};
use batchpost_engine::excerpt;
use guess::Guess;

/// What a pause ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseEnd {
    /// The next attempt.
    Attempt {
        /// What its answer meant, where the ledger says it.
        found: Option<VerdictWord>,
    },
    /// The run's end, or the last that the ledger says of it.
    Run,
}

/// One pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The run's number.
    pub run: u32,
    /// Where it began on the line of time.
    pub from_us: u64,
    /// When it began.
    pub wall: Timestamp,
    /// What it was for.
    pub cause: Cause,
    /// The answer that caused it.
    pub reply: String,
    /// How long the API asked to wait, where the ledger says it.
    pub asked: Option<Duration>,
    /// Answers of its kind that came by its end, the first included.
    pub answers: u64,
    /// How long nothing was sent.
    pub lasted: Duration,
    /// What it ended with.
    pub end: PauseEnd,
}

/// The pauses for one cause.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PauseTotal {
    /// How many.
    pub count: u64,
    /// How long together.
    pub lasted: Duration,
}

/// The pauses of all runs.
#[derive(Debug, Default, Clone)]
pub struct Pauses {
    kept: Vec<Pause>,
    totals: [PauseTotal; Cause::ALL.len()],
}

impl Pauses {
    /// No more are kept: the longest.
    pub const MOST: usize = 100;

    /// Those that were kept, in the order in which they began.
    pub fn kept(&self) -> &[Pause] {
        &self.kept
    }

    /// All for this cause.
    pub fn of(&self, cause: Cause) -> PauseTotal {
        self.totals[cause as usize]
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.totals.iter().map(|total| total.count).sum()
    }

    /// How long all of them lasted.
    pub fn lasted(&self) -> Duration {
        self.totals.iter().fold(Duration::ZERO, |all, total| all.saturating_add(total.lasted))
    }

    fn take(&mut self, pause: Pause) {
        let total = &mut self.totals[pause.cause as usize];
        total.count += 1;
        total.lasted = total.lasted.saturating_add(pause.lasted);
        self.kept.push(pause);
        if self.kept.len() > Self::MOST {
            let shortest = (0..self.kept.len()).min_by_key(|at| self.kept[*at].lasted);
            shortest.into_iter().for_each(|at| drop(self.kept.remove(at)));
        }
    }
}

/// Follows the records of one run after the other.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pauses: Pauses,
    under_way: Option<Pause>,
    /// One that is over, until the answer to the first attempt after it is known.
    over: Option<Pause>,
    /// Of a run that does not record its pauses.
    guess: Option<Guess>,
}

impl Watch {
    /// A run begins.
    pub(super) fn run(&mut self, pauses_recorded: bool) {
        self.guess = (!pauses_recorded).then(Guess::default);
    }

    /// An attempt began. Its record may follow that of an answer that came after it took its slot.
    pub(super) fn began(&mut self, key: Key, at_us: u64) {
        if self.under_way.as_ref().is_some_and(|pause| pause.from_us >= at_us) {
            return;
        }
        self.close(at_us, PauseEnd::Attempt { found: None });
        if let Some(guess) = &mut self.guess {
            guess.began(key);
        }
    }

    /// An attempt ended.
    pub(super) fn ended(&mut self, end: &AttemptEnd, at_us: u64, run: u32) {
        let under_way = self.under_way.as_ref().map(|pause| pause.cause);
        let makes_a_pause = self.guess.as_mut().and_then(|guess| guess.ended(end, under_way));
        if let Some(pause) = &mut self.under_way {
            pause.answers += u64::from(Some(pause.cause) == cause_of(end.verdict));
        } else if let Some(cause) = makes_a_pause {
            let reply = end.reply.as_deref().unwrap_or_default();
            self.begin(Pause { run, from_us: at_us, wall: end.wall, ..pause(cause, reply) });
        }
    }

    /// The ledger says that a run pauses.
    pub(super) fn paused(&mut self, paused: &Paused, at_us: u64, run: u32) {
        self.close(at_us, PauseEnd::Attempt { found: None });
        let asked = paused.asked_us.map(Duration::from_micros);
        self.begin(Pause { run, from_us: at_us, wall: paused.wall, asked, ..pause(paused.cause, &paused.reply) });
    }

    /// The ledger says what the first attempt after a pause has found.
    pub(super) fn resumed(&mut self, resumed: &Resumed) {
        if let Some(mut pause) = self.over.take() {
            pause.end = PauseEnd::Attempt { found: Some(resumed.verdict) };
            self.pauses.take(pause);
        }
    }

    /// The run is over.
    pub(super) fn close_run(&mut self, at_us: u64) {
        self.close(at_us, PauseEnd::Run);
        self.let_go();
        self.guess = None;
    }

    /// What was found.
    pub(super) fn found(self) -> Pauses {
        self.pauses
    }

    fn begin(&mut self, pause: Pause) {
        self.let_go();
        self.under_way = Some(pause);
    }

    fn close(&mut self, at_us: u64, end: PauseEnd) {
        if let Some(mut pause) = self.under_way.take() {
            pause.lasted = Duration::from_micros(at_us.saturating_sub(pause.from_us));
            pause.end = end;
            self.let_go();
            self.over = Some(pause);
        }
    }

    fn let_go(&mut self) {
        self.over.take().into_iter().for_each(|pause| self.pauses.take(pause));
    }
}

fn pause(cause: Cause, reply: &str) -> Pause {
    Pause {
        run: 0,
        from_us: 0,
        wall: Timestamp::UNIX_EPOCH,
        cause,
        reply: excerpt(reply, 300),
        asked: None,
        answers: 1,
        lasted: Duration::ZERO,
        end: PauseEnd::Run,
    }
}

/// What an answer of this kind makes a run pause for, if there are enough of them.
fn cause_of(verdict: VerdictWord) -> Option<Cause> {
    match verdict {
        VerdictWord::Limited => Some(Cause::Limited),
        VerdictWord::Unsent => Some(Cause::Unreachable),
        VerdictWord::Unknown => Some(Cause::Unclear),
        VerdictWord::Again => Some(Cause::Failing),
        VerdictWord::Posted | VerdictWord::Rejected | VerdictWord::SetupFault | VerdictWord::Withdrawn => None,
    }
}

#[cfg(test)]
mod tests;
