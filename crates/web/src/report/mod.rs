//! The report: one batch on one page.

mod chart;
mod plot;
mod rows;
mod scale;
mod summary;
mod table;
mod tables;
mod words;

use batchpost::ledger::Audit;
use batchpost::outcome::Outcome;
use batchpost::report::{Overview, RunEnd};
use maud::{Markup, PreEscaped, html};

use crate::visible::visible;
use crate::words::{count, span};

/// The start of every report, by which a file is recognized as one.
pub const OPENING: &str = "<!DOCTYPE html>\n<!-- batchpost report -->\n";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The content of the page.
pub struct Page<'a> {
    /// The batch.
    pub overview: &'a Overview,
    /// What the ledger proves about the limits.
    pub audit: &'a Audit,
    /// The ledger's name as shown.
    pub ledger: &'a str,
    /// The suggested next steps.
    pub steps: &'a [Step],
    /// Returns the command that writes all rows with an outcome to a file.
    pub export: &'a dyn Fn(Outcome) -> String,
}

/// A suggested next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its purpose.
    pub purpose: &'static str,
    /// The command to type.
    pub command: String,
}

impl Page<'_> {
    /// Renders the page as HTML of bounded size. It begins with [`OPENING`]; equal values give equal pages.
    pub fn html(&self) -> String {
        let id = self.overview.header.id.to_string();
        let page = html! {
            (PreEscaped(OPENING))
            html lang="en" {
                head { (visible(self.head(&id))) style { (PreEscaped(STYLE)) } }
                body { main { (visible(self.main())) } script nonce=(id) { (PreEscaped(SCRIPT)) } }
            }
        };
        page.into_string() + "\n"
    }

    /// The policy allows no loading, and no script but the one whose nonce is the ledger's id. The author of
    /// a sheet or a reply does not know that id.
    fn head(&self, id: &str) -> Markup {
        let policy = format!(
            "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src 'nonce-{id}'"
        );
        html! {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width,initial-scale=1";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="referrer" content="no-referrer";
            meta name="color-scheme" content="light dark";
            title { (self.input_name()) " – batchpost report" }
        }
    }

    /// The name of the input file of the last run.
    fn input_name(&self) -> &str {
        match self.overview.story.runs().next_back().map(|run| run.input.as_deref()) {
            Some(Some(path)) => path.rsplit(['/', '\\']).next().unwrap_or(path),
            Some(None) => "Standard input",
            None => "Batch without a run",
        }
    }

    fn main(&self) -> Markup {
        let Self { overview, audit, .. } = self;
        html! {
            (summary::header(self))
            (summary::outcomes(self))
            @if overview.ends.attempts() > 0 {
                (summary::key_figures(overview, audit))
                section {
                    h2 { "Attempts per second" }
                    p.note {
                        "While runs were active, one after the other; each bar is "
                        (span(overview.course.width())) "."
                    }
                    (chart::rates(overview))
                    h2 { "Time to answer" }
                    p.note {
                        "From taking a slot of the limit to the end of the reply. "
                        "Attempts without a reply are not included."
                    }
                    (chart::latencies(overview))
                    (chart::figures(overview))
                }
                div.pair {
                    section { h2 { "Limits" } (tables::limits(audit)) }
                    section { h2 { "Pauses" } (tables::pauses(&overview.pauses)) }
                }
                section {
                    h2 { "Retries" } (tables::tries(&overview.posted_at))
                    h3 { "Replies other than “created”" } (tables::replies(&overview.replies))
                }
            }
            section { h2 { "Rows that need attention" } (rows::all(self)) }
            section { h2 { "Runs" } (tables::story(&overview.story)) }
            (self.footer())
        }
    }

    fn footer(&self) -> Markup {
        let Overview { header, story, extent, .. } = self.overview;
        let last = story.runs().next_back();
        html! {
            footer {
                dl {
                    div { dt { "Posted to" } dd.path { (header.target) } }
                    div { dt { "Ledger" } dd.path { (self.ledger) } }
                    div { dt { "Ledger’s id" } dd { (header.id) } }
                    @if let Some(run) = last { div { dt { "Last run by" } dd { (run.tool) } } }
                    @if let Some(path) = last.and_then(|run| run.input.as_ref()) {
                        div { dt { "Input" } dd.path { (path) } }
                    }
                    @if last.is_some_and(|run| run.end == RunEnd::Unsaid) {
                        div { dt { "The last run" } dd { "has not ended, or was cut off" } }
                    }
                    @if extent.torn_bytes > 0 {
                        @let torn = count(extent.torn_bytes, "byte", "bytes");
                        div { dt { "Incomplete at the end" } dd { (torn) "; the next run repairs it" } }
                    }
                }
                p { "Neither the ledger nor this page contains the text of a note." }
            }
        }
    }
}
