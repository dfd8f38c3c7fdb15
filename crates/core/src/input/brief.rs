//! Rows in brief, for tests.

use std::io::Read;

use super::options::Options;
use super::rows::{Content, Row, Rows};
use super::source::Pieces;
use crate::job::Position;

/// The rows of `input`, `record@line+byte: content`, and the error it ends with; the same in pieces of several sizes.
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
