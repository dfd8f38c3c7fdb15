//! The claims of runs under way, as files in the account's folder: each is locked while its run lives.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RegistryError, failed, read_file};
use crate::job::Key;
use crate::known::Claim;
use crate::ledger::LedgerId;
use crate::runtime::clock::wall;
use crate::runtime::entropy::entropy;
use crate::runtime::state::{AccountFolder, Life};

const CLAIM: &str = "claim-";

/// The claim of this run. While it is there and the process lives, no other run sends these rows.
#[derive(Debug)]
pub(crate) struct OwnClaim {
    pub(super) name: String,
    file: File,
}

impl OwnClaim {
    /// Claims `keys` for the run by the ledger `id` at the path `ledger`. Durable on return. Only under the registry's lock.
    pub(super) fn make(
        account: &AccountFolder,
        ledger: &Path,
        id: LedgerId,
        keys: &[Key],
    ) -> Result<Self, RegistryError> {
        let name = format!("{CLAIM}{:016x}", entropy());
        let failed = failed(account, &name, "written");
        let mut file = account.create_exclusive(&name).map_err(&failed)?;
        // Somebody who tests it for life may have it for a moment.
        file.lock().map_err(&failed)?;
        let owner = Owner { ledger: ledger.to_owned(), id, since: wall(), process: std::process::id() };
        let owner = serde_json::to_string(&owner).map_err(|error| failed(error.into()))?;
        file.write_all(&Claim::begin(&owner)).map_err(&failed)?;
        let mut claim = Self { name, file };
        claim.add(keys).and_then(|()| account.sync()).map_err(&failed)?;
        Ok(claim)
    }

    /// Claims more. Durable on return.
    pub(crate) fn add(&mut self, keys: &[Key]) -> io::Result<()> {
        const KEYS_A_GROUP: usize = 1 << 16;
        keys.chunks(KEYS_A_GROUP).try_for_each(|keys| self.file.write_all(&Claim::group(keys)))?;
        self.file.sync_all()
    }

    /// Notes that the run's ledger exists and names the run: from now on it may send. Durable on return.
    pub(crate) fn begun(&mut self) -> io::Result<()> {
        self.file.write_all(&Claim::group(&[]))?;
        self.file.sync_all()
    }
}

/// Whose a claim is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Owner {
    #[serde(with = "super::paths")]
    pub(super) ledger: PathBuf,
    pub(super) id: LedgerId,
    pub(super) since: Timestamp,
    process: u32,
}

/// A claim that was found.
pub(super) struct FoundClaim {
    /// The file's name.
    pub(super) name: String,
    pub(super) owner: Owner,
    pub(super) keys: Vec<Key>,
    /// Whether the run lives.
    pub(super) alive: bool,
    /// Whether it can have sent anything.
    pub(super) is_begun: bool,
}

impl FoundClaim {
    /// Whether it is of a run by the ledger `id` at this path.
    pub(super) fn is_of(&self, path: &Path, id: LedgerId) -> bool {
        self.owner.ledger == path && self.owner.id == id
    }
}

/// The claims there are, but for the one with the name `own`.
pub(super) fn claims(account: &AccountFolder, own: Option<&str>) -> Result<Vec<FoundClaim>, RegistryError> {
    let mut claims = Vec::new();
    for name in account.names().map_err(failed(account, ".", "read"))? {
        if !name.starts_with(CLAIM) || name[CLAIM.len()..].contains('.') || own == Some(name.as_str()) {
            continue;
        }
        let path = account.path().join(&name);
        let unclear = |why: String| RegistryError::Claim { path: path.clone(), why };
        // Before it is read: a run that ends in between has its outcomes in its ledger, which is read later.
        let alive = match account.life(&name) {
            Life::Locked => true,
            Life::Free => false,
            Life::Missing => continue,
            Life::Unknown => return Err(unclear("it cannot be opened or locked".to_owned())),
        };
        let bytes = match read_file(account, &name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            result => result.map_err(failed(account, &name, "read"))?,
        };
        let claim = Claim::read(&bytes)
            .map_err(|error| error.to_string())
            .and_then(|claim| Ok((serde_json::from_str(&claim.owner).map_err(|error| error.to_string())?, claim)));
        match claim {
            Ok((owner, Claim { keys, is_begun, .. })) => {
                claims.push(FoundClaim { name, owner, keys, alive, is_begun });
            }
            // It is being written. Under the registry's lock nobody writes one, and before that a look is a first one.
            Err(_) if alive && Claim::is_unfinished(&bytes) => {}
            Err(why) if alive => return Err(unclear(why)),
            // Of a run that died while it wrote its claim, or whose claim the power took: it sent nothing. If it was spoilt
            // later, the run's ledger is listed, which tells what it sent.
            Err(why) => tracing::debug!(name, why, "the claim of a run that ended cannot be read"),
        }
    }
    Ok(claims)
}
