//! The keys that a file may have: one for each option, derived from clap's command, so that none can be
//! forgotten.

use std::any::TypeId;
use std::error::Error;
use std::path::{Path, PathBuf};

use batchpost::input::LookupSpec;
use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

/// Options that apply to one command only, and why a file cannot set them.
const ONE_TIME: [(&str, &str); 18] = [
    ("in_doubt", "every run would send rows in doubt again; pass --in-doubt each time"),
    ("first", "every run would stop early; pass --first for a trial"),
    ("known_since", "it applies to one repeated note; pass --known-since when you post that note"),
    ("follow", ONE_TIME_ONLY),
    ("yes", "on a terminal the question is the last check before notes are posted; without a terminal there is none"),
    ("input", ONE_TIME_ONLY),
    ("output", ONE_TIME_ONLY),
    ("dir", ONE_TIME_ONLY),
    ("force", ONE_TIME_ONLY),
    ("row", ONE_TIME_ONLY),
    ("rows", ONE_TIME_ONLY),
    ("ticket", ONE_TIME_ONLY),
    ("state", ONE_TIME_ONLY),
    ("from", ONE_TIME_ONLY),
    ("as", ONE_TIME_ONLY),
    ("undo", ONE_TIME_ONLY),
    ("why", ONE_TIME_ONLY),
    ("config", "a settings file cannot name another; pass --config, or set BATCHPOST_CONFIG"),
];

const ONE_TIME_ONLY: &str = "it applies to one command only; pass it as an option";

/// Values that a file may not set for a key that it may have.
const REFUSED_VALUES: [(&str, &str, &str); 1] = [(
    "known",
    "post",
    "every run would post again rows that another ledger records as posted or in doubt; pass --known post each time",
)];

/// How the values of a key are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `true` or `false`.
    Switch,
    /// How often the option is given.
    Count,
    /// One value.
    One,
    /// One value, or several in brackets.
    Many,
    /// As `Many`, or a table: each value has a name, by which layers are merged.
    Named,
}

/// A key and its option.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(super) name: String,
    pub(super) shape: Shape,
    parser: ValueParser,
}

/// Why a text is not the name of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    OneTime(&'static str),
    /// Unknown; the most similar name, if any.
    Unknown(Option<String>),
}

/// All keys. If several commands have one of the same name, that of `run` is used.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    pub(super) fn of(command: &Command) -> Self {
        let mut keys: Vec<Key> = Vec::new();
        let of_commands = command.get_subcommands().flat_map(Command::get_arguments);
        for key in command.get_arguments().chain(of_commands).filter_map(Key::of) {
            if !keys.iter().any(|known| known.name == key.name) && !is_one_time(&key.name) && key.name != "profile" {
                keys.push(key);
            }
        }
        Self(keys)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// Finds a key by name. `others` are further names that are valid in its source, for suggestions.
    pub(super) fn find(&self, name: &str, others: impl IntoIterator<Item = String>) -> Result<&Key, NoKey> {
        if let Some((_, why)) = ONE_TIME.iter().find(|(one_time, _)| *one_time == name) {
            return Err(NoKey::OneTime(why));
        }
        self.0.iter().find(|key| key.name == name).ok_or_else(|| NoKey::Unknown(self.nearest(name, others)))
    }

    /// The most similar name, if any is similar.
    fn nearest(&self, name: &str, others: impl IntoIterator<Item = String>) -> Option<String> {
        nearest(name, self.0.iter().map(|key| key.name.clone()).chain(others))
    }
}

fn is_one_time(name: &str) -> bool {
    ONE_TIME.iter().any(|(one_time, _)| *one_time == name)
}

/// The most similar of `names`, if any is similar by clap's measure.
pub(super) fn nearest(name: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let name = name.replace('-', "_");
    let options = names.map(|name| Arg::new(name.clone()).long(name).action(ArgAction::SetTrue));
    let command = Command::new("keys").no_binary_name(true).disable_help_flag(true).args(options);
    if command.clone().get_arguments().any(|option| option.get_long() == Some(&name)) {
        return Some(name);
    }
    let error = command.try_get_matches_from([format!("--{name}")]).err()?;
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(option)) => Some(option.trim_start_matches('-').to_owned()),
        _ => None,
    }
}

/// The name of an option's key.
fn name(option: &Arg) -> Option<String> {
    option.get_long().map(|long| long.replace('-', "_"))
}

impl Key {
    fn of(option: &Arg) -> Option<Self> {
        let name = name(option)?;
        let shape = match option.get_action() {
            ArgAction::SetTrue => Shape::Switch,
            ArgAction::Count => Shape::Count,
            ArgAction::Append if ["column", "field"].contains(&name.as_str()) => Shape::Named,
            ArgAction::Append => Shape::Many,
            ArgAction::Set => Shape::One,
            _ => return None,
        };
        Some(Self { name, shape, parser: option.get_value_parser().clone() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The environment variable for this key.
    pub(super) fn variable(&self) -> String {
        format!("BATCHPOST_{}", self.name.to_ascii_uppercase())
    }

    /// The option for this key in `command`.
    pub(super) fn option_of<'a>(&self, command: &'a Command) -> Option<&'a Arg> {
        command.get_arguments().find(|option| name(option).as_deref() == Some(&self.name))
    }

    /// The effective `value` in a file in `folder`: paths are relative to that folder.
    pub(super) fn meant_in(&self, value: String, folder: &Path) -> String {
        let path = |path: &str| folder.join(path).to_str().map(str::to_owned);
        if self.parser.type_id() == TypeId::of::<PathBuf>() {
            return path(&value).unwrap_or(value);
        }
        if self.parser.type_id() == TypeId::of::<LookupSpec>()
            && let Ok(spec) = value.parse::<LookupSpec>()
            && let Some(file) = path(&spec.file)
        {
            return LookupSpec { file, ..spec }.to_string();
        }
        value
    }

    /// Checks that the option's own parser accepts a value, and that a file may set it.
    pub(super) fn check(&self, value: &str) -> Result<(), String> {
        if let Some((.., why)) =
            REFUSED_VALUES.iter().find(|(name, refused, _)| *name == self.name && *refused == value)
        {
            return Err((*why).to_owned());
        }
        let parser = if self.shape == Shape::Count { clap::value_parser!(u8).into() } else { self.parser.clone() };
        let option = Arg::new("value").long("value").value_parser(parser).action(ArgAction::Set);
        let alone = Command::new("value").no_binary_name(true).disable_help_flag(true).arg(option);
        let Err(error) = alone.try_get_matches_from([format!("--value={value}")]) else { return Ok(()) };
        Err(match (error.source(), error.get(ContextKind::ValidValue)) {
            (Some(reason), _) => reason.to_string(),
            (None, Some(ContextValue::Strings(values))) if error.kind() == ErrorKind::InvalidValue => {
                format!("{value:?} is not one of {}", values.join(", "))
            }
            _ => format!("{value:?} is invalid"),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    #[test]
    fn every_option_has_a_key_or_a_reason_to_have_none() {
        let command = Args::command();
        let keys = Keys::of(&command);
        let of_commands = command.get_subcommands().flat_map(Command::get_arguments);
        let names: Vec<String> = command.get_arguments().chain(of_commands).filter_map(name).collect();
        for name in &names {
            let has_key = keys.find(name, []).is_ok() || name == "profile";
            assert!(has_key != is_one_time(name), "{name}: give it a key, or say in ONE_TIME why it has none");
        }
        for (name, _) in ONE_TIME {
            assert!(names.iter().any(|known| known == name), "{name} is no option any more");
        }
    }

    #[test]
    fn a_name_that_is_none_suggests_the_nearest() {
        let keys = Keys::of(&Args::command());
        for (name, wanted) in [
            ("max-attempts", Some("max_attempts")),
            ("max_atempts", Some("max_attempts")),
            ("columns", Some("column")),
            ("acces_key_file", Some("access_key_file")),
            ("qqq", None),
        ] {
            let found = keys.find(name, ["access_key_file".to_owned()]).err().unwrap();
            assert_eq!(found, NoKey::Unknown(wanted.map(str::to_owned)), "{name}");
        }
    }

    #[test]
    fn values_are_judged_by_the_options_own_parsers() {
        let keys = Keys::of(&Args::command());
        for (name, value, wanted) in [
            ("max_attempts", "0", Some("0 is not in 1..=1000")),
            ("on_500", "never", Some("\"never\" is not one of retry, hold")),
            ("timeout", "1ms", Some("it must be between 100ms and 1d")),
            ("known", "skip", None),
            ("limit", "none", None),
            ("verbose", "2", None),
            ("verbose", "lots", Some("invalid digit found in string")),
            ("proxy", "-x=y", None),
        ] {
            assert_eq!(keys.find(name, []).unwrap().check(value).err().as_deref(), wanted, "{name} = {value}");
        }
        let refused = keys.find("known", []).unwrap().check("post").unwrap_err();
        assert!(refused.starts_with("every run would post again"), "{refused}");
    }

    #[test]
    fn paths_are_meant_from_the_files_folder_on() {
        let keys = Keys::of(&Args::command());
        let from = |name: &str, value: &str| {
            keys.find(name, []).unwrap().meant_in(value.to_owned(), Path::new("/etc/batchpost"))
        };
        assert_eq!(from("ca_file", "ca.pem"), "/etc/batchpost/ca.pem");
        assert_eq!(from("ca_file", "/ca.pem"), "/ca.pem");
        assert_eq!(from("lookup", "ids.csv:Old:New"), "/etc/batchpost/ids.csv:Old:New");
        assert_eq!(from("sheet", "Notes"), "Notes");
    }
}
