//! One account, one budget: runs at the same time, one after the other, killed and restarted.

use std::time::Duration;

use batchpost_sandbox::Settings;
use jiff::Timestamp;

use crate::support::{Api, Folder, Running, Stopwatch, ended, sheet, texts, until};

/// A server with a limit of 10 per second.
fn ten_a_second() -> Api {
    Api::start(Settings {
        limit: Some(10),
        window: Duration::from_secs(1),
        latency: Duration::from_millis(5)..=Duration::from_millis(60),
        ..Settings::default()
    })
}

/// How soon they end, compared with one run over all rows, is tested on the virtual clock.
#[test]
fn three_processes_on_three_files_keep_one_limit() {
    let api = ten_a_second();
    let folder = Folder::new();
    let runs: Vec<Running> = (0..3u64)
        .map(|part| {
            let file = format!("part{part}.csv");
            folder.write(&file, sheet(part * 20 + 1..=part * 20 + 20));
            let arguments = ["run", &file, "--url", &api.url(), "--limit", "10/1s"];
            let run = Running::start(&mut folder.batchpost(&arguments));
            until("it posts or waits to", || run.stderr().contains("posting"));
            run
        })
        .collect();
    let said: Vec<String> = runs.into_iter().map(|run| run.ended().with_code(0).stderr).collect();

    let report = api.report();
    assert_eq!((report.most_in_any_window, report.refused), (10, 0), "{report:?}");
    assert_eq!(api.texts(), texts(60));
    // Of every two runs, the one that joined later reports it.
    let shares = said.iter().map(|text| text.matches("shares the account's budget").count());
    assert_eq!(shares.sum::<usize>(), 3, "{said:?}");
}

#[test]
fn a_run_right_after_another_waits_for_what_that_one_used() {
    let api = ten_a_second();
    let folder = Folder::with_rows(20);
    folder.run(&api, &["--limit", "10/1s", "--first", "10"]).with_code(5);
    folder.run(&api, &["--limit", "10/1s"]).with_code(0);
    let report = api.report();
    assert_eq!((report.most_in_any_window, report.refused, report.notes), (10, 0, 20), "{report:?}");
}

#[test]
fn killed_and_begun_again_within_a_second_ten_times_the_limit_holds() {
    let api = ten_a_second();
    let folder = Folder::with_rows(60);
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..10 {
        let enough = api.arrivals() + rng.usize(1..4);
        let moment = Duration::from_millis(rng.u64(300..900));
        let watch = Stopwatch::start();
        let mut running =
            Running::start(&mut folder.run_command(&api.url(), &["--limit", "10/1s", "--timeout", "300ms"]));
        until("it is time to kill it", || api.arrivals() > enough || watch.elapsed() > moment || running.is_over());
        assert_eq!(running.killed().code, None);
    }
    let last = folder.run(&api, &["--limit", "10/1s", "--timeout", "300ms"]).json();
    let report = api.report();
    assert!(report.most_in_any_window <= 10 && report.refused == 0, "{report:?}");
    let [posted, in_doubt] = ["posted", "in_doubt"].map(|outcome| last[outcome].as_u64().unwrap());
    assert!(posted + in_doubt == 60 && report.notes as u64 >= posted && in_doubt < 60, "{last} {report:?}");
}

#[test]
fn without_a_place_for_the_budget_nothing_is_sent_unless_none_is_needed() {
    let api = ten_a_second();
    let folder = Folder::with_rows(3);
    let nowhere = |more: &[&str]| {
        let mut command = folder.run_command(&api.url(), more);
        Running::start(command.env_remove("XDG_STATE_HOME")).ended()
    };
    nowhere(&["--limit", "10/1s"]).with_code(2).saying(&["--state-dir", "--budget private"]);
    assert_eq!((api.arrivals(), folder.names()), (0, vec!["notes.csv".to_owned()]));
    nowhere(&["--limit", "10/1s", "--budget", "private", "--first", "1"]).with_code(5);
    nowhere(&["--limit", "none", "--first", "1"]).with_code(5);
    nowhere(&["--limit", "10/1s", "--state-dir", "kept"]).with_code(0);
    assert!(folder.path("kept/budgets").is_dir());
}

/// Locks the budget of the only account under `state` until dropped.
#[cfg(target_os = "linux")]
fn held(folder: &Folder) -> std::fs::File {
    let account = std::fs::read_dir(folder.path("state/budgets")).unwrap().next().unwrap().unwrap().path();
    let lock = std::fs::File::open(account.join("lock")).unwrap();
    lock.lock().unwrap();
    lock
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_another_process_keeps_from_the_budget_says_who_and_ends_when_asked_to() {
    let api = ten_a_second();
    let folder = Folder::with_rows(3);
    let arguments = ["--limit", "10/1s", "--state-dir", "state", "--json"];
    ended(&mut folder.run_command(&api.url(), &[&arguments[..], &["--first", "1"]].concat())).with_code(5);
    let lock = held(&folder);
    let running = Running::start(&mut folder.run_command(&api.url(), &arguments));
    let who = format!("waiting for the account's budget, locked by process {}", std::process::id());
    until("it says who", || running.stderr().contains(&who));
    running.signal("TERM");
    let json = running.ended().with_code(143).json();
    assert_eq!((&json["stopped"], &json["pending"]), (&"interrupted".into(), &2.into()), "{json}");
    folder.call(&["status", "notes.csv.ledger.jsonl"]).with_code(130);
    drop(lock);
    ended(&mut folder.batchpost(&["resume", "notes.csv.ledger.jsonl"])).with_code(0);
    assert_eq!(api.texts(), texts(3));
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_under_way_that_another_process_keeps_from_the_budget_says_so_and_goes_on_after_it() {
    let api = ten_a_second();
    let folder = Folder::with_rows(25);
    let running = Running::start(&mut folder.run_command(&api.url(), &["--limit", "10/1s", "--state-dir", "state"]));
    until("it is under way", || api.arrivals() > 0);
    let lock = held(&folder);
    until("it says so", || running.stderr().contains("waiting for the account's budget, locked by process"));
    drop(lock);
    running.ended().with_code(0);
    assert_eq!(api.texts(), texts(25));
}

#[cfg(unix)]
#[test]
fn after_a_loss_of_the_budget_what_is_foretold_is_what_is_waited_for_and_each_run_says_why() {
    let api = Api::start(Settings { limit: None, ..Settings::default() });
    let folder = Folder::with_rows(3);
    let limits = ["--limit", "5/1s", "--limit", "1000/1h", "--state-dir", "state"];
    folder.run(&api, &[&limits[..], &["--first", "1"]].concat()).with_code(5);
    let account = std::fs::read_dir(folder.path("state/budgets")).unwrap().next().unwrap().unwrap().path();
    let check = || {
        let check = ["check", "notes.csv", "--url", &api.url(), "--json"];
        folder.call(&[&check[..], &limits].concat()).json()["done_at"].as_str().unwrap().parse::<Timestamp>().unwrap()
    };
    let before = check();
    folder.write(account.join("budget").to_str().unwrap(), "");
    let is_full = || {
        let status = folder.call(&["status", "notes.csv.ledger.jsonl"]).stdout;
        assert!(status.contains("1,000 of 1000/1h used"), "{status}");
        let later = check().duration_since(before);
        assert!(later.as_secs() >= 3600, "{later}");
    };
    is_full();
    for _ in 0..2 {
        let running = Running::start(&mut folder.run_command(&api.url(), &limits));
        until("it says why it waits", || running.stderr().contains("the account's recent requests are unknown"));
        is_full();
        running.signal("INT");
        running.ended().with_code(130);
    }
    assert_eq!(api.arrivals(), 1);
}

#[cfg(unix)]
#[test]
fn a_damaged_budget_is_said_and_nothing_is_sent_until_all_slots_are_free() {
    let api = ten_a_second();
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--limit", "10/1s", "--first", "1", "--state-dir", "state"]).with_code(5);
    let account = std::fs::read_dir(folder.path("state/budgets")).unwrap().next().unwrap().unwrap().path();
    folder.write(account.join("budget").to_str().unwrap(), "0000 {}\n");
    let running = Running::start(&mut folder.run_command(&api.url(), &["--limit", "10/1s", "--state-dir", "state"]));
    until("it says so", || running.stderr().contains("the account's budget is damaged"));
    running.signal("INT");
    running.ended().with_code(130);
    assert_eq!(api.arrivals(), 1);
}
