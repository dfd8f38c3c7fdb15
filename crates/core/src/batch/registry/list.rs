//! The list of ledgers that posted to an account: `known.list`, one line of JSON each.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::batch::ledgers::header_of;
use crate::batch::registry_error::RegistryError;
use crate::ledger::LedgerId;
use crate::runtime::clock::wall;
use crate::runtime::state::{AccountFolder, Durability, own_user};

pub(super) const LIST: &str = "known.list";

/// A ledger that posted to the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedLedger {
    /// The id of the ledger.
    #[serde(rename = "ledger")]
    pub id: LedgerId,
    /// The account that it posted to.
    pub account: String,
    /// Its absolute path when it was listed.
    #[serde(with = "super::paths")]
    pub path: PathBuf,
    /// The user that owns it; only known on Unix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// When it was listed.
    pub added: Timestamp,
    /// Its size in bytes when a run last ended normally; `None` if none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_bytes: Option<u64>,
}

impl ListedLedger {
    /// Whether it is the ledger `id` at this path.
    pub(super) fn is(&self, path: &Path, id: LedgerId) -> bool {
        self.path == path && self.id == id
    }

    pub(super) fn is_there(&self) -> bool {
        header_at(&self.path).is_ok_and(|id| id == self.id)
    }
}

/// A ledger to compare with. It has an id because another ledger may have been created where one was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct NamedLedger {
    pub(crate) path: PathBuf,
    /// `None` if it is not listed.
    pub(super) id: Option<LedgerId>,
}

impl NamedLedger {
    pub(crate) fn is_listed(&self) -> bool {
        self.id.is_some()
    }
}

/// Reads the list of ledgers that posted to the account.
pub(super) fn read_list(account: &AccountFolder) -> Result<Vec<ListedLedger>, RegistryError> {
    let bytes = match account.read(LIST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        result => result.map_err(RegistryError::io(account, LIST, "read"))?,
    };
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_slice(line).map_err(|error| RegistryError::List {
                path: account.path().join(LIST),
                line: at + 1,
                why: error.to_string(),
            })
        })
        .collect()
}

/// Adds a ledger unless it is listed already.
pub(super) fn add(list: &mut Vec<ListedLedger>, ledger: ListedLedger) {
    if !list.iter().any(|listed| listed.is(&ledger.path, ledger.id)) {
        list.push(ledger);
    }
}

pub(super) fn write_list(account: &AccountFolder, list: &[ListedLedger]) -> Result<(), RegistryError> {
    let mut bytes = Vec::new();
    for listed in list {
        serde_json::to_writer(&mut bytes, listed)
            .map_err(|error| RegistryError::io(account, LIST, "written")(error.into()))?;
        bytes.push(b'\n');
    }
    account.replace(LIST, &bytes, Durability::Name).map_err(RegistryError::io(account, LIST, "written"))
}

pub(crate) fn listed(id: LedgerId, account: &str, path: &Path) -> ListedLedger {
    let (account, owner) = (account.to_owned(), Some(own_user()));
    ListedLedger { id, account, path: whole(path), owner, added: wall(), ended_bytes: None }
}

pub(super) fn header_at(path: &Path) -> io::Result<LedgerId> {
    header_of(path).map(|header| header.id).map_err(io::Error::other)
}

/// Returns the absolute path without links, because a folder may have several names; if there is none, the path itself.
pub(crate) fn whole(path: &Path) -> PathBuf {
    let canonical = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize()
        .ok()
        .or_else(canonical)
        .or_else(|| std::path::absolute(path).ok())
        .unwrap_or_else(|| path.to_owned())
}
