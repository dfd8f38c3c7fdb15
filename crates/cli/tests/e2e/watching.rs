//! What a run leaves for monitoring: its log, its metrics, and who started it.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{Api, Folder, LIMIT, Ran, Running, closed_port_url, ended, quick, records, until};

const LEDGER: &str = "notes.csv.ledger.jsonl";

/// The lines of a log that contains only JSON.
#[track_caller]
fn log(ran: &Ran) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
    ran.stderr.lines().map(line).collect()
}

#[track_caller]
fn of_event<'a>(log: &'a [Value], event: &str) -> Vec<&'a Value> {
    let lines: Vec<&Value> = log.iter().filter(|line| line["event"] == event).collect();
    assert!(!lines.is_empty(), "no {event} in {log:?}");
    lines
}

#[test]
fn every_line_of_a_run_is_json_and_names_its_run() {
    let api = Api::failing(&["400@ticket:1002", "reset@ticket:1003", "500@ticket:1004"]);
    let folder = Folder::with_rows(5);
    let more = ["--log-format", "json", "-vv", "--max-attempts", "2"];
    let first = folder.run(&api, &more).with_code(4);
    let second = folder.call(&["resume", LEDGER, "--log-format", "json", "-q"]).with_code(4);
    let id = folder.ledger(LEDGER)[0]["ledger"]["id"].clone();
    for (ran, run) in [(&first, 1), (&second, 2)] {
        let lines = log(ran);
        for line in &lines {
            for member in ["timestamp", "level", "message", "event"] {
                assert!(line[member].is_string(), "{member} is not in {line}");
            }
            let span = &line["span"];
            let named = (&span["run"], &span["ledger"], &span["ledger_id"], &span["target"]);
            assert_eq!(named, (&run.into(), &LEDGER.into(), &id, &api.url().into()), "{line}");
        }
    }
    let lines = log(&first);
    let settled = of_event(&lines, "settled");
    let of =
        |row: u64| settled.iter().find(|line| line["row"] == row).unwrap_or_else(|| panic!("{row} in {settled:?}"));
    assert_eq!(
        (&of(2)["outcome"], &of(2)["level"], &of(2)["ticket"]),
        (&"rejected".into(), &"WARN".into(), &"1002".into())
    );
    assert_eq!((&of(3)["outcome"], &of(4)["outcome"]), (&"in_doubt".into(), &"failed".into()));
    assert_eq!(of_event(&lines, "begun")[0]["rows"], 5);
    let ended = of_event(&lines, "ended")[0];
    let sums = ["exit_code", "posted", "rejected", "in_doubt", "failed"].map(|member| ended[member].as_u64());
    assert_eq!(sums, [4, 2, 1, 1, 1].map(Some), "{ended}");
    assert!(!first.stderr.contains("secret"), "{}", first.stderr);
}

#[test]
fn what_ends_a_command_before_its_run_is_json_too() {
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\nx,a\n");
    let url = closed_port_url();
    for (arguments, event, says) in [
        (vec!["run", "notes.csv", "--url", &url], "said", "1 of 1 row cannot be posted"),
        (vec!["run", "no.csv", "--url", &url], "failed", "no.csv"),
        (vec!["status", "no.jsonl"], "failed", "no.jsonl"),
    ] {
        let ran = folder.call(&[&arguments[..], &["--log-format", "json", "-q"]].concat()).with_code(2);
        let lines = log(&ran);
        assert!(
            of_event(&lines, event).iter().any(|line| line["message"].as_str().unwrap().contains(says)),
            "{lines:?}"
        );
    }
}

#[test]
fn what_is_wrong_with_the_settings_is_json_where_that_was_asked_for_outside_of_them() {
    let folder = Folder::with_rows(1);
    folder.write("batchpost.toml", "max-attempts = 3\n");
    let check = |more: &[&str], variable: (&str, &str)| {
        let mut command = folder.batchpost(&[&["check", "notes.csv"], more].concat());
        ended(command.env(variable.0, variable.1)).with_code(2)
    };
    for ran in
        [check(&["--log-format", "json"], ("BATCHPOST_LIMITS", "x")), check(&[], ("BATCHPOST_LOG_FORMAT", "json"))]
    {
        let lines = log(&ran);
        assert!(of_event(&lines, "failed")[0]["message"].as_str().unwrap().contains("batchpost.toml:1"), "{lines:?}");
    }
    let remarked = log(&check(&["--log-format=json"], ("BATCHPOST_LIMITS", "x")));
    assert!(of_event(&remarked, "said")[0]["message"].as_str().unwrap().contains("BATCHPOST_LIMITS"), "{remarked:?}");
}

#[test]
fn rust_log_says_what_is_logged_unless_it_is_empty_or_cannot_be_understood() {
    let api = Api::failing(&["400@ticket:1001"]);
    let folder = Folder::with_rows(1);
    folder.write("invalid.csv", "Ticket,Text\nx,a\n");
    let run = |input: &str, log: &str, format: &str| {
        let arguments =
            ["run", input, "--url", &api.url(), "--ledger", &format!("{log}.jsonl"), "--log-format", format];
        ended(folder.batchpost(&[&arguments[..], &["--known", "post"]].concat()).env("RUST_LOG", log))
    };
    let ran = run("notes.csv", "", "text").with_code(1).saying(&["posting notes.csv", "rejected"]);
    assert!(!ran.stderr.contains("RUST_LOG"), "{}", ran.stderr);
    run("notes.csv", "batchpost=loud", "text").with_code(1).saying(&["RUST_LOG is invalid", "rejected"]);
    let off = run("notes.csv", "off", "text").with_code(1);
    assert_eq!(off.stderr, "");
    let said = log(&run("invalid.csv", "off", "json").with_code(2));
    assert!(of_event(&said, "said")[0]["message"].as_str().unwrap().contains("row 1"), "{said:?}");
}

#[test]
fn a_json_line_neither_steers_a_terminal_nor_turns_the_reading_around() {
    let name = "no\u{9b}31m\u{7f}\u{202e}lnosj.jsonl";
    let ran = Folder::new().call(&["status", name, "--log-format", "json"]).with_code(2);
    assert!(!ran.stderr.contains(['\u{9b}', '\u{7f}', '\u{202e}']), "{:?}", ran.stderr);
    assert!(of_event(&log(&ran), "failed")[0]["message"].as_str().unwrap().contains(name), "{}", ran.stderr);
}

/// The samples of a text in Prometheus' format, by metric and labels. Checks the format: every metric has its
/// help and type before its samples, which are contiguous, and no sample is repeated.
#[track_caller]
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut families: Vec<&str> = Vec::new();
    let mut lines = text.lines().peekable();
    assert!(text.ends_with('\n'), "{text}");
    while let Some(line) = lines.next() {
        let name = line.strip_prefix("# HELP ").unwrap_or_else(|| panic!("no help: {line}")).split(' ').next().unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(!families.contains(&name), "{name} twice");
        families.push(name);
        assert_eq!(lines.next(), Some(format!("# TYPE {name} gauge").as_str()));
        while let Some(sample) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = sample.rsplit_once(' ').unwrap();
            let labels = series.strip_prefix(name).and_then(|rest| rest.strip_prefix('{')?.strip_suffix('}')).unwrap();
            for label in labels.split("\",") {
                let (label, value) = label.split_once("=\"").unwrap();
                assert!(label.bytes().all(|byte| byte.is_ascii_lowercase()), "{label}");
                assert!(!value.trim_end_matches('"').contains(['"', '\n']), "{value}");
            }
            assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{series} twice");
        }
    }
    samples
}

#[test]
fn the_metrics_file_tells_how_the_run_ended_and_when_one_last_did_all() {
    let api = Api::failing(&["401@4"]);
    let folder = Folder::with_rows(5);
    let metrics = ["--metrics-file", "nightly.prom", "--concurrency", "1"];
    folder.run(&api, &[&metrics[..], &["--first", "2"]].concat()).with_code(5);
    let planned = samples(&folder.read("nightly.prom"));
    let of = |samples: &BTreeMap<String, f64>, series: &str| {
        let all = |label: &str| format!("batchpost_{series}{{name=\"nightly\"{label}}}");
        let (metric, label) = series.split_once(',').unwrap_or((series, ""));
        let key = if label.is_empty() { all("") } else { format!("batchpost_{metric}{{name=\"nightly\",{label}}}") };
        samples.get(&key).copied()
    };
    let ended = ["run_exit_code", "run_active", "rows,outcome=\"posted\"", "rows,outcome=\"pending\"", "run_attempts"];
    assert_eq!(ended.map(|series| of(&planned, series)), [5.0, 0.0, 2.0, 3.0, 2.0].map(Some), "{planned:?}");
    let success = of(&planned, "last_success_time_seconds").unwrap();
    assert_eq!(Some(success), of(&planned, "run_end_time_seconds"));
    assert_eq!(of(&planned, "run_stopped,reason=\"planned\""), Some(1.0));

    folder.call(&[&["resume", LEDGER], &metrics[..2]].concat()).with_code(3);
    let stopped = samples(&folder.read("nightly.prom"));
    assert_eq!(of(&stopped, "run_exit_code"), Some(3.0));
    assert_eq!(of(&stopped, "run_stopped,reason=\"credentials\""), Some(1.0));
    assert_eq!(of(&stopped, "last_success_time_seconds"), Some(success), "it is kept");

    folder.call(&["run", "gone.csv", "--url", &api.url(), "--metrics-file", "nightly.prom"]).with_code(2);
    let failed = samples(&folder.read("nightly.prom"));
    assert_eq!((of(&failed, "run_exit_code"), of(&failed, "run_attempts")), (Some(2.0), Some(0.0)));
    assert_eq!(of(&failed, "rows,outcome=\"posted\""), None, "nothing is known of rows that were not read");
    assert_eq!(of(&failed, "last_success_time_seconds"), Some(success), "it is kept");
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(folder.path("nightly.prom")).unwrap());
        assert_eq!(mode & 0o777, 0o644, "the collector is another user");
    }
    assert!(!folder.names().iter().any(|name| name.contains("tmp")), "{:?}", folder.names());
}

#[test]
fn a_metrics_file_that_cannot_be_written_is_warned_of_and_stops_nothing() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    fs::create_dir(folder.path("folder.prom")).unwrap();
    for name in ["nowhere/nightly.prom", "folder.prom"] {
        let ran = folder.run(&api, &["--metrics-file", name]).with_code(0);
        let warned: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(name)).collect();
        assert_eq!(warned.len(), 2, "{}", ran.stderr);
        assert!(warned[0].contains("cannot be written; the run continues"), "{warned:?}");
        let begun = ran.stderr.lines().position(|line| line.contains("INFO")).unwrap();
        assert!(ran.stderr.lines().take(begun).any(|line| line == warned[0]), "warned of before: {}", ran.stderr);
    }
    assert_eq!(api.arrivals(), 3);
}

#[test]
fn a_metrics_file_of_a_name_that_is_not_collected_is_warned_of_once_and_written() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    for (name, warnings) in [("nightly.txt", 1), ("nightly", 1), ("nightly.prom", 0)] {
        let ran = folder.run(&api, &["--metrics-file", name]).with_code(0);
        assert_eq!(ran.stderr.matches("will not be collected").count(), warnings, "{name}: {}", ran.stderr);
        assert!(folder.read(name).contains("batchpost_run_exit_code"), "{name}");
    }
}

#[test]
fn a_run_is_recorded_with_who_began_it_where_and_how_but_no_password() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(2);
    let proxy = "--proxy=http://anna:pa/ss@proxy.example:3128";
    folder.call(&["run", "notes.csv", "--url", &api.url(), "--limit", LIMIT, "--first", "1"]).with_code(5);
    let out = folder.call(&["run", "notes.csv", "--url", &api.url(), "--limit", LIMIT, proxy]);
    out.with_code(2).saying(&["plain http through a proxy"]);
    let ledger = folder.ledger(LEDGER);
    let runs = records(&ledger, "run");
    let by = &runs[0]["by"];
    let (user, host) = (by["user"].as_str().unwrap(), by["host"].as_str().unwrap());
    assert!(!user.is_empty() && !host.is_empty(), "{by}");
    let command: Vec<&str> = by["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert!(command[0].ends_with("batchpost") && command[1..3] == ["run", "notes.csv"], "{by}");
    assert!(!folder.read(LEDGER).contains("pa/ss"), "{by}");

    let at = format!("{user}@{host}");
    let status = folder.call(&["status", LEDGER]).stdout;
    assert!(status.contains(&format!("by:     {at}: ")) && status.contains("--first 1"), "{status}");
    let row = folder.call(&["show", LEDGER, "--row", "1"]).stdout;
    assert!(row.contains(&format!("run 1 by {at}:\n")), "{row}");
    let page = folder.call(&["report", LEDGER, "-o", "-"]).stdout;
    assert!(page.contains(&format!("<td>{at}</td>")), "{user} {host}");
}

#[test]
fn while_a_run_is_under_way_its_metrics_are_there_and_whole_whenever_they_are_read() {
    let api = Api::failing(&["silence@3"]);
    let folder = Folder::with_rows(5);
    let more = ["--concurrency", "1", "--metrics-file", "nightly.prom"];
    let running = Running::start(&mut folder.run_command(&api.url(), &more));
    let read = || fs::read_to_string(folder.path("nightly.prom")).ok().map(|text| samples(&text));
    until("the third request has arrived", || {
        read();
        api.arrivals() == 3
    });
    let under_way = read().expect("it is written before anything is sent");
    let of = |metric: &str| under_way.get(&format!("batchpost_{metric}")).copied();
    assert_eq!(of(r#"run_active{name="nightly"}"#), Some(1.0), "{under_way:?}");
    let outcomes = under_way.iter().filter(|(series, _)| series.starts_with("batchpost_rows{"));
    assert_eq!(outcomes.map(|(_, rows)| rows).sum::<f64>(), 5.0, "every row of the input: {under_way:?}");
    for of_the_end in ["run_exit_code", "run_end_time_seconds", "last_success_time_seconds"] {
        assert_eq!(of(&format!("{of_the_end}{{name=\"nightly\"}}")), None, "{under_way:?}");
    }
    drop(running);
}

#[test]
fn a_run_that_is_refused_the_ledger_leaves_the_metrics_of_the_one_that_has_it() {
    let api = Api::failing(&["silence@1"]);
    let folder = Folder::with_rows(3);
    let more = ["--metrics-file", "nightly.prom"];
    let running = Running::start(&mut folder.run_command(&api.url(), &more));
    until("the first request has arrived", || api.arrivals() == 1);
    ended(&mut folder.run_command(&api.url(), &more)).with_code(75).saying(&["in use"]);
    let metrics = samples(&folder.read("nightly.prom"));
    let of = |metric: &str| metrics.get(&format!("batchpost_{metric}{{name=\"nightly\"}}")).copied();
    assert_eq!((of("run_active"), of("run_exit_code")), (Some(1.0), None), "{metrics:?}");
    drop(running);
}

#[test]
fn a_success_that_another_run_tells_of_meanwhile_is_kept() {
    let api = Api::failing(&["silence@1"]);
    let folder = Folder::with_rows(3);
    folder.write("other.csv", "Ticket,Text\n7,x\n");
    let metrics = ["--metrics-file", "nightly.prom"];
    let failing = [&metrics[..], &["--timeout", "3s"]].concat();
    let running = Running::start(&mut folder.run_command(&api.url(), &failing));
    until("the first request has arrived", || api.arrivals() == 1);
    let other = ["run", "other.csv", "--url", &api.url(), "--limit", LIMIT, "--budget", "private"];
    folder.call(&[&other[..], &metrics].concat()).with_code(0);
    let success = |text: &str| samples(text).get("batchpost_last_success_time_seconds{name=\"nightly\"}").copied();
    let told = success(&folder.read("nightly.prom"));
    assert!(told.is_some());
    let ran = running.ended();
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert_eq!(success(&folder.read("nightly.prom")), told);
}

#[test]
fn a_metrics_file_never_takes_the_place_of_anything_else() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.write("mine.txt", "mine");
    folder.write("empty.prom", "");
    let names = folder.names();
    let run = |name: &str| ended(&mut folder.run_command(&api.url(), &["--metrics-file", name, "--first", "1"]));
    // The ledger does not exist yet.
    for (name, why) in [
        ("notes.csv", "not a metrics file of batchpost"),
        ("mine.txt", "not a metrics file of batchpost"),
        (LEDGER, "the run's own input or ledger"),
        ("/dev/zero", "not a regular file"),
    ] {
        run(name).with_code(2).saying(&[name, why]);
    }
    assert_eq!((api.arrivals(), folder.names()), (0, names));
    run("empty.prom").with_code(5);
    run("empty.prom").with_code(5);
    samples(&folder.read("empty.prom"));

    let kept = || [folder.read("notes.csv"), folder.read("mine.txt"), folder.read(LEDGER)];
    let before = kept();
    run(LEDGER).with_code(2).saying(&[LEDGER, "it is a ledger"]);
    folder.call(&["resume", LEDGER, "--metrics-file", LEDGER]).with_code(2).saying(&["it is a ledger"]);
    folder.call(&["resume", LEDGER, "--metrics-file", "notes.csv"]).with_code(2);
    assert_eq!((kept(), api.arrivals()), (before, 2));
}
