//! Decides what is sent when, and keeps the ledger: a deterministic engine without I/O, clocks or a runtime.
//!
//! Everything here takes `now` and seeded generators as arguments. The outside world is behind
//! [seams](storage): one append-only file, one request, the account's slots, an API. So the simulation runs
//! the production code in virtual time and through crashes.
//!
//! # Floors
//!
//! A file imports from its own layer or a lower one:
//!
//! 1. values and arithmetic on them: [job], [outcome], [limit], [schedule], [settings], [fields];
//! 2. seams: [storage], [transport], [budget], and [api], the seam to an API;
//! 3. mechanisms: [limiter], [retry], [ledger];
//! 4. [known], what other ledgers and runs of the account have sent;
//! 5. the [engine] and its [driver], and [planning], which turns rows into events.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod api;
pub mod budget;
pub mod driver;
pub mod engine;
mod excerpt;
pub mod fields;
pub mod job;
pub mod known;
pub mod ledger;
pub mod limit;
pub mod limiter;
pub mod outcome;
pub mod planning;
pub mod retry;
pub mod schedule;
pub mod settings;
pub mod storage;
pub mod transport;

pub use excerpt::excerpt;
