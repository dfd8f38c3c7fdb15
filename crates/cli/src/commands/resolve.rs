//! From typed arguments to the library's settings.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use batchpost::api::Endpoint;
use batchpost::batch::{RunRequest, Source};
use batchpost::input::{ColumnChoice, Field, Format, LookupSpec, MaxText, Options, Template};
use batchpost::limit::Limit;
use batchpost::planning::SampleSizes;
use batchpost::runtime::{HttpOptions, StateFolders, caller};
use batchpost::settings::{Settings, Sharing};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::apis::KnownApi;
use crate::args::{
    Budget, Input, LimitArg, Network, OtherLedgers, Posting, ReadingArgs, Reserve, TargetArgs, ThisTime,
};
use crate::folders;

/// The account that ledgers of the sandbox in this process name, because its port changes from run to run.
pub(crate) const SANDBOX: &str = "sandbox";

/// Maximum number of rows that a command names.
const NAMED: SampleSizes = SampleSizes { notes: 20, jobs: 3 };

/// The program's version for the ledger. It includes the commit, because two builds of one version may
/// differ.
pub(crate) fn tool() -> String {
    format!("batchpost {}", crate::VERSION)
}

/// The requested endpoint; `None` for the sandbox, or if none was requested.
pub(crate) fn endpoint(api: &KnownApi, target: &TargetArgs) -> anyhow::Result<Option<Endpoint>> {
    Ok(match (&target.url, &target.host, &target.tenant) {
        (Some(url), ..) => Some(Endpoint::from_url(url)?),
        (None, Some(host), Some(tenant)) => Some((api.endpoint)(host, tenant)?),
        _ => None,
    })
}

pub(crate) fn source(input: &Path) -> Source {
    if input == Path::new("-") { Source::Stdin } else { Source::File(input.to_owned()) }
}

/// The source of a run. Standard input may be followed.
pub(crate) fn source_of_run(input: &Path, follow: bool) -> anyhow::Result<Source> {
    match (source(input), follow) {
        (Source::File(path), true) => {
            bail!("--follow is for standard input; pipe {} in, and pass - as the input", path.display())
        }
        (_, true) => Ok(Source::Follow),
        (source, false) => Ok(source),
    }
}

pub(crate) fn format(input: &Input) -> anyhow::Result<Format> {
    const FORMATS: &str = "csv, jsonl, json, xlsx, xlsb, xls or ods";
    match (input.reading.format, source(&input.input)) {
        (Some(format), _) => Ok(format),
        (None, Source::Stdin | Source::Follow) => {
            bail!("the format of standard input is not set; pass --format {FORMATS}")
        }
        (None, Source::File(path)) => Format::of_name(&path).with_context(|| {
            format!("the name of {} does not show its format; pass --format {FORMATS}", path.display())
        }),
    }
}

/// The ledger of an input: the requested one, else the default one.
pub(crate) fn ledger(input: &Input) -> anyhow::Result<PathBuf> {
    match (&input.ledger, source(&input.input)) {
        (Some(ledger), _) => Ok(ledger.clone()),
        (None, Source::Stdin | Source::Follow) => {
            bail!("no ledger set for standard input; pass --ledger FILE")
        }
        (None, Source::File(path)) => Ok(usual_ledger(&path, input.reading.sheet.as_deref())),
    }
}

/// `INPUT.ledger.jsonl`, or `INPUT.SHEET.ledger.jsonl` if a sheet is named.
pub(crate) fn usual_ledger(input: &Path, sheet: Option<&str>) -> PathBuf {
    let mut name = OsString::from(input);
    if let Some(sheet) = sheet {
        // A sheet's name may contain characters that a file name cannot.
        let plain = |c: char| if c.is_alphanumeric() || " -_.".contains(c) { c } else { '_' };
        name.push(format!(".{}", sheet.chars().map(plain).collect::<String>()));
    }
    name.push(".ledger.jsonl");
    name.into()
}

/// The options for reading the input.
pub(crate) fn options(input: &Input) -> anyhow::Result<Options> {
    let key = input.key.iter().map(|column| ColumnChoice { field: Field::Key, column: column.clone() });
    let mut options = reading(&input.reading, format(input)?);
    options.columns.extend(key);
    Ok(Options {
        ticket_pattern: input.ticket_pattern.clone(),
        lookup: input.lookup.as_ref().map(from_anywhere).transpose()?,
        template: template(input)?,
        max_text: input.max_text.map(|bytes| MaxText { bytes, too_long: input.too_long }),
        ..options
    })
}

/// The options for reading an input of this format.
pub(crate) fn reading(reading: &ReadingArgs, format: Format) -> Options {
    Options {
        columns: reading.columns.clone(),
        sheet: reading.sheet.clone(),
        header_row: reading.header_row,
        encoding: reading.encoding,
        delimiter: reading.delimiter,
        ..Options::new(format)
    }
}

/// The name of the time zone, so that a batch resumed on another machine has the same hours.
fn time_zone(posting: &Posting) -> Option<String> {
    let system = || TimeZone::try_system().ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    posting.between.and_then(|_| posting.time_zone.clone().or_else(system))
}

pub(crate) fn settings(
    api: &KnownApi,
    input: &Input,
    posting: &Posting,
    endpoint: Option<&Endpoint>,
) -> anyhow::Result<Settings> {
    let to_this_machine = endpoint.is_none_or(Endpoint::is_loopback);
    let limits = limits(&posting.limits, &posting.reserves)?;
    if limits.is_empty() && !to_this_machine {
        bail!(
            "--limit none is for a server on this machine only; pass the limit of the account's plan, or leave --limit out \
             for 25/5s"
        );
    }
    Ok(Settings {
        limits,
        spread: posting.burst,
        concurrency: posting.concurrency.map(Into::into),
        timeout: posting.timeout,
        grace: posting.grace,
        max_attempts: posting.max_attempts,
        give_up_after: posting.give_up_after,
        on_500: posting.on_500,
        skip_invalid: posting.skip_invalid,
        marker: posting.marker,
        hours: posting.between,
        time_zone: time_zone(posting),
        no_wait: posting.no_wait,
        fields: input.fields.clone(),
        duplicates: input.duplicates,
        ..Settings::of(api.target().as_ref())
    })
}

/// Applies the requested budget options to the settings.
pub(crate) fn budget(mut settings: Settings, budget: &Budget, sandbox: bool) -> anyhow::Result<Settings> {
    match budget.budget {
        // The sandbox in this process is not shared.
        _ if sandbox => settings.budget = Sharing::Private,
        Some(sharing) => settings.budget = sharing,
        None => {}
    }
    if let Some(folder) = &budget.state_dir {
        let folder = std::path::absolute(folder).with_context(|| format!("--state-dir {}", folder.display()))?;
        settings.state_dir = Some(folder);
    }
    Ok(settings)
}

/// The state folders that runs may share.
pub(crate) fn state(budget: &Budget) -> anyhow::Result<StateFolders> {
    let whole =
        |option, path: &PathBuf| std::path::absolute(path).with_context(|| format!("{option} {}", path.display()));
    let shared = budget.shared_state_dir.as_ref().map(|path| whole("--shared-state-dir", path)).transpose()?;
    Ok(StateFolders {
        named: budget.state_dir.as_ref().map(|path| whole("--state-dir", path)).transpose()?,
        shared: shared.or_else(|| cfg!(unix).then(|| SHARED_STATE.into())),
        personal: folders::state(),
        ..StateFolders::default()
    })
}

/// Created by the Debian package for the members of the group `batchpost`.
const SHARED_STATE: &str = "/var/lib/batchpost";

/// The state folder given to a command, else the default one.
pub(crate) fn state_folder(budget: &Budget) -> anyhow::Result<PathBuf> {
    let StateFolders { named, shared, personal, .. } = state(budget)?;
    let shared = || shared.filter(|shared| shared.is_dir());
    named
        .or_else(shared)
        .or(personal)
        .context("no state folder: neither XDG_STATE_HOME nor HOME is set; pass --state-dir DIR")
}

/// The limits that the run keeps: the given ones, minus what is reserved for other clients.
pub(crate) fn limits(limits: &[LimitArg], reserves: &[Reserve]) -> anyhow::Result<Vec<Limit>> {
    if limits.contains(&LimitArg::None) && limits.len() > 1 {
        bail!("--limit none and another --limit contradict each other; leave one of them out");
    }
    let each = limits.iter().filter_map(|limit| if let LimitArg::Limit(limit) = limit { Some(*limit) } else { None });
    reserves.iter().try_fold(each.collect(), leave)
}

fn leave(mut limits: Vec<Limit>, reserve: &Reserve) -> anyhow::Result<Vec<Limit>> {
    let shortest = limits.iter().map(|limit| limit.window()).min();
    let Some(window) = reserve.window.or(shortest) else {
        bail!("--reserve needs a limit, and --limit none sets none; leave one of them out");
    };
    let mut found = false;
    for limit in limits.iter_mut().filter(|limit| limit.window() == window) {
        found = true;
        let reserved = reserve.count;
        *limit = limit.less(reserved).with_context(|| format!("--reserve {reserved} leaves nothing of {limit}"))?;
    }
    if !found {
        let given: Vec<String> = limits.iter().map(ToString::to_string).collect();
        let time = humantime::format_duration(window);
        bail!("--reserve names a limit per {time}, but the limits are {}", given.join(" and "));
    }
    Ok(limits)
}

/// Makes the table's path absolute, because the batch may be resumed from another folder.
fn from_anywhere(lookup: &LookupSpec) -> anyhow::Result<LookupSpec> {
    let file = std::path::absolute(&lookup.file)
        .with_context(|| format!("the path {} cannot be made absolute", lookup.file))?;
    let file = file.to_str().with_context(|| format!("the path {} is not UTF-8", file.display()))?.to_owned();
    Ok(LookupSpec { file, ..lookup.clone() })
}

fn template(input: &Input) -> anyhow::Result<Option<Template>> {
    let Some(path) = &input.text_template_file else { return Ok(input.text_template.clone()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    // Editors add a line end to the last line.
    let text = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text);
    Ok(Some(text.parse().with_context(|| path.display().to_string())?))
}

/// What to post, and how.
pub(crate) struct What {
    pub(crate) api: &'static KnownApi,
    pub(crate) source: Source,
    pub(crate) options: Options,
    pub(crate) ledger: PathBuf,
    pub(crate) target: String,
    pub(crate) settings: Settings,
    pub(crate) state: StateFolders,
}

/// Builds the run request for `what`, with the options for this run only.
pub(crate) fn run_request(what: What, this_time: &ThisTime, known: OtherLedgers) -> anyhow::Result<RunRequest> {
    let What { api, source, options, ledger, target, mut settings, mut state } = what;
    if target == SANDBOX {
        // The sandbox in this process is not shared, and its rows are not known to other runs.
        (settings.budget, state) = (Sharing::Private, StateFolders::default());
    }
    let mut run_request = RunRequest::for_account(api.target(), &target, settings, ledger, source, options)?;
    run_request.policy.in_doubt = this_time.in_doubt;
    run_request.policy.first = this_time.first;
    run_request.policy.changed = this_time.changed;
    run_request.policy.known = known.known.unwrap_or_default();
    run_request.tool = tool();
    run_request.caller = Some(caller());
    run_request.named = NAMED;
    run_request.history = known.history;
    run_request.known_since_s = known.known_since.map(start_of_day).transpose()?.unwrap_or_default();
    run_request.scratch = known.scratch_dir;
    run_request.state = state;
    Ok(run_request)
}

/// The start of a day in this machine's time zone, in seconds since 1970.
fn start_of_day(day: Date) -> anyhow::Result<u32> {
    let zone = TimeZone::try_system().context("--known-since: the time zone of this machine is not known")?;
    let begins = day.to_zoned_datetime(zone).with_context(|| format!("--known-since {day}"))?;
    Ok(u32::try_from(begins.timestamp().as_second().max(0)).unwrap_or(u32::MAX))
}

/// The options of the HTTP client.
pub(crate) fn http(network: &Network) -> HttpOptions {
    let mut options = HttpOptions::default();
    options.proxy.clone_from(&network.proxy);
    options.ca_file.clone_from(&network.ca_file);
    options
}
