//! Times, rates and names as people read them.

use std::time::Duration;

use batchpost::outcome::{Outcome, Stop, VerdictWord};
use batchpost::report::{PauseCause, RunEnd};
use jiff::Timestamp;

/// A duration to two or three digits.
pub(super) fn span(duration: Duration) -> String {
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
pub(super) fn rounded(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A moment to the second, in UTC.
pub(super) fn moment(wall: Timestamp) -> String {
    wall.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The share in percent; what is not all is not called all, and what is not nothing not nothing.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
    match share {
        _ if part == 0 => "0 %".to_owned(),
        _ if part == whole => "100 %".to_owned(),
        ..0.1 => "< 0.1 %".to_owned(),
        99.9.. => "> 99.9 %".to_owned(),
        _ => format!("{share:.1} %"),
    }
}

/// A count and what it is of.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", crate::summary::thousands(number), if number == 1 { one } else { many })
}

pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Posted => "Posted",
        Outcome::Rejected => "Rejected",
        Outcome::Failed => "Failed",
        Outcome::InDoubt => "In doubt",
        Outcome::Pending => "To do",
        Outcome::Invalid => "Invalid",
        Outcome::Held => "Held",
        Outcome::Skipped => "Skipped",
    }
}

/// What is to be known of rows that stand so.
pub(super) fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Posted => "the API confirmed them",
        Outcome::Rejected => "the API refused them; they are not sent again",
        Outcome::Failed => "their tries were used up; the next run tries again",
        Outcome::InDoubt => "they may or may not have been created; not sent again unless you say so",
        Outcome::Pending => "the next run sends them",
        Outcome::Invalid => "no note can be made of them",
        Outcome::Held => "they wait for a decision",
        Outcome::Skipped => "passed over on purpose, or blank",
    }
}

pub(super) fn verdict(verdict: VerdictWord) -> &'static str {
    match verdict {
        VerdictWord::Posted => "created",
        VerdictWord::Limited => "over the limit",
        VerdictWord::Rejected => "refused",
        VerdictWord::Again => "try again",
        VerdictWord::Unsent => "not sent",
        VerdictWord::Unknown => "unclear",
        VerdictWord::Hopeless => "ended the run",
        VerdictWord::Withdrawn => "withdrawn",
    }
}

pub(super) fn cause(cause: PauseCause) -> &'static str {
    match cause {
        PauseCause::Limited => "the API said its limit was exceeded",
        PauseCause::Unreachable => "the API could not be reached",
        PauseCause::Unclear => "no answer that could be understood",
    }
}

pub(super) fn run_end(end: RunEnd, last: bool) -> &'static str {
    match end {
        RunEnd::Unsaid if last => "under way, or cut off",
        RunEnd::Unsaid => "cut off",
        RunEnd::Done => "nothing left to send",
        RunEnd::Stopped(stop) => match stop {
            Stop::Credentials => "stopped: credentials",
            Stop::Endpoint => "stopped: endpoint",
            Stop::Refused => "stopped: refused",
            Stop::Ledger => "stopped: ledger",
            Stop::Input => "stopped: input",
            Stop::Outage => "stopped: outage",
            Stop::Limited => "stopped: limited",
            Stop::Interrupted => "interrupted",
            Stop::Planned => "stopped as planned",
        },
    }
}

/// A word for a shell, quoted where it must be.
pub(super) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        word.to_owned()
    } else {
        let inside = word.replace('\'', r"'\''");
        let before = if word.starts_with('-') { "./" } else { "" };
        format!("'{before}{inside}'")
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
    fn nearly_all_is_not_all() {
        assert_eq!([(0, 0), (0, 5), (5, 5), (1, 3)].map(|(a, b)| percent(a, b)), ["0 %", "0 %", "100 %", "33.3 %"]);
        assert_eq!([(1, 100_000), (99_999, 100_000)].map(|(a, b)| percent(a, b)), ["< 0.1 %", "> 99.9 %"]);
    }

    #[test]
    fn names_of_files_are_quoted_for_a_shell() {
        let names = ["notes.csv.ledger.jsonl", "my notes", "it's", "-x", "$(rm)"].map(shell_word);
        assert_eq!(names, ["notes.csv.ledger.jsonl", "'my notes'", r"'it'\''s'", "'./-x'", "'$(rm)'"]);
    }

    #[test]
    fn decimals_that_say_nothing_are_left_out() {
        assert_eq!([4.0, 4.26, 0.5, 100.0].map(|number| rounded(number, 1)), ["4", "4.3", "0.5", "100"]);
    }
}
