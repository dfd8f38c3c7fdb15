//! Reads CSV records one at a time, each within a length bound.

use std::io::Read;

use csv_core::ReadRecordResult;

use super::delimiter::Delimiter;
use super::error::TextError;
use super::line_ends::LineEnds;
use super::quotes::Quotes;
use super::source::Source;
use crate::record_error::RecordError;

/// Excel's last column is XFD, the 16,384th. Without this bound, each comma of a record of commas alone would take
/// eight bytes of memory.
const MOST_CELLS: usize = 16_384;

/// Reads records with csv_core's parser into reused buffers.
#[derive(Debug)]
pub struct Reader {
    core: csv_core::Reader,
    delimiter: Delimiter,
    /// The unquoted cells of the record, one after the other.
    cells: Vec<u8>,
    /// The end of each cell in `cells`. The parser gets all elements but one, which is for a truncated cell.
    ends: Vec<usize>,
    bound_bytes: usize,
    line_ends: LineEnds,
    quotes: Quotes,
    /// Number of cells in the last record.
    count: usize,
}

/// A record, or the part that was kept of a broken one.
#[derive(Debug)]
pub struct Record<'a> {
    /// Line on which the record begins, from 1.
    pub line: u64,
    /// Offset of its first byte.
    pub byte: u64,
    /// Why the record cannot be used. If set, the cells are the part that was kept.
    pub broken: Option<RecordError>,
    /// The character that separates the cells.
    pub delimiter: Delimiter,
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl Record<'_> {
    /// Number of cells.
    pub fn width(&self) -> usize {
        self.ends.len()
    }

    /// The unquoted bytes of a cell.
    #[inline]
    pub fn cell(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// All cells, in order.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.width()).map(|index| self.cell(index))
    }
}

impl Reader {
    /// Creates a reader that starts at the position of `line_ends`.
    pub(crate) fn new(delimiter: Delimiter, bound_bytes: usize, line_ends: LineEnds) -> Self {
        let mut core = csv_core::ReaderBuilder::new().delimiter(delimiter.byte()).build();
        // Before its first read, the parser would drop a byte order mark, but only if the buffer contains all of it.
        // The source has already dropped it. With this call, no later read is the first.
        core.read_record(b",", &mut [], &mut []);
        core.set_line(line_ends.line);
        Self {
            core,
            delimiter,
            cells: vec![0; 4096],
            ends: vec![0; 64 + 1],
            bound_bytes,
            line_ends,
            quotes: Quotes::new(delimiter),
            count: 0,
        }
    }

    /// The character that separates the cells.
    pub fn delimiter(&self) -> Delimiter {
        self.delimiter
    }

    /// Returns the next record, or `None` at the end.
    ///
    /// # Errors
    ///
    /// If the source cannot be read.
    pub fn next<R: Read>(&mut self, source: &mut Source<R>) -> Result<Option<Record<'_>>, TextError> {
        if !self.skip_line_ends(source)? {
            return Ok(None);
        }
        let (line, byte) = (self.core.line(), source.byte());
        // One byte more than the bound, so that the end of a record of exactly that length is seen.
        let most = self.bound_bytes.saturating_add(1);
        let (mut used, mut kept, mut cells) = (0, 0, 0);
        let mut broken = None;
        self.quotes.begin();
        loop {
            if used == most {
                broken = Some(RecordError::RecordTooLong { line, bound_bytes: self.bound_bytes });
                break;
            }
            let input = source.peek(1)?;
            let ended = input.is_empty();
            // The end of the input ends a record as a line end does, except inside quotes, where the parser takes a
            // line end for text. Feeding a line end therefore reveals an open quote, which the parser does not report.
            let input = if ended { b"\n" } else { &input[..input.len().min(most - used)] };
            let spare = self.ends.len() - 1;
            let (result, read, copied, closed) =
                self.core.read_record(input, &mut self.cells[kept..], &mut self.ends[cells..spare]);
            if !ended {
                self.line_ends.after_return = read > 0 && input[read - 1] == b'\r';
                self.quotes.feed(&input[..read]);
                source.consume(read);
            }
            (used, cells) = (used + read, cells + closed);
            if ended && result == ReadRecordResult::InputEmpty {
                broken = Some(RecordError::OpenQuote { line });
                break;
            }
            kept += copied;
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputEndsFull if cells == MOST_CELLS => {
                    broken = Some(RecordError::TooManyCells { line, most: MOST_CELLS });
                    break;
                }
                ReadRecordResult::OutputFull => self.cells.resize((self.cells.len() * 2).min(most), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize((spare * 2).min(MOST_CELLS) + 1, 0),
                ReadRecordResult::End => unreachable!("a record that has begun ends as a record"),
            }
        }
        if broken.is_some() {
            self.discard(source)?;
            // The truncated cell counts as one.
            self.ends[cells] = kept;
            cells += 1;
        } else if self.quotes.text_after {
            // The parser keeps the text and drops the quote: the posted text would differ from the cell.
            broken = Some(RecordError::TextAfterQuote { line });
        }
        self.count = cells;
        let (bytes, ends) = (&self.cells[..kept], &self.ends[..cells]);
        Ok(Some(Record { line, byte, broken, delimiter: self.delimiter, bytes, ends }))
    }

    /// The unquoted cells of the last record.
    pub fn last_cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends[..self.count]).map(|(start, end)| &self.cells[*start..*end])
    }

    /// Skips line ends, so that positions are those of records; returns `false` at the end.
    ///
    /// The parser counts line feeds only, so carriage returns are added to its count here. Inside quotes, only line
    /// feeds are counted.
    fn skip_line_ends<R: Read>(&mut self, source: &mut Source<R>) -> Result<bool, TextError> {
        self.line_ends.line = self.core.line() + u64::from(self.line_ends.after_return);
        let begun = self.line_ends.skip(source)?;
        self.core.set_line(self.line_ends.line);
        Ok(begun)
    }

    /// Skips the rest of a record.
    fn discard<R: Read>(&mut self, source: &mut Source<R>) -> Result<(), TextError> {
        let (mut cells, mut ends) = ([0; 4096], [0; 64]);
        loop {
            let input = source.peek(1)?;
            let (result, read, ..) = self.core.read_record(input, &mut cells, &mut ends);
            self.line_ends.after_return = read > 0 && input[read - 1] == b'\r';
            source.consume(read);
            if let ReadRecordResult::Record | ReadRecordResult::End = result {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::source::Pieces;
    use super::*;

    /// The cells, line, byte and error of a record.
    type Found = (Vec<Vec<u8>>, u64, u64, Option<RecordError>);

    fn read(bytes: &[u8], sizes: &[usize], bound_bytes: usize) -> Vec<Found> {
        read_separated(bytes, Delimiter::COMMA, sizes, bound_bytes)
    }

    /// The records of `bytes`, read in pieces of `sizes`.
    fn read_separated(bytes: &[u8], delimiter: Delimiter, sizes: &[usize], bound_bytes: usize) -> Vec<Found> {
        let mut source = Source::open(Pieces::new(bytes, sizes.to_vec()), None).unwrap();
        let mut reader = Reader::new(delimiter, bound_bytes, LineEnds::new());
        let mut records = Vec::new();
        while let Some(record) = reader.next(&mut source).unwrap() {
            let cells = record.cells().map(<[u8]>::to_vec).collect();
            records.push((cells, record.line, record.byte, record.broken));
        }
        assert_eq!(source.byte(), bytes.len() as u64, "all is read");
        records
    }

    /// The cells, line and byte of each record of `bytes`, which must all be valid; read in pieces of several
    /// sizes.
    fn whole(bytes: &str) -> Vec<(Vec<String>, u64, u64)> {
        let text = |cell| String::from_utf8(cell).unwrap();
        let mut first = None;
        for size in [1, 2, 3, 7, 100_000] {
            let records: Vec<_> = read(bytes.as_bytes(), &[size], 1000)
                .into_iter()
                .map(|(cells, line, byte, broken)| {
                    assert_eq!(broken, None);
                    (cells.into_iter().map(text).collect(), line, byte)
                })
                .collect();
            assert_eq!(*first.get_or_insert(records.clone()), records, "in pieces of {size}");
        }
        first.unwrap()
    }

    /// Like `whole`, for records that may be broken.
    fn broken(bytes: &[u8], bound_bytes: usize) -> Vec<Found> {
        let records = read(bytes, &[100_000], bound_bytes);
        for size in [1, 2, 3, 7] {
            assert_eq!(read(bytes, &[size], bound_bytes), records, "in pieces of {size}");
        }
        records
    }

    #[test]
    fn cells_come_out_to_the_byte() {
        for (csv, cells) in [
            ("a,b\n", &["a", "b"][..]),
            ("a,b", &["a", "b"]),
            ("\u{feff}a,b\r\n", &["a", "b"]),
            ("\u{feff}\"a,\",b", &["a,", "b"]),
            ("\"a, b\",\"c\"\"d\"\"\"", &["a, b", "c\"d\""]),
            ("\"a\r\nb\n\n\",\r\n", &["a\r\nb\n\n", ""]),
            (",\"\",", &["", "", ""]),
            // A byte order mark is recognized only at the very beginning.
            ("\n\u{feff}a,b", &["\u{feff}a", "b"]),
            ("1,\"{\"\"type\"\": \"\"Point\"\", \"\"at\"\": [1, 2]}\"", &["1", r#"{"type": "Point", "at": [1, 2]}"#]),
            ("ʤ,Grüße – 😀", &["ʤ", "Grüße – 😀"]),
            (" a ,\tb ", &[" a ", "\tb "]),
            ("5\" pipe,a\"b\"", &["5\" pipe", "a\"b\""]),
        ] {
            let records = whole(csv);
            assert_eq!(records.len(), 1, "{csv:?}");
            assert_eq!(records[0].0, cells, "{csv:?}");
        }
    }

    #[test]
    fn text_after_a_closing_quote_breaks_its_record_alone() {
        for (record, after) in [
            ("143,\"No\" was the answer", true),
            ("\"a\"b,c", true),
            ("\"a\" ,c", true),
            ("\"a\"\"\"b,c", true),
            ("\"\"a", true),
            ("x,\"a\",\"b\"\"\",\"c\"d", true),
            ("a,\"line\nline\"b", true),
            ("\"a\"", false),
            ("\"a\"\"b\",\"\",\"\"\"\"", false),
            ("5\" pipe,a\"b\"c", false),
            ("a, \"b\"c", false),
            ("\"a,\"\"b\nc\"", false),
            ("a\"\",\"b\"", false),
        ] {
            let csv = format!("\"q\"\n{record}\r\n\"z\"\n");
            let found: Vec<_> = broken(csv.as_bytes(), 1000).into_iter().map(|(.., broken)| broken).collect();
            let wanted = after.then_some(RecordError::TextAfterQuote { line: 2 });
            assert_eq!(found, [None, wanted.clone(), None], "{record}");
            assert_eq!(broken(record.as_bytes(), 1000)[0].3.is_some(), after, "at the end: {record}");
        }
    }

    #[test]
    fn positions_are_where_records_begin() {
        for (csv, positions) in [
            ("a\nb\n", &[(1, 0), (2, 2)][..]),
            ("a\r\nb\r\n", &[(1, 0), (2, 3)]),
            ("a\rb\r", &[(1, 0), (2, 2)]),
            ("\n\r\n\na\n\n\r\nb", &[(4, 4), (7, 9)]),
            ("\u{feff}\na\nb", &[(2, 4), (3, 6)]),
            ("\"1\n2\r\n3\"\r\nb", &[(1, 0), (4, 10)]),
            ("", &[]),
            ("\r\n\r\n", &[]),
        ] {
            let found: Vec<_> = whole(csv).into_iter().map(|(_, line, byte)| (line, byte)).collect();
            assert_eq!(found, positions, "{csv:?}");
        }
    }

    #[test]
    fn an_over_long_record_costs_itself_alone() {
        let too_long = Some(RecordError::RecordTooLong { line: 2, bound_bytes: 8 });
        let one = |cell: &[u8]| vec![cell.to_vec()];
        for (long, kept, end) in [
            (&b"123456789"[..], &b"123456789"[..], &b"\n"[..]),
            (b"1234567890,\"\n\",x", b"123456789", b"\r\n"),
            (b"\"2345678\n\n\n\n0\"", b"2345678\n", b"\n"),
        ] {
            let csv = [b"12345678\n", long, end, b"\"2345678\"\nb\n"].concat();
            // The last one also has nine bytes, including its quotes.
            let lines = long.iter().filter(|byte| **byte == b'\n').count() as u64;
            let records = broken(&csv, 8);
            assert_eq!(records[0], (one(b"12345678"), 1, 0, None));
            assert_eq!(records[1], (one(kept), 2, 9, too_long.clone()), "{csv:?}");
            let after = (9 + long.len() + end.len()) as u64;
            let still_too_long = RecordError::RecordTooLong { line: 3 + lines, bound_bytes: 8 };
            assert_eq!(records[2], (one(b"2345678"), 3 + lines, after, Some(still_too_long)), "{csv:?}");
            assert_eq!(records[3], (one(b"b"), 4 + lines, after + 10, None), "{csv:?}");
            assert_eq!(records.len(), 4);
        }
    }

    #[test]
    fn what_is_kept_of_a_long_record_is_bounded() {
        let csv = [&b"a\n\""[..], &vec![b'x'; 5_000_000], b"\"\nb\n"].concat();
        let mut source = Source::open(&csv[..], None).unwrap();
        let mut reader = Reader::new(Delimiter::COMMA, 10_000, LineEnds::new());
        let mut lengths = Vec::new();
        while let Some(record) = reader.next(&mut source).unwrap() {
            lengths.push(record.cell(0).len());
        }
        assert_eq!(lengths, [1, 10_000, 1]);
        assert!(reader.cells.capacity() <= 20_000);
    }

    #[test]
    fn a_record_of_too_many_cells_is_broken_and_the_next_is_not() {
        let csv = [&vec![b','; MOST_CELLS - 1], &b"\n"[..], &vec![b','; 100_000], b"\na,b\n"].concat();
        let records = broken(&csv, 1 << 20);
        let shape: Vec<_> = records.iter().map(|(cells, .., broken)| (cells.len(), broken.clone())).collect();
        let too_many = RecordError::TooManyCells { line: 2, most: MOST_CELLS };
        assert_eq!(shape, [(MOST_CELLS, None), (MOST_CELLS + 1, Some(too_many)), (2, None)]);
    }

    #[test]
    fn only_a_quote_open_at_the_end_of_input_is_an_open_quote() {
        for (csv, open) in [
            ("a\nb,\"c\nd", true),
            ("a\n\"", true),
            ("a\n\"b\"\"", true),
            ("a\n\"b\"", false),
            ("a\n\"b\"\"\"", false),
            ("a\n5\" pipe", false),
            ("a\nb,", false),
        ] {
            let records = broken(csv.as_bytes(), 100);
            assert_eq!(records.len(), 2, "{csv:?}");
            assert_eq!(records[1].3, open.then_some(RecordError::OpenQuote { line: 2 }), "{csv:?}");
        }
    }

    fn delimiters() -> impl Strategy<Value = Delimiter> {
        prop::sample::select(&[b',', b';', b'\t', b'|', b'~', b'a', b' '][..])
            .prop_map(|byte| Delimiter::of_byte(byte).unwrap())
    }

    fn csv_bytes(delimiter: Delimiter) -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            4 => Just(delimiter.byte()), 4 => Just(b'"'), 3 => Just(b'\n'), 3 => Just(b'\r'), 6 => b'a'..=b'c',
            1 => Just(b' '), 1 => Just(b','), 1 => Just(0), 1 => any::<u8>(),
        ];
        let mark = prop_oneof![3 => Just(&b""[..]), 1 => Just(&b"\xef\xbb\xbf"[..])];
        (mark, prop::collection::vec(byte, 0..200)).prop_map(|(mark, bytes)| [mark, &bytes].concat())
    }

    fn separated_bytes() -> impl Strategy<Value = (Delimiter, Vec<u8>)> {
        delimiters().prop_flat_map(|delimiter| (Just(delimiter), csv_bytes(delimiter)))
    }

    proptest! {
        /// The oracle is the csv crate's own reader, which has no bound.
        #[test]
        fn records_and_positions_are_the_csv_crates(
            (delimiter, bytes) in separated_bytes(),
            sizes in prop::collection::vec(1_usize..20, 1..5),
        ) {
            let source = Source::open(&bytes[..], None);
            prop_assume!(source.is_ok_and(|source| source.byte() < 6 && source.is_raw() && !source.compressed()));

            let mut oracle = ::csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter.byte())
                .from_reader(&bytes[..]);
            let mut expected = Vec::new();
            for record in oracle.byte_records() {
                let record = record.unwrap();
                // The oracle's position is the end of the previous record; the line ends in between do not
                // belong to this one.
                let mut byte = record.position().unwrap().byte() as usize;
                if byte == 0 && bytes.starts_with(b"\xef\xbb\xbf") {
                    byte = 3;
                }
                byte += bytes[byte..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                expected.push((record.iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), byte as u64));
            }

            let found = read_separated(&bytes, delimiter, &sizes, 1 << 20);
            let lone_return = bytes.iter().enumerate().any(|(i, b)| *b == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
            for (_, line, byte, _) in &found {
                let feeds = bytes[..*byte as usize].iter().filter(|byte| **byte == b'\n').count();
                prop_assert!(lone_return || *line == 1 + feeds as u64);
            }
            let found: Vec<_> = found.into_iter().map(|(cells, _, byte, _)| (cells, byte)).collect();
            prop_assert_eq!(found, expected);
        }

        /// With a bound, records within it are unchanged, and longer ones have the same positions.
        #[test]
        fn a_bound_changes_nothing_but_the_records_over_it(
            (delimiter, bytes) in separated_bytes(),
            sizes in prop::collection::vec(1_usize..20, 1..5),
            bound_bytes in 0_usize..30,
        ) {
            let source = Source::open(&bytes[..], None);
            prop_assume!(source.is_ok_and(|source| source.is_raw() && !source.compressed()));
            let free = read_separated(&bytes, delimiter, &sizes, 1 << 20);
            let bounded = read_separated(&bytes, delimiter, &sizes, bound_bytes);
            prop_assert_eq!(free.len(), bounded.len());
            for (free, bounded) in free.into_iter().zip(bounded) {
                if let Some(RecordError::RecordTooLong { .. }) = bounded.3 {
                    prop_assert_eq!((bounded.1, bounded.2), (free.1, free.2));
                    prop_assert!(bounded.0.concat().len() <= bound_bytes + 1);
                } else {
                    prop_assert_eq!(bounded, free);
                }
            }
        }
    }
}
