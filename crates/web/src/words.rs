//! Numbers and times as people read them. The command line uses the same functions.

use std::time::Duration;

use batchpost::ledger::Proof;

/// Formats a number in groups of three digits.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count and its noun.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// Formats a duration to two or three digits.
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let whole = seconds.round() as u64;
    match whole {
        _ if duration.is_zero() => "0 s".to_owned(),
        _ if seconds < 0.001 => format!("{} µs", duration.as_micros()),
        _ if seconds < 0.01 => format!("{} ms", rounded(seconds * 1000.0, 1)),
        _ if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        _ if seconds < 9.95 => format!("{} s", rounded(seconds, 1)),
        ..60 => format!("{whole} s"),
        60..3600 => parts(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => parts(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => parts(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

fn parts(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 { format!("{large} {large_unit}") } else { format!("{large} {large_unit} {small} {small_unit}") }
}

/// Formats a number with at most `decimals` decimals, without trailing zeros.
pub fn rounded(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Describes what a ledger proves about a limit.
pub fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Held => "held",
        Proof::Open => "not proven",
        Proof::Exceeded => "may have been exceeded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(thousands), ["0", "12", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn spans_have_a_unit_that_fits() {
        let of = |us| span(Duration::from_micros(us));
        assert_eq!([0, 700, 1_500, 23_400].map(of), ["0 s", "700 µs", "1.5 ms", "23 ms"]);
        assert_eq!([999_700, 1_000_000, 4_260_000, 59_400_000].map(of), ["1 s", "1 s", "4.3 s", "59 s"]);
        assert_eq!([60_000_000, 200_000_000, 3_600_000_000].map(of), ["1 min", "3 min 20 s", "1 h"]);
        assert_eq!([59_700_000, 90_061_000_000].map(of), ["1 min", "1 d 1 h"]);
    }

    #[test]
    fn zeros_at_the_end_are_left_out() {
        assert_eq!([4.0, 4.26, 0.5, 100.0].map(|number| rounded(number, 1)), ["4", "4.3", "0.5", "100"]);
    }
}
