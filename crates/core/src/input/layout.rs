//! The detected layout of an input.

/// The detected layout of an input, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// `csv`, `jsonl`, `json`, `xlsx`, `xlsb`, `xls` or `ods`.
    pub format: String,
    /// Whether it is compressed with gzip.
    pub packed: bool,
    /// The encoding of a text input.
    pub encoding: Option<String>,
    /// The delimiter of a CSV.
    pub delimiter: Option<String>,
    /// The name of a workbook's sheet.
    pub sheet: Option<String>,
    /// All columns.
    pub columns: Vec<String>,
}
