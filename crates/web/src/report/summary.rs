//! The top of the page: the batch's progress, the next steps, and key figures.

use batchpost::ledger::{Audit, LimitAudit, Proof};
use batchpost::outcome::Outcome;
use batchpost::report::Overview;
use maud::{Markup, html};

use super::words::{Shown, moment, percent, shown};
use super::{Page, Step, chart};
use crate::words::{count, proof, rounded, span, thousands};

/// The page's label for limits that may have been exceeded.
const EXCEEDED: &str = "exceeded?";

/// The input, the progress, and the time of the report.
pub(super) fn header(page: &Page<'_>) -> Markup {
    html! {
        header {
            p.brand { "batchpost report" }
            h1 dir="auto" { (page.input_name()) }
            p.headline { (headline(page.overview)) }
            p.note {
                "As of " (moment(page.overview.as_of)) " UTC, record " (thousands(page.overview.extent.last)) " of "
                span.path { (page.ledger) }
            }
        }
    }
}

fn headline(overview: &Overview) -> String {
    let counts = &overview.counts;
    let (total, to_do) = (counts.total(), counts.pending + counts.failed);
    let attention = counts.rejected + counts.in_doubt + counts.invalid + counts.held;
    let mut text = match (total, to_do) {
        (0, _) if overview.story.run_count() == 0 => "Nothing has been sent yet.".to_owned(),
        (0, _) => "The input has no rows.".to_owned(),
        (1, 0) if counts.posted == 1 => "The row is posted.".to_owned(),
        (total, 0) if counts.posted == total => format!("All {} are posted.", count(total, "row", "rows")),
        (total, _) => format!("{} of {} are posted.", thousands(counts.posted), count(total, "row", "rows")),
    };
    if to_do > 0 {
        text += &format!(" {} still to do.", count(to_do, "is", "are"));
    }
    if attention > 0 {
        text += &format!(" {} a person’s attention.", count(attention, "needs", "need"));
    }
    text
}

/// Rows by outcome, and what to do about them.
pub(super) fn outcomes(page: &Page<'_>) -> Markup {
    let Overview { counts, vanished, vanished_in_doubt, .. } = page.overview;
    let present = Outcome::ALL.map(|outcome| (shown(outcome), counts.of(outcome))).into_iter();
    let present: Vec<(Shown, u64)> = present.filter(|(_, rows)| *rows > 0).collect();
    html! {
        section aria-label="Outcomes" {
            (chart::shares("Rows by outcome", &present))
            ul.tiles {
                @for (Shown { name, class, .. }, rows) in &present {
                    li {
                        span.name { (chart::key(class)) (name) }
                        b { (thousands(*rows)) } span.share { (percent(*rows, counts.total())) }
                    }
                }
            }
            @if *vanished > 0 {
                p.note {
                    (count(*vanished, "more job is", "more jobs are")) " no longer in the input and not counted above; "
                    (thousands(*vanished_in_doubt)) " of them in doubt."
                }
            }
            @if !page.steps.is_empty() {
                dl.next {
                    @for Step { purpose, command } in page.steps {
                        div { dt { (purpose) } dd { code { (command) } } }
                    }
                }
            }
        }
    }
}

/// The key figures of a batch with attempts.
pub(super) fn key_figures(overview: &Overview, audit: &Audit) -> Markup {
    let Overview { ends, latencies, pauses, story, .. } = overview;
    let attempts = ends.attempts();
    let run_time = story.run_time();
    // A rate over less than a window is meaningless.
    let has_rate = run_time >= overview.course.width();
    let rate = has_rate.then(|| format!("{} attempts/s", rounded(attempts as f64 / run_time.as_secs_f64(), 2)));
    let retried = ends.again + ends.unsent;
    let retried_share = format!("{} of attempts", percent(retried, attempts));
    let paused = if pauses.count() == 0 { "none".to_owned() } else { span(pauses.lasted()) };
    html! {
        section aria-label="Key figures" {
            dl.figures-key {
                (figure("Attempts", &thousands(attempts), &format!("in {}", count(story.run_count(), "run", "runs"))))
                (figure("Time of runs", &span(run_time), &rate.unwrap_or_default()))
                @if let (Some(half), Some(most)) = (latencies.quantile(0.5), latencies.quantile(0.99)) {
                    (figure("Replies within", &span(half), &format!("99 of 100 within {}", span(most))))
                }
                (figure("To be tried again", &thousands(retried), &retried_share))
                (figure("Pauses", &paused, &count(ends.limited, "reply over the limit", "replies over the limit")))
                @if let Some(worst) = audit.limits.iter().map(LimitAudit::proof).max() {
                    @let limits: Vec<String> = audit.limits.iter().map(|audit| audit.limit.to_string()).collect();
                    @let proven = if worst == Proof::Exceeded { EXCEEDED } else { proof(worst) };
                    (figure("The limit", proven, &limits.join(", ")))
                }
            }
        }
    }
}

fn figure(name: &str, value: &str, note: &str) -> Markup {
    html! { div { dt { (name) } dd { b.problem[value == EXCEEDED] { (value) } span { (note) } } } }
}
