//! What can be wrong with an input, with one row of it, and with the options for reading it.

mod row;

use std::fmt;
use std::io;

use super::decode::Encoding;
use super::delimiter::Delimiter;
use super::options::{Field, Format};
use super::template::TemplateError;
use super::ticket::LookupSpec;
use batchpost_sheets::Names;
use batchpost_sheets::workbook::SheetError;

pub use row::InvalidRow;

/// The input as a whole cannot be read: the run ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The source failed.
    #[error("the input cannot be read on from byte {byte}")]
    Read {
        /// Bytes read before it.
        byte: u64,
        /// The source's error.
        source: io::Error,
    },
    /// A zip archive, which is what .xlsx and .ods files are, or an old .xls file.
    #[error(
        "the input is a workbook or an archive, not text; say --format xlsx, or give the file the extension that it \
         should have"
    )]
    Spreadsheet,
    /// An option for inputs of another format.
    #[error("{option} is for {of}, and the input is {format}; leave it out")]
    Misplaced {
        /// The option.
        option: &'static str,
        /// What it is for.
        of: &'static str,
        /// The input's format.
        format: Format,
    },
    /// Options that name a table, which was not loaded.
    #[error("the ids are to be looked up in {0}, which was not read")]
    NoTable(LookupSpec),
    /// What is wrong with a workbook.
    #[error(transparent)]
    Sheet(#[from] SheetError),
    /// Gzip that ends too early.
    #[error("the input is compressed (gzip) and cut off before its end; get a whole copy of it")]
    GzipCutOff,
    /// Gzip that cannot be unpacked, or whose checksum does not match.
    #[error("the input is compressed (gzip) and damaged at or before byte {byte}; get another copy of it")]
    GzipDamaged {
        /// Where in the compressed bytes.
        byte: u64,
    },
    /// More than there is room for.
    #[error(
        "the input is compressed (gzip), and unpacked it has more than {most_bytes} bytes; is it what it should be?"
    )]
    GzipTooLong {
        /// The most that are unpacked.
        most_bytes: u64,
    },
    /// There is no room for a copy of a workbook.
    #[error(
        "the workbook cannot be copied before it is read: {0}; --scratch-dir DIR names another folder for the copy"
    )]
    NotCopied(io::Error),
    /// What is unpacked cannot be kept.
    #[error("the input is compressed (gzip), and there is no place to unpack it: {0}")]
    NotUnpacked(io::Error),
    /// Something else after gzip's last member.
    #[error(
        "the input is compressed (gzip), and from byte {byte} on something else follows; unpack it and see what it is"
    )]
    AfterGzip {
        /// Where in the compressed bytes.
        byte: u64,
    },
    /// Bytes that the encoding, said or marked, does not have.
    #[error(
        "the input is not {encoding} from byte {byte} on; is it whole? else say which encoding it is with --encoding"
    )]
    Malformed {
        /// The encoding it was read in.
        encoding: Encoding,
        /// Where in the (unpacked) input.
        byte: u64,
    },
    /// A byte order mark of one encoding, and an option that says another.
    #[error("the input begins with the byte order mark of {marked}, but --encoding says {said}; leave --encoding out")]
    Contradicted {
        /// The mark's.
        marked: Encoding,
        /// The option's.
        said: Encoding,
    },
    /// NUL bytes where text should begin.
    #[error("the input has NUL bytes where text should be{}", utf16_advice(*likely))]
    Binary {
        /// The UTF-16 that it most likely is.
        likely: Option<&'static str>,
    },
    /// Nothing but empty lines, where a CSV's header was expected.
    #[error("the input has no header line; the first line of a CSV must name its columns")]
    NoHeader,
    /// The header is not a record that can be used.
    #[error("the header cannot be read: {0}")]
    Header(InvalidRow),
    /// The lines that are to stand before the header are all there is.
    #[error("the input ends before line {line}, where --header-row says its header is")]
    NoHeaderRow {
        /// The header's line, as asked.
        line: u64,
    },
    /// The header is in another encoding.
    #[error("the header is not UTF-8 at byte {byte}; {}", encoding_advice(*likely))]
    HeaderNotUtf8 {
        /// Where in the (unpacked) input.
        byte: u64,
        /// The encoding that it looks most like.
        likely: Option<&'static str>,
    },
    /// Several characters could separate the columns, and by none of them are the columns there that are needed.
    #[error(
        "the columns could be separated by any of {candidates}; say by which with --delimiter (by {first}: {reason})"
    )]
    NoDelimiterFits {
        /// Those that occur in the header.
        candidates: Listed<Delimiter>,
        /// The most frequent.
        first: Delimiter,
        /// Why it does not do.
        reason: Box<InputError>,
    },
    /// Several characters could separate the columns, and do equally well.
    #[error("the columns could be separated by any of {candidates}; say by which with --delimiter")]
    SeveralDelimitersFit {
        /// Those that do.
        candidates: Listed<Delimiter>,
    },
    /// A column that was asked for is not there.
    #[error("there is no column {column:?} for the {field}; the columns are {columns}")]
    MissingColumn {
        /// The field it was asked for.
        field: Field,
        /// The name as asked.
        column: String,
        /// Those there are.
        columns: Names,
    },
    /// No column was asked for, and none has an obvious name.
    #[error(
        "no column is obviously the {field}; say which with --column {field}=COLUMN{}; the columns are {columns}",
        further_down(columns)
    )]
    NoCandidate {
        /// The field without a column.
        field: Field,
        /// The columns there are.
        columns: Names,
    },
    /// Several columns match equally well.
    #[error("several columns could be the {field}: {candidates}; say which with --column {field}=COLUMN")]
    AmbiguousColumn {
        /// The field.
        field: Field,
        /// Those that match.
        candidates: Names,
    },
    /// The header has a name twice that is needed.
    #[error("the header has the column {column:?} more than once; rename the one not meant{}", or_join(*field, column))]
    RepeatedColumn {
        /// What it is needed for.
        field: Field,
        /// The name.
        column: String,
    },
    /// In nested JSON, dots in names make two paths look alike.
    #[error("two members have the path {0:?}, since a name has a dot in it; rename the one not meant")]
    RepeatedPath(String),
    /// Two options ask for one column.
    #[error("the column {0:?} is asked for twice; leave one out")]
    ColumnAskedTwice(String),
    /// Two options give a field a column that has only one.
    #[error("the {field} comes from one column, but both {first:?} and {second:?} are asked for")]
    TwoColumns {
        /// The field.
        field: Field,
        /// The column asked for first.
        first: String,
        /// The other.
        second: String,
    },
    /// A template, and columns for the text.
    #[error("the text comes from a template, but the column {0:?} is asked for as well; leave one out")]
    TemplateAndColumn(String),
    /// The template does not fit the input.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A file that is to be a workbook is none.
    #[error("the input is no workbook (XLSX, XLSB, XLS or ODS); if it is text, say --format csv, jsonl or json")]
    NoWorkbook,
    /// Line after line, and none a JSON object.
    #[error(
        "none of the first {lines} lines is a JSON object; the format JSON lines has one on each line (first: {first})"
    )]
    NoObject {
        /// Lines looked at.
        lines: usize,
        /// What was wrong with the first.
        first: InvalidRow,
    },
    /// Element after element, and none a JSON object.
    #[error("none of the first {elements} elements of the array is a JSON object (first: {first})")]
    NoObjectInArray {
        /// Elements looked at.
        elements: usize,
        /// What was wrong with the first.
        first: InvalidRow,
    },
    /// A JSON array where JSON lines were expected.
    #[error("the input begins as a JSON array, and JSON lines has an object on each line; say --format json")]
    ArrayNotLines,
    /// A JSON object where an array was expected.
    #[error(
        "the input begins as a JSON object, and the format json is an array of objects; if each line is an object, say \
         --format jsonl; if the array is inside the object, take it out (with jq: jq .NAME FILE)"
    )]
    ObjectNotArray,
    /// A JSON array that is broken outside its elements, so that where they begin cannot be known.
    #[error("the JSON array is broken on line {line}, at byte {byte}: {what}; mend it, for nothing after that is read")]
    BrokenArray {
        /// Line, from 1.
        line: u64,
        /// Offset.
        byte: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Of texts only there may be several.
fn or_join(field: Field, column: &str) -> String {
    if field == Field::Text { format!(", or join them with --column text={column:?}") } else { String::new() }
}

fn encoding_advice(likely: Option<&'static str>) -> String {
    match likely {
        Some(encoding) => format!("if the file is {encoding}, say --encoding {encoding}"),
        None => "save the file as UTF-8".to_owned(),
    }
}

fn utf16_advice(likely: Option<&'static str>) -> String {
    match likely {
        Some(encoding) => {
            format!(", as UTF-16 without a byte order mark has; if it is that, say --encoding {encoding}")
        }
        None => "; it is binary data".to_owned(),
    }
}

/// An option for reading the input is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// No known format.
    #[error("format {0:?} is not known; it is csv, jsonl, json, xlsx, xlsb, xls or ods")]
    Format(String),
    /// No known encoding.
    #[error(
        "encoding {0:?} is not known; usual ones are windows-1252, iso-8859-15, utf-16le, utf-16be, shift_jis, gb18030"
    )]
    Encoding(String),
    /// Nothing that can separate cells.
    #[error("delimiter {0:?} is not understood; it is comma, semicolon, tab, pipe, or any one ASCII character")]
    Delimiter(String),
    /// No known field.
    #[error("field {0:?} is not known; it is ticket, text or key")]
    Field(String),
    /// Not of the form FIELD=COLUMN.
    #[error("column choice {0:?} is not understood; write it like ticket=Ticket ID or text=Comment")]
    Choice(String),
}

/// A few values for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T>(pub Vec<T>);

impl<T: fmt::Display> fmt::Display for Listed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, value) in self.0.iter().enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            write!(f, "{comma}{value}")?;
        }
        Ok(())
    }
}

/// What to do besides, where the columns look like a title above the header.
fn further_down(columns: &Names) -> &'static str {
    let blank = columns.0.iter().any(|name| name.trim().is_empty());
    if blank { ", or with --header-row N where the names of the columns are" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_columns_have_no_names_the_header_may_be_further_down() {
        let of = |names: &[&str]| {
            let columns = Names(names.iter().map(|&name| name.to_owned()).collect());
            InputError::NoCandidate { field: crate::input::Field::Ticket, columns }.to_string()
        };
        assert!(of(&["Export of today", "", ""]).contains("--header-row N"));
        assert!(!of(&["Number", "Remark"]).contains("--header-row"));
    }
}
