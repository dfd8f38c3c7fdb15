//! The thread that reads the input for the engine.

use std::io::{self, Read};
use std::thread;

use tokio::sync::mpsc;

use super::input::Hashing;
use crate::engine::Event;
use crate::reading::{Fed, Feed};

/// Rows are handed over in groups: a channel's cost is by message.
pub(super) const GROUP_ROWS: usize = 64;
pub(super) const GROUP_TEXT_BYTES: usize = 256 << 10;
/// Groups that wait to be taken.
pub(super) const GROUPS_WAITING: usize = 4;

/// Starts to read. The thread ends with the input, with the receiver, or with the first error. Nobody waits for it: a
/// stream that did not come to its end may never be readable again.
///
/// # Errors
///
/// When the system has no thread.
pub(super) fn start<R: Read + Send + 'static>(mut feed: Feed<Hashing<R>>) -> io::Result<mpsc::Receiver<Vec<Event>>> {
    let (sender, receiver) = mpsc::channel(GROUPS_WAITING);
    thread::Builder::new().spawn(move || {
        loop {
            let (group, over) = group(&mut feed);
            if sender.blocking_send(group).is_err() || over {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// The next rows, and whether they are the last.
fn group(feed: &mut Feed<Hashing<impl Read>>) -> (Vec<Event>, bool) {
    let mut group = Vec::with_capacity(GROUP_ROWS);
    let mut text_bytes = 0;
    // Whoever writes a stream may be slow, and its rows are not to wait for each other.
    let most = if feed.is_stream() { 1 } else { GROUP_ROWS };
    while group.len() < most && text_bytes < GROUP_TEXT_BYTES {
        let last = match feed.pull() {
            Ok(Fed::Job(offer)) => {
                text_bytes += offer.job.text.len();
                group.push(Event::Job(offer));
                continue;
            }
            Ok(Fed::Aside(aside)) => {
                group.push(Event::Aside(aside));
                continue;
            }
            Ok(Fed::Passed(outcome)) => {
                group.push(Event::Passed(outcome));
                continue;
            }
            Ok(Fed::Withheld) => Event::InputWithheld,
            Ok(Fed::End) => match feed.at_the_end(Hashing::fingerprint) {
                Ok(records) => Event::InputEnded(records),
                Err(error) => Event::InputFailed(with_causes(&error)),
            },
            Err(error) => Event::InputFailed(with_causes(&error)),
        };
        group.push(last);
        return (group, true);
    }
    (group, false)
}

/// An error and its causes in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
