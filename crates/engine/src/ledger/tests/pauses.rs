//! Records of pauses, and how an older program of the same format version reads them.

use super::super::step::Step;
use super::*;
use crate::outcome::Cause;

fn records() -> [Record; 2] {
    let wall = Timestamp::UNIX_EPOCH;
    let reply = "503: busy".to_owned();
    let paused =
        Paused { at_us: 7, wall, cause: Cause::Failing, wait_us: 5_000_000, asked_us: Some(20_000_000), row: 3, reply };
    [Record::Pause(paused), Record::Resumed(Resumed { at_us: 5_000_009, wall, row: 4, verdict: VerdictWord::Posted })]
}

#[test]
fn they_are_read_back_and_change_nothing() {
    let (mut ledger, ..) = Ledger::open(begun()).unwrap();
    ledger.commit(&[&[intent(1)], &records()[..], &[posted(1)]].concat()).unwrap();
    let written = ledger.close().unwrap();
    let mut found = Vec::new();
    read(&written, &mut |entry| found.push(entry.record)).unwrap();
    assert_eq!(found[3..5], records());
    let (batch, _) = inspect(&written).unwrap();
    assert_eq!((outcome_of(&batch, 1), batch.attempts, batch.job_states.len()), (Some(Outcome::Posted), 1, 1));
}

#[test]
fn to_a_program_that_does_not_know_them_they_are_marks_that_vouch_for_nothing() {
    #[derive(serde::Deserialize)]
    struct Known {
        n: u64,
        mark: Mark,
    }
    for (record, kind) in records().iter().zip(["pause", "resumed"]) {
        let mut line = Vec::new();
        line::write(&mut line, header().id, 9, record);
        let known: Known = serde_json::from_slice(&line).unwrap();
        assert_eq!((known.n, known.mark), (9, Mark { synced: 0 }));
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert!(value[kind].is_object(), "{value}");
        assert_eq!(Step::read(&line, header().id, 9), Ok(Step::Other(record.clone())));
    }
}
