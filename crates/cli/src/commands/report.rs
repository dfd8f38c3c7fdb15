//! `report`: a batch as one page to look at.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use batchpost::shell;
use serde_json::json;

use super::resolve;
use crate::args::{Output, ReportArgs};
use crate::files::{Readers, There, there, write_whole};
use crate::report::{OPENING, page};
use crate::words::count;

pub(crate) fn report(report: &ReportArgs, output: &Output) -> anyhow::Result<u8> {
    let to_stdout = report.output.as_deref() == Some(Path::new("-"));
    let path = report.output.clone().unwrap_or_else(|| beside(&report.ledger));
    if !to_stdout {
        refuse_what_is_not_ours(&path, report.force)?;
    }
    let overview = shell::overview(&report.ledger, &resolve::api())?;
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
        say!("{} reported in {}", count(overview.counts.total(), "row", "rows"), path.display());
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
    match there(path, OPENING).with_context(|| format!("{} cannot be replaced", path.display()))? {
        There::Ledger => bail!("{} is a ledger; name another file", path.display()),
        There::Other if !force => {
            bail!("{} exists already and is no report; name another file, or say --force", path.display())
        }
        There::Nothing | There::Ours | There::Other => Ok(()),
    }
}
