//! The job file on the disk: temporary, without a name, readable by its owner only.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::run_request::{Access, RunRequest};
use crate::job::Key;
use crate::planning::{JobFileError, JobFileReader, JobFileWriter, Jobs, repeated_contents};
use crate::runtime::platform::{is_on_network, read_at};

/// What one reading of the input found, synced. It is gone when this is.
#[derive(Debug)]
pub(super) struct JobFile {
    file: Arc<File>,
    records: u64,
    /// Contents that several named rows have.
    repeated: Vec<Key>,
    folder: PathBuf,
}

impl JobFile {
    /// Begins a job file in `folder`.
    pub(super) fn begin(folder: &Path) -> Result<JobFileWriter<File>, JobFileError> {
        let created = tempfile::tempfile_in(folder).map(JobFileWriter::new);
        created.map_err(|source| JobFileError::Io { doing: "created", source })
    }

    /// Makes durable what was written to `folder`. `named` says that a column names the jobs.
    pub(super) fn finish(writer: JobFileWriter<File>, named: bool, folder: PathBuf) -> Result<Self, JobFileError> {
        let (file, records) = writer.finish()?;
        file.sync_data().map_err(|source| JobFileError::Io { doing: "synced", source })?;
        let mut jobs = Self { file: Arc::new(file), records, repeated: Vec::new(), folder };
        if named {
            jobs.repeated = repeated_contents(jobs.reader())?;
        }
        Ok(jobs)
    }

    /// How many rows it has at the most.
    pub(super) fn most_rows(&self) -> usize {
        usize::try_from(self.records).unwrap_or_default()
    }

    /// Its rows, from the first.
    pub(super) fn rows(&self) -> Jobs<FromStart> {
        Jobs::new(self.reader(), &self.repeated)
    }

    /// What an error of it is to a run.
    pub(super) fn unusable(&self) -> impl Fn(JobFileError) -> Error + use<> {
        Error::job_file(&self.folder)
    }

    fn reader(&self) -> JobFileReader<FromStart> {
        JobFileReader::new(FromStart { file: Arc::clone(&self.file), offset: 0 }, self.records)
    }
}

/// Where the job file of `run_request` is kept: where it is asked for, else beside the ledger, whose disk has to have room anyway,
/// unless that is another machine's. A reading that only looks may stand where it must not write.
pub(super) fn folder(run_request: &RunRequest, access: Access) -> PathBuf {
    let beside = run_request.ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (&run_request.scratch, access) {
        (Some(scratch), _) => scratch.clone(),
        (None, Access::Look) => std::env::temp_dir(),
        (None, Access::Post) if is_on_network(beside) => {
            let state = run_request.state.choose(run_request.policy.identity.account()).map(|choice| choice.path);
            state.ok().filter(|state| state.is_dir()).unwrap_or_else(std::env::temp_dir)
        }
        (None, Access::Post) => beside.to_owned(),
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
