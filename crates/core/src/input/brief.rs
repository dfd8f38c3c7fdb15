//! Rows as short strings for tests.

use std::io::Read;

use super::options::Options;
use super::rows::{Content, Row, Rows};
use crate::job::Position;

/// Returns the rows of `input` as `record@line+byte: content`, then the error that ended the reading, if any.
/// Checks that the result is the same in pieces of several sizes.
pub(super) fn brief_in_pieces(input: &[u8], options: &Options) -> Vec<String> {
    let all = brief(input, options);
    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(brief(Pieces::new(input, vec![size]), options), all, "in pieces of {size}");
    }
    all
}

pub(super) fn brief(input: impl Read, options: &Options) -> Vec<String> {
    let mut out = Vec::new();
    let error = match Rows::open(input, &options.clone().into()) {
        Ok(mut rows) => loop {
            match rows.next() {
                Ok(Some(row)) => out.push(line(row)),
                Ok(None) => return out,
                Err(error) => break error,
            }
        },
        Err(error) => error,
    };
    out.push(format!("error: {error}"));
    out
}

fn line(Row { position: Position { record, line, byte }, content }: Row) -> String {
    let content = match content {
        Content::Blank => "blank".to_owned(),
        Content::Note { ticket, text, .. } => format!("{ticket} {text:?}"),
        Content::Invalid { reason, .. } => reason.to_string(),
    };
    format!("{record}@{line}+{byte}: {content}")
}

/// A source that returns `bytes` in pieces of the given sizes, repeated, as pipes and sockets do.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(bytes: &'a [u8], sizes: Vec<usize>) -> Self {
        Self { bytes, sizes: sizes.into_iter().cycle() }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.sizes.next().unwrap_or(1);
        let read = self.bytes.take(size as u64).read(buffer)?;
        self.bytes = &self.bytes[read..];
        Ok(read)
    }
}

/// `bytes` as a gzip member.
pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    member.write_all(bytes).unwrap();
    member.finish().unwrap()
}
