//! `check`: what a run would find. Sends nothing, writes nothing.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use batchpost::reading::Survey;
use batchpost::settings::Settings;
use batchpost::shell::{Access, Order, Prepared, Source, look};
use serde::Serialize;
use serde_json::value::RawValue;

use super::resolve::{self, What};
use crate::args::{ChangedArg, Check, DoubtArg, Known, Output, ThisTime};
use crate::exit;
use crate::summary::{Summary, table, thousands};

/// What `--json` prints.
#[derive(Serialize)]
struct Checked<'a> {
    #[serde(flatten)]
    summary: Summary,
    format: String,
    ticket_column: &'a str,
    text_columns: &'a [String],
    to_do: u64,
    blank: u64,
    duplicates: u64,
    known_elsewhere: u64,
    invalid_rows: Vec<InvalidRow<'a>>,
    first_requests: Vec<Box<RawValue>>,
    seconds: f64,
}

#[derive(Serialize)]
struct InvalidRow<'a> {
    row: u64,
    line: u64,
    why: &'a str,
}

pub(crate) fn check(check: &Check, output: &Output) -> anyhow::Result<u8> {
    if resolve::source(&check.input.input) == Source::Stdin {
        bail!("standard input can be read only once, and a run needs it; check a file");
    }
    let ledger = resolve::ledger(&check.input)?;
    let settings = Settings {
        limits: resolve::limits(&check.limits)?,
        fields: check.input.fields.clone(),
        duplicates: resolve::duplicates(&check.input),
        ..Settings::default()
    };
    let this_time = ThisTime { in_doubt: DoubtArg::Hold, first: None, changed: ChangedArg::Hold, yes: true };
    let known = Known { known: None, history: check.history.clone() };
    let source = resolve::source(&check.input.input);
    let target = target(check, &ledger)?;
    let what = What { source, options: resolve::options(&check.input)?, ledger, target, settings };
    let prepared = Prepared::open(resolve::order(what, &this_time, known)?, Access::Look)?;
    let Some(survey) = prepared.survey() else { bail!("only a file can be checked") };

    // The best that is possible, with a guess at how long replies take.
    let time = prepared.order().settings.best_finish(survey.to_do, Duration::from_millis(200));
    let mut stdout = io::stdout().lock();
    if output.json {
        writeln!(stdout, "{}", serde_json::to_string(&checked(&prepared, survey, time))?)?;
    } else {
        in_words(&mut stdout, &prepared, survey, time)?;
    }
    if !prepared.elsewhere().is_empty() {
        return Ok(exit::USAGE);
    }
    Ok(exit::of_batch(&survey.counts, None, None))
}

/// The target that keys are made for: as asked, else that of the ledger that is there.
fn target(check: &Check, ledger: &Path) -> anyhow::Result<String> {
    if let Some(endpoint) = resolve::endpoint(&check.target)? {
        return Ok(endpoint.as_str().to_owned());
    }
    if !check.target.sandbox && ledger.exists() {
        return Ok(look(ledger)?.0.header.target);
    }
    Ok(resolve::SANDBOX.to_owned())
}

fn checked<'a>(prepared: &'a Prepared, survey: &'a Survey, time: Duration) -> Checked<'a> {
    let ledger = prepared.continues().then_some(prepared.order().ledger.as_path());
    Checked {
        summary: Summary::of_prepared(prepared, survey.counts, ledger),
        format: prepared.order().options.format.to_string(),
        ticket_column: &prepared.mapping().ticket,
        text_columns: &prepared.mapping().text,
        to_do: survey.to_do,
        blank: survey.blank,
        duplicates: survey.duplicates,
        known_elsewhere: prepared.elsewhere().iter().map(|(_, rows)| rows).sum(),
        invalid_rows: survey
            .invalid
            .iter()
            .map(|note| InvalidRow { row: note.position.record, line: note.position.line, why: &note.what })
            .collect(),
        first_requests: requests(prepared.order(), survey).collect(),
        seconds: time.as_secs_f64(),
    }
}

/// The bodies to the byte.
fn requests(order: &Order, survey: &Survey) -> impl Iterator<Item = Box<RawValue>> {
    let body = |job| serde_json::from_slice(&order.form.request(job).body).expect("a request's body is JSON");
    survey.next.iter().map(body)
}

fn in_words(out: &mut impl Write, prepared: &Prepared, survey: &Survey, time: Duration) -> io::Result<()> {
    let order = prepared.order();
    let mapping = prepared.mapping();
    writeln!(
        out,
        "format: {}; ticket from {:?}, text from {}",
        order.options.format,
        mapping.ticket,
        quoted(&mapping.text)
    )?;
    match order.ask.identity.target.as_str() {
        resolve::SANDBOX => {
            writeln!(out, "to: not said, so other ledgers are not compared (--host and --tenant, or --url)")?;
        }
        target => writeln!(out, "to: {target}")?,
    }
    match prepared.continues() {
        true => writeln!(out, "ledger: {}", order.ledger.display())?,
        false => writeln!(out, "ledger: none yet at {}", order.ledger.display())?,
    }
    write!(out, "{}", table(&survey.counts))?;
    if survey.duplicates > 0 {
        writeln!(out, "{:>10}  exactly like an earlier row; each is a note of its own", thousands(survey.duplicates))?;
    }
    let (vanished, in_doubt) = prepared.vanished();
    if vanished > 0 {
        writeln!(
            out,
            "{:>10}  in the ledger and no longer in the input, {in_doubt} of them in doubt",
            thousands(vanished)
        )?;
    }
    for (path, rows) in prepared.elsewhere() {
        writeln!(out, "{:>10}  posted or in doubt by the word of {}", thousands(*rows), path.display())?;
    }
    for note in &survey.held {
        writeln!(out, "held: {}: {}", note.position, note.what)?;
    }
    if !survey.invalid.is_empty() {
        writeln!(out, "invalid rows:")?;
        for note in &survey.invalid {
            writeln!(out, "  {}: {}", note.position, note.what)?;
        }
        let more = survey.counts.invalid - survey.invalid.len() as u64;
        if more > 0 {
            writeln!(out, "  and {} more", thousands(more))?;
        }
    }
    if survey.to_do > 0 {
        writeln!(out, "first requests:")?;
        for request in requests(order, survey) {
            writeln!(out, "  {request}")?;
        }
        let time = humantime::format_duration(Duration::from_secs(time.as_secs().max(1)));
        writeln!(out, "{} to send, in about {time}", thousands(survey.to_do))?;
    }
    if !prepared.elsewhere().is_empty() {
        writeln!(out, "run will refuse: rows were posted before; say --known skip to leave them out, or --known post")?;
    }
    Ok(())
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" and ")
}
