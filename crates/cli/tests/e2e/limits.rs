//! Never faster than the account may, and hardly slower.

use std::time::Duration;

use batchpost_sandbox::{Counting, Settings};

use crate::support::{Api, Folder, texts};

#[test]
fn a_hundred_rows_at_the_documented_limit_end_within_five_percent_of_the_best_possible() {
    let api = Api::start(Settings::default());
    let folder = Folder::with_rows(100);
    let json = folder.run(&api, &["--limit", "25/5s"]).with_code(0).json();

    let (window, round_trip) = (5.0, 0.12);
    let best = (100.0_f64 / 25.0 - 1.0).ceil() * (window + round_trip) + round_trip;
    let elapsed = json["elapsed_s"].as_f64().unwrap();
    assert!(elapsed <= best * 1.05, "{elapsed} s, where {best} s is possible");
    let report = api.report();
    assert_eq!(report.most_in_any_window, 25, "the window is used in full, and no more");
    assert_eq!((report.refused, report.requests), (0, 100));
    assert_eq!(api.texts(), texts(100));
}

#[test]
fn no_window_sees_more_than_the_limit_however_the_server_counts() {
    for (seed, counting) in
        [(1, Counting::Sliding), (2, Counting::Fixed { phase: Duration::from_millis(130) }), (3, Counting::Sliding)]
    {
        let api = Api::start(Settings {
            limit: Some(20),
            window: Duration::from_millis(400),
            counting,
            latency: Duration::from_millis(5)..=Duration::from_millis(60),
            faults: vec!["reset-lost@7,30".parse().unwrap(), "500=0.1".parse().unwrap()],
            seed,
            ..Settings::default()
        });
        let folder = Folder::with_rows(60);
        // A row without a reply keeps its slot for the whole time-out longer.
        let more = ["--limit", "20/400ms", "--timeout", "2s", "--max-attempts", "12"];
        let json = folder.run(&api, &more).with_code(4).json();
        let report = api.report();
        assert!(report.most_in_any_window <= 20, "seed {seed}: {report:?}");
        assert_eq!(report.refused, 0, "seed {seed}: {report:?}");
        assert_eq!((&json["posted"], &json["in_doubt"]), (&58.into(), &2.into()), "seed {seed}: {json}");
        assert_eq!(api.texts().len(), 58, "seed {seed}");
    }
}

#[test]
fn all_limits_hold_at_once() {
    let api = Api::start(Settings {
        limit: Some(10),
        window: Duration::from_millis(100),
        latency: Duration::ZERO..=Duration::from_millis(5),
        ..Settings::default()
    });
    let folder = Folder::with_rows(50);
    let json = folder.run(&api, &["--limit", "10/100ms", "--limit", "30/1s"]).with_code(0).json();
    assert!(api.report().most_in_any_window <= 10, "{:?}", api.report());
    assert!(json["elapsed_s"].as_f64().unwrap() >= 1.0, "the 31st row waits for the longer window: {json}");
    assert_eq!(api.texts(), texts(50));
}
