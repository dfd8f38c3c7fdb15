//! The report: one page that needs nothing but itself.

mod chart;
mod html;
mod scale;
mod tables;
mod words;

use batchpost::ledger::{Audit, LimitAudit, Proof};
use batchpost::outcome::Outcome;
use batchpost::report::{Overview, RunEnd};
use std::path::Path;

use crate::summary::thousands;
use html::{Html, html, text};
use words::{count, moment, shell_word, span};

/// What every report begins with, so that it is known to be one.
pub(crate) const OPENING: &str = "<!DOCTYPE html>\n<!-- batchpost report -->\n";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What is said of limits that may not have held.
const EXCEEDED: &str = "exceeded?";

/// The page.
pub(crate) fn page(overview: &Overview, audit: &Audit, ledger: &Path) -> String {
    let ledger = ledger.display().to_string();
    let mut html = Html::default();
    let page = &mut html;
    html!(page, OPENING);
    head(page, overview);
    html!(page, "<body><main>");
    summary(page, overview, &ledger);
    key_figures(page, overview, audit);
    if overview.ends.attempts() > 0 {
        html!(page, "<section><h2>Attempts per second</h2>");
        html!(page, "<p class=note>Over the time in which runs were on, one after the other; each bar is ");
        html!(page, text(span(overview.course.width())), ".</p>");
        chart::rates(page, overview);
        html!(page, "<h2>Time to answer</h2>");
        html!(
            page,
            "<p class=note>From the taking of a place in the limit’s window to the whole reply. Attempts without one are not in it.</p>"
        );
        chart::latencies(page, overview);
        chart::figures(page, overview);
        html!(page, "</section>");
    }
    limits_and_pauses(page, overview, audit);
    rows(page, overview, &ledger);
    html!(page, "<section><h2>Runs</h2>");
    tables::story(page, overview);
    html!(page, "</section>");
    foot(page, overview, &ledger);
    html!(
        page,
        "</main><script nonce=\"",
        text(overview.header.id.to_string()),
        "\">",
        SCRIPT,
        "</script></body></html>\n"
    );
    html.into_string()
}

/// Nothing is loaded and nothing runs but the script that carries the ledger's id, which nobody knows who writes a
/// sheet or an answer.
fn head(page: &mut Html, overview: &Overview) {
    html!(
        page,
        "<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">"
    );
    html!(
        page,
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; base-uri 'none'; form-action 'none'; "
    );
    html!(page, "style-src 'unsafe-inline'; script-src 'nonce-", text(overview.header.id.to_string()), "'\">");
    html!(page, "<meta name=referrer content=no-referrer><meta name=color-scheme content=\"light dark\">");
    html!(page, "<title>", text(input_name(overview)), " – batchpost report</title><style>", STYLE, "</style></head>");
}

/// The name of the file that the last run read.
fn input_name(overview: &Overview) -> String {
    match overview.story.runs().next_back().map(|run| &run.input) {
        Some(Some(path)) => path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned(),
        Some(None) => "Standard input".to_owned(),
        None => "Batch without a run".to_owned(),
    }
}

fn summary(page: &mut Html, overview: &Overview, ledger: &str) {
    html!(page, "<header><p class=brand>batchpost report</p><h1 dir=auto>", text(input_name(overview)), "</h1>");
    html!(page, "<p class=headline>", text(headline(overview)), "</p>");
    html!(
        page,
        "<p class=note>As of ",
        text(moment(overview.as_of)),
        " UTC, record ",
        text(thousands(overview.extent.last))
    );
    html!(page, " of <span class=path>", text(ledger), "</span></p></header>");
    let total = overview.counts.total();
    html!(page, "<section aria-label=Outcomes>");
    let there = Outcome::ALL.into_iter().filter(|outcome| overview.counts.of(*outcome) > 0);
    let parts = there.clone().map(|outcome| (tables::class(outcome), overview.counts.of(outcome)));
    chart::shares(page, "Rows by outcome", parts);
    html!(page, "<ul class=tiles>");
    for outcome in there {
        let rows = overview.counts.of(outcome);
        html!(
            page,
            "<li><span class=name><i class=\"key ",
            tables::class(outcome),
            "\"></i>",
            words::outcome(outcome),
            "</span>"
        );
        html!(
            page,
            "<b>",
            text(thousands(rows)),
            "</b><span class=share>",
            text(words::percent(rows, total)),
            "</span></li>"
        );
    }
    html!(page, "</ul>");
    if overview.vanished > 0 {
        let vanished = count(overview.vanished, "more job is", "more jobs are");
        html!(page, "<p class=note>", text(vanished), " no longer in the input and not counted above; ");
        html!(page, text(thousands(overview.vanished_in_doubt)), " of them in doubt.</p>");
    }
    next_steps(page, overview, ledger);
    html!(page, "</section>");
}

/// How the batch stands, in a sentence.
fn headline(overview: &Overview) -> String {
    let counts = &overview.counts;
    let (total, to_do) = (counts.total(), counts.pending + counts.failed);
    let attention = counts.rejected + counts.in_doubt + counts.invalid + counts.held;
    let mut says = match (total, to_do) {
        (0, _) if overview.story.run_count() == 0 => "Nothing has been sent yet.".to_owned(),
        (0, _) => "The input has no rows.".to_owned(),
        (1, 0) if counts.posted == 1 => "The row is posted.".to_owned(),
        (total, 0) if counts.posted == total => format!("All {} are posted.", count(total, "row", "rows")),
        (total, _) => format!("{} of {} are posted.", thousands(counts.posted), count(total, "row", "rows")),
    };
    if to_do > 0 {
        says += &format!(" {} still to do.", count(to_do, "is", "are"));
    }
    if attention > 0 {
        let them = if attention == 1 { "it" } else { "them" };
        says += &format!(" {} somebody to look at {them}.", count(attention, "needs", "need"));
    }
    says
}

/// What to type next.
fn next_steps(page: &mut Html, overview: &Overview, ledger: &str) {
    let ledger = shell_word(ledger);
    let counts = &overview.counts;
    let mut steps: Vec<(&'static str, String)> = Vec::new();
    if counts.in_doubt + overview.vanished_in_doubt > 0 {
        // Not by their numbers: the page may be read when the sheet is another and was run again.
        let doubt = "Look for the rows in doubt in the CRM, fill in what is true";
        steps.push((doubt, format!("batchpost export {ledger} --state in_doubt -o in-doubt.csv")));
        steps.push(("Tell the ledger", format!("batchpost settle {ledger} --from in-doubt.csv")));
    }
    if counts.rejected + counts.failed + counts.invalid > 0 {
        steps.push((
            "Take out the rows that went wrong, with the reasons",
            format!("batchpost export {ledger} -o rest.csv"),
        ));
    }
    if counts.held > 0 {
        steps.push(("Decide about the held rows", format!("batchpost settle {ledger} --state held --as to-do")));
    }
    if counts.pending + counts.failed > 0 {
        steps.push(("Post what is still to do", format!("batchpost resume {ledger}")));
    }
    if steps.is_empty() {
        return;
    }
    html!(page, "<dl class=next>");
    for (what, command) in steps {
        html!(page, "<div><dt>", what, "</dt><dd><code>", text(command), "</code></dd></div>");
    }
    html!(page, "</dl>");
}

fn key_figures(page: &mut Html, overview: &Overview, audit: &Audit) {
    let attempts = overview.ends.attempts();
    if attempts == 0 {
        return;
    }
    let on = overview.story.run_time();
    // Of less than a window there is no rate to speak of.
    let rate = (on >= overview.course.width()).then(|| words::rounded(attempts as f64 / on.as_secs_f64(), 2));
    let retried = overview.ends.again + overview.ends.unsent;
    let mut figures: Vec<(&'static str, String, String)> = vec![
        ("Attempts", thousands(attempts), format!("in {}", count(overview.story.run_count(), "run", "runs"))),
        ("Time of runs", span(on), rate.map(|rate| format!("{rate} attempts/s")).unwrap_or_default()),
    ];
    if let Some(half) = overview.latencies.quantile(0.5) {
        let most = overview.latencies.quantile(0.99).map(span).unwrap_or_default();
        figures.push(("Answers within", span(half), format!("99 of 100 within {most}")));
    }
    figures.push(("To be tried again", thousands(retried), words::percent(retried, attempts) + " of attempts"));
    let limited = overview.ends.limited;
    let paused = if overview.pauses.count() == 0 { "none".to_owned() } else { span(overview.pauses.lasted()) };
    figures.push(("Pauses", paused, count(limited, "answer over the limit", "answers over the limit")));
    if !audit.limits.is_empty() {
        let worst = audit.limits.iter().map(LimitAudit::proof).max().unwrap_or(Proof::Held);
        let words = if worst == Proof::Exceeded { EXCEEDED } else { crate::words::proof(worst) };
        let limits: Vec<String> = audit.limits.iter().map(|limit| limit.limit.to_string()).collect();
        figures.push(("The limit", words.to_owned(), limits.join(", ")));
    }
    html!(page, "<section aria-label=\"Key figures\"><dl class=figures-key>");
    for (name, value, note) in figures {
        let class = if value == EXCEEDED { "problem" } else { "" };
        html!(page, "<div><dt>", name, "</dt><dd><b class=\"", class, "\">", text(value), "</b><span>", text(note));
        html!(page, "</span></dd></div>");
    }
    html!(page, "</dl></section>");
}

fn limits_and_pauses(page: &mut Html, overview: &Overview, audit: &Audit) {
    if overview.ends.attempts() == 0 {
        return;
    }
    html!(
        page,
        "<div class=pair><section><h2>Limits</h2><p class=note>What the ledger proves of any server’s windows.</p>"
    );
    tables::limits(page, audit);
    for problem in &audit.problems {
        html!(page, "<p class=problem dir=auto>", text(problem), "</p>");
    }
    html!(
        page,
        "</section><section><h2>Pauses</h2><p class=note>From the answer that made a run pause to its next attempt.</p>"
    );
    tables::pauses(page, overview);
    html!(page, "</section></div><section><h2>Retries</h2>");
    tables::tries(page, overview);
    html!(page, "<h3>Answers other than “created”</h3>");
    tables::answers(page, overview);
    html!(page, "</section>");
}

fn rows(page: &mut Html, overview: &Overview, ledger: &str) {
    let all: u64 = tables::WITH_ROWS.iter().map(|outcome| tables::all(overview, *outcome)).sum();
    html!(page, "<section><h2>Rows to look at</h2>");
    if all == 0 {
        html!(page, "<p class=empty>No row is rejected, failed, in doubt, invalid or held.</p>");
    } else {
        html!(page, "<p class=note>Numbered as the input was last read.</p>");
    }
    for outcome in tables::WITH_ROWS {
        tables::concerns(page, overview, outcome, ledger);
    }
    html!(page, "</section>");
}

fn foot(page: &mut Html, overview: &Overview, ledger: &str) {
    html!(page, "<footer><dl><div><dt>Posted to</dt><dd class=path>", text(&overview.header.target), "</dd></div>");
    html!(page, "<div><dt>Ledger</dt><dd class=path>", text(ledger), "</dd></div>");
    html!(page, "<div><dt>Ledger’s id</dt><dd>", text(overview.header.id.to_string()), "</dd></div>");
    if let Some(run) = overview.story.runs().next_back() {
        html!(page, "<div><dt>Last run by</dt><dd>", text(&run.tool), "</dd></div>");
        if let Some(path) = &run.input {
            html!(page, "<div><dt>Input</dt><dd class=path>", text(path), "</dd></div>");
        }
        if run.end == RunEnd::Unsaid {
            html!(page, "<div><dt>The last run</dt><dd>has not ended, or was cut off</dd></div>");
        }
    }
    if overview.extent.torn_bytes > 0 {
        html!(page, "<div><dt>Torn at the end</dt><dd>", text(count(overview.extent.torn_bytes, "byte", "bytes")));
        html!(page, "; the next run sets them aside</dd></div>");
    }
    html!(page, "</dl><p>No note’s text is in the ledger, nor in this page.</p></footer>");
}
