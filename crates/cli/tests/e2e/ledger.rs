//! The ledger: its permissions, its lock, damage, and full disks.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::Duration;

use batchpost_sandbox::Settings;

use crate::support::{Api, Folder, Running, ended, quick, records, texts, until};

const LEDGER: &str = "notes.csv.ledger.jsonl";

#[test]
fn a_second_run_on_one_ledger_is_turned_away_and_told_by_whom() {
    let api = Api::failing(&["silence@1"]);
    let folder = Folder::with_rows(5);
    let first = Running::start(&mut folder.run_command(&api.url(), &[]));
    until("the first request has arrived", || api.arrivals() == 1);
    let holder = format!("process {} ", first.id());
    ended(&mut folder.run_command(&api.url(), &[])).with_code(75).saying(&["in use by another run", &holder]);
    assert_eq!(api.arrivals(), 1);
    ended(&mut folder.batchpost(&["resume", LEDGER])).with_code(75).saying(&[&holder]);
    ended(&mut folder.batchpost(&["status", LEDGER])).with_code(75);

    // A lock is released when its process ends, for any reason.
    first.killed();
    folder.run(&api, &[]).with_code(4);
}

/// Whether the system lists a lock on a file in the folder under the file's device and inode numbers; on
/// btrfs it does not.
#[cfg(target_os = "linux")]
fn locks_are_told(folder: &Folder) -> bool {
    use std::os::unix::fs::MetadataExt;
    folder.write("probe", "");
    let probe = File::open(folder.path("probe")).unwrap();
    probe.try_lock().unwrap();
    let metadata = probe.metadata().unwrap();
    let device = metadata.dev();
    let on = format!(" {:02x}:{:02x}:{} ", device >> 8 & 0xfff, device & 0xff, metadata.ino());
    std::fs::read_to_string("/proc/locks").unwrap().contains(&on)
}

/// Whether the system must list all locks: in the initial PID namespace, on a file system that only this
/// machine uses.
#[cfg(target_os = "linux")]
fn all_locks_are_told(folder: &Folder) -> bool {
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let kind = std::process::Command::new("stat").args(["-f", "-c", "%T"]).arg(folder.path(".")).output().unwrap();
    let kind = String::from_utf8(kind.stdout).unwrap();
    let one_machines = ["ext2/ext3", "tmpfs", "xfs"].contains(&kind.trim());
    namespace.as_os_str() == "pid:[4026531836]" && one_machines && locks_are_told(folder)
}

#[cfg(target_os = "linux")]
#[test]
fn status_tells_a_run_that_is_under_way_from_one_that_was_cut_off() {
    let api = Api::failing(&["silence@1"]);
    let folder = Folder::with_rows(5);
    let (told, all_told) = (locks_are_told(&folder), all_locks_are_told(&folder));
    let status = || folder.call(&["status", LEDGER]).with_code(75).stdout;
    let json = || folder.call(&["status", LEDGER, "--json"]).with_code(75).json();
    let why = || folder.call(&["show", LEDGER, "--state", "in_doubt"]).with_code(0).stdout;
    let run = Running::start(&mut folder.run_command(&api.url(), &[]));
    until("the first request has arrived", || api.arrivals() == 1);
    let process = run.id();
    let said = status();
    assert!(!said.contains("was cut off\n") && !said.contains("to continue:\n  batchpost resume"), "{said}");
    assert!(why().starts_with("row 1 ticket 1001 in_doubt: no reply is recorded"), "{}", why());
    if told {
        assert_eq!(why(), "row 1 ticket 1001 in_doubt: no reply is recorded yet\n");
        for words in [format!("is under way (process {process})"), format!("  kill -INT {process}\n")] {
            assert!(said.contains(&words), "{words:?} is not in:\n{said}");
        }
        assert!(!said.contains("cut off") && !said.contains("resume"), "{said}");
        assert_eq!(json()["under_way"], process);
        // A process that uses the ledger under another name, or settles rows: since when it has the lock is
        // unknown.
        folder.write(&format!("{LEDGER}.lock"), "process 1 since 1999-01-01T00:00:00Z\n");
        let said = status();
        let unclear = format!("has not ended, or was cut off; in use by process {process}\n");
        assert!(said.contains(&unclear) && !said.contains("kill") && !said.contains("resume"), "{said}");
        assert_eq!(json()["under_way"], serde_json::Value::Null);
    }

    run.killed();
    let cut_off = "the run was cut off before its reply was recorded";
    assert!(folder.call(&["export", LEDGER, "--state", "in_doubt"]).stdout.contains(cut_off), "export");
    let said = status();
    assert!(said.contains("was cut off\n") && said.contains("batchpost resume"), "{said}");
    // In a container and on some file systems, there may be a lock that is not listed.
    let doubts = ["has not ended, or", "unless it is still under way"].map(|words| said.contains(words));
    assert_eq!(doubts[0], doubts[1], "{said}");
    assert!(!(all_told && doubts[0]), "{said}");
    let unclear = "no reply is recorded: the run has not ended, or was cut off";
    let what = if doubts[0] { unclear } else { cut_off };
    assert_eq!(why(), format!("row 1 ticket 1001 in_doubt: {what}\n"));
    assert_eq!(json()["under_way"], serde_json::Value::Null);
    if !told {
        return;
    }

    // A process that settles rows or is about to start the next run.
    let other = File::open(folder.path(LEDGER)).unwrap();
    other.try_lock().unwrap();
    let process = std::process::id();
    folder.write(&format!("{LEDGER}.lock"), format!("process {process} since 2999-01-01T00:00:00Z\n"));
    let said = status();
    assert!(said.contains("was cut off\n") && said.contains(&format!("in use: by process {process},")), "{said}");
    assert!(!said.contains("resume"), "{said}");
    assert_eq!(json()["under_way"], serde_json::Value::Null);
}

#[test]
fn a_ledger_of_another_target_is_refused() {
    let (api, other) = (Api::start(quick()), Api::start(quick()));
    let folder = Folder::with_rows(5);
    folder.run(&api, &["--first", "2"]).with_code(5);
    let before = folder.read(LEDGER);
    let other_tenant = api.url().replace("tenants/1", "tenants/2");
    for url in [other.url(), other_tenant] {
        ended(&mut folder.run_command(&url, &[])).with_code(2).saying(&[&api.url(), &url, "--ledger"]);
    }
    assert_eq!((api.arrivals(), other.arrivals(), folder.read(LEDGER)), (2, 0, before));
}

#[test]
fn a_damaged_ledger_stops_the_run_with_line_and_byte_before_anything_is_sent() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(10);
    folder.run(&api, &["--first", "6"]).with_code(5);
    let mut ledger = folder.read(LEDGER).into_bytes();
    let line = ledger.iter().filter(|byte| **byte == b'\n').count() / 2;
    let starts: Vec<usize> = std::iter::once(0)
        .chain(ledger.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1))
        .collect();
    let (start, next) = (starts[line - 1], starts[line]);
    ledger[(start + next) / 2] ^= 1;
    folder.write(LEDGER, &ledger);

    let place = format!("line {line} (byte {start})");
    ended(&mut folder.run_command(&api.url(), &[])).with_code(3).saying(&["damaged", &place, LEDGER]);
    for command in ["status", "show", "resume"] {
        ended(&mut folder.batchpost(&[command, LEDGER])).with_code(3).saying(&["damaged", &place]);
    }
    assert_eq!(api.arrivals(), 6);
    assert_eq!(std::fs::read(folder.path(LEDGER)).unwrap(), ledger, "damage is left as it is");
}

#[test]
fn a_line_taken_out_of_a_ledger_is_damage() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(10);
    folder.run(&api, &["--first", "6"]).with_code(5);
    let ledger = folder.read(LEDGER);
    let lines: Vec<&str> = ledger.split_inclusive('\n').collect();
    let without: String = [&lines[..7], &lines[8..]].concat().concat();
    folder.write(LEDGER, without);
    ended(&mut folder.run_command(&api.url(), &[])).with_code(3).saying(&["damaged", "line 8 "]);
    assert_eq!(api.arrivals(), 6);
}

#[test]
fn a_torn_tail_is_kept_aside_and_said_and_the_run_goes_on() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(10);
    folder.run(&api, &["--first", "6"]).with_code(5);
    let torn = r#"{"n":99,"intent":{"row":7,"#;
    OpenOptions::new().append(true).open(folder.path(LEDGER)).unwrap().write_all(torn.as_bytes()).unwrap();
    let status = ended(&mut folder.batchpost(&["status", LEDGER]));
    assert!(status.stdout.contains("26 bytes at the end are torn"), "{}", status.stdout);

    let ran = folder.run(&api, &[]).with_code(0);
    let excluded = format!("{LEDGER}.torn");
    assert!(ran.stderr.contains("torn") && ran.stderr.contains(&excluded), "{}", ran.stderr);
    assert_eq!(folder.read(excluded), torn);
    assert_eq!(api.texts(), texts(10));
    ended(&mut folder.batchpost(&["status", LEDGER])).with_code(0);
}

#[test]
fn a_torn_tail_is_said_where_it_is_mended_though_the_run_then_fails() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(10);
    folder.run(&api, &["--first", "6"]).with_code(5);
    let excluded = format!("{LEDGER}.torn");
    OpenOptions::new().append(true).open(folder.path(LEDGER)).unwrap().write_all(b"{\"n\":").unwrap();
    let mut resume = folder.batchpost(&["resume", LEDGER]);
    ended(resume.env_remove("LSQ_ACCESS_KEY")).with_code(2).saying(&["the access key is not set", "torn", &excluded]);
}

#[test]
fn what_is_no_ledger_is_left_alone() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    for content in ["", "Ticket,Text\n1,a\n", "{}\n"] {
        folder.write("other.txt", content);
        ended(&mut folder.run_command(&api.url(), &["--ledger", "other.txt"])).with_code(3).saying(&["ledger"]);
        assert_eq!(folder.read("other.txt"), content);
    }
    assert_eq!(api.arrivals(), 0);
}

#[test]
fn every_attempt_has_an_intent_before_its_outcome_and_texts_are_not_kept() {
    let api = Api::failing(&["500@3", "400@5"]);
    let folder = Folder::with_rows(10);
    folder.run(&api, &[]).with_code(1);
    let ledger = folder.ledger(LEDGER);
    let mut open = Vec::new();
    for line in &ledger {
        let id = |record: &serde_json::Value| (record["key"].to_string(), record["attempt"].as_u64().unwrap());
        if let Some(intent) = line.get("intent") {
            open.push(id(intent));
        } else if let Some(end) = line.get("outcome") {
            let at = open.iter().position(|attempt| *attempt == id(end)).expect("an outcome follows its intent");
            open.swap_remove(at);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(records(&ledger, "intent").len(), api.arrivals());
    assert!(!folder.read(LEDGER).contains("note 0"), "the ledger holds no note's text");
}

#[cfg(unix)]
#[test]
fn the_ledger_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let api = Api::start(quick());
    let folder = Folder::with_rows(1);
    folder.run(&api, &[]).with_code(0);
    for name in [LEDGER.to_owned(), format!("{LEDGER}.lock")] {
        let mode = folder.path(&name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A full disk, simulated by a file size limit whose signal the shell ignores.
#[cfg(target_os = "linux")]
#[test]
fn when_the_ledger_cannot_be_written_nothing_more_is_sent_and_what_is_lost_is_printed() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(200);
    let command = folder.run_command(&api.url(), &["--concurrency", "4", "--json"]);
    let mut bounded = folder.in_shell("trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\"", &command);
    let ran = ended(&mut bounded).with_code(3);
    let json = ran.json();
    assert_eq!(json["stopped"], "ledger", "{json}");
    let sent = api.arrivals();
    assert!((5..200).contains(&sent), "{sent} of 200 rows were sent");
    let unwritten = ran.stderr.lines().filter(|line| line.contains("could not be recorded")).count();
    let posted = json["posted"].as_u64().unwrap() as usize;
    assert_eq!(posted + unwritten, sent, "{json}\n{}", ran.stderr);
    assert_eq!(json["in_doubt"], unwritten, "{json}");

    // With space again. Complete lines of the interrupted write may have been kept: with an outcome, the row
    // counts as posted; with an intent, the row is in doubt although it was never sent.
    let ran = folder.run(&api, &[]);
    let json = ran.json();
    let in_doubt = json["in_doubt"].as_u64().unwrap() as usize;
    ran.with_code(if in_doubt > 0 { 4 } else { 0 });
    assert!(in_doubt <= 2 * 4, "no more than were at hand at once: {json}");
    assert_eq!(json["posted"], 200 - in_doubt, "{json}");
    let created = api.texts();
    let once: BTreeSet<&String> = created.iter().collect();
    assert_eq!(once.len(), created.len(), "created twice");
    assert!((200 - in_doubt..=200).contains(&created.len()), "{} notes, {json}", created.len());
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_whose_ledger_failed_says_that_the_ledger_may_have_more_than_it_counts() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(200);
    let command = folder.run_command(&api.url(), &["--concurrency", "4"]);
    let ran = ended(&mut folder.in_shell("trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\"", &command)).with_code(3);
    assert!(ran.stdout.contains("these counts cover the records known to be written"), "{}", ran.stdout);
    let ran = ended(&mut folder.run_command(&api.url(), &[]));
    assert!(!ran.stdout.contains("these counts cover"), "{}", ran.stdout);
}

/// The budget counts an attempt whose outcome could not be recorded as unanswered, so the server's count
/// keeps the limit. The ledger alone does not prove it: according to the ledger, attempts without an outcome
/// may be counted until a timeout after the next run began.
#[cfg(target_os = "linux")]
#[test]
fn after_a_disk_that_is_full_the_limit_holds_and_the_audit_does_not_say_that_it_was_exceeded() {
    let latency = Duration::from_millis(50)..=Duration::from_millis(50);
    let window = Duration::from_millis(500);
    let api = Api::start(Settings { latency, limit: Some(40), window, ..quick() });
    let folder = Folder::with_rows(200);
    let more = ["--limit", "40/500ms", "--timeout", "2s", "--json"];
    let command = folder.run_command(&api.url(), &more);
    let mut bounded = folder.in_shell("trap '' XFSZ; ulimit -f 48; exec \"$0\" \"$@\"", &command);
    let json = ended(&mut bounded).with_code(3).json();
    assert!(json["in_doubt"].as_u64() > Some(0), "{json}");
    assert_eq!(folder.run(&api, &more[..4]).json()["pending"], 0);
    let audit = folder.call(&["audit", "notes.csv.ledger.jsonl"]);
    assert!(audit.code == Some(0) || audit.stdout.contains("limit 40/500ms not proven"), "{audit:?}");
    let arrivals = api.report();
    assert!(arrivals.most_in_any_window <= 40, "{arrivals:?}");
}

#[cfg(unix)]
#[test]
fn a_ledger_that_is_a_link_to_nowhere_is_refused_and_left_as_it_is() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    std::os::unix::fs::symlink("gone.jsonl", folder.path(LEDGER)).unwrap();
    folder.run(&api, &[]).with_code(2).saying(&["is a symbolic link to gone.jsonl, which does not exist"]);
    folder.call(&["check", "notes.csv", "--url", &api.url()]).with_code(2);
    assert_eq!((api.arrivals(), folder.names()), (0, vec!["notes.csv".to_owned(), LEDGER.to_owned()]));
    assert!(folder.path(LEDGER).is_symlink());
}

#[cfg(unix)]
#[test]
fn no_link_beside_a_ledger_has_another_file_written_over() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.write("precious", "kept");
    std::os::unix::fs::symlink("precious", folder.path(format!("{LEDGER}.unfinished"))).unwrap();
    folder.run(&api, &["--first", "1"]).with_code(5);
    std::fs::remove_file(folder.path(format!("{LEDGER}.lock"))).unwrap();
    std::os::unix::fs::symlink("precious", folder.path(format!("{LEDGER}.lock"))).unwrap();
    folder.run(&api, &[]).with_code(3).saying(&[".lock is a symbolic link; remove it"]);
    assert_eq!((api.arrivals(), &*folder.read("precious")), (1, "kept"));
}

#[test]
fn a_run_that_was_refused_leaves_nothing() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\nx,a\n2,b\n");
    folder.run(&api, &[]).with_code(2).saying(&["--skip-invalid"]);
    folder.run(&api, &["--text-column", "Remark"]).with_code(2);
    assert_eq!(folder.names(), ["notes.csv"]);
}

#[cfg(target_os = "linux")]
#[test]
fn where_the_system_gives_no_threads_a_run_says_so_and_can_be_tried_later() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(300);
    // More than the address space, so that no stack can be allocated for a thread.
    let starved = |arguments: &[&str]| {
        let ran = ended(folder.batchpost(arguments).env("RUST_MIN_STACK", (1_u64 << 47).to_string()));
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    };
    let url = api.url();
    starved(&["check", "notes.csv", "--url", &url]).with_code(0);
    let run = ["run", "notes.csv", "--url", &url, "--metrics-file", "run.prom"];
    starved(&run).with_code(75).saying(&["cannot start a thread", "ulimit"]);
    starved(&[&run[..], &["--budget", "private"]].concat())
        .with_code(75)
        .saying(&["cannot start a thread to listen for signals"]);
    assert_eq!((api.arrivals(), folder.names()), (0, vec!["notes.csv".to_owned(), "run.prom".to_owned()]));
    folder.run(&api, &[]).with_code(0);
}
