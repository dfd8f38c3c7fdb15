//! Where the access keys come from.

use std::env;
use std::io::{IsTerminal, stdin};
use std::path::Path;

use anyhow::{Context, bail};
use batchpost::leadsquared::LeadSquared;
use batchpost::shell::Credentials;
use secrecy::SecretString;

/// The user's keys: from the environment, from files that it names, or asked for on a terminal. Never from an option:
/// a process list shows those.
pub(crate) fn resolve() -> anyhow::Result<Credentials> {
    let access = key("access key", "LSQ_ACCESS_KEY")?;
    let secret = key("secret key", "LSQ_SECRET_KEY")?;
    Ok(Credentials::new(&LeadSquared, &[access, secret])?)
}

/// Keys for the sandbox inside this process, which takes any. The user's own are not shown to it.
pub(crate) fn for_sandbox() -> anyhow::Result<Credentials> {
    Ok(Credentials::new(&LeadSquared, &["sandbox".into(), "sandbox".into()])?)
}

fn key(what: &'static str, variable: &str) -> anyhow::Result<SecretString> {
    let file = format!("{variable}_FILE");
    match (env::var_os(variable).filter(|key| !key.is_empty()), env::var_os(&file)) {
        (Some(_), Some(_)) => bail!("both {variable} and {file} are set; unset one"),
        (Some(key), None) => match key.into_string() {
            Ok(key) => Ok(key.into()),
            Err(_) => bail!("{variable} is not UTF-8"),
        },
        (None, Some(path)) => Ok(Credentials::key_from_file(what, Path::new(&path))?),
        (None, None) if stdin().is_terminal() => {
            let key = rpassword::prompt_password(format!("LeadSquared {what}: "))
                .with_context(|| format!("the {what} could not be read from the terminal"))?;
            Ok(key.into())
        }
        (None, None) => bail!("there is no {what}: set {variable}, or {file} to the name of a file that holds it"),
    }
}
