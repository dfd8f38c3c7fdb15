//! Files that hold a key.

use std::path::Path;

use super::{Check, Finding};

/// What is to be said of a key that was read from the file at `path`, given its mode where files have one.
pub fn key_file(check: Check, path: &Path, mode: Option<u32>) -> Finding {
    let path = path.display();
    let set = format!("set, from the file {path}");
    match mode.map(|mode| mode & 0o777) {
        Some(mode) if mode & 0o077 != 0 => Finding::warning(
            check,
            format!("{set}, which others may read (mode {mode:04o})"),
            format!("chmod 600 {path}, if others use this machine"),
        ),
        _ => Finding::ok(check, set),
    }
}
