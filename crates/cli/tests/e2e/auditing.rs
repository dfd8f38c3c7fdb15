//! What a ledger proves, compared with the server's count; and ledgers that prove a violation.

use std::time::Duration;

use batchpost::ledger::{AttemptEnd, Finish, Intent, Ledger, Record};
use batchpost::outcome::{Counts, Outcome, VerdictWord};
use batchpost::runtime::LedgerFile;
use batchpost_sandbox::Settings;
use serde_json::Value;

use crate::support::{Api, Folder, quick};

const LEDGER: &str = "notes.csv.ledger.jsonl";

#[track_caller]
fn audit(folder: &Folder, code: i32) -> Value {
    let found = folder.call(&["audit", LEDGER, "--json"]).with_code(code).json();
    assert_eq!(found["holds"], code == 0, "{found}");
    found
}

#[test]
fn a_batch_with_faults_and_retries_holds_and_agrees_with_the_servers_count() {
    let faults = ["500=0.1", "408=0.03", "429@30", "cut-short@50"].map(|fault| fault.parse().unwrap()).to_vec();
    let window = Duration::from_millis(300);
    let api = Api::start(Settings { limit: Some(40), window, faults, ..quick() });
    let folder = Folder::with_rows(120);
    let json = folder.run(&api, &["--limit", "40/300ms", "--timeout", "1s"]).with_code(4).json();
    let found = audit(&folder, 0);
    assert_eq!((&found["attempts"], &json["attempts"]), (&api.arrivals().into(), &api.arrivals().into()), "{found}");
    assert_eq!((&found["runs"], &found["problems"]), (&1.into(), &Value::Array(Vec::new())), "{found}");
    let (limit, counted) = (&found["limits"][0], api.report());
    let peak = limit["peak_in_a_run"].as_u64().unwrap() as usize;
    assert!((counted.most_in_any_window..=40).contains(&peak), "{found} {counted:?}");
    assert_eq!((&limit["limit"], &limit["peak"], counted.refused), (&"40/300ms".into(), &peak.into(), 0), "{found}");
    assert!(api.arrivals() > 125, "there were retries");

    let words = folder.call(&["audit", LEDGER]).with_code(0).stdout;
    assert!(words.contains("limit 40/300ms held") && words.contains("every row has one outcome"), "{words}");
}

#[test]
fn two_runs_that_do_not_share_their_budget_and_meet_in_a_window_are_told_of() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(10);
    for code in [5, 0] {
        folder.run(&api, &["--limit", "5/1h", "--first", "5", "--budget", "private"]).with_code(code);
    }
    let found = audit(&folder, 1);
    let limit = &found["limits"][0];
    assert_eq!((&limit["peak_in_a_run"], &limit["peak"]), (&5.into(), &10.into()), "{found}");
    let words = folder.call(&["audit", LEDGER]).with_code(1).stdout;
    assert!(words.contains("may have been exceeded") && words.contains("10 across runs"), "{words}");
    assert_eq!(folder.unheard(&["audit", LEDGER]), Some(1), "the reader has gone");
}

#[test]
fn a_part_of_a_batch_with_rows_set_aside_adds_up() {
    // After the posted part come an invalid row and a row held because it was edited.
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\n1,a\n2,b\n3,c\n4,d\nx,e\n");
    let json = folder.run(&api, &["--first", "1", "--skip-invalid"]).with_code(1).json();
    assert_eq!((&json["invalid"], &json["pending"]), (&1.into(), &3.into()), "{json}");
    audit(&folder, 0);
    folder.write("notes.csv", "Ticket,Text\n2,b\n3,c\n4,d\n1,edited\nx,e\n");
    let run = folder.run(&api, &["--first", "1", "--skip-invalid"]).with_code(1).json();
    assert_eq!((&run["held"], &run["pending"]), (&1.into(), &2.into()), "{run}");
    let status = folder.call(&["status", LEDGER, "--json"]).with_code(1).json();
    for outcome in ["posted", "pending", "invalid", "held"] {
        assert_eq!(status[outcome], run[outcome], "{outcome}: {status}");
    }
    let problems = folder.call(&["audit", LEDGER, "--json"]).json();
    assert_eq!(problems["problems"], Value::Array(Vec::new()), "{problems}");

    // The edit is undone, so no row is held.
    folder.write("notes.csv", "Ticket,Text\n2,b\n3,c\n4,d\n1,a\n1,edited\nx,e\n");
    let run = folder.run(&api, &["--first", "1", "--skip-invalid"]).with_code(1).json();
    assert_eq!((&run["held"], &run["pending"]), (&0.into(), &2.into()), "{run}");
    let problems = folder.call(&["audit", LEDGER, "--json"]).json();
    assert_eq!(problems["problems"], Value::Array(Vec::new()), "{problems}");
}

/// A finished batch of three rows under `3/1h`, with further valid records appended.
fn doctored(more: impl FnOnce(Intent, AttemptEnd) -> Vec<Record>) -> Folder {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--limit", "3/1h"]).with_code(0);
    audit(&folder, 0);
    let mut last = (None, None);
    let path = folder.path(LEDGER);
    batchpost::ledger::read(&LedgerFile::open(&path).unwrap(), &mut |entry| match entry.record {
        Record::Intent(intent) => last.0 = Some(intent),
        Record::Outcome(end) => last.1 = Some(end),
        _ => {}
    })
    .unwrap();
    let (mut ledger, ..) = Ledger::open(LedgerFile::open(&path).unwrap()).unwrap();
    ledger.commit(&more(last.0.unwrap(), last.1.unwrap())).unwrap();
    ledger.close().unwrap();
    folder
}

#[test]
fn one_attempt_too_many_in_a_window_is_found() {
    // A new row whose attempt has no reply, and one more attempt for another row: both may have been counted.
    let folder = doctored(|intent, end| {
        let key = intent.key.occurrence(7);
        let at_us = end.at_us + 1;
        let (verdict, outcome) = (VerdictWord::Again, Outcome::Failed);
        vec![
            Record::Intent(Intent { key, at_us, ..intent }),
            Record::Outcome(AttemptEnd { key, at_us, verdict, outcome, status: Some(500), ..end }),
        ]
    });
    let found = audit(&folder, 1);
    assert_eq!(found["limits"][0]["peak_in_a_run"], 4, "{found}");
}

#[test]
fn a_posted_row_that_is_sent_again_is_found() {
    let folder = doctored(|intent, end| vec![Record::Intent(intent), Record::Outcome(end)]);
    let found = audit(&folder, 1);
    assert!(found["problems"][0].as_str().unwrap().contains("was posted and is sent again"), "{found}");
}

#[test]
fn an_outcome_of_no_attempt_is_found() {
    let folder = doctored(|_, end| vec![Record::Outcome(end)]);
    let found = audit(&folder, 1);
    assert!(found["problems"][0].as_str().unwrap().contains("never began"), "{found}");
}

#[test]
fn sums_that_are_not_those_of_the_records_are_found() {
    let folder = doctored(|_, end| {
        let counts = Counts { posted: 2, skipped: 1, ..Counts::default() };
        vec![Record::Finish(Finish { at_us: end.at_us, wall: end.wall, stopped: None, counts })]
    });
    let found = audit(&folder, 1);
    assert!(found["problems"][0].as_str().unwrap().contains("sums"), "{found}");
}

/// Two runs under `3/1h`, of three rows and one row. The second begins `gap` milliseconds after the end of
/// the first.
fn two_runs_apart(gap: i64) -> Folder {
    let api = Api::start(quick());
    let folder = Folder::with_rows(4);
    folder.run(&api, &["--limit", "3/1h", "--first", "3"]).with_code(5);
    let path = folder.path(LEDGER);
    let first = folder.read(LEDGER);
    folder.run(&api, &["--limit", "300/1s"]).with_code(0);
    let mut records = Vec::new();
    batchpost::ledger::read(&LedgerFile::open(&path).unwrap(), &mut |entry| records.push(entry.record)).unwrap();
    let mut second = records.split_off(first.lines().count());
    let ended = records.iter().find_map(|record| match record {
        Record::Finish(finish) => Some(finish.wall),
        _ => None,
    });
    let begun = second.iter().find_map(|record| match record {
        Record::Intent(intent) => Some(intent.wall),
        _ => None,
    });
    let shift = ended.unwrap().duration_since(begun.unwrap()) + jiff::SignedDuration::from_millis(gap);
    second.retain(|record| !matches!(record, Record::Mark(_)));
    for record in &mut second {
        match record {
            Record::Run(run) => run.settings.limits = vec!["3/1h".parse().unwrap()],
            Record::Intent(intent) => intent.wall += shift,
            Record::Outcome(end) => end.wall += shift,
            Record::Finish(finish) => finish.wall += shift,
            _ => {}
        }
    }
    folder.write(LEDGER, first);
    let (mut ledger, ..) = Ledger::open(LedgerFile::open(&path).unwrap()).unwrap();
    ledger.commit(&second).unwrap();
    ledger.close().unwrap();
    folder
}

#[test]
fn a_limit_broken_by_one_across_two_runs_is_found_and_one_that_just_held_is_not() {
    const HOUR: i64 = 3_600_000;
    // The gap counts from the run's end; its last reply may have come slightly earlier.
    let broken = audit(&two_runs_apart(HOUR - 10_000), 1);
    assert_eq!(
        (&broken["limits"][0]["peak"], &broken["limits"][0]["peak_in_a_run"]),
        (&4.into(), &3.into()),
        "{broken}"
    );
    let held = audit(&two_runs_apart(HOUR + 2), 0);
    assert_eq!(held["limits"][0]["peak"], 3, "{held}");
    assert_eq!(held["set_back"], Value::Array(Vec::new()), "{held}");
}

#[test]
fn a_wall_clock_that_was_set_back_between_runs_is_told_of() {
    let folder = two_runs_apart(-60_000);
    let found = audit(&folder, 1);
    assert_eq!(found["set_back"], serde_json::json!([{"run": 2, "by_s": 60.0}]), "{found}");
    let words = folder.call(&["audit", LEDGER]).with_code(1).stdout;
    assert!(words.contains("run 2: the wall clock was 1m before the previous run's end"), "{words}");
    let record = found["limits"][0]["fullest"].as_u64().unwrap();
    assert!(words.contains(&format!("4 across runs, the last of them in record {record}")), "{words}");
    assert_eq!(folder.ledger(LEDGER)[record as usize - 1]["intent"]["row"], 4, "{found}");
}

#[test]
fn how_much_of_the_limit_was_used_is_told() {
    let api = Api::start(Settings { limit: Some(10), window: Duration::from_millis(200), ..quick() });
    let folder = Folder::with_rows(60);
    folder.run(&api, &["--limit", "10/200ms"]).with_code(0);
    let used = audit(&folder, 0)["limits"][0]["used"].as_f64().unwrap();
    assert!(used > 0.0 && used <= 1.0, "{used}");
    let words = folder.call(&["audit", LEDGER]).with_code(0).stdout;
    assert!(words.contains(&format!("; {:.0} % of the possible rate was used", used * 100.0)), "{words}");

    let few = Folder::with_rows(3);
    few.run(&api, &[]).with_code(0);
    assert_eq!(audit(&few, 0)["limits"][0]["used"], Value::Null, "no window was filled");
}
