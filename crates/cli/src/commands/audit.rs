//! `audit`: what the ledger proves about the limits and counts.

use std::io::{self, Write};
use std::time::Duration;

use batchpost::batch;
use batchpost::ledger::{Audit as Found, LimitAudit, Proof, SetBack};
use serde::Serialize;

use crate::args::{Audit, Output};
use crate::plain;
use crate::words::{count, proof};

/// The object printed for `--json`.
#[derive(Serialize)]
struct Audited<'a> {
    holds: bool,
    runs: u64,
    attempts: u64,
    limits: Vec<AuditedLimit>,
    set_back: Vec<AuditedSetBack>,
    problems: &'a [String],
}

#[derive(Serialize)]
struct AuditedLimit {
    limit: String,
    peak_in_a_run: u32,
    peak: u32,
    peak_at_least: u32,
    /// The record of the last attempt in the fullest window.
    fullest: u64,
    /// The share of the possible rate that was used; null if no run filled a window.
    used: Option<f64>,
}

#[derive(Serialize)]
struct AuditedSetBack {
    run: u32,
    by_s: f64,
}

pub(crate) fn audit(audit: &Audit, output: &Output) -> anyhow::Result<u8> {
    let found = batch::audit(&audit.ledger)?;
    let mut stdout = plain::stdout(output);
    if output.json {
        let limit = |limit: &LimitAudit| AuditedLimit {
            limit: limit.limit.to_string(),
            peak_in_a_run: limit.peak_in_a_run,
            peak: limit.peak,
            peak_at_least: limit.peak_at_least,
            fullest: limit.fullest,
            used: limit.used(),
        };
        let set_back = |step: &SetBack| AuditedSetBack { run: step.run, by_s: step.by.as_secs_f64() };
        let audited = Audited {
            holds: found.holds(),
            runs: found.runs,
            attempts: found.attempts,
            limits: found.limits.iter().map(limit).collect(),
            set_back: found.set_back.iter().map(set_back).collect(),
            problems: &found.problems,
        };
        writeln!(stdout, "{}", serde_json::to_string(&audited)?)?;
    } else {
        in_words(&mut stdout, &found)?;
    }
    Ok(u8::from(!found.holds()))
}

fn in_words(out: &mut impl Write, found: &Found) -> io::Result<()> {
    writeln!(out, "{} in {}", count(found.attempts, "attempt", "attempts"), count(found.runs, "run", "runs"))?;
    for limit in &found.limits {
        in_words_of(out, limit, found.runs)?;
    }
    for step in &found.set_back {
        let by = humantime::format_duration(Duration::from_millis(step.by.as_millis() as u64));
        writeln!(
            out,
            "run {}: the wall clock was {by} before the previous run's end; the time between the two is not counted",
            step.run
        )?;
    }
    if found.problems.is_empty() {
        writeln!(out, "every row has one outcome, and the sums match")?;
    }
    for problem in &found.problems {
        writeln!(out, "{problem}")?;
    }
    Ok(())
}

fn in_words_of(out: &mut impl Write, limit: &LimitAudit, runs: u64) -> io::Result<()> {
    let found = proof(limit.proof());
    write!(out, "limit {} {found}: at most {} in a window of one run", limit.limit, limit.peak_in_a_run)?;
    if runs > 1 {
        write!(out, ", {} across runs", limit.peak)?;
    }
    if !limit.held() {
        write!(out, ", the last of them in record {}", limit.fullest)?;
    }
    if limit.proof() == Proof::Open {
        write!(out, "; attempts without an outcome count until one time-out after the next run's start")?;
    }
    if let Some(used) = limit.used() {
        write!(out, "; {:.0} % of the possible rate was used", used * 100.0)?;
    }
    writeln!(out)
}
