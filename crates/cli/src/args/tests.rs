use batchpost::outcome::Outcome;
use batchpost_sandbox::Fault;
use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_well_formed() {
    Args::command().debug_assert();
}

/// Splits a line into words as a shell would: quotes are removed, and a redirection is left out.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    let end = words.iter().position(|word| word == "<" || word == ">").unwrap_or(words.len());
    words.truncate(end);
    words
}

#[test]
fn every_command_has_an_example_and_every_example_is_a_command_line() {
    let commands = Args::command();
    for command in commands.get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let whole = help.replace("\\\n", "");
        let examples: Vec<&str> = whole.lines().filter(|line| line.starts_with("  batchpost ")).collect();
        let name = command.get_name();
        assert!(examples.iter().any(|line| line.starts_with(&format!("  batchpost {name} "))), "{name} has no example");
        for example in examples {
            Args::try_parse_from(words(example)).unwrap_or_else(|error| panic!("{example}\n{error}"));
        }
    }
}

#[test]
fn every_option_that_a_help_text_mentions_is_there() {
    let commands = Args::command();
    let options = |command: &clap::Command| -> Vec<String> {
        let global = commands.get_arguments().chain(command.get_arguments());
        global.filter_map(|arg| Some(format!("--{}", arg.get_long()?))).collect()
    };
    let all: Vec<String> = commands.get_subcommands().flat_map(options).collect();
    for command in commands.get_subcommands() {
        let help = command.clone().render_long_help().to_string();
        let mentioned = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| {
            word.strip_prefix("--").is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        });
        for word in mentioned.filter(|word| !["--help", "--version"].contains(word)) {
            // One command's help may name another's option.
            assert!(all.iter().any(|option| option == word), "{}: {word}", command.get_name());
        }
    }
}

#[test]
fn the_sandboxs_help_names_every_fault_and_what_it_does() {
    let help = Args::command().find_subcommand_mut("sandbox").unwrap().render_long_help().to_string();
    // Ignore how the lines are wrapped.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for fault in Fault::ALL {
        let words = format!("{} {}", fault.name(), values::meaning(*fault));
        assert!(!fault.meaning().is_empty() && help.contains(&words), "{words}");
    }
}

#[test]
fn a_shell_is_told_of_every_word_that_an_option_with_a_fixed_set_of_them_takes() {
    let commands = Args::command();
    let words = |command: &str, option: &str| -> Vec<String> {
        let command = commands.find_subcommand(command).unwrap();
        let option = command.get_arguments().find(|arg| arg.get_long() == Some(option)).unwrap();
        let words = option.get_possible_values().into_iter().filter(|word| !word.is_hide_set());
        words.map(|word| word.get_name().to_owned()).collect()
    };
    for command in ["show", "export", "settle"] {
        assert_eq!(words(command, "state"), Outcome::ALL.map(Outcome::word), "{command}");
    }
    assert_eq!(words("sandbox", "fault"), Fault::ALL.iter().map(|fault| fault.name()).collect::<Vec<_>>());
    assert_eq!(words("run", "format").join(" "), "csv jsonl json xlsx xlsb xls ods");
    // Words that help does not list are accepted too.
    for line in [&["show", "l", "--state", "in-doubt"][..], &["run", "x", "--format", "ndjson"]] {
        Args::try_parse_from([&["batchpost"], line].concat()).unwrap();
    }
}
