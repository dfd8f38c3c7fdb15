//! A settlement is recorded completely or not at all: on a full disk, cut off anywhere, and from a sheet that
//! does not fit the ledger.

use crate::support::{Api, Folder, ended, records};

const LEDGER: &str = "notes.csv.ledger.jsonl";

/// A posted row, and `rows` invalid rows.
fn with_invalid(rows: u64) -> Folder {
    let api = Api::failing(&[]);
    let folder = Folder::new();
    let invalid: String = (1..=rows).map(|row| format!("x{row},note\n")).collect();
    folder.write("notes.csv", format!("Ticket ID,Comment\n1001,note\n{invalid}"));
    folder.run(&api, &["--skip-invalid"]).with_code(1);
    folder
}

fn invalid(folder: &Folder) -> u64 {
    folder.call(&["status", LEDGER, "--json"]).json()["invalid"].as_u64().unwrap()
}

const WAIVE: [&str; 6] = ["settle", LEDGER, "--state", "invalid", "--as", "waived"];

/// A full disk, simulated by a file size limit whose signal the shell ignores.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_none_of_700_decisions_is_recorded_and_with_room_again_all_are() {
    let folder = with_invalid(700);
    let before = folder.read(LEDGER);
    // In blocks of 512 bytes. The decisions take more than 100 blocks.
    for room in [0, 1, 40, 100] {
        let blocks = before.len().div_ceil(512) + room;
        let bound = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let command = folder.batchpost(&WAIVE);
        ended(&mut folder.in_shell(&bound, &command)).with_code(3).saying(&[
            LEDGER,
            "File too large",
            "no decision was recorded",
        ]);
        assert_eq!(invalid(&folder), 700, "with room for {room} blocks");
        assert_eq!(folder.read(LEDGER), before, "with room for {room} blocks");
    }
    folder.call(&WAIVE).with_code(0);
    assert_eq!(invalid(&folder), 0);
    assert_eq!(records(&folder.ledger(LEDGER), "settle").len(), 1);
}

/// More decisions than fit into one record.
#[test]
fn a_settlement_of_several_records_counts_with_its_last_one_and_no_sooner_and_is_given_again() {
    let rows = 5000;
    let folder = with_invalid(rows);
    let before = folder.read(LEDGER);
    folder.call(&WAIVE).with_code(0);
    let whole = folder.read(LEDGER);
    let settlements: Vec<_> = records(&folder.ledger(LEDGER), "settle").iter().map(|s| s["part"].clone()).collect();
    assert_eq!(settlements.len(), 2);
    assert_eq!(settlements[1], serde_json::json!({ "number": 2, "of": 2 }));
    assert_eq!(invalid(&folder), 0);

    let added: Vec<&str> = whole[before.len()..].split_inclusive('\n').collect();
    let kinds: Vec<_> = added.iter().map(|line| line.contains("\"settle\"")).collect();
    assert_eq!(kinds, [false, true, true, false], "a mark, two records, a mark");
    let (mark, first, second) = (added[0].len(), added[1].len(), added[2].len());
    for (at, incomplete) in [
        (mark, false),
        (mark + first / 2, false),
        (mark + first, true),
        (mark + first + second / 2, true),
        (mark + first + second - 1, true),
    ] {
        folder.write(LEDGER, &whole[..before.len() + at]);
        assert_eq!(invalid(&folder), rows, "cut after {at} bytes");
        for command in [&["status", LEDGER][..], &["show", LEDGER, "--row", "1"]] {
            let ran = folder.call(command);
            let said = ran.stdout.clone() + &ran.stderr;
            assert_eq!(said.contains("1 settlement was cut off"), incomplete, "{command:?}, {at}: {said}");
        }
        folder.call(&WAIVE).with_code(0).saying(if incomplete { &["1 settlement was cut off"] } else { &[] });
        assert_eq!(invalid(&folder), 0, "cut after {at} bytes");
        let ran = folder.call(&["status", LEDGER]);
        assert!(!ran.stdout.contains("cut off"), "{}", ran.stdout);
    }
}

/// The cells of the exported rows in doubt.
fn doubts(folder: &Folder) -> Vec<Vec<String>> {
    let export = folder.call(&["export", LEDGER, "--state", "in_doubt"]).with_code(0).stdout;
    let lines = export.trim_start_matches('\u{feff}').lines();
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Eight rows, of which 2, 4 and 6 are in doubt and exported with a decision each.
fn exported_doubts(more: &[&str]) -> (Api, Folder, Vec<Vec<String>>) {
    let api = Api::failing(&["reset@2,4,6"]);
    let folder = Folder::with_rows(8);
    folder.run(&api, &[&["--concurrency", "1"], more].concat()).with_code(4);
    let mut cells = doubts(&folder);
    for row in &mut cells[1..] {
        let decision = row.len() - 2;
        row[decision] = "posted".to_owned();
    }
    (api, folder, cells)
}

fn give_back(folder: &Folder, cells: &[Vec<String>]) -> crate::support::Ran {
    let sheet: String = cells.iter().map(|row| row.join(",") + "\r\n").collect();
    folder.write("doubts.csv", format!("\u{feff}{sheet}"));
    folder.call(&["settle", LEDGER, "--from", "doubts.csv"])
}

fn swap(cells: &mut [Vec<String>], column: usize, one: usize, other: usize) {
    let cell = cells[one][column].clone();
    cells[one][column] = std::mem::replace(&mut cells[other][column], cell);
}

#[test]
fn a_sheet_whose_keys_were_sorted_apart_from_its_rows_is_refused_by_rows_and_nothing_is_recorded() {
    let (_api, folder, cells) = exported_doubts(&[]);
    let before = folder.read(LEDGER);
    let key = cells[0].len() - 1;
    let mut sorted = cells.clone();
    swap(&mut sorted, key, 1, 3);
    give_back(&folder, &sorted).with_code(2).saying(&[
        "rows 2, 6: the ticket in the sheet differs from the ledger for this key",
        "2 decisions are not possible; nothing was changed",
    ]);
    let text = cells[0].iter().position(|name| name == "Comment").unwrap();
    let mut edited = cells.clone();
    edited[2][text] = "note 999".to_owned();
    give_back(&folder, &edited).with_code(2).saying(&["row 4: the text in the sheet differs"]);
    let attempts = key - 3;
    assert_eq!(cells[0][attempts], "attempts");
    let mut other = cells.clone();
    other[1][attempts] = "1.0".to_owned();
    give_back(&folder, &other).with_code(2).saying(&["line 2: \"1.0\" is not a number of attempts"]);
    assert_eq!(folder.read(LEDGER), before);
    // The unchanged sheet, and one without the columns that are compared.
    let mut few = cells.clone();
    few.iter_mut().for_each(|row| drop(row.drain(..key - 1)));
    few[1][0] = String::new();
    give_back(&folder, &few).with_code(0);
    give_back(&folder, &cells).with_code(0).saying(&["row 2 ticket 1002: in_doubt -> posted"]);
}

#[test]
fn a_sheet_made_of_the_ledger_alone_is_refused_when_its_numbers_are_other_rows() {
    let (_api, folder, _) = exported_doubts(&[]);
    folder.write("notes.csv", "Ticket ID,Comment\n");
    let mut cells = doubts(&folder);
    cells[1..].iter_mut().for_each(|row| row[6] = "waived".to_owned());
    let mut moved = cells.clone();
    swap(&mut moved, 0, 1, 2);
    give_back(&folder, &moved)
        .with_code(2)
        .saying(&["rows 2, 4", "the row number in the sheet differs from the ledger for this key"]);
    swap(&mut moved, 1, 1, 2);
    give_back(&folder, &moved).with_code(2).saying(&["rows 2, 4", "the ticket in the sheet differs"]);
    give_back(&folder, &cells).with_code(0);
}

/// Every row of these files, including texts with many lines and scripts, texts like formulas, and identical
/// texts.
#[test]
fn what_was_exported_is_no_contradiction_whatever_the_format_of_the_input_was() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let formats = ["csv", "ods", "xls", "xlsb", "xlsx"].map(|format| format!("formats/rows.{format}"));
    let others = ["notes.jsonl".to_owned()];
    let template: &[&str] = &["--text-template", r#"{{Comment}} ({{row["Ticket ID"]}})"#];
    let mappings: [&[&str]; 2] = [&["--column", "text=Comment"], template];
    for (name, mapping) in formats.iter().chain(&others).flat_map(|name| mappings.map(|mapping| (name, mapping))) {
        let api = Api::start(crate::support::quick());
        let folder = Folder::new();
        let input = name.rsplit('/').next().unwrap();
        std::fs::copy(fixtures.join(name), folder.path(input)).unwrap();
        let (url, ledger) = (api.url(), "l.jsonl");
        let run = [
            "run",
            input,
            "--url",
            &url,
            "--ledger",
            ledger,
            "--limit",
            "5000/1s",
            "--skip-invalid",
            "--duplicates",
            "post",
        ];
        folder.call(&[&run[..], mapping].concat()).with_code(0);
        let json = folder.call(&["status", ledger, "--json"]).json();
        let posted = json["posted"].as_u64().unwrap();
        assert!(posted > 10, "{name} {mapping:?}: {json}");
        let export = folder.call(&["export", ledger, "--state", "posted"]).with_code(0).saying(&[]).stdout;
        assert!(!export.contains("\nrow,ticket"), "{name} has its own columns");
        let is_end = |line: &str| line.len() > 33 && line[..line.len() - 32].ends_with(",,");
        let decide = |line: &str| match line.is_char_boundary(line.len().saturating_sub(32)) && is_end(line) {
            true => format!("{},posted,{}", &line[..line.len() - 34], &line[line.len() - 32..]),
            false => line.to_owned(),
        };
        let decided: Vec<String> = export.split("\r\n").map(decide).collect();
        folder.write("decided.csv", decided.join("\r\n"));
        let said = folder.call(&["settle", ledger, "--from", "decided.csv", "--json"]).with_code(0).json();
        assert_eq!((&said["already"], &said["settled"]), (&posted.into(), &0.into()), "{name} {mapping:?}: {said}");
    }
}
