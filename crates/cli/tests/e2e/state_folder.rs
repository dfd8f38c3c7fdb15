//! The state folder in which runs count an account's limit: the one that the ledger remembers, or one that
//! users share.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use batchpost_sandbox::Settings;
use tempfile::TempDir;

use crate::support::{Api, Folder, Ran, Running, ended, records, sheet, texts, until};

const LEDGER: &str = "notes.csv.ledger.jsonl";
const LIMIT: [&str; 2] = ["--limit", "10/1s"];

/// A server with a limit of 10 per second.
fn ten_a_second() -> Api {
    Api::start(Settings {
        limit: Some(10),
        window: Duration::from_secs(1),
        latency: Duration::ZERO..=Duration::from_millis(5),
        ..Settings::default()
    })
}

fn assert_kept(api: &Api, rows: u64) {
    let report = api.report();
    assert_eq!((report.most_in_any_window, report.refused), (10, 0), "{report:?}");
    assert_eq!(api.texts(), texts(rows));
}

/// The binary with a different home folder.
fn elsewhere(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.batchpost(arguments);
    command.env("XDG_STATE_HOME", folder.path("other"));
    command
}

/// The only account's folder under the state folder `state`.
fn account(state: &Path) -> PathBuf {
    fs::read_dir(state.join("budgets")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn only_absolute_paths_name_the_users_folders() {
    let api = ten_a_second();
    let folder = Folder::with_rows(1);
    let home = folder.path("home");
    let settings = home.join(".config/batchpost/batchpost.toml");
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::File::create(&settings).unwrap().write_all(b"verbose = 1\n").unwrap();
    let within = |mut command: Command, xdg: &str, home: &Path| {
        command.env("XDG_STATE_HOME", xdg).env("XDG_CONFIG_HOME", xdg).env("HOME", home);
        ended(&mut command)
    };
    for no_home in ["", "home"] {
        within(folder.run_command(&api.url(), &LIMIT), "relative", Path::new(no_home)).with_code(2);
    }
    for xdg in ["", "relative"] {
        let json = within(folder.batchpost(&["config", "--json"]), xdg, &home).with_code(0).json();
        assert_eq!(json["file"], settings.to_str().unwrap());
        within(folder.run_command(&api.url(), &LIMIT), xdg, &home).with_code(0);
    }
    assert!(home.join(".local/state/batchpost/budgets").is_dir());
    assert!(!folder.path("relative").exists());
    assert_eq!(api.arrivals(), 1);
}

#[test]
fn under_another_home_the_limit_holds_since_the_ledger_remembers_its_state_folder() {
    let api = ten_a_second();
    let folder = Folder::with_rows(30);
    folder.run(&api, &["--limit", "10/1s", "--first", "10"]).with_code(5);
    ended(&mut elsewhere(&folder, &["resume", LEDGER, "--first", "10"])).with_code(5);
    ended(&mut elsewhere(&folder, &["run", "notes.csv", "--url", &api.url(), "--limit", "10/1s"])).with_code(0);
    assert_kept(&api, 30);
    assert!(!folder.path("other").exists());
    let used = folder.state_home().join("batchpost");
    for run in records(&folder.ledger(LEDGER), "run") {
        assert_eq!(run["state_folder"], used.to_str().unwrap(), "{run}");
    }
}

#[test]
fn where_the_ledgers_state_folder_is_gone_or_refused_nothing_is_sent_and_a_done_batch_needs_none() {
    let api = ten_a_second();
    let folder = Folder::with_rows(2);
    folder.run(&api, &["--limit", "10/1s", "--first", "1"]).with_code(5);
    let (used, away) = (folder.state_home().join("batchpost"), folder.state_home().join("away"));
    let refused = |words: &[&str]| {
        let words = [words, &["--state-dir", used.to_str().unwrap()]].concat();
        folder.call(&["resume", LEDGER]).with_code(2).saying(&words);
        folder.run(&api, &LIMIT).with_code(2).saying(&words);
        let check = folder.call(&["check", "notes.csv", "--url", &api.url(), "--limit", "10/1s"]).with_code(2);
        assert!(words.iter().all(|word| check.stdout.contains(word)), "{}", check.stdout);
        let doctor = folder.call(&["doctor", LEDGER]).with_code(2);
        assert!(words.iter().all(|word| doctor.stdout.contains(word)), "{}", doctor.stdout);
    };
    fs::rename(&used, &away).unwrap();
    refused(&["does not exist"]);
    assert!(!used.exists());
    fs::rename(&away, &used).unwrap();
    fs::set_permissions(&used, fs::Permissions::from_mode(0o777)).unwrap();
    refused(&["every user may write to it"]);
    fs::set_permissions(&used, fs::Permissions::from_mode(0o700)).unwrap();
    if is_root() {
        chown(&used, Some(40001), None).unwrap();
        refused(&["it belongs to user 40001"]);
        chown(&used, Some(0), None).unwrap();
    }
    assert_eq!(api.arrivals(), 1);
    folder.call(&["resume", LEDGER]).with_code(0);
    fs::remove_dir_all(&used).unwrap();
    folder.call(&["resume", LEDGER]).with_code(0);
    assert_eq!(api.texts(), texts(2));
}

#[test]
fn in_another_state_folder_than_the_ledgers_every_slot_is_taken_to_be_in_use_at_first() {
    let api = ten_a_second();
    let folder = Folder::with_rows(20);
    let limits = ["--limit", "10/1s", "--limit", "1000/1h"];
    folder.run(&api, &[&limits[..], &["--first", "10"]].concat()).with_code(5);
    let check = ["check", "notes.csv", "--url", &api.url(), "--json", "--state-dir", "new"];
    let check = folder.call(&[&check[..], &limits].concat());
    assert!(check.json()["seconds"].as_f64().is_some_and(|seconds| seconds > 3600.0), "{}", check.stdout);
    // The second run finds the slots in use in the folder, which the ledger now remembers.
    for more in [&["--state-dir", "new"][..], &[]] {
        let running = Running::start(&mut folder.batchpost(&[&["resume", LEDGER], more].concat()));
        until("it says why it waits", || running.stderr().contains("a batch came from another state folder"));
        running.signal("INT");
        running.ended().with_code(130);
        let ledger = folder.ledger(LEDGER);
        let last = records(&ledger, "run").last().unwrap()["state_folder"].clone();
        assert_eq!(last, folder.path("new").to_str().unwrap());
    }
    assert_eq!(api.arrivals(), 10);
}

#[test]
fn a_ledger_of_an_older_program_goes_on_where_it_was_told_to_keep_the_budget() {
    let api = ten_a_second();
    let folder = Folder::with_rows(20);
    folder.run(&api, &["--limit", "10/1s", "--first", "10", "--state-dir", "kept"]).with_code(5);
    let state = folder.path("kept").display().to_string();
    let new = folder.read(LEDGER);
    let old = resealed(&new, &format!(",\"state_folder\":\"{state}\""));
    assert_ne!(old, new);
    folder.write(LEDGER, old);
    ended(&mut elsewhere(&folder, &["resume", LEDGER])).with_code(0);
    assert_kept(&api, 20);
}

#[test]
fn a_ledger_that_does_not_say_where_it_was_counted_waits_where_the_account_is_not_known() {
    let api = ten_a_second();
    let folder = Folder::with_rows(20);
    folder.run(&api, &["--limit", "10/1s", "--first", "10"]).with_code(5);
    let used = folder.state_home().join("batchpost").display().to_string();
    folder.write(LEDGER, resealed(&folder.read(LEDGER), &format!(",\"state_folder\":\"{used}\"")));
    let ledger = folder.read(LEDGER);
    let running = Running::start(&mut elsewhere(&folder, &["resume", LEDGER]));
    until("it says why it waits", || running.stderr().contains("a batch came from another state folder"));
    running.signal("INT");
    running.ended().with_code(130);
    assert_eq!(api.arrivals(), 10);
    folder.write(LEDGER, ledger);
    folder.call(&["resume", LEDGER]).with_code(0);
    assert_kept(&api, 20);
}

/// Removes `without` from the lines of a ledger and corrects their checksums.
fn resealed(ledger: &str, without: &str) -> String {
    let id = ledger.split_once("\"id\":\"").unwrap().1.get(..16).unwrap();
    let id = u64::from_str_radix(id, 16).unwrap();
    let sealed = |line: &str| {
        let line = line.replace(without, "");
        let (body, _) = line.rsplit_once(",\"crc\":").unwrap();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&id.to_le_bytes());
        crc.update(body.as_bytes());
        format!("{body},\"crc\":\"{:08x}\"}}\n", crc.finalize())
    };
    ledger.lines().map(sealed).collect()
}

#[test]
fn where_the_personal_and_the_shared_folder_know_the_account_one_has_to_be_chosen() {
    let api = ten_a_second();
    let folder = Folder::with_rows(3);
    let shared = folder.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o2770)).unwrap();
    let run = |name: &str, more: &[&str]| {
        folder.write(name, sheet(1..=3));
        let arguments = ["run", name, "--url", &api.url(), "--limit", "10/1s", "--known", "post"];
        folder.call(&[&arguments[..], more].concat())
    };
    let by_default = ["--shared-state-dir", "shared"];
    run("a.csv", &[]).with_code(0);
    // The personal folder is still used until a run uses the shared one.
    run("b.csv", &by_default).with_code(0);
    assert_eq!(fs::read_dir(&shared).unwrap().count(), 0);
    let doctor = ["doctor", "x.csv", "--url", &api.url(), "--shared-state-dir", "shared"];
    let said = folder.call(&doctor).stdout;
    assert!(said.contains("can be shared, but is not used"), "{said}");
    run("c.csv", &["--state-dir", "shared"]).with_code(0);
    let arrivals = api.arrivals();
    let personal = folder.state_home().join("batchpost").display().to_string();
    let both = [shared.to_str().unwrap(), personal.as_str(), "--state-dir"];
    run("d.csv", &by_default).with_code(2).saying(&both);
    let said = folder.call(&doctor).with_code(2).stdout;
    assert!(both.iter().all(|word| said.contains(word)), "{said}");
    assert_eq!((api.arrivals(), folder.path("d.csv.ledger.jsonl.lock").exists()), (arrivals, false));
    run("d.csv", &["--state-dir", "shared"]).with_code(0);
    // The ledger remembers the chosen folder.
    run("d.csv", &by_default).with_code(0);
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A group of some of the users here, who need not exist in the system's user database.
const GROUP: u32 = 40100;

struct User {
    folder: Folder,
    id: u32,
    groups: &'static str,
}

impl User {
    /// A user with the given rows.
    fn new(id: u32, groups: &'static str, rows: std::ops::RangeInclusive<u64>) -> Self {
        let folder = Folder::new();
        folder.write("notes.csv", sheet(rows));
        for path in [folder.path(""), folder.path("notes.csv"), folder.state_home().to_owned()] {
            chown(path, Some(id), Some(id)).unwrap();
        }
        Self { folder, id, groups }
    }

    /// `run notes.csv` as this user. By the umask, other users could not read its files.
    fn run(&self, binary: &Path, api: &Api, shared: &Path) -> Command {
        let id = self.id.to_string();
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--reuid", &id, "--regid", &id]);
        match self.groups {
            "" => command.arg("--clear-groups"),
            groups => command.args(["--groups", groups]),
        };
        command.args(["--", "/bin/sh", "-c", "umask 077; exec \"$0\" \"$@\""]).arg(binary);
        command.args(["run", "notes.csv", "--url", &api.url(), "--limit", "10/1s", "--shared-state-dir"]).arg(shared);
        self.folder.isolated(command)
    }
}

#[cfg(target_os = "linux")]
#[test]
fn two_users_of_a_group_keep_one_limit_in_the_folder_that_they_share_and_a_third_one_keeps_out() {
    let Some((place, shared)) = place_for_users() else { return };
    let (api, binary) = (ten_a_second(), place.path().join("batchpost"));
    let anna = User::new(40001, "40100", 1..=20);
    let bert = User::new(40002, "40100", 21..=40);
    // Both at the same time.
    let first = Running::start(&mut anna.run(&binary, &api, &shared));
    until("it posts", || api.arrivals() > 0);
    let second = Running::start(&mut bert.run(&binary, &api, &shared));
    let ran: Vec<Ran> = [first, second].map(|running| running.ended().with_code(0)).into();
    assert!(ran[1].stderr.contains("shares the account's budget"), "{}", ran[1].stderr);
    assert_kept(&api, 40);

    let account = account(&shared);
    for entry in fs::read_dir(&account).unwrap().chain(fs::read_dir(shared.join("budgets")).unwrap()) {
        let metadata = entry.unwrap().metadata().unwrap();
        let mode = if metadata.is_dir() { 0o2770 } else { 0o660 };
        assert_eq!((metadata.mode() & 0o7777, metadata.gid()), (mode, GROUP));
    }
    let third = User::new(40003, "", 41..=43);
    ended(&mut third.run(&binary, &api, &shared)).with_code(0);
    assert!(third.folder.state_home().join("batchpost/budgets").is_dir());
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_of_another_user_that_was_killed_is_found_and_its_slots_are_kept() {
    let Some((place, shared)) = place_for_users() else { return };
    let (api, binary) = (ten_a_second(), place.path().join("batchpost"));
    let anna = User::new(40001, "40100", 1..=20);
    let bert = User::new(40002, "40100", 21..=30);
    let killed = Running::start(anna.run(&binary, &api, &shared).args(["--timeout", "500ms"]));
    until("it posts", || api.arrivals() > 4);
    killed.killed();
    let ran = ended(bert.run(&binary, &api, &shared).args(["--timeout", "500ms"])).with_code(0);
    assert!(!ran.stderr.contains("shares the account's budget"), "{}", ran.stderr);
    let report = api.report();
    assert!(report.most_in_any_window <= 10 && report.refused == 0, "{report:?}");
    let files = fs::read_dir(account(&shared)).unwrap().map(|entry| entry.unwrap().file_name());
    let runs = files.filter(|name| name.to_string_lossy().starts_with("run-")).count();
    assert_eq!(runs, 0, "the dead run's file is gone");
}

/// A folder that every user can reach, with the binary and a state folder that the group shares. Returns
/// `None` if the tests cannot act as several users.
fn place_for_users() -> Option<(TempDir, PathBuf)> {
    if !is_root() || !Path::new("/usr/bin/setpriv").exists() {
        eprintln!("skipped: only root can act as several users, with setpriv");
        return None;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (from, to) = (env!("CARGO_BIN_EXE_batchpost"), place.path().join("batchpost"));
    fs::hard_link(from, &to).or_else(|_| fs::copy(from, &to).map(drop)).unwrap();
    let shared = place.path().join("state");
    fs::create_dir(&shared).unwrap();
    chown(&shared, Some(0), Some(GROUP)).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o2770)).unwrap();
    Some((place, shared))
}
