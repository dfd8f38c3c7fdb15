//! `init`: a commented batchpost.toml, with what a spreadsheet seems to want.

mod text;

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};
use batchpost::input::{Field, Format};
use batchpost::reading::{Guess, Proposal};
use batchpost::shell::propose;
use serde::Serialize;

use super::resolve::api;
use crate::args::{Init, Output};
use crate::config::NAME;
use crate::files::{Readers, There, is_same, there, write_new, write_whole};
use crate::plain::stdout;
use crate::summary::thousands;
use crate::words::{count, shell_word};

pub(crate) fn init(init: &Init, output: &Output) -> anyhow::Result<u8> {
    let found = init.input.as_deref().map(|input| look(input).map(|proposal| (input, proposal))).transpose()?;
    let content = text::of(found.as_ref().map(|(input, proposal)| (*input, proposal)));
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
    writeln!(out, "written: {}; say in it where to post to", init.output.display())?;
    writeln!(out, "next: {next}")?;
    Ok(0)
}

fn look(input: &Path) -> anyhow::Result<Proposal> {
    const INSTEAD: &str = "`batchpost init` alone writes a file to fill in";
    let format = Format::of_name(input)
        .with_context(|| format!("the name of {} does not tell its format; {INSTEAD}", input.display()))?;
    propose(input, format, &api()).with_context(|| format!("nothing can be proposed; {INSTEAD}"))
}

/// What to type next.
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
            bail!("{} is there already; say --force to replace it, or -o FILE to write another", path.display());
        }
        return write_new(path, Readers::Usual, |file| Ok(file.write_all(content.as_bytes())?));
    }
    let cannot = || format!("{} cannot be written", path.display());
    if there(path, text::HEAD).with_context(cannot)? == There::Ledger {
        bail!("{} is a ledger; name another file", path.display());
    }
    if init.input.as_deref().is_some_and(|input| is_same(input, path)) {
        bail!("{} is the spreadsheet itself; name another file", path.display());
    }
    write_whole(path, content.as_bytes(), Readers::Usual).with_context(cannot)
}

/// What is printed as JSON.
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

/// Says what was found, and what of it was judged by looks.
fn describe(out: &mut impl Write, input: &Path, proposal: &Proposal) -> io::Result<()> {
    let Proposal { layout, mapping, sample, options, guesses, .. } = proposal;
    let by = |guess: Guess, how: &str| if guesses.contains(&guess) { format!(" ({how})") } else { String::new() };
    let mut words = vec![layout.format.clone()];
    words.extend(layout.sheet.as_ref().map(|sheet| format!("sheet {sheet:?}")));
    words.extend(options.header_row.map(|row| format!("its columns named in row {row}")));
    let encoding = by(Guess::Encoding, "by its looks: look at the accented letters in what check shows");
    words.extend(layout.encoding.as_ref().map(|name| format!("{name}{encoding}")));
    let delimiter = by(Guess::Delimiter, "it could be another");
    words.extend(layout.delimiter.as_ref().map(|name| format!("cells divided by {name}{delimiter}")));
    writeln!(out, "{}: {}", input.display(), words.join(", "))?;
    let like: Vec<String> =
        sample.tickets.shapes().take(3).filter_map(|shape| shape.examples.first().cloned()).collect();
    let like = if like.is_empty() { String::new() } else { format!(", like {}", like.join(", ")) };
    writeln!(out, "{}: {:?}{}{like}", Field::Ticket, mapping.ticket, by(Guess::Ticket, "by its cells"))?;
    if let Some(pattern) = &options.ticket_pattern {
        writeln!(out, "ids: taken out by {pattern}")?;
    }
    let texts: Vec<String> = mapping.text.iter().map(|name| format!("{name:?}")).collect();
    writeln!(out, "{}: {}{}", Field::Text, texts.join(" and "), by(Guess::Text, "by its cells: the longest"))?;
    let invalid = match (&sample.first_invalid, sample.invalid) {
        (Some(first), invalid) => format!("; of {} no note can be made, the first: {first}", thousands(invalid)),
        (None, _) => String::new(),
    };
    let notes = count(sample.notes, "note", "notes");
    let rows = count(sample.rows, "row that was", "rows that were");
    writeln!(out, "{notes} in the {rows} looked at{invalid}")
}
