//! Simulates the engine with the sandbox's model, a virtual clock and a crashing disk, by seed.
//!
//! It runs the production planning, engine, driver and ledger, without a runtime, threads or real time: an
//! event queue replaces the runtime's sockets, files and clocks. Everything follows from the seed.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod account;
mod claims;
mod coverage;
mod disk;
mod durable;
mod enumerate;
mod history;
mod invariants;
mod job_file;
mod opening;
mod other_clients;
mod run;
mod scenario;
mod sharing;

pub use claims::Claims;
pub use coverage::Coverage;
pub use disk::{Disk, DiskFile, Fate, Survival, Trouble};
pub use enumerate::{Enumerated, Found, enumerate};
pub use history::{End, History, Plan};
pub use invariants::Violation;
pub use other_clients::{Company, Outcome, in_company};
pub use scenario::{Line, Scenario, Weather};
pub use sharing::{Part, Rough, Shared, share};
