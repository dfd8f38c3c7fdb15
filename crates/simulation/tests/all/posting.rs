//! Batches that mostly succeed: speed, numbers and order.

use std::time::Duration;

use batchpost_sandbox::{Counting, Fault, most_in_any};
use batchpost_simulation::{End, History, Plan, Scenario};

/// Runs a scenario to its end in one run.
fn whole(scenario: Scenario) -> History {
    let seed = scenario.seed;
    let mut history = History::new(scenario);
    let ended = history.go();
    assert_eq!(ended, Ok(()), "seed {seed}");
    history
}

#[test]
fn a_hundred_rows_finish_within_5_percent_of_the_best_and_never_exceed_the_limit() {
    for seed in 0..20 {
        for counting in [Counting::Sliding, Counting::Fixed { phase: Duration::from_millis(137 * seed) }] {
            let mut history = History::new(Scenario { counting, ..Scenario::calm(seed, 1..=100) });
            assert_eq!(history.run(&Plan::default()), Ok(End::Done(None)), "seed {seed}");
            let best = history.scenario().settings.best_finish(100, Duration::from_millis(120));
            let last = history.finished_at();
            assert!(last <= best.mul_f64(1.05), "seed {seed}: {last:?} where {best:?} is possible");
            let report = history.server().report();
            assert_eq!((report.notes, report.refused), (100, 0), "seed {seed}");
            assert!(most_in_any(history.server().arrivals(), Duration::from_secs(5)) <= 25, "seed {seed}");
            assert!(report.most_in_a_fixed_window.is_none_or(|most| most <= 25), "seed {seed}");
        }
    }
}

#[test]
fn where_nothing_takes_any_time_windows_that_count_both_of_their_ends_hold() {
    let instant = Duration::ZERO..=Duration::ZERO;
    let history = whole(Scenario { latency: instant.clone(), commit: instant, ..Scenario::calm(1, 1..=60) });
    assert_eq!(history.server().report().most_in_any_window, 25);
}

/// Draws faults, each for its share of all requests.
fn strike(seed: u64, requests: usize, shares: &[(Fault, f64)]) -> Vec<Option<Fault>> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut struck = || {
        let mut draw = rng.f64();
        shares
            .iter()
            .find(|(_, share)| {
                draw -= share;
                draw < 0.0
            })
            .map(|(fault, _)| *fault)
    };
    (0..requests).map(|_| struck()).collect()
}

#[test]
fn what_the_server_says_it_did_not_do_is_done_again_exactly_once() {
    let shares = [
        (Fault::ServerError, 0.05),
        (Fault::Limited, 0.01),
        (Fault::LimitedRetryAfter, 0.01),
        (Fault::LimitedDate, 0.01),
        (Fault::LimitedAs200, 0.01),
        (Fault::LimitedAs403, 0.01),
    ];
    for seed in 0..100 {
        let tickets = (0..120).map(|row| row % 80 + 1);
        let scenario = Scenario { faults: strike(seed, 1000, &shares), ..Scenario::calm(seed, tickets) };
        let history = whole(scenario);
        assert_eq!(history.server().report().notes, 120, "seed {seed}");
        let mut texts: Vec<&str> = history.server().notes().iter().map(|note| note.text.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), 120, "seed {seed}");
    }
}

#[test]
fn ten_comments_of_one_ticket_arrive_in_the_sheets_order() {
    for seed in 0..200 {
        let faults = strike(seed, 1000, &[(Fault::ServerError, 0.2)]);
        let mut scenario = Scenario { faults, ..Scenario::calm(seed, [143; 10]) };
        scenario.settings.max_attempts = 20;
        let sheet: Vec<String> = scenario.texts().map(str::to_owned).collect();
        let history = whole(scenario);
        let created: Vec<&str> = history.server().notes().iter().map(|note| note.text.as_str()).collect();
        assert_eq!(created, sheet, "seed {seed}");
    }
}
