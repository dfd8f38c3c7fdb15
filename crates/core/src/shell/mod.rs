//! The outside world: the only place that names tokio, files, sockets and clocks. Thin: it carries out what the
//! [engine](crate::engine) asks for and tells it what happened.
//!
//! One task owns the engine and puts all events in one order (`drive`); one thread sends; one owns the ledger; one
//! reads the input; one has to do with the budget that runs share. They share nothing but bounded channels.

mod ahead;
mod broker;
mod budget;
mod caller;
mod clock;
mod committer;
mod continued;
mod credentials;
pub mod doctor;
mod drive;
mod elsewhere;
mod error;
mod feeder;
mod files;
mod http;
mod input;
mod key_sources;
mod ledgers;
mod lookups;
mod order;
mod outbox;
mod platform;
mod post;
mod prepare;
mod redaction;
mod resolver;
mod signals;
mod tls;
mod upkeep;

pub use budget::SharingError;
pub use caller::{caller, masked};
pub use clock::wall;
pub use continued::Continued;
pub use credentials::{Credentials, CredentialsError};
pub use drive::Observation;
pub use elsewhere::Elsewhere;
pub use error::Error;
pub use files::{LedgerFile, Lock, LockError};
pub use http::{Http, HttpError, HttpOptions};
pub use input::propose;
pub use key_sources::{CommandLine, KeyCommand, KeySourceError, key_from_command, key_from_file};
pub use ledgers::{Holder, InUse, in_use, is_ledger, look, target_of};
pub use lookups::LookupFailed;
pub use order::{Access, Order, OrderError, Source, loads};
pub use platform::{by_somebody_else, sync_directory_of};
pub use post::Report;
pub use prepare::Prepared;
pub use signals::{Canceller, Interrupt, Interrupts, SIGHUP, SIGINT, SIGTERM, interrupts};
pub use tls::TlsError;
pub use upkeep::{ExportFailed, Exported, Known, Settling, audit, export, overview, salvage};
