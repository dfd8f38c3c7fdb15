//! The page of one small batch, recorded with the sandbox: two runs, a pause, a decision in between, a row of
//! each outcome that needs attention, a cell that looks like markup, and a reason with an invisible
//! character.
//!
//! A changed page changes its snapshot; `just snapshots page` accepts it.

use std::path::Path;
use std::sync::Arc;

use batchpost::api::Api;
use batchpost::batch;
use batchpost::leadsquared::LeadSquared;
use batchpost_web::report::{OPENING, Page, Step};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/batch.jsonl");
    let api: Arc<dyn Api> = Arc::new(LeadSquared);
    let page = Page {
        overview: &batch::overview(&path, &api).expect("the ledger is whole"),
        audit: &batch::audit(&path).expect("the ledger is whole"),
        ledger: "notes & more.jsonl",
        steps: &[Step { purpose: "Post the rest", command: "resume 'notes & more.jsonl'".to_owned() }],
        export: &|outcome| format!("export {outcome}"),
    };
    page.html()
}

/// Removes the part of the page between `from` and `to`.
fn without(page: &str, from: &str, to: &str) -> String {
    let (before, rest) = page.split_once(from).expect("it begins");
    let (_, after) = rest.split_once(to).expect("it ends");
    format!("{before}{from}{to}{after}")
}

#[test]
fn a_batch_has_this_page() {
    let page = without(&page(), "<style>", "</style>");
    let page = without(&page, "\">\"use strict\";", "</script>");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("page", page.replace("><", ">\n<").replace(">\n</", "></"));
    });
}

#[test]
fn the_same_batch_makes_the_same_page() {
    assert!(page().starts_with(OPENING));
    assert_eq!(page(), page());
}

/// A browser nests what follows a shape without an end tag inside that shape, and does not draw it.
#[test]
fn every_shape_of_a_drawing_is_closed() {
    let page = page();
    for shape in ["svg", "path", "rect"] {
        let (begun, ended) =
            (page.matches(&format!("<{shape} ")).count(), page.matches(&format!("</{shape}>")).count());
        assert!(begun == ended && begun > 0, "{begun} <{shape}>, {ended} </{shape}>");
    }
}
