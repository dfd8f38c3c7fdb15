use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(30);

/// The bundled zones, so that the tests do not depend on the machine's.
fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

fn openings(hours: &str, name: &str) -> Openings {
    Openings::new(Some(hours.parse().unwrap()), zone(name), TIMEOUT).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The start and end, in local time, of the openings that begin between two moments.
fn between(openings: &Openings, from: &str, to: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut from = at(from);
    loop {
        let (opens, closes) = (openings.opens_at(from), openings.closes_at(from));
        if opens >= at(to) {
            return all;
        }
        let on_the_wall =
            |at: Timestamp| at.to_zoned_datetime(openings.zone().clone()).strftime("%d %H:%M%:z").to_string();
        all.push(format!("{} to {}", on_the_wall(opens), on_the_wall(closes)));
        from = closes;
    }
}

#[test]
fn an_opening_is_entered_where_one_stands_in_it_and_waited_for_elsewhere() {
    let nights = openings("22:00-06:00", "Europe/Berlin");
    let of = |now: &str| (nights.opens_at(at(now)).to_string(), nights.closes_at(at(now)).to_string());
    let (opens, closes) = ("2026-11-22T21:00:00Z".to_owned(), "2026-11-23T05:00:00Z".to_owned());
    assert_eq!(of("2026-11-22T12:00:00Z"), (opens.clone(), closes.clone()));
    assert_eq!(of("2026-11-22T21:00:00Z"), (opens, closes.clone()));
    assert_eq!(of("2026-11-23T04:59:59.999Z"), ("2026-11-23T04:59:59.999Z".to_owned(), closes.clone()));
    assert_eq!(of(&closes), ("2026-11-23T21:00:00Z".to_owned(), "2026-11-24T05:00:00Z".to_owned()));
}

#[test]
fn a_night_in_which_clocks_change_is_as_long_as_the_clocks_make_it() {
    let nights = openings("22:00-06:00", "Europe/Berlin");
    let spring = between(&nights, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
    assert_eq!(spring, ["28 22:00+01:00 to 29 06:00+02:00"]);
    let autumn = between(&nights, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
    assert_eq!(autumn, ["24 22:00+02:00 to 25 06:00+01:00"]);
}

#[test]
fn hours_that_begin_or_end_in_the_gap_do_so_when_it_ends() {
    // 02:00 becomes 03:00 on the 29th.
    let of = |hours| between(&openings(hours, "Europe/Berlin"), "2026-03-29T00:00:00Z", "2026-03-29T22:00:00Z");
    assert_eq!(of("02:30-05:00"), ["29 03:00+02:00 to 29 05:00+02:00"]);
    assert_eq!(of("01:00-02:30"), ["29 01:00+01:00 to 29 03:00+02:00"]);
    assert_eq!(of("02:10-02:40"), [""; 0], "wholly in it");
    assert_eq!(of("02:00-02:45"), [""; 0], "its first moment is the gap's");
    assert_eq!(of("02:00-03:00"), [""; 0], "all of it");
    assert_eq!(of("01:00-02:00"), ["29 01:00+01:00 to 29 03:00+02:00"], "02:00 is 03:00");
}

#[test]
fn hours_that_begin_or_end_in_the_repeated_hour_come_in_two_pieces() {
    // 03:00 becomes 02:00 on the 25th.
    let of = |hours| between(&openings(hours, "Europe/Berlin"), "2026-10-24T22:00:00Z", "2026-10-25T21:00:00Z");
    assert_eq!(of("02:30-05:00"), ["25 02:30+02:00 to 25 02:00+01:00", "25 02:30+01:00 to 25 05:00+01:00"]);
    assert_eq!(of("01:00-02:30"), ["25 01:00+02:00 to 25 02:30+02:00", "25 02:00+01:00 to 25 02:30+01:00"]);
    assert_eq!(of("02:10-02:40").len(), 2);
    assert_eq!(of("01:00-03:00"), ["25 01:00+02:00 to 25 03:00+01:00"], "the repeated hour is in it twice");
    assert_eq!(of("01:00-02:00"), ["25 01:00+02:00 to 25 02:00+02:00"]);
}

#[test]
fn no_attempt_starts_within_a_time_out_of_the_end() {
    let nights = openings("22:00-06:00", "UTC");
    let evening = (at("2026-11-23T22:00:00Z"), at("2026-11-24T05:59:30Z"));
    assert_eq!(nights.next(at("2026-11-23T07:00:00Z")), evening);
    assert_eq!(nights.next(at("2026-11-23T05:59:30Z")), evening, "between its last attempt and its end");
    let last = at("2026-11-24T05:59:29.999999999Z");
    assert_eq!(nights.next(last), (last, evening.1));
    let always = Openings::new(None, TimeZone::UTC, TIMEOUT).unwrap();
    assert_eq!(always.next(last), (last, Timestamp::MAX));
}

#[test]
fn an_opening_that_a_gap_left_no_room_in_is_passed_over() {
    // The gap leaves one minute of 02:30 to 03:01, and nothing of 02:30 to 03:00.
    let of = |hours: &str, timeout| {
        let openings = Openings::new(Some(hours.parse().unwrap()), zone("Europe/Berlin"), timeout).unwrap();
        openings.next(at("2026-03-29T00:00:00Z")).0.to_string()
    };
    assert_eq!(of("02:30-03:01", TIMEOUT), "2026-03-29T01:00:00Z");
    assert_eq!(of("02:30-03:01", TIMEOUT * 2), "2026-03-30T00:30:00Z");
    assert_eq!(of("02:30-03:00", TIMEOUT), "2026-03-30T00:30:00Z");
}

#[test]
fn hours_no_longer_than_the_time_out_are_refused() {
    let of = |timeout| Openings::new(Some("22:00-22:01".parse().unwrap()), TimeZone::UTC, timeout);
    assert!(of(Duration::from_secs(59)).is_ok());
    let error = of(Duration::from_secs(60)).unwrap_err().to_string();
    assert!(error.contains("22:00-22:01") && error.contains("(1m)"), "{error}");
}

#[test]
fn a_night_has_the_date_of_its_evening() {
    let day = |hours, now: &str| openings(hours, "Asia/Kolkata").day(at(now)).to_string();
    assert_eq!(day("22:00-06:00", "2026-11-23T22:00:00+05:30"), "2026-11-23");
    assert_eq!(day("22:00-06:00", "2026-11-24T05:59:00+05:30"), "2026-11-23");
    assert_eq!(day("09:00-17:00", "2026-11-24T09:00:00+05:30"), "2026-11-24");
}

/// Zones with whole, half and odd offsets, with changes of half an hour, of a day, and across the date line.
const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "Antarctica/Troll",
    "America/Sao_Paulo",
];

fn any_hours() -> impl Strategy<Value = Hours> {
    // Half of them are on a quarter of an hour, like the edges of the gaps.
    let quarter = (0..96u16).prop_map(|quarter| quarter * 15);
    let time = prop_oneof![quarter, 0..1440u16];
    (time.clone(), time).prop_filter_map("empty", |(from, until)| {
        format!("{}:{:02}-{}:{:02}", from / 60, from % 60, until / 60, until % 60).parse().ok()
    })
}

/// A moment at most a day and a half before or after a clock change of one of the zones since 1970.
fn near_a_change() -> impl Strategy<Value = (TimeZone, Timestamp)> {
    let seconds = -130_000..130_000i64;
    (proptest::sample::select(&ZONES[..]), 0..120usize, seconds).prop_map(|(name, nth, seconds)| {
        let zone = zone(name);
        let start = at("1970-01-01T00:00:00Z");
        let change = zone.following(start).take(nth + 1).last().map_or(start, |change| change.timestamp());
        (zone, change.checked_add(SignedDuration::from_secs(seconds)).unwrap())
    })
}

proptest! {
    #[test]
    fn openings_are_what_looking_at_every_second_finds((zone, now) in near_a_change(), hours in any_hours()) {
        let openings = Openings::new(Some(hours), zone.clone(), Duration::ZERO).unwrap();
        let open = |at: Timestamp| hours.contain(zone.to_datetime(at).time());
        // Every edge is on a whole second, so step by the second.
        let earliest = |from: Timestamp, wanted: bool| -> Timestamp {
            let mut at = from;
            while open(at) != wanted {
                at = at.round(jiff::TimestampRound::new().smallest(jiff::Unit::Second).mode(jiff::RoundMode::Floor))
                    .unwrap() + SignedDuration::from_secs(1);
            }
            at
        };
        let opens = openings.opens_at(now);
        // There may be two days of seconds: check the last two minutes by the second, the rest by the minute.
        let mut minute = now;
        while minute < opens {
            prop_assert!(!open(minute), "open at {minute}, before {opens}");
            minute += SignedDuration::from_secs(60);
        }
        let close = (opens - SignedDuration::from_secs(120)).max(now);
        prop_assert_eq!(earliest(close, true), opens);

        let closes = openings.closes_at(now);
        prop_assert!(closes > opens);
        let mut minute = opens;
        while minute < closes {
            prop_assert!(open(minute), "closed at {minute}, before {closes}");
            minute += SignedDuration::from_secs(60);
        }
        let close = (closes - SignedDuration::from_secs(120)).max(opens);
        prop_assert_eq!(earliest(close, false), closes);
    }

    #[test]
    fn no_moment_is_too_early_or_too_late(
        name in proptest::sample::select(&ZONES[..]),
        second in Timestamp::MIN.as_second()..=Timestamp::MAX.as_second(),
        end in proptest::sample::select(vec![None, Some(Timestamp::MIN), Some(Timestamp::MAX)]),
        hours in any_hours(),
    ) {
        let now = end.unwrap_or(Timestamp::from_second(second).unwrap());
        let openings = Openings::new(Some(hours), zone(name), Duration::ZERO).unwrap();
        let (opens, until) = openings.next(now);
        prop_assert!(now <= opens && opens <= until);
        prop_assert!(opens == Timestamp::MAX || hours.contain(openings.zone().to_datetime(opens).time()));
    }
}
