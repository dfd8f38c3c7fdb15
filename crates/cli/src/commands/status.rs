//! `status`: where a batch stands.

use std::io::Write;

use batchpost::shell::{holder, loads, look, nobody_can_have, wall};
use serde::Serialize;

use super::resolve;
use crate::args::{Output, Status};
use crate::config::Resolved;
use crate::exit;
use crate::finish::used;
use crate::next::{self, InUse, Left};
use crate::plain;
use crate::summary::{Summary, table, thousands};
use crate::words::{count, quoted};

/// The object that `--json` prints.
#[derive(Serialize)]
struct Standing {
    #[serde(flatten)]
    summary: Summary,
    /// The process of the run that is under way; none where there is none, or it cannot be told.
    under_way: Option<u32>,
}

pub(crate) fn status(status: &Status, config: &Resolved, output: &Output) -> anyhow::Result<u8> {
    let asked = wall();
    // Before the ledger is read: a run that ends in between is found to have ended.
    let holder = holder(&status.ledger);
    let nobody = holder.is_none() && nobody_can_have(&status.ledger);
    let (batch, extent) = look(&status.ledger)?;
    let in_use = holder.map(|holder| InUse::of(&batch, holder));
    // A run that began since then is not meant by it.
    let surely = nobody && batch.run.as_ref().is_some_and(|run| run.wall < asked);
    let counts = batch.counts();
    let stopped = batch.finish.as_ref().and_then(|finish| finish.stopped);
    let code = match (&batch.run, &batch.finish, in_use) {
        (.., Some(InUse::Run(_))) => exit::TRY_LATER,
        // Cut off with rows left: the next run goes on.
        (Some(_), None, _) if counts.pending + counts.failed > 0 => exit::TRY_LATER,
        _ => exit::of_batch(&counts, stopped, None),
    };
    let mut stdout = plain::stdout(output);
    if output.json {
        let under_way = if let Some(InUse::Run(process)) = in_use { Some(process) } else { None };
        let standing = Standing { summary: Summary::of_batch(&batch, &status.ledger), under_way };
        writeln!(stdout, "{}", serde_json::to_string(&standing)?)?;
        return Ok(code);
    }
    writeln!(stdout, "target: {}", batch.header.target)?;
    match &batch.run {
        None => writeln!(stdout, "no run yet")?,
        Some(run) => {
            let input = run.input.path.as_deref().unwrap_or("standard input");
            writeln!(stdout, "input:  {input}")?;
            let end = match (&batch.finish, stopped, in_use) {
                (None, _, Some(InUse::Run(process))) => format!("is under way (process {process})"),
                (None, _, Some(InUse::Other(_))) => "was cut off".to_owned(),
                (None, _, None) if surely => "was cut off".to_owned(),
                (None, _, None) => "has not ended, or was cut off".to_owned(),
                (Some(_), None, _) => "ended with nothing left to send".to_owned(),
                (Some(_), Some(stop), _) => format!("stopped: {stop}"),
            };
            writeln!(stdout, "run {}: begun {:.3}, {end}", run.run, run.wall)?;
            if let Some(by) = &run.by {
                let command: Vec<String> = by.command.iter().map(|word| quoted(word)).collect();
                writeln!(stdout, "by:     {}: {}", by.at(), command.join(" "))?;
            }
        }
    }
    if let Some(InUse::Other(process)) = in_use {
        writeln!(stdout, "in use: by process {process}, which is about to begin a run, or to decide about rows")?;
    }
    if let Some(run) = &batch.run {
        let target = &batch.header.target;
        let now = wall();
        for load in loads(&run.settings, target, resolve::state(&run.settings).as_deref()) {
            match run.settings.shares() {
                true => writeln!(stdout, "limit:  {} used", used(&load, now))?,
                false => writeln!(stdout, "limit:  {}", load.limit)?,
            }
        }
    }
    let blank = batch.reading.as_ref().map_or(0, |reading| reading.blank);
    write!(stdout, "{}", table(&counts, blank))?;
    if matches!(in_use, Some(InUse::Run(_))) && counts.in_doubt > 0 {
        writeln!(stdout, "in doubt are also the rows that it has sent, until their answers are recorded")?;
    }
    let (attempts, limited) = (count(batch.attempts, "attempt", "attempts"), thousands(batch.limited));
    writeln!(stdout, "{attempts}, {limited} of them limited")?;
    let (vanished, in_doubt) = batch.vanished();
    if vanished > 0 {
        let (vanished, in_doubt) = (count(vanished, "more job is", "more jobs are"), thousands(in_doubt));
        writeln!(stdout, "{vanished} no longer in the input, {in_doubt} of them in doubt")?;
    }
    if extent.torn_bytes > 0 {
        writeln!(stdout, "{} bytes at the end are torn; the next run sets them aside", extent.torn_bytes)?;
    }
    let file = batch.run.as_ref().is_some_and(|run| run.input.path.is_some());
    let cut_off = batch.run.is_some() && batch.finish.is_none();
    let again = &config.to_resume(&batch.header.target);
    let left = Left { ledger: &status.ledger, counts: &counts, stopped, cut_off, surely, in_use, file, again };
    write!(stdout, "{}", next::in_words(left))?;
    Ok(code)
}
