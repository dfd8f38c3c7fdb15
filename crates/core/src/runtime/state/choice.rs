//! Chooses the state folder of a run.

use std::path::{Path, PathBuf};

use super::{Scope, StateError, StateFolder, account_path, is_shared_with_us};
use crate::ledger::Batch;
use crate::runtime::SharingError;

/// The candidates for the state folder. Only runs that use the same folder share the account's limit.
///
/// The first that applies is used: the named folder; the folder that the ledger's last run used; the shared
/// folder, if it exists, is set up for a group of users, and is writable; the personal folder. If only the
/// personal folder knows the account, it stays in use instead of the shared one. If both know it, choosing
/// fails, and the user must decide.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateFolders {
    /// The folder that the user named for this run.
    pub named: Option<PathBuf>,
    /// The folder that the ledger's last run used; set by [`continuing`](Self::continuing).
    pub remembered: Option<PathBuf>,
    /// Whether the ledger has attempts but does not record which folder counted them, because an older
    /// version wrote it or its runs did not share the limit.
    pub not_recorded: bool,
    /// The folder that users of this machine share.
    pub shared: Option<PathBuf>,
    /// The user's own folder.
    pub personal: Option<PathBuf>,
}

/// The chosen state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChoice {
    /// Its path.
    pub path: PathBuf,
    /// Whether it must exist, because the ledger's last run used it.
    must_exist: bool,
    /// Whether the ledger's last run used, or may have used, another folder.
    moved: bool,
    /// A shared folder that would have been chosen if this one had not been in use before.
    pub(crate) unused_shared: Option<PathBuf>,
}

impl StateFolders {
    /// Uses this folder and ignores all others.
    pub fn named(path: impl Into<PathBuf>) -> Self {
        Self { named: Some(path.into()), ..Self::default() }
    }

    /// Returns the candidates for a run that continues `batch`.
    pub fn continuing(self, batch: &Batch) -> Self {
        let remembered = batch.state_folder.clone();
        Self { not_recorded: remembered.is_none() && batch.attempts > 0, remembered, ..self }
    }

    /// Chooses the folder for the account `target`. Nothing is created.
    ///
    /// # Errors
    ///
    /// If there is none, or if the user must decide.
    pub fn choose(&self, target: &str) -> Result<StateChoice, SharingError> {
        let choice = self.choose_one(target)?;
        // If attempts had been counted there, the folder would know the account.
        let moved = choice.moved || self.not_recorded && !knows(&choice.path, target);
        Ok(StateChoice { moved, ..choice })
    }

    fn choose_one(&self, target: &str) -> Result<StateChoice, SharingError> {
        let choice =
            |path: &Path| StateChoice { path: path.to_owned(), must_exist: false, moved: false, unused_shared: None };
        if let Some(named) = &self.named {
            let moved = self.remembered.as_deref().is_some_and(|remembered| !is_same(remembered, named));
            return Ok(StateChoice { moved, ..choice(named) });
        }
        if let Some(remembered) = &self.remembered {
            return Ok(StateChoice { must_exist: true, ..choice(remembered) });
        }
        let personal = self.personal.as_deref();
        let Some(shared) = self.shared.as_deref().filter(|shared| is_shared_with_us(shared)) else {
            return personal.map(choice).ok_or(SharingError::NoStateFolder);
        };
        match personal.filter(|personal| !is_same(personal, shared) && knows(personal, target)) {
            Some(personal) if knows(shared, target) => Err(SharingError::Two {
                account: account_path(personal, target),
                shared: shared.to_owned(),
                personal: personal.to_owned(),
            }),
            Some(personal) => Ok(StateChoice { unused_shared: Some(shared.to_owned()), ..choice(personal) }),
            None => Ok(choice(shared)),
        }
    }
}

impl StateChoice {
    /// Whether the ledger's last run used, or may have used, another folder. Then this folder does not
    /// include what that run sent.
    pub(crate) fn is_moved(&self) -> bool {
        self.moved
    }

    /// Checks that the folder can be used for the account `target`, as far as it exists. Nothing is created.
    ///
    /// # Errors
    ///
    /// If it cannot be used.
    pub(crate) fn check(&self, target: &str) -> Result<Option<Scope>, SharingError> {
        match StateFolder::open_existing(&self.path)? {
            None if self.must_exist => Err(SharingError::Gone(self.path.clone())),
            None => Ok(None),
            Some(folder) => {
                folder.existing_account(target)?;
                Ok(Some(folder.scope()))
            }
        }
    }

    /// Opens the folder. Creates it if it does not exist, unless it must exist.
    ///
    /// # Errors
    ///
    /// If it cannot be used.
    pub(crate) fn open(&self) -> Result<StateFolder, SharingError> {
        if !self.must_exist {
            return Ok(StateFolder::open(&self.path)?);
        }
        StateFolder::open_existing(&self.path)?.ok_or_else(|| SharingError::Gone(self.path.clone()))
    }
}

/// Whether runs of the account have stored anything in this state folder. If the folder cannot be
/// opened, the answer is no.
fn knows(state: &Path, target: &str) -> bool {
    let account = || -> Result<_, StateError> {
        StateFolder::open_existing(state)?.map_or(Ok(None), |state| state.existing_account(target))
    };
    account().ok().flatten().is_some_and(|account| account.names().is_ok_and(|names| !names.is_empty()))
}

/// Whether two paths refer to the same folder, or are equal if it does not exist.
fn is_same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const TARGET: &str = "http://127.0.0.1:1/api";

    /// A folder with the subfolders `personal`, and `shared` with mode 2770.
    fn place() -> (TempDir, StateFolders) {
        let place = tempfile::tempdir().unwrap();
        let [personal, shared] = ["personal", "shared"].map(|name| place.path().join(name));
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o2770)).unwrap();
        let folders = StateFolders { shared: Some(shared), personal: Some(personal), ..StateFolders::default() };
        (place, folders)
    }

    fn know(state: &Option<PathBuf>) {
        StateFolder::open(state.as_deref().unwrap()).unwrap().account(TARGET).unwrap().append("lock").unwrap();
    }

    fn chosen(folders: &StateFolders) -> Option<PathBuf> {
        folders.choose(TARGET).ok().map(|choice| choice.path)
    }

    #[test]
    fn the_one_named_goes_before_the_ledgers_and_that_before_the_shared_and_that_before_the_personal_one() {
        let (place, mut folders) = place();
        assert_eq!(chosen(&folders), folders.shared);
        folders.remembered = Some(place.path().join("remembered"));
        assert_eq!(chosen(&folders), folders.remembered);
        folders.named = Some(place.path().join("named"));
        assert_eq!(chosen(&folders), folders.named);
        assert!(matches!(StateFolders::default().choose(TARGET), Err(SharingError::NoStateFolder)));
        assert!(!place.path().join("named").exists() && !place.path().join("personal").exists());
    }

    #[test]
    fn a_folder_that_is_not_set_up_to_be_shared_is_not_the_shared_one() {
        let (_place, folders) = place();
        let shared = folders.shared.as_deref().unwrap();
        for mode in [0o755, 0o770, 0o2755, 0o2777] {
            fs::set_permissions(shared, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(chosen(&folders), folders.personal, "{mode:o}");
        }
        fs::remove_dir(shared).unwrap();
        assert_eq!(chosen(&folders), folders.personal);
    }

    #[test]
    fn where_both_know_the_account_a_person_chooses_and_where_the_personal_one_does_it_stays_in_use() {
        let (_place, mut folders) = place();
        know(&folders.personal);
        let choice = folders.choose(TARGET).unwrap();
        assert_eq!((Some(choice.path), choice.unused_shared), (folders.personal.clone(), folders.shared.clone()));
        know(&folders.shared);
        let error = folders.choose(TARGET).unwrap_err();
        let said = error.to_string();
        let both = [&folders.shared, &folders.personal].map(|path| path.as_ref().unwrap().display().to_string());
        assert!(both.iter().all(|path| said.contains(path)), "{said}");
        assert_eq!(folders.choose("http://127.0.0.1:1/other").unwrap().path, folders.shared.clone().unwrap());
        folders.named = folders.shared.clone();
        assert_eq!(chosen(&folders), folders.shared);
    }

    #[test]
    fn a_ledger_that_does_not_say_where_counts_as_moved_unless_the_folder_knows_the_account() {
        let (_place, mut folders) = place();
        assert!(!folders.choose(TARGET).unwrap().is_moved());
        folders.not_recorded = true;
        assert!(folders.choose(TARGET).unwrap().is_moved());
        know(&folders.shared);
        assert!(!folders.choose(TARGET).unwrap().is_moved());
    }

    #[test]
    fn one_folder_by_two_names_is_one() {
        let (place, mut folders) = place();
        know(&folders.shared);
        let link = place.path().join("link");
        std::os::unix::fs::symlink(folders.shared.as_deref().unwrap(), &link).unwrap();
        folders.personal = Some(link.clone());
        assert_eq!(chosen(&folders), folders.shared);
        let again = StateFolders { named: Some(link), remembered: folders.shared, ..StateFolders::default() };
        assert!(!again.choose(TARGET).unwrap().is_moved());
    }

    #[test]
    fn the_ledgers_folder_must_be_there_and_ours_and_another_one_is_a_move() {
        let (place, _) = place();
        let remembered = place.path().join("a");
        let folders = StateFolders { remembered: Some(remembered.clone()), ..StateFolders::default() };
        let choice = folders.choose(TARGET).unwrap();
        for error in [choice.check(TARGET).unwrap_err(), choice.open().unwrap_err()] {
            let said = error.to_string();
            assert!(said.contains(&remembered.display().to_string()), "{said}");
        }
        fs::create_dir(&remembered).unwrap();
        fs::set_permissions(&remembered, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(choice.check(TARGET), Err(SharingError::Folder(StateError::Refused { .. }))));
        fs::set_permissions(&remembered, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(choice.check(TARGET).unwrap(), Some(Scope::Personal));
        let named = |name: &str| StateFolders { named: Some(place.path().join(name)), ..folders.clone() };
        assert!(named("b").choose(TARGET).unwrap().is_moved() && !named("a").choose(TARGET).unwrap().is_moved());
    }
}
