//! `Retry-After` values, on three lines: the header's text, the reply's `Date`, and the wall clock in
//! seconds.

use std::time::Duration;

use batchpost::transport::retry_after;
use jiff::Timestamp;

const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A wait is positive and at most a year, and a plain number of seconds is used as it is.
pub(crate) fn check(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let mut lines = input.splitn(3, '\n');
    let text = lines.next().unwrap_or_default();
    let date = lines.next().filter(|date| !date.is_empty());
    let wall = lines.next().and_then(|seconds| Timestamp::from_second(seconds.trim().parse().ok()?).ok());
    let wall = wall.unwrap_or(Timestamp::UNIX_EPOCH);

    let asked = retry_after(text, date, wall);
    if let Some(asked) = asked {
        assert!(!asked.is_zero() && asked <= LONGEST, "{text:?}: {asked:?}");
    }
    assert_eq!(retry_after(&format!(" {text}\t"), date, wall), asked, "blanks around {text:?} mean nothing");
    if let Ok(seconds) = text.parse::<u32>()
        && text.starts_with(|c: char| c.is_ascii_digit())
    {
        let wanted = Duration::from_secs(seconds.into()).min(LONGEST);
        assert_eq!(asked, (seconds > 0).then_some(wanted), "{text:?}");
    }
}
