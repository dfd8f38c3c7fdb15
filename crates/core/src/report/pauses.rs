//! Periods in which a run sent nothing because of an answer.
//!
//! Current versions record each pause and the verdict of the first attempt after it. In the ledgers of older versions,
//! pauses are [inferred](guess) from the answers. In both cases a pause lasts from the answer that caused it to the
//! next attempt or the end of the run. That is the actual waiting time: the pause itself and anything else that delayed
//! the next attempt.

mod guess;

use std::time::Duration;

use jiff::Timestamp;

use crate::job::Key;
use crate::ledger::{AttemptEnd, Paused, Resumed};
use crate::outcome::{Cause, VerdictWord};
use batchpost_engine::excerpt;
use guess::Guess;

/// The end of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseEnd {
    /// The next attempt.
    Attempt {
        /// The verdict of the attempt, if recorded.
        found: Option<VerdictWord>,
    },
    /// The end of the run, or its last record.
    Run,
}

/// One pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The number of the run.
    pub run: u32,
    /// Position of its start on the time axis.
    pub from_us: u64,
    /// When it began.
    pub wall: Timestamp,
    /// The cause.
    pub cause: Cause,
    /// Caused by the reply.
    pub reply: String,
    /// The waiting time that the API requested, if recorded.
    pub asked: Option<Duration>,
    /// Number of answers of the same kind until its end, including the first.
    pub replies: u64,
    /// How long nothing was sent.
    pub lasted: Duration,
    /// How it ended.
    pub end: PauseEnd,
}

/// All pauses for one cause.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct PauseTotal {
    /// Number of pauses.
    pub count: u64,
    /// Total duration.
    pub lasted: Duration,
}

/// The pauses of all runs.
#[derive(Debug, Default, Clone)]
pub struct Pauses {
    kept: Vec<Pause>,
    totals: [PauseTotal; Cause::ALL.len()],
}

impl Pauses {
    /// Maximum number of pauses kept: the longest ones.
    pub const MOST: usize = 100;

    /// The pauses kept, in order of their start.
    pub fn kept(&self) -> &[Pause] {
        &self.kept
    }

    /// The total for a cause.
    pub fn of(&self, cause: Cause) -> PauseTotal {
        self.totals[cause as usize]
    }

    /// Number of all pauses.
    pub fn count(&self) -> u64 {
        self.totals.iter().map(|total| total.count).sum()
    }

    /// Duration of all pauses.
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

/// Follows the records of successive runs.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pauses: Pauses,
    under_way: Option<Pause>,
    /// A pause that is over, until the verdict of the first attempt after it is known.
    over: Option<Pause>,
    /// For a run that does not record its pauses.
    guess: Option<Guess>,
}

impl Watch {
    /// Starts a run.
    pub(super) fn run(&mut self, pauses_recorded: bool) {
        self.guess = (!pauses_recorded).then(Guess::default);
    }

    /// Records the start of an attempt. Its record may come after that of an answer that arrived after the
    /// attempt took its slot.
    pub(super) fn began(&mut self, key: Key, at_us: u64) {
        if self.under_way.as_ref().is_some_and(|pause| pause.from_us >= at_us) {
            return;
        }
        self.close(at_us, PauseEnd::Attempt { found: None });
        if let Some(guess) = &mut self.guess {
            guess.began(key);
        }
    }

    /// Records the end of an attempt.
    pub(super) fn ended(&mut self, end: &AttemptEnd, at_us: u64, run: u32) {
        let under_way = self.under_way.as_ref().map(|pause| pause.cause);
        let makes_a_pause = self.guess.as_mut().and_then(|guess| guess.ended(end, under_way));
        if let Some(pause) = &mut self.under_way {
            pause.replies += u64::from(Some(pause.cause) == cause_of(end.verdict));
        } else if let Some(cause) = makes_a_pause {
            let reply = end.reply.as_deref().unwrap_or_default();
            self.begin(Pause { run, from_us: at_us, wall: end.wall, ..pause(cause, reply) });
        }
    }

    /// Records a pause that the ledger contains.
    pub(super) fn paused(&mut self, paused: &Paused, at_us: u64, run: u32) {
        self.close(at_us, PauseEnd::Attempt { found: None });
        let asked = paused.asked_us.map(Duration::from_micros);
        self.begin(Pause { run, from_us: at_us, wall: paused.wall, asked, ..pause(paused.cause, &paused.reply) });
    }

    /// Records the verdict of the first attempt after a pause, which the ledger contains.
    pub(super) fn resumed(&mut self, resumed: &Resumed) {
        if let Some(mut pause) = self.over.take() {
            pause.end = PauseEnd::Attempt { found: Some(resumed.verdict) };
            self.pauses.take(pause);
        }
    }

    /// Ends the run.
    pub(super) fn close_run(&mut self, at_us: u64) {
        self.close(at_us, PauseEnd::Run);
        self.let_go();
        self.guess = None;
    }

    /// Returns the pauses found.
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
        replies: 1,
        lasted: Duration::ZERO,
        end: PauseEnd::Run,
    }
}

/// The cause of the pause that enough answers with this verdict make.
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
