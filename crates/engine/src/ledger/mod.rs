//! The ledger: the append-only file that is the truth about a batch.
//!
//! # Constraints
//!
//! - An attempt is sent only after its intent is durable, a job is reported posted only after its outcome is.
//! - A crash at any moment, also one in which unsynced writes are lost, torn or reordered, leaves a ledger that is
//!   read without a guess: what was synced is all there, what was not is a torn tail, which is kept aside and cut off.
//! - What was changed afterwards is found, and nothing is sent on its strength.
//! - A settlement is one record or all of its records (`parts`).
//!
//! # Format
//!
//! JSON lines, one record a line, numbered and closed by a checksum (`line`). Records are written in groups; each
//! group opens with a `mark` that names the last record known to be synced. A bad line before what the last mark
//! vouches for is damage. After it, it was never synced, so no request was ever sent on its strength.
//!
//! # Not detected
//!
//! An older copy of the ledger put back in its place, and lines cut off at its end after the last mark.

mod audit;
mod batch;
mod history;
mod line;
mod lines;
mod parts;
mod record;
mod recovery;
mod salvage;
mod section;
mod settle;
mod step;
mod writer;

pub use audit::{Audit, LimitAudit, Proof, SetBack, audit};
pub use batch::{Batch, JobState};
pub use history::{Before, CUT_OFF, History, histories};
pub use line::BadLine;
pub use record::{
    AttemptEnd, Caller, ExcludedRow, Finish, Header, Input, Intent, LedgerId, Mark, Part, Paused, Presence, Reading,
    Record, Resumed, Run, Salvage, Settled, Settlement, VERSION,
};
pub use recovery::{Entry, Extent, header_of, read};
pub(crate) use recovery::{read_after, read_as};
pub use salvage::{Salvaged, header, salvage};
pub use section::Section;
pub use settle::{Contradiction, Decided, Decision, SettleError, UnknownDecision, settle, settlement};
pub(crate) use step::{Attempt, Step};
pub use writer::{Ledger, begin, resume};

use std::io;

use crate::storage::Storage;

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Zero bytes long: not something this program leaves behind.
    #[error("the file is empty, so it is not a ledger; remove it, or name another one")]
    Empty,
    /// Its first line is no ledger's header.
    #[error("this is not a ledger, or its first line is damaged ({0}); nothing was changed in it")]
    NotALedger(BadLine),
    /// Written by a newer program.
    #[error(
        "the ledger has format version {found}, and this program knows versions up to {VERSION}; use a newer batchpost"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// Its jobs have other identities than this program would give them.
    #[error("the ledger's keys are of scheme {found}, which this program does not know; use a newer batchpost")]
    KeyScheme {
        /// Its key scheme.
        found: u32,
    },
    /// Bytes that were synced are no longer what they were.
    #[error(
        "the ledger is damaged at line {line} (byte {byte}): {what}; nothing was sent, and nothing was changed in it"
    )]
    Damaged {
        /// The line, from 1.
        line: u64,
        /// Offset of the line's first byte.
        byte: u64,
        /// What is wrong with it.
        what: BadLine,
    },
    /// The storage failed.
    #[error("the ledger cannot be {doing}: {source}")]
    Io {
        /// `opened`, `read`, `written`, `synced` or `repaired`.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A record has no end in reason: names of columns or a path, most likely.
    #[error("a record is longer than a ledger's line may be; are the names of the columns that long?")]
    TooLong,
    /// A settlement could not be written.
    #[error("{source}; {}", if *nothing_recorded {
        "no decision was recorded"
    } else {
        "it is not known whether the decisions were recorded: see `batchpost status`"
    })]
    NotSettled {
        /// The ledger has none of its records, or not all of them, which is the same.
        nothing_recorded: bool,
        /// Why.
        source: Box<LedgerError>,
    },
    /// An earlier write or sync failed, so that nothing is known of what reached the disk.
    #[error("the ledger was given up after a failed write or sync")]
    Poisoned,
}

impl LedgerError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Reads a whole ledger without changing it: what it knows of its batch, and how far it can be relied on.
///
/// # Errors
///
/// For what is no ledger, is damaged, or cannot be read.
pub fn inspect(storage: &impl Storage) -> Result<(Batch, Extent), LedgerError> {
    let mut batch = None;
    let extent = recovery::read_as(storage, Step::read, &mut |_, step| match (&mut batch, step) {
        (None, Step::Other(Record::Header(header))) => batch = Some(Batch::new(header)),
        (Some(batch), step) => batch.take(step),
        (None, _) => unreachable!("the first record of a ledger is its header"),
    })?;
    Ok((batch.expect("a ledger that was read has a header"), extent))
}

#[cfg(test)]
mod tests;
