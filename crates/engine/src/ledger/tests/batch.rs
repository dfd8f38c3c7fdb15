//! The fold over records: the states of jobs, and the sums of the batch.

use super::*;
use crate::outcome::{Counts, Stop};

fn excluded(n: u64, outcome: Outcome) -> Record {
    Record::Excluded(ExcludedRow { row: n, line: n + 1, key: key(n), ticket: None, outcome, why: "why".to_owned() })
}

fn settle(n: u64, was: Outcome, outcome: Outcome) -> Record {
    settlement(vec![Settled { row: n, key: key(n), was, outcome }])
}

fn finish(stopped: Option<Stop>) -> Record {
    Record::Finish(Finish { at_us: 9, wall: Timestamp::UNIX_EPOCH, stopped, counts: Counts::default() })
}

fn reading(rows: u64, blank: u64) -> Record {
    Record::Read(Reading { rows, blank, fingerprint: String::new() })
}

fn salvaged() -> Record {
    Record::Salvage(Salvage { from: LedgerId(1), lost: 1 })
}

fn vanished(keys: &[u64]) -> Record {
    Record::Vanished(Presence { keys: keys.iter().map(|n| key(*n)).collect() })
}

fn fold(records: &[Record]) -> Batch {
    let mut batch = Batch::new(header());
    records.iter().for_each(|record| batch.apply(record));
    batch
}

fn job_state(records: &[Record]) -> JobState {
    fold(records).job_states[&key(1)]
}

#[test]
fn a_job_that_was_ever_in_doubt_stays_known_as_such_whatever_is_decided_about_it() {
    let unknown = outcome(1, VerdictWord::Unknown, Outcome::InDoubt);
    let doubts: [&[Record]; 5] = [
        // The state after a crash, before the next attempt.
        &[intent(1)],
        &[intent(1), intent(1), outcome(1, VerdictWord::Rejected, Outcome::Rejected)],
        &[intent(1), unknown.clone()],
        &[excluded(1, Outcome::InDoubt)],
        &[excluded(1, Outcome::Skipped), settle(1, Outcome::Skipped, Outcome::InDoubt)],
    ];
    for doubt in doubts {
        assert!(job_state(doubt).was_doubted(), "{doubt:?}");
        for decided in [Outcome::Pending, Outcome::Skipped, Outcome::Posted] {
            let records = [doubt, &[settle(1, Outcome::InDoubt, decided)]].concat();
            let job_state = job_state(&records);
            assert_eq!((job_state.outcome(), job_state.was_doubted()), (decided, true), "{records:?}");
        }
    }
    let sent_again = [intent(1), unknown, settle(1, Outcome::InDoubt, Outcome::Pending), intent(1), posted(1)];
    assert!(job_state(&sent_again).was_doubted());
    let mut lost = Batch::new(header());
    lost.job_states.insert(key(1), JobState::LOST);
    lost.apply(&posted(1));
    assert!(lost.job_states[&key(1)].was_doubted() && JobState::LOST.was_doubted());
    assert!(JobState::LOST.is_unrecorded() && !JobState::NEW.is_unrecorded());
}

#[test]
fn a_job_whose_attempts_all_ended_was_never_in_doubt() {
    let never: [&[Record]; 4] = [
        &[intent(1), posted(1)],
        &[intent(1), outcome(1, VerdictWord::Again, Outcome::Pending), intent(1), posted(1)],
        &[intent(1), outcome(1, VerdictWord::Withdrawn, Outcome::Pending)],
        &[excluded(1, Outcome::Held), settle(1, Outcome::Held, Outcome::Skipped)],
    ];
    for records in never {
        assert!(!job_state(records).was_doubted(), "{records:?}");
    }
    assert!(!JobState::NEW.was_doubted());
}

#[test]
fn attempts_are_counted_by_job_and_by_batch_and_those_withdrawn_were_not_made() {
    let again = outcome(1, VerdictWord::Again, Outcome::Failed);
    let batch = fold(&[
        intent(1),
        outcome(1, VerdictWord::Limited, Outcome::Pending),
        intent(2),
        outcome(2, VerdictWord::Withdrawn, Outcome::Pending),
        intent(1),
        again,
    ]);
    assert_eq!((batch.attempts, batch.limited), (2, 1));
    assert_eq!(batch.job_states[&key(1)].attempts(), 2);
    assert_eq!(batch.job_states[&key(1)].outcome(), Outcome::Failed);
    let mut often = Batch::new(header());
    (0..70_000).for_each(|_| often.apply(&intent(1)));
    assert_eq!(often.job_states[&key(1)].attempts(), u32::from(u16::MAX), "no more fit, and it does not begin anew");
}

#[test]
fn a_decision_to_send_a_row_releases_it_and_any_other_takes_that_back() {
    let to_do = settle(1, Outcome::Held, Outcome::Pending);
    assert!(job_state(std::slice::from_ref(&to_do)).is_released());
    assert!(!job_state(&[excluded(1, Outcome::Held)]).is_released());
    assert!(!job_state(&[to_do, settle(1, Outcome::Pending, Outcome::Held)]).is_released());
}

#[test]
fn what_a_run_finds_is_unrecorded_until_the_ledger_says_it() {
    let mut held = job_state(&[excluded(1, Outcome::Held)]);
    assert!(!held.is_unrecorded());
    held.take_up_again();
    assert_eq!((held.outcome(), held.is_unrecorded()), (Outcome::Pending, true));
    let mut new = JobState::NEW;
    new.hold_now();
    assert_eq!((new.outcome(), new.is_unrecorded()), (Outcome::Held, true));
    let mut invalid = JobState::NEW;
    invalid.exclude_now(Outcome::Invalid);
    assert!(invalid.is_unrecorded());
    invalid.note_recorded();
    assert_eq!((invalid.outcome(), invalid.is_unrecorded()), (Outcome::Invalid, false));
    // As recorded in the middle of the run that found it.
    let mut batch = Batch::new(header());
    batch.job_states.insert(key(1), JobState::LOST);
    batch.apply(&excluded(1, Outcome::InDoubt));
    assert!(!batch.job_states[&key(1)].is_unrecorded());
}

#[test]
fn a_whole_run_ends_the_doubt_about_rows_without_a_record_and_nothing_less_does() {
    let lost = |records: &[Record]| fold(&[&[salvaged()], records].concat()).lost_records;
    assert!(lost(&[]));
    assert!(!lost(&[finish(None)]));
    assert!(lost(&[finish(Some(Stop::Planned))]), "rows are left that no run has met");
    assert!(lost(&[intent(1), posted(1), vanished(&[1]), finish(None)]), "the ledger knows another input too");
    assert!(!lost(&[
        intent(1),
        posted(1),
        vanished(&[1]),
        Record::Returned(Presence { keys: vec![key(1)] }),
        finish(None)
    ]));
    assert!(!fold(&[finish(None)]).lost_records);
    assert!(!lost(&[finish(None), finish(Some(Stop::Planned))]), "what is found is not lost again");
    assert_eq!(fold(&[salvaged()]).unknown(), JobState::LOST);
    assert_eq!(fold(&[salvaged(), finish(None)]).unknown(), JobState::NEW);
}

#[test]
fn rows_of_the_input_that_have_no_record_are_still_to_do_and_blank_ones_are_skipped() {
    let records = [intent(1), posted(1), excluded(2, Outcome::Held), intent(3), posted(3), vanished(&[3])];
    let counts = fold(&[&records[..], &[reading(10, 4)]].concat()).counts();
    assert_eq!(counts, Counts { posted: 1, held: 1, skipped: 4, pending: 4, ..Counts::default() });
    let counts = fold(&[&[salvaged()], &records[..], &[reading(10, 4)]].concat()).counts();
    assert_eq!(counts, Counts { posted: 1, held: 1, skipped: 4, in_doubt: 4, ..Counts::default() });
    let counts = fold(&records).counts();
    assert_eq!(
        counts,
        Counts { posted: 1, held: 1, ..Counts::default() },
        "without a reading nothing is known of others"
    );
}

#[test]
fn of_what_left_the_input_only_what_may_have_been_sent_or_was_refused_counts() {
    let doubt = outcome(4, VerdictWord::Unknown, Outcome::InDoubt);
    let records = [
        intent(1),
        posted(1),
        excluded(2, Outcome::Invalid),
        settle(3, Outcome::Held, Outcome::Pending),
        intent(4),
        doubt,
        intent(5),
        outcome(5, VerdictWord::Rejected, Outcome::Rejected),
        intent(6),
    ];
    assert_eq!(fold(&[&records[..], &[vanished(&[1, 2, 3, 4, 5])]].concat()).vanished(), (3, 1));
    assert_eq!(fold(&[&records[..], &[vanished(&[6])]].concat()).vanished(), (1, 1));
    assert_eq!(fold(&records).vanished(), (0, 0));
}

#[test]
fn a_run_begins_with_no_end_and_with_its_own_reading() {
    let ended = [reading(3, 0), finish(Some(Stop::Planned))];
    let batch = fold(&ended);
    assert_eq!(batch.reading.as_ref().map(|reading| reading.rows), Some(3));
    assert_eq!(batch.finish.map(|finish| finish.stopped), Some(Some(Stop::Planned)));
    let batch = fold(&[&ended[..], &[run(2, None)]].concat());
    assert!(batch.finish.is_none() && batch.reading.is_none());
    assert_eq!(batch.run.map(|run| run.run), Some(2));
}
