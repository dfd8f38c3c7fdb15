//! `status`: the state of a batch.

use std::io::Write;

use batchpost::batch::{in_use, loads, look};
use batchpost::runtime::wall;
use serde::Serialize;

use super::resolve;
use crate::args::{Budget, Output, Status};
use crate::config::Resolved;
use crate::exit;
use crate::finish::used;
use crate::last_run::LastRun;
use crate::next::{self, Left};
use crate::plain;
use crate::summary::{Summary, table, thousands};
use crate::words::{count, quoted};

/// The object printed for `--json`.
#[derive(Serialize)]
struct BatchStatus {
    #[serde(flatten)]
    summary: Summary,
    /// The process of the active run; null if no run is active or that is unknown.
    under_way: Option<u32>,
}

pub(crate) fn status(status: &Status, config: &Resolved, output: &Output) -> anyhow::Result<u8> {
    let in_use = in_use(&status.ledger);
    let (batch, extent) = look(&status.ledger)?;
    let last_run = LastRun::of(&batch, in_use);
    let counts = batch.counts();
    let code = match last_run {
        LastRun::UnderWay { .. } => exit::TRY_LATER,
        // Rows are left, so the next run continues.
        LastRun::CutOff { .. } | LastRun::Unclear { .. } if counts.pending + counts.failed > 0 => exit::TRY_LATER,
        _ => exit::of_batch(&counts, last_run.stopped(), None),
    };
    let mut stdout = plain::stdout(output);
    if output.json {
        let summary = Summary::of_batch(&batch, &status.ledger);
        let status = BatchStatus { summary, under_way: last_run.under_way() };
        writeln!(stdout, "{}", serde_json::to_string(&status)?)?;
        return Ok(code);
    }
    writeln!(stdout, "target: {}", batch.header.target)?;
    match &batch.run {
        None => writeln!(stdout, "no run yet")?,
        Some(run) => {
            let input = run.input.path.as_deref().unwrap_or("standard input");
            writeln!(stdout, "input:  {input}")?;
            let end = match last_run {
                LastRun::UnderWay { process } => format!("is under way (process {process})"),
                LastRun::CutOff { .. } => "was cut off".to_owned(),
                LastRun::Unclear { in_use: None } => "has not ended, or was cut off".to_owned(),
                LastRun::Unclear { in_use: Some(process) } => {
                    format!("has not ended, or was cut off; in use by process {process}")
                }
                LastRun::Ended { stopped: None, .. } => "ended with nothing left to send".to_owned(),
                LastRun::Ended { stopped: Some(stop), .. } => format!("stopped: {stop}"),
            };
            writeln!(stdout, "run {}: started {:.3}, {end}", run.run, run.wall)?;
            if let Some(by) = &run.by {
                let command: Vec<String> = by.command.iter().map(|word| quoted(word)).collect();
                writeln!(stdout, "by:     {}: {}", by.at(), command.join(" "))?;
            }
        }
    }
    if let LastRun::Ended { in_use: Some(process), .. } | LastRun::CutOff { in_use: Some(process) } = last_run {
        writeln!(stdout, "in use: by process {process}, which is starting a run or settling rows")?;
    }
    if let Some(run) = &batch.run {
        let target = &batch.header.target;
        let now = wall();
        let state = resolve::state(&Budget::default())?.continuing(&batch);
        for load in loads(&run.settings, target, &state) {
            match run.settings.shares() {
                true => writeln!(stdout, "limit:  {} used", used(&load, now))?,
                false => writeln!(stdout, "limit:  {}", load.limit)?,
            }
        }
    }
    let blank = batch.reading.as_ref().map_or(0, |reading| reading.blank);
    write!(stdout, "{}", table(&counts, blank))?;
    if last_run.under_way().is_some() && counts.in_doubt > 0 {
        writeln!(stdout, "rows in flight count as in doubt until their replies are recorded")?;
    }
    let (attempts, limited) = (count(batch.attempts, "attempt", "attempts"), thousands(batch.limited));
    writeln!(stdout, "{attempts}, {limited} of them limited")?;
    let (vanished, in_doubt) = batch.vanished();
    if vanished > 0 {
        let (vanished, in_doubt) = (count(vanished, "more job is", "more jobs are"), thousands(in_doubt));
        writeln!(stdout, "{vanished} no longer in the input, {in_doubt} of them in doubt")?;
    }
    if extent.torn_bytes > 0 {
        writeln!(
            stdout,
            "{} bytes at the end are torn; the next run moves them to a separate file",
            extent.torn_bytes
        )?;
    }
    if extent.incomplete_settlements > 0 {
        writeln!(stdout, "{}", extent.incomplete_in_words())?;
    }
    let file = batch.run.as_ref().is_some_and(|run| run.input.path.is_some());
    let again = &config.to_resume(&batch.header.target);
    let left = Left { ledger: &status.ledger, counts: &counts, last_run, file, again };
    write!(stdout, "{}", next::in_words(left))?;
    Ok(code)
}
