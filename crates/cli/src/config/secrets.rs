//! Where a file says that the access keys are. The keys themselves never stand in one.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::bail;
use batchpost::shell::{CommandLine, KeyCommand};

use super::layers::Place;

/// The keys of a file that say where an access key is.
pub(crate) const KEYS: [&str; 6] = [
    "access_key_file",
    "access_key_command",
    "access_key_env",
    "secret_key_file",
    "secret_key_command",
    "secret_key_env",
];

/// One of a user's two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Access,
    Secret,
}

impl Which {
    pub(crate) const BOTH: [Self; 2] = [Self::Access, Self::Secret];

    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Access => "access key",
            Self::Secret => "secret key",
        }
    }

    /// `access_key`
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Access => "access_key",
            Self::Secret => "secret_key",
        }
    }

    /// The environment's variable that holds it.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Access => "LSQ_ACCESS_KEY",
            Self::Secret => "LSQ_SECRET_KEY",
        }
    }
}

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    File(PathBuf),
    Command(KeyCommand),
    Variable(String),
}

impl fmt::Display for SecretSource {
    /// Without a command's arguments: one of them may be what nobody should see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Command(command) => write!(f, "the command {}", command.name()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// What one layer says of both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ways {
    access: Option<(SecretSource, Place)>,
    secret: Option<(SecretSource, Place)>,
}

/// Why a key of this name is refused, if it would hold a secret.
pub(super) fn refused(name: &str) -> Option<String> {
    let which = Which::BOTH.into_iter().find(|which| which.key() == name)?;
    let (key, variable) = (which.key(), which.variable());
    Some(format!(
        "a key does not stand in a file of settings, which is copied and shown; set {variable}, or say {key}_file, \
         {key}_command or {key}_env"
    ))
}

impl Ways {
    pub(crate) fn get(&self, which: Which) -> Option<&(SecretSource, Place)> {
        match which {
            Which::Access => self.access.as_ref(),
            Which::Secret => self.secret.as_ref(),
        }
    }

    /// Takes in what the key `name` of a file in `folder` says: a text, or an array of them, which only a command can be.
    pub(super) fn take_in(
        &mut self,
        name: &str,
        words: Option<CommandLine>,
        folder: &Path,
        place: Place,
    ) -> anyhow::Result<()> {
        let (slot, kind) = match (name.strip_prefix("access_key_"), name.strip_prefix("secret_key_")) {
            (Some(kind), _) => (&mut self.access, kind),
            (None, Some(kind)) => (&mut self.secret, kind),
            (None, None) => bail!("{place}: {name} is not about an access key"),
        };
        let is_blank = |line: &CommandLine| matches!(line, CommandLine::Shell(line) if line.trim().is_empty());
        let way = match (kind, words) {
            ("command", Some(line)) if !is_blank(&line) => SecretSource::Command(KeyCommand::new(line, folder)),
            ("command", _) => bail!("{place}: {name}: it is a line for the shell, or an array of words"),
            ("file", Some(CommandLine::Shell(path))) if !path.is_empty() => SecretSource::File(folder.join(path)),
            ("env", Some(CommandLine::Shell(variable))) if is_variable(&variable) => SecretSource::Variable(variable),
            ("env", _) => {
                bail!("{place}: {name}: it is the name of a variable of the environment, like ACME_ACCESS_KEY")
            }
            _ => bail!("{place}: {name}: it is the name of a file, in quotes"),
        };
        if let Some((_, other)) = slot {
            bail!("{place}: {name} contradicts what {other} says of the same key; leave one of them out");
        }
        *slot = Some((way, place));
        Ok(())
    }
}

/// A name, and not by mistake the key itself, which an error would repeat.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
