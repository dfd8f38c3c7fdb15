//! Histories with any faults, by seed.

use batchpost_sandbox::Fault;
use batchpost_simulation::{Coverage, History, Scenario};

/// All events that must occur at least once with the fixed seeds, besides every fault of the server.
const TO_BE_SEEN: &[(&str, &[&str])] = &[
    ("audit", &["held", "not proven"]),
    ("clock", &["stepped ahead", "stepped back"]),
    (
        "crash",
        &["at the beginning", "in recovery", "with nothing in flight", "with requests in flight", "within a commit"],
    ),
    ("disk", &["killed, not unplugged", "ledger poisoned", "torn tail mended"]),
    (
        "engine",
        &[
            "did not wait any longer",
            "ended at once",
            "sent a doubt again",
            "told what could not be written",
            "tried again",
            "waited for the limit",
        ],
    ),
    ("network", &["arrived after the attempt had ended", "broken", "late", "refused", "reply lost", "request lost"]),
    ("outcome", &["failed", "in_doubt", "posted", "rejected"]),
    ("pause", &["failing", "limited", "unclear", "unreachable"]),
    ("power lost", &["budget as last synced", "budget kept", "budget torn"]),
    (
        "run ended",
        &[
            "crashed",
            "credentials",
            "endpoint",
            "finished",
            "interrupted",
            "ledger",
            "limited",
            "outage",
            "planned",
            "refused",
        ],
    ),
    (
        "unsynced writes at a loss of power",
        &["garbled", "kept", "lost", "torn", "written in part", "written last part first", "zeroed"],
    ),
    ("verdict", &["again", "hopeless", "limited", "posted", "rejected", "unknown", "unsent", "withdrawn"]),
];

#[test]
fn no_history_of_the_fixed_seeds_does_what_must_never_happen_and_everything_happens_in_them() {
    let mut coverage = Coverage::default();
    for seed in 0..1500 {
        let mut history = History::new(Scenario::drawn(seed));
        let ended = history.go();
        assert_eq!(ended, Ok(()), "replay it: cargo run -p batchpost-simulation -- --seed {seed} -v");
        coverage.add(history.coverage());
    }
    let faults: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    for (kind, names) in TO_BE_SEEN.iter().copied().chain([("fault", &faults[..])]) {
        for name in names {
            assert!(coverage.times(kind, name) > 0, "{kind} {name} was never seen\n{coverage}");
        }
    }
}

#[test]
fn the_same_seed_twice_ends_in_the_same_place() {
    for seed in 0..50 {
        let end = || {
            let mut history = History::new(Scenario::drawn(seed));
            history.go().map(|()| (history.next_random(), history.clock(), history.disk().ledger_bytes()))
        };
        assert_eq!(end(), end(), "seed {seed}");
    }
}
