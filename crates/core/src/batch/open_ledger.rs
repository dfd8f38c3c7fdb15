//! A ledger that is to be gone on with, as long as it is not known how.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::ledgers::{header_to_write, resume, same_api, take_lock};
use crate::api::Api;
use crate::ledger::{Batch, Ledger, LedgerError};
use crate::runtime::files::{LedgerFile, Lock};

/// A ledger that is locked and was read through: a run may take its settings from there, and
/// [begin](super::ReadyRun::resume) with what was read.
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
    /// When it is not there, is no ledger, packed, damaged, another run's, or of another API: keys and notes of this one
    /// must not go there. Nothing was written but for a torn tail that was mended.
    pub fn open(path: &Path, target: &dyn Api) -> Result<Self, Error> {
        // Before there is a lock file beside what is not a ledger of this API.
        same_api(path, &header_to_write(path)?, target)?;
        let lock = take_lock(path)?;
        let (ledger, batch) = resume(path)?.ok_or_else(|| Error::ledger(path)(LedgerError::Empty))?;
        Ok(Self { path: path.to_owned(), lock, ledger, batch })
    }

    /// What the ledger knows.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }
}
