//! Runs histories by seed: `--seeds A..B` for a range, `--claims A..B` for only those about known rows,
//! `--fresh N` for that many new seeds, `--seed N -v` for one with a log.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use batchpost_engine::settings::Spread;
use batchpost_simulation::{Claims, Company, Coverage, History, Scenario, Violation};

const USAGE: &str =
    "usage: batchpost-simulation --seeds A..B | --claims A..B | --fresh [COUNT] | --seed N [-v] | --other-clients RUNS";

/// The default number of fresh histories: about a minute.
const FRESH: u64 = 100_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--seeds", seeds] => range(seeds).map_or_else(misused, |seeds| run_all(seeds, both)),
        ["--claims", seeds] => range(seeds).map_or_else(misused, |seeds| run_all(seeds, claims)),
        ["--fresh"] => run_all(fresh(FRESH), both),
        ["--fresh", count] => count.parse().map_or_else(|_| misused(), |count| run_all(fresh(count), both)),
        ["--seed", seed] => seed.parse().map_or_else(|_| misused(), |seed| replay(seed, false)),
        ["--seed", seed, "-v"] => seed.parse().map_or_else(|_| misused(), |seed| replay(seed, true)),
        ["--other-clients", runs] => runs.parse().map_or_else(|_| misused(), in_company),
        _ => misused(),
    }
}

fn misused() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// Prints means over this many runs of a thousand rows, for each way of counting and for fewer and more calls
/// of other clients.
fn in_company(runs: u64) -> ExitCode {
    for (spread, other_clients) in [(Spread::Burst, 10), (Spread::Even, 10), (Spread::Burst, 5), (Spread::Burst, 18)] {
        for (fixed, refused_count) in [(false, false), (false, true), (true, false)] {
            let company = Company { other_clients, fixed, refused_count, spread };
            let outcomes: Vec<_> =
                (0..runs).map(|seed| batchpost_simulation::in_company(seed, 1000, company)).collect();
            let mean = |of: fn(&batchpost_simulation::Outcome) -> f64| {
                outcomes.iter().map(of).sum::<f64>() / outcomes.len().max(1) as f64
            };
            let least = outcomes.iter().map(|outcome| outcome.used).fold(f64::INFINITY, f64::min);
            let mean = batchpost_simulation::Outcome {
                posted: mean(|outcome| outcome.posted),
                used: mean(|outcome| outcome.used),
                refused: mean(|outcome| outcome.refused),
                other_clients_refused: mean(|outcome| outcome.other_clients_refused),
            };
            let window = if fixed { "fixed" } else { "sliding" };
            let counted = if refused_count { "refused calls count" } else { "refused calls do not count" };
            println!(
                "{other_clients:>2} of 25, {spread:?}, {window}, {counted}: {mean} (least used {:.1}%)",
                100.0 * least
            );
        }
    }
    ExitCode::SUCCESS
}

fn range(text: &str) -> Option<Range<u64>> {
    let (first, end) = text.split_once("..")?;
    Some(first.parse().ok()?..end.parse().ok()?)
}

/// A range with a random start, in a space so large that no seed repeats. Fixed ranges start at 0.
fn fresh(count: u64) -> Range<u64> {
    let first = RandomState::new().build_hasher().finish() >> 16;
    let end = first.saturating_add(count);
    println!("--seeds {first}..{end}");
    first..end
}

/// Runs the two histories of a seed: one of a single batch, and one of several that share an account's known
/// rows.
fn both(seed: u64) -> (Option<String>, Coverage) {
    let (wrong, history) = simulate(seed, false);
    let mut coverage = history.coverage().clone();
    let (also_wrong, also_seen) = claims(seed);
    coverage.add(&also_seen);
    (wrong.or(also_wrong), coverage)
}

fn claims(seed: u64) -> (Option<String>, Coverage) {
    let (wrong, claims) = plan(seed, false);
    (wrong, claims.coverage())
}

/// Runs batches that share an account's known rows.
fn plan(seed: u64, in_words: bool) -> (Option<String>, Claims) {
    let mut claims = Claims::drawn(seed);
    if in_words {
        claims.in_words();
    }
    let wrong = violation(|| claims.go());
    (wrong, claims)
}

/// Returns the violation, if any. A failed assertion is a violation too.
fn violation(go: impl FnOnce() -> Result<(), Violation>) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(go)) {
        Ok(Ok(())) => None,
        Ok(Err(violation)) => Some(violation.to_string()),
        Err(_) => Some("an assertion failed (said above)".to_owned()),
    }
}

/// Runs a history of one batch.
fn simulate(seed: u64, in_words: bool) -> (Option<String>, History) {
    let mut history = History::new(Scenario::drawn(seed));
    if in_words {
        history.in_words();
    }
    let wrong = violation(|| history.go());
    (wrong, history)
}

fn replay(seed: u64, in_words: bool) -> ExitCode {
    let (wrong, history) = simulate(seed, in_words);
    if in_words {
        let scenario = history.scenario();
        scenario.rows.iter().zip(1..).for_each(|(line, row)| println!("row {row}: {line:?}"));
        println!("{:?}\nweather: {:?}", scenario.settings, scenario.weather);
        println!("server: {:?}, latency {:?}, commits {:?}", scenario.counting, scenario.latency, scenario.commit);
        scenario.rules().for_each(|rule| println!("fault {rule}"));
        history.words().iter().for_each(|line| println!("{line}"));
    }
    let (also_wrong, claims) = plan(seed, in_words);
    if in_words && (wrong.is_none() || also_wrong.is_some()) {
        println!("\nbatches that share an account's known rows:");
        claims.words().iter().for_each(|line| println!("{line}"));
    }
    match wrong.or(also_wrong) {
        None => {
            println!("seed {seed}: nothing that must never happen");
            ExitCode::SUCCESS
        }
        Some(violation) => {
            println!("seed {seed}: {violation}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long it took is only said")]
fn run_all(seeds: Range<u64>, simulate: fn(u64) -> (Option<String>, Coverage)) -> ExitCode {
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let first_wrong = AtomicU64::new(u64::MAX);
    let work = || {
        let mut coverage = Coverage::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || seed > first_wrong.load(Ordering::Relaxed) {
                return coverage;
            }
            let (wrong, seen) = simulate(seed);
            coverage.add(&seen);
            if wrong.is_some() {
                first_wrong.fetch_min(seed, Ordering::Relaxed);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut coverage = Coverage::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            coverage.add(&worker.join().expect("a history's panic is caught"));
        }
    });
    println!("{coverage}");
    let first_wrong = first_wrong.into_inner();
    let histories = first_wrong.min(seeds.end).saturating_sub(seeds.start);
    let [attempts, crashes] = [coverage.times("all", "attempts"), coverage.times("run ended", "crashed")];
    println!(
        "{histories} histories, {crashes} crashes, {attempts} attempts in {:.1} s on {threads} threads",
        began.elapsed().as_secs_f64()
    );
    if first_wrong == u64::MAX {
        return ExitCode::SUCCESS;
    }
    replay(first_wrong, true);
    println!("replay it: cargo run --release -p batchpost-simulation -- --seed {first_wrong} -v");
    ExitCode::FAILURE
}
