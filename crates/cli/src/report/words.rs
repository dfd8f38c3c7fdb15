//! Times, rates and names as people read them.

use batchpost::outcome::Cause;
use batchpost::outcome::{Outcome, Stop, VerdictWord};
use batchpost::report::RunEnd;
use jiff::Timestamp;

pub(super) use crate::words::{count, rounded, shell_word, span};

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
        VerdictWord::SetupFault => "ended the run",
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
    fn nearly_all_is_not_all() {
        assert_eq!([(0, 0), (0, 5), (5, 5), (1, 3)].map(|(a, b)| percent(a, b)), ["0 %", "0 %", "100 %", "33.3 %"]);
        assert_eq!([(1, 100_000), (99_999, 100_000)].map(|(a, b)| percent(a, b)), ["< 0.1 %", "> 99.9 %"]);
    }
}
