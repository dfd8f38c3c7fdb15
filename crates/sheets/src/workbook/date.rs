//! Renders dates, times and durations.

use std::fmt::Write;

use jiff::civil::{DateTime, Time};
use jiff::{Span, SpanRelativeTo, Unit};

use super::row::Shown;
use crate::excel_date::{DAY_SECONDS, Day, Epoch};

/// Shown for a date that the calendar does not have.
const NO_DATE: &str = "########";

/// Appends a moment given in days since the epoch. Below 1, it is a time of day.
pub(super) fn push_moment(out: &mut String, days: f64, epoch: Epoch) -> Shown {
    let Some(moment) = epoch.moment(days) else {
        out.push_str(NO_DATE);
        return Shown::Error;
    };
    match moment.day {
        // Less than one day has no date to show, in either date system.
        _ if days < 1.0 => {
            push_clock(out, moment.second_of_day());
            return Shown::Text;
        }
        Day::Date(date) => push(out, format_args!("{date}")),
        Day::LeapDay1900 => out.push_str("1900-02-29"),
        Day::None => {}
    }
    if moment.second_of_day() != 0 {
        out.push(' ');
        push_clock(out, moment.second_of_day());
    }
    Shown::Text
}

/// Appends a duration given in days.
pub(super) fn push_duration(out: &mut String, days: f64) -> Shown {
    if days.is_nan() || days.abs() > 1e9 {
        out.push_str(NO_DATE);
        return Shown::Error;
    }
    push_clock(out, (days * DAY_SECONDS as f64).round() as i64);
    Shown::Text
}

/// Appends an ISO 8601 date with or without a time. Other text is appended unchanged.
pub(super) fn push_iso_moment(out: &mut String, iso: &str) {
    let local = iso.trim().trim_end_matches('Z');
    let rounded = |moment: DateTime| moment.round(Unit::Second).ok();
    if let Some(moment) = local.parse().ok().and_then(rounded) {
        push(out, format_args!("{}", moment.date()));
        if moment.time() != Time::midnight() {
            out.push(' ');
            push_clock(out, second_of_day(moment.time()));
        }
    } else if let Ok(time) = local.trim_start_matches('T').parse::<Time>() {
        let half = i64::from(time.subsec_nanosecond() >= 500_000_000);
        push_clock(out, (second_of_day(time) + half) % DAY_SECONDS);
    } else {
        out.push_str(iso);
    }
}

/// Appends an ISO 8601 duration, which may also be a time of day.
pub(super) fn push_iso_duration(out: &mut String, iso: &str) {
    let seconds = iso
        .trim()
        .parse::<Span>()
        .ok()
        .and_then(|span| span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).ok());
    match seconds.map(|seconds| seconds.round() as i64) {
        Some(seconds) => push_clock(out, seconds),
        None => out.push_str(iso),
    }
}

fn second_of_day(time: Time) -> i64 {
    i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second())
}

/// A time of day and a duration look alike, because ODS does not distinguish them.
fn push_clock(out: &mut String, seconds: i64) {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    push(out, format_args!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60));
    if !seconds.is_multiple_of(60) {
        push(out, format_args!(":{:02}", seconds % 60));
    }
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a String takes what it is given");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn days_become_dates_and_times_in_both_systems() {
        for (days, epoch, wanted) in [
            (0.0, Epoch::Year1900, "00:00"),
            (0.586_805_555_555_556, Epoch::Year1900, "14:05"),
            (0.586_863_425_925_926, Epoch::Year1900, "14:05:05"),
            (1.0, Epoch::Year1900, "1900-01-01"),
            (59.0, Epoch::Year1900, "1900-02-28"),
            (60.0, Epoch::Year1900, "1900-02-29"),
            (60.5, Epoch::Year1900, "1900-02-29 12:00"),
            (61.0, Epoch::Year1900, "1900-03-01"),
            (46_082.0, Epoch::Year1900, "2026-03-01"),
            (46_082.586_805_555_56, Epoch::Year1900, "2026-03-01 14:05"),
            (46_082.586_808, Epoch::Year1900, "2026-03-01 14:05"),
            (46_082.999_999, Epoch::Year1900, "2026-03-02"),
            (46_081.999_999_999, Epoch::Year1900, "2026-03-01"),
            (2_958_465.0, Epoch::Year1900, "9999-12-31"),
            (2_958_466.0, Epoch::Year1900, NO_DATE),
            (-1.0, Epoch::Year1900, NO_DATE),
            (f64::NAN, Epoch::Year1900, NO_DATE),
            (44_620.0, Epoch::Year1904, "2026-03-01"),
            (60.0, Epoch::Year1904, "1904-03-01"),
        ] {
            assert_eq!(text(|out| _ = push_moment(out, days, epoch)), wanted, "{days}");
        }
    }

    #[test]
    fn durations_are_hours_and_minutes_and_seconds_if_there_are_any() {
        for (days, wanted) in [
            (1.520_833_333_333_333, "36:30"),
            (1.520_844_907_407_407, "36:30:01"),
            (0.0, "00:00"),
            (0.5, "12:00"),
            (0.500_057_870_370_370, "12:00:05"),
            (-0.25, "-06:00"),
            (1e300, NO_DATE),
        ] {
            assert_eq!(text(|out| _ = push_duration(out, days)), wanted);
        }
    }

    #[test]
    fn iso_texts_are_shown_alike() {
        for (iso, wanted) in [
            ("2026-03-01", "2026-03-01"),
            ("2026-03-01T14:05:00", "2026-03-01 14:05"),
            ("2026-03-01T14:05:00.4Z", "2026-03-01 14:05"),
            ("2026-03-01T23:59:59.6", "2026-03-02"),
            ("14:05:07", "14:05:07"),
            ("soon", "soon"),
        ] {
            assert_eq!(text(|out| push_iso_moment(out, iso)), wanted);
        }
        for (iso, wanted) in [
            ("PT14H05M00S", "14:05"),
            ("PT14H05M00.600000000S", "14:05:01"),
            ("PT12H00M00S", "12:00"),
            ("PT12H00M05S", "12:00:05"),
            ("PT36H30M00S", "36:30"),
            ("P1DT12H30M", "36:30"),
            ("-PT1H", "-01:00"),
            ("P1M", "P1M"),
        ] {
            assert_eq!(text(|out| push_iso_duration(out, iso)), wanted);
        }
    }
}
