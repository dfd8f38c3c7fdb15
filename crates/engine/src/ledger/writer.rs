//! Writes groups of records and makes each group durable as a whole.

use super::batch::Batch;
use super::line;
use super::lines::LONGEST_LINE_BYTES;
use super::record::{Header, LedgerId, Mark, Record};
use super::{Extent, LedgerError, Storage, inspect};
use crate::storage::Directory;

/// Creates a ledger with only its header. After a crash at any moment the ledger has its first line or does
/// not exist. Call [`resume`] to write to it; that also makes its name durable.
///
/// # Errors
///
/// If the storage fails; it is then unknown whether the ledger exists. The caller ensures that the ledger
/// does not exist and that no other run creates it at the same time.
pub fn begin(directory: &mut impl Directory, header: &Header) -> std::io::Result<()> {
    let mut file = directory.create_unfinished()?;
    file.append(&first_line(header))?;
    // Sync before the rename: a name can become durable before the file's bytes.
    file.sync()?;
    directory.rename_finished()
}

pub(super) fn first_line(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    line::write(&mut bytes, header.id, 1, &Record::Header(header.clone()));
    bytes
}

/// Opens the directory's ledger to resume it, as [`Ledger::open`] does. `None` if there is none.
///
/// # Errors
///
/// As for [`Ledger::open`], and if the directory fails.
#[expect(clippy::type_complexity, reason = "it returns three values, and all three callers take them apart at once")]
pub fn resume<D: Directory>(directory: &mut D) -> Result<Option<(Ledger<D::File>, Batch, Extent)>, LedgerError> {
    let Some(file) = directory.open().map_err(LedgerError::io("opened"))? else { return Ok(None) };
    // The name may exist without being durable, for example after a run was killed right after the rename.
    // All that is synced from now on would be lost with it.
    directory.sync().map_err(LedgerError::io("synced"))?;
    Ledger::open(file).map(Some)
}

/// An open ledger, for writing. After the first error it is poisoned: it is unknown what reached the disk.
#[derive(Debug)]
pub struct Ledger<S> {
    pub(super) storage: S,
    id: LedgerId,
    /// Number of the last record written.
    last: u64,
    /// Number of the last record known to be synced.
    synced: u64,
    poisoned: bool,
    buffer: Vec<u8>,
}

impl<S: Storage> Ledger<S> {
    /// Opens a ledger to resume it: syncs it, reads it, and repairs a torn tail by copying its bytes
    /// elsewhere and cutting it off.
    ///
    /// On return all of the batch's state is durable. The extent states what was cut off.
    ///
    /// # Errors
    ///
    /// As for [`inspect`], and if the storage fails. Damage is left unchanged.
    pub fn open(mut storage: S) -> Result<(Self, Batch, Extent), LedgerError> {
        // A crashed run may have left bytes in the page cache only; bytes that are read now must not be lost
        // later.
        storage.sync().map_err(LedgerError::io("synced"))?;
        let (batch, extent) = inspect(&storage)?;
        if extent.torn_bytes > 0 {
            repair(&mut storage, &extent).map_err(LedgerError::io("repaired"))?;
        }
        let ledger = Self {
            storage,
            id: extent.id,
            last: extent.last,
            synced: extent.last,
            poisoned: false,
            buffer: Vec::new(),
        };
        Ok((ledger, batch, extent))
    }

    /// Writes a mark and `records` and syncs them. On return they are durable.
    ///
    /// # Errors
    ///
    /// If the storage fails, now or in an earlier call. Then each of `records` may or may not be durable, and
    /// no further call writes anything.
    pub fn commit(&mut self, records: &[Record]) -> Result<(), LedgerError> {
        if self.poisoned {
            return Err(LedgerError::Poisoned);
        }
        self.buffer.clear();
        let mark = Record::Mark(Mark { synced: self.synced });
        for record in std::iter::once(&mark).chain(records) {
            self.last += 1;
            let start = self.buffer.len();
            line::write(&mut self.buffer, self.id, self.last, record);
            if (self.buffer.len() - start) as u64 > LONGEST_LINE_BYTES {
                // The record could be written but never read again.
                self.poisoned = true;
                return Err(LedgerError::TooLong);
            }
        }
        // Reset only on success: a panic between the two calls also poisons the ledger.
        self.poisoned = true;
        self.storage.append(&self.buffer).map_err(LedgerError::io("written"))?;
        self.storage.sync().map_err(LedgerError::io("synced"))?;
        self.poisoned = false;
        self.synced = self.last;
        Ok(())
    }

    /// Like [`Ledger::commit`], for the records of one settlement. On failure the records are cut off again
    /// if possible. If not, an incomplete settlement is left, unless only the sync failed.
    ///
    /// # Errors
    ///
    /// [`LedgerError::NotSettled`], which states whether the ledger may have the settlement.
    pub fn commit_settlement(&mut self, records: &[Record]) -> Result<(), LedgerError> {
        let not_settled = |nothing_recorded: bool| {
            move |source| LedgerError::NotSettled { nothing_recorded, source: Box::new(source) }
        };
        let before = self.storage.size().map_err(LedgerError::io("read")).map_err(not_settled(true))?;
        self.commit(records).map_err(|error| {
            let after = before + self.buffer.len() as u64;
            let is_cut_short = self.storage.size().is_ok_and(|size| size < after);
            let is_taken_back = self.storage.truncate(before).and_then(|()| self.storage.sync()).is_ok();
            not_settled(is_cut_short || is_taken_back)(error)
        })
    }

    /// The ledger's storage.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Writes a mark that covers all records, and returns the storage.
    ///
    /// # Errors
    ///
    /// As for [`Ledger::commit`].
    pub fn close(mut self) -> Result<S, LedgerError> {
        self.commit(&[])?;
        Ok(self.storage)
    }
}

/// Copies a torn tail's bytes elsewhere, then cuts it off. In this order its bytes exist at every moment.
fn repair(storage: &mut impl Storage, extent: &Extent) -> std::io::Result<()> {
    let mut piece = vec![0; 1 << 20];
    let mut at = extent.good_bytes;
    loop {
        match storage.read_at(at, &mut piece)? {
            0 => break,
            bytes => {
                storage.keep_torn_tail(&piece[..bytes])?;
                at += bytes as u64;
            }
        }
    }
    storage.truncate(extent.good_bytes)?;
    storage.sync()
}
