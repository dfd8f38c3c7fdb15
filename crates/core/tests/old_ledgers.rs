//! A ledger is read forever: one of each version stands in `fixtures/ledgers` and is never edited.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use batchpost::ledger::{Batch, audit, inspect};
use batchpost::outcome::Counts;
use batchpost::shell::LedgerFile;

fn read(name: &str) -> (Batch, LedgerFile) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ledgers").join(name);
    let file = LedgerFile::open_to_read(&path).unwrap();
    let (batch, extent) = inspect(&file).unwrap();
    assert_eq!(extent.torn_bytes, 0);
    (batch, file)
}

/// Three runs: rows posted, refused, invalid, lost, tried again and limited; then one edited; then a doubt settled.
#[test]
fn version_1_is_read() {
    let (batch, file) = read("v1.jsonl");
    assert_eq!(batch.counts(), Counts { posted: 3, rejected: 1, invalid: 1, held: 1, ..Counts::default() });
    assert_eq!(batch.header.api, "leadsquared", "the only API that there was");
    assert_eq!(batch.vanished(), (1, 0));
    assert_eq!((batch.attempts, batch.limited), (7, 1));
    assert!(audit(&file).unwrap().holds());
}
