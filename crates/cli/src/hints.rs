//! Hints about errors. The library's errors contain facts; this module adds the options, variables and
//! commands that help.

mod input;
mod nearby;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use batchpost::batch::{Error, KnownLedger, RegistryError, RunRequestError, is_ledger, look};
use batchpost::input::{Format, Options, ReadAs};
use batchpost::ledger::LedgerError;
use batchpost::outcome::Stop;
use batchpost::runtime::{HttpError, LockError, Refusal, SharingError, StateError};
use clap::Args as _;

use self::input::of_input;
use self::nearby::{folder_of, is_here, there_is};
use crate::apis::KnownApi;
use crate::args::Input;
use crate::config::{Rank, Resolved};
use crate::words::shell_word;

/// A hint for a library error other than [`Error`].
pub(crate) fn of_others(error: &anyhow::Error) -> Option<String> {
    let of_request = || match error.downcast_ref()? {
        RunRequestError::NoZone(_) => Some("pass --time-zone ZONE"),
        _ => None,
    };
    let of_http = || match error.downcast_ref()? {
        HttpError::Proxy => Some("write it like --proxy http://proxy.example:3128"),
        HttpError::ProxyInTheOpen => Some("leave --proxy out, or use https"),
        _ => None,
    };
    of_request().or_else(of_http).map(str::to_owned)
}

/// A hint for a library error.
pub(crate) fn hint(error: &Error) -> Option<String> {
    let them = |rows: u64| if rows == 1 { "it" } else { "them" };
    Some(match error {
        Error::Open { path, source } if source.kind() == ErrorKind::NotFound => {
            return is_here(path).or_else(|| {
                let is_input = |file: &Path| Format::of_name(file).is_some() && !is_ledger(file).unwrap_or(true);
                there_is(path, "the input", is_input)
            });
        }
        Error::LedgerFile { path, source, .. } if source.kind() == ErrorKind::NotFound => {
            return there_is(path, "the ledger", |file| is_ledger(file).unwrap_or(false));
        }
        Error::Lock { path, source: LockError::Io { source, .. } } if source.kind() == ErrorKind::NotFound => {
            format!("the folder {} does not exist; create it first", folder_of(path)?.display())
        }
        Error::Ledger { path, source: LedgerError::NotALedger(_) } => {
            let beside = PathBuf::from(format!("{}.ledger.jsonl", path.display()));
            match beside.exists() {
                true => format!("the ledger of {} is {}", path.display(), beside.display()),
                false => "a run writes its ledger beside the input, as INPUT.ledger.jsonl".to_owned(),
            }
        }
        Error::Input { source, .. } => of_input(source)?,
        Error::Known { rows, ledgers } => {
            let them = them(*rows);
            let unpacked = unpacked_first(ledgers);
            format!(
                "pass --known skip to leave {them} out, --known post to post {them} again, or --known-since DATE to count only \
                 what was sent since then; or continue that batch with --ledger{unpacked}"
            )
        }
        Error::LedgerRestored { rows, .. } => {
            let them = them(*rows);
            format!("pass --known skip to leave {them} out, or --known post to post {them} again")
        }
        Error::KnownInStream { .. } => {
            "`batchpost known list` names the ledgers; pass --known skip to leave such rows out, or \
                                        --known post to post them again"
                .to_owned()
        }
        Error::KnownUnreadable { path, is_listed, .. } => {
            let remove = match is_listed {
                true => {
                    let word = shell_word(&path.display().to_string());
                    format!("remove it from the list with `batchpost known forget {word}`")
                }
                false => "move it to another folder".to_owned(),
            };
            format!("restore the ledger, pass --known post to continue without it, or {remove}")
        }
        Error::JobFile { .. } => "pass --scratch-dir DIR to write the job file to another folder".to_owned(),
        Error::LookupTableChanged { .. } => {
            "restore the table that the last run read; if the new one is meant, pass --changed post".to_owned()
        }
        Error::OtherApi { theirs, .. } => {
            format!("pass --ledger FILE to name another ledger; this one needs a program that posts to {theirs:?}")
        }
        Error::OtherTarget { unused: true, .. } => {
            "nothing was posted by this ledger: remove it, or pass --ledger FILE to name another".to_owned()
        }
        Error::OtherTarget { unused: false, .. } => "pass --ledger FILE to name another ledger".to_owned(),
        Error::Sharing(error) => of_sharing(error)?,
        Error::Registry(RegistryError::State(error)) => of_state(error)?,
        _ => return None,
    })
}

/// Formats a library error in one line, with its hint.
pub(crate) fn with_hint(error: &Error) -> String {
    hint(error).map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

/// A hint for a run of `api` that stopped for this reason.
pub(crate) fn of_stop(stop: Stop, api: &KnownApi) -> Option<String> {
    match stop {
        Stop::Credentials => Some(format!("check {}, and --host", api.variables())),
        Stop::Endpoint => Some("check --host and --tenant, or --url".to_owned()),
        _ => None,
    }
}

/// A hint for a budget that cannot be shared.
pub(crate) fn of_sharing(error: &SharingError) -> Option<String> {
    Some(match error {
        SharingError::NoStateFolder => {
            "set HOME or XDG_STATE_HOME, or pass --state-dir DIR; pass --budget private only if no other \
                                  run uses the account"
                .to_owned()
        }
        SharingError::Gone(_) => {
            "pass another state folder with --state-dir DIR; the run then waits until everything that may have been sent \
             before is past the limit"
                .to_owned()
        }
        SharingError::Two { account, .. } => {
            let account = account.display();
            format!(
                "choose one with --state-dir DIR (or `state_dir` in batchpost.toml), or remove {account} while no run uses it"
            )
        }
        SharingError::Folder(error) => of_state(error)?,
        _ => return None,
    })
}

fn of_state(error: &StateError) -> Option<String> {
    const ANOTHER: &str = "pass another state folder with --state-dir DIR";
    let (path, why) = match error {
        StateError::Refused { path, why } => (shell_word(&path.display().to_string()), why),
        StateError::Io { .. } => return Some(ANOTHER.to_owned()),
        _ => return None,
    };
    Some(match why {
        Refusal::WorldWritable { .. } => {
            format!("{ANOTHER}, or run `chmod o-w {path}` if no other user wrote to this one")
        }
        Refusal::Others { .. } => format!("{ANOTHER}, or run `chmod 700 {path}` if no other user wrote to this one"),
        Refusal::OtherOwner { .. } => ANOTHER.to_owned(),
        Refusal::NotSetUp { .. } => {
            format!(
                "run `chmod 700 {path}` to keep it to its owner, or `chmod 2770 {path}` to share it with that group"
            )
        }
        Refusal::NotShared { group, .. } => format!("run `chgrp {group} {path} && chmod 2770 {path}`, or {ANOTHER}"),
        _ => return None,
    })
}

/// A hint to unpack a ledger: a packed one cannot be continued.
fn unpacked_first(ledgers: &[KnownLedger]) -> String {
    let packed = ledgers.iter().find(|other| other.path.extension().is_some_and(|extension| extension == "gz"));
    let unpacked = |other: &KnownLedger| format!(", unpacked first (`gunzip {}`)", other.path.display());
    packed.map(unpacked).unwrap_or_default()
}

/// The input settings that are not from the command line and may cause an input error.
pub(crate) fn said_of_the_input(config: &Resolved) -> Option<String> {
    // These do not affect reading.
    const OTHERS: [&str; 3] = ["ledger", "field", "duplicates"];
    let options = Input::augment_args(clap::Command::new("input"));
    let keys = options.get_arguments().filter_map(clap::Arg::get_long).filter(|name| !OTHERS.contains(name));
    let entries = keys.map(|name| name.replace('-', "_")).flat_map(|key| {
        let entries = config.resolved_config().entries.get(&key).into_iter().flatten();
        let elsewhere = entries.filter(|entry| entry.source.rank != Rank::Option);
        elsewhere.map(|entry| format!("{key} ({})", entry.source)).collect::<Vec<_>>()
    });
    let entries: Vec<String> = entries.collect();
    let overruled = "override them with options, or pass another file with --config FILE";
    (!entries.is_empty()).then(|| format!("settings for the input: {}; {overruled}", entries.join(", ")))
}

/// The settings with which `resume` reads the input, and how to change them.
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
        "the input is read with the last run's settings{held}; to change them, pass the options to `batchpost run {} --ledger \
         {} ...`",
        word(&input),
        word(ledger)
    ))
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use super::*;
    use crate::apis;

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
        assert_eq!(hint(&error(elsewhere)), Some(format!("the folder {} does not exist", at("no"))));
        let ledger = Error::LedgerFile {
            path: folder.path().join("x.jsonl"),
            doing: "opened",
            source: io::ErrorKind::NotFound.into(),
        };
        assert_eq!(hint(&ledger), None, "nothing there is a ledger");
    }

    #[test]
    fn a_stop_that_a_setting_causes_names_the_variables_and_options_to_check() {
        let api = apis::default();
        let keys = of_stop(Stop::Credentials, api).unwrap();
        assert_eq!(keys, "check LSQ_ACCESS_KEY and LSQ_SECRET_KEY, and --host");
        assert_eq!(of_stop(Stop::Endpoint, api).unwrap(), "check --host and --tenant, or --url");
        assert_eq!(of_stop(Stop::Outage, api), None);
    }

    #[test]
    fn a_refused_state_folder_comes_with_the_commands_that_make_it_fit() {
        let hint = |why| {
            let path = PathBuf::from("/var/lib/my state");
            hint(&Error::Sharing(StateError::Refused { path, why }.into())).unwrap()
        };
        let everybodys = hint(Refusal::WorldWritable { mode: 0o777 });
        assert!(everybodys.contains("--state-dir DIR") && everybodys.contains("chmod o-w '/var/lib/my state'"));
        assert!(hint(Refusal::NotSetUp { group: 7, mode: 0o770 }).contains("chmod 2770 '/var/lib/my state'"));
        let not_shared = hint(Refusal::NotShared { group: 7, its_group: 8, mode: 0o2770 });
        assert!(not_shared.contains("chgrp 7 '/var/lib/my state' && chmod 2770"), "{not_shared}");
    }

    #[test]
    fn rows_that_others_know_come_with_the_options_that_decide_about_them() {
        let known = |name: &str| Error::Known {
            rows: 1,
            ledgers: vec![KnownLedger { path: name.into(), rows: 1, dates: None, other_content: 0 }],
        };
        let one = with_hint(&known("a.jsonl"));
        assert!(one.contains("1 row is already recorded") && one.contains("--known skip to leave it out"), "{one}");
        assert!(one.ends_with("with --ledger"), "{one}");
        assert!(with_hint(&known("a.jsonl.gz")).ends_with("with --ledger, unpacked first (`gunzip a.jsonl.gz`)"));
        let error = anyhow::Error::from(HttpError::ProxyInTheOpen);
        assert_eq!(of_others(&error).unwrap(), "leave --proxy out, or use https");
    }
}
