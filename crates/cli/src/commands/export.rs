//! `export`: rows as a spreadsheet, with what became of each.

use std::io::BufWriter;

use anyhow::bail;
use batchpost::shell;
use tracing::warn;

use super::resolve;
use crate::args::{Export, Output};
use crate::files::{Readers, write_new};
use crate::plain;
use crate::summary::thousands;

pub(crate) fn export(export: &Export, output: &Output) -> anyhow::Result<u8> {
    let exported = match &export.output {
        None => {
            let stdout = BufWriter::new(plain::stdout_to_the_byte());
            shell::export(&export.ledger, &resolve::api(), &export.states, stdout)?
        }
        Some(path) => {
            // Perhaps the ledger, the input, or decisions that somebody has filled in.
            if path.exists() {
                bail!("{} exists already; name another file", path.display());
            }
            write_new(path, Readers::Owner, |file| {
                Ok(shell::export(&export.ledger, &resolve::api(), &export.states, file)?)
            })?
        }
    };
    if let Some(why) = &exported.without_input {
        warn!("the export has only what the ledger knows: {why}");
    }
    if let (Some(path), false) = (&export.output, output.quiet) {
        say!("{} rows written to {}", thousands(exported.rows), path.display());
    }
    Ok(0)
}
