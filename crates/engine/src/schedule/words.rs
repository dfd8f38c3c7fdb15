//! A forecast in words, for people.

use jiff::{Timestamp, Unit};

use super::forecast::Forecast;
use super::openings::Openings;

impl Forecast {
    /// `about 03:40`, `about 03:40 tomorrow`, or `about Wed 25 Nov 03:40, in 3 nights`, by the clocks of the
    /// openings' zone.
    pub fn in_words(&self, openings: &Openings, now: Timestamp) -> String {
        let zone = openings.zone();
        // Round up to the minute, so that the stated time is never too early.
        let minute = jiff::TimestampRound::new().smallest(Unit::Minute).mode(jiff::RoundMode::Ceil);
        let done_at = self.done_at.round(minute).unwrap_or(self.done_at);
        let (done, now) = (done_at.to_zoned_datetime(zone.clone()), now.to_zoned_datetime(zone.clone()));
        let when = if done.date() == now.date() {
            done.strftime("%H:%M")
        } else if done.date().yesterday().is_ok_and(|before| before == now.date()) {
            done.strftime("%H:%M tomorrow")
        } else if done.year() == now.year() {
            done.strftime("%a %-d %b %H:%M")
        } else {
            done.strftime("%a %-d %b %Y %H:%M")
        };
        let by_day = openings.hours().is_some_and(super::Hours::are_by_day);
        match (openings.hours(), self.days) {
            (None, _) | (_, 0 | 1) => format!("about {when}"),
            (_, days) => format!("about {when}, in {days} {}", if by_day { "days" } else { "nights" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZone;

    use super::*;

    fn say(hours: Option<&str>, done_at: &str, days: u32) -> String {
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        let hours = hours.map(|hours| hours.parse().unwrap());
        let openings = Openings::new(hours, zone, Duration::from_secs(30)).unwrap();
        let forecast = Forecast { done_at: done_at.parse().unwrap(), days };
        forecast.in_words(&openings, "2026-11-22T18:00:00+05:30".parse().unwrap())
    }

    #[test]
    fn today_and_tomorrow_are_a_time_and_later_days_have_their_date() {
        assert_eq!(say(None, "2026-11-22T23:59:00+05:30", 1), "about 23:59");
        assert_eq!(say(None, "2026-11-22T23:59:00.000001+05:30", 1), "about 00:00 tomorrow");
        assert_eq!(say(None, "2026-11-23T23:58:59+05:30", 2), "about 23:59 tomorrow");
        assert_eq!(say(None, "2026-11-25T03:40:00+05:30", 3), "about Wed 25 Nov 03:40");
        assert_eq!(say(None, "2027-01-01T00:00:00+05:30", 40), "about Fri 1 Jan 2027 00:00");
    }

    #[test]
    fn several_openings_are_nights_or_days() {
        let done_at = "2026-11-25T03:40:00+05:30";
        assert_eq!(say(Some("22:00-06:00"), done_at, 3), "about Wed 25 Nov 03:40, in 3 nights");
        assert_eq!(say(Some("09:00-17:00"), done_at, 3), "about Wed 25 Nov 03:40, in 3 days");
        assert_eq!(say(Some("00:00-05:00"), done_at, 3), "about Wed 25 Nov 03:40, in 3 nights");
        assert_eq!(say(Some("22:00-06:00"), done_at, 1), "about Wed 25 Nov 03:40");
    }
}
