//! Every ledger version stays readable: `fixtures/ledgers` of this crate has a ledger for each version and
//! for each later addition. These files are never edited.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use batchpost::job::{Identity, Key, Ticket};
use batchpost::known::{Candidates, bring_up_to_date, legacy_key};
use batchpost::ledger::{Batch, Caller, Record, audit, inspect, read as records};
use batchpost::outcome::Counts;
use batchpost::report::overview;
use batchpost::runtime::LedgerFile;

fn read(name: &str) -> (Batch, LedgerFile) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ledgers").join(name);
    let file = LedgerFile::open_to_read(&path).unwrap();
    let (batch, extent) = inspect(&file).unwrap();
    assert_eq!(extent.torn_bytes, 0);
    (batch, file)
}

/// Three runs: rows that were posted, rejected, invalid, vanished, retried and limited; then an edited row;
/// then a settled row in doubt.
#[test]
fn version_1_is_read() {
    let (batch, file) = read("v1.jsonl");
    assert_eq!(batch.counts(), Counts { posted: 3, rejected: 1, invalid: 1, held: 1, ..Counts::default() });
    assert_eq!(batch.header.api, None, "there was only one");
    assert_eq!(batch.vanished(), (1, 0));
    assert_eq!((batch.attempts, batch.limited), (7, 1));
    assert!(audit(&file).unwrap().holds());
}

/// Two runs that record their caller: one that stopped early with a row in doubt, then one that sent that row
/// again.
#[test]
fn who_began_a_run_is_read() {
    let (batch, file) = read("v1-callers.jsonl");
    assert_eq!(batch.counts(), Counts { posted: 4, ..Counts::default() });
    assert_eq!(batch.attempts, 5);
    assert!(audit(&file).unwrap().holds());
    let mut callers = Vec::new();
    records(&file, &mut |entry| {
        if let Record::Run(run) = entry.record {
            callers.push(run.by.unwrap());
        }
    })
    .unwrap();
    let by = |command: &[&str]| Caller {
        user: Some("anna".to_owned()),
        host: Some("nightly1".to_owned()),
        command: command.iter().copied().map(str::to_owned).collect(),
    };
    let url = "http://127.0.0.1:8080/api/tenants/1/internalnote/upload";
    let first = by(&["batchpost", "run", "notes.csv", "--url", url, "--limit", "50/1s", "--first", "3"]);
    assert_eq!(callers, [first, by(&["batchpost", "resume", "notes.csv.ledger.jsonl", "--in-doubt", "retry"])]);
}

/// One run that paused because of the limit, and a settlement of two records.
#[test]
fn pauses_and_a_settlement_of_several_records_are_read() {
    let (batch, file) = read("v1-pauses.jsonl");
    assert_eq!(batch.counts(), Counts { posted: 3, skipped: 1, ..Counts::default() });
    assert!(audit(&file).unwrap().holds());
    let mut told = Vec::new();
    let extent = records(&file, &mut |entry| match entry.record {
        Record::Run(run) => assert!(run.pauses_recorded),
        Record::Pause(paused) => told.push((paused.cause.word(), paused.row, paused.wait_us, paused.asked_us)),
        Record::Resumed(resumed) => told.push(("resumed", resumed.row, 0, None)),
        _ => {}
    });
    assert_eq!(told, [("limited", 2, 1_000_000, Some(1_000_000)), ("resumed", 2, 0, None)]);
    assert_eq!(extent.unwrap().incomplete_settlements, 0);
    let found = overview(&file, |_, _| {}).unwrap();
    assert_eq!((found.pauses.count(), found.pauses.lasted().as_micros()), (1, 1_394_244 - 392_223));
}

/// One run with a key column, by a version that did not record the rows' content: two rows posted, one in
/// doubt, one rejected.
#[test]
fn named_rows_of_programs_that_did_not_record_their_contents_are_known_by_name_and_ticket() {
    let (batch, file) = read("v1-named.jsonl");
    assert_eq!(batch.counts(), Counts { posted: 2, in_doubt: 1, rejected: 1, ..Counts::default() });
    let known = bring_up_to_date(&file, None).unwrap().keys;
    assert!(known.has_legacy());
    let target = "http://127.0.0.1:8080/api/tenants/1/internalnote/upload";
    let key = |name: &str, ticket: u64| {
        legacy_key(Key::of_name(&Identity::of(target), name), &Ticket::try_from(ticket).unwrap())
    };
    let rows = [("A-1", 31), ("A-2", 32), ("A-3", 33), ("A-4", 34), ("A-1", 99)];
    let mut candidates = Candidates::new(rows.map(|(name, ticket)| key(name, ticket)).to_vec());
    assert_eq!(candidates.mark(&known, 0).rows, 3);
    // Neither the rejected row nor a row of an unrelated sheet with the same name is known.
    assert_eq!(rows.map(|(name, ticket)| candidates.is_known(key(name, ticket))), [true, true, true, false, false]);
}
