//! `status`: where a batch stands.

use std::io::Write;

use batchpost::shell::{loads, look, wall};

use super::resolve;
use crate::args::{Output, Status};
use crate::config::Resolved;
use crate::exit;
use crate::finish::used;
use crate::next::{self, Left};
use crate::plain;
use crate::summary::{Summary, table, thousands};
use crate::words::{count, quoted};

pub(crate) fn status(status: &Status, config: &Resolved, output: &Output) -> anyhow::Result<u8> {
    let (batch, extent) = look(&status.ledger)?;
    let counts = batch.counts();
    let stopped = batch.finish.as_ref().and_then(|finish| finish.stopped);
    let code = match (&batch.run, &batch.finish) {
        // Cut off with rows left: the next run goes on.
        (Some(_), None) if counts.pending + counts.failed > 0 => exit::TRY_LATER,
        _ => exit::of_batch(&counts, stopped, None),
    };
    let mut stdout = plain::stdout(output);
    if output.json {
        writeln!(stdout, "{}", Summary::of_batch(&batch, &status.ledger).json())?;
        return Ok(code);
    }
    writeln!(stdout, "target: {}", batch.header.target)?;
    match &batch.run {
        None => writeln!(stdout, "no run yet")?,
        Some(run) => {
            let input = run.input.path.as_deref().unwrap_or("standard input");
            writeln!(stdout, "input:  {input}")?;
            let end = match (&batch.finish, stopped) {
                (None, _) => "has not ended, or was cut off".to_owned(),
                (Some(_), None) => "ended with nothing left to send".to_owned(),
                (Some(_), Some(stop)) => format!("stopped: {stop}"),
            };
            writeln!(stdout, "run {}: begun {:.3}, {end}", run.run, run.wall)?;
            if let Some(by) = &run.by {
                let command: Vec<String> = by.command.iter().map(|word| quoted(word)).collect();
                writeln!(stdout, "by:     {}: {}", by.at(), command.join(" "))?;
            }
        }
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
    write!(stdout, "{}", table(&counts))?;
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
    let left = Left { ledger: &status.ledger, counts: &counts, stopped, cut_off, file, again };
    write!(stdout, "{}", next::in_words(left))?;
    Ok(code)
}
