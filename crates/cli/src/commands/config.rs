//! `config`: the effective settings and their sources.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};

use batchpost::runtime::masked;
use serde::Serialize;

use crate::apis::Credential;
use crate::args::{FromFile, Output, ShowConfig};
use crate::config::{Rank, Resolved, SettingSource, built_in, resolve};
use crate::credentials::{self, Origin};
use crate::plain::stdout;

/// Shows `config`, or the effective settings for the given command line.
pub(crate) fn config(
    shown: &ShowConfig,
    config: Resolved,
    from_file: &FromFile,
    output: &Output,
) -> anyhow::Result<u8> {
    let config = if shown.line.is_empty() { config } else { for_line(&shown.line, from_file)? };
    let view = View::of(&config)?;
    let mut out = stdout(output);
    if output.json {
        writeln!(out, "{}", serde_json::to_string(&view)?)?;
    } else {
        view.write(&mut out)?;
    }
    Ok(0)
}

/// Resolves the settings for the command line `asked`, with the given file and profile options before it.
fn for_line(asked: &[OsString], from_file: &FromFile) -> anyhow::Result<Resolved> {
    let word = |option: &str, value: &OsStr| {
        let mut word = OsString::from(option);
        word.push(value);
        word
    };
    let file = from_file.config.iter().map(|file| word("--config=", file.as_os_str()));
    let profile = from_file.profile.iter().map(|name| word("--profile=", name.as_ref()));
    let line: Vec<OsString> =
        std::iter::once("batchpost".into()).chain(file).chain(profile).chain(asked.iter().cloned()).collect();
    Ok(resolve(&line)?.1)
}

/// The settings to show.
#[derive(Serialize)]
struct View {
    file: Option<String>,
    profile: Option<String>,
    profile_from: Option<String>,
    settings: BTreeMap<String, Vec<Setting>>,
    #[serde(rename = "silenced")]
    shadowed: Vec<Shadowed>,
    /// The access keys, by the prefix of their settings' names.
    #[serde(flatten)]
    keys: BTreeMap<&'static str, Key>,
}

#[derive(Serialize)]
struct Setting {
    values: Vec<String>,
    from: String,
}

#[derive(Serialize)]
struct Shadowed {
    key: String,
    values: Vec<String>,
    from: String,
    why: String,
}

/// A key's source; never the key itself.
#[derive(Serialize)]
struct Key {
    set: bool,
    from: Option<String>,
}

impl View {
    fn of(config: &Resolved) -> anyhow::Result<Self> {
        let from = |source: &SettingSource| match (source.rank, config.profile()) {
            (Rank::Profile, Some((name, _))) => format!("{source}, profile {name}"),
            _ => source.to_string(),
        };
        let mut settings: BTreeMap<String, Vec<Setting>> = built_in()
            .into_iter()
            .map(|(key, values)| {
                let built_in = Setting { values, from: "built in".to_owned() };
                (key, if built_in.values.is_empty() { Vec::new() } else { vec![built_in] })
            })
            .collect();
        for (key, entry) in &config.resolved_config().entries {
            let each =
                entry.iter().map(|entry| Setting { values: shown(key, &entry.values), from: from(&entry.source) });
            settings.insert(key.clone(), each.collect());
        }
        let shadowed = config.resolved_config().shadowed.iter().map(|shadowed| Shadowed {
            key: shadowed.key.clone(),
            values: shown(&shadowed.key, &shadowed.entry.values),
            from: from(&shadowed.entry.source),
            why: shadowed.why.clone(),
        });
        let key = |key: &Credential| -> anyhow::Result<_> {
            let origin = credentials::origin(key, config)?;
            let set = origin.as_ref().is_some_and(Origin::is_there);
            Ok((key.setting, Key { set, from: origin.map(|origin| origin.to_string()) }))
        };
        Ok(Self {
            file: config.file().map(|path| path.display().to_string()),
            profile: config.profile().map(|(name, _)| name.clone()),
            profile_from: config.profile().map(|(_, source)| source.to_string()),
            shadowed: shadowed.collect(),
            settings,
            keys: config.api().credentials.iter().map(key).collect::<Result<_, _>>()?,
        })
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match &self.file {
            Some(file) => writeln!(out, "file: {file}")?,
            None => writeln!(out, "file: none; `batchpost init` writes one")?,
        }
        match (&self.profile, &self.profile_from) {
            (Some(name), Some(from)) => writeln!(out, "profile: {name} ({from})")?,
            _ => writeln!(out, "profile: none")?,
        }
        let mut lines: Vec<[String; 3]> = Vec::new();
        for (key, settings) in &self.settings {
            for setting in settings {
                lines.extend(setting.values.iter().map(|value| [key.clone(), value.clone(), setting.from.clone()]));
            }
        }
        for (name, key) in &self.keys {
            let (value, from) = match &key.from {
                Some(from) if key.set => ("set", from.clone()),
                Some(from) => ("not set", format!("would be read from {from}")),
                None => ("not set", "asked for on a terminal".to_owned()),
            };
            lines.push([(*name).to_owned(), value.to_owned(), from]);
        }
        writeln!(out)?;
        write_columns(out, &lines)?;
        let unset: Vec<&str> =
            self.settings.iter().filter(|(_, s)| s.is_empty()).map(|(key, _)| key.as_str()).collect();
        writeln!(out, "\nnot set: {}", unset.join(", "))?;
        for Shadowed { key, values, from, why } in &self.shadowed {
            writeln!(out, "ignored: {key} {} ({from}): {why}", values.join(", "))?;
        }
        Ok(())
    }
}

/// Maximum width of a value's column. After a longer value, the source starts a new line.
const WIDEST: usize = 40;

/// Writes keys, values and sources in aligned columns.
fn write_columns(out: &mut impl Write, lines: &[[String; 3]]) -> io::Result<()> {
    let widths = |column: usize| lines.iter().map(move |line| line[column].chars().count());
    let keys = widths(0).max().unwrap_or(0);
    let values = widths(1).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    for [key, value, from] in lines {
        if value.chars().count() <= values {
            writeln!(out, "{key:keys$}  {value:values$}  {from}")?;
        } else {
            writeln!(out, "{key:keys$}  {value}")?;
            writeln!(out, "{:keys$}  {:values$}  {from}", "", "")?;
        }
    }
    Ok(())
}

/// Keys with URLs or parts of URLs as values. The text of notes is shown unchanged.
const URLS: [&str; 3] = ["url", "host", "proxy"];

/// The values of a key, with possible secrets masked.
fn shown(key: &str, values: &[String]) -> Vec<String> {
    let value = |value: &String| if URLS.contains(&key) { masked(value) } else { value.clone() };
    values.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_below_each_other_where_a_value_is_long() {
        let url = format!("https://{}.example.com/upload", "x".repeat(40));
        let lines = [["limit", "25/5s", "built in"], ["url", &url, "a.toml, line 3"], ["yes", "true", "--yes"]];
        let mut out = Vec::new();
        write_columns(&mut out, &lines.map(|line| line.map(str::to_owned))).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("limit  25/5s  built in\nurl    {url}\n              a.toml, line 3\nyes    true   --yes\n")
        );
    }

    #[test]
    fn the_password_in_a_url_is_not_shown() {
        for (key, value, wanted) in [
            ("proxy", "http://me:pw@proxy.example:3128", "http://(hidden)@proxy.example:3128"),
            ("proxy", "http://me:p/w@proxy", "http://(hidden)@proxy"),
            ("proxy", "me:pw@proxy:3128", "(hidden)@proxy:3128"),
            ("url", "https://h/x?accessKey=pw", "https://h/x?(hidden)"),
            ("column", "ticket=a:b@c", "ticket=a:b@c"),
            ("text_template", "https://crm/?id={{ Id }}", "https://crm/?id={{ Id }}"),
        ] {
            assert_eq!(shown(key, &[value.to_owned()]), [wanted]);
        }
    }
}
