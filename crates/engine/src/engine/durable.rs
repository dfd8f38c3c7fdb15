//! Actions once a record is durable, or once it is known that it never will be.

use std::time::Duration;

use super::slots::Spent;
use super::{Action, AttemptId, Ending, Engine, Notice, Phase};
use crate::budget::Ended;
use crate::job::Ticket;
use crate::outcome::{Outcome, Stop, VerdictWord};

/// The action once a record is durable.
#[derive(Debug)]
pub(super) enum OnceDurable {
    Nothing,
    /// Send this attempt.
    Clear(AttemptId),
    /// Count and report this state change.
    Moved(Move),
}

/// A row's change from one state to another.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) row: u64,
    pub(super) ticket: Ticket,
    pub(super) from: Outcome,
    pub(super) to: Outcome,
    pub(super) verdict: VerdictWord,
    pub(super) reply: String,
    pub(super) next: Next,
    pub(super) spent: Spent,
}

/// The next step for a job after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is finished in this run.
    Done(Outcome),
    /// It is attempted again after this delay, unless the run ends earlier.
    Retry(Duration),
    /// It is attempted again as soon as anything may be sent.
    Resume,
}

impl Engine {
    /// The first `through` records are durable.
    pub(super) fn committed(&mut self, through: u64) {
        while let Some((number, _)) = self.uncommitted.front()
            && *number <= through
        {
            let (_, then) = self.uncommitted.pop_front().expect("the queue has a front element");
            match then {
                OnceDurable::Nothing => {}
                OnceDurable::Clear(id) => {
                    self.attempts.get_mut(&id).expect("an attempt that was not sent has not ended").phase =
                        Phase::Cleared;
                    self.cleared.push_back(id);
                }
                OnceDurable::Moved(moved) => self.moved(moved),
            }
        }
        if self.ending == Ending::Closing && self.uncommitted.is_empty() {
            self.ending = Ending::Done;
            self.actions.push_back(Action::Done(self.stop));
        }
    }

    fn moved(&mut self, moved: Move) {
        let Move { row, ticket, from, to, verdict, reply, next, spent } = moved;
        self.give_back(spent);
        self.progress.counts.move_one(from, to);
        self.progress.limited += u64::from(verdict == VerdictWord::Limited);
        match next {
            Next::Done(_) => {
                if to == Outcome::Posted {
                    self.progress.posted += 1;
                }
                self.notify(Notice::Settled { row, ticket, outcome: to, reply });
            }
            Next::Retry(delay) => self.notify(Notice::Retrying { row, ticket, verdict, reply, delay }),
            Next::Resume => {}
        }
    }

    /// Handles an error of the ledger: it is unknown whether the last records are durable, and no more are
    /// written.
    pub(super) fn ledger_failed(&mut self, why: String, now: Duration) {
        self.ledger_failed = true;
        // An unreliable ledger matters more than an earlier reason for the end.
        self.stop = None;
        self.ending = Ending::No;
        self.stop(Stop::Ledger, why);
        for (_, then) in std::mem::take(&mut self.uncommitted) {
            match then {
                OnceDurable::Nothing => {}
                OnceDurable::Clear(id) => self.uncleared(id, now),
                OnceDurable::Moved(moved) => self.unwritten(moved),
            }
        }
    }

    /// Stops all sending and writing. Counts as in doubt the rows that a reader of the known durable records
    /// finds in doubt.
    pub(super) fn abandon(&mut self) {
        for (_, then) in std::mem::take(&mut self.uncommitted) {
            match then {
                OnceDurable::Moved(moved) => self.count_as_open(moved.from, moved.verdict),
                // Not sent, and its intent may not be written: the row keeps its state, or the one from the
                // change above.
                OnceDurable::Clear(id) => {
                    self.attempts.remove(&id);
                }
                OnceDurable::Nothing => {}
            }
        }
        for attempt in std::mem::take(&mut self.attempts).into_values() {
            let from = self.backlog.get_mut(attempt.place).outcome;
            self.progress.counts.move_one(from, from.then(Outcome::InDoubt));
            // Its intent is durable, whether the attempt was sent or not.
            self.progress.attempts += u64::from(attempt.phase != Phase::Sent);
        }
        self.cleared.clear();
        self.stop.get_or_insert(Stop::Interrupted);
        self.ending = Ending::Done;
        self.actions.retain(|action| matches!(action, Action::Notify(_)));
    }

    /// The ledger has the intent of an attempt from state `from` and will never have its end.
    fn count_as_open(&mut self, from: Outcome, verdict: VerdictWord) {
        self.progress.counts.move_one(from, from.then(Outcome::InDoubt));
        // A withdrawn attempt was not counted, since nothing was sent. The ledger has its intent but not the
        // withdrawal.
        self.progress.attempts += u64::from(verdict == VerdictWord::Withdrawn);
    }

    /// Handles an intent that will not be written. It may be on the disk anyway: then a reader of the ledger
    /// finds an attempt and the row in doubt, although nothing was sent.
    fn uncleared(&mut self, id: AttemptId, now: Duration) {
        let attempt = self.attempts.remove(&id).expect("an attempt that was not sent has not ended");
        self.give_back(Spent { taken: attempt.taken, ended: Ended::Silent, at: now });
        let job = &self.backlog.get_mut(attempt.place).job;
        let (row, ticket) = (job.position.record, job.ticket.clone());
        self.notify(Notice::Unwritten { row, ticket, verdict: VerdictWord::Withdrawn });
    }

    /// Handles an attempt's end that will not be written. For the ledger and the budget, the attempt has no
    /// reply.
    pub(super) fn unwritten(&mut self, moved: Move) {
        let Move { row, ticket, from, verdict, spent, .. } = moved;
        self.give_back(Spent { ended: Ended::Silent, ..spent });
        self.count_as_open(from, verdict);
        self.notify(Notice::Unwritten { row, ticket, verdict });
    }
}
