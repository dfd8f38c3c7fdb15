//! Log lines on standard error, kept clear of the progress bar.

use std::io::{self, Write};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::{LogFormat, Output};

/// Standard error, on which a progress bar may stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen {
    pub(crate) bars: MultiProgress,
}

/// Starts logging. `RUST_LOG` says more precisely what is wanted than `-v` and `-q` can.
pub(crate) fn start(output: &Output) -> Screen {
    let screen = Screen::default();
    let level = match (output.quiet, output.verbose) {
        (true, _) => "error",
        (false, 0) => "info",
        (false, 1) => "debug",
        (false, _) => "trace",
    };
    let ours = || EnvFilter::new(format!("warn,batchpost={level}"));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| ours());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(screen.clone());
    match output.log_format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.with_target(false).with_ansi(console_colours()).init(),
    }
    screen
}

fn console_colours() -> bool {
    io::IsTerminal::is_terminal(&io::stderr()) && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { screen: self, bytes: Vec::new() }
    }
}

/// One log line; written when it is whole.
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
        // Nobody is left to tell if standard error is gone.
        let _nobody_to_tell = self.screen.bars.suspend(|| io::stderr().write_all(&self.bytes));
    }
}
