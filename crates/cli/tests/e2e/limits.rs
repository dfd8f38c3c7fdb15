//! Runs never exceed the account's limit, and use it almost fully.

use std::time::Duration;

use batchpost_sandbox::{Counting, Settings};

use crate::support::{Api, Folder, quick, sheet, texts};

/// How soon they end is measured in docs/performance.md and tested on the virtual clock.
#[test]
fn a_hundred_rows_at_the_documented_limit_use_a_window_in_full_and_never_more() {
    let api = Api::start(Settings::default());
    let folder = Folder::with_rows(100);
    folder.run(&api, &["--limit", "25/5s"]).with_code(0);
    let report = api.report();
    assert_eq!(report.most_in_any_window, 25, "the window is used in full, and no more");
    assert_eq!((report.refused, report.requests), (0, 100));
    assert_eq!(api.texts(), texts(100));
}

#[test]
fn no_window_sees_more_than_the_limit_however_the_server_counts() {
    for (seed, counting) in
        [(1, Counting::Sliding), (2, Counting::Fixed { phase: Duration::from_millis(130) }), (3, Counting::Sliding)]
    {
        let api = Api::start(Settings {
            limit: Some(20),
            window: Duration::from_millis(400),
            counting,
            latency: Duration::from_millis(5)..=Duration::from_millis(60),
            faults: vec!["reset-lost@7,30".parse().unwrap(), "500=0.1".parse().unwrap()],
            seed,
            ..Settings::default()
        });
        let folder = Folder::with_rows(60);
        // A row without a reply keeps its slot for the whole timeout as well.
        let more = ["--limit", "20/400ms", "--timeout", "2s", "--max-attempts", "12"];
        let json = folder.run(&api, &more).with_code(4).json();
        let report = api.report();
        assert!(report.most_in_any_window <= 20, "seed {seed}: {report:?}");
        assert_eq!(report.refused, 0, "seed {seed}: {report:?}");
        assert_eq!((&json["posted"], &json["in_doubt"]), (&58.into(), &2.into()), "seed {seed}: {json}");
        assert_eq!(api.texts().len(), 58, "seed {seed}");
    }
}

#[test]
fn all_limits_hold_at_once() {
    let api = Api::start(Settings {
        limit: Some(10),
        window: Duration::from_millis(100),
        latency: Duration::ZERO..=Duration::from_millis(5),
        ..Settings::default()
    });
    let folder = Folder::with_rows(50);
    let json = folder.run(&api, &["--limit", "10/100ms", "--limit", "30/1s"]).with_code(0).json();
    assert!(api.report().most_in_any_window <= 10, "{:?}", api.report());
    assert!(json["elapsed_s"].as_f64().unwrap() >= 1.0, "the 31st row waits for the longer window: {json}");
    assert_eq!(api.texts(), texts(50));
}

/// Hours of one hour's length that begin `from` hours from now, in UTC.
fn hours(from: i64) -> String {
    let begin = batchpost_now().round(jiff::Unit::Minute).unwrap() + jiff::SignedDuration::from_hours(from);
    let clock = |at: jiff::Timestamp| at.strftime("%H:%M").to_string();
    format!("{}-{}", clock(begin), clock(begin + jiff::SignedDuration::from_hours(1)))
}

#[expect(clippy::disallowed_methods, reason = "hours are by the real clock here")]
fn batchpost_now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[test]
fn outside_its_hours_a_run_that_is_not_to_wait_ends_as_planned_and_a_resumed_one_too() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    let between = hours(2);
    let plan = ["--between", &between, "--time-zone", "UTC", "--no-wait"];
    let json = folder.run(&api, &plan).with_code(5).saying(&["hours"]).json();
    assert_eq!((&json["stopped"], &json["pending"]), (&"planned".into(), &3.into()), "{json}");
    folder.call(&["resume", "notes.csv.ledger.jsonl"]).with_code(5);
    assert_eq!(api.arrivals(), 0);
    // Within the hours it posts.
    let between = hours(-1);
    let wide = format!("{}-{}", &between[..5], &hours(1)[6..]);
    folder.run(&api, &["--between", &wide, "--time-zone", "UTC", "--no-wait"]).with_code(0);
    assert_eq!(api.arrivals(), 3);
}

#[test]
fn a_plan_is_told_beforehand_as_a_moment_and_in_nights() {
    let folder = Folder::new();
    folder.write("notes.csv", sheet(1..=2_500));
    let plan = ["--limit", "25/5s", "--limit", "1000/1d", "--between", "22:00-06:00", "--time-zone", "Asia/Kolkata"];
    let check = |more: &[&str]| folder.call(&[&["check", "notes.csv"][..], &plan, more].concat());
    let json = check(&["--json"]).with_code(0).json();
    // Three, or four if the first has begun and is nearly over.
    let nights = json["nights"].as_u64().unwrap();
    assert!((3..=4).contains(&nights), "{json}");
    let done_at: jiff::Timestamp = json["done_at"].as_str().unwrap().parse().unwrap();
    let local = done_at.to_zoned_datetime(jiff::tz::TimeZone::get("Asia/Kolkata").unwrap());
    assert!(!(6..22).contains(&local.hour()), "{local}");
    let words = check(&[]).with_code(0).stdout;
    assert!(words.contains(&format!("in {nights} nights")), "{words}");
    check(&["--time-zone", "Mars/Olympus"]).with_code(2);
    folder.call(&["check", "notes.csv", "--between", "22:00-22:00"]).with_code(2);
    folder.call(&["check", "notes.csv", "--between", "22:00-22:00:20"]).with_code(2);
}

#[test]
fn a_cap_that_is_reached_ends_a_run_that_is_not_to_wait() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(9);
    let cap = ["--limit", "500/1s", "--limit", "5/1d", "--no-wait"];
    let json = folder.run(&api, &cap).with_code(5).json();
    assert_eq!((&json["posted"], &json["stopped"]), (&5.into(), &"planned".into()), "{json}");
    let json = folder.run(&api, &cap).with_code(5).json();
    assert_eq!((&json["posted_now"], &json["posted"]), (&0.into(), &5.into()), "the next run knows of it: {json}");
}
