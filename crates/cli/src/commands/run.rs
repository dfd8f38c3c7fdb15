//! `run` and `resume`: post what is to do.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use batchpost::outcome::Stop;
use batchpost::settings::{InDoubt, OnDuplicate};
use batchpost::shell::{
    Access, Credentials, Http, HttpOptions, Observation, Order, Prepared, Report, Source, interrupts, look_to_continue,
};
use batchpost::target::Endpoint;
use batchpost_sandbox::Server;
use tracing::{Span, info, warn};

use super::resolve::{self, What};
use super::sandbox;
use crate::args::{Network, Output, Resume, Run};
use crate::config::Config;
use crate::finish::Finish;
use crate::logging::{self, Screen};
use crate::metrics::MetricsFile;
use crate::next::{self, Left};
use crate::plain;
use crate::progress::Watcher;
use crate::summary::{self, Summary, thousands};
use crate::words::{count, span};
use crate::{credentials, exit};

/// Where a run posts to.
enum Destination {
    Api(Endpoint, Box<Credentials>),
    /// The sandbox inside this process.
    Sandbox,
}

/// What both commands come down to.
struct Plan {
    order: Order,
    destination: Destination,
    network: Network,
    yes: bool,
}

pub(crate) fn run(run: Run, config: &Config, output: &Output, screen: &Screen) -> anyhow::Result<u8> {
    let mut metrics = MetricsFile::begin(run.watching.metrics_file.as_deref());
    let result = plan_of_run(run, config).and_then(|plan| carry_out(plan, output, screen, &mut metrics));
    metrics.end(exit::of_result(&result));
    result
}

pub(crate) fn resume(resume: Resume, config: &Config, output: &Output, screen: &Screen) -> anyhow::Result<u8> {
    let mut metrics = MetricsFile::begin(resume.watching.metrics_file.as_deref());
    let result = plan_of_resume(resume, config).and_then(|plan| carry_out(plan, output, screen, &mut metrics));
    metrics.end(exit::of_result(&result));
    result
}

fn plan_of_run(run: Run, config: &Config) -> anyhow::Result<Plan> {
    let endpoint = resolve::endpoint(&run.target)?;
    let settings = resolve::settings(&run.input, &run.posting, endpoint.as_ref())?;
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
        None => bail!("there is nothing to post to: say --host and --tenant, or --url, or --sandbox to try it out"),
    };
    let settings = resolve::budget(settings, &run.budget, run.target.sandbox)?;
    let options = resolve::options(&run.input)?;
    let source = resolve::source(&run.input.input);
    let order = resolve::order(What { source, options, ledger, target, settings }, &run.this_time, run.known)?;
    Ok(Plan { order, destination, network: run.network, yes: run.this_time.yes })
}

fn plan_of_resume(resume: Resume, config: &Config) -> anyhow::Result<Plan> {
    let (batch, _) = look_to_continue(&resume.ledger, resolve::api().as_ref())?;
    let path = resume.ledger.display();
    let Some(last) = batch.run else {
        bail!("the ledger {path} was begun but has no run in it yet: start one with `run ... --ledger {path}`");
    };
    let input = match (resume.input, last.input.path) {
        (Some(input), _) => input,
        (None, Some(input)) => input.into(),
        (None, None) => bail!("the last run read standard input; give it again with `run - --ledger {path} ...`"),
    };
    let destination = if batch.header.target == resolve::SANDBOX {
        Destination::Sandbox
    } else {
        let endpoint = Endpoint::from_url(&batch.header.target)?;
        let credentials = credentials::resolve(config, &endpoint)?;
        Destination::Api(endpoint, credentials.into())
    };
    let settings = resolve::budget(last.settings, &resume.budget, matches!(destination, Destination::Sandbox))?;
    let what = What {
        source: Source::File(input),
        options: last.input.options,
        ledger: resume.ledger,
        target: batch.header.target,
        settings,
    };
    let order = resolve::order(what, &resume.this_time, resume.known)?;
    Ok(Plan { order, destination, network: resume.network, yes: resume.this_time.yes })
}

fn carry_out(plan: Plan, output: &Output, screen: &Screen, metrics: &mut MetricsFile) -> anyhow::Result<u8> {
    let target = plan.order.ask.identity.target();
    metrics.posts_to(target);
    let span = Span::current();
    span.record("target", target).record("ledger", plan.order.ledger.display().to_string());
    let prepared = Prepared::open(plan.order, Access::Post)?;
    span.record("run", prepared.run()).record("ledger_id", prepared.ledger_id().to_string());
    if prepared.torn_bytes() > 0 {
        let aside = format!("{}.torn", prepared.order().ledger.display());
        warn!(
            event = "mended",
            bytes = prepared.torn_bytes(),
            "a crash left the ledger's end torn; it was mended, its bytes are in {aside}"
        );
    }
    if let Some(survey) = prepared.survey()
        && survey.counts.invalid > 0
        && !prepared.order().settings.skip_invalid
    {
        complain_of_invalid(&prepared);
        return Ok(exit::USAGE);
    }
    let in_sandbox = matches!(plan.destination, Destination::Sandbox);
    if !in_sandbox && !plan.yes && !agreed(&prepared)? {
        say!("nothing was sent");
        return Ok(exit::USAGE);
    }
    say_what_is_done(&prepared);

    let Order { ledger, source, .. } = prepared.order().clone();
    let rows = prepared.survey().map(|survey| survey.rows);
    let mut watcher = Watcher::new(screen, rows, output.quiet, prepared.order().clone());
    let (in_doubt, all_in_doubt) =
        prepared.survey().map(|survey| (survey.in_doubt.clone(), survey.counts.in_doubt)).unwrap_or_default();
    let held = prepared.order().ask.in_doubt == InDoubt::Hold;
    // One thread: with two cores a second one only passes work back and forth.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut observe = |observation: Observation<'_>| {
        metrics.observe(&observation);
        watcher.observe(observation);
    };
    let posted = runtime.block_on(post(prepared, plan.destination, &plan.network, &mut observe));
    // A name that is still being resolved on a thread of its own is not waited for.
    runtime.shutdown_background();
    watcher.finish();
    let (report, server) = posted?;
    metrics.sums(&report);

    if held {
        for note in &in_doubt {
            let ticket = note.ticket.as_ref().map(ToString::to_string).unwrap_or_default();
            warn!(event = "in_doubt", row = note.position.record, %ticket, "in doubt since an earlier run: {}", note.what);
        }
        let more = all_in_doubt - in_doubt.len() as u64;
        if more > 0 {
            warn!("and {} more rows in doubt; `batchpost show --state in_doubt` names them", thousands(more));
        }
    }
    let result = match (output.json, output.quiet) {
        (true, _) => format!("{}\n", Summary::of_report(&report, &ledger).json()),
        (false, true) => String::new(),
        (false, false) => in_words(&report, &ledger, &source),
    };
    // The exit code is the batch's all the same.
    if let Err(error) = plain::stdout(output).write_all(result.as_bytes()) {
        warn!(%error, "the result could not be printed; `batchpost status` gives it again");
    }
    if let Some(server) = server
        && !output.quiet
    {
        say!("sandbox: {}", sandbox::in_words(&server));
    }
    let code = exit::of_batch(&report.counts, report.stopped, report.interrupt);
    if logging::is_json() {
        say_how_it_ended(&report, code);
    }
    Ok(code)
}

async fn post(
    prepared: Prepared,
    destination: Destination,
    network: &Network,
    observe: &mut dyn FnMut(Observation<'_>),
) -> anyhow::Result<(Report, Option<Server>)> {
    let timeout = prepared.order().settings.timeout;
    let (endpoint, credentials, server) = match destination {
        Destination::Api(endpoint, credentials) => (endpoint, *credentials, None),
        Destination::Sandbox => {
            let limit = prepared.order().settings.limits.first().copied();
            let server = sandbox::inside(limit).await?;
            (Endpoint::from_url(&server.url())?, credentials::for_sandbox()?, Some(server))
        }
    };
    let options = HttpOptions { proxy: network.proxy.clone(), ca_file: network.ca_file.clone() };
    let http = Http::new(endpoint, credentials, timeout, &options)?;
    let signals = interrupts().context("signals cannot be listened for")?;
    let report = prepared.post(http, signals, observe).await?;
    Ok((report, server))
}

fn temporary_ledger() -> anyhow::Result<PathBuf> {
    let folder = tempfile::Builder::new().prefix("batchpost-").tempdir().context("no temporary folder can be made")?;
    Ok(folder.keep().join("sandbox.ledger.jsonl"))
}

fn complain_of_invalid(prepared: &Prepared) {
    let Some(survey) = prepared.survey() else { return };
    for note in &survey.invalid {
        say!("{}: {}", note.position, note.what);
    }
    let more = survey.counts.invalid - survey.invalid.len() as u64;
    if more > 0 {
        say!("and {} more", thousands(more));
    }
    say!(
        "batchpost: no note can be made of {} of {} rows; nothing was sent. Mend them, or pass --skip-invalid to post the others",
        thousands(survey.counts.invalid),
        thousands(survey.rows)
    );
}

/// On a terminal: shows what is about to happen and asks. Elsewhere nobody is there to be asked.
fn agreed(prepared: &Prepared) -> anyhow::Result<bool> {
    let (Some(survey), Some(to_send @ 1..)) = (prepared.survey(), prepared.to_send()) else { return Ok(true) };
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    let order = prepared.order();
    say!("to        {}", order.ask.identity.target());
    say!("ledger    {}", order.ledger.display());
    ask!("{}", summary::table(&survey.counts));
    if survey.duplicates > 0 {
        let named: Vec<String> = survey.repeats.iter().map(|note| note.position.record.to_string()).collect();
        let more = if survey.duplicates > named.len() as u64 { ", ..." } else { "" };
        let done = match order.settings.duplicates {
            OnDuplicate::Post => "each is posted (--duplicates skip posts one)",
            OnDuplicate::Skip => "they are skipped",
        };
        let rows = format!("rows {}{more}", named.join(", "));
        say!("{:>10}  of them exactly like an earlier row; {done}: {rows}", thousands(survey.duplicates));
    }
    if let Some(job) = survey.next.first() {
        say!("first     ticket {}, {}:", job.ticket, job.position);
        for line in job.text.lines().take(5) {
            say!("          {line}");
        }
    }
    let finish = Finish::of(order, to_send);
    ask!("Post {} notes, {}? [y/N] ", thousands(to_send), finish.in_words());
    answered_yes()
}

/// Reads the answer to a question that was asked on standard error.
pub(super) fn answered_yes() -> anyhow::Result<bool> {
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn say_what_is_done(prepared: &Prepared) {
    let order = prepared.order();
    let input = match &order.source {
        Source::File(path) => path.display().to_string(),
        Source::Stdin => "standard input".to_owned(),
    };
    match prepared.survey() {
        Some(survey) => info!(
            event = "begun",
            rows = survey.rows,
            to_do = survey.to_do,
            posted = survey.counts.posted,
            in_doubt = survey.counts.in_doubt,
            ledger = %order.ledger.display(),
            "{} {input}",
            if prepared.continues() { "continuing" } else { "posting" },
        ),
        None => info!(event = "begun", ledger = %order.ledger.display(), "posting {input} as it comes"),
    }
    for other in prepared.elsewhere() {
        warn!(event = "known", rows = other.rows, ledger = %other.path.display(), "rows were posted before, or are in doubt, by another ledger's word");
    }
    for note in prepared.survey().map(|survey| survey.held.as_slice()).unwrap_or_default() {
        let ticket = note.ticket.as_ref().map(ToString::to_string).unwrap_or_default();
        warn!(event = "held", row = note.position.record, %ticket, "held: {} (--changed post, or `settle --as to-do`)", note.what);
    }
    let (vanished, in_doubt) = prepared.vanished();
    if vanished > 0 {
        warn!(
            event = "vanished",
            vanished, in_doubt, "rows that were posted or refused before are no longer in the input"
        );
    }
}

/// For whoever reads nothing but the log.
fn say_how_it_ended(report: &Report, exit_code: u8) {
    let counts = &report.counts;
    info!(
        event = "ended",
        exit_code,
        stopped = report.stopped.map(Stop::word),
        posted_now = report.posted_now,
        attempts_now = report.attempts_now,
        limited_now = report.limited_now,
        elapsed_s = report.elapsed.as_secs_f64(),
        posted = counts.posted,
        pending = counts.pending,
        in_doubt = counts.in_doubt,
        failed = counts.failed,
        rejected = counts.rejected,
        invalid = counts.invalid,
        held = counts.held,
        skipped = counts.skipped,
        "the run has ended"
    );
}

fn in_words(report: &Report, ledger: &std::path::Path, source: &Source) -> String {
    let mut text = summary::table(&report.counts);
    let limited = match report.limited_now {
        0 => "none over the limit".to_owned(),
        limited => format!("{} answered with the limit", thousands(limited)),
    };
    text += &format!(
        "{} posted by this run in {}; {}, {limited}\nledger: {}\n",
        thousands(report.posted_now),
        span(report.elapsed),
        count(report.attempts_now, "attempt", "attempts"),
        ledger.display()
    );
    if let Some(stop) = report.stopped {
        text += &format!("stopped: {stop}\n");
    }
    if report.vanished_in_doubt > 0 {
        text += &format!("in doubt and no longer in the input: {}\n", thousands(report.vanished_in_doubt));
    }
    let file = matches!(source, Source::File(_));
    let left = Left { ledger, counts: &report.counts, stopped: report.stopped, cut_off: false, file };
    text + &next::in_words(left)
}
