//! Rows are known by their content, in whatever format they come.

use std::path::Path;

use rust_xlsxwriter::Workbook;

use crate::support::{Api, Folder, LIMIT, Ran, quick};

/// A row of the sheets here: ticket and text.
type Row<'a> = (u64, &'a str);

fn csv(rows: &[Row<'_>]) -> String {
    let rows: String = rows.iter().map(|(ticket, text)| format!("{ticket},{text}\n")).collect();
    format!("Ticket ID,Comment\n{rows}")
}

/// Saves rows as a person does who has opened the CSV in Excel: tickets are numbers now.
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

    // Row 4 is deleted, the two rejected ones have their right tickets now, three are new, and all are sorted.
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
