//! Claims of runs in progress, as files in the account's folder. A run keeps its claim locked while it is
//! alive.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::batch::registry_error::RegistryError;
use crate::job::Key;
use crate::known::Claim;
use crate::ledger::LedgerId;
use crate::runtime::clock::wall;
use crate::runtime::entropy::entropy;
use crate::runtime::state::{AccountFolder, Life};

const CLAIM: &str = "claim-";

/// The claim of this run. While it exists and the process is alive, no other run sends these rows.
#[derive(Debug)]
pub(crate) struct OwnClaim {
    pub(super) name: String,
    file: File,
}

impl OwnClaim {
    /// Claims `keys` for the run with the ledger `id` at the path `ledger`. Durable on return. Only under the
    /// registry's lock.
    pub(super) fn make(
        account: &AccountFolder,
        ledger: &Path,
        id: LedgerId,
        keys: &[Key],
    ) -> Result<Self, RegistryError> {
        let name = format!("{CLAIM}{:016x}", entropy());
        let failed = RegistryError::io(account, &name, "written");
        let mut file = account.create_exclusive(&name).map_err(&failed)?;
        // A process that checks whether the run is alive may hold the lock briefly.
        file.lock().map_err(&failed)?;
        let owner = Owner { ledger: ledger.to_owned(), id, since: wall(), process: std::process::id() };
        let owner = serde_json::to_string(&owner).map_err(|error| failed(error.into()))?;
        file.write_all(&Claim::begin(&owner)).map_err(&failed)?;
        let mut claim = Self { name, file };
        claim.add(keys).and_then(|()| account.sync()).map_err(&failed)?;
        Ok(claim)
    }

    /// Claims more keys. Durable on return.
    pub(crate) fn add(&mut self, keys: &[Key]) -> io::Result<()> {
        const KEYS_A_GROUP: usize = 1 << 16;
        keys.chunks(KEYS_A_GROUP).try_for_each(|keys| self.file.write_all(&Claim::group(keys)))?;
        self.file.sync_all()
    }

    /// Records that the run's ledger exists and contains the run, which may send from now on. Durable on return.
    pub(crate) fn begun(&mut self) -> io::Result<()> {
        self.file.write_all(&Claim::group(&[]))?;
        self.file.sync_all()
    }
}

/// The owner of a claim.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Owner {
    #[serde(with = "super::paths")]
    pub(super) ledger: PathBuf,
    pub(super) id: LedgerId,
    pub(super) since: Timestamp,
    process: u32,
}

/// A claim found in the account's folder.
pub(super) struct FoundClaim {
    /// The name of the file.
    pub(super) name: String,
    pub(super) owner: Owner,
    pub(super) keys: Vec<Key>,
    /// Whether its run is alive.
    pub(super) alive: bool,
    /// Whether its run may have sent rows.
    pub(super) is_begun: bool,
}

impl FoundClaim {
    /// Whether it belongs to a run with the ledger `id` at `path`.
    pub(super) fn is_of(&self, path: &Path, id: LedgerId) -> bool {
        self.owner.ledger == path && self.owner.id == id
    }
}

/// Returns all claims except the one named `own`.
pub(super) fn claims(account: &AccountFolder, own: Option<&str>) -> Result<Vec<FoundClaim>, RegistryError> {
    let mut claims = Vec::new();
    for name in account.names().map_err(RegistryError::io(account, ".", "read"))? {
        if !name.starts_with(CLAIM) || name[CLAIM.len()..].contains('.') || own == Some(name.as_str()) {
            continue;
        }
        let path = account.path().join(&name);
        let unclear = |why: String| RegistryError::Claim { path: path.clone(), why };
        // Tested before reading: if the run ends in between, its outcomes are in its ledger, which is read later.
        let alive = match account.life(&name) {
            Life::Locked => true,
            Life::Free => false,
            Life::Missing => continue,
            Life::Unknown => return Err(unclear("it cannot be opened or locked".to_owned())),
        };
        let bytes = match account.read(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            result => result.map_err(RegistryError::io(account, &name, "read"))?,
        };
        let claim = Claim::read(&bytes)
            .map_err(|error| error.to_string())
            .and_then(|claim| Ok((serde_json::from_str(&claim.owner).map_err(|error| error.to_string())?, claim)));
        match claim {
            Ok((owner, Claim { keys, is_begun, .. })) => {
                claims.push(FoundClaim { name, owner, keys, alive, is_begun });
            }
            // The claim is being written. Under the registry's lock this does not happen, and without it this
            // is only a preliminary look.
            Err(_) if alive && Claim::is_unfinished(&bytes) => {}
            Err(why) if alive => return Err(unclear(why)),
            // The run died while it wrote its claim, or a power failure destroyed the claim: the run sent
            // nothing. If the claim was damaged later, the list contains the run's ledger, which records what
            // the run sent.
            Err(why) => tracing::debug!(name, why, "the claim of a run that ended cannot be read"),
        }
    }
    Ok(claims)
}
