//! `--metrics-file`: a run's metrics in Prometheus' text format, for node_exporter's textfile collector.
//!
//! Written by hand: all values are known at one moment in one place and fill about forty lines of text. A
//! recorder such as `metrics` with its exporter would add a global registry and two dozen crates.

mod file;

use std::fmt::Write as _;

use batchpost::outcome::{Counts, Outcome, Stop};
use jiff::Timestamp;

pub(crate) use file::MetricsFile;

/// The known facts about a run.
#[derive(Debug, Clone)]
struct Facts {
    /// The metrics file's name without its extension. It distinguishes jobs in one folder and, unlike a
    /// ledger's name, does not change from night to night.
    name: String,
    /// The account URL, once known.
    target: Option<String>,
    started: Timestamp,
    updated: Timestamp,
    /// When the run ended, and its exit code.
    ended: Option<(Timestamp, u8)>,
    /// `None` until the input is read.
    counts: Option<Counts>,
    posted: u64,
    attempts: u64,
    limited: u64,
    stopped: Option<Stop>,
    /// When this run succeeded, in seconds; else the last success recorded in the file.
    last_success: Option<f64>,
}

/// The metric that is read back from the previous run's file.
const LAST_SUCCESS: &str = "batchpost_last_success_time_seconds";

impl Facts {
    fn text(&self) -> String {
        let mut page = Page { name: &self.name, text: String::new() };
        if let Some(target) = &self.target {
            let labels = [("target", target.as_str()), ("version", crate::VERSION)];
            page.family(
                "batchpost_run_info",
                "What the last run posted to, and the program's version.",
                [(&labels, 1.0)],
            );
        }
        if let Some(counts) = &self.counts {
            let of = |outcome: Outcome| ([("outcome", outcome.word())], counts.of(outcome) as f64);
            let rows = Outcome::ALL.map(of);
            page.family("batchpost_rows", "Rows of the input by outcome.", rows.iter().map(|(l, n)| (l, *n)));
        }
        page.one("batchpost_run_posted_rows", "Rows that the last run posted.", self.posted as f64);
        page.one("batchpost_run_attempts", "Requests that the last run made.", self.attempts as f64);
        let help = "Requests of the last run that were answered with the limit.";
        page.one("batchpost_run_limited_attempts", help, self.limited as f64);
        let help = "Whether a run is under way; 1 also after one that was killed.";
        page.one("batchpost_run_active", help, f64::from(u8::from(self.ended.is_none())));
        page.one("batchpost_run_start_time_seconds", "When the last run began.", seconds(self.started));
        page.one("batchpost_run_updated_time_seconds", "When this was last written.", seconds(self.updated));
        if let Some((at, code)) = self.ended {
            page.one("batchpost_run_end_time_seconds", "When the last run ended.", seconds(at));
            page.one("batchpost_run_exit_code", "The exit code of the last run.", f64::from(code));
        }
        let is = |stop: Stop| ([("reason", stop.word())], f64::from(u8::from(self.stopped == Some(stop))));
        let stops = Stop::ALL.map(is);
        let help = "Why the last run ended with rows left that could have been posted.";
        page.family("batchpost_run_stopped", help, stops.iter().map(|(labels, on)| (labels, *on)));
        if let Some(at) = self.last_success {
            page.one(LAST_SUCCESS, "When a run last ended with exit code 0 or 5.", at);
        }
        page.text
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// Text in Prometheus' exposition format; every sample has the label `name`.
struct Page<'a> {
    name: &'a str,
    text: String,
}

impl Page<'_> {
    fn one(&mut self, metric: &str, help: &str, value: f64) {
        let none: [(&str, &str); 0] = [];
        self.family(metric, help, [(&none, value)]);
    }

    /// Adds a metric family. All are gauges: they describe one run, and the next starts from zero.
    fn family<'l, const N: usize>(
        &mut self,
        metric: &str,
        help: &str,
        samples: impl IntoIterator<Item = (&'l [(&'l str, &'l str); N], f64)>,
    ) {
        let text = &mut self.text;
        writeln!(text, "# HELP {metric} {help}\n# TYPE {metric} gauge").expect("memory takes writes");
        for (labels, value) in samples {
            let labels = labels.iter().map(|(label, value)| format!(",{label}=\"{}\"", escaped(value)));
            let labels: String = labels.collect();
            writeln!(text, "{metric}{{name=\"{}\"{labels}}} {value}", escaped(self.name)).expect("memory takes writes");
        }
    }
}

/// Escapes the three special characters in a label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests;
