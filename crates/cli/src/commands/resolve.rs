//! From what was typed to what it means.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use batchpost::input::Format;
use batchpost::leadsquared::Endpoint;
use batchpost::limit::Limit;
use batchpost::reading::{Ask, Named};
use batchpost::settings::{InDoubt, On500, OnChanged, OnKnown, Settings, Spread};
use batchpost::shell::{Order, Source};

use crate::args::{
    BurstArg, ChangedArg, DoubtArg, Input, Known, KnownArg, LimitArg, On500Arg, Posting, Target, ThisTime,
};

/// What ledgers of the sandbox inside this process name as their target: its port changes from run to run.
pub(crate) const SANDBOX: &str = "sandbox";

/// How many rows a command names.
const NAMED: Named = Named { notes: 20, jobs: 3 };

pub(crate) fn tool() -> String {
    concat!("batchpost ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// The endpoint that was asked for; none for the sandbox, or where nothing was.
pub(crate) fn endpoint(target: &Target) -> anyhow::Result<Option<Endpoint>> {
    Ok(match (&target.url, &target.host, &target.tenant) {
        (Some(url), ..) => Some(Endpoint::from_url(url)?),
        (None, Some(host), Some(tenant)) => Some(Endpoint::from_host(host, tenant)?),
        _ => None,
    })
}

pub(crate) fn source(input: &Path) -> Source {
    if input == Path::new("-") { Source::Stdin } else { Source::File(input.to_owned()) }
}

pub(crate) fn format(input: &Input) -> anyhow::Result<Format> {
    match (input.format, source(&input.input)) {
        (Some(format), _) => Ok(format),
        (None, Source::Stdin) => bail!("standard input has no name to tell its format by: say --format csv or jsonl"),
        (None, Source::File(path)) => Format::of_name(&path).with_context(|| {
            let spreadsheet = ["xlsx", "xlsm", "xlsb", "xls", "ods"];
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(extension) if spreadsheet.contains(&extension.to_ascii_lowercase().as_str()) => {
                    format!("{} is a spreadsheet's own file; save it as CSV UTF-8", path.display())
                }
                _ => format!("the name of {} does not tell its format: say --format csv or jsonl", path.display()),
            }
        }),
    }
}

/// `INPUT.ledger.jsonl`, unless another was asked for.
pub(crate) fn ledger(input: &Input) -> anyhow::Result<PathBuf> {
    match (&input.ledger, source(&input.input)) {
        (Some(ledger), _) => Ok(ledger.clone()),
        (None, Source::Stdin) => bail!("standard input needs a ledger of a name of its own: say --ledger FILE"),
        (None, Source::File(path)) => {
            let mut name = OsString::from(path);
            name.push(".ledger.jsonl");
            Ok(name.into())
        }
    }
}

pub(crate) fn settings(posting: &Posting, endpoint: Option<&Endpoint>) -> anyhow::Result<Settings> {
    let to_this_machine = endpoint.is_none_or(Endpoint::is_loopback);
    let limits = limits(&posting.limits)?;
    if limits.is_empty() && !to_this_machine {
        bail!(
            "--limit none is for a server on this machine; an account's limit is in its plan, 25/5s where it is not said"
        );
    }
    Ok(Settings {
        limits,
        spread: posting.burst.map(|burst| match burst {
            BurstArg::Full => Spread::Burst,
            BurstArg::Even => Spread::Even,
        }),
        concurrency: posting.concurrency.map(Into::into),
        timeout: posting.timeout,
        grace: posting.grace,
        max_attempts: posting.max_attempts,
        on_500: match posting.on_500 {
            On500Arg::Retry => On500::Retry,
            On500Arg::Hold => On500::Hold,
        },
        skip_invalid: posting.skip_invalid,
        marker: posting.marker,
    })
}

pub(crate) fn limits(limits: &[LimitArg]) -> anyhow::Result<Vec<Limit>> {
    if limits.contains(&LimitArg::None) && limits.len() > 1 {
        bail!("--limit none and another --limit contradict each other");
    }
    Ok(limits.iter().filter_map(|limit| if let LimitArg::Limit(limit) = limit { Some(*limit) } else { None }).collect())
}

pub(crate) fn ask(target: String, this_time: &ThisTime, known: &Known) -> Ask {
    let in_doubt = match this_time.in_doubt {
        DoubtArg::Hold => InDoubt::Hold,
        DoubtArg::Retry => InDoubt::Retry,
    };
    let changed = match this_time.changed {
        ChangedArg::Hold => OnChanged::Hold,
        ChangedArg::Post => OnChanged::Post,
    };
    let known = match known.known {
        None => OnKnown::Refuse,
        Some(KnownArg::Skip) => OnKnown::Skip,
        Some(KnownArg::Post) => OnKnown::Post,
    };
    Ask { target, in_doubt, first: this_time.first, changed, known }
}

/// The order for what `input` names.
pub(crate) fn order(input: &Input, ledger: PathBuf, ask: Ask, settings: Settings) -> anyhow::Result<Order> {
    Ok(Order {
        source: source(&input.input),
        format: format(input)?,
        columns: input.columns.clone(),
        ledger,
        ask,
        settings,
        tool: tool(),
        named: NAMED,
        history: None,
    })
}
