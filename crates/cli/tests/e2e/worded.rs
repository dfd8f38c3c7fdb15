//! The texts that people read: each command's help, and the messages of a small batch. The snapshots beside
//! this file contain them, so that a change is visible as a difference and reviewed before it is accepted:
//! `just snapshots worded`.

use crate::support::{Api, Folder, Ran, ended};

const LEDGER: &str = "notes.csv.ledger.jsonl";

/// What differs between runs and machines, and its replacement.
const CHANCE: [(&str, &str); 6] = [
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"done about .*", "done about TIME"),
    (r"by this run in [^;]+;", "by this run in DURATION;"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"(by: +)\S+: \S+", "${1}USER@HOST: batchpost"),
    (r"(input: +)\S+/", "${1}FOLDER/"),
];

/// Runs with a fixed width. Nothing is a terminal here, so the variable applies.
fn printed(folder: &Folder, arguments: &[&str]) -> Ran {
    ended(folder.batchpost(arguments).env("COLUMNS", "100"))
}

fn matches(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    CHANCE.iter().for_each(|(chance, place)| settings.add_filter(chance, *place));
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The names of the commands listed in `help`.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !["", "help"].contains(name)).map(str::to_owned).collect()
}

#[test]
fn the_help_of_every_command_changes_only_on_purpose() {
    let folder = Folder::new();
    let mut waiting = vec![Vec::new()];
    let mut text = String::new();
    while let Some(path) = waiting.pop() {
        let words: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = printed(&folder, &words).with_code(0).stdout;
        text += &format!("$ batchpost {}\n\n{help}\n", words.join(" "));
        // The last one is taken next.
        waiting.extend(commands(&help).into_iter().rev().map(|name| [&path[..], &[name]].concat()));
    }
    matches("help", &text);
}

/// A rejected row, one in doubt and an invalid one: a command that refuses, then every reading command.
#[test]
fn what_people_read_of_a_batch_changes_only_on_purpose() {
    let api = Api::failing(&["400@2", "reset@3"]);
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket ID,Comment\n1,a\n2,b\nnone,c\n4,d\n5,e\n");
    let url = api.url();
    // A window that outlasts a slow run, so that the used part of the limit is the same.
    let to = ["--url", &url, "--limit", "500/10m"];
    let mut text = String::new();
    let mut step = |words: &[&str], hidden: &[&str]| {
        let ran = printed(&folder, &[words, hidden].concat());
        text += &format!("$ batchpost {}\n", words.join(" "));
        for (stream, said) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            if !said.is_empty() {
                text += &format!("-- {stream}\n{said}");
            }
        }
        text += &format!("-- exit code {}\n\n", ran.code.expect("no signal ended it"));
    };
    step(&["check", "notes.csv"], &to);
    step(&["run", "notes.csv"], &to);
    // One request at a time, so that the faults always meet the same rows.
    let one_by_one = [&to[..], &["--concurrency", "1"]].concat();
    step(&["run", "notes.csv", "--skip-invalid"], &one_by_one);
    step(&["status", LEDGER], &[]);
    step(&["show", LEDGER], &[]);
    step(&["audit", LEDGER], &[]);
    step(&["run", "missing.csv"], &to);
    matches("batch", &text);
}
