//! Reads the workbooks that `fixtures/sheets.py` creates.

use std::io::Cursor;

use super::*;

/// Reads a fixture.
pub(super) fn bytes(name: &str) -> Vec<u8> {
    let bytes = match name {
        "table.xlsx" => &include_bytes!("../../fixtures/table.xlsx")[..],
        "table.xlsb" => &include_bytes!("../../fixtures/table.xlsb")[..],
        "table.xls" => &include_bytes!("../../fixtures/table.xls")[..],
        "table.ods" => &include_bytes!("../../fixtures/table.ods")[..],
        "odd.xlsx" => &include_bytes!("../../fixtures/odd.xlsx")[..],
        "odd.ods" => &include_bytes!("../../fixtures/odd.ods")[..],
        "programs.ods" => &include_bytes!("../../fixtures/programs.ods")[..],
        "records.xls" => &include_bytes!("../../fixtures/records.xls")[..],
        "excel5.xls" => &include_bytes!("../../fixtures/excel5.xls")[..],
        "halves.xlsx" => &include_bytes!("../../fixtures/halves.xlsx")[..],
        "replaced.xlsx" => &include_bytes!("../../fixtures/replaced.xlsx")[..],
        "1904.xlsx" => &include_bytes!("../../fixtures/1904.xlsx")[..],
        "1904.xlsb" => &include_bytes!("../../fixtures/1904.xlsb")[..],
        "1904.xls" => &include_bytes!("../../fixtures/1904.xls")[..],
        "errors.xlsb" => &include_bytes!("../../fixtures/errors.xlsb")[..],
        "encrypted.xlsx" => &include_bytes!("../../fixtures/encrypted.xlsx")[..],
        "encrypted.ods" => &include_bytes!("../../fixtures/encrypted.ods")[..],
        "notes.csv" => b"Ticket ID,Comment\n1001,note\n",
        other => panic!("no fixture {other}"),
    };
    bytes.to_vec()
}

fn open(name: &str, sheet: Option<&str>, header_row: u32) -> Result<Sheet, SheetError> {
    let mut file = Cursor::new(bytes(name));
    let kind = WorkbookKind::sniff(&mut file).unwrap().unwrap();
    Sheet::open(file, kind, sheet, header_row)
}

/// Formats the rows briefly: number, cells, and cells beyond the header.
fn brief(mut sheet: Sheet) -> Vec<String> {
    let mut rows = Vec::new();
    while let Some(number) = sheet.next().unwrap() {
        let cells: Vec<String> = (0..sheet.columns().len())
            .map(|column| match sheet.cell(column) {
                CellText::Text(text) => format!("{text:?}"),
                CellText::Number(number) => number.to_owned(),
                CellText::Inexact(number) => format!("inexact {number}"),
                CellText::Error(error) => format!("error {error}"),
                CellText::Garbled(text) => format!("garbled {text:?}"),
                CellText::Uncomputed => "uncomputed".to_owned(),
            })
            .collect();
        let beyond = sheet.beyond().map(|name| format!(" and {name}")).unwrap_or_default();
        rows.push(format!("{number}: {}{beyond}", cells.join(" | ")));
    }
    assert_eq!(sheet.next().unwrap(), None);
    assert_eq!(sheet.cell(0), CellText::Text(""));
    rows
}

#[test]
fn one_table_is_the_same_in_every_format() {
    for name in ["table.xlsx", "table.xlsb", "table.xls", "table.ods"] {
        let sheet = open(name, None, 1).unwrap();
        assert_eq!(sheet.name(), "Notes", "{name}: the first that is shown and has cells");
        assert_eq!(sheet.columns(), ["Ticket ID", "Comment", "", "When", "Value"], "{name}");
        assert_eq!(
            brief(sheet),
            [
                r#"2: 143 | "Called back" | "" | "2026-03-01" | 0.3"#,
                r#"4: 144 | "two\nlines,  two blanks " | "beside" | "2026-03-01 14:05" | "TRUE""#,
                r#"5: 145 | "Grüße 👍 <&>" | "" | "14:05" | 1240.5"#,
                r##"6: 146 | "" | "" | "36:30" | error #REF!"##,
                r#"7: inexact 1234567890123450 | " blanks before" | "" | "2026-03-01 14:05:07" | "FALSE""#,
                r#"8: 147 | "ab" | "" | "2026-03-01" | 0.333333333333333"#,
                r#"9: 148 | "text right of the columns" | "" | "" | "" and F9"#,
            ],
            "{name}"
        );
    }
}

#[test]
fn a_cell_right_of_the_columns_is_told_by_its_name() {
    let mut sheet = open("table.xlsx", Some("notes"), 6).unwrap();
    assert_eq!(sheet.columns(), ["146", "", "", "36:30", "#REF!"]);
    assert_eq!((sheet.next().unwrap(), sheet.beyond()), (Some(7), None));
    let mut sheet = open("table.ods", Some("other"), 1).unwrap();
    assert_eq!((sheet.next().unwrap(), sheet.beyond(), sheet.a1(2)), (Some(2), None, "C2".to_owned()));
    for name in ["table.xlsx", "table.xlsb", "table.xls", "table.ods"] {
        let sheet = open(name, Some("Notes"), 5).unwrap();
        assert_eq!(sheet.columns().len(), 5, "{name}");
    }
    let mut sheet = open("odd.xlsx", None, 1).unwrap();
    assert_eq!((sheet.next().unwrap(), sheet.beyond()), (Some(3), Some("B3".to_owned())));
}

#[test]
fn odd_cells_of_xlsx_are_what_excel_shows() {
    let sheet = open("odd.xlsx", None, 3).unwrap();
    assert_eq!(sheet.columns(), ["Ticket", "Text", "Third"]);
    assert_eq!(
        brief(sheet),
        [
            r#"4: 1 | "inline" | uncomputed"#,
            r#"5: 2 | "rich text" | """#,
            r##"6: 3 | "東京" | error #DIV/0!"##,
            r#"7: 4 | "one\r\ntwo" | "_x000D_""#,
            r#"8: 5 | "not kept" | "  kept  ""#,
            r#"9: 6 | "2026-03-01 14:05" | "1900-02-29""#,
            r#"10: 7 | "" | """#,
            r#"11: "" | " " | """#,
            "12: inexact 12345678901234567168 | 8 | 0.001",
            r###"13: 9 | " blanks & all " | error ########"###,
        ]
    );
}

#[test]
fn odd_cells_of_ods_are_what_libreoffice_shows() {
    let sheet = open("odd.ods", None, 3).unwrap();
    assert_eq!(sheet.columns(), ["Ticket", "Text", "Third"]);
    assert_eq!(
        brief(sheet),
        [
            r#"4: 1 | "one span   end\n\na  b c\nd\te" | uncomputed"#,
            r#"5: 2 | "commented" | error Err:502"#,
            r#"6: 3 | 3 | """#,
            r#"7: 3 | 3 | """#,
            r#"8: 3 | 3 | """#,
            "19: 4 | 0.5 | 1240.5",
            r#"20: 5 | "merged" | """#,
            r#"21: 6 | "<no type>" | "東京""#,
            r#"22: 7 | "" | """#,
        ]
    );
}

#[test]
fn what_programs_write_into_ods_is_what_they_show() {
    assert_eq!(
        brief(open("programs.ods", None, 1).unwrap()),
        [
            r#"2: 1 | "steps:\n    indented\na  b  c""#,
            "3: 2 | error #DIV/0!",
            r##"4: 3 | "#N/A""##,
            r#"5: 4 | "2026-03-01 14:05""#,
            r#"6: 5 | "2026-03-01 14:05""#,
            r#"7: 6 | "TRUE""#,
            r#"8: 7 | "FALSE""#,
            "9: 8 | 1",
            r#"10: 9 | """#,
        ]
    );
}

#[test]
fn records_of_xls_are_read_as_the_file_has_them() {
    assert_eq!(
        brief(open("records.xls", None, 1).unwrap()),
        [
            "2: 1 | 0.125",
            r#"3: 2 | "2026-03-01""#,
            r#"4: 3 | "36:30""#,
            r#"5: 4 | "ab👍c""#,
            r#"6: 5 | "Grüße東京""#,
            r#"7: 6 | "\u{feff}marked""#,
            "8: 7 | garbled \"half \u{fffd}\"",
            r#"9: 8 | "rich""#,
            r#"10: 9 | "after""#,
            r#"11: 10 | "of two👍""#,
            "12: 11 | uncomputed",
            r#"13: 12 | "TRUE""#,
            "14: 13 | error #DIV/0!",
            r#"15: 14 | """#,
            "16: 15 | 12.34",
        ]
    );
}

#[test]
fn an_xls_of_excel_5_is_read_in_its_code_page() {
    assert_eq!(
        brief(open("excel5.xls", None, 1).unwrap()),
        [r#"2: 1 | "東京""#, "3: 2 | garbled \"cut off \u{fffd}\"", r#"4: 3 | "2026-03-01""#]
    );
}

#[test]
fn half_a_character_of_xlsx_is_told_from_a_replacement_character() {
    assert_eq!(
        brief(open("halves.xlsx", None, 1).unwrap()),
        [r#"2: 1 | "whole 👍""#, "3: 2 | garbled \"half \u{fffd}\"", "4: 3 | garbled \"\u{fffd}\""]
    );
    assert_eq!(brief(open("replaced.xlsx", None, 1).unwrap()), ["2: 1 | \"replaced \u{fffd}\""]);
}

#[test]
fn formulas_with_an_error_are_not_empty_in_xlsb() {
    let rows = brief(open("errors.xlsb", None, 1).unwrap());
    assert_eq!(rows, [r##"2: 1 | error #DIV/0!"##, r##"3: error #N/A | """##, r#"4: 2 | "after""#]);
}

#[test]
fn days_are_counted_from_1904_where_the_workbook_says_so() {
    for name in ["1904.xlsx", "1904.xlsb", "1904.xls"] {
        let rows = brief(open(name, None, 1).unwrap());
        assert_eq!(rows, [r#"2: "2026-03-01""#, r#"3: "2026-03-01 14:05""#], "{name}");
    }
}

#[test]
fn the_kind_is_told_by_the_content() {
    for (name, wanted) in [
        ("table.xlsx", Some("xlsx")),
        ("odd.xlsx", Some("xlsx")),
        ("table.xlsb", Some("xlsb")),
        ("table.xls", Some("xls")),
        ("table.ods", Some("ods")),
        ("encrypted.xlsx", Some("xlsx")),
        ("encrypted.ods", Some("ods")),
        ("notes.csv", None),
    ] {
        let mut source = Cursor::new(bytes(name));
        source.set_position(3);
        let kind = WorkbookKind::sniff(&mut source).unwrap();
        assert_eq!((kind.map(|kind| kind.to_string()).as_deref(), source.position()), (wanted, 0), "{name}");
    }
    for other in [&b""[..], b"PK", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"] {
        assert_eq!(WorkbookKind::sniff(&mut Cursor::new(other)).unwrap(), None);
    }
}

#[test]
fn a_cut_off_workbook_has_its_kind_and_is_unreadable() {
    for name in ["table.xlsx", "table.xls", "table.ods"] {
        let whole = bytes(name);
        for length in [513, whole.len() / 3, whole.len() / 2] {
            let mut source = Cursor::new(whole[..length].to_vec());
            let kind = WorkbookKind::sniff(&mut source).unwrap().unwrap();
            let error = Sheet::open(source, kind, None, 1).map(brief).unwrap_err();
            assert!(error.to_string().contains("may be damaged"), "{name} {length}: {error}");
            assert!(matches!(error, SheetError::Panicked) || std::error::Error::source(&error).is_some());
        }
    }
}

#[test]
fn errors_name_what_was_found() {
    for (name, sheet, header_row, wanted) in [
        ("table.xlsx", Some("Sheet1"), 1, r#"no sheet "Sheet1"; the sheets are "Other", "Notes", "Empty""#),
        (
            "table.xlsx",
            Some("Chart"),
            1,
            "the sheet \"Chart\" is a chart and has no cells; the sheets are \"Other\", \"Notes\", \"Empty\"",
        ),
        ("table.ods", None, 3, r#"row 3 of the sheet "Notes", the header row, is empty"#),
        ("table.xls", None, 12, "the header row is 12, but the last row of the sheet \"Notes\" that is not empty is 9"),
        (
            "table.xlsb",
            Some("Empty"),
            1,
            "the header row is 1, but the last row of the sheet \"Empty\" that is not empty is 0",
        ),
        ("encrypted.xlsx", None, 1, "the workbook is encrypted: open it with its password and save a copy without one"),
        ("encrypted.ods", None, 1, "the workbook is encrypted: open it with its password and save a copy without one"),
    ] {
        assert_eq!(open(name, sheet, header_row).unwrap_err().to_string(), wanted, "{name}");
    }
}

#[test]
fn a_sheet_can_go_to_another_thread() {
    fn assert_send<T: Send>() {}
    assert_send::<Sheet>();
}
