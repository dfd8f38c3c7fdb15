//! The list of ledgers whose rows are known, for display and changes by a person.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::Error;
use super::ledgers::header_of;
use super::registry::{FileRegistry, ListedLedger, listed, whole};
use super::registry_error::RegistryError;
use crate::ledger::LedgerId;
use crate::runtime::state::StateFolder;

/// A ledger that posted to an account, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotedLedger {
    /// The account's URL.
    pub account: String,
    /// The path when it was listed.
    pub path: PathBuf,
    /// The id of the ledger.
    pub id: LedgerId,
    /// When it was listed.
    pub added: Timestamp,
    /// Whether that ledger is still at its path.
    pub is_there: bool,
    /// Number of rows that it had as posted or in doubt; `None` if it was not read yet.
    pub rows: Option<u64>,
    /// When the first and the last of them were sent, in seconds since 1970.
    pub dates: Option<(u32, u32)>,
}

/// Returns the ledgers whose rows are known to the runs that share the state folder `state`.
///
/// # Errors
///
/// If the folder cannot be used, or a list in it cannot be read.
pub fn known_ledgers(state: &Path) -> Result<Vec<NotedLedger>, Error> {
    let mut all = Vec::new();
    for registry in registries(state)? {
        for ListedLedger { id, account, path, added, .. } in registry.listed()? {
            let noted = registry.noted(&path, id);
            let is_there = header_of(&path).is_ok_and(|header| header.id == id);
            let dates = noted.as_ref().and_then(|known| known.dates());
            all.push(NotedLedger {
                account,
                path,
                id,
                added,
                is_there,
                rows: noted.map(|known| known.len() as u64),
                dates,
            });
        }
    }
    Ok(all)
}

/// Removes a ledger, given by its path or id, from the list: rows that only it knows are no longer known. Returns the
/// removed paths.
///
/// # Errors
///
/// As for [`known_ledgers`], and if a list cannot be written.
pub fn forget_ledger(state: &Path, ledger: &str) -> Result<Vec<PathBuf>, Error> {
    let path = whole(Path::new(ledger));
    let mut forgotten = Vec::new();
    for registry in registries(state)? {
        let lock = registry.lock()?;
        for listed in registry.listed()? {
            if listed.path == path || listed.path == Path::new(ledger) || listed.id.to_string() == ledger {
                registry.forget_ledger(&listed, &lock)?;
                forgotten.push(listed.path);
            }
        }
    }
    Ok(forgotten)
}

/// Adds the ledger at `path` to the list. Its rows are known from now on, wherever it is.
///
/// # Errors
///
/// If it is not a ledger, or the list cannot be written.
pub fn add_ledger(state: &Path, path: &Path) -> Result<(), Error> {
    let header = header_of(path)?;
    let account =
        StateFolder::open(state).and_then(|folder| folder.account(&header.target)).map_err(RegistryError::State)?;
    let registry = FileRegistry::of_account(account);
    let lock = registry.lock()?;
    let ledger = listed(header.id, &header.target, path);
    registry.note(&ledger.path, ledger.id)?;
    Ok(registry.list_ledger(ledger, &lock)?)
}

fn registries(state: &Path) -> Result<Vec<FileRegistry>, RegistryError> {
    let Some(folder) = StateFolder::open_existing(state)? else { return Ok(Vec::new()) };
    Ok(folder.accounts()?.into_iter().map(FileRegistry::of_account).collect())
}
