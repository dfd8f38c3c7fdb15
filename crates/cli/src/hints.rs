//! What to do about an error that only a look into the folder can tell.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use batchpost::input::{Format, Options, ReadAs};
use batchpost::ledger::LedgerError;
use batchpost::shell::{Error, LockError, is_ledger, look};
use clap::Args as _;

use crate::args::Input;
use crate::config::{Rank, Resolved};
use crate::input_hints::of_input;
use crate::words::shell_word;

/// Files that are named.
const MOST: usize = 3;

/// A line that helps on, where there is one.
pub(crate) fn hint(error: &Error) -> Option<String> {
    match error {
        Error::Open { path, source } if source.kind() == ErrorKind::NotFound => is_here(path).or_else(|| {
            there_is(path, "the input", |file| Format::of_name(file).is_some() && !is_ledger(file).unwrap_or(true))
        }),
        Error::LedgerFile { path, source, .. } if source.kind() == ErrorKind::NotFound => {
            there_is(path, "the ledger", |file| is_ledger(file).unwrap_or(false))
        }
        Error::Lock { path, source: LockError::Io { source, .. } } if source.kind() == ErrorKind::NotFound => {
            folder_of(path).map(|folder| format!("the folder {} is not there; make it first", folder.display()))
        }
        Error::Ledger { path, source: LedgerError::NotALedger(_) } => {
            let beside = PathBuf::from(format!("{}.ledger.jsonl", path.display()));
            Some(match beside.exists() {
                true => format!("the ledger of {} is {}", path.display(), beside.display()),
                false => "a ledger is what a run leaves beside its input, as INPUT.ledger.jsonl".to_owned(),
            })
        }
        Error::Input { source, .. } => of_input(source),
        _ => None,
    }
}

/// What was said elsewhere than on the command line of how the input is read: an error about the input may come of it.
pub(crate) fn said_of_the_input(config: &Resolved) -> Option<String> {
    // These are not about reading.
    const OTHERS: [&str; 3] = ["ledger", "field", "duplicates"];
    let options = Input::augment_args(clap::Command::new("input"));
    let keys = options.get_arguments().filter_map(clap::Arg::get_long).filter(|name| !OTHERS.contains(name));
    let said = keys.map(|name| name.replace('-', "_")).flat_map(|key| {
        let said = config.resolved_config().said.get(&key).into_iter().flatten();
        let elsewhere = said.filter(|said| said.place.rank != Rank::Option);
        elsewhere.map(|said| format!("{key} ({})", said.place)).collect::<Vec<_>>()
    });
    let said: Vec<String> = said.collect();
    let overruled = "an option goes before each of them, and --config FILE takes another file";
    (!said.is_empty()).then(|| format!("settings for the input: {}; {overruled}", said.join(", ")))
}

/// By what the input of a batch that is resumed is still read, and how to read it otherwise.
pub(crate) fn held_by_ledger(ledger: &Path, input: Option<&Path>) -> Option<String> {
    let (batch, _) = look(ledger).ok()?;
    let last = batch.run?.input;
    let input = input.map(Path::to_owned).or_else(|| last.path.as_ref().map(PathBuf::from))?;
    let Options { format, sheet, header_row, encoding, delimiter, columns, .. } = ReadAs::of(&last).ok()?.options;
    let mut held = Vec::new();
    let mut holds = |option: &str, value: Option<String>| {
        held.extend(value.map(|value| format!("--{option} {}", shell_word(&value))));
    };
    holds(
        "format",
        Some(format).filter(|format| Format::of_name(&input) != Some(*format)).map(|format| format.to_string()),
    );
    holds("sheet", sheet);
    holds("header-row", header_row.map(|row| row.to_string()));
    holds("encoding", encoding.map(|encoding| encoding.to_string()));
    holds("delimiter", delimiter.map(|delimiter| delimiter.to_string()));
    columns.iter().for_each(|choice| holds("column", Some(choice.to_string())));
    let held = if held.is_empty() { String::new() } else { format!(" ({})", held.join(" ")) };
    let word = |path: &Path| shell_word(&path.display().to_string());
    Some(format!(
        "it is read as the last run read its input{held}; to read it otherwise: `batchpost run {} --ledger {} ...` with the \
         options that it needs",
        word(&input),
        word(ledger)
    ))
}

/// The folder that is missing; none where it is there, and only the file is not.
fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
}

/// A sheet that moved together with its ledger is where one is.
fn is_here(path: &Path) -> Option<String> {
    let name = Path::new(path.file_name()?);
    let is_elsewhere = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty());
    let name = (is_elsewhere && name.is_file()).then(|| name.display())?;
    Some(format!("there is a {name} in this folder; where it is the same sheet, `resume` takes it with --input {name}"))
}

/// What might have been meant by `path`: the files of its folder that are of the kind, those with the likest names first.
fn there_is(path: &Path, what: &str, of_kind: impl Fn(&Path) -> bool) -> Option<String> {
    if let Some(folder) = folder_of(path) {
        return Some(format!("the folder {} is not there", folder.display()));
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
    files.sort_by_key(|file| (std::cmp::Reverse(alike(file)), file.clone()));
    let named: Vec<String> = files.iter().take(MOST).map(|file| file.display().to_string()).collect();
    (!named.is_empty()).then(|| format!("is {what} one of these? {}", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_name_mistyped_brings_up_the_likest_of_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["notes.csv", "other.csv", "readme.txt"] {
            fs::File::create(folder.path().join(name)).unwrap();
        }
        let path = folder.path().join("nots.csv");
        let error = |path: PathBuf| Error::Open { path, source: io::ErrorKind::NotFound.into() };
        let at = |name: &str| folder.path().join(name).display().to_string();
        let likest = format!("is the input one of these? {}, {}", at("notes.csv"), at("other.csv"));
        assert_eq!(hint(&error(path)), Some(likest));
        let elsewhere = folder.path().join("no/notes.csv");
        assert_eq!(hint(&error(elsewhere)), Some(format!("the folder {} is not there", at("no"))));
        let ledger = Error::LedgerFile {
            path: folder.path().join("x.jsonl"),
            doing: "opened",
            source: io::ErrorKind::NotFound.into(),
        };
        assert_eq!(hint(&ledger), None, "nothing there is a ledger");
    }
}
