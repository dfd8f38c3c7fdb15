//! A settlement counts only if all of its records are there, at whatever point writing fails.

use super::super::settle::in_records_of;
use super::*;

const ROWS: u64 = 7;

fn decided() -> Vec<Settled> {
    let settled = |n| Settled { row: n, key: key(n), was: Outcome::InDoubt, outcome: Outcome::Posted };
    (1..=ROWS).map(settled).collect()
}

/// One settlement in three records, at this time.
fn in_three(second: i64) -> Vec<Record> {
    let wall = Timestamp::from_second(second).unwrap();
    let records = in_records_of(3, wall, Some("seen"), &decided());
    assert_eq!(records.len(), 3);
    records
}

/// A ledger whose rows are all in doubt.
fn doubtful() -> Memory {
    let (mut ledger, ..) = Ledger::open(begun()).unwrap();
    let doubts = (1..=ROWS).flat_map(|n| [intent(n), outcome(n, VerdictWord::Unknown, Outcome::InDoubt)]);
    ledger.commit(&doubts.collect::<Vec<_>>()).unwrap();
    ledger.close().unwrap()
}

fn posted_of(batch: &Batch) -> usize {
    batch.job_states.values().filter(|job_state| job_state.outcome() == Outcome::Posted).count()
}

/// What every reader finds in a ledger: rows posted, decisions reported, incomplete settlements.
#[track_caller]
fn read_by_all(memory: &Memory) -> (usize, usize, u64) {
    let (batch, extent) = inspect(memory).unwrap();
    let told = histories(memory, u64::MAX, |_| true).unwrap();
    let told = told.values().filter(|history| history.reason == "seen").count();
    assert_eq!(posted_of(&batch), told);
    let mut rows = 0;
    let read = read(memory, &mut |entry| {
        if let Record::Settle(settlement) = entry.record {
            rows += settlement.rows.len();
        }
    });
    assert_eq!(read.unwrap(), extent);
    (told, rows, extent.incomplete_settlements)
}

const ALL: (usize, usize, u64) = (ROWS as usize, ROWS as usize, 0);

#[test]
fn what_fits_is_one_record_and_more_are_parts_of_one_with_one_moment() {
    let wall = Timestamp::UNIX_EPOCH;
    let rows: Vec<Settled> = (0..700).map(|n| Settled { row: n, key: key(n), ..decided()[0] }).collect();
    let one = super::super::settlement(wall, None, &rows);
    assert!(matches!(&one[..], [Record::Settle(Settlement { part: None, rows, .. })] if rows.len() == 700));
    let part = |record: &Record| match record {
        Record::Settle(Settlement { part: Some(Part { number, of }), rows, .. }) => (*number, *of, rows.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(in_three(1).iter().map(part).collect::<Vec<_>>(), [(1, 3, 3), (2, 3, 3), (3, 3, 1)]);
}

#[test]
fn the_fullest_record_of_a_settlement_has_room_in_a_line() {
    let most = Settled { row: u64::MAX, key: key(1), was: Outcome::InDoubt, outcome: Outcome::Rejected };
    let why = "\u{1}".repeat(1 << 16);
    let records = super::super::settlement(Timestamp::MAX, Some(&why), &vec![most; 10_000]);
    let (mut ledger, ..) = Ledger::open(begun()).unwrap();
    ledger.commit_settlement(&records).unwrap();
}

#[test]
fn wherever_a_settlement_was_cut_off_none_of_it_counts_and_it_can_be_given_again() {
    let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
    let before = ledger.storage.bytes.len();
    ledger.commit_settlement(&in_three(1)).unwrap();
    let whole = ledger.storage.clone();
    assert_eq!(read_by_all(&whole), ALL);
    // The length of the group's mark, which decides nothing.
    let mark = lines(&whole)[lines(&whole).len() - 4].len();
    for cut in before..whole.bytes.len() {
        let torn = Memory { bytes: whole.bytes[..cut].to_vec(), ..Memory::default() };
        let (posted, rows, incomplete) = read_by_all(&torn);
        assert_eq!((posted, rows), (0, 0), "cut at {cut}");
        let (mut ledger, batch, extent) = Ledger::open(torn.clone()).unwrap();
        assert_eq!(posted_of(&batch), 0, "cut at {cut}");
        assert_eq!(extent.incomplete_settlements, incomplete);
        let kept = if cut < before + mark { before } else { before + mark };
        assert_eq!(
            (ledger.storage.bytes.len(), &ledger.storage.excluded[..]),
            (kept, &torn.bytes[kept..]),
            "cut at {cut}"
        );
        ledger.commit_settlement(&in_three(2)).unwrap();
        assert_eq!(read_by_all(&ledger.close().unwrap()), ALL, "cut at {cut}");
    }
}

#[test]
fn a_settlement_whose_records_did_not_all_reach_the_disk_does_not_count() {
    let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
    let before = lines(&ledger.storage).len();
    ledger.commit_settlement(&in_three(1)).unwrap();
    let whole = lines(&ledger.storage);
    for lost in before + 1..whole.len() {
        let mut written = whole.clone();
        let zeroed = vec![0; written[lost].len()];
        written[lost] = zeroed;
        let (posted, rows, _) = read_by_all(&of_lines(&written));
        assert_eq!((posted, rows), (0, 0), "line {lost}");
    }
}

#[test]
fn what_a_program_left_standing_that_went_on_behind_half_a_settlement_is_passed_over_for_ever() {
    let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
    // Append like a program that does not know parts.
    ledger.commit(&in_three(1)[..2]).unwrap();
    ledger.commit(&[]).unwrap();
    assert_eq!(read_by_all(&ledger.storage), (0, 0, 1), "only a mark followed");
    let marked = ledger.storage.bytes.len() as u64;
    let mut torn = ledger.storage.clone();
    torn.bytes.extend_from_slice(b"{\"n\":");
    for (memory, torn_bytes) in [(&ledger.storage, 0), (&torn, 5)] {
        let (_, extent) = inspect(memory).unwrap();
        assert_eq!((extent.good_bytes, extent.torn_bytes, extent.incomplete_settlements), (marked, torn_bytes, 1));
    }
    ledger.commit(&[intent(8), posted(8)]).unwrap();
    let half = ledger.close().unwrap();
    let (mut ledger, batch, extent) = Ledger::open(half).unwrap();
    assert_eq!((posted_of(&batch), extent.torn_bytes, extent.incomplete_settlements), (1, 0, 1));
    ledger.commit_settlement(&in_three(2)).unwrap();
    let (batch, extent) = inspect(&ledger.close().unwrap()).unwrap();
    assert_eq!((posted_of(&batch), extent.incomplete_settlements), (ROWS as usize + 1, 1));
}

#[test]
fn parts_without_their_first_and_parts_of_two_settlements_are_none() {
    for (parts, settlements) in [
        (vec![in_three(1).remove(1), in_three(1).remove(2)], 1),
        (vec![in_three(1).remove(0), in_three(2).remove(1), in_three(2).remove(2)], 2),
        (vec![in_three(1).remove(0), in_three(1).remove(0), in_three(1).remove(1)], 2),
    ] {
        let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
        ledger.commit(&[&parts[..], &[intent(8)]].concat()).unwrap();
        assert_eq!(read_by_all(&ledger.close().unwrap()), (0, 0, settlements), "{parts:?}");
    }
    let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
    ledger.commit(&[in_three(1).remove(0), in_three(1).remove(2), in_three(1).remove(1), intent(8)]).unwrap();
    assert_eq!(read_by_all(&ledger.close().unwrap()).1, 0, "in another order");
    let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
    ledger.commit(&[&in_three(1)[..], &[in_three(1).remove(2)]].concat()).unwrap();
    assert_eq!(read_by_all(&ledger.close().unwrap()).1, ROWS as usize, "its last part once more");
    // A salvage may copy a mark between parts.
    let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
    in_three(1).into_iter().for_each(|part| ledger.commit(&[part]).unwrap());
    assert_eq!(read_by_all(&ledger.close().unwrap()), ALL);
}

#[test]
fn a_part_that_spoiled_after_it_was_synced_is_damage_and_no_torn_tail() {
    let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
    let before = lines(&ledger.storage).len();
    ledger.commit_settlement(&in_three(1)).unwrap();
    let whole = lines(&ledger.close().unwrap());
    for part in before + 1..before + 4 {
        let mut spoiled = whole.clone();
        spoiled[part][20] ^= 1;
        let error = Ledger::open(of_lines(&spoiled)).unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { line, .. } if line == part as u64 + 1), "{part}: {error}");
    }
}

#[test]
fn on_a_disk_with_room_for_a_part_of_it_no_decision_is_recorded_and_it_says_so() {
    let room = |bytes: usize| {
        let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
        ledger.storage.room = Some(ledger.storage.bytes.len() + bytes);
        ledger
    };
    let mut whole = room(usize::MAX / 2);
    let before = whole.storage.clone();
    whole.commit_settlement(&in_three(1)).unwrap();
    for bytes in 0..whole.storage.bytes.len() - before.bytes.len() {
        let mut ledger = room(bytes);
        let error = ledger.commit_settlement(&in_three(1)).unwrap_err();
        assert_eq!(error.to_string(), "the ledger cannot be written: no room; no decision was recorded");
        assert_eq!(ledger.storage.bytes, before.bytes, "room for {bytes}");
        assert!(matches!(ledger.commit(&[]), Err(LedgerError::Poisoned)));
        // If the truncation fails too, the settlement is incomplete.
        let mut ledger = room(bytes);
        ledger.storage.fail = Some("truncate");
        assert!(ledger.commit_settlement(&in_three(1)).unwrap_err().to_string().ends_with("no decision was recorded"));
        assert_eq!(read_by_all(&ledger.storage).0, 0, "room for {bytes}");
    }
}

#[test]
fn after_a_sync_that_failed_nothing_is_left_of_it_or_it_says_that_nobody_knows() {
    let fails = |steps: &[&'static str]| {
        let (mut ledger, ..) = Ledger::open(doubtful()).unwrap();
        let before = ledger.storage.bytes.clone();
        ledger.storage.fail_once = Some("sync");
        ledger.storage.fail = steps.first().copied();
        let error = ledger.commit_settlement(&in_three(1)).unwrap_err().to_string();
        (ledger.storage.bytes == before, error)
    };
    let (is_as_before, error) = fails(&[]);
    assert!(is_as_before && error.ends_with("; no decision was recorded"), "{error}");
    let (is_as_before, error) = fails(&["truncate"]);
    assert!(!is_as_before && error.contains("the decisions may or may not have been recorded"), "{error}");
}
