//! `init`: a commented batchpost.toml, with settings derived from a spreadsheet.

mod text;

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};
use batchpost::batch::propose;
use batchpost::input::{Field, Format, Options};
use batchpost::reading::{Guess, Proposal};
use serde::Serialize;

use super::resolve::reading;
use crate::apis;
use crate::args::{Init, Output, ReadingArgs};
use crate::config::NAME;
use crate::files::{Readers, There, is_same, there, write_new, write_whole};
use crate::plain::stdout;
use crate::summary::thousands;
use crate::words::{count, shell_word};

pub(crate) fn init(init: &Init, output: &Output) -> anyhow::Result<u8> {
    let look = |input| look(input, &init.reading).map(|proposal| (input, proposal));
    let found: Option<(&Path, Proposal)> = init.input.as_deref().map(look).transpose()?;
    let content = text::of(&init.reading, found.as_ref().map(|(input, proposal)| (*input, proposal)));
    write(init, &content)?;
    let next = next(init);
    let mut out = stdout(output);
    if output.json {
        let written = init.output.display().to_string();
        let found = found.as_ref().map(|(_, proposal)| Found::of(proposal));
        writeln!(out, "{}", serde_json::to_string(&Written { written, next, found })?)?;
        return Ok(0);
    }
    if let Some((input, proposal)) = &found {
        describe(&mut out, input, proposal)?;
    }
    writeln!(out, "written: {}; set the destination in it", init.output.display())?;
    writeln!(out, "next: {next}")?;
    Ok(0)
}

fn look(input: &Path, said: &ReadingArgs) -> anyhow::Result<Proposal> {
    let format = said.format.or_else(|| Format::of_name(input)).with_context(|| {
        format!("the name of {} does not show its format; pass --format, or {}", input.display(), instead(said))
    })?;
    let mut options = reading(said, format);
    propose(input, &mut options, &apis::default().target()).with_context(|| {
        let Options { sheet, header_row, encoding, delimiter, .. } = options;
        let found = ReadingArgs { sheet, header_row, encoding, delimiter, ..said.clone() };
        format!("nothing can be proposed; {}", instead(&found))
    })
}

/// The command to run if nothing can be proposed, with the known reading options.
fn instead(known: &ReadingArgs) -> String {
    let options = text::said(known).into_iter().filter_map(|(key, value)| Some((key.replace('_', "-"), value?)));
    let options: String = options.map(|(option, value)| format!(" --{option} {}", shell_word(&value))).collect();
    match options.is_empty() {
        true => "run `batchpost init` alone for a file to fill in".to_owned(),
        false => format!("run `batchpost init{options}` for a file to fill in"),
    }
}

/// The next command to suggest.
fn next(init: &Init) -> String {
    let word = |path: &Path| shell_word(&path.display().to_string());
    let input = init.input.as_deref().map_or("FILE".to_owned(), word);
    let config = match init.output == Path::new(NAME) {
        true => String::new(),
        false => format!(" --config {}", word(&init.output)),
    };
    format!("batchpost check {input}{config}")
}

fn write(init: &Init, content: &str) -> anyhow::Result<()> {
    let path = init.output.as_path();
    if !init.force {
        if path.exists() {
            bail!("{} already exists; pass --force to replace it, or -o FILE to write another", path.display());
        }
        return write_new(path, Readers::Usual, |file| Ok(file.write_all(content.as_bytes())?));
    }
    let cannot = || format!("{} cannot be written", path.display());
    if there(path, &text::head()).with_context(cannot)? == There::Ledger {
        bail!("{} is a ledger; name another file", path.display());
    }
    if init.input.as_deref().is_some_and(|input| is_same(input, path)) {
        bail!("{} is the spreadsheet itself; name another file", path.display());
    }
    write_whole(path, content.as_bytes(), Readers::Usual).with_context(cannot)
}

/// The object printed for `--json`.
#[derive(Serialize)]
struct Written {
    written: String,
    next: String,
    found: Option<Found>,
}

#[derive(Serialize)]
struct Found {
    format: String,
    sheet: Option<String>,
    header_row: Option<u32>,
    encoding: Option<String>,
    delimiter: Option<String>,
    ticket_column: String,
    text_columns: Vec<String>,
    ticket_pattern: Option<String>,
    rows: u64,
    notes: u64,
    invalid: u64,
}

impl Found {
    fn of(proposal: &Proposal) -> Self {
        let Proposal { options, layout, mapping, sample, .. } = proposal;
        Self {
            format: layout.format.clone(),
            sheet: layout.sheet.clone(),
            header_row: options.header_row.map(Into::into),
            encoding: layout.encoding.clone(),
            delimiter: layout.delimiter.clone(),
            ticket_column: mapping.ticket.clone(),
            text_columns: mapping.text.clone(),
            ticket_pattern: options.ticket_pattern.as_ref().map(ToString::to_string),
            rows: sample.rows,
            notes: sample.notes,
            invalid: sample.invalid,
        }
    }
}

/// Describes what was found, and which parts are guesses.
fn describe(out: &mut impl Write, input: &Path, proposal: &Proposal) -> io::Result<()> {
    let Proposal { layout, mapping, sample, options, guesses, .. } = proposal;
    let by = |guess: Guess, how: &str| if guesses.contains(&guess) { format!(" ({how})") } else { String::new() };
    let mut words = vec![layout.format.clone()];
    words.extend(layout.sheet.as_ref().map(|sheet| format!("sheet {sheet:?}")));
    words.extend(options.header_row.map(|row| format!("column names in row {row}")));
    let encoding = by(Guess::Encoding, "guessed: check the accented letters in the output of `batchpost check`");
    words.extend(layout.encoding.as_ref().map(|name| format!("{name}{encoding}")));
    let delimiter = by(Guess::Delimiter, "guessed: another fits too");
    words.extend(layout.delimiter.as_ref().map(|name| format!("cells separated by {name}{delimiter}")));
    writeln!(out, "{}: {}", input.display(), words.join(", "))?;
    let like: Vec<String> =
        sample.tickets.shapes().take(3).filter_map(|shape| shape.examples.first().cloned()).collect();
    let like = if like.is_empty() { String::new() } else { format!(", like {}", like.join(", ")) };
    writeln!(out, "{}: {:?}{}{like}", Field::Ticket, mapping.ticket, by(Guess::Ticket, "guessed from its cells"))?;
    if let Some(pattern) = &options.ticket_pattern {
        writeln!(out, "ids: extracted with {pattern}")?;
    }
    let texts: Vec<String> = mapping.text.iter().map(|name| format!("{name:?}")).collect();
    writeln!(
        out,
        "{}: {}{}",
        Field::Text,
        texts.join(" and "),
        by(Guess::Text, "guessed from its cells: the longest")
    )?;
    let invalid = match (&sample.first_invalid, sample.invalid) {
        (Some(first), invalid) => format!("; {} invalid, the first: {first}", thousands(invalid)),
        (None, _) => String::new(),
    };
    let notes = count(sample.notes, "note", "notes");
    let rows = count(sample.rows, "row", "rows");
    writeln!(out, "{notes} in the {rows} examined{invalid}")
}
