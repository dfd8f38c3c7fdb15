//! Filters in addition to those of minijinja.
//!
//! | filter | result |
//! |---|---|
//! | `date(format="%Y-%m-%d", from=none)` | reformats an ISO 8601 date (time and offset optional), or one like `from` |
//! | `excel_date(format=none, system=1900)` | the date of a serial number: `45992.5` is `2025-12-01 12:00` |
//! | `html_to_text` | the text of a piece of HTML: see [`html`] |
//!
//! Formats are those of strftime. The order of day and month is never guessed.

use std::borrow::Cow;

use jiff::civil::{DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::TimeZone;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind};

use super::html;
use batchpost_engine::excerpt;
use batchpost_sheets::excel_date::{Day, Epoch};

pub(super) fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("date", date);
    environment.add_filter("excel_date", excel_date);
    environment.add_filter("html_to_text", |text: Cow<'_, str>| html::to_text(&text));
}

/// Creates the error that `value` is invalid. `why` follows the value in the message.
fn bad(filter: &str, value: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{filter}: {:?} {why}", excerpt(value, 60)))
}

#[expect(clippy::needless_pass_by_value, reason = "minijinja hands a filter its arguments so")]
fn date(text: Cow<'_, str>, format: Option<Cow<'_, str>>, options: Kwargs) -> Result<String, Error> {
    let format = one_of(format, &options)?;
    let from: Option<String> = options.get("from")?;
    options.assert_all_used()?;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(bad("date", &text, "is not a date; if the cell may be empty, test it with {% if ... %} first"));
    }
    let moment = match &from {
        Some(from) => parse(trimmed, from)?,
        None => iso(trimmed).ok_or_else(|| not_iso(trimmed))?,
    };
    let format = format.as_deref().unwrap_or("%Y-%m-%d");
    written("date", &text, &moment, format)
}

/// Returns a format given by position or by name.
fn one_of(format: Option<Cow<'_, str>>, options: &Kwargs) -> Result<Option<String>, Error> {
    match format {
        Some(format) => Ok(Some(format.into_owned())),
        None => options.get("format"),
    }
}

fn written(filter: &str, text: &str, moment: &BrokenDownTime, format: &str) -> Result<String, Error> {
    moment.to_string(format).map_err(|error| {
        let format = excerpt(format, 60);
        bad(filter, text, format_args!("cannot be written as {format:?}: {error}"))
    })
}

fn parse(text: &str, from: &str) -> Result<BrokenDownTime, Error> {
    let other = |error: jiff::Error| {
        let why = excerpt(&error.to_string(), 150);
        bad("date", text, format_args!("does not match from={:?}: {why}", excerpt(from, 60)))
    };
    let parsed = BrokenDownTime::parse(from, text).map_err(other)?;
    // Rebuilt from the parsed value, so that weekday and similar fields can be formatted too.
    if parsed.offset().is_some() {
        return parsed.to_zoned_datetime().map(|zoned| BrokenDownTime::from(&zoned)).map_err(other);
    }
    let date = parsed.to_date().map_err(other)?;
    let time = match parsed.hour() {
        Some(_) => parsed.to_time().map_err(other)?,
        None => Time::midnight(),
    };
    Ok(date.to_datetime(time).into())
}

/// Parses a date with or without time and offset. Without an offset, none is assumed.
fn iso(text: &str) -> Option<BrokenDownTime> {
    // ISO 8601 allows 20251201, but such a text may be any number.
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let pieces = Pieces::parse(text).ok()?;
    let moment = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
    match pieces.to_numeric_offset() {
        None => Some(moment.into()),
        Some(offset) => Some((&moment.to_zoned_datetime(TimeZone::fixed(offset)).ok()?).into()),
    }
}

fn not_iso(text: &str) -> Error {
    let day = text.split(|c: char| c == 'T' || c.is_whitespace()).next().unwrap_or_default();
    let parts: Vec<&str> = day.split(['.', '/', '-']).collect();
    let numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let why = match parts[..] {
        [first, second, _] if numbers && first.len() <= 2 && second.len() <= 2 => {
            r#"may begin with the day or the month; give the format, as in from="%d.%m.%Y" or from="%m/%d/%Y""#
        }
        [_] | [_, _] if numbers => "is a number; for the serial number of a spreadsheet, use the filter excel_date",
        _ => r#"is not a date like 2025-12-01 09:30; give its format, as in from="%d %b %Y""#,
    };
    bad("date", text, why)
}

#[expect(clippy::needless_pass_by_value, reason = "minijinja hands a filter its arguments so")]
fn excel_date(value: Cow<'_, str>, format: Option<Cow<'_, str>>, options: Kwargs) -> Result<String, Error> {
    let format = one_of(format, &options)?;
    let system: Option<u32> = options.get("system")?;
    options.assert_all_used()?;
    let epoch = match system {
        None | Some(1900) => Epoch::Year1900,
        Some(1904) => Epoch::Year1904,
        Some(other) => return Err(bad("excel_date", &other.to_string(), "is not a date system; use 1900 or 1904")),
    };
    let moment = serial(value.trim(), epoch)
        .ok_or_else(|| bad("excel_date", &value, "is not the serial number of a date, like 45992.5"))?;
    let format = format.as_deref().unwrap_or(match moment {
        moment if moment.time() == Time::midnight() => "%Y-%m-%d",
        moment if moment.second() == 0 => "%Y-%m-%d %H:%M",
        _ => "%Y-%m-%d %H:%M:%S",
    });
    written("excel_date", &value, &moment.into(), format)
}

/// Converts a serial number; `None` if it is not a date, including Excel's 29 February 1900.
fn serial(text: &str, epoch: Epoch) -> Option<DateTime> {
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let moment = epoch.moment(text.parse().ok()?)?;
    match moment.day {
        Day::Date(date) => Some(date.to_datetime(moment.time()?)),
        Day::None | Day::LeapDay1900 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of `{{ "value" | filter }}`.
    fn filtered(value: &str, filter: &str) -> String {
        let mut environment = Environment::new();
        add_to(&mut environment);
        let template = format!("{{{{ value | {filter} }}}}");
        match environment.render_str(&template, minijinja::context! { value }) {
            Ok(text) => text,
            Err(error) => error.detail().unwrap().to_owned(),
        }
    }

    #[test]
    fn iso_dates_are_written_anew() {
        for (value, filter, wanted) in [
            ("2025-12-01", "date", "2025-12-01"),
            ("2025-12-01T09:30", "date", "2025-12-01"),
            (" 2025-12-01 09:30:59.123 ", "date('%d.%m.%Y %H:%M')", "01.12.2025 09:30"),
            ("2025-12-01T23:30:00Z", "date('%a %-d %b %Y %H:%M %z')", "Mon 1 Dec 2025 23:30 +0000"),
            ("2025-12-01T23:30:00+05:30", "date(format='%H:%M %:z')", "23:30 +05:30"),
            ("2025-12-01", "date('%H:%M')", "00:00"),
            ("2024-02-29", "date('%A')", "Thursday"),
        ] {
            assert_eq!(filtered(value, filter), wanted, "{value} | {filter}");
        }
    }

    #[test]
    fn other_dates_are_read_as_from_says() {
        for (value, filter, wanted) in [
            ("31.12.2025", "date(from='%d.%m.%Y')", "2025-12-31"),
            ("31.12.2025 9:05", "date('%Y-%m-%d %H:%M', from='%d.%m.%Y %H:%M')", "2025-12-31 09:05"),
            ("12/31/25 9:05 PM", "date('%a %H:%M', from='%m/%d/%y %I:%M %p')", "Wed 21:05"),
            ("1 Dec 2025 +0530", "date('%d %z', from='%d %b %Y %z')", "01 +0530"),
            ("2025-12-01 10:00 +0530", "date('%H %z', from='%Y-%m-%d %H:%M %z')", "10 +0530"),
        ] {
            assert_eq!(filtered(value, filter), wanted, "{value} | {filter}");
        }
    }

    #[test]
    fn what_is_no_date_or_may_be_two_is_named_with_what_to_do() {
        for (value, filter, wanted) in [
            ("", "date", r#"date: "" is not a date; if the cell may be empty, test it with {% if ... %} first"#),
            ("01/12/2025", "date", r#"date: "01/12/2025" may begin with the day or the month; give the format"#),
            ("31.12.2025 10:00", "date", r#"date: "31.12.2025 10:00" may begin with the day"#),
            ("yesterday", "date", r#"date: "yesterday" is not a date like 2025-12-01 09:30; give its format"#),
            ("45992.5", "date", r#"date: "45992.5" is a number; for the serial number"#),
            ("20251201", "date", r#"date: "20251201" is a number"#),
            ("2025-02-30", "date", r#"date: "2025-02-30" is not a date"#),
            ("32.12.2025", "date(from='%d.%m.%Y')", r#"date: "32.12.2025" does not match from="%d.%m.%Y""#),
            ("31.12.2025 x", "date(from='%d.%m.%Y')", r#"date: "31.12.2025 x" does not match"#),
            ("2025-12-01", "date('%z')", r#"date: "2025-12-01" cannot be written as "%z""#),
            ("2025-12-01", "date('%')", r#"date: "2025-12-01" cannot be written as "%""#),
            ("2025-12-01", "date(fmt='%Y')", "unknown keyword argument 'fmt'"),
            ("x", "excel_date", r#"excel_date: "x" is not the serial number of a date"#),
            ("1", "excel_date(system=1905)", r#"excel_date: "1905" is not a date system"#),
        ] {
            let found = filtered(value, filter);
            assert!(found.starts_with(wanted), "{value} | {filter}: {found}");
        }
        assert!(filtered(&"x".repeat(5000), "date").len() < 200);
    }

    #[test]
    fn serial_numbers_are_dates_and_times() {
        for (value, filter, wanted) in [
            ("45992.5", "excel_date", "2025-12-01 12:00"),
            ("45992", "excel_date", "2025-12-01"),
            ("45992.0", "excel_date", "2025-12-01"),
            ("45992.999999", "excel_date", "2025-12-02"),
            ("45992.50001", "excel_date", "2025-12-01 12:00:01"),
            ("1", "excel_date", "1900-01-01"),
            ("59", "excel_date", "1900-02-28"),
            ("61", "excel_date", "1900-03-01"),
            ("2958465", "excel_date", "9999-12-31"),
            ("0", "excel_date(system=1904)", "1904-01-01"),
            ("44530.5", "excel_date('%d %b %Y', system=1904)", "01 Dec 2025"),
            ("45992.5", "excel_date | date('%d.%m.%y %H:%M')", "01.12.25 12:00"),
        ] {
            assert_eq!(filtered(value, filter), wanted, "{value} | {filter}");
        }
        for value in ["", "0", "0.5", "60", "60.5", "-1", "1e3", "45,992", "NaN", "inf", ".", "1.2.3", "2958466"] {
            assert!(filtered(value, "excel_date").contains("is not the serial number"), "{value}");
        }
        assert!(filtered("2958465.999999", "excel_date").contains("is not the serial number"));
    }
}
