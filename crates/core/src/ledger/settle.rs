//! Decisions of a person about rows: what may be decided, and the record of it.

use std::io::Read;

use super::batch::Batch;
use super::history::History;
use super::record::Settled;
use crate::export::{BOM, DECISION_COLUMN, KEY_COLUMN};
use crate::job::{Key, KeyMap};
use crate::outcome::Outcome;

/// What a person decides about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The note is there: somebody looked.
    Posted,
    /// It is to be sent, or sent again.
    ToDo,
    /// Nobody needs it.
    Waived,
    /// The last decision that stands is taken back.
    Undone,
}

impl std::str::FromStr for Decision {
    type Err = UnknownDecision;

    fn from_str(text: &str) -> Result<Self, UnknownDecision> {
        match text.trim().to_lowercase().as_str() {
            "posted" => Ok(Self::Posted),
            "to-do" | "to do" | "todo" => Ok(Self::ToDo),
            "waived" => Ok(Self::Waived),
            "undone" => Ok(Self::Undone),
            _ => Err(UnknownDecision(text.to_owned())),
        }
    }
}

/// A text is no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no decision; write posted, to-do or waived")]
pub struct UnknownDecision(String);

/// Why a row cannot be decided about so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// There is nothing in the ledger to decide about.
    #[error(
        "the ledger has no record of it: it was never attempted, or never in the input; if it is not to be sent, take it out \
         of the input"
    )]
    Unknown,
    /// It stands there already.
    #[error("it stands at {0} already")]
    Already(Outcome),
    /// The API said that the note was created.
    #[error("it is posted; sending it again would make a second note")]
    Posted,
    /// No note can be made of it.
    #[error("it is invalid: mend it in the input, or waive it")]
    Invalid,
    /// There is no decision to take back.
    #[error("no decision about it can be taken back: there is none, or it was sent since")]
    NothingToUndo,
}

/// The decision about the job `key`, as the ledger will have it.
///
/// # Errors
///
/// When the decision makes no sense for where the row stands.
pub fn settle(
    batch: &Batch,
    histories: &KeyMap<History>,
    key: Key,
    decision: Decision,
) -> Result<Settled, SettleError> {
    let (Some(standing), Some(history)) = (batch.standings.get(&key), histories.get(&key)) else {
        return Err(SettleError::Unknown);
    };
    let was = standing.outcome();
    let stands = match decision {
        Decision::Posted => Outcome::Posted,
        Decision::ToDo => Outcome::Pending,
        Decision::Waived => Outcome::Skipped,
        Decision::Undone => *history.decided_from.last().ok_or(SettleError::NothingToUndo)?,
    };
    if decision != Decision::Undone {
        match (was, stands) {
            (was, stands) if was == stands => return Err(SettleError::Already(was)),
            (Outcome::Posted, _) => return Err(SettleError::Posted),
            (Outcome::Invalid, Outcome::Posted | Outcome::Pending) => return Err(SettleError::Invalid),
            _ => {}
        }
    }
    Ok(Settled { row: history.row, key, was, stands })
}

/// Why a file of decisions cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionsError {
    /// It is no CSV.
    #[error("it cannot be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error("it has no column {0:?}; give back the file that `export` wrote, with the decisions filled in")]
    NoColumn(&'static str),
    /// A cell is no good.
    #[error("line {line}: {why}")]
    Cell {
        /// The line.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

/// The line on which a record begins. The reader's own count lacks the line feed that ends the record before.
fn line_of(bytes: &[u8], position: &csv::Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(bytes.len());
    let waiting = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + waiting.filter(|byte| **byte == b'\n').count() as u64
}

/// Reads the decisions that a person has filled into an exported file; rows without one are passed over.
///
/// # Errors
///
/// When the file or a decision in it cannot be read.
pub fn decisions(mut file: impl Read) -> Result<Vec<(Key, Decision)>, DecisionsError> {
    let mut whole = Vec::new();
    file.read_to_end(&mut whole).map_err(csv::Error::from)?;
    let bytes = whole.strip_prefix(BOM).unwrap_or(&whole);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let headers = reader.headers()?.clone();
    // The input may have had columns of the same names; those that `export` added come last.
    let column = |name: &'static str| {
        let places = headers.iter().enumerate().filter(|(_, header)| *header == name);
        places.map(|(place, _)| place).last().ok_or(DecisionsError::NoColumn(name))
    };
    let (key, decision) = (column(KEY_COLUMN)?, column(DECISION_COLUMN)?);
    let mut decisions = Vec::new();
    let mut lines: KeyMap<(Decision, u64)> = KeyMap::default();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, |position| line_of(bytes, position));
        let cell = |column: usize| record.get(column).unwrap_or_default().trim();
        if cell(decision).is_empty() {
            continue;
        }
        let bad = |why: String| DecisionsError::Cell { line, why };
        let key: Key = cell(key).parse().map_err(|error: crate::job::KeyError| bad(error.to_string()))?;
        let decision: Decision = cell(decision).parse().map_err(|error: UnknownDecision| bad(error.to_string()))?;
        match lines.insert(key, (decision, line)) {
            None => decisions.push((key, decision)),
            // A line that was copied says nothing new.
            Some((same, _)) if same == decision => {}
            Some((_, first)) => return Err(bad(format!("line {first} decides otherwise about the same row"))),
        }
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 2] = ["000000000000000000000000000000aa", "000000000000000000000000000000bb"];

    /// The decisions of a file with this first column, or what is wrong with it.
    fn read(rows: &[(&str, &str, &str)], end: &str) -> Result<Vec<(Key, Decision)>, String> {
        let rows: String = rows.iter().map(|(own, decision, key)| format!("{own},{decision},{key}{end}")).collect();
        let file = format!("\u{feff}own,decision,batchpost_key{end}{rows}");
        decisions(file.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_error_names_the_line_whatever_ends_the_lines() {
        for end in ["\n", "\r\n"] {
            let rows = [("a", "", KEYS[0]), ("\"two\nlines\"", "posted", KEYS[1]), ("c", "perhaps", KEYS[0])];
            assert!(read(&rows, end).unwrap_err().starts_with("line 5: \"perhaps\""), "{end:?} {:?}", read(&rows, end));
        }
    }

    #[test]
    fn a_row_is_decided_about_in_one_way() {
        let twice =
            |second| read(&[("a", "posted", KEYS[0]), ("b", "waived", KEYS[1]), ("a", second, KEYS[0])], "\r\n");
        assert_eq!(twice("posted").unwrap().len(), 2);
        assert_eq!(twice("").unwrap().len(), 2);
        assert_eq!(twice("to-do").unwrap_err(), "line 4: line 2 decides otherwise about the same row");
    }
}
