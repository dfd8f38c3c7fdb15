//! Probes whether a folder can store files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::doctor::{self, Check, Finding, Probed, Setting};
use crate::runtime::entropy::entropy;
use crate::runtime::files::{LedgerPath, Lock, LockError, UNFINISHED, beside};
use crate::runtime::platform::{file_system_of, free_bytes};
use crate::storage::{Directory, Storage};

/// Probes the folder at `path`: a test file takes the same steps as a ledger and is removed. A state folder
/// that does not exist would be created by a run, so its nearest existing parent is probed instead.
pub fn folder(check: Check, path: &Path) -> Vec<Finding> {
    let is_made = check == Check::StateFolder;
    let there = std::path::absolute(path).and_then(|whole| {
        let there = whole.ancestors().find(|folder| !is_made || folder.exists()).unwrap_or(&whole);
        there.canonicalize()
    });
    let there = match there {
        Ok(there) => there,
        Err(error) => {
            let found = format!("{}: {error}", path.display());
            return vec![Finding::problem(check, found, "create it, or use another one")];
        }
    };
    match Probe::of(&there).carry_out() {
        Ok(locks) => {
            let (file_system, free_bytes) = (file_system_of(&there), free_bytes(&there));
            doctor::folder(check, &Probed { path: &there, file_system, free_bytes, locks })
        }
        Err((doing, error)) => {
            let (advice, setting) = match check {
                Check::StateFolder => ("give this user write access, or use another folder", Setting::StateFolder),
                _ => ("give this user write access, or use a ledger in another folder", Setting::Ledger),
            };
            let found = format!("a file cannot be {doing} in {}: {error}", there.display());
            vec![Finding::problem(check, found, advice).about(setting)]
        }
    }
}

/// A test file, removed on drop.
struct Probe(PathBuf);

impl Probe {
    fn of(folder: &Path) -> Self {
        Self(folder.join(format!(".batchpost-doctor-{:016x}", entropy())))
    }

    /// Returns whether locks exclude others, or the operation that failed.
    fn carry_out(&self) -> Result<bool, (&'static str, io::Error)> {
        let failed = |doing| move |error| (doing, error);
        let mut place = LedgerPath(&self.0);
        let mut file = place.create_unfinished().map_err(failed("created"))?;
        file.append(b"batchpost doctor\n").map_err(failed("written"))?;
        file.sync().map_err(failed("synced"))?;
        place.rename_finished().map_err(failed("renamed"))?;
        place.sync().map_err(failed("synced with its name"))?;
        let lock = |holder| Lock::take(&self.0, holder);
        match (lock("the doctor"), lock("the doctor again")) {
            (Ok(_held), Err(LockError::Held { .. })) => Ok(true),
            (Ok(_held), Ok(_)) => Ok(false),
            (Err(LockError::Io { source, .. }), _) | (_, Err(LockError::Io { source, .. })) => Err(("locked", source)),
            (Err(LockError::Held { holder }), _) => Err(("locked", io::Error::other(holder))),
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        for name in [self.0.clone(), beside(&self.0, UNFINISHED), beside(&self.0, ".lock")] {
            // A file that was not created cannot be removed.
            fs::remove_file(name).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_folder_is_left_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let found = folder(Check::LedgerFolder, place.path());
        assert!(found.iter().all(|finding| finding.level != Level::Problem), "{found:?}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_yet_to_be_made_is_not_made() {
        let place = tempfile::tempdir().unwrap();
        let found = folder(Check::StateFolder, &place.path().join("a/b"));
        assert!(found[0].level == Level::Ok && !place.path().join("a").exists(), "{found:?}");
    }

    #[test]
    fn a_ledgers_folder_that_is_missing_is_a_problem_since_no_run_makes_it() {
        let place = tempfile::tempdir().unwrap();
        let found = folder(Check::LedgerFolder, &place.path().join("a"));
        assert_eq!(found.iter().map(|finding| finding.level).collect::<Vec<_>>(), [Level::Problem]);
    }

    #[test]
    fn a_file_in_a_folders_place_is_a_problem() {
        let place = tempfile::tempdir().unwrap();
        fs::File::create(place.path().join("a")).unwrap();
        let found = folder(Check::LedgerFolder, &place.path().join("a"));
        assert_eq!(found.iter().map(|finding| finding.level).collect::<Vec<_>>(), [Level::Problem]);
    }
}
