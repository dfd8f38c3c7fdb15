//! How a run read its input, as recorded in the ledger.

use serde::{Deserialize, Serialize};

use super::columns::Mapping;
use super::options::Options;
use crate::ledger::{self, Section};

/// How a run read its input: the options, and the columns used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadAs {
    /// The options.
    #[serde(flatten)]
    pub options: Options,
    /// The columns used.
    #[serde(flatten)]
    pub mapping: Mapping,
}

/// The ledger's record of how an input was read cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("the ledger's record of how the input was read cannot be parsed: {0}")]
pub struct ReadAsError(#[from] serde_json::Error);

impl ReadAs {
    /// Parses the record of a run.
    ///
    /// # Errors
    ///
    /// If it has a format, a template or another option that this version does not know.
    pub fn of(input: &ledger::Input) -> Result<Self, ReadAsError> {
        Ok(input.reader.parse()?)
    }

    /// The record for the ledger.
    pub fn section(&self) -> Section {
        Section::of(self)
    }
}
