//! The version and commit of the program.

use std::path::Path;
use std::process::Command;

use crate::support::{Api, Folder, quick, records};

/// The commit with this prefix, as `--version` shows it; empty if the sources are not a checkout.
///
/// Not that of HEAD, which may have moved since the program was built.
fn commit(beginning: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if !root.join(".git").exists() {
        return String::new();
    }
    let log =
        Command::new("git").arg("-C").arg(root).args(["log", "-1", "--format=%H %cs", beginning]).output().unwrap();
    let text = String::from_utf8(log.stdout).unwrap();
    let (commit, day) = text.trim().split_once(' ').unwrap_or_else(|| panic!("there is no commit {beginning:?}"));
    format!(" ({} {day})", &commit[..12])
}

#[test]
fn the_version_and_the_ledger_name_the_commit_that_the_program_was_built_from() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(1);
    let version = folder.call(&["--version"]).with_code(0).stdout;
    let beginning = version.split(['(', ' ']).nth(3).unwrap_or_default();
    assert_eq!(version, format!("batchpost {}{}\n", env!("CARGO_PKG_VERSION"), commit(beginning)));
    folder.run(&api, &[]).with_code(0);
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    for kind in ["ledger", "run"] {
        assert_eq!(records(&ledger, kind)[0]["tool"], version.trim_end());
    }
}
