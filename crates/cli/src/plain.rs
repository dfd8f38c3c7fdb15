//! Text without control characters for terminals: file names and cells may contain anything.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use crate::args::Output;

/// Replaces each character that controls a terminal or reverses the reading direction by a mark.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(steers) { text.replace(steers, "\u{fffd}").into() } else { text.into() }
}

/// Escapes such characters in a line of JSON, where they occur only in strings. The JSON stays equivalent.
pub(crate) fn escaped(json: &str) -> Cow<'_, str> {
    if !json.contains(steers) {
        return json.into();
    }
    let each = json.chars().map(|c| if steers(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() });
    each.collect::<String>().into()
}

fn steers(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\t');
    // Marks, embeddings, overrides and isolates, which change the order in which a name is displayed.
    control || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes plain text only.
#[derive(Debug)]
pub(crate) struct Plain<W>(pub(crate) W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An incomplete character at the end is left for the next write. An invalid one is written as a mark.
        let whole = match std::str::from_utf8(bytes) {
            Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
            _ => bytes.len(),
        };
        self.0.write_all(plain(&String::from_utf8_lossy(&bytes[..whole])).as_bytes())?;
        Ok(whole)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Ignores writes to a closed pipe.
#[derive(Debug)]
struct IgnoreBrokenPipe<W>(W);

impl<W: Write> Write for IgnoreBrokenPipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

/// Standard output: plain text for people, exact bytes for programs. A closed pipe is not an error: the exit
/// code reports the result even if nothing reads the output.
pub(crate) fn stdout(output: &Output) -> Box<dyn Write> {
    if output.json { stdout_to_the_byte() } else { Box::new(IgnoreBrokenPipe(Plain(io::stdout().lock()))) }
}

/// Standard output with exact bytes, but plain text on a terminal.
pub(crate) fn stdout_to_the_byte() -> Box<dyn Write> {
    let stdout = io::stdout();
    if stdout.is_terminal() { Box::new(Plain(stdout.lock())) } else { Box::new(IgnoreBrokenPipe(stdout.lock())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_marked_and_the_rest_is_as_it_was() {
        assert_eq!(plain("Grüße\tund 日本\n"), "Grüße\tund 日本\n");
        let hostile = "\u{1b}[2J\u{9b}31m\u{7}\r\u{7f} fdp\u{202e}exe";
        assert_eq!(plain(hostile), "\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}\u{fffd} fdp\u{fffd}exe");
    }

    #[test]
    fn escapes_leave_json_as_it_was() {
        let hostile = "Grüße \u{1b}[2J\u{9b}31m\u{7f} fdp\u{202e}exe\u{2066}\n";
        let json = serde_json::to_string(hostile).unwrap() + "\n";
        let line = escaped(&json);
        assert!(!line.contains(steers), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), hostile);
        assert_eq!(escaped("{\"a\":\"日本\"}\n"), "{\"a\":\"日本\"}\n");
    }

    #[test]
    fn a_character_that_comes_in_two_parts_is_whole() {
        let mut out = Plain(Vec::new());
        for part in ["ü\u{9b}".as_bytes(), &[0xc3, 0xff], b"x"] {
            out.write_all(part).unwrap();
        }
        assert_eq!(String::from_utf8(out.0).unwrap(), "ü\u{fffd}\u{fffd}\u{fffd}x");
    }
}
