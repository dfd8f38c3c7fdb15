//! Compares the readers of ODS and XLS with calamine's on generated workbooks: two independent
//! implementations must see the same cells.

use std::io::{Cursor, Write};

use calamine::{Data, Ods, Range, Reader, Xls};
use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;

use super::hostile::pack;
use super::*;

const DAY_SECONDS: u32 = 24 * 60 * 60;

/// The content of a cell in a generated workbook.
#[derive(Debug, Clone)]
enum Content {
    Empty,
    Text(String),
    Number(f64),
    Boolean(bool),
    /// Days after 30 December 1899, and seconds.
    Moment(u32, u32),
    /// Seconds.
    Clock(u32),
}

/// The rows and cells, each with its number of repetitions.
type Table = Vec<(u32, Vec<(u32, Content)>)>;

/// A cell as a reader sees it. Numbers are compared by the first 15 digits, which spreadsheet programs show.
#[derive(Debug, PartialEq)]
enum Seen {
    Text(String),
    Number(String),
}

impl Seen {
    fn number(number: f64) -> Self {
        Self::Number(format!("{:.14e}", number + 0.0))
    }

    fn moment(moment: DateTime) -> Self {
        let (day, time) = (moment.strftime("%Y-%m-%d"), clock(moment.strftime("%H:%M:%S").to_string()));
        Self::Text(if time == "00:00" { day.to_string() } else { format!("{day} {time}") })
    }
}

/// Removes seconds that are zero, which are not shown.
fn clock(time: String) -> String {
    time.strip_suffix(":00").map(str::to_owned).unwrap_or(time)
}

fn by_this_crate(cell: CellText<'_>) -> Seen {
    match cell {
        CellText::Text(text) => Seen::Text(text.to_owned()),
        CellText::Number(text) | CellText::Inexact(text) => Seen::number(text.parse().unwrap()),
        other => panic!("nothing like it was written: {other:?}"),
    }
}

fn by_calamine(cell: &Data) -> Seen {
    match cell {
        Data::Empty => Seen::Text(String::new()),
        Data::String(text) => Seen::Text(text.clone()),
        Data::Bool(value) => Seen::Text(value.to_string().to_uppercase()),
        Data::Int(number) => Seen::number(*number as f64),
        Data::Float(number) => Seen::number(*number),
        Data::DateTimeIso(iso) => Seen::moment(iso.parse().unwrap()),
        Data::DurationIso(iso) => {
            let parts: Vec<&str> = iso.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
            Seen::Text(clock(parts.join(":")))
        }
        Data::DateTime(days) => {
            let (year, month, day, hour, minute, second, ms) = days.to_ymd_hms_milli();
            assert_eq!(ms, 0, "{days:?}");
            if days.as_f64() < 1.0 {
                return Seen::Text(clock(format!("{hour:02}:{minute:02}:{second:02}")));
            }
            let [month, day, hour, minute, second] = [month, day, hour, minute, second].map(|part| part as i8);
            Seen::moment(date(year as i16, month, day).at(hour, minute, second, 0))
        }
        Data::Error(_) => panic!("nothing like it was written: {cell:?}"),
    }
}

/// Fails unless both readers see the same in every cell, and in one more row and column.
fn assert_agreement(table: &Table, bytes: Vec<u8>, kind: WorkbookKind, theirs: &Range<Data>) {
    let rows: u32 = table.iter().map(|(times, _)| times).sum();
    let columns = table.iter().map(|(_, cells)| cells.iter().map(|(times, _)| times).sum()).max().unwrap_or(0);
    let mut sheet = Sheet::open(Cursor::new(bytes), kind, None, 1).unwrap();
    let mut next = sheet.next().unwrap();
    for row in 1..=rows {
        let is_next = next == Some(row + 1);
        for column in 0..=columns {
            let ours = if is_next { sheet.cell(column as usize) } else { CellText::Text("") };
            let theirs = by_calamine(theirs.get_value((row, column)).unwrap_or(&Data::Empty));
            assert_eq!(by_this_crate(ours), theirs, "{}", a1(column as usize, row));
        }
        if is_next {
            next = sheet.next().unwrap();
        }
    }
    assert_eq!(next, None);
}

fn text() -> impl Strategy<Value = String> {
    let letters = prop::sample::select("ab0 .<&>\"'\t\nß東👍".chars().collect::<Vec<_>>());
    prop::collection::vec(letters, 0..12).prop_map(String::from_iter)
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        2 => Just(Content::Empty),
        4 => text().prop_map(Content::Text),
        2 => any::<i32>().prop_map(|number| Content::Number(number.into())),
        1 => any::<i16>().prop_map(|number| Content::Number(f64::from(number) / 100.0)),
        1 => prop::num::f64::NORMAL.prop_map(Content::Number),
        1 => any::<bool>().prop_map(Content::Boolean),
        // From March 1900: before that, Excel has one more day than the calendar.
        1 => (61..2_958_466_u32, prop_oneof![Just(0), 0..DAY_SECONDS]).prop_map(|(day, second)| Content::Moment(day, second)),
        1 => (0..DAY_SECONDS).prop_map(Content::Clock),
    ]
}

fn table() -> impl Strategy<Value = Table> {
    let times = || prop_oneof![3 => Just(1_u32), 1 => 2..5_u32];
    let cells = prop::collection::vec((times(), content()), 0..6);
    prop::collection::vec((times(), cells), 0..6)
}

/// Writes the table as ODS, below a header row with one name.
fn ods(table: &Table) -> Vec<u8> {
    let mut rows =
        "<table:table-row><table:table-cell><text:p>Name</text:p></table:table-cell></table:table-row>".to_owned();
    for (times, cells) in table {
        rows += &format!("<table:table-row table:number-rows-repeated=\"{times}\">");
        for (times, content) in cells {
            let (attributes, text) = ods_cell(content);
            rows += &format!(
                "<table:table-cell table:number-columns-repeated=\"{times}\"{attributes}>{text}</table:table-cell>"
            );
        }
        rows += "</table:table-row>";
    }
    let content = format!(
        "<office:document-content><office:body><office:spreadsheet><table:table table:name=\"Sheet\">{rows}</table:table>\
         </office:spreadsheet></office:body></office:document-content>"
    );
    let member = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    pack(&vec![
        member("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        member("META-INF/manifest.xml", "<manifest:manifest/>"),
        member("content.xml", &content),
    ])
}

/// Returns the attributes and the content of a cell.
fn ods_cell(content: &Content) -> (String, String) {
    let time = |seconds: u32| [seconds / 3600, seconds / 60 % 60, seconds % 60];
    match content {
        Content::Empty => (String::new(), String::new()),
        Content::Text(text) => (" office:value-type=\"string\"".to_owned(), paragraphs(text)),
        Content::Number(number) => (format!(" office:value-type=\"float\" office:value=\"{number}\""), String::new()),
        Content::Boolean(value) => {
            (format!(" office:value-type=\"boolean\" office:boolean-value=\"{value}\""), String::new())
        }
        Content::Moment(days, seconds) => {
            let moment = date(1899, 12, 30).at(0, 0, 0, 0) + i64::from(*days).days();
            let moment = moment + SignedDuration::from_secs((*seconds).into());
            let iso = moment.strftime(if *seconds == 0 { "%Y-%m-%d" } else { "%Y-%m-%dT%H:%M:%S" });
            (format!(" office:value-type=\"date\" office:date-value=\"{iso}\""), "<text:p>a date</text:p>".to_owned())
        }
        Content::Clock(seconds) => {
            let [hour, minute, second] = time(*seconds);
            let iso = format!("PT{hour:02}H{minute:02}M{second:02}S");
            (format!(" office:value-type=\"time\" office:time-value=\"{iso}\""), "<text:p>a time</text:p>".to_owned())
        }
    }
}

/// Writes a text as LibreOffice does: one paragraph per line, with elements for what XML does not preserve.
fn paragraphs(text: &str) -> String {
    let mut xml = "<text:p>".to_owned();
    for char in text.chars() {
        match char {
            '\n' => xml += "</text:p><text:p>",
            '\t' => xml += "<text:tab/>",
            ' ' => xml += "<text:s text:c=\"1\"/>",
            '<' => xml += "&lt;",
            '&' => xml += "&amp;",
            '"' => xml += "&#34;",
            'ß' => xml += "<text:span>ß</text:span>",
            char => xml.push(char),
        }
    }
    xml + "</text:p>"
}

/// Writes the table as XLS, below a header row with one name. Records of shared texts continue in others
/// after `most` bytes.
fn xls(table: &Table, most: usize) -> Vec<u8> {
    let mut texts = SharedTexts { most, count: 0, parts: vec![Vec::new()] };
    let mut cells = Vec::new();
    texts.push("Name");
    record(&mut cells, 0x00fd, &[&[0; 6][..], &0_u32.to_le_bytes()].concat());
    let mut row = 1_u16;
    for (times, content) in table {
        for _ in 0..*times {
            let mut column = 0_u16;
            for (times, content) in content {
                for column in column..column + *times as u16 {
                    let (kind, format, value) = xls_cell(content, &mut texts);
                    let place = [row, column, format].map(u16::to_le_bytes).concat();
                    record(&mut cells, kind, &[place, value].concat());
                }
                column += *times as u16;
            }
            row += 1;
        }
    }
    let mut stream = Vec::new();
    record(&mut stream, 0x0809, &[0x00, 0x06, 0x05, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0]);
    for format in FORMATS {
        record(&mut stream, 0x00e0, &[&[0, 0, format, 0][..], &[0; 16]].concat());
    }
    let sheet = stream.len() + 4;
    record(&mut stream, 0x0085, b"\0\0\0\0\0\0\x05\0Sheet");
    let counts = [texts.count; 2].map(u32::to_le_bytes).concat();
    for (index, part) in texts.parts.iter().enumerate() {
        match index {
            0 => record(&mut stream, 0x00fc, &[&counts, part.as_slice()].concat()),
            _ => record(&mut stream, 0x003c, part),
        }
    }
    record(&mut stream, 0x000a, &[]);
    let start = (stream.len() as u32).to_le_bytes();
    stream[sheet..sheet + 4].copy_from_slice(&start);
    record(&mut stream, 0x0809, &[0x00, 0x06, 0x10, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0]);
    stream.append(&mut cells);
    record(&mut stream, 0x000a, &[]);
    let mut container = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    container.create_stream("/Workbook").unwrap().write_all(&stream).unwrap();
    container.into_inner().into_inner()
}

/// Formats by the index that cells use: numbers, dates, dates with times, and times.
const FORMATS: [u8; 4] = [0, 14, 22, 21];

fn record(stream: &mut Vec<u8>, kind: u16, body: &[u8]) {
    stream.extend([kind, body.len() as u16].map(u16::to_le_bytes).concat());
    stream.extend(body);
}

/// Returns the type of a cell's record, its format, and its value.
fn xls_cell(content: &Content, texts: &mut SharedTexts) -> (u16, u16, Vec<u8>) {
    let days = |days: u32, seconds: u32| (f64::from(days) + f64::from(seconds) / f64::from(DAY_SECONDS)).to_le_bytes();
    match content {
        Content::Empty => (0x0201, 0, Vec::new()),
        Content::Text(text) => (0x00fd, 0, texts.push(text).to_le_bytes().to_vec()),
        Content::Boolean(value) => (0x0205, 0, vec![u8::from(*value), 0]),
        Content::Moment(day, 0) => (0x0203, 1, days(*day, 0).to_vec()),
        Content::Moment(day, second) => (0x0203, 2, days(*day, *second).to_vec()),
        Content::Clock(second) => (0x0203, 3, days(0, *second).to_vec()),
        Content::Number(number) => match small_number(*number) {
            Some(small) => (0x027e, 0, small.to_le_bytes().to_vec()),
            None => (0x0203, 0, number.to_le_bytes().to_vec()),
        },
    }
}

/// Encodes the number in 30 bits, as an integer or in hundredths, if it fits.
fn small_number(number: f64) -> Option<i32> {
    let whole =
        |number: f64| (number.fract() == 0.0 && number.abs() < f64::from(1 << 29)).then_some((number as i32) << 2);
    whole(number).map(|bits| bits | 2).or_else(|| whole(number * 100.0).map(|bits| bits | 3))
}

struct SharedTexts {
    most: usize,
    /// The index of the next text.
    count: u32,
    /// The bodies of the record and of its continuation records.
    parts: Vec<Vec<u8>>,
}

impl SharedTexts {
    /// Adds a text, whose characters may continue in another record, and returns its index.
    fn push(&mut self, text: &str) -> u32 {
        let is_wide = |text: &str| text.chars().any(|char| u32::from(char) > 0xff);
        let mut wide = is_wide(text);
        let units = text.encode_utf16().count() as u16;
        self.part_with_room(3).extend([&units.to_le_bytes()[..], &[u8::from(wide)]].concat());
        for (at, char) in text.char_indices() {
            let part = self.part_with_room(4);
            if part.is_empty() {
                // Each record states its character width again.
                wide = is_wide(&text[at..]);
                part.push(wide.into());
            }
            let units: Vec<u8> = char.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_le_bytes()).collect();
            part.extend(if wide { &units[..] } else { &units[..1] });
        }
        self.count += 1;
        self.count - 1
    }

    fn part_with_room(&mut self, bytes: usize) -> &mut Vec<u8> {
        if self.parts.last().is_none_or(|part| part.len() + bytes > self.most) {
            self.parts.push(Vec::new());
        }
        self.parts.last_mut().expect("one was pushed if there was none")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_calamine_reads_of_an_ods_is_read_here(table in table()) {
        let bytes = ods(&table);
        let range = Ods::new(Cursor::new(&bytes)).unwrap().worksheet_range("Sheet").unwrap();
        assert_agreement(&table, bytes, WorkbookKind::Ods, &range);
    }

    #[test]
    fn what_calamine_reads_of_an_xls_is_read_here(table in table(), most in 16..200_usize) {
        let bytes = xls(&table, most);
        let range = Xls::new(Cursor::new(&bytes)).unwrap().worksheet_range("Sheet").unwrap();
        assert_agreement(&table, bytes, WorkbookKind::Xls, &range);
    }
}
