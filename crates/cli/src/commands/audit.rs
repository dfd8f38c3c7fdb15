//! `audit`: what the ledger proves.

use std::io::{self, Write};

use batchpost::ledger::Audit as Found;
use batchpost::shell;
use serde::Serialize;

use crate::args::{Audit, Output};
use crate::summary::thousands;

/// What `--json` prints.
#[derive(Serialize)]
struct Audited<'a> {
    holds: bool,
    runs: u64,
    attempts: u64,
    limits: Vec<AuditedLimit>,
    problems: &'a [String],
}

#[derive(Serialize)]
struct AuditedLimit {
    limit: String,
    peak_in_a_run: u32,
    peak: u32,
}

pub(crate) fn audit(audit: &Audit, output: &Output) -> anyhow::Result<u8> {
    let found = shell::audit(&audit.ledger)?;
    let mut stdout = io::stdout().lock();
    if output.json {
        let limit = |limit: &batchpost::ledger::LimitAudit| AuditedLimit {
            limit: limit.limit.to_string(),
            peak_in_a_run: limit.peak_in_a_run,
            peak: limit.peak,
        };
        let audited = Audited {
            holds: found.holds(),
            runs: found.runs,
            attempts: found.attempts,
            limits: found.limits.iter().map(limit).collect(),
            problems: &found.problems,
        };
        writeln!(stdout, "{}", serde_json::to_string(&audited)?)?;
    } else {
        in_words(&mut stdout, &found)?;
    }
    Ok(u8::from(!found.holds()))
}

fn in_words(out: &mut impl Write, found: &Found) -> io::Result<()> {
    writeln!(out, "{} attempts in {} runs", thousands(found.attempts), thousands(found.runs))?;
    for limit in &found.limits {
        let verdict = if limit.held() { "held" } else { "may have been exceeded" };
        writeln!(
            out,
            "limit {} {verdict}: at most {} in a window of one run, {} across runs",
            limit.limit, limit.peak_in_a_run, limit.peak
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
