//! Which state folder a run uses.

use std::path::{Path, PathBuf};

use super::{Scope, StateError, StateFolder, account_path, is_shared_with_us};
use crate::ledger::Batch;
use crate::runtime::SharingError;

/// The folders in which the runs of an account may keep what they share. Only runs that use the same one keep its limit
/// together.
///
/// The first that applies is used: the one that was named; the one that the ledger's last run used; the shared one, if it
/// exists, is set up to be shared by a group of users, and may be written to; the personal one. Where the personal one knows
/// the account and the shared one does not, the personal one stays in use; where both know it, the choice is left to a
/// person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateFolders {
    /// The one that the user named for this run.
    pub named: Option<PathBuf>,
    /// The one that the ledger's last run used; [`continuing`](Self::continuing) sets it.
    pub remembered: Option<PathBuf>,
    /// Whether the ledger has attempts and does not say in which folder they were counted: it was kept by an older program, or
    /// its runs kept the limit alone.
    pub unremembered: bool,
    /// One that users of this machine share.
    pub shared: Option<PathBuf>,
    /// This user's own.
    pub personal: Option<PathBuf>,
}

/// The state folder that a run uses, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChoice {
    /// Where it is.
    pub path: PathBuf,
    /// Whether the ledger's last run used it, and it must still be there.
    must_exist: bool,
    /// Whether the ledger's last run used another one, or may have.
    moved: bool,
    /// A shared folder that could be used, had this one not been in use before.
    pub(crate) passed_over: Option<PathBuf>,
}

impl StateFolders {
    /// This folder, whatever others there are.
    pub fn named(path: impl Into<PathBuf>) -> Self {
        Self { named: Some(path.into()), ..Self::default() }
    }

    /// The same for a run that continues `batch`.
    pub fn continuing(self, batch: &Batch) -> Self {
        let remembered = batch.state_folder.clone();
        Self { unremembered: remembered.is_none() && batch.attempts > 0, remembered, ..self }
    }

    /// The one to use for the account `target`. Nothing is created.
    ///
    /// # Errors
    ///
    /// When there is none, or a person has to choose.
    pub fn choose(&self, target: &str) -> Result<StateChoice, SharingError> {
        let choice = self.choose_one(target)?;
        // Had it been counted there, the account would be known there.
        let moved = choice.moved || self.unremembered && !knows(&choice.path, target);
        Ok(StateChoice { moved, ..choice })
    }

    fn choose_one(&self, target: &str) -> Result<StateChoice, SharingError> {
        let choice =
            |path: &Path| StateChoice { path: path.to_owned(), must_exist: false, moved: false, passed_over: None };
        if let Some(named) = &self.named {
            let moved = self.remembered.as_deref().is_some_and(|remembered| !is_same(remembered, named));
            return Ok(StateChoice { moved, ..choice(named) });
        }
        if let Some(remembered) = &self.remembered {
            return Ok(StateChoice { must_exist: true, ..choice(remembered) });
        }
        let personal = self.personal.as_deref();
        let Some(shared) = self.shared.as_deref().filter(|shared| is_shared_with_us(shared)) else {
            return personal.map(choice).ok_or(SharingError::NoPlace);
        };
        match personal.filter(|personal| !is_same(personal, shared) && knows(personal, target)) {
            Some(personal) if knows(shared, target) => Err(SharingError::Two {
                account: account_path(personal, target),
                shared: shared.to_owned(),
                personal: personal.to_owned(),
            }),
            Some(personal) => Ok(StateChoice { passed_over: Some(shared.to_owned()), ..choice(personal) }),
            None => Ok(choice(shared)),
        }
    }
}

impl StateChoice {
    /// Whether the ledger's last run used another folder, or may have: what it sent is not known in this one.
    pub(crate) fn is_moved(&self) -> bool {
        self.moved
    }

    /// Checks that the folder can be used for the account `target`, as far as it exists. Nothing is created.
    ///
    /// # Errors
    ///
    /// When it cannot.
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

    /// Opens the folder; creates it where it is missing and is not expected to exist.
    ///
    /// # Errors
    ///
    /// When it cannot be used.
    pub(crate) fn open(&self) -> Result<StateFolder, SharingError> {
        if !self.must_exist {
            return Ok(StateFolder::open(&self.path)?);
        }
        StateFolder::open_existing(&self.path)?.ok_or_else(|| SharingError::Gone(self.path.clone()))
    }
}

/// Whether runs of the account have kept anything in this state folder. One that cannot be opened is none to choose.
fn knows(state: &Path, target: &str) -> bool {
    let account = || -> Result<_, StateError> {
        StateFolder::open_existing(state)?.map_or(Ok(None), |state| state.existing_account(target))
    };
    account().ok().flatten().is_some_and(|account| account.names().is_ok_and(|names| !names.is_empty()))
}

/// Whether two paths lead to one folder, or are the same one where there is none.
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

    /// A folder with `personal`, and with `shared` of mode 2770.
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
        assert!(matches!(StateFolders::default().choose(TARGET), Err(SharingError::NoPlace)));
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
        assert_eq!((Some(choice.path), choice.passed_over), (folders.personal.clone(), folders.shared.clone()));
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
        folders.unremembered = true;
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
