use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;

use super::*;
use crate::schedule::Hours;

const ROUND_TRIP: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_secs(30);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plan(limits: &[&str], hours: Option<&str>, zone: &str) -> Schedule {
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
    let hours: Option<Hours> = hours.map(|hours| hours.parse().unwrap());
    Schedule {
        limits: limits.iter().map(|limit| limit.parse::<Limit>().unwrap().into()).collect(),
        openings: Openings::new(hours, zone, TIMEOUT).unwrap(),
        concurrency: 1_000_000,
        round_trip: ROUND_TRIP,
    }
}

/// Computes row by row, by the slot rule alone: each row waits for the first free slot of every limit.
fn brute_force(plan: &Schedule, rows: u64, now: Timestamp) -> Timestamp {
    let mut slots: Vec<(Duration, BinaryHeap<Reverse<Timestamp>>)> = Vec::new();
    for load in &plan.limits {
        let mut free: Vec<Timestamp> = load.freeing.iter().flat_map(|&(at, count)| vec![at; count as usize]).collect();
        free.resize(load.limit.count() as usize, Timestamp::MIN);
        let hold = load.limit.window() + load.limit.margin() + plan.round_trip;
        slots.push((hold, free.into_iter().map(Reverse).collect()));
    }
    let at_once = plan.concurrency.min(rows as u32) as usize;
    slots.push((plan.round_trip, vec![Reverse(now); at_once].into()));
    // Open now and a timeout later: no gap between openings here is shorter than a timeout.
    let may = |at: Timestamp| {
        let zone = plan.openings.zone();
        let open = |at| plan.openings.hours().is_none_or(|hours| hours.contain(zone.to_datetime(at).time()));
        open(at) && open(at + TIMEOUT)
    };
    let mut at = now;
    for _ in 0..rows {
        at = slots.iter().map(|(_, free)| free.peek().unwrap().0).fold(at, Timestamp::max);
        while !may(at) {
            let micros = at.as_microsecond();
            at = Timestamp::from_microsecond(micros - micros.rem_euclid(1_000_000) + 1_000_000).unwrap();
        }
        for (hold, free) in &mut slots {
            free.pop();
            free.push(Reverse(at + *hold));
        }
    }
    if rows == 0 { now } else { at + plan.round_trip }
}

#[test]
fn a_batch_without_hours_takes_full_windows() {
    let of = |rows| {
        let now = at("2026-11-22T12:00:00Z");
        plan(&["25/5s"], None, "UTC").forecast(rows, now).done_at.duration_since(now).as_millis()
    };
    assert_eq!([of(0), of(1), of(25), of(26), of(100)], [0, 200, 200, 5405, 15815]);
    let limits = ["25/5s", "10000/1d"].map(|limit| limit.parse().unwrap());
    assert_eq!(soonest(&limits, 100, ROUND_TRIP).as_millis(), 15815);
    assert_eq!(soonest(&limits, 10_000, ROUND_TRIP).as_millis(), 399 * 5205 + 200);
    assert_eq!(soonest(&limits, 10_001, ROUND_TRIP).as_secs(), 24 * 3600 + 86);
    assert_eq!(soonest(&[], 10_001, ROUND_TRIP), ROUND_TRIP);
}

#[test]
fn three_nights_are_what_row_by_row_finds() {
    // In Berlin, the night of the 24th is an hour longer.
    for now in ["2026-11-22T15:00:00Z", "2026-10-23T21:17:43.25Z", "2026-11-23T04:59:00Z"] {
        let plan = plan(&["25/5s", "10000/1d"], Some("22:00-06:00"), "Europe/Berlin");
        let forecast = plan.forecast(25_000, at(now));
        assert_eq!(forecast.done_at, brute_force(&plan, 25_000, at(now)), "{now}");
        assert!((3..=4).contains(&forecast.days), "{now}: {forecast:?}");
    }
}

#[test]
fn what_is_used_of_a_limit_is_waited_for() {
    let now = at("2026-11-22T12:00:00Z");
    let mut plan = plan(&["25/5s", "100/1d"], None, "UTC");
    let tomorrow = at("2026-11-23T11:00:00Z");
    plan.limits[1].freeing = vec![(tomorrow, 90), (at("2026-11-22T11:00:00Z"), 5)];
    assert_eq!(plan.forecast(10, now).done_at, now + ROUND_TRIP);
    assert_eq!(plan.forecast(11, now).done_at, tomorrow + ROUND_TRIP);
    // More slots are used than the limit has: it was lowered.
    plan.limits[1].freeing = vec![(at("2026-11-22T13:00:00Z"), 90), (tomorrow, 100)];
    assert_eq!(plan.forecast(1, now).done_at, tomorrow + ROUND_TRIP);
}

#[test]
fn as_many_attempts_as_may_be_under_way_are() {
    let now = at("2026-11-22T12:00:00Z");
    let plan = Schedule { concurrency: 4, ..plan(&["1000/1s"], None, "UTC") };
    assert_eq!(plan.forecast(41, now).done_at, now + ROUND_TRIP * 11);
}

#[test]
fn a_great_many_rows_take_few_steps_and_come_out_right() {
    let now = at("2026-01-01T00:00:00Z");
    let day = |forecast: Forecast| forecast.done_at.duration_since(now).as_secs_f64() / 86_400.0;
    // At 3 per second this takes 38.6 days, plus a margin (a thousandth) and a round trip for each window.
    let forecast = plan(&["3/1s"], None, "UTC").forecast(10_000_000, now);
    let exact = 10_000_000.0 / 3.0 * 1.201 / 86_400.0;
    assert!((day(forecast) / exact - 1.0).abs() < 0.001, "{} for {exact}", day(forecast));
    // One cap per night: the thousandth night.
    let nights = plan(&["25/5s", "10000/1d"], Some("22:00-06:00"), "UTC");
    let forecast = nights.forecast(10_000_000, now);
    assert!((day(forecast) / 1000.0 - 1.0).abs() < 0.02 && forecast.days >= 1000, "{forecast:?}");
    // And beyond the calendar.
    assert_eq!(nights.forecast(u64::MAX, now).done_at, Timestamp::MAX);
    assert_eq!(plan(&["1/366d"], None, "UTC").forecast(u64::MAX, now).done_at, Timestamp::MAX);
    assert!(soonest(&["1/366d".parse().unwrap()], u64::MAX, ROUND_TRIP) > Duration::from_secs(1 << 40));
    assert_eq!(plan(&["25/5s"], None, "UTC").forecast(1, Timestamp::MAX).done_at, Timestamp::MAX);
    let endless = Schedule { round_trip: Duration::MAX, ..plan(&["25/5s"], None, "UTC") };
    assert_eq!(endless.forecast(26, now).done_at, Timestamp::MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn groups_come_out_as_row_by_row_does(
        rows in 0..200u64,
        limits in proptest::collection::vec((1..30u32, 1..100u64), 1..4),
        used in proptest::collection::vec((-50..200i64, 1..12u32), 0..4),
        concurrency in 1..30u32,
        hours in proptest::option::of(Just("22:00-22:02")),
        second in 0..200i64,
    ) {
        let now = at("2026-11-22T22:00:00Z") + jiff::SignedDuration::from_secs(second - 50);
        let load = |&(count, tenths): &(u32, u64)| {
            let limit = Limit::new(count.try_into().unwrap(), Duration::from_millis(tenths * 100)).unwrap();
            let moment = |tenths| now + jiff::SignedDuration::from_millis(tenths * 100);
            // At most as many slots as the limit has: the row-by-row calculation does not use a slot twice.
            let mut left = count;
            let freeing = used.iter().map(|&(tenths, count)| {
                let count = count.min(left);
                left -= count;
                (moment(tenths), count)
            });
            Load { limit, freeing: freeing.collect() }
        };
        let openings = Openings::new(hours.map(|hours| hours.parse().unwrap()), TimeZone::UTC, TIMEOUT).unwrap();
        let plan = Schedule { limits: limits.iter().map(load).collect(), openings, concurrency, round_trip: ROUND_TRIP };
        let forecast = plan.forecast(rows, now);
        prop_assert_eq!(forecast.done_at, brute_force(&plan, rows, now));
        prop_assert_eq!(forecast.days > 0, rows > 0);
    }
}
