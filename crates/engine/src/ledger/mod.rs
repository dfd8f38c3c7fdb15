//! The ledger: an append-only file with the authoritative record of a batch.
//!
//! # Constraints
//!
//! - An attempt is sent only after its intent is durable. A job is reported posted only after its outcome is
//!   durable.
//! - A crash at any moment leaves a ledger that can be read without guessing, even if unsynced writes are
//!   lost, torn or reordered. All synced bytes are there. Unsynced bytes are a torn tail, which is copied to
//!   another file and cut off.
//! - A later change of the file is detected, and nothing is sent on the basis of a changed ledger.
//! - A settlement counts only if all of its records are there (`parts`).
//!
//! # Format
//!
//! JSON lines, one record per line, numbered and ending in a checksum (`line`). Records are written in
//! groups. Each group starts with a `mark` that states the last record known to be synced. A bad line up to
//! that record is damage. A bad line after it was never synced, so no request was sent because of it.
//!
//! # Not detected
//!
//! An older copy of the ledger in its place, and missing lines at its end after the last mark.

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
    /// Zero bytes long; this program never leaves such a file.
    #[error("the file is empty, so it is not a ledger; remove it, or use another one")]
    Empty,
    /// Its first line is not a ledger's header.
    #[error("this is not a ledger, or it is a ledger with a damaged first line ({0}); the file is unchanged")]
    NotALedger(BadLine),
    /// Written by a newer version of the program.
    #[error(
        "the ledger has format version {found}, and this program knows versions up to {VERSION}; use a newer batchpost"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// Its jobs have keys that this program cannot compute.
    #[error("the ledger's keys are of scheme {found}, which this program does not know; use a newer batchpost")]
    KeyScheme {
        /// Its key scheme.
        found: u32,
    },
    /// Synced bytes have changed.
    #[error("the ledger is damaged at line {line} (byte {byte}): {what}; nothing was sent, and the file is unchanged")]
    Damaged {
        /// The line, from 1.
        line: u64,
        /// Offset of the line's first byte.
        byte: u64,
        /// What is wrong with the line.
        what: BadLine,
    },
    /// The storage failed.
    #[error("the ledger cannot be {doing}: {source}")]
    Io {
        /// `created`, `opened`, `read`, `written`, `synced` or `repaired`.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A record exceeds the maximum line length; most likely column names or a path are too long.
    #[error("a record is too long for a line of the ledger; shorten the column names or the path")]
    TooLong,
    /// A settlement could not be written.
    #[error("{source}; {}", if *nothing_recorded {
        "no decision was recorded"
    } else {
        "the decisions may or may not have been recorded; check the state of those rows"
    })]
    NotSettled {
        /// The ledger has none of its records, or only some, which has the same effect.
        nothing_recorded: bool,
        /// The cause.
        source: Box<LedgerError>,
    },
    /// An earlier write or sync failed, so it is unknown what reached the disk.
    #[error("an earlier write or sync of the ledger failed; nothing more is written to it")]
    Poisoned,
}

impl LedgerError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Reads a whole ledger without changing it. Returns the batch's state and the intact extent of the file.
///
/// # Errors
///
/// If the file is not a ledger, is damaged, or cannot be read.
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
