//! The sources of access keys that a file may name. The file never contains the keys themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::bail;
use batchpost::runtime::{CommandLine, KeyCommand};

use super::layers::SettingSource;
use crate::apis::{Credential, credentials};

/// The kinds of source, each the suffix of a setting's name: `access_key_file`.
const KINDS: [&str; 3] = ["file", "command", "env"];

/// The settings that name a key's source.
pub(super) fn settings() -> impl Iterator<Item = String> {
    credentials().flat_map(|key| KINDS.iter().map(|kind| format!("{}_{kind}", key.setting)))
}

/// Splits the setting `name` into the key and the kind of source.
fn of_setting(name: &str) -> Option<(&'static Credential, &'static str)> {
    let named = |key: &'static Credential| {
        let kind = name.strip_prefix(key.setting)?.strip_prefix('_')?;
        Some((key, *KINDS.iter().find(|known| **known == kind)?))
    };
    credentials().find_map(named)
}

/// The source of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    File(PathBuf),
    Command(KeyCommand),
    Variable(String),
}

impl fmt::Display for SecretSource {
    /// Omits a command's arguments, because one of them may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Command(command) => write!(f, "the command {}", command.name()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// One layer's source of each key, by the key's [setting](Credential::setting).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SecretSources(BTreeMap<&'static str, (SecretSource, SettingSource)>);

/// Why a setting with this name is refused, if it would contain a secret.
pub(super) fn refused(name: &str) -> Option<String> {
    let Credential { setting: key, variable, .. } = credentials().find(|key| key.setting == name)?;
    Some(format!(
        "an access key in a settings file could be read by others; remove it, and set {variable} in the environment, or \
         {key}_file, {key}_command or {key}_env in this file"
    ))
}

impl SecretSources {
    pub(crate) fn get(&self, key: &Credential) -> Option<&(SecretSource, SettingSource)> {
        self.0.get(key.setting)
    }

    /// Adds the setting `name` of a file in `folder`: a text or, for a command, an array of texts. Returns
    /// `false` if it does not name a key's source.
    pub(super) fn take_in(
        &mut self,
        name: &str,
        words: Option<CommandLine>,
        folder: &Path,
        source: &SettingSource,
    ) -> anyhow::Result<bool> {
        let Some((key, kind)) = of_setting(name) else { return Ok(false) };
        let is_blank = |line: &CommandLine| matches!(line, CommandLine::Shell(line) if line.trim().is_empty());
        let kind = match (kind, words) {
            ("command", Some(line)) if !is_blank(&line) => SecretSource::Command(KeyCommand::new(line, folder)),
            ("command", _) => bail!("{source}: {name}: expected a command line for the shell, or an array of words"),
            ("file", Some(CommandLine::Shell(path))) if !path.is_empty() => SecretSource::File(folder.join(path)),
            ("env", Some(CommandLine::Shell(variable))) if is_variable(&variable) => SecretSource::Variable(variable),
            ("env", _) => {
                let example = format!("ACME_{}", key.setting.to_uppercase());
                bail!("{source}: {name}: expected the name of an environment variable, like {example}")
            }
            _ => bail!("{source}: {name}: expected the name of a file, in quotes"),
        };
        if let Some((_, other)) = self.get(key) {
            bail!("{source}: {name} contradicts {other}, which sets the same key; leave one of them out");
        }
        self.0.insert(key.setting, (kind, source.clone()));
        Ok(true)
    }
}

/// Whether the text is a variable's name. If it were the key itself, pasted by mistake, an error would print
/// it.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
