//! Rules for the crates of the workspace that crate boundaries and clippy cannot enforce, as things that the
//! code must not contain.
//!
//! The code is checked without comments and test-only items.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// The layers of a crate, lowest first. A file may import from its own layer or a lower one.
const ENGINE: &[&[&str]] = &[
    &["job", "outcome", "limit", "schedule", "settings", "fields", "excerpt"],
    &["storage", "transport", "budget", "api"],
    &["limiter", "retry", "ledger"],
    &["known"],
    &["engine", "driver", "planning"],
];
const CORE: &[&[&str]] =
    &[&["export"], &["input"], &["reading", "report", "doctor"], &["runtime"], &["batch"], &["probes"]];

/// The outside world: files, sockets, processes, threads, clocks, the runtime.
const OUTSIDE: &[&str] = &["tokio", "reqwest", "std::fs", "std::net", "std::process", "std::thread", "::now("];
/// Words that belong to one API.
const VENDORS: &[&str] = &["LSQ_", "leadsquared", "LeadSquared", "freshdesk", "Freshdesk"];

/// A source file of a crate: its path below `src`, and its code.
struct Source {
    path: PathBuf,
    code: Vec<String>,
}

impl Source {
    /// The top-level module that the file belongs to; `None` for `lib.rs`.
    fn module(&self) -> Option<String> {
        let first = self.path.components().next()?.as_os_str().to_str()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (name != "lib").then(|| name.to_owned())
    }

    #[track_caller]
    fn assert_names_none_of(&self, words: &[&str]) {
        for (number, line) in self.code.iter().enumerate() {
            for word in words {
                assert!(!line.contains(word), "{}:{} names {word}: {}", self.path.display(), number + 1, line.trim());
            }
        }
    }

    /// Checks for command-line options. An HTML comment is not one, because no name follows its dashes.
    #[track_caller]
    fn assert_names_no_option(&self) {
        for (number, line) in self.code.iter().enumerate() {
            let is_option = |(at, _)| line[at + 2..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '{');
            let names_one = line.match_indices("--").any(is_option);
            assert!(!names_one, "{}:{} names an option: {}", self.path.display(), number + 1, line.trim());
        }
    }
}

/// The Rust sources of a crate without test files.
fn sources(name: &str) -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
    let mut folders = vec![src.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let code = code(&fs::read_to_string(&path).unwrap());
            let path = path.strip_prefix(&src).unwrap().to_owned();
            let is_test = path.iter().any(|part| {
                let part = part.to_str().unwrap();
                part.starts_with("tests") || part.ends_with("_tests.rs") || TEST_FILES.contains(&part)
            });
            if !is_test {
                files.push(Source { path, code });
            }
        }
    }
    assert!(files.len() > 1, "the sources of {name} are where they are looked for");
    files
}

/// Test files and test fixtures without `tests` in their names.
const TEST_FILES: [&str; 3] = ["hostile.rs", "desk.rs", "brief.rs"];

/// Removes comments, and empties the lines of each item with `#[cfg(test)]`: up to the closing brace with the
/// same indentation as the attribute, or to the end of a one-line item.
fn code(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut skipped: Option<(usize, bool)> = None;
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim_end();
        let indent = line.len() - line.trim_start().len();
        if line.trim() == "#[cfg(test)]" {
            skipped = Some((indent, false));
        }
        let Some((depth, begun)) = &mut skipped else {
            lines.push(line.to_owned());
            continue;
        };
        lines.push(String::new());
        if indent != *depth || line.is_empty() || line.trim().starts_with('#') {
            continue;
        }
        let is_closed = if *begun { line.trim() == "}" } else { line.ends_with([';', '}']) };
        *begun = true;
        if is_closed {
            skipped = None;
        }
    }
    lines
}

#[test]
fn only_what_is_for_tests_is_left_out() {
    let text =
        "use a;\n#[cfg(test)]\nuse b; // c\nfn d() {\n}\n#[cfg(test)]\nmod tests {\n    fn e() {\n    }\n}\nfn f() {}";
    let code = code(text);
    let left: Vec<&str> = code.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    assert_eq!(left, ["use a;", "fn d() {", "}", "fn f() {}"]);
    assert_eq!(code.len(), text.lines().count(), "lines keep their numbers");
}

#[test]
fn sheets_engine_apis_and_web_know_of_no_file_socket_thread_or_clock() {
    for source in ["sheets", "engine", "apis", "web"].into_iter().flat_map(sources) {
        source.assert_names_none_of(OUTSIDE);
    }
    for source in sources("core")
        .into_iter()
        .filter(|source| !matches!(source.module().as_deref(), Some("runtime" | "batch" | "probes")))
    {
        source.assert_names_none_of(OUTSIDE);
    }
}

#[test]
fn sheets_engine_and_web_know_of_no_api_and_of_no_option() {
    for source in ["sheets", "engine", "web"].into_iter().flat_map(sources) {
        source.assert_names_none_of(VENDORS);
        source.assert_names_no_option();
    }
    for source in sources("sheets") {
        source.assert_names_none_of(&["ticket", "batchpost"]);
    }
}

#[test]
fn the_librarys_errors_and_findings_name_no_option() {
    // This file removes secrets from the command line, so it knows the options that contain them.
    let knows_options = |path: &Path| path == Path::new("runtime/caller.rs");
    for source in sources("core").into_iter().filter(|source| !knows_options(&source.path)) {
        source.assert_names_no_option();
    }
}

#[test]
fn the_program_knows_apis_by_its_table() {
    let is_table_or_help = |path: &Path| path.ends_with("apis.rs") || path.starts_with("args");
    for source in sources("cli").into_iter().filter(|source| !is_table_or_help(&source.path)) {
        source.assert_names_none_of(VENDORS);
    }
}

#[test]
fn imports_go_down() {
    for (name, layers) in [("engine", ENGINE), ("core", CORE)] {
        // A name that is not a module of this crate comes from a lower crate.
        let layer = |module: &str| layers.iter().position(|layer| layer.contains(&module));
        for source in sources(name) {
            let Some(module) = source.module() else { continue };
            let here = layer(&module);
            let here = here.unwrap_or_else(|| panic!("{name}'s module {module} is in no layer; add it to one here"));
            for (number, line) in source.code.iter().enumerate() {
                for (at, _) in line.match_indices("crate::") {
                    let rest = &line[at + "crate::".len()..];
                    let there: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                    assert!(
                        layer(&there).is_none_or(|there| there <= here),
                        "{name}/{}:{} imports {there}, which is in a layer above {module}",
                        source.path.display(),
                        number + 1
                    );
                }
            }
        }
    }
}

#[test]
fn the_random_generator_is_always_seeded() {
    for source in ["engine", "core", "simulation", "sandbox"].into_iter().flat_map(sources) {
        for line in source.code {
            assert!(
                !line.contains("fastrand::") || line.contains("fastrand::Rng"),
                "{}: {line}",
                source.path.display()
            );
        }
    }
}

#[test]
fn no_thread_is_started_so_that_a_system_without_one_is_a_panic() {
    for source in ["core", "cli"].into_iter().flat_map(sources) {
        source.assert_names_none_of(&["thread::spawn(", "scope.spawn(", "spawn_blocking("]);
    }
}

#[test]
fn the_simulation_links_no_client() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../simulation/Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    assert!(!manifest.contains("reqwest") && !manifest.contains("batchpost.workspace"), "{manifest}");
}

/// The package of a published crate must build and pass its tests without files from outside its folder. Its
/// `tests` may read other files if its manifest excludes them from the package.
#[test]
fn published_crates_read_no_file_outside_themselves() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in ["sheets", "engine", "apis", "core", "sandbox", "web", "cli"] {
        let root = crates.join(name);
        let excludes_tests = fs::read_to_string(root.join("Cargo.toml")).unwrap().contains(r#"exclude = ["tests/"]"#);
        let mut folders = vec![root.join("src")];
        folders.extend(Some(root.join("tests")).filter(|folder| folder.exists() && !excludes_tests));
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).unwrap();
                    let up = "../".repeat(path.strip_prefix(&root).unwrap().components().count());
                    for line in text.lines() {
                        let is_outside = line.contains("CARGO_MANIFEST_DIR") && line.contains("../")
                            || line.contains("include_") && line.contains(&up);
                        assert!(!is_outside, "{}: {line}", path.display());
                    }
                }
            }
        }
    }
}
