//! Runs that are interrupted once or twice, at any moment.

use std::time::Duration;

use batchpost_engine::driver::DELIBERATE_AFTER;
use batchpost_engine::outcome::Stop;
use batchpost_simulation::{End, History, Plan, Scenario};

const ROWS: u64 = 60;

/// The history of a run with a slow server and slow commits, interrupted at these times. The simulation
/// compares its final counts with its ledger.
fn interrupted(seed: u64, interrupts: Vec<Duration>) -> History {
    let mut scenario = Scenario::calm(seed, 1..=ROWS);
    scenario.latency = Duration::from_millis(500)..=Duration::from_millis(2500);
    scenario.commit = Duration::from_millis(1)..=Duration::from_millis(1500);
    let mut history = History::new(scenario);
    let end = history.run(&Plan { interrupts, ..Plan::default() });
    assert_eq!(end, Ok(End::Done(Some(Stop::Interrupted))), "seed {seed}");
    history
}

#[test]
fn signals_within_a_second_leave_no_doubt() {
    for seed in 0..50 {
        let first = Duration::from_millis(200 * seed);
        let again = [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(999)];
        let history = interrupted(seed, again.into_iter().map(|after| first + after).collect());
        let coverage = history.coverage();
        assert_eq!(coverage.times("engine", "ended at once"), 0, "seed {seed}");
        assert_eq!(coverage.times("all", "attempts"), coverage.times("outcome", "posted"), "seed {seed}");
    }
}

#[test]
fn a_second_signal_a_second_later_ends_at_once_and_the_next_run_goes_on() {
    let (mut at_once, mut doubts, mut hung) = (0, 0, 0);
    for seed in 0..200 {
        let first = Duration::from_millis(50 * seed);
        let mut history = interrupted(seed, vec![first, first + DELIBERATE_AFTER]);
        if history.coverage().times("engine", "ended at once") == 0 {
            continue;
        }
        at_once += 1;
        hung += history.coverage().times("engine", "did not wait for a commit");
        history.survive(None);
        assert_eq!(history.run(&Plan::default()), Ok(End::Done(None)), "seed {seed}");
        doubts += ROWS - history.coverage().times("outcome", "posted");
        assert!(history.server().report().notes <= ROWS as usize, "seed {seed}: something was posted twice");
    }
    assert!(at_once > 100 && doubts > 100 && hung > 0, "{at_once} ended at once, {doubts} doubts, {hung} hung");
}
