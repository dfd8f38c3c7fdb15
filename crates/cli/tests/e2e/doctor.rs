//! `doctor`: its findings; it posts nothing and leaves nothing behind.

use std::fs;

use serde_json::Value;

use crate::support::{Api, Folder, Ran, closed_port_url, ended, quick};

/// The levels and texts of the findings about `check`.
#[track_caller]
fn found<'a>(report: &'a Value, check: &str) -> Vec<(&'a str, &'a str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let of_check = findings.filter(|finding| finding["check"] == check);
    of_check.map(|finding| (finding["level"].as_str().unwrap(), finding["found"].as_str().unwrap())).collect()
}

#[track_caller]
fn levels<'a>(report: &'a Value, check: &str) -> Vec<&'a str> {
    found(report, check).into_iter().map(|(level, _)| level).collect()
}

/// Asserts that exactly these checks have a problem.
#[track_caller]
fn assert_problems(ran: &Ran, checks: &[&str]) {
    let report = ran.json();
    let findings = report["findings"].as_array().unwrap().iter();
    let problems = findings.filter(|finding| finding["level"] == "problem");
    let problems: Vec<&Value> = problems.map(|finding| &finding["check"]).collect();
    assert_eq!(problems, checks, "{report}");
    assert!(report["problems"] == checks.len());
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["level"] == "ok", finding["advice"].is_null(), "what is not well has advice: {finding}");
    }
}

#[test]
fn where_all_is_well_it_says_so_asks_nothing_of_the_api_and_leaves_nothing_behind() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    let ran = folder.call(&["doctor", "notes.csv", "--url", &api.url(), "--json"]).with_code(0);
    assert_problems(&ran, &[]);
    let report = ran.json();
    for check in
        ["configuration", "account", "access_key", "secret_key", "connection", "input", "ledger", "budget", "clock"]
    {
        assert_eq!(levels(&report, check), ["ok"], "{check}: {report}");
    }
    let words = folder.call(&["doctor", "notes.csv", "--url", &api.url()]).with_code(0).stdout;
    let last = "no problems found; the rows were not read; `batchpost check notes.csv` reads them";
    assert!(words.contains(last), "{words}");
    assert_eq!((api.arrivals(), folder.names()), (0, vec!["notes.csv".to_owned()]));
    for key in ["access\"", "secret\""] {
        assert!(!ran.stdout.contains(&format!("\"{key}")), "the keys are not shown: {report}");
    }
}

#[test]
fn a_batch_that_goes_on_is_known_by_its_ledger_alone() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--first", "2"]).with_code(5);
    let arrivals = api.arrivals();
    let ran = folder.call(&["doctor", "notes.csv.ledger.jsonl", "--json", "--limit", "500/1s"]).with_code(0);
    let report = ran.json();
    assert!(found(&report, "ledger")[0].1.ends_with("3 rows, 2 of them posted"), "{report}");
    assert!(found(&report, "account")[0].1.contains(&api.url()), "{report}");
    assert!(found(&report, "budget")[0].1.contains("of 500/1s"), "{report}");
    assert_eq!(api.arrivals(), arrivals);

    // A run of the sheet to another account would be blocked by this ledger.
    let elsewhere = folder.call(&["doctor", "notes.csv", "--url", &closed_port_url(), "--json"]);
    assert_problems(&elsewhere.with_code(2), &["connection", "ledger"]);
}

#[test]
fn a_ledger_whose_input_is_gone_is_a_problem_that_says_how_to_go_on() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--first", "2"]).with_code(5);
    let doctor = ["doctor", "notes.csv.ledger.jsonl", "--json", "--limit", "500/1s"];
    assert_eq!(levels(&folder.call(&doctor).with_code(0).json(), "input"), ["ok"]);
    fs::rename(folder.path("notes.csv"), folder.path("moved.csv")).unwrap();
    let ran = folder.call(&doctor).with_code(2);
    assert_problems(&ran, &["input"]);
    assert!(ran.stdout.contains("batchpost resume notes.csv.ledger.jsonl --input FILE"), "{}", ran.stdout);
}

#[test]
fn a_profiles_key_that_cannot_be_read_is_said_once_with_advice_that_helps() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(1);
    let file = format!("url = '{}'\naccess_key_file = 'top'\n[profile.acme]\naccess_key_file = 'missing'\n", api.url());
    folder.write("batchpost.toml", file);
    let advice = |more: &[&str]| {
        let arguments = [&["doctor", "notes.csv", "--json"][..], more].concat();
        let report = ended(folder.batchpost(&arguments).env_remove("LSQ_ACCESS_KEY")).with_code(2).json();
        let (_, found) = found(&report, "access_key")[0];
        assert_eq!(found.matches("os error 2").count(), 1, "{found}");
        let findings = report["findings"].as_array().unwrap();
        let of_key = findings.iter().find(|finding| finding["check"] == "access_key").unwrap();
        of_key["advice"].as_str().unwrap().to_owned()
    };
    let profiles = advice(&["--profile", "acme"]);
    assert!(profiles.contains("access_key_env in that profile") && !profiles.contains("LSQ_"), "{profiles}");
    assert!(advice(&[]).contains("LSQ_ACCESS_KEY"));
}

#[test]
fn a_port_on_which_nobody_listens_is_a_problem() {
    let folder = Folder::with_rows(3);
    let ran = folder.call(&["doctor", "notes.csv", "--url", &closed_port_url()]).with_code(2);
    for words in ["problem  connection", "nothing listens there", "1 problem, 0 warnings"] {
        assert!(ran.stdout.contains(words), "{}", ran.stdout);
    }
}

#[test]
fn a_name_that_leads_nowhere_is_a_problem() {
    let folder = Folder::with_rows(3);
    let arguments = ["doctor", "notes.csv", "--host", "something.invalid", "--tenant", "1", "--json"];
    let ran = folder.call(&arguments).with_code(2);
    assert_problems(&ran, &["name"]);
    assert!(levels(&ran.json(), "connection").is_empty(), "nothing is looked at that cannot be reached");
}

#[test]
fn keys_that_are_missing_are_a_problem_for_each_and_are_asked_of_nobody() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    let mut command = folder.batchpost(&["doctor", "notes.csv", "--url", &api.url(), "--json"]);
    let ran = ended(command.env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY")).with_code(2);
    assert_problems(&ran, &["access_key", "secret_key"]);
}

#[test]
fn a_proxy_that_is_set_and_not_used_is_named_and_its_password_is_not_shown() {
    let folder = Folder::with_rows(3);
    let arguments = ["doctor", "notes.csv", "--host", "something.invalid", "--tenant", "1", "--json"];
    let ran = ended(folder.batchpost(&arguments).env("https_proxy", "http://me:PRIMROSE@127.0.0.1:1")).with_code(2);
    assert_eq!(levels(&ran.json(), "proxy"), ["warning"]);
    assert!(ran.stdout.contains("https_proxy") && !ran.stdout.contains("PRIMROSE"), "{}", ran.stdout);
}

#[test]
fn a_proxy_that_cannot_be_reached_is_a_problem_and_its_password_is_not_shown() {
    let folder = Folder::with_rows(3);
    let proxy = closed_port_url().replace("http://", "http://me:PRIMROSE@");
    let arguments =
        ["doctor", "notes.csv", "--host", "something.invalid", "--tenant", "1", "--json", "--proxy", &proxy];
    let ran = folder.call(&arguments).with_code(2);
    assert_problems(&ran, &["connection"]);
    assert!(!ran.stdout.contains("PRIMROSE"), "{}", ran.stdout);
}

#[test]
fn a_folder_in_which_no_ledger_can_be_kept_is_a_problem() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.write("taken", "a file in the folder's place");
    for ledger in ["taken/notes.ledger.jsonl", "missing/notes.ledger.jsonl"] {
        let arguments = ["doctor", "notes.csv", "--url", &api.url(), "--json", "--ledger", ledger];
        let ran = folder.call(&arguments).with_code(2);
        assert!(levels(&ran.json(), "ledger_folder") == ["problem"], "{}", ran.stdout);
    }
}

#[test]
fn a_ledger_that_is_damaged_is_a_problem_and_a_torn_end_a_warning() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.run(&api, &[]).with_code(0);
    let whole = folder.read("notes.csv.ledger.jsonl");
    let look = || folder.call(&["doctor", "notes.csv.ledger.jsonl", "--json"]);
    folder.write("notes.csv.ledger.jsonl", format!("{whole}{{\"n\":"));
    assert_eq!(levels(&look().with_code(0).json(), "ledger"), ["warning"]);
    folder.write("notes.csv.ledger.jsonl", whole.replacen("\"posted\"", "\"pasted\"", 1));
    let ran = folder.call(&["doctor", "notes.csv", "--url", &api.url(), "--json"]).with_code(2);
    assert_problems(&ran, &["ledger"]);
    // The account is still known from the ledger's header.
    let ran = look().with_code(2);
    assert_problems(&ran, &["ledger"]);
    assert!(found(&ran.json(), "account")[0].1.contains(&api.url()), "{}", ran.stdout);
}

#[test]
fn a_budget_that_is_damaged_or_gone_is_warned_of_and_one_that_cannot_be_read_is_a_problem() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.run(&api, &["--state-dir", "state"]).with_code(0);
    let account = fs::read_dir(folder.path("state/budgets")).unwrap().next().unwrap().unwrap().path();
    let look = || folder.call(&["doctor", "notes.csv", "--url", &api.url(), "--state-dir", "state", "--json"]);
    assert_eq!(levels(&look().with_code(0).json(), "budget"), ["ok"]);
    fs::copy(folder.path("notes.csv"), account.join("budget")).unwrap();
    assert_eq!(levels(&look().with_code(0).json(), "budget"), ["warning"]);
    fs::remove_file(account.join("budget")).unwrap();
    assert_eq!(levels(&look().with_code(0).json(), "budget"), ["warning"]);
    fs::create_dir(account.join("budget")).unwrap();
    assert_problems(&look().with_code(2), &["budget"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_ledger_in_memory_is_warned_of() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    let ledger = "/dev/shm/batchpost-doctor-test.ledger.jsonl";
    let ran = folder.call(&["doctor", "notes.csv", "--url", &api.url(), "--json", "--ledger", ledger]).with_code(0);
    assert_eq!(levels(&ran.json(), "ledger_folder"), ["ok", "warning"], "{}", ran.stdout);
}

#[test]
fn with_nothing_to_post_to_the_rest_is_looked_at_all_the_same() {
    let folder = Folder::new();
    let ran = folder.call(&["doctor", "--json"]).with_code(2);
    assert_problems(&ran, &["account"]);
    assert_eq!(levels(&ran.json(), "clock"), ["ok"]);
    folder.call(&["doctor", "--sandbox", "--json"]).with_code(0);
}

#[test]
fn settings_of_a_file_count_and_keys_that_may_not_be_sent_there_are_a_problem() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    folder.write("batchpost.toml", format!("url = {:?}\naccess_key_file = \"key\"\n", api.url()));
    folder.write("key", "PRIMROSE\n");
    let look = || {
        let mut command = folder.batchpost(&["doctor", "notes.csv", "--json"]);
        ended(command.env_remove("LSQ_ACCESS_KEY"))
    };
    #[cfg(unix)]
    {
        assert_problems(&look().with_code(2), &["access_key"]);
        fs::set_permissions(folder.path("key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let ran = look().with_code(0);
    let report = ran.json();
    assert!(found(&report, "configuration")[0].1.contains("batchpost.toml"), "{report}");
    assert!(found(&report, "access_key")[0].1.contains("the file"), "{report}");
    assert!(!ran.stdout.contains("PRIMROSE"));
    let mut command = folder.batchpost(&["doctor", "notes.csv", "--json", "--url", &closed_port_url()]);
    let elsewhere = ended(command.env_remove("LSQ_ACCESS_KEY")).with_code(2);
    assert_problems(&elsewhere, &["access_key", "connection"]);
}

#[test]
fn the_ledger_of_a_sheet_is_looked_for_where_a_run_of_it_keeps_it() {
    let api = Api::start(quick());
    let folder = Folder::new();
    let mut book = rust_xlsxwriter::Workbook::new();
    let march = book.add_worksheet().set_name("March").unwrap();
    for (row, cells) in [["Ticket ID", "Comment"], ["143", "Called back"]].iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            march.write(row as u32, column as u16, *cell).unwrap();
        }
    }
    book.save(folder.path("notes.xlsx")).unwrap();
    folder.write("batchpost.toml", format!("sheet = 'March'\nurl = '{}'\nlimit = '500/1s'\n", api.url()));
    folder.call(&["run", "notes.xlsx"]).with_code(0);
    let report = folder.call(&["doctor", "notes.xlsx", "--json"]).with_code(0).json();
    assert!(found(&report, "ledger")[0].1.starts_with("notes.xlsx.March.ledger.jsonl: "), "{report}");
    let report = folder.call(&["doctor", "notes.xlsx", "--sheet", "April", "--json"]).with_code(0).json();
    assert!(found(&report, "ledger")[0].1.contains("notes.xlsx.April.ledger.jsonl"), "{report}");
}

#[test]
fn a_batch_that_goes_on_is_looked_at_with_the_profile_that_resume_would_take() {
    let (acme, beta) = (Api::start(quick()), Api::start(quick()));
    let folder = Folder::with_rows(3);
    let profile = |name: &str, api: &Api| {
        format!("[profile.{name}]\nurl = '{}'\naccess_key_env = 'KEY'\nsecret_key_env = 'KEY'\n", api.url())
    };
    let file =
        "tenant = '1'\ndefault_profile = 'beta'\n".to_owned() + &profile("acme", &acme) + &profile("beta", &beta);
    folder.write("batchpost.toml", file);
    let call = |arguments: &[&str]| {
        let mut command = folder.batchpost(arguments);
        ended(command.env("KEY", "k").env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY"))
    };
    call(&["run", "notes.csv", "--profile", "acme", "--first", "1", "--limit", "500/1s"]).with_code(5);
    let report = call(&["doctor", "notes.csv.ledger.jsonl", "--json"]).with_code(0).json();
    assert!(found(&report, "configuration")[0].1.contains("profile acme"), "{report}");
    assert!(found(&report, "account")[0].1.contains(&acme.url()), "{report}");
    let other = call(&["doctor", "notes.csv.ledger.jsonl", "--profile", "beta"]).with_code(2);
    other.saying(&["use the profile acme"]);
    let of_input = call(&["doctor", "notes.csv", "--json"]).json();
    assert!(found(&of_input, "configuration")[0].1.contains("profile beta"), "as a run would: {of_input}");
}
