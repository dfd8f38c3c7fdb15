//! Unusable ledgers, and disks that cannot store them: a clear error, nothing sent, nothing overwritten.

use std::fs;

use batchpost::ledger::{Header, Ledger, VERSION};
use batchpost::runtime::LedgerFile;

use crate::support::{Api, Folder, ended, quick};

const LEDGER: &str = "notes.csv.ledger.jsonl";

/// A half-finished batch and the text of its ledger.
fn half_done() -> (Api, Folder, String) {
    let api = Api::start(quick());
    let folder = Folder::with_rows(10);
    folder.run(&api, &["--first", "5"]).with_code(5);
    let ledger = folder.read(LEDGER);
    (api, folder, ledger)
}

/// Asserts that a run with this ledger is refused with these words, sends nothing, and leaves the file
/// unchanged.
#[track_caller]
fn is_refused(api: &Api, folder: &Folder, ledger: &str, words: &[&str]) {
    folder.write(LEDGER, ledger);
    let names = folder.names();
    let before = api.arrivals();
    ended(&mut folder.run_command(&api.url(), &[])).with_code(3).saying(words).saying(&[LEDGER]);
    folder.call(&["status", LEDGER]).with_code(3).saying(words);
    assert_eq!((folder.read(LEDGER), api.arrivals(), folder.names()), (ledger.to_owned(), before, names));
}

#[test]
fn a_line_doubled_missing_moved_or_of_another_ledger_is_named() {
    let (api, folder, ledger) = half_done();
    let lines: Vec<&str> = ledger.split_inclusive('\n').collect();
    let at = 6;
    let byte: usize = lines[..at].iter().map(|line| line.len()).sum();
    let with = |put: &[&str]| [&lines[..at].concat(), &put.concat()].into_iter().cloned().collect::<String>();
    let rest = lines[at + 1..].concat();
    let next = format!("line {} (byte {byte})", at + 1);

    let doubled = with(&[lines[at], lines[at], &rest]);
    let after = format!("line {} (byte {})", at + 2, byte + lines[at].len());
    is_refused(&api, &folder, &doubled, &["damaged", &after, "record 7 is in the place of record 8"]);
    is_refused(&api, &folder, &with(&[&rest]), &["damaged", &next, "record 8 is in the place of record 7"]);
    let moved = with(&[lines[at + 1], lines[at], &lines[at + 2..].concat()]);
    is_refused(&api, &folder, &moved, &["damaged", &next, "record 8 is in the place of record 7"]);

    // Another batch of the same rows has the same record at that position, except for the ledger's id.
    let other = Folder::with_rows(10);
    other.run(&api, &["--first", "5"]).with_code(5);
    let foreign = other.read(LEDGER);
    let foreign = with(&[foreign.split_inclusive('\n').nth(at).unwrap(), &rest]);
    is_refused(&api, &folder, &foreign, &["damaged", &next, "comes from another ledger"]);

    folder.write(LEDGER, &ledger);
    folder.run(&api, &[]).with_code(0);
}

/// The first line of a ledger with this header.
fn sealed(header: &Header) -> String {
    let begun = format!("{{\"n\":1,\"ledger\":{}", serde_json::to_string(header).unwrap());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&header.id.0.to_le_bytes());
    crc.update(begun.as_bytes());
    format!("{begun},\"crc\":\"{:08x}\"}}\n", crc.finalize())
}

/// Otherwise this API's keys and notes would be sent to another API's host.
#[test]
fn a_ledger_of_another_api_is_not_continued() {
    let (api, folder, ledger) = half_done();
    assert!(!ledger.contains("\"api\""), "no ledger of LeadSquared names it");
    let file = LedgerFile::open_to_read(&folder.path(LEDGER)).unwrap();
    let header: Header = batchpost::ledger::header(&file).unwrap();
    let rest = ledger.split_once('\n').unwrap().1;
    folder.write(LEDGER, sealed(&Header { api: Some("freshdesk".into()), ..header }) + rest);
    let before = api.arrivals();
    let words = ["freshdesk", "leadsquared", "--ledger", LEDGER];
    ended(&mut folder.run_command(&api.url(), &[])).with_code(2).saying(&words);
    folder.call(&["resume", LEDGER]).with_code(2).saying(&words);
    assert_eq!(api.arrivals(), before);
    // Commands that only read a ledger do not need to know its API.
    folder.call(&["status", LEDGER]).with_code(5);
    folder.call(&["export", LEDGER, "--state", "posted"]).with_code(0).saying(&["another API", "freshdesk"]);
}

#[test]
fn a_ledger_of_a_newer_version_is_refused() {
    let (api, folder, _) = half_done();
    let file = LedgerFile::open_to_read(&folder.path(LEDGER)).unwrap();
    let header: Header = batchpost::ledger::header(&file).unwrap();
    let line = sealed(&Header { version: VERSION + 1, ..header });
    is_refused(&api, &folder, &line, &["format version 2", "newer batchpost"]);
    folder.call(&["salvage", LEDGER, "-o", "new.jsonl"]).with_code(3).saying(&["newer batchpost"]);
    assert!(!folder.path("new.jsonl").exists());
}

#[test]
fn a_damaged_first_line_leaves_nothing_to_salvage_and_says_so() {
    let (api, folder, ledger) = half_done();
    let headless = ledger.replacen("\"tool\"", "\"tooL\"", 1);
    is_refused(&api, &folder, &headless, &["not a ledger, or it is a ledger with a damaged first line"]);
    folder.call(&["salvage", LEDGER, "-o", "new.jsonl"]).with_code(3).saying(&["a damaged first line"]);
    assert!(!folder.path("new.jsonl").exists());
    assert!(Ledger::open(LedgerFile::open(&folder.path(LEDGER)).unwrap()).is_err());
}

#[test]
fn a_directory_is_no_ledger_and_one_that_is_not_there_is_not_made() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    fs::create_dir(folder.path("folder.jsonl")).unwrap();
    ended(&mut folder.run_command(&api.url(), &["--ledger", "folder.jsonl"])).with_code(3).saying(&["folder.jsonl"]);
    for command in ["status", "show", "audit", "export"] {
        let ran = folder.call(&[command, "folder.jsonl"]);
        assert!(matches!(ran.code, Some(2 | 3)) && ran.stderr.contains("folder.jsonl"), "{command}: {ran:?}");
    }
    ended(&mut folder.run_command(&api.url(), &["--ledger", "nowhere/a.jsonl"])).with_code(2).saying(&["nowhere"]);
    assert!(!folder.path("nowhere").exists());
    for command in ["status", "show", "audit", "export", "resume"] {
        folder.call(&[command, "gone.jsonl"]).with_code(2).saying(&["gone.jsonl"]);
    }
    assert_eq!(api.arrivals(), 0);
}

#[test]
fn nothing_is_left_beside_what_is_no_ledger_or_not_there() {
    let folder = Folder::with_rows(3);
    folder.write("other.csv", "Ticket,Text\n1,a\n");
    folder.write("empty.jsonl", "");
    let before = folder.names();
    for (ledger, code) in [("other.csv", 3), ("empty.jsonl", 3), ("gone.jsonl", 2)] {
        if ledger != "gone.jsonl" {
            let run = folder.run_command("http://127.0.0.1:9/x", &["--ledger", ledger]);
            ended(&mut { run }).with_code(code).saying(&[ledger, "is not a ledger"]);
        }
        folder.call(&["settle", ledger, "--rows", "1", "--as", "posted"]).with_code(code).saying(&[ledger]);
        folder.call(&["salvage", ledger, "-o", "new.jsonl"]).with_code(code).saying(&[ledger]);
        folder.call(&["resume", ledger]).with_code(code).saying(&[ledger]);
        assert_eq!(folder.names(), before, "{ledger}");
    }
}

/// Whether the tests run as root, who may read and write whatever the mode.
#[cfg(unix)]
fn is_root(folder: &Folder) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder.path("notes.csv")).unwrap().uid() == 0
}

#[cfg(unix)]
#[test]
fn a_ledger_that_may_not_be_written_or_read_stops_the_run() {
    use std::os::unix::fs::PermissionsExt;
    let (api, folder, ledger) = half_done();
    if is_root(&folder) {
        println!("skipped: modes mean nothing to root");
        return;
    }
    for (mode, code) in [(0o400, 5), (0o000, 3)] {
        fs::set_permissions(folder.path(LEDGER), fs::Permissions::from_mode(mode)).unwrap();
        ended(&mut folder.run_command(&api.url(), &[])).with_code(3).saying(&[LEDGER, "ermission denied"]);
        folder.call(&["status", LEDGER]).with_code(code);
    }
    fs::set_permissions(folder.path(LEDGER), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!((folder.read(LEDGER), api.arrivals()), (ledger, 5));
}

/// A result that cannot be written is not a success.
#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let (_api, folder, _) = half_done();
    for arguments in
        [&["status", LEDGER][..], &["export", LEDGER, "--state", "posted"], &["show", LEDGER], &["audit", LEDGER]]
    {
        let command = folder.batchpost(arguments);
        let ran = ended(&mut folder.in_shell("exec \"$0\" \"$@\" > /dev/full", &command));
        assert!(ran.code.is_some_and(|code| code != 0), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains("No space left"), "{arguments:?}: {ran:?}");
    }
}

/// A separate file system in the folder `disk`, unmounted on drop.
#[cfg(target_os = "linux")]
struct Disk<'a>(&'a Folder);

#[cfg(target_os = "linux")]
impl<'a> Disk<'a> {
    /// Returns `None` if this process may not mount file systems.
    fn mounted(folder: &'a Folder, options: &str) -> Option<Self> {
        fs::create_dir_all(folder.path("disk")).unwrap();
        let disk = Self(folder);
        if disk.mount(options) {
            return Some(disk);
        }
        println!("skipped: a file system cannot be mounted here");
        std::mem::forget(disk);
        None
    }

    fn mount(&self, options: &str) -> bool {
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(self.0.path("disk"));
        mount.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // Ignore errors: a failing test reports its own cause.
        std::process::Command::new("umount").arg(self.0.path("disk")).status().ok();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_run_and_with_room_again_the_next_one_goes_on() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(300);
    let Some(disk) = Disk::mounted(&folder, "size=48k") else { return };
    let ledger = ["--ledger", "disk/full.jsonl", "--concurrency", "4"];
    let ran = folder.run(&api, &ledger).with_code(3);
    let json = ran.json();
    assert_eq!(json["stopped"], "ledger", "{json}");
    assert!(ran.stderr.contains("No space left"), "{}", ran.stderr);
    let sent = api.arrivals();
    assert!((5..300).contains(&sent), "{sent}");
    let unwritten = ran.stderr.lines().filter(|line| line.contains("could not be recorded")).count();
    assert_eq!(json["posted"].as_u64().unwrap() as usize + unwritten, sent, "{json}\n{}", ran.stderr);
    // Still full: nothing more is sent.
    let ran = folder.run(&api, &ledger);
    assert!(ran.code == Some(3) && api.arrivals() == sent, "{ran:?}");

    assert!(disk.mount("remount,size=1m"));
    let json = folder.run(&api, &ledger).json();
    let in_doubt = json["in_doubt"].as_u64().unwrap() as usize;
    assert!(in_doubt <= 2 * 4 && json["posted"] == 300 - in_doubt, "{json}");
    let created: std::collections::BTreeSet<String> = api.texts().into_iter().collect();
    assert_eq!(created.len(), api.texts().len(), "created twice");
    assert!(created.len() >= 300 - in_doubt, "{json}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_file_system_is_refused_before_anything_is_sent() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(6);
    let Some(disk) = Disk::mounted(&folder, "size=1m") else { return };
    let ledger = ["--ledger", "disk/notes.jsonl"];
    folder.run(&api, &[&ledger[..], &["--first", "2"]].concat()).with_code(5);
    let before = folder.read("disk/notes.jsonl");
    assert!(disk.mount("remount,ro"));
    ended(&mut folder.run_command(&api.url(), &ledger)).with_code(3).saying(&["disk/notes.jsonl", "Read-only"]);
    ended(&mut folder.run_command(&api.url(), &["--ledger", "disk/other.jsonl", "--known", "post"]))
        .with_code(3)
        .saying(&["disk/other.jsonl", "Read-only"]);
    let settle = ["settle", "disk/notes.jsonl", "--rows", "1", "--as", "posted"];
    folder.call(&settle).with_code(3).saying(&["Read-only"]);
    // Reading is still possible.
    folder.call(&["status", "disk/notes.jsonl"]).with_code(5);
    folder.call(&["audit", "disk/notes.jsonl"]).with_code(0);
    assert_eq!((folder.read("disk/notes.jsonl"), api.arrivals()), (before, 2));
}
