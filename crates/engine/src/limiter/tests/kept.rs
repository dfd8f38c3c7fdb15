//! What an account stores and for how long: windows without a limit, another clock, an inconsistent file.

use super::together::{member, stamp, use_up, want};
use super::*;

const S: Duration = Duration::from_secs(1);
const SHORT: Duration = Duration::from_secs(2);

fn lengths(account: &Account) -> Vec<Duration> {
    account.windows.iter().map(window::Window::length).collect()
}

/// A run whose requests may be in transit for this long after their attempts ended.
fn patient(id: u64, of: &[&str], timeout: Duration) -> Member {
    Member::new(Sharer { id, ..Sharer::new(limits(of), timeout) }, Spread::Burst)
}

/// The answer that a run would get at `at`, without changing the account.
fn asks(account: &Account, of: &str, at: Duration) -> Grant {
    member(99, &[of]).exchange(&mut account.clone(), &want(9), at)
}

#[test]
fn a_window_that_no_run_asks_for_is_kept_while_it_holds_slots_and_forgotten_then() {
    let mut account = Account::default();
    use_up(&mut account, 1, 3, &["3/5s"], ms(0));
    assert_eq!(lengths(&account), [5 * S]);
    use_up(&mut account, 2, 1, &["9/2s"], ms(5004));
    assert_eq!(lengths(&account), [2 * S, 5 * S]);
    member(3, &["7/1h"]).join(&mut account, ms(7006));
    assert_eq!(lengths(&account), [5 * S, 3600 * S], "one holds the second run's attempt");
    member(4, &["7/1h"]).join(&mut account, ms(10_009));
    assert_eq!(lengths(&account), [3600 * S]);
}

#[test]
fn a_window_that_a_run_asks_for_stays_though_it_holds_nothing() {
    let mut account = Account::default();
    let mut idle = member(1, &["5/5s"]);
    idle.join(&mut account, ms(0));
    use_up(&mut account, 2, 1, &["9/2s"], ms(10));
    member(3, &["9/2s"]).leave(&mut account, &[], ms(20_000));
    assert_eq!(lengths(&account), [5 * S]);
    assert_eq!(idle.exchange(&mut account, &want(9), ms(20_001)).granted, 5);
}

#[test]
fn of_many_windows_that_no_run_asks_for_the_longest_are_kept_which_know_what_the_others_knew() {
    let mut account = Account::default();
    for n in 1..=20 {
        let length = 21 - n;
        use_up(&mut account, n, 1, &[&format!("30/{length}s"), &format!("30/{length}h")], ms(100 * n));
    }
    let mut kept: Vec<Duration> = (13..=20).map(|n| n * S).collect();
    kept.extend((13..=20).map(|n| n * 3600 * S));
    assert_eq!(lengths(&account), kept);
    // Exact to the millisecond: all but the one whose window has just passed.
    assert_eq!(asks(&account, "20/5s", ms(5105)).granted, 1);
    assert_eq!(asks(&account, "20/5s", ms(5104)).granted, 0);
}

#[test]
fn a_state_outlasts_a_restart_while_a_window_of_a_minute_is_kept_and_until_a_run_joins_or_leaves() {
    let mut account = Account::default();
    member(1, &["5/5s", "9/59999ms"]).join(&mut account, ms(0));
    assert!(!account.outlasts_a_restart());
    member(2, &["5/5s", "9/1m"]).join(&mut account, ms(0));
    assert!(account.outlasts_a_restart());
    // It is found dead by another run, whose states then need not be durable.
    let mut other = member(1, &["5/5s", "9/59999ms"]);
    account.find_dead(|run| run.id == 1, ms(1000));
    assert_eq!(other.exchange(&mut account, &want(1), ms(1000)).granted, 1);
    assert!(account.outlasts_a_restart());
    let ended = vec![(Ended::Answered, ms(1500))];
    other.exchange(&mut account, &Request { ended, ..Request::default() }, ms(1500));
    member(3, &["5/5s"]).join(&mut account, ms(2000));
    assert!(account.outlasts_a_restart(), "the window holds what was granted since");
    member(4, &["5/5s"]).join(&mut account, ms(61_559));
    assert!(account.outlasts_a_restart());
    member(5, &["5/5s"]).join(&mut account, ms(61_560));
    assert!(!account.outlasts_a_restart());
}

#[test]
fn on_another_clock_no_slot_comes_free_earlier_than_a_window_and_its_margin_after_it_could_be_counted_last() {
    let (before, hour_ago) = (7200 * S, 3600 * S);
    for (of, kept) in [("1/5s", ms(5005)), ("1/1h", ms(3_603_600))] {
        for (boot, now, wall_ms) in [("b", 20 * S, 0), ("b", 20 * S, -9_000_000), ("a", hour_ago, -3_600_000)] {
            let mut account = Account::default();
            let mut run = member(1, &[of]);
            assert_eq!(run.exchange(&mut account, &want(1), before).granted, 1);
            run.leave(&mut account, &[(Ended::Silent, before)], before);
            let line = account.to_line(&stamp("a", before, 0));
            let account = Account::read(line.as_bytes(), &stamp(boot, now, wall_ms)).unwrap();
            assert_eq!(asks(&account, of, now).wait, Some(Wait::Until(now + SHORT + kept)), "{of} {boot} {wall_ms}");
        }
    }
}

#[test]
fn a_slot_that_comes_free_in_a_moment_is_not_free_on_another_clock_before_that() {
    for (of, kept) in [("1/5s", ms(5005)), ("1/1h", ms(3_603_600))] {
        for boot in ["a", "b"] {
            let mut account = Account::default();
            let ended = 5000 * S;
            use_up(&mut account, 1, 1, &[of], ended);
            let line = account.to_line(&stamp("a", ended + kept - ms(1), 0));
            // The wall clock shows the same time, the account's clock an earlier one.
            let now = 3000 * S;
            let account = Account::read(line.as_bytes(), &stamp(boot, now, 0)).unwrap();
            let Some(Wait::Until(until)) = asks(&account, of, now).wait else { panic!("{of} {boot}") };
            assert_eq!(until, if boot == "a" { now + kept } else { now + ms(1) }, "{of} {boot}");
        }
    }
}

#[test]
fn a_window_filled_from_the_past_after_the_wall_clock_was_set_back_is_full_for_no_longer_than_its_length() {
    let mut account = Account::default();
    use_up(&mut account, 1, 3, &["3/5s"], 7200 * S);
    let line = account.to_line(&stamp("a", 7300 * S, 0));
    let account = Account::read(line.as_bytes(), &stamp("b", 20 * S, -36_000_000)).unwrap();
    assert_eq!(asks(&account, "3/1h", 20 * S).wait, Some(Wait::Until(20 * S + ms(3_603_600))));
}

#[test]
fn after_a_loss_of_power_what_a_window_of_a_minute_made_durable_is_all_that_is_taken() {
    let mut account = Account::default();
    assert_eq!(member(1, &["5/5s", "9/1m"]).exchange(&mut account, &want(1), ms(0)).granted, 1);
    let mut account = restarted(&account, 1, ms(100), 0);
    account.find_dead(|_| false, ms(0));
    assert_eq!(asks(&account, "5/5s", ms(0)).granted, 4);
}

/// The state after a power loss, at the start of the next boot's clock.
fn restarted(account: &Account, boot: u32, at: Duration, wall_ms: i64) -> Account {
    let line = account.to_line(&stamp(&boot.to_string(), at, 0));
    Account::read(line.as_bytes(), &stamp(&(boot + 1).to_string(), ms(0), wall_ms)).unwrap()
}

#[test]
fn what_may_be_under_way_is_waited_for_over_any_number_of_restarts_and_departures() {
    let patience = 30 * S;
    let mut account = Account::default();
    patient(1, &["5/1s"], patience).join(&mut account, ms(0));
    // With a run: nothing is known. Then without a run, and with a run with a shorter timeout, each a moment
    // later.
    let mut account = restarted(&account, 1, ms(100), 0);
    account.find_dead(|_| false, ms(0));
    patient(2, &["5/1s"], patience).leave(&mut account, &[], ms(10));
    let mut account = restarted(&account, 2, ms(20), 3_600_000);
    member(3, &["5/1s"]).join(&mut account, ms(0));
    member(3, &["5/1s"]).leave(&mut account, &[], ms(5));
    let account = restarted(&account, 3, ms(10), 7_200_000);
    let left = patience - ms(20) - ms(10);
    assert_eq!(asks(&account, "5/1s", ms(0)), Grant { granted: 0, wait: Some(Wait::Until(left + ms(1001))) });
    assert_eq!(asks(&account, "5/1s", left + ms(1001)).granted, 5);
}

#[test]
fn after_a_loss_of_power_the_longest_time_out_of_those_who_were_there_is_waited_for_and_no_longer_one() {
    let mut account = Account::default();
    // It left long before.
    patient(1, &["5/1s"], 3600 * S).leave(&mut account, &[], ms(0));
    for (id, timeout) in [(2, 5), (3, 9), (4, 7)] {
        patient(id, &["5/1s"], timeout * S).join(&mut account, ms(2000));
    }
    let mut account = restarted(&account, 1, ms(3000), 0);
    account.find_dead(|_| false, ms(0));
    assert_eq!(asks(&account, "5/1s", ms(0)).wait, Some(Wait::Until(9 * S + ms(1001))));
}

#[test]
fn a_short_window_that_nobody_kept_before_is_not_filled_by_a_wall_clock_that_was_set_forward() {
    for of in [&["3/4s"][..], &["3/1h"], &["3/4s", "3/1h"]] {
        let mut account = Account::default();
        use_up(&mut account, 1, 3, of, ms(9000));
        let account = restarted(&account, 1, ms(9100), 3_600_000);
        assert_eq!(asks(&account, "3/5s", ms(4900)).granted, 0, "{of:?}");
        assert_eq!(asks(&account, "3/5s", ms(6000)).granted, 3, "{of:?}");
    }
}

/// A stored state of this run, with a correct checksum.
fn written(windows: &str, holders: &[(u64, &str)]) -> Result<Account, Unreadable> {
    let holders: Vec<String> = holders
        .iter()
        .map(|(id, limit)| {
            format!(
                r#"{{"id":{id},"pid":1,"name":"","since":"2026-11-22T00:00:00Z","limits":["{limit}"],"timeout":1,"held":1,"served":1}}"#
            )
        })
        .collect();
    let json = format!(
        r#"{{"version":1,"boot":"a","at":1,"wall":"2026-11-22T00:00:00Z","longest_timeout":1,"turn":1,"windows":[{windows}],"past":[],"holders":[{}]}}"#,
        holders.join(",")
    );
    let line = format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
    Account::read(line.as_bytes(), &stamp("a", ms(1), 0))
}

#[test]
fn a_state_that_contradicts_itself_is_damaged() {
    let (one, two) = (r#"{"length":1000000000,"freeing":[]}"#, r#"{"length":2000000000,"freeing":[]}"#);
    let windows = |of: &[&str]| of.join(",");
    assert!(written(&windows(&[one, two]), &[(1, "5/1s"), (2, "5/2s")]).is_ok());
    let damaged = Err(Unreadable::Damaged("it is inconsistent"));
    assert_eq!(written(&windows(&[two, one]), &[]), damaged, "windows out of order");
    assert_eq!(written(&windows(&[one, one]), &[]), damaged, "a window twice");
    assert_eq!(written(one, &[(1, "5/1s"), (2, "5/2s")]), damaged, "a limit without its window");
    assert_eq!(written(one, &[(1, "5/1s"), (1, "5/1s")]), damaged, "a run twice");
}
