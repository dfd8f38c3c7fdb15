//! The form of an exported file: what is added to a row, and cells that no spreadsheet takes for a formula.

use std::borrow::Cow;

/// The columns that an export adds to the input's own.
pub const ADDED_COLUMNS: [&str; 6] = ["outcome", "reason", ATTEMPTS_COLUMN, "at", DECISION_COLUMN, KEY_COLUMN];

/// The columns that an export has before them where it is made of the ledger alone.
pub const LEDGER_COLUMNS: [&str; 2] = ["row", "ticket"];

/// The column that names the job. A file that has it is an export of ours, and its cells are guarded.
pub const KEY_COLUMN: &str = "batchpost_key";

/// The column that tells how often the row was sent when it was exported.
pub const ATTEMPTS_COLUMN: &str = "attempts";

/// The column that a person fills in.
pub const DECISION_COLUMN: &str = "decision";

/// A byte order mark, without which Excel takes UTF-8 for something else.
pub const BOM: &[u8] = "\u{feff}".as_bytes();

/// A cell as it is exported: what a spreadsheet would take for a formula begins with an apostrophe, and so does what
/// begins with one, so that [`unguard`] gives back exactly what was there.
pub fn guard(cell: &[u8]) -> Cow<'_, [u8]> {
    match cell.first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\'') => [b"'", cell].concat().into(),
        _ => cell.into(),
    }
}

/// What was exported as `cell`.
pub fn unguard(cell: &[u8]) -> &[u8] {
    cell.strip_prefix(b"'").unwrap_or(cell)
}

/// The same of a text.
pub fn unguard_str(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_exported_cell_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(guard(cell.as_bytes())[0], b'\'');
        }
        assert_eq!(&*guard(b"plain"), b"plain");
    }

    proptest::proptest! {
        #[test]
        fn reading_back_undoes_it(cell in "[=+@'a\\-]{0,6}") {
            let exported = guard(cell.as_bytes());
            proptest::prop_assert_eq!(unguard(&exported), cell.as_bytes());
            proptest::prop_assert_eq!(unguard_str(std::str::from_utf8(&exported).unwrap()), &cell);
        }
    }
}
