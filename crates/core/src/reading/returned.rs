//! Reads a sheet of decisions that was filled in by a person, and compares each row with the ledger.
//!
//! If the key column was sorted apart from the others, decisions would settle rows that nobody looked at. Therefore the
//! other columns of a row are compared too: its ticket and text, or its name, read as the last run read its input; for
//! a sheet that was exported from the ledger alone, its ticket and row number. A column that is missing from the sheet
//! is not compared.

use std::collections::HashMap;
use std::io::{self, Read};

use crate::export::{ADDED_COLUMNS, ATTEMPTS_COLUMN, DECISION_COLUMN, KEY_COLUMN, LEDGER_COLUMNS, unguard_str};
use crate::input::{Content, Format, InputError, Mapping, ReadAs, ReaderConfig, Rows, Table, TextError};
use crate::job::{Identity, Key, KeyError, KeyMap, Ticket};
use crate::ledger::{Batch, Contradiction, Decided, Decision, History, UnknownDecision};
use crate::outcome::Outcome;

/// Why a file of decisions cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionsError {
    /// The source failed.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is not a CSV.
    #[error("it cannot be read as CSV: {0}")]
    Csv(InputError),
    /// It is a workbook.
    #[error("it is a workbook; save it as CSV and pass that file")]
    Workbook,
    /// A column is missing.
    #[error("it has no column {0:?}; pass the file that `export` wrote, with the decisions filled in")]
    NoColumn(&'static str),
    /// A cell is invalid.
    #[error("line {line}: {why}")]
    Cell {
        /// The line.
        line: u64,
        /// The error.
        why: String,
    },
}

impl From<InputError> for DecisionsError {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Text(TextError::NotText) => Self::Workbook,
            InputError::MissingColumn { .. } | InputError::NoDelimiterFits { .. } => Self::NoColumn(KEY_COLUMN),
            error => Self::Csv(error),
        }
    }
}

/// The data that the rows of a sheet of decisions are compared with.
#[derive(Debug)]
pub struct Recorded<'a> {
    /// The batch of the ledger.
    pub batch: &'a Batch,
    /// The last known record of each job.
    pub histories: &'a KeyMap<History>,
    /// The identity that all notes share.
    pub identity: Identity,
    /// How the last run read its input. Without it, only a sheet that was exported from the ledger alone is compared.
    pub reader_config: Option<(ReaderConfig, ReadAs)>,
    /// The rows of the input by name, if a column names the jobs and the input exists: the content of a name may have
    /// changed since its last record.
    pub named: Option<KeyMap<NamedRow>>,
}

/// The content of a named row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRow {
    ticket: Ticket,
    content: Key,
}

/// Returns the rows of an input by name.
///
/// # Errors
///
/// If the input cannot be read.
pub fn named_rows<R: Read>(rows: &mut Rows<R>, identity: &Identity) -> Result<KeyMap<NamedRow>, InputError> {
    let mut named = KeyMap::default();
    while let Some(row) = rows.next()? {
        if let Content::Note { ticket, text, uncut, name: Some(name), fields } = row.content {
            let content = Key::of_note(identity, &ticket, uncut.as_ref().unwrap_or(&text), &fields);
            named.entry(Key::of_name(identity, &name)).or_insert(NamedRow { ticket, content });
        }
    }
    Ok(named)
}

/// Reads the decisions that a person entered into an exported file. Rows without a decision are skipped.
///
/// # Errors
///
/// If the file or a decision in it cannot be read.
pub fn decisions(mut file: impl Read, recorded: &Recorded<'_>) -> Result<Vec<Decided>, DecisionsError> {
    let mut whole = Vec::new();
    file.read_to_end(&mut whole)?;
    let mut table = Table::open(&whole, KEY_COLUMN)?;
    // The input may have had columns of the same names; those added by `export` come last.
    let column = |name: &'static str| table.column(name).ok_or(DecisionsError::NoColumn(name));
    let attempts_column = table.column(ATTEMPTS_COLUMN);
    let mut comparison = Comparison::of(&whole, &table, recorded);
    let [ticket, number] = comparison.columns;
    // A missing column gives empty cells: a sheet made by hand has no attempts.
    let optional = [attempts_column, ticket, number].map(|column| column.unwrap_or(usize::MAX));
    let columns = [column(KEY_COLUMN)?, column(DECISION_COLUMN)?, optional[0], optional[1], optional[2]];
    let mut decisions: Vec<Decided> = Vec::new();
    let mut lines: KeyMap<(usize, u64)> = KeyMap::default();
    while let Some((line, cells)) = table.next(columns)? {
        let content = comparison.next()?;
        let bad = |why: String| DecisionsError::Cell { line, why };
        let [key, decision, attempts, ticket, number] = cells.map_err(|broken| bad(broken.to_string()))?;
        if decision.trim().is_empty() {
            continue;
        }
        let key: Key = key.trim().parse().map_err(|error: KeyError| bad(error.to_string()))?;
        let decision: Decision = decision.trim().parse().map_err(|error: UnknownDecision| bad(error.to_string()))?;
        let attempts = attempts_column.map(|_| plain_number(&attempts).map_err(bad)).transpose()?;
        let contradicts = comparison.contradiction(key, &ticket, &number, content.as_ref());
        let decided = Decided { key, decision, attempts, contradicts };
        match lines.insert(key, (decisions.len(), line)) {
            None => decisions.push(decided),
            Some((at, first)) => {
                lines.insert(key, (at, first));
                let before = &mut decisions[at];
                // A copied line does not change anything.
                if (before.decision, before.attempts) != (decision, attempts) {
                    return Err(bad(format!("line {first} has another decision for the same row")));
                }
                before.contradicts = before.contradicts.or(contradicts);
            }
        }
    }
    Ok(decisions)
}

fn plain_number(cell: &str) -> Result<u32, String> {
    let cell = cell.trim();
    let is_plain = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    cell.parse().ok().filter(|_| is_plain).ok_or_else(|| {
        format!("{cell:?} is not a number of attempts; restore the column {ATTEMPTS_COLUMN:?} as `export` wrote it")
    })
}

/// What can be compared in a sheet.
struct Comparison<'a> {
    recorded: &'a Recorded<'a>,
    /// The columns of the ticket and of the row number, if they are compared.
    columns: [Option<usize>; 2],
    /// The rows of the sheet, read like those of the input.
    rows: Option<Rows<&'a [u8]>>,
    has_text: bool,
    /// Whether a character outside the sheet's encoding may have become a question mark or another character.
    is_lossy: bool,
    /// The number of jobs per ticket, computed on demand.
    jobs: Option<HashMap<&'a Ticket, u32>>,
}

impl<'a> Comparison<'a> {
    fn of(sheet: &'a [u8], table: &Table<'_>, recorded: &'a Recorded<'a>) -> Self {
        // Programs that write Unicode write a byte order mark, except for some that write UTF-8.
        let has_mark = [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"].iter().any(|mark| sheet.starts_with(mark));
        let is_lossy = !has_mark;
        let nothing = Self { recorded, columns: [None; 2], rows: None, has_text: false, is_lossy, jobs: None };
        if table.names().iter().map(String::as_str).eq(LEDGER_COLUMNS.into_iter().chain(ADDED_COLUMNS)) {
            return Self { columns: [Some(1), Some(0)], ..nothing };
        }
        let Some((reader_config, ReadAs { options, mapping })) = &recorded.reader_config else { return nothing };
        // The columns of the input come first.
        let Some(ticket) = table.names().iter().position(|name| *name == mapping.ticket) else { return nothing };
        let open = |mapping: &Mapping| {
            let reader_config = reader_config.for_export(table.options(sheet), mapping);
            Rows::open(sheet, &reader_config).ok()
        };
        let is_added = |name: &String| ADDED_COLUMNS.contains(&name.trim().to_lowercase().as_str());
        // A template renders a number of a JSON object differently from the cell that an export has for it.
        let is_of_objects = options.template.is_some() && matches!(options.format, Format::Json | Format::JsonLines);
        let has_same_text = !is_of_objects && !mapping.text.iter().chain(&mapping.key).any(is_added);
        let in_full = if has_same_text { open(mapping) } else { None };
        let has_text = in_full.is_some();
        // Only the ticket is compared; the text read for it is ignored.
        let ticket_alone = || {
            let (text, key) = (vec![KEY_COLUMN.to_owned()], None);
            open(&Mapping { ticket: mapping.ticket.clone(), text, key })
        };
        let rows = in_full.or_else(ticket_alone);
        Self { columns: [Some(ticket).filter(|_| rows.is_some()), None], rows, has_text, ..nothing }
    }

    /// Returns the next row of the sheet; `None` if no text is compared.
    fn next(&mut self) -> Result<Option<Content>, InputError> {
        let Some(rows) = &mut self.rows else { return Ok(None) };
        let row = rows.next()?;
        Ok(row.map(|row| row.content).filter(|_| self.has_text))
    }

    /// Returns how a row contradicts the ledger.
    fn contradiction(
        &mut self,
        key: Key,
        ticket: &str,
        number: &str,
        content: Option<&Content>,
    ) -> Option<Contradiction> {
        let history = self.recorded.histories.get(&key)?;
        let said = unguard_str(ticket.trim());
        let Some(rows) = &mut self.rows else {
            // The sheet was exported from the ledger alone, or nothing is compared.
            let [ticket, row] = self.columns;
            let theirs = history.ticket.as_ref().map(ToString::to_string).unwrap_or_default();
            let number = number.trim().parse().ok();
            let is_row = [history.row, history.recorded_row].map(Some).contains(&number);
            return if ticket.is_some() && said != theirs {
                Some(Contradiction::Ticket)
            } else {
                (row.is_some() && !is_row).then_some(Contradiction::Row)
            };
        };
        let named = self.recorded.named.as_ref().and_then(|named| named.get(&key));
        let theirs = named.map(|row| &row.ticket).or(history.ticket.as_ref());
        if let Some(theirs) = theirs
            && said != theirs.to_string()
            && rows.ticket_of(said).as_ref() != Some(theirs)
        {
            return Some(Contradiction::Ticket);
        }
        // For jobs that vanished from the input or changed since, an export has only the ticket.
        let job_state = self.recorded.batch.job_states.get(&key).filter(|job_state| !job_state.is_vanished())?;
        let Content::Note { ticket, text, uncut, name, fields } = content? else { return None };
        let identity = &self.recorded.identity;
        let content = Key::of_note(identity, ticket, uncut.as_ref().unwrap_or(text), fields);
        let own = name.as_ref().map_or(content, |name| Key::of_name(identity, name));
        let says_the_same = match named {
            Some(row) => own == key && row.content == content,
            None => own == key || self.is_repeat(key, own, ticket),
        };
        if says_the_same {
            return None;
        }
        if name.is_some() && own != key && !self.is_repeat(key, own, ticket) {
            return Some(Contradiction::Name);
        }
        // The row was invalid, and its cells may have been repaired in the sheet; or they belong to another row.
        let may_be_mended = job_state.outcome() == Outcome::Invalid || theirs.is_none();
        if may_be_mended && !self.recorded.histories.contains_key(&own) {
            return None;
        }
        let may_be_lost = self.is_lossy && (text.contains('?') || !text.is_ascii());
        (!may_be_lost).then_some(Contradiction::Text)
    }

    /// Whether `key` is that of a later row that is identical to the one with the key `own`.
    fn is_repeat(&mut self, key: Key, own: Key, ticket: &Ticket) -> bool {
        // The number of identical rows without a record that are considered besides those with one.
        const WITHOUT_RECORD: u32 = 64;
        let histories = self.recorded.histories;
        let jobs = self.jobs.get_or_insert_with(|| {
            let mut jobs = HashMap::new();
            histories.values().filter_map(|history| history.ticket.as_ref()).for_each(|ticket| {
                *jobs.entry(ticket).or_insert(0) += 1;
            });
            jobs
        });
        let most = jobs.get(ticket).copied().unwrap_or(0) + WITHOUT_RECORD;
        (1..most).any(|occurrence| own.occurrence(occurrence) == key)
    }
}

#[cfg(test)]
mod tests;
