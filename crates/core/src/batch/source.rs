//! Where the rows of a run come from.

use std::path::PathBuf;

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input, read to its end before anything is sent.
    Stdin,
    /// Standard input, whose rows are posted as they come.
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
