//! For any server, and any runs that keep the limit, the audit never counts too few and never reports a
//! violation.

use proptest::prelude::*;

use super::*;

const WINDOW_MS: u64 = 1000;
const MARGIN_MS: u64 = 1;
const COUNT: usize = 3;
const OF_A_SECOND: &[&str] = &["3/1s"];
const TIMEOUT_MS: u64 = 1000;

/// An attempt: how long it waits after it could start, its duration, how it ends in the ledger, and when the
/// server counts it, in thousandths of the possible time.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    idle: u64,
    lasts: u64,
    kind: u8,
    counted: u64,
}

/// A run's attempts; the time from its last record to its end, and from there to the next run's start.
type Drawn = (Vec<Attempt>, u64, u64);

fn runs() -> impl Strategy<Value = Vec<Drawn>> {
    let idle = prop_oneof![2 => Just(0u64), 1 => 0..700u64];
    let counted = prop_oneof![Just(0u64), Just(1000), 0..=1000u64];
    let attempt = (idle, 0..900u64, 0..8u8, counted).prop_map(|(idle, lasts, kind, counted)| Attempt {
        idle,
        lasts,
        kind,
        counted,
    });
    let pause = || prop_oneof![Just(0u64), 0..1500u64, 0..4000u64];
    prop::collection::vec((prop::collection::vec(attempt, 1..7), pause(), pause()), 1..5)
}

struct Posted {
    ledger: Bytes,
    counted: Vec<u64>,
    cut_off: bool,
}

/// When a slot is free: slots are freed at these times, and `held` others stay taken.
fn when_free(free: &[u64], held: usize, mut now: u64) -> Option<u64> {
    loop {
        let taken: Vec<u64> = free.iter().copied().filter(|at| *at > now).collect();
        if taken.len() + held < COUNT {
            return Some(now);
        }
        now = taken.into_iter().min()?;
    }
}

/// Posts as drawn. With `keep` the limit is kept: each attempt waits for a slot, and a run without further
/// slots ends.
fn post(drawn: &[Drawn], keep: bool) -> Posted {
    let (mut now, mut counted, mut cut_off, mut runs, mut free) = (0, Vec::new(), false, Vec::new(), Vec::new());
    for (attempts, over_after, pause) in drawn {
        let began = now;
        let (mut made, mut never, mut last) = (Vec::new(), Vec::new(), began);
        for Attempt { idle, lasts, kind, counted: late } in attempts {
            let from = now + idle;
            let Some(from) = (if keep { when_free(&free, never.len(), from) } else { Some(from) }) else { break };
            now = from;
            let end = from + lasts;
            let (ending, to) = match kind {
                0 => (Never, from),
                1 => (Silent(end - began), end + TIMEOUT_MS),
                _ => (Replied(end - began), end),
            };
            made.push((from - began, ending));
            if matches!(ending, Never) {
                never.push((from, late));
                last = last.max(from);
                continue;
            }
            last = last.max(end);
            free.push(to + WINDOW_MS + MARGIN_MS);
            counted.push(from + (to - from) * late / 1000);
        }
        let over = last + over_after;
        for (from, late) in never {
            cut_off = true;
            let to = over + TIMEOUT_MS;
            free.push(to + WINDOW_MS + MARGIN_MS);
            counted.push(from + (to - from) * late / 1000);
        }
        runs.push((began as i64, made));
        now = over + pause;
    }
    let runs: Vec<HandMade<'_>> = runs.iter().map(|(began, made)| (OF_A_SECOND, *began, made.as_slice())).collect();
    Posted { ledger: ledger_in(&runs, Some(1)), counted, cut_off }
}

/// The maximum number in one closed window.
fn most_counted(counted: &[u64]) -> usize {
    let within = |from: u64| counted.iter().filter(|at| (from..=from + WINDOW_MS).contains(*at)).count();
    counted.iter().map(|from| within(*from)).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_server_counts_more_than_the_audit_says(drawn in runs()) {
        let posted = post(&drawn, false);
        let limit = audit(&posted.ledger).unwrap().limits.remove(0);
        let most = most_counted(&posted.counted);
        prop_assert!(most <= limit.peak as usize, "{most}, and the audit says {}", limit.peak);
        prop_assert!(most <= COUNT || limit.proof() != Proof::Held);
    }

    #[test]
    fn no_run_that_kept_the_limit_is_accused(drawn in runs()) {
        let posted = post(&drawn, true);
        prop_assert!(most_counted(&posted.counted) <= COUNT);
        let limit = audit(&posted.ledger).unwrap().limits.remove(0);
        prop_assert_ne!(limit.proof(), Proof::Exceeded, "{} at the least", limit.peak_at_least);
        prop_assert!(posted.cut_off || limit.held(), "{}", limit.peak);
    }
}
