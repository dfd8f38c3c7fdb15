//! The outside world: the only place that names tokio, files, sockets and clocks. Thin: it performs what the
//! [driver](crate::driver) asks for and tells it what happened.
//!
//! One task owns the driver and puts all events in one order (`drive`); one thread sends; one owns the ledger; one
//! reads the input; one has to do with the budget that runs share. They share nothing but bounded channels.

mod ahead;
mod budget;
mod budget_client;
mod caller;
mod clock;
mod committer;
mod credentials;
pub mod doctor;
mod drive;
mod error;
mod feeder;
mod files;
mod http;
mod input;
mod job_file;
mod key_sources;
mod known_list;
mod known_rows;
mod ledgers;
mod lookups;
mod maintenance;
mod open_ledger;
mod platform;
mod post;
mod prepare;
mod read;
mod redaction;
mod registry;
mod resolver;
mod run_request;
mod sender;
mod signals;
mod state;
mod tls;

pub use budget::SharingError;
pub use caller::{caller, masked};
pub use clock::wall;
pub use credentials::{Credentials, CredentialsError};
pub use drive::Observation;
pub use error::Error;
pub use files::{LedgerFile, Lock, LockError};
pub use http::{Http, HttpError, HttpOptions};
pub use input::propose;
pub use key_sources::{CommandLine, KeyCommand, KeySourceError, key_from_command, key_from_file};
pub use known_list::{NotedLedger, add_ledger, forget_ledger, known_ledgers};
pub use known_rows::KnownLedger;
pub use ledgers::{Account, Holder, InUse, account_of, in_use, is_ledger, look};
pub use lookups::LookupFailed;
pub use maintenance::{ExportFailed, Exported, LedgerView, Settling, audit, export, overview, salvage};
pub use open_ledger::OpenLedger;
pub use platform::{by_somebody_else, sync_directory_of};
pub use post::Report;
pub use prepare::{Prepared, ReadyRun};
pub use registry::{ListedLedger, RegistryError};
pub use run_request::{RunRequest, RunRequestError, Source, loads};
pub use signals::{Canceller, Interrupts, interrupts};
pub use state::{Refusal, StateChoice, StateError, StateFolders};
pub use tls::TlsError;

pub use crate::driver::{Interrupt, SIGHUP, SIGINT, SIGTERM};
