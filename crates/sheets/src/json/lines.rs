//! Reads lines of a text one at a time, each within a length bound.

use std::io::Read;

use super::bounded_buf::BoundedBuf;
use crate::position::RowPosition;
use crate::text::Source;
use crate::text::TextError;

/// A reader of lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Number of lines read, and number of records among them.
    count: u64,
    records: u64,
}

impl Lines {
    /// Reads the next line that is not blank, without its line end; returns `None` at the end.
    pub(crate) fn next<R: Read>(
        &mut self,
        source: &mut Source<R>,
        line: &mut BoundedBuf,
    ) -> Result<Option<RowPosition>, TextError> {
        loop {
            let byte = source.byte();
            if !read_line(source, line)? {
                return Ok(None);
            }
            self.count += 1;
            if !line.bytes().trim_ascii_start().is_empty() {
                self.records += 1;
                return Ok(Some(RowPosition { record: self.records, line: self.count, byte }));
            }
        }
    }
}

fn read_line<R: Read>(source: &mut Source<R>, line: &mut BoundedBuf) -> Result<bool, TextError> {
    line.clear();
    let mut begun = false;
    loop {
        let input = source.peek(1)?;
        if input.is_empty() {
            return Ok(begun);
        }
        begun = true;
        let end = memchr::memchr(b'\n', input);
        let part = &input[..end.unwrap_or(input.len())];
        line.push(part);
        let used = part.len() + usize::from(end.is_some());
        source.consume(used);
        if end.is_some() {
            line.trim_return();
            return Ok(true);
        }
    }
}
