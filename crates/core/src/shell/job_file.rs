//! The job file on the disk: temporary, without a name, readable by its owner only.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::order::Order;
use super::platform::{is_on_network, read_at};
use crate::job::Key;
use crate::reading::{JobFileError, JobFileReader, JobFileWriter, Jobs, repeated_contents};

/// What one reading of the input found, synced. It is gone when this is.
#[derive(Debug)]
pub(super) struct JobFile {
    file: Arc<File>,
    records: u64,
    /// Contents that several named rows have.
    repeated: Vec<Key>,
}

impl JobFile {
    /// Begins the job file of `order`.
    pub(super) fn begin(order: &Order) -> io::Result<JobFileWriter<File>> {
        tempfile::tempfile_in(folder(order)).map(JobFileWriter::new)
    }

    /// Makes what was written durable. `named` says that a column names the jobs.
    pub(super) fn finish(writer: JobFileWriter<File>, named: bool) -> Result<Self, JobFileError> {
        let (file, records) = writer.finish()?;
        file.sync_data().map_err(|source| JobFileError::Io { doing: "synced", source })?;
        let mut jobs = Self { file: Arc::new(file), records, repeated: Vec::new() };
        if named {
            jobs.repeated = repeated_contents(jobs.reader()?)?;
        }
        Ok(jobs)
    }

    /// How many rows it has at the most.
    pub(super) fn most_rows(&self) -> usize {
        usize::try_from(self.records).unwrap_or_default()
    }

    /// Its rows, from the first.
    pub(super) fn rows(&self) -> Result<Jobs<FromStart>, JobFileError> {
        Ok(Jobs::new(self.reader()?, &self.repeated))
    }

    fn reader(&self) -> Result<JobFileReader<FromStart>, JobFileError> {
        JobFileReader::open(FromStart { file: Arc::clone(&self.file), offset: 0 }, self.records)
    }
}

/// Where the job file of `order` is kept: where it is asked for, else beside the ledger, whose disk has to have room anyway,
/// unless that is another machine's.
pub(super) fn folder(order: &Order) -> PathBuf {
    let beside = order.ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (&order.scratch, &order.state) {
        (Some(scratch), _) => scratch.clone(),
        (None, Some(state)) if is_on_network(beside) => state.clone(),
        // A reading that only looks may stand where it must not write.
        _ if !beside.is_dir() => std::env::temp_dir(),
        _ => beside.to_owned(),
    }
}

/// Reads a file by positions, so that several can read it at once.
#[derive(Debug)]
pub(super) struct FromStart {
    file: Arc<File>,
    offset: u64,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, self.offset, buffer)?;
        self.offset += read as u64;
        Ok(read)
    }
}
