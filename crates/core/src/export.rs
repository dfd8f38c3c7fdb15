//! The format of an exported file: the added columns, and the guard against cells that spreadsheet programs run as
//! formulas.

use std::borrow::Cow;

/// The columns that an export adds to those of the input.
pub const ADDED_COLUMNS: [&str; 6] = ["outcome", "reason", ATTEMPTS_COLUMN, "at", DECISION_COLUMN, KEY_COLUMN];

/// The columns before these in an export that is made from the ledger alone.
pub const LEDGER_COLUMNS: [&str; 2] = ["row", "ticket"];

/// The column with the job's key. A file with this column is an export, and its cells are guarded.
pub const KEY_COLUMN: &str = "batchpost_key";

/// The column with the number of attempts at the time of the export.
pub const ATTEMPTS_COLUMN: &str = "attempts";

/// The column that a person fills in.
pub const DECISION_COLUMN: &str = "decision";

/// A byte order mark. Without it, Excel does not read the file as UTF-8.
pub const BOM: &[u8] = "\u{feff}".as_bytes();

/// Guards a cell for export: prefixes an apostrophe to a cell that a spreadsheet program would run as a formula. A cell
/// that begins with an apostrophe gets another one, so that [`unguard`] restores every cell exactly.
pub fn guard(cell: &[u8]) -> Cow<'_, [u8]> {
    match cell.first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\'') => [b"'", cell].concat().into(),
        _ => cell.into(),
    }
}

/// Restores a cell from its exported form.
pub fn unguard(cell: &[u8]) -> &[u8] {
    cell.strip_prefix(b"'").unwrap_or(cell)
}

/// Like [`unguard`], for a text.
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
