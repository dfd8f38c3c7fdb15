//! `export`: rows as a spreadsheet, with what became of each.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use batchpost::shell;
use tracing::warn;

use crate::args::{Export, Output};
use crate::summary::thousands;

pub(crate) fn export(export: &Export, output: &Output) -> anyhow::Result<u8> {
    let exported = match &export.output {
        None => shell::export(&export.ledger, &export.states, BufWriter::new(io::stdout().lock()))?,
        Some(path) => {
            let written = || format!("{} cannot be written", path.display());
            let is_read = |read: &Path| {
                same(read, path).then(|| anyhow!("{} is what is read; name another file", path.display()))
            };
            if let Some(refused) = is_read(&export.ledger) {
                return Err(refused);
            }
            // Whole or not at all, and never on top of what is read meanwhile.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut file = BufWriter::new(tempfile::NamedTempFile::new_in(folder).with_context(written)?);
            let exported = shell::export(&export.ledger, &export.states, &mut file)?;
            file.flush().with_context(written)?;
            let file = file.into_inner().map_err(io::IntoInnerError::into_error).with_context(written)?;
            if let Some(refused) = exported.input.as_deref().and_then(is_read) {
                return Err(refused);
            }
            file.persist(path).with_context(written)?;
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

/// Whether both name one file that is there.
fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
