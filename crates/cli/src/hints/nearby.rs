//! Files in a folder that the user may have meant.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

/// Maximum number of files named.
const MOST: usize = 3;

/// The missing folder; `None` if only the file is missing.
pub(super) fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
}

/// Finds a sheet of that name in the working folder, where it is if it was moved together with its ledger.
pub(super) fn is_here(path: &Path) -> Option<String> {
    let name = Path::new(path.file_name()?);
    let is_elsewhere = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty());
    let name = (is_elsewhere && name.is_file()).then(|| name.display())?;
    Some(format!("this folder has a {name}; if it is the same sheet, run `resume` with --input {name}"))
}

/// Finds files that the user may have meant: files of the kind in the folder of `path`, the most similar
/// names first.
pub(super) fn there_is(path: &Path, what: &str, of_kind: impl Fn(&Path) -> bool) -> Option<String> {
    if let Some(folder) = folder_of(path) {
        return Some(format!("the folder {} does not exist", folder.display()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .map(|name| folder.map_or_else(|| PathBuf::from(&name), |folder| folder.join(&name)))
        .filter(|file| file.is_file() && of_kind(file))
        .collect();
    let alike = |file: &Path| {
        let (one, other) = (path.to_string_lossy(), file.to_string_lossy());
        one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
    };
    files.sort_by_key(|file| (Reverse(alike(file)), file.clone()));
    let named: Vec<String> = files.iter().take(MOST).map(|file| file.display().to_string()).collect();
    (!named.is_empty()).then(|| format!("is {what} one of these? {}", named.join(", ")))
}
