//! A long batch over several nights: caps and hours are kept, and the forecast of the first evening is
//! correct.

use std::time::Duration;

use batchpost_engine::outcome::Stop;
use batchpost_engine::schedule::{Load, Schedule as Posting};
use batchpost_sandbox::most_in_any;
use batchpost_simulation::{End, History, Plan, Scenario};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// When histories start: in St. John's, half past eight in the evening.
const BEGIN: Timestamp = Timestamp::constant(1_767_225_600, 0);
const ZONE: &str = "America/St_Johns";

/// Notes on 500 tickets, with a daily cap, at night.
fn long_batch(rows: u64) -> Scenario {
    let mut scenario = Scenario::calm(7, (0..rows).map(|row| row % 500 + 1));
    scenario.settings.limits = ["25/5s", "10000/1d"].map(|limit| limit.parse().expect("a limit")).to_vec();
    scenario.settings.hours = Some("22:00-06:00".parse().expect("hours"));
    scenario.settings.time_zone = Some(ZONE.to_owned());
    scenario
}

#[test]
fn over_three_nights_caps_and_hours_hold_and_the_first_evenings_plan_comes_true() {
    let scenario = long_batch(25_000);
    let settings = scenario.settings.clone();
    let plan = Posting {
        limits: settings.limits.iter().copied().map(Load::from).collect(),
        openings: scenario.openings(),
        concurrency: settings.concurrency(),
        round_trip: Duration::from_millis(200),
    };
    let forecast = plan.forecast(25_000, BEGIN);
    assert_eq!(forecast.days, 3);

    let mut history = History::new(scenario);
    assert_eq!(history.run(&Plan::default()), Ok(End::Done(None)));
    let report = history.server().report();
    assert_eq!((report.notes, report.refused), (25_000, 0));
    assert!(most_in_any(history.server().arrivals(), DAY) <= 10_000);
    assert!(report.most_in_any_window <= 25);
    let zone = TimeZone::get(ZONE).unwrap();
    for arrival in history.server().arrivals() {
        let hour = (BEGIN + SignedDuration::try_from(*arrival).unwrap()).to_zoned_datetime(zone.clone()).hour();
        assert!(!(6..22).contains(&hour), "a request at {hour} h");
    }
    let forecast = Duration::try_from(forecast.done_at.duration_since(BEGIN)).unwrap();
    let off = history.finished_at().abs_diff(forecast);
    assert!(off <= forecast.mul_f64(0.02), "{:?} where {forecast:?} was foretold", history.finished_at());
}

#[test]
fn a_run_that_is_not_to_wait_ends_outside_the_hours_and_when_the_cap_is_reached() {
    let mut scenario = long_batch(10);
    scenario.settings.no_wait = true;
    let mut history = History::new(scenario.clone());
    assert_eq!(history.run(&Plan::default()), Ok(End::Done(Some(Stop::Planned))));
    assert_eq!(history.server().arrivals().len(), 0, "it is evening, and not yet ten");

    scenario.settings.hours = None;
    scenario.settings.limits = ["25/5s", "7/1d"].map(|limit| limit.parse().unwrap()).to_vec();
    let mut history = History::new(scenario);
    assert_eq!(history.run(&Plan::default()), Ok(End::Done(Some(Stop::Planned))));
    assert_eq!(history.server().arrivals().len(), 7);
    assert!(history.clock() < Duration::from_secs(60), "it ended after {:?}", history.clock());
}
