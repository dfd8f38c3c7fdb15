//! The thread that reads for the engine: from the job file, or from a stream.

use std::{io, thread};

use tokio::sync::mpsc;

use super::error::Error;
use super::input::{Hashing, InputRows};
use super::job_file::FromStart;
use super::known_rows::FollowClaims;
use crate::engine::Event;
use crate::planning::{Follow, PendingJobs};

/// Maximum number of rows per channel message. The cost of a channel is per message.
const GROUP_ROWS: usize = 64;
pub(super) const GROUP_TEXT_BYTES: usize = 256 << 10;
/// Number of groups that the channel can buffer.
pub(super) const GROUPS_WAITING: usize = 4;

/// A stream that is posted as it arrives.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) rows: InputRows,
    pub(super) follow: Follow,
}

/// Rows that were read.
#[derive(Debug)]
pub(super) struct Fed {
    pub(super) events: Vec<Event>,
    /// Why no further row of the stream is posted, if known rows are the reason. The events contain the same
    /// reason as text.
    pub(super) refused: Option<Error>,
}

impl Fed {
    /// For a reading thread that panicked.
    pub(super) fn lost() -> Self {
        Self::of(vec![Event::InputFailed("the reading thread ended unexpectedly".to_owned())])
    }

    fn of(events: Vec<Event>) -> Self {
        Self { events, refused: None }
    }
}

/// Starts to read the job file. The thread ends after the last row, after an error, or when the receiver is
/// dropped.
pub(super) fn start(mut feed: PendingJobs<FromStart>) -> io::Result<mpsc::Receiver<Fed>> {
    spawn(move || group(&mut feed))
}

/// Starts to follow a stream. The thread is not joined: a stream without an end may never become readable
/// again.
pub(super) fn follow(mut stream: Stream, claims: FollowClaims) -> io::Result<mpsc::Receiver<Fed>> {
    // The writer of a stream may be slow, so each row is sent alone.
    spawn(move || next_of_stream(&mut stream, &claims))
}

fn spawn(mut group: impl FnMut() -> (Fed, bool) + Send + 'static) -> io::Result<mpsc::Receiver<Fed>> {
    let (sender, receiver) = mpsc::channel(GROUPS_WAITING);
    thread::Builder::new().spawn(move || {
        loop {
            let (group, over) = group();
            if sender.blocking_send(group).is_err() || over {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// Returns the next rows, and whether the last event ends the job file.
fn group(feed: &mut PendingJobs<FromStart>) -> (Fed, bool) {
    let mut group = Vec::with_capacity(GROUP_ROWS);
    let mut text_bytes = 0;
    while group.len() < GROUP_ROWS && text_bytes < GROUP_TEXT_BYTES {
        let event = feed.pull().unwrap_or_else(|error| Event::InputFailed(with_causes(&error)));
        let Event::Job(pending_job) = &event else {
            group.push(event);
            return (Fed::of(group), true);
        };
        text_bytes += pending_job.job.text.len();
        group.push(event);
    }
    (Fed::of(group), false)
}

/// Returns the next row of a stream, and whether it is the last.
fn next_of_stream(stream: &mut Stream, claims: &FollowClaims) -> (Fed, bool) {
    let Stream { rows, follow } = stream;
    let mut refused = None;
    let event = match rows.next() {
        Ok(Some(row)) => match follow.enter(row.in_words()) {
            Event::Job(pending_job) => match claims.claim(&pending_job.job) {
                Ok(true) => Event::Job(pending_job),
                Ok(false) => follow.leave_out(pending_job),
                Err(error) => {
                    let event = Event::InputFailed(with_causes(&error));
                    refused = Some(error);
                    event
                }
            },
            event => event,
        },
        Ok(None) => follow.end(rows.source().map(Hashing::fingerprint).unwrap_or_default()),
        Err(error) => Event::InputFailed(with_causes(&error)),
    };
    let goes_on = matches!(event, Event::Job(_) | Event::Excluded(_) | Event::Passed(_));
    (Fed { events: vec![event], refused }, !goes_on)
}

/// Formats an error and its causes in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
