//! The outside world: the only place that names tokio, files, sockets and clocks. Thin: it carries out what the
//! [engine](crate::engine) asks for and tells it what happened.
//!
//! One task owns the engine and puts all events in one order (`drive`); one thread owns the ledger; one thread reads
//! the input. They share nothing but bounded channels.

mod clock;
mod committer;
mod credentials;
mod drive;
mod feeder;
mod files;
mod http;
mod platform;
mod run;
mod signals;
mod upkeep;

pub use credentials::{Credentials, CredentialsError};
pub use drive::Observation;
pub use files::{LedgerFile, Lock, LockError};
pub use http::{Http, HttpError, HttpOptions};
pub use run::{Access, Error, Order, Prepared, Report, Source, look};
pub use signals::{Interrupt, SIGINT, SIGTERM, interrupts};
pub use upkeep::{ExportFailed, Exported, Settling, audit, export, salvage};
