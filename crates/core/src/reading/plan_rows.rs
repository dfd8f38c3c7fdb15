//! The one reading of an input: its rows, planned, and what may be sent in the job file. Nothing is sent.

use std::io::{Read, Write};

use super::row_reader::RowReader;
use crate::input::{IdShapes, InputError, Row, Rows};
use crate::job::{Identity, Key};
use crate::ledger::Batch;
use crate::planning::{JobFileError, JobFileWriter, Planner, ReadSummary, RowKeys};

/// Why an input could not be read into a job file.
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

/// Reads the whole input: every row is given to `planner`, and what that says goes into `jobs`. Also tells what tickets
/// look like.
///
/// # Errors
///
/// When the input as a whole cannot be read, or the job file not be written; a row that is no good is counted as invalid.
pub fn plan_rows<R: Read, W: Write>(
    rows: &mut Rows<R>,
    planner: Planner<'_>,
    jobs: &mut JobFileWriter<W>,
) -> Result<(ReadSummary, IdShapes), ReadRowsError> {
    let mut scan = RowReader::new(rows);
    let read_summary = plan_scanned_rows(&mut || scan.next(), planner, jobs)?;
    Ok((read_summary, scan.tickets()))
}

/// The same with what a [`RowReader`] of the rows gives, but for what it knows of the tickets in the end.
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

/// Reads the whole input, enters every row into `batch`, and tells each row's key and number.
///
/// # Errors
///
/// When the input cannot be read.
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
