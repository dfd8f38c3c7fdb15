//! Rows are identified by their content, in any format.

use std::path::Path;

use rust_xlsxwriter::Workbook;

use crate::support::{Api, Folder, LIMIT, Ran, quick};

/// A row of these sheets: ticket and text.
type Row<'a> = (u64, &'a str);

fn csv(rows: &[Row<'_>]) -> String {
    let rows: String = rows.iter().map(|(ticket, text)| format!("{ticket},{text}\n")).collect();
    format!("Ticket ID,Comment\n{rows}")
}

/// Saves rows like a person who opened the CSV in Excel: tickets are now numbers.
fn save_as_xlsx(path: &Path, rows: &[Row<'_>]) {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write_row(0, 0, ["Ticket ID", "Comment"]).unwrap();
    for (nth, (ticket, text)) in (1..).zip(rows) {
        sheet.write_number(nth, 0, *ticket as f64).unwrap();
        sheet.write_string(nth, 1, *text).unwrap();
    }
    workbook.save(path).unwrap();
}

fn run(folder: &Folder, api: &Api, input: &str) -> Ran {
    let ledger = "notes.csv.ledger.jsonl";
    folder.call(&["run", input, "--ledger", ledger, "--url", &api.url(), "--limit", LIMIT, "--json"])
}

#[test]
fn a_sheet_sorted_mended_added_to_and_saved_as_xlsx_goes_on_with_just_what_is_new() {
    let api = Api::failing(&["400@ticket:9001", "400@ticket:9002"]);
    let folder = Folder::new();
    let before: Vec<Row<'_>> = vec![
        (1, "called back"),
        (2, "router replaced"),
        (9001, "wrong ticket one"),
        (3, "line stable"),
        (9002, "wrong ticket two"),
        (4, "invoice paid twice"),
        (5, "no answer"),
        (6, "left a message"),
    ];
    folder.write("notes.csv", csv(&before));
    let json = run(&folder, &api, "notes.csv").with_code(1).json();
    assert_eq!((&json["posted"], &json["rejected"]), (&6.into(), &2.into()), "{json}");

    // Row 4 is deleted, the two rejected rows have correct tickets now, three rows are new, and all are
    // sorted.
    let mut after: Vec<Row<'_>> = before.iter().copied().filter(|(ticket, _)| *ticket != 4).collect();
    for (ticket, _) in after.iter_mut().filter(|(ticket, _)| *ticket > 9000) {
        *ticket -= 8000;
    }
    after.extend([(7, "new one"), (8, "new two"), (2, "new three")]);
    after.sort_by_key(|(_, text)| *text);
    save_as_xlsx(&folder.path("notes.xlsx"), &after);
    let json = run(&folder, &api, "notes.xlsx").with_code(0).json();
    assert_eq!((&json["posted_now"], &json["attempts_now"]), (&5.into(), &5.into()), "{json}");
    assert_eq!((&json["rows"], &json["posted"], &json["vanished"]), (&10.into(), &10.into(), &3.into()), "{json}");
    let mut notes: Vec<(u64, String)> = api.notes().into_iter().map(|note| (note.ticket, note.text)).collect();
    notes.sort();
    let mut wanted: Vec<(u64, String)> = after.iter().map(|(ticket, text)| (*ticket, (*text).to_owned())).collect();
    wanted.push((4, "invoice paid twice".to_owned()));
    wanted.sort();
    assert_eq!(notes, wanted, "each note once");
}

#[test]
fn a_row_edited_in_the_workbook_after_it_was_posted_is_held_and_named() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", csv(&[(1, "called back"), (2, "router replaced")]));
    run(&folder, &api, "notes.csv").with_code(0);
    save_as_xlsx(&folder.path("notes.xlsx"), &[(3, "new"), (2, "router replaced, and tested"), (1, "called back")]);
    let ran = run(&folder, &api, "notes.xlsx").with_code(1).saying(&["held", "row=2", "ticket=2"]);
    let json = ran.json();
    assert_eq!((&json["posted_now"], &json["held"]), (&1.into(), &1.into()), "{json}");
}

/// A file of `fixtures/formats`.
fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats").join(name)
}

#[test]
fn a_batch_posted_from_csv_is_done_in_every_workbook_of_the_same_rows_packed_too() {
    let api = Api::start(quick());
    let folder = Folder::new();
    let columns =
        ["--column", "text=Comment", "--column", "text=Created", "--column", "text=Minutes", "--column", "text=Urgent"];
    let url = api.url();
    let posting = ["--ledger", "batch.jsonl", "--url", &url, "--json"];
    let call = |command: &str, input: &str, more: &[&str]| {
        folder.call(&[&[command, input][..], &columns, &posting, more].concat())
    };
    let csv = fixture("rows.csv");
    let json = call("run", csv.to_str().unwrap(), &["--limit", LIMIT]).with_code(0).json();
    assert_eq!(json["posted"], 500, "{json}");
    for (name, format) in
        [("rows.xlsx", "xlsx"), ("rows.xlsm", "xlsx"), ("rows.xlsb", "xlsb"), ("rows.xls", "xls"), ("rows.ods", "ods")]
    {
        let packed = folder.path(format!("{name}.gz"));
        folder.write(&format!("{name}.gz"), gzip(&std::fs::read(fixture(name)).unwrap()));
        for input in [fixture(name), packed] {
            let json = call("check", input.to_str().unwrap(), &[]).with_code(0).json();
            assert_eq!(
                (&json["posted"], &json["to_do"], &json["vanished"]),
                (&500.into(), &0.into(), &0.into()),
                "{json}"
            );
            assert_eq!((&json["format"], &json["sheet"]), (&format.into(), &"Notes".into()));
        }
    }
    // A workbook on standard input is first copied completely.
    let mut command =
        folder.batchpost(&[&["run", "-", "--format", "xlsx", "--limit", LIMIT][..], &columns, &posting].concat());
    let workbook = std::fs::File::open(fixture("rows.xlsx")).unwrap();
    let json = crate::support::ended(command.stdin(workbook)).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"]), (&500.into(), &0.into()), "{json}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn cells_come_out_to_the_byte_whatever_a_csv_makes_of_them() {
    // The cases in which CSV readers differ.
    for (name, csv, texts) in [
        ("commas in quotes", "Ticket,Text\n1,\"a, b, and c\"\n", &["a, b, and c"][..]),
        (
            "escaped quotes",
            "Ticket,Text\n1,\"she said \"\"no\"\", twice\"\n2,\"\"\"\"\n",
            &["she said \"no\", twice", "\""],
        ),
        ("newlines in quotes", "Ticket,Text\n1,\"a\nb\n\nc\"\n", &["a\nb\n\nc"]),
        ("CRLF", "Ticket,Text\r\n1,\"a\r\nb\"\r\n2,c\r\n", &["a\r\nb", "c"]),
        ("quotes and newlines", "Ticket,Text\n1,\"\"\"a\"\"\n\"\"b\"\"\"\n", &["\"a\"\n\"b\""]),
        ("empty fields", "Ticket,x,Text,y\n1,,a,\n2,\"\",b,\"\"\n", &["a", "b"]),
        (
            "JSON in cells",
            "Ticket,Text\n1,\"{\"\"type\"\": \"\"Point\"\", \"\"at\"\": [1, 2.0]}\"\n",
            &["{\"type\": \"Point\", \"at\": [1, 2.0]}"],
        ),
        ("UTF-8", "Ticket,Text\n1,\u{2028}ʤ Grüße 😀 \u{200b}\n", &["\u{2028}ʤ Grüße 😀 \u{200b}"]),
        ("blanks around", "Ticket,Text\n1,  a \t\n", &["  a \t"]),
        ("no line end at the end", "Ticket,Text\n1,a", &["a"]),
        (
            "markup and templates",
            "Ticket,Text\n1,<b>&amp;</b> {{ x }} ${y} {product} %s \\n\n",
            &["<b>&amp;</b> {{ x }} ${y} {product} %s \\n"],
        ),
    ] {
        let api = Api::start(quick());
        let folder = Folder::new();
        folder.write("notes.csv", csv);
        folder.run(&api, &[]).with_code(0);
        let mut notes: Vec<(u64, String)> = api.notes().into_iter().map(|note| (note.ticket, note.text)).collect();
        notes.sort();
        let wanted: Vec<(u64, String)> = (1..).zip(texts.iter().map(|text| (*text).to_owned())).collect();
        assert_eq!(notes, wanted, "{name}");
    }
}

#[test]
fn each_sheet_of_a_workbook_has_its_own_ledger() {
    let api = Api::start(quick());
    let folder = Folder::new();
    let mut workbook = Workbook::new();
    // Characters that sheet names may contain, but not file names on every system.
    for (name, text) in [("North", "from the north"), ("South|<West>", "from the south")] {
        let sheet = workbook.add_worksheet().set_name(name).unwrap();
        sheet.write_row(2, 0, ["Ticket ID", "Comment"]).unwrap();
        sheet.write_row(3, 0, ["7", text]).unwrap();
    }
    workbook.save(folder.path("notes.xlsx")).unwrap();
    let run = |more: &[&str]| {
        let url = api.url();
        folder.call(
            &[&["run", "notes.xlsx", "--url", &url, "--limit", LIMIT, "--json", "--header-row", "3"][..], more]
                .concat(),
        )
    };
    run(&[]).with_code(0);
    run(&["--sheet", "South|<West>"]).with_code(0);
    assert_eq!(api.texts(), ["from the north", "from the south"]);
    let names = folder.names();
    assert!(names.contains(&"notes.xlsx.ledger.jsonl".to_owned()), "{names:?}");
    assert!(names.contains(&"notes.xlsx.South__West_.ledger.jsonl".to_owned()), "{names:?}");
    let json = run(&["--sheet", "South|<West>"]).with_code(0).json();
    assert_eq!((&json["posted"], &json["attempts_now"]), (&1.into(), &0.into()), "{json}");
    // Resumed, it is read with the same settings.
    let ledger = "notes.xlsx.South__West_.ledger.jsonl";
    folder.call(&["resume", ledger, "--json"]).with_code(0);
    run(&["--sheet", "East"]).with_code(2).saying(&["\"North\"", "South|<West>", "--sheet"]);
}
