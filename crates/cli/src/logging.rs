//! Log lines on standard error, above the progress bar.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use batchpost::runtime::wall;
use indicatif::MultiProgress;
use jiff::tz::TimeZone;
use tracing::field::{Empty, Field};
use tracing::{Span, error, error_span, info};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;

use crate::args::{LogFormat, Output};
use crate::bar_terminal;
use crate::config::variable;
use crate::plain::{Plain, escaped, plain};

/// Standard error, with or without a progress bar.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    pub(crate) bars: MultiProgress,
}

impl Default for Screen {
    fn default() -> Self {
        Self { bars: bar_terminal::bars() }
    }
}

/// Starts logging.
pub(crate) fn start(output: &Output) -> Screen {
    let screen = Screen::default();
    let level = match (output.quiet, output.verbose) {
        (true, _) => "error",
        (false, 0) => "info",
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    let (filter, complaint) = filter(variable(RUST_LOG), level);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(screen.clone());
    match output.log_format {
        LogFormat::Json => {
            AS_JSON.store(true, Ordering::Relaxed);
            let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
            lines.with_target(false).init();
        }
        LogFormat::Text => {
            let lines = lines.with_target(false).fmt_fields(debug_fn(plain_field).delimited(" "));
            match io::stderr().is_terminal() {
                true => lines.with_ansi(colours()).with_timer(TimeOfDay).init(),
                false => lines.with_ansi(false).init(),
            }
        }
    }
    if let Some(why) = complaint {
        say!("batchpost: {RUST_LOG} is invalid and ignored: {why}");
    }
    screen
}

/// The variable with a filter, which can be more precise than `-v` and `-q`.
const RUST_LOG: &str = "RUST_LOG";

/// Returns the log filter: the given one, or our own at `level`. Also returns why the given one is invalid,
/// if it is.
fn filter(asked: Option<OsString>, level: &str) -> (EnvFilter, Option<String>) {
    let usual = || EnvFilter::new(format!("warn,batchpost={level}"));
    let (filter, complaint) = match asked.map(OsString::into_string) {
        None => (usual(), None),
        Some(Err(_)) => (usual(), Some("it is not UTF-8".to_owned())),
        Some(Ok(asked)) => match EnvFilter::builder().parse(asked) {
            Ok(filter) => (filter, None),
            Err(error) => (usual(), Some(error.to_string())),
        },
    };
    // Messages that are printed at every level are also logged as JSON at every level.
    let said = format!("{SAID}=info").parse().expect("a target and a level");
    (filter.add_directive(said), complaint)
}

/// Whether log lines are JSON. If so, nothing else may be written to standard error.
static AS_JSON: AtomicBool = AtomicBool::new(false);

/// The log target of messages for people.
const SAID: &str = "batchpost_says";

/// Fields that all lines of a run share, filled in when they become known. Only JSON lines have them.
pub(crate) fn run_span() -> Span {
    if !is_json() {
        return Span::none();
    }
    // At the highest level, so that no level filters it out.
    error_span!("run", run = Empty, ledger = Empty, ledger_id = Empty, target = Empty)
}

pub(crate) fn is_json() -> bool {
    AS_JSON.load(Ordering::Relaxed)
}

/// Prints a message for people. If standard error is closed, the message is lost and the work continues.
pub(crate) fn say(words: fmt::Arguments<'_>) {
    if is_json() {
        info!(target: SAID, event = "said", "{}", words.to_string().trim_end());
    } else {
        let _stderr_closed = Plain(io::stderr()).write_fmt(words);
    }
}

/// Prints why the command failed.
pub(crate) fn fail(why: &str) {
    if is_json() {
        error!(target: SAID, event = "failed", "{why}");
    } else {
        say(format_args!("batchpost: {why}\n"));
    }
}

/// A field as text, without terminal control characters and line breaks.
fn plain_field(line: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}").replace(['\n', '\t'], " ");
    match field.name() {
        // For programs, which read JSON.
        "event" => Ok(()),
        "message" => write!(line, "{}", plain(&text)),
        name => write!(line, "{name}={}", plain(&text)),
    }
}

/// A time without the date, for a person who watches.
struct TimeOfDay;

impl FormatTime for TimeOfDay {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
        write!(line, "{}", wall().to_zoned_datetime(zone).strftime("%H:%M:%S"))
    }
}

/// Whether messages on standard error may be coloured.
pub(crate) fn colours() -> bool {
    bar_terminal::can_draw() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { screen: self, bytes: Vec::new() }
    }
}

/// A log line, written when it is complete.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    screen: &'a Screen,
    bytes: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = String::from_utf8_lossy(&self.bytes);
        let line = if is_json() { escaped(&line) } else { line };
        // If standard error is closed, there is no reader.
        let _stderr_closed = self.screen.bars.suspend(|| io::stderr().write_all(line.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_logged_whatever_was_asked_for() {
        for (asked, understood) in [(None, true), (Some("off"), true), (Some("batchpost=loud"), false)] {
            let (filter, complaint) = filter(asked.map(OsString::from), "error");
            let filter = filter.to_string();
            assert!(filter.split(',').any(|directive| directive == "batchpost_says=info"), "{filter}");
            assert_eq!(complaint.is_none(), understood, "{complaint:?}");
            assert_eq!(filter.contains("batchpost=error"), asked != Some("off"), "{filter}");
        }
    }
}
