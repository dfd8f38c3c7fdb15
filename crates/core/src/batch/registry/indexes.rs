//! Indexes of what ledgers knew when they were last read: `index-*`, one for each ledger.

use std::io;
use std::path::Path;

use crate::known::Index;
use crate::ledger::LedgerId;
use crate::runtime::files::LedgerFile;
use crate::runtime::state::{AccountFolder, Durability};

/// The indexes in an account's folder; none without a folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexes<'a>(pub(super) Option<&'a AccountFolder>);

impl Indexes<'_> {
    /// The index of the ledger `id` at `path`.
    pub(super) fn of(self, path: &Path, id: LedgerId) -> Option<Index> {
        let bytes = self.0?.read(&Self::name(path, id)).ok()?;
        Index::from_bytes(&bytes).filter(|index| index.extent.id == id)
    }

    /// Whether the index contains everything the ledger knows. It does not if another run was using the ledger when it
    /// was read.
    pub(super) fn cover(self, path: &Path, id: LedgerId) -> bool {
        let index = self.of(path, id);
        index.is_some_and(|index| LedgerFile::open_to_read(path).is_ok_and(|file| index.covers(&file)))
    }

    /// Writes an index. Durable on return.
    pub(super) fn write(self, path: &Path, index: &Index) -> io::Result<()> {
        let Some(account) = self.0 else { return Ok(()) };
        let name = Self::name(path, index.extent.id);
        let written = account.replace(&name, &index.to_bytes(), Durability::Content);
        written.inspect_err(|error| tracing::debug!(%error, name, "an index could not be written"))
    }

    /// The file name of the index of the ledger `id` at `path`.
    pub(super) fn name(path: &Path, id: LedgerId) -> String {
        let hash = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
        format!("index-{id}-{}", &hash[..16])
    }
}
