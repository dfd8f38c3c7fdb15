//! Other clients of the account, and failing APIs.

use std::time::Duration;

use batchpost_sandbox::Settings;

use crate::support::{Api, Folder, closed_port_url, ended, quick, texts};

#[test]
fn an_outage_is_given_up_when_that_is_asked_and_leaves_everything_to_do() {
    let folder = Folder::with_rows(30);
    let more = ["--limit", "100/200ms", "--give-up-after", "1s", "--json"];
    let gone = ended(&mut folder.run_command(&closed_port_url(), &more)).with_code(75).json();
    assert_eq!((&gone["stopped"], &gone["pending"]), (&"outage".into(), &30.into()), "{gone}");
}

#[test]
fn an_api_that_fails_at_everything_costs_no_row_its_tries() {
    let api = Api::failing(&["500=1"]);
    let folder = Folder::with_rows(30);
    let more = ["--limit", "100/200ms", "--give-up-after", "1s", "--max-attempts", "2"];
    let json = folder.run(&api, &more).with_code(75).saying(&["an internal error"]).json();
    assert_eq!((&json["pending"], &json["failed"]), (&30.into(), &0.into()), "{json}");
    assert!(api.texts().is_empty());
}

#[test]
fn beside_strangers_all_rows_are_posted_and_the_run_says_once_that_it_is_not_alone() {
    let window = Duration::from_millis(500);
    let api = Api::start(Settings { limit: Some(10), window, other_clients: Some((5, window)), ..quick() });
    let folder = Folder::with_rows(60);
    let ran = folder.run(&api, &["--limit", "10/500ms"]).with_code(0);
    assert_eq!(ran.stderr.matches("another client uses the account").count(), 1, "{}", ran.stderr);
    assert_eq!(api.texts(), texts(60));
    let report = api.report();
    assert!(report.refused > 0 && report.other_clients > 0, "{report:?}");
}

#[test]
fn a_limit_that_the_api_names_is_adopted() {
    let api = Api::start(Settings { limit: Some(5), window: Duration::from_secs(1), ..quick() });
    let folder = Folder::with_rows(12);
    folder.run(&api, &["--limit", "10/1s"]).with_code(0).saying(&["this run obeys it from now on", "5/1s"]);
    assert_eq!(api.texts(), texts(12));
    let refused = api.report().refused;
    assert!((1..=5).contains(&refused), "only before it was known: {refused}");
}

#[test]
fn what_is_reserved_is_left_to_others_also_by_resume() {
    let api = Api::start(Settings { limit: Some(10), window: Duration::from_millis(300), ..quick() });
    let folder = Folder::with_rows(24);
    folder.run(&api, &["--limit", "10/300ms", "--reserve", "6", "--first", "12"]).with_code(5);
    ended(&mut folder.batchpost(&["resume", "notes.csv.ledger.jsonl", "--json"])).with_code(0);
    assert_eq!((api.texts(), api.report().most_in_any_window), (texts(24), 4));
}

#[test]
fn a_reserve_that_leaves_nothing_or_is_of_no_limit_sends_nothing() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    for (reserve, why) in
        [("25", "leaves nothing of 25/5s"), ("5/1d", "names a limit per 1day"), ("x", "write it like")]
    {
        let arguments = ["--limit", "25/5s", "--reserve", reserve];
        ended(&mut folder.run_command(&api.url(), &arguments)).with_code(2).saying(&[why]);
    }
    let check = |more: &[&str]| {
        let arguments = [&["check", "notes.csv", "--sandbox", "--limit", "2/1h", "--json"], more].concat();
        ended(&mut folder.batchpost(&arguments)).with_code(0).stdout
    };
    assert_ne!(check(&[]), check(&["--reserve", "1"]), "the time is estimated with what is left");
    assert_eq!(api.arrivals(), 0);
}
