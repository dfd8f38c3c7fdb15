//! The output and exit codes of commands.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Api, Folder, LIMIT, Running, ended, quick, until};

const LEDGER: &str = "notes.csv.ledger.jsonl";
const OUTCOMES: [&str; 8] = ["posted", "rejected", "failed", "in_doubt", "pending", "invalid", "held", "skipped"];
const OF_A_BATCH: [&str; 6] = ["ledger", "rows", "vanished", "vanished_in_doubt", "attempts", "limited"];
const OF_A_RUN: [&str; 5] = ["posted_now", "attempts_now", "limited_now", "elapsed_s", "stopped"];

#[track_caller]
fn assert_has(json: &Value, keys: &[&[&str]]) {
    let there: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let missing: Vec<&&str> = keys.iter().copied().flatten().filter(|key| !there.contains(**key)).collect();
    assert!(missing.is_empty(), "{missing:?} missing in {json}");
    let sum: u64 = OUTCOMES.iter().map(|outcome| json[*outcome].as_u64().unwrap()).sum();
    assert_eq!(json["rows"], sum, "{json}");
}

/// One row of each kind: row 2 rejected, 3 failed, 4 in doubt, 5 invalid, 6 blank, the others posted.
fn mixed() -> (Api, Folder) {
    let api = Api::failing(&["400@ticket:2", "500@ticket:3", "login-page@ticket:4"]);
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\n1,a\n2,b\n3,c\n4,d\nx,e\n,\n7,g\n");
    (api, folder)
}

const MIXED: [&str; 3] = ["--skip-invalid", "--max-attempts", "2"];

#[test]
fn run_status_and_check_print_one_object_whose_rows_are_the_sum_of_the_outcomes() {
    let (api, folder) = mixed();
    let run = folder.run(&api, &MIXED).with_code(4).json();
    assert_has(&run, &[&OUTCOMES, &OF_A_BATCH, &OF_A_RUN]);
    let expected = [2, 1, 1, 1, 0, 1, 0, 1];
    for (outcome, count) in OUTCOMES.iter().zip(expected) {
        assert_eq!(run[*outcome], count, "{outcome} in {run}");
    }
    assert_eq!((&run["stopped"], &run["attempts_now"]), (&Value::Null, &6.into()), "{run}");
    assert_eq!(run["ledger"], LEDGER, "{run}");

    let status = ended(&mut folder.batchpost(&["status", LEDGER, "--json"])).with_code(4).json();
    assert_has(&status, &[&OUTCOMES, &OF_A_BATCH]);
    for key in OUTCOMES.iter().chain(&OF_A_BATCH) {
        assert_eq!(status[*key], run[*key], "{key}");
    }

    let before = (api.arrivals(), folder.read(LEDGER));
    let check = ended(&mut folder.batchpost(&["check", "notes.csv", "--json", "--skip-invalid"])).with_code(4).json();
    assert_has(&check, &[&OUTCOMES, &OF_A_BATCH]);
    assert_eq!((&check["posted"], &check["invalid"], &check["to_do"]), (&2.into(), &1.into(), &1.into()), "{check}");
    assert_eq!(before, (api.arrivals(), folder.read(LEDGER)), "check sends and writes nothing");
}

#[test]
fn check_of_a_new_sheet_tells_what_a_run_would_send_and_leaves_nothing_behind() {
    let folder = Folder::with_rows(60);
    let json = ended(&mut folder.batchpost(&["check", "notes.csv", "--json"])).with_code(0).json();
    assert_eq!((&json["pending"], &json["to_do"], &json["ledger"]), (&60.into(), &60.into(), &Value::Null), "{json}");
    assert_eq!((&json["ticket_column"], &json["text_columns"]), (&"Ticket ID".into(), &vec!["Comment"].into()));
    let first = &json["first_requests"][0];
    assert_eq!((&first["TextPart"], &first["RelatedTicketId"]), (&"note 001".into(), &1001.into()), "{json}");
    let seconds = json["seconds"].as_f64().unwrap();
    assert!((10.0..11.0).contains(&seconds), "60 rows need two whole windows: {json}");
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 1);

    folder.write("notes.csv", "Ticket,Text\nx,e\n1,a\n");
    let ran = ended(&mut folder.batchpost(&["check", "notes.csv"])).with_code(2);
    assert!(ran.stdout.contains("row 1 (line 2"), "{}", ran.stdout);
}

#[test]
fn check_says_in_words_how_ticket_ids_are_written() {
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\n48001,a\n48002,b\nTKT-00143,c\n");
    let said = folder.call(&["check", "notes.csv", "--skip-invalid"]).stdout;
    for line in [
        "\n         2 rows: digits (like 48001, 48002)\n",
        "\n         1 row:  \"TKT-09\" (like TKT-00143)\n",
        "     note:  9 means any digits, 09 digits after a zero\n",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
}

#[test]
fn check_ends_as_a_run_would() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\nx,e\n1,a\n");
    let target = ["notes.csv", "--url", &api.url(), "--limit", LIMIT];
    for (more, code) in [(&[][..], 2), (&["--skip-invalid"], 1), (&["--skip-invalid=false"], 2)] {
        for command in ["check", "run", "check"] {
            folder.call(&[&[command], &target[..], more].concat()).with_code(code);
        }
    }
    let whole = Folder::with_rows(2);
    for command in ["check", "run"] {
        whole.call(&[&[command], &target[..]].concat()).with_code(0);
    }
}

#[test]
fn status_exits_by_where_the_rows_stand() {
    for (fault, ran, status) in [("400@2", 1, 1), ("login-page@2", 4, 4), ("500@99", 0, 0)] {
        let api = Api::failing(&[fault]);
        let folder = Folder::with_rows(4);
        folder.run(&api, &[]).with_code(ran);
        ended(&mut folder.batchpost(&["status", LEDGER])).with_code(status);
    }
}

#[test]
fn status_says_how_the_last_run_ended() {
    let api = Api::failing(&["401@3"]);
    let folder = Folder::with_rows(6);
    folder.run(&api, &["--concurrency", "1"]).with_code(3);
    let status = ended(&mut folder.batchpost(&["status", LEDGER]));
    assert!(status.stdout.contains("stopped: credentials"), "{}", status.stdout);
    assert!(status.stdout.contains("2  posted") && status.stdout.contains("4  to do"), "{}", status.stdout);
    assert!(status.stdout.contains(&api.url()), "{}", status.stdout);
    let next = format!("next, once the access keys are right:\n  batchpost resume {LEDGER}\n");
    assert!(status.stdout.ends_with(&next), "{}", status.stdout);
}

#[test]
fn show_tells_the_history_of_a_row_a_ticket_or_a_state() {
    let (api, folder) = mixed();
    folder.run(&api, &MIXED).with_code(4);
    let show = |more: &[&str]| -> Vec<Value> {
        let ran = ended(&mut folder.batchpost(&[&["show", LEDGER, "--json"], more].concat())).with_code(0);
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let failed = &show(&["--row", "3"])[0];
    let verdicts: Vec<&Value> = failed["history"].as_array().unwrap().iter().map(|step| &step["verdict"]).collect();
    assert_eq!(verdicts, [&Value::Null, &"again".into(), &Value::Null, &"again".into()], "{failed}");
    assert_eq!((&failed["outcome"], &failed["ticket"]), (&"failed".into(), &3.into()));
    assert_eq!(show(&["--ticket", "4"])[0]["outcome"], "in_doubt");
    let rows = |state: &str| -> Vec<u64> {
        show(&["--state", state]).iter().map(|row| row["row"].as_u64().unwrap()).collect()
    };
    assert_eq!([rows("posted"), rows("rejected"), rows("invalid")], [vec![1, 7], vec![2], vec![5]]);
    assert_eq!(show(&[]).len(), 6, "every row but the blank one has a history");
}

#[test]
fn the_printed_summary_names_what_is_left_and_how_to_look() {
    let (api, folder) = mixed();
    let ran = ended(&mut folder.run_command(&api.url(), &MIXED)).with_code(4);
    for said in ["7  rows", "2  posted", "1  rejected", "1  failed", "1  in doubt", "1  invalid", "1  skipped   blank"]
    {
        assert!(ran.stdout.contains(said), "{said:?} is not in\n{}", ran.stdout);
    }
    for command in ["show L --state in_doubt", "resume L", "export L -o not-posted.csv"] {
        let hint = format!("\n  batchpost {}\n", command.replace('L', LEDGER));
        assert!(ran.stdout.contains(&hint), "{hint:?} is not in\n{}", ran.stdout);
    }
    let quiet = ended(folder.run_command(&api.url(), &MIXED).arg("-q"));
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""), "quiet is quiet");
}

#[test]
fn rows_that_are_skipped_for_being_blank_are_said_to_be_so_and_check_names_them() {
    let (api, folder) = mixed();
    folder.run(&api, &MIXED).with_code(4);
    let check = folder.call(&["check", "notes.csv", "--skip-invalid"]).with_code(4).stdout;
    let status = folder.call(&["status", LEDGER]).with_code(4).stdout;
    for said in [&check, &status] {
        assert!(said.contains(" 1  skipped   blank\n"), "{said}");
    }
    assert!(check.contains("blank: row 6\n"), "{check}");
    folder.call(&["show", LEDGER, "--state", "skipped"]).with_code(0).saying(&["blank rows have no record"]);

    let stream = Running::start_fed(
        &mut folder.batchpost(&[
            "run",
            "-",
            "--format",
            "csv",
            "--ledger",
            "s.jsonl",
            "--url",
            &api.url(),
            "--limit",
            LIMIT,
        ]),
        "Ticket,Text\n8,a\n,\n,\n",
    );
    let stream = stream.ended().with_code(0).stdout;
    assert!(stream.contains(" 2  skipped   blank\n"), "{stream}");
}

#[test]
fn cells_and_names_cannot_steer_the_terminal_that_shows_them() {
    let api = Api::failing(&[]);
    let folder = Folder::new();
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}";
    let input = format!("notes{hostile}.csv");
    folder.write(&input, format!("Ticket,Text{hostile}\n\"{hostile}\nx\",a\n7,b{hostile}\n"));
    let target = ["--url", &api.url(), "--limit", LIMIT, "--column", &format!("text=Text{hostile}")];
    let call = |before: &[&str]| folder.call(&[before, &target[..]].concat());
    let ledger = format!("{input}.ledger.jsonl");
    let ran = [
        call(&["check", &input]).with_code(2),
        call(&["run", &input]).with_code(2),
        call(&["run", &input, "--skip-invalid", "-v"]).with_code(1),
        folder.call(&["status", &ledger]).with_code(1),
        folder.call(&["show", &ledger]).with_code(0),
        folder.call(&["status", &input]).with_code(3),
    ];
    for ran in ran {
        for c in ['\u{1b}', '\u{9b}', '\u{202e}'] {
            assert!(!ran.stdout.contains(c) && !ran.stderr.contains(c), "{c:?} in {ran:?}");
        }
    }
}

#[test]
fn log_lines_are_json_when_asked() {
    let api = Api::failing(&["400@ticket:1002"]);
    let folder = Folder::with_rows(4);
    let ran = folder.run(&api, &["--log-format", "json"]).with_code(1);
    let lines: Vec<Value> = ran.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["row"] == 2 && line["outcome"] == "rejected"), "{lines:?}");
}

#[test]
fn status_of_a_run_under_way_neither_waits_nor_disturbs() {
    let api = Api::failing(&["silence@3"]);
    let folder = Folder::with_rows(8);
    let running = Running::start(&mut folder.run_command(&api.url(), &["--concurrency", "1"]));
    until("the third request has arrived", || api.arrivals() == 3);
    let json = ended(&mut folder.batchpost(&["status", LEDGER, "--json"])).json();
    assert_eq!((&json["posted"], &json["pending"]), (&2.into(), &5.into()), "{json}");
    assert_eq!(running.killed().code, None, "it was still running");
}

#[test]
fn usage_errors_are_told_apart_from_requests_for_help() {
    let folder = Folder::with_rows(1);
    let help = ended(&mut folder.batchpost(&["--help"])).with_code(0);
    assert!(help.stdout.contains("Exit codes"), "{}", help.stdout);
    ended(&mut folder.batchpost(&["--version"])).with_code(0);
    ended(&mut folder.batchpost(&["run", "notes.csv", "--access-key", "x"])).with_code(2);
    for command in ["status", "show", "resume"] {
        ended(&mut folder.batchpost(&[command, "absent"])).with_code(2).saying(&["absent"]);
    }
    ended(&mut folder.batchpost(&["run", "notes.csv", "--sandbox", "--ledger", "absent/ledger"])).with_code(2);
}

#[test]
fn rows_in_doubt_are_named_up_to_a_bound_and_the_others_counted_whatever_the_output() {
    let tickets: Vec<u64> = (1001..=1050).filter(|ticket| ticket % 2 == 0).collect();
    let faults: Vec<String> = tickets.iter().map(|ticket| format!("login-page@ticket:{ticket}")).collect();
    let api = Api::failing(&faults.iter().map(String::as_str).collect::<Vec<_>>());
    let folder = Folder::with_rows(50);
    // One request at a time, so that there are never five unclear replies in a row.
    folder.run(&api, &["--concurrency", "1"]).with_code(4);
    for more in [&["--json"][..], &[]] {
        let ran = ended(&mut folder.run_command(&api.url(), more)).with_code(4);
        let named = ran.stderr.lines().filter(|line| line.contains("in doubt since an earlier run")).count();
        assert_eq!(named, 20, "{more:?}:\n{}", ran.stderr);
        ran.saying(&["and 5 more rows"]);
    }
}
