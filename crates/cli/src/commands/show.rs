//! `show`: the outcome and history of rows, from the ledger alone.

use std::collections::BTreeMap;
use std::io::{self, Write};

use batchpost::batch::{LedgerView, in_use};
use batchpost::job::{Key, Ticket};
use batchpost::ledger::{CUT_OFF, Caller, Record, Settled};
use batchpost::outcome::{Outcome, VerdictWord};
use jiff::Timestamp;
use serde::Serialize;

use crate::apis;
use crate::args::{Output, Show};
use crate::last_run::LastRun;
use crate::plain;

/// A job and its history.
#[derive(Debug, Serialize)]
struct Row {
    row: u64,
    /// Whether the number is from the last reading. If not, the row may have moved since.
    row_is_current: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<Ticket>,
    key: Key,
    reference: String,
    outcome: Outcome,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    vanished: bool,
    history: Vec<Step>,
    /// The reason for its state, if the last step undid a decision and does not contain it.
    #[serde(skip)]
    as_before: Option<String>,
}

impl Row {
    /// Describes attempts without an end. They were cut off with their run, unless that run may still be
    /// active: only the `last` one may.
    fn mark_unfinished(&mut self, last: Option<(u32, LastRun)>) {
        for at in 0..self.history.len() {
            let has_end = self.history.get(at + 1).is_some_and(|next| next.verdict.is_some());
            let step = &mut self.history[at];
            if step.is_beginning() && !has_end {
                let of_last = last.filter(|(run, _)| step.run == Some(*run));
                let what = match of_last {
                    Some((_, LastRun::UnderWay { .. })) => "no reply is recorded yet",
                    Some((_, LastRun::Unclear { .. })) => "no reply is recorded: the run has not ended, or was cut off",
                    _ => CUT_OFF,
                };
                step.what = what.to_owned();
            }
        }
    }
}

/// One record about the job.
#[derive(Debug, Default, Serialize)]
struct Step {
    /// The run it belongs to; `None` before the first run, or for a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wall: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<VerdictWord>,
    what: String,
}

impl Step {
    /// Whether it is the start of an attempt.
    fn is_beginning(&self) -> bool {
        self.attempt.is_some() && self.verdict.is_none()
    }
}

pub(crate) fn show(show: &Show, output: &Output) -> anyhow::Result<u8> {
    let in_use = in_use(&show.ledger);
    let known = LedgerView::look(&show.ledger, &apis::of_ledger(&show.ledger).target(), |batch, key| {
        show.state.is_none_or(|state| batch.job_states.get(key).is_some_and(|job_state| job_state.outcome() == state))
    })?;
    let LedgerView { batch, histories, extent, .. } = &known;
    if extent.incomplete_settlements > 0 {
        say!("{}", extent.incomplete_in_words());
    }
    let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
    let (mut run, mut by) = (None, None);
    known.records(|record| {
        if let Record::Run(begun) = &record {
            (run, by) = (Some(begun.run), begun.by.as_ref().map(Caller::at));
        }
        let decided = matches!(record, Record::Settle(_));
        for (key, ticket, mut step) in steps(record) {
            let Some(history) = histories.get(&key) else { continue };
            let job_state = batch.job_states.get(&key).copied();
            let row = rows.entry(key).or_insert_with(|| Row {
                row: history.row,
                row_is_current: history.row_is_current,
                ticket: None,
                key,
                reference: key.reference(),
                outcome: job_state.map_or(Outcome::Pending, |job_state| job_state.outcome()),
                vanished: job_state.is_some_and(|job_state| job_state.is_vanished()),
                history: Vec::new(),
                as_before: history.undone.then(|| history.reason.clone()),
            });
            row.ticket = row.ticket.take().or(ticket);
            if !decided {
                (step.run, step.by) = (run, by.clone());
            }
            row.history.push(step);
        }
    })?;

    let mut rows: Vec<Row> = rows
        .into_values()
        .filter(|row| show.row.is_none_or(|wanted| row.row == wanted))
        .filter(|row| show.ticket.is_none_or(|wanted| row.ticket.as_ref().and_then(Ticket::as_number) == Some(wanted)))
        .collect();
    rows.sort_by_key(|row| (row.vanished, row.row));
    let last = run.map(|run| (run, LastRun::of(batch, in_use)));
    rows.iter_mut().for_each(|row| row.mark_unfinished(last));
    let mut stdout = plain::stdout(output);
    let whole = show.row.is_some() || show.ticket.is_some();
    for row in &rows {
        if output.json {
            writeln!(stdout, "{}", serde_json::to_string(row)?)?;
        } else {
            in_words(&mut stdout, row, whole)?;
        }
    }
    if rows.is_empty() && !output.json {
        say!("no rows match; rows never attempted and blank rows have no record in the ledger");
    }
    Ok(0)
}

/// The steps in a record: the job's key, its ticket if named, and what happened.
fn steps(record: Record) -> Vec<(Key, Option<Ticket>, Step)> {
    match record {
        Record::Intent(intent) => {
            let what = "about to be sent".to_owned();
            let step = Step { wall: Some(intent.wall), attempt: Some(intent.attempt), what, ..Step::default() };
            vec![(intent.key, Some(intent.ticket), step)]
        }
        Record::Outcome(end) => {
            let what = end.reply.unwrap_or_else(|| "created".to_owned());
            let (wall, attempt, verdict) = (Some(end.wall), Some(end.attempt), Some(end.verdict));
            let step = Step { wall, attempt, verdict, what, ..Step::default() };
            vec![(end.key, Some(end.ticket), step)]
        }
        Record::Excluded(excluded) => {
            // A salvaged record has no line.
            let line = if excluded.line > 0 { format!("line {}: ", excluded.line) } else { String::new() };
            let what = line + &excluded.why;
            vec![(excluded.key, excluded.ticket, Step { what, ..Step::default() })]
        }
        Record::Settle(settlement) => {
            let why = settlement.why.map(|why| format!(": {why}")).unwrap_or_default();
            let step = |row: &Settled| {
                let what = format!("settled from {} to {}{why}", row.was, row.outcome);
                let step = Step { wall: Some(settlement.wall), what, ..Step::default() };
                (row.key, None, step)
            };
            settlement.rows.iter().map(step).collect()
        }
        _ => Vec::new(),
    }
}

fn in_words(out: &mut impl Write, row: &Row, whole: bool) -> io::Result<()> {
    let ticket = row.ticket.as_ref().map(|ticket| format!(" ticket {ticket}")).unwrap_or_default();
    let vanished = match (row.vanished, row.row_is_current) {
        (true, _) => " (no longer in the input)",
        (false, false) => " (numbered by an earlier reading)",
        (false, true) => "",
    };
    let last = row.history.last().map(|step| step.what.as_str()).unwrap_or_default();
    if !whole {
        let why = row.as_before.as_ref().map_or_else(|| last.to_owned(), |why| format!("{why} (then {last})"));
        return writeln!(out, "row {}{ticket} {}{vanished}: {why}", row.row, row.outcome);
    }
    writeln!(out, "row {}{ticket} {}{vanished}, reference {}", row.row, row.outcome, row.reference)?;
    let mut run = None;
    for step in &row.history {
        if step.run.is_some() && step.run != run {
            let by = step.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            writeln!(out, "  run {}{by}:", step.run.unwrap_or_default())?;
        }
        run = step.run;
        let wall = step.wall.map(|wall| format!("{wall:.3} ")).unwrap_or_default();
        let colon = if step.is_beginning() { ":" } else { "" };
        let attempt = step.attempt.map(|attempt| format!("attempt {attempt}{colon} ")).unwrap_or_default();
        let verdict = step.verdict.map(|verdict| format!("{verdict}: ")).unwrap_or_default();
        writeln!(out, "  {wall}{attempt}{verdict}{}", step.what)?;
    }
    Ok(())
}
