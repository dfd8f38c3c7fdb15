//! batchpost.toml: finds the file, reads it, and parses it into keys with their lines.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use batchpost::runtime::{CommandLine, changeable_by_others};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Key, Keys, NoKey, Shape, nearest};
use super::layers::{Entry, Layer, Rank, SettingSource};
use super::secrets;
use crate::folders;

/// The file's name in the working folder.
pub(crate) const NAME: &str = "batchpost.toml";

/// The key that names the default profile.
const DEFAULT_PROFILE: &str = "default_profile";

/// A settings file.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) top: Layer,
    pub(super) profiles: BTreeMap<String, Layer>,
    /// The default profile.
    pub(super) default_profile: Option<(String, SettingSource)>,
}

/// Finds the file to use: the given one, else the one in the working folder, else the user's own.
pub(super) fn find(asked: Option<PathBuf>) -> anyhow::Result<Option<(PathBuf, String)>> {
    if let Some(path) = asked {
        let text = open(&path).and_then(|file| read(&path, file))?;
        return Ok(Some((path, text)));
    }
    let own = || folders::config().map(|folder| folder.join(NAME));
    // A file that exists but cannot be opened is an error; the next location is not tried.
    let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
    let Some(path) = Some(PathBuf::from(NAME)).filter(is_there).or_else(|| own().filter(is_there)) else {
        return Ok(None);
    };
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        bail!("{} is not a file; pass --config /dev/null to run without it", path.display());
    }
    let file = open(&path)?;
    // The file determines where keys are sent and which commands are executed.
    if let Some(why) = changeable_by_others(&file).with_context(|| path.display().to_string())? {
        let path = path.display();
        bail!("the settings file {path} is not used, because {why}; pass --config {path} to use it");
    }
    let text = read(&path, file)?;
    Ok(Some((path, text)))
}

fn open(path: &Path) -> anyhow::Result<std::fs::File> {
    std::fs::File::open(path).with_context(|| format!("the settings file {} cannot be opened", path.display()))
}

/// Reads a file as UTF-8, with or without a byte order mark.
fn read(path: &Path, mut file: std::fs::File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let name = path.display();
    file.read_to_end(&mut bytes).with_context(|| format!("the settings file {name} cannot be read"))?;
    let Ok(text) = String::from_utf8(bytes) else { bail!("the settings file {name} is not UTF-8; save it as UTF-8") };
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Parses `text`, the content of the file at `path`.
pub(super) fn parse(path: &Path, text: &str, keys: &Keys) -> anyhow::Result<File> {
    let parser = Parser { path, text, keys };
    // Report only the parser's message: a line of the file may contain a secret.
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        anyhow::anyhow!("{}: {}", parser.source(at), error.message())
    })?;
    parser.file(table.get_ref())
}

struct Parser<'a> {
    path: &'a Path,
    text: &'a str,
    keys: &'a Keys,
}

impl Parser<'_> {
    /// `batchpost.toml:3`
    fn source(&self, byte: usize) -> String {
        let line = self.text.as_bytes()[..byte.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("{}:{line}", self.path.display())
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    fn file(&self, table: &DeTable<'_>) -> anyhow::Result<File> {
        let mut file = File { path: self.path.to_owned(), ..File::default() };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let at = key.span().start;
            match name {
                "profile" => match value.get_ref() {
                    DeValue::Table(profiles) => file.profiles = self.profiles(profiles)?,
                    _ => bail!(
                        "{}: profile is a table; write [profile.NAME], and {DEFAULT_PROFILE} = \"NAME\" for the default",
                        self.source(at)
                    ),
                },
                DEFAULT_PROFILE => match value.get_ref() {
                    DeValue::String(profile) => {
                        let source = SettingSource { rank: Rank::TopLevel, name: self.source(at) };
                        file.default_profile = Some((profile.to_string(), source));
                    }
                    _ => bail!("{}: {DEFAULT_PROFILE}: expected the name of a profile, in quotes", self.source(at)),
                },
                _ => self.entry(&mut file.top, Rank::TopLevel, (name, at), value)?,
            }
        }
        Ok(file)
    }

    fn profiles(&self, profiles: &DeTable<'_>) -> anyhow::Result<BTreeMap<String, Layer>> {
        let mut layers = BTreeMap::new();
        for (name, table) in profiles {
            let DeValue::Table(table) = table.get_ref() else {
                let name = name.get_ref();
                bail!("{}: a profile is a table; write [profile.{name}]", self.source(table.span().start));
            };
            let mut layer = Layer::default();
            for (key, value) in table {
                self.entry(&mut layer, Rank::Profile, (key.get_ref().as_ref(), key.span().start), value)?;
            }
            layers.insert(name.get_ref().to_string(), layer);
        }
        Ok(layers)
    }

    /// Adds one key of a table to a layer.
    fn entry(
        &self,
        layer: &mut Layer,
        rank: Rank,
        (name, at): (&str, usize),
        value: &Spanned<DeValue<'_>>,
    ) -> anyhow::Result<()> {
        let source = SettingSource { rank, name: self.source(at) };
        if let Some(why) = secrets::refused(name) {
            bail!("{source}: {name}: {why}");
        }
        if layer.secret_sources.take_in(name, strings(value.get_ref()), self.folder(), &source)? {
            return Ok(());
        }
        let key = match self.keys.find(name, secrets::settings().chain([DEFAULT_PROFILE.to_owned()])) {
            Ok(key) => key,
            Err(NoKey::OneTime(why)) => bail!("{source}: {name} cannot be set in a file: {why}"),
            Err(NoKey::Unknown(Some(near))) => bail!("{source}: unknown key {name:?}; did you mean {near}?"),
            Err(NoKey::Unknown(None)) if rank == Rank::TopLevel && matches!(value.get_ref(), DeValue::Table(_)) => {
                bail!("{source}: unknown table {name:?}; write a profile as [profile.{name}]")
            }
            Err(NoKey::Unknown(None)) => {
                bail!("{source}: unknown key {name:?}; docs/configuration.md and `batchpost config` list all keys")
            }
        };
        let values = values(key, value).map_err(|(at, why)| {
            let source = if at == value.span().start { source.to_string() } else { self.source(at) };
            anyhow::anyhow!("{source}: {name}: {why}")
        })?;
        let values = values.into_iter().map(|value| key.meant_in(value, self.folder())).collect();
        layer.entries.insert(name.to_owned(), Entry { values, source });
        Ok(())
    }
}

/// Returns the values of a key, each valid for the option. The error is the position of an invalid value, and
/// the reason.
fn values(key: &Key, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, (usize, String)> {
    let at = value.span().start;
    let several = matches!(key.shape, Shape::Many | Shape::Named);
    let found = match value.get_ref() {
        DeValue::Array(values) if several => {
            let each = values.iter().map(|value| scalar(key, value).map(|text| (value.span().start, text)));
            each.collect::<Result<Vec<_>, _>>()?
        }
        DeValue::Table(table) if key.shape == Shape::Named => named(key, table)?,
        _ => vec![(at, scalar(key, value)?)],
    };
    for (at, value) in &found {
        key.check(value).map_err(|why| (*at, why))?;
    }
    match found.is_empty() {
        true => Err((at, "it is empty; leave it out".to_owned())),
        false => Ok(found.into_iter().map(|(_, value)| value).collect()),
    }
}

fn scalar(key: &Key, value: &Spanned<DeValue<'_>>) -> Result<String, (usize, String)> {
    let wanted = match (key.shape, value.get_ref()) {
        (Shape::Switch, DeValue::Boolean(on)) => return Ok(on.to_string()),
        (Shape::Switch, _) => "true or false",
        (_, DeValue::String(text)) => return Ok(text.to_string()),
        (_, DeValue::Integer(number)) if number.radix() == 10 => return Ok(number.as_str().replace('_', "")),
        (Shape::Count, _) => "a number",
        (Shape::One, _) => "one value, in quotes",
        (Shape::Many, _) => "a value in quotes, or several in brackets",
        (Shape::Named, _) => "values in quotes, or a table like { name = \"value\" }",
    };
    Err((value.span().start, format!("expected {wanted}")))
}

/// Returns a table of names and values as `NAME=TEXT`, or as `NAME:=JSON` for other types.
fn named(key: &Key, table: &DeTable<'_>) -> Result<Vec<(usize, String)>, (usize, String)> {
    let mut found = Vec::new();
    for (name, value) in table {
        let (at, name) = (name.span().start, name.get_ref());
        if name.contains('=') {
            return Err((at, format!("the name {name:?} contains an equals sign")));
        }
        match value.get_ref() {
            DeValue::String(text) => found.push((at, format!("{name}={text}"))),
            // A text can be joined from several columns.
            DeValue::Array(values) if key.name == "column" => {
                for value in values {
                    found.push((value.span().start, format!("{name}={}", scalar(key, value)?)));
                }
            }
            value => {
                let json = json(value).ok_or_else(|| (at, "write a date in quotes".to_owned()))?;
                found.push((at, format!("{name}:={json}")));
            }
        }
    }
    Ok(found)
}

fn json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    use serde_json::Value;
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()?.into(),
        DeValue::Float(number) => number.as_str().replace('_', "").parse::<f64>().ok()?.into(),
        DeValue::Boolean(on) => Value::Bool(*on),
        DeValue::Datetime(_) => return None,
        DeValue::Array(values) => {
            Value::Array(values.iter().map(|value| json(value.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Table(table) => {
            let member = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let name: &std::borrow::Cow<'_, str> = name.get_ref();
                Some((name.to_string(), json(value.get_ref())?))
            };
            Value::Object(table.iter().map(member).collect::<Option<_>>()?)
        }
    })
}

/// Returns a string, or an array of strings.
fn strings(value: &DeValue<'_>) -> Option<CommandLine> {
    match value {
        DeValue::String(text) => Some(CommandLine::Shell(text.to_string())),
        DeValue::Array(values) => {
            let each = values.iter().map(|value| value.get_ref().as_str().map(str::to_owned));
            each.collect::<Option<Vec<_>>>().filter(|words| !words.is_empty()).map(CommandLine::Words)
        }
        _ => None,
    }
}

/// Parses the values of a key from an environment variable: one unquoted value, or several in the file's
/// syntax.
pub(super) fn of_variable(key: &Key, text: &str) -> Result<Vec<String>, String> {
    let several = matches!(key.shape, Shape::Many | Shape::Named) && text.trim_start().starts_with(['[', '{']);
    if several {
        let value = DeValue::parse(text.trim()).map_err(|error| error.message().to_owned())?;
        return values(key, &value).map_err(|(_, why)| why);
    }
    if key.shape == Shape::Switch && !["true", "false"].contains(&text) {
        return Err("expected true or false".to_owned());
    }
    key.check(text)?;
    Ok(vec![text.to_owned()])
}

impl File {
    /// Returns the profile with this name.
    pub(super) fn profile(&self, name: &str, source: &str) -> anyhow::Result<&Layer> {
        self.profiles.get(name).with_context(|| {
            let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            let path = self.path.display();
            if names.is_empty() {
                return format!("{source}: {path} has no profiles; add [profile.{name}] to it");
            }
            let near = nearest(name, self.profiles.keys().cloned()).map(|near| format!("; did you mean {near}?"));
            format!(
                "{source}: {path} has no profile {name:?}; its profiles are {}{}",
                names.join(", "),
                near.unwrap_or_default()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    fn parsed(text: &str) -> Result<File, String> {
        parse(Path::new("x/b.toml"), text, &Keys::of(&Args::command())).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn top(text: &str) -> Vec<String> {
        let layer = parsed(text).unwrap().top;
        layer
            .entries
            .into_iter()
            .flat_map(|(key, entry)| entry.values.into_iter().map(move |value| format!("{key}={value}")))
            .collect()
    }

    #[test]
    fn values_are_written_as_toml_writes_them() {
        assert_eq!(
            top("max_attempts = 1_0\nskip_invalid = true\ntimeout = '1m'\nverbose = 2"),
            ["max_attempts=10", "skip_invalid=true", "timeout=1m", "verbose=2"]
        );
        assert_eq!(top("limit = '25/5s'\nreserve = [5, '20/1d']"), ["limit=25/5s", "reserve=5", "reserve=20/1d"]);
        assert_eq!(
            top("column = { ticket = 'Ticket = ID', text = ['a', 'b'] }"),
            ["column=text=a", "column=text=b", "column=ticket=Ticket = ID"]
        );
        assert_eq!(top("column = ['ticket=x', 'text=a']"), ["column=ticket=x", "column=text=a"]);
        assert_eq!(
            top("[field]\nSource = 'Old'\nPriority = 3\nTags = ['a', true]"),
            ["field=Priority:=3", "field=Source=Old", "field=Tags:=[\"a\",true]"]
        );
        assert_eq!(top("ca_file = 'ca.pem'"), ["ca_file=x/ca.pem"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, wanted) in [
            ("\nmax-attempts = 3", "x/b.toml:2: unknown key \"max-attempts\"; did you mean max_attempts?"),
            ("[acme]\nhost = 'h'", "x/b.toml:1: unknown table \"acme\"; write a profile as [profile.acme]"),
            ("profile = 'acme'", "x/b.toml:1: profile is a table; write [profile.NAME], and default_profile"),
            ("default-profile = 'a'", "x/b.toml:1: unknown key \"default-profile\"; did you mean default_profile?"),
            ("[profile]\nacme = 3", "x/b.toml:2: a profile is a table; write [profile.acme]"),
            ("timeout = '30s'\nmax_attempts = 0", "x/b.toml:2: max_attempts: 0 is not in 1..=1000"),
            ("limit = [\n'25/5s',\n'x'\n]", "x/b.toml:3: limit: "),
            ("[profile.a]\non_500 = 'never'", "x/b.toml:2: on_500: \"never\" is not one of retry, hold"),
            ("skip_invalid = 'yes'", "x/b.toml:1: skip_invalid: expected true or false"),
            ("sheet = ['a']", "x/b.toml:1: sheet: expected one value, in quotes"),
            ("limit = []", "x/b.toml:1: limit: it is empty; leave it out"),
            ("in_doubt = 'retry'", "x/b.toml:1: in_doubt cannot be set in a file: every run would send"),
            ("known = 'post'", "x/b.toml:1: known: every run would post again"),
            ("a = 'x\n", "x/b.toml:1: "),
            ("sheet = 'a'\nsheet = 'b'", "x/b.toml:2: duplicate key"),
            ("secret_key = 'hunter2'", "x/b.toml:1: secret_key: "),
            ("secret_key = 'hunter2", "x/b.toml:1: "),
            ("access_key_file = 3", "x/b.toml:1: access_key_file: "),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_variable_gives_one_value_as_it_stands_or_several_as_a_file_does() {
        let keys = Keys::of(&Args::command());
        let of = |name: &str, text: &str| of_variable(keys.find(name, []).unwrap(), text);
        assert_eq!(of("limit", "25/5s").unwrap(), ["25/5s"]);
        assert_eq!(of("limit", "['25/5s', '9/1d']").unwrap(), ["25/5s", "9/1d"]);
        assert_eq!(of("column", "{ ticket = 'a' }").unwrap(), ["ticket=a"]);
        assert_eq!(of("text_template", "{{ a }}").unwrap(), ["{{ a }}"]);
        assert!(of("skip_invalid", "1").is_err());
        assert!(of("limit", "25").is_err());
    }
}
