//! The spans of time in which a batch may post.
//!
//! An instant is open exactly when the clock on the wall then stands within the hours, whatever was done to that clock
//! before. So nothing is ever sent outside the stated hours, and it follows what happens when clocks change:
//!
//! - Hours that begin in a gap (02:30, where 02:00 becomes 03:00) begin when the gap ends, at 03:00; hours that end in
//!   one end there too. Hours that lie wholly in a gap do not come that day.
//! - Hours that begin or end in the repeated hour come in two pieces: from 02:30 until the clock goes back to 02:00, and
//!   again from 02:30; until 02:30, and again from when the clock goes back to 02:00.
//!
//! An attempt that is under way may be counted at any moment until its time-out. So the last one starts a time-out
//! before the hours end, and when they end nothing is in flight. With 30 seconds and a night of eight hours that costs a
//! thousandth of it; the alternative is requests in hours of which the operator said that there are to be none.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::hours::Hours;

/// When a batch may post: always, or during certain hours in a time zone.
#[derive(Debug, Clone)]
pub struct Openings {
    hours: Option<Hours>,
    zone: TimeZone,
    /// How long an attempt may be under way.
    timeout: Duration,
}

/// No attempt fits into the hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "between {hours} nothing would ever be sent: the last attempt starts a time-out ({}) before the hours end; use longer hours or a shorter time-out",
    humantime::format_duration(*.timeout)
)]
pub struct TooShort {
    hours: Hours,
    timeout: Duration,
}

/// One day holds every time of day; no clock was ever moved by more in one step.
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Openings {
    /// No hours: posting is never closed.
    pub fn always() -> Self {
        Self { hours: None, zone: TimeZone::UTC, timeout: Duration::ZERO }
    }

    /// Openings during `hours` (always, where there are none) by the clocks of `zone`, for attempts that may be under
    /// way for as long as `timeout`.
    ///
    /// # Errors
    ///
    /// When the hours are no longer than the time-out.
    pub fn new(hours: Option<Hours>, zone: TimeZone, timeout: Duration) -> Result<Self, TooShort> {
        match hours {
            Some(hours) if hours.length() <= timeout => Err(TooShort { hours, timeout }),
            _ => Ok(Self { hours, zone, timeout }),
        }
    }

    /// The hours, where posting is bound to any.
    pub fn hours(&self) -> Option<Hours> {
        self.hours
    }

    /// The zone whose clocks count.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The earliest moment from `now` on that lies within the hours: `now` itself, if it does.
    pub fn opens_at(&self, now: Timestamp) -> Timestamp {
        self.hours.map_or(now, |hours| self.first(hours, now, true))
    }

    /// The moment at which the opening ends that `now` lies in, or else the next one. Where there are no hours, the end
    /// of time.
    pub fn closes_at(&self, now: Timestamp) -> Timestamp {
        self.hours.map_or(Timestamp::MAX, |hours| self.first(hours, self.first(hours, now, true), false))
    }

    /// The earliest moment from `now` on at which an attempt may start, and the moment from which on none may, until
    /// the next opening.
    pub fn next(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let mut from = now;
        loop {
            let (opens, closes) = (self.opens_at(from), self.closes_at(from));
            let until = if self.hours.is_some() { before(closes, self.timeout) } else { closes };
            // Changed clocks may have left less than a time-out of an opening.
            if opens < until || closes == Timestamp::MAX {
                return (opens, until.max(opens));
            }
            from = closes;
        }
    }

    /// The day that an opening at this moment belongs to: a night has the date of its evening.
    pub(super) fn day(&self, at: Timestamp) -> Date {
        let local = self.zone.to_datetime(at);
        let before = self.hours.is_some_and(|hours| hours.began_the_day_before(local.time()));
        if before { local.date().yesterday().unwrap_or(local.date()) } else { local.date() }
    }

    /// The earliest moment from `from` on that lies within the hours, or outside of them.
    ///
    /// Between two changes of the clocks, these run evenly: the moment is reached by waiting for the time of day, or
    /// with the next change.
    fn first(&self, hours: Hours, from: Timestamp, within: bool) -> Timestamp {
        let mut at = from;
        loop {
            let time = self.zone.to_datetime(at).time();
            if hours.contain(time) == within {
                return at;
            }
            let edge = SignedDuration::try_from(hours.edge(within)).expect("a time of day is no long time");
            let passed = time.duration_since(jiff::civil::Time::midnight());
            let wait = if edge > passed { edge - passed } else { edge - passed + DAY };
            let by_waiting = at.checked_add(wait).unwrap_or(Timestamp::MAX);
            let change = self.zone.following(at).next().map_or(Timestamp::MAX, |change| change.timestamp());
            // At the very moment of a change the clock shows what it shows after it.
            if by_waiting < change || at == Timestamp::MAX {
                return by_waiting;
            }
            at = change;
        }
    }
}

/// A moment earlier by `span`, or the beginning of time.
fn before(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_sub(span).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
