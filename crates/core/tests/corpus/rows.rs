//! Text inputs. Each letter of a case's first line sets an option (see [`options`]). The rest is the input.

use std::io::{self, Read};

use batchpost::input::{Content, Format, MaxText, Options, Row, Rows, TooLong, count_rows};

/// Further rows are read, but not compared.
const MOST_ROWS: usize = 2000;

/// Reading ends, and returns the same rows in order for any size of the pieces.
pub(crate) fn check(input: &[u8]) {
    let (head, input) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (&input[..0], input),
    };
    let options = options(head);
    let whole = read(input, &options);
    for size in [1, 3, 64] {
        assert_eq!(read(Pieces { bytes: input, size }, &options), whole, "in pieces of {size}");
    }
    in_order(&whole);
    let tally = count_rows(input, &options.into());
    if whole.rows.len() < MOST_ROWS {
        assert_eq!(tally.is_err(), whole.error.is_some());
    }
    if let Ok(tally) = tally {
        assert!(tally.notes + tally.invalid + tally.blank >= whole.rows.len() as u64);
    }
}

/// The result of reading an input.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    columns: Vec<String>,
    rows: Vec<(Row, Vec<Vec<u8>>)>,
    error: Option<String>,
}

fn read(input: impl Read, options: &Options) -> Reading {
    let mut reading = Reading::default();
    let mut rows = match Rows::open(input, &options.clone().into()) {
        Ok(rows) => rows,
        Err(error) => {
            reading.error = Some(error.to_string());
            return reading;
        }
    };
    reading.columns = rows.columns().to_vec();
    assert_eq!(rows.layout().columns, reading.columns);
    while reading.rows.len() < MOST_ROWS {
        match rows.next() {
            Ok(Some(row)) => reading.rows.push((row, rows.cells())),
            Ok(None) => break,
            Err(error) => {
                reading.error = Some(error.to_string());
                break;
            }
        }
    }
    reading
}

fn in_order(reading: &Reading) {
    let mut last = None;
    for (record, (row, _)) in (1..).zip(&reading.rows) {
        let position = row.position;
        assert_eq!(position.record, record, "records are counted one by one");
        assert!(position.line >= 1);
        if let Some((line, byte)) = last.replace((position.line, position.byte)) {
            assert!(line <= position.line && byte < position.byte, "{position:?} comes after line {line}, byte {byte}");
        }
        match &row.content {
            Content::Blank => {}
            Content::Note { text, name, .. } => {
                assert!(!text.trim().is_empty(), "a note with nothing to read at {position}");
                assert!(!text.contains('\0'), "a NUL in the note at {position}");
                assert!(name.as_ref().is_none_or(|name| !name.trim().is_empty()));
            }
            Content::Invalid { reason, .. } => assert!(!reason.to_string().is_empty()),
        }
    }
}

/// Parses the options. Each position has its own letters; any other letter counts as `-`.
fn options(head: &[u8]) -> Options {
    let mut letters = head.iter().copied().chain(std::iter::repeat(b'-'));
    let mut next = || letters.next().unwrap_or(b'-');
    let digit = |letter: u8| char::from(letter).to_digit(10);

    let mut options = Options::new(match next() {
        b'l' => Format::JsonLines,
        b'j' => Format::Json,
        _ => Format::Csv,
    });
    options.delimiter = match next() {
        b'-' => None,
        byte => char::from(byte).to_string().parse().ok(),
    };
    options.header_row = digit(next()).and_then(std::num::NonZeroU32::new);
    let encoding = match next() {
        b'u' => "utf-8",
        b'w' => "windows-1252",
        b's' => "shift_jis",
        b'e' => "euc-jp",
        b'i' => "iso-2022-jp",
        b'g' => "gb18030",
        b'l' => "utf-16le",
        b'b' => "utf-16be",
        _ => "",
    };
    options.encoding = encoding.parse().ok();
    let template = match next() {
        b'n' => "{{ Note }}",
        b'r' => "{% for name, cell in row | items %}{{ name }}: {{ cell }}\n{% endfor %}",
        b'd' => "{{ row.a.b | default('-') }} {{ row['Note'] | default(row.text) | html_to_text }}",
        _ => "",
    };
    options.template = if template.is_empty() { None } else { template.parse().ok() };
    let pattern = match next() {
        b'd' => r"0*(\d+)",
        b't' => r"TKT-0*(\d+)",
        b'e' => r"(\d*)",
        _ => "",
    };
    options.ticket_pattern = if pattern.is_empty() { None } else { pattern.parse().ok() };
    let columns: &[&str] = match next() {
        b'k' => &["key=id"],
        b'c' => &["ticket=Ticket", "text=b", "text=a"],
        b'p' => &["ticket=a.b", "text=a.c"],
        _ => &[],
    };
    options.columns = columns.iter().filter_map(|choice| choice.parse().ok()).collect();
    if let Some(size) = digit(next()) {
        options.record_bound_bytes = 8 << size;
    }
    let (longest, too_long) = (next(), if next() == b'c' { TooLong::Truncate } else { TooLong::Reject });
    let bytes = digit(longest).and_then(|digit| std::num::NonZeroU32::new(4 * digit));
    options.max_text = bytes.map(|bytes| MaxText { bytes, too_long });
    options
}

/// Returns a few bytes at a time, as pipes do.
struct Pieces<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}
