//! Tables of limits, pauses, attempts, answers and runs, each of bounded size.

use batchpost::ledger::{Audit, Caller};
use batchpost::outcome::Cause;
use batchpost::report::{Answers, Chapter, Overview, PauseEnd, Pauses, RunStory, Settling, Story};
use maud::{Markup, html};

use super::words::{cause, moment, outcome, percent, run_end, verdict};
use crate::words::{count, proof, span, thousands};

/// No more kinds of answers are listed: the most frequent.
const MOST_ANSWERS: usize = 20;

/// What the ledger proves of each limit.
pub(super) fn limits(audit: &Audit) -> Markup {
    html! {
        @if audit.limits.is_empty() {
            p.empty { "No run had a limit." }
        } @else {
            div.scroll {
                table.tries {
                    thead { tr { th { "Limit" } th { "Proved" } th.n { "Most in a window" } th.n { "Used" } } }
                    tbody {
                        @for limit in &audit.limits {
                            tr {
                                td { (limit.limit) }
                                td { (proof(limit.proof())) }
                                td.n { (limit.peak.max(limit.peak_in_a_run)) " of " (limit.limit.count()) }
                                td.n {
                                    @if let Some(used) = limit.used() { (format!("{:.0} %", used * 100.0)) } @else { "–" }
                                }
                            }
                        }
                    }
                }
            }
        }
        @for problem in &audit.problems {
            p.problem dir="auto" { (problem) }
        }
    }
}

/// The pauses by cause, and the longest of them one by one.
pub(super) fn pauses(pauses: &Pauses) -> Markup {
    if pauses.count() == 0 {
        return html! { p.empty { "Nothing that was answered made a run pause." } };
    }
    let shorter = pauses.count() - pauses.kept().len() as u64;
    html! {
        table.tries {
            thead { tr { th { "Cause" } th.n { "Pauses" } th.n { "Together" } } }
            tbody {
                @for (words, total) in Cause::ALL.map(|of| (cause(of), pauses.of(of))) {
                    @if total.count > 0 {
                        tr { td { (words) } td.n { (thousands(total.count)) } td.n { (span(total.lasted)) } }
                    }
                }
            }
        }
        details {
            summary { "One by one" }
            table.stack {
                thead {
                    tr {
                        th { "From, UTC" } th.n { "Run" } th.n { "Lasted" } th.n { "Answers" }
                        th { "The answer that caused it" } th { "Next answer" }
                    }
                }
                tbody {
                    @for pause in pauses.kept() {
                        tr {
                            td.t { (moment(pause.wall)) }
                            td.n data-is="run" { (pause.run) }
                            td.n data-is="lasted" { (span(pause.lasted)) }
                            td.n data-is="answers" { (thousands(pause.answers)) }
                            td.why dir="auto" {
                                (pause.reply)
                                @if let Some(asked) = pause.asked { " " em { "asked to wait " (span(asked)) } }
                            }
                            td data-is="then" {
                                @match pause.end {
                                    PauseEnd::Run => "the run’s end",
                                    PauseEnd::Attempt { found: Some(found) } => (verdict(found)),
                                    PauseEnd::Attempt { found: None } => {}
                                }
                            }
                        }
                    }
                }
            }
            @if shorter > 0 {
                p.more { "and " (count(shorter, "shorter one", "shorter ones")) }
            }
        }
    }
}

/// At which attempt rows were posted.
pub(super) fn tries(posted_at: &[u64; Overview::TRIES]) -> Markup {
    const ATTEMPTS: [&str; Overview::TRIES] = ["1st", "2nd", "3rd", "4th", "5th", "6th or later"];
    let all: u64 = posted_at.iter().sum();
    html! {
        @if all > 0 {
            table.tries {
                thead { tr { th { "Posted at the" } th.n { "Rows" } th.n { "Share" } } }
                tbody {
                    @for (attempt, rows) in ATTEMPTS.into_iter().zip(*posted_at).filter(|(_, rows)| *rows > 0) {
                        tr { td { (attempt) " attempt" } td.n { (thousands(rows)) } td.n { (percent(rows, all)) } }
                    }
                }
            }
        }
    }
}

/// The answers other than "created", the most frequent first.
pub(super) fn answers(answers: &Answers) -> Markup {
    let all = answers.told_apart();
    if all.is_empty() {
        return html! { p.empty { "Every answer said that the note was created." } };
    }
    let (listed, rest) = all.split_at(all.len().min(MOST_ANSWERS));
    let others = rest.iter().map(|answer| answer.count).sum::<u64>() + answers.others();
    html! {
        table.stack {
            thead { tr { th.n { "Times" } th { "Meaning" } th { "Answer" } th { "First, UTC" } th { "Last, UTC" } } }
            tbody {
                @for answer in listed {
                    tr {
                        td.n { (thousands(answer.count)) }
                        td.t { (verdict(answer.verdict)) }
                        td.why dir="auto" { @if answer.says.is_empty() { "–" } @else { (answer.says) } }
                        td.t data-is="first" { (moment(answer.first)) }
                        td.t data-is="last" { (moment(answer.last)) }
                    }
                }
            }
        }
        @if others > 0 {
            p.more { "and " (count(others, "more answer", "more answers")) " of other kinds" }
        }
    }
}

/// The runs, and what was decided between them.
pub(super) fn story(story: &Story) -> Markup {
    if story.chapters().next().is_none() {
        return html! { p.empty { "No run yet." } };
    }
    let last = story.runs().next_back().map(|run| run.run);
    html! {
        @if story.left_out() > 0 {
            p.more { "The first " (thousands(story.left_out())) " are left out." }
        }
        div.scroll {
            table.story {
                thead {
                    tr {
                        th.n { "Run" } th { "Begun, UTC" } th.n { "Lasted" } th { "Limits" }
                        th.n { "Attempts" } th.n { "Created" } th.n { "Refused" } th.n { "To try again" }
                        th.n { "Over the limit" } th.n { "Unclear" } th { "Ended" } th { "By" }
                    }
                }
                tbody {
                    @for chapter in story.chapters() {
                        @match chapter {
                            Chapter::Run(run) => (run_row(run, last == Some(run.run))),
                            Chapter::Settled(settling) => (settled_row(settling)),
                            Chapter::Salvaged(lost) => {
                                tr.aside {
                                    td {}
                                    td colspan="11" {
                                        "made of what could be read of a damaged ledger: "
                                        (count(*lost, "record", "records")) " lost"
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn run_row(run: &RunStory, is_last: bool) -> Markup {
    let limits: Vec<String> = run.limits.iter().map(ToString::to_string).collect();
    let ends = &run.ends;
    let (refused, again, unclear) =
        (ends.rejected + ends.hopeless, ends.again + ends.unsent, ends.unknown + ends.cut_off);
    html! {
        tr {
            td.n { (run.run) }
            td.t { (moment(run.wall)) }
            td.n { (span(run.lasted)) }
            td.t { @if limits.is_empty() { "none" } @else { (limits.join(", ")) } }
            @for number in [ends.attempts(), ends.posted, refused, again, ends.limited, unclear] {
                td.n.zero[number == 0] { (thousands(number)) }
            }
            td.t { (run_end(run.end, is_last)) }
            td { (run.by.as_ref().map_or_else(|| "–".to_owned(), Caller::at)) }
        }
    }
}

fn settled_row(settling: &Settling) -> Markup {
    html! {
        tr.aside {
            td {}
            td.t { (moment(settling.wall)) }
            td colspan="10" dir="auto" {
                (count(settling.rows, "row", "rows")) " settled: "
                (outcome(settling.was).to_lowercase()) " → " (outcome(settling.stands).to_lowercase())
                @if let Some(why) = &settling.why { ", “" (why) "”" }
            }
        }
    }
}
