use proptest::prelude::*;

use super::*;
use crate::job::{Identity, Ticket};

fn key(n: usize) -> Key {
    Key::of_job(&Identity::of("t"), &Ticket::try_from(1).unwrap(), &n.to_string())
}

fn limit(count: u32, window_us: u64) -> Limit {
    Limit::new(count.try_into().unwrap(), Duration::from_micros(window_us)).unwrap()
}

/// Passes a run's attempts to a sweep in the order of their starts and ends. Those without an end stay open.
fn run(sweep: &mut Sweep, limits: &[Limit], attempts: &[(i64, Option<i64>)]) {
    sweep.run(limits);
    let begins = attempts.iter().enumerate().map(|(n, (from, _))| (*from, 0, n));
    let ends = attempts.iter().enumerate().filter_map(|(n, (_, to))| Some(((*to)?, 1, n)));
    let mut events: Vec<_> = begins.chain(ends).collect();
    events.sort_unstable();
    let mut last = 0;
    for (at, kind, n) in events {
        last = at;
        match kind {
            0 => sweep.begin(key(n), at, n as u64),
            _ => sweep.end(&key(n), Some(at)),
        }
    }
    sweep.close_run(0, last);
}

fn peak_of(attempts: &[(i64, i64)], window_us: u64) -> u32 {
    let attempts: Vec<_> = attempts.iter().map(|&(from, to)| (from, Some(to))).collect();
    let mut sweep = Sweep::new(&[]);
    run(&mut sweep, &[limit(1, window_us)], &attempts);
    let found = sweep.found().unwrap();
    assert_eq!(found[0].peak, found[0].peak_in_a_run);
    found[0].peak
}

#[test]
fn a_window_holds_every_interval_that_touches_it() {
    assert_eq!(peak_of(&[], 10), 0);
    assert_eq!(peak_of(&[(0, 5), (10, 12), (15, 20)], 10), 3);
    assert_eq!(peak_of(&[(0, 5), (10, 12), (16, 20)], 10), 2);
    assert_eq!(peak_of(&[(0, 5), (0, 5), (0, 5), (15, 15)], 10), 4);
    assert_eq!(peak_of(&[(0, 100), (50, 51), (60, 61), (90, 91)], 5), 2);
}

#[test]
fn what_never_left_is_not_counted_and_does_not_end_a_window() {
    let mut sweep = Sweep::new(&[]);
    sweep.run(&[limit(1, 10)]);
    for (n, sent) in [(1, true), (2, false), (3, true)] {
        sweep.begin(key(n), n as i64, n as u64);
        sweep.end(&key(n), sent.then_some(n as i64));
    }
    sweep.begin(key(4), 12, 4);
    sweep.end(&key(4), None);
    assert_eq!(sweep.sent(), 2);
    let found = &sweep.found().unwrap()[0];
    assert_eq!((found.peak, found.fullest), (2, 3));
}

#[test]
fn an_attempt_of_unknown_end_is_counted_until_a_time_out_after_the_next_run_began_or_after_its_own_beginning() {
    let found = |next, at| {
        let mut sweep = Sweep::new(&[]);
        sweep.run(&[limit(1, 10)]);
        sweep.begin(key(1), 0, 1);
        sweep.begin(key(2), 5, 2);
        sweep.end(&key(2), Some(30));
        sweep.close_run(20, next);
        run(&mut sweep, &[limit(1, 10)], &[(at, Some(at))]);
        let found = sweep.found().unwrap().remove(0);
        (found.peak_in_a_run, found.peak, found.peak_at_least)
    };
    assert_eq!(found(35, 40), (2, 3, 2));
    assert_eq!(found(35, 65), (2, 2, 2), "20 after 35, and a window");
    assert_eq!(found(35, 66), (2, 2, 2));
    assert_eq!(found(30, 30), (2, 3, 3));
    assert_eq!(found(30, 31), (2, 3, 2), "20 after its beginning, and a window");
}

#[test]
fn a_job_that_begins_again_before_it_ended_counts_twice() {
    let mut sweep = Sweep::new(&[]);
    sweep.run(&[limit(1, 10)]);
    sweep.begin(key(1), 0, 1);
    sweep.begin(key(1), 1, 2);
    sweep.end(&key(1), Some(2));
    sweep.close_run(0, 3);
    assert_eq!((sweep.sent(), sweep.found().unwrap()[0].peak), (2, 2));
}

#[test]
fn a_window_counts_against_the_limits_of_the_run_of_its_last_attempt() {
    let peaks = |first: Limit, second: Limit| {
        let mut sweep = Sweep::new(&[first, second]);
        run(&mut sweep, &[first], &[(0, Some(0)), (0, Some(0)), (0, Some(0))]);
        run(&mut sweep, &[second], &[(1, Some(1)), (1, Some(1))]);
        sweep.found().unwrap().iter().map(|found| (found.limit.count(), found.peak)).collect::<Vec<_>>()
    };
    assert_eq!(peaks(limit(3, 10), limit(5, 10)), [(3, 3), (5, 5)], "it was raised");
    assert_eq!(peaks(limit(4, 10), limit(2, 10)), [(4, 3), (2, 5)], "it was lowered");
}

#[test]
fn a_limit_that_would_have_had_to_see_what_is_forgotten_asks_for_another_sweep() {
    let mut sweep = Sweep::new(&[]);
    run(&mut sweep, &[limit(1, 10)], &[(0, Some(0))]);
    run(&mut sweep, &[limit(2, 1000)], &[(500, Some(500))]);
    assert_eq!(sweep.found(), Err(vec![limit(1, 10), limit(2, 1000)]));
}

#[test]
fn the_rate_is_that_of_the_windows_which_were_filled() {
    let used = |attempts: &[i64]| {
        let mut sweep = Sweep::new(&[]);
        let attempts: Vec<_> = attempts.iter().map(|at| (*at, Some(*at))).collect();
        run(&mut sweep, &[limit(2, 10)], &attempts);
        let found = sweep.found().unwrap().remove(0);
        (found.made, found.possible)
    };
    assert_eq!(used(&[0, 0]), (0, 0), "one window is no rate");
    assert_eq!(used(&[0, 0, 10]), (2, 2));
    assert_eq!(used(&[0, 0, 10, 10, 20]), (4, 4), "the last window is not full for want of rows");
    assert_eq!(used(&[0, 5, 10, 15, 20]), (4, 4), "spread evenly");
    assert_eq!(used(&[0, 0, 15, 15, 40]), (4, 8));
}

#[test]
fn only_what_the_longest_window_holds_is_kept() {
    let mut sweep = Sweep::new(&[]);
    sweep.run(&[limit(10, 100), limit(100, 1000)]);
    for n in 0..20_000 {
        let at = n as i64 * 10;
        sweep.begin(key(n), at, 0);
        sweep.end(&key(n), Some(at + 5));
        assert!(sweep.waiting.is_empty() && sweep.open.is_empty());
        assert!(sweep.limits.iter().all(|held| held.of_all.0.len() <= 102 && held.of_the_run.0.len() <= 102));
    }
    assert_eq!(sweep.found().unwrap().iter().map(|found| found.peak).collect::<Vec<_>>(), [11, 101]);
}

proptest! {
    #[test]
    fn the_sweep_agrees_with_looking_at_every_window(
        runs in proptest::collection::vec(
            proptest::collection::vec((0..60i64, proptest::option::weighted(0.9, 0..20i64)), 0..15),
            1..4,
        ),
        window in 1..15u64,
    ) {
        let mut sweep = Sweep::new(&[]);
        let (mut intervals, mut least, mut most_in_a_run, mut begin) = (Vec::new(), Vec::new(), 0, 0);
        let most = |intervals: &[(i64, i64)]| {
            let touching = |begin: i64| {
                intervals.iter().filter(|(from, to)| *from <= begin + window as i64 && *to >= begin).count()
            };
            (-20..400).map(touching).max().unwrap_or(0)
        };
        for attempts in &runs {
            let attempts: Vec<_> =
                attempts.iter().map(|&(from, lasts)| (begin + from, lasts.map(|lasts| begin + from + lasts))).collect();
            let last = attempts.iter().map(|(from, to)| to.unwrap_or(*from)).max().unwrap_or(begin);
            run(&mut sweep, &[limit(1, window)], &attempts);
            let known: Vec<_> = attempts.iter().map(|(from, to)| (*from, to.unwrap_or(last))).collect();
            least.extend(attempts.iter().map(|(from, to)| (*from, to.unwrap_or(*from))));
            most_in_a_run = most_in_a_run.max(most(&known));
            intervals.extend(known);
            begin = last;
        }
        let found = &sweep.found().unwrap()[0];
        prop_assert_eq!((found.peak_in_a_run, found.peak), (most_in_a_run as u32, most(&intervals) as u32));
        prop_assert_eq!(found.peak_at_least, most(&least) as u32);
    }
}
