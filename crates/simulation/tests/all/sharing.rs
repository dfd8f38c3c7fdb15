//! Several concurrent runs on one account, checked by the server's own count over all of them.

use std::time::Duration;

use batchpost_engine::limit::Limit;
use batchpost_engine::settings::Spread;
use batchpost_sandbox::most_in_any;
use batchpost_simulation::{Part, Rough, Shared, share};

fn part(at_ms: u64, rows: u64, limits: &[&str]) -> Part {
    let limits = limits.iter().map(|limit| limit.parse().expect("a limit")).collect();
    Part { at: Duration::from_millis(at_ms), rows, limits, spread: Spread::Burst }
}

#[track_caller]
fn assert_held(seed: u64, shared: &Shared, limits: &[&str]) {
    for limit in limits {
        let limit: Limit = limit.parse().expect("a limit");
        let most = most_in_any(shared.server.arrivals(), limit.window());
        assert!(most <= limit.count() as usize, "seed {seed}: {most} within one window of {limit}");
    }
    assert_eq!(shared.server.report().refused, 0, "seed {seed}");
}

#[test]
fn three_runs_together_end_within_a_tenth_of_one_run_over_all_rows_and_side_by_side() {
    for seed in 0..20 {
        let limits = ["25/5s"];
        let one = share(seed, &[part(0, 300, &limits)], &Rough::default()).ended[0];
        let three = [part(0, 100, &limits), part(300, 100, &limits), part(700, 100, &limits)];
        let shared = share(seed, &three, &Rough::default());
        assert_held(seed, &shared, &limits);
        assert_eq!(shared.server.report().notes, 300, "seed {seed}");
        let (first, last) = (shared.ended.iter().min().unwrap(), shared.ended.iter().max().unwrap());
        assert!(*last <= one.mul_f64(1.1), "seed {seed}: {last:?} where one takes {one:?}");
        // The first has one window for itself, and all but two slots of the next while each of the others
        // probes with one row; after that each run has a third.
        assert!(*first >= last.mul_f64(0.7), "seed {seed}: {:?}", shared.ended);
        let [_, second, third] = shared.ended[..] else { panic!("three runs") };
        assert!(second.abs_diff(third) < Duration::from_millis(5500), "seed {seed}: {:?}", shared.ended);
    }
}

#[test]
fn a_short_run_gets_its_share_while_a_long_one_is_under_way() {
    for seed in 0..20 {
        let limits = ["10/1s"];
        let parts = [part(0, 400, &limits), part(10_000, 40, &limits)];
        let shared = share(seed, &parts, &Rough::default());
        assert_held(seed, &shared, &limits);
        // Alone it would take 4 windows; with half of each, 8, and one more until its turn.
        let took = shared.ended[1] - parts[1].at;
        assert!(took <= Duration::from_millis(11_000), "seed {seed}: {took:?}");
    }
}

#[test]
fn a_stricter_limit_that_one_run_brings_is_kept_by_all_while_it_is_there() {
    for seed in 0..20 {
        let parts = [part(0, 100, &["10/1s"]), part(0, 20, &["10/1s", "12/3s"])];
        let shared = share(seed, &parts, &Rough::default());
        let until = shared.ended[1];
        let while_both: Vec<Duration> = shared.server.arrivals().iter().copied().filter(|at| *at <= until).collect();
        assert!(most_in_any(&while_both, Duration::from_secs(3)) <= 12, "seed {seed}");
        assert_held(seed, &shared, &["10/1s"]);
    }
}

#[test]
fn runs_that_are_killed_and_begun_again_keep_the_limit_and_come_to_their_ends() {
    let mut killed_in_flight = 0;
    for seed in 0..150 {
        let limits: &[&str] = match seed % 4 {
            0 => &["10/1s"],
            1 => &["3/500ms", "20/10s"],
            2 => &["25/5s"],
            _ => &["1/200ms"],
        };
        let mut parts: Vec<Part> = (0..=seed % 4).map(|n| part(seed * 7 % 900 * n, 30, limits)).collect();
        if seed % 3 == 0 {
            parts.iter_mut().for_each(|part| part.spread = Spread::Even);
        }
        let shared = share(seed, &parts, &Rough { kills: (seed % 12) as u32, lost: 0.05, ..Rough::default() });
        assert_held(seed, &shared, limits);
        killed_in_flight += shared.killed_in_flight;
    }
    assert!(killed_in_flight > 100, "{killed_in_flight}");
}

#[test]
fn runs_whose_machine_loses_its_power_keep_the_limit_while_requests_of_before_are_under_way() {
    let mut killed_in_flight = 0;
    for seed in 0..400 {
        let limits: &[&str] =
            [&["10/1s"][..], &["3/500ms", "20/10s"], &["5/1s"], &["8/1s", "60/1m"]][seed as usize % 4];
        // The last one ends while the others are active, or is the only run for a while.
        let parts: Vec<Part> =
            (0..=seed % 3).map(|n| part(seed * 7 % 900 * n, [30, 12, 3][n as usize], limits)).collect();
        let timeout = Duration::from_secs([2, 30][seed as usize % 2]);
        let power_losses = 1 + (seed % 5) as u32;
        let rough =
            Rough { power_losses, kills: (seed % 3) as u32, late: 0.4, lost: 0.05, timeout, ..Rough::default() };
        let shared = share(seed, &parts, &rough);
        assert_held(seed, &shared, limits);
        killed_in_flight += shared.killed_in_flight;
    }
    assert!(killed_in_flight > 200, "{killed_in_flight}");
}
