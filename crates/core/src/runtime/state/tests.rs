use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

const TARGET: &str = "http://127.0.0.1:1/api";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// An existing state folder with this mode.
fn there(mode: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path(), mode);
    folder
}

fn account(state: &Path) -> AccountFolder {
    StateFolder::open(state).unwrap().account(TARGET).unwrap()
}

fn text(account: &AccountFolder, name: &str) -> String {
    io::read_to_string(account.open_read(name).unwrap()).unwrap()
}

/// Creates files in every way, and returns their modes.
fn modes_of_all_that_is_made(account: &AccountFolder) -> Vec<u32> {
    account.append("a").unwrap();
    account.append("b").unwrap();
    account.create_exclusive("c").unwrap();
    account.replace("d", b"x", Durability::Name).unwrap();
    let mut names = account.names().unwrap();
    names.sort();
    assert_eq!(names, ["a", "b", "c", "d"]);
    names.iter().map(|name| mode(&account.path().join(name))).collect()
}

#[test]
fn a_new_folder_is_for_its_owner_only_and_so_is_all_in_it() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("x/state");
    let state = StateFolder::open(&path).unwrap();
    assert_eq!(state.scope(), Scope::Personal);
    let account = state.account(TARGET).unwrap();
    assert_eq!(account.path(), account_path(&path, TARGET));
    for folder in [&path, &path.join("budgets"), account.path()] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(modes_of_all_that_is_made(&account), [0o600; 4]);
}

#[test]
fn a_folder_with_the_set_group_id_bit_is_shared_and_all_in_it_is_the_groups_whatever_the_umask_is() {
    let place = there(0o2770);
    let state = StateFolder::open(place.path()).unwrap();
    assert!(matches!(state.scope(), Scope::Shared { .. }));
    let account = state.account(TARGET).unwrap();
    assert_eq!([mode(&place.path().join("budgets")), mode(account.path())], [0o2770; 2]);
    // The umask of tests is 022 or narrower, which would clear the group's write permission.
    assert_eq!(modes_of_all_that_is_made(&account), [0o660; 4]);
}

#[test]
fn folders_that_others_could_write_to_are_refused_by_name_with_the_reason() {
    for (mode, words) in [(0o777, "every user may write"), (0o770, "not set up to be shared"), (0o3777, "every user")] {
        let place = there(mode);
        let error = StateFolder::open(place.path()).unwrap_err().to_string();
        let named = error.contains(&place.path().display().to_string());
        assert!(named && error.contains(words), "{mode:o}: {error}");
    }
    for name in ["", "budgets", "account"] {
        let place = there(0o700);
        let account = account(place.path());
        let path = match name {
            "" => place.path().to_owned(),
            "budgets" => place.path().join(name),
            _ => account.path().to_owned(),
        };
        set(&path, 0o722);
        let opened = StateFolder::open(place.path()).and_then(|state| state.account(TARGET));
        let error = opened.unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}

#[test]
fn what_is_no_directory_or_a_link_in_the_folder_is_refused() {
    let place = there(0o700);
    let file = place.path().join("file");
    fs::File::create(&file).unwrap();
    assert!(matches!(StateFolder::open(&file), Err(StateError::Io { .. })));
    let elsewhere = there(0o700);
    fs::create_dir(place.path().join("state")).unwrap();
    symlink(elsewhere.path(), place.path().join("state/budgets")).unwrap();
    let error = StateFolder::open(&place.path().join("state")).unwrap().account(TARGET).unwrap_err();
    assert!(matches!(error, StateError::Io { .. }), "{error}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn nothing_is_read_written_or_replaced_through_a_symbolic_link() {
    let place = there(0o700);
    let account = account(place.path());
    let victim = place.path().join("victim");
    fs::File::create(&victim).and_then(|mut file| file.write_all(b"kept")).unwrap();
    symlink(&victim, account.path().join("link")).unwrap();
    symlink(place.path().join("missing"), account.path().join("dangling")).unwrap();
    for name in ["link", "dangling"] {
        account.open_read(name).unwrap_err();
        account.append(name).unwrap_err();
        account.append(name).unwrap_err();
        assert!(account.create_exclusive(name).is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists));
        assert!(matches!(account.life(name), Life::Unknown), "{name}");
    }
    account.replace("link", b"new", Durability::None).unwrap();
    assert_eq!(text(&account, "link"), "new");
    assert!(!place.path().join("missing").exists());
    let mut kept = String::new();
    fs::File::open(&victim).unwrap().read_to_string(&mut kept).unwrap();
    assert_eq!(kept, "kept");
}

#[test]
fn a_pipe_or_a_folder_is_not_opened_and_nobody_waits_for_it() {
    let place = there(0o700);
    let account = account(place.path());
    fs::create_dir(account.path().join("folder")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        account.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    for name in ["folder", "pipe"] {
        account.open_read(name).unwrap_err();
        account.append(name).unwrap_err();
        assert!(matches!(account.life(name), Life::Unknown), "{name}");
    }
}

/// A group member may link a file of this user there, if the system allows that.
#[test]
fn in_a_shared_folder_a_file_that_has_another_name_is_not_written_to_or_opened_to_the_group() {
    let place = there(0o2770);
    let account = account(place.path());
    let elsewhere = place.path().join("elsewhere");
    fs::File::create(&elsewhere).unwrap();
    set(&elsewhere, 0o600);
    fs::hard_link(&elsewhere, account.path().join("list")).unwrap();
    account.append("list").unwrap_err();
    account.open_read("list").unwrap();
    assert_eq!(mode(&elsewhere), 0o600);
}

#[test]
fn the_folder_that_was_opened_is_used_whatever_has_its_name_later() {
    let place = there(0o700);
    let account = account(place.path());
    let moved = place.path().join("moved");
    fs::rename(account.path(), &moved).unwrap();
    fs::create_dir(account.path()).unwrap();
    account.replace("a", b"x", Durability::Name).unwrap();
    assert!(moved.join("a").exists() && !account.path().join("a").exists());
}

#[test]
fn a_content_is_replaced_as_a_whole_and_what_a_crash_left_of_it_is_removed() {
    for mode in [0o700, 0o2770] {
        let place = there(mode);
        let account = account(place.path());
        account.replace("budget", b"one", Durability::None).unwrap();
        let failing = account.replace_with("budget", Durability::Content, |file| {
            file.write_all(b"tw")?;
            Err(io::Error::other("full"))
        });
        failing.unwrap_err();
        assert_eq!((text(&account, "budget").as_str(), account.names().unwrap().len()), ("one", 1));
        for name in ["budget.0123456789abcdef.new", "budget.new", "other.0123456789abcdef.new"] {
            account.create_exclusive(name).unwrap();
        }
        account.remove_unfinished("budget").unwrap();
        let mut names = account.names().unwrap();
        names.sort();
        assert_eq!(names, ["budget", "other.0123456789abcdef.new"]);
        account.remove("budget").unwrap();
        account.remove("budget").unwrap();
    }
}

#[test]
fn a_file_is_locked_as_long_as_its_holder_lives() {
    for mode in [0o700, 0o2770] {
        let place = there(mode);
        let account = account(place.path());
        assert!(matches!(account.life("run"), Life::Missing));
        let file = account.create_exclusive("run").unwrap();
        file.try_lock().unwrap();
        assert!(matches!(account.life("run"), Life::Locked));
        assert!(account.create_exclusive("run").is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists));
        drop(file);
        assert!(matches!(account.life("run"), Life::Free));
    }
}

#[test]
fn a_folder_that_became_a_shared_one_later_is_opened_to_the_group_by_its_owner() {
    let place = there(0o700);
    let before = account(place.path());
    before.append("lock").unwrap();
    set(place.path(), 0o2770);
    let after = account(place.path());
    after.append("lock").unwrap();
    let modes =
        [place.path().join("budgets"), after.path().to_owned(), after.path().join("lock")].map(|path| mode(&path));
    assert_eq!(modes, [0o2770, 0o2770, 0o660]);
}

#[test]
fn a_file_of_a_user_is_opened_only_as_a_regular_file_of_that_user() {
    let place = there(0o700);
    let path = place.path().join("ledger");
    fs::File::create(&path).unwrap();
    open_file_of(&path, own_user()).unwrap();
    assert!(open_file_of(&path, own_user() + 1).unwrap_err().to_string().contains("belongs to user"));
    let link = place.path().join("link");
    symlink(&path, &link).unwrap();
    open_file_of(&link, own_user()).unwrap_err();
    open_file_of(place.path(), own_user()).unwrap_err();
}

#[test]
fn accounts_of_one_host_are_told_apart_and_their_names_stay_what_they_were() {
    let path = account_path(Path::new("/s"), "https://apigw.example/a");
    assert!(
        path.starts_with("/s/budgets") && path.file_name().unwrap().to_str().unwrap().starts_with("apigw.example-")
    );
    assert_ne!(path, account_path(Path::new("/s"), "https://apigw.example/b"));
    assert_eq!(account_path(Path::new("/s"), TARGET).file_name().unwrap(), "127.0.0.1-ec693eea3e06e609");
}
