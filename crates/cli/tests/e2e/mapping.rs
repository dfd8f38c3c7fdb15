//! From cells to notes: tickets as people write them, texts from templates, fields, lengths, names and
//! duplicates.

use batchpost_sandbox::Note;
use serde_json::Value;

use crate::support::{Api, Folder, LIMIT, Ran, quick, records};

const LEDGER: &str = "notes.csv.ledger.jsonl";

fn run(folder: &Folder, api: &Api, input: &str, more: &[&str]) -> Ran {
    let url = api.url();
    folder.call(&[&["run", input, "--url", &url, "--limit", LIMIT, "--json"][..], more].concat())
}

/// The notes posted from a CSV, ordered by ticket.
#[track_caller]
fn notes(csv: impl AsRef<[u8]>, more: &[&str]) -> Vec<(u64, String)> {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", csv);
    run(&folder, &api, "notes.csv", more).with_code(0);
    by_ticket(api.notes())
}

fn by_ticket(notes: Vec<Note>) -> Vec<(u64, String)> {
    let mut notes: Vec<(u64, String)> = notes.into_iter().map(|note| (note.ticket, note.text)).collect();
    notes.sort();
    notes
}

fn note(ticket: u64, text: &str) -> (u64, String) {
    (ticket, text.to_owned())
}

/// Asserts that a run of this CSV is refused before anything is sent.
#[track_caller]
fn refused(csv: impl AsRef<[u8]>, more: &[&str], saying: &[&str]) {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", csv);
    run(&folder, &api, "notes.csv", more).with_code(2).saying(saying);
    assert_eq!(api.arrivals(), 0);
}

#[test]
fn the_delimiter_is_found_in_the_header_or_said_and_never_guessed() {
    assert_eq!(notes("Ticket;Text\n1;a, b\n", &[]), [note(1, "a, b")]);
    assert_eq!(notes("Ticket\tText\n1\ta; b\n", &[]), [note(1, "a; b")]);
    // Two delimiters are possible, but only one gives the needed columns.
    assert_eq!(notes("Ticket|Text|Name, first\n1|a|b\n", &[]), [note(1, "a")]);
    assert_eq!(notes("Ticket~Text\n1~a\n", &["--delimiter", "~"]), [note(1, "a")]);
    refused("Ticket,Text;x\n", &["--column", "ticket=nowhere"], &["comma", "semicolon", "--delimiter"]);
}

#[test]
fn another_encoding_is_read_when_it_is_said_and_named_when_it_is_not() {
    let latin = b"Ticket,Text\n1,Gr\xfc\xdfe \x80\n";
    assert_eq!(notes(latin, &["--encoding", "windows-1252"]), [note(1, "Grüße €")]);
    refused(latin, &[], &["row 1 (line 2)", "Text", "--encoding windows-1252"]);
    refused(b"Ticket,Text\n1,\x81\x30\n", &["--encoding", "shift_jis"], &["Shift_JIS", "byte"]);
    refused("x", &["--encoding", "klingon"], &["klingon", "windows-1252"]);
}

#[test]
fn a_pattern_takes_the_ticket_out_of_what_people_write() {
    let csv = "Ticket,Text\nTKT-00143,a\nhttps://desk.example/tickets/77?tab=2,b\n9,c\n";
    assert_eq!(
        notes(csv, &["--ticket-pattern", r"(?:TKT-0*|tickets/|^)(\d+)"]),
        [note(9, "c"), note(77, "b"), note(143, "a")]
    );
    refused(csv, &["--ticket-pattern", r"TKT-0*(\d+)"], &["row 2 (line 3)", "does not match the pattern"]);
    refused(csv, &["--ticket-pattern", r"TKT-\d+"], &["one"]);
}

#[test]
fn a_table_leads_from_old_ids_to_tickets_also_when_the_batch_is_resumed_from_elsewhere() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("ids.csv", "Old,New\nA-1,501\nA-2,502\n");
    folder.write("notes.csv", "Ticket,Text\nA-2,b\n A-1 ,a\n");
    run(&folder, &api, "notes.csv", &["--lookup", "ids.csv:Old:New", "--first", "1"]).with_code(5);
    let elsewhere = Folder::new();
    let ledger = folder.path(LEDGER);
    elsewhere.call(&["resume", ledger.to_str().unwrap()]).with_code(0);
    assert_eq!(by_ticket(api.notes()), [note(501, "a"), note(502, "b")]);

    save_as_xlsx(&folder.path("ids.xlsx"), &[["Old", "New"], ["A-9", "509"]]);
    folder.write("other.csv", "Ticket,Text\nA-9,i\n");
    run(&folder, &api, "other.csv", &["--lookup", "ids.xlsx:Old:New"]).with_code(0);
    assert_eq!(by_ticket(api.notes()).last(), Some(&note(509, "i")));

    folder.write("more.csv", "Ticket,Text\nA-3,c\n");
    run(&folder, &api, "more.csv", &["--lookup", "ids.csv:Old:New"]).with_code(2).saying(&["\"A-3\"", "lookup table"]);
    folder.write("twice.csv", "Old,New\nA-1,501\nA-1,502\n");
    run(&folder, &api, "more.csv", &["--lookup", "twice.csv:Old:New"]).with_code(2).saying(&[
        "twice.csv",
        "501",
        "502",
    ]);
    run(&folder, &api, "more.csv", &["--lookup", "none.csv:Old:New"])
        .with_code(2)
        .saying(&["the lookup table", "none.csv"]);
}

fn save_as_xlsx(path: &std::path::Path, rows: &[[&str; 2]]) {
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    for (nth, row) in (0..).zip(rows) {
        sheet.write_row(nth, 0, *row).unwrap();
    }
    workbook.save(path).unwrap();
}

#[test]
fn check_tells_in_json_too_that_a_run_will_refuse_invalid_rows() {
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\nx,a\n2,b\n");
    let check = |more: &[&str]| folder.call(&[&["check", "notes.csv", "--sandbox"], more].concat());
    let why = "1 row is invalid; fix it, or pass --skip-invalid";
    assert_eq!(check(&["--json"]).with_code(2).json()["run_will_refuse"], why);
    assert!(check(&[]).with_code(2).stdout.contains(&format!("run will refuse: {why}\n")));
    assert_eq!(check(&["--json", "--skip-invalid"]).with_code(1).json()["run_will_refuse"], serde_json::Value::Null);
}

#[test]
fn a_table_that_leads_posted_rows_to_other_tickets_is_refused() {
    let api = Api::start(quick());
    let folder = Folder::new();
    let table = "Old,New\nA-1,501\nA-2,502\n";
    folder.write("ids.csv", table);
    folder.write("notes.csv", "Ticket,Text\nA-1,a\nA-2,b\n");
    let lookup = ["--lookup", "ids.csv:Old:New"];
    run(&folder, &api, "notes.csv", &[&lookup[..], &["--first", "1"]].concat()).with_code(5);
    folder.write("ids.csv", table.replace("501", "601"));
    let refused = ["lookup table", "1 rows", "--changed post"];
    folder.call(&["resume", LEDGER]).with_code(2).saying(&refused);
    run(&folder, &api, "notes.csv", &lookup).with_code(2).saying(&refused);
    let check = folder.call(&[&["check", "notes.csv", "--url", &api.url()], &lookup[..]].concat()).with_code(2);
    assert!(check.stdout.contains("run will refuse: the lookup table"), "{check:?}");
    folder.call(&["export", LEDGER, "--state", "posted"]).with_code(0).saying(&["lookup table changed"]);
    assert_eq!(api.arrivals(), 1);

    // A table that maps the posted rows as before may differ for new rows.
    folder.write("ids.csv", table.replace("502", "602"));
    folder.call(&["resume", LEDGER]).with_code(0);
    assert_eq!(by_ticket(api.notes()), [note(501, "a"), note(602, "b")]);
    folder.write("ids.csv", table);
    folder.call(&["resume", LEDGER]).with_code(2);
    folder.call(&["resume", LEDGER, "--changed", "post"]).with_code(0);
    assert_eq!(by_ticket(api.notes()), [note(501, "a"), note(502, "b"), note(602, "b")]);
}

#[test]
fn a_template_makes_the_text_and_takes_no_cell_for_template() {
    let csv = "Ticket,Agent name,Date,Comment\n1,Ann,2026-03-01,{{ Date }} {% x %} $HOME {product}\n";
    let template = r#"{{ row["Agent name"] }} wrote on {{ Date | date("%d %b %Y") }}: {{ Comment }}"#;
    let wanted = [note(1, "Ann wrote on 01 Mar 2026: {{ Date }} {% x %} $HOME {product}")];
    assert_eq!(notes(csv, &["--text-template", template]), wanted);

    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", csv);
    folder.write("note.j2", format!("{template}\n"));
    run(&folder, &api, "notes.csv", &["--text-template-file", "note.j2"]).with_code(0);
    assert_eq!(by_ticket(api.notes()), wanted, "what an editor adds at the end is no part of it");

    refused(csv, &["--text-template", "{{ Datum }}"], &["Datum", "\"Date\"", "\"Comment\""]);
    refused(csv, &["--text-template", "{{ Date"], &["line 1"]);
    refused(csv, &["--text-template", "{{ Date }}", "--column", "text=Comment"], &["template", "Comment"]);
    refused(csv, &["--text-template", "{{ Comment | date }}"], &["row 1 (line 2)", "template"]);
}

#[test]
fn nested_json_is_reached_by_paths_and_by_templates() {
    let api = Api::start(quick());
    let folder = Folder::new();
    let line = r#"{"ticket":{"id":7},"body":{"text":"hello","by":{"name":"Ann"}}}"#;
    folder.write("notes.jsonl", format!("{line}\n"));
    folder.write("notes.json", format!("[{line}]"));
    let ticket = ["--column", "ticket=ticket.id"];
    run(&folder, &api, "notes.jsonl", &[&ticket[..], &["--column", "text=body.text"]].concat()).with_code(0);
    let template = "{{ body.by.name }}: {{ row.body.text }}";
    run(&folder, &api, "notes.json", &[&ticket[..], &["--text-template", template]].concat()).with_code(0);
    assert_eq!(by_ticket(api.notes()), [note(7, "Ann: hello"), note(7, "hello")]);
}

#[test]
fn fields_are_in_every_request_and_part_of_what_makes_a_job_new() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(2);
    run(&folder, &api, "notes.csv", &["--field", "Source=Old desk", "--field", "Level:=3"]).with_code(0);
    let check = |more: &[&str]| {
        let url = api.url();
        let json = folder.call(&[&["check", "notes.csv", "--url", &url, "--json"][..], more].concat()).json();
        (json["to_do"].clone(), json["first_requests"][0].clone())
    };
    for note in api.notes() {
        assert_eq!(Value::Object(note.fields), serde_json::json!({ "Level": 3, "Source": "Old desk" }));
    }
    assert_eq!(check(&["--field", "Level:=3", "--field", "Source=Old desk"]).0, 0);
    let (to_do, request) = check(&["--field", "Source=New desk", "--field", "StorageType=Permanent"]);
    assert_eq!((to_do, &request["Source"], &request["StorageType"]), (0.into(), &Value::Null, &Value::Null), "held");
    let plain = Folder::with_rows(1);
    let url = api.url();
    let json = plain.call(&["check", "notes.csv", "--url", &url, "--json", "--field", "StorageType=Permanent"]).json();
    assert_eq!(json["first_requests"][0]["StorageType"], "Permanent");
    refused("Ticket,Text\n1,a\n", &["--field", "textpart=x"], &["textpart"]);
    refused("Ticket,Text\n1,a\n", &["--field", "Level:=high"], &["JSON"]);
}

#[test]
fn a_text_over_the_bound_is_refused_or_cut_after_a_word() {
    let csv = "Ticket,Text\n1,one two three four\n2,short\n";
    refused(csv, &["--max-text", "12"], &["row 1 (line 2)", "18 bytes", "--too-long truncate"]);
    assert_eq!(notes(csv, &["--max-text", "12", "--too-long", "truncate"]), [note(1, "one two t…"), note(2, "short")]);
}

#[test]
fn a_text_is_cut_to_leave_room_for_the_marker_and_is_the_same_row_wherever_it_is_cut() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\n1,one two three four five six\n1,one two three four five seven\n");
    let cut = |most: &'static str| ["--max-text", most, "--too-long", "truncate"];
    run(&folder, &api, "notes.csv", &[&cut("27")[..], &["--marker"]].concat()).with_code(0);
    let texts = api.texts();
    assert!(texts.iter().all(|text| text.len() == 27 && text.starts_with("one two…\n\n[bp-")), "{texts:?}");
    for more in [&cut("27")[..], &cut("20"), &[]] {
        let json = run(&folder, &api, "notes.csv", more).with_code(0).json();
        assert_eq!((&json["posted"], &json["attempts_now"]), (&2.into(), &0.into()), "{json}");
    }
}

#[test]
fn rows_made_by_another_template_are_held() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Comment\n1,a\n2,b\n");
    run(&folder, &api, "notes.csv", &["--text-template", "{{ Comment }}"]).with_code(0);
    let json = run(&folder, &api, "notes.csv", &["--text-template", "It said: {{ Comment }}"]).with_code(1).json();
    assert_eq!((&json["held"], &json["attempts_now"]), (&2.into(), &0.into()), "{json}");
}

#[test]
fn options_of_another_format_are_refused() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.jsonl", "{\"Ticket\":1,\"Text\":\"a\"}\n");
    folder.write("notes.csv", "Ticket,Text\n1,a\n");
    save_as_xlsx(&folder.path("notes.xlsx"), &[["Ticket", "Text"], ["1", "a"]]);
    for (input, option, value, says) in [
        ("notes.jsonl", "--delimiter", ";", "the input is jsonl"),
        ("notes.jsonl", "--header-row", "2", "the input is jsonl"),
        ("notes.csv", "--sheet", "X", "the sheet setting applies to workbooks, but the input is csv"),
        ("notes.xlsx", "--encoding", "shift_jis", "the input is workbook"),
        ("notes.xlsx", "--delimiter", ";", "the input is workbook"),
    ] {
        run(&folder, &api, input, &[option, value]).with_code(2).saying(&[option, says]);
        folder.call(&["check", input, option, value]).with_code(2).saying(&[option, says]);
    }
    assert_eq!(api.arrivals(), 0);
}

#[test]
fn check_tells_what_ids_texts_repeats_and_faults_there_are() {
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Text\n1,same\nTKT-7,x\n22,longer one\n1,same\n,no ticket\nTKT-8,y\n");
    let json = folder.call(&["check", "notes.csv", "--json"]).with_code(2).json();
    let shapes = serde_json::json!([
        { "shape": "9", "rows": 3, "examples": ["1", "22"] },
        { "shape": "TKT-9", "rows": 2, "examples": ["TKT-7", "TKT-8"] },
    ]);
    assert_eq!((&json["ticket_shapes"], &json["other_ticket_shapes"]), (&shapes, &0.into()));
    assert_eq!(json["duplicate_rows"], serde_json::json!([{ "row": 4, "line": 5 }]));
    let texts = serde_json::json!({
        "shortest": 4, "mean": 6, "longest": 10, "longest_at": { "row": 3, "line": 4 },
    });
    assert_eq!(json["text_bytes"], texts);
    let reasons = json["invalid_reasons"].as_array().unwrap();
    let rows: Vec<&Value> = reasons.iter().map(|reason| &reason["rows"]).collect();
    assert_eq!((rows, &json["other_invalid_rows"]), (vec![&2.into(), &1.into()], &0.into()));
    assert!(reasons[0]["why"].as_str().unwrap().contains("positive whole number"), "{json}");
    assert_eq!(reasons[0]["first"], serde_json::json!([{ "row": 2, "line": 3 }, { "row": 6, "line": 7 }]));
}

#[test]
fn a_column_may_name_the_jobs_so_that_an_edited_one_is_not_posted_again() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Id,Ticket,Text\na,1,one\nb,2,two\n");
    run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(0);
    folder.write("notes.csv", "Id,Ticket,Text\nc,3,three\nb,2,two and more\na,1,one\n");
    let json = run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(0).json();
    assert_eq!((&json["posted_now"], &json["posted"]), (&1.into(), &3.into()), "{json}");
    assert_eq!(by_ticket(api.notes()), [note(1, "one"), note(2, "two"), note(3, "three")]);
    folder.write("notes.csv", "Id,Ticket,Text\nd,3,x\nd,4,y\n");
    run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(2).saying(&["row 2 (line 3)", "\"d\""]);
}

#[test]
fn a_name_that_comes_twice_refuses_the_run_and_skips_no_row() {
    let csv = "Id,Ticket,Text\nd,3,x\ne,4,y\nd,3,x\nd,4,y\n";
    for more in [&["--skip-invalid"][..], &["--duplicates", "skip"], &["--skip-invalid", "--duplicates", "skip"]] {
        let says = ["row 3 (line 4)", "\"d\"", ": 2)"];
        refused(csv, &[&["--key", "Id"], more].concat(), &says);
    }
}

#[test]
fn a_named_row_that_was_rejected_and_mended_waits_for_a_decision() {
    let api = Api::failing(&["400@ticket:2"]);
    let folder = Folder::new();
    folder.write("notes.csv", "Id,Ticket,Text\na,1,one\nb,2,two\n");
    run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(1);
    folder.write("notes.csv", "Id,Ticket,Text\na,1,one\nb,3,two\n");
    let json = run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(1).json();
    assert_eq!((&json["rejected"], &json["attempts_now"]), (&1.into(), &0.into()), "{json}");
    folder.call(&["settle", LEDGER, "--state", "rejected", "--as", "to-do"]).with_code(0);
    run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(0);
    assert_eq!(by_ticket(api.notes()), [note(1, "one"), note(3, "two")]);
}

#[test]
fn a_new_name_on_the_ticket_of_one_that_is_gone_is_posted_unless_its_rows_may_have_been_posted_without_names() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Id,Ticket,Text\na,1,one\nb,2,two\n");
    run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(0);
    folder.write("notes.csv", "Id,Ticket,Text\nb,2,two\nc,1,three\n");
    let json = run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(0).json();
    assert_eq!((&json["posted_now"], &json["held"]), (&1.into(), &0.into()), "{json}");

    let folder = Folder::new();
    folder.write("notes.csv", "Id,Ticket,Text\nx,7,seven\ny,8,eight\n");
    run(&folder, &api, "notes.csv", &[]).with_code(0);
    let arrivals = api.arrivals();
    for _ in 0..2 {
        let json = run(&folder, &api, "notes.csv", &["--key", "Id"]).with_code(1).json();
        assert_eq!((&json["held"], &json["attempts_now"]), (&2.into(), &0.into()), "{json}");
    }
    assert_eq!(api.arrivals(), arrivals);
}

#[test]
fn rows_posted_without_names_are_recognised_in_a_copy_with_them() {
    let api = Api::start(quick());
    let folder = Folder::new();
    let rows = "Id,Ticket,Text\na,1,one\nb,2,two\n";
    folder.write("notes.csv", rows);
    run(&folder, &api, "notes.csv", &[]).with_code(0);
    folder.write("copy.csv", format!("{rows}c,3,three\n"));
    run(&folder, &api, "copy.csv", &["--key", "Id"]).with_code(2).saying(&["2 rows", LEDGER, "--known skip"]);
    let json = run(&folder, &api, "copy.csv", &["--key", "Id", "--known", "skip"]).with_code(0).json();
    assert_eq!((&json["skipped"], &json["posted"]), (&2.into(), &1.into()), "{json}");
    assert_eq!(by_ticket(api.notes()), [note(1, "one"), note(2, "two"), note(3, "three")]);
    // Resumed, they are still recognised. In a file with other content, a key value matches nothing, and the
    // run logs that.
    let json = folder.call(&["resume", "copy.csv.ledger.jsonl", "--json"]).with_code(0).json();
    assert_eq!((&json["skipped"], &json["attempts_now"]), (&2.into(), &0.into()), "{json}");
    folder.write("april.csv", "Id,Ticket,Text\nc,9,something else\n");
    let ran = run(&folder, &api, "april.csv", &["--key", "Id"]).with_code(0);
    ran.saying(&["have the --key value of a row that another ledger posted with different content"]);
    assert_eq!(api.arrivals(), 4);
}

#[test]
fn rows_exactly_alike_are_posted_each_or_once_as_it_is_said_and_resumed_so() {
    let csv = "Ticket,Text\n1,same\n1,same\n2,other\n1,same\n";
    assert_eq!(notes(csv, &[]).len(), 4);
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", csv);
    run(&folder, &api, "notes.csv", &["--duplicates", "skip", "--first", "1"]).with_code(5);
    let json = folder.call(&["resume", LEDGER, "--json"]).with_code(0).json();
    assert_eq!((&json["posted"], &json["skipped"]), (&2.into(), &2.into()), "{json}");
    assert_eq!(by_ticket(api.notes()), [note(1, "same"), note(2, "other")]);
    let ledger = folder.ledger(LEDGER);
    let excluded_rows = records(&ledger, "aside");
    assert_eq!(excluded_rows.len(), 2);
    assert_eq!(excluded_rows[0]["why"], "it repeats an earlier row of the input");

    // Skipped rows are only sent after a decision.
    let json = run(&folder, &api, "notes.csv", &["--duplicates", "post"]).with_code(0).json();
    assert_eq!((&json["skipped"], &json["attempts_now"]), (&2.into(), &0.into()), "{json}");
    folder.call(&["settle", LEDGER, "--state", "skipped", "--as", "to-do"]).with_code(0);
    run(&folder, &api, "notes.csv", &["--duplicates", "post"]).with_code(0);
    assert_eq!(api.notes().len(), 4);
}

#[test]
fn check_says_how_to_take_a_number_out_of_ids_until_it_was_said() {
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket ID,Comment\nTKT-00143,a\n");
    let hint = "--ticket-pattern extracts the number";
    let without = folder.call(&["check", "notes.csv"]).with_code(2);
    let with = folder.call(&["check", "notes.csv", "--ticket-pattern", r"TKT-0*(\d+)"]).with_code(0);
    assert!(without.stdout.contains(hint) && !with.stdout.contains(hint), "{}", without.stdout);
}
