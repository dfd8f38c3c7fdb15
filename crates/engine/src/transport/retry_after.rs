//! The `Retry-After` header, in both forms.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// Longer than any meaningful pause; keeps sums of times far from overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The wait that the header value `text` requests, at most a year.
///
/// The value is a number of seconds (some servers send fractions, against RFC 9110) or an HTTP date. A date
/// is relative to the reply's `Date` header if there is one, since the server's clock may differ from ours,
/// else to `wall`. `None` for a value that is unreadable or requests no wait (zero, a past date).
pub fn retry_after(text: &str, date: Option<&str>, wall: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let asked = if text.starts_with(|c: char| c.is_ascii_digit()) {
        let seconds: f64 = text.parse().ok()?;
        Duration::try_from_secs_f64(seconds.min(LONGEST.as_secs_f64())).ok()?
    } else {
        let until = httpdate::parse_http_date(text).ok()?;
        let from = match date.and_then(|date| httpdate::parse_http_date(date.trim()).ok()) {
            Some(date) => date,
            None => SystemTime::try_from(wall).ok()?,
        };
        until.duration_since(from).ok()?
    };
    (!asked.is_zero()).then(|| asked.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str, date: Option<&str>) -> Option<u64> {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let wall = Timestamp::from_second(784_111_777).unwrap();
        retry_after(text, date, wall).map(|asked| asked.as_millis() as u64)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(asked("5", None), Some(5_000));
        assert_eq!(asked(" 120 ", None), Some(120_000));
        assert_eq!(asked("1.5", None), Some(1_500));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT", None), Some(30_000));
        assert_eq!(asked("Sunday, 06-Nov-94 08:50:07 GMT", None), Some(30_000));
        assert_eq!(asked("Sun Nov  6 08:50:07 1994", None), Some(30_000));
    }

    #[test]
    fn a_date_is_counted_from_the_servers_own_clock() {
        let date = Some("Sun, 06 Nov 1994 08:50:00 GMT");
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT", date), Some(7_000));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT", Some("nonsense")), Some(30_000));
    }

    #[test]
    fn what_asks_for_nothing_or_cannot_be_read_is_no_instruction() {
        for text in ["0", "0.0", "", "soon", "-5", "5 minutes", "Sun, 06 Nov 1994 08:49:37 GMT", "1e", "NaN"] {
            assert_eq!(asked(text, None), None, "{text:?}");
        }
    }

    #[test]
    fn absurd_numbers_are_clamped() {
        let year = Some(LONGEST.as_millis() as u64);
        assert_eq!(asked("99999999999999999999999999", None), year);
        assert_eq!(asked("9e307", None), year);
        assert_eq!(asked("Sun, 06 Nov 9994 08:50:07 GMT", None), year);
    }
}
