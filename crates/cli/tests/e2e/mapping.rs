//! What is made of cells: tickets as people write them, texts by template, fields, lengths, names and duplicates.

use batchpost_sandbox::Note;
use serde_json::Value;

use crate::support::{Api, Folder, LIMIT, Ran, quick, records};

const LEDGER: &str = "notes.csv.ledger.jsonl";

fn run(folder: &Folder, api: &Api, input: &str, more: &[&str]) -> Ran {
    let url = api.url();
    folder.call(&[&["run", input, "--url", &url, "--limit", LIMIT, "--json"][..], more].concat())
}

/// The notes that come of a CSV, in the order of their tickets.
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

/// That a run of this CSV is refused before anything is sent.
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
    // Two could be it, but only with one of them the columns are there.
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

    folder.write("more.csv", "Ticket,Text\nA-3,c\n");
    run(&folder, &api, "more.csv", &["--lookup", "ids.csv:Old:New"]).with_code(2).saying(&["\"A-3\"", "lookup table"]);
    folder.write("twice.csv", "Old,New\nA-1,501\nA-1,502\n");
    run(&folder, &api, "more.csv", &["--lookup", "twice.csv:Old:New"]).with_code(2).saying(&[
        "twice.csv",
        "501",
        "502",
    ]);
    run(&folder, &api, "more.csv", &["--lookup", "none.csv:Old:New"]).with_code(2).saying(&["none.csv"]);
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
    assert_eq!(check(&["--field", "Level:=3", "--field", "Source=Old desk"]).0, 0);
    let (to_do, request) = check(&["--field", "Source=New desk", "--field", "StorageType=Permanent"]);
    assert_eq!((to_do, &request["Source"], &request["StorageType"]), (0.into(), &Value::Null, &Value::Null), "held");
    let plain = Folder::with_rows(1);
    let url = api.url();
    let json = plain.call(&["check", "notes.csv", "--url", &url, "--json", "--field", "StorageType=Permanent"]).json();
    assert_eq!(json["first_requests"][0]["StorageType"], "Permanent");
    refused("Ticket,Text\n1,a\n", &["--field", "TextPart=x"], &["TextPart"]);
    refused("Ticket,Text\n1,a\n", &["--field", "Level:=high"], &["JSON"]);
}

#[test]
fn a_text_over_the_bound_is_refused_or_cut_after_a_word() {
    let csv = "Ticket,Text\n1,one two three four\n2,short\n";
    refused(csv, &["--max-text", "12"], &["row 1 (line 2)", "18 bytes", "--too-long truncate"]);
    assert_eq!(notes(csv, &["--max-text", "12", "--too-long", "truncate"]), [note(1, "one two t…"), note(2, "short")]);
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
    let asides = records(&ledger, "aside");
    assert_eq!(asides.len(), 2);
    assert_eq!(asides[0]["why"], "it repeats an earlier row of the input");
}
