//! Decisions of a person about rows: what may be decided, and the record of it.

use std::io::{self, Read};

use jiff::Timestamp;

use super::batch::Batch;
use super::history::History;
use super::record::{Part, Record, Settled, Settlement};
use crate::export::{ATTEMPTS_COLUMN, DECISION_COLUMN, KEY_COLUMN};
use crate::input::{InputError, Table};
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

/// What a person decides, and about which row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// The row's job.
    pub key: Key,
    /// What is decided.
    pub decision: Decision,
    /// The attempts that had been made when it was, where that is known. What was sent since is another matter.
    pub attempts: Option<u32>,
}

impl Decided {
    /// A decision by what the ledger knows now.
    pub fn now(key: Key, decision: Decision) -> Self {
        Self { key, decision, attempts: None }
    }
}

/// A text is no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no decision; write posted, to-do or waived")]
pub struct UnknownDecision(String);

/// Why a row cannot be decided about so: in words that follow its number, or those of several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// There is nothing in the ledger to decide about.
    #[error(
        "no record in the ledger: never attempted, or never in the input; if it is not to be sent, take it out of the input"
    )]
    Unknown,
    /// It stands there already.
    #[error("{0} already")]
    Already(Outcome),
    /// The decision was made before the last attempt: it is about what was known then.
    #[error("sent since the sheet was exported, so that its decision may no longer hold")]
    SentSince,
    /// The API said that the note was created.
    #[error("posted; to send that again would make a second note")]
    Posted,
    /// No note can be made of it.
    #[error("invalid: mend that in the input, or waive it")]
    Invalid,
    /// There is no decision to take back.
    #[error("no decision that can be taken back: there is none, or it was sent since")]
    NothingToUndo,
}

/// A decision, as the ledger will have it.
///
/// # Errors
///
/// When the decision makes no sense for where the row stands, or the row was sent since it was made.
pub fn settle(batch: &Batch, histories: &KeyMap<History>, decided: Decided) -> Result<Settled, SettleError> {
    let Decided { key, decision, attempts } = decided;
    let (Some(standing), Some(history)) = (batch.standings.get(&key), histories.get(&key)) else {
        return Err(SettleError::Unknown);
    };
    if attempts.is_some_and(|attempts| attempts != standing.attempts()) {
        return Err(SettleError::SentSince);
    }
    let was = standing.outcome();
    let stands = match decision {
        Decision::Posted => Outcome::Posted,
        Decision::ToDo => Outcome::Pending,
        Decision::Waived => Outcome::Skipped,
        Decision::Undone => history.decided_from.last().ok_or(SettleError::NothingToUndo)?.stood,
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

/// So many rows have room in one record, whatever was said of them: one has about a hundred bytes.
const ROWS_A_RECORD: usize = 4096;

/// What is recorded of decisions about `rows`: one record, or several that count together.
pub fn settlement(wall: Timestamp, why: Option<&str>, rows: &[Settled]) -> Vec<Record> {
    in_records_of(ROWS_A_RECORD, wall, why, rows)
}

pub(super) fn in_records_of(rows_a_record: usize, wall: Timestamp, why: Option<&str>, rows: &[Settled]) -> Vec<Record> {
    let parts = rows.chunks(rows_a_record);
    let of = u32::try_from(parts.len()).expect("a batch has fewer rows than that");
    let part = |number| (of > 1).then_some(Part { number, of });
    let record = |(number, rows): (u32, &[Settled])| {
        let (why, rows) = (why.map(str::to_owned), rows.to_vec());
        Record::Settle(Settlement { wall, part: part(number), why, rows })
    };
    (1..).zip(parts).map(record).collect()
}

/// Why a file of decisions cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionsError {
    /// The source failed.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is no CSV.
    #[error("it cannot be read as CSV: {0}")]
    Csv(InputError),
    /// A spreadsheet program's own file.
    #[error("it is a workbook; save it as CSV, by whatever delimiter, and give that file")]
    Workbook,
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

impl From<InputError> for DecisionsError {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Spreadsheet => Self::Workbook,
            InputError::MissingColumn { .. } | InputError::NoDelimiterFits { .. } => Self::NoColumn(KEY_COLUMN),
            error => Self::Csv(error),
        }
    }
}

/// Reads the decisions that a person has filled into an exported file; rows without one are passed over.
///
/// # Errors
///
/// When the file or a decision in it cannot be read.
pub fn decisions(mut file: impl Read) -> Result<Vec<Decided>, DecisionsError> {
    let mut whole = Vec::new();
    file.read_to_end(&mut whole)?;
    let mut table = Table::open(&whole, KEY_COLUMN)?;
    // The input may have had columns of the same names; those that `export` added come last.
    let column = |name: &'static str| table.column(name).ok_or(DecisionsError::NoColumn(name));
    // Whoever made the sheet by hand knows of no attempts, and a column that is not there has no cells.
    let attempts = table.column(ATTEMPTS_COLUMN).unwrap_or(usize::MAX);
    let columns = [column(KEY_COLUMN)?, column(DECISION_COLUMN)?, attempts];
    let mut decisions = Vec::new();
    let mut lines: KeyMap<(Decision, u64)> = KeyMap::default();
    while let Some((line, cells)) = table.next(columns)? {
        let bad = |why: String| DecisionsError::Cell { line, why };
        let [key, decision, attempts] = cells.map_err(|broken| bad(broken.to_string()))?;
        if decision.trim().is_empty() {
            continue;
        }
        let key: Key = key.trim().parse().map_err(|error: crate::job::KeyError| bad(error.to_string()))?;
        let decision: Decision = decision.trim().parse().map_err(|error: UnknownDecision| bad(error.to_string()))?;
        match lines.insert(key, (decision, line)) {
            None => decisions.push(Decided { key, decision, attempts: attempts.trim().parse().ok() }),
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
    fn read(rows: &[(&str, &str, &str)], end: &str) -> Result<Vec<Decided>, String> {
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
    fn a_sheet_is_read_as_spreadsheet_programs_save_it() {
        let csv = format!("Größe,decision,batchpost_key\n\"a;b\",posted,{}\n,,{}\n", KEYS[0], KEYS[1]);
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        for file in [
            csv.clone().into_bytes(),
            csv.replace(',', ";").into_bytes(),
            format!("sep=;\n{}", csv.replace(',', ";")).into_bytes(),
            [b"\xff\xfe".to_vec(), utf16(&csv.replace(',', "\t"))].concat(),
            // As Excel's windows-1252.
            csv.replace(',', ";").chars().map(|c| u8::try_from(c).unwrap()).collect(),
        ] {
            let read = decisions(&file[..]).map_err(|error| error.to_string());
            assert_eq!(read, Ok(vec![Decided::now(KEYS[0].parse().unwrap(), Decision::Posted)]), "{file:?}");
        }
    }

    #[test]
    fn a_file_that_has_no_decisions_says_what_to_give_instead() {
        let refused = |file: &[u8]| decisions(file).unwrap_err().to_string();
        assert!(refused(b"PK\x03\x04").contains("save it as CSV"));
        for file in [&b"Ticket,Text\n1,a\n"[..], b"Ticket;a,b\n", b"decision\n"] {
            assert!(refused(file).contains("no column \"batchpost_key\""), "{}", refused(file));
        }
        assert!(refused(b"batchpost_key\n").contains("no column \"decision\""));
        assert!(refused(b"").contains("no header line"), "{}", refused(b""));
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
