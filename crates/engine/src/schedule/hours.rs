//! Hours in the notation `22:00-06:00`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

const MINUTES_A_DAY: u16 = 24 * 60;

/// The part of each day in which a batch may post, by local time: from the first minute (inclusive) to the
/// last (exclusive). May cross midnight. Neither empty nor the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    /// Minutes since midnight, each below those of a day. The two differ.
    from: u16,
    until: u16,
}

/// The text is not hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hours {text:?} {why}; write them like 22:00-06:00")]
pub struct HoursError {
    text: String,
    why: &'static str,
}

impl Hours {
    /// Whether the local time `time` lies within the hours.
    pub fn contain(self, time: Time) -> bool {
        let minute = minute(time);
        if self.goes_across_midnight() {
            minute >= self.from || minute < self.until
        } else {
            (self.from..self.until).contains(&minute)
        }
    }

    /// Their length on a day without a clock change.
    pub fn length(self) -> Duration {
        let minutes = (self.until + MINUTES_A_DAY - self.from) % MINUTES_A_DAY;
        Duration::from_secs(u64::from(minutes) * 60)
    }

    /// Whether they begin at 05:00 or later and end on the same day; forecasts count days or nights
    /// accordingly.
    pub fn are_by_day(self) -> bool {
        const DAWN: u16 = 5 * 60;
        !self.goes_across_midnight() && self.from >= DAWN
    }

    /// Whether `time` belongs to hours that began on the previous day.
    pub(super) fn began_the_day_before(self, time: Time) -> bool {
        self.goes_across_midnight() && minute(time) < self.until
    }

    /// The time of day at which they begin (`begin`) or end.
    pub(super) fn edge(self, begin: bool) -> Duration {
        Duration::from_secs(u64::from(if begin { self.from } else { self.until }) * 60)
    }

    fn goes_across_midnight(self) -> bool {
        self.from > self.until
    }
}

fn minute(time: Time) -> u16 {
    let part = |part: i8| u16::try_from(part).expect("hours and minutes are not negative");
    part(time.hour()) * 60 + part(time.minute())
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, until } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl FromStr for Hours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let err = |why| HoursError { text: text.to_owned(), why };
        let (from, until) = text.split_once('-').ok_or_else(|| err("have no hyphen"))?;
        let from = time_of_day(from).ok_or_else(|| err("do not begin with a time of day"))?;
        let until = time_of_day(until).ok_or_else(|| err("do not end with a time of day"))?;
        let (from, until) = (from % MINUTES_A_DAY, until % MINUTES_A_DAY);
        if from == until {
            return Err(err("are the whole day or empty (for the whole day, leave them out)"));
        }
        Ok(Self { from, until })
    }
}

/// Minutes since midnight, including `24:00`.
fn time_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour, 2) || !digits(minute, 2) || minute.len() != 2 {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= MINUTES_A_DAY).then_some(all)
}

impl TryFrom<String> for Hours {
    type Error = HoursError;

    fn try_from(text: String) -> Result<Self, HoursError> {
        text.parse()
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> String {
        hours.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Hours {
        text.parse().unwrap()
    }

    #[test]
    fn hours_read_back_as_they_were_written() {
        for text in ["22:00-06:00", "09:30-17:45", "00:00-06:00", "23:59-00:00", "00:00-23:59"] {
            assert_eq!(hours(text).to_string(), text);
            let json = serde_json::to_string(&hours(text)).unwrap();
            assert_eq!(serde_json::from_str::<Hours>(&json).unwrap(), hours(text));
        }
        assert_eq!(hours("6:00 - 24:00"), hours("06:00-00:00"));
    }

    #[test]
    fn what_says_no_hours_says_why() {
        let wrong = [
            "",
            "22:00",
            "22-06",
            "22:00-",
            "-06:00",
            "25:00-06:00",
            "22:60-06:00",
            "24:01-06:00",
            "22:0-06:00",
            "+9:00-17:00",
            "022:00-06:00",
            "22:00-06:00-07:00",
            "22:00-22:00",
            "00:00-24:00",
            "٢٢:00-06:00",
        ];
        for text in wrong {
            let error = text.parse::<Hours>().unwrap_err().to_string();
            assert!(error.contains("write them like 22:00-06:00"), "{text}: {error}");
        }
    }

    #[test]
    fn they_hold_their_first_minute_and_not_their_last() {
        let contain = |text: &str, times: [(i8, i8); 4]| {
            times.map(|(hour, minute)| hours(text).contain(Time::constant(hour, minute, 59, 999_999_999)))
        };
        assert_eq!(contain("22:00-06:00", [(21, 59), (22, 0), (5, 59), (6, 0)]), [false, true, true, false]);
        assert_eq!(contain("09:00-17:00", [(8, 59), (9, 0), (16, 59), (17, 0)]), [false, true, true, false]);
        assert_eq!(contain("20:00-24:00", [(19, 59), (20, 0), (23, 59), (0, 0)]), [false, true, true, false]);
    }

    #[test]
    fn their_length_goes_across_midnight() {
        let lengths = ["22:00-06:00", "09:00-17:30", "00:01-00:00"].map(|text| hours(text).length().as_secs() / 60);
        assert_eq!(lengths, [480, 510, 1439]);
    }
}
