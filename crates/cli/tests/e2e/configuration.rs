//! batchpost.toml, the environment and options: the effective settings, and the refused ones.

use std::process::Command;

use serde_json::Value;

use crate::support::{Api, Folder, LIMIT, Ran, ended, quick, records, texts};

/// Runs `batchpost ARGUMENTS` in `folder` with these additional variables.
fn with(folder: &Folder, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    ended(folder.batchpost(arguments).envs(variables.iter().copied()))
}

/// A setting of the last run, read from its ledger.
fn setting(folder: &Folder, name: &str) -> Value {
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    records(&ledger, "run").last().unwrap()["settings"][name].clone()
}

#[test]
fn each_layer_goes_before_those_below_it() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(1);
    let run = |variables: &[(&str, &str)], more: &[&str]| {
        let url = api.url();
        let mut arguments = vec!["run", "notes.csv", "--url", &url, "--limit", LIMIT];
        arguments.extend(more);
        with(&folder, variables, &arguments).with_code(0);
        setting(&folder, "max_attempts")
    };
    assert_eq!(run(&[], &[]), 5, "built in");
    folder.write("batchpost.toml", "max_attempts = 2\n[profile.acme]\nmax_attempts = 3\n");
    let variable = ("BATCHPOST_MAX_ATTEMPTS", "4");
    assert_eq!(run(&[], &[]), 2, "the file's top level");
    assert_eq!(run(&[], &["--profile", "acme"]), 3, "the profile");
    assert_eq!(run(&[("BATCHPOST_PROFILE", "acme")], &[]), 3, "the profile by the environment");
    assert_eq!(run(&[variable], &["--profile", "acme"]), 4, "the environment");
    assert_eq!(run(&[("BATCHPOST_MAX_ATTEMPTS", "")], &[]), 2, "an empty variable says nothing");
    assert_eq!(run(&[variable], &["--profile", "acme", "--max-attempts", "6"]), 6, "the option");
}

#[test]
fn a_profile_may_be_the_files_own_choice() {
    let folder = Folder::with_rows(1);
    folder.write(
        "batchpost.toml",
        "default_profile = 'acme'\n[profile.acme]\nsheet = 'x'\n[profile.beta]\nmarker = true\n",
    );
    let shown = |more: &[&str]| folder.call(&[&["config", "--json"][..], more].concat()).with_code(0).json();
    assert_eq!(shown(&[])["profile"], "acme");
    assert_eq!(shown(&["--profile", "beta"])["settings"]["marker"][0]["from"], "batchpost.toml:5, profile beta");
    let error = folder.call(&["check", "notes.csv", "--profile", "acm"]).with_code(2);
    error.saying(&["--profile", "no profile \"acm\"", "acme, beta", "did you mean acme?"]);
    std::fs::remove_file(folder.path("batchpost.toml")).unwrap();
    folder.call(&["check", "notes.csv", "--profile", "acme"]).with_code(2).saying(&["no batchpost.toml", "acme"]);
}

#[test]
fn what_cannot_hold_is_refused_with_its_place_before_anything_is_sent() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(1);
    for (file, wanted) in [
        ("\nmax-attempts = 3", &["batchpost.toml:2", "max-attempts", "did you mean max_attempts?"][..]),
        ("timeout = '30s'\n\n[profile.other]\nlimit = '25'", &["batchpost.toml:4", "limit"]),
        ("in_doubt = 'retry'", &["batchpost.toml:1", "in_doubt", "--in-doubt"]),
        ("access_key = 'MARIGOLD'", &["batchpost.toml:1", "LSQ_ACCESS_KEY", "access_key_file"]),
        ("text_template = 'a'\ntext_template_file = 'b'", &["batchpost.toml:1", "batchpost.toml:2", "contradicts"]),
        ("access_key_file = 'a'\naccess_key_env = 'B'", &["batchpost.toml:1", "batchpost.toml:2", "contradicts"]),
        ("not toml MARIGOLD", &["batchpost.toml:1"]),
    ] {
        folder.write("batchpost.toml", file);
        let ran = ended(&mut folder.run_command(&api.url(), &[])).with_code(2).saying(wanted);
        assert!(!ran.stderr.contains("MARIGOLD"), "{}", ran.stderr);
    }
    std::fs::remove_file(folder.path("batchpost.toml")).unwrap();
    let run = |variable| {
        let mut command = folder.run_command(&api.url(), &[]);
        ended(command.env(variable, "retry"))
    };
    run("BATCHPOST_IN_DOUBT").with_code(2).saying(&["BATCHPOST_IN_DOUBT", "--in-doubt"]);
    run("BATCHPOST_TIMEOUT").with_code(2).saying(&["BATCHPOST_TIMEOUT"]);
    assert_eq!(api.arrivals(), 0);
    run("BATCHPOST_LIMITS").saying(&["BATCHPOST_LIMITS is not used", "did you mean BATCHPOST_LIMIT?"]).with_code(0);
}

#[test]
fn what_others_keep_under_our_prefix_stops_nothing_and_is_remarked_on_once() {
    let folder = Folder::with_rows(1);
    let variables = [("BATCHPOST_DIR", "/opt"), ("BATCHPOST_VERSION", "7"), ("BATCHPOST_PORT", "tcp://10.0.0.7:80")];
    for line in [&["check", "notes.csv"][..], &["config", "--", "sandbox"]] {
        let ran = with(&folder, &variables, line).with_code(0);
        assert_eq!(ran.stderr.matches("BATCHPOST_").count(), 1, "{}", ran.stderr);
        ran.saying(&["BATCHPOST_DIR is not used"]);
    }
    with(&folder, &[("BATCHPOST_PORT", "x")], &["config", "--", "sandbox"]).with_code(2).saying(&["BATCHPOST_PORT"]);
}

#[test]
fn a_switch_of_the_file_can_be_turned_off() {
    let api = Api::start(quick());
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Note\nx,a\n1,b\n");
    folder.write("batchpost.toml", format!("skip_invalid = true\nurl = '{}'\nlimit = '{LIMIT}'\n", api.url()));
    let run = |arguments: &[&str]| folder.call(&[&["run"][..], arguments].concat());
    run(&["notes.csv", "--skip-invalid=false"]).with_code(2);
    with(&folder, &[("BATCHPOST_SKIP_INVALID", "false")], &["run", "notes.csv"]).with_code(2);
    assert_eq!(api.arrivals(), 0);
    run(&["notes.csv"]).with_code(1);
    // The word after a switch is not its value.
    run(&["--skip-invalid", "notes.csv"]).with_code(1);
    run(&["-yq", "notes.csv"]).with_code(1);
    assert_eq!(api.texts(), ["b"]);
}

#[test]
fn the_sandbox_can_be_tried_with_any_file() {
    let folder = Folder::with_rows(3);
    let hours = "between = '00:00-00:01'\ntime_zone = 'UTC'\nno_wait = true";
    let account = "host = 'api.example.com'\ntenant = 1\nproxy = 'http://localhost:1'\nca_file = 'missing.pem'";
    folder.write("batchpost.toml", format!("{account}\nledger = 'l.jsonl'\nhistory = 'missing'\n{hours}\n"));
    folder.call(&["run", "notes.csv", "--sandbox"]).with_code(0).saying(&["sandbox: 3 requests"]);
    assert!(!folder.path("l.jsonl").exists());
    // Resuming its ledger does not use these settings either.
    folder.call(&["run", "notes.csv", "--sandbox", "--ledger", "s.jsonl", "--first", "1"]).with_code(5);
    folder.call(&["resume", "s.jsonl"]).with_code(0).saying(&["sandbox: 2 requests"]);
}

#[test]
fn one_file_is_used_the_nearest_that_is_there() {
    let folder = Folder::with_rows(1);
    let home = folder.path("home");
    std::fs::create_dir_all(home.join("batchpost")).unwrap();
    folder.write("home/batchpost/batchpost.toml", "ca_file = 'ca.pem'\n");
    let shown = |variables: &[(&str, &str)], more: &[&str]| {
        let home = home.to_str().unwrap();
        let variables = [&[("XDG_CONFIG_HOME", home)][..], variables].concat();
        with(&folder, &variables, &[&["config", "--json"][..], more].concat()).with_code(0).json()
    };
    let own = home.join("batchpost").join("batchpost.toml");
    let json = shown(&[], &[]);
    assert_eq!(json["file"], own.to_str().unwrap());
    let ca = own.with_file_name("ca.pem");
    assert_eq!(json["settings"]["ca_file"][0]["values"][0], ca.to_str().unwrap(), "paths are meant from the file on");
    folder.write("batchpost.toml", "marker = true\n");
    let json = shown(&[], &[]);
    assert_eq!((&json["file"], &json["settings"]["ca_file"]), (&"batchpost.toml".into(), &serde_json::json!([])));
    folder.write("other.toml", "\u{feff}marker = true\n");
    assert_eq!(shown(&[("BATCHPOST_CONFIG", "batchpost.toml")], &["--config", "other.toml"])["file"], "other.toml");
    assert_eq!(shown(&[("BATCHPOST_CONFIG", "other.toml")], &[])["file"], "other.toml");
    folder.call(&["check", "notes.csv", "--config", "not there.toml"]).with_code(2).saying(&["not there.toml"]);
}

#[test]
fn columns_are_merged_and_a_half_of_a_target_is_not_enough() {
    let folder = Folder::new();
    folder.write("notes.csv", "Ticket,Case,Note,Comment\n1,2,a,b\n");
    let file = "column = { ticket = 'Case', text = 'Note' }\nhost = 'api.example.com'\n[profile.acme]\ntenant = 7\n";
    folder.write("batchpost.toml", file);
    let check = |more: &[&str]| folder.call(&[&["check", "notes.csv", "--json"][..], more].concat());
    let json = check(&["--profile", "acme", "--column", "text=Comment"]).with_code(0).json();
    assert_eq!((&json["ticket_column"], &json["text_columns"]), (&"Case".into(), &serde_json::json!(["Comment"])));
    let json = check(&["--profile", "acme", "--text-template", "{{ Note }}!"]).with_code(0).json();
    assert_eq!((&json["ticket_column"], &json["text_columns"]), (&"Case".into(), &serde_json::json!([])));
    check(&[]).with_code(2).saying(&["batchpost.toml:2", "tenant is not", "--profile", "acme"]);
    check(&["--url", "http://127.0.0.1:1/"]).with_code(0);
}

#[test]
fn what_holds_is_shown_for_any_command_line_and_no_secret_with_it() {
    let folder = Folder::with_rows(1);
    folder.write("key", "MARIGOLD");
    let file = "proxy = 'me:MARIGOLD@proxy.example:1'\naccess_key_command = 'echo MARIGOLD'\n\
                secret_key_file = 'key'\nurl = 'http://127.0.0.1:1/?accessKey=MARIGOLD'\n";
    folder.write("batchpost.toml", file);
    let command = |more: &[&str]| {
        let mut command = folder.batchpost(&[&["config"][..], more].concat());
        command.env("LSQ_ACCESS_KEY", "MARIGOLD").env_remove("LSQ_SECRET_KEY").env("BATCHPOST_GRACE", "9s");
        command
    };
    let line = ["--", "run", "notes.csv", "--sandbox", "--limit", "1/1s"];
    let shown = ended(&mut command(&line)).with_code(0);
    let json = ended(&mut command(&[&["--json"][..], &line].concat())).with_code(0);
    let counting = ended(&mut command(&["--", "run", "notes.csv"]));
    for text in [&shown.stdout, &shown.stderr, &json.stdout, &counting.stdout, &counting.stderr] {
        assert!(!text.contains("MARIGOLD"), "{text}");
    }
    let json = json.json();
    let of = |key: &str| (json["settings"][key][0]["values"][0].clone(), json["settings"][key][0]["from"].clone());
    assert_eq!(of("limit"), ("1/1s".into(), "--limit".into()));
    assert_eq!(of("grace"), ("9s".into(), "BATCHPOST_GRACE".into()));
    assert_eq!(of("timeout"), ("30s".into(), "built in".into()));
    let silenced: Vec<&Value> = json["silenced"].as_array().unwrap().iter().map(|silenced| &silenced["key"]).collect();
    assert_eq!(silenced, ["proxy", "url"]);
    assert_eq!(json["access_key"], serde_json::json!({ "set": true, "from": "LSQ_ACCESS_KEY" }));
    assert_eq!(json["secret_key"], serde_json::json!({ "set": true, "from": "the file key (batchpost.toml:3)" }));
    let unset = ended(command(&[]).env_remove("LSQ_ACCESS_KEY").env("BATCHPOST_CONFIG", "/dev/null"));
    assert!(unset.stdout.contains("not set"), "{}", unset.stdout);
}

#[test]
fn config_alone_shows_what_would_hold_for_a_run_the_environment_included() {
    let folder = Folder::with_rows(1);
    folder.write("batchpost.toml", "limit = \"9/1s\"\n");
    let shown = with(&folder, &[("BATCHPOST_LIMIT", "3/1s")], &["config"]).with_code(0);
    let line = shown.stdout.lines().find(|line| line.starts_with("limit")).unwrap();
    assert!(line.contains("3/1s") && line.contains("BATCHPOST_LIMIT"), "{line}");
}

#[test]
fn a_key_is_set_only_where_there_is_something_to_have_it_from() {
    let folder = Folder::new();
    folder.write("batchpost.toml", "access_key_env = 'ACME_KEY'\nsecret_key_file = 'missing'\n");
    let mut command = folder.batchpost(&["config", "--json"]);
    let json = ended(command.env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY")).with_code(0).json();
    assert_eq!(json["access_key"], serde_json::json!({ "set": false, "from": "ACME_KEY (batchpost.toml:1)" }));
    assert_eq!(json["secret_key"], serde_json::json!({ "set": false, "from": "the file missing (batchpost.toml:2)" }));
    let mut command = folder.batchpost(&["config"]);
    let shown = ended(command.env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY")).with_code(0).stdout;
    assert!(shown.contains("would be read from the file missing (batchpost.toml:2)"), "{shown}");
    assert!(!shown.lines().any(|line| line.contains("_key") && line.contains(" set ") && !line.contains("not set")));
}

#[test]
fn an_error_about_the_input_names_what_the_file_says_of_it() {
    let folder = Folder::new();
    folder.write("notes.jsonl", "{\"ticket\":1,\"text\":\"a\"}\n");
    folder.write("batchpost.toml", "max_attempts = 2\nheader_row = 3\ncolumn = { ticket = 'Case', text = 'Text' }\n");
    let said = "header_row (batchpost.toml:2)";
    let refused = folder.call(&["check", "notes.jsonl"]).with_code(2);
    let refused = refused.saying(&[
        "the header row setting applies to csv",
        "leave --header-row out",
        said,
        "column (batchpost.toml:3)",
        "--config FILE",
    ]);
    assert!(!refused.stderr.contains("max_attempts"), "{}", refused.stderr);
    let mistyped = folder.call(&["check", "nots.jsonl"]).with_code(2);
    assert!(!mistyped.stderr.contains(said), "it is about the file's name: {}", mistyped.stderr);
    std::fs::remove_file(folder.path("batchpost.toml")).unwrap();
    let typed = folder.call(&["check", "notes.jsonl", "--header-row", "3"]).with_code(2);
    assert!(!typed.stderr.contains("--config"), "{}", typed.stderr);
}

#[test]
fn a_broken_file_can_be_written_anew() {
    let folder = Folder::with_rows(1);
    folder.write("batchpost.toml", "broken");
    folder.call(&["init"]).with_code(2).saying(&["--force"]);
    assert_eq!(folder.read("batchpost.toml"), "broken");
    folder.call(&["init", "--force"]).with_code(0);
    folder.call(&["config"]).with_code(0);
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_may_change_is_not_obeyed_unless_it_is_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with_rows(1);
    folder.write("batchpost.toml", "marker = true\n");
    let everybodys = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(folder.path("batchpost.toml"), everybodys).unwrap();
    folder.call(&["check", "notes.csv"]).with_code(2).saying(&["everybody may change it", "--config batchpost.toml"]);
    folder.call(&["check", "notes.csv", "--config", "batchpost.toml"]).with_code(0);
}

/// A configuration with two profiles, and `notes.csv` with its first row posted to the profile `acme`.
fn two_accounts(acme: &Api, beta: &Api) -> Folder {
    let folder = Folder::with_rows(3);
    let profile = |name: &str, api: &Api| {
        let url = api.url();
        format!("[profile.{name}]\nurl = '{url}'\naccess_key_env = 'KEY_{name}'\nsecret_key_env = 'KEY_{name}'\n")
    };
    let limit = format!("limit = '{LIMIT}'\n");
    folder.write("batchpost.toml", limit + &profile("acme", acme) + &profile("beta", beta));
    folder
}

fn keyed(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.batchpost(arguments);
    command.env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY");
    command.env("KEY_acme", "acmes").env("KEY_beta", "betas");
    command
}

fn demanding(key: &str) -> Api {
    Api::start(batchpost_sandbox::Settings {
        access_key: Some(key.to_owned()),
        secret_key: Some(key.to_owned()),
        ..quick()
    })
}

#[test]
fn a_ledger_is_resumed_with_the_keys_of_its_own_account() {
    let (acme, beta) = (demanding("acmes"), demanding("betas"));
    let folder = two_accounts(&acme, &beta);
    let run = ["run", "notes.csv", "--profile", "acme", "--first", "1", "--max-attempts", "2"];
    ended(&mut keyed(&folder, &run)).with_code(5);
    let other = ended(&mut keyed(&folder, &["resume", "notes.csv.ledger.jsonl", "--profile", "beta"])).with_code(2);
    other.saying(&["the profile beta", &acme.url(), "use the profile acme"]);
    assert_eq!((acme.arrivals(), beta.arrivals()), (1, 0));
    let mut file = folder.read("batchpost.toml");
    file.insert_str(0, "max_attempts = 9\ndefault_profile = 'beta'\n");
    folder.write("batchpost.toml", file);
    ended(&mut keyed(&folder, &["resume", "notes.csv.ledger.jsonl"])).with_code(0);
    assert_eq!((acme.texts(), beta.arrivals()), (texts(3), 0));
    assert_eq!(setting(&folder, "max_attempts"), 2, "a batch is resumed with its last run's settings");
}

#[test]
fn keys_of_a_profile_go_to_its_endpoint_and_no_others_do() {
    let (acme, beta) = (demanding("acmes"), demanding("betas"));
    let folder = two_accounts(&acme, &beta);
    let url = beta.url();
    let elsewhere = ["run", "notes.csv", "--profile", "acme", "--url", &url];
    ended(&mut keyed(&folder, &elsewhere)).with_code(2).saying(&["batchpost.toml:4", "is not sent to", &url]);
    assert_eq!(beta.arrivals(), 0);
    let mut command = keyed(&folder, &["run", "notes.csv", "--profile", "acme"]);
    // The exported keys belong to another account.
    ended(command.env("LSQ_ACCESS_KEY", "exported").env("LSQ_SECRET_KEY", "exported")).with_code(0);
    assert_eq!(acme.texts(), texts(3));
    // Keys at the top level belong to the top level's endpoint in the same way.
    let file = format!("url = '{url}'\naccess_key_env = 'KEY_beta'\n[profile.acme]\nurl = '{}'\n", acme.url());
    folder.write("batchpost.toml", file);
    let mut command = keyed(&folder, &["run", "notes.csv", "--profile", "acme"]);
    ended(command.env("LSQ_SECRET_KEY", "betas")).with_code(2).saying(&["batchpost.toml:2", "is not sent to"]);
    ended(&mut keyed(&folder, &["resume", "notes.csv.ledger.jsonl"])).with_code(2).saying(&["is not sent to"]);
}

#[test]
fn the_command_to_go_on_with_names_the_account_that_was_chosen() {
    let (acme, beta) = (demanding("acmes"), demanding("betas"));
    let folder = two_accounts(&acme, &beta);
    std::fs::rename(folder.path("batchpost.toml"), folder.path("my settings.toml")).unwrap();
    // A second user of the same account, whom the ledger alone does not distinguish.
    let file = folder.read("my settings.toml");
    let twin = file.split("[profile.beta]").next().unwrap().split("[profile.acme]").nth(1).unwrap();
    folder.write("my settings.toml", format!("{file}[profile.twin]{twin}"));
    let resume = "\n  batchpost resume notes.csv.ledger.jsonl --config 'my settings.toml' --profile acme\n";
    let words = ["resume", "notes.csv.ledger.jsonl", "--config", "my settings.toml", "--profile", "acme"];
    let flags = &words[2..];

    let ran = ended(&mut keyed(&folder, &[&["run", "notes.csv", "--first", "1"], flags].concat())).with_code(5);
    assert!(ran.stdout.contains(resume), "{}", ran.stdout);
    let status = ended(&mut keyed(&folder, &[&["status", "notes.csv.ledger.jsonl"], flags].concat()));
    assert!(status.stdout.contains(resume), "{}", status.stdout);
    ended(&mut keyed(&folder, &words[..4])).with_code(2).saying(&["several profiles"]);
    let mut command = keyed(&folder, &["resume", "notes.csv.ledger.jsonl", "--first", "1"]);
    let ran = ended(command.env("BATCHPOST_CONFIG", "my settings.toml").env("BATCHPOST_PROFILE", "acme")).with_code(5);
    assert!(ran.stdout.contains(resume), "{}", ran.stdout);
    ended(&mut keyed(&folder, &words)).with_code(0);
    assert_eq!((acme.texts(), beta.arrivals()), (texts(3), 0));
}

#[test]
fn the_command_to_go_on_with_repeats_neither_a_file_that_is_found_nor_a_profile_that_was_overruled() {
    let (acme, api) = (Api::start(quick()), Api::start(quick()));
    let folder = Folder::with_rows(3);
    folder.write("batchpost.toml", format!("[profile.acme]\nurl = '{}'\n", acme.url()));
    let ran = ended(&mut folder.run_command(&api.url(), &["--profile", "acme", "--first", "1"])).with_code(5);
    assert!(ran.stdout.contains("\n  batchpost resume notes.csv.ledger.jsonl\n"), "{}", ran.stdout);
    folder.call(&["resume", "notes.csv.ledger.jsonl"]).with_code(0);
    assert_eq!((api.texts(), acme.arrivals()), (texts(3), 0));
}
