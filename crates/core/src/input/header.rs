//! The beginning of a CSV: what stands before the header, what separates its columns, and their names.

use std::io::Read;

use super::csv::{Reader, Record};
use super::decode::{legacy_hint, utf16_hint};
use super::delimiter::{Delimiter, Scan, candidates};
use super::error::{InputError, Listed};
use super::line_ends::LineEnds;
use super::options::Options;
use super::source::Source;

/// What is known of a CSV beforehand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// If it is known.
    pub(super) delimiter: Option<Delimiter>,
    /// The header is the first record that begins on this line or later, from 1.
    pub(super) header_row: u64,
    pub(super) record_bound_bytes: usize,
}

impl Known {
    pub(super) fn of(options: &Options) -> Self {
        let header_row = options.header_row.map_or(1, |row| row.get().into());
        Self { delimiter: options.delimiter, header_row, record_bound_bytes: options.record_bound_bytes }
    }
}

/// Reads the header: the reader for what follows it, and what `resolve` makes of the columns' names.
///
/// Where several characters could separate the columns, the one with which `resolve` succeeds is it. The header is
/// looked at ahead for this, so that nothing has to be read again.
pub(super) fn open<R: Read, T>(
    source: &mut Source<R>,
    known: Known,
    resolve: impl Fn(Vec<String>) -> Result<T, InputError>,
) -> Result<(Reader, T), InputError> {
    let mut ends = LineEnds::new();
    let said_within = separator_line(source)?;
    if said_within.is_some() {
        ends.skip_line(source)?;
    }
    while ends.line < known.header_row {
        if !ends.skip_line(source)? {
            return Err(InputError::NoHeaderRow { line: known.header_row });
        }
    }
    if !ends.skip(source)? {
        return Err(InputError::NoHeader);
    }
    let mut scans: Vec<Scan> = match known.delimiter.or(said_within) {
        Some(known) => vec![Scan::new(known)],
        None => Delimiter::USUAL.map(Scan::new).to_vec(),
    };
    let ahead = Ahead::look(source, &mut scans, known.record_bound_bytes)?;
    let delimiter = match (&scans[..], &candidates(&scans)[..]) {
        ([known], _) => known.delimiter,
        (_, [one]) => *one,
        (_, several) => pick(several, |delimiter| ahead.columns(delimiter).and_then(&resolve))?,
    };
    let mut reader = Reader::new(delimiter, known.record_bound_bytes, ends);
    let columns = match reader.next(source)? {
        Some(record) => ahead.names(&record)?,
        None => return Err(InputError::NoHeader),
    };
    Ok((reader, resolve(columns)?))
}

/// The delimiter that a first line like `sep=;` tells Excel, if there is one.
fn separator_line<R: Read>(source: &mut Source<R>) -> Result<Option<Delimiter>, InputError> {
    // As long as such a line with quotes, and its end.
    const LONGEST: usize = 8;
    // Looked at step by step: who writes a stream need not have written more than a short header.
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

/// The header as it stands, read ahead.
struct Ahead {
    bytes: Vec<u8>,
    /// Offset of its first byte.
    byte: u64,
    bound_bytes: usize,
    /// Whether its offsets are those of the input's own bytes.
    is_raw: bool,
}

impl Ahead {
    /// Looks ahead until every scan has found the header's end, or the bound is passed.
    fn look<R: Read>(source: &mut Source<R>, scans: &mut [Scan], bound_bytes: usize) -> Result<Self, InputError> {
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

    /// The columns if `delimiter` separates them.
    fn columns(&self, delimiter: Delimiter) -> Result<Vec<String>, InputError> {
        let mut text = Source::of_text(&self.bytes[..]);
        let mut reader = Reader::new(delimiter, self.bound_bytes, LineEnds::new());
        let record = reader.next(&mut text)?.ok_or(InputError::NoHeader)?;
        self.names(&record)
    }

    /// The names in the header, which `record` is.
    fn names(&self, record: &Record<'_>) -> Result<Vec<String>, InputError> {
        if record.cells().any(|cell| cell.contains(&0)) {
            let likely = if self.is_raw { utf16_hint(&self.bytes, self.byte) } else { None };
            return Err(InputError::Binary { likely });
        }
        if let Some(reason) = &record.broken {
            return Err(InputError::Header(reason.clone()));
        }
        let names: Result<Vec<String>, _> = record.cells().map(|cell| String::from_utf8(cell.to_vec())).collect();
        names.map_err(|_| {
            let valid = std::str::from_utf8(&self.bytes).map_or_else(|error| error.valid_up_to(), str::len);
            InputError::HeaderNotUtf8 { byte: self.byte + valid as u64, likely: legacy_hint(&self.bytes) }
        })
    }
}

/// The one of `several` that fits.
fn pick<T>(several: &[Delimiter], fits: impl Fn(Delimiter) -> Result<T, InputError>) -> Result<Delimiter, InputError> {
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
        ([], Some((_, reason @ (InputError::Binary { .. } | InputError::HeaderNotUtf8 { .. })))) => Err(reason),
        ([], Some((delimiter, reason))) => {
            let candidates = Listed(several.to_vec());
            Err(InputError::NoDelimiterFits { candidates, first: delimiter, reason: reason.into() })
        }
        _ => Err(InputError::SeveralDelimitersFit { candidates: Listed(fitting) }),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::super::brief::brief_in_pieces;
    use super::super::options::{Format, Options};

    fn options(delimiter: &str, header_row: u32, columns: &[&str]) -> Options {
        let delimiter = (!delimiter.is_empty()).then(|| delimiter.parse().unwrap());
        let columns = columns.iter().map(|column| column.parse().unwrap()).collect();
        Options { delimiter, header_row: NonZeroU32::new(header_row), columns, ..Options::new(Format::Csv) }
    }

    fn rows(sheet: &str) -> Vec<String> {
        brief_in_pieces(sheet.as_bytes(), &options("", 1, &[]))
    }

    #[test]
    fn the_header_shows_what_separates_columns() {
        for sheet in ["Ticket,Note\n1,a\n", "Ticket;Note\n1;a\n", "Ticket\tNote\n1\ta\n", "Ticket|Note\r1|a\r"] {
            assert_eq!(rows(sheet), [r#"1@2+12: 1 "a""#], "{sheet:?}");
        }
        assert_eq!(rows("Ticket;\"Note\n, such\";Text\n1;x;\"a;b\"\n"), [r#"1@3+26: 1 "a;b""#]);
        assert_eq!(rows("Ticket;Note"), [""; 0]);
        assert_eq!(
            rows("Ticket;Note\n1;a;b\n"),
            ["1@2+12: cells: 3, columns in the header: 2; a text with a semicolon or quote in it must be quoted"]
        );
    }

    #[test]
    fn of_several_that_occur_the_one_that_fits_the_columns_separates() {
        assert_eq!(rows("Ticket,Note,a;b;c;d\n1,a,\n"), [r#"1@2+20: 1 "a""#]);
        assert_eq!(rows("Ticket;Note;a,b,c,d\n1;a;\n"), [r#"1@2+20: 1 "a""#]);
        // To the semicolon, the quote is one within a cell, and the header ends on its first line.
        assert_eq!(rows("Ticket,\"x;y\nz\",Note\n1,,a\n"), [r#"1@3+20: 1 "a""#]);
        let sheet = "id,what;who\n1,a\n";
        let asked = options("", 1, &["ticket=id", "text=what;who"]);
        assert_eq!(brief_in_pieces(sheet.as_bytes(), &asked), [r#"1@2+12: 1 "a""#]);
    }

    #[test]
    fn where_none_or_several_fit_the_candidates_are_named() {
        let none = "error: the columns could be separated by any of semicolon, comma; say by which with --delimiter \
                    (by semicolon: no column is obviously the ticket; say which with --column ticket=COLUMN; the \
                    columns are \"a\", \"b,c\", \"Note\")";
        assert_eq!(rows("a;b,c;Note\n"), [none]);
        let both = "error: the columns could be separated by any of comma, pipe; say by which with --delimiter";
        assert_eq!(rows("Ticket,Note,x|Ticket No|Text\n"), [both]);
    }

    #[test]
    fn what_is_said_goes_before_what_the_header_shows() {
        for (delimiter, sheet) in [(";", "Ticket;Note;a,b,c\n1;a;\n"), ("~", "Ticket~Note~a,b,c\n1~a~\n")] {
            assert_eq!(brief_in_pieces(sheet.as_bytes(), &options(delimiter, 1, &[])), [r#"1@2+18: 1 "a""#]);
        }
        let wanted = "error: no column is obviously the ticket; say which with --column ticket=COLUMN; the columns are \
                      \"Ticket;Note\"";
        assert_eq!(brief_in_pieces(b"Ticket;Note\n", &options(",", 1, &[])), [wanted]);
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
        assert_eq!(brief_in_pieces(sheet, &options(",", 1, &[])), [r#"1@3+18: 1 "a""#], "an option goes before it");
        for other in ["sep=;;\nTicket,Note\n", "sep;\nTicket,Note\n", "sep=", "\nsep=;\nTicket;Note\n"] {
            assert!(rows(other)[0].starts_with("error: no column is obviously the ticket"), "{other:?}");
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
            assert_eq!(brief_in_pieces(sheet.as_bytes(), &options("", row, &[])), [wanted], "{sheet:?}");
        }
        let wanted = "error: the input ends before line 3, where --header-row says its header is";
        assert_eq!(brief_in_pieces(b"Ticket,Note\n1,a", &options("", 3, &[])), [wanted]);
        let wanted = "error: the input has no header line; the first line of a CSV must name its columns";
        assert_eq!(brief_in_pieces(b"Ticket,Note\n1,a\n", &options("", 3, &[])), [wanted]);
    }

    #[test]
    fn a_header_that_cannot_be_used_says_why() {
        for (sheet, wanted) in [
            (
                &b"Ticket,\"Note\n1,a"[..],
                "error: the header cannot be read: the record that begins on line 1 has a quote that is never closed; \
                 the input ends inside it",
            ),
            (
                b"Ticket,Gr\xf6\xdfe,Note\n",
                "error: the header is not UTF-8 at byte 9; if the file is windows-1252, say --encoding windows-1252",
            ),
            (
                b"\nTicket;Gr\xf6\xdfe, Note\n",
                "error: the header is not UTF-8 at byte 10; if the file is windows-1252, say --encoding windows-1252",
            ),
            (
                b"\x22\x04\x38\x04;\0N\0\n\0",
                "error: the input has NUL bytes where text should be, as UTF-16 without a byte order mark has; if it \
                 is that, say --encoding utf-16le",
            ),
            (b"Ticket,No\0t\0\0e", "error: the input has NUL bytes where text should be; it is binary data"),
        ] {
            assert_eq!(brief_in_pieces(sheet, &options("", 1, &[])), [wanted], "{sheet:?}");
        }
    }

    #[test]
    fn a_header_over_the_bound_says_so_and_one_at_the_bound_is_read() {
        let mut options = options("", 1, &[]);
        options.record_bound_bytes = 200_000;
        let header = |length: usize| format!("Ticket;Note;{}", "x".repeat(length - 12));
        let sheet = format!("{}\n1;a;\n", header(200_000));
        let mut found = brief_in_pieces(sheet.as_bytes(), &options);
        assert_eq!(found, [r#"1@2+200001: 1 "a""#]);
        found = brief_in_pieces(format!("{}\n1;a;\n", header(200_001)).as_bytes(), &options);
        let wanted = "error: the header cannot be read: the record that begins on line 1 is longer than 200000 bytes; \
                      is a quote never closed?";
        assert_eq!(found, [wanted]);
    }
}
