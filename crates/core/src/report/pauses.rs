//! When a run sent nothing because of what it was answered.
//!
//! The ledger has no record of a pause. This follows the answers by the rules by which a run pauses, and takes a pause
//! to last from the answer that caused it to the next attempt, or to the run's end. That is what was waited for in fact:
//! the pause, and what else kept the next attempt back.

use std::time::Duration;

use jiff::Timestamp;

use crate::job::{Key, shorten};
use crate::ledger::AttemptEnd;
use crate::outcome::VerdictWord;

/// What a run pauses for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PauseCause {
    /// The API said that its limit was exceeded.
    Limited,
    /// Several attempts in a row could not be sent.
    Unreachable,
    /// Several attempts in a row got no answer that could be understood.
    Unclear,
}

impl PauseCause {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Limited, Self::Unreachable, Self::Unclear];
}

/// What a pause ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseEnd {
    /// The next attempt.
    Attempt,
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
    pub cause: PauseCause,
    /// The answer that caused it.
    pub reply: String,
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
    totals: [PauseTotal; 3],
}

impl Pauses {
    /// No more are kept: the longest.
    pub const MOST: usize = 100;

    /// Those that were kept, in the order in which they began.
    pub fn kept(&self) -> &[Pause] {
        &self.kept
    }

    /// All for this cause.
    pub fn of(&self, cause: PauseCause) -> PauseTotal {
        self.totals[cause as usize]
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.totals.iter().map(|total| total.count).sum()
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

/// So many attempts in a row that could not be sent mean an outage, and so many of unknown fate. As the engine has it.
const MOST_UNSENT: u32 = 3;
const MOST_UNKNOWN: u32 = 5;

/// Follows the answers of one run after the other.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pauses: Pauses,
    under_way: Option<Pause>,
    unsent: u32,
    unknown: u32,
    outage: bool,
    /// From a pause on, one attempt goes at a time until its answer is understood.
    alone: bool,
    probe: Option<Key>,
}

impl Watch {
    /// An attempt began. Its record may follow that of an answer that came after it took its slot.
    pub(super) fn began(&mut self, key: Key, at_us: u64) {
        if self.under_way.as_ref().is_some_and(|pause| pause.from_us >= at_us) {
            return;
        }
        self.close(at_us, PauseEnd::Attempt);
        if self.alone {
            self.probe = Some(key);
        }
    }

    /// An attempt ended.
    pub(super) fn ended(&mut self, end: &AttemptEnd, at_us: u64, run: u32) {
        let probe = self.probe == Some(end.key);
        if probe {
            self.probe = None;
        }
        let cause = match end.verdict {
            VerdictWord::Posted | VerdictWord::Rejected | VerdictWord::Again => {
                (self.unsent, self.unknown) = (0, 0);
                if probe {
                    (self.alone, self.outage) = (false, false);
                }
                None
            }
            VerdictWord::Limited => {
                (self.unsent, self.unknown, self.outage) = (0, 0, false);
                Some(PauseCause::Limited)
            }
            VerdictWord::Unsent => {
                self.unsent += 1;
                self.outage(PauseCause::Unreachable, self.unsent >= MOST_UNSENT, probe)
            }
            VerdictWord::Unknown => {
                (self.unsent, self.unknown) = (0, self.unknown + 1);
                self.outage(PauseCause::Unclear, self.unknown >= MOST_UNKNOWN, probe)
            }
            VerdictWord::Hopeless | VerdictWord::Withdrawn => None,
        };
        if let Some(cause) = cause {
            self.begin(cause, end, at_us, run);
        }
    }

    /// The run is over.
    pub(super) fn close_run(&mut self, at_us: u64) {
        self.close(at_us, PauseEnd::Run);
        *self = Self { pauses: std::mem::take(&mut self.pauses), ..Self::default() };
    }

    /// What was found.
    pub(super) fn found(self) -> Pauses {
        self.pauses
    }

    /// Whether an attempt without an answer that says something makes a pause: where too many did, and then each probe.
    fn outage(&mut self, cause: PauseCause, too_many: bool, probe: bool) -> Option<PauseCause> {
        let pauses = if self.outage { probe } else { too_many && (probe || !self.alone) };
        self.outage |= pauses;
        (pauses || self.under_way.as_ref().is_some_and(|pause| pause.cause == cause)).then_some(cause)
    }

    fn begin(&mut self, cause: PauseCause, end: &AttemptEnd, at_us: u64, run: u32) {
        self.alone = true;
        if let Some(pause) = &mut self.under_way {
            pause.answers += u64::from(pause.cause == cause);
            return;
        }
        self.under_way = Some(Pause {
            run,
            from_us: at_us,
            wall: end.wall,
            cause,
            reply: shorten(end.reply.as_deref().unwrap_or_default(), 300),
            answers: 1,
            lasted: Duration::ZERO,
            end: PauseEnd::Run,
        });
    }

    fn close(&mut self, at_us: u64, end: PauseEnd) {
        if let Some(mut pause) = self.under_way.take() {
            pause.lasted = Duration::from_micros(at_us.saturating_sub(pause.from_us));
            pause.end = end;
            self.pauses.take(pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Identity, Ticket};
    use crate::outcome::Outcome;

    fn key(n: u64) -> Key {
        Key::of_job(&Identity::of("t"), &Ticket::try_from(1).unwrap(), &n.to_string())
    }

    fn end(n: u64, verdict: VerdictWord) -> AttemptEnd {
        AttemptEnd {
            row: n,
            key: key(n),
            ticket: Ticket::try_from(1).unwrap(),
            attempt: 1,
            at_us: 0,
            wall: Timestamp::UNIX_EPOCH,
            verdict,
            stands: Outcome::Pending,
            status: None,
            reply: Some(format!("said of {n}")),
        }
    }

    /// Attempts one at a time, each at its second and answered half a second later.
    fn pauses(attempts: &[(u64, VerdictWord)]) -> Vec<(PauseCause, u64, u64)> {
        let mut watch = Watch::default();
        let mut last = 0;
        for (n, (second, verdict)) in (0..).zip(attempts) {
            let at_us = second * 1_000_000;
            last = at_us + 500_000;
            watch.began(key(n), at_us);
            watch.ended(&end(n, *verdict), last, 1);
        }
        watch.close_run(last);
        let told = |pause: &Pause| (pause.cause, pause.from_us / 1_000_000, pause.lasted.as_millis() as u64);
        watch.found().kept().iter().map(told).collect()
    }

    use VerdictWord::{Again, Limited, Posted, Unknown, Unsent};

    #[test]
    fn a_limited_answer_makes_a_pause_until_the_next_attempt() {
        let found = pauses(&[(0, Posted), (1, Limited), (7, Limited), (20, Posted), (21, Posted)]);
        assert_eq!(found, [(PauseCause::Limited, 1, 5_500), (PauseCause::Limited, 7, 12_500)]);
    }

    #[test]
    fn five_unknowns_in_a_row_make_a_pause_and_then_every_failed_probe() {
        let unknown = |from: u64| (from..from + 5).map(|second| (second, Unknown));
        let found: Vec<_> = unknown(0).chain([(10, Unknown), (30, Posted), (31, Unknown)]).collect();
        assert_eq!(pauses(&found), [(PauseCause::Unclear, 4, 5_500), (PauseCause::Unclear, 10, 19_500)]);
        let broken: Vec<_> = unknown(0).take(4).chain([(4, Again)]).chain(unknown(5).take(4)).collect();
        assert_eq!(pauses(&broken), []);
    }

    #[test]
    fn three_that_could_not_be_sent_make_a_pause() {
        let found = pauses(&[(0, Unsent), (1, Unsent), (2, Unsent), (8, Posted)]);
        assert_eq!(found, [(PauseCause::Unreachable, 2, 5_500)]);
    }

    #[test]
    fn limited_answers_of_one_burst_are_one_pause_and_a_slot_taken_before_it_does_not_end_it() {
        let mut watch = Watch::default();
        (0..4).for_each(|n| watch.began(key(n), n));
        watch.ended(&end(0, Limited), 100, 3);
        watch.began(key(9), 99);
        watch.ended(&end(9, VerdictWord::Withdrawn), 101, 3);
        watch.ended(&end(1, Limited), 200, 3);
        watch.ended(&end(2, Posted), 300, 3);
        watch.began(key(5), 5_000);
        watch.close_run(6_000);
        let found = watch.found();
        assert_eq!((found.count(), found.kept().len()), (1, 1));
        let pause = &found.kept()[0];
        assert_eq!((pause.from_us, pause.lasted.as_micros(), pause.answers), (100, 4_900, 2));
        assert_eq!((pause.run, pause.end, pause.reply.as_str()), (3, PauseEnd::Attempt, "said of 0"));
    }

    #[test]
    fn a_pause_that_the_run_does_not_outlive_ends_with_it() {
        let mut watch = Watch::default();
        watch.began(key(0), 0);
        watch.ended(&end(0, Limited), 10, 1);
        watch.close_run(50);
        let found = watch.found();
        assert_eq!((found.kept()[0].end, found.kept()[0].lasted.as_micros()), (PauseEnd::Run, 40));
    }

    #[test]
    fn the_longest_are_kept_and_all_are_counted() {
        let mut pauses = Pauses::default();
        for n in 0..1000u64 {
            let lasted = Duration::from_secs(if n % 100 == 0 { 1000 } else { 1 });
            let wall = Timestamp::UNIX_EPOCH;
            let (cause, end) = (PauseCause::Limited, PauseEnd::Run);
            pauses.take(Pause { run: 1, from_us: n, wall, cause, reply: String::new(), answers: 1, lasted, end });
        }
        assert_eq!((pauses.count(), pauses.kept().len()), (1000, Pauses::MOST));
        assert_eq!(pauses.kept().iter().filter(|pause| pause.lasted.as_secs() == 1000).count(), 10);
        assert!(pauses.kept().is_sorted_by_key(|pause| pause.from_us));
    }
}
