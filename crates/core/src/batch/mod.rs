//! Batches on files: a run from its input to its report, and the maintenance of ledgers before and after it.
//!
//! [`ReadyRun`] reads the input, claims the rows, and executes the decisions of the [driver](crate::driver)
//! on one task that puts all events in one order (`drive`). One thread sends, one owns the ledger, one reads
//! the input, one uses the shared budget. They communicate over bounded channels and share no state.

mod ahead;
mod committer;
mod drive;
pub(crate) mod error;
mod feeder;
mod input;
mod job_file;
mod known_ledger;
mod known_list;
mod known_rows;
pub(crate) mod ledgers;
mod lookups;
mod maintenance;
mod open_ledger;
mod post;
mod prepare;
mod read;
mod registry;
mod registry_error;
mod run_request;
mod source;

pub use drive::Observation;
pub use error::{Error, LookupFailed};
pub use input::propose;
pub use known_ledger::KnownLedger;
pub use known_list::{NotedLedger, add_ledger, forget_ledger, known_ledgers};
pub use ledgers::{Account, Holder, InUse, account_of, in_use, is_ledger, look};
pub use maintenance::{ExportFailed, Exported, LedgerView, Settling, audit, export, overview, salvage};
pub use open_ledger::OpenLedger;
pub use post::RunReport;
pub use prepare::{Prepared, ReadyRun};
pub use registry::ListedLedger;
pub use registry_error::RegistryError;
pub use run_request::{RunRequest, RunRequestError, loads};
pub use source::Source;
