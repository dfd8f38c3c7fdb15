//! Limits in the notation `25/5s`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// At most `count` requests in any `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Limit {
    count: NonZeroU32,
    window: Duration,
}

/// The text is not a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("limit {text:?} {why}; write it like 25/5s, 120/1m or 10000/1d")]
pub struct LimitError {
    text: String,
    why: &'static str,
}

impl Limit {
    /// The longest window: 366 days.
    pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// A limit of `count` in `window`. `None` if the window is zero or longer than [`Limit::LONGEST`].
    pub fn new(count: NonZeroU32, window: Duration) -> Option<Self> {
        (!window.is_zero() && window <= Self::LONGEST).then_some(Self { count, window })
    }

    /// The number of requests that fit into one window.
    pub fn count(self) -> u32 {
        self.count.get()
    }

    /// The window's length.
    pub fn window(self) -> Duration {
        self.window
    }

    /// This limit minus `reserved` requests for other clients. `None` if nothing is left.
    pub fn less(self, reserved: u32) -> Option<Self> {
        let count = NonZeroU32::new(self.count.get().saturating_sub(reserved))?;
        Some(Self { count, ..self })
    }

    /// Adds this limit to `limits`, which apply together. Returns whether that changed anything: true if this
    /// limit is smaller than the one with the same window, or if no limit has its window and the others allow
    /// more.
    pub fn tighten(self, limits: &mut Vec<Self>) -> bool {
        let is_implied = limits.iter().any(|limit| limit.implies(self));
        match limits.iter_mut().find(|limit| limit.window == self.window) {
            Some(limit) if limit.count > self.count => *limit = self,
            None if !is_implied => limits.push(self),
            _ => return false,
        }
        true
    }

    /// Whether keeping this limit also keeps `other`: `other` allows all requests of as many windows of this
    /// limit as span `other`'s window.
    fn implies(self, other: Self) -> bool {
        let windows = other.window.as_nanos().div_ceil(self.window.as_nanos());
        u128::from(self.count.get()) * windows <= u128::from(other.count.get())
    }

    /// The time added to the window before a slot is freed: one thousandth of the window, at least 1 ms. It
    /// covers windows that include both ends, and a server's clock that runs slightly faster than ours.
    pub fn margin(self) -> Duration {
        margin(self.window)
    }
}

/// The margin of windows of this length.
pub(crate) fn margin(window: Duration) -> Duration {
    (window / 1000).max(Duration::from_millis(1))
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = humantime::format_duration(self.window).to_string().replace("day", "d");
        write!(f, "{}/{}", self.count, window.replace("ds", "d").replace(' ', ""))
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let err = |why| LimitError { text: text.to_owned(), why };
        let (count, window) = text.split_once('/').ok_or_else(|| err("has no slash"))?;
        let count = count.trim().parse().map_err(|_| err("does not begin with a positive whole number"))?;
        let window = humantime::parse_duration(window.trim()).map_err(|_| err("does not end with a duration"))?;
        Self::new(count, window).ok_or_else(|| err("has a window of zero or of more than 366 days"))
    }
}

impl TryFrom<String> for Limit {
    type Error = LimitError;

    fn try_from(text: String) -> Result<Self, LimitError> {
        text.parse()
    }
}

impl From<Limit> for String {
    fn from(limit: Limit) -> String {
        limit.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_back_as_they_were_written() {
        for text in ["25/5s", "120/1m", "10000/1d", "7/1h30m", "3/250ms", "1/2d"] {
            let limit: Limit = text.parse().unwrap();
            assert_eq!(limit.to_string(), text);
            assert_eq!(limit.to_string().parse(), Ok(limit));
        }
        assert_eq!("25/5s".parse(), Ok(Limit::new(NonZeroU32::new(25).unwrap(), Duration::from_secs(5)).unwrap()));
    }

    #[test]
    fn limits_only_ever_tighten() {
        let of = |texts: &[&str]| -> Vec<Limit> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        for (named, changes, then) in [
            ("10/5s", true, &["10/5s", "1000/1d"][..]),
            ("25/5s", false, &["25/5s", "1000/1d"]),
            ("26/5s", false, &["25/5s", "1000/1d"]),
            ("60/1m", true, &["25/5s", "1000/1d", "60/1m"]),
            ("299/1m", true, &["25/5s", "1000/1d", "299/1m"]),
            ("300/1m", false, &["25/5s", "1000/1d"]),
            ("49/6s", true, &["25/5s", "1000/1d", "49/6s"]),
            ("50/6s", false, &["25/5s", "1000/1d"]),
            ("24/1s", true, &["25/5s", "1000/1d", "24/1s"]),
            ("25/1s", false, &["25/5s", "1000/1d"]),
        ] {
            let mut limits = of(&["25/5s", "1000/1d"]);
            assert_eq!((named.parse::<Limit>().unwrap().tighten(&mut limits), limits), (changes, of(then)), "{named}");
        }
    }

    #[test]
    fn the_margin_is_a_thousandth_and_at_least_a_millisecond() {
        let margin = |text: &str| text.parse::<Limit>().unwrap().margin().as_micros();
        assert_eq!(["25/5s", "3/250ms", "1000/1d"].map(margin), [5_000, 1_000, 86_400_000]);
    }

    #[test]
    fn what_is_no_limit_says_why() {
        for text in ["25", "0/5s", "-1/5s", "25/", "25/0s", "25/5", "x/5s", "25/367d"] {
            assert!(text.parse::<Limit>().unwrap_err().to_string().contains("25/5s"), "{text}");
        }
    }
}
