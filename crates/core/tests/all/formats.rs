//! The same 500 rows are the same 500 jobs in every format and encoding.
#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use batchpost::input::{Content, Format, Options, Rows};
use batchpost::job::{Identity, Key};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats").join(name)
}

fn options(format: Format) -> Options {
    let columns = ["ticket=Ticket ID", "text=Comment", "text=Created", "text=Minutes", "text=Urgent"];
    Options { columns: columns.map(|choice| choice.parse().unwrap()).to_vec(), ..Options::new(format) }
}

/// The keys made from the content of the rows, in order.
fn keys<R: std::io::Read>(mut rows: Rows<R>) -> Vec<Key> {
    let identity = Identity::of("https://example.test/api");
    let mut keys = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        match row.content {
            Content::Note { ticket, text, .. } => keys.push(Key::of_job(&identity, &ticket, &text)),
            other => panic!("{}: {other:?}", row.position),
        }
    }
    keys
}

fn keys_of_text(bytes: &[u8], options: Options) -> Vec<Key> {
    keys(Rows::open(bytes, &options.into()).unwrap())
}

fn base() -> String {
    fs::read_to_string(fixture("rows.csv")).unwrap()
}

fn wanted() -> Vec<Key> {
    let keys = keys_of_text(base().as_bytes(), options(Format::Csv));
    assert_eq!(keys.len(), 500);
    keys
}

fn records() -> (Vec<String>, Vec<csv::StringRecord>) {
    let text = base();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
    (header, reader.records().collect::<Result<_, _>>().unwrap())
}

/// The rows as CSV with another delimiter and line end.
fn separated(delimiter: u8, terminator: csv::Terminator) -> Vec<u8> {
    let (header, records) = records();
    let mut out = csv::WriterBuilder::new().delimiter(delimiter).terminator(terminator).from_writer(Vec::new());
    out.write_record(&header).unwrap();
    records.iter().for_each(|record| out.write_record(record).unwrap());
    out.into_inner().unwrap()
}

/// The rows as JSON objects, with numbers as JSON numbers.
fn objects() -> Vec<serde_json::Value> {
    let (header, records) = records();
    let object = |record: csv::StringRecord| {
        let member = |(name, cell): (&String, &str)| match name.as_str() {
            "Ticket ID" | "Minutes" => (name.clone(), number(cell)),
            _ => (name.clone(), cell.into()),
        };
        serde_json::Value::Object(header.iter().zip(&record).map(member).collect())
    };
    records.into_iter().map(object).collect()
}

fn number(cell: &str) -> serde_json::Value {
    let Ok(number) = serde_json::from_str::<serde_json::Number>(cell) else { return cell.into() };
    let digits = number.to_string();
    if digits == cell { number.into() } else { cell.into() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn texts_of_every_shape_packed_or_not_are_the_same_jobs() {
    let lines: Vec<String> = objects().iter().map(ToString::to_string).collect();
    let jsonl = lines.join("\n").into_bytes();
    let json = serde_json::to_vec(&objects()).unwrap();
    let pretty = serde_json::to_vec_pretty(&objects()).unwrap();
    let csv = |delimiter| separated(delimiter, csv::Terminator::Any(b'\n'));
    let wanted = wanted();
    for (name, bytes, format) in [
        ("comma", csv(b','), Format::Csv),
        ("comma, CRLF", separated(b',', csv::Terminator::CRLF), Format::Csv),
        ("semicolon", csv(b';'), Format::Csv),
        ("tab", csv(b'\t'), Format::Csv),
        ("pipe", csv(b'|'), Format::Csv),
        ("sep=", [&b"sep=;\r\n"[..], &csv(b';')].concat(), Format::Csv),
        ("BOM", [&b"\xef\xbb\xbf"[..], &csv(b',')].concat(), Format::Csv),
        ("JSON lines", jsonl, Format::JsonLines),
        ("JSON array", json, Format::Json),
        ("JSON array, indented", pretty, Format::Json),
    ] {
        assert!(keys_of_text(&bytes, options(format)) == wanted, "{name}");
        assert!(keys_of_text(&gzip(&bytes), options(format)) == wanted, "{name}, packed");
    }
}

#[test]
fn a_template_makes_the_same_jobs_of_every_format() {
    let template = r#"{{ row["Ticket ID"] }} on {{ Created | date("%d.%m.%Y") }} ({{ Urgent }}, {{ Minutes }})

{{ Comment }}{% if Minutes %}{{ Minutes | float * 2 }}{% endif %}{% set Urgent = Urgent | lower %}{{ Urgent }}"#;
    let by_template =
        |format| Options { columns: Vec::new(), template: Some(template.parse().unwrap()), ..options(format) };
    let wanted = keys_of_text(base().as_bytes(), by_template(Format::Csv));
    assert_eq!(wanted.len(), 500);
    let json = serde_json::to_vec(&objects()).unwrap();
    assert!(objects().iter().filter(|object| object["Minutes"].is_number()).count() > 100);
    assert!(keys_of_text(&json, by_template(Format::Json)) == wanted, "JSON");
    for name in ["rows.xlsx", "rows.xlsb", "rows.xls", "rows.ods"] {
        let bytes = Cursor::new(fs::read(fixture(name)).unwrap());
        let rows = Rows::<&[u8]>::open_workbook(bytes, &by_template(Format::Workbook).into()).unwrap();
        assert!(keys(rows) == wanted, "{name}");
    }
}

#[test]
fn every_encoding_makes_the_same_jobs() {
    let text = base();
    let wanted = wanted();
    let marked = format!("\u{feff}{text}");
    let le: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(keys_of_text(&le, options(Format::Csv)) == wanted, "UTF-16LE by its mark");
    assert!(keys_of_text(&be, options(Format::Csv)) == wanted, "UTF-16BE by its mark");
    for (label, encoding) in [
        ("windows-1252", encoding_rs::WINDOWS_1252),
        ("utf-16le", encoding_rs::UTF_16LE),
        ("gb18030", encoding_rs::GB18030),
    ] {
        let bytes = match label {
            "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => {
                let (bytes, _, lossy) = encoding.encode(&text);
                assert!(!lossy, "{label} has every character of the rows");
                bytes.into_owned()
            }
        };
        let options = Options { encoding: Some(label.parse().unwrap()), ..options(Format::Csv) };
        assert!(keys_of_text(&bytes, options.clone()) == wanted, "{label}");
        assert!(keys_of_text(&gzip(&bytes), options) == wanted, "{label}, packed");
    }
}

#[test]
fn every_workbook_makes_the_same_jobs() {
    let wanted = wanted();
    for name in ["rows.xlsx", "rows.xlsm", "rows.xlsb", "rows.xls", "rows.ods"] {
        let bytes = Cursor::new(fs::read(fixture(name)).unwrap());
        let rows = Rows::<&[u8]>::open_workbook(bytes, &options(Format::Workbook).into()).unwrap();
        let found = keys(rows);
        let first = found.iter().zip(&wanted).position(|(found, wanted)| found != wanted);
        assert!(found == wanted, "{name}: {} rows, the first that differs is {first:?}", found.len());
    }
}
