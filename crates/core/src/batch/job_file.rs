//! The job file on disk: temporary, without a name, readable by its owner only.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::run_request::{Access, RunRequest};
use crate::job::Key;
use crate::planning::{JobFileError, JobFileReader, JobFileWriter, Jobs, repeated_contents};
use crate::runtime::platform::{is_on_network, read_at};

/// The result of reading the input, synced. The file is deleted when this is dropped.
#[derive(Debug)]
pub(super) struct JobFile {
    file: Arc<File>,
    records: u64,
    /// Contents that several named rows share.
    repeated: Vec<Key>,
    folder: PathBuf,
}

impl JobFile {
    /// Creates a job file in `folder`.
    pub(super) fn begin(folder: &Path) -> Result<JobFileWriter<File>, JobFileError> {
        let created = tempfile::tempfile_in(folder).map(JobFileWriter::new);
        created.map_err(|source| JobFileError::Io { doing: "created", source })
    }

    /// Makes the written records durable. `named` is whether a column names the jobs.
    pub(super) fn finish(writer: JobFileWriter<File>, named: bool, folder: PathBuf) -> Result<Self, JobFileError> {
        let (file, records) = writer.finish()?;
        file.sync_data().map_err(|source| JobFileError::Io { doing: "synced", source })?;
        let mut jobs = Self { file: Arc::new(file), records, repeated: Vec::new(), folder };
        if named {
            jobs.repeated = repeated_contents(jobs.reader())?;
        }
        Ok(jobs)
    }

    /// Maximum number of its rows.
    pub(super) fn most_rows(&self) -> usize {
        usize::try_from(self.records).unwrap_or_default()
    }

    /// Its rows, from the first one.
    pub(super) fn rows(&self) -> Jobs<FromStart> {
        Jobs::new(self.reader(), &self.repeated)
    }

    /// Converts errors of the job file for a run.
    pub(super) fn unusable(&self) -> impl Fn(JobFileError) -> Error + use<> {
        Error::job_file(&self.folder)
    }

    fn reader(&self) -> JobFileReader<FromStart> {
        JobFileReader::new(FromStart { file: Arc::clone(&self.file), offset: 0 }, self.records)
    }
}

/// Returns the folder for the job file: the requested one, else the ledger's, whose disk needs space anyway, unless
/// that is on a network file system. A reading that only looks uses the temporary folder, because it may not be allowed
/// to write beside the ledger.
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

/// Reads a file by position, so that several readers can use it at once.
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
