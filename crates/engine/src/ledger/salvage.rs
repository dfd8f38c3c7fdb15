//! Makes a usable ledger from the readable records of a damaged one.

use super::batch::Batch;
use super::history::histories;
use super::record::{ExcludedRow, Header, Record, Salvage};
use super::recovery::{self, read_what_verifies};
use super::writer::first_line;
use super::{Ledger, LedgerError, Storage};
use crate::job::Key;
use crate::outcome::Outcome;
use crate::storage::Directory;

/// The result of a salvage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salvaged {
    /// The number of copied records, without marks.
    pub kept: u64,
    /// The number of records that could not be read.
    pub lost: u64,
    /// The number of recorded jobs that were put in doubt because of the lost records.
    pub doubted: u64,
}

const RECORDS_A_COMMIT: usize = 256;

/// The header of a ledger that may be damaged after the first line.
///
/// # Errors
///
/// If the first line cannot be read: then no other line can be verified.
pub fn header(storage: &impl Storage) -> Result<Header, LedgerError> {
    recovery::header(storage)
}

/// Copies all verified records of `from` to a new ledger with this header. If records are missing, each may
/// have been an attempt for any row. So jobs without a final outcome are put in doubt, and rows without a
/// record will be when they are next read.
///
/// The new ledger gets its name only when it is complete and durable: a partial copy would look complete.
///
/// # Errors
///
/// If `from` cannot be read or the new ledger cannot be written; then the new ledger does not exist. The
/// caller ensures that it did not exist before.
pub fn salvage(from: &impl Storage, directory: &mut impl Directory, new: &Header) -> Result<Salvaged, LedgerError> {
    let mut file = directory.create_unfinished().map_err(LedgerError::io("created"))?;
    file.append(&first_line(new)).map_err(LedgerError::io("written"))?;
    let (to, ..) = Ledger::open(file)?;
    let salvaged = copy(from, to)?;
    directory.rename_finished().and_then(|()| directory.sync()).map_err(LedgerError::io("created"))?;
    Ok(salvaged)
}

fn copy<S: Storage>(from: &impl Storage, mut to: Ledger<S>) -> Result<Salvaged, LedgerError> {
    let id = header(from)?.id;
    let mut group = Vec::with_capacity(RECORDS_A_COMMIT);
    let mut kept = 0;
    let lost = read_what_verifies(from, &mut |entry| {
        if matches!(entry.record, Record::Header(_) | Record::Mark(_)) {
            return Ok(());
        }
        kept += 1;
        group.push(entry.record);
        if group.len() < RECORDS_A_COMMIT {
            return Ok(());
        }
        to.commit(&std::mem::take(&mut group))
    })?;
    if lost > 0 {
        group.push(Record::Salvage(Salvage { from: id, lost }));
    }
    to.commit(&group)?;
    let to = to.close()?;
    if lost == 0 {
        return Ok(Salvaged { kept, lost, doubted: 0 });
    }
    let (mut ledger, batch, _) = Ledger::open(to)?;
    let doubted = doubt(&mut ledger, &batch)?;
    ledger.close()?;
    Ok(Salvaged { kept, lost, doubted })
}

/// Puts in doubt the jobs that have records but no final outcome.
fn doubt<S: Storage>(ledger: &mut Ledger<S>, batch: &Batch) -> Result<u64, LedgerError> {
    let open = |key: &Key| {
        let outcome = batch.job_states.get(key).map(|job_state| job_state.outcome());
        matches!(outcome, Some(Outcome::Pending | Outcome::Failed | Outcome::Held))
    };
    let mut jobs: Vec<_> = histories(ledger.storage(), u64::MAX, open)?.into_iter().collect();
    jobs.sort_by_key(|(key, history)| (history.row, *key));
    let excluded_rows: Vec<Record> = jobs
        .into_iter()
        .map(|(key, history)| {
            let why = "records were lost, and it may have been sent by one of them".to_owned();
            let (row, ticket) = (history.row, history.ticket);
            Record::Excluded(ExcludedRow { row, line: 0, key, ticket, outcome: Outcome::InDoubt, why })
        })
        .collect();
    excluded_rows.chunks(RECORDS_A_COMMIT).try_for_each(|group| ledger.commit(group))?;
    Ok(excluded_rows.len() as u64)
}
