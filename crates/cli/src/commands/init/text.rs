//! The text of a new batchpost.toml.

use std::path::Path;

use batchpost::input::{ColumnChoice, Field, Options};
use batchpost::reading::{Guess, Proposal};

use crate::apis::{self, Credential, KnownApi};
use crate::args::ReadingArgs;

/// The start of the file, by which one is recognised.
pub(super) fn head() -> String {
    let api = apis::default();
    let KnownApi { name, host, tenant, .. } = api;
    let variables = api.variables();
    let example = |(at, key): (usize, &Credential)| {
        let Credential { name, setting, .. } = key;
        let word = name.split(' ').next().unwrap_or(name);
        match at {
            0 => format!("# {setting}_file = \"{word}.key\"\n"),
            _ => format!("# {setting}_command = [\"pass\", \"show\", \"{}/{word}\"]\n", api.target().name()),
        }
    };
    let examples: String = api.credentials.iter().enumerate().map(example).collect();
    format!(
        "\
# Settings of batchpost. docs/configuration.md explains every key, and `batchpost config` shows the effective settings
# and their sources. Options and environment variables (BATCHPOST_HOST, ...) override this file.

# The destination: your account's {}, which {name} provides, and the account's {}.
# host = \"{}\"
# tenant = \"{}\"

# The account's limits; all apply at once.
# limit = [\"25/5s\"]

# Access keys are not stored here. They come from {variables}, or from these sources:
{examples}",
        host.name, tenant.name, host.example, tenant.example
    )
}

/// The end of the file.
fn tail() -> String {
    let keys = apis::default().credentials.iter().map(|key| key.setting);
    let keys: String = keys.map(|key| format!("# {key}_env = \"SECOND_{}\"\n", key.to_uppercase())).collect();
    format!(
        "
# Record invalid rows and post the others, instead of stopping.
# skip_invalid = true

# Another account, chosen with --profile second. Its keys override those above.
# [profile.second]
# tenant = \"67890\"
{keys}"
    )
}

/// The whole text, with the given reading options and the proposal for the input.
pub(super) fn of(said: &ReadingArgs, found: Option<(&Path, &Proposal)>) -> String {
    let input = match found {
        None => format!("\n# How the spreadsheet is read.\n{}", to_fill_in(said)),
        Some((path, proposal)) => {
            // Keep the name on one comment line, whatever it contains.
            let name: String =
                path.display().to_string().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            format!("\n# How the spreadsheet is read, derived from {name}.\n{}", of_input(said, proposal))
        }
    };
    format!("{}{input}{}", head(), tail())
}

/// The reading keys, each with its given value.
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

/// The given values, and examples of the others.
fn to_fill_in(reading: &ReadingArgs) -> String {
    let mut text = String::new();
    for (key, said) in said(reading) {
        let example = match key {
            "sheet" => "Notes",
            "header_row" => "1",
            "encoding" => "windows-1252",
            "delimiter" => "semicolon",
            // The input's name shows its format.
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
            text += &format!("# Guessed; {guess}.\n");
        }
        text += &format!("{key} = {value}\n");
    };
    let guessed = |guess: Guess, what: &'static str| guesses.contains(&guess).then_some(what);
    if let Some(format) = said.format {
        line("format", basic(&format.to_string()), None);
    }
    match (sheet, &layout.sheet) {
        (Some(sheet), _) => line("sheet", basic(sheet), None),
        (None, Some(first)) if sheets.len() > 1 => {
            line("# The first of several sheets is read.\n# sheet", basic(first), None);
        }
        _ => {}
    }
    if let Some(row) = header_row {
        line("header_row", row.to_string(), None);
    }
    if let Some(encoding) = encoding {
        let guess = guessed(Guess::Encoding, "check the accented letters in the output of `batchpost check`");
        line("encoding", basic(encoding.name()), guess);
    }
    if let Some(delimiter) = delimiter {
        line("delimiter", basic(&delimiter.to_string()), guessed(Guess::Delimiter, "another delimiter fits too"));
    }
    let guess = guessed(Guess::Ticket, "check that these are the right columns")
        .or(guessed(Guess::Text, "check that this is the text column"));
    line("column", table(columns), guess);
    if let Some(pattern) = ticket_pattern {
        line("ticket_pattern", literal(&pattern.to_string()), Some("the group is the ticket's number"));
    }
    text
}

/// The table that maps fields to columns.
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

/// Writes a text in double quotes.
fn basic(text: &str) -> String {
    // TOML reads JSON's escapes alike; only the delete character must be escaped in addition.
    serde_json::Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f")
}

/// Writes a text in single quotes, where backslashes are literal, or else in double quotes.
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

    /// Reads the values that a file with this text sets.
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
