//! The metrics file, written by its own thread, so that a hanging disk does not delay replies.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, bail};
use batchpost::batch::{Observation, Prepared, RunReport, RunRequest, Source};
use batchpost::engine::Progress;
use batchpost::runtime::wall;
use tracing::warn;

use super::{Facts, LAST_SUCCESS};
use crate::exit;
use crate::files::{Readers, There, is_same, there, write_whole};

/// How often the file is written during a run. Collectors read it every 15 seconds or less often.
const WRITE_EVERY: Duration = Duration::from_secs(10);

/// How long the run's end waits for the last write: a hanging mount may hang for ever, and the exit code is
/// due.
const PATIENCE: Duration = Duration::from_secs(5);

/// The extension of files that node_exporter's textfile collector reads.
const COLLECTED: &str = "prom";

/// The start of every metrics file, in any version.
const OPENING: &str = "# HELP batchpost_";

/// The metrics of one run; does nothing if no file was requested.
pub(crate) struct MetricsFile(Option<Written>);

struct Written {
    path: PathBuf,
    facts: Facts,
    /// When the next write is due, measured from the start of the run.
    next: Duration,
    /// `None` until the run has locked its ledger: until then, another run may have it and write to this
    /// file.
    writer: Option<Writer>,
}

struct Writer {
    facts: SyncSender<Facts>,
    thread: JoinHandle<io::Result<()>>,
}

impl MetricsFile {
    /// Prepares the file at `path`; nothing is written yet.
    ///
    /// # Errors
    ///
    /// If another kind of file is there.
    pub(crate) fn at(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        refuse_other_files(path).with_context(|| format!("--metrics-file {}", path.display()))?;
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
            last_success: None,
        };
        Ok(Self(Some(Written { path: path.to_owned(), facts, next: Duration::ZERO, writer: None })))
    }

    /// Sets the facts known from the run request.
    ///
    /// # Errors
    ///
    /// If the file is the ledger or the input. Nothing is then ever written to it.
    pub(crate) fn of_request(&mut self, run_request: &RunRequest) -> anyhow::Result<()> {
        let Some(written) = &mut self.0 else { return Ok(()) };
        written.facts.target = Some(run_request.policy.identity.account().to_owned());
        let input = match &run_request.source {
            Source::File(path) => Some(path),
            Source::Stdin | Source::Follow => None,
        };
        if let Some(taken) = input.into_iter().chain([&run_request.ledger]).find(|path| is_same(path, &written.path)) {
            self.0 = None;
            bail!("--metrics-file {} is the run's own input or ledger; name another file", taken.display());
        }
        Ok(())
    }

    /// Writes for the first time, because the ledger is now this run's. A failed write is logged, now and at
    /// the end, and the run continues.
    pub(crate) fn begin(&mut self, prepared: &Prepared) {
        let Some(Written { path, facts, writer, .. }) = &mut self.0 else { return };
        if path.extension().is_none_or(|extension| extension != COLLECTED) {
            warn!(
                event = "metrics",
                "the metrics file {} will not be collected by node_exporter, which reads only files whose names end with \
                 .{COLLECTED}; rename it to have it collected",
                path.display()
            );
        }
        facts.updated = wall();
        facts.counts = prepared.read_summary().map(|read_summary| read_summary.counts);
        if let Err(error) = write(path, facts.clone()) {
            warn!(event = "metrics", %error, "the metrics file {} cannot be written; the run continues", path.display());
        }
        // At most one update waits. If one is waiting, a newer one is dropped; the next comes ten seconds
        // later.
        let (sender, facts_to_write) = sync_channel(1);
        let path = path.clone();
        match thread::Builder::new().spawn(move || write_all(&path, &facts_to_write)) {
            Ok(thread) => *writer = Some(Writer { facts: sender, thread }),
            Err(error) => {
                warn!(event = "metrics", %error, "cannot start a thread to write the metrics file; the run continues without it");
            }
        }
    }

    pub(crate) fn observe(&mut self, observation: &Observation<'_>) {
        let (Some(written), Observation::Progress(progress, now)) = (&mut self.0, observation) else { return };
        if *now >= written.next
            && let Some(writer) = &written.writer
        {
            written.next = *now + WRITE_EVERY;
            written.facts.take(progress);
            // Do not wait for a writer that is behind.
            writer.facts.try_send(written.facts.clone()).ok();
        }
    }

    /// Sets the run's totals, before its end.
    pub(crate) fn sums(&mut self, report: &RunReport) {
        let Some(Written { facts, .. }) = &mut self.0 else { return };
        facts.counts = Some(report.counts);
        (facts.posted, facts.attempts, facts.limited) = (report.posted_now, report.attempts_now, report.limited_now);
        facts.stopped = report.stopped;
    }

    /// Writes for the last time, with the result. Writes nothing if another run has the ledger, because then
    /// it is that run's file. A run that fails before it tries to lock the ledger overwrites that file; the
    /// other run writes it again within ten seconds.
    pub(crate) fn end(self, result: &anyhow::Result<u8>) {
        let Some(Written { path, mut facts, writer, .. }) = self.0 else { return };
        if result.as_ref().is_err_and(exit::is_in_use) {
            return;
        }
        let code = exit::of_result(result);
        facts.updated = wall();
        facts.ended = Some((facts.updated, code));
        if exit::did_all(code) {
            facts.last_success = Some(super::seconds(facts.updated));
        }
        let place = path.clone();
        let written = within(PATIENCE, move || match writer {
            Some(writer) => {
                // The thread ends only after all senders are dropped, so it receives these facts.
                writer.facts.send(facts).ok();
                drop(writer.facts);
                writer.thread.join().unwrap_or_else(|_| Err(gone()))
            }
            None => write(&place, facts),
        });
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

/// Runs `write` on a thread and waits for its result for at most `patience`; then the thread is left running.
fn within(patience: Duration, write: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let (tell, written) = sync_channel(1);
    thread::Builder::new().spawn(move || {
        let _receiver_gone = tell.send(write());
    })?;
    written.recv_timeout(patience).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Err(io::Error::new(io::ErrorKind::TimedOut, "its disk does not respond")),
        RecvTimeoutError::Disconnected => Err(gone()),
    })
}

fn gone() -> io::Error {
    io::Error::other("its writing thread ended unexpectedly")
}

/// Writes everything received; returns the last result.
fn write_all(path: &Path, facts: &Receiver<Facts>) -> io::Result<()> {
    let mut last = Ok(());
    for facts in facts {
        last = write(path, facts);
    }
    last
}

/// Replaces the file by these facts and the last success recorded in it.
fn write(path: &Path, mut facts: Facts) -> io::Result<()> {
    refuse_other_files(path)?;
    // Read the file each time: a run of another ledger with the same file may have ended in the meantime.
    facts.last_success = facts.last_success.or_else(|| last_success(&fs::read_to_string(path).ok()?));
    write_whole(path, facts.text().as_bytes(), Readers::All)
}

/// Refuses to replace other files: a mistyped name must not destroy a ledger or a sheet.
fn refuse_other_files(path: &Path) -> io::Result<()> {
    // Refuse pipes and devices too: reading the last success from some of them never ends. For a folder, the
    // write fails with its own error.
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return Err(io::Error::other("it is not a regular file; name another"));
    }
    match there(path, OPENING)? {
        There::Nothing | There::Ours => Ok(()),
        There::Ledger => Err(io::Error::other("it is a ledger; name another file")),
        There::Other => Err(io::Error::other("it exists and is not a metrics file of batchpost; name another")),
    }
}

/// Reads the last success from a file's text.
fn last_success(before: &str) -> Option<f64> {
    let sample = before.lines().find_map(|line| line.strip_prefix(LAST_SUCCESS))?;
    sample.rsplit(' ').next()?.parse().ok().filter(|at: &f64| at.is_finite() && *at > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_end_does_not_wait_for_ever_for_a_disk_that_hangs() {
        let (_kept, disk) = sync_channel::<()>(0);
        let hung = within(Duration::from_millis(1), move || disk.recv().map_err(io::Error::other));
        assert_eq!(hung.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let failed = within(PATIENCE, || Err(io::ErrorKind::StorageFull.into()));
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(within(PATIENCE, || Ok(())).is_ok());
    }

    #[test]
    fn the_last_success_is_read_back_and_nothing_else_is_taken_for_it() {
        let line = "# HELP batchpost_last_success_time_seconds When\nbatchpost_last_success_time_seconds{name=\"a b\"} 1764237600.25\n";
        assert_eq!(last_success(line), Some(1_764_237_600.25));
        for other in ["", "batchpost_last_success_time_seconds", "batchpost_last_success_time_seconds{} NaN", "\u{0}"] {
            assert_eq!(last_success(other), None, "{other:?}");
        }
    }
}
