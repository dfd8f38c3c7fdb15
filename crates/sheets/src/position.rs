//! Where a row is.

/// Where a row of an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowPosition {
    /// Its number, from 1; a header is not counted.
    pub record: u64,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Offset of its first byte.
    pub byte: u64,
}
