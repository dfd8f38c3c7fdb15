use super::*;
use crate::job::{Identity, Ticket};
use crate::outcome::Outcome;

fn key(n: u64) -> Key {
    Key::of_job(&Identity::of("t"), &Ticket::try_from(1).unwrap(), &n.to_string())
}

fn end(n: u64, verdict: VerdictWord) -> AttemptEnd {
    AttemptEnd {
        row: n,
        key: key(n),
        ticket: Ticket::try_from(1).unwrap(),
        attempt: 1,
        at_us: 0,
        wall: Timestamp::UNIX_EPOCH,
        verdict,
        outcome: Outcome::Pending,
        status: None,
        reply: Some(format!("said of {n}")),
    }
}

/// A watch for a run whose ledger has no records of pauses.
fn guessing() -> Watch {
    let mut watch = Watch::default();
    watch.run(false);
    watch
}

/// The pauses inferred from attempts one at a time, each at its second and answered half a second later.
fn pauses(attempts: &[(u64, VerdictWord)]) -> Vec<(Cause, u64, u64)> {
    let mut watch = guessing();
    let mut last = 0;
    for (n, (second, verdict)) in (0..).zip(attempts) {
        let at_us = second * 1_000_000;
        last = at_us + 500_000;
        watch.began(key(n), at_us);
        watch.ended(&end(n, *verdict), last, 1);
    }
    watch.close_run(last);
    let told = |pause: &Pause| (pause.cause, pause.from_us / 1_000_000, pause.lasted.as_millis() as u64);
    watch.found().kept().iter().map(told).collect()
}

use VerdictWord::{Again, Limited, Posted, Unknown, Unsent};

#[test]
fn a_limited_answer_makes_a_pause_until_the_next_attempt() {
    let found = pauses(&[(0, Posted), (1, Limited), (7, Limited), (20, Posted), (21, Posted)]);
    assert_eq!(found, [(Cause::Limited, 1, 5_500), (Cause::Limited, 7, 12_500)]);
}

#[test]
fn five_unknowns_in_a_row_make_a_pause_and_then_every_failed_probe() {
    let unknown = |from: u64| (from..from + 5).map(|second| (second, Unknown));
    let found: Vec<_> = unknown(0).chain([(10, Unknown), (30, Posted), (31, Unknown)]).collect();
    assert_eq!(pauses(&found), [(Cause::Unclear, 4, 5_500), (Cause::Unclear, 10, 19_500)]);
    let broken: Vec<_> = unknown(0).take(4).chain([(4, Again)]).chain(unknown(5).take(4)).collect();
    assert_eq!(pauses(&broken), []);
}

#[test]
fn three_that_could_not_be_sent_make_a_pause() {
    let found = pauses(&[(0, Unsent), (1, Unsent), (2, Unsent), (8, Posted)]);
    assert_eq!(found, [(Cause::Unreachable, 2, 5_500)]);
}

#[test]
fn limited_answers_of_one_burst_are_one_pause_and_a_slot_taken_before_it_does_not_end_it() {
    let mut watch = guessing();
    (0..4).for_each(|n| watch.began(key(n), n));
    watch.ended(&end(0, Limited), 100, 3);
    watch.began(key(9), 99);
    watch.ended(&end(9, VerdictWord::Withdrawn), 101, 3);
    watch.ended(&end(1, Limited), 200, 3);
    watch.ended(&end(2, Posted), 300, 3);
    watch.began(key(5), 5_000);
    watch.close_run(6_000);
    let found = watch.found();
    assert_eq!((found.count(), found.kept().len()), (1, 1));
    let pause = &found.kept()[0];
    assert_eq!((pause.from_us, pause.lasted.as_micros(), pause.replies), (100, 4_900, 2));
    assert_eq!((pause.run, pause.end, pause.reply.as_str()), (3, PauseEnd::Attempt { found: None }, "said of 0"));
}

#[test]
fn a_pause_that_the_run_does_not_outlive_ends_with_it() {
    let mut watch = guessing();
    watch.began(key(0), 0);
    watch.ended(&end(0, Limited), 10, 1);
    watch.close_run(50);
    let found = watch.found();
    assert_eq!((found.kept()[0].end, found.kept()[0].lasted.as_micros()), (PauseEnd::Run, 40));
}

#[test]
fn the_longest_are_kept_and_all_are_counted() {
    let mut pauses = Pauses::default();
    for n in 0..1000u64 {
        let lasted = Duration::from_secs(if n % 100 == 0 { 1000 } else { 1 });
        let wall = Timestamp::UNIX_EPOCH;
        let (cause, end) = (Cause::Limited, PauseEnd::Run);
        pauses.take(Pause { from_us: n, wall, lasted, end, ..pause(cause, "") });
    }
    assert_eq!((pauses.count(), pauses.kept().len()), (1000, Pauses::MOST));
    assert_eq!(pauses.kept().iter().filter(|pause| pause.lasted.as_secs() == 1000).count(), 10);
    assert!(pauses.kept().is_sorted_by_key(|pause| pause.from_us));
}

fn paused(cause: Cause, asked_us: Option<u64>) -> Paused {
    let (wall, reply) = (Timestamp::UNIX_EPOCH, "503".to_owned());
    Paused { at_us: 0, wall, cause, wait_us: 5_000_000, asked_us, row: 1, reply }
}

fn resumed(verdict: VerdictWord) -> Resumed {
    Resumed { at_us: 0, wall: Timestamp::UNIX_EPOCH, row: 1, verdict }
}

#[test]
fn recorded_pauses_are_told_as_they_are_recorded_and_nothing_is_guessed() {
    let mut watch = Watch::default();
    watch.run(true);
    // Two answers from which a pause would be inferred, and one from which none would be.
    for (n, verdict) in [(0, Limited), (1, Again), (2, Again)] {
        watch.began(key(n), n * 10);
        watch.ended(&end(n, verdict), n * 10 + 5, 4);
    }
    watch.paused(&paused(Cause::Failing, Some(30_000_000)), 25, 4);
    watch.ended(&end(7, Again), 27, 4);
    watch.ended(&end(8, Posted), 28, 4);
    watch.began(key(3), 125);
    watch.ended(&end(3, Again), 130, 4);
    watch.resumed(&resumed(Again));
    watch.paused(&paused(Cause::Failing, None), 130, 4);
    watch.began(key(4), 230);
    watch.ended(&end(4, Posted), 240, 4);
    watch.resumed(&resumed(Posted));
    watch.close_run(500);
    let found = watch.found();
    assert_eq!((found.count(), found.lasted().as_micros()), (2, 200));
    let told = |pause: &Pause| (pause.cause, pause.from_us, pause.lasted.as_micros(), pause.replies, pause.end);
    let told: Vec<_> = found.kept().iter().map(told).collect();
    let ended = |found| PauseEnd::Attempt { found: Some(found) };
    assert_eq!(told, [(Cause::Failing, 25, 100, 2, ended(Again)), (Cause::Failing, 130, 100, 1, ended(Posted))]);
    let asked: Vec<_> = found.kept().iter().map(|pause| pause.asked.map(|asked| asked.as_secs())).collect();
    assert_eq!(asked, [Some(30), None]);
    assert_eq!((found.kept()[0].run, found.kept()[0].reply.as_str()), (4, "503"));
}

#[test]
fn a_pause_whose_first_attempt_was_not_answered_is_told_without_what_it_found() {
    let ends = |records: &dyn Fn(&mut Watch)| -> Vec<PauseEnd> {
        let mut watch = Watch::default();
        watch.run(true);
        watch.paused(&paused(Cause::Limited, None), 10, 1);
        records(&mut watch);
        watch.close_run(50);
        watch.found().kept().iter().map(|pause| pause.end).collect()
    };
    assert_eq!(ends(&|_| {}), [PauseEnd::Run]);
    let not_found = PauseEnd::Attempt { found: None };
    assert_eq!(ends(&|watch| watch.began(key(1), 20)), [not_found]);
    // A late answer starts another pause before the first attempt is answered.
    let overtaken = |watch: &mut Watch| {
        watch.began(key(1), 20);
        watch.paused(&paused(Cause::Limited, None), 30, 1);
        watch.ended(&end(1, Posted), 35, 1);
    };
    assert_eq!(ends(&overtaken), [not_found, PauseEnd::Run]);
}
