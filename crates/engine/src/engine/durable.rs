//! What follows when a record is durable, and what when it never will be.

use std::time::Duration;

use super::slots::Spent;
use super::{Action, AttemptId, Ending, Engine, Notice, Phase};
use crate::budget::Ended;
use crate::job::Ticket;
use crate::outcome::{Outcome, Stop, VerdictWord};

/// What a record is waited for with.
#[derive(Debug)]
pub(super) enum OnceDurable {
    Nothing,
    /// This attempt may be sent.
    Clear(AttemptId),
    /// The move counts, and is told of.
    Moved(Move),
}

/// A row moves from one outcome to another.
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

/// What becomes of a job after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This run is done with it.
    Done(Outcome),
    /// It is tried again after this delay, unless the run ends before.
    Retry(Duration),
    /// It is taken up again as soon as anything may be sent.
    Resume,
}

impl Engine {
    /// The first so many records are durable.
    pub(super) fn committed(&mut self, through: u64) {
        while let Some((number, _)) = self.uncommitted.front()
            && *number <= through
        {
            let (_, then) = self.uncommitted.pop_front().expect("it is there: it was looked at");
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
                self.tell(Notice::Settled { row, ticket, stands: to, reply });
            }
            Next::Retry(delay) => self.tell(Notice::Retrying { row, ticket, verdict, reply, delay }),
            Next::Resume => {}
        }
    }

    /// Nothing is known of the records that were not durable yet, and none will be written any more.
    pub(super) fn ledger_failed(&mut self, why: String, now: Duration) {
        self.ledger_failed = true;
        // Whatever ended the run before, that its record cannot be relied on weighs more.
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

    /// Nothing more is sent or written: counts as in doubt what a reader finds so of a ledger that has the records that
    /// are known to be durable.
    pub(super) fn abandon(&mut self) {
        for (_, then) in std::mem::take(&mut self.uncommitted) {
            match then {
                OnceDurable::Moved(moved) => self.count_as_open(moved.from, moved.verdict),
                // Not sent, and its intent is not known to be written: it stands where it stood, or where its move above
                // left it.
                OnceDurable::Clear(id) => {
                    self.attempts.remove(&id);
                }
                OnceDurable::Nothing => {}
            }
        }
        for attempt in std::mem::take(&mut self.attempts).into_values() {
            let from = self.backlog.get_mut(attempt.place).stands;
            self.progress.counts.move_one(from, from.then(Outcome::InDoubt));
            // Its intent is durable, whether it was sent or not.
            self.progress.attempts += u64::from(attempt.phase != Phase::Sent);
        }
        self.cleared.clear();
        self.stop.get_or_insert(Stop::Interrupted);
        self.ending = Ending::Done;
        self.actions.retain(|action| matches!(action, Action::Tell(_)));
    }

    /// The ledger has the intent of an attempt from `from`, and will not have its end.
    fn count_as_open(&mut self, from: Outcome, verdict: VerdictWord) {
        self.progress.counts.move_one(from, from.then(Outcome::InDoubt));
        // It was not counted, as nothing was sent; the ledger does not know that.
        self.progress.attempts += u64::from(verdict == VerdictWord::Withdrawn);
    }

    /// An intent will not be written. It may be on the disk all the same: then the ledger has an attempt, and the row in
    /// doubt, of which nothing was sent.
    fn uncleared(&mut self, id: AttemptId, now: Duration) {
        let attempt = self.attempts.remove(&id).expect("an attempt that was not sent has not ended");
        self.give_back(Spent { taken: attempt.taken, ended: Ended::Silent, at: now });
        let job = &self.backlog.get_mut(attempt.place).job;
        let (row, ticket) = (job.position.record, job.ticket.clone());
        self.tell(Notice::Unwritten { row, ticket, verdict: VerdictWord::Withdrawn });
    }

    /// The end of an attempt will not be written: to the ledger it is one without a reply, and so it is to the budget.
    pub(super) fn unwritten(&mut self, moved: Move) {
        let Move { row, ticket, from, verdict, spent, .. } = moved;
        self.give_back(Spent { ended: Ended::Silent, ..spent });
        self.count_as_open(from, verdict);
        self.tell(Notice::Unwritten { row, ticket, verdict });
    }
}
