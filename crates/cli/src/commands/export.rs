//! `export`: rows and their outcomes as a spreadsheet.

use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, bail};
use batchpost::batch;
use batchpost::export::BOM;
use batchpost::outcome::Outcome;
use tracing::warn;

use crate::apis;
use crate::args::{Export, Output};
use crate::files::{Readers, There, is_same, there, write_new, write_over};
use crate::next;
use crate::plain;
use crate::words::count;

pub(crate) fn export(export: &Export, output: &Output) -> anyhow::Result<u8> {
    let exported = match &export.output {
        None => {
            let stdout = BufWriter::new(plain::stdout_to_the_byte());
            batch::export(&export.ledger, &apis::of_ledger(&export.ledger).target(), &export.states, stdout)?
        }
        Some(path) => {
            let of_ledger = |file: &mut _| {
                Ok(batch::export(&export.ledger, &apis::of_ledger(&export.ledger).target(), &export.states, file)?)
            };
            if path.exists() {
                refuse_to_replace(path, export)?;
                write_over(path, Readers::Owner, of_ledger)?
            } else {
                write_new(path, Readers::Owner, of_ledger)?
            }
        }
    };
    if let Some(why) = &exported.without_input {
        warn!("the export has no columns of the input: {why}");
    }
    if let (Some(path), false) = (&export.output, output.quiet) {
        say!("{} written to {}", count(exported.rows, "row", "rows"), path.display());
        if exported.rows > 0 && export.states.iter().any(|state| matches!(state, Outcome::InDoubt | Outcome::Held)) {
            ask!("{}", next::after_export(&export.ledger, path));
        }
    }
    Ok(0)
}

/// Refuses to replace a file without `--force`, because decisions may have been filled in. A ledger or the
/// input is never replaced.
fn refuse_to_replace(path: &Path, export: &Export) -> anyhow::Result<()> {
    let name = path.display();
    if !export.force {
        bail!("{name} already exists; name another file, or pass --force to replace it");
    }
    let opening = std::str::from_utf8(BOM)?;
    if there(path, opening).with_context(|| format!("{name} cannot be replaced"))? == There::Ledger {
        bail!("{name} is a ledger; name another file");
    }
    let (batch, _) = batch::look(&export.ledger)?;
    let input = batch.run.and_then(|run| run.input.path);
    if input.is_some_and(|input| is_same(Path::new(&input), path)) {
        bail!("{name} is the input itself; name another file");
    }
    Ok(())
}
