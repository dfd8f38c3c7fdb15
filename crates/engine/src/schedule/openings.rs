//! The spans of time in which a batch may post.
//!
//! An instant is open exactly if the local clock then shows a time within the hours, regardless of clock
//! changes before it. So nothing is sent outside the hours. When clocks change:
//!
//! - Hours that begin in a gap (02:30, where 02:00 becomes 03:00) begin at the end of the gap, at 03:00.
//!   Hours that end in a gap end there too. Hours within a gap are skipped that day.
//! - Hours that begin or end in the repeated hour have two parts. Hours from 02:30: until the clock goes back
//!   to 02:00, and again from 02:30. Hours until 02:30: until 02:30, and again from the clock change (back to
//!   02:00) until 02:30.
//!
//! The server may count an attempt in flight at any moment until its timeout. So the last attempt starts one
//! timeout before the hours end, and nothing is in flight when they end. With a timeout of 30 seconds and a
//! night of eight hours this costs a thousandth of the hours. The alternative would be requests at times that
//! the operator excluded.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::hours::Hours;

/// When a batch may post: always, or within certain hours in a time zone.
#[derive(Debug, Clone)]
pub struct Openings {
    hours: Option<Hours>,
    zone: TimeZone,
    /// The maximum duration of an attempt.
    timeout: Duration,
}

/// The hours are too short for one attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the hours {hours} are too short for one attempt, which may take a time-out ({}); use longer hours or a shorter time-out",
    humantime::format_duration(*.timeout)
)]
pub struct TooShort {
    hours: Hours,
    timeout: Duration,
}

/// A day contains every time of day; no clock change was ever longer.
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Openings {
    /// Without hours: always open.
    pub fn always() -> Self {
        Self { hours: None, zone: TimeZone::UTC, timeout: Duration::ZERO }
    }

    /// Openings within `hours` by the clocks of `zone`, for attempts that take up to `timeout`. Without
    /// `hours`, always open.
    ///
    /// # Errors
    ///
    /// If the hours are not longer than the timeout.
    pub fn new(hours: Option<Hours>, zone: TimeZone, timeout: Duration) -> Result<Self, TooShort> {
        match hours {
            Some(hours) if hours.length() <= timeout => Err(TooShort { hours, timeout }),
            _ => Ok(Self { hours, zone, timeout }),
        }
    }

    /// The hours, if posting is limited to any.
    pub fn hours(&self) -> Option<Hours> {
        self.hours
    }

    /// The zone of the hours.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The earliest moment from `now` on that lies within the hours; `now` itself if it does.
    pub fn opens_at(&self, now: Timestamp) -> Timestamp {
        self.hours.map_or(now, |hours| self.first(hours, now, true))
    }

    /// The end of the opening that contains `now`, else the end of the next one. Without hours, the end of
    /// time.
    pub fn closes_at(&self, now: Timestamp) -> Timestamp {
        self.hours.map_or(Timestamp::MAX, |hours| self.first(hours, self.first(hours, now, true), false))
    }

    /// The earliest moment from `now` on at which an attempt may start, and the moment after which none may
    /// until the next opening.
    pub fn next(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let mut from = now;
        loop {
            let (opens, closes) = (self.opens_at(from), self.closes_at(from));
            let until = if self.hours.is_some() { before(closes, self.timeout) } else { closes };
            // After a clock change an opening may be shorter than a timeout.
            if opens < until || closes == Timestamp::MAX {
                return (opens, until.max(opens));
            }
            from = closes;
        }
    }

    /// The day of an opening at this moment: a night belongs to the date of its evening.
    pub(super) fn day(&self, at: Timestamp) -> Date {
        let local = self.zone.to_datetime(at);
        let before = self.hours.is_some_and(|hours| hours.began_the_day_before(local.time()));
        if before { local.date().yesterday().unwrap_or(local.date()) } else { local.date() }
    }

    /// The earliest moment from `from` on that is within the hours (`within`) or outside of them.
    ///
    /// Clocks run evenly between two changes, so the moment comes either at the time of day or at the next
    /// change.
    fn first(&self, hours: Hours, from: Timestamp, within: bool) -> Timestamp {
        let mut at = from;
        loop {
            let time = self.zone.to_datetime(at).time();
            if hours.contain(time) == within {
                return at;
            }
            let edge = SignedDuration::try_from(hours.edge(within)).expect("a time of day is shorter than a day");
            let passed = time.duration_since(jiff::civil::Time::midnight());
            let wait = if edge > passed { edge - passed } else { edge - passed + DAY };
            let by_waiting = at.checked_add(wait).unwrap_or(Timestamp::MAX);
            let change = self.zone.following(at).next().map_or(Timestamp::MAX, |change| change.timestamp());
            // At the moment of a change the clock already shows the time after it.
            if by_waiting < change || at == Timestamp::MAX {
                return by_waiting;
            }
            at = change;
        }
    }
}

/// The moment `span` before `at`, or the beginning of time.
fn before(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_sub(span).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
