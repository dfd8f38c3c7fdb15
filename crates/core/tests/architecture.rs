//! The architecture's rules, as absences: what a floor must not name.
#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first. A file imports from its own floor or a lower one.
const FLOORS: [&[&str]; 6] = [
    &["job", "outcome", "limit", "plan", "settings", "fields", "export"],
    &["storage", "transport", "budget"],
    &["target"],
    &["leadsquared"],
    &["input", "limiter", "retry", "ledger", "known", "engine", "driver", "reading", "report", "doctor"],
    &["shell"],
];

/// The sources of this crate.
fn sources() -> Vec<(PathBuf, String)> {
    sources_of("core")
}

fn sources_of(name: &str) -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
    let mut folders = vec![src.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(&src).unwrap().to_owned(), text));
            }
        }
    }
    assert!(files.len() > 10, "the sources are where they are looked for");
    files
}

/// The module at the root that a file belongs to; none for `lib.rs`.
fn module(path: &Path) -> Option<String> {
    let first = path.components().next()?.as_os_str().to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (name != "lib").then(|| name.to_owned())
}

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&module))
        .unwrap_or_else(|| panic!("the module {module} stands on no floor: give it one here and in lib.rs"))
}

/// Code without comments and without what follows `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default())
}

const OUTSIDE: [&str; 7] = ["tokio", "reqwest", "std::fs", "std::net", "std::process", "std::thread", "::now("];

/// The crate's border keeps the library out; a test keeps out what every crate could name.
#[test]
fn sheets_know_of_no_file_no_option_and_no_api() {
    let others = ["--", "ticket", "LSQ_", "leadsquared", "LeadSquared"];
    for (path, text) in sources_of("sheets") {
        if path.iter().any(|part| part == "tests.rs" || part == "hostile.rs") {
            continue;
        }
        for (number, line) in code(&text).enumerate() {
            for name in OUTSIDE.iter().chain(&others) {
                assert!(!line.contains(name), "{}:{} names {name}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn only_the_shell_names_the_outside_world() {
    for (path, text) in sources() {
        let is_test = path.iter().any(|part| part == "tests");
        if is_test || module(&path).is_some_and(|module| module == "shell") {
            continue;
        }
        for (number, line) in code(&text).enumerate() {
            for name in OUTSIDE {
                assert!(!line.contains(name), "{}:{} names {name}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn imports_go_down() {
    for (path, text) in sources() {
        let Some(here) = module(&path) else { continue };
        for (number, line) in code(&text).enumerate() {
            let mut rest = line;
            while let Some(at) = rest.find("crate::") {
                rest = &rest[at + "crate::".len()..];
                let there: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                assert!(
                    floor(&there) <= floor(&here),
                    "{}:{} imports {there}, which stands above {here}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn the_random_generator_is_always_seeded() {
    for (path, text) in sources() {
        for line in code(&text) {
            assert!(!line.contains("fastrand::") || line.contains("fastrand::Rng"), "{}: {line}", path.display());
        }
    }
}

#[test]
fn no_thread_is_started_so_that_a_system_without_one_is_a_panic() {
    for (path, text) in sources() {
        if path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for (number, line) in code(&text).enumerate() {
            let panics = ["thread::spawn(", "scope.spawn(", "spawn_blocking("].iter().any(|spawn| line.contains(spawn));
            assert!(!panics, "{}:{} starts one: take thread::Builder", path.display(), number + 1);
        }
    }
}
