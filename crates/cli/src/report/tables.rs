//! Tables of bounded size.

use batchpost::ledger::{Audit, Caller};
use batchpost::outcome::{Cause, Outcome};
use batchpost::report::{Chapter, Concern, Concerns, Overview, PauseEnd, RunStory, Settling};

use super::html::{Html, html, text};
use super::words::{self, count, moment, shell_word, span};
use crate::summary::thousands;
use crate::words::proof;

/// No table of rows is larger, whatever the reasons hold.
const MOST_BYTES: usize = 240_000;

/// How many rows need somebody. Of those no longer in the input only what may have been posted does.
pub(super) fn all(overview: &Overview, outcome: Outcome) -> u64 {
    let vanished = if outcome == Outcome::InDoubt { overview.vanished_in_doubt } else { 0 };
    overview.counts.of(outcome) + vanished
}

/// Rows of one outcome, as many as there is room for.
pub(super) fn concerns(page: &mut Html, overview: &Overview, outcome: Outcome, ledger: &str) {
    let all = all(overview, outcome);
    if all == 0 {
        return;
    }
    html!(page, "<section class=rows id=", text(outcome.word()), "><h3><i class=\"key ", class(outcome), "\"></i>");
    html!(page, words::outcome(outcome), " <span class=count>", text(thousands(all)), "</span></h3>");
    html!(page, "<p class=note>", text(capital(words::meaning(outcome))), ".</p>");
    html!(
        page,
        "<p class=filter hidden><label>Filter <input type=search placeholder=\"row, ticket or reason\"></label> "
    );
    html!(page, "<output></output></p>");
    html!(page, "<table class=stack><thead><tr><th class=n>Row</th><th class=n>Ticket</th><th class=n>Attempts</th>");
    html!(page, "<th>Last said, UTC</th><th>Reason</th></tr></thead><tbody>");
    let begun = page.len();
    let mut shown = 0;
    for concern in overview.concerns.of(outcome) {
        if page.len() - begun > MOST_BYTES {
            break;
        }
        concern_row(page, concern);
        shown += 1;
    }
    html!(page, "</tbody></table>");
    if shown < all {
        html!(page, "<p class=more>and ", text(thousands(all - shown)), " more: <code>batchpost export ");
        html!(page, text(shell_word(ledger)), " --state ", text(outcome.word()), " -o ", text(outcome.word()));
        html!(page, ".csv</code></p>");
    }
    html!(page, "</section>");
}

fn concern_row(page: &mut Html, concern: &Concern) {
    let ticket = concern.ticket.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string);
    html!(page, "<tr><td class=n data-is=row>", text(concern.row.to_string()), "</td>");
    html!(page, "<td class=n data-is=ticket>", text(ticket), "</td>");
    html!(page, "<td class=n data-is=attempts>", text(concern.attempts.to_string()), "</td>");
    html!(
        page,
        "<td class=t>",
        text(concern.at.map_or_else(|| "–".to_owned(), moment)),
        "</td><td class=why dir=auto>"
    );
    let reason = if concern.reason.is_empty() { "–" } else { &concern.reason };
    html!(page, text(reason));
    match (concern.vanished, concern.row_is_current) {
        (true, _) => html!(page, " <em>no longer in the input</em>"),
        (false, false) => html!(page, " <em>numbered by an earlier reading</em>"),
        (false, true) => {}
    }
    html!(page, "</td></tr>");
}

/// What was answered, by what it says.
pub(super) fn answers(page: &mut Html, overview: &Overview) {
    const MOST: usize = 20;
    let all = overview.answers.told_apart();
    if all.is_empty() {
        html!(page, "<p class=empty>Every answer said that the note was created.</p>");
        return;
    }
    html!(page, "<table class=stack><thead><tr><th class=n>Times</th><th>Meaning</th><th>Answer</th>");
    html!(page, "<th>First, UTC</th><th>Last, UTC</th></tr></thead><tbody>");
    for answer in all.iter().take(MOST) {
        html!(
            page,
            "<tr><td class=n>",
            text(thousands(answer.count)),
            "</td><td class=t>",
            words::verdict(answer.verdict)
        );
        html!(
            page,
            "</td><td class=why dir=auto>",
            text(if answer.says.is_empty() { "–" } else { &answer.says }),
            "</td><td class=t data-is=first>"
        );
        html!(
            page,
            text(moment(answer.first)),
            "</td><td class=t data-is=last>",
            text(moment(answer.last)),
            "</td></tr>"
        );
    }
    html!(page, "</tbody></table>");
    let rest: u64 = all.iter().skip(MOST).map(|answer| answer.count).sum::<u64>() + overview.answers.others();
    if rest > 0 {
        html!(page, "<p class=more>and ", text(count(rest, "more answer", "more answers")), " of other kinds</p>");
    }
}

/// At which attempt rows were posted.
pub(super) fn tries(page: &mut Html, overview: &Overview) {
    let all: u64 = overview.posted_at.iter().sum();
    if all == 0 {
        return;
    }
    html!(
        page,
        "<table class=tries><thead><tr><th>Posted at the</th><th class=n>Rows</th><th class=n>Share</th></tr></thead><tbody>"
    );
    const ATTEMPTS: [&str; Overview::TRIES] = ["1st", "2nd", "3rd", "4th", "5th", "6th or later"];
    for (words, rows) in ATTEMPTS.into_iter().zip(overview.posted_at).filter(|(_, rows)| *rows > 0) {
        html!(page, "<tr><td>", words, " attempt</td><td class=n>", text(thousands(rows)), "</td><td class=n>");
        html!(page, text(words::percent(rows, all)), "</td></tr>");
    }
    html!(page, "</tbody></table>");
}

/// The pauses, the longest of them one by one.
pub(super) fn pauses(page: &mut Html, overview: &Overview) {
    let pauses = &overview.pauses;
    if pauses.count() == 0 {
        html!(page, "<p class=empty>Nothing that was answered made a run pause.</p>");
        return;
    }
    html!(
        page,
        "<table class=tries><thead><tr><th>Cause</th><th class=n>Pauses</th><th class=n>Together</th></tr></thead><tbody>"
    );
    for cause in Cause::ALL {
        let total = pauses.of(cause);
        if total.count > 0 {
            html!(page, "<tr><td>", words::cause(cause), "</td><td class=n>", text(thousands(total.count)));
            html!(page, "</td><td class=n>", text(span(total.lasted)), "</td></tr>");
        }
    }
    html!(
        page,
        "</tbody></table><details><summary>One by one</summary><table class=stack><thead><tr><th>From, UTC</th>"
    );
    html!(
        page,
        "<th class=n>Run</th><th class=n>Lasted</th><th class=n>Answers</th><th>The answer that caused it</th><th>Next answer</th></tr></thead><tbody>"
    );
    for pause in pauses.kept() {
        html!(
            page,
            "<tr><td class=t>",
            text(moment(pause.wall)),
            "</td><td class=n data-is=run>",
            text(pause.run.to_string())
        );
        html!(page, "</td><td class=n data-is=lasted>", text(span(pause.lasted)));
        html!(page, "</td><td class=n data-is=answers>", text(thousands(pause.answers)));
        html!(page, "</td><td class=why dir=auto>", text(&pause.reply));
        if let Some(asked) = pause.asked {
            html!(page, " <em>asked to wait ", text(span(asked)), "</em>");
        }
        html!(page, "</td><td data-is=then>");
        match pause.end {
            PauseEnd::Run => html!(page, "the run’s end"),
            PauseEnd::Attempt { found: Some(verdict) } => html!(page, words::verdict(verdict)),
            PauseEnd::Attempt { found: None } => {}
        }
        html!(page, "</td></tr>");
    }
    html!(page, "</tbody></table>");
    let rest = pauses.count() - pauses.kept().len() as u64;
    if rest > 0 {
        html!(page, "<p class=more>and ", text(count(rest, "shorter one", "shorter ones")), "</p>");
    }
    html!(page, "</details>");
}

/// What the audit says of the limits.
pub(super) fn limits(page: &mut Html, audit: &Audit) {
    if audit.limits.is_empty() {
        html!(page, "<p class=empty>No run had a limit.</p>");
        return;
    }
    html!(
        page,
        "<div class=scroll><table class=tries><thead><tr><th>Limit</th><th>Proved</th><th class=n>Most in a window</th>"
    );
    html!(page, "<th class=n>Used</th></tr></thead><tbody>");
    for limit in &audit.limits {
        let held = proof(limit.proof());
        let most = limit.peak.max(limit.peak_in_a_run);
        let used = limit.used().map_or_else(|| "–".to_owned(), |used| format!("{:.0} %", used * 100.0));
        html!(page, "<tr><td>", text(limit.limit.to_string()), "</td><td>", held, "</td><td class=n>");
        html!(page, text(most.to_string()), " of ", text(limit.limit.count().to_string()));
        html!(page, "</td><td class=n>", text(used), "</td></tr>");
    }
    html!(page, "</tbody></table></div>");
}

/// The runs, and what was decided between them.
pub(super) fn story(page: &mut Html, overview: &Overview) {
    if overview.story.chapters().next().is_none() {
        html!(page, "<p class=empty>No run yet.</p>");
        return;
    }
    if overview.story.left_out() > 0 {
        html!(page, "<p class=more>The first ", text(thousands(overview.story.left_out())), " are left out.</p>");
    }
    html!(
        page,
        "<div class=scroll><table class=story><thead><tr><th class=n>Run</th><th>Begun, UTC</th><th class=n>Lasted</th><th>Limits</th>"
    );
    html!(
        page,
        "<th class=n>Attempts</th><th class=n>Created</th><th class=n>Refused</th><th class=n>To try again</th>"
    );
    html!(page, "<th class=n>Over the limit</th><th class=n>Unclear</th><th>Ended</th><th>By</th></tr></thead><tbody>");
    let last = overview.story.runs().next_back().map(|run| run.run);
    for chapter in overview.story.chapters() {
        match chapter {
            Chapter::Run(run) => run_row(page, run, last == Some(run.run)),
            Chapter::Settled(settling) => settled_row(page, settling),
            Chapter::Salvaged(lost) => {
                html!(page, "<tr class=aside><td></td><td colspan=11>made of what could be read of a damaged ledger: ");
                html!(page, text(count(*lost, "record", "records")), " lost</td></tr>");
            }
        }
    }
    html!(page, "</tbody></table></div>");
}

fn run_row(page: &mut Html, run: &RunStory, last: bool) {
    let limits: Vec<String> = run.limits.iter().map(ToString::to_string).collect();
    let limits = if limits.is_empty() { "none".to_owned() } else { limits.join(", ") };
    html!(page, "<tr><td class=n>", text(run.run.to_string()), "</td><td class=t>", text(moment(run.wall)));
    html!(page, "</td><td class=n>", text(span(run.lasted)), "</td><td class=t>", text(limits), "</td>");
    let ends = &run.ends;
    let unclear = ends.unknown + ends.cut_off;
    let again = ends.again + ends.unsent;
    for number in [ends.attempts(), ends.posted, ends.rejected + ends.setup_fault, again, ends.limited, unclear] {
        let zero = if number == 0 { " zero" } else { "" };
        html!(page, "<td class=\"n", zero, "\">", text(thousands(number)), "</td>");
    }
    let by = run.by.as_ref().map_or_else(|| "–".to_owned(), Caller::at);
    html!(page, "<td class=t>", words::run_end(run.end, last), "</td><td>", text(by), "</td></tr>");
}

fn settled_row(page: &mut Html, settling: &Settling) {
    html!(page, "<tr class=aside><td></td><td class=t>", text(moment(settling.wall)), "</td><td colspan=10 dir=auto>");
    html!(
        page,
        text(count(settling.rows, "row", "rows")),
        " settled: ",
        text(words::outcome(settling.was).to_lowercase()),
        " → "
    );
    html!(page, text(words::outcome(settling.stands).to_lowercase()));
    if let Some(why) = &settling.why {
        html!(page, ", “", text(why), "”");
    }
    html!(page, "</td></tr>");
}

/// The outcomes that have a table.
pub(super) const WITH_ROWS: [Outcome; 5] = Concerns::OUTCOMES;

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

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
