//! Several runs on one account.

use super::*;

const SHORT: Duration = Duration::from_secs(2);

fn sharer(id: u64, of: &[&str]) -> Sharer {
    Sharer { id, ..Sharer::new(limits(of), SHORT) }
}

pub(super) fn member(id: u64, of: &[&str]) -> Member {
    Member::new(sharer(id, of), Spread::Burst)
}

pub(super) fn want(count: u32) -> Request {
    Request { want: Some(count), ..Request::default() }
}

fn back(ended: &[(Ended, Duration)]) -> Request {
    Request { ended: ended.to_vec(), ..Request::default() }
}

pub(super) fn stamp(boot: &str, at: Duration, wall_ms: i64) -> Stamp {
    Stamp { boot: boot.to_owned(), at, wall: Timestamp::from_millisecond(1_800_000_000_000 + wall_ms).unwrap() }
}

/// Takes `count` slots at `now` and gives them back, for a run that then leaves.
pub(super) fn use_up(account: &mut Account, id: u64, count: u32, of: &[&str], now: Duration) {
    let mut run = member(id, of);
    assert_eq!(run.exchange(account, &want(count), now).granted, count);
    run.leave(account, &vec![(Ended::Answered, now); count as usize], now);
}

#[test]
fn what_one_run_has_used_the_next_one_waits_for() {
    let mut account = Account::default();
    use_up(&mut account, 1, 3, &["3/5s"], ms(100));
    let answer = member(2, &["3/5s"]).exchange(&mut account, &want(2), ms(200));
    assert_eq!(answer, Grant { granted: 0, wait: Some(Wait::Until(ms(5105))) });
    assert_eq!(member(3, &["3/5s"]).exchange(&mut account, &want(2), ms(5105)).granted, 2);
}

#[test]
fn what_a_dead_run_held_comes_free_a_time_out_and_a_window_after_it_was_found() {
    let mut account = Account::default();
    let mut killed = member(1, &["3/5s"]);
    assert_eq!(killed.exchange(&mut account, &want(3), ms(0)).granted, 3);
    let mut next = member(2, &["3/5s"]);
    assert_eq!(next.exchange(&mut account, &want(1), ms(60_000)).granted, 0, "nobody has looked whether it lives");
    account.find_dead(|run| run.id != 1, ms(60_000));
    let free = ms(60_000) + SHORT + ms(5005);
    let answer = next.exchange(&mut account, &want(1), ms(60_001));
    assert_eq!(answer.wait, Some(Wait::Until(free)), "{account:?}");
    assert_eq!(next.exchange(&mut account, &want(3), free).granted, 3);
}

#[test]
fn a_window_that_nobody_kept_before_knows_what_was_sent() {
    for before in [&["100/1h"][..], &["100/1s"][..]] {
        let mut account = Account::default();
        use_up(&mut account, 1, 30, before, Duration::from_secs(100));
        use_up(&mut account, 2, 20, before, Duration::from_secs(200));
        // Hours later only the past has it.
        let asks = |of: &str, at| member(9, &[of]).exchange(&mut account.clone(), &want(100), at).granted;
        assert_eq!(asks("60/10m", Duration::from_secs(210)), 10, "{before:?}");
        assert_eq!(asks("60/1d", Duration::from_secs(50_000)), 10, "{before:?}");
        assert_eq!(asks("60/1d", Duration::from_secs(100_000)), 60, "{before:?}");
    }
}

#[test]
fn the_strictest_limit_of_those_who_share_holds_for_all_of_them() {
    let mut account = Account::default();
    let mut strict = member(1, &["2/5s"]);
    strict.join(&mut account, ms(0));
    let mut loose = member(2, &["25/5s"]);
    assert_eq!(loose.exchange(&mut account, &want(25), ms(0)).granted, 2);
    strict.leave(&mut account, &[], ms(10));
    assert_eq!(loose.exchange(&mut account, &want(25), ms(10)).granted, 23);
}

#[test]
fn a_run_that_waits_is_left_its_share_and_passed_over_when_it_does_not_come() {
    let mut account = Account::default();
    let (mut a, mut b) = (member(1, &["10/1s"]), member(2, &["10/1s"]));
    assert_eq!(a.exchange(&mut account, &want(10), ms(0)).granted, 10);
    let Some(Wait::Until(_)) = b.exchange(&mut account, &want(10), ms(1)).wait else { panic!("it is full") };
    a.exchange(&mut account, &back(&[(Ended::Answered, ms(40)); 10]), ms(40));
    let told = b.exchange(&mut account, &want(10), ms(60)).wait;
    assert_eq!(told, Some(Wait::Until(ms(1041))));
    // Each has 10 then. The first to ask leaves the other as many slots as it was served fewer.
    let first = a.exchange(&mut account, &want(10), ms(1041));
    assert!(first.granted <= 5, "{first:?}");
    let Some(Wait::Until(again)) = first.wait else { panic!("there is more to come") };
    assert!(again <= ms(1041 + 102), "{again:?}");
    // The other run is stalled.
    assert_eq!(a.exchange(&mut account, &want(10), again).granted, 10 - first.granted);
}

#[test]
fn who_was_away_has_saved_nothing_up() {
    let mut account = Account::default();
    let (mut a, mut b) = (member(1, &["10/1s"]), member(2, &["10/1s"]));
    let mut now = ms(0);
    assert_eq!(b.exchange(&mut account, &want(1), now).granted, 1);
    b.exchange(&mut account, &Request { ended: vec![(Ended::NotSent, now)], want: Some(0), ..Request::default() }, now);
    for _ in 0..5 {
        let granted = a.exchange(&mut account, &want(10), now).granted as usize;
        assert!(granted >= 9, "{granted}");
        a.exchange(&mut account, &back(&vec![(Ended::Answered, now); granted]), now);
        now += ms(1001);
    }
    // Both wait for the same full window.
    now -= ms(1);
    for run in [&mut a, &mut b] {
        assert_eq!(run.exchange(&mut account, &want(10), now).granted, 0);
    }
    let granted = a.exchange(&mut account, &want(10), now + ms(1)).granted;
    assert!((4..=6).contains(&granted), "{granted}");
}

#[test]
fn an_end_that_lies_in_the_future_is_now() {
    let mut account = Account::default();
    let mut run = member(1, &["1/5s"]);
    assert_eq!(run.exchange(&mut account, &want(1), ms(0)).granted, 1);
    let request = Request { ended: vec![(Ended::Answered, ms(3_600_000))], want: Some(1), ..Request::default() };
    assert_eq!(run.exchange(&mut account, &request, ms(100)).wait, Some(Wait::Until(ms(5105))));
}

#[test]
fn a_clock_that_is_set_back_makes_nobody_wait_longer_than_a_window() {
    // On a system where the wall clock is the shared clock: an hour back, with the same boot id.
    let mut account = Account::default();
    let mut run = member(1, &["5/5s"]);
    let (before, after) = (Duration::from_secs(7200), Duration::from_secs(3600));
    assert_eq!(run.exchange(&mut account, &want(5), before).granted, 5);
    run.exchange(&mut account, &back(&[(Ended::Answered, before); 5]), before);
    let line = account.to_line(&stamp("", before, 0));
    let mut account = Account::read(line.as_bytes(), &stamp("", after, 0)).unwrap();
    let answer = run.exchange(&mut account, &want(5), after);
    let Some(Wait::Until(until)) = answer.wait else { panic!("{answer:?}") };
    assert!(answer.granted == 0 && until <= after + SHORT + ms(5011), "{answer:?}");
    assert_eq!(run.exchange(&mut account, &want(5), until).granted, 5);
}

#[test]
fn a_lost_state_is_taken_for_full_windows_and_learns_of_those_who_live() {
    let mut a = member(1, &["5/1s"]);
    a.exchange(&mut Account::default(), &want(2), ms(0));
    let mut account = Account::unknown(ms(100) + SHORT);
    let full = a.exchange(&mut account, &want(1), ms(100));
    assert_eq!(full, Grant { granted: 0, wait: Some(Wait::Until(ms(100 + 2000 + 1001))) });
    // Its two attempts are still in flight when all other slots are free, and it does not ask for the slot
    // that it waits for.
    assert_eq!(member(2, &["5/1s"]).exchange(&mut account, &want(9), ms(3400)).granted, 3);
}

#[test]
fn what_is_foretold_of_a_state_that_is_not_known_is_what_is_waited_for() {
    let of = |limit: &str| limit.parse::<Limit>().unwrap();
    // Lost before any run joined; and with a run that has taken two slots since.
    let mut account = Account::unknown(ms(100) + SHORT);
    assert_eq!(account.freeing(of("5/1s"), ms(100)), [(ms(100 + 2000 + 1001), 5)]);
    let mut a = member(1, &["5/1s"]);
    a.exchange(&mut Account::default(), &want(2), ms(0));
    let Some(Wait::Until(until)) = a.exchange(&mut account, &want(1), ms(3000)).wait else { panic!("it is full") };
    assert_eq!(account.freeing(of("5/1s"), ms(3000)), [(ms(4001), 2), (until, 3)]);
    assert_eq!(account.freeing(of("5/1s"), until), [(until + ms(1001), 2)], "the rest is known then");

    // The machine restarted during a run.
    let mut account = Account::default();
    member(1, &["5/5s"]).exchange(&mut account, &want(2), ms(9000));
    let line = account.to_line(&stamp("a", ms(9000), 0));
    let account = Account::read(line.as_bytes(), &stamp("b", ms(20), 60_000)).unwrap();
    let used: u32 = account.freeing(of("5/5s"), ms(20)).iter().map(|(_, count)| count).sum();
    assert_eq!((account.full_to(of("5/5s").window(), ms(20)), used), (Some(ms(20) + SHORT + ms(5005)), 5));
}

#[test]
fn a_restart_is_bridged_by_the_wall_clock_for_long_windows_and_by_waiting_anew_for_short_ones() {
    let mut account = Account::default();
    use_up(&mut account, 1, 5, &["5/5s", "6/1h"], Duration::from_secs(5000));
    let line = account.to_line(&stamp("a", Duration::from_secs(5000), 0));
    let asks = |at: Duration, wall_ms, of: &str| {
        let mut account = Account::read(line.as_bytes(), &stamp("b", at, wall_ms)).unwrap();
        member(2, &[of]).exchange(&mut account, &want(9), at).granted
    };
    let s = Duration::from_secs;
    assert_eq!(asks(s(20), 60_000, "6/1h"), 1, "a minute later");
    assert_eq!(asks(s(20), 3_604_000, "6/1h"), 6, "an hour later");
    assert_eq!(asks(s(20), -9_000_000, "6/1h"), 1, "by a clock that was set back");
    assert_eq!(asks(s(20), 3_604_000, "5/5s"), 0, "whatever the wall clock says");
    let mut back = Account::read(line.as_bytes(), &stamp("b", s(20), -9_000_000)).unwrap();
    let Some(Wait::Until(until)) = member(2, &["1/1h"]).exchange(&mut back, &want(1), s(20)).wait else { panic!() };
    assert!(until <= s(20 + 3600 + 8) + SHORT, "bounded by the window: {until:?}");
}

#[test]
fn after_a_restart_under_a_run_that_nothing_made_durable_all_is_taken() {
    let mut account = Account::default();
    member(1, &["5/5s"]).join(&mut account, ms(0));
    let line = account.to_line(&stamp("a", ms(1000), 0));
    let mut account = Account::read(line.as_bytes(), &stamp("b", ms(500), 999_999_999)).unwrap();
    account.find_dead(|_| false, ms(500));
    let answer = member(2, &["5/5s"]).exchange(&mut account, &want(1), ms(500));
    assert_eq!(answer.wait, Some(Wait::Until(ms(500) + SHORT + ms(5005))));
}

#[test]
fn what_was_kept_reads_back_the_same() {
    let mut account = Account::default();
    use_up(&mut account, 1, 3, &["3/5s", "900/1d"], ms(1));
    let mut waiting = member(u64::MAX, &["3/5s"]);
    waiting.exchange(&mut account, &want(2), ms(2));
    let now = stamp("a", ms(2), 0);
    assert_eq!(Account::read(account.to_line(&now).as_bytes(), &now), Ok(account));
}

#[test]
fn a_newer_versions_state_is_refused_not_guessed_at() {
    let json = r#"{"version":2,"budget":"anything"}"#;
    let line = format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
    assert_eq!(Account::read(line.as_bytes(), &stamp("a", ms(0), 0)), Err(Unreadable::Newer(2)));
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Take(u32),
    /// The attempt that ends, and whether it has no reply.
    End(usize, bool),
    Leave,
    Kill,
    /// A power loss: all runs are killed, the machine's clock restarts and the wall clock jumps by this many
    /// seconds. The remaining state is the last durable one, or the last written one.
    Restart(i64, bool),
    /// The state is found damaged.
    Damage,
}

fn step() -> impl Strategy<Value = (usize, u64, u64, Step)> {
    let what = prop_oneof![
        12 => (1u32..6).prop_map(Step::Take),
        12 => (any::<usize>(), prop::bool::weighted(0.15)).prop_map(|(which, silent)| Step::End(which, silent)),
        1 => Just(Step::Leave),
        2 => Just(Step::Kill),
        1 => (-90_000i64..90_000, any::<bool>()).prop_map(|(by, kept)| Step::Restart(by, kept)),
        1 => Just(Step::Damage),
    ];
    (0usize..3, prop_oneof![Just(0u64), 0..60u64, 0..1500u64], 0..=1000u64, what)
}

struct Attempt {
    sent: Duration,
    counted: u64,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Runs of one account start, end, are killed, and lose power and the state. The server counts each
    /// request anywhere between its send and its end, or later while it may be in transit.
    #[test]
    fn no_server_ever_counts_more_than_the_limit_of_all_runs_together(
        steps in prop::collection::vec(step(), 1..250),
        count in 1u32..6,
        window in 100u64..4000,
    ) {
        let of = [format!("{count}/{window}ms"), "7/9s".to_owned()];
        let of = [of[0].as_str(), of[1].as_str()];
        let mut account = Account::default();
        let mut durable = String::new();
        let (mut boot, mut booted, mut wall_off) = (0, ms(0), 0i64);
        let mut next_id = 3;
        let mut runs: Vec<(Member, Vec<Attempt>)> = (0..3).map(|id| (member(id, &of), Vec::new())).collect();
        let mut moments = Vec::new();
        let mut global = ms(0);
        for (who, idle, counted, step) in steps {
            global += ms(idle);
            let now = global - booted;
            let stamp_now = |boot: i32, at: Duration, wall_off: i64, global: Duration| {
                stamp(&boot.to_string(), at, global.as_millis() as i64 + wall_off * 1000)
            };
            // No attempt lasts longer than its timeout; the account learns of some ends late.
            for (member, flying) in &mut runs {
                let mut over = Vec::new();
                flying.retain(|attempt| {
                    let end = attempt.sent + SHORT;
                    if end > global {
                        return true;
                    }
                    over.push((Ended::Silent, end.saturating_sub(booted)));
                    moments.push(attempt.sent + (SHORT + SHORT).mul_f64(attempt.counted as f64 / 1000.0));
                    false
                });
                if !over.is_empty() {
                    member.exchange(&mut account, &back(&over), now);
                }
            }
            let alive: Vec<u64> = runs.iter().map(|(member, _)| member.run().id).collect();
            account.find_dead(|run| alive.contains(&run.id), now);
            let mut cut_off = |flying: Vec<Attempt>| {
                moments.extend(flying.into_iter().map(|attempt| {
                    attempt.sent + (global + SHORT - attempt.sent).mul_f64(attempt.counted as f64 / 1000.0)
                }));
            };
            let mut fresh = || {
                next_id += 1;
                member(next_id, &of)
            };
            match step {
                Step::Take(wanted) => {
                    let (member, flying) = &mut runs[who];
                    let answer = member.exchange(&mut account, &want(wanted), now);
                    flying.extend((0..answer.granted).map(|_| Attempt { sent: global, counted }));
                }
                Step::End(which, silent) => {
                    let (member, flying) = &mut runs[who];
                    if flying.is_empty() {
                        continue;
                    }
                    let attempt = flying.remove(which % flying.len());
                    let (how, last) =
                        if silent { (Ended::Silent, global + SHORT) } else { (Ended::Answered, global) };
                    moments.push(attempt.sent + (last - attempt.sent).mul_f64(attempt.counted as f64 / 1000.0));
                    member.exchange(&mut account, &back(&[(how, now)]), now);
                }
                Step::Leave => {
                    runs[who].0.leave(&mut account, &[], now);
                    cut_off(std::mem::replace(&mut runs[who], (fresh(), Vec::new())).1);
                    durable = account.to_line(&stamp_now(boot, now, wall_off, global));
                }
                Step::Kill => cut_off(std::mem::replace(&mut runs[who], (fresh(), Vec::new())).1),
                Step::Restart(by, kept) => {
                    for run in &mut runs {
                        cut_off(std::mem::replace(run, (fresh(), Vec::new())).1);
                    }
                    let line = account.to_line(&stamp_now(boot, now, wall_off, global));
                    boot += 1;
                    booted = global.saturating_sub(ms(5000));
                    wall_off += by;
                    let line = if kept { line } else { durable.clone() };
                    let stamp = stamp_now(boot, global - booted, wall_off, global);
                    let lost = global - booted + SHORT;
                    account =
                        Account::read(line.as_bytes(), &stamp).unwrap_or_else(|_| Account::unknown(lost));
                }
                Step::Damage => account = Account::unknown(now + SHORT),
            }
            // A run that joins makes the state durable.
            let at = global - booted;
            for (member, _) in &mut runs {
                let new = account.sharers().all(|run| run.id != member.run().id);
                member.join(&mut account, at);
                if new {
                    durable = account.to_line(&stamp_now(boot, at, wall_off, global));
                }
            }
        }
        // Attempts without an end may be counted until a timeout after the last of them.
        prop_assert!(most_within(moments.clone(), ms(window)) <= count as usize, "{:?}", moments);
        prop_assert!(most_within(moments.clone(), ms(9000)) <= 7, "{:?}", moments);
    }

    #[test]
    fn no_bytes_make_it_panic_or_free_a_slot_early(
        change in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        noise in prop::option::weighted(0.2, prop::collection::vec(any::<u8>(), 0..300)),
        at in 0u64..20_000,
    ) {
        let mut account = Account::default();
        use_up(&mut account, 1, 5, &["5/5s"], ms(1000));
        let whole = account.to_line(&stamp("a", ms(1000), 0)).into_bytes();
        let mut line = noise.unwrap_or_else(|| whole.clone());
        for (place, byte) in change {
            if !line.is_empty() {
                let place = place.index(line.len());
                line[place] = byte;
            }
        }
        if let Some(cut) = cut {
            line.truncate(cut.index(line.len() + 1));
        }
        let now = ms(1000 + at);
        let mut read = match Account::read(&line, &stamp("a", now, at as i64)) {
            Ok(account) => {
                prop_assert_eq!(&line, &whole);
                account
            }
            Err(Unreadable::Damaged(_)) => Account::unknown(now + SHORT),
            Err(Unreadable::Newer(_)) => return Ok(()),
        };
        let granted = member(2, &["5/5s"]).exchange(&mut read, &want(5), now).granted;
        prop_assert!(granted == 0 || (line == whole && now >= ms(1000 + 5005)), "{granted} at {now:?}");
    }

    /// Even with a correct checksum, inconsistent contents are detected and nothing overflows.
    #[test]
    fn no_numbers_make_it_panic(numbers in prop::collection::vec(any::<u64>(), 12), held in any::<u32>()) {
        let n = |at: usize| numbers[at];
        let json = format!(
            r#"{{"version":1,"boot":"b","at":{},"wall":"2026-11-22T00:00:00Z","unknown_to":{},"longest_timeout":{},"turn":{},"windows":[{{"length":5000000000,"freeing":[[{},{held}],[{},{held}]]}}],"past":[[{},{}],[{},{}]],"holders":[{{"id":7,"pid":1,"name":"","since":"2026-11-22T00:00:00Z","limits":["5/5s"],"timeout":{},"held":{held},"served":{}}}]}}"#,
            n(0), n(1), n(2), n(3), n(4), n(5), n(6), n(7), n(8), n(9), n(10), n(11)
        );
        let line = format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
        for boot in ["b", "c"] {
            let now = ms(77_000);
            let mut account = Account::read(line.as_bytes(), &stamp(boot, now, 0)).unwrap();
            account.find_dead(|_| false, now);
            let mut run = member(8, &["5/5s", "9/2d"]);
            run.exchange(&mut account, &want(3), now);
            run.leave(&mut account, &[], now);
            let line = account.to_line(&stamp(boot, now, 0));
            prop_assert!(Account::read(line.as_bytes(), &stamp(boot, now, 0)).is_ok());
        }
    }
}
