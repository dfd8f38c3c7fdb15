//! The source of a run's rows.

use std::path::PathBuf;

/// The source of a run's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input, read to its end before anything is sent.
    Stdin,
    /// Standard input. Rows are posted as they arrive.
    Follow,
}

impl Source {
    /// The input's name in errors.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin | Self::Follow => "standard input".to_owned(),
        }
    }
}
