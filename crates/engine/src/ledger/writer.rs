//! Writing: groups of records, each made durable as a whole.

use super::batch::Batch;
use super::line;
use super::lines::LONGEST_LINE_BYTES;
use super::record::{Header, LedgerId, Mark, Record};
use super::{Extent, LedgerError, Storage, inspect};
use crate::storage::Directory;

/// Begins a ledger that holds nothing but its header. After a crash at any moment it is there with its first line, or
/// it is not there. [`resume`] it to write to it, which also makes its name durable.
///
/// # Errors
///
/// When the storage fails; whether the ledger is there is then not known. Whoever calls this has made sure that no
/// other run would begin it, and that it is not there.
pub fn begin(directory: &mut impl Directory, header: &Header) -> std::io::Result<()> {
    let mut file = directory.create_unfinished()?;
    file.append(&first_line(header))?;
    // Before it gets its name: a name can become durable before the bytes that it leads to.
    file.sync()?;
    directory.rename_finished()
}

pub(super) fn first_line(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    line::write(&mut bytes, header.id, 1, &Record::Header(header.clone()));
    bytes
}

/// Opens the directory's ledger to continue it, as [`Ledger::open`] does; none if it is not there.
///
/// # Errors
///
/// As [`Ledger::open`], and when the directory fails.
#[expect(clippy::type_complexity, reason = "three things come of it, and all three callers take them apart at once")]
pub fn resume<D: Directory>(directory: &mut D) -> Result<Option<(Ledger<D::File>, Batch, Extent)>, LedgerError> {
    let Some(file) = directory.open().map_err(LedgerError::io("opened"))? else { return Ok(None) };
    // The name may be there and not be durable: it was just given, perhaps by a run that was killed then. All that is
    // synced from now on would be lost with it.
    directory.sync().map_err(LedgerError::io("synced"))?;
    Ledger::open(file).map(Some)
}

/// A ledger to write to. After the first error it is poisoned: nothing is known of what reached the disk.
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
    /// Opens a ledger to continue it: syncs it, reads it, and cuts off a torn tail, which is set aside first.
    ///
    /// On return all that the batch holds is durable. The extent says what was cut off.
    ///
    /// # Errors
    ///
    /// As [`inspect`], and when the storage fails. Damage is left as it is.
    pub fn open(mut storage: S) -> Result<(Self, Batch, Extent), LedgerError> {
        // A crashed run may have left bytes that are in the page cache only; what is read must not be lost later.
        storage.sync().map_err(LedgerError::io("synced"))?;
        let (batch, extent) = inspect(&storage)?;
        if extent.torn_bytes > 0 {
            mend(&mut storage, &extent).map_err(LedgerError::io("mended"))?;
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

    /// Writes a mark and `records` and syncs them; on return they are durable.
    ///
    /// # Errors
    ///
    /// When the storage fails, now or at any time before: then some of `records` may or may not be durable, and no
    /// further call will write anything.
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
                // It would be written and never be read again.
                self.poisoned = true;
                return Err(LedgerError::TooLong);
            }
        }
        // Cleared only by success: a panic between the two calls poisons as well.
        self.poisoned = true;
        self.storage.append(&self.buffer).map_err(LedgerError::io("written"))?;
        self.storage.sync().map_err(LedgerError::io("synced"))?;
        self.poisoned = false;
        self.synced = self.last;
        Ok(())
    }

    /// As [`Ledger::commit`], of the records of one settlement. Where that fails they are cut off again if that can be
    /// done; what is left of them otherwise is not all of them, unless only the sync failed.
    ///
    /// # Errors
    ///
    /// [`LedgerError::NotSettled`], which tells whether the ledger may have them.
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

    /// What the ledger is written to.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Writes the mark that vouches for everything, and gives the storage back.
    ///
    /// # Errors
    ///
    /// As [`Ledger::commit`].
    pub fn close(mut self) -> Result<S, LedgerError> {
        self.commit(&[])?;
        Ok(self.storage)
    }
}

/// Sets a torn tail aside and cuts it off. In this order: at no moment are its bytes nowhere.
fn mend(storage: &mut impl Storage, extent: &Extent) -> std::io::Result<()> {
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
