//! Formats rows as short strings for tests: `record@line+byte: ticket "text"`, then the error that ended
//! reading, if any.

use std::io::Read;

use crate::json::{Container, Members, Reader, Record, placed};
use crate::text::source::Pieces;
use crate::text::{CsvRecord, CsvShape, HeaderError, Source, TextError, open_csv};
use crate::{Cells, RecordError, RowPosition, Wanted};

/// Names accepted for the ticket column and the text column.
const TICKET: &[&str] = &["ticket", "ticket no"];
const TEXT: &[&str] = &["text", "note"];

/// The default record bound.
pub(crate) const BOUND_BYTES: usize = 1 << 20;

/// Indexes of the ticket column and the text column.
fn columns(names: &[String], wanted: [&[&str]; 2]) -> Result<[usize; 2], String> {
    let find = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.trim().to_lowercase().as_str()));
    match wanted.map(find) {
        [Some(ticket), Some(text)] => Ok([ticket, text]),
        _ => Err(format!("no ticket and text in {names:?}")),
    }
}

fn cells_of(record: &CsvRecord<'_>, names: &[String], wanted: &Wanted, cells: &mut Cells) -> Result<(), RecordError> {
    if let Some(broken) = &record.broken {
        return Err(broken.clone());
    }
    wanted.read(cells, |column, out| {
        let cell = record.cell(column);
        let text = std::str::from_utf8(cell).map_err(|_| RecordError::not_utf8(&names[column], cell))?;
        out.push_str(text);
        Ok(())
    })
}

fn csv(
    input: impl Read,
    known: CsvShape,
    names: [&[&str]; 2],
    out: &mut Vec<String>,
) -> Result<(), HeaderError<String>> {
    let mut source = Source::open(input, None)?;
    let resolve = |header: Vec<String>| columns(&header, names).map(|found| (header, found));
    let (mut reader, (header, found)) = open_csv(&mut source, known, resolve)?;
    let (wanted, mut cells, mut count) = (Wanted::each(&found), Cells::default(), 0);
    while let Some(record) = reader.next(&mut source)? {
        count += 1;
        let position = RowPosition { record: count, line: record.line, byte: record.byte };
        let read = cells_of(&record, &header, &wanted, &mut cells);
        out.push(line(position, read, &cells));
    }
    Ok(())
}

fn json(input: impl Read, container: Container, bound_bytes: usize, out: &mut Vec<String>) -> Result<(), TextError> {
    let mut source = Source::open(input, None)?;
    let (mut reader, columns) = Reader::open(&mut source, container, bound_bytes, |_| ())?;
    let nested = columns.map(|columns| columns.nested).unwrap_or_default();
    let (members, mut cells) = (Members::new(&nested, ["ticket", "text"].into_iter()), Cells::default());
    while let Some(record) = reader.next(&mut source)? {
        let (position, read) = match record {
            Record::Broken(position, reason, ()) => (position, Err(reason)),
            Record::Line(position, line) => (position, members.read(line, &mut cells)),
            Record::Element(position, element) => {
                (position, members.read(element, &mut cells).map_err(|reason| placed(reason, element, position)))
            }
        };
        out.push(line(position, read, &cells));
    }
    Ok(())
}

fn line(RowPosition { record, line, byte }: RowPosition, read: Result<(), RecordError>, cells: &Cells) -> String {
    let content = match read {
        Err(reason) => reason.to_string(),
        Ok(()) if cells.texts().iter().all(|text| text.trim().is_empty()) => "blank".to_owned(),
        Ok(()) => format!("{} {:?}", cells.get(0), cells.get(1)),
    };
    format!("{record}@{line}+{byte}: {content}")
}

/// Reads the input in pieces of several sizes and checks that the result is always the same.
fn in_pieces<E: ToString>(input: &[u8], read: impl Fn(Pieces<'_>, &mut Vec<String>) -> Result<(), E>) -> Vec<String> {
    let brief = |size: usize| {
        let mut out = Vec::new();
        if let Err(error) = read(Pieces::new(input, vec![size]), &mut out) {
            out.push(format!("error: {}", error.to_string()));
        }
        out
    };
    let all = brief(input.len().max(1));
    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(brief(size), all, "in pieces of {size}");
    }
    all
}

/// The rows of a CSV.
pub(crate) fn csv_in_pieces(input: &[u8], known: CsvShape) -> Vec<String> {
    csv_by_names(input, known, [TICKET, TEXT])
}

fn in_words(error: HeaderError<String>) -> String {
    match error {
        HeaderError::Text(error) => error.to_string(),
        HeaderError::Columns(why) => why,
        HeaderError::NoDelimiterFits { candidates, first, reason } => {
            format!("any of {candidates} (by {first}: {})", in_words(*reason))
        }
    }
}

/// The rows of a CSV with these column names.
pub(crate) fn csv_by_names(input: &[u8], known: CsvShape, names: [&[&str]; 2]) -> Vec<String> {
    in_pieces(input, |pieces, out| csv(pieces, known, names, out).map_err(in_words))
}

/// The rows of a JSON input.
pub(crate) fn json_in_pieces(input: &[u8], container: Container, bound_bytes: usize) -> Vec<String> {
    in_pieces(input, |pieces, out| json(pieces, container, bound_bytes, out))
}
