//! Counts the rows of an input.

use std::io::Read;

use super::error::InputError;
use super::reader_config::ReaderConfig;
use super::rows::{Content, Rows};

/// The number of rows by content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Rows with a note to post.
    pub notes: u64,
    /// Rows that are invalid.
    pub invalid: u64,
    /// Rows that are blank in the mapped columns.
    pub blank: u64,
}

/// Reads an input to its end and counts its rows: every error that reading can have, in one call.
///
/// # Panics
///
/// If rows are not numbered and located in order, which would be a bug in the reader.
pub fn count_rows(source: impl Read, reader_config: &ReaderConfig) -> Result<RowCounts, InputError> {
    let mut rows = Rows::open(source, reader_config)?;
    let mut tally = RowCounts::default();
    let (mut records, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        records += 1;
        assert_eq!(row.position.record, records, "records are counted one by one");
        assert!(last < Some(row.position.byte), "a record begins after the one before");
        last = Some(row.position.byte);
        *match row.content {
            Content::Note { .. } => &mut tally.notes,
            Content::Invalid { .. } => &mut tally.invalid,
            Content::Blank => &mut tally.blank,
        } += 1;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::super::options::{Format, Options};
    use super::*;

    #[test]
    fn every_row_is_counted_once() {
        let sheet = b"Ticket;Note\n1;a\n;\nx;b\n2;c\n3\n";
        let tally = count_rows(&sheet[..], &Options::new(Format::Csv).into()).unwrap();
        assert_eq!(tally, RowCounts { notes: 2, invalid: 2, blank: 1 });
        assert!(count_rows(&b""[..], &Options::new(Format::Csv).into()).is_err());
    }
}
