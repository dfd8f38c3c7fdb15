//! Fixtures for tests of the engine and its driver.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::desk::Desk;
use crate::engine::{Config, Now, PendingJob};
use crate::job::{Identity, Job, Key, Position, Ticket};
use crate::outcome::{Counts, Outcome};
use crate::schedule::Openings;
use crate::settings::On500;
use crate::transport::{Failure, Reply};

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn now(elapsed: Duration) -> Now {
    Now { elapsed, wall: Timestamp::UNIX_EPOCH }
}

/// Configures a stream, whose rows are counted as they arrive.
pub(crate) fn config(limit: &str) -> Config {
    Config {
        target: Arc::new(Desk),
        openings: Openings::always(),
        no_wait: false,
        limits: vec![limit.parse().unwrap()],
        give_up_after: Duration::from_secs(60),
        concurrency: 25,
        max_attempts: 3,
        on_500: On500::Retry,
        counts: Counts::default(),
        stream: true,
        seed: 1,
    }
}

pub(crate) fn pending_job(row: u64, ticket: u64) -> PendingJob {
    let ticket = Ticket::try_from(ticket).unwrap();
    let text = format!("note {row}");
    let position = Position { record: row, line: row + 1, byte: row * 100 };
    let job = Job::new(position, Key::of_job(&Identity::of("t"), &ticket, &text), ticket, text);
    PendingJob { job, outcome: Outcome::Pending, attempts: 0 }
}

pub(crate) fn created() -> Result<Reply, Failure> {
    status(200)
}

pub(crate) fn status(status: u16) -> Result<Reply, Failure> {
    Ok(Reply::new(status, ""))
}

pub(crate) fn no_reply() -> Result<Reply, Failure> {
    Err(Failure::NoReply("time-out".to_owned()))
}
