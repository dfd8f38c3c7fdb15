//! Known rows: a row that another ledger of the account has as posted or in doubt is not sent again unless
//! requested, independent of ledger, folder, format and column names. Two runs never send the same row at the
//! same time.
//!
//! # Which rows are known
//!
//! A job is identified by the key of its content. A ledger knows it if it was ever posted, or ever in doubt:
//! an intent without an outcome, or an attempt that ended unknown. A person's later decision does not change
//! that, since the note may exist anyway. Ledgers of earlier versions lack the content of jobs that a column
//! named; these jobs are identified by name and ticket together.
//!
//! # Protocol
//!
//! The runs of an account share a [`Registry`]: the list of ledgers that posted to it, and a claim for each
//! active run with the content keys of all rows that it will send. Before a run sends, it takes the
//! registry's lock and, in this order,
//!
//! 1. tests whether the other runs with claims are alive,
//! 2. reads what the listed ledgers know, including those of dead runs,
//! 3. compares both with the rows that it will send ([`look`] does these three),
//! 4. makes its own claim durable.
//!
//! Only then does it create its ledger, record that durably in its claim, and send. It removes its claim,
//! again under the lock, after its last outcome is durable.
//!
//! Why the order matters: A run that ends between another's steps 1 and 2 was alive in step 1, so its claim
//! is compared. A run that ended before step 1 made its outcomes durable before it removed its claim, so step
//! 2 reads them. A run that died is found in step 1. Its ledger was listed before it started, so step 2 reads
//! its intents, which are doubts. A run that died before its claim recorded a ledger has sent nothing, so its
//! claim is ignored, and so is a listed ledger that was never created.
//!
//! A ledger is identified by its path and its id. If another ledger replaces a removed one, the rows that the
//! first one knew stay known, also to the second.

mod candidates;
mod claim;
mod fold;
mod index;
mod registry;

pub use candidates::{Candidates, Found};
pub use claim::{Claim, ClaimError};
pub use fold::{KnownKeys, legacy_key};
pub use index::{Index, bring_up_to_date};
pub use registry::{Claimed, InUse, Known, Look, Registry, Unreadable, look};

#[cfg(test)]
mod tests;
