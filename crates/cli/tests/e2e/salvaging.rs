//! A damaged ledger is refused, and its readable records make a new one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Api, Folder, quick, sheet, text, texts};

const LEDGER: &str = "notes.csv.ledger.jsonl";
const NEW: &str = "new.jsonl";

/// Flips a bit in the middle of the first line at or after `from` that contains `what`; returns the line's
/// position.
#[track_caller]
fn flip(folder: &Folder, what: &str, from: usize) -> (usize, usize) {
    let mut ledger = folder.read(LEDGER).into_bytes();
    let mut byte = 0;
    for (number, line) in folder.read(LEDGER).split_inclusive('\n').enumerate() {
        if number >= from && line.contains(what) {
            ledger[byte + line.len() / 2] ^= 1;
            folder.write(LEDGER, &ledger);
            return (number + 1, byte);
        }
        byte += line.len();
    }
    panic!("no line holds {what}")
}

/// Half of 20 rows posted one at a time, then this many lines with an intent and with an outcome damaged.
fn half_done(intents: usize, outcomes: usize) -> (Api, Folder) {
    let api = Api::start(quick());
    let folder = Folder::with_rows(20);
    folder.run(&api, &["--first", "10", "--concurrency", "1"]).with_code(5);
    for _ in 0..intents {
        flip(&folder, "\"intent\"", 12);
    }
    for _ in 0..outcomes {
        flip(&folder, "\"outcome\"", 8);
    }
    (api, folder)
}

fn run_on_new(folder: &Folder, api: &Api, code: i32, more: &[&str]) -> (Value, String) {
    let ran = folder.run(api, &[&["--ledger", NEW], more].concat()).with_code(code);
    (ran.json(), ran.stderr)
}

/// Asserts that no note was created twice.
#[track_caller]
fn assert_once(api: &Api) {
    let created = api.texts();
    assert_eq!(created.iter().collect::<BTreeSet<_>>().len(), created.len(), "{created:?}");
}

#[test]
fn damage_is_refused_by_every_command_with_line_and_byte_and_left_alone() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(20);
    folder.run(&api, &["--first", "10"]).with_code(5);
    let (line, byte) = flip(&folder, "\"outcome\"", 6);
    let before = folder.read(LEDGER);
    let place = format!("line {line} (byte {byte})");
    folder.run(&api, &[]).with_code(3).saying(&["damaged", &place]);
    let commands: &[&[&str]] = &[
        &["status", LEDGER],
        &["show", LEDGER],
        &["export", LEDGER, "--state", "posted"],
        &["audit", LEDGER],
        &["settle", LEDGER, "--rows", "1", "--as", "waived"],
        &["check", "notes.csv", "--url", &api.url()],
    ];
    for command in commands {
        let ran = folder.call(command).with_code(3).saying(&["damaged", &place, LEDGER]);
        assert!(!ran.stdout.contains("posted"), "{command:?}: {}", ran.stdout);
    }
    assert_eq!((folder.read(LEDGER), api.arrivals()), (before, 10));
}

#[test]
fn after_a_salvage_no_row_is_created_twice_and_those_that_may_have_been_sent_are_in_doubt_and_named() {
    let (api, folder) = half_done(0, 1);
    let damaged = folder.read(LEDGER);
    let said = folder.call(&["salvage", LEDGER, "-o", NEW, "--json"]).with_code(0).json();
    assert_eq!((&said["ledger"], &said["lost"]), (&NEW.into(), &1.into()), "{said}");
    assert_eq!(folder.read(LEDGER), damaged);

    // One row lost its outcome, and ten have no record or lost it.
    let status = folder.call(&["status", NEW, "--json"]).with_code(4).json();
    assert_eq!(
        (&status["posted"], &status["in_doubt"], &status["rows"]),
        (&9.into(), &11.into(), &20.into()),
        "{status}"
    );
    let (json, stderr) = run_on_new(&folder, &api, 4, &[]);
    assert_eq!(
        (&json["posted"], &json["in_doubt"], &json["attempts_now"]),
        (&9.into(), &11.into(), &0.into()),
        "{json}"
    );
    for row in 11..=20 {
        assert!(stderr.contains(&format!("row={row} ")), "row {row} is not named in:\n{stderr}");
    }
    let in_doubt = folder.call(&["show", NEW, "--state", "in_doubt"]).with_code(0).stdout;
    assert_eq!(in_doubt.lines().count(), 11, "{in_doubt}");
    assert_eq!(api.arrivals(), 10);

    // A new row was not in the damaged ledger's input.
    folder.write("notes.csv", sheet(1..=21));
    let (json, _) = run_on_new(&folder, &api, 4, &[]);
    assert_eq!(
        (&json["posted"], &json["in_doubt"], &json["attempts_now"]),
        (&10.into(), &11.into(), &1.into()),
        "{json}"
    );
    assert_eq!(api.notes().last().unwrap().text, text(21));

    // A person has checked: the note of the row that lost its outcome exists, the others do not.
    let doubtful = in_doubt.lines().next().unwrap().split(' ').nth(1).unwrap().to_owned();
    folder.call(&["settle", NEW, "--rows", &doubtful, "--as", "posted"]).with_code(0);
    folder.call(&["settle", NEW, "--state", "in_doubt", "--as", "to-do"]).with_code(0);
    let (json, _) = run_on_new(&folder, &api, 0, &[]);
    assert_eq!((&json["posted"], api.texts()), (&21.into(), texts(21)), "{json}");
}

#[test]
fn an_intent_that_was_lost_does_not_make_a_posted_row_doubtful() {
    let (api, folder) = half_done(1, 0);
    let said = folder.call(&["salvage", LEDGER, "-o", NEW]).with_code(0).stdout;
    assert!(said.contains("1 lost") && said.contains("0 rows without a final outcome were put in doubt"), "{said}");
    let (json, _) = run_on_new(&folder, &api, 4, &["--first", "3"]);
    assert_eq!(
        (&json["posted"], &json["in_doubt"], &json["attempts_now"]),
        (&10.into(), &10.into(), &0.into()),
        "{json}"
    );
    assert_once(&api);
}

#[test]
fn doubts_left_by_a_salvage_are_sent_again_when_that_is_asked() {
    let (api, folder) = half_done(0, 1);
    folder.call(&["salvage", LEDGER, "-o", NEW]).with_code(0);
    let (json, _) = run_on_new(&folder, &api, 0, &["--in-doubt", "retry"]);
    assert_eq!((&json["posted"], &json["attempts_now"]), (&20.into(), &11.into()), "{json}");
}

#[test]
fn what_was_posted_by_a_salvaged_ledger_is_known_to_other_sheets() {
    let (api, folder) = half_done(0, 1);
    folder.call(&["salvage", LEDGER, "-o", NEW]).with_code(0);
    run_on_new(&folder, &api, 0, &["--in-doubt", "retry"]);
    let arrivals = api.arrivals();
    // The damaged ledger knows only some of them.
    std::fs::remove_file(folder.path(LEDGER)).unwrap();
    folder.call(&["known", "forget", LEDGER]).with_code(0);
    let elsewhere = folder.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    folder.write("elsewhere/copy.csv", sheet(1..=20));
    let run = ["run", "elsewhere/copy.csv", "--url", &api.url(), "--limit", "500/1s"];
    folder.call(&run).with_code(2).saying(&["20 rows are already recorded as posted or in doubt"]);
    assert_eq!(api.arrivals(), arrivals);
}

#[test]
fn a_salvaged_part_keeps_its_doubts_until_they_are_settled() {
    let (api, folder) = half_done(1, 1);
    folder.call(&["salvage", LEDGER, "-o", NEW]).with_code(0);
    for _ in 0..2 {
        let (json, _) = run_on_new(&folder, &api, 4, &["--first", "2"]);
        assert_eq!((&json["in_doubt"], &json["attempts_now"]), (&11.into(), &0.into()), "{json}");
    }
    let status = folder.call(&["status", NEW, "--json"]).with_code(4).json();
    assert_eq!((&status["in_doubt"], &status["pending"]), (&11.into(), &0.into()), "{status}");
    let pending = folder.call(&["export", NEW, "--state", "pending"]).with_code(0).stdout;
    assert_eq!(pending.lines().count(), 1, "{pending}");
    assert_eq!(api.arrivals(), 10);
}

#[test]
fn what_lost_the_record_of_its_runs_is_continued_though_the_damaged_one_stands_beside_it() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(6);
    folder.run(&api, &["--first", "2"]).with_code(5);
    flip(&folder, "\"run\"", 0);
    folder.call(&["salvage", LEDGER, "-o", NEW]).with_code(0);
    let (json, _) = run_on_new(&folder, &api, 4, &[]);
    assert_eq!(
        (&json["posted"], &json["in_doubt"], &json["attempts_now"]),
        (&2.into(), &4.into(), &0.into()),
        "{json}"
    );
}

#[test]
fn a_salvage_refuses_a_ledger_that_is_there() {
    let (_api, folder) = half_done(0, 1);
    let damaged = folder.read(LEDGER);
    folder.write(NEW, "something");
    folder.call(&["salvage", LEDGER, "-o", NEW]).with_code(3).saying(&[NEW, "exists"]);
    folder.call(&["salvage", LEDGER, "-o", LEDGER]).with_code(3).saying(&[LEDGER, "exists"]);
    assert_eq!((folder.read(NEW), folder.read(LEDGER)), ("something".to_owned(), damaged));
}

#[test]
fn a_salvage_of_what_is_whole_loses_nothing() {
    let api = Api::failing(&["400@2", "login-page@3"]);
    let folder = Folder::with_rows(8);
    folder.run(&api, &["--first", "5", "--concurrency", "1"]).with_code(4);
    let said = folder.call(&["salvage", LEDGER, "-o", NEW, "--json"]).with_code(0).json();
    assert_eq!((&said["lost"], &said["doubted"]), (&0.into(), &0.into()), "{said}");
    let status = |ledger| {
        let mut json = folder.call(&["status", ledger, "--json"]).with_code(4).json();
        json.as_object_mut().unwrap().remove("ledger");
        json
    };
    assert_eq!(status(NEW), status(LEDGER));
    folder.call(&["audit", NEW]).with_code(0);
    let (json, _) = run_on_new(&folder, &api, 4, &[]);
    assert_eq!((&json["attempts_now"], &json["posted"]), (&3.into(), &6.into()), "{json}");
    assert_once(&api);
}

#[test]
fn rows_that_failed_may_have_been_sent_by_what_was_lost() {
    let api = Api::failing(&["500@ticket:1002"]);
    let folder = Folder::with_rows(5);
    folder.run(&api, &["--max-attempts", "1", "--concurrency", "1"]).with_code(1);
    folder.run(&api, &["--max-attempts", "1"]).with_code(1);
    flip(&folder, "\"mark\"", 8);
    let said = folder.call(&["salvage", LEDGER, "-o", NEW, "--json"]).with_code(0).json();
    assert_eq!((&said["lost"], &said["doubted"]), (&1.into(), &1.into()), "{said}");
    let (json, _) = run_on_new(&folder, &api, 4, &[]);
    assert_eq!(
        (&json["posted"], &json["in_doubt"], &json["attempts_now"]),
        (&4.into(), &1.into(), &0.into()),
        "{json}"
    );
    let shown = folder.call(&["show", NEW, "--row", "2"]).with_code(0).stdout;
    assert!(shown.contains("records were lost"), "{shown}");
}
