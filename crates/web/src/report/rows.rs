//! Rows that need a person's attention.

use batchpost::outcome::Outcome;
use batchpost::report::{Concern, Concerns, Overview};
use maud::{Markup, PreEscaped, html};

use super::table::Column::{Number, Text};
use super::table::{NOTHING, table};
use super::words::{Shown, moment, shown};
use super::{Page, chart};
use crate::visible::visible;
use crate::words::thousands;

/// The approximate maximum size of a table, for any length of reasons.
const MOST_BYTES: usize = 240_000;

/// Renders a table for each outcome that needs attention.
pub(super) fn all(page: &Page<'_>) -> Markup {
    let counts = Concerns::OUTCOMES.map(|outcome| (outcome, needing_attention(page.overview, outcome)));
    html! {
        @if counts.iter().all(|(_, rows)| *rows == 0) {
            p.empty { "No row is rejected, failed, in doubt, invalid or held." }
        } @else {
            p.note { "Numbered as the input was last read." }
        }
        @for (outcome, rows) in counts {
            @if rows > 0 { (section(page, outcome, rows)) }
        }
    }
}

/// Counts the rows of an outcome that need attention. Rows no longer in the input count only if they may have
/// been posted.
fn needing_attention(overview: &Overview, outcome: Outcome) -> u64 {
    let vanished = if outcome == Outcome::InDoubt { overview.vanished_in_doubt } else { 0 };
    overview.counts.of(outcome) + vanished
}

/// Renders as many of the rows as fit, and the command to get all of them.
fn section(page: &Page<'_>, outcome: Outcome, all: u64) -> Markup {
    let Shown { name, class, meaning } = shown(outcome);
    let columns = [Number("Row"), Number("Ticket"), Number("Attempts"), Text("Last change, UTC"), Text("Reason")];
    let (rows, listed) = as_many_as_fit(page.overview.concerns.of(outcome).map(row));
    html! {
        section.rows #(outcome.word()) {
            h3 { (chart::key(class)) (name) " " span.count { (thousands(all)) } }
            p.note { (meaning) "." }
            p.filter hidden {
                label { "Filter " input type="search" placeholder="row, ticket or reason"; } " " output {}
            }
            (table("stack", &columns, &rows))
            @if listed < all {
                p.more { "and " (thousands(all - listed)) " more: " code { ((page.export)(outcome)) } }
            }
        }
    }
}

/// Returns the first rows and their number. The size is measured on the rendered text.
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
            td.n data-is="ticket" { @if let Some(ticket) = &concern.ticket { (ticket) } @else { (NOTHING) } }
            td.n data-is="attempts" { (concern.attempts) }
            td.t { @if let Some(at) = concern.at { (moment(at)) } @else { (NOTHING) } }
            td.why dir="auto" {
                @if concern.reason.is_empty() { (NOTHING) } @else { (concern.reason) }
                @if concern.vanished { " " em { "no longer in the input" } }
                @else if !concern.row_is_current { " " em { "numbered by an earlier reading" } }
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
