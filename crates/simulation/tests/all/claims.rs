//! Batches that share an account's known rows, by seed.

use batchpost_simulation::{Claims, Coverage};

/// All events that must occur at least once with the fixed seeds.
const TO_BE_SEEN: &[&str] = &[
    "a ledger cannot be read",
    "a ledger was moved away",
    "claimed",
    "doubts waived",
    "ended",
    "killed after an intent",
    "killed before an outcome",
    "killed before it released its claim",
    "killed before it sent",
    "killed before its claim",
    "killed between rows",
    "killed over its claim",
    "known rows posted by order",
    "known rows skipped",
    "rows are known",
    "rows became known",
    "rows in use at the first look",
    "rows in use at the second look",
    "the power was lost",
];

#[test]
fn no_row_is_sent_twice_by_batches_that_share_a_registry_and_everything_happens_to_them() {
    let mut coverage = Coverage::default();
    for seed in 0..1500 {
        let claims = Claims::drawn(seed);
        let ended = claims.go();
        assert_eq!(ended, Ok(()), "replay it: cargo run -p batchpost-simulation -- --seed {seed} -v");
        coverage.add(&claims.coverage());
    }
    for what in TO_BE_SEEN {
        assert!(coverage.times("claims", what) > 0, "{what} was never seen\n{coverage}");
    }
}

#[test]
fn the_same_seed_twice_goes_the_same_way() {
    for seed in 0..50 {
        let words = || {
            let mut claims = Claims::drawn(seed);
            claims.in_words();
            (claims.go(), claims.words())
        };
        assert_eq!(words(), words(), "seed {seed}");
    }
}
