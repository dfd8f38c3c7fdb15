//! Draws the bar on the last lines of the terminal, so that it can be removed after a resize.
//!
//! When a terminal becomes narrower, it may wrap lines again or truncate them, and does not report which. A
//! program that has drawn three lines and moves up by two may then be in the middle of them, or above them in
//! a log line. So the cursor is left at the start of the bar: wherever that line ends up, everything below
//! the cursor is the bar. Lines end with line feeds, because a terminal that becomes wider joins lines that
//! it has wrapped itself. indicatif's own drawing leaves a bar behind at each resize:
//! `crates/cli/tests/e2e/terminal.rs` fails with it.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

/// Maximum number of redraws per second.
const MOST_DRAWN: u8 = 20;

/// Whether standard error is a terminal on which the bar can be drawn and removed again.
pub(crate) fn can_draw() -> bool {
    let moves_its_cursor = if cfg!(unix) {
        std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
    } else {
        // On Windows, this call enables escape sequences if the terminal supports them, and reports whether
        // it does.
        Term::stderr().features().colors_supported()
    };
    io::stderr().is_terminal() && moves_its_cursor
}

/// Bars on standard error, hidden if they cannot be drawn. Log lines go through `suspend`: with `println`
/// they would become part of the bar.
pub(crate) fn bars() -> MultiProgress {
    MultiProgress::with_draw_target(if can_draw() {
        let bar_terminal = BarTerminal::new(io::stderr(), || Term::stderr().size());
        ProgressDrawTarget::term_like_with_hz(Box::new(bar_terminal), MOST_DRAWN)
    } else {
        ProgressDrawTarget::hidden()
    })
}

/// A terminal for indicatif. It collects indicatif's small writes and draws them as a whole.
#[derive(Debug)]
struct BarTerminal<W> {
    /// Rows and columns.
    size: fn() -> (u16, u16),
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    out: W,
    /// The parts to draw: each line, followed by the blanks that pad it.
    parts: Vec<String>,
    /// Whether something is drawn. If so, the cursor is at its start.
    drawn: bool,
}

impl<W: Write> BarTerminal<W> {
    fn new(out: W, size: fn() -> (u16, u16)) -> Self {
        Self { size, state: Mutex::new(State { out, parts: Vec::new(), drawn: false }) }
    }

    fn with_state(&self, change: impl FnOnce(&mut State<W>)) -> io::Result<()> {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

impl<W: Write> State<W> {
    fn draw(&mut self) {
        let parts = std::mem::take(&mut self.parts);
        debug_assert!(parts.len().is_multiple_of(2), "lines and what fills them up take turns: {parts:?}");
        let lines: Vec<&str> = parts.iter().step_by(2).map(String::as_str).collect();
        let text = redrawn(self.drawn, &lines);
        self.drawn = !lines.is_empty();
        if text.is_empty() {
            return;
        }
        // If standard error is closed, there is no reader.
        let _terminal_closed = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// Clears everything from the cursor's line on and leaves the cursor in its first column. The lines below are
/// cleared separately: if everything were cleared from the topmost line, tmux would keep a copy in its
/// history.
const CLEAR: &str = "\r\u{1b}[K\u{1b}7\u{1b}[B\u{1b}[J\u{1b}8";

/// Returns the text that draws `lines` at the cursor, over what was drawn there.
fn redrawn(drawn: bool, lines: &[&str]) -> String {
    let mut text = String::new();
    if drawn {
        text += CLEAR;
    }
    if !lines.is_empty() {
        // A terminal that has just become narrower must truncate a line made for more columns instead of
        // wrapping it.
        text += &format!("\u{1b}[?7l{}\u{1b}[?7h\r", lines.join("\r\n"));
    }
    if lines.len() > 1 {
        text += &format!("\u{1b}[{}A", lines.len() - 1);
    }
    text
}

/// indicatif moves over its old lines and clears each, then writes the new ones, each padded to the width.
/// Only the writes are used.
impl<W: Write + std::fmt::Debug + Send> TermLike for BarTerminal<W> {
    fn width(&self) -> u16 {
        (self.size)().1
    }

    fn height(&self) -> u16 {
        (self.size)().0
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.with_state(|state| state.parts.extend([line.to_owned(), String::new()]))
    }

    fn write_str(&self, part: &str) -> io::Result<()> {
        self.with_state(|state| state.parts.push(part.to_owned()))
    }

    fn flush(&self) -> io::Result<()> {
        self.with_state(State::draw)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use indicatif::{ProgressBar, ProgressStyle};

    use super::*;

    /// Sends every write through a channel at once.
    #[derive(Debug)]
    struct Sent(Sender<String>);

    impl Write for Sent {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // A dropped bar draws once more, when the test may have dropped the receiver.
            self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn bar() -> (MultiProgress, ProgressBar, Receiver<String>) {
        let (sender, writes) = channel();
        let bar_terminal = BarTerminal::new(Sent(sender), || (24, 20));
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(bar_terminal)));
        let style = ProgressStyle::with_template("{msg}").unwrap();
        let bar = bars.add(ProgressBar::no_length().with_style(style));
        (bars, bar, writes)
    }

    fn written(writes: &Receiver<String>) -> Vec<String> {
        writes.try_iter().collect()
    }

    #[test]
    fn a_bar_is_one_write_that_clears_what_is_below_the_cursor_and_leaves_it_where_the_bar_begins() {
        let (_bars, bar, writes) = bar();
        bar.set_message("████ 1 %\nposted 1\n");
        assert_eq!(written(&writes), ["\u{1b}[?7l████ 1 %\r\nposted 1\r\n\u{1b}[?7h\r\u{1b}[2A"]);
        bar.set_message("posted 2");
        assert_eq!(written(&writes), [CLEAR.to_owned() + "\u{1b}[?7lposted 2\u{1b}[?7h\r"]);
        bar.finish_and_clear();
        assert_eq!(written(&writes), [CLEAR]);
    }

    #[test]
    fn a_log_line_takes_the_bars_place_and_the_bar_follows_it() {
        let (bars, bar, writes) = bar();
        bars.suspend(|| {});
        assert_eq!(written(&writes), [""; 0], "nothing is cleared where nothing was drawn");
        bar.set_message("a\nb");
        let drawn = written(&writes).concat();
        let cleared = bars.suspend(|| written(&writes));
        assert_eq!(cleared, [CLEAR]);
        assert_eq!(written(&writes).concat(), drawn);
    }
}
