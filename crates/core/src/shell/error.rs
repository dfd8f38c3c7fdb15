//! Why a run cannot begin, or could not go on.

use std::io;
use std::path::{Path, PathBuf};

use super::budget::SharingError;
use super::elsewhere::Elsewhere;
use super::files::LockError;
use super::lookups::LookupFailed;
use super::order::{Order, Source};
use crate::input::InputError;
use crate::ledger::LedgerError;
use crate::reading::RowNote;

/// Why a run cannot begin, or could not go on. Whatever was sent before is in the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    /// The ledger is packed, and something was to be added to it.
    #[error(
        "the ledger {path} is packed with gzip, and so it can only be looked at; unpack it with `gunzip {path}`, and go on \
         with what comes out", path = .0.display()
    )]
    PackedLedger(PathBuf),
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
         to post them again, or continue that batch with --ledger{}",
        .0.iter().map(|other| other.rows).sum::<u64>(),
        in_words(.0),
        unpacked_first(.0)
    )]
    Known(Vec<Elsewhere>),
    /// A column that is to name the jobs names several the same.
    #[error("{}: {} (rows with the name of an earlier one: {rows})", .first.position, .first.what)]
    SameName {
        /// The first of them.
        first: RowNote,
        /// How many there are.
        rows: u64,
    },
    /// The table of `--lookup` leads elsewhere than in the last run.
    #[error(
        "the lookup table is not the one that the last run read, and by it {rows} rows that are posted or in doubt are no \
         longer in the input: they would be posted again, on other tickets; give the table back as it was, or say \
         --changed post"
    )]
    OtherTable {
        /// How many they are.
        rows: u64,
    },
    /// The account's budget cannot be shared.
    #[error(transparent)]
    Sharing(#[from] SharingError),
    /// A thread cannot be started. Nothing was sent.
    #[error(
        "no thread can be started to {what}: {source}; `ulimit -a` shows how many threads and open files are allowed"
    )]
    Thread {
        /// What it was to do.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The ledger is of another API, whose keys and notes are none of this one's.
    #[error(
        "the ledger {} is of notes to the API {theirs:?}, and this run would post to {ours:?}; continue it with a program \
         that posts to that one, or give another ledger with --ledger",
        path.display()
    )]
    OtherApi {
        /// Where it is.
        path: PathBuf,
        /// The name of its target.
        theirs: String,
        /// The name of this run's.
        ours: &'static str,
    },
    /// The ledger belongs to another account.
    #[error("the ledger {} belongs to {theirs}, and this run would post to {ours}; {}", path.display(),
        if *unused { "nothing was posted by it: remove it, or give another one with --ledger" } else { "give another one with --ledger" })]
    OtherTarget {
        /// Where it is.
        path: PathBuf,
        /// Its target.
        theirs: String,
        /// The target of this run.
        ours: String,
        /// No row of it is posted or in doubt.
        unused: bool,
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

    pub(super) fn thread(what: &'static str) -> impl Fn(io::Error) -> Self + use<> {
        move |source| Self::Thread { what, source }
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

/// A packed ledger can only be looked at.
fn unpacked_first(elsewhere: &[Elsewhere]) -> String {
    let packed = elsewhere.iter().find(|other| other.path.extension().is_some_and(|extension| extension == "gz"));
    packed.map_or_else(String::new, |other| format!(", unpacked first (`gunzip {}`)", other.path.display()))
}

fn in_words(elsewhere: &[Elsewhere]) -> String {
    let ledgers: Vec<String> =
        elsewhere.iter().map(|other| format!("{} ({})", other.path.display(), other.rows)).collect();
    let by_name: u64 = elsewhere.iter().map(|other| other.by_name).sum();
    let names = match by_name {
        0 => String::new(),
        rows => format!(
            " ({rows} of them are known there by the name that the column of --key gives them, whatever they say: names \
             must differ over all files that are posted to the account)"
        ),
    };
    ledgers.join(", ") + &names
}
