//! The file: written by a thread of its own, so that a disk that hangs does not keep replies from being heard.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use batchpost::engine::Progress;
use batchpost::shell::{Observation, Report, wall};
use tracing::warn;

use super::{Facts, LAST_SUCCESS};
use crate::exit;
use crate::files::{Readers, write_whole};

/// How often it is written during a run: collectors come by every 15 seconds or less often.
const WRITE_EVERY: Duration = Duration::from_secs(10);

/// The metrics of one run; does nothing where none were asked for.
pub(crate) struct MetricsFile(Option<Written>);

struct Written {
    path: PathBuf,
    facts: Facts,
    /// When it is due, since the run began.
    next: Duration,
    to_writer: SyncSender<Facts>,
    writer: JoinHandle<io::Result<()>>,
}

impl MetricsFile {
    /// Writes for the first time. What cannot be written is warned of, now and at the end; the run goes on.
    pub(crate) fn begin(path: Option<&Path>) -> Self {
        let Some(path) = path else { return Self(None) };
        let started = wall();
        let facts = Facts {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            target: None,
            started,
            updated: started,
            ended: None,
            counts: None,
            posted: 0,
            attempts: 0,
            limited: 0,
            stopped: None,
            last_success: fs::read_to_string(path).ok().and_then(|before| last_success(&before)),
        };
        if let Err(error) = write(path, &facts) {
            warn!(event = "metrics", %error, "the metrics file {} cannot be written; the run goes on", path.display());
        }
        // One waits at most: what is newer replaces nothing, it comes ten seconds later.
        let (to_writer, facts_to_write) = sync_channel(1);
        let for_writer = path.to_owned();
        let writer = thread::spawn(move || write_all(&for_writer, &facts_to_write));
        Self(Some(Written { path: path.to_owned(), facts, next: Duration::ZERO, to_writer, writer }))
    }

    /// What the run posts to is known.
    pub(crate) fn posts_to(&mut self, target: &str) {
        if let Some(written) = &mut self.0 {
            written.facts.target = Some(target.to_owned());
        }
    }

    pub(crate) fn observe(&mut self, observation: &Observation<'_>) {
        let (Some(written), Observation::Progress(progress, now)) = (&mut self.0, observation) else { return };
        if *now >= written.next {
            written.next = *now + WRITE_EVERY;
            written.facts.take(progress);
            // A writer that is behind is not waited for.
            written.to_writer.try_send(written.facts.clone()).ok();
        }
    }

    /// The run's sums, before its end.
    pub(crate) fn sums(&mut self, report: &Report) {
        let Some(Written { facts, .. }) = &mut self.0 else { return };
        facts.counts = Some(report.counts);
        (facts.posted, facts.attempts, facts.limited) = (report.posted_now, report.attempts_now, report.limited_now);
        facts.stopped = report.stopped;
    }

    /// Writes for the last time: the run ends with this exit code.
    pub(crate) fn end(self, code: u8) {
        let Some(Written { path, mut facts, to_writer, writer, .. }) = self.0 else { return };
        facts.updated = wall();
        facts.ended = Some((facts.updated, code));
        if exit::did_all(code) {
            facts.last_success = Some(super::seconds(facts.updated));
        }
        // It ends only when nobody is left to send, so it takes this.
        to_writer.send(facts).ok();
        drop(to_writer);
        let written = writer.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes it is gone")));
        if let Err(error) = written {
            warn!(event = "metrics", %error, "the metrics file {} could not be written", path.display());
        }
    }
}

impl Facts {
    fn take(&mut self, progress: &Progress) {
        self.updated = wall();
        self.counts = Some(progress.counts);
        (self.posted, self.attempts, self.limited) = (progress.posted, progress.attempts, progress.limited);
    }
}

/// Writes whatever comes; the last result is what counts.
fn write_all(path: &Path, facts: &Receiver<Facts>) -> io::Result<()> {
    let mut last = Ok(());
    for facts in facts {
        last = write(path, &facts);
    }
    last
}

fn write(path: &Path, facts: &Facts) -> io::Result<()> {
    write_whole(path, facts.text().as_bytes(), Readers::All)
}

/// What the file of an earlier run says of the last success.
fn last_success(before: &str) -> Option<f64> {
    let sample = before.lines().find_map(|line| line.strip_prefix(LAST_SUCCESS))?;
    sample.rsplit(' ').next()?.parse().ok().filter(|at: &f64| at.is_finite() && *at > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_success_is_read_back_and_nothing_else_is_taken_for_it() {
        let line = "# HELP batchpost_last_success_time_seconds When\nbatchpost_last_success_time_seconds{name=\"a b\"} 1764237600.25\n";
        assert_eq!(last_success(line), Some(1_764_237_600.25));
        for other in ["", "batchpost_last_success_time_seconds", "batchpost_last_success_time_seconds{} NaN", "\u{0}"] {
            assert_eq!(last_success(other), None, "{other:?}");
        }
    }
}
