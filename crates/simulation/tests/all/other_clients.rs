//! An account with other clients. The figures of `docs/limits.md` come from the same scenario, over more
//! runs: `cargo run --release -p batchpost-simulation -- --other_clients 40`.

use std::time::Duration;

use batchpost_engine::settings::Spread;
use batchpost_simulation::{Company, Outcome, Part, Rough, in_company, share};

/// Other clients that use 40% of 25 per 5 seconds, at random times; means over a few runs.
fn forty_percent(fixed: bool, refused_count: bool) -> Outcome {
    let runs = 6;
    let outcomes: Vec<Outcome> = (0..runs)
        .map(|seed| {
            let spread = if seed % 2 == 0 { Spread::Burst } else { Spread::Even };
            in_company(seed, 700, Company { other_clients: 10, fixed, refused_count, spread })
        })
        .collect();
    let mean = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).sum::<f64>() / runs as f64;
    Outcome {
        posted: mean(|outcome| outcome.posted),
        used: mean(|outcome| outcome.used),
        refused: mean(|outcome| outcome.refused),
        other_clients_refused: mean(|outcome| outcome.other_clients_refused),
    }
}

#[test]
fn beside_strangers_every_row_is_posted_most_of_the_room_used_and_refusals_are_rare() {
    for (fixed, refused_count, least) in [(false, false, 0.80), (true, false, 0.80), (false, true, 0.55)] {
        let outcome = forty_percent(fixed, refused_count);
        let what = format!("fixed {fixed}, refused count {refused_count}: {outcome}");
        assert!((outcome.posted - 1.0).abs() < 1e-9, "{what}");
        assert!(outcome.used >= least, "{what}");
        assert!(outcome.refused <= 0.04, "{what}");
        assert!(outcome.other_clients_refused <= 0.20, "{what}");
    }
}

#[test]
fn an_account_that_nobody_else_uses_is_used_in_full() {
    let alone =
        in_company(1, 500, Company { other_clients: 0, fixed: false, refused_count: false, spread: Spread::Burst });
    assert!(alone.refused == 0.0 && alone.used >= 0.95, "{alone}");
}

#[test]
fn a_limit_that_the_api_names_is_adopted_by_all_runs_of_the_account() {
    for seed in 0..5 {
        let limits = vec!["25/5s".parse().expect("a limit")];
        let part = |at| Part { at: Duration::from_secs(at), rows: 60, limits: limits.clone(), spread: Spread::Burst };
        let rough = Rough { limit: Some("10/5s".parse().expect("a limit")), ..Rough::default() };
        let report = share(seed, &[part(0), part(0)], &rough).server.report();
        assert_eq!(report.notes, 120, "seed {seed}");
        assert!(report.refused <= 25, "seed {seed}: one window's worth at the most: {report:?}");
    }
}
