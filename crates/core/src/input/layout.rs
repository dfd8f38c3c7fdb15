//! How an input turned out to be written.

/// How an input turned out to be written, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// `csv`, `jsonl`, `json`, `xlsx`, `xlsb`, `xls` or `ods`.
    pub format: String,
    /// Whether it is packed with gzip.
    pub packed: bool,
    /// A text's encoding.
    pub encoding: Option<String>,
    /// What divides the cells of a text.
    pub delimiter: Option<String>,
    /// A workbook's sheet.
    pub sheet: Option<String>,
    /// The columns there are.
    pub columns: Vec<String>,
}
