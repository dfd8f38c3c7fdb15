//! The engine's side of the budget: its outstanding request and its unused slots.

use std::time::Duration;

use crate::budget::{Ended, Grant, Wait};

/// One slot in every window, for one attempt. Give it back with [`Slots::give_back`].
#[derive(Debug)]
#[must_use = "slots that are not given back are lost to the run"]
pub(super) struct Taken(());

/// The slot of an ended attempt, with how and when it ended. It is given back once the end is durable in the
/// ledger or never will be. So a reader of the ledger, such as the audit, never sees an attempt in flight for
/// longer than its slot was taken.
#[derive(Debug)]
pub(super) struct Spent {
    pub(super) taken: Taken,
    pub(super) ended: Ended,
    pub(super) at: Duration,
}

/// Unused granted slots, and whether to ask for more.
#[derive(Debug, Default)]
pub(super) struct Slots {
    in_hand: u32,
    asked: bool,
    /// A slot was given back after the last request, so the answer does not account for it.
    given_back_since: bool,
    /// The wait that the last answer requested.
    wait: Option<Wait>,
    /// Since when requests have been granted no slots.
    dry_since: Option<Duration>,
}

/// The maximum wait of a run with `no_wait`: longer than any short window.
const LONG: Duration = Duration::from_secs(60);

/// What a run without an unused slot can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    RequestSlots,
    Until(Duration),
    /// Waiting for an answer or the end of an attempt.
    UnderWay,
}

impl Slots {
    /// Uses a granted slot.
    pub(super) fn use_one(&mut self) -> Option<Taken> {
        self.in_hand = self.in_hand.checked_sub(1)?;
        Some(Taken(()))
    }

    /// Gives back the slot of an ended attempt, so that another request may succeed.
    pub(super) fn give_back(&mut self, Taken(()): Taken) {
        self.wait = None;
        self.given_back_since = true;
    }

    /// Removes the granted slots that cannot be used, and returns their number.
    pub(super) fn drop_unused(&mut self) -> u32 {
        std::mem::take(&mut self.in_hand)
    }

    pub(super) fn next(&mut self, now: Duration) -> Next {
        match self.wait {
            _ if self.asked => Next::UnderWay,
            Some(Wait::Until(until)) if now < until => Next::Until(until),
            Some(Wait::UntilOneEnds) => Next::UnderWay,
            _ => {
                self.asked = true;
                self.given_back_since = false;
                Next::RequestSlots
            }
        }
    }

    /// Whether the slots have run dry at `now`, with a wait until `until`: the next slot is far off, or none
    /// was granted for long.
    pub(super) fn run_dry(&self, until: Duration, now: Duration) -> bool {
        let since = self.dry_since.unwrap_or(now);
        until.saturating_sub(since) > LONG
    }

    pub(super) fn answered(&mut self, answer: Grant, now: Duration) {
        self.dry_since = if answer.granted > 0 { None } else { self.dry_since.or(Some(now)) };
        self.asked = false;
        self.in_hand += answer.granted;
        // The event to wait for may have happened already.
        self.wait = answer.wait.filter(|_| !self.given_back_since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    #[test]
    fn an_attempt_that_ends_while_the_budget_answers_is_not_waited_for() {
        let mut slots = Slots::default();
        slots.answered(Grant { granted: 1, wait: None }, NOW);
        let taken = slots.use_one().unwrap();
        assert_eq!(slots.next(NOW), Next::RequestSlots);
        slots.give_back(taken);
        assert_eq!(slots.next(NOW), Next::UnderWay, "it is answered first");
        slots.answered(Grant { granted: 0, wait: Some(Wait::UntilOneEnds) }, NOW);
        assert_eq!(slots.next(NOW), Next::RequestSlots);
        slots.answered(Grant { granted: 0, wait: Some(Wait::UntilOneEnds) }, NOW);
        assert_eq!(slots.next(NOW), Next::UnderWay);
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn slots_have_run_dry_when_the_next_one_is_further_off_than_a_minute() {
        let slots = Slots::default();
        assert!(!slots.run_dry(at(70), at(10)));
        assert!(slots.run_dry(at(71), at(10)));
    }

    #[test]
    fn slots_have_run_dry_when_none_was_had_for_a_minute_however_near_the_next_one_seems() {
        let refused = |until| Grant { granted: 0, wait: Some(Wait::Until(at(until))) };
        let mut slots = Slots::default();
        for since in (10..70).step_by(5) {
            slots.answered(refused(since + 5), at(since));
            assert!(!slots.run_dry(at(since + 5), at(since)), "a minute is not over after {since} s");
        }
        slots.answered(refused(75), at(70));
        assert!(slots.run_dry(at(75), at(70)), "others take every slot that comes free");

        slots.answered(Grant { granted: 1, wait: None }, at(75));
        slots.answered(refused(80), at(76));
        assert!(!slots.run_dry(at(80), at(76)), "one was had meanwhile");
    }
}
