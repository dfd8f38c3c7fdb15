//! What the engine is told, and what it asks for.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::budget::{Answer, Ended, Throttle};
use crate::job::{Job, Ticket};
use crate::ledger::{ExcludedRow, Record};
use crate::limit::Limit;
use crate::limiter::Sharer;
pub use crate::outcome::Cause;
use crate::outcome::{Counts, Outcome, Stop, VerdictWord};
use crate::transport::{Failure, Reply};

/// The time, as the shell reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the run began; never decreases. All decisions are made on this.
    pub elapsed: Duration,
    /// The wall clock, which may step: it is only written down.
    pub wall: Timestamp,
}

/// One attempt of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

/// A job to do, and what the ledger knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingJob {
    /// The job.
    pub job: Job,
    /// Where it stands: pending, failed, or in doubt where those are to be sent again.
    pub stands: Outcome,
    /// Attempts made for it in earlier runs.
    pub attempts: u32,
}

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// The input has a job to do. Give no more of these than [`Engine::wants_input`](super::Engine::wants_input) asks for.
    Job(PendingJob),
    /// The input has a row that is not sent, which the ledger does not say yet.
    Excluded(ExcludedRow),
    /// A stream has a row that needs nothing done. (What a file holds was counted before the run.)
    Passed(Outcome),
    /// The input has come to its end. What only a stream's end shows is to be recorded: what it held, and which jobs
    /// vanished from it or returned.
    InputEnded(Vec<Record>),
    /// As many rows as were asked for were read, and more are left.
    InputTruncated,
    /// The input could not be read on, or is not what it was when it was first read.
    InputFailed(String),
    /// The first so many records that the engine asked to have written are durable.
    Committed(u64),
    /// The ledger could not be written; nothing is known of the records that were not yet durable.
    LedgerFailed(String),
    /// What was asked for with [`Action::Take`] was granted, or not.
    Slots(Answer),
    /// The budget cannot be kept any more.
    BudgetFailed(String),
    /// An attempt has ended.
    Ended(AttemptId, Result<Reply, Failure>),
    /// Somebody asks the run to end.
    Interrupted,
    /// What is in flight has been waited for long enough.
    GraceOver,
    /// The run ends at once: nothing more is sent, written or heard of, and what is under way is left in doubt. No
    /// record is being written any more of which it is not known that it is durable.
    Abandoned,
}

/// Something is to be done.
#[derive(Debug)]
pub enum Action {
    /// Write this record to the ledger. Records that are asked for one after the other may be committed together.
    Write(Record),
    /// Take up to so many slots, and answer with [`Event::Slots`]; what was given back before goes first.
    Take(u32),
    /// Give one slot back: its attempt ended so, at this time since the run began.
    GiveBack(Ended, Duration),
    /// Hold back so from now on.
    Throttle(Throttle),
    /// Send this job's request once.
    Send(AttemptId, Arc<Job>),
    /// Pass this on to the run's observer.
    Tell(Notice),
    /// The run is over: nothing is in flight, and everything that could be written is durable.
    Done(Option<Stop>),
}

/// What a person or a log may want to know. Law: a row is reported as settled only after its outcome is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A row has reached an outcome, durably.
    Settled {
        /// The row.
        row: u64,
        /// Its ticket.
        ticket: Ticket,
        /// Where it stands.
        stands: Outcome,
        /// The API's answer in brief.
        reply: String,
    },
    /// Other runs post to this account, and take their slots from the same budget.
    Sharing {
        /// Who they are.
        with: Vec<Sharer>,
    },
    /// Somebody who takes no slots from this budget uses the account too: the run takes a smaller share from now on,
    /// and more again as there is room. Said once in a run.
    OtherClients {
        /// Attempts in the shortest window at first.
        share: u32,
        /// What its limit would let it have.
        limit: Limit,
    },
    /// The API has named a limit that the run's own limits do not imply. It is kept from now on, beside them.
    Learned {
        /// That limit.
        limit: Limit,
    },
    /// A row will be tried again.
    Retrying {
        /// The row.
        row: u64,
        /// Its ticket.
        ticket: Ticket,
        /// What came of this attempt.
        verdict: VerdictWord,
        /// The API's answer in brief.
        reply: String,
        /// How long it waits at least.
        delay: Duration,
    },
    /// Nothing is sent for a while.
    Paused {
        /// Why.
        cause: Cause,
        /// For how long.
        delay: Duration,
        /// The answer that led to it.
        reply: String,
    },
    /// The run will end when what is in flight has been answered.
    Stopping {
        /// Why.
        stop: Stop,
        /// In words.
        why: String,
    },
    /// An attempt's end that could not be recorded: the ledger will say that the row is in doubt.
    Unwritten {
        /// The row.
        row: u64,
        /// Its ticket.
        ticket: Ticket,
        /// What the answer meant.
        verdict: VerdictWord,
    },
}

/// What the engine is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing in particular: attempts, commits or rows are under way.
    UnderWay,
    /// A free slot, until this time.
    Limit(Duration),
    /// A pause, until this time.
    Pause(Cause, Duration),
    /// Rows that will be tried again, until this time.
    Retry(Duration),
    /// The hours in which it may post, which are looked at again at this time and open at that one.
    Hours(Duration, Timestamp),
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where the input's rows stand, durably.
    pub counts: Counts,
    /// Rows posted by this run.
    pub posted: u64,
    /// Attempts made by this run: as soon as they are sent, and at its end those that the ledger has.
    pub attempts: u64,
    /// Attempts of this run that were answered with the limit, durably.
    pub limited: u64,
    /// Attempts under way.
    pub in_flight: usize,
    /// What the engine is waiting for.
    pub waiting: Waiting,
}
