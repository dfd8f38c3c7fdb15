//! Rows that a person has to look at.

use batchpost::outcome::Outcome;
use batchpost::report::{Concern, Concerns, Overview};
use maud::{Markup, PreEscaped, html};

use super::words::{class, meaning, moment, outcome};
use super::{Page, chart};
use crate::visible::visible;
use crate::words::thousands;

/// No table is much larger, however long the reasons are.
const MOST_BYTES: usize = 240_000;

/// A table for each outcome that needs attention.
pub(super) fn all(page: &Page<'_>) -> Markup {
    let states = Concerns::OUTCOMES.map(|state| (state, needing_attention(page.overview, state)));
    html! {
        @if states.iter().all(|(_, rows)| *rows == 0) {
            p.empty { "No row is rejected, failed, in doubt, invalid or held." }
        } @else {
            p.note { "Numbered as the input was last read." }
        }
        @for (state, rows) in states {
            @if rows > 0 {
                (table(page, state, rows))
            }
        }
    }
}

/// How many rows of an outcome need attention. Those no longer in the input need it only if they may have been posted.
fn needing_attention(overview: &Overview, state: Outcome) -> u64 {
    let vanished = if state == Outcome::InDoubt { overview.vanished_in_doubt } else { 0 };
    overview.counts.of(state) + vanished
}

/// As many of the rows as there is room for, and how to get all of them.
fn table(page: &Page<'_>, state: Outcome, all: u64) -> Markup {
    let (rows, shown) = as_many_as_fit(page.overview.concerns.of(state).map(row));
    html! {
        section.rows #(state.word()) {
            h3 { (chart::key(class(state))) (outcome(state)) " " span.count { (thousands(all)) } }
            p.note { (meaning(state)) "." }
            p.filter hidden {
                label { "Filter " input type="search" placeholder="row, ticket or reason"; }
                " "
                output {}
            }
            table.stack {
                thead {
                    tr { th.n { "Row" } th.n { "Ticket" } th.n { "Attempts" } th { "Last said, UTC" } th { "Reason" } }
                }
                tbody { (rows) }
            }
            @if shown < all {
                p.more { "and " (thousands(all - shown)) " more: " code { ((page.export)(state)) } }
            }
        }
    }
}

/// The first rows and their number, measured as the page will show them.
fn as_many_as_fit(rows: impl Iterator<Item = Markup>) -> (Markup, u64) {
    let mut text = String::new();
    let mut count = 0;
    for row in rows {
        if text.len() > MOST_BYTES {
            break;
        }
        text += &visible(row).into_string();
        count += 1;
    }
    (PreEscaped(text), count)
}

fn row(concern: &Concern) -> Markup {
    html! {
        tr {
            td.n data-is="row" { (concern.row) }
            td.n data-is="ticket" { @if let Some(ticket) = &concern.ticket { (ticket) } @else { "–" } }
            td.n data-is="attempts" { (concern.attempts) }
            td.t { (concern.at.map_or_else(|| "–".to_owned(), moment)) }
            td.why dir="auto" {
                @if concern.reason.is_empty() { "–" } @else { (concern.reason) }
                @if concern.vanished {
                    " " em { "no longer in the input" }
                } @else if !concern.row_is_current {
                    " " em { "numbered by an earlier reading" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_full_of_invisible_characters_are_measured_by_their_codes() {
        let row = html! { td { ("\u{e0001}".repeat(400)) } };
        let (markup, count) = as_many_as_fit(std::iter::repeat_n(row, 1000));
        assert!(count < 70 && markup.0.len() < MOST_BYTES + 4000, "{count} rows, {} bytes", markup.0.len());
    }
}
