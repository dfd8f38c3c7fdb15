//! The engine's events and actions.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::budget::{Ended, Grant, Throttle};
use crate::job::{Job, Ticket};
use crate::ledger::{ExcludedRow, Record};
use crate::limit::Limit;
use crate::limiter::Sharer;
pub use crate::outcome::Cause;
use crate::outcome::{Counts, Outcome, Stop, VerdictWord};
use crate::transport::{Failure, Reply};

/// The current time, read by the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the run started; never decreases. Decisions are based on it.
    pub elapsed: Duration,
    /// The wall clock, which may jump. Used only for records, hours and dates in `Retry-After`.
    pub wall: Timestamp,
}

/// One attempt of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

/// A job to send, with its state in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingJob {
    /// The job.
    pub job: Job,
    /// Its state: pending or failed, or in doubt if those are sent again.
    pub outcome: Outcome,
    /// Attempts made for it in earlier runs.
    pub attempts: u32,
}

/// An event.
#[derive(Debug)]
pub enum Event {
    /// The input has a job to send. Pass no more of these than
    /// [`Engine::wants_input`](super::Engine::wants_input) requests.
    Job(PendingJob),
    /// The input has an excluded row that the ledger does not have yet.
    Excluded(ExcludedRow),
    /// A stream has a row that needs no action. (The rows of a file are counted before the run.)
    Passed(Outcome),
    /// The input has ended. The records can only be made at a stream's end: its row counts, and which jobs
    /// vanished from it or returned.
    InputEnded(Vec<Record>),
    /// The requested number of rows was read; more are left.
    InputTruncated,
    /// The input could not be read further, or has changed since it was first read.
    InputFailed(String),
    /// The first n requested records are durable.
    Committed(u64),
    /// The ledger could not be written. Records that were not durable before may or may not be durable now.
    LedgerFailed(String),
    /// The answer to [`Action::Take`].
    Slots(Grant),
    /// The budget is unusable.
    BudgetFailed(String),
    /// An attempt has ended.
    Ended(AttemptId, Result<Reply, Failure>),
    /// The run is asked to end.
    Interrupted,
    /// The grace period for attempts in flight is over.
    GraceOver,
    /// The run ends at once: nothing more is sent, written or received, and attempts in flight are left in
    /// doubt. No commit is in progress.
    Abandoned,
}

/// An action to carry out.
#[derive(Debug)]
pub enum Action {
    /// Write this record to the ledger. Consecutive records may be committed together.
    Write(Record),
    /// Take up to this many slots, and report the result with [`Event::Slots`]. Slots from earlier
    /// [`Action::GiveBack`]s are given back first.
    Take(u32),
    /// Give back one slot: its attempt ended in this way, at this time since the run started.
    GiveBack(Ended, Duration),
    /// Throttle the run in this way from now on.
    Throttle(Throttle),
    /// Send this job's request once.
    Send(AttemptId, Arc<Job>),
    /// Pass this notice to the run's observer.
    Notify(Notice),
    /// The run is over: nothing is in flight, and every record that could be written is durable.
    Done(Option<Stop>),
}

/// Information for people or logs. A row is reported as settled only once its outcome is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A row has a durable outcome.
    Settled {
        /// The row.
        row: u64,
        /// Its ticket.
        ticket: Ticket,
        /// Its state.
        outcome: Outcome,
        /// An excerpt of the reply.
        reply: String,
    },
    /// Other runs post to this account and take slots from the same budget.
    Sharing {
        /// Those runs.
        with: Vec<Sharer>,
    },
    /// Other clients use the account without taking slots from this budget. The run takes a smaller share
    /// from now on, and more again when there is room. Reported once per run.
    OtherClients {
        /// The initial number of attempts in the shortest window.
        share: u32,
        /// The limit, which allows more.
        limit: Limit,
    },
    /// The API stated a limit that the run's own limits do not imply. The run also keeps this limit from now
    /// on.
    Learned {
        /// That limit.
        limit: Limit,
    },
    /// A row will be attempted again.
    Retrying {
        /// The row.
        row: u64,
        /// Its ticket.
        ticket: Ticket,
        /// The meaning of the reply.
        verdict: VerdictWord,
        /// An excerpt of the reply.
        reply: String,
        /// The minimum delay.
        delay: Duration,
    },
    /// Sending is paused.
    Paused {
        /// The cause.
        cause: Cause,
        /// The length.
        delay: Duration,
        /// Caused by the reply.
        reply: String,
    },
    /// The run will end when the attempts in flight have ended.
    Stopping {
        /// The reason.
        stop: Stop,
        /// The reason in words.
        why: String,
    },
    /// An attempt's end could not be recorded: according to the ledger the row is in doubt.
    Unwritten {
        /// The row.
        row: u64,
        /// Its ticket.
        ticket: Ticket,
        /// The meaning of the reply.
        verdict: VerdictWord,
    },
}

/// What the engine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// For attempts, commits or rows in progress.
    UnderWay,
    /// A free slot, until this time.
    Limit(Duration),
    /// A pause, until this time.
    Pause(Cause, Duration),
    /// For rows that will be retried, until this time.
    Retry(Duration),
    /// For the hours: check again at the first time; they open at the second.
    Hours(Duration, Timestamp),
}

/// The progress of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The states of the input's rows, as far as durable.
    pub counts: Counts,
    /// Rows posted by this run.
    pub posted: u64,
    /// Attempts of this run: counted when they are sent; at the end, those in the ledger.
    pub attempts: u64,
    /// Attempts of this run that the API refused because of its limit, as far as durable.
    pub limited: u64,
    /// Attempts in flight.
    pub in_flight: usize,
    /// What the engine waits for.
    pub waiting: Waiting,
}
