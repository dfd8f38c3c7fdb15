//! Reads an input once: plans its rows and writes those that may be sent to the job file. Nothing is sent.

use std::io::{Read, Write};

use super::row_reader::RowReader;
use crate::input::{IdShapes, InputError, Row, Rows};
use crate::job::{Identity, Key};
use crate::ledger::Batch;
use crate::planning::{JobFileError, JobFileWriter, Planner, ReadSummary, RowKeys};

/// Why an input cannot be read into a job file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadRowsError {
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The job file cannot be written.
    #[error(transparent)]
    JobFile(#[from] JobFileError),
}

/// Reads the whole input: passes every row to `planner` and writes the resulting records to `jobs`. Also returns the
/// shapes of the ticket cells.
///
/// # Errors
///
/// If the input as a whole cannot be read, or the job file cannot be written. An invalid row is not an error but is
/// counted.
pub fn plan_rows<R: Read, W: Write>(
    rows: &mut Rows<R>,
    planner: Planner<'_>,
    jobs: &mut JobFileWriter<W>,
) -> Result<(ReadSummary, IdShapes), ReadRowsError> {
    let mut scan = RowReader::new(rows);
    let read_summary = plan_scanned_rows(&mut || scan.next(), planner, jobs)?;
    Ok((read_summary, scan.tickets()))
}

/// Like [`plan_rows`], with rows from a [`RowReader`], but without the shapes of the ticket cells.
pub(crate) fn plan_scanned_rows<W: Write>(
    next: &mut dyn FnMut() -> Result<Option<Row>, InputError>,
    mut planner: Planner<'_>,
    jobs: &mut JobFileWriter<W>,
) -> Result<ReadSummary, ReadRowsError> {
    while let Some(row) = next()? {
        if let Some(record) = planner.enter(row.in_words()) {
            jobs.add(&record)?;
        }
    }
    Ok(planner.end())
}

/// Reads the whole input, enters every row into `batch`, and passes each row's key and number to `each`.
///
/// # Errors
///
/// If the input cannot be read.
pub fn number_rows<R: Read>(
    rows: &mut Rows<R>,
    identity: Identity,
    batch: &mut Batch,
    each: &mut dyn FnMut(Key, u64),
) -> Result<(), InputError> {
    let mut keys = RowKeys::new(identity, batch);
    while let Some(row) = rows.next()? {
        if let Some((key, _)) = keys.enter(&row, batch) {
            each(key, row.position.record);
        }
    }
    Ok(())
}
