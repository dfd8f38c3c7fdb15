//! Why a run cannot begin, or could not go on.

use std::io;
use std::path::{Path, PathBuf};

use super::budget::SharingError;
use super::files::LockError;
use super::lookups::LookupFailed;
use super::order::{Order, Source};
use crate::input::InputError;
use crate::ledger::LedgerError;

/// Why a run cannot begin, or could not go on. Whatever was sent before is in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input's file cannot be opened.
    #[error("the input {} cannot be opened: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The input's file cannot be read twice.
    #[error("the input {} is no regular file; to post a stream, give it on standard input and - as the input", .0.display())]
    NotAFile(PathBuf),
    /// The input cannot be read.
    #[error("{name}: {source}")]
    Input {
        /// The input's name.
        name: String,
        /// Why.
        source: Box<InputError>,
    },
    /// The table of `--lookup` cannot be used.
    #[error("the lookup table {}: {source}", path.display())]
    Lookup {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<LookupFailed>,
    },
    /// The ledger cannot be used.
    #[error("the ledger {}: {source}", path.display())]
    Ledger {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: LedgerError,
    },
    /// The ledger's file cannot be opened or begun.
    #[error("the ledger {} cannot be {doing}: {source}", path.display())]
    LedgerFile {
        /// Where it is.
        path: PathBuf,
        /// `opened` or `begun`.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The ledger is in use.
    #[error("the ledger {}: {source}", path.display())]
    Lock {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: LockError,
    },
    /// The folder with the other ledgers cannot be looked through.
    #[error("{} cannot be looked through for other ledgers: {source}", path.display())]
    History {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Other ledgers know rows of the input as posted or in doubt.
    #[error(
        "{} rows were posted before, or are in doubt, by the word of {}; say --known skip to leave them out, --known post \
         to post them again, or continue that batch with --ledger",
        .0.iter().map(|(_, rows)| rows).sum::<u64>(),
        named(.0)
    )]
    Known(Vec<(PathBuf, u64)>),
    /// The account's budget cannot be shared.
    #[error(transparent)]
    Sharing(#[from] SharingError),
    /// The ledger belongs to another account.
    #[error("the ledger {} belongs to {theirs}, and this run would post to {ours}; give another one with --ledger", path.display())]
    OtherTarget {
        /// Where it is.
        path: PathBuf,
        /// Its target.
        theirs: String,
        /// The target of this run.
        ours: String,
    },
}

impl Error {
    pub(super) fn input(order: &Order) -> impl Fn(InputError) -> Self + use<> {
        let name = match &order.source {
            Source::File(path) => path.display().to_string(),
            Source::Stdin => "standard input".to_owned(),
        };
        move |source| Self::Input { name: name.clone(), source: Box::new(source) }
    }

    pub(super) fn ledger(path: &Path) -> impl Fn(LedgerError) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Ledger { path: path.clone(), source }
    }

    pub(super) fn ledger_file(path: &Path, doing: &'static str) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::LedgerFile { path: path.clone(), doing, source }
    }
}

fn named(elsewhere: &[(PathBuf, u64)]) -> String {
    let names: Vec<String> = elsewhere.iter().map(|(path, rows)| format!("{} ({rows})", path.display())).collect();
    names.join(", ")
}
