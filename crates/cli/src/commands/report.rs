//! `report`: a batch as an HTML page.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use batchpost::batch;
use batchpost::outcome::Outcome;
use batchpost::report::Overview;
use batchpost_web::report::{OPENING, Page, Step};
use serde_json::json;

use crate::apis;
use crate::args::{Output, ReportArgs};
use crate::files::{Readers, There, there, write_whole};
use crate::words::{count, shell_word};

pub(crate) fn report(report: &ReportArgs, output: &Output) -> anyhow::Result<u8> {
    let to_stdout = report.output.as_deref() == Some(Path::new("-"));
    let path = report.output.clone().unwrap_or_else(|| beside(&report.ledger));
    if !to_stdout {
        refuse_other_files(&path, report.force)?;
    }
    let overview = batch::overview(&report.ledger, &apis::of_ledger(&report.ledger).target())?;
    let audit = batch::audit(&report.ledger)?;
    let ledger = report.ledger.display().to_string();
    let page = Page {
        overview: &overview,
        audit: &audit,
        ledger: &ledger,
        steps: &steps(&overview, &ledger),
        export: &|outcome| export(&ledger, outcome),
    };
    let page = page.html();
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

/// The next steps to suggest.
fn steps(overview: &Overview, ledger: &str) -> Vec<Step> {
    let ledger = shell_word(ledger);
    let counts = &overview.counts;
    let mut steps = Vec::new();
    let mut step = |purpose, command| steps.push(Step { purpose, command });
    if counts.in_doubt + overview.vanished_in_doubt > 0 {
        // Not by row number: when the page is read, the sheet may have changed and been run again.
        step(
            "Look the rows in doubt up in the CRM, and fill in the decisions",
            format!("batchpost export {ledger} --state in_doubt -o in-doubt.csv"),
        );
        step("Record the decisions", format!("batchpost settle {ledger} --from in-doubt.csv"));
    }
    if counts.rejected + counts.failed + counts.invalid > 0 {
        step("Export the rows that were not posted, with reasons", format!("batchpost export {ledger} -o rest.csv"));
    }
    if counts.held > 0 {
        step("Decide about the held rows", format!("batchpost settle {ledger} --state held --as to-do"));
    }
    if counts.pending + counts.failed > 0 {
        step("Post the remaining rows", format!("batchpost resume {ledger}"));
    }
    steps
}

/// The command that writes all rows with an outcome to a file.
fn export(ledger: &str, outcome: Outcome) -> String {
    format!("batchpost export {} --state {outcome} -o {outcome}.csv", shell_word(ledger))
}

fn beside(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(".report.html");
    name.into()
}

/// Refuses to replace anything but an earlier report without `--force`. A ledger is never replaced.
fn refuse_other_files(path: &Path, force: bool) -> anyhow::Result<()> {
    match there(path, OPENING).with_context(|| format!("{} cannot be replaced", path.display()))? {
        There::Ledger => bail!("{} is a ledger; name another file", path.display()),
        There::Other if !force => {
            bail!("{} already exists and is not a report; name another file, or pass --force", path.display())
        }
        There::Nothing | There::Ours | There::Other => Ok(()),
    }
}
