//! The report's words for times, shares and states.

use batchpost::outcome::{Cause, Outcome, Stop, VerdictWord};
use batchpost::report::RunEnd;
use jiff::Timestamp;

/// A moment to the second, in UTC.
pub(super) fn moment(wall: Timestamp) -> String {
    wall.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A share in percent. Only all is 100 %, and only nothing is 0 %.
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

/// The style's name for an outcome.
pub(super) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Posted => "posted",
        Outcome::Rejected => "rejected",
        Outcome::Failed => "again",
        Outcome::InDoubt => "doubt",
        Outcome::Pending => "todo",
        Outcome::Invalid => "invalid",
        Outcome::Held => "held",
        Outcome::Skipped => "skipped",
    }
}

/// What an outcome means for its rows.
pub(super) fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Posted => "The API confirmed them",
        Outcome::Rejected => "The API refused them; they are not sent again",
        Outcome::Failed => "Their tries were used up; the next run tries again",
        Outcome::InDoubt => "They may or may not have been created; not sent again unless you say so",
        Outcome::Pending => "The next run sends them",
        Outcome::Invalid => "No note can be made of them",
        Outcome::Held => "They wait for a decision",
        Outcome::Skipped => "Passed over on purpose, or blank",
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

pub(super) fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Limited => "the API said its limit was exceeded",
        Cause::Unreachable => "the API could not be reached",
        Cause::Unclear => "no answer that could be understood",
        Cause::Failing => "the API failed for every row",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_is_a_hundred_percent() {
        assert_eq!([(0, 0), (0, 5), (5, 5), (1, 3)].map(|(a, b)| percent(a, b)), ["0 %", "0 %", "100 %", "33.3 %"]);
        assert_eq!([(1, 100_000), (99_999, 100_000)].map(|(a, b)| percent(a, b)), ["< 0.1 %", "> 99.9 %"]);
    }
}
