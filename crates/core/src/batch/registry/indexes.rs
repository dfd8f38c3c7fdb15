//! Indexes of what ledgers knew when they were last read: `index-*`, one for each ledger.

use std::io;
use std::path::Path;

use super::{FileRegistry, read_file};
use crate::known::Index;
use crate::ledger::LedgerId;
use crate::runtime::files::LedgerFile;
use crate::runtime::state::Durability;

impl FileRegistry {
    pub(super) fn index(&self, path: &Path, id: LedgerId) -> Option<Index> {
        let bytes = read_file(self.account.as_ref()?, &index_name(path, id)).ok()?;
        Index::from_bytes(&bytes).filter(|index| index.extent.id == id)
    }

    /// Whether the index contains everything the ledger knows. It does not if another run was using the ledger when it
    /// was read.
    pub(super) fn is_noted(&self, path: &Path, id: LedgerId) -> bool {
        let index = self.index(path, id);
        index.is_some_and(|index| LedgerFile::open_to_read(path).is_ok_and(|file| index.covers(&file)))
    }

    /// Writes an index. If this fails, the next run has to read the ledger, and cannot know its rows if it is gone by
    /// then.
    pub(super) fn write_index(&self, path: &Path, index: &Index) -> io::Result<()> {
        let Some(account) = &self.account else { return Ok(()) };
        let name = index_name(path, index.extent.id);
        let written = account.replace(&name, &index.to_bytes(), Durability::Content);
        written.inspect_err(|error| tracing::debug!(%error, name, "an index could not be written"))
    }
}

pub(super) fn index_name(path: &Path, id: LedgerId) -> String {
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
    format!("index-{id}-{}", &hash[..16])
}
