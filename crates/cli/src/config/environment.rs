//! Settings from the environment: variables named `BATCHPOST_` and a key.

use std::env;
use std::ffi::{OsStr, OsString};

use anyhow::bail;
use clap::Command;

use super::file::of_variable;
use super::keys::{Keys, NoKey};
use super::layers::{Entry, Layer, Rank, SettingSource};
use super::secrets;
use crate::apis::credentials;

pub(super) const PROFILE: &str = "BATCHPOST_PROFILE";
pub(super) const CONFIG: &str = "BATCHPOST_CONFIG";
const PREFIX: &str = "BATCHPOST_";

/// The value of a variable; an empty one counts as unset.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The environment's values for the options of `commands`.
pub(super) fn layer(keys: &Keys, commands: [&Command; 2]) -> anyhow::Result<Layer> {
    let mut layer = Layer::default();
    for key in keys.iter().filter(|key| commands.iter().any(|command| key.option_of(command).is_some())) {
        let name = key.variable();
        let Some(value) = variable(&name).filter(|value| !is_of_kubernetes(key.name(), value)) else { continue };
        let Ok(value) = value.into_string() else { bail!("{name} is not UTF-8") };
        let values = of_variable(key, &value).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
        let source = SettingSource { rank: Rank::Environment, name };
        layer.entries.insert(key.name().to_owned(), Entry { values, source });
    }
    Ok(layer)
}

/// Variables with our prefix and the keys they would set, except those set by Kubernetes.
fn ours() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(variable, value)| {
        let variable = variable.into_string().ok()?;
        let name = variable.strip_prefix(PREFIX)?.to_ascii_lowercase();
        let counts = !value.is_empty() && ![PROFILE, CONFIG].contains(&variable.as_str());
        (counts && !is_of_kubernetes(&name, &value)).then_some((variable, name))
    })
}

/// Kubernetes sets such variables in every container for a service named batchpost.
fn is_of_kubernetes(name: &str, value: &OsStr) -> bool {
    let is_address = || value.to_string_lossy().contains("://");
    name.starts_with("service_") || name.starts_with("port_") || (name == "port" && is_address())
}

/// Options for one run that are refused: a user who sets them would believe that they apply.
const REFUSED: [&str; 3] = ["in_doubt", "first", "yes"];

/// Names that other tools use with a program's prefix.
const OF_OTHERS: [&str; 3] = ["version", "home", "image"];

/// Refuses options for one run that are dangerous if a user wrongly believes that they apply.
///
/// # Errors
///
/// If such an option is set.
pub(super) fn refuse_one_time_options(keys: &Keys) -> anyhow::Result<()> {
    for (variable, name) in ours().filter(|(_, name)| REFUSED.contains(&name.as_str())) {
        if let Err(NoKey::OneTime(why)) = keys.find(&name, secrets::settings()) {
            bail!("{variable}: {name} cannot be set in the environment: {why}");
        }
    }
    Ok(())
}

/// Warnings about variables with our prefix that are not used.
pub(super) fn remarks(keys: &Keys) -> Vec<String> {
    ours().filter_map(|(variable, name)| remark(keys, &variable, &name)).collect()
}

fn remark(keys: &Keys, variable: &str, name: &str) -> Option<String> {
    if OF_OTHERS.contains(&name) || REFUSED.contains(&name) {
        return None;
    }
    if let Some(key) = credentials().find(|key| name.starts_with(key.setting)) {
        return Some(format!("{variable} is not used: the {} comes from {}", key.name, key.variable));
    }
    match keys.find(name, secrets::settings()) {
        Err(NoKey::OneTime(why)) => Some(format!("{variable} is not used: {why}")),
        Err(NoKey::Unknown(Some(near))) => {
            Some(format!("{variable} is not used; did you mean {PREFIX}{}?", near.to_ascii_uppercase()))
        }
        Ok(_) | Err(NoKey::Unknown(None)) => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    #[test]
    fn variables_that_are_not_used_are_remarked_on_and_those_of_others_are_not() {
        let keys = Keys::of(&Args::command());
        for (name, wanted) in [
            ("limits", Some("did you mean BATCHPOST_LIMIT?")),
            ("access_key", Some("the access key comes from LSQ_ACCESS_KEY")),
            ("dir", Some("it applies to one command only")),
            ("input", Some("it applies to one command only")),
            ("limit", None),
            ("version", None),
            ("home", None),
            ("image", None),
            // `refuse_one_time_options` reports an error.
            ("in_doubt", None),
        ] {
            let remark = remark(&keys, &format!("BATCHPOST_{}", name.to_ascii_uppercase()), name);
            assert_eq!(remark.is_some(), wanted.is_some(), "{remark:?}");
            assert!(remark.is_none_or(|remark| remark.contains(wanted.unwrap_or_default())), "{name}");
        }
    }

    #[test]
    fn what_kubernetes_says_of_a_service_is_no_setting() {
        for (name, value, wanted) in [
            ("port", "tcp://10.0.0.7:80", true),
            ("port_80_tcp", "tcp://10.0.0.7:80", true),
            ("service_host", "10.0.0.7", true),
            ("port", "8080", false),
            ("proxy", "http://proxy:3128", false),
        ] {
            assert_eq!(is_of_kubernetes(name, value.as_ref()), wanted, "{name}={value}");
        }
    }
}
