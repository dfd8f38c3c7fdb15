//! A second run continues the batch: nothing is posted twice or lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use batchpost_sandbox::Settings;
use serde_json::Value;

use crate::support::{Api, Folder, LIMIT, Running, ended, quick, records, sheet, text, texts, until};

#[test]
fn a_finished_batch_run_again_sends_nothing() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(20);
    folder.run(&api, &[]).with_code(0);
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"]), (&20.into(), &0.into()), "{json}");
    assert_eq!(api.arrivals(), 20);
}

/// The state of each row, from the ledger's intents and outcomes alone.
fn fates(ledger: &[Value]) -> BTreeMap<u64, String> {
    let mut fates = BTreeMap::new();
    for line in ledger {
        let (record, outcome) = match (line.get("intent"), line.get("outcome")) {
            (Some(intent), _) => (intent, "in_doubt".to_owned()),
            (_, Some(end)) => (end, end["stands"].as_str().unwrap().to_owned()),
            _ => continue,
        };
        fates.insert(record["row"].as_u64().unwrap(), outcome);
    }
    fates
}

#[test]
fn killed_again_and_again_no_row_is_created_twice_and_rows_in_doubt_are_named() {
    // The 20th request never gets a reply, so its row is certainly in flight when the first run is killed.
    let faults = vec!["silence@20".parse().unwrap()];
    let latency = Duration::from_millis(5)..=Duration::from_millis(20);
    let api = Api::start(Settings { faults, latency, ..quick() });
    let folder = Folder::with_rows(400);
    for arrivals in [50, 90, 130] {
        let running = Running::start(&mut folder.run_command(&api.url(), &["--concurrency", "6"]));
        until("enough has arrived", || api.arrivals() >= arrivals);
        assert_eq!(running.killed().code, None, "it was still running");
    }
    let last = ended(&mut folder.run_command(&api.url(), &["--concurrency", "6"])).with_code(4);

    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    assert_eq!(records(&ledger, "run").len(), 4);
    assert_eq!(records(&ledger, "finish").len(), 1, "only the last run came to its end");
    let fates = fates(&ledger);
    let of = |fate: &str| -> BTreeSet<String> {
        fates.iter().filter(|(_, outcome)| *outcome == fate).map(|(row, _)| text(*row)).collect()
    };
    let (posted, in_doubt) = (of("posted"), of("in_doubt"));
    assert_eq!(posted.len() + in_doubt.len(), 400, "{fates:?}");
    assert!(!in_doubt.is_empty());

    let created = api.texts();
    let once: BTreeSet<String> = created.iter().cloned().collect();
    assert_eq!(created.len(), once.len(), "created twice");
    assert!(posted.is_subset(&once), "said to be posted, and not there: {:?}", posted.difference(&once));
    for (row, _) in fates.iter().filter(|(_, outcome)| *outcome == "in_doubt") {
        let named = last.stderr.lines().any(|line| line.contains("in doubt") && line.contains(&format!("row={row} ")));
        assert!(named, "row {row} is in doubt and is not named in:\n{}", last.stderr);
    }
    let before = api.arrivals();
    folder.run(&api, &[]).with_code(4);
    assert_eq!(api.arrivals(), before);
}

#[test]
fn a_planned_part_is_posted_and_the_next_run_goes_on_from_there() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(10);
    let json = folder.run(&api, &["--first", "3"]).with_code(5).json();
    assert_eq!((&json["stopped"], &json["posted"], &json["pending"]), (&"planned".into(), &3.into(), &7.into()));
    assert_eq!(api.texts(), texts(3));
    folder.run(&api, &["--first", "3"]).with_code(5);
    assert_eq!(api.texts(), texts(6));
    folder.run(&api, &[]).with_code(0);
    assert_eq!(api.texts(), texts(10));
}

#[test]
fn a_sheet_that_was_sorted_and_edited_continues_with_what_is_new() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(6);
    folder.run(&api, &["--first", "4"]).with_code(5);
    assert_eq!(api.texts(), texts(4));
    // Reversed; rows 1 and 2 were removed, row 5 (not posted yet) was edited, row 7 is new.
    let sorted = sheet([7, 6, 5, 4, 3])
        .replace("note 005", "note 005, edited")
        .replace("5,note 005, edited", "5,\"note 005, edited\"");
    folder.write("notes.csv", sorted.replace('\n', "\r\n"));
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["rows"], &json["posted"], &json["attempts_now"]), (&5.into(), &5.into(), &3.into()), "{json}");
    assert_eq!(json["vanished"], 2, "{json}");
    let mut expected = texts(7);
    expected[4] = "note 005, edited".to_owned();
    assert_eq!(api.texts(), expected);
}

#[test]
fn rows_exactly_alike_are_each_posted_once() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\n1,same\n1,same\n2,same\n1,same\n");
    folder.run(&api, &["--first", "2"]).with_code(5);
    folder.run(&api, &[]).with_code(0);
    folder.run(&api, &[]).with_code(0);
    let tickets: Vec<u64> = api.notes().iter().map(|note| note.ticket).collect();
    assert_eq!(tickets.iter().filter(|ticket| **ticket == 1).count(), 3, "{tickets:?}");
    assert_eq!(tickets.len(), 4, "{tickets:?}");
}

#[test]
fn a_batch_that_moved_as_a_whole_is_told_how_it_goes_on() {
    let api = Api::start(quick());
    let folder = Folder::new();
    std::fs::create_dir(folder.path("before")).unwrap();
    folder.write("before/notes.csv", sheet(1..=2));
    folder.call(&["run", "before/notes.csv", "--url", &api.url(), "--limit", LIMIT, "--first", "1"]).with_code(5);
    for name in ["notes.csv", "notes.csv.ledger.jsonl"] {
        std::fs::rename(folder.path(format!("before/{name}")), folder.path(name)).unwrap();
    }
    folder.call(&["resume", "notes.csv.ledger.jsonl"]).with_code(2).saying(&["--input notes.csv"]);
    folder.call(&["resume", "notes.csv.ledger.jsonl", "--input", "notes.csv"]).with_code(0);
    assert_eq!(api.texts(), texts(2));
}

#[test]
fn resume_goes_on_with_the_last_runs_settings_and_with_an_input_that_moved() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", sheet(1..=9).replace("Ticket ID,Comment", "a,b"));
    folder.run(&api, &["--column", "ticket=a", "--column", "text=b", "--first", "3"]).with_code(5);
    ended(&mut folder.batchpost(&["resume", "notes.csv.ledger.jsonl", "--first", "3"])).with_code(5);
    assert_eq!(api.texts(), texts(6));
    std::fs::rename(folder.path("notes.csv"), folder.path("moved.txt")).unwrap();
    ended(&mut folder.batchpost(&["resume", "notes.csv.ledger.jsonl"])).with_code(2).saying(&["notes.csv"]);
    assert_eq!(api.arrivals(), 6);
    ended(&mut folder.batchpost(&["resume", "notes.csv.ledger.jsonl", "--input", "moved.txt"])).with_code(0);
    assert_eq!(api.texts(), texts(9));
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    let settings: Vec<&Value> = records(&ledger, "run").iter().map(|run| &run["settings"]).collect();
    assert_eq!(settings.len(), 3);
    assert!(settings.iter().all(|these| *these == settings[0]), "{settings:?}");
}

#[test]
fn a_resumed_run_says_in_what_it_differs_from_the_last_one_and_nothing_where_it_does_not() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(9);
    let ledger = "notes.csv.ledger.jsonl";
    let resume = |more: &[&str]| {
        let said = folder.call(&[&["resume", ledger, "--first", "2"], more].concat()).with_code(5).stderr;
        let lines: Vec<String> = said.lines().filter(|line| line.contains("unlike")).map(str::to_owned).collect();
        lines.first().map(|line| line.split_once("unlike").unwrap().1.trim_end().to_owned())
    };
    folder.run(&api, &["--first", "2"]).with_code(5);
    assert_eq!(resume(&[]), None);
    assert_eq!(resume(&["--input", "notes.csv", "--budget", "shared"]), None);
    std::fs::copy(folder.path("notes.csv"), folder.path("moved.csv")).unwrap();
    let unlike = " the last run, the account's budget is not shared with other runs, and the input is moved.csv";
    assert_eq!(resume(&["--input", "moved.csv", "--budget", "private"]).as_deref(), Some(unlike));
}

#[test]
fn an_input_that_is_read_as_the_last_one_was_says_so_where_that_cannot_be() {
    let api = Api::failing(&["reset@1"]);
    let folder = Folder::new();
    folder.write("notes.csv", "Export of May\nTicket;Note\n1;a\n2;b\n");
    let reading = ["--header-row", "2", "--encoding", "windows-1252", "--first", "1"];
    folder.run(&api, &reading).with_code(4);
    folder.write("new notes.csv", "Ticket;Note\n1;a\n2;b\n3;c\n");
    let resume = ["resume", "notes.csv.ledger.jsonl", "--input", "new notes.csv"];
    folder.call(&resume).with_code(2).saying(&[
        "cannot tell which column is the ticket",
        "with the last run's settings (--header-row 2 --encoding windows-1252)",
        "`batchpost run 'new notes.csv' --ledger notes.csv.ledger.jsonl ...`",
    ]);
    let run = ["run", "new notes.csv", "--ledger", "notes.csv.ledger.jsonl", "--url", &api.url(), "--limit", LIMIT];
    folder.call(&run).with_code(4);
    assert_eq!(api.notes().len(), 3);
}
