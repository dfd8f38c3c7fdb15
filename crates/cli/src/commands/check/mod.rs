//! `check`: shows what a run would do. It sends and writes nothing.

mod json;
mod words;

use std::io::Write;
use std::path::Path;

use anyhow::bail;
use batchpost::api::Endpoint;
use batchpost::batch::{Prepared, RunRequest, look};
use batchpost::planning::ReadSummary;
use batchpost::settings::InDoubt;
use serde_json::value::RawValue;

use super::resolve::{self, What};
use crate::apis;
use crate::args::{Check, Output, ThisTime};
use crate::exit;
use crate::finish::Finish;
use crate::hints;
use crate::plain;
use crate::summary::thousands;

pub(crate) fn check(check: &Check, output: &Output) -> anyhow::Result<u8> {
    let ledger = resolve::ledger(&check.input)?;
    let api = apis::default();
    let endpoint = resolve::endpoint(api, &check.target)?;
    let settings = resolve::settings(api, &check.input, &check.posting, endpoint.as_ref())?;
    let settings = resolve::budget(settings, &check.budget, check.target.sandbox)?;
    let this_time = ThisTime { in_doubt: InDoubt::Hold, first: None, changed: check.changed, yes: true };
    let source = resolve::source(&check.input.input);
    let target = target(check, endpoint, &ledger)?;
    let state = resolve::state(&check.budget)?;
    let what = What { api, source, options: resolve::options(&check.input)?, ledger, target, settings, state };
    let prepared = Prepared::look(resolve::run_request(what, &this_time, check.known.clone())?)?;
    let Some(read_summary) = prepared.read_summary() else { bail!("an input that is followed cannot be checked") };

    let finish = Finish::of(prepared.run_request(), read_summary.to_do);
    let refusals = refusals(&prepared, read_summary);
    let mut stdout = plain::stdout(output);
    if output.json {
        writeln!(
            stdout,
            "{}",
            serde_json::to_string(&json::Checked::new(&prepared, read_summary, &refusals, &finish))?
        )?;
    } else {
        words::write(&mut stdout, &prepared, read_summary, &refusals, &finish)?;
    }
    if !refusals.is_empty() {
        return Ok(exit::USAGE);
    }
    Ok(exit::of_batch(&read_summary.counts, None, None))
}

/// The reasons why a run would refuse to send.
fn refusals(prepared: &Prepared, read_summary: &ReadSummary) -> Vec<String> {
    let invalid = read_summary.counts.invalid;
    let refuses_invalid = invalid > 0 && !prepared.run_request().settings.skip_invalid;
    let rows = match invalid {
        1 => "1 row is invalid; fix it".to_owned(),
        rows => format!("{} rows are invalid; fix them", thousands(rows)),
    };
    let why = refuses_invalid.then(|| format!("{rows}, or pass --skip-invalid"));
    why.into_iter().chain(prepared.refusal().as_ref().map(hints::with_hint)).collect()
}

/// The account URL from which keys are computed: the requested one, else that of an existing ledger.
fn target(check: &Check, endpoint: Option<Endpoint>, ledger: &Path) -> anyhow::Result<String> {
    if let Some(endpoint) = endpoint {
        return Ok(endpoint.as_str().to_owned());
    }
    if !check.target.sandbox && ledger.exists() {
        return Ok(look(ledger)?.0.header.target);
    }
    Ok(resolve::SANDBOX.to_owned())
}

/// The exact bodies of the first requests.
fn requests(run_request: &RunRequest, read_summary: &ReadSummary) -> impl Iterator<Item = Box<RawValue>> {
    let body = |job| {
        serde_json::from_slice(&run_request.request_template.request(job).body).expect("a request's body is JSON")
    };
    read_summary.next.iter().map(body)
}
