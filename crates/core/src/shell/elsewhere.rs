//! Rows of the input that other ledgers of the same target know as posted or in doubt.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::files::{LedgerFile, LockError};
use super::input::Opened;
use super::ledgers;
use super::platform::is_locked;
use super::prepare::Prepared;
use crate::ledger::{self, Batch};
use crate::reading::{known_by_content, known_elsewhere, skip_known, skip_rows};
use crate::settings::OnKnown;

/// Another ledger that knows rows to send as posted or in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Where it is.
    pub path: PathBuf,
    /// How many rows it knows.
    pub rows: u64,
    /// How many of them it knows by nothing but the name that a column gives them.
    pub by_name: u64,
}

impl Prepared {
    /// Looks through the other ledgers of the target for rows of the input that they have as posted or in doubt.
    pub(super) fn look_elsewhere(&mut self) -> Result<(), Error> {
        let (Some(survey), Opened::File(file)) = (&mut self.survey, &self.input) else { return Ok(()) };
        let unreadable = Error::input(&self.order);
        let identity = &self.order.ask.identity;
        for path in ledgers::others(&self.order)? {
            let other = match look_at_same_target(&path, self.order.form.target().name(), identity.target()) {
                Ok(Some(other)) => other,
                Ok(None) => continue,
                // A batch that is under way is not kept from going on by a neighbour, such as the damaged ledger that
                // its own was salvaged from.
                Err(error) if self.batch.run.is_some() => {
                    tracing::warn!(%error, "rows that only this ledger knows are not recognised");
                    continue;
                }
                Err(error) => return Err(error),
            };
            let by_key = known_elsewhere(&other, &self.batch.standings);
            let named = self.mapping.key.is_some();
            let by_content = match named {
                true => {
                    let mut rows = file.rows().map_err(&unreadable)?;
                    known_by_content(&mut rows, identity, &other, &self.batch.standings).map_err(&unreadable)?
                }
                false => Vec::new(),
            };
            let rows = by_key + by_content.len() as u64;
            let same_input =
                other.reading.as_ref().is_some_and(|read| Some(&read.fingerprint) == self.fingerprint.as_ref());
            if (rows > 0 || same_input) && self.lock.is_some() && is_locked(&path) {
                // What it is posting now cannot be known yet.
                let holder = "and has rows of this input".to_owned();
                return Err(Error::Lock { path, source: LockError::Held { holder } });
            }
            if rows > 0 {
                self.elsewhere.push(Elsewhere { path, rows, by_name: if named { by_key } else { 0 } });
            }
            if self.order.ask.known == OnKnown::Skip {
                skip_known(&other, &mut self.batch.standings, survey);
                skip_rows(&by_content, &mut self.batch.standings, survey);
            }
        }
        Ok(())
    }

    /// Other ledgers that know rows to send as posted or in doubt. Not looked for for a stream.
    pub fn elsewhere(&self) -> &[Elsewhere] {
        &self.elsewhere
    }
}

/// What the ledger at `path` knows, if it is one of the same API and target.
fn look_at_same_target(path: &Path, api: &str, target: &str) -> Result<Option<Batch>, Error> {
    let file = LedgerFile::open_to_read(path).map_err(Error::ledger_file(path, "opened"))?;
    // By its header: what is damaged in the ledger of another target is nothing to this run.
    let header = ledger::header(&file).map_err(Error::ledger(path))?;
    if (header.api.as_str(), header.target.as_str()) != (api, target) {
        return Ok(None);
    }
    let (other, _) = ledger::inspect(&file).map_err(Error::ledger(path))?;
    Ok(Some(other))
}
