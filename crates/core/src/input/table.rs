//! Reads a CSV of batchpost that a spreadsheet program has saved again, perhaps with another delimiter and encoding.
//! The columns read from it are ASCII.

use super::error::InputError;
use super::options::{Field, Format, Options};
use batchpost_sheets::text::{CsvReader, CsvShape, Encoding, Source, TextError, open_csv};
use batchpost_sheets::{Names, RecordError};

/// The rows of the table in order.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    source: Source<&'a [u8]>,
    reader: CsvReader,
    names: Vec<String>,
    encoding: Option<Encoding>,
}

impl<'a> Table<'a> {
    /// Reads the header with the delimiter that gives a column `name`.
    pub(crate) fn open(bytes: &'a [u8], name: &'static str) -> Result<Self, InputError> {
        match Self::open_in(bytes, name, None) {
            // Excel's default on Windows. Any other encoding based on ASCII gives the same values in the columns that
            // are read.
            Err(InputError::Text(TextError::HeaderNotUtf8 { .. })) => {
                Self::open_in(bytes, name, "windows-1252".parse().ok())
            }
            opened => opened,
        }
    }

    fn open_in(bytes: &'a [u8], name: &'static str, encoding: Option<Encoding>) -> Result<Self, InputError> {
        let mut source = Source::open(bytes, encoding)?;
        // The input is in memory already, so no record needs a lower bound.
        let record_bound_bytes = Options::DEFAULT_RECORD_BOUND_BYTES.max(bytes.len());
        let known = CsvShape { delimiter: None, header_row: 1, record_bound_bytes };
        let (reader, names) = open_csv(&mut source, known, |names| match names.iter().any(|column| column == name) {
            true => Ok(names),
            false => {
                Err(InputError::MissingColumn { field: Field::Key, column: name.to_owned(), columns: Names(names) })
            }
        })?;
        Ok(Self { source, reader, names, encoding })
    }

    /// The column names.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Options for reading the same records in full. The columns are still to be chosen.
    pub(crate) fn options(&self, bytes: &[u8]) -> Options {
        Options {
            delimiter: Some(self.reader.delimiter()),
            encoding: self.encoding,
            record_bound_bytes: Options::DEFAULT_RECORD_BOUND_BYTES.max(bytes.len()),
            ..Options::new(Format::Csv)
        }
    }

    /// The last column of that name.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().rposition(|column| column == name)
    }

    /// Returns the line of the next row and its cells in `columns`; cells that a short row lacks are empty.
    #[expect(clippy::type_complexity, reason = "a row that is broken has a line too")]
    pub(crate) fn next<const N: usize>(
        &mut self,
        columns: [usize; N],
    ) -> Result<Option<(u64, Result<[String; N], RecordError>)>, InputError> {
        let Some(record) = self.reader.next(&mut self.source)? else { return Ok(None) };
        let text = |column| match column < record.width() {
            true => String::from_utf8_lossy(record.cell(column)).into_owned(),
            false => String::new(),
        };
        let cells = record.broken.clone().map_or_else(|| Ok(columns.map(text)), Err);
        Ok(Some((record.line, cells)))
    }
}
