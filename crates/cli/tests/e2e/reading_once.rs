//! What is posted is what was read: later changes of the input do not change notes, and an input that changes
//! during reading is refused.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use batchpost_sandbox::Settings;

use crate::support::{Api, Folder, Running, pause, quick, until};

/// An unoptimised build takes longer than 50 ms to read 10,000 rows, so that a save would hit every reading.
const ROWS: u64 = if cfg!(debug_assertions) { 2000 } else { 10_000 };

/// The rows of a version. Their texts are up to four bytes longer from version to version.
fn version(version: u64) -> Vec<(u64, String)> {
    let padding = "x".repeat((version % 5) as usize);
    (1..=ROWS).map(|row| (row, format!("row {row} of version {version}{padding}"))).collect()
}

fn csv(rows: &[(u64, String)]) -> Vec<u8> {
    let rows: String = rows.iter().map(|(row, text)| format!("id{row},{row},{text}\n")).collect();
    format!("Id,Ticket,Text\n{rows}").into_bytes()
}

fn jsonl(rows: &[(u64, String)]) -> Vec<u8> {
    let rows = rows.iter().map(|(row, text)| format!("{{\"Id\":\"id{row}\",\"Ticket\":{row},\"Text\":\"{text}\"}}\n"));
    rows.collect::<String>().into_bytes()
}

fn xlsx(rows: &[(u64, String)]) -> Vec<u8> {
    let write = || {
        let mut workbook = rust_xlsxwriter::Workbook::new();
        let sheet = workbook.add_worksheet();
        for (column, name) in (0..).zip(["Id", "Ticket", "Text"]) {
            sheet.write(0, column, name)?;
        }
        for (at, (row, text)) in (1..).zip(rows) {
            sheet.write(at, 0, format!("id{row}"))?.write(at, 1, *row as f64)?.write(at, 2, text)?;
        }
        workbook.save_to_buffer()
    };
    write().expect("a small workbook can be written to memory")
}

fn ods(rows: &[(u64, String)]) -> Vec<u8> {
    let texts = |cells: [&str; 3]| {
        let cells = cells.map(|cell| {
            format!("<table:table-cell office:value-type=\"string\"><text:p>{cell}</text:p></table:table-cell>")
        });
        format!("<table:table-row>{}</table:table-row>", cells.concat())
    };
    let rows = rows.iter().map(|(row, text)| texts([&format!("id{row}"), &row.to_string(), text]));
    let content = format!(
        "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:spreadsheet>\
         <table:table table:name=\"Notes\">{}{}</table:table></office:spreadsheet></office:body>\
         </office:document-content>",
        texts(["Id", "Ticket", "Text"]),
        rows.collect::<String>()
    );
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", &content)] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("memory has room");
        archive.write_all(text.as_bytes()).expect("memory has room");
    }
    archive.finish().expect("memory has room").into_inner()
}

/// Saves version after version into the file in place, as editors do to keep a file's links, until `stop` is
/// set.
fn keep_saving(path: &Path, saved: &[Vec<u8>], every_ms: &AtomicU64, stop: &AtomicBool) {
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        next = (next + 1) % saved.len();
        File::create(path).and_then(|mut file| file.write_all(&saved[next])).expect("the disk has room");
        pause(Duration::from_millis(every_ms.load(Ordering::Relaxed)));
    }
}

/// Runs while the input is overwritten in place every 50 ms, until one run has read a complete version. Only
/// rows of one version may be posted, each once; or none, with exit code 2. If a busy machine makes a save
/// hit every reading, the interval grows.
fn only_one_version_is_posted(name: &str, write: fn(&[(u64, String)]) -> Vec<u8>, more: &[&str]) {
    let api = Api::start(Settings { limit: None, ..quick() });
    let folder = Folder::new();
    let versions: Vec<_> = (0..7).map(version).collect();
    let saved: Vec<Vec<u8>> = versions.iter().map(|rows| write(rows)).collect();
    folder.write(name, &saved[0]);
    let (path, stop, url) = (folder.path(name), AtomicBool::new(false), api.url());
    let every_ms = AtomicU64::new(50);
    let arguments = [&["run", name, "--url", &url, "--limit", "none", "--concurrency", "50"], more].concat();
    thread::scope(|scope| {
        scope.spawn(|| keep_saving(&path, &saved, &every_ms, &stop));
        let mut ended = None;
        for tried in 1..=200 {
            let ran = Running::start(&mut folder.batchpost(&arguments)).ended();
            assert!([Some(0), Some(2)].contains(&ran.code), "{ran:?}");
            if api.arrivals() > 0 {
                ended = ran.code;
                break;
            }
            // The saver may be delayed between truncating and writing the file for longer than a reading
            // takes. An empty file of JSON lines has no rows, which is not an error.
            assert!(ran.code == Some(2) || name.ends_with(".jsonl"), "{ran:?}");
            if tried % 20 == 0 {
                every_ms.fetch_add(every_ms.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(ended, Some(0), "every reading met a save, or one that did posted");
    });
    let notes: Vec<(u64, String)> = api.notes().into_iter().map(|note| (note.ticket, note.text)).collect();
    let posted: BTreeSet<&(u64, String)> = notes.iter().collect();
    assert_eq!((notes.len(), posted.len()), (ROWS as usize, ROWS as usize), "each row once");
    let whole = versions.iter().any(|version| version.iter().collect::<BTreeSet<_>>() == posted);
    assert!(whole, "rows of several versions were posted");
}

#[test]
fn of_a_csv_that_is_saved_over_again_and_again_one_version_is_posted() {
    only_one_version_is_posted("notes.csv", csv, &[]);
    only_one_version_is_posted("notes.csv", csv, &["--key", "Id"]);
}

#[test]
fn of_json_lines_that_are_saved_over_again_and_again_one_version_is_posted() {
    only_one_version_is_posted("notes.jsonl", jsonl, &[]);
    only_one_version_is_posted("notes.jsonl", jsonl, &["--key", "Id"]);
}

#[test]
fn of_a_workbook_that_is_saved_over_again_and_again_one_version_is_posted() {
    only_one_version_is_posted("notes.xlsx", xlsx, &[]);
    only_one_version_is_posted("notes.xlsx", xlsx, &["--key", "Id"]);
}

#[test]
fn of_an_opendocument_sheet_that_is_saved_over_again_and_again_one_version_is_posted() {
    only_one_version_is_posted("notes.ods", ods, &[]);
    only_one_version_is_posted("notes.ods", ods, &["--key", "Id"]);
}

/// The input changes between reading and sending, and while it is posted.
#[test]
fn what_happens_to_the_input_afterwards_changes_no_note_and_needs_no_room() {
    let latency = Duration::from_millis(30)..=Duration::from_millis(30);
    let api = Api::start(Settings { latency, ..quick() });
    let folder = Folder::new();
    let rows: Vec<_> = version(1).into_iter().take(30).collect();
    folder.write("notes.csv", csv(&rows));
    let run = ["run", "notes.csv", "--url", &api.url(), "--limit", "500/1s", "--concurrency", "1", "--key", "Id"];
    let running = Running::start(&mut folder.batchpost(&run));
    until("it posts", || api.arrivals() > 0);
    let others: Vec<_> = rows.iter().map(|(row, text)| (row + 100, format!("{text}, edited"))).collect();
    folder.write("notes.csv", csv(&others));
    let names = folder.names();
    assert!(names.iter().all(|name| name.starts_with("notes.csv")), "the job file has no name: {names:?}");
    fs::remove_file(folder.path("notes.csv")).unwrap();
    running.ended().with_code(0);
    let mut notes: Vec<(u64, String)> = api.notes().into_iter().map(|note| (note.ticket, note.text)).collect();
    notes.sort();
    assert_eq!(notes, rows);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_before_anything_is_sent_and_another_folder_a_way_out() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(2000);
    let command = folder.run_command(&api.url(), &["--first", "1"]);
    let mut bounded = folder.in_shell("trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"", &command);
    let ran = crate::support::ended(&mut bounded).with_code(2);
    ran.saying(&["the job file", "cannot be written", "nothing was sent", "--scratch-dir"]);
    assert_eq!(api.arrivals(), 0);
    fs::create_dir(folder.path("scratch")).unwrap();
    folder.run(&api, &["--first", "1", "--scratch-dir", "scratch"]).with_code(5);
    folder
        .run(&api, &["--first", "1", "--scratch-dir", "missing"])
        .with_code(2)
        .saying(&["cannot be created", "missing"]);
}
