//! The same rows in another file: known from the ledgers beside it, and not posted again unless requested.

use std::fs;

use crate::support::{Api, Folder, LIMIT, Ran, ended, quick, sheet, text, texts};

/// A batch of six rows: five are posted, and the third is in doubt.
fn posted_before() -> (Api, Folder) {
    let api = Api::failing(&["reset@3"]);
    let folder = Folder::with_rows(6);
    folder.run(&api, &["--concurrency", "1"]).with_code(4);
    (api, folder)
}

fn run(folder: &Folder, api: &Api, input: &str, more: &[&str]) -> Ran {
    folder.call(&[&["run", input, "--url", &api.url(), "--limit", LIMIT, "--json"], more].concat())
}

fn as_json_lines(rows: impl IntoIterator<Item = u64>) -> String {
    rows.into_iter()
        .map(|row| format!("{{\"Comment\":\"{}\",\"Ticket ID\":\"{}\"}}\n", text(row), 1000 + row))
        .collect()
}

#[test]
fn the_same_rows_under_another_name_or_as_json_lines_are_refused_with_ledger_and_count() {
    let (api, folder) = posted_before();
    folder.write("copy.csv", sheet(1..=6));
    folder.write("later.csv", sheet(4..=9));
    folder.write("notes.jsonl", as_json_lines(1..=6));
    for (input, count) in [("copy.csv", "6 rows"), ("later.csv", "3 rows"), ("notes.jsonl", "6 rows")] {
        run(&folder, &api, input, &[]).with_code(2).saying(&[
            count,
            "notes.csv.ledger.jsonl",
            "--known skip",
            "--ledger",
        ]);
        assert!(!folder.path(format!("{input}.ledger.jsonl")).exists(), "{input}: a ledger was begun");
        let json = folder.call(&["check", input, "--url", &api.url(), "--json"]).with_code(2).json();
        assert_eq!(json["known_elsewhere"].to_string() + " rows", count, "{json}");
        let words = folder.call(&["check", input, "--url", &api.url()]).with_code(2).stdout;
        assert!(words.contains("of those to do recorded as posted or in doubt in "), "{words}");
        let to_send = if input == "later.csv" { "skip 3 to send, in about 1s" } else { "skip 0 to send\n" };
        assert!(words.contains(&format!("with --known {to_send}")) && !words.contains("6 to send"), "{words}");
    }
    assert_eq!(api.arrivals(), 6);
}

#[test]
fn what_is_known_is_skipped_when_asked_and_the_new_rows_are_posted() {
    let (api, folder) = posted_before();
    folder.write("later.csv", sheet(2..=8));
    let json = run(&folder, &api, "later.csv", &["--known", "skip"]).with_code(0).json();
    assert_eq!((&json["skipped"], &json["posted"], &json["attempts_now"]), (&5.into(), &2.into(), &2.into()), "{json}");
    assert_eq!(api.texts(), texts(8));
    let json = run(&folder, &api, "later.csv", &[]).with_code(0).json();
    assert_eq!((&json["skipped"], &json["attempts_now"]), (&5.into(), &0.into()), "{json}");
    let why = folder.call(&["show", "later.csv.ledger.jsonl", "--state", "skipped"]).with_code(0).stdout;
    assert!(why.lines().count() == 5 && why.contains("another ledger"), "{why}");
    folder.call(&["audit", "later.csv.ledger.jsonl"]).with_code(0);
}

#[test]
fn what_was_skipped_stays_skipped_when_the_run_ended_before_it_came_to_it() {
    let (api, folder) = posted_before();
    // The new rows come first, so the first part ends before the known ones.
    folder.write("later.csv", sheet([7, 8, 9, 1, 2, 3, 4, 5, 6]));
    let json = run(&folder, &api, "later.csv", &["--known", "skip", "--first", "1"]).with_code(5).json();
    assert_eq!((&json["skipped"], &json["pending"]), (&6.into(), &2.into()), "{json}");
    let status = folder.call(&["status", "later.csv.ledger.jsonl", "--json"]).with_code(5).json();
    assert_eq!((&status["skipped"], &status["pending"]), (&6.into(), &2.into()), "{status}");
    let json = run(&folder, &api, "later.csv", &[]).with_code(0).json();
    assert_eq!((&json["skipped"], &json["attempts_now"]), (&6.into(), &2.into()), "{json}");
    assert_eq!(api.texts(), texts(9));
}

#[test]
fn what_is_known_is_posted_again_when_asked() {
    let (api, folder) = posted_before();
    folder.write("copy.csv", sheet(1..=2));
    let json = run(&folder, &api, "copy.csv", &["--known", "post"]).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"]), (&2.into(), &2.into()), "{json}");
    assert_eq!(api.texts()[..4], [text(1), text(1), text(2), text(2)]);
}

#[test]
fn the_ledger_that_knows_them_is_continued_when_it_is_named() {
    let (api, folder) = posted_before();
    folder.write("more.jsonl", as_json_lines(1..=7));
    let json = run(&folder, &api, "more.jsonl", &["--ledger", "notes.csv.ledger.jsonl"]).with_code(4).json();
    assert_eq!(
        (&json["posted"], &json["in_doubt"], &json["attempts_now"]),
        (&6.into(), &1.into(), &1.into()),
        "{json}"
    );
    assert_eq!(api.texts(), texts(7));
}

#[test]
fn ledgers_elsewhere_are_looked_through_where_that_is_said() {
    let (api, folder) = posted_before();
    let other = Folder::with_rows(8);
    let history = folder.path("");
    let more = ["--history", history.to_str().unwrap()];
    run(&other, &api, "notes.csv", &more).with_code(2).saying(&["6 rows", "notes.csv.ledger.jsonl"]);
    let check = ["check", "notes.csv", "--url", &api.url(), "--history", more[1], "--json"];
    assert_eq!(other.call(&check).with_code(2).json()["known_elsewhere"], 6);
    let json = run(&other, &api, "notes.csv", &[&more[..], &["--known", "skip"]].concat()).with_code(0).json();
    assert_eq!((&json["skipped"], &json["posted"]), (&6.into(), &2.into()), "{json}");
}

#[test]
fn a_ledger_is_known_by_what_it_is_and_not_by_its_name() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--ledger", "March"]).with_code(0);
    ended(&mut folder.run_command(&api.url(), &[])).with_code(2).saying(&["3 rows", "March"]);
    assert_eq!(api.arrivals(), 3);
}

#[test]
fn a_ledger_of_another_target_does_not_matter_whole_or_damaged() {
    let (other, api) = (Api::start(quick()), Api::start(quick()));
    let folder = Folder::with_rows(4);
    folder.run(&other, &[]).with_code(0);
    let theirs = "notes.csv.ledger.jsonl";
    folder.run(&api, &["--ledger", "a.jsonl", "--first", "2"]).with_code(5);
    fs::rename(folder.path("a.jsonl"), folder.path("a.csv.ledger.jsonl")).unwrap();
    folder.write(theirs, folder.read(theirs).replacen("\"posted\"", "\"Posted\"", 1));
    let json = folder.run(&api, &["--ledger", "b.jsonl", "--known", "skip"]).with_code(0).json();
    assert_eq!((&json["posted_now"], &json["skipped"]), (&2.into(), &2.into()), "{json}");
    assert_eq!((api.texts(), other.arrivals()), (texts(4), 4));
}

#[test]
fn a_damaged_ledger_of_the_same_target_is_not_passed_over() {
    let (api, folder) = posted_before();
    let ledger = folder.read("notes.csv.ledger.jsonl");
    folder.write("notes.csv.ledger.jsonl", ledger.replacen("\"posted\"", "\"Posted\"", 1));
    folder.write("copy.csv", sheet(1..=6));
    // What the ledger knew when its run ended is noted in the state folder.
    let json = run(&folder, &api, "copy.csv", &["--known", "skip"]).with_code(0).json();
    assert_eq!((&json["skipped"], api.arrivals()), (&6.into(), 6), "{json}");
    // Without these notes, the damaged ledger is an error.
    folder.write("third.csv", sheet(1..=6));
    for known in [&["--known", "skip"][..], &[]] {
        let arguments = [&["--state-dir", "empty", "--history", "."], known].concat();
        run(&folder, &api, "third.csv", &arguments).with_code(3).saying(&[
            "notes.csv.ledger.jsonl",
            "damaged",
            "--known post",
        ]);
    }
    assert_eq!(api.arrivals(), 6);
}

#[test]
fn rows_that_another_batch_has_posted_meanwhile_are_recognised_by_the_one_they_were_left_to() {
    let (api, folder) = (Api::start(quick()), Folder::with_rows(6));
    run(&folder, &api, "notes.csv", &["--first", "2"]).with_code(5);
    folder.write("copy.csv", folder.read("notes.csv"));
    run(&folder, &api, "copy.csv", &["--known", "skip"]).with_code(0);
    run(&folder, &api, "notes.csv", &[]).with_code(2).saying(&["4 rows", "copy.csv.ledger.jsonl"]);
    let resume = ["resume", "notes.csv.ledger.jsonl", "--known", "skip", "--json"];
    let json = ended(&mut folder.batchpost(&resume)).with_code(0).json();
    assert_eq!((&json["skipped"], &json["posted"], api.arrivals()), (&4.into(), &2.into(), 6), "{json}");
}
