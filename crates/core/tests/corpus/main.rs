//! Runs every parser of external bytes on the cases of `fixtures/corpus` and on their prefixes. The fuzz
//! targets make the same checks. The cases include every input that once failed.
#![expect(clippy::unwrap_used, reason = "a test")]

mod ledger;
mod reply;
mod retry_after;
mod rows;
mod template;
mod workbook;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Maximum number of prefixes tested for a case.
const MOST_PREFIXES: usize = 150;

/// Runs `check` on the cases of `target` and on their prefixes, and reports the case that panics.
fn run(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/corpus").join(target);
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 5, "the cases are where they are looked for");
    for case in cases {
        let input = fs::read(&case).unwrap();
        let step = input.len() / MOST_PREFIXES + 1;
        for end in (0..input.len()).step_by(step).chain([input.len()]) {
            let held = catch_unwind(AssertUnwindSafe(|| check(&input[..end])));
            assert!(held.is_ok(), "{}, its first {end} bytes of {}", case.display(), input.len());
        }
    }
}

#[test]
fn a_text_is_read_the_same_in_any_pieces_and_in_order() {
    run("rows", rows::check);
}

#[test]
fn a_workbook_is_read_in_order_or_refused() {
    run("workbook", workbook::check);
}

#[test]
fn a_template_takes_cells_as_texts_whatever_is_in_them() {
    run("template", template::check);
}

#[test]
fn a_ledger_is_read_back_as_it_was_written_or_refused() {
    run("ledger", ledger::check);
}

#[test]
fn a_reply_is_taken_for_posted_only_where_it_says_so() {
    run("reply", reply::check);
}

#[test]
fn a_wait_is_within_a_year() {
    run("retry_after", retry_after::check);
}
