//! Detects text after a closing quote in a cell.

use super::delimiter::Delimiter;

/// Tracks the quotes of a record, which the parser drops. A record without quotes costs one search.
#[derive(Debug)]
pub(crate) struct Quotes {
    delimiter: u8,
    state: State,
    /// A cell continued after its closing quote.
    pub(crate) text_after: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside quotes, after this byte; `None` at the start of the record.
    Outside(Option<u8>),
    Quoted,
    /// After a quote inside quotes: the first of a doubled quote, or the closing quote.
    QuoteInQuotes,
}

impl Quotes {
    pub(crate) fn new(delimiter: Delimiter) -> Self {
        Self { delimiter: delimiter.byte(), state: State::Outside(None), text_after: false }
    }

    /// Starts a record.
    pub(crate) fn begin(&mut self) {
        (self.state, self.text_after) = (State::Outside(None), false);
    }

    /// Continues with the next bytes of the record, including the first byte of its line end.
    #[inline]
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() && !self.text_after {
            let quote = || memchr::memchr(b'"', &bytes[at..]).map(|ahead| at + ahead);
            match self.state {
                State::Outside(before) => {
                    let Some(quote) = quote() else {
                        self.state = State::Outside(bytes.last().copied());
                        return;
                    };
                    let before = if quote == at { before } else { Some(bytes[quote - 1]) };
                    // A quote opens a cell only at the start of the cell.
                    let opens = before.is_none_or(|before| before == self.delimiter);
                    self.state = if opens { State::Quoted } else { State::Outside(Some(b'"')) };
                    at = quote + 1;
                }
                State::Quoted => {
                    let Some(quote) = quote() else { return };
                    self.state = State::QuoteInQuotes;
                    at = quote + 1;
                }
                State::QuoteInQuotes => {
                    let next = bytes[at];
                    self.state = if next == b'"' { State::Quoted } else { State::Outside(Some(next)) };
                    self.text_after = !matches!(next, b'"' | b'\r' | b'\n') && next != self.delimiter;
                    at += 1;
                }
            }
        }
    }
}
