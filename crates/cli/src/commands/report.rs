//! `report`: a batch as one page to look at.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use batchpost::shell;
use serde_json::json;

use crate::args::{Output, Report};
use crate::files::{Readers, write_whole};
use crate::report::{OPENING, page};
use crate::summary::thousands;

pub(crate) fn report(report: &Report, output: &Output) -> anyhow::Result<u8> {
    let to_stdout = report.output.as_deref() == Some(Path::new("-"));
    let path = report.output.clone().unwrap_or_else(|| beside(&report.ledger));
    if !to_stdout {
        refuse_what_is_not_ours(&path, report.force)?;
    }
    let overview = shell::overview(&report.ledger)?;
    let audit = shell::audit(&report.ledger)?;
    let page = page(&overview, &audit, &report.ledger);
    if to_stdout {
        io::stdout().lock().write_all(page.as_bytes())?;
        return Ok(0);
    }
    write_whole(&path, page.as_bytes(), Readers::Owner)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    if output.json {
        let rows = overview.counts.total();
        let said = json!({ "report": path.display().to_string(), "rows": rows, "bytes": page.len() });
        writeln!(io::stdout().lock(), "{said}")?;
    } else if !output.quiet {
        say!("{} rows reported in {}", thousands(overview.counts.total()), path.display());
    }
    Ok(0)
}

fn beside(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(".report.html");
    name.into()
}

/// A report is made anew as often as one likes; anything else may be somebody's work. A ledger is never replaced.
fn refuse_what_is_not_ours(path: &Path, force: bool) -> anyhow::Result<()> {
    let unreadable = || format!("{} cannot be replaced", path.display());
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.with_context(unreadable)?,
    };
    let mut start = Vec::new();
    let mut ledger = false;
    if file.metadata().with_context(unreadable)?.is_file() {
        file.take(OPENING.len() as u64).read_to_end(&mut start).with_context(unreadable)?;
        // What is damaged is no ledger that could be told from others.
        ledger = shell::is_ledger(path).unwrap_or(false);
    }
    if ledger {
        bail!("{} is a ledger; name another file", path.display());
    }
    if start != OPENING.as_bytes() && !force {
        bail!("{} exists already and is no report; name another file, or say --force", path.display());
    }
    Ok(())
}
