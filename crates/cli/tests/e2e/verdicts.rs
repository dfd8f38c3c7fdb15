//! The effect of each reply on its row and on the run.

use std::time::Duration;

use batchpost_sandbox::Settings;
use serde_json::Value;

use crate::support::{Api, Folder, Running, ended, quick, records, text, texts};

#[test]
fn every_row_is_posted_exactly_once_through_failures_and_limits_of_every_form() {
    // At fixed requests, and some at random.
    let faults = [
        "500@3,40",
        "429@10",
        "429-retry-after@50",
        "429-date@90",
        "200-limit@60",
        "403-limit@70",
        "500=0.05",
        "429=0.01",
        "429-retry-after=0.01",
        "429-date=0.01",
        "200-limit=0.01",
        "403-limit=0.01",
    ];
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let window = Duration::from_millis(200);
    let api = Api::start(Settings { limit: Some(100), window, faults, ..quick() });
    let folder = Folder::with_rows(150);
    let more = ["--limit", "100/200ms", "--max-attempts", "10"];
    let json = folder.run(&api, &more).with_code(0).json();

    assert_eq!(api.texts(), texts(150));
    let report = api.report();
    assert!(report.limited >= 5, "{report:?}");
    assert_eq!(report.refused, 0, "{report:?}");
    assert_eq!(json["limited"], report.limited, "{json}");
    assert_eq!(json["attempts"], report.requests, "{json}");
    assert_eq!((&json["posted"], &json["rows"]), (&150.into(), &150.into()), "{json}");
}

#[test]
fn refused_keys_stop_the_run_and_the_next_one_finishes_it() {
    let api = Api::failing(&["401@3"]);
    let folder = Folder::with_rows(60);
    let why = "stopping: authentication failed; another account's host returns the same error";
    let check = "check LSQ_ACCESS_KEY and LSQ_SECRET_KEY, and --host";
    let ran = folder.run(&api, &[]).with_code(3).saying(&[why, check]);
    let json = ran.json();
    assert_eq!(json["stopped"], "credentials", "{json}");
    assert!(json["pending"].as_u64().unwrap() >= 1, "{json}");
    assert_eq!(json["posted"].as_u64().unwrap() + json["pending"].as_u64().unwrap(), 60, "{json}");
    assert_eq!(json["attempts_now"], api.arrivals(), "{json}");

    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    let refused = ledger.iter().position(|line| line["outcome"]["verdict"] == "hopeless").unwrap();
    let later = records(&ledger[refused..], "intent");
    assert!(later.is_empty(), "begun after the refusal was read: {later:?}");

    folder.run(&api, &[]).with_code(0);
    assert_eq!(api.texts(), texts(60));
}

#[test]
fn nothing_arrives_after_refused_keys_when_one_request_goes_at_a_time() {
    let api = Api::failing(&["401@3"]);
    let folder = Folder::with_rows(20);
    folder.run(&api, &["--concurrency", "1"]).with_code(3);
    assert_eq!((api.arrivals(), api.texts()), (3, texts(2)));
}

#[test]
fn wrong_keys_cost_one_request_and_the_right_ones_post_everything() {
    let keys = |key: &str| Some(key.to_owned());
    let api = Api::start(Settings { access_key: keys("right"), secret_key: keys("secret"), ..quick() });
    let folder = Folder::with_rows(30);
    let ran = ended(folder.run_command(&api.url(), &["--json"]).env("LSQ_ACCESS_KEY", "wrong")).with_code(3);
    assert_eq!(ran.json()["stopped"], "credentials");
    assert_eq!(ran.json()["pending"], 30);
    assert_eq!(api.arrivals(), 1, "the first attempt goes alone");

    ended(folder.run_command(&api.url(), &[]).env("LSQ_ACCESS_KEY", "right")).with_code(0);
    assert_eq!((api.arrivals(), api.texts()), (31, texts(30)));
}

#[test]
fn a_url_that_leads_elsewhere_stops_the_run_at_its_first_request() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(30);
    let elsewhere = api.url().replace("internalnote", "notes");
    let ran = ended(&mut folder.run_command(&elsewhere, &["--json"])).with_code(3);
    let ran = ran.saying(&["the API was not found at this URL", "check --host and --tenant, or --url"]);
    assert_eq!((&ran.json()["stopped"], &ran.json()["pending"]), (&"endpoint".into(), &30.into()));
    assert_eq!(api.arrivals(), 1);
}

#[test]
fn a_redirect_is_not_followed() {
    let api = Api::failing(&["redirect@1"]);
    let folder = Folder::with_rows(5);
    let json = folder.run(&api, &[]).with_code(3).json();
    assert_eq!(json["stopped"], "endpoint", "{json}");
    assert_eq!(api.arrivals(), 1, "a request that followed it would have been counted");
}

#[test]
fn a_rejected_row_leaves_the_others_posted_and_the_reason_is_said_everywhere() {
    const REASON: &str = "the body is not as specified";
    let api = Api::failing(&["400@ticket:1007"]);
    let folder = Folder::with_rows(20);
    let ran = ended(&mut folder.run_command(&api.url(), &[])).with_code(1).saying(&[REASON, "row=7", "ticket=1007"]);
    assert!(ran.stdout.contains("1  rejected"), "{}", ran.stdout);
    let others: Vec<String> = (1..=20).filter(|row| *row != 7).map(text).collect();
    assert_eq!(api.texts(), others);

    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    let refused: Vec<&Value> =
        records(&ledger, "outcome").into_iter().filter(|end| end["stands"] == "rejected").collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!((&refused[0]["row"], &refused[0]["status"]), (&7.into(), &400.into()));
    assert!(refused[0]["reply"].as_str().unwrap().contains(REASON), "{refused:?}");

    let shown = ended(&mut folder.batchpost(&["show", "notes.csv.ledger.jsonl", "--state", "rejected"])).with_code(0);
    assert!(shown.stdout.starts_with("row 7 ticket 1007 rejected: 400 "), "{}", shown.stdout);
    assert!(shown.stdout.contains(REASON) && shown.stdout.lines().count() == 1, "{}", shown.stdout);

    let before = api.arrivals();
    folder.run(&api, &[]).with_code(1);
    assert_eq!(api.arrivals(), before, "a rejected row is not sent again");
}

#[test]
fn a_row_whose_tries_are_used_up_has_failed_and_the_next_run_tries_it_again() {
    let api = Api::failing(&["500@1,2"]);
    let folder = Folder::with_rows(1);
    let json = folder.run(&api, &["--max-attempts", "2"]).with_code(1).json();
    assert_eq!((&json["failed"], api.arrivals()), (&1.into(), 2), "{json}");
    let json = folder.run(&api, &["--max-attempts", "2"]).with_code(0).json();
    assert_eq!((&json["posted"], api.texts()), (&1.into(), texts(1)), "{json}");
}

#[test]
fn twenty_five_rejections_before_any_post_stop_the_run() {
    let api = Api::failing(&["400=1"]);
    let folder = Folder::with_rows(40);
    let json = folder.run(&api, &["--concurrency", "1"]).with_code(3).json();
    assert_eq!((&json["stopped"], api.arrivals()), (&"refused".into(), 25), "{json}");
}

#[test]
fn rows_of_one_ticket_arrive_in_the_order_of_the_sheet_through_retries() {
    let comments: Vec<String> = (1..=10).map(|n| format!("comment {n:02}")).collect();
    let sheet: String = comments.iter().map(|comment| format!("143,{comment}\n")).collect();
    let runs: Vec<(u64, Api, Folder, Running)> = (1..=5)
        .map(|seed| {
            let api = Api::start(Settings { faults: vec!["500=0.2".parse().unwrap()], seed, ..quick() });
            let folder = Folder::new();
            folder.write("notes.csv", format!("Ticket,Text\n{sheet}"));
            let running = Running::start(&mut folder.run_command(&api.url(), &["--max-attempts", "12"]));
            (seed, api, folder, running)
        })
        .collect();
    let mut arrivals = 0;
    for (seed, api, _folder, running) in runs {
        running.ended().with_code(0);
        let texts: Vec<String> = api.notes().into_iter().map(|note| note.text).collect();
        assert_eq!(texts, comments, "server seed {seed}");
        arrivals += api.arrivals();
    }
    assert!(arrivals > 50, "no row failed, so nothing was shown");
}

#[test]
fn a_ticket_that_waits_for_its_retry_does_not_hold_up_the_others() {
    let api = Api::failing(&["500@ticket:7"]);
    let folder = Folder::new();
    let others: String = (1..=30).map(|n| format!("{},other {n:02}\n", 100 + n)).collect();
    folder.write("notes.csv", format!("Ticket,Text\n7,first\n7,second\n{others}"));
    // Each wait is random, from zero: six of them do not all end before ten other rows were sent.
    let json = folder.run(&api, &["--max-attempts", "4"]).with_code(1).json();
    assert_eq!((&json["failed"], &json["posted"]), (&2.into(), &30.into()), "{json}");
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    let rows: Vec<u64> = records(&ledger, "intent").iter().map(|intent| intent["row"].as_u64().unwrap()).collect();
    let second = rows.iter().position(|row| *row == 2).unwrap();
    let first = rows.iter().rposition(|row| *row == 1).unwrap();
    assert!(first < second, "row 2 was begun before row 1 was done with: {rows:?}");
    let last = rows.iter().rposition(|row| *row <= 2).unwrap();
    assert!(last > 10, "the other tickets were kept waiting: {rows:?}");
}

#[test]
fn an_unexplained_500_is_held_in_doubt_when_asked() {
    let api = Api::failing(&["500-created@4"]);
    let folder = Folder::with_rows(10);
    let json = folder.run(&api, &["--on-500", "hold"]).with_code(4).json();
    assert_eq!((&json["in_doubt"], &json["posted"]), (&1.into(), &9.into()), "{json}");
    assert_eq!(api.texts(), texts(10), "it was created, and not a second time");
}

#[test]
fn without_a_limit_everything_goes_at_once_but_only_to_this_machine() {
    let api = Api::start(Settings { limit: None, ..quick() });
    let folder = Folder::with_rows(100);
    folder.run(&api, &["--limit", "none"]).with_code(0);
    assert_eq!(api.texts(), texts(100));
    let elsewhere = ["run", "notes.csv", "--host", "api.example.com", "--tenant", "1", "--limit", "none"];
    ended(&mut folder.batchpost(&elsewhere)).with_code(2).saying(&["--limit none"]);
}

#[test]
fn a_limit_that_lasts_for_more_than_an_hour_ends_the_run_for_now() {
    let faults = vec!["429-retry-after@3".parse().unwrap()];
    let api = Api::start(Settings { faults, retry_after: Duration::from_secs(3601), ..quick() });
    let folder = Folder::with_rows(8);
    let json = folder.run(&api, &["--concurrency", "1"]).with_code(75).json();
    assert_eq!((&json["stopped"], &json["posted"], &json["pending"]), (&"limited".into(), &2.into(), &6.into()));
    assert_eq!((&json["limited_now"], api.arrivals()), (&1.into(), 3), "{json}");
    folder.run(&api, &[]).with_code(0);
    assert_eq!(api.texts(), texts(8));
}
