use proptest::prelude::*;

use super::*;
use crate::budget::{Ended, Restraint, Wait};

const TIMEOUT: Duration = Duration::from_secs(30);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A slot that was taken.
#[derive(Debug)]
struct Taken;

/// A limiter that is asked for one slot at a time.
struct OneByOne(Limiter, Duration);

impl OneByOne {
    fn ask(&mut self, request: &Request, now: Duration) -> Answer {
        self.1 = self.1.max(now);
        self.0.exchange(request, self.1).unwrap()
    }

    fn take(&mut self, now: Duration) -> Result<Taken, Wait> {
        let answer = self.ask(&Request { want: Some(1), ..Request::default() }, now);
        if answer.granted == 1 { Ok(Taken) } else { Err(answer.wait.unwrap()) }
    }

    fn give_back(&mut self, _: Taken, ended: Ended, at: Duration) {
        self.ask(&Request { ended: vec![(ended, at)], ..Request::default() }, at);
    }

    fn space_evenly(&mut self, now: Duration) {
        self.ask(&Request { restraints: vec![Restraint::Evenly], ..Request::default() }, now);
    }
}

fn limits(limits: &[&str]) -> Vec<Limit> {
    limits.iter().map(|limit| limit.parse().unwrap()).collect()
}

fn limiter(of: &[&str], spread: Spread) -> OneByOne {
    OneByOne(Limiter::new(&limits(of), spread, TIMEOUT), ms(0))
}

/// Takes at the earliest moment that the limiter allows, from `now` on.
fn take_soonest(limiter: &mut OneByOne, mut now: Duration) -> (Taken, Duration) {
    loop {
        match limiter.take(now) {
            Ok(taken) => return (taken, now),
            Err(Wait::Until(later)) => {
                assert!(later > now, "a wait lies in the future");
                now = later;
            }
            Err(Wait::UntilOneEnds) => panic!("every slot is held"),
        }
    }
}

#[test]
fn a_slot_comes_free_a_window_and_a_margin_after_the_reply() {
    let mut limiter = limiter(&["2/5s"], Spread::Burst);
    let first = limiter.take(ms(0)).unwrap();
    let second = limiter.take(ms(0)).unwrap();
    assert_eq!(limiter.take(ms(1)).unwrap_err(), Wait::UntilOneEnds);
    limiter.give_back(second, Ended::Answered, ms(300));
    assert_eq!(limiter.take(ms(300)).unwrap_err(), Wait::Until(ms(5305)));
    limiter.give_back(first, Ended::Answered, ms(100));
    assert_eq!(limiter.take(ms(300)).unwrap_err(), Wait::Until(ms(5105)));
    assert!(limiter.take(ms(5105)).is_ok());
}

#[test]
fn an_attempt_without_a_reply_keeps_its_slot_for_the_timeout_longer() {
    let mut limiter = limiter(&["1/5s"], Spread::Burst);
    let taken = limiter.take(ms(0)).unwrap();
    limiter.give_back(taken, Ended::Silent, ms(1000));
    assert_eq!(limiter.take(ms(1000)).unwrap_err(), Wait::Until(ms(1000 + 30_000 + 5005)));
}

#[test]
fn what_was_never_sent_costs_no_slot() {
    let mut limiter = limiter(&["1/1h"], Spread::Burst);
    let taken = limiter.take(ms(0)).unwrap();
    limiter.give_back(taken, Ended::NotSent, ms(10));
    // The pace alone: a token an hour, of which the one is spent.
    assert!(matches!(limiter.take(ms(10)), Err(Wait::Until(until)) if until <= Duration::from_secs(3600)));
}

#[test]
fn a_start_needs_room_in_every_window() {
    let mut limiter = limiter(&["2/1s", "3/1m"], Spread::Burst);
    let mut now = ms(0);
    for expected in [ms(0), ms(0), ms(1001), ms(60_060)] {
        let (taken, start) = take_soonest(&mut limiter, now);
        assert_eq!(start, expected);
        limiter.give_back(taken, Ended::Answered, start);
        now = start;
    }
}

#[test]
fn even_spacing_spreads_a_window() {
    let mut limiter = limiter(&["25/5s"], Spread::Even);
    let mut now = ms(0);
    for n in 0..25 {
        let (taken, start) = take_soonest(&mut limiter, now);
        assert_eq!(start, ms(200 * n));
        limiter.give_back(taken, Ended::Answered, start);
        now = start;
    }
}

#[test]
fn a_burst_can_be_spaced_evenly_from_any_moment_on() {
    let mut limiter = limiter(&["25/5s"], Spread::Burst);
    let taken = limiter.take(ms(0)).unwrap();
    limiter.give_back(taken, Ended::Answered, ms(100));
    limiter.space_evenly(ms(1000));
    let (first, start) = take_soonest(&mut limiter, ms(1000));
    let (second, next) = take_soonest(&mut limiter, start);
    assert_eq!((start, next), (ms(1000), ms(1200)));
    limiter.give_back(first, Ended::NotSent, next);
    limiter.give_back(second, Ended::NotSent, next);
}

#[test]
fn without_limits_everything_goes_through() {
    let mut limiter = limiter(&[], Spread::Burst);
    for _ in 0..10_000 {
        limiter.take(ms(0)).unwrap();
    }
}

/// One attempt of a history: how long after it could have started it does, how long until it ends, where between
/// send and end the server counts it (in thousandths), and how it ends.
#[derive(Debug, Clone)]
struct Step {
    idle: u64,
    lasts: u64,
    counted: u64,
    silent: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let lasts = prop_oneof![0..200u64, 0..200u64, 0..20_000u64];
    (prop_oneof![Just(0u64), 0..3_000u64], lasts, 0..=1000u64, prop::bool::weighted(0.1))
        .prop_map(|(idle, lasts, counted, silent)| Step { idle, lasts, counted, silent })
}

/// Runs a history greedily (each attempt starts as soon as it may) and returns the moments at which a server that
/// counts anywhere between send and reply, or until a time-out after a silent end, counted each.
fn counted_moments(limiter: &mut OneByOne, steps: &[Step]) -> Vec<Duration> {
    let mut now = ms(0);
    let mut flying: Vec<(Duration, Taken, Ended)> = Vec::new();
    let mut counted = Vec::new();
    for step in steps {
        now += ms(step.idle);
        let taken = loop {
            flying.sort_by_key(|(end, ..)| Reverse(*end));
            while flying.last().is_some_and(|(end, ..)| *end <= now) {
                let (end, taken, how) = flying.pop().expect("there is a last one");
                limiter.give_back(taken, how, end);
            }
            let next_end = flying.last().map(|(end, ..)| *end);
            now = match (limiter.take(now), next_end) {
                (Ok(taken), _) => break taken,
                (Err(Wait::Until(later)), Some(end)) => later.min(end),
                (Err(Wait::Until(later)), None) => later,
                (Err(Wait::UntilOneEnds), end) => end.expect("slots are held by attempts that end"),
            };
        };
        let end = now + ms(step.lasts);
        let (how, latest) = if step.silent { (Ended::Silent, end + TIMEOUT) } else { (Ended::Answered, end) };
        counted.push(now + (latest - now).mul_f64(step.counted as f64 / 1000.0));
        flying.push((end, taken, how));
    }
    counted
}

use std::cmp::Reverse;

/// The most moments within any span of `window`, both ends included.
fn most_within(mut moments: Vec<Duration>, window: Duration) -> usize {
    moments.sort();
    (0..moments.len())
        .map(|i| moments[i..].iter().take_while(|m| **m - moments[i] <= window).count())
        .max()
        .unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_server_ever_counts_more_than_the_limit(
        steps in prop::collection::vec(step(), 1..120),
        count in 1..8u32,
        window in 50..4000u64,
        long_count in 5..40u32,
        even in any::<bool>(),
    ) {
        let spread = if even { Spread::Even } else { Spread::Burst };
        let limits = [format!("{count}/{window}ms"), format!("{long_count}/20s")];
        let mut limiter = limiter(&[&limits[0], &limits[1]], spread);
        let moments = counted_moments(&mut limiter, &steps);
        prop_assert!(most_within(moments.clone(), ms(window)) <= count as usize);
        prop_assert!(most_within(moments, ms(20_000)) <= long_count as usize);
    }

    /// Exactness from the other side: in a burst, the n + 1st start comes at the very moment at which the earliest of
    /// the n before it is a window and a margin past its reply, not later.
    #[test]
    fn a_burst_never_waits_longer_than_is_safe(lasts in prop::collection::vec(0..3000u64, 2..60), count in 1..10u32) {
        let mut limiter = limiter(&[&format!("{count}/5s")], Spread::Burst);
        let mut ends: Vec<Duration> = Vec::new();
        let mut now = ms(0);
        for last in lasts {
            let (taken, start) = take_soonest(&mut limiter, now);
            let recent = |at: Duration| ends.iter().filter(|end| **end + ms(5005) > at).count();
            let safe = |at: Duration| recent(at) < count as usize;
            let mut candidates: Vec<Duration> = ends.iter().map(|end| *end + ms(5005)).filter(|at| *at > now).collect();
            candidates.push(now);
            let earliest = candidates.into_iter().filter(|at| safe(*at)).min().expect("a window passes");
            prop_assert_eq!(start, earliest);
            let end = start + ms(last);
            limiter.give_back(taken, Ended::Answered, end);
            ends.push(end);
            now = end;
        }
    }
}

mod together {
    //! Several runs on one account.

    use super::*;

    const SHORT: Duration = Duration::from_secs(2);

    fn sharer(id: u64, of: &[&str]) -> Sharer {
        Sharer { id, ..Sharer::new(limits(of), SHORT) }
    }

    fn member(id: u64, of: &[&str]) -> Member {
        Member::new(sharer(id, of), Spread::Burst)
    }

    fn want(count: u32) -> Request {
        Request { want: Some(count), ..Request::default() }
    }

    fn back(ended: &[(Ended, Duration)]) -> Request {
        Request { ended: ended.to_vec(), ..Request::default() }
    }

    fn stamp(boot: &str, at: Duration, wall_ms: i64) -> Stamp {
        Stamp { boot: boot.to_owned(), at, wall: Timestamp::from_millisecond(1_800_000_000_000 + wall_ms).unwrap() }
    }

    /// Takes and gives back `count` slots at `now`, of a run that leaves then.
    fn use_up(account: &mut Account, id: u64, count: u32, of: &[&str], now: Duration) {
        let mut run = member(id, of);
        assert_eq!(run.exchange(account, &want(count), now).granted, count);
        run.leave(account, &vec![(Ended::Answered, now); count as usize], now);
    }

    #[test]
    fn what_one_run_has_used_the_next_one_waits_for() {
        let mut account = Account::default();
        use_up(&mut account, 1, 3, &["3/5s"], ms(100));
        let answer = member(2, &["3/5s"]).exchange(&mut account, &want(2), ms(200));
        assert_eq!(answer, Answer { granted: 0, wait: Some(Wait::Until(ms(5105))) });
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
            // Hours later nothing of it is known but the past.
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
        // Each has 10 then; the first to come leaves the other the slots by which it was served less.
        let first = a.exchange(&mut account, &want(10), ms(1041));
        assert!(first.granted <= 5, "{first:?}");
        let Some(Wait::Until(again)) = first.wait else { panic!("there is more to come") };
        assert!(again <= ms(1041 + 102), "{again:?}");
        // The other one stands still.
        assert_eq!(a.exchange(&mut account, &want(10), again).granted, 10 - first.granted);
    }

    #[test]
    fn who_was_away_has_saved_nothing_up() {
        let mut account = Account::default();
        let (mut a, mut b) = (member(1, &["10/1s"]), member(2, &["10/1s"]));
        let mut now = ms(0);
        assert_eq!(b.exchange(&mut account, &want(1), now).granted, 1);
        b.exchange(
            &mut account,
            &Request { ended: vec![(Ended::NotSent, now)], want: Some(0), ..Request::default() },
            now,
        );
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
        // Where the shared clock is the wall clock: an hour back, under the same boot.
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
        assert_eq!(full, Answer { granted: 0, wait: Some(Wait::Until(ms(100 + 2000 + 1001))) });
        // Its two are still under way when all else has come free, and it does not come for the one that it waits for.
        assert_eq!(member(2, &["5/1s"]).exchange(&mut account, &want(9), ms(3400)).granted, 3);
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
        /// Which of its attempts ends, and whether without a reply.
        End(usize, bool),
        Leave,
        Kill,
        /// The power is lost: all are killed, the machine's clock begins anew and the wall clock jumps by so many
        /// seconds; what is there is what was last made durable, or what was last written.
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

        /// Runs of one account begin, end, are killed, lose the machine under them and the state; the server counts each
        /// request anywhere between its sending and its end, or as long after as it may be under way.
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
                // No attempt lasts longer than its time-out; of some the account hears late.
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
                        account = Account::read(line.as_bytes(), &stamp).unwrap_or_else(|_| {
                            let mut account = Account::unknown(lost);
                            account.see_timeout(SHORT);
                            account
                        });
                    }
                    Step::Damage => {
                        account = Account::unknown(now + SHORT);
                        account.see_timeout(SHORT);
                    }
                }
                // Whoever joins makes the state durable.
                let at = global - booted;
                for (member, _) in &mut runs {
                    let new = account.sharers().all(|run| run.id != member.run().id);
                    member.join(&mut account, at);
                    if new {
                        durable = account.to_line(&stamp_now(boot, at, wall_off, global));
                    }
                }
            }
            // Those whose end never came may be counted as late as a time-out after the last of them.
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

        /// Behind a right checksum, too: what contradicts itself is found, and nothing overflows.
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
}

fn restrained(how: Restraint) -> Request {
    Request { restraints: vec![how], ..Request::default() }
}

#[test]
fn a_share_is_all_that_a_run_takes_of_the_shortest_window_until_it_is_given_more() {
    let mut limiter = Limiter::new(&limits(&["10/1s", "100/1m"]), Spread::Even, TIMEOUT);
    let mut ask = |ended: u32, want, how: Option<u32>, at| {
        let ended = vec![(Ended::Answered, ms(at)); ended as usize];
        let restraints = how.map(Restraint::Share).into_iter().collect();
        limiter.exchange(&Request { ended, want: Some(want), restraints }, ms(at)).unwrap()
    };
    assert_eq!(ask(0, 8, Some(4), 0), Answer { granted: 4, wait: Some(Wait::UntilOneEnds) });
    assert_eq!(ask(3, 8, None, 100), Answer { granted: 0, wait: Some(Wait::Until(ms(1101))) });
    assert_eq!(ask(1, 8, Some(6), 200).granted, 2, "two more than four");
    assert_eq!(ask(0, 8, None, 1101).granted, 3, "those that ended a window ago");
    let whole = ask(0, 8, Some(10), 1102);
    assert!(whole.granted == 1, "evenly again: {whole:?}");
}

#[test]
fn an_adopted_limit_holds_for_all_who_share_while_its_run_is_there_and_counts_what_was_sent_before() {
    let mut account = Account::default();
    let member = |id| {
        let run = Sharer { id, ..Sharer::new(limits(&["10/1s"]), TIMEOUT) };
        Member::new(run, Spread::Burst)
    };
    let (mut a, mut b) = (member(1), member(2));
    let want = |count| Request { want: Some(count), ..Request::default() };
    assert_eq!(a.exchange(&mut account, &want(3), ms(0)).granted, 3);
    let ended = vec![(Ended::Answered, ms(10)); 3];
    a.exchange(&mut account, &Request { ended, ..Request::default() }, ms(10));
    a.exchange(&mut account, &restrained(Restraint::Adopt("4/5s".parse().unwrap())), ms(20));
    assert_eq!(b.exchange(&mut account, &want(9), ms(20)).granted, 1, "of four in five seconds three were sent");
    a.exchange(&mut account, &restrained(Restraint::Adopt("5/1s".parse().unwrap())), ms(30));
    assert_eq!(a.run().limits, limits(&["5/1s", "4/5s"]));
    a.exchange(&mut account, &restrained(Restraint::Adopt("9/1s".parse().unwrap())), ms(40));
    assert_eq!(a.run().limits, limits(&["5/1s", "4/5s"]), "no limit is ever loosened");
    a.leave(&mut account, &[], ms(50));
    assert_eq!(b.exchange(&mut account, &want(9), ms(5500)).granted, 9);
}
