//! `doctor`: checks what a run needs, and posts nothing.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use batchpost::api::Endpoint;
use batchpost::batch::{self, account_of, is_ledger};
use batchpost::doctor::{self as judge, Check, Finding, Level, Setting};
use batchpost::probes as look;
use batchpost::settings::Settings;
use serde::Serialize;

use super::resolve;
use crate::apis::KnownApi;
use crate::args::{Doctor, Network, Output};
use crate::config::Resolved;
use crate::plain::{self, plain};
use crate::words::{count, shell_word};
use crate::{credentials, exit, hints};

/// The destination of a run's requests.
enum Destination {
    Api(Endpoint),
    Sandbox,
    Unknown,
}

pub(crate) fn doctor(doctor: &Doctor, config: &Resolved, output: &Output) -> anyhow::Result<u8> {
    let ledger = doctor.file.as_deref().filter(|file| is_ledger(file).unwrap_or(false));
    let mut findings = vec![of_settings(config)];
    let api = config.api();
    let destination = destination(api, doctor, ledger, &mut findings);
    if let Destination::Api(endpoint) = &destination {
        findings.extend(credentials::examine(config, endpoint));
        findings.extend(on_the_way(api, endpoint, &doctor.network)?);
    }
    findings.extend(of_files(doctor, ledger, &destination));
    findings.extend(of_budget(api, doctor, ledger, &destination)?);
    findings.extend(look::clock());
    findings.iter_mut().for_each(name_the_option);
    let report = Report::of(&findings, unread(doctor, ledger));
    let mut stdout = plain::stdout(output);
    if output.json {
        writeln!(stdout, "{}", serde_json::to_string(&report)?)?;
    } else {
        report.write(&mut stdout, output.quiet)?;
    }
    Ok(if report.problems == 0 { 0 } else { exit::USAGE })
}

/// States that the input's rows were not checked.
fn unread(doctor: &Doctor, ledger: Option<&Path>) -> String {
    match doctor.file.as_deref().filter(|file| ledger.is_none() && *file != Path::new("-")) {
        Some(file) => {
            format!("the rows were not read; `batchpost check {}` reads them", shell_word(&file.display().to_string()))
        }
        None => "no rows were read; `batchpost check FILE` reads them".to_owned(),
    }
}

fn of_settings(config: &Resolved) -> Finding {
    let profile = config.profile().map(|(name, _)| format!(", profile {name}")).unwrap_or_default();
    let found = match config.file() {
        Some(file) => format!("{}{profile}; `batchpost config` shows the effective settings", file.display()),
        None => "no settings file; `batchpost init` writes one".to_owned(),
    };
    Finding::ok(Check::Configuration, found)
}

fn destination(api: &KnownApi, doctor: &Doctor, ledger: Option<&Path>, findings: &mut Vec<Finding>) -> Destination {
    // The account is in the ledger's header, which is readable even if later records are damaged.
    let of_ledger = ledger.and_then(|ledger| account_of(ledger).ok()).map(|account| account.target);
    let endpoint = match (of_ledger, resolve::endpoint(api, &doctor.target)) {
        // Like `resume`: a batch is continued on its own account.
        (Some(target), _) if target == resolve::SANDBOX => Ok(None),
        (Some(target), _) => Endpoint::from_url(&target).map(Some).map_err(|error| error.to_string()),
        (None, Err(error)) => Err(error.to_string()),
        (None, Ok(None)) if !doctor.target.sandbox => Err("no destination set".to_owned()),
        (None, Ok(endpoint)) => Ok(endpoint),
    };
    match endpoint {
        Ok(Some(endpoint)) => {
            findings.push(of_account(api, &endpoint));
            Destination::Api(endpoint)
        }
        Ok(None) => {
            let found = "the sandbox, inside this process; it needs no network and accepts any keys";
            findings.push(Finding::ok(Check::Account, found));
            Destination::Sandbox
        }
        Err(why) => {
            let KnownApi { name, tenant, .. } = api;
            let advice = format!(
                "pass --host and --tenant, or --url; {name} provides an account's host, the tenant is its {}",
                tenant.name
            );
            findings.push(Finding::problem(Check::Account, why, advice));
            Destination::Unknown
        }
    }
}

fn of_account(api: &KnownApi, endpoint: &Endpoint) -> Finding {
    match (api.tenant_of)(endpoint) {
        Some(tenant) => Finding::ok(Check::Account, format!("tenant {tenant}, {endpoint}")),
        None => Finding::warning(
            Check::Account,
            format!("{endpoint} does not have the documented path"),
            "pass --host and --tenant instead of --url, unless that path is intended",
        ),
    }
}

fn on_the_way(api: &KnownApi, endpoint: &Endpoint, network: &Network) -> anyhow::Result<Vec<Finding>> {
    // Only these apply: requests use https, except those to this machine.
    let variables = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let set: Vec<String> = variables.into_iter().filter(is_set).map(str::to_owned).collect();
    let mut findings: Vec<Finding> =
        judge::proxy(&set, network.proxy.is_some(), endpoint.is_loopback()).into_iter().collect();
    let remedy = format!("check the name in --host or --url; {} provides an account's host", api.name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    findings.extend(runtime.block_on(look::reach(endpoint.as_str(), &remedy, &resolve::http(network))));
    // Do not wait for a name that is still being resolved on its own thread.
    runtime.shutdown_background();
    Ok(findings)
}

fn of_files(doctor: &Doctor, ledger: Option<&Path>, destination: &Destination) -> Vec<Finding> {
    let mut findings = Vec::new();
    let input = doctor.file.as_deref().filter(|file| ledger.is_none() && *file != Path::new("-"));
    findings.extend(input.map(look::input));
    findings.extend(ledger.and_then(of_its_input));
    let ledger = its_ledger(doctor, ledger);
    let target = match destination {
        Destination::Api(endpoint) => Some(endpoint.as_str()),
        Destination::Sandbox => Some(resolve::SANDBOX),
        Destination::Unknown => None,
    };
    findings.extend(ledger.as_deref().map(|ledger| look::ledger(ledger, target)));
    let folder = ledger.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    findings.extend(look::folder(Check::LedgerFolder, folder.unwrap_or(Path::new("."))));
    findings
}

/// The ledger that a run would continue or create.
fn its_ledger(doctor: &Doctor, ledger: Option<&Path>) -> Option<PathBuf> {
    let input = doctor.file.as_deref().filter(|file| *file != Path::new("-"));
    let usual = |input| resolve::usual_ledger(input, doctor.sheet.as_deref());
    ledger.or(doctor.ledger.as_deref()).map(Path::to_owned).or_else(|| input.map(usual))
}

/// A finding about the input named in a ledger, which `resume` needs; `None` for a stream.
fn of_its_input(ledger: &Path) -> Option<Finding> {
    let (batch, _) = batch::look(ledger).ok()?;
    let found = look::input(Path::new(&batch.run?.input.path?));
    let elsewhere =
        || format!("if it has moved: batchpost resume {} --input FILE", shell_word(&ledger.display().to_string()));
    Some(Finding { advice: found.advice.map(|advice| format!("{advice}; {}", elsewhere())), ..found })
}

fn of_budget(
    api: &KnownApi,
    doctor: &Doctor,
    ledger: Option<&Path>,
    destination: &Destination,
) -> anyhow::Result<Vec<Finding>> {
    let target = match destination {
        Destination::Api(endpoint) => endpoint.as_str(),
        Destination::Sandbox => resolve::SANDBOX,
        Destination::Unknown => return Ok(Vec::new()),
    };
    let settings = Settings { limits: resolve::limits(&doctor.limits, &[])?, ..Settings::of(api.target().as_ref()) };
    let settings = resolve::budget(settings, &doctor.budget, matches!(destination, Destination::Sandbox))?;
    let state = resolve::state(&doctor.budget)?;
    // An unreadable ledger is already reported.
    let state = match its_ledger(doctor, ledger).and_then(|ledger| batch::look(&ledger).ok()) {
        Some((batch, _)) => state.continuing(&batch),
        None => state,
    };
    Ok(look::budget(&state, target, &settings).unwrap_or_else(|error| {
        let advice = hints::of_sharing(&error).unwrap_or_else(|| "follow the message".to_owned());
        let advice = format!("{advice}; until then runs for the account send nothing");
        vec![Finding::problem(Check::StateFolder, error.to_string(), advice)]
    }))
}

/// Adds the name of the option to advice about a setting.
fn name_the_option(finding: &mut Finding) {
    let option = match finding.setting {
        Some(Setting::Ledger) => "--ledger FILE",
        Some(Setting::StateFolder) => "--state-dir DIR",
        Some(Setting::Proxy) => "--proxy URL",
        Some(Setting::CaFile) => "--ca-file FILE",
        Some(Setting::TimeZone) => "--time-zone ZONE",
        Some(Setting::First) => "--first 1",
        _ => return,
    };
    if let Some(advice) = &mut finding.advice {
        *advice += &format!(" ({option})");
    }
}

/// All findings.
#[derive(Serialize)]
struct Report<'a> {
    problems: u64,
    warnings: u64,
    findings: &'a [Finding],
    #[serde(skip)]
    unread: String,
}

impl<'a> Report<'a> {
    fn of(findings: &'a [Finding], unread: String) -> Self {
        let count = |level| findings.iter().filter(|finding| finding.level == level).count() as u64;
        Self { problems: count(Level::Problem), warnings: count(Level::Warning), findings, unread }
    }

    fn write(&self, out: &mut impl Write, quiet: bool) -> io::Result<()> {
        let wanted = |finding: &&Finding| !quiet || finding.level != Level::Ok;
        for Finding { check, level, found, advice, .. } in self.findings.iter().filter(wanted) {
            let level = match level {
                Level::Ok => "ok",
                Level::Warning => "warning",
                Level::Problem => "problem",
            };
            writeln!(out, "{level:7}  {:13}  {}", check.word(), plain(found))?;
            if let Some(advice) = advice {
                writeln!(out, "{:24}{}", "", plain(advice))?;
            }
        }
        let warnings = count(self.warnings, "warning", "warnings");
        let unread = plain(&self.unread);
        match self.problems {
            0 if quiet => Ok(()),
            0 if self.warnings == 0 => writeln!(out, "no problems found; {unread}"),
            0 => writeln!(out, "no problems found, {warnings}; {unread}"),
            problems => writeln!(out, "{}, {warnings}", count(problems, "problem", "problems")),
        }
    }
}
