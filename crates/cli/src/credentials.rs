//! The sources of the access keys.

use std::fmt;
use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use batchpost::api::{Api, Endpoint};
use batchpost::doctor::{Check, Finding};
use batchpost::runtime::{Credentials, key_from_command, key_from_file};
use secrecy::SecretString;

use crate::apis::{Credential, KnownApi};
use crate::config::{Resolved, SecretSource, SettingSource, variable};
use crate::exit;

/// Maximum run time of a command that prints a key; unlocking a password store by hand takes less.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// The source of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The source named in the settings file.
    SecretSource(SecretSource, SettingSource),
    /// An environment variable with the key.
    Variable(&'static str),
    /// The file named by an environment variable.
    FileOfVariable(String, PathBuf),
    /// A file in the service manager's credentials folder.
    Given(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretSource(kind, source) => write!(f, "{kind} ({source})"),
            Self::Variable(name) => f.write_str(name),
            Self::FileOfVariable(name, path) => write!(f, "the file {} ({name})", path.display()),
            Self::Given(path) => write!(f, "the file {} (CREDENTIALS_DIRECTORY)", path.display()),
        }
    }
}

impl Origin {
    /// Whether the source exists, as far as can be known without using it: no command is executed.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::Variable(name) => variable(name).is_some(),
            Self::SecretSource(SecretSource::Variable(name), _) => variable(name).is_some(),
            Self::SecretSource(SecretSource::File(path), _) | Self::FileOfVariable(_, path) | Self::Given(path) => {
                path.exists()
            }
            Self::SecretSource(SecretSource::Command(_), _) => true,
        }
    }
}

/// Returns the source of a key; `None` if the key must be asked for on the terminal.
///
/// The profile in use overrides the environment: a key exported for one account must not be sent to another.
/// The environment overrides the file's top level, as for all settings.
///
/// # Errors
///
/// If the environment has two sources.
pub(crate) fn origin(key: &Credential, config: &Resolved) -> anyhow::Result<Option<Origin>> {
    let of_file = |entry: &(SecretSource, SettingSource)| Origin::SecretSource(entry.0.clone(), entry.1.clone());
    if let Some(entry) = config.profile_secret(key) {
        return Ok(Some(of_file(entry)));
    }
    let name = key.variable;
    let name_of_file = format!("{name}_FILE");
    match (variable(name), variable(&name_of_file)) {
        (Some(_), Some(_)) => bail!("both {name} and {name_of_file} are set; unset one"),
        (Some(_), None) => return Ok(Some(Origin::Variable(name))),
        (None, Some(path)) => return Ok(Some(Origin::FileOfVariable(name_of_file, path.into()))),
        (None, None) => {}
    }
    let given = given().map(|folder| folder.join(name.to_ascii_lowercase())).filter(|path| path.exists());
    Ok(given.map(Origin::Given).or_else(|| config.top_level_secret(key).map(of_file)))
}

/// The service manager's credentials folder.
fn given() -> Option<PathBuf> {
    variable("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// Returns the user's keys for `endpoint`, read from their sources or asked for on a terminal. There is no
/// option for keys, because a process list shows options.
///
/// # Errors
///
/// If a key is missing, cannot be read, or belongs to another endpoint.
pub(crate) fn resolve(config: &Resolved, endpoint: &Endpoint) -> anyhow::Result<Credentials> {
    let api = config.api();
    // Check all sources before asking a question or executing a command.
    let origins = api.credentials.iter().map(|key| origin(key, config)).collect::<Result<Vec<_>, _>>()?;
    for (key, origin) in api.credentials.iter().zip(&origins) {
        if let Some(Origin::SecretSource(_, source)) = origin {
            config.refuse_elsewhere(key, source, endpoint)?;
        }
    }
    let keys = api.credentials.iter().zip(origins).map(|(key, origin)| secret(api, key, origin));
    Ok(Credentials::new(api.target().as_ref(), &keys.collect::<Result<Vec<_>, _>>()?)?)
}

/// Returns findings about the keys that a run would send to `endpoint`. It asks nothing, but it executes
/// commands that print keys.
pub(crate) fn examine(config: &Resolved, endpoint: &Endpoint) -> Vec<Finding> {
    let finding = |key: &Credential| {
        let Credential { name, setting, variable } = *key;
        let check = Check::Credential(name);
        match usable(key, config, endpoint) {
            Ok(Some(origin)) => Finding::ok(check, format!("set, from {origin}")),
            Ok(None) if stdin().is_terminal() => Finding::ok(check, "asked for on the terminal"),
            Ok(None) => Finding::problem(
                check,
                "not set",
                format!(
                    "set {variable}, or {variable}_FILE to the name of a file that contains it, or set {setting}_file or \
                     {setting}_command in batchpost.toml"
                ),
            ),
            // The profile overrides the environment, so setting the variable would not help.
            Err(error) if config.profile_secret(key).is_some() => Finding::problem(
                check,
                exit::one_line(&error),
                format!("fix that, or set another {setting}_file, {setting}_command or {setting}_env in that profile"),
            ),
            Err(error) => {
                let advice = format!("fix that, or set {variable}");
                Finding::problem(check, exit::one_line(&error), advice)
            }
        }
    };
    config.api().credentials.iter().map(finding).collect()
}

/// Returns the source of a key that can be sent to `endpoint`; `None` if the key must be asked for on the
/// terminal.
fn usable(key: &Credential, config: &Resolved, endpoint: &Endpoint) -> anyhow::Result<Option<Origin>> {
    let Some(origin) = origin(key, config)? else { return Ok(None) };
    if let Origin::SecretSource(_, source) = &origin {
        config.refuse_elsewhere(key, source, endpoint)?;
    }
    let api = config.api();
    let secret = secret(api, key, Some(origin.clone()))?;
    let others = |other: &Credential| if other.name == key.name { secret.clone() } else { "another".into() };
    Credentials::new(api.target().as_ref(), &api.credentials.iter().map(others).collect::<Vec<_>>())?;
    Ok(Some(origin))
}

/// Returns placeholder keys for the sandbox in this process, which accepts any. The user's own keys are not
/// sent to it.
pub(crate) fn for_sandbox(target: &dyn Api) -> anyhow::Result<Credentials> {
    let keys: Vec<SecretString> = target.credentials().iter().map(|_| "sandbox".into()).collect();
    Ok(Credentials::new(target, &keys)?)
}

fn secret(api: &KnownApi, key: &Credential, origin: Option<Origin>) -> anyhow::Result<SecretString> {
    let what = key.name;
    let of_file = |path: &Path| key_from_file(what, path, given().as_deref());
    Ok(match origin {
        Some(Origin::Variable(name)) => of_variable(name, name)?,
        Some(Origin::SecretSource(SecretSource::Variable(name), source)) => {
            of_variable(&name, &format!("{name} (named by {source})"))?
        }
        Some(Origin::FileOfVariable(_, path) | Origin::Given(path)) => of_file(&path)?,
        Some(Origin::SecretSource(SecretSource::File(path), source)) => {
            of_file(&path).with_context(|| source.to_string())?
        }
        Some(Origin::SecretSource(SecretSource::Command(command), source)) => {
            // Blocking is fine: no run is active yet.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(key_from_command(what, &command, COMMAND_LIMIT)).with_context(|| source.to_string())?
        }
        None if stdin().is_terminal() => rpassword::prompt_password(format!("{} {what}: ", api.name))
            .with_context(|| format!("the {what} could not be read from the terminal"))?
            .into(),
        None => {
            let Credential { setting, variable, .. } = key;
            bail!(
                "the {what} is not set; set {variable}, or {variable}_FILE to the name of a file that contains it, or set \
                 {setting}_file or {setting}_command in batchpost.toml"
            )
        }
    })
}

fn of_variable(name: &str, in_words: &str) -> anyhow::Result<SecretString> {
    match variable(name).map(std::ffi::OsString::into_string) {
        Some(Ok(key)) => Ok(key.into()),
        Some(Err(_)) => bail!("{in_words} is not UTF-8"),
        None => bail!("{in_words} is not set"),
    }
}
