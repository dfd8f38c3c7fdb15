use proptest::prelude::*;

use super::*;
use crate::budget::{Ended, Throttle, Wait};

const TIMEOUT: Duration = Duration::from_secs(30);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A taken slot.
#[derive(Debug)]
struct Taken;

/// A limiter from which slots are taken one at a time.
struct OneByOne(Limiter, Duration);

impl OneByOne {
    fn policy(&mut self, request: &Request, now: Duration) -> Grant {
        self.1 = self.1.max(now);
        self.0.exchange(request, self.1).unwrap()
    }

    fn take(&mut self, now: Duration) -> Result<Taken, Wait> {
        let answer = self.policy(&Request { want: Some(1), ..Request::default() }, now);
        if answer.granted == 1 { Ok(Taken) } else { Err(answer.wait.unwrap()) }
    }

    fn give_back(&mut self, _: Taken, ended: Ended, at: Duration) {
        self.policy(&Request { ended: vec![(ended, at)], ..Request::default() }, at);
    }

    fn space_evenly(&mut self, now: Duration) {
        self.policy(&Request { throttles: vec![Throttle::Evenly], ..Request::default() }, now);
    }
}

fn limits(limits: &[&str]) -> Vec<Limit> {
    limits.iter().map(|limit| limit.parse().unwrap()).collect()
}

fn limiter(of: &[&str], spread: Spread) -> OneByOne {
    OneByOne(Limiter::new(&limits(of), spread, TIMEOUT), ms(0))
}

/// Takes a slot at the earliest time from `now` on at which the limiter allows it.
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
    // Only the pace applies: one token an hour, and the first one is spent.
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

/// One attempt: how long it waits after it may start, its duration, when the server counts it between send
/// and end (in thousandths), and how it ends.
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

/// Runs a history greedily (each attempt starts as soon as it may) and returns when a server counts each:
/// anywhere between send and reply, or until a timeout after an end without a reply.
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

/// The maximum number of moments within any span of `window`, both ends included.
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

    /// The limiter is not too strict: in a burst, start n + 1 is exactly a window and a margin after the
    /// earliest reply of the n starts before it.
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

mod kept;
mod restarts;
mod together;

fn restrained(how: Throttle) -> Request {
    Request { throttles: vec![how], ..Request::default() }
}

#[test]
fn a_share_is_all_that_a_run_takes_of_the_shortest_window_until_it_is_given_more() {
    let mut limiter = Limiter::new(&limits(&["10/1s", "100/1m"]), Spread::Even, TIMEOUT);
    let mut policy = |ended: u32, want, how: Option<u32>, at| {
        let ended = vec![(Ended::Answered, ms(at)); ended as usize];
        let throttles = how.map(Throttle::Share).into_iter().collect();
        limiter.exchange(&Request { ended, want: Some(want), throttles }, ms(at)).unwrap()
    };
    assert_eq!(policy(0, 8, Some(4), 0), Grant { granted: 4, wait: Some(Wait::UntilOneEnds) });
    assert_eq!(policy(3, 8, None, 100), Grant { granted: 0, wait: Some(Wait::Until(ms(1101))) });
    assert_eq!(policy(1, 8, Some(6), 200).granted, 2, "two more than four");
    assert_eq!(policy(0, 8, None, 1101).granted, 3, "those that ended a window ago");
    let whole = policy(0, 8, Some(10), 1102);
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
    a.exchange(&mut account, &restrained(Throttle::Learn("4/5s".parse().unwrap())), ms(20));
    assert_eq!(b.exchange(&mut account, &want(9), ms(20)).granted, 1, "of four in five seconds three were sent");
    a.exchange(&mut account, &restrained(Throttle::Learn("5/1s".parse().unwrap())), ms(30));
    assert_eq!(a.run().limits, limits(&["5/1s", "4/5s"]));
    a.exchange(&mut account, &restrained(Throttle::Learn("9/1s".parse().unwrap())), ms(40));
    assert_eq!(a.run().limits, limits(&["5/1s", "4/5s"]), "no limit is ever loosened");
    a.leave(&mut account, &[], ms(50));
    assert_eq!(b.exchange(&mut account, &want(9), ms(5500)).granted, 9);
}

#[test]
fn a_run_that_learns_a_shorter_window_or_a_stricter_limit_keeps_its_share_and_its_pace_by_that() {
    let mut limiter = Limiter::new(&limits(&["10/5s"]), Spread::Burst, TIMEOUT);
    let mut policy = |ended: u32, how: Vec<Throttle>, at| {
        let ended = vec![(Ended::Answered, ms(at)); ended as usize];
        limiter.exchange(&Request { ended, want: Some(9), throttles: how }, ms(at)).unwrap()
    };
    assert_eq!(policy(0, vec![Throttle::Share(4)], 0).granted, 4);
    let learned = policy(4, vec![Throttle::Learn("9/1s".parse().unwrap())], 0);
    assert_eq!(learned, Grant { granted: 0, wait: Some(Wait::Until(ms(1001))) });
    assert_eq!(policy(0, Vec::new(), 1001).granted, 4);

    let mut limiter = Limiter::new(&limits(&["25/5s"]), Spread::Even, TIMEOUT);
    let mut policy = |how: Vec<Throttle>, at| {
        limiter.exchange(&Request { want: Some(9), throttles: how, ..Request::default() }, ms(at)).unwrap()
    };
    assert_eq!(policy(Vec::new(), 0), Grant { granted: 1, wait: Some(Wait::Until(ms(200))) });
    let learned = policy(vec![Throttle::Learn("5/5s".parse().unwrap())], 200);
    assert_eq!(learned, Grant { granted: 1, wait: Some(Wait::Until(ms(1200))) });
}
