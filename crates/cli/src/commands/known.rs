//! `known`: the ledgers whose rows are not posted again.

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use batchpost::batch::{NotedLedger, add_ledger, forget_ledger, known_ledgers};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{Budget, KnownArgs, KnownCommand, Output};
use crate::plain;
use crate::summary::thousands;

pub(crate) fn known(known: &KnownArgs, output: &Output) -> anyhow::Result<u8> {
    let (state_dir, shared_state_dir) = (known.state_dir.clone(), known.shared_state_dir.clone());
    let state = super::resolve::state_folder(&Budget { state_dir, shared_state_dir, ..Budget::default() })?;
    match &known.command {
        KnownCommand::List => list(&state, output)?,
        KnownCommand::Forget { ledgers } => ledgers.iter().try_for_each(|ledger| forget(&state, ledger, output))?,
        KnownCommand::Add { ledgers } => ledgers.iter().try_for_each(|ledger| add(&state, ledger, output))?,
    }
    Ok(0)
}

fn list(state: &Path, output: &Output) -> anyhow::Result<()> {
    let ledgers = known_ledgers(state)?;
    let mut out = plain::stdout(output);
    if output.json {
        for ledger in &ledgers {
            writeln!(out, "{}", serde_json::to_string(&Listed::from(ledger))?)?;
        }
        return Ok(());
    }
    if ledgers.is_empty() {
        writeln!(out, "no ledgers are listed in {}", state.display())?;
    }
    let mut account = None;
    for ledger in &ledgers {
        if account != Some(&ledger.account) {
            account = Some(&ledger.account);
            writeln!(out, "{}", ledger.account)?;
        }
        let rows = match ledger.rows {
            Some(rows) => format!("{} posted or in doubt{}", thousands(rows), days(ledger)),
            None => "not read yet".to_owned(),
        };
        let missing = if ledger.is_there { "" } else { "; the file is missing" };
        // A path that is not UTF-8 cannot be typed: `known forget` takes the id.
        let id = if ledger.path.to_str().is_none() { format!(" ({})", ledger.id) } else { String::new() };
        writeln!(out, "  {}{id}  {rows}{missing}", ledger.path.display())?;
    }
    Ok(())
}

fn days(ledger: &NotedLedger) -> String {
    let day = |at_s: u32| Timestamp::from_second(at_s.into()).map(|at| at.strftime("%Y-%m-%d").to_string());
    match ledger.dates.map(|(first, last)| (day(first), day(last))) {
        Some((Ok(first), Ok(last))) if first == last => format!(", {first}"),
        Some((Ok(first), Ok(last))) => format!(", {first} to {last}"),
        _ => String::new(),
    }
}

fn forget(state: &Path, ledger: &str, output: &Output) -> anyhow::Result<()> {
    let forgotten = forget_ledger(state, ledger)?;
    if forgotten.is_empty() {
        bail!("{ledger} is not listed in {}; `batchpost known list` names the ledgers", state.display());
    }
    let mut out = plain::stdout(output);
    for path in forgotten {
        writeln!(
            out,
            "forgotten: {}; rows recorded as posted or in doubt only there can be posted again",
            path.display()
        )?;
    }
    Ok(())
}

fn add(state: &Path, ledger: &Path, output: &Output) -> anyhow::Result<()> {
    add_ledger(state, ledger).with_context(|| format!("{} was not added", ledger.display()))?;
    writeln!(plain::stdout(output), "added: {}", ledger.display())?;
    Ok(())
}

/// A line printed by `known list --json`.
#[derive(Serialize)]
struct Listed<'a> {
    account: &'a str,
    path: Cow<'a, str>,
    ledger: String,
    added: Timestamp,
    is_there: bool,
    rows: Option<u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl<'a> From<&'a NotedLedger> for Listed<'a> {
    fn from(ledger: &'a NotedLedger) -> Self {
        let at = |at_s: u32| Timestamp::from_second(at_s.into()).ok();
        Self {
            account: &ledger.account,
            path: ledger.path.to_string_lossy(),
            ledger: ledger.id.to_string(),
            added: ledger.added,
            is_there: ledger.is_there,
            rows: ledger.rows,
            first: ledger.dates.and_then(|(first, _)| at(first)),
            last: ledger.dates.and_then(|(_, last)| at(last)),
        }
    }
}
