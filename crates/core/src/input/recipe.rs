//! Options, with what they name at hand.

use super::options::{Format, Options};

/// How an input is read: [`Options`], and the table that they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    pub(super) options: Options,
    /// Bytes of a text that something else needs.
    pub(super) reserved_bytes: u32,
}

impl Recipe {
    /// The input's format.
    pub fn format(&self) -> Format {
        self.options.format
    }

    /// Keeps `bytes` of each text's longest length free.
    #[must_use]
    pub fn reserving(self, bytes: u32) -> Self {
        Self { reserved_bytes: bytes, ..self }
    }
}

impl From<Options> for Recipe {
    fn from(options: Options) -> Self {
        Self { options, reserved_bytes: 0 }
    }
}
