//! The text of a new batchpost.toml.

use std::path::Path;

use batchpost::input::{ColumnChoice, Field, Options};
use batchpost::reading::{Guess, Proposal};

use crate::args::ReadingArgs;

pub(super) const HEAD: &str = "\
# Settings of batchpost. docs/configuration.md explains every key, and `batchpost config` shows what holds and where it
# was said. Options and variables of the environment (BATCHPOST_HOST, ...) go before what stands here.

# Where to post to: your account's API host, which LeadSquared names, and the account's number.
# host = \"apigw.service-in.leadsquared.com\"
# tenant = \"12345\"

# The account's limits; all hold at once.
# limit = [\"25/5s\"]

# The access keys do not stand here. They come from LSQ_ACCESS_KEY and LSQ_SECRET_KEY, or from where this says:
# access_key_file = \"access.key\"
# secret_key_command = [\"pass\", \"show\", \"leadsquared/secret\"]
";

const TAIL: &str = "
# Rows of which no note can be made: end, or record them and post the others.
# skip_invalid = true

# Another account, chosen with --profile second. What stands here goes before what stands above.
# [profile.second]
# tenant = \"67890\"
# access_key_env = \"SECOND_ACCESS_KEY\"
# secret_key_env = \"SECOND_SECRET_KEY\"
";

/// The whole text, with what was said of how an input is read, and what was found out of it.
pub(super) fn of(said: &ReadingArgs, found: Option<(&Path, &Proposal)>) -> String {
    let input = match found {
        None => format!("\n# How the spreadsheet is read.\n{}", to_fill_in(said)),
        Some((path, proposal)) => {
            // A name is one line of a comment, whatever is in it.
            let name: String =
                path.display().to_string().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            format!("\n# How the spreadsheet is read: what {name} seems to want.\n{}", of_input(said, proposal))
        }
    };
    format!("{HEAD}{input}{TAIL}")
}

/// The keys of how an input is written, and what was said of each.
pub(super) fn said(reading: &ReadingArgs) -> [(&'static str, Option<String>); 5] {
    let ReadingArgs { format, sheet, header_row, encoding, delimiter, columns: _ } = reading;
    [
        ("format", format.map(|format| format.to_string())),
        ("sheet", sheet.clone()),
        ("header_row", header_row.map(|row| row.to_string())),
        ("encoding", encoding.map(|encoding| encoding.to_string())),
        ("delimiter", delimiter.map(|delimiter| delimiter.to_string())),
    ]
}

/// What was said, and examples of the rest.
fn to_fill_in(reading: &ReadingArgs) -> String {
    let mut text = String::new();
    for (key, said) in said(reading) {
        let example = match key {
            "sheet" => "Notes",
            "header_row" => "1",
            "encoding" => "windows-1252",
            "delimiter" => "semicolon",
            // Its name tells the format, where it was not said.
            _ if said.is_none() => continue,
            _ => "",
        };
        let before = if said.is_some() { "" } else { "# " };
        let value = said.unwrap_or_else(|| example.to_owned());
        let value = if key == "header_row" { value } else { basic(&value) };
        text += &format!("{before}{key} = {value}\n");
    }
    text += &match reading.columns.as_slice() {
        [] => "# column = { ticket = \"Ticket ID\", text = \"Comment\" }\n".to_owned(),
        columns => format!("column = {}\n", table(columns)),
    };
    text + "# ticket_pattern = 'TKT-0*(\\d+)'\n"
}

fn of_input(said: &ReadingArgs, proposal: &Proposal) -> String {
    let Proposal { options, guesses, sheets, layout, .. } = proposal;
    let Options { sheet, header_row, encoding, delimiter, ticket_pattern, columns, .. } = options;
    let mut text = String::new();
    let mut line = |key: &str, value: String, guess: Option<&str>| {
        if let Some(guess) = guess {
            text += &format!("# Judged by its looks; {guess}.\n");
        }
        text += &format!("{key} = {value}\n");
    };
    let guessed = |guess: Guess, what: &'static str| guesses.contains(&guess).then_some(what);
    if let Some(format) = said.format {
        line("format", basic(&format.to_string()), None);
    }
    match (sheet, &layout.sheet) {
        (Some(sheet), _) => line("sheet", basic(sheet), None),
        (None, Some(first)) if sheets.len() > 1 => line("# The first of several is read.\n# sheet", basic(first), None),
        _ => {}
    }
    if let Some(row) = header_row {
        line("header_row", row.to_string(), None);
    }
    if let Some(encoding) = encoding {
        let guess = guessed(Guess::Encoding, "look at the accented letters in what `batchpost check` shows");
        line("encoding", basic(encoding.name()), guess);
    }
    if let Some(delimiter) = delimiter {
        line(
            "delimiter",
            basic(&delimiter.to_string()),
            guessed(Guess::Delimiter, "another could divide the cells too"),
        );
    }
    let guess = guessed(Guess::Ticket, "see whether these are the columns")
        .or(guessed(Guess::Text, "see whether this is the column of the text"));
    line("column", table(columns), guess);
    if let Some(pattern) = ticket_pattern {
        line("ticket_pattern", literal(&pattern.to_string()), Some("the group is the ticket's number"));
    }
    text
}

/// Which columns are what.
fn table(columns: &[ColumnChoice]) -> String {
    let entries = [Field::Ticket, Field::Text, Field::Key].into_iter().filter_map(|field| {
        let names = columns.iter().filter(|choice| choice.field == field).map(|choice| basic(&choice.column));
        match names.collect::<Vec<_>>().as_slice() {
            [] => None,
            [one] => Some(format!("{field} = {one}")),
            several => Some(format!("{field} = [{}]", several.join(", "))),
        }
    });
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// A text in double quotes.
fn basic(text: &str) -> String {
    // What JSON escapes TOML reads alike; only the delete character must be escaped besides.
    serde_json::Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f")
}

/// A text in single quotes, in which a backslash is one; in double quotes where that cannot be.
fn literal(text: &str) -> String {
    if text.contains('\'') || text.contains(char::is_control) { basic(text) } else { format!("'{text}'") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU32;

    use batchpost::input::{Format, Rows};
    use batchpost::reading::propose;

    use super::*;
    use crate::config::values_in;

    /// What holds by a file with this text, as `key=value`.
    fn read(text: &str) -> BTreeMap<String, Vec<String>> {
        values_in(text).unwrap()
    }

    fn uncommented(text: &str) -> String {
        let is_key = |line: &str| line.starts_with("# ") && (line.contains(" = ") || line.starts_with("# ["));
        text.lines().map(|line| if is_key(line) { &line[2..] } else { line }).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_template_says_nothing_until_it_is_filled_in_and_what_it_shows_can_be_used() {
        let text = of(&ReadingArgs::default(), None);
        assert!(read(&text).is_empty());
        let filled = read(&uncommented(&text));
        assert_eq!(filled["limit"], ["25/5s"]);
        assert_eq!(
            (&filled["encoding"][..], &filled["delimiter"][..]),
            (&["windows-1252".to_owned()][..], &["semicolon".to_owned()][..])
        );
        assert_eq!(filled["ticket_pattern"], [r"TKT-0*(\d+)"]);
        assert_eq!(filled["column"], ["text=Comment", "ticket=Ticket ID"]);
    }

    #[test]
    fn what_was_said_stands_in_a_template() {
        let said = ReadingArgs {
            format: Some(Format::Workbook),
            sheet: Some("May \"x\"".to_owned()),
            header_row: NonZeroU32::new(3),
            encoding: "iso-8859-2".parse().ok(),
            delimiter: "tab".parse().ok(),
            columns: ["text=a", "text=b", "key=c"].map(|choice| choice.parse().unwrap()).to_vec(),
        };
        let read = read(&of(&said, None));
        for (key, value) in super::said(&said) {
            assert_eq!(read[key], [value.unwrap()], "{key}");
        }
        assert_eq!(read["column"].len(), 3, "{read:?}");
    }

    #[test]
    fn what_is_proposed_is_read_back_as_it_was() {
        let csv = b"x\nFall \"case\";Bemerkung's\\\x7f;Anmerkung\nTKT-1;R\xfcckruf vereinbart;x\n";
        let proposal = propose(&mut Options::new(Format::Csv), &mut |options: &Options| {
            Rows::open(&csv[..], &options.clone().into())
        })
        .unwrap();
        let said = read(&of(&ReadingArgs::default(), Some((Path::new("a\n[profile.x].csv"), &proposal))));
        let columns: Vec<String> = proposal.options.columns.iter().map(ToString::to_string).collect();
        let mut found = said["column"].clone();
        found.reverse();
        assert_eq!(found, columns);
        assert_eq!(said["header_row"], ["2"]);
        assert_eq!(said["encoding"], ["windows-1252"]);
        assert_eq!(said["ticket_pattern"], [proposal.options.ticket_pattern.unwrap().to_string()]);
        assert_eq!(said.len(), 4);
    }
}
