//! A ledger that was opened to be resumed, before the settings of the run are known.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::files::{LedgerFile, Lock};
use super::ledgers::{header_of, lock, refuse_packed, resume, same_api};
use crate::api::Api;
use crate::ledger::{Batch, Ledger, LedgerError};

/// A locked ledger that has been read. A run may take its settings from it, and then [starts](super::Prepared::resume)
/// with what was read.
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
        refuse_packed(path)?;
        // Before a lock file is created beside a file that is not a ledger of this API.
        same_api(path, &header_of(path)?, target)?;
        let lock = lock(path)?;
        let (ledger, batch) = resume(path)?.ok_or_else(|| Error::ledger(path)(LedgerError::Empty))?;
        Ok(Self { path: path.to_owned(), lock, ledger, batch })
    }

    /// The state of the batch.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }
}
