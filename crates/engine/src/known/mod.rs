//! Known rows: what other ledgers of an account have as posted or in doubt is not sent again unasked, whatever ledger,
//! folder, format or column names it came by; and two runs are never about to send the same row.
//!
//! # What is known
//!
//! A job is known by the key of its content. A ledger knows it once it was posted, or once it was in doubt: an intent
//! without an outcome, or an attempt that ended unknown. What a person decides about it later changes nothing here, since
//! the note may exist all the same. Ledgers of earlier versions do not have the content of jobs that a column named: these
//! are known by their name and ticket together.
//!
//! # Protocol
//!
//! The runs of an account share a [`Registry`]: the list of ledgers that posted to it, and the claim of each run under
//! way, which holds the content keys of all that it will send. A run that is about to send holds the registry's lock and,
//! in this order,
//!
//! 1. tests the claims of other runs for life,
//! 2. reads what the listed ledgers know, those of dead claimants too,
//! 3. compares both with what it will send ([`look`] does these three),
//! 4. makes its own claim durable.
//!
//! Only then does it begin its ledger, note in its claim that it did, durably, and send. It drops its claim, under the lock again, after its last outcome is
//! durable.
//!
//! Why the order matters: a run that ends between another's step 1 and step 2 was alive in step 1, so its claim is
//! compared. One that ended before step 1 had its outcomes durable before its claim was dropped, so step 2 reads them. One
//! that died is found in step 1; its ledger was listed before it began, so step 2 reads its intents, which are doubts. One
//! that died before its claim notes a ledger has sent nothing: its claim counts for nothing, and so does a listed ledger that
//! was never begun.
//!
//! A ledger is its path and its id: where one was removed and another was begun in its place, what the first one knew stays
//! known, also to the second.

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
