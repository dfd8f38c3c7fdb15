//! The outside world: files, sockets, signals, clocks, and the state that runs of a machine share. Makes no
//! decisions.

pub(crate) mod budget;
pub(crate) mod budget_client;
pub(crate) mod caller;
pub(crate) mod clock;
pub(crate) mod credentials;
pub(crate) mod entropy;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod key_sources;
pub(crate) mod platform;
pub(crate) mod redaction;
pub(crate) mod resolver;
pub(crate) mod sender;
pub(crate) mod signals;
pub(crate) mod state;
pub(crate) mod tls;

pub use budget::SharingError;
pub use caller::{caller, masked};
pub use clock::wall;
pub use credentials::{Credentials, CredentialsError};
pub use files::{LedgerFile, Lock, LockError};
pub use http::{Http, HttpError, HttpOptions};
pub use key_sources::{CommandLine, KeyCommand, KeySourceError, key_from_command, key_from_file};
pub use platform::{changeable_by_others, sync_directory_of};
pub use signals::{Canceller, Interrupts, interrupts};
pub use state::{Refusal, StateChoice, StateError, StateFolders};
pub use tls::TlsError;

pub use crate::driver::{Interrupt, SIGHUP, SIGINT, SIGTERM};
