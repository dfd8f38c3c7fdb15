//! Excel dates: days since an epoch, with the time as a fraction of a day.

use jiff::Span;
use jiff::civil::{Date, Time, date};

/// Seconds in a day.
pub const DAY_SECONDS: i64 = 24 * 60 * 60;
/// The number of days in the 1900 date system, of which 31 December 9999 is the last.
const DAYS: f64 = 2_958_466.0;

/// The day from which a workbook counts its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    /// The 1900 date system: day 1 is 1 January 1900, and day 60 is 29 February 1900, which did not exist.
    Year1900,
    /// The 1904 date system: day 0 is 1 January 1904.
    Year1904,
}

/// A calendar day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// A day that exists.
    Date(Date),
    /// Day 0 of the 1900 date system: a time without a date.
    None,
    /// 29 February 1900, which exists only in Excel.
    LeapDay1900,
}

/// A date and time, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The day.
    pub day: Day,
    second: i64,
}

impl Epoch {
    /// Returns the epoch of a workbook, given whether it uses the 1904 date system.
    pub fn new(is_1904: bool) -> Self {
        if is_1904 { Self::Year1904 } else { Self::Year1900 }
    }

    /// Converts a number of days since the epoch; `None` if it is outside the calendar.
    pub fn moment(self, days: f64) -> Option<Moment> {
        if !(0.0..DAYS).contains(&days) {
            return None;
        }
        let seconds = (days * DAY_SECONDS as f64).round() as i64;
        let (day, second) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
        let zero = match (self, day) {
            (Self::Year1904, _) => date(1904, 1, 1),
            (Self::Year1900, 0) => return Some(Moment { day: Day::None, second }),
            (Self::Year1900, 60) => return Some(Moment { day: Day::LeapDay1900, second }),
            (Self::Year1900, 1..=59) => date(1899, 12, 31),
            (Self::Year1900, _) => date(1899, 12, 30),
        };
        let date = zero.checked_add(Span::new().try_days(day).ok()?).ok()?;
        Some(Moment { day: Day::Date(date), second })
    }
}

impl Moment {
    /// Seconds since midnight.
    pub fn second_of_day(self) -> i64 {
        self.second
    }

    /// The time of day.
    pub fn time(self) -> Option<Time> {
        Time::midnight().checked_add(Span::new().try_seconds(self.second).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar_but_for_excels_own() {
        let day = |epoch: Epoch, days| epoch.moment(days).map(|moment| (moment.day, moment.second_of_day()));
        for (days, wanted) in [
            (0.5, (Day::None, 43_200)),
            (1.0, (Day::Date(date(1900, 1, 1)), 0)),
            (59.999_999, (Day::LeapDay1900, 0)),
            (60.5, (Day::LeapDay1900, 43_200)),
            (61.0, (Day::Date(date(1900, 3, 1)), 0)),
            (2_958_465.0, (Day::Date(date(9999, 12, 31)), 0)),
        ] {
            assert_eq!(day(Epoch::Year1900, days), Some(wanted), "{days}");
        }
        assert_eq!(day(Epoch::Year1904, 60.25), Some((Day::Date(date(1904, 3, 1)), 21_600)));
        for days in [-0.1, 2_958_466.0, 2_958_465.999_999, f64::NAN, f64::INFINITY] {
            assert_eq!(day(Epoch::Year1900, days), None, "{days}");
        }
    }
}
