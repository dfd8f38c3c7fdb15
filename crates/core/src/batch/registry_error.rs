//! Why the files of an account cannot be used.

use std::io;
use std::path::PathBuf;

use crate::runtime::state::{AccountFolder, StateError};

/// Why it cannot be determined which rows other runs know or send.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file in the account's folder cannot be used.
    #[error("{}, where the account's runs list their ledgers and claims, cannot be {doing}: {source}", path.display())]
    Io {
        /// The file, or the folder.
        path: PathBuf,
        /// The operation that failed.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The list of ledgers has an invalid line.
    #[error("the account's list of ledgers, {}, is damaged at line {line}: {why}; remove that line", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The error.
        why: String,
    },
    /// A run is posting with the ledger that is to be forgotten.
    #[error("a run is posting with the ledger {}; run this again when that run has ended", .0.display())]
    Live(PathBuf),
    /// The claim of another run cannot be read.
    #[error("cannot read another run's claim on the account ({}: {why}); run this again when that run has ended; if no run \
         uses the account, remove this claim file", path.display())]
    Claim {
        /// The claim.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl RegistryError {
    pub(super) fn io(account: &AccountFolder, name: &str, doing: &'static str) -> impl Fn(io::Error) -> Self + use<> {
        let path = account.path().join(name);
        move |source| Self::Io { path: path.clone(), doing, source }
    }
}
