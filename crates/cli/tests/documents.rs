//! What the documents say, held against the program.
#![expect(clippy::unwrap_used, reason = "a document that cannot be read fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// All of the program's sources as one text, in which what is written over several lines is in one.
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

/// Where links in `text` lead that name a file of this repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.filter(|link| !link.contains("://") && !link.starts_with('#'))
}

/// A heading as links name it.
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
