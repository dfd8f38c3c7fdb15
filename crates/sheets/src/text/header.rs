//! The start of a CSV: the lines before the header, the delimiter, and the column names.

use std::io::Read;

use super::csv::{Reader, Record};
use super::decode::{legacy_hint, utf16_hint};
use super::delimiter::{Delimiter, Scan, candidates};
use super::error::{HeaderError, Listed, TextError};
use super::line_ends::LineEnds;
use super::source::Source;

/// What the caller knows about a CSV.
#[derive(Debug, Clone, Copy)]
pub struct CsvShape {
    /// The delimiter, if known.
    pub delimiter: Option<Delimiter>,
    /// Line of the header, from 1. If that line is empty, the header is the next record.
    pub header_row: u64,
    /// The maximum length of a record in bytes of the text, without its line end.
    pub record_bound_bytes: usize,
}

/// Reads the header. Returns the reader of the rows that follow, and the result of `resolve` on the column names.
///
/// If several delimiters are possible, the one for which `resolve` succeeds is used. The header is read ahead for this,
/// so that nothing has to be read twice.
///
/// # Errors
///
/// If the text cannot be read or has no header, or if `resolve` fails.
pub fn open<R: Read, T, E>(
    source: &mut Source<R>,
    known: CsvShape,
    resolve: impl Fn(Vec<String>) -> Result<T, E>,
) -> Result<(Reader, T), HeaderError<E>> {
    let mut ends = LineEnds::new();
    let said_within = separator_line(source)?;
    if said_within.is_some() {
        ends.skip_line(source)?;
    }
    while ends.line < known.header_row {
        if !ends.skip_line(source)? {
            return Err(TextError::NoHeaderRow { line: known.header_row }.into());
        }
    }
    if !ends.skip(source)? {
        return Err(TextError::NoHeader.into());
    }
    let mut scans: Vec<Scan> = match known.delimiter.or(said_within) {
        Some(known) => vec![Scan::new(known)],
        None => Delimiter::USUAL.map(Scan::new).to_vec(),
    };
    let ahead = Ahead::look(source, &mut scans, known.record_bound_bytes)?;
    let delimiter = match (&scans[..], &candidates(&scans)[..]) {
        ([known], _) => known.delimiter,
        (_, [one]) => *one,
        (_, several) => pick(several, |delimiter| resolve(ahead.columns(delimiter)?).map_err(HeaderError::Columns))?,
    };
    let mut reader = Reader::new(delimiter, known.record_bound_bytes, ends);
    let columns = match reader.next(source)? {
        Some(record) => ahead.names(&record)?,
        None => return Err(TextError::NoHeader.into()),
    };
    Ok((reader, resolve(columns).map_err(HeaderError::Columns)?))
}

/// Returns the delimiter given by a first line such as `sep=;`, which is meant for Excel.
fn separator_line<R: Read>(source: &mut Source<R>) -> Result<Option<Delimiter>, TextError> {
    // The length of such a line with quotes and its line end.
    const LONGEST: usize = 8;
    // The first byte alone is checked first: the producer of a stream may have written only a short header so far.
    if !matches!(source.peek(1)?.first(), Some(b's' | b'S' | b'"')) {
        return Ok(None);
    }
    let head = source.peek(LONGEST)?;
    let head = &head[..head.len().min(LONGEST)];
    let line = match memchr::memchr2(b'\r', b'\n', head) {
        Some(end) => &head[..end],
        None if head.len() < LONGEST => head,
        None => return Ok(None),
    };
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    Ok(match line {
        [name @ .., b'=', byte] if name.eq_ignore_ascii_case(b"sep") => Delimiter::of_byte(*byte),
        _ => None,
    })
}

/// The bytes of the header, read ahead.
struct Ahead {
    bytes: Vec<u8>,
    /// Offset of its first byte.
    byte: u64,
    bound_bytes: usize,
    /// Whether offsets count the bytes of the (unpacked) input.
    is_raw: bool,
}

impl Ahead {
    /// Reads ahead until every scan has found the end of the header, or the bound is exceeded.
    fn look<R: Read>(source: &mut Source<R>, scans: &mut [Scan], bound_bytes: usize) -> Result<Self, TextError> {
        let most = bound_bytes.saturating_add(1);
        let mut seen = 0;
        while seen < most && scans.iter().any(|scan| scan.length.is_none()) {
            let input = source.peek(seen + 1)?;
            let fresh = &input[seen..input.len().min(most)];
            if fresh.is_empty() {
                break;
            }
            scans.iter_mut().for_each(|scan| scan.feed(fresh));
            seen += fresh.len();
        }
        let longest = scans.iter().map(|scan| scan.length.unwrap_or(seen)).max().unwrap_or(seen);
        let bytes = source.peek(0)?[..longest].to_vec();
        Ok(Self { bytes, byte: source.byte(), bound_bytes, is_raw: source.is_raw() })
    }

    /// The column names, if `delimiter` separates them.
    fn columns(&self, delimiter: Delimiter) -> Result<Vec<String>, TextError> {
        let mut text = Source::of_text(&self.bytes[..]);
        let mut reader = Reader::new(delimiter, self.bound_bytes, LineEnds::new());
        let record = reader.next(&mut text)?.ok_or(TextError::NoHeader)?;
        self.names(&record)
    }

    /// The column names in `record`, which is the header.
    fn names(&self, record: &Record<'_>) -> Result<Vec<String>, TextError> {
        if record.cells().any(|cell| cell.contains(&0)) {
            let likely = if self.is_raw { utf16_hint(&self.bytes, self.byte) } else { None };
            return Err(TextError::Binary { likely });
        }
        if let Some(reason) = &record.broken {
            return Err(TextError::Header(reason.clone()));
        }
        let names: Result<Vec<String>, _> = record.cells().map(|cell| String::from_utf8(cell.to_vec())).collect();
        names.map_err(|_| {
            let valid = std::str::from_utf8(&self.bytes).map_or_else(|error| error.valid_up_to(), str::len);
            TextError::HeaderNotUtf8 { byte: self.byte + valid as u64, likely: legacy_hint(&self.bytes) }
        })
    }
}

/// Returns the only one of `several` that fits.
fn pick<T, E>(
    several: &[Delimiter],
    fits: impl Fn(Delimiter) -> Result<T, HeaderError<E>>,
) -> Result<Delimiter, HeaderError<E>> {
    let mut fitting = Vec::new();
    let mut first_reason = None;
    for delimiter in several {
        match fits(*delimiter) {
            Ok(_) => fitting.push(*delimiter),
            Err(error) => {
                first_reason.get_or_insert((*delimiter, error));
            }
        }
    }
    match (&fitting[..], first_reason) {
        ([one], _) => Ok(*one),
        ([], Some((_, reason @ HeaderError::Text(TextError::Binary { .. } | TextError::HeaderNotUtf8 { .. })))) => {
            Err(reason)
        }
        ([], Some((delimiter, reason))) => {
            let candidates = Listed(several.to_vec());
            Err(HeaderError::NoDelimiterFits { candidates, first: delimiter, reason: reason.into() })
        }
        _ => Err(TextError::SeveralDelimitersFit { candidates: Listed(fitting) }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brief::{BOUND_BYTES, csv_by_names, csv_in_pieces};

    fn known(delimiter: &str, header_row: u64) -> CsvShape {
        let delimiter = (!delimiter.is_empty()).then(|| delimiter.parse().unwrap());
        CsvShape { delimiter, header_row, record_bound_bytes: BOUND_BYTES }
    }

    fn rows(sheet: &str) -> Vec<String> {
        csv_in_pieces(sheet.as_bytes(), known("", 1))
    }

    #[test]
    fn the_header_shows_what_separates_columns() {
        for sheet in ["Ticket,Note\n1,a\n", "Ticket;Note\n1;a\n", "Ticket\tNote\n1\ta\n", "Ticket|Note\r1|a\r"] {
            assert_eq!(rows(sheet), [r#"1@2+12: 1 "a""#], "{sheet:?}");
        }
        assert_eq!(rows("Ticket;\"Note\n, such\";Text\n1;x;\"a;b\"\n"), [r#"1@3+26: 1 "a;b""#]);
        assert_eq!(rows("Ticket;Note"), [""; 0]);
    }

    #[test]
    fn of_several_that_occur_the_one_that_fits_the_columns_separates() {
        assert_eq!(rows("Ticket,Note,a;b;c;d\n1,a,\n"), [r#"1@2+20: 1 "a""#]);
        assert_eq!(rows("Ticket;Note;a,b,c,d\n1;a;\n"), [r#"1@2+20: 1 "a""#]);
        // For the semicolon, the quote is inside a cell, and the header ends on its first line.
        assert_eq!(rows("Ticket,\"x;y\nz\",Note\n1,,a\n"), [r#"1@3+20: 1 "a""#]);
        let sheet = "id,what;who\n1,a\n";
        let names: [&[&str]; 2] = [&["id"], &["what;who"]];
        assert_eq!(csv_by_names(sheet.as_bytes(), known("", 1), names), [r#"1@2+12: 1 "a""#]);
    }

    #[test]
    fn where_none_or_several_fit_the_candidates_are_named() {
        let none = "error: any of semicolon, comma (by semicolon: no ticket and text in \
                    [\"a\", \"b,c\", \"Note\"])";
        assert_eq!(rows("a;b,c;Note\n"), [none]);
        let both = "error: the delimiter is ambiguous: the columns could be separated by any of comma, pipe";
        assert_eq!(rows("Ticket,Note,x|Ticket No|Text\n"), [both]);
    }

    #[test]
    fn what_is_said_goes_before_what_the_header_shows() {
        for (delimiter, sheet) in [(";", "Ticket;Note;a,b,c\n1;a;\n"), ("~", "Ticket~Note~a,b,c\n1~a~\n")] {
            assert_eq!(csv_in_pieces(sheet.as_bytes(), known(delimiter, 1)), [r#"1@2+18: 1 "a""#]);
        }
        let wanted = r#"error: no ticket and text in ["Ticket;Note"]"#;
        assert_eq!(csv_in_pieces(b"Ticket;Note\n", known(",", 1)), [wanted]);
    }

    #[test]
    fn excels_line_about_the_separator_is_honoured_and_skipped() {
        for (sheet, byte) in [
            ("sep=;\nTicket;Note;a,b\n1;a;\n", 22),
            ("\u{feff}SEP=;\r\nTicket;Note;a,b\r\n1;a;\r\n", 27),
            ("\"sep=;\"\rTicket;Note;a,b\r1;a;\r", 24),
            ("sep=\t\nTicket\tNote\ta;b\n1\ta\t\n", 22),
        ] {
            assert_eq!(rows(sheet), [format!("1@3+{byte}: 1 \"a\"")], "{sheet:?}");
        }
        let sheet = b"sep=;\nTicket,Note\n1,a\n";
        assert_eq!(csv_in_pieces(sheet, known(",", 1)), [r#"1@3+18: 1 "a""#], "an option goes before it");
        for other in ["sep=;;\nTicket,Note\n", "sep;\nTicket,Note\n", "sep=", "\nsep=;\nTicket;Note\n"] {
            assert!(rows(other)[0].starts_with("error: no ticket and text in"), "{other:?}");
        }
    }

    #[test]
    fn lines_before_the_header_are_skipped_whatever_is_on_them() {
        for (sheet, row, wanted) in [
            ("Report \"of\nMay, \"x\nTicket,Note\n1,a\n", 3, r#"1@4+31: 1 "a""#),
            ("\"\r\n\r\n\r\nTicket,Note\r\n1,a\r\n", 2, r#"1@5+20: 1 "a""#),
            ("\"\r\rTicket,Note\r1,a\r", 2, r#"1@4+15: 1 "a""#),
            ("sep=;\nx\nTicket;Note\n1;a\n", 3, r#"1@4+20: 1 "a""#),
            ("sep=;\nTicket;Note\n1;a\n", 2, r#"1@3+18: 1 "a""#),
        ] {
            assert_eq!(csv_in_pieces(sheet.as_bytes(), known("", row)), [wanted], "{sheet:?}");
        }
        let wanted = "error: the input ends before line 3, where its header was expected";
        assert_eq!(csv_in_pieces(b"Ticket,Note\n1,a", known("", 3)), [wanted]);
        let wanted = "error: the input has no header line; the first line of a CSV must name its columns";
        assert_eq!(csv_in_pieces(b"Ticket,Note\n1,a\n", known("", 3)), [wanted]);
    }

    #[test]
    fn a_header_that_cannot_be_used_says_why() {
        for (sheet, wanted) in [
            (
                &b"Ticket,\"Note\n1,a"[..],
                "error: the header cannot be read: the record that begins on line 1 has a quote that is never closed; \
                 close it, or complete the file",
            ),
            (
                b"Ticket,Gr\xf6\xdfe,Note\n",
                "error: the header is not UTF-8 at byte 9; it looks like windows-1252: read it with that encoding, \
                 or save the file as UTF-8",
            ),
            (
                b"\nTicket;Gr\xf6\xdfe, Note\n",
                "error: the header is not UTF-8 at byte 10; it looks like windows-1252: read it with that encoding, \
                 or save the file as UTF-8",
            ),
            (
                b"\x22\x04\x38\x04;\0N\0\n\0",
                "error: the input has NUL bytes where text should be; it looks like utf-16le without a byte order mark",
            ),
            (b"Ticket,No\0t\0\0e", "error: the input has NUL bytes where text should be; it is binary data"),
        ] {
            assert_eq!(csv_in_pieces(sheet, known("", 1)), [wanted], "{sheet:?}");
        }
    }

    #[test]
    fn a_header_over_the_bound_says_so_and_one_at_the_bound_is_read() {
        let known = CsvShape { record_bound_bytes: 200_000, ..known("", 1) };
        let header = |length: usize| format!("Ticket;Note;{}", "x".repeat(length - 12));
        let sheet = format!("{}\n1;a;\n", header(200_000));
        let mut found = csv_in_pieces(sheet.as_bytes(), known);
        assert_eq!(found, [r#"1@2+200001: 1 "a""#]);
        found = csv_in_pieces(format!("{}\n1;a;\n", header(200_001)).as_bytes(), known);
        let wanted = "error: the header cannot be read: the record that begins on line 1 is longer than 200000 bytes; \
                      check for an unclosed quote";
        assert_eq!(found, [wanted]);
    }
}
