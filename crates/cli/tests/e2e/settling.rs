//! Decisions about rows, and their effect on the next run.

use crate::support::{Api, Folder, Running, ended, records, sheet, text, texts, until};

const LEDGER: &str = "notes.csv.ledger.jsonl";

/// Eight rows, of which 2, 4 and 6 were created and are in doubt because their replies were lost.
fn three_doubts() -> (Api, Folder) {
    let api = Api::failing(&["reset@2,4,6"]);
    let folder = Folder::with_rows(8);
    let json = folder.run(&api, &["--concurrency", "1"]).with_code(4).json();
    assert_eq!((&json["in_doubt"], &json["posted"]), (&3.into(), &5.into()), "{json}");
    (api, folder)
}

/// Asserts that `settle` with these arguments succeeds.
#[track_caller]
fn settle(folder: &Folder, arguments: &[&str]) {
    folder.call(&[&["settle", LEDGER], arguments].concat()).with_code(0);
}

/// Asserts that `settle` with these arguments is refused with these words and leaves the ledger unchanged.
#[track_caller]
fn is_refused(folder: &Folder, arguments: &[&str], words: &[&str]) {
    let before = folder.read(LEDGER);
    folder.call(&[&["settle", LEDGER], arguments].concat()).with_code(2).saying(words);
    assert_eq!(folder.read(LEDGER), before, "{arguments:?} changed the ledger");
}

/// The line of `show` for one row.
#[track_caller]
fn shown(folder: &Folder, row: u64) -> String {
    folder.call(&["show", LEDGER, "--row", &row.to_string()]).with_code(0).stdout
}

#[test]
fn settled_as_posted_is_never_sent_as_to_do_is_sent_once_and_waived_is_skipped() {
    let (api, folder) = three_doubts();
    settle(&folder, &["--rows", "2", "--as", "posted", "--why", "seen in the CRM"]);
    settle(&folder, &["--rows", "4", "--as", "to-do"]);
    settle(&folder, &["--rows", "6", "--as", "waived"]);
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["posted"], &json["skipped"], &json["attempts_now"]), (&7.into(), &1.into(), &1.into()), "{json}");
    let mut expected = texts(8);
    expected.insert(4, text(4));
    assert_eq!(api.texts(), expected);

    let json = folder.run(&api, &["--in-doubt", "retry"]).with_code(0).json();
    assert_eq!((&json["attempts_now"], api.arrivals()), (&0.into(), 9), "{json}");
    folder.call(&["audit", LEDGER]).with_code(0);

    let ledger = folder.ledger(LEDGER);
    let settled = records(&ledger, "settle");
    assert_eq!(settled.len(), 3);
    assert_eq!(settled[0]["why"], "seen in the CRM");
    let (was, outcome) = (&settled[0]["rows"][0]["was"], &settled[0]["rows"][0]["stands"]);
    assert_eq!((was, outcome), (&"in_doubt".into(), &"posted".into()));
    let history = shown(&folder, 2);
    assert!(history.contains("settled from in_doubt to posted: seen in the CRM"), "{history}");
}

#[test]
fn a_sheet_that_came_back_with_semicolons_is_read_and_a_workbook_is_told_to_be_saved_as_csv() {
    let (_api, folder) = three_doubts();
    let next = "  batchpost settle notes.csv.ledger.jsonl --from doubts.csv\n";
    folder.call(&["export", LEDGER, "--state", "in_doubt", "-o", "doubts.csv"]).with_code(0).saying(&[next]);
    let sheet = folder.read("doubts.csv").replace(',', ";");
    let decided: Vec<String> = sheet
        .lines()
        .map(|line| match line.rsplit_once(";;") {
            Some((row, key)) => format!("{row};posted;{key}"),
            None => line.to_owned(),
        })
        .collect();
    folder.write("decided.csv", decided.join("\r\n"));
    settle(&folder, &["--from", "decided.csv"]);
    let json = folder.call(&["status", LEDGER, "--json"]).with_code(0).json();
    assert_eq!((&json["posted"], &json["in_doubt"]), (&8.into(), &0.into()), "{json}");
    folder.write("decided.xlsx", b"PK\x03\x04 and so on");
    is_refused(&folder, &["--from", "decided.xlsx"], &["decided.xlsx", "save it as CSV"]);
}

#[test]
fn numbers_that_are_none_are_refused_in_words_and_decisions_go_by_either_spelling() {
    let (_api, folder) = three_doubts();
    is_refused(&folder, &["--rows", "2..4", "--as", "to-do"], &["4,11-13"]);
    folder.call(&["show", LEDGER, "--ticket", "TKT-00143"]).with_code(2).saying(&["the ticket's number"]);
    let settled = folder.call(&["settle", LEDGER, "--rows", "2", "--as", "to_do"]).with_code(0);
    let next = "next, to send the rows to do:\n  batchpost resume notes.csv.ledger.jsonl\n";
    assert!(settled.stdout.starts_with(&format!("1 row settled\n{next}")), "{}", settled.stdout);
}

#[test]
fn a_range_means_each_of_its_rows() {
    let api = Api::failing(&["reset@2,3,4,6"]);
    let folder = Folder::with_rows(8);
    folder.run(&api, &["--concurrency", "1"]).with_code(4);
    is_refused(&folder, &["--rows", "2-5", "--as", "to-do"], &["row 5", "second note", "nothing was changed"]);
    is_refused(&folder, &["--rows", "4-2", "--as", "to-do"], &["did you mean 2-4?"]);
    for beyond in ["6-9", "1-18446744073709551615"] {
        is_refused(
            &folder,
            &["--rows", beyond, "--as", "waived"],
            &["is row 8", "cannot all be settled", "nothing was changed"],
        );
    }
    let settled = folder.call(&["settle", LEDGER, "--rows", "6,2-4,3", "--as", "waived", "--json"]).with_code(0).json();
    assert_eq!(settled["settled"], 4, "{settled}");
    let json = folder.call(&["status", LEDGER, "--json"]).with_code(0).json();
    assert_eq!((&json["skipped"], &json["posted"]), (&4.into(), &4.into()), "{json}");
}

#[test]
fn numbers_that_a_sheet_had_before_it_was_changed_are_taken_and_it_is_said() {
    let (_api, folder) = three_doubts();
    folder.write("notes.csv", sheet((1..=8).rev()));
    let settled = folder.call(&["settle", LEDGER, "--rows", "2", "--as", "posted", "-q"]).with_code(0);
    settled.saying(&[
        "row numbers are those of the last reading of the input",
        "notes.csv changed since the last run",
        "row 2 ticket 1002: in_doubt -> posted",
    ]);
    let other = folder.call(&["settle", LEDGER, "--state", "in_doubt", "--as", "posted"]).with_code(0);
    assert!(!other.stderr.contains("last read"), "{}", other.stderr);
}

#[test]
fn rows_of_standard_input_have_one_number_each_and_nothing_is_said_of_that() {
    let api = Api::failing(&["reset@2"]);
    let folder = Folder::with_rows(3);
    let (url, more) = (api.url(), ["--limit", "100/500ms", "--format", "csv"]);
    let mut run = folder.batchpost(&["run", "-", "--ledger", LEDGER, "--url", &url, "--concurrency", "1"]);
    ended(run.args(more).stdin(std::fs::File::open(folder.path("notes.csv")).unwrap())).with_code(4);
    let settled = folder.call(&["settle", LEDGER, "--rows", "2", "--as", "posted"]).with_code(0);
    assert!(!settled.stderr.contains("last read"), "{}", settled.stderr);
}

#[test]
fn the_exit_code_is_the_batchs_whether_anybody_reads_what_is_said_or_not() {
    let (_api, folder) = three_doubts();
    for command in [&["status", LEDGER][..], &["status", LEDGER, "--json"], &["check", "notes.csv"]] {
        let first = folder.call(command).with_code(4);
        assert_eq!(folder.unheard(command), first.code, "{command:?}");
    }
    assert_eq!(folder.unheard(&["export", LEDGER]), Some(0));
}

#[test]
fn decisions_are_taken_back_one_by_one_to_where_the_row_stood_before_any() {
    let (_api, folder) = three_doubts();
    let outcome = || folder.call(&["show", LEDGER, "--row", "2", "--json"]).with_code(0).json()["outcome"].clone();
    for decision in ["to-do", "waived", "to-do", "posted"] {
        settle(&folder, &["--rows", "2", "--as", decision]);
    }
    // The second `to-do` restored the state before `waived`, so it counts as undoing the waiver.
    for before in ["pending", "in_doubt"] {
        settle(&folder, &["--rows", "2", "--undo"]);
        assert_eq!(outcome(), before);
    }
    is_refused(&folder, &["--rows", "2", "--undo"], &["row 2", "no decision"]);
}

#[test]
fn a_doubt_that_is_back_has_its_reason_again() {
    let (_api, folder) = three_doubts();
    let lines = || -> Vec<String> {
        let shown = folder.call(&["show", LEDGER, "--state", "in_doubt"]).with_code(0).stdout;
        shown.lines().map(str::to_owned).collect()
    };
    let reasons = || {
        let export = folder.call(&["export", LEDGER, "--state", "in_doubt"]).with_code(0).stdout;
        export.lines().map(|line| line.split(',').nth(3).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = (lines(), reasons());
    for decision in ["to-do", "waived"] {
        settle(&folder, &["--rows", "2", "--as", decision, "--why", "a guess"]);
    }
    settle(&folder, &["--rows", "2", "--undo"]);
    settle(&folder, &["--rows", "2", "--undo", "--why", "a slip"]);
    let (first, rest) = before.0.split_first().unwrap();
    let back = format!("{first} (then settled from pending to in_doubt: a slip)");
    assert_eq!(lines(), [&[back], rest].concat());
    assert_eq!(reasons(), before.1);
}

#[test]
fn a_decision_is_taken_back_until_the_row_is_sent_again() {
    let (api, folder) = three_doubts();
    for decision in ["posted", "to-do", "waived"] {
        settle(&folder, &["--rows", "2", "--as", decision]);
        settle(&folder, &["--rows", "2", "--undo", "--why", "a slip"]);
        let json = folder.run(&api, &[]).with_code(4).json();
        assert_eq!((&json["in_doubt"], &json["attempts_now"]), (&3.into(), &0.into()), "{decision}: {json}");
    }
    is_refused(&folder, &["--rows", "4", "--undo"], &["row 4", "no decision to undo"]);

    settle(&folder, &["--rows", "2", "--as", "to-do"]);
    let json = folder.run(&api, &[]).with_code(4).json();
    assert_eq!((&json["in_doubt"], &json["attempts_now"]), (&2.into(), &1.into()), "{json}");
    is_refused(&folder, &["--rows", "2", "--undo"], &["row 2", "sent since"]);
}

#[test]
fn decisions_that_make_no_sense_are_refused_and_nothing_is_changed() {
    let api = Api::failing(&["login-page@ticket:3"]);
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\n1,a\nx,e\n3,c\n4,d\n");
    folder.run(&api, &["--skip-invalid", "--first", "2"]).with_code(4);
    is_refused(&folder, &["--rows", "4", "--as", "waived"], &["no record of a row 4"]);
    is_refused(&folder, &["--rows", "99", "--as", "posted"], &["no record of a row 99"]);
    is_refused(&folder, &["--rows", "1", "--as", "to-do"], &["row 1", "second note"]);
    is_refused(&folder, &["--rows", "1", "--as", "waived"], &["row 1"]);
    is_refused(&folder, &["--state", "posted", "--as", "to-do"], &["row 1"]);
    is_refused(&folder, &["--rows", "1", "--as", "posted"], &["already"]);
    is_refused(&folder, &["--rows", "2", "--as", "posted"], &["row 2", "invalid"]);
    is_refused(&folder, &["--rows", "2", "--as", "to-do"], &["row 2", "invalid"]);
    is_refused(&folder, &["--rows", "3,1", "--as", "to-do"], &["row 1", "nothing was changed"]);
    is_refused(&folder, &["--rows", "3"], &["--as"]);
    is_refused(&folder, &["--as", "posted"], &["--rows"]);

    // This row may be waived.
    settle(&folder, &["--rows", "2", "--as", "waived"]);
    let json = folder.run(&api, &["--skip-invalid"]).with_code(4).json();
    assert_eq!((&json["skipped"], &json["invalid"], &json["posted"]), (&1.into(), &0.into(), &2.into()), "{json}");
}

#[test]
fn what_is_refused_is_named_by_number_and_state_with_one_line_for_each_reason() {
    let api = Api::failing(&["reset@2,4"]);
    let folder = Folder::new();
    folder.write("notes.csv", sheet(1..=9) + "x,invalid\n");
    folder.run(&api, &["--concurrency", "1", "--skip-invalid"]).with_code(4);
    let said = folder.call(&["settle", LEDGER, "--rows", "2-10", "--as", "to-do"]).with_code(2).stderr;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "rows 3, 5-9: posted; another attempt would create a second note", "{said}");
    assert_eq!(lines[1], "row 10: invalid: fix it in the input, or waive it", "{said}");
    assert!(lines.len() == 3 && lines[2].contains("7 decisions are not possible"), "{said}");
    is_refused(&folder, &["--rows", "5-8", "--as", "posted"], &["rows 5-8: posted already"]);

    let unknown = "0123456789abcdef0123456789abcdef";
    folder.write("other.csv", format!("decision,batchpost_key\nposted,{unknown}\n"));
    is_refused(&folder, &["--from", "other.csv"], &[unknown, "no record in the ledger"]);
}

#[test]
fn a_ledger_that_is_not_there_cannot_be_settled_and_is_not_made() {
    let folder = Folder::with_rows(1);
    folder.call(&["settle", LEDGER, "--rows", "1", "--as", "posted"]).with_code(2).saying(&[LEDGER]);
    assert!(!folder.path(LEDGER).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_decision_that_is_recorded_is_no_failure_because_nothing_can_be_printed() {
    let (_api, folder) = three_doubts();
    for (row, json) in [("2", &[][..]), ("4", &["--json"])] {
        let arguments = [&["settle", LEDGER, "--rows", row, "--as", "waived"], json].concat();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = folder.batchpost(&arguments).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(0), "{said}");
        assert!(said.contains("could not be printed; the decisions are recorded"), "{said}");
    }
    let json = folder.call(&["status", LEDGER, "--json"]).with_code(4).json();
    assert_eq!((&json["in_doubt"], &json["skipped"]), (&1.into(), &2.into()), "{json}");
}

/// The output of `export` with these decisions filled in, row by row.
fn decided(export: &str, decisions: &[&str]) -> String {
    let mut lines = export.lines();
    let mut filled = format!("{}\r\n", lines.next().unwrap());
    for (line, decision) in lines.zip(decisions) {
        let (before, key) = line.rsplit_once(',').unwrap();
        filled += &format!("{before}{decision},{key}\r\n");
    }
    filled
}

#[test]
fn an_export_whose_decisions_were_filled_in_settles_its_rows_and_leaves_the_others() {
    let (api, folder) = three_doubts();
    folder.call(&["export", LEDGER, "--state", "in_doubt", "-o", "doubts.csv"]).with_code(0);
    let export = folder.read("doubts.csv");

    folder.write("wrong.csv", decided(&export, &["posted", "perhaps", ""]));
    is_refused(&folder, &["--from", "wrong.csv"], &["line 3", "perhaps", "to-do"]);
    is_refused(&folder, &["--from", "notes.csv"], &["batchpost_key"]);

    folder.write("doubts.csv", decided(&export, &["posted", "To-Do ", ""]));
    settle(&folder, &["--from", "doubts.csv"]);
    let json = folder.run(&api, &[]).with_code(4).json();
    assert_eq!((&json["posted"], &json["in_doubt"]), (&7.into(), &1.into()), "{json}");
    assert_eq!((&json["attempts_now"], api.arrivals()), (&1.into(), 9), "{json}");
    assert_eq!(api.notes().last().unwrap().text, text(4));
}

#[test]
fn a_sheet_is_given_again_when_more_of_it_was_decided() {
    let (_api, folder) = three_doubts();
    folder.call(&["export", LEDGER, "--state", "in_doubt", "-o", "doubts.csv"]).with_code(0);
    let export = folder.read("doubts.csv");
    let settled = |decisions: &[&str]| {
        folder.write("doubts.csv", decided(&export, decisions));
        let first = folder.call(&["settle", LEDGER, "--from", "doubts.csv"]).with_code(0).stdout;
        first.lines().next().unwrap().to_owned()
    };
    assert_eq!(settled(&["posted", "to-do", ""]), "2 rows settled");
    assert_eq!(settled(&["posted", "to-do", "waived"]), "1 row settled, 2 already settled");
    let before = folder.read(LEDGER);
    assert_eq!(settled(&["posted", "to-do", "waived"]), "0 rows settled, 3 already settled");
    assert_eq!(records(&folder.ledger(LEDGER), "settle").len(), 2, "nothing was decided anew: {before}");
    // A different decision in the sheet is recorded, and an impossible one is still refused.
    assert_eq!(settled(&["posted", "waived", "waived"]), "1 row settled, 2 already settled");
    folder.write("doubts.csv", decided(&export, &["to-do", "waived", "waived"]));
    is_refused(&folder, &["--from", "doubts.csv"], &["second note", "nothing was changed"]);
}

#[test]
fn what_a_sheet_decided_is_not_done_a_second_time_when_the_row_was_sent_since() {
    let api = Api::failing(&["reset@2,3,5"]);
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--concurrency", "1"]).with_code(4);
    folder.call(&["export", LEDGER, "--state", "in_doubt", "-o", "doubts.csv"]).with_code(0);
    let export = folder.read("doubts.csv");
    folder.write("doubts.csv", decided(&export, &["to-do", "to-do"]));
    settle(&folder, &["--from", "doubts.csv"]);
    // One of them arrives, and the reply to the other is lost again.
    folder.run(&api, &["--concurrency", "1"]).with_code(4);
    assert_eq!(api.arrivals(), 5);

    let passed_over = "rows 2-3: sent since the sheet was exported";
    let again = folder.call(&["settle", LEDGER, "--from", "doubts.csv", "--json"]).with_code(0).saying(&[passed_over]);
    let json = again.json();
    assert_eq!((&json["settled"], &json["already"], &json["sent_since"]), (&0.into(), &0.into(), &2.into()), "{json}");
    folder.run(&api, &[]).with_code(4);
    assert_eq!(api.arrivals(), 5, "sent for a decision that was carried out before");

    folder.call(&["export", LEDGER, "--state", "in_doubt", "-o", "anew.csv"]).with_code(0);
    folder.write("anew.csv", decided(&folder.read("anew.csv"), &["posted"]));
    settle(&folder, &["--from", "anew.csv"]);
    folder.run(&api, &[]).with_code(0);
}

#[test]
fn a_row_decided_about_in_two_ways_at_once_is_refused() {
    let (_api, folder) = three_doubts();
    folder.call(&["export", LEDGER, "--state", "in_doubt", "-o", "doubts.csv"]).with_code(0);
    let export = folder.read("doubts.csv");
    let posted = decided(&export, &["posted", "waived", ""]);
    let to_do = decided(&export, &["to-do"]);
    folder.write("doubts.csv", posted + to_do.lines().nth(1).unwrap() + "\r\n");
    is_refused(&folder, &["--from", "doubts.csv"], &["line 5", "line 2 has another decision"]);
}

#[test]
fn nothing_is_settled_while_a_run_has_the_ledger() {
    let api = Api::failing(&["silence@1"]);
    let folder = Folder::with_rows(3);
    let run = Running::start(&mut folder.run_command(&api.url(), &[]));
    until("the first request has arrived", || api.arrivals() == 1);
    let before = folder.read(LEDGER);
    let holder = format!("process {} ", run.id());
    ended(&mut folder.batchpost(&["settle", LEDGER, "--rows", "1", "--as", "posted"]))
        .with_code(75)
        .saying(&["in use", &holder]);
    assert_eq!(folder.read(LEDGER), before);
    run.killed();
    settle(&folder, &["--rows", "1", "--as", "posted"]);
}

#[test]
fn rows_refused_for_a_wrong_setting_are_opened_again_and_posted() {
    let first_25: Vec<String> = (1..=25).map(|number: u64| number.to_string()).collect();
    let api = Api::failing(&[&format!("400@{}", first_25.join(","))]);
    let folder = Folder::with_rows(30);
    let json = folder.run(&api, &["--concurrency", "1"]).with_code(3).json();
    assert_eq!((&json["stopped"], &json["rejected"]), (&"refused".into(), &25.into()), "{json}");
    let said = folder.call(&["settle", LEDGER, "--state", "rejected", "--as", "to-do", "--json"]).with_code(0).json();
    assert_eq!(said["settled"], 25, "{said}");
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"]), (&30.into(), &30.into()), "{json}");
    assert_eq!(api.texts(), texts(30));
}

#[test]
fn rows_that_were_never_attempted_are_no_ones_to_decide_about_and_it_says_what_to_do_instead() {
    let api = Api::failing(&["reset@2"]);
    let folder = Folder::with_rows(4);
    folder.run(&api, &["--first", "2", "--concurrency", "1"]).with_code(4);
    let instead = "remove it from the sheet";
    is_refused(&folder, &["--rows", "3", "--as", "posted"], &["no record of a row 3", "never attempted", instead]);
    let all = &["2 of the rows to do were never attempted", "from the sheet", "nothing was changed"];
    is_refused(&folder, &["--state", "pending", "--as", "waived"], all);
    // It does not settle some of them and silently skip the others.
    settle(&folder, &["--rows", "2", "--as", "to-do"]);
    is_refused(&folder, &["--state", "pending", "--as", "waived"], all);
    settle(&folder, &["--rows", "2", "--as", "waived"]);

    folder.call(&["export", LEDGER, "--state", "pending", "-o", "rest.csv"]).with_code(0);
    folder.write("decided.csv", decided(&folder.read("rest.csv"), &["posted", ""]));
    is_refused(&folder, &["--from", "decided.csv"], &["never attempted", "remove it from the input"]);
}
