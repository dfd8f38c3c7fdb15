//! `export`: rows as a spreadsheet, with what became of each.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use batchpost::shell;
use tracing::warn;

use super::resolve;
use crate::args::{Export, Output};
use crate::plain;
use crate::summary::thousands;

pub(crate) fn export(export: &Export, output: &Output) -> anyhow::Result<u8> {
    let exported = match &export.output {
        None => {
            let stdout = BufWriter::new(plain::stdout_to_the_byte());
            shell::export(&export.ledger, &resolve::api(), &export.states, stdout)?
        }
        Some(path) => {
            let written = || format!("{} cannot be written", path.display());
            // Perhaps the ledger, the input, or decisions that somebody has filled in.
            if path.exists() {
                bail!("{} exists already; name another file", path.display());
            }
            // Whole or not at all.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut file = BufWriter::new(tempfile::NamedTempFile::new_in(folder).with_context(written)?);
            let exported = shell::export(&export.ledger, &resolve::api(), &export.states, &mut file)?;
            file.flush().with_context(written)?;
            let file = file.into_inner().map_err(io::IntoInnerError::into_error).with_context(written)?;
            file.persist_noclobber(path).with_context(written)?;
            exported
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
