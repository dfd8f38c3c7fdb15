//! Times, counts and names as people read them.

use std::time::Duration;

use batchpost::ledger::Proof;

use crate::summary::thousands;

/// A duration to two or three digits.
pub(crate) fn span(duration: Duration) -> String {
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

/// A number with at most so many decimals, and none for nothing.
pub(crate) fn rounded(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A count and what it is of.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// What a ledger proves of a limit.
pub(crate) fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Held => "held",
        Proof::Open => "not proven",
        Proof::Exceeded => "may have been exceeded",
    }
}

/// The name of a file for a shell, quoted where it must be, and never an option.
pub(crate) fn shell_word(name: &str) -> String {
    if name.starts_with('-') { quoted(&format!("./{name}")) } else { quoted(name) }
}

/// A word for a shell, quoted where it must be.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit_that_fits() {
        let of = |us| span(Duration::from_micros(us));
        assert_eq!([0, 700, 1_500, 23_400].map(of), ["0 s", "700 µs", "1.5 ms", "23 ms"]);
        assert_eq!([999_700, 1_000_000, 4_260_000, 59_400_000].map(of), ["1 s", "1 s", "4.3 s", "59 s"]);
        assert_eq!([60_000_000, 200_000_000, 3_600_000_000].map(of), ["1 min", "3 min 20 s", "1 h"]);
        assert_eq!([59_700_000, 90_061_000_000].map(of), ["1 min", "1 d 1 h"]);
    }

    #[test]
    fn names_of_files_are_quoted_for_a_shell() {
        let names = ["notes.csv.ledger.jsonl", "my notes", "it's", "-x", "$(rm)"].map(shell_word);
        assert_eq!(names, ["notes.csv.ledger.jsonl", "'my notes'", r"'it'\''s'", "./-x", "'$(rm)'"]);
    }

    #[test]
    fn decimals_that_say_nothing_are_left_out() {
        assert_eq!([4.0, 4.26, 0.5, 100.0].map(|number| rounded(number, 1)), ["4", "4.3", "0.5", "100"]);
    }
}
