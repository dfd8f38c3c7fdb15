//! Compares the documents with the program.
#![expect(clippy::unwrap_used, reason = "a document that cannot be read fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// All of the program's sources as one text, with continued string lines joined.
fn sources() -> String {
    let mut folders: Vec<_> =
        ["sheets", "engine", "apis", "core", "web", "cli"].map(|name| root().join(format!("crates/{name}/src"))).into();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |text, line| text + line.trim_start())
}

#[test]
fn every_message_that_troubleshooting_explains_is_one_of_the_programs() {
    let sources = sources();
    let document = document("docs/troubleshooting.md");
    let headings: Vec<&str> =
        document.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert!(headings.len() > 25, "headings are where they are looked for");
    for heading in headings {
        for part in heading.split('…').map(str::trim).filter(|part| part.len() > 3) {
            assert!(sources.contains(part), "{part:?} of {heading:?} is in no source");
        }
    }
}

/// The program's output, at its default width.
fn printed(arguments: &[&str]) -> String {
    let program = env!("CARGO_BIN_EXE_batchpost");
    let output = Command::new(program).args(arguments).env_clear().stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The long options defined in a help text, named like configuration keys. `profile` is left out: no key
/// selects a profile.
fn keys(help: &str) -> impl Iterator<Item = String> {
    let definitions = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let names = definitions.filter_map(move |line| line.split_once("--")?.1.split(|c| !is_name(c)).next());
    names.filter(|name| !["help", "version", "profile"].contains(name)).map(|name| name.replace('-', "_"))
}

#[test]
fn every_option_is_explained_as_a_key_in_the_documentation() {
    let page = document("docs/configuration.md");
    let help = printed(&["help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let options: BTreeSet<String> =
        commands.iter().flat_map(|name| keys(&printed(&["help", name])).collect::<Vec<_>>()).collect();
    assert!(commands.len() > 10 && options.len() > 60, "they are where they are looked for: {commands:?}, {options:?}");
    for name in options {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/configuration.md");
    }
}

/// The targets of links in `text` to files of this repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.filter(|link| !link.contains("://") && !link.starts_with('#'))
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_in_it() {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for path in docs.filter(|path| path.extension().is_some_and(|ext| ext == "md")).chain([root().join("README.md")]) {
        let text = fs::read_to_string(&path).unwrap();
        for link in links(&text) {
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let target = path.parent().unwrap().join(file);
            assert!(target.exists(), "{} links to {link}, which is not there", path.display());
            if let Some(heading) = heading {
                let target = fs::read_to_string(&target).unwrap();
                let found = target.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
                assert!(found, "{} links to {link}, which has no such heading", path.display());
            }
        }
    }
}
