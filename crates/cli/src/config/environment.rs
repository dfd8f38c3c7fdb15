//! What the environment says: `BATCHPOST_` and a key's name.

use std::env;
use std::ffi::OsString;

use anyhow::bail;
use clap::Command;

use super::file::of_variable;
use super::keys::{Keys, NoKey};
use super::layers::{Layer, Place, Rank, Said};
use super::secrets::{KEYS, Which};

pub(super) const PROFILE: &str = "BATCHPOST_PROFILE";
pub(super) const CONFIG: &str = "BATCHPOST_CONFIG";
const PREFIX: &str = "BATCHPOST_";

/// A variable that is set; an empty one is not.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// What the environment says of the options that `commands` have.
pub(super) fn layer(keys: &Keys, commands: [&Command; 2]) -> anyhow::Result<Layer> {
    let mut layer = Layer::default();
    for key in keys.iter().filter(|key| commands.iter().any(|command| key.option_of(command).is_some())) {
        let name = key.variable();
        let Some(value) = variable(&name) else { continue };
        let Ok(value) = value.into_string() else { bail!("{name} is not UTF-8") };
        let values = of_variable(key, &value).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
        let place = Place { rank: Rank::Environment, name };
        layer.said.insert(key.name().to_owned(), Said { values, place });
    }
    Ok(layer)
}

/// Says of variables that look like ours and are not what they may have been meant to be.
///
/// # Errors
///
/// For what is decided for one time only: who set it believes that it holds.
pub(super) fn question_others(keys: &Keys) -> anyhow::Result<()> {
    for (variable, value) in env::vars_os() {
        let Some(variable) = variable.to_str() else { continue };
        let Some(name) = variable.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else { continue };
        // Kubernetes tells every container so of a service that is called batchpost.
        let of_kubernetes = name.starts_with("service_") || name.starts_with("port_");
        if value.is_empty() || [PROFILE, CONFIG].contains(&variable) || of_kubernetes {
            continue;
        }
        if let Some(which) = Which::BOTH.into_iter().find(|which| name.starts_with(which.key())) {
            say!("batchpost: {variable} is not used: the {} comes from {}", which.name(), which.variable());
            continue;
        }
        match keys.find(&name, &KEYS) {
            Err(NoKey::OneTime(why)) => bail!("{variable}: {name} does not belong in the environment: {why}"),
            Err(NoKey::Unknown(Some(near))) => {
                let near = near.to_ascii_uppercase();
                say!("batchpost: {variable} is not used; is {PREFIX}{near} meant?");
            }
            Ok(_) | Err(NoKey::Unknown(None)) => {}
        }
    }
    Ok(())
}
