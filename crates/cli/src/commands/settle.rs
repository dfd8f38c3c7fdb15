//! `settle`: records a person's decisions about rows.

mod refused;
mod rows;

use std::fs::File;
use std::io::{self, IsTerminal, Write};

use anyhow::{Context, bail};
use batchpost::batch::{self, InUse, Settling};
use batchpost::job::Key;
use batchpost::ledger::{Decided, Decision, SettleError, Settled, settle as decide};
use batchpost::outcome::Outcome;
use serde_json::json;
use tracing::warn;

use refused::Refused;

use super::run::answered_yes;
use crate::apis;
use crate::args::{Output, Settle};
use crate::config::Resolved;
use crate::exit;
use crate::last_run::LastRun;
use crate::next::{self, Left};
use crate::plain;
use crate::summary::thousands;
use crate::words::count;

/// Maximum number of rows shown; the others are only counted.
const MOST_SHOWN: usize = 20;

pub(crate) fn settle(settle: &Settle, config: &Resolved, output: &Output) -> anyhow::Result<u8> {
    let settling = Settling::open(&settle.ledger, &apis::of_ledger(&settle.ledger).target())?;
    let mut rows = Vec::new();
    let mut refused = Vec::new();
    let mut already = 0;
    let mut sent_since = Vec::new();
    for decided in chosen(settle, &settling)? {
        match decide(&settling.batch, &settling.histories, decided) {
            Ok(settled) => rows.push(settled),
            // A sheet may be passed again after more of its rows were decided.
            Err(SettleError::Already(_)) if settle.from.is_some() => already += 1,
            // The decision was already carried out, or is too late; repeating it could create a second note.
            Err(why @ SettleError::SentSince) => sent_since.push((decided.key, why)),
            Err(why) => refused.push((decided.key, why)),
        }
    }
    if !refused.is_empty() {
        let all = count(refused.len() as u64, "decision is", "decisions are");
        Refused::grouped(refused, &settling).iter().for_each(|alike| say!("{}", alike.in_words()));
        bail!("{all} not possible; nothing was changed");
    }
    let overtaken = sent_since.len() as u64;
    for alike in Refused::grouped(sent_since, &settling) {
        say!("{}; skipped; export them again to decide about them", alike.in_words());
    }
    if rows.is_empty() && already + overtaken == 0 {
        match (&settle.from, settle.state) {
            (Some(path), _) => {
                bail!("no decisions in {}; fill in its column `decision`: posted, to-do or waived", path.display())
            }
            (None, Some(state)) => bail!("no rows are in state `{state}`; nothing was changed"),
            (None, None) => bail!("no rows were selected; nothing was changed"),
        }
    }
    rows.sort_by_key(|row| (row.row, row.key));
    show(&rows, &settling);
    if !rows.is_empty() && !settle.yes && io::stdin().is_terminal() && io::stderr().is_terminal() {
        ask!("Settle {}? [y/N] ", count(rows.len() as u64, "row", "rows"));
        if !answered_yes(&mut io::stdin().lock())? {
            say!("nothing was changed");
            return Ok(exit::USAGE);
        }
    }
    let settled = rows.len();
    let nobody_else = InUse::Unused { at: batchpost::runtime::wall() };
    settling.record(&rows, settle.why.as_deref())?;
    let result = match output.json {
        true => {
            let ledger = settle.ledger.display().to_string();
            json!({ "ledger": ledger, "settled": settled, "already": already, "sent_since": overtaken }).to_string()
        }
        false => {
            let so = if already > 0 { format!(", {} already settled", thousands(already)) } else { String::new() };
            let next = if output.quiet { String::new() } else { next(settle, nobody_else, config) };
            format!("{} settled{so}\n{next}", count(settled as u64, "row", "rows")).trim_end().to_owned()
        }
    };
    // The decisions are recorded even if the result cannot be printed.
    if let Err(error) = writeln!(plain::stdout(output), "{result}") {
        warn!(%error, "the result could not be printed; the decisions are recorded, and `batchpost show` lists them");
    }
    Ok(0)
}

/// The next commands to suggest for the batch's new state. No other process had the ledger while the
/// decisions were recorded.
fn next(settle: &Settle, nobody_else: InUse, config: &Resolved) -> String {
    // The decisions are recorded even if the ledger cannot be read again.
    let Ok((batch, _)) = batch::look(&settle.ledger) else { return String::new() };
    let counts = batch.counts();
    next::in_words(Left {
        ledger: &settle.ledger,
        counts: &counts,
        last_run: LastRun::of(&batch, nobody_else),
        file: batch.run.as_ref().is_some_and(|run| run.input.path.is_some()),
        again: &config.to_resume(&batch.header.target),
    })
}

/// The selected rows and the decision about each.
fn chosen(settle: &Settle, settling: &Settling) -> anyhow::Result<Vec<Decided>> {
    if let Some(path) = &settle.from {
        let read = || format!("{}", path.display());
        return settling
            .decisions(File::open(path).with_context(read)?, &apis::of_ledger(&settle.ledger).target())
            .with_context(read);
    }
    let decision = match settle.decision {
        _ if settle.undo => Decision::Undone,
        Some(decision) => decision,
        None => bail!("no decision given; pass --as posted, to-do or waived"),
    };
    let outcome = |key: &Key| settling.batch.job_states.get(key).map(|job_state| job_state.outcome());
    if let Some(state) = settle.state {
        let never_attempted = settling.batch.job_states.iter().filter(|(key, job_state)| {
            job_state.outcome() == Outcome::Pending
                && !job_state.is_vanished()
                && !settling.histories.contains_key(*key)
        });
        if state == Outcome::Pending
            && let rows @ 1.. = never_attempted.count()
        {
            bail!(
                "{} of the rows to do were never attempted, so the ledger has no record of them; remove rows that must not be \
                 sent from the sheet, or select rows with --rows; nothing was changed",
                thousands(rows as u64)
            );
        }
        let all = settling.histories.keys().filter(|key| outcome(key) == Some(state));
        return Ok(all.map(|key| Decided::now(*key, decision)).collect());
    }
    if let Some(why) = &settling.numbered_by_ledger {
        // Even with --quiet: a number may now be another row's.
        say!("row numbers are those of the last reading of the input: {why}");
    }
    Ok(rows::of_numbers(&settle.rows, settling)?.into_iter().map(|key| Decided::now(key, decision)).collect())
}

fn show(rows: &[Settled], settling: &Settling) {
    for row in rows.iter().take(MOST_SHOWN) {
        let ticket = settling.histories.get(&row.key).and_then(|history| history.ticket.as_ref());
        let ticket = ticket.map(|ticket| format!(" ticket {ticket}")).unwrap_or_default();
        say!("row {}{ticket}: {} -> {}", row.row, row.was, row.outcome);
    }
    if rows.len() > MOST_SHOWN {
        say!("and {} more", thousands((rows.len() - MOST_SHOWN) as u64));
    }
}
