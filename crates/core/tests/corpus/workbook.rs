//! A workbook, or its parts. Changed bytes of an archive fail its checksums, so a case may have the parts
//! instead, each after a line `== NAME`. They are packed here.

use std::io::{Cursor, Write};

use batchpost::input::{Content, Format, Options, Rows};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const PART: &[u8] = b"== ";

/// Further rows are not read, because a row may be repeated up to the maximum number of rows.
const MOST_ROWS: u64 = 5000;

/// Reading ends with the rows in order, or with an error message.
pub(crate) fn check(input: &[u8]) {
    let packed = input.starts_with(PART).then(|| pack(input));
    let bytes = packed.unwrap_or_else(|| input.to_vec());
    for (header_row, template) in [(1, None), (2, Some("{{ row }}"))] {
        let mut options = Options::new(Format::Workbook);
        options.header_row = std::num::NonZeroU32::new(header_row);
        options.template = template.map(|text| text.parse().expect("it compiles"));
        read(bytes.clone(), options);
    }
}

fn read(bytes: Vec<u8>, options: Options) {
    let mut rows: Rows<Cursor<Vec<u8>>> = match Rows::open_workbook(Cursor::new(bytes), &options.into()) {
        Ok(rows) => rows,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(rows.layout().sheet.is_some());
    let columns = rows.columns().len();
    let mut last = 0;
    for record in 1..=MOST_ROWS {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        assert_eq!(row.position.record, record, "records are counted one by one");
        assert!(row.position.line > last, "{} comes after line {last}", row.position);
        last = row.position.line;
        if let Content::Note { text, .. } = &row.content {
            assert!(!text.trim().is_empty(), "a note with nothing to read at {}", row.position);
        }
        assert_eq!(rows.cells().len(), columns);
    }
}

/// Packs the parts into an archive with the right checksums.
fn pack(input: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for part in parts(input) {
        let (name, body) = match part.iter().position(|byte| *byte == b'\n') {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, &b""[..]),
        };
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if archive.start_file(name, stored).is_ok() {
            archive.write_all(body).expect("memory takes writes");
        }
    }
    archive.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// Returns the bytes after each mark, up to the line feed before the next one.
fn parts(input: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = &input[PART.len()..];
    let mark = [b"\n", PART].concat();
    while let Some(end) = rest.windows(mark.len()).position(|window| window == mark) {
        parts.push(&rest[..end]);
        rest = &rest[end + mark.len()..];
    }
    parts.push(rest);
    parts
}
