//! Histories in which anything may go wrong, by seed.

use batchpost_simulation::{Coverage, History, Scenario};

#[test]
fn no_history_of_the_first_seeds_does_what_must_never_happen() {
    let mut coverage = Coverage::default();
    for seed in 0..1000 {
        let mut history = History::new(Scenario::drawn(seed));
        let ended = history.go();
        assert_eq!(ended, Ok(()), "replay it: cargo run -p batchpost-simulation -- --seed {seed} -v");
        coverage.add(history.coverage());
    }
    println!("{coverage}");
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
