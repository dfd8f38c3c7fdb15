//! A ledger that was opened to be resumed, before the settings of the run are known.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::ledgers::{header_to_write, resume, same_api, take_lock};
use crate::api::Api;
use crate::ledger::{Batch, Ledger, LedgerError};
use crate::runtime::files::{LedgerFile, Lock};

/// A locked ledger that has been read. A run may take its settings from it, and then
/// [resumes](super::ReadyRun::resume) it.
#[derive(Debug)]
pub struct OpenLedger {
    pub(super) path: PathBuf,
    pub(super) lock: Lock,
    pub(super) ledger: Ledger<LedgerFile>,
    pub(super) batch: Batch,
}

impl OpenLedger {
    /// Opens the ledger at `path` to continue it with notes to `target`.
    ///
    /// # Errors
    ///
    /// If it does not exist, is not a ledger, is compressed, damaged, in use, or of another API: keys and notes for
    /// this API must not be sent there. Nothing was written, except that a torn tail may have been repaired.
    pub fn open(path: &Path, target: &dyn Api) -> Result<Self, Error> {
        // Checked before a lock file is created beside a file that is not a ledger of this API.
        same_api(path, &header_to_write(path)?, target)?;
        let lock = take_lock(path)?;
        let (ledger, batch) = resume(path)?.ok_or_else(|| Error::ledger(path)(LedgerError::Empty))?;
        Ok(Self { path: path.to_owned(), lock, ledger, batch })
    }

    /// The state of the batch.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }
}
