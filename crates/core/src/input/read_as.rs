//! How a run read its input, as its ledger has it.

use serde::{Deserialize, Serialize};

use super::columns::Mapping;
use super::options::Options;
use crate::ledger::{self, Section};

/// How a run read its input: what was asked for, and the columns that were used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadAs {
    /// What was asked for.
    #[serde(flatten)]
    pub options: Options,
    /// The columns that were used.
    #[serde(flatten)]
    pub mapping: Mapping,
}

/// What a ledger has of how an input was read is not understood.
#[derive(Debug, thiserror::Error)]
#[error("how the last run read its input is not understood: {0}")]
pub struct ReadAsError(#[from] serde_json::Error);

impl ReadAs {
    /// How the input of a run was read.
    ///
    /// # Errors
    ///
    /// When the record has a format, a template or another option that this program does not know.
    pub fn of(input: &ledger::Input) -> Result<Self, ReadAsError> {
        Ok(input.reader.parse()?)
    }

    /// What a run's record has of it.
    pub fn section(&self) -> Section {
        Section::of(self)
    }
}
