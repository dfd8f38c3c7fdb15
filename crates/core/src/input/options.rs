//! How to read an input: its format, its columns, and the rules for tickets and texts.

use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{InputError, OptionError};
use super::template::Template;
use super::ticket::{LookupSpec, TicketPattern};
use batchpost_sheets::text::{CsvShape, Delimiter, Encoding};

/// The format of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// `csv`: a header and one record per row.
    #[serde(rename = "csv")]
    Csv,
    /// `jsonl` or `ndjson`: one object per line.
    #[serde(rename = "jsonl", alias = "ndjson")]
    JsonLines,
    /// `json`: one array of objects.
    #[serde(rename = "json")]
    Json,
    /// `workbook`: a spreadsheet file (XLSX, XLSM, XLSB, XLS, ODS). Its content shows which format it has.
    #[serde(rename = "workbook")]
    Workbook,
}

impl Format {
    /// Returns the format for a file name by its extension, ignoring case and a trailing `.gz`.
    pub fn of_name(file_name: impl AsRef<Path>) -> Option<Self> {
        let mut path = file_name.as_ref().to_owned();
        if path.extension()?.eq_ignore_ascii_case("gz") {
            path.set_extension("");
        }
        path.extension()?.to_str()?.to_ascii_lowercase().parse().ok()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Json => "json",
            Self::Workbook => "workbook",
        })
    }
}

impl FromStr for Format {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        match text {
            "csv" | "tsv" | "tab" => Ok(Self::Csv),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "json" => Ok(Self::Json),
            "xlsx" | "xlsm" | "xlsb" | "xls" | "ods" | "workbook" => Ok(Self::Workbook),
            _ => Err(OptionError::Format(text.to_owned())),
        }
    }
}

/// The role of a column in a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// `ticket`: the id of the ticket that the note is posted to.
    Ticket,
    /// `text`: the text of the note, or a part of it.
    Text,
    /// `key`: the name that identifies the job, whatever its ticket and text are.
    Key,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ticket => "ticket",
            Self::Text => "text",
            Self::Key => "key",
        })
    }
}

impl FromStr for Field {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        match text {
            "ticket" => Ok(Self::Ticket),
            "text" => Ok(Self::Text),
            "key" => Ok(Self::Key),
            _ => Err(OptionError::Field(text.to_owned())),
        }
    }
}

/// A choice of a column for a field: `ticket=Ticket ID`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnChoice {
    /// The role of the column.
    pub field: Field,
    /// The name of the column.
    pub column: String,
}

impl fmt::Display for ColumnChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.field, self.column)
    }
}

impl FromStr for ColumnChoice {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        match text.split_once('=') {
            Some((field, column)) if !column.trim().is_empty() => {
                Ok(Self { field: field.trim().parse()?, column: column.to_owned() })
            }
            _ => Err(OptionError::Choice(text.to_owned())),
        }
    }
}

impl TryFrom<String> for ColumnChoice {
    type Error = OptionError;

    fn try_from(text: String) -> Result<Self, OptionError> {
        text.parse()
    }
}

impl From<ColumnChoice> for String {
    fn from(choice: ColumnChoice) -> String {
        choice.to_string()
    }
}

/// The maximum length of a posted text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxText {
    /// The length in bytes of UTF-8.
    pub bytes: NonZeroU32,
    /// What to do with a longer text.
    pub too_long: TooLong,
}

/// What to do with a text over the maximum length.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TooLong {
    /// The row is invalid.
    #[default]
    Reject,
    /// The text is truncated after a word and ends with an ellipsis.
    Truncate,
}

/// How to read an input. Each run records it in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The format of the input.
    pub format: Format,
    /// The chosen columns. A field without a choice gets the column with an obvious name.
    pub columns: Vec<ColumnChoice>,
    /// The name of the sheet in a workbook; by default the first visible one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The header's row in the sheet, or the first line on which it may begin; by default the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_row: Option<NonZeroU32>,
    /// The encoding of a text input; by default UTF-16 with a matching byte order mark, and UTF-8 otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// The delimiter of a CSV; by default taken from the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// Extracts the id from a ticket cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_pattern: Option<TicketPattern>,
    /// The table that maps ids in the input to tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<LookupSpec>,
    /// The template that renders the text of a row, instead of text columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// The maximum length of a posted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_text: Option<MaxText>,
    /// The maximum length of a record in a text input, in bytes of the source without the line end. The rows of a
    /// workbook have a bound of their own.
    #[serde(skip, default = "default_record_bound_bytes")]
    pub record_bound_bytes: usize,
}

fn default_record_bound_bytes() -> usize {
    Options::DEFAULT_RECORD_BOUND_BYTES
}

impl Options {
    /// 1 MiB.
    pub const DEFAULT_RECORD_BOUND_BYTES: usize = 1 << 20;

    /// Options for `format` with default columns and the default record bound.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            columns: Vec::new(),
            sheet: None,
            header_row: None,
            encoding: None,
            delimiter: None,
            ticket_pattern: None,
            lookup: None,
            template: None,
            max_text: None,
            record_bound_bytes: Self::DEFAULT_RECORD_BOUND_BYTES,
        }
    }

    /// The parts that concern a CSV.
    pub(super) fn known(&self) -> CsvShape {
        let header_row = self.header_row.map_or(1, |row| row.get().into());
        CsvShape { delimiter: self.delimiter, header_row, record_bound_bytes: self.record_bound_bytes }
    }

    /// Rejects options that apply to another format, which would otherwise be ignored silently.
    pub(super) fn check(&self) -> Result<(), InputError> {
        use Format::{Csv, Json, JsonLines, Workbook};
        let misplaced = [
            (self.sheet.is_some(), "sheet", "workbooks", &[Workbook][..]),
            (self.delimiter.is_some(), "delimiter", "csv", &[Csv]),
            (self.header_row.is_some(), "header row", "csv and workbooks", &[Csv, Workbook]),
            (self.encoding.is_some(), "encoding", "texts (csv, jsonl, json)", &[Csv, JsonLines, Json]),
        ];
        match misplaced.into_iter().find(|(requested, .., formats)| *requested && !formats.contains(&self.format)) {
            Some((_, setting, of, _)) => Err(InputError::Misplaced { setting, of, format: self.format }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_the_format_by_its_extension() {
        for (name, format) in [
            ("notes.csv", Some(Format::Csv)),
            ("a/NOTES.CSV", Some(Format::Csv)),
            ("x.csv.jsonl", Some(Format::JsonLines)),
            ("x.NdJson", Some(Format::JsonLines)),
            ("csv", None),
            (".csv", None),
            ("x.json", Some(Format::Json)),
            ("x.csv.gz", Some(Format::Csv)),
            ("x.TSV.GZ", Some(Format::Csv)),
            ("x.xlsm", Some(Format::Workbook)),
            ("x.gz", None),
            ("x.txt", None),
        ] {
            assert_eq!(Format::of_name(name), format, "{name}");
        }
    }

    #[test]
    fn formats_and_choices_survive_text_and_json() {
        for format in [Format::Csv, Format::JsonLines] {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert_eq!(serde_json::to_string(&format).unwrap(), format!("\"{format}\""));
        }
        assert_eq!(serde_json::from_str::<Format>("\"ndjson\"").unwrap(), Format::JsonLines);
        for text in ["ticket=Ticket ID", "text=a=b", "text= padded "] {
            let choice: ColumnChoice = text.parse().unwrap();
            assert_eq!(choice.to_string(), text);
            let json = serde_json::to_string(&choice).unwrap();
            assert_eq!(serde_json::from_str::<ColumnChoice>(&json).unwrap(), choice);
        }
    }

    #[test]
    fn an_option_for_another_format_is_refused() {
        for (format, wanted) in [
            (Format::Csv, ["the sheet setting applies to workbooks, but the input is csv", "", "", ""]),
            (
                Format::Json,
                [
                    "the sheet setting applies to workbooks, but the input is json",
                    "the delimiter setting applies to csv, but the input is json",
                    "the header row setting applies to csv and workbooks, but the input is json",
                    "",
                ],
            ),
            (
                Format::Workbook,
                [
                    "",
                    "the delimiter setting applies to csv, but the input is workbook",
                    "",
                    "the encoding setting applies to texts (csv, jsonl, json), but the input is workbook",
                ],
            ),
        ] {
            let new = || Options::new(format);
            let each = [
                Options { sheet: Some("x".to_owned()), ..new() },
                Options { delimiter: Some(Delimiter::TAB), ..new() },
                Options { header_row: NonZeroU32::new(2), ..new() },
                Options { encoding: Some("shift_jis".parse().unwrap()), ..new() },
            ];
            let found = each.map(|options| options.check().err().map_or_else(String::new, |error| error.to_string()));
            assert_eq!(found, wanted);
            assert!(new().check().is_ok());
        }
        let options = Options { sheet: Some("x".to_owned()), ..Options::new(Format::Csv) };
        assert!(super::super::Rows::open(&b"Ticket,Note\n"[..], &options.into()).is_err());
    }

    #[test]
    fn other_choices_are_refused() {
        for text in ["", "ticket", "ticket=", "text= ", "=x", "note=x", "Ticket=x"] {
            assert!(text.parse::<ColumnChoice>().is_err(), "{text:?}");
        }
    }
}
