//! How an input is to be read: its format, and which columns are what.

use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{InputError, OptionError};
use super::template::Template;
use super::ticket::{LookupSpec, TicketPattern};
use batchpost_sheets::text::{Delimiter, Encoding, Known};

/// The format of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// `csv`: a header, and a record for each row.
    #[serde(rename = "csv")]
    Csv,
    /// `jsonl` or `ndjson`: an object a line.
    #[serde(rename = "jsonl", alias = "ndjson")]
    JsonLines,
    /// `json`: one array of objects.
    #[serde(rename = "json")]
    Json,
    /// `workbook`: a spreadsheet's own file (XLSX, XLSM, XLSB, XLS, ODS); which of them it is, its content tells.
    #[serde(rename = "workbook")]
    Workbook,
}

impl Format {
    /// The format that a file's name tells by its extension, in any case, whether it is packed (`.gz`) or not.
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

/// What a column can be to a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// `ticket`: the id of the ticket that gets the note.
    Ticket,
    /// `text`: the note's text, or a part of it.
    Text,
    /// `key`: what names the job, whatever its ticket and text are.
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

/// A person's word on which column is what: `ticket=Ticket ID`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnChoice {
    /// What the column is.
    pub field: Field,
    /// The column's name.
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

/// The longest text that is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxText {
    /// Its length in bytes of UTF-8.
    pub bytes: NonZeroU32,
    /// What to do with a longer one.
    pub too_long: TooLong,
}

/// What to do with a text that is too long.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TooLong {
    /// The row is invalid.
    #[default]
    Reject,
    /// It is cut after a word, and ends with an ellipsis.
    Truncate,
}

/// How an input is to be read. Kept in the ledger with each run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The input's format.
    pub format: Format,
    /// The columns to take; those of a field that none is given for are found by their names.
    pub columns: Vec<ColumnChoice>,
    /// The sheet of a workbook, by its name; the first one that is shown where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Where the header is: the sheet's row, or the line on which it begins at the earliest; the first where it is not
    /// said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_row: Option<NonZeroU32>,
    /// The text's encoding; where it is not said, UTF-16 if it begins with that byte order mark, and UTF-8 if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// What separates a CSV's cells; where it is not said, the header shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// Where the id stands in a ticket cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_pattern: Option<TicketPattern>,
    /// The table from ids as they are written to tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<LookupSpec>,
    /// What makes the text of a row, instead of text columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// The longest text that is posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_text: Option<MaxText>,
    /// The longest record of a text that is kept, in bytes as they stand in the source, its line end not counted. A
    /// workbook's rows have a bound of their own.
    #[serde(skip, default = "default_record_bound_bytes")]
    pub record_bound_bytes: usize,
}

fn default_record_bound_bytes() -> usize {
    Options::DEFAULT_RECORD_BOUND_BYTES
}

impl Options {
    /// 1 MiB.
    pub const DEFAULT_RECORD_BOUND_BYTES: usize = 1 << 20;

    /// Options for `format`: columns found by their names, and the default bound.
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

    /// What is known of a CSV beforehand.
    pub(super) fn known(&self) -> Known {
        let header_row = self.header_row.map_or(1, |row| row.get().into());
        Known { delimiter: self.delimiter, header_row, record_bound_bytes: self.record_bound_bytes }
    }

    /// That no option is for another format: it would be passed over without a word.
    pub(super) fn check(&self) -> Result<(), InputError> {
        use Format::{Csv, Json, JsonLines, Workbook};
        let misplaced = [
            (self.sheet.is_some(), "sheet", "workbooks", &[Workbook][..]),
            (self.delimiter.is_some(), "delimiter", "csv", &[Csv]),
            (self.header_row.is_some(), "header row", "csv and workbooks", &[Csv, Workbook]),
            (self.encoding.is_some(), "encoding", "texts (csv, jsonl, json)", &[Csv, JsonLines, Json]),
        ];
        match misplaced.into_iter().find(|(said, .., formats)| *said && !formats.contains(&self.format)) {
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
            (Format::Csv, ["the sheet setting is for workbooks, and the input is csv", "", "", ""]),
            (
                Format::Json,
                [
                    "the sheet setting is for workbooks, and the input is json",
                    "the delimiter setting is for csv, and the input is json",
                    "the header row setting is for csv and workbooks, and the input is json",
                    "",
                ],
            ),
            (
                Format::Workbook,
                [
                    "",
                    "the delimiter setting is for csv, and the input is workbook",
                    "",
                    "the encoding setting is for texts (csv, jsonl, json), and the input is workbook",
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
