//! No run posts what another run posted, in any folder, format, name or column, unless told to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use batchpost_sandbox::Settings;
use serde_json::Value;

use crate::support::{Api, Folder, LIMIT, Ran, Running, ended, quick, records, sheet, texts, until};

const LEDGER: &str = "notes.csv.ledger.jsonl";

fn run(folder: &Folder, api: &Api, input: &str, more: &[&str]) -> Ran {
    folder.call(&[&["run", input, "--url", &api.url(), "--limit", LIMIT, "--json"], more].concat())
}

/// The number of times each note was created.
fn created(api: &Api) -> BTreeMap<String, usize> {
    let mut created = BTreeMap::new();
    api.notes().into_iter().for_each(|note| *created.entry(note.text).or_default() += 1);
    created
}

#[test]
fn a_copy_in_another_folder_in_another_format_with_or_without_names_is_known() {
    let (api, folder) = (Api::start(quick()), Folder::new());
    let rows = [(1, "one"), (2, "two"), (3, "three")];
    let csv: String = rows.iter().map(|(n, text)| format!("id-{n},{n},{text}\n")).collect();
    let json: String =
        rows.iter().map(|(n, text)| format!("{{\"Text\":\"{text}\",\"Ticket\":{n},\"Id\":\"x{n}\"}}\n")).collect();
    fs::create_dir(folder.path("b")).unwrap();
    folder.write("notes.csv", format!("Id,Ticket,Text\n{csv}"));
    folder.write("b/copy.csv", format!("Id,Ticket,Text\n{csv}"));
    folder.write("b/copy.jsonl", json);
    run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(0);
    for intent in records(&folder.ledger("notes.csv.ledger.jsonl"), "intent") {
        assert!(intent["content"].is_string() && intent["content"] != intent["key"], "{intent}");
    }
    for (input, more) in [("b/copy.csv", &[][..]), ("b/copy.csv", &["--key", "Id"]), ("b/copy.jsonl", &["--key", "Id"])]
    {
        let ran = run(&folder, &api, input, more).with_code(2);
        ran.saying(&[
            "3 rows are already recorded as posted or in doubt",
            "notes.csv.ledger.jsonl (3, sent 20",
            "--known-since",
        ]);
        assert!(!folder.path(format!("{input}.ledger.jsonl")).exists());
    }
    let json = run(&folder, &api, "b/copy.jsonl", &["--known", "skip"]).with_code(0).json();
    assert_eq!((&json["skipped"], api.arrivals()), (&3.into(), 3), "{json}");
    // Also if the ledger is gone: its rows are noted in the state folder.
    fs::remove_file(folder.path("notes.csv.ledger.jsonl")).unwrap();
    run(&folder, &api, "b/copy.csv", &[]).with_code(2).saying(&["3 rows are already recorded"]);
}

/// A ledger of an older version, which did not record the content of rows with a `--key`. Nothing is sent: no
/// server listens.
#[test]
fn rows_that_an_older_program_posted_by_name_are_known_by_name_and_ticket() {
    let folder = Folder::new();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/fixtures/ledgers/v1-named.jsonl");
    fs::copy(old, folder.path("old.jsonl")).unwrap();
    folder.write("notes.csv", "Id,Ticket,Text\nA-1,31,the first\nA-2,32,the second\nA-4,34,the fourth\nA-3,99,other\n");
    let url = "http://127.0.0.1:8080/api/tenants/1/internalnote/upload";
    let run = ["run", "notes.csv", "--key", "Id", "--url", url, "--limit", LIMIT];
    folder.call(&run).with_code(2).saying(&["2 rows are already recorded as posted or in doubt", "old.jsonl"]);
    let check = ["check", "notes.csv", "--key", "Id", "--url", url, "--limit", LIMIT, "--json"];
    assert_eq!(folder.call(&check).json()["known_elsewhere"], 2);
}

#[test]
fn equal_names_in_unrelated_sheets_are_told_of_and_posted() {
    let (api, folder) = (Api::start(quick()), Folder::new());
    folder.write("a.csv", "Id,Ticket,Text\n1,1,one\n2,2,two\n");
    folder.write("b.csv", "Id,Ticket,Text\n1,8,eight\n2,9,nine\n");
    run(&folder, &api, "a.csv", &["--key", "Id"]).with_code(0);
    let ran = run(&folder, &api, "b.csv", &["--key", "Id"]).with_code(0);
    ran.saying(&["rows=2", "have the --key value of a row that another ledger posted with different content"]);
    assert_eq!(api.arrivals(), 4);
}

#[test]
fn the_same_note_next_month_is_posted_when_the_day_is_said() {
    let (api, folder) = (Api::start(quick()), Folder::with_rows(3));
    folder.run(&api, &[]).with_code(0);
    folder.write("next.csv", sheet(1..=3));
    run(&folder, &api, "next.csv", &["--known-since", "2020-01-01"]).with_code(2).saying(&["3 rows are already"]);
    run(&folder, &api, "next.csv", &["--known-since", "2120-01-01"]).with_code(0);
    assert!(created(&api).values().all(|times| *times == 2));
}

#[test]
fn ledgers_are_listed_added_and_forgotten() {
    let (api, folder) = (Api::start(quick()), Folder::with_rows(3));
    folder.run(&api, &[]).with_code(0);
    folder.write("copy.csv", sheet(1..=3));
    let listed = folder.call(&["known", "list"]).with_code(0).stdout;
    assert!(
        listed.contains(&api.url()) && listed.contains("notes.csv.ledger.jsonl  3 posted or in doubt, 20"),
        "{listed}"
    );
    let json: Value = serde_json::from_str(&folder.call(&["known", "list", "--json"]).with_code(0).stdout).unwrap();
    assert_eq!((&json["rows"], &json["is_there"]), (&3.into(), &true.into()), "{json}");

    fs::create_dir(folder.path("archive")).unwrap();
    fs::rename(folder.path("notes.csv.ledger.jsonl"), folder.path("archive/old.jsonl")).unwrap();
    folder.call(&["known", "forget", "notes.csv.ledger.jsonl"]).with_code(0);
    folder.call(&["known", "forget", "notes.csv.ledger.jsonl"]).with_code(2).saying(&["is not listed", "known list"]);
    assert!(folder.call(&["known", "list"]).with_code(0).stdout.starts_with("no ledgers are listed"));
    folder.call(&["known", "add", "archive/old.jsonl"]).with_code(0);
    run(&folder, &api, "copy.csv", &[]).with_code(2).saying(&["old.jsonl"]);
    folder.call(&["known", "forget", "archive/old.jsonl"]).with_code(0);
    run(&folder, &api, "copy.csv", &[]).with_code(0);
    assert_eq!(api.arrivals(), 6);
}

#[test]
fn a_ledger_that_was_removed_or_moved_is_still_known_under_its_own_name() {
    let (api, folder) = (Api::start(quick()), Folder::with_rows(3));
    let ledger = "notes.csv.ledger.jsonl";
    folder.run(&api, &[]).with_code(0);
    fs::remove_file(folder.path(ledger)).unwrap();
    folder.run(&api, &[]).with_code(2).saying(&["3 rows are already recorded", ledger, "--known post"]);
    folder.run(&api, &["--known", "post"]).with_code(0);
    assert_eq!(api.arrivals(), 6);
    // The new ledger does not hide what the removed one knew, and neither blocks other rows.
    folder.write("copy.csv", sheet(1..=4));
    run(&folder, &api, "copy.csv", &["--known", "skip"]).with_code(0);
    assert_eq!(api.arrivals(), 7);
    // A moved ledger can be resumed; it does not count as another ledger.
    folder.write("doubts.csv", sheet(8..=9));
    let failing = Api::failing(&["reset@1"]);
    run(&folder, &failing, "doubts.csv", &["--concurrency", "1"]).with_code(4);
    fs::rename(folder.path("doubts.csv.ledger.jsonl"), folder.path("moved.jsonl")).unwrap();
    folder.call(&["resume", "moved.jsonl", "--in-doubt", "retry", "--yes"]).with_code(0);
    assert_eq!(failing.arrivals(), 3);
}

/// Its claim is durable but its ledger does not exist: nothing was sent, and no other run is blocked.
#[test]
fn a_run_that_ends_between_its_claim_and_its_ledger_is_in_the_way_of_no_other() {
    for again in ["notes.csv", "copy.csv"] {
        let (api, folder) = (Api::start(quick()), Folder::with_rows(3));
        folder.write("copy.csv", sheet(1..=3));
        folder.write("other.csv", sheet(8..=9));
        // The name of an unfinished ledger is taken.
        let taken = folder.path("notes.csv.ledger.jsonl.unfinished");
        fs::create_dir(&taken).unwrap();
        folder.run(&api, &[]).with_code(3).saying(&["notes.csv.ledger.jsonl"]);
        fs::remove_dir(taken).unwrap();
        assert!(folder.call(&["known", "list"]).stdout.contains("notes.csv.ledger.jsonl"), "it had claimed its rows");
        run(&folder, &api, again, &[]).with_code(0);
        run(&folder, &api, "other.csv", &[]).with_code(0);
        assert_eq!(api.arrivals(), 5);
        let other = if again == "copy.csv" { "notes.csv" } else { "copy.csv" };
        run(&folder, &api, other, &[]).with_code(2).saying(&["3 rows are already recorded"]);
    }
}

#[cfg(unix)]
#[test]
fn a_claim_that_cannot_be_read_matters_while_its_run_lives() {
    let (api, folder) = (Api::start(quick()), Folder::with_rows(2));
    folder.run(&api, &[]).with_code(0);
    folder.write("other.csv", sheet(8..=9));
    let account = fs::read_dir(folder.state_home().join("batchpost/budgets")).unwrap().next().unwrap().unwrap().path();
    // As a power loss may leave it.
    let claim = account.join("claim-0123456789abcdef");
    fs::File::create(&claim).unwrap().set_len(100).unwrap();
    let lock = fs::File::open(&claim).unwrap();
    lock.lock().unwrap();
    run(&folder, &api, "other.csv", &[])
        .with_code(2)
        .saying(&["claim-0123456789abcdef", "cannot read another run's claim"]);
    lock.unlock().unwrap();
    run(&folder, &api, "other.csv", &[]).with_code(0);
}

/// Another run reads the ledger while the second run has the ledger locked, so nothing is noted of what the
/// first run sent.
#[cfg(unix)]
#[test]
fn what_each_of_two_runs_that_were_killed_sent_is_known_though_their_ledger_was_removed() {
    let latency = Duration::from_millis(100)..=Duration::from_millis(100);
    let (api, folder) = (Api::start(Settings { latency, ..quick() }), Folder::with_rows(20));
    let start = || Running::start(&mut folder.run_command(&api.url(), &["--concurrency", "1", "--timeout", "1s"]));
    let first = start();
    until("it posts", || api.arrivals() >= 3);
    first.killed();
    let second = start();
    until("it posts", || api.arrivals() >= 6);
    folder.write("other.csv", sheet(31..=32));
    run(&folder, &api, "other.csv", &[]).with_code(0);
    second.killed();
    fs::remove_file(folder.path("notes.csv.ledger.jsonl")).unwrap();
    folder.write("copy.csv", sheet(1..=21));
    run(&folder, &api, "copy.csv", &["--known", "skip", "--timeout", "1s"]).with_code(0);
    assert!(created(&api).values().all(|times| *times == 1), "{:?}", created(&api));
}

#[cfg(unix)]
#[test]
fn what_a_run_sent_whose_ledger_was_removed_under_it_is_known_and_other_rows_are_posted() {
    let latency = Duration::from_millis(100)..=Duration::from_millis(100);
    let (api, folder) = (Api::start(Settings { latency, ..quick() }), Folder::with_rows(5));
    let running = Running::start(&mut folder.run_command(&api.url(), &["--concurrency", "1"]));
    until("it posts", || api.arrivals() > 0);
    fs::remove_file(folder.path("notes.csv.ledger.jsonl")).unwrap();
    running.ended().with_code(0).saying(&["could not be written"]);
    folder.write("copy.csv", sheet(1..=6));
    run(&folder, &api, "copy.csv", &[]).with_code(2).saying(&["5 rows are already recorded"]);
    folder.write("other.csv", sheet(8..=9));
    run(&folder, &api, "other.csv", &[]).with_code(0);
    run(&folder, &api, "copy.csv", &["--known", "skip"]).with_code(0);
    assert_eq!(api.arrivals(), 8);
}

/// As if by a process that was stopped (Ctrl-Z) at that moment.
#[cfg(unix)]
#[test]
fn a_list_of_ledgers_that_stays_locked_keeps_no_run_from_ending() {
    let latency = Duration::from_millis(100)..=Duration::from_millis(100);
    let (api, folder) = (Api::start(Settings { latency, ..quick() }), Folder::with_rows(8));
    folder.run(&api, &["--first", "1"]).with_code(5);
    let account = fs::read_dir(folder.state_home().join("batchpost/budgets")).unwrap().next().unwrap().unwrap().path();
    let lock = fs::File::open(account.join("known.lock")).unwrap();
    let run_on = Running::start(&mut folder.run_command(&api.url(), &["--concurrency", "1"]));
    until("it posts", || api.arrivals() > 2);
    lock.lock().unwrap();
    run_on.ended().with_code(0).saying(&["has locked the account's list of ledgers"]);

    let arguments = ["run", "-", "--follow", "--format", "csv", "--url", &api.url(), "--ledger", "followed"];
    let followed = Running::start_fed(&mut folder.batchpost(&arguments), &sheet(1..=9));
    until("it waits", || followed.stderr().contains("waiting for the account's list of ledgers"));
    followed.signal("TERM");
    followed.ended().with_code(143);
    lock.unlock().unwrap();

    folder.write("copy.csv", sheet(1..=9));
    let json = run(&folder, &api, "copy.csv", &["--known", "skip"]).with_code(0).json();
    assert_eq!((&json["skipped"], &json["posted"]), (&8.into(), &1.into()), "{json}");
}

/// Six runs of the same rows, started at once, each from its own folder and under its own name.
#[test]
fn runs_of_the_same_rows_that_begin_at_once_post_each_row_once() {
    let latency = Duration::from_millis(20)..=Duration::from_millis(60);
    let api = Api::start(Settings { latency, ..quick() });
    let folder = Folder::new();
    let commands: Vec<String> = (0..6).map(|n| format!("{n}/sheet-{n}.csv")).collect();
    for (n, input) in commands.iter().enumerate() {
        fs::create_dir(folder.path(n.to_string())).unwrap();
        folder.write(input, sheet(1..=40));
    }
    let url = api.url();
    let running: Vec<Running> = commands
        .iter()
        .map(|input| Running::start(&mut folder.batchpost(&["run", input, "--url", &url, "--limit", LIMIT, "--json"])))
        .collect();
    let ran: Vec<Ran> = running.into_iter().map(Running::ended).collect();
    let codes: Vec<Option<i32>> = ran.iter().map(|ran| ran.code).collect();
    // One run posts. The others find its claim or, if it was quicker, its ledger.
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{ran:?}");
    assert!(codes.iter().all(|code| [Some(0), Some(75), Some(2)].contains(code)), "{ran:?}");
    assert_eq!(api.texts(), texts(40));
}

#[test]
fn a_row_that_a_run_under_way_is_about_to_send_is_not_sent_by_another_and_no_option_changes_that() {
    let latency = Duration::from_millis(200)..=Duration::from_millis(200);
    let api = Api::start(Settings { latency, ..quick() });
    let folder = Folder::with_rows(30);
    folder.write("part.csv", sheet(30..=31));
    let first = Running::start(&mut folder.run_command(&api.url(), &["--concurrency", "1", "--json"]));
    until("it posts", || api.arrivals() > 0);
    for known in [&[][..], &["--known", "skip"], &["--known", "post"]] {
        let ran = run(&folder, &api, "part.csv", known).with_code(75);
        ran.saying(&["1 row is being sent by another run", "notes.csv.ledger.jsonl"]);
    }
    first.ended().with_code(0);
    run(&folder, &api, "part.csv", &["--known", "skip"]).with_code(0);
    assert_eq!(api.texts(), texts(31));
}

/// A killed run leaves a claim and an intent: what it sent is known, what it did not send is not.
#[test]
fn what_a_run_that_was_killed_may_have_sent_is_known_and_the_rest_is_not() {
    let latency = Duration::from_millis(100)..=Duration::from_millis(100);
    let api = Api::start(Settings { latency, ..quick() });
    let folder = Folder::with_rows(20);
    let first = Running::start(&mut folder.run_command(&api.url(), &["--concurrency", "1"]));
    until("it posts", || api.arrivals() >= 3);
    first.killed();
    folder.write("copy.csv", sheet(1..=20));
    run(&folder, &api, "copy.csv", &[]).with_code(2).saying(&["already recorded as posted or in doubt"]);
    let json = run(&folder, &api, "copy.csv", &["--known", "skip", "--timeout", "1s"]).with_code(0).json();
    let (skipped, posted) = (json["skipped"].as_u64().unwrap(), json["posted"].as_u64().unwrap());
    assert!((3..=4).contains(&skipped) && posted == 20 - skipped, "{json}");
    assert!(created(&api).values().all(|times| *times == 1));
}

#[test]
fn a_doubt_that_was_waived_stays_known() {
    let api = Api::failing(&["reset@2"]);
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--concurrency", "1"]).with_code(4);
    folder.call(&["settle", "notes.csv.ledger.jsonl", "--state", "in_doubt", "--as", "waived"]).with_code(0);
    folder.write("copy.csv", sheet(1..=3));
    run(&folder, &api, "copy.csv", &[]).with_code(2).saying(&["3 rows are already recorded"]);
    assert_eq!(api.arrivals(), 3);
}

/// Another run posts the rows while the confirmation is open.
#[cfg(target_os = "linux")]
#[test]
fn what_became_known_while_the_question_stood_is_not_posted() {
    let (api, folder) = (Api::start(quick()), Folder::with_rows(4));
    folder.write("copy.csv", sheet(1..=4));
    // Only a user at a terminal is asked.
    let command = folder.batchpost(&["run", "notes.csv", "--url", &api.url(), "--limit", LIMIT]);
    let typed = format!(
        "{} {}",
        command.get_program().to_string_lossy(),
        command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    );
    let mut script = std::process::Command::new("script");
    script.args(["-q", "-e", "-c", &typed, "/dev/null"]);
    let Ok(mut asked) =
        folder.isolated(script).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn()
    else {
        println!("no `script` on this machine: nobody can be asked");
        return;
    };
    let mut out = asked.stdout.take().unwrap();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("[y/N]") {
        let mut buffer = [0; 256];
        let read = std::io::Read::read(&mut out, &mut buffer).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&buffer[..read]);
    }
    run(&folder, &api, "copy.csv", &[]).with_code(0);
    std::io::Write::write_all(asked.stdin.as_mut().unwrap(), b"y\n").unwrap();
    std::io::Read::read_to_end(&mut out, &mut said).unwrap();
    let code = asked.wait().unwrap().code();
    let said = String::from_utf8_lossy(&said);
    assert!(code == Some(75) && said.contains("another run has meanwhile recorded"), "{code:?} {said}");
    assert_eq!(api.texts(), texts(4));
    assert!(!folder.path("notes.csv.ledger.jsonl").exists(), "nothing was begun");
}

#[test]
fn a_stream_that_is_followed_stops_at_a_row_that_is_known_or_leaves_it_out() {
    let (api, folder) = (Api::start(quick()), Folder::with_rows(3));
    folder.run(&api, &[]).with_code(0);
    let follow = |ledger: &str, more: &[&str]| {
        let arguments = ["run", "-", "--follow", "--format", "csv", "--url", &api.url(), "--limit", LIMIT, "--json"];
        let arguments = [&arguments[..], &["--ledger", ledger], more].concat();
        Running::start_fed(&mut folder.batchpost(&arguments), &sheet([8, 9, 2, 10])).ended()
    };
    let stopped = follow("a", &[]).with_code(3);
    assert!(!stopped.stderr.contains("nothing was sent"), "{}", stopped.stderr);
    stopped.saying(&["row 3 is already recorded as posted or in doubt", "--known skip"]);
    // The two rows before it may or may not have been sent by then.
    let sent = api.arrivals();
    assert!((3..=5).contains(&sent), "{sent}");
    let json = follow("b", &["--known", "skip"]).with_code(0).json();
    let (skipped, posted) = (json["skipped"].as_u64().unwrap(), json["posted"].as_u64().unwrap());
    assert_eq!((skipped, posted), (sent as u64 - 2, 6 - sent as u64), "{json}");
    assert_eq!(created(&api).len(), 6);
    assert!(created(&api).values().all(|times| *times == 1));
    ended(&mut folder.batchpost(&["run", "notes.csv", "--follow", "--url", &api.url()]))
        .with_code(2)
        .saying(&["--follow is for standard input"]);
}

/// A stream may be followed for weeks. Posted rows are already known while it runs, and no longer count as
/// about to be sent.
#[test]
fn rows_of_a_run_under_way_are_known_once_they_are_posted() {
    let (api, folder) = (Api::start(quick()), Folder::with_rows(3));
    let arguments = ["run", "-", "--follow", "--format", "csv", "--url", &api.url(), "--limit", LIMIT, "--ledger", "a"];
    let mut following = folder.batchpost(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stream = following.stdin.take().unwrap();
    let rows = sheet([2]);
    std::io::Write::write_all(&mut stream, rows.as_bytes()).unwrap();
    let is_recorded = || folder.path("a").exists() && folder.read("a").contains("\"posted\"");
    until("the row is posted", is_recorded);
    let json = folder.run(&api, &["--known", "skip"]).with_code(0).json();
    assert_eq!((&json["posted"], &json["skipped"]), (&2.into(), &1.into()), "{json}");
    drop(stream);
    assert!(following.wait().unwrap().success());
    assert_eq!(api.texts(), texts(3));
}

#[test]
fn a_ledger_put_back_from_a_backup_lacks_rows_and_is_not_resumed_unasked() {
    let (api, folder) = (Api::start(quick()), Folder::with_rows(9));
    folder.run(&api, &["--first", "3"]).with_code(5);
    let backup = folder.read(LEDGER);
    folder.run(&api, &["--first", "3"]).with_code(5);
    folder.write(LEDGER, &backup);
    let said = ["has fewer records than it had: 3 rows", "--known skip"];
    folder.run(&api, &[]).with_code(2).saying(&said);
    // Also after another run has read it.
    folder.write("others.csv", sheet([77]));
    folder.call(&["run", "others.csv", "--url", &api.url(), "--limit", LIMIT]).with_code(0);
    let checked = folder.call(&["check", "notes.csv", "--url", &api.url()]).with_code(2).stdout;
    assert!(said.iter().all(|word| checked.contains(word)), "{checked}");
    assert_eq!(api.arrivals(), 7);
    let json = folder.run(&api, &["--known", "skip"]).with_code(0).json();
    assert_eq!((&json["posted"], &json["skipped"]), (&6.into(), &3.into()), "{json}");
    assert!(created(&api).values().all(|times| *times == 1));
}
