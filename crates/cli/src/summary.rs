//! The state of a batch, for people and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use batchpost::batch::{Prepared, RunReport};
use batchpost::ledger::Batch;
use batchpost::outcome::{Counts, Outcome, Stop};
use serde::Serialize;

pub(crate) use crate::words::thousands;

/// The object printed for `--json`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    pub(crate) ledger: Option<String>,
    pub(crate) rows: u64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    pub(crate) vanished: u64,
    pub(crate) vanished_in_doubt: u64,
    pub(crate) attempts: u64,
    pub(crate) limited: u64,
    #[serde(flatten)]
    pub(crate) run: Option<ThisRun>,
}

/// The members that a run adds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ThisRun {
    pub(crate) posted_now: u64,
    pub(crate) attempts_now: u64,
    pub(crate) limited_now: u64,
    pub(crate) elapsed_s: f64,
    pub(crate) stopped: Option<Stop>,
}

impl Summary {
    pub(crate) fn of_report(report: &RunReport, ledger: &Path) -> Self {
        Self {
            ledger: Some(ledger.display().to_string()),
            rows: report.counts.total(),
            counts: report.counts,
            vanished: report.vanished,
            vanished_in_doubt: report.vanished_in_doubt,
            attempts: report.attempts,
            limited: report.limited,
            run: Some(ThisRun {
                posted_now: report.posted_now,
                attempts_now: report.attempts_now,
                limited_now: report.limited_now,
                elapsed_s: (report.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
                stopped: report.stopped,
            }),
        }
    }

    pub(crate) fn of_batch(batch: &Batch, ledger: &Path) -> Self {
        let counts = batch.counts();
        let (vanished, vanished_in_doubt) = batch.vanished();
        Self {
            ledger: Some(ledger.display().to_string()),
            rows: counts.total(),
            counts,
            vanished,
            vanished_in_doubt,
            attempts: batch.attempts,
            limited: batch.limited,
            run: None,
        }
    }

    pub(crate) fn of_prepared(prepared: &Prepared, counts: Counts, ledger: Option<&Path>) -> Self {
        let (vanished, vanished_in_doubt) = prepared.vanished();
        let (attempts, limited) = prepared.attempts();
        Self {
            ledger: ledger.map(|path| path.display().to_string()),
            rows: counts.total(),
            counts,
            vanished,
            vanished_in_doubt,
            attempts,
            limited,
            run: None,
        }
    }

    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("counts and strings serialise")
    }
}

/// Formats the counts as a short table: the total, and each outcome that occurs. `blank` is the number of
/// skipped rows that are blank.
pub(crate) fn table(counts: &Counts, blank: u64) -> String {
    let blank = match blank {
        0 => String::new(),
        all if all == counts.skipped => "blank".to_owned(),
        some => format!("{} of them blank", thousands(some)),
    };
    let rows = if counts.total() == 1 { "row" } else { "rows" };
    let mut text = format!("{:>10}  {rows}\n", thousands(counts.total()));
    for outcome in Outcome::ALL.into_iter().filter(|outcome| counts.of(*outcome) > 0) {
        let (name, meaning) = match outcome {
            Outcome::Posted => ("posted", ""),
            Outcome::Rejected => ("rejected", "the API refused them; they are not sent again"),
            Outcome::Failed => ("failed", "attempts used up; the next run tries again"),
            Outcome::InDoubt => ("in doubt", "may or may not have been created; not sent again automatically"),
            Outcome::Pending => ("to do", ""),
            Outcome::Invalid => ("invalid", "cannot be posted; fix the sheet"),
            Outcome::Held => ("held", "waiting for a decision"),
            Outcome::Skipped => ("skipped", blank.as_str()),
        };
        let line = format!("{:>10}  {name:<9} {meaning}", thousands(counts.of(outcome)));
        writeln!(text, "{}", line.trim_end()).expect("memory takes writes");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_only_what_there_is() {
        let counts = Counts { posted: 1234, failed: 1, ..Counts::default() };
        assert_eq!(
            table(&counts, 0),
            "     1,235  rows\n     1,234  posted\n         1  failed    attempts used up; the next run tries again\n"
        );
    }

    #[test]
    fn what_is_skipped_for_being_blank_is_told_apart() {
        let skipped =
            |blank| table(&Counts { skipped: 1200, ..Counts::default() }, blank).lines().nth(1).unwrap().to_owned();
        assert_eq!(
            [0, 1100, 1200].map(skipped),
            ["     1,200  skipped", "     1,200  skipped   1,100 of them blank", "     1,200  skipped   blank"]
        );
    }
}
