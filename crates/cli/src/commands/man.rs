//! `man`: the manual, generated from the option definitions.

use std::fs;
use std::io::{self, Write};

use anyhow::Context;
use clap::{Command, CommandFactory};

use crate::args::{Args, Man, Output};
use crate::files::{Readers, write_whole};

pub(crate) fn man(man: &Man, output: &Output) -> anyhow::Result<u8> {
    let mut root = Args::command().disable_help_subcommand(true);
    root.build();
    let Some(folder) = &man.dir else {
        io::stdout().lock().write_all(&page(&root)?)?;
        return Ok(0);
    };
    let written = || format!("the manual cannot be written to {}", folder.display());
    fs::create_dir_all(folder).with_context(written)?;
    for command in root.get_subcommands().chain([&root]) {
        let name = clap_mangen::Man::new(command.clone()).get_filename();
        write_whole(&folder.join(name), &page(command)?, Readers::All).with_context(written)?;
    }
    if !output.quiet {
        say!("the manual was written to {}", folder.display());
    }
    Ok(0)
}

/// Renders a command's page. The text after its help is set line by line, so that examples can be copied.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (heading, lines) = match help.split_once('\n') {
        Some(("Examples:", lines)) => ("EXAMPLES", lines),
        Some((_, lines)) => ("EXIT STATUS", lines),
        None => return Ok(page),
    };
    write!(page, ".SH \"{heading}\"\n.nf\n")?;
    for line in lines.lines() {
        writeln!(page, "{}", as_it_is(line))?;
    }
    page.extend(b".fi\n");
    Ok(page)
}

/// Escapes a line so that roff prints it unchanged: no requests, escapes, or typographic quotes and dashes.
fn as_it_is(line: &str) -> String {
    let line = line.replace('\\', r"\e").replace('-', r"\-").replace('\'', r"\(aq").replace('`', r"\(ga");
    if line.starts_with('.') { format!(r"\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_set_as_they_are() {
        assert_eq!(
            as_it_is(r"  batchpost run --column ticket='ID' \"),
            r"  batchpost run \-\-column ticket=\(aqID\(aq \e"
        );
        assert_eq!(as_it_is(".5 is no request"), r"\&.5 is no request");
    }

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let mut root = Args::command().disable_help_subcommand(true);
        root.build();
        for command in root.get_subcommands() {
            let page = String::from_utf8(page(command).unwrap()).unwrap();
            let example = format!("\n  batchpost {}", command.get_name());
            let (_, examples) = page.split_once(".SH \"EXAMPLES\"\n.nf\n").expect(&example);
            assert!(format!("\n{examples}").contains(&example), "{page}");
        }
        assert!(String::from_utf8(page(&root).unwrap()).unwrap().contains(".SH \"EXIT STATUS\""));
    }
}
