//! The sandbox, inside a run and standalone.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Api, Folder, LIMIT, Running, ended, quick, texts, until};

#[test]
fn a_run_in_the_sandbox_posts_everything_each_time_and_leaves_the_real_run_everything_to_post() {
    let folder = Folder::with_rows(40);
    let arguments = ["run", "notes.csv", "--sandbox", "--limit", LIMIT];
    let mut ledgers = BTreeSet::new();
    for _ in 0..2 {
        let ran = ended(folder.batchpost(&arguments).env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY"));
        let ran = ran.with_code(0).saying(&["40 requests, 40 notes created, 0 refused"]);
        assert!(ran.stdout.contains("40 posted by this run"), "{}", ran.stdout);
        let ledger = ran.stdout.lines().find_map(|line| line.strip_prefix("ledger: ")).unwrap().to_owned();
        assert!(folder.path(&ledger).exists(), "{ledger}");
        ledgers.insert(ledger);
    }
    assert_eq!(ledgers.len(), 2, "each run has a ledger of its own: {ledgers:?}");
    assert!(!folder.path("notes.csv.ledger.jsonl").exists());

    let api = Api::start(quick());
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["posted_now"], api.texts()), (&40.into(), texts(40)), "{json}");
}

#[test]
fn a_sandbox_ledger_that_was_named_is_continued_and_is_not_taken_for_the_real_one() {
    let folder = Folder::with_rows(10);
    let arguments = ["run", "notes.csv", "--sandbox", "--limit", LIMIT, "--ledger", "trial", "--json"];
    let first = ended(&mut folder.batchpost(&[&arguments[..], &["--first", "4"]].concat())).with_code(5).json();
    let second = ended(&mut folder.batchpost(&arguments)).with_code(0).json();
    assert_eq!((&first["posted_now"], &second["posted_now"]), (&4.into(), &6.into()));
    let api = Api::start(quick());
    ended(&mut folder.run_command(&api.url(), &["--ledger", "trial"])).with_code(2).saying(&["sandbox", &api.url()]);
    assert_eq!(api.arrivals(), 0);
}

/// A standalone sandbox and the URL that it printed.
#[cfg(unix)]
fn started(folder: &Folder, more: &[&str]) -> (Running, String) {
    let arguments = ["sandbox", "--port", "0", "--latency", "1ms..5ms"];
    let sandbox = Running::start(&mut folder.batchpost(&[&arguments[..], more].concat()));
    until("it prints its URL", || sandbox.stdout().contains('\n'));
    let url = sandbox.stdout().trim_end().to_owned();
    (sandbox, url)
}

#[cfg(unix)]
#[test]
fn the_sandbox_serves_and_tells_at_its_end_the_most_arrivals_in_any_window() {
    let folder = Folder::with_rows(30);
    let (sandbox, url) = started(&folder, &["--limit", "10/500ms"]);
    ended(&mut folder.run_command(&url, &["--limit", "10/500ms"])).with_code(0);
    sandbox.signal("INT");
    let said = sandbox.ended().with_code(0).stdout;
    let last = said.lines().last().unwrap();
    assert_eq!(
        last, "30 requests, 30 notes created, 0 refused for the limit; the most arrivals in any window: 10",
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn the_sandbox_fails_as_it_is_told_and_reports_as_json() {
    let folder = Folder::with_rows(12);
    let (sandbox, url) = started(&folder, &["--limit", LIMIT, "--fault", "400@ticket:1003", "--json"]);
    ended(&mut folder.run_command(&url, &[])).with_code(1);
    sandbox.signal("TERM");
    let said = sandbox.ended().with_code(0).stdout;
    let report: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&report["requests"], &report["notes"], &report["refused"]), (&12.into(), &11.into(), &0.into()));
    assert!(report["most_in_any_window"].as_u64().unwrap() <= 12, "{report}");
}

#[cfg(unix)]
#[test]
fn a_client_that_ignores_the_limit_is_refused_by_the_sandbox() {
    let folder = Folder::with_rows(12);
    let (sandbox, url) = started(&folder, &["--limit", "5/300ms"]);
    let json = ended(&mut folder.run_command(&url, &["--json"])).with_code(0).json();
    assert!(json["limited"].as_u64().unwrap() >= 1, "{json}");
    assert_eq!(json["posted"], 12, "a limited reply costs no row: {json}");
    sandbox.signal("INT");
    let said = sandbox.ended().with_code(0).stdout;
    assert!(said.contains("12 notes created") && !said.contains(" 0 refused"), "{said}");
}

#[test]
fn a_sandbox_that_cannot_be_is_a_usage_error() {
    let folder = Folder::new();
    for arguments in [
        &["sandbox", "--fault", "teapot=1"][..],
        &["sandbox", "--latency", "5ms..1ms"],
        &["sandbox", "--limit", "0/5s"],
        &["sandbox", "--port", "99999"],
    ] {
        ended(&mut folder.batchpost(arguments)).with_code(2);
    }
}
