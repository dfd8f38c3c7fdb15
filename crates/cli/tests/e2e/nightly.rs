//! The instructions of docs/nightly.md, run as written, in the environment that it names and nothing else.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Api, Folder, Ran, ended, quick, sheet, texts};

/// The code block in the document that contains these words.
#[track_caller]
fn block(words: &str) -> String {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/nightly.md")).unwrap();
    let blocks = document.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let found = blocks.map(|(_, code)| code).find(|code| code.contains(words));
    found.unwrap_or_else(|| panic!("no block of the document has {words:?} in it")).to_owned()
}

/// A machine set up as the document requires, with the sheet and the settings.
struct Machine(Folder);

impl Machine {
    fn new(api: &Api) -> Self {
        let folder = Folder::new();
        for path in ["etc/batchpost", "var/lib/batchpost-nightly/metrics", "run/credentials"] {
            fs::create_dir_all(folder.path(path)).unwrap();
        }
        folder.write("var/lib/batchpost-nightly/notes.csv", sheet(1..=5));
        let settings = block("[column]");
        let settings = settings.lines().filter(|line| !line.starts_with("host") && !line.starts_with("tenant"));
        let settings: Vec<&str> = settings.collect();
        folder.write("etc/batchpost/batchpost.toml", format!("url = {:?}\n{}\n", api.url(), settings.join("\n")));
        for key in ["access_key", "secret_key"] {
            folder.write(&format!("etc/batchpost/{key}"), format!("{key}\n"));
            #[cfg(unix)]
            fs::set_permissions(
                folder.path(format!("etc/batchpost/{key}")),
                std::os::unix::fs::PermissionsExt::from_mode(0o600),
            )
            .unwrap();
        }
        Self(folder)
    }

    /// Replaces the paths of a real machine in `text` by those of this one.
    fn placed(&self, text: &str) -> String {
        let here = |path: &str| self.0.path(path).to_str().unwrap().to_owned();
        let text = text.replace("/var/lib/batchpost", &here("var/lib/batchpost"));
        text.replace("%S", &here("var/lib")).replace("/etc/batchpost", &here("etc/batchpost"))
    }

    fn state(&self) -> std::path::PathBuf {
        self.0.path("var/lib/batchpost-nightly")
    }

    /// `program` with this environment and nothing else.
    fn command(&self, program: &str, environment: &[(String, String)]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(environment.iter().cloned()).current_dir(self.state()).stdin(Stdio::null());
        // Replaces this machine's `/var/lib/batchpost`.
        command.env("BATCHPOST_SHARED_STATE_DIR", self.0.path("var/lib/batchpost"));
        command
    }

    /// Runs a shell line with the variables that cron sets, where the binary is installed, and `environment`.
    fn shell(&self, line: &str, environment: &[(String, String)]) -> Ran {
        let binary = Path::new(env!("CARGO_BIN_EXE_batchpost")).parent().unwrap().to_str().unwrap();
        let mut command = self.command("/bin/sh", environment);
        ended(command.args(["-c", line]).env("PATH", format!("{binary}:/usr/bin:/bin")).env("SHELL", "/bin/sh"))
    }

    #[track_caller]
    fn assert_posted(&self, api: &Api, rows: u64) {
        assert_eq!(api.texts(), texts(rows));
        let metrics = fs::read_to_string(self.state().join("metrics/batchpost.prom")).unwrap();
        let success = metrics.lines().find(|line| line.starts_with("batchpost_last_success_time_seconds"));
        assert!(success.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
    }
}

/// The values of a unit's key, in order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn pair(text: &str, between: char) -> (String, String) {
    let (name, value) = text.split_once(between).unwrap();
    (name.to_owned(), value.to_owned())
}

#[test]
fn the_service_runs_with_nothing_but_what_its_unit_names() {
    let api = Api::start(quick());
    let machine = Machine::new(&api);
    let unit = machine.placed(&block("[Service]"));
    let mut environment: Vec<_> = values(&unit, "Environment").into_iter().map(|said| pair(said, '=')).collect();
    for credential in values(&unit, "LoadCredential") {
        let (name, path) = pair(credential, ':');
        fs::copy(path, machine.0.path(Path::new("run/credentials").join(name))).unwrap();
    }
    environment.push(pair(&format!("CREDENTIALS_DIRECTORY={}", machine.0.path("run/credentials").display()), '='));
    let line = values(&unit, "ExecStart")[0].strip_prefix("/usr/bin/batchpost ").unwrap();
    let mut command = machine.command(env!("CARGO_BIN_EXE_batchpost"), &environment);
    let ran = ended(command.args(line.split(' '))).with_code(0);
    machine.assert_posted(&api, 5);
    assert!(ran.stderr.lines().count() > 0);
    for line in ran.stderr.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(machine.state().join("state/batchpost/budgets").is_dir(), "the budget is where StateDirectory= is");
}

#[test]
fn the_crontab_runs_with_nothing_but_what_it_sets() {
    let api = Api::start(quick());
    let machine = Machine::new(&api);
    let crontab = machine.placed(&block("@reboot"));
    let environment: Vec<_> = crontab
        .lines()
        .filter(|line| line.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_uppercase() || c == '_')))
        .map(|line| pair(line, '='))
        .collect();
    assert_eq!(environment.len(), 4, "{crontab}");
    for line in crontab.lines().filter(|line| line.starts_with("0 22") || line.starts_with("@reboot")) {
        let (_, line) = line.split_once("cd ").unwrap();
        machine.shell(&format!("cd {line}"), &environment).with_code(0);
        machine.assert_posted(&api, 5);
    }
}

#[test]
fn the_drop_folder_moves_what_is_posted_and_keeps_what_a_person_must_see() {
    let api = Api::start(quick());
    let machine = Machine::new(&api);
    let folder = &machine.0;
    folder.write("var/lib/batchpost-nightly/drop.sh", block("#!/bin/sh"));
    fs::create_dir(machine.state().join("incoming")).unwrap();
    let incoming = |name: &str, rows: &str| folder.write(&format!("var/lib/batchpost-nightly/incoming/{name}"), rows);
    incoming("a.csv", &sheet(1..=3));
    incoming("b.csv", "Ticket ID,Comment\n,a text without a ticket\n1004,note 004\n");
    incoming("c delivered again.csv", &sheet(1..=3));
    let environment: Vec<_> = block("LSQ_ACCESS_KEY_FILE=")
        .lines()
        .filter(|line| line.starts_with("LSQ_") || line.starts_with("XDG_"))
        .map(|line| pair(&machine.placed(line), '='))
        .collect();
    let names = |place: &str| {
        let entries = fs::read_dir(machine.state().join(place)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let line = machine.placed("sh drop.sh --config /etc/batchpost/batchpost.toml -q");
    machine.shell(&line, &environment).with_code(1).saying(&["b.csv: 1, left in incoming/"]);
    assert_eq!(
        (names("incoming"), names("done")),
        (vec!["b.csv".to_owned()], vec!["a.csv".to_owned(), "c delivered again.csv".to_owned()])
    );
    assert_eq!(api.texts(), texts(4), "each once");
    incoming("b.csv", &sheet(4..=5));
    machine.shell(&line, &environment).with_code(0);
    assert_eq!((names("incoming").len(), names("done").len()), (0, 3));
    assert_eq!(api.texts(), texts(5));
}
