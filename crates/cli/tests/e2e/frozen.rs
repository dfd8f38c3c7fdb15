//! Formats that other programs and later versions read: members of ledgers and state files, `--json`, log
//! events, metrics, names of settings. Existing ones must not change; new ones may be added. The snapshots
//! beside this file list them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Api, Folder, Running, sheet};

const LEDGER: &str = "notes.csv.ledger.jsonl";

/// The members found, by path, with the types of their values.
#[derive(Default)]
struct Shape(BTreeMap<String, BTreeSet<&'static str>>);

impl Shape {
    fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut shape = Self::default();
        values.into_iter().for_each(|value| shape.meet(String::new(), value));
        shape
    }

    fn meet(&mut self, path: String, value: &Value) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "text",
            Value::Array(items) => {
                items.iter().for_each(|item| self.meet(format!("{path}[]"), item));
                "list"
            }
            Value::Object(members) => {
                for (name, member) in members {
                    self.meet(if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, member);
                }
                return;
            }
        };
        self.0.entry(path).or_default().insert(kind);
    }

    fn lines(&self) -> String {
        let words = |kinds: &BTreeSet<&str>| kinds.iter().copied().collect::<Vec<_>>().join(" or ");
        self.0.iter().map(|(path, kinds)| format!("{path}: {}\n", words(kinds))).collect()
    }
}

fn insta() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// A sheet with these tickets and texts.
fn rows(texts: &[(&str, &str)]) -> String {
    let rows: String = texts.iter().map(|(ticket, text)| format!("{ticket},{text}\n")).collect();
    format!("Ticket ID,Comment\n{rows}")
}

const FIRST: [(&str, &str); 7] =
    [("1", "a"), ("2", "b"), ("none", "c"), ("4", "d"), ("5", "e"), ("6", "f"), ("7", "g")];

/// Runs that produce everything a ledger can record: a rejected row, rows in doubt, a pause, held, invalid
/// and vanished rows, rows that came back, decisions. Returns the log of each run.
fn runs() -> (Api, Folder, Vec<String>) {
    let api = Api::failing(&["400@2", "reset@3", "429-retry-after@4", "500@6"]);
    let folder = Folder::new();
    let mut logs = Vec::new();
    let mut run = |sheet: &str, more: &[&str]| {
        folder.write("notes.csv", sheet);
        let fixed = ["--skip-invalid", "--concurrency", "1", "--log-format", "json", "-vv"];
        let ran = folder.run(&api, &[&fixed, more].concat());
        assert!([Some(1), Some(4), Some(5)].contains(&ran.code), "{ran:?}");
        logs.push(ran.stderr);
    };
    run(&rows(&FIRST), &["--first", "5", "--metrics-file", "run.prom", "--duplicates", "skip"]);
    let edited: Vec<_> =
        FIRST.iter().map(|(ticket, text)| if *text == "a" { ("1", "A") } else { (*ticket, *text) }).collect();
    run(&rows(&edited), &[]);
    run(&rows(&FIRST), &["--max-text", "500"]);
    folder.call(&["settle", LEDGER, "--state", "in_doubt", "--as", "posted", "--why", "it is there"]).with_code(0);
    (api, folder, logs)
}

#[test]
fn the_members_of_a_ledger_are_what_they_were() {
    let (api, folder, _) = runs();
    let mut lines = folder.ledger(LEDGER);
    let names = [
        "run",
        "-",
        "--follow",
        "--key",
        "Id",
        "--format",
        "csv",
        "--url",
        &api.url(),
        "--ledger",
        "stream",
        "--field",
        "Source=Old",
    ];
    let stream = "Id,Ticket ID,Comment\nx,77,one\ny,78,two\n";
    Running::start_fed(&mut folder.batchpost(&[&names[..], &["--limit", "500/1s"]].concat()), stream)
        .ended()
        .with_code(0);
    lines.extend(folder.ledger("stream"));
    // Salvaging loses the damaged line.
    let damaged = folder.read("stream").replacen("\"posted\"", "\"postet\"", 1);
    folder.write("stream", damaged);
    folder.call(&["salvage", "stream", "-o", "salvaged"]).with_code(0);
    lines.extend(folder.ledger("salvaged"));
    insta().bind(|| insta::assert_snapshot!("ledger", Shape::of(&lines).lines()));
}

#[test]
fn the_members_of_results_are_what_they_were() {
    let (api, folder, _) = runs();
    let mut text = String::new();
    let mut add = |name: &str, values: &[Value]| text += &format!("{name}\n\n{}\n", Shape::of(values).lines());
    let url = api.url();
    let limit = ["--limit", "500/1s", "--json"];
    add("status", &[folder.call(&["status", LEDGER, "--json"]).json()]);
    add("audit", &[folder.call(&["audit", LEDGER, "--json"]).json()]);
    let check =
        |more: &[&str]| folder.call(&[&["check", "notes.csv", "--url", &url][..], &limit, more].concat()).json();
    add("check", &[check(&[]), check(&["--between", "22:00-06:00", "--skip-invalid"])]);
    add("resume", &[folder.call(&["resume", LEDGER, "--json"]).json()]);
    folder.write("other.csv", sheet([90]));
    add("run", &[folder.call(&[&["run", "other.csv", "--url", &url][..], &limit].concat()).json()]);
    insta().bind(|| insta::assert_snapshot!("json", text));
}

#[test]
fn the_events_of_the_log_and_their_fields_are_what_they_were() {
    let (.., logs) = runs();
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in logs.iter().flat_map(|log| log.lines()) {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(event) = line["event"].as_str().map(str::to_owned) {
            events.entry(event).or_default().push(line);
        }
    }
    let text: String =
        events.iter().map(|(event, lines)| format!("{event}\n\n{}\n", Shape::of(lines).lines())).collect();
    insta().bind(|| insta::assert_snapshot!("log", text));
}

#[test]
fn the_metrics_and_their_labels_are_what_they_were() {
    let (_api, folder, _) = runs();
    let metrics: String =
        folder.read("run.prom").split_inclusive('\n').filter(|line| !line.starts_with("# HELP")).collect();
    let without_values = |line: &str| {
        let (name, _) = line.rsplit_once(' ')?;
        let (metric, labels) = name.split_once('{').unwrap_or((name, ""));
        let value_of = |label: &str| label.contains("name=") || label.contains("target=") || label.contains("version=");
        let labels = labels.trim_end_matches('}').split(',').map(|label| match label.split_once('=') {
            Some((label_name, _)) if value_of(label) => label_name.to_owned(),
            _ => label.to_owned(),
        });
        Some(format!("{metric} {}", labels.collect::<Vec<_>>().join(" ")))
    };
    let text: Vec<String> = metrics
        .lines()
        .filter_map(|line| if line.starts_with("# TYPE") { Some(line.to_owned()) } else { without_values(line) })
        .collect();
    insta().bind(|| insta::assert_snapshot!("metrics", text.join("\n")));
}

/// The files of an account in the state folder.
#[cfg(unix)]
fn account_files(folder: &Folder) -> Vec<PathBuf> {
    let accounts = folder.state_home().join("batchpost/budgets");
    let account = fs::read_dir(accounts).unwrap().next().unwrap().unwrap().path();
    fs::read_dir(account).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[cfg(unix)]
#[test]
fn the_files_of_an_account_are_what_they_were() {
    let (_api, folder, _) = runs();
    let mut files = BTreeMap::new();
    for path in account_files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let kind = name.split('-').next().unwrap().to_owned();
        files.insert(kind, shape_of_file(&path));
    }
    let text: String = files.iter().map(|(kind, shape)| format!("{kind}\n\n{shape}\n")).collect();
    insta().bind(|| insta::assert_snapshot!("state", text));
}

/// The shape of a file of JSON lines, each possibly after a checksum; for other files, the first line.
#[cfg(unix)]
fn shape_of_file(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    let json = |line: &str| serde_json::from_str(line.trim_start_matches(|c: char| c != '{')).ok();
    let values: Option<Vec<Value>> = std::str::from_utf8(&bytes).ok().and_then(|text| text.lines().map(json).collect());
    match values {
        Some(values) => Shape::of(&values).lines(),
        None => {
            let first: Vec<u8> = bytes.into_iter().take_while(|byte| *byte != b'\n').collect();
            format!("begins with {:?}\n", String::from_utf8_lossy(&first))
        }
    }
}

/// The tests of the documents compare this document with the program.
#[test]
fn the_keys_of_the_configuration_are_what_they_were() {
    let document =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md")).unwrap();
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    let keys = rows
        .flat_map(|row| row.split('|').next().unwrap().split('`').step_by(2).map(str::to_owned).collect::<Vec<_>>());
    let keys: BTreeSet<String> =
        keys.filter(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !key.is_empty()).collect();
    insta().bind(|| insta::assert_snapshot!("configuration", keys.into_iter().collect::<Vec<_>>().join("\n")));
}
