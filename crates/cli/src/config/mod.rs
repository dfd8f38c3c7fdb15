//! Settings from the command line, the environment and batchpost.toml, in layers.
//!
//! Values from the environment and the file become defaults of clap's command: they go through the same
//! parsers, the command line overrides them, and no option can be forgotten. [`layers`] resolves several
//! layers; [`keys`] defines the keys; [`secrets`] defines the sources of access keys, which are bound to the
//! endpoint of the layer that sets them ([`Resolved::refuse_elsewhere`]).

mod environment;
mod file;
mod keys;
mod layers;
mod secrets;
mod target;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use batchpost::batch::{Account, account_of};
use batchpost::fields::FixedField;
use batchpost::input::ColumnChoice;
use batchpost::runtime::masked;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, ValueEnum};

pub(crate) use environment::variable;
pub(crate) use file::NAME;
pub(crate) use layers::{Entry, Rank, ResolvedConfig, SettingSource};
pub(crate) use secrets::SecretSource;

use crate::apis::{self, Credential, KnownApi};
use crate::args::{self, Args, LogFormat, Output};
use crate::words::{quoted, shell_word};
use environment::{CONFIG, PROFILE};
use file::File;
use keys::{Keys, Shape};
use layers::Layer;

/// The option that chooses a profile.
const ASKED: &str = "--profile";

/// The effective settings and their sources.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    file: Option<File>,
    /// The name of the file, if given by the user; `None` if it was found.
    asked_file: Option<PathBuf>,
    /// The profile in use, and the source of that choice.
    profile: Option<(String, SettingSource)>,
    /// The API to post to.
    api: &'static KnownApi,
    resolved_config: ResolvedConfig,
}

/// Completes the typed arguments from the other layers. Like clap, it ends the process for help and for
/// invalid arguments.
///
/// # Errors
///
/// If the settings file or the environment has an invalid setting.
pub(crate) fn resolve(line: &[OsString]) -> anyhow::Result<(Args, Resolved)> {
    let (command, keys, typed) = typed(line);
    let Some((name, typed)) = typed.subcommand() else { bail!("there is no command; see batchpost --help") };
    // `init` must work with a broken settings file, which it may replace.
    if name == "init" {
        let args = Args::from_arg_matches(&matches(command, line)).unwrap_or_else(|error| error.exit());
        return Ok((args, Resolved::default()));
    }
    let config = Resolved::of(&command, &keys, name, typed)?;
    let command = config.as_defaults(command, &keys, name);
    let mut args = Args::from_arg_matches(&matches(command, line)).unwrap_or_else(|error| error.exit());
    config.complete(&mut args)?;
    Ok((args, config))
}

/// Output options for errors of [`resolve`], from the command line or the environment. The file is not used,
/// because it may be invalid.
pub(crate) fn early_output(line: &[OsString]) -> Output {
    let (.., typed) = typed(line);
    let typed = typed.subcommand().and_then(|(_, typed)| {
        let is_typed = typed.value_source("log_format") == Some(ValueSource::CommandLine);
        typed.get_one::<LogFormat>("log_format").filter(|_| is_typed).copied()
    });
    let entry = || LogFormat::from_str(variable("BATCHPOST_LOG_FORMAT")?.to_str()?, false).ok();
    let log_format = typed.or_else(entry).unwrap_or(LogFormat::Text);
    Output { json: false, quiet: false, verbose: 0, log_format }
}

/// Warnings about the environment.
pub(crate) fn remarks() -> Vec<String> {
    environment::remarks(&Keys::of(&Args::command()))
}

/// The command with its keys, and the typed arguments.
fn typed(line: &[OsString]) -> (clap::Command, Keys, ArgMatches) {
    let command = Args::command();
    let keys = Keys::of(&command);
    let command = switchable(command, &keys);
    let typed = matches(command.clone(), line);
    (command, keys, typed)
}

fn matches(command: clap::Command, line: &[OsString]) -> ArgMatches {
    command.try_get_matches_from(line).unwrap_or_else(|error| {
        // If the error is the same without it, show help and errors without `[=<BOOL>]` after every switch.
        match Args::command().try_get_matches_from(line) {
            Err(plain) if plain.kind() == error.kind() => plain.exit(),
            _ => error.exit(),
        }
    })
}

/// Adds a value to each switch of `command`, so that it can be turned off: `--skip-invalid=false`.
fn switchable(command: clap::Command, keys: &Keys) -> clap::Command {
    let switches: Vec<&keys::Key> = keys.iter().filter(|key| key.shape == Shape::Switch).collect();
    let turn = |command: clap::Command| {
        switches.iter().fold(command, |command, key| match key.option_of(&command).map(|arg| arg.get_id().clone()) {
            Some(id) => command.mut_arg(id, |arg| {
                arg.action(ArgAction::Set)
                    .num_args(0..=1)
                    .require_equals(true)
                    .value_name("BOOL")
                    .default_missing_value("true")
                    .default_value("false")
            }),
            None => command,
        })
    };
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.iter().fold(turn(command), |command, name| command.mut_subcommand(name, turn))
}

/// The layer of the command line.
fn typed_layer(command: &clap::Command, keys: &Keys, subcommand: &clap::Command, typed: &ArgMatches) -> Layer {
    let mut layer = Layer::default();
    for key in keys.iter() {
        let Some(option) = key.option_of(subcommand).or_else(|| key.option_of(command)) else { continue };
        let id = option.get_id().as_str();
        if typed.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let values = match key.shape {
            Shape::Count => vec![typed.get_count(id).to_string()],
            // Text that is not UTF-8 cannot equal a value of another layer.
            _ => typed.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect(),
        };
        let name = format!("--{}", option.get_long().unwrap_or_default());
        layer
            .entries
            .insert(key.name().to_owned(), Entry { values, source: SettingSource { rank: Rank::Option, name } });
    }
    layer
}

impl Resolved {
    fn of(command: &clap::Command, keys: &Keys, name: &str, typed: &ArgMatches) -> anyhow::Result<Self> {
        let subcommand = command.find_subcommand(name).context("every command is one of clap's")?;
        let asked = typed.get_one::<PathBuf>("config").cloned().or_else(|| variable(CONFIG).map(PathBuf::from));
        let file = match file::find(asked.clone())? {
            Some((path, text)) => Some(file::parse(&path, &text, keys)?),
            None => None,
        };
        environment::refuse_one_time_options(keys)?;
        // Without a command line to show, `config` shows the settings of `run`.
        let shown = if name == "config" { command.find_subcommand("run") } else { None };
        let environment = environment::layer(keys, [command, shown.unwrap_or(subcommand)])?;
        let mut options = typed_layer(command, keys, subcommand, typed);
        let goes_on = resumed_batch(name, typed);
        let api = goes_on.as_ref().map_or_else(apis::default, |(_, account)| apis::of_account(account));
        let resolved_config = ResolvedConfig::default();
        let mut config = Self { file, asked_file: asked, profile: asked_profile(typed)?, api, resolved_config };
        let may_name_a_target = goes_on.is_none() && subcommand.get_arguments().any(|option| option.get_id() == "host");
        match goes_on {
            None => config.choose_default_profile(),
            Some((_, account)) if account.target == target::SANDBOX => {
                config.choose_default_profile();
                let source = SettingSource { rank: Rank::Option, name: "the ledger".to_owned() };
                options.entries.insert("sandbox".to_owned(), Entry { values: vec!["true".to_owned()], source });
            }
            Some((ledger, account)) => config.choose_profile_for(&ledger, &account.target)?,
        }
        config.resolved_config =
            layers::resolved_config(config.file_layers(true)?.into_iter().chain([&environment, &options]))?;
        if may_name_a_target {
            config.refuse_half_a_target()?;
        }
        Ok(config)
    }

    /// The file's layers: its top level and, if `with_profile`, the profile in use.
    fn file_layers(&self, with_profile: bool) -> anyhow::Result<Vec<&Layer>> {
        let Some(file) = &self.file else {
            return match &self.profile {
                Some((name, source)) => {
                    bail!("{source}: no {NAME} was found for the profile {name:?}; `batchpost init` writes one")
                }
                None => Ok(Vec::new()),
            };
        };
        let mut layers = vec![&file.top];
        if with_profile && let Some((name, source)) = &self.profile {
            layers.push(file.profile(name, &source.name)?);
        }
        Ok(layers)
    }

    /// Sets the effective settings of the other layers as defaults of `command`.
    fn as_defaults(&self, command: clap::Command, keys: &Keys, name: &str) -> clap::Command {
        let set = |command: clap::Command| {
            keys.iter().fold(command, |command, key| {
                let Some(entry) =
                    self.resolved_config.one(key.name()).filter(|entry| entry.source.rank != Rank::Option)
                else {
                    return command;
                };
                let Some(option) = key.option_of(&command) else { return command };
                let takes_several = matches!(option.get_action(), ArgAction::Append);
                let most = if takes_several { entry.values.len() } else { 1 };
                let (id, values) = (option.get_id().clone(), entry.values[..most].to_vec());
                command.mut_arg(id, |option: Arg| option.default_values(values))
            })
        };
        set(command).mut_subcommand(name, set)
    }

    /// Adds the columns and fields that are set only in lower layers.
    fn complete(&self, args: &mut Args) -> anyhow::Result<()> {
        let input = match &mut args.command {
            args::Command::Run(run) => &mut run.input,
            args::Command::Check(check) => &mut check.input,
            _ => return Ok(()),
        };
        let all = |key: &str| {
            self.resolved_config.entries.get(key).into_iter().flatten().flat_map(|entry| entry.values.iter())
        };
        input.reading.columns = all("column").map(|value| value.parse()).collect::<Result<Vec<ColumnChoice>, _>>()?;
        input.fields = all("field").map(|value| value.parse()).collect::<Result<Vec<FixedField>, _>>()?;
        Ok(())
    }

    /// The file in use.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path.as_path())
    }

    /// The profile in use, and the source of that choice.
    pub(crate) fn profile(&self) -> Option<&(String, SettingSource)> {
        self.profile.as_ref()
    }

    /// The options that `resume` needs to continue a batch posted to `target`, each after a blank. These are
    /// options typed or set in the environment, which another shell may not have, unless they are in the
    /// ledger or in a file that is found automatically.
    pub(crate) fn to_resume(&self, target: &str) -> String {
        let mut options = String::new();
        if let Some(file) = &self.asked_file {
            options += &format!(" --config {}", shell_word(&file.display().to_string()));
        }
        // A profile with another destination was overridden and would be refused.
        if let Some((name, source)) = &self.profile
            && [ASKED, PROFILE].contains(&source.name.as_str())
            && self.profile_agrees(target)
        {
            options += &format!(" {ASKED} {}", quoted(name));
        }
        let entry = |key| {
            let entry = self.resolved_config.one(key).filter(|entry| entry.source.rank >= Rank::Environment);
            entry.and_then(|entry| entry.values.first())
        };
        // Do not print a password.
        if let Some(proxy) = entry("proxy").filter(|proxy| masked(proxy) == **proxy) {
            options += &format!(" --proxy {}", quoted(proxy));
        }
        if let Some(file) = entry("ca_file") {
            options += &format!(" --ca-file {}", shell_word(file));
        }
        options
    }

    /// The effective entries of each key.
    pub(crate) fn resolved_config(&self) -> &ResolvedConfig {
        &self.resolved_config
    }

    /// The API to post to. If a batch is continued, it is the ledger's.
    pub(crate) fn api(&self) -> &'static KnownApi {
        self.api
    }

    /// The source of a key in the profile in use.
    pub(crate) fn profile_secret(&self, key: &Credential) -> Option<&(SecretSource, SettingSource)> {
        let file = self.file.as_ref()?;
        file.profiles.get(&self.profile.as_ref()?.0)?.secret_sources.get(key)
    }

    /// The source of a key in the file's top level.
    pub(crate) fn top_level_secret(&self, key: &Credential) -> Option<&(SecretSource, SettingSource)> {
        self.file.as_ref()?.top.secret_sources.get(key)
    }
}

/// The ledger of the batch that the command line continues, and its account; `None` if it cannot be read,
/// which the command itself reports.
fn resumed_batch(name: &str, typed: &ArgMatches) -> Option<(PathBuf, Account)> {
    let id = match name {
        "resume" => "ledger",
        // This may also be an input, which names no account.
        "doctor" => "file",
        _ => return None,
    };
    let ledger = typed.try_get_one::<PathBuf>(id).ok()??;
    account_of(ledger).ok().map(|account| (ledger.clone(), account))
}

/// The profile chosen on the command line or in the environment.
fn asked_profile(typed: &ArgMatches) -> anyhow::Result<Option<(String, SettingSource)>> {
    if let Some(name) = typed.get_one::<String>("profile") {
        return Ok(Some((name.clone(), SettingSource { rank: Rank::Option, name: ASKED.to_owned() })));
    }
    let Some(name) = variable(PROFILE) else { return Ok(None) };
    let Ok(name) = name.into_string() else { bail!("{PROFILE} is not UTF-8") };
    Ok(Some((name, SettingSource { rank: Rank::Environment, name: PROFILE.to_owned() })))
}

/// All options of `run` that have a key, and their default values.
pub(crate) fn built_in() -> Vec<(String, Vec<String>)> {
    let command = Args::command();
    let keys = Keys::of(&command);
    let run = command.find_subcommand("run");
    let of_run = |key: &keys::Key| {
        let option = run.and_then(|run| key.option_of(run)).or_else(|| key.option_of(&command))?;
        let values = option.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        Some((key.name().to_owned(), values))
    };
    keys.iter().filter_map(of_run).collect()
}

/// Parses the values that a file with this text sets at its top level.
#[cfg(test)]
pub(crate) fn values_in(text: &str) -> anyhow::Result<std::collections::BTreeMap<String, Vec<String>>> {
    let file = file::parse(Path::new(NAME), text, &Keys::of(&Args::command()))?;
    Ok(file.top.entries.into_iter().map(|(key, entry)| (key, entry.values)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind of value that an option's parser may accept.
    const SAMPLES: [&str; 20] = [
        "true",
        "7",
        "x",
        "25/5s",
        "30s",
        "22:00-06:00",
        "ticket=a",
        r"(\d+)",
        "a.csv:b:c",
        "500=0.1",
        "hold",
        "retry",
        "skip",
        "full",
        "shared",
        "truncate",
        "csv",
        "utf-8",
        "json",
        "comma",
    ];

    #[test]
    fn every_key_reaches_its_option_in_every_command_that_has_it() {
        let command = Args::command();
        let keys = Keys::of(&command);
        let switchable = switchable(command, &keys);
        for key in keys.iter() {
            let name = key.name();
            let sample = SAMPLES.iter().find(|sample| key.check(sample).is_ok()).expect("one of the samples will do");
            let source = SettingSource { rank: Rank::TopLevel, name: "here".to_owned() };
            let entry = Entry { values: vec![(*sample).to_owned()], source };
            let resolved_config =
                ResolvedConfig { entries: [(name.to_owned(), vec![entry])].into(), shadowed: Vec::new() };
            let config = Resolved { resolved_config, ..Resolved::default() };
            let mut reached = 0;
            for subcommand in switchable.get_subcommands().filter(|subcommand| key.option_of(subcommand).is_some()) {
                let line = ["batchpost", subcommand.get_name()].into_iter();
                let line = line.chain(subcommand.get_positionals().map(|_| "x"));
                // Add the first subcommand, if there are any.
                let line = line.chain(subcommand.get_subcommands().next().map(clap::Command::get_name));
                let command = config.as_defaults(switchable.clone(), &keys, subcommand.get_name());
                let id = key.option_of(subcommand).unwrap().get_id().as_str();
                let matches = command.try_get_matches_from(line).unwrap_or_else(|error| panic!("{name}: {error}"));
                let values: Vec<_> = matches.subcommand().unwrap().1.get_raw(id).unwrap().collect();
                assert_eq!(values, [*sample], "{name} of {}", subcommand.get_name());
                reached += 1;
            }
            assert!(reached > 0 || key.option_of(&switchable).is_some(), "{name} reaches no command");
        }
    }

    #[test]
    fn what_resume_would_need_is_repeated_and_no_password() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let file = file.path().to_str().unwrap();
        let resumed = |proxy: &str| {
            let more = ["--ca-file", "my ca.pem", "--proxy", proxy, "--config", file];
            let line = ["batchpost", "run", "x.csv", "--url", "https://h.example/x"].into_iter().chain(more);
            let (_, config) = resolve(&line.map(OsString::from).collect::<Vec<_>>()).unwrap();
            config.to_resume("https://h.example/x")
        };
        let file = shell_word(file);
        let options = format!(" --config {file} --proxy proxy.example:3128 --ca-file 'my ca.pem'");
        assert_eq!(resumed("proxy.example:3128"), options);
        for proxy in ["http://anna:s3cret@proxy.example", "anna:s3cret@proxy.example:3128"] {
            assert_eq!(resumed(proxy), format!(" --config {file} --ca-file 'my ca.pem'"));
        }
    }

    #[test]
    fn an_option_of_one_value_has_the_first_where_its_key_has_several() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"limit = ['7/1s', '9/1d']\nport = 3\nverbose = 2\n").unwrap();
        let line = ["batchpost".into(), "--config".into(), file.path().into(), "sandbox".into()];
        let (args, _) = resolve(&line).unwrap();
        assert_eq!(args.output.verbose, 2);
        let args::Command::Sandbox(sandbox) = args.command else { panic!("it is the sandbox") };
        assert_eq!((sandbox.limit, sandbox.port), (args::LimitArg::Limit("7/1s".parse().unwrap()), 3));
    }
}
