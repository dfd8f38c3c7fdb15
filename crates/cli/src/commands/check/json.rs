//! The output of `check --json`.

use batchpost::batch::Prepared;
use batchpost::input::{IdShapes, Shape};
use batchpost::job::Position;
use batchpost::planning::{Lengths, ReadSummary, Reason, RowNote};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::requests;
use crate::finish::Finish;
use crate::summary::Summary;

#[derive(Serialize)]
pub(super) struct Checked<'a> {
    #[serde(flatten)]
    summary: Summary,
    format: &'a str,
    packed: bool,
    encoding: Option<&'a str>,
    likely_encoding: Option<&'static str>,
    delimiter: Option<&'a str>,
    sheet: Option<&'a str>,
    columns: &'a [String],
    ticket_column: &'a str,
    text_columns: &'a [String],
    key_column: Option<&'a str>,
    to_do: u64,
    blank: u64,
    duplicates: u64,
    duplicate_rows: Vec<RowPosition>,
    known_elsewhere: u64,
    run_will_refuse: Option<String>,
    ticket_shapes: Vec<TicketShape<'a>>,
    other_ticket_shapes: u64,
    text_bytes: Option<TextBytes>,
    invalid_reasons: Vec<InvalidReason<'a>>,
    other_invalid_rows: u64,
    invalid_rows: Vec<NotedRow<'a>>,
    held_rows: Vec<NotedRow<'a>>,
    first_requests: Vec<Box<RawValue>>,
    seconds: f64,
    done_at: Option<Timestamp>,
    nights: u32,
}

#[derive(Serialize)]
struct RowPosition {
    row: u64,
    line: u64,
}

impl From<Position> for RowPosition {
    fn from(position: Position) -> Self {
        Self { row: position.record, line: position.line }
    }
}

#[derive(Serialize)]
struct NotedRow<'a> {
    #[serde(flatten)]
    place: RowPosition,
    why: &'a str,
}

impl<'a> From<&'a RowNote> for NotedRow<'a> {
    fn from(note: &'a RowNote) -> Self {
        Self { place: note.position.into(), why: &note.what }
    }
}

#[derive(Serialize)]
struct InvalidReason<'a> {
    why: &'a str,
    rows: u64,
    first: Vec<RowPosition>,
}

impl<'a> From<&'a Reason> for InvalidReason<'a> {
    fn from(reason: &'a Reason) -> Self {
        let first = reason.first.iter().copied().map(RowPosition::from).collect();
        Self { why: &reason.what, rows: reason.rows, first }
    }
}

#[derive(Serialize)]
struct TicketShape<'a> {
    shape: &'a str,
    rows: u64,
    examples: &'a [String],
}

impl<'a> From<&'a Shape> for TicketShape<'a> {
    fn from(shape: &'a Shape) -> Self {
        Self { shape: &shape.pattern, rows: shape.count, examples: &shape.examples }
    }
}

#[derive(Serialize)]
struct TextBytes {
    shortest: usize,
    mean: u64,
    longest: usize,
    longest_at: RowPosition,
}

impl From<Lengths> for TextBytes {
    fn from(lengths: Lengths) -> Self {
        let Lengths { shortest, longest, longest_at, .. } = lengths;
        Self { shortest, mean: lengths.mean(), longest, longest_at: longest_at.into() }
    }
}

impl<'a> Checked<'a> {
    pub(super) fn new(
        prepared: &'a Prepared,
        read_summary: &'a ReadSummary,
        refusals: &[String],
        finish: &Finish,
    ) -> Self {
        let ledger = prepared.continues().then_some(prepared.run_request().ledger.as_path());
        let layout = prepared.layout();
        let mapping = prepared.mapping();
        Self {
            summary: Summary::of_prepared(prepared, read_summary.counts, ledger),
            format: &layout.format,
            packed: layout.packed,
            encoding: layout.encoding.as_deref(),
            likely_encoding: prepared.likely_encoding(),
            delimiter: layout.delimiter.as_deref(),
            sheet: layout.sheet.as_deref(),
            columns: &layout.columns,
            ticket_column: &mapping.ticket,
            text_columns: &mapping.text,
            key_column: mapping.key.as_deref(),
            to_do: read_summary.to_do,
            blank: read_summary.blank,
            duplicates: read_summary.duplicates,
            duplicate_rows: read_summary.repeats.iter().map(|note| note.position.into()).collect(),
            known_elsewhere: prepared.known(),
            ticket_shapes: prepared.tickets().into_iter().flat_map(IdShapes::shapes).map(TicketShape::from).collect(),
            run_will_refuse: (!refusals.is_empty()).then(|| refusals.join("; ")),
            other_ticket_shapes: prepared.tickets().map_or(0, |tickets| tickets.other),
            text_bytes: read_summary.profile.texts.map(TextBytes::from),
            invalid_reasons: read_summary.profile.reasons().map(InvalidReason::from).collect(),
            other_invalid_rows: read_summary.profile.other_defects,
            invalid_rows: read_summary.invalid.iter().map(NotedRow::from).collect(),
            held_rows: read_summary.held.iter().map(NotedRow::from).collect(),
            first_requests: requests(prepared.run_request(), read_summary).collect(),
            seconds: finish.time().as_secs_f64(),
            done_at: finish.done_at(),
            nights: finish.nights(),
        }
    }
}
