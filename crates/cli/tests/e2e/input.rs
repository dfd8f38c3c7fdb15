//! Inputs that can be read, and the errors of those that cannot.

use crate::support::{Api, Folder, LIMIT, Running, ended, quick, records, sheet, texts};

const LEDGER: &str = "notes.csv.ledger.jsonl";

#[test]
fn a_missing_column_is_an_error_that_lists_those_there_are() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "id,Antwort,Datum\n1,a,b\n");
    ended(&mut folder.run_command(&api.url(), &[])).with_code(2).saying(&[r#""id", "Antwort", "Datum""#, "--column"]);
    let more = ["--column", "ticket=Ticket ID", "--column", "text=Antwort"];
    let ran = ended(&mut folder.run_command(&api.url(), &more)).with_code(2);
    ran.saying(&[r#""Ticket ID""#, r#""id", "Antwort", "Datum""#]);
    assert_eq!(api.arrivals(), 0);
    assert!(!folder.path(LEDGER).exists(), "nothing was begun");

    let more = ["--column", "ticket=ID", "--column", "text=antwort", "--column", "text=Datum"];
    folder.run(&api, &more).with_code(0);
    assert_eq!(api.texts(), ["a\n\nb"], "text columns are joined by a blank line");
}

/// Row 2 has no ticket id and begins on line 4, because row 1 has two lines. Row 4 has no text.
const WITH_INVALID_ROWS: &str = "Ticket,Text\n1,\"one\nagain\"\nx7,two\n3,three\n4,\n5,five\n";

#[test]
fn an_invalid_row_is_named_by_row_and_line_and_nothing_is_sent() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", WITH_INVALID_ROWS);
    let ran = ended(&mut folder.run_command(&api.url(), &[])).with_code(2);
    let ran = ran.saying(&["row 2 (line 4", "x7", "row 4 (line 6", "no text", "2 of 5 rows", "--skip-invalid"]);
    assert_eq!((ran.stdout.as_str(), api.arrivals()), ("", 0));
}

#[test]
fn invalid_rows_are_passed_over_when_asked_and_counted_and_recorded() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", WITH_INVALID_ROWS);
    for attempts in [3, 0] {
        let json = folder.run(&api, &["--skip-invalid"]).with_code(1).json();
        assert_eq!((&json["invalid"], &json["posted"], &json["rows"]), (&2.into(), &3.into(), &5.into()), "{json}");
        assert_eq!(json["attempts_now"], attempts, "{json}");
    }
    assert_eq!(api.texts(), ["five", "one\nagain", "three"]);
    let ledger = folder.ledger(LEDGER);
    let invalid: Vec<u64> = records(&ledger, "aside").iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(invalid, [4, 6], "recorded once");
    let shown = ended(&mut folder.batchpost(&["show", LEDGER, "--state", "invalid"])).with_code(0);
    assert!(shown.stdout.starts_with("row 2 invalid: line 4: "), "{}", shown.stdout);

    // Once fixed, they are posted.
    folder.write("notes.csv", WITH_INVALID_ROWS.replace("x7", "7").replace("4,\n", "4,four\n"));
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"], &json["invalid"]), (&5.into(), &2.into(), &0.into()), "{json}");
}

#[test]
fn blank_rows_are_skipped() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text,Other\n1,one,\n,,\n,,only elsewhere\n2,two,\n");
    let json = folder.run(&api, &[]).with_code(0).json();
    assert_eq!((&json["skipped"], &json["posted"], &json["rows"]), (&2.into(), &2.into(), &4.into()), "{json}");
    assert_eq!(api.texts(), ["one", "two"]);
}

#[test]
fn an_input_without_rows_is_done() {
    let api = Api::start(quick());
    let folder = Folder::new();
    for content in ["Ticket,Text\n", "Ticket,Text"] {
        folder.write("notes.csv", content);
        assert_eq!(folder.run(&api, &[]).with_code(0).json()["rows"], 0);
    }
    assert_eq!(api.arrivals(), 0);
}

#[test]
fn what_a_helpdesk_exports_arrives_as_it_was_written() {
    let api = Api::start(quick());
    let folder = Folder::new();
    let rows = "\u{feff}Ticket ID,Ticket Description,By\r\n 143 ,\"She said \"\"no\"\", twice\",a\r\n#144,Grüße\u{1f600} 日本,b\r\n145.0,\"two\r\n\r\nlines\",c\r\n";
    folder.write("notes.csv", rows);
    folder.run(&api, &[]).with_code(0);
    let mut notes: Vec<(u64, String)> = api.notes().into_iter().map(|note| (note.ticket, note.text)).collect();
    notes.sort();
    let expected = [(143, "She said \"no\", twice"), (144, "Grüße\u{1f600} 日本"), (145, "two\r\n\r\nlines")];
    assert_eq!(notes, expected.map(|(ticket, text)| (ticket, text.to_owned())));
}

#[test]
fn standard_input_is_read_to_its_end_and_continues_when_it_is_given_again() {
    let api = Api::start(quick());
    let folder = Folder::new();
    let url = api.url();
    let arguments = ["run", "-", "--url", &url, "--limit", LIMIT, "--json"];
    ended(&mut folder.batchpost(&[&arguments[..], &["--format", "csv"]].concat())).with_code(2).saying(&["--ledger"]);
    ended(&mut folder.batchpost(&[&arguments[..], &["--ledger", "l"]].concat())).with_code(2).saying(&["--format"]);
    assert_eq!(api.arrivals(), 0);

    let whole = [&arguments[..], &["--ledger", "l", "--format", "csv"]].concat();
    let first = Running::start_fed(&mut folder.batchpost(&[&whole[..], &["--first", "4"]].concat()), &sheet(1..=10));
    assert_eq!(first.ended().with_code(5).json()["posted"], 4);
    let json = Running::start_fed(&mut folder.batchpost(&whole), &sheet(1..=10)).ended().with_code(0).json();
    assert_eq!((&json["posted"], &json["posted_now"], &json["rows"]), (&10.into(), &6.into(), &10.into()), "{json}");
    assert_eq!(api.texts(), texts(10));
}

#[test]
fn invalid_rows_of_standard_input_are_as_those_of_a_file() {
    let api = Api::start(quick());
    let folder = Folder::new();
    let url = api.url();
    let arguments = ["run", "-", "--url", &url, "--limit", LIMIT, "--json", "--ledger", "l", "--format", "csv"];
    let ran = Running::start_fed(&mut folder.batchpost(&arguments), WITH_INVALID_ROWS).ended().with_code(2);
    ran.saying(&["row 2 (line 4", "row 4 (line 6", "--skip-invalid"]);
    let arguments = [&arguments[..], &["--skip-invalid"]].concat();
    let json = Running::start_fed(&mut folder.batchpost(&arguments), WITH_INVALID_ROWS).ended().with_code(1).json();
    assert_eq!((&json["invalid"], &json["posted"], &json["rows"]), (&2.into(), &3.into(), &5.into()), "{json}");
    assert_eq!(records(&folder.ledger("l"), "aside").len(), 2);
}

#[test]
fn json_lines_are_known_by_their_extension() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write(
        "notes.jsonl",
        "{\"RelatedTicketId\": 1, \"TextPart\": \"one\"}\n\n{\"TextPart\": \"two\\nlines\", \"RelatedTicketId\": \"2\"}\n",
    );
    let run = |input: &str| ended(&mut folder.batchpost(&["run", input, "--url", &api.url(), "--limit", LIMIT]));
    run("notes.jsonl").with_code(0);
    assert_eq!(api.texts(), ["one", "two\nlines"]);

    std::fs::rename(folder.path("notes.jsonl"), folder.path("notes.dat")).unwrap();
    run("notes.dat").with_code(2).saying(&["--format"]);
    assert_eq!(api.arrivals(), 2);
}

#[test]
fn what_is_no_sheet_is_refused_with_a_word_on_what_to_do() {
    let api = Api::start(quick());
    let folder = Folder::new();
    for (content, said) in [
        (&b"PK\x03\x04rest of a workbook"[..], "--format xlsx"),
        (b"T\0i\0", "--encoding utf-16le"),
        (b"", "header"),
        (b"Ticket;Text,Note|Text\n1;a\n", "--delimiter"),
    ] {
        folder.write("notes.csv", content);
        ended(&mut folder.run_command(&api.url(), &[])).with_code(2).saying(&["notes.csv", said]);
    }
    ended(&mut folder.batchpost(&["run", "absent.csv", "--url", &api.url()])).with_code(2).saying(&["absent.csv"]);
    ended(&mut folder.batchpost(&["run", ".", "--format", "csv", "--url", &api.url()])).with_code(2);
    assert_eq!(api.arrivals(), 0);
}

#[test]
fn a_run_without_a_target_or_with_options_that_contradict_is_refused() {
    let folder = Folder::with_rows(2);
    for arguments in [
        &["run", "notes.csv"][..],
        &["run", "notes.csv", "--host", "api.example.com"],
        &["run", "notes.csv", "--sandbox", "--url", "https://api.example.com/"],
        &["run", "notes.csv", "--sandbox", "--limit", "25"],
        &["run", "notes.csv", "--sandbox", "--limit", "none", "--limit", "25/5s"],
        &["run", "notes.csv", "--sandbox", "--timeout", "0s"],
        &["run", "notes.csv", "--sandbox", "--max-attempts", "0"],
        &["run", "notes.csv", "--sandbox", "--column", "subject=Comment"],
        &["post", "notes.csv"],
        &[],
    ] {
        let ran = ended(&mut folder.batchpost(arguments)).with_code(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{arguments:?} {ran:?}");
    }
}
