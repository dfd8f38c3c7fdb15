//! The report's words for times, shares and outcomes.

use batchpost::outcome::{Cause, Outcome, Stop, VerdictWord};
use batchpost::report::RunEnd;
use jiff::Timestamp;

/// Formats a moment to the second, in UTC.
pub(super) fn moment(wall: Timestamp) -> String {
    wall.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Formats a share in percent. Only the whole is shown as 100 %, and only nothing as 0 %.
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

/// The presentation of an outcome.
pub(super) struct Shown {
    pub(super) name: &'static str,
    /// Its class in the stylesheet, which sets the colour.
    pub(super) class: &'static str,
    /// Its meaning for the rows.
    pub(super) meaning: &'static str,
}

pub(super) fn shown(outcome: Outcome) -> Shown {
    let (name, class, meaning) = match outcome {
        Outcome::Posted => ("Posted", "posted", "The API confirmed them"),
        Outcome::Rejected => ("Rejected", "rejected", "The API refused them; they are not sent again"),
        Outcome::Failed => ("Failed", "again", "Their attempts are used up; the next run tries again"),
        Outcome::InDoubt => ("In doubt", "doubt", "May or may not have been created; not sent again automatically"),
        Outcome::Pending => ("To do", "todo", "The next run sends them"),
        Outcome::Invalid => ("Invalid", "invalid", "They cannot be posted; fix the sheet"),
        Outcome::Held => ("Held", "held", "They wait for a decision"),
        Outcome::Skipped => ("Skipped", "skipped", "Left out on purpose, or blank"),
    };
    Shown { name, class, meaning }
}

pub(super) fn verdict(verdict: VerdictWord) -> &'static str {
    match verdict {
        VerdictWord::Posted => "created",
        VerdictWord::Limited => "over the limit",
        VerdictWord::Rejected => "refused",
        VerdictWord::Again => "try again",
        VerdictWord::Unsent => "not sent",
        VerdictWord::Unknown => "unclear",
        VerdictWord::SetupFault => "ended the run",
        VerdictWord::Withdrawn => "withdrawn",
    }
}

pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Limited => "the API reported that the limit was exceeded",
        Cause::Unreachable => "the API could not be reached",
        Cause::Unclear => "no reply that could be interpreted",
        Cause::Failing => "the API failed for every row",
    }
}

pub(super) fn run_end(end: RunEnd, is_last: bool) -> String {
    match end {
        RunEnd::Unsaid if is_last => "under way, or cut off".to_owned(),
        RunEnd::Unsaid => "cut off".to_owned(),
        RunEnd::Done => "nothing left to send".to_owned(),
        RunEnd::Stopped(Stop::Interrupted) => "interrupted".to_owned(),
        RunEnd::Stopped(Stop::Planned) => "stopped as planned".to_owned(),
        RunEnd::Stopped(stop) => format!("stopped: {}", stop.word()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_is_a_hundred_percent() {
        assert_eq!([(0, 0), (0, 5), (5, 5), (1, 3)].map(|(a, b)| percent(a, b)), ["0 %", "0 %", "100 %", "33.3 %"]);
        assert_eq!([(1, 100_000), (99_999, 100_000)].map(|(a, b)| percent(a, b)), ["< 0.1 %", "> 99.9 %"]);
    }
}
