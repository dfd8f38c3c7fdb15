//! Damaged and malicious workbooks: for any content, reading ends and memory is bounded.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::tests::bytes as fixture;
use super::*;

pub(super) type Members = Vec<(String, Vec<u8>)>;

fn unpack(name: &str) -> Members {
    let mut archive = ZipArchive::new(Cursor::new(fixture(name))).unwrap();
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        members.push((part.name().unwrap().into_owned(), bytes));
    }
    members
}

/// Packs with correct checksums, to pass the verification.
pub(super) fn pack(members: &Members) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let method = if bytes.len() > 100_000 { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        archive.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Returns the workbook with the text of one part changed.
fn changed(name: &str, part: &str, change: impl Fn(String) -> String) -> Vec<u8> {
    let mut members = unpack(name);
    let (_, bytes) = members.iter_mut().find(|(found, _)| found == part).unwrap();
    *bytes = change(String::from_utf8(std::mem::take(bytes)).unwrap()).into_bytes();
    pack(&members)
}

/// Reads all rows and counts them.
fn read(bytes: Vec<u8>, kind: WorkbookKind) -> Result<usize, SheetError> {
    read_sheet(bytes, kind, None)
}

fn read_sheet(bytes: Vec<u8>, kind: WorkbookKind, sheet: Option<&str>) -> Result<usize, SheetError> {
    let mut sheet = Sheet::open(Cursor::new(bytes), kind, sheet, 1)?;
    let mut rows = 0;
    while sheet.next()?.is_some() {
        (0..sheet.columns().len()).for_each(|column| _ = sheet.cell(column));
        rows += 1;
    }
    Ok(rows)
}

fn why(result: Result<usize, SheetError>) -> String {
    let error = result.unwrap_err();
    match std::error::Error::source(&error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is_in_a_part() {
    let whole = fixture("table.xlsx");
    let mut archive = ZipArchive::new(Cursor::new(&whole)).unwrap();
    let part = archive.by_name("xl/sharedStrings.xml").unwrap();
    let start = part.data_start().unwrap() as usize;
    for at in start..start + part.compressed_size() as usize {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert!(read(bytes, WorkbookKind::Xlsx).is_err(), "byte {at}");
    }
}

#[test]
fn a_declared_extent_costs_nothing() {
    // odd.xlsx declares the full extent of a sheet.
    assert_eq!(read(fixture("odd.xlsx"), WorkbookKind::Xlsx).unwrap(), 11);
}

#[test]
fn shared_strings_that_are_only_counted_are_not_made_room_for() {
    let bytes = changed("table.xlsx", "xl/sharedStrings.xml", |xml| {
        let at = xml.find("uniqueCount=\"").unwrap() + "uniqueCount=\"".len();
        format!("{}90000000000{}", &xml[..at], &xml[at..])
    });
    assert!(why(read(bytes, WorkbookKind::Xlsx)).starts_with("90000000000"));
}

#[test]
fn one_string_cannot_fill_the_memory_by_being_in_every_cell() {
    let long = "x".repeat(100_000);
    let cells: String = (0..10_000).map(|_| r#"<c t="s"><v>0</v></c>"#).collect();
    let mut members = unpack("table.xlsx");
    for (name, bytes) in &mut members {
        match name.as_str() {
            "xl/sharedStrings.xml" => *bytes = format!("<sst><si><t>{long}</t></si></sst>").into_bytes(),
            "xl/worksheets/sheet2.xml" => {
                *bytes = format!("<worksheet><sheetData><row>{cells}</row></sheetData></worksheet>").into_bytes();
            }
            _ => {}
        }
    }
    assert_eq!(why(read(pack(&members), WorkbookKind::Xlsx)), "the text of row 1 is longer than 67108864 bytes");
}

#[test]
fn one_text_cannot_fill_the_memory_by_its_length() {
    let bytes = changed("table.xlsx", "xl/worksheets/sheet2.xml", |_| " ".repeat(65 << 20));
    assert_eq!(
        why(read(bytes, WorkbookKind::Xlsx)),
        "one text in xl/worksheets/sheet2.xml is longer than 67108864 bytes"
    );
}

#[test]
fn rows_that_do_not_ascend_are_an_error() {
    let bytes = changed("table.xlsx", "xl/worksheets/sheet2.xml", |xml| xml.replace("5\"", "2\""));
    assert_eq!(
        why(read(bytes, WorkbookKind::Xlsx)),
        "row 2 of the sheet comes after row 4; open the workbook and save it again"
    );
}

#[test]
fn cells_that_are_not_where_the_file_has_them_are_an_error() {
    let change = |from: &str, to: &str| {
        let bytes = changed("table.xlsx", "xl/worksheets/sheet2.xml", |xml| xml.replacen(from, to, 1));
        assert_ne!(bytes, changed("table.xlsx", "xl/worksheets/sheet2.xml", |xml| xml), "{from}");
        why(read(bytes, WorkbookKind::Xlsx))
    };
    assert_eq!(change("r=\"B5\"", "r=\"B6\""), "the cell B6 is in row 5");
    assert_eq!(change("r=\"B5\"", "r=\"A5\""), "the cell A5 occurs twice");
    assert_eq!(change("t=\"s\"><v>", "t=\"s\"><v>-"), "the cell A1 has the shared text \"-3\"");
    let missing = change("t=\"s\"><v>", "t=\"s\"><v>9999");
    assert!(missing.contains("not found in shared strings"), "{missing}");
}

#[test]
fn cells_beyond_the_last_column_are_an_error() {
    let bytes = changed("table.xlsx", "xl/worksheets/sheet2.xml", |xml| xml.replace("\"E1\"", "\"XFE1\""));
    assert_eq!(why(read(bytes, WorkbookKind::Xlsx)), "the cell XFE1 is beyond the last column of a sheet");
}

#[test]
fn an_ods_that_is_cut_off_inside_its_archive_is_an_error() {
    let whole = unpack("table.ods").into_iter().find(|(name, _)| name == "content.xml").unwrap().1.len();
    for length in (whole / 2..whole - 20).step_by(7) {
        let bytes = changed("table.ods", "content.xml", |xml| xml.chars().take(length).collect());
        assert!(read(bytes, WorkbookKind::Ods).is_err(), "{length}");
    }
}

#[test]
fn repeated_rows_and_columns_of_an_ods_cost_no_memory() {
    let cell = |repeats: u32, text: &str| {
        format!(
            "<table:table-cell table:number-columns-repeated=\"{repeats}\" office:value-type=\"string\">\
             <text:p>{text}</text:p></table:table-cell>"
        )
    };
    let with_rows = |repeats: u32, cells: &str| {
        changed("table.ods", "content.xml", |xml| {
            let row = format!("<table:table-row table:number-rows-repeated=\"{repeats}\">{cells}</table:table-row>");
            xml.replace("</table:table>", &format!("{row}</table:table>"))
        })
    };
    let full = cell(16_384, &"x".repeat(100_000));
    assert_eq!(read(with_rows(1000, &full), WorkbookKind::Ods).unwrap(), 7 + 1000);
    assert_eq!(read(with_rows(u32::MAX, "<table:table-cell/>"), WorkbookKind::Ods).unwrap(), 7);
    assert_eq!(read(with_rows(1, &cell(u32::MAX, "x")), WorkbookKind::Ods).unwrap(), 8);
    assert_eq!(why(read(with_rows(u32::MAX, &cell(1, "x")), WorkbookKind::Ods)), "more rows than 1048576");
    let blanks = cell(1, "<text:s text:c=\"4000000000\"/>");
    assert_eq!(read(with_rows(1, &blanks), WorkbookKind::Ods).unwrap(), 8);
    let many_blanks = cell(1, &"<text:s text:c=\"65536\"/>".repeat(20_000));
    assert_eq!(
        why(read(with_rows(1, &many_blanks), WorkbookKind::Ods)),
        "the text of a cell is longer than 67108864 bytes"
    );
}

#[test]
fn a_day_that_an_ods_counts_from_is_heeded() {
    for (day_zero, wanted) in [("1904-01-01", "2030-03-02 14:05"), ("1900-01-01", "2026-03-03 14:05")] {
        let bytes = changed("programs.ods", "content.xml", |xml| {
            let setting = format!("<office:spreadsheet><table:null-date table:date-value=\"{day_zero}\"/>");
            xml.replace("<office:spreadsheet>", &setting)
        });
        let mut sheet = Sheet::open(Cursor::new(bytes), WorkbookKind::Ods, None, 1).unwrap();
        while sheet.next().unwrap() != Some(6) {}
        assert_eq!(sheet.cell(1), CellText::Text(wanted));
    }
}

#[test]
fn a_repeated_header_row_of_an_ods_is_a_row_each_time() {
    let bytes = changed("table.ods", "content.xml", |xml| {
        let at = xml.find("table:name=\"Notes\"").unwrap();
        let row = at + xml[at..].find("<table:table-row").unwrap() + "<table:table-row".len();
        format!("{} table:number-rows-repeated=\"2\" {}", &xml[..row], &xml[row..])
    });
    let mut sheet = Sheet::open(Cursor::new(bytes), WorkbookKind::Ods, Some("Notes"), 1).unwrap();
    assert_eq!(sheet.next().unwrap(), Some(2));
    assert_eq!((sheet.cell(0), sheet.cell(1)), (CellText::Text("Ticket ID"), CellText::Text("Comment")));
    assert_eq!(sheet.next().unwrap(), Some(3));
    assert_eq!(sheet.cell(0), CellText::Number("143"));
}

/// Returns the bytes of an XLS with one record of its last sheet but one changed.
fn changed_xls(kind: [u8; 2], body: &[u8], put: &[u8]) -> Vec<u8> {
    let mut bytes = fixture("table.xls");
    let wanted: Vec<u8> = [&kind, &(put.len() as u16).to_le_bytes()[..], body].concat();
    let at = bytes.windows(wanted.len()).position(|window| window == wanted).unwrap();
    bytes[at + 4..at + 4 + put.len()].copy_from_slice(put);
    bytes
}

#[test]
fn an_extent_costs_nothing_in_an_xls() {
    // The cell A2, a number, moved to the last row and column that the record can address.
    let number = [1, 0, 0, 0];
    let far = changed_xls([0x7e, 0x02], &number, &[&[0xff; 4], &[0; 6][..]].concat());
    assert_eq!(
        why(read_sheet(far, WorkbookKind::Xls, Some("Other"))),
        "the cell CRXP65536 is beyond the last column of a sheet"
    );
    let declared = changed_xls([0x00, 0x02], &[0, 0, 0, 0, 9, 0, 0, 0], &[&[0, 0, 0, 0], &[0xff; 10][..]].concat());
    assert_eq!(read_sheet(declared, WorkbookKind::Xls, Some("Other")).unwrap(), 1);
}

#[test]
fn shared_texts_of_an_xls_are_as_many_as_it_says() {
    let counted = |count: u8| {
        let mut bytes = fixture("records.xls");
        let at = bytes.windows(8).position(|window| window == [8, 0, 0, 0, 8, 0, 0, 0]).unwrap();
        bytes[at + 4] = count;
        why(read(bytes, WorkbookKind::Xls))
    };
    assert_eq!([counted(7), counted(9)], ["more than 7 shared texts", "a record is cut off"]);
}

#[test]
fn an_ole_chain_without_an_end_is_an_error() {
    let mut bytes = fixture("encrypted.xlsx");
    // The directory's only sector is its own successor.
    bytes[512 + 4..512 + 8].copy_from_slice(&1_u32.to_le_bytes());
    assert_eq!(WorkbookKind::sniff(&mut Cursor::new(&bytes)).unwrap(), Some(WorkbookKind::Xls));
    assert_eq!(why(read(bytes, WorkbookKind::Xls)), "Directory chain includes duplicate sector index 1");
}

#[test]
fn an_ole_table_that_lists_one_sector_over_and_over_is_not_built() {
    let mut bytes = fixture("table.xls");
    let table = bytes[76..80].to_vec();
    // 109 entries in the header and 127 in each sector of a chain of appended lists.
    let lists = 1000_u32;
    let first = (bytes.len() / 512 - 1) as u32;
    for list in first..first + lists {
        bytes.extend(table.repeat(127));
        bytes.extend((list + 1).to_le_bytes());
    }
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&0xffff_fffe_u32.to_le_bytes());
    for place in bytes[76..512].chunks_exact_mut(4) {
        place.copy_from_slice(&table);
    }
    bytes[68..72].copy_from_slice(&first.to_le_bytes());
    assert_eq!(WorkbookKind::sniff(&mut Cursor::new(&bytes)).unwrap(), Some(WorkbookKind::Xls));
    assert_eq!(why(read(bytes, WorkbookKind::Xls)), "an OLE table that repeats itself");
}

#[test]
fn a_container_longer_than_any_workbook_is_not_read() {
    struct Endless;
    impl Read for Endless {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            panic!("it is read")
        }
    }
    impl Seek for Endless {
        fn seek(&mut self, _: SeekFrom) -> std::io::Result<u64> {
            Ok((256 << 20) + 1)
        }
    }
    let error = Sheet::open(Endless, WorkbookKind::Xls, None, 1).map(|_| 0);
    assert_eq!(why(error), "an OLE container that is longer than any workbook should be");
}

#[test]
fn an_xls_with_a_password_is_encrypted_whatever_the_kind_of_encryption() {
    let mut bytes = fixture("table.xls");
    // Its code page record replaced by a password record of kind 0, which calamine would ignore.
    let code_page = b"\x42\x00\x02\x00\xb0\x04";
    let at = bytes.windows(code_page.len()).position(|window| window == code_page).unwrap();
    bytes[at..at + code_page.len()].copy_from_slice(b"\x2f\x00\x02\x00\x00\x00");
    assert!(matches!(read(bytes, WorkbookKind::Xls), Err(SheetError::Encrypted)));
}

#[test]
fn a_panic_of_the_parser_is_an_error() {
    let error = guarded(|| -> Result<(), SheetError> { panic!("index out of bounds, as calamine would") });
    assert!(matches!(error, Err(SheetError::Panicked)));
}

/// Changes of single bytes; positions are in thousandths of the length.
fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    let byte = prop_oneof![any::<u8>(), Just(0), Just(0xff), Just(b'<'), Just(b'"'), b'0'..=b'9'];
    prop::collection::vec((0_usize..100_000, byte), 1..6)
}

fn apply(bytes: &mut [u8], changes: &[(usize, u8)]) {
    for (place, byte) in changes {
        if let Some(at) = bytes.len().checked_sub(1).map(|last| last * place / 100_000) {
            bytes[at] = *byte;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The workbook is read or rejected; reading ends, and the process is not aborted.
    #[test]
    fn reading_ends_whatever_bytes_a_part_has(which in 0_usize..6, part in any::<prop::sample::Index>(), changes in changes()) {
        let (name, kind) = [
            ("table.xlsx", WorkbookKind::Xlsx),
            ("odd.xlsx", WorkbookKind::Xlsx),
            ("table.xlsb", WorkbookKind::Xlsb),
            ("errors.xlsb", WorkbookKind::Xlsb),
            ("table.ods", WorkbookKind::Ods),
            ("odd.ods", WorkbookKind::Ods),
        ][which];
        let mut members = unpack(name);
        let part = part.index(members.len());
        apply(&mut members[part].1, &changes);
        _ = read(pack(&members), kind);
    }

    #[test]
    fn reading_ends_whatever_bytes_an_xls_has(which in 0_usize..4, changes in changes()) {
        let mut bytes = fixture(["table.xls", "1904.xls", "records.xls", "excel5.xls"][which]);
        apply(&mut bytes, &changes);
        _ = WorkbookKind::sniff(&mut Cursor::new(&bytes));
        _ = read(bytes, WorkbookKind::Xls);
    }

    #[test]
    fn reading_ends_wherever_a_workbook_is_cut_off(which in 0_usize..4, length in any::<prop::sample::Index>()) {
        let name = ["table.xlsx", "table.xlsb", "table.xls", "table.ods"][which];
        let mut bytes = fixture(name);
        bytes.truncate(length.index(bytes.len()));
        if let Some(kind) = WorkbookKind::sniff(&mut Cursor::new(&bytes)).unwrap() {
            _ = read(bytes, kind);
        }
    }
}
