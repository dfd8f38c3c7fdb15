//! Tables of limits, pauses, attempts, replies and runs, each of bounded size.

use batchpost::ledger::{Audit, Caller};
use batchpost::outcome::Cause;
use batchpost::report::{Chapter, Overview, PauseEnd, Pauses, Replies, RunStory, Settling, Story};
use maud::{Markup, html};

use super::table::Column::{Number, Text};
use super::table::{NOTHING, table};
use super::words::{cause, moment, percent, run_end, shown, verdict};
use crate::words::{count, proof, span, thousands};

/// Maximum number of kinds of replies listed; the most frequent are listed.
const MOST_ANSWERS: usize = 20;

/// What the ledger proves about each limit.
pub(super) fn limits(audit: &Audit) -> Markup {
    let columns = [Text("Limit"), Text("Proved"), Number("Most in a window"), Number("Used")];
    let rows = html! {
        @for limit in &audit.limits {
            @let used = limit.used().map_or_else(|| NOTHING.to_owned(), |used| format!("{:.0} %", used * 100.0));
            tr {
                td { (limit.limit) } td { (proof(limit.proof())) }
                td.n { (limit.peak.max(limit.peak_in_a_run)) " of " (limit.limit.count()) }
                td.n { (used) }
            }
        }
    };
    html! {
        p.note { "What the ledger proves, whenever the server counted." }
        @if audit.limits.is_empty() {
            p.empty { "No run had a limit." }
        } @else {
            div.scroll { (table("tries", &columns, &rows)) }
        }
        @for problem in &audit.problems { p.problem dir="auto" { (problem) } }
    }
}

/// The pauses by cause, and the longest pauses individually.
pub(super) fn pauses(pauses: &Pauses) -> Markup {
    let by_cause = html! {
        @for (words, total) in Cause::ALL.map(|of| (cause(of), pauses.of(of))) {
            @if total.count > 0 {
                tr { td { (words) } td.n { (thousands(total.count)) } td.n { (span(total.lasted)) } }
            }
        }
    };
    let shorter = pauses.count() - pauses.kept().len() as u64;
    html! {
        p.note { "From the reply that caused a pause to the next attempt." }
        @if pauses.count() == 0 {
            p.empty { "No pauses." }
        } @else {
            (table("tries", &[Text("Cause"), Number("Pauses"), Number("Together")], &by_cause))
            details {
                summary { "One by one" }
                (longest_pauses(pauses))
                @if shorter > 0 { p.more { "and " (count(shorter, "shorter one", "shorter ones")) } }
            }
        }
    }
}

fn longest_pauses(pauses: &Pauses) -> Markup {
    let (cause, end) = (Text("Caused by the reply"), Text("Next answer"));
    let columns = [Text("From, UTC"), Number("Run"), Number("Lasted"), Number("Answers"), cause, end];
    let rows = html! {
        @for pause in pauses.kept() {
            tr {
                td.t { (moment(pause.wall)) }
                td.n data-is="run" { (pause.run) }
                td.n data-is="lasted" { (span(pause.lasted)) }
                td.n data-is="answers" { (thousands(pause.replies)) }
                td.why dir="auto" {
                    (pause.reply)
                    @if let Some(asked) = pause.asked { " " em { "asked to wait " (span(asked)) } }
                }
                td data-is="then" {
                    @match pause.end {
                        PauseEnd::Run => "the run’s end",
                        PauseEnd::Attempt { found } => @if let Some(found) = found { (verdict(found)) },
                    }
                }
            }
        }
    };
    table("stack", &columns, &rows)
}

/// The attempts at which rows were posted.
pub(super) fn tries(posted_at: &[u64; Overview::TRIES]) -> Markup {
    const ATTEMPTS: [&str; Overview::TRIES] = ["1st", "2nd", "3rd", "4th", "5th", "6th or later"];
    let all: u64 = posted_at.iter().sum();
    let rows = html! {
        @for (attempt, rows) in ATTEMPTS.into_iter().zip(*posted_at).filter(|(_, rows)| *rows > 0) {
            tr { td { (attempt) " attempt" } td.n { (thousands(rows)) } td.n { (percent(rows, all)) } }
        }
    };
    html! {
        @if all > 0 { (table("tries", &[Text("Posted at the"), Number("Rows"), Number("Share")], &rows)) }
    }
}

/// The replies other than "created", most frequent first.
pub(super) fn replies(replies: &Replies) -> Markup {
    let all = replies.groups();
    let (listed, rest) = all.split_at(all.len().min(MOST_ANSWERS));
    let others = rest.iter().map(|answer| answer.count).sum::<u64>() + replies.others();
    let columns = [Number("Times"), Text("Meaning"), Text("Answer"), Text("First, UTC"), Text("Last, UTC")];
    let rows = html! {
        @for answer in listed {
            tr {
                td.n { (thousands(answer.count)) } td.t { (verdict(answer.verdict)) }
                td.why dir="auto" { @if answer.says.is_empty() { (NOTHING) } @else { (answer.says) } }
                td.t data-is="first" { (moment(answer.first)) } td.t data-is="last" { (moment(answer.last)) }
            }
        }
    };
    html! {
        @if all.is_empty() {
            p.empty { "Every reply was “created”." }
        } @else {
            (table("stack", &columns, &rows))
        }
        @if others > 0 { p.more { "and " (count(others, "more answer", "more answers")) " of other kinds" } }
    }
}

/// The runs, and the settlements between them.
pub(super) fn story(story: &Story) -> Markup {
    let columns = [
        [Number("Run"), Text("Begun, UTC"), Number("Lasted"), Text("Limits")],
        [Number("Attempts"), Number("Created"), Number("Refused"), Number("To try again")],
        [Number("Over the limit"), Number("Unclear"), Text("Ended"), Text("By")],
    ];
    let last = story.runs().next_back().map(|run| run.run);
    let rows = html! {
        @for chapter in story.chapters() {
            @match chapter {
                Chapter::Run(run) => (run_row(run, last == Some(run.run))),
                Chapter::Settled(settling) => (settled_row(settling)),
                Chapter::Salvaged(lost) => (salvaged_row(*lost)),
            }
        }
    };
    html! {
        @if story.chapters().next().is_none() {
            p.empty { "No run yet." }
        } @else {
            @if story.left_out() > 0 { p.more { "The first " (thousands(story.left_out())) " are left out." } }
            div.scroll { (table("story", columns.as_flattened(), &rows)) }
        }
    }
}

fn run_row(run: &RunStory, is_last: bool) -> Markup {
    let limits: Vec<String> = run.limits.iter().map(ToString::to_string).collect();
    let ends = &run.ends;
    let (refused, again) = (ends.rejected + ends.setup_fault, ends.again + ends.unsent);
    let numbers = [ends.attempts(), ends.posted, refused, again, ends.limited, ends.unknown + ends.cut_off];
    html! {
        tr {
            td.n { (run.run) } td.t { (moment(run.wall)) } td.n { (span(run.lasted)) }
            td.t { @if limits.is_empty() { "none" } @else { (limits.join(", ")) } }
            @for number in numbers { td.n.zero[number == 0] { (thousands(number)) } }
            td.t { (run_end(run.end, is_last)) }
            td { (run.by.as_ref().map_or_else(|| NOTHING.to_owned(), Caller::at)) }
        }
    }
}

fn settled_row(settling: &Settling) -> Markup {
    let (was, is) = (shown(settling.was).name.to_lowercase(), shown(settling.outcome).name.to_lowercase());
    html! {
        tr.aside {
            td {} td.t { (moment(settling.wall)) }
            td colspan="10" dir="auto" {
                (count(settling.rows, "row", "rows")) " settled: " (was) " → " (is)
                @if let Some(why) = &settling.why { ", “" (why) "”" }
            }
        }
    }
}

fn salvaged_row(lost: u64) -> Markup {
    let lost = count(lost, "record", "records");
    html! { tr.aside { td {} td colspan="11" { "recovered from a damaged ledger: " (lost) " lost" } } }
}
