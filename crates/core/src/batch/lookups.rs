//! Loads the lookup table from ids of an old system to tickets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Error, LookupFailed};
use super::input::Input;
use crate::api::Api;
use crate::input::{ColumnChoice, Content, Field, Format, LookupSpec, LookupTable, Options, ReaderConfig};

/// Reads the table named by `spec`, with tickets of `target`. Also returns the hash of the file.
pub(super) fn load(spec: &LookupSpec, target: &Arc<dyn Api>) -> Result<(LookupTable, String), Error> {
    let path = PathBuf::from(&spec.file);
    let failed = |source: LookupFailed| Error::Lookup { path: path.clone(), source: Box::new(source) };
    let format = Format::of_name(&path).ok_or_else(|| failed(LookupFailed::Format))?;
    // A table is read like any other input: the new id is the ticket, the old id the text.
    let columns = [(Field::Ticket, &spec.to), (Field::Text, &spec.from)];
    let columns = columns.map(|(field, column)| ColumnChoice { field, column: column.clone() }).to_vec();
    let options = Options { columns, ..Options::new(format) };
    let reader_config = ReaderConfig::new(options, Arc::clone(target));
    let file = Input::open_file(Path::new(&path), reader_config).map_err(|error| match error {
        Error::Open { source, .. } => failed(LookupFailed::Open(source)),
        Error::NotAFile(_) => failed(LookupFailed::NotAFile),
        Error::Input { source, .. } => failed(LookupFailed::Input(*source)),
        other => other,
    })?;
    let mut rows = file.rows().map_err(|error| failed(error.into()))?;
    let mut table = LookupTable::default();
    while let Some(row) = rows.next().map_err(|error| failed(error.into()))? {
        match row.content {
            Content::Blank => {}
            Content::Invalid { reason, .. } => {
                return Err(failed(LookupFailed::Row(row.position, reason.to_string())));
            }
            Content::Note { ticket, text, .. } => {
                table.insert(&text, ticket).map_err(|error| failed(LookupFailed::Entry(row.position, error)))?;
            }
        }
    }
    let fingerprint = file.fingerprint(&rows);
    match file.is_unchanged(&fingerprint) {
        Ok(true) => Ok((table, fingerprint)),
        Ok(false) => Err(Error::Changed { name: format!("the lookup table {}", path.display()) }),
        Err(source) => Err(failed(LookupFailed::Open(source))),
    }
}
