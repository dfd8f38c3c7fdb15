//! Exports rows as a spreadsheet with the outcome of each.

use std::io::{Read, Write};

use crate::export::{ADDED_COLUMNS, BOM, LEDGER_COLUMNS, guard};
use crate::input::{Delimiter, InputError, ReadAs, Rows};
use crate::job::{Identity, Key, KeyMap};
use crate::ledger::{Batch, History, JobState};
use crate::outcome::Outcome;
use crate::planning::RowKeys;

/// Why an export cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The file cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(#[from] csv::Error),
}

/// Writes the rows whose outcome is in `wanted` with their own columns; returns their number. The delimiter is a
/// semicolon if that of the input is one.
///
/// # Errors
///
/// If the input cannot be read, or `out` cannot be written.
pub fn export_input<R: Read, W: Write>(
    rows: &mut Rows<R>,
    identity: Identity,
    batch: &mut Batch,
    histories: &KeyMap<History>,
    wanted: &[Outcome],
    out: W,
) -> Result<u64, ExportError> {
    let delimiter = rows.delimiter().unwrap_or(COMMA);
    let mut out = writer(out, delimiter)?;
    let columns: Vec<String> = rows.columns().to_vec();
    out.write_record(columns.iter().map(String::as_bytes).chain(ADDED_COLUMNS.map(str::as_bytes)))?;
    let mut keys = RowKeys::new(identity, batch);
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let Some((key, job_state)) = keys.enter(&row, batch) else { continue };
        if !wanted.contains(&job_state.outcome()) {
            continue;
        }
        count += 1;
        let mut cells = rows.cells();
        // Cells split off by an unquoted delimiter are joined to the last cell again, where they most likely belong.
        let surplus = cells.split_off(cells.len().min(columns.len()));
        if let Some(last) = cells.last_mut() {
            surplus.iter().for_each(|cell| last.extend_from_slice(&[&[delimiter], cell.as_slice()].concat()));
        }
        cells.resize(columns.len(), Vec::new());
        out.write_record(
            cells.into_iter().chain(added(key, job_state, histories.get(&key))).map(|cell| guard(&cell).into_owned()),
        )?;
    }
    // A job that vanished from the input may still need a decision. Of its own cells, only the ticket is known.
    let ticket_column = columns.iter().position(|column| *column == rows.mapping().ticket);
    let mut vanished: Vec<(Key, &History, JobState)> = recorded(batch, histories, wanted);
    vanished.retain(|(_, _, job_state)| job_state.is_vanished());
    for (key, history, job_state) in &vanished {
        let mut cells = vec![Vec::new(); columns.len()];
        if let (Some(column), Some(ticket)) = (ticket_column, &history.ticket) {
            cells[column] = ticket.to_string().into_bytes();
        }
        let cells = cells.into_iter().chain(added(*key, *job_state, Some(history)));
        out.write_record(cells.map(|cell| guard(&cell).into_owned()))?;
    }
    out.flush().map_err(csv::Error::from)?;
    Ok(count + vanished.len() as u64)
}

/// Writes the jobs whose outcome is in `wanted` with the data of the ledger alone; returns their number. The delimiter
/// is a semicolon if the last run's options set that.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn export_ledger<W: Write>(
    batch: &Batch,
    histories: &KeyMap<History>,
    wanted: &[Outcome],
    out: W,
) -> Result<u64, ExportError> {
    let delimiter = batch.run.as_ref().and_then(|run| ReadAs::of(&run.input).ok()?.options.delimiter);
    let mut out = writer(out, delimiter.map_or(COMMA, Delimiter::byte))?;
    out.write_record(LEDGER_COLUMNS.into_iter().chain(ADDED_COLUMNS))?;
    let found = recorded(batch, histories, wanted);
    for (key, history, job_state) in &found {
        let ticket = history.ticket.as_ref().map(ToString::to_string).unwrap_or_default();
        let own = [history.row.to_string().into_bytes(), ticket.into_bytes()];
        out.write_record(
            own.into_iter().chain(added(*key, *job_state, Some(history))).map(|cell| guard(&cell).into_owned()),
        )?;
    }
    out.flush().map_err(csv::Error::from)?;
    Ok(found.len() as u64)
}

const COMMA: u8 = b',';
const SEMICOLON: u8 = b';';

/// Excel splits a CSV at semicolons where it also writes them, as in most of Europe, and at commas elsewhere. It never
/// splits at other delimiters that an input may have.
fn writer<W: Write>(mut out: W, of_input: u8) -> Result<csv::Writer<W>, ExportError> {
    out.write_all(BOM).map_err(csv::Error::from)?;
    let delimiter = if of_input == SEMICOLON { SEMICOLON } else { COMMA };
    Ok(csv::WriterBuilder::new().delimiter(delimiter).terminator(csv::Terminator::CRLF).from_writer(out))
}

fn added(key: Key, job_state: JobState, history: Option<&History>) -> [Vec<u8>; ADDED_COLUMNS.len()] {
    let reason = history.map(|history| history.reason.clone()).unwrap_or_default();
    let at = history.and_then(|history| history.at).map(|at| at.to_string()).unwrap_or_default();
    let cells =
        [job_state.outcome().to_string(), reason, job_state.attempts().to_string(), at, String::new(), key.to_string()];
    cells.map(String::into_bytes)
}

/// Returns the recorded jobs whose outcome is in `wanted`, in row order.
fn recorded<'a>(
    batch: &Batch,
    histories: &'a KeyMap<History>,
    wanted: &[Outcome],
) -> Vec<(Key, &'a History, JobState)> {
    let mut found: Vec<(Key, &History, JobState)> = histories
        .iter()
        .filter_map(|(key, history)| Some((*key, history, *batch.job_states.get(key)?)))
        .filter(|(_, _, job_state)| wanted.contains(&job_state.outcome()))
        .collect();
    found.sort_by_key(|(key, history, _)| (history.row, *key));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Format, Options};
    use crate::ledger::{Header, LedgerId};

    #[test]
    fn what_an_unquoted_delimiter_split_off_is_exported_as_it_stood() {
        for (sheet, wanted) in [
            ("ticket;text\n1;hello; world;\n", "1;\"hello; world;\";pending"),
            ("ticket,text\n1,hello, world\n", "1,\"hello, world\",pending"),
            ("ticket|text\n1|\n", "1,,pending"),
        ] {
            let mut out = Vec::new();
            let (histories, wanted_outcomes) = (KeyMap::default(), [Outcome::Pending]);
            let mut batch = Batch::new(header());
            let identity = Identity::of("t");
            let mut rows = Rows::open(sheet.as_bytes(), &Options::new(Format::Csv).into()).unwrap();
            export_input(&mut rows, identity, &mut batch, &histories, &wanted_outcomes, &mut out).unwrap();
            let exported = String::from_utf8(out).unwrap();
            assert!(exported.lines().nth(1).unwrap().starts_with(wanted), "{exported}");
        }
    }

    fn header() -> Header {
        Header {
            version: 1,
            id: LedgerId(1),
            key_scheme: 1,
            tool: "test".to_owned(),
            api: None,
            target: "t".to_owned(),
            wall: jiff::Timestamp::UNIX_EPOCH,
        }
    }
}
