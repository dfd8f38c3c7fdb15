//! The output of `check` for people.

use std::io::{self, Write};

use batchpost::batch::Prepared;
use batchpost::input::{IdShapes, Layout, Mapping};
use batchpost::planning::{Profile, ReadSummary, RowNote};
use batchpost::settings::OnKnown;

use super::{requests, resolve};
use crate::finish::Finish;
use crate::summary::{table, thousands};

pub(super) fn write(
    out: &mut impl Write,
    prepared: &Prepared,
    read_summary: &ReadSummary,
    refusals: &[String],
    finish: &Finish,
) -> io::Result<()> {
    let run_request = prepared.run_request();
    writeln!(out, "format: {}", layout(prepared.layout()))?;
    if let Some(likely) = prepared.likely_encoding() {
        writeln!(out, "note: some cells are not UTF-8 and look like {likely}; if they are, pass --encoding {likely}")?;
    }
    writeln!(out, "columns: {}", mapping(prepared.mapping()))?;
    match run_request.policy.identity.account() {
        resolve::SANDBOX => {
            writeln!(
                out,
                "to: no destination set, so other ledgers are not compared; pass --host and --tenant, or --url"
            )?;
        }
        target => writeln!(out, "to: {target}")?,
    }
    match prepared.continues() {
        true => writeln!(out, "ledger: {}", run_request.ledger.display())?,
        false => writeln!(out, "ledger: none yet at {}", run_request.ledger.display())?,
    }
    write!(out, "{}", table(&read_summary.counts, read_summary.blank))?;
    let (vanished, in_doubt) = prepared.vanished();
    if vanished > 0 {
        writeln!(
            out,
            "{:>10}  in the ledger and no longer in the input, {in_doubt} of them in doubt",
            thousands(vanished)
        )?;
    }
    let refuses_known = run_request.policy.known == OnKnown::Refuse;
    for other in prepared.known_by() {
        let path = other.path.display();
        if other.rows > 0 {
            let (rows, dates) = (thousands(other.rows), other.days().unwrap_or_default());
            let to_do = if refuses_known { "of those to do " } else { "" };
            writeln!(out, "{rows:>10}  {to_do}recorded as posted or in doubt in {path} ({dates})")?;
        }
        if other.other_content > 0 {
            let rows = thousands(other.other_content);
            writeln!(out, "{rows:>10}  with a --key value that {path} has with other content; they are posted")?;
        }
    }
    for (path, why) in prepared.unreadable_ledgers() {
        writeln!(out, "note: the ledger {} cannot be read, and may record some of the rows: {why}", path.display())?;
    }
    profile(out, prepared.tickets(), &read_summary.profile, run_request.options.ticket_pattern.is_some())?;
    blank(out, read_summary)?;
    rows(out, "identical to an earlier row", &read_summary.repeats, read_summary.duplicates)?;
    rows(out, "held", &read_summary.held, read_summary.counts.held)?;
    invalid(out, read_summary)?;
    if read_summary.to_do > 0 {
        writeln!(out, "first requests:")?;
        for request in requests(run_request, read_summary) {
            writeln!(out, "  {request}")?;
        }
        if refuses_known && prepared.known() > 0 {
            let to_send = read_summary.to_do.saturating_sub(prepared.known());
            write!(out, "with --known skip {} to send", thousands(to_send))?;
            if to_send > 0 {
                write!(out, ", {}", Finish::of(run_request, to_send).in_words())?;
            }
            writeln!(out)?;
        } else {
            writeln!(out, "{} to send, {}", thousands(read_summary.to_do), finish.in_words())?;
        }
    }
    for refusal in refusals {
        writeln!(out, "run will refuse: {refusal}")?;
    }
    Ok(())
}

fn layout(layout: &Layout) -> String {
    let mut words = layout.format.clone();
    let mut add = |more: String| words += &more;
    if let Some(sheet) = &layout.sheet {
        add(format!(", sheet {sheet:?}"));
    }
    if let Some(encoding) = &layout.encoding {
        add(format!(", {encoding}"));
    }
    if let Some(delimiter) = &layout.delimiter {
        add(format!(", cells separated by {delimiter}"));
    }
    if layout.packed {
        add(", compressed with gzip".to_owned());
    }
    words
}

fn mapping(mapping: &Mapping) -> String {
    let text = match mapping.text.as_slice() {
        [] => "text from the template".to_owned(),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
            format!("text from {}", names.join(" and "))
        }
    };
    let named = mapping.key.as_ref().map(|column| format!(", jobs identified by {column:?}")).unwrap_or_default();
    format!("ticket from {:?}, {text}{named}", mapping.ticket)
}

fn profile(out: &mut impl Write, tickets: Option<&IdShapes>, profile: &Profile, by_pattern: bool) -> io::Result<()> {
    let (mut more_than_numbers, mut has_nines) = (false, false);
    if let Some(tickets) = tickets.filter(|tickets| tickets.shapes().next().is_some()) {
        writeln!(out, "forms of ticket ids:")?;
        for shape in tickets.shapes() {
            more_than_numbers |= shape.pattern.contains(|c: char| !c.is_ascii_digit());
            let rows = if shape.count == 1 { "row: " } else { "rows:" };
            let words = match shape.pattern.as_str() {
                "9" => "digits".to_owned(),
                "09" => "digits after a zero".to_owned(),
                pattern => {
                    has_nines |= pattern.contains('9');
                    format!("{pattern:?}")
                }
            };
            writeln!(out, "{:>10} {rows} {words} (like {})", thousands(shape.count), shape.examples.join(", "))?;
        }
        if tickets.other > 0 {
            writeln!(out, "{:>10} rows: other shapes", thousands(tickets.other))?;
        }
        if has_nines {
            writeln!(out, "{:>10}  9 means any digits, 09 digits after a zero", "note:")?;
        }
        writeln!(
            out,
            "{:>10}  the API's ticket id is the number in the ticket page's URL; people may see another number",
            "note:"
        )?;
        if more_than_numbers && !by_pattern {
            writeln!(out, "{:>10}  --ticket-pattern extracts the number from such ids: 'TKT-0*(\\d+)'", "note:")?;
        }
    }
    if let Some(texts) = &profile.texts {
        let (shortest, mean, longest) = (thousands(texts.shortest as u64), thousands(texts.mean()), texts.longest);
        let longest = thousands(longest as u64);
        writeln!(out, "texts: {shortest} to {longest} bytes, {mean} on average; the longest is {}", texts.longest_at)?;
    }
    Ok(())
}

fn blank(out: &mut impl Write, read_summary: &ReadSummary) -> io::Result<()> {
    if read_summary.blank == 0 {
        return Ok(());
    }
    let named: Vec<String> = read_summary.blanks.iter().map(|position| position.record.to_string()).collect();
    let more = if read_summary.blank > named.len() as u64 { ", ..." } else { "" };
    let rows = if read_summary.blank == 1 { "row" } else { "rows" };
    writeln!(out, "blank: {rows} {}{more}", named.join(", "))
}

/// Writes the rows of one kind: those that are named, and the number of the others.
fn rows(out: &mut impl Write, kind: &str, named: &[RowNote], all: u64) -> io::Result<()> {
    if all == 0 {
        return Ok(());
    }
    writeln!(out, "{kind}:")?;
    for note in named {
        let ticket = note.ticket.as_ref().map(|ticket| format!(", ticket {ticket}")).unwrap_or_default();
        writeln!(out, "  {}{ticket}: {}", note.position, note.what)?;
    }
    and_more(out, all - named.len() as u64)
}

fn invalid(out: &mut impl Write, read_summary: &ReadSummary) -> io::Result<()> {
    if read_summary.counts.invalid == 0 {
        return Ok(());
    }
    writeln!(out, "reasons for invalid rows:")?;
    for reason in read_summary.profile.reasons() {
        let first: Vec<String> = reason.first.iter().map(|position| position.record.to_string()).collect();
        let more = if reason.rows > first.len() as u64 { ", ..." } else { "" };
        let rows = if reason.rows == 1 { "row" } else { "rows" };
        writeln!(out, "{:>10}  {} ({rows} {}{more})", thousands(reason.rows), reason.what, first.join(", "))?;
    }
    if read_summary.profile.other_defects > 0 {
        writeln!(out, "{:>10}  something else", thousands(read_summary.profile.other_defects))?;
    }
    writeln!(out, "invalid rows:")?;
    for note in &read_summary.invalid {
        writeln!(out, "  {}: {}", note.position, note.what)?;
    }
    and_more(out, read_summary.counts.invalid - read_summary.invalid.len() as u64)
}

fn and_more(out: &mut impl Write, more: u64) -> io::Result<()> {
    if more > 0 { writeln!(out, "  and {} more", thousands(more)) } else { Ok(()) }
}
