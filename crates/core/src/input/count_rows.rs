//! Reading an input from end to end.

use std::io::Read;

use super::error::InputError;
use super::reader_config::ReaderConfig;
use super::rows::{Content, Rows};

/// How many rows an input has, by what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// Notes to post.
    pub notes: u64,
    /// Rows of which no job can be made.
    pub invalid: u64,
    /// Rows with nothing in the mapped columns.
    pub blank: u64,
}

/// Reads an input to its end and keeps nothing of it: all that reading can run into, in one call.
///
/// # Panics
///
/// When rows are not counted and placed in order, which would be a fault of the reader's.
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
