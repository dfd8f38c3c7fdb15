//! Line ends: LF, CRLF, or CR alone, which old Macs and Excel's "CSV (Macintosh)" write.

use std::io::Read;

use super::error::TextError;
use super::source::Source;

/// Counts lines across pieces of text. A CRLF may be split between two pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineEnds {
    /// Line of the next byte, from 1.
    pub(crate) line: u64,
    /// The last byte was a carriage return, so a line feed after it does not end another line.
    pub(crate) after_return: bool,
}

impl LineEnds {
    pub(crate) fn new() -> Self {
        Self { line: 1, after_return: false }
    }

    /// Skips empty lines; returns `false` at the end.
    pub(crate) fn skip<R: Read>(&mut self, source: &mut Source<R>) -> Result<bool, TextError> {
        loop {
            let input = source.peek(1)?;
            let mut skipped = 0;
            for byte in input {
                match byte {
                    b'\n' => self.line += u64::from(!self.after_return),
                    b'\r' => self.line += 1,
                    _ => break,
                }
                self.after_return = *byte == b'\r';
                skipped += 1;
            }
            let (ended, begun) = (input.is_empty(), skipped < input.len());
            source.consume(skipped);
            if ended || begun {
                self.after_return = false;
                return Ok(begun);
            }
        }
    }

    /// Skips a line with its end; returns `false` if the text ends before the line does.
    pub(crate) fn skip_line<R: Read>(&mut self, source: &mut Source<R>) -> Result<bool, TextError> {
        if std::mem::take(&mut self.after_return) && source.peek(1)?.starts_with(b"\n") {
            source.consume(1);
        }
        loop {
            let input = source.peek(1)?;
            let (length, end) = (input.len(), memchr::memchr2(b'\r', b'\n', input));
            let Some(end) = end else {
                source.consume(length);
                if length == 0 {
                    return Ok(false);
                }
                continue;
            };
            self.line += 1;
            self.after_return = input[end] == b'\r';
            source.consume(end + 1);
            return Ok(true);
        }
    }
}
