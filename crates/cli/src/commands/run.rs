//! `run` and `resume`: post rows.

mod words;

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use batchpost::api::Endpoint;
use batchpost::batch::{Observation, OpenLedger, ReadyRun, RunReport, RunRequest, Source};
use batchpost::input::ReadAs;
use batchpost::runtime::{Credentials, Http, interrupts};
use batchpost_sandbox::Server;
use tracing::{Span, warn};

use self::words::LeftInDoubt;
use super::resolve::{self, What};
use super::sandbox;
use crate::args::{Network, Output, Resume, Run};
use crate::config::Resolved;
use crate::logging::{self, Screen};
use crate::metrics::MetricsFile;
use crate::plain;
use crate::progress::Watcher;
use crate::summary::Summary;
use crate::{credentials, exit, force_quit};

/// The destination of a run's requests.
enum Destination {
    Api(Endpoint, Box<Credentials>),
    /// The sandbox in this process.
    Sandbox,
}

/// The work of either command.
struct Task {
    run_request: RunRequest,
    /// The ledger, if it was opened to read the last run's settings.
    open_ledger: Option<OpenLedger>,
    destination: Destination,
    network: Network,
    yes: bool,
    /// The options that `resume` needs.
    again: String,
}

pub(crate) fn run(run: Run, config: &Resolved, output: &Output, screen: &Screen) -> anyhow::Result<u8> {
    let mut metrics = MetricsFile::at(run.watching.metrics_file.as_deref())?;
    let result = task_of_run(run, config).and_then(|task| carry_out(task, output, screen, &mut metrics));
    metrics.end(&result);
    result
}

pub(crate) fn resume(resume: Resume, config: &Resolved, output: &Output, screen: &Screen) -> anyhow::Result<u8> {
    let mut metrics = MetricsFile::at(resume.watching.metrics_file.as_deref())?;
    let result = task_of_resume(resume, config).and_then(|task| carry_out(task, output, screen, &mut metrics));
    metrics.end(&result);
    result
}

fn task_of_run(run: Run, config: &Resolved) -> anyhow::Result<Task> {
    let api = config.api();
    let endpoint = resolve::endpoint(api, &run.target)?;
    let settings = resolve::settings(api, &run.input, &run.posting, endpoint.as_ref())?;
    let (destination, target, ledger) = match endpoint {
        Some(endpoint) => {
            let target = endpoint.as_str().to_owned();
            let credentials = credentials::resolve(config, &endpoint)?;
            (Destination::Api(endpoint, credentials.into()), target, resolve::ledger(&run.input)?)
        }
        None if run.target.sandbox => {
            let ledger = match &run.input.ledger {
                Some(ledger) => ledger.clone(),
                None => temporary_ledger()?,
            };
            (Destination::Sandbox, resolve::SANDBOX.to_owned(), ledger)
        }
        None => bail!("no destination set; pass --host and --tenant, or --url, or --sandbox for a trial"),
    };
    let settings = resolve::budget(settings, &run.budget, run.target.sandbox)?;
    let options = resolve::options(&run.input)?;
    let source = resolve::source_of_run(&run.input.input, run.follow)?;
    let state = resolve::state(&run.budget)?;
    let what = What { api, source, options, ledger, target, settings, state };
    let run_request = resolve::run_request(what, &run.this_time, run.known)?;
    let again = config.to_resume(run_request.policy.identity.account());
    Ok(Task { run_request, open_ledger: None, destination, network: run.network, yes: run.this_time.yes, again })
}

fn task_of_resume(resume: Resume, config: &Resolved) -> anyhow::Result<Task> {
    let open_ledger = OpenLedger::open(&resume.ledger, config.api().target().as_ref())?;
    let batch = open_ledger.batch();
    let path = resume.ledger.display();
    let Some(last) = batch.run.clone() else {
        bail!("the ledger {path} has no run to resume; start one with `run ... --ledger {path}`");
    };
    let last_input = last.input.path.clone();
    let input = match (resume.input, last_input.clone()) {
        (Some(input), _) => input,
        (None, Some(input)) => input.into(),
        (None, None) => bail!("the last run read standard input; pipe the same input into `run - --ledger {path} ...`"),
    };
    let destination = if batch.header.target == resolve::SANDBOX {
        Destination::Sandbox
    } else {
        let endpoint = Endpoint::from_url(&batch.header.target)?;
        let credentials = credentials::resolve(config, &endpoint)?;
        Destination::Api(endpoint, credentials.into())
    };
    let before = last.settings.clone();
    let settings = resolve::budget(last.settings, &resume.budget, matches!(destination, Destination::Sandbox))?;
    let state = resolve::state(&resume.budget)?;
    let unlike = (&before, batch.state_folder.as_deref(), last_input.as_deref());
    words::report_differences(unlike, &settings, state.named.as_deref(), &input);
    let what = What {
        api: config.api(),
        source: Source::File(input),
        options: ReadAs::of(&last.input)?.options,
        ledger: resume.ledger,
        target: batch.header.target.clone(),
        settings,
        state,
    };
    let run_request = resolve::run_request(what, &resume.this_time, resume.known)?;
    let again = config.to_resume(run_request.policy.identity.account());
    Ok(Task {
        run_request,
        open_ledger: Some(open_ledger),
        destination,
        network: resume.network,
        yes: resume.this_time.yes,
        again,
    })
}

fn carry_out(task: Task, output: &Output, screen: &Screen, metrics: &mut MetricsFile) -> anyhow::Result<u8> {
    metrics.of_request(&task.run_request)?;
    let prepared = open(task.run_request, task.open_ledger)?;
    metrics.begin(&prepared);
    if let Some(read_summary) = prepared.read_summary()
        && read_summary.counts.invalid > 0
        && !prepared.run_request().settings.skip_invalid
    {
        words::complain_of_invalid(&prepared);
        return Ok(exit::USAGE);
    }
    words::say_what_was_found(&prepared);
    let in_sandbox = matches!(task.destination, Destination::Sandbox);
    if !in_sandbox && !task.yes && !words::agreed(&prepared)? {
        say!("nothing was sent");
        return Ok(exit::USAGE);
    }
    words::say_what_is_done(&prepared);

    let RunRequest { ledger, source, .. } = prepared.run_request().clone();
    let left_in_doubt = LeftInDoubt::of(&prepared);
    let rows = prepared.read_summary().map(|read_summary| read_summary.rows);
    let to_send = prepared.to_send().unwrap_or_default();
    let beyond = prepared.read_summary().map_or(0, |read_summary| read_summary.to_do - to_send);
    let mut watcher = Watcher::new(screen, rows, beyond, output.quiet, prepared.run_request().clone());
    // One thread: the engine is one task, and requests are sent from their own thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut observe = |observation: Observation<'_>| {
        metrics.observe(&observation);
        watcher.observe(observation);
    };
    let posted = runtime.block_on(post(prepared, task.destination, &task.network, &mut observe));
    // Do not wait for a name that is still being resolved on its own thread.
    runtime.shutdown_background();
    watcher.finish();
    let (report, server) = posted?;
    metrics.sums(&report);

    left_in_doubt.say();
    print(&report, &ledger, &source, &task.again, output);
    if let Some(server) = server
        && !output.quiet
    {
        say!("sandbox: {}", sandbox::in_words(&server));
    }
    let code = exit::of_batch(&report.counts, report.stopped, report.interrupt);
    if logging::is_json() {
        words::say_how_it_ended(&report, code);
    }
    Ok(code)
}

/// Opens the ledger and reads the input. Adds the run to the log lines that follow.
fn open(run_request: RunRequest, open_ledger: Option<OpenLedger>) -> anyhow::Result<ReadyRun> {
    let span = Span::current();
    span.record("target", run_request.policy.identity.account())
        .record("ledger", run_request.ledger.display().to_string());
    let prepared = match open_ledger {
        Some(open_ledger) => ReadyRun::resume(run_request, open_ledger)?,
        None => ReadyRun::open(run_request)?,
    };
    span.record("run", prepared.run()).record("ledger_id", prepared.ledger_id().to_string());
    Ok(prepared)
}

/// Prints the run's result. A failure to print does not change the exit code.
fn print(report: &RunReport, ledger: &Path, source: &Source, again: &str, output: &Output) {
    let result = match (output.json, output.quiet) {
        (true, _) => format!("{}\n", Summary::of_report(report, ledger).json()),
        (false, true) => String::new(),
        (false, false) => words::in_words(report, ledger, source, again),
    };
    if let Err(error) = plain::stdout(output).write_all(result.as_bytes()) {
        warn!(%error, "the result could not be printed; `batchpost status` shows it");
    }
}

async fn post(
    prepared: ReadyRun,
    destination: Destination,
    network: &Network,
    observe: &mut dyn FnMut(Observation<'_>),
) -> anyhow::Result<(RunReport, Option<Server>)> {
    let timeout = prepared.run_request().settings.timeout;
    let (endpoint, credentials, server) = match destination {
        Destination::Api(endpoint, credentials) => (endpoint, *credentials, None),
        Destination::Sandbox => {
            let limit = prepared.run_request().settings.limits.first().copied();
            let server = sandbox::inside(limit).await?;
            let credentials = credentials::for_sandbox(prepared.run_request().request_template.target().as_ref())?;
            (Endpoint::from_url(&server.url())?, credentials, Some(server))
        }
    };
    let http = Http::new(endpoint, credentials, timeout, &resolve::http(network))?;
    let signals = interrupts().context("signal handlers cannot be installed")?;
    force_quit::listen_for_it()?;
    let report = prepared.post(http, signals, observe).await?;
    Ok((report, server))
}

fn temporary_ledger() -> anyhow::Result<PathBuf> {
    let folder =
        tempfile::Builder::new().prefix("batchpost-").tempdir().context("no temporary folder can be created")?;
    Ok(folder.keep().join("sandbox.ledger.jsonl"))
}

/// Reads the answer to a question asked on standard error.
pub(super) fn answered_yes(answers: &mut impl BufRead) -> anyhow::Result<bool> {
    io::stderr().flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
