//! Which program it is.

use std::path::Path;
use std::process::Command;

use crate::support::{Api, Folder, quick, records};

/// The commit that is checked out where the sources are, with its day; none where they are no checkout.
fn commit() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if !root.join(".git").exists() {
        return None;
    }
    let log = Command::new("git").arg("-C").arg(root).args(["log", "-1", "--format=%H %cs"]).output().ok()?;
    let text = String::from_utf8(log.stdout).ok()?;
    let (commit, day) = text.trim().split_once(' ')?;
    Some(format!(" ({} {day})", &commit[..12]))
}

#[test]
fn the_version_and_the_ledger_name_the_commit_that_the_program_was_built_from() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(1);
    let version = folder.call(&["--version"]).with_code(0).stdout;
    let expected = format!("batchpost {}{}\n", env!("CARGO_PKG_VERSION"), commit().unwrap_or_default());
    assert_eq!(version, expected);
    folder.run(&api, &[]).with_code(0);
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    for kind in ["ledger", "run"] {
        assert_eq!(records(&ledger, kind)[0]["tool"], expected.trim_end());
    }
}
