//! Outages of each kind, shorter and longer than a run waits.

use std::time::Duration;

use batchpost_engine::outcome::Stop;
use batchpost_sandbox::Fault;
use batchpost_simulation::{End, History, Plan, Scenario};

const ROWS: u64 = 80;

/// The fault of every request in an outage; `None`: the connection is refused.
const KINDS: [Option<Fault>; 4] = [None, Some(Fault::ServerError), Some(Fault::BadGateway), Some(Fault::Silence)];

/// Runs a history whose first 12 requests are answered, the next `length` ones fail, and the rest are
/// answered.
fn outage(seed: u64, kind: Option<Fault>, length: u64) -> (History, End) {
    let first = 12;
    let mut scenario = Scenario::calm(seed, 1..=ROWS);
    scenario.settings.timeout = Duration::from_secs(2);
    match kind {
        None => scenario.weather.unreachable = first..first + length,
        Some(fault) => {
            let mut faults = vec![None; first as usize];
            faults.resize((first + length) as usize, Some(fault));
            scenario.faults = faults;
        }
    }
    let mut history = History::new(scenario);
    let end = history.run(&Plan::default()).unwrap_or_else(|violation| panic!("seed {seed}, {kind:?}: {violation}"));
    (history, end)
}

#[test]
fn after_an_outage_that_ends_in_time_every_row_is_posted_or_of_unknown_fate_and_none_has_failed() {
    for seed in 0..10 {
        for kind in KINDS {
            // Shorter than the run waits, even if most of the requests are probes.
            let length = 12;
            let (history, end) = outage(seed, kind, length);
            assert_eq!(end, End::Done(None), "seed {seed}, {kind:?}");
            assert_eq!(history.coverage().times("outcome", "failed"), 0, "seed {seed}, {kind:?}");
            let doubts = history.coverage().times("outcome", "in_doubt");
            let unclear = matches!(kind, Some(Fault::BadGateway | Fault::Silence));
            assert_eq!(doubts, if unclear { length } else { 0 }, "seed {seed}, {kind:?}");
            assert_eq!(history.coverage().times("outcome", "posted"), ROWS - doubts, "seed {seed}, {kind:?}");
        }
    }
}

#[test]
fn an_outage_that_lasts_longer_stops_the_run_after_its_time_with_few_doubts_and_nothing_failed() {
    for seed in 0..10 {
        for kind in KINDS {
            let (history, end) = outage(seed, kind, 5000);
            assert_eq!(end, End::Done(Some(Stop::Outage)), "seed {seed}, {kind:?}");
            assert_eq!(history.coverage().times("outcome", "failed"), 0, "seed {seed}, {kind:?}");
            let patience = Duration::from_secs(15 * 60);
            let at = history.clock();
            assert!((patience..patience + Duration::from_secs(20)).contains(&at), "seed {seed}, {kind:?}: {at:?}");
            // One probe per pause, and the attempts in flight when the outage began, in one window or two (if
            // good replies still arrived in between).
            assert!(
                history.coverage().times("outcome", "in_doubt") <= 2 * 25 + 20,
                "seed {seed}, {kind:?}: {}",
                history.coverage()
            );
        }
    }
}
