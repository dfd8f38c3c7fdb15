//! Positions of rows.

/// The position of a row in its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowPosition {
    /// Record number, from 1; the header is not counted.
    pub record: u64,
    /// Line on which the row begins, from 1.
    pub line: u64,
    /// Offset of its first byte.
    pub byte: u64,
}
