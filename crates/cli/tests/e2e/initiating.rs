//! `init`: its proposal for a sheet is what the sheet is then read with.

use rust_xlsxwriter::Workbook;
use serde_json::Value;

use crate::support::{Api, Folder, ended, quick};

/// Runs `init` for `input`. Returns what was found, and the result of `check` with the file that was written.
fn proposed(folder: &Folder, input: &str) -> (Value, Value) {
    let written = folder.call(&["init", input, "--json"]).with_code(0).json();
    assert_eq!(
        (&written["written"], &written["next"]),
        (&"batchpost.toml".into(), &format!("batchpost check {input}").into())
    );
    let checked = folder.call(&["check", input, "--json"]);
    (written["found"].clone(), checked.json())
}

#[track_caller]
fn assert_the_same(found: &Value, checked: &Value) {
    for member in ["format", "sheet", "encoding", "delimiter", "ticket_column", "text_columns", "rows", "invalid"] {
        assert_eq!(found[member], checked[member], "{member}: {found} {checked}");
    }
    assert_eq!(found["notes"], checked["to_do"]);
}

#[test]
fn a_csv_with_semicolons_in_an_old_encoding_is_proposed_for() {
    let folder = Folder::new();
    let rows =
        "Fall;Betreff;Bemerkung\r\nTKT-00143;Umzug;R\u{fc}ckruf vereinbart, Gr\u{fc}\u{df}e\r\nTKT-00144;;Erledigt\r\n";
    let bytes: Vec<u8> = rows.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    folder.write("notes.csv", [b"Export vom 1. Mai\r\n".to_vec(), bytes].concat());
    let (found, checked) = proposed(&folder, "notes.csv");
    assert_the_same(&found, &checked);
    assert_eq!((&found["ticket_column"], &found["text_columns"]), (&"Fall".into(), &serde_json::json!(["Bemerkung"])));
    assert_eq!((&found["encoding"], &found["header_row"]), (&"windows-1252".into(), &2.into()));
    assert_eq!((&found["ticket_pattern"], &found["notes"]), (&r"TKT-0*(\d+)".into(), &2.into()));
    assert!(checked["first_requests"][0].to_string().contains("Rückruf vereinbart, Grüße"), "{checked}");
}

#[test]
fn check_says_the_encoding_that_init_proposes_also_by_cells_that_are_not_used() {
    let folder = Folder::new();
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    folder.write("notes.csv", latin("Ticket,Comment,Agent\n1,called back,J\u{fc}rgen\n2,sent,Ren\u{e9}e\n"));
    let checked = || folder.call(&["check", "notes.csv", "--json"]).with_code(0).json();
    assert_eq!((&checked()["encoding"], &checked()["likely_encoding"]), (&"UTF-8".into(), &"windows-1252".into()));
    let said = folder.call(&["check", "notes.csv"]).with_code(0).stdout;
    assert!(said.contains("look like windows-1252; if they are, pass --encoding windows-1252"), "{said}");
    let (found, checked) = proposed(&folder, "notes.csv");
    assert_eq!((&found["encoding"], &checked["encoding"]), (&"windows-1252".into(), &"windows-1252".into()));
    assert_eq!(checked["likely_encoding"], Value::Null);
    // One cell is damaged; another shows that the rest is UTF-8.
    folder
        .write("damaged.csv", [&latin("Ticket,Comment,Agent\n1,a,J\u{fc}rgen\n2,b,")[..], "Zoë\n".as_bytes()].concat());
    std::fs::remove_file(folder.path("batchpost.toml")).unwrap();
    let damaged = folder.call(&["check", "damaged.csv", "--json"]).with_code(0).json();
    assert_eq!(damaged["likely_encoding"], Value::Null);
}

#[test]
fn the_sheet_of_a_workbook_that_has_the_columns_is_proposed() {
    let folder = Folder::new();
    let mut book = Workbook::new();
    let cover = book.add_worksheet().set_name("Cover").unwrap();
    cover.write(0, 0, "Tickets of May").unwrap();
    let sheet = book.add_worksheet().set_name("Notes \"May\"").unwrap();
    for (row, cells) in
        [["Title", ""], ["Ticket ID", "Comment"], ["143", "Called back"], ["#144", "Sent"]].iter().enumerate()
    {
        for (column, cell) in cells.iter().enumerate() {
            sheet.write(row as u32, column as u16, *cell).unwrap();
        }
    }
    book.save(folder.path("notes.xlsx")).unwrap();
    let (found, checked) = proposed(&folder, "notes.xlsx");
    assert_the_same(&found, &checked);
    assert_eq!(
        (&found["sheet"], &found["header_row"], &found["notes"]),
        (&"Notes \"May\"".into(), &2.into(), &2.into())
    );
}

#[test]
fn the_fixtures_are_proposed_for() {
    for name in ["notes.csv", "notes.jsonl"] {
        let folder = Folder::new();
        let fixture = format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(fixture, folder.path(name)).unwrap();
        let (found, checked) = proposed(&folder, name);
        assert_the_same(&found, &checked);
        assert_eq!(found["notes"], 60, "{found}");
    }
}

#[test]
fn what_an_error_advises_is_taken_and_lands_in_what_is_written() {
    let folder = Folder::new();
    let sheet = "Export S\u{fc}d, Mai;;\r\nRef;Wer;Gr\u{f6}\u{df}e\r\nTKT-1;48001;48002\r\n";
    let bytes: Vec<u8> = sheet.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    folder.write("notes.txt", bytes);
    folder.call(&["init", "notes.txt"]).with_code(2).saying(&["pass --format"]);
    let init = |more: &[&str]| folder.call(&[&["init", "notes.txt", "--format", "csv"], more].concat());
    let bare = "`batchpost init --format csv --header-row 2 --encoding windows-1252` for a file";
    init(&[]).with_code(2).saying(&["--column text=", bare]);
    init(&["--column", "text=Gr\u{f6}\u{df}e"]).with_code(0);
    let written = folder.read("batchpost.toml");
    assert!(written.contains("format = \"csv\"\n") && written.contains("text = \"Gr\u{f6}\u{df}e\""), "{written}");
    let checked = folder.call(&["check", "notes.txt", "--json"]).with_code(0).json();
    assert_eq!((&checked["to_do"], &checked["text_columns"]), (&1.into(), &serde_json::json!(["Gr\u{f6}\u{df}e"])));
    init(&["--header-row", "1", "-o", "other.toml"]).with_code(2);

    let bare = ["init", "--delimiter", "semicolon", "--encoding", "windows-1252", "-o", "bare.toml"];
    folder.call(&bare).with_code(0);
    let bare = folder.read("bare.toml");
    assert!(bare.contains("\nencoding = \"windows-1252\"\ndelimiter = \"semicolon\"\n# column = "), "{bare}");
}

#[test]
fn what_is_there_is_kept_and_what_cannot_be_told_is_said() {
    let folder = Folder::new();
    folder.write("notes.csv", "a,b\nx,y\n");
    folder
        .call(&["init", "notes.csv"])
        .with_code(2)
        .saying(&["cannot tell which column is the ticket", "`batchpost init` alone"]);
    folder.call(&["init", "notes"]).with_code(2).saying(&["batchpost init"]);
    assert_eq!(folder.names(), ["notes.csv"]);
    let said = folder.call(&["init", "-o", "a b.toml"]).with_code(0).stdout;
    assert!(said.contains("next: batchpost check FILE --config 'a b.toml'"), "{said}");
    folder.call(&["init", "-o", "a b.toml"]).with_code(2).saying(&["a b.toml already exists", "--force", "-o"]);
    folder.call(&["config", "--config", "a b.toml"]).with_code(0);
}

#[test]
fn force_replaces_neither_a_ledger_nor_the_spreadsheet_itself() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(1);
    folder.run(&api, &[]).with_code(0);
    let kept = || [folder.read("notes.csv"), folder.read("notes.csv.ledger.jsonl")];
    let before = kept();
    let init = |output: &str| folder.call(&["init", "notes.csv", "--force", "-o", output]).with_code(2);
    init("notes.csv.ledger.jsonl").saying(&["is a ledger"]);
    init("./notes.csv").saying(&["is the spreadsheet itself"]);
    assert_eq!(kept(), before);
    folder.call(&["init", "notes.csv", "--force"]).with_code(0);
    folder.call(&["init", "notes.csv", "--force"]).with_code(0);
    #[cfg(unix)]
    {
        let mode = |name: &str| std::os::unix::fs::MetadataExt::mode(&folder.path(name).metadata().unwrap());
        assert_eq!(mode("batchpost.toml"), mode("notes.csv"), "it is made by the umask, like any other file");
    }
}

#[cfg(unix)]
#[test]
fn force_keeps_a_link_and_who_may_read_what_it_leads_to() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = Folder::with_rows(1);
    folder.secret("dotfile", "marker = true\n");
    symlink("dotfile", folder.path("batchpost.toml")).unwrap();
    symlink("notes.csv", folder.path("sheet.toml")).unwrap();
    folder.call(&["init", "notes.csv", "--force"]).with_code(0);
    assert!(folder.path("batchpost.toml").is_symlink() && !folder.read("dotfile").contains("marker = true\n"));
    assert_eq!(folder.path("dotfile").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let sheet = folder.call(&["init", "notes.csv", "--force", "-o", "sheet.toml"]).with_code(2);
    sheet.saying(&["is the spreadsheet itself"]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_there_is_kept_where_there_is_no_room_for_the_new() {
    let folder = Folder::with_rows(1);
    folder.write("batchpost.toml", "marker = true\n");
    for more in [&["--force"][..], &["-o", "new.toml"]] {
        let command = folder.batchpost(&[&["init", "notes.csv"], more].concat());
        let ran = ended(&mut folder.in_shell("trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", &command));
        ran.with_code(2).saying(&["cannot be written"]);
    }
    assert_eq!(folder.read("batchpost.toml"), "marker = true\n");
    assert_eq!(folder.names(), ["batchpost.toml", "notes.csv"]);
}
