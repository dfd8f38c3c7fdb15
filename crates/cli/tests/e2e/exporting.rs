//! Rows exported as a spreadsheet.

use std::fs;

use crate::support::{Api, Folder, quick, text, texts};

const LEDGER: &str = "notes.csv.ledger.jsonl";
const ADDED: &str = "outcome,reason,attempts,at,decision,batchpost_key";

/// The lines that `export` writes to standard output, without the byte order mark.
#[track_caller]
fn exported(folder: &Folder, arguments: &[&str]) -> Vec<String> {
    let ran = folder.call(&[&["export", LEDGER], arguments].concat()).with_code(0);
    let whole = ran.stdout.strip_prefix('\u{feff}').expect("Excel needs the byte order mark");
    whole.strip_suffix("\r\n").unwrap().split("\r\n").map(str::to_owned).collect()
}

/// Asserts that a row of an export has its own cells, the outcome, and no decision.
#[track_caller]
fn assert_row(line: &str, own: &str, outcome: &str) {
    assert!(line.starts_with(&format!("{own},{outcome},")), "{line:?} is not {own:?} {outcome}");
    let (before, key) = line.rsplit_once(',').unwrap();
    assert!(before.ends_with(','), "the decision is not empty: {line:?}");
    assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line:?}");
}

#[test]
fn what_went_wrong_is_exported_with_its_own_columns_to_the_byte() {
    let api = Api::failing(&["400@ticket:2", "500@ticket:3", "login-page@ticket:4"]);
    let folder = Folder::new();
    let sheet: &[u8] = b"Mine,Ticket,Text\r\na,1,one\r\n\xff\xfe,2,\"two, \"\"too\"\" \r\nand a line\"\r\n,3, three\r\n,4,d\r\n=1+1,x,-bad\r\n";
    folder.write("notes.csv", sheet);
    folder.run(&api, &["--skip-invalid", "--max-attempts", "1"]).with_code(4);

    folder.call(&["export", LEDGER, "-o", "bad.csv"]).with_code(0).saying(&["3 rows", "bad.csv"]);
    let export = fs::read(folder.path("bad.csv")).unwrap();
    let begins = [b"\xef\xbb\xbfMine,Ticket,Text,", ADDED.as_bytes(), b"\r\n"].concat();
    assert!(export.starts_with(&begins), "{}", String::from_utf8_lossy(&export));
    let rejected = b"\r\n\xff\xfe,2,\"two, \"\"too\"\" \r\nand a line\",rejected,";
    let has = |what: &[u8]| export.windows(what.len()).any(|bytes| bytes == what);
    assert!(has(rejected), "{}", String::from_utf8_lossy(&export));
    assert!(
        has(b"\r\n,3, three,failed,") && has(b"\r\n'=1+1,x,'-bad,invalid,"),
        "{}",
        String::from_utf8_lossy(&export)
    );
    assert!(!has(b",one,") && !has(b",4,d,"), "{}", String::from_utf8_lossy(&export));

    let doubt = exported(&folder, &["--state", "in_doubt"]);
    assert_eq!(doubt.len(), 2, "{doubt:?}");
    assert_row(&doubt[1], ",4,d", "in_doubt");
    let both = exported(&folder, &["--state", "posted,in_doubt"]);
    assert_eq!(both.len(), 3, "{both:?}");
    assert_row(&both[1], "a,1,one", "posted");
}

#[test]
fn a_sheet_with_semicolons_is_exported_with_semicolons_and_one_with_tabs_with_commas() {
    for (mark, ours) in [(";", ";"), (",", ","), ("\t", ","), ("|", ",")] {
        let api = Api::failing(&["400@1", "login-page@2"]);
        let folder = Folder::new();
        let sheet = "By;Ticket;Text\nx;1;a\n\"p;q\";2;=b\n";
        folder.write("notes.csv", sheet.replace(';', mark));
        folder.run(&api, &["--concurrency", "1"]).with_code(4);
        let lines = exported(&folder, &["--state", "rejected,in_doubt"]);
        assert_eq!(lines[0], format!("By,Ticket,Text,{ADDED}").replace(',', ours), "{mark:?}");
        let cells = |line: &str, cells: &[&str]| assert!(line.starts_with(&cells.join(ours)), "{mark:?}: {line:?}");
        cells(&lines[1], &["x", "1", "a", "rejected"]);
        let quoted = "p;q".replace(';', mark);
        let quoted = if quoted.contains(ours) { format!("\"{quoted}\"") } else { quoted };
        cells(&lines[2], &[&quoted, "2", "'=b", "in_doubt"]);

        // The export can be settled, and as an input it has the same jobs.
        folder.call(&["export", LEDGER, "--state", "rejected,in_doubt", "-o", "back.csv"]).with_code(0);
        let back = folder.read("back.csv");
        let decided: Vec<String> = back
            .lines()
            .map(|line| match line.rsplit_once(ours) {
                Some((before, key)) if key.len() == 32 => format!("{before}waived{ours}{key}"),
                _ => line.to_owned(),
            })
            .collect();
        folder.write("decided.csv", decided.join("\r\n"));
        folder.call(&["settle", LEDGER, "--from", "decided.csv"]).with_code(0);
        let run = ["run", "back.csv", "--url", &api.url(), "--limit", "500/1s", "--ledger", LEDGER, "--json"];
        let json = folder.call(&run).with_code(0).json();
        assert_eq!((&json["skipped"], &json["vanished"]), (&2.into(), &0.into()), "{mark:?}: {json}");
    }
}

#[test]
fn a_ledger_alone_is_exported_with_semicolons_where_they_were_said_to_divide_its_input() {
    for (more, ours) in [(&["--delimiter", "semicolon"][..], ";"), (&[], ",")] {
        let api = Api::failing(&["400@1"]);
        let folder = Folder::new();
        folder.write("notes.csv", "Ticket;Text\n1;a\n");
        folder.run(&api, more).with_code(1);
        fs::remove_file(folder.path("notes.csv")).unwrap();
        assert_eq!(exported(&folder, &[])[0], format!("row,ticket,{ADDED}").replace(',', ours));
    }
}

#[test]
fn json_lines_are_exported_with_their_names_as_columns() {
    let api = Api::failing(&["400@ticket:2"]);
    let folder = Folder::new();
    folder.write(
        "notes.jsonl",
        "{\"ticket\":1,\"text\":\"one\",\"by\":\"x\"}\n{\"by\":\"=a,b\",\"text\":\"two \\u00e9\",\"ticket\":2}\n",
    );
    let run = ["run", "notes.jsonl", "--url", &api.url(), "--limit", "500/1s"];
    folder.call(&run).with_code(1);
    let ran = folder.call(&["export", "notes.jsonl.ledger.jsonl"]).with_code(0);
    let lines: Vec<&str> = ran.stdout.split("\r\n").collect();
    assert_eq!(lines[0], format!("\u{feff}ticket,text,by,{ADDED}"));
    assert_row(lines[1], "2,two \u{e9},\"'=a,b\"", "rejected");
    assert_eq!(lines[2..], [""]);
}

#[test]
fn an_export_replaces_a_file_when_it_is_said_and_never_a_ledger_or_the_input() {
    let api = Api::failing(&["400@2"]);
    let folder = Folder::with_rows(3);
    folder.run(&api, &[]).with_code(1);
    let (sheet, ledger) = (folder.read("notes.csv"), folder.read(LEDGER));
    folder.write("other.jsonl", &ledger);
    let export = |output: &str, more: &[&str]| folder.call(&[&["export", LEDGER, "-o", output][..], more].concat());
    export("bad.csv", &[]).with_code(0).saying(&["1 row written to bad.csv"]);
    let first = folder.read("bad.csv");
    folder.write("bad.csv", "mine");
    export("bad.csv", &[]).with_code(2).saying(&["bad.csv already exists", "--force"]);
    assert_eq!(folder.read("bad.csv"), "mine");
    export("bad.csv", &["--force"]).with_code(0);
    assert_eq!(folder.read("bad.csv"), first);
    export("new.csv", &["--force"]).with_code(0);
    for (output, why) in [(LEDGER, "is a ledger"), ("other.jsonl", "is a ledger"), ("notes.csv", "is the input")] {
        export(output, &["--force"]).with_code(2).saying(&[why]);
    }
    assert_eq!(
        (folder.read("notes.csv"), folder.read(LEDGER), folder.read("other.jsonl")),
        (sheet, ledger.clone(), ledger)
    );
}

/// Texts that a spreadsheet would read as formulas, and some that only begin like our escape.
const FORMULAS: &str = "Ticket,Text\n1,=1+1\n2,+49 30 1234\n3,-\n4,@all\n5,'quoted\n6,''twice\n7,plain\n8,\"\t=1\"\n";

#[test]
fn an_export_given_back_as_the_input_is_the_same_jobs() {
    let api = Api::failing(&["400@ticket:2", "login-page@ticket:6"]);
    let folder = Folder::new();
    folder.write("notes.csv", FORMULAS);
    folder.run(&api, &["--first", "6", "--concurrency", "1"]).with_code(4);
    let all = "posted,rejected,failed,in_doubt,pending,invalid,held,skipped";
    folder.call(&["export", LEDGER, "--state", all, "-o", "back.csv"]).with_code(0).saying(&["8 rows"]);
    let back = folder.read("back.csv");
    let formulas =
        back.lines().skip(1).filter(|line| line.split(',').any(|cell| cell.starts_with(['=', '+', '-', '@', '\t'])));
    assert_eq!(formulas.count(), 0, "{back}");

    let run = ["run", "back.csv", "--url", &api.url(), "--limit", "500/1s", "--ledger", LEDGER, "--json"];
    let json = folder.call(&run).with_code(4).json();
    assert_eq!((&json["rows"], &json["posted"], &json["attempts_now"]), (&8.into(), &6.into(), &2.into()), "{json}");
    assert_eq!((&json["held"], &json["vanished"]), (&0.into(), &0.into()), "{json}");
    // The rejected row and the row in doubt were not created.
    assert_eq!(api.texts(), ["\t=1", "'quoted", "-", "=1+1", "@all", "plain"]);
    let json = folder.call(&run).with_code(4).json();
    assert_eq!((&json["attempts_now"], &json["held"], &json["vanished"]), (&0.into(), &0.into(), &0.into()), "{json}");

    // An export of the export has the same cells.
    folder.call(&["export", LEDGER, "--state", "posted", "-o", "again.csv"]).with_code(0);
    assert!(folder.read("again.csv").contains("\r\n1,'=1+1,posted,"), "{}", folder.read("again.csv"));
}

#[test]
fn rows_still_to_do_are_exported_as_long_as_the_input_is_what_it_was() {
    let api = Api::failing(&["400@3"]);
    let folder = Folder::with_rows(5);
    folder.run(&api, &["--first", "3", "--concurrency", "1"]).with_code(1);
    let pending = exported(&folder, &["--state", "pending"]);
    assert_eq!(pending.len(), 3, "{pending:?}");
    assert_row(&pending[1], "1004,note 004", "pending");

    let sheet = folder.read("notes.csv");
    let by_the_ledger_alone = |why: &str| {
        let ran = folder.call(&["export", LEDGER, "--state", "rejected,pending"]).with_code(0).saying(&[why]);
        let lines: Vec<&str> = ran.stdout.split("\r\n").collect();
        assert_eq!(lines[0], format!("\u{feff}row,ticket,{ADDED}"));
        assert_row(lines[1], "3,1003", "rejected");
        assert_eq!(lines.len(), 3, "{lines:?}");
    };
    folder.write("notes.csv", sheet.replace("note 005", "note 5"));
    by_the_ledger_alone("changed since the last run");
    fs::remove_file(folder.path("notes.csv")).unwrap();
    by_the_ledger_alone("cannot be opened");

    folder.write("notes.csv", sheet);
    assert_eq!(exported(&folder, &["--state", "pending"]), pending, "put back, it serves again");
}

#[test]
fn a_file_is_written_whole_or_not_at_all_and_never_over_the_ledger() {
    let api = Api::failing(&["400@2"]);
    let folder = Folder::with_rows(3);
    folder.run(&api, &[]).with_code(1);
    let ledger = folder.read(LEDGER);
    let (sheet, names) = (folder.read("notes.csv"), folder.names());
    folder.call(&["export", LEDGER, "-o", LEDGER]).with_code(2).saying(&[LEDGER]);
    folder.call(&["export", LEDGER, "-o", "./notes.csv"]).with_code(2).saying(&["notes.csv"]);
    folder.call(&["export", LEDGER, "-o", "nowhere/bad.csv"]).with_code(2).saying(&["nowhere"]);
    assert_eq!((folder.read(LEDGER), folder.read("notes.csv"), folder.names()), (ledger.clone(), sheet, names));

    folder.write("bad.csv", "from before");
    folder.write(LEDGER, ledger.replacen("posted", "Posted", 1));
    let names = folder.names();
    folder.call(&["export", LEDGER, "-o", "bad.csv"]).with_code(2).saying(&["bad.csv already exists"]);
    folder.call(&["export", LEDGER, "-o", "new.csv"]).with_code(3).saying(&["damaged"]);
    assert_eq!((folder.read("bad.csv"), folder.names()), ("from before".to_owned(), names));
}

#[test]
fn a_batch_without_anything_wrong_exports_its_header_alone() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(2);
    folder.run(&api, &[]).with_code(0);
    assert_eq!(api.texts(), texts(2));
    assert_eq!(exported(&folder, &[]), [format!("Ticket ID,Comment,{ADDED}")]);
    assert!(exported(&folder, &["--state", "posted"])[2].starts_with(&format!("1002,{},posted,", text(2))));
}

#[test]
fn a_ledger_whose_name_is_mistyped_brings_up_the_one_that_may_be_meant() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(1);
    folder.run(&api, &[]).with_code(0);
    let meant = format!("is the ledger one of these? {LEDGER}");
    for command in ["status", "show", "export"] {
        folder.call(&[command, "notes.ledger.jsonl"]).with_code(2).saying(&[&meant]);
    }
}
