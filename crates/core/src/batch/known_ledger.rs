//! Ledgers that already record rows of the input.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Another ledger that records rows to send as posted or in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLedger {
    /// Its path.
    pub path: PathBuf,
    /// Number of these rows.
    pub rows: u64,
    /// When the first and the last of them were sent, in seconds since 1970.
    pub dates: Option<(u32, u32)>,
    /// Number of rows with the same name but other content in that ledger. They do not count as known.
    pub other_content: u64,
}

impl KnownLedger {
    /// The dates of the first and the last of them, as in `sent 2026-10-01 to 2026-10-03`.
    pub fn days(&self) -> Option<String> {
        self.dates.map(days)
    }
}

/// Lists the ledgers with their number of known rows and the dates on which these were sent.
pub(super) fn in_words(ledgers: &[KnownLedger]) -> String {
    const MOST_NAMED: usize = 5;
    let named = ledgers.iter().take(MOST_NAMED).map(|other| {
        let dates = other.dates.map(|dates| format!(", {}", days(dates))).unwrap_or_default();
        format!("{} ({}{dates})", other.path.display(), other.rows)
    });
    let named = named.collect::<Vec<_>>().join(", ");
    match ledgers.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named} and {more} more ledgers"),
    }
}

/// Formats the dates of two moments, in UTC.
fn days((first, last): (u32, u32)) -> String {
    let day = |at_s: u32| {
        let at = Timestamp::from_second(i64::from(at_s)).unwrap_or_default();
        at.to_zoned_datetime(TimeZone::UTC).date().to_string()
    };
    let (first, last) = (day(first), day(last));
    if first == last { format!("sent {first}") } else { format!("sent {first} to {last}") }
}
