//! The keys are sent to the API and nowhere else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread;

use batchpost_sandbox::Settings;

#[cfg(unix)]
use crate::support::LIMIT;
use crate::support::{Api, Folder, Ran, Running, closed_port_url, ended, quick, texts, until};

/// Keys with all characters that shells, URLs and JSON treat specially. Each contains a word by which it is
/// found, however it was escaped.
const ACCESS: &str = r#"u$r{PRIMROSE}%41"'a"#;
const SECRET: &str = r#"s%3DMARIGOLD$HOME\n"'`z"#;
const WORDS: [&str; 2] = ["PRIMROSE", "MARIGOLD"];

fn with_keys(command: &mut Command) -> &mut Command {
    command.env("LSQ_ACCESS_KEY", ACCESS).env("LSQ_SECRET_KEY", SECRET)
}

/// Asserts that the keys are neither in the output nor in any file left behind.
#[track_caller]
fn assert_kept(ran: &Ran, folder: &Folder) {
    for word in WORDS {
        assert!(!ran.stdout.contains(word), "on standard output:\n{}", ran.stdout);
        let said: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(word)).collect();
        assert!(said.is_empty(), "on standard error: {said:#?}");
    }
    assert_no_file_tells(&folder.path(""));
}

fn assert_no_file_tells(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_file_tells(&path);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let content = String::from_utf8_lossy(&bytes);
            assert!(!WORDS.iter().any(|word| content.contains(word)), "in {}", path.display());
        }
    }
}

fn demanding() -> Settings {
    Settings { access_key: Some(ACCESS.to_owned()), secret_key: Some(SECRET.to_owned()), ..quick() }
}

#[test]
fn keys_reach_the_api_as_they_are_and_no_log_however_much_is_said() {
    for format in ["text", "json"] {
        let faults = vec!["500@2".parse().unwrap(), "400@4".parse().unwrap(), "reset@6".parse().unwrap()];
        let api = Api::start(Settings { faults, ..demanding() });
        let folder = Folder::with_rows(12);
        let mut command = folder.run_command(&api.url(), &["-vv", "--log-format", format]);
        let ran = ended(with_keys(&mut command).env("RUST_LOG", "trace")).with_code(4);
        assert!(ran.stderr.lines().count() > 100, "trace says a lot:\n{}", ran.stderr);
        assert_kept(&ran, &folder);
        assert!(api.notes().len() >= 10, "the keys that were sent are those that were set");
    }
}

#[test]
fn refused_keys_are_not_repeated() {
    let api = Api::failing(&["401@1"]);
    let folder = Folder::with_rows(3);
    let mut command = folder.run_command(&api.url(), &["-vv"]);
    let ran = ended(with_keys(&mut command).env("RUST_LOG", "trace")).with_code(3);
    assert_kept(&ran, &folder);
}

#[cfg(unix)]
#[test]
fn a_refused_connection_does_not_tell_the_keys() {
    let folder = Folder::with_rows(3);
    let mut command = folder.run_command(&closed_port_url(), &["-vv"]);
    let running = Running::start(with_keys(&mut command).env("RUST_LOG", "trace"));
    until("it pauses", || running.stderr().contains("the API cannot be reached"));
    running.signal("INT");
    assert_kept(&running.ended().with_code(130), &folder);
}

#[test]
fn a_key_that_cannot_be_sent_is_refused_without_being_repeated() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    let mut command = folder.run_command(&api.url(), &[]);
    let ran = ended(with_keys(&mut command).env("LSQ_ACCESS_KEY", "PRIMROSE\r\nX-Other: 1")).with_code(2);
    assert_kept(&ran.saying(&["access key"]), &folder);
    assert_eq!(api.arrivals(), 0);
}

/// The URL of an API that replies to every note with this status and with a body that `body` makes from both
/// keys.
fn indiscreet(status: u16, body: fn(&str) -> String) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // The thread ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut keys, mut length) = (Vec::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim_end().split_once(": ") else {
                    if line.trim_end().is_empty() { break } else { continue }
                };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    name if name.starts_with("x-lsq-") => keys.push(value.to_owned()),
                    _ => {}
                }
            }
            std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).unwrap();
            let body = body(&keys.join(" with "));
            let reply = format!(
                "HTTP/1.1 {status} Indiscreet\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            reader.get_mut().write_all(reply.as_bytes()).unwrap();
        }
    });
    format!("http://127.0.0.1:{port}/api/tenants/1/internalnote/upload")
}

fn in_json(keys: &str) -> String {
    let message = format!("no user {keys} for this note");
    serde_json::json!({ "Status": "Error", "ExceptionType": "MXUserException", "ExceptionMessage": message })
        .to_string()
}

fn in_html(keys: &str) -> String {
    let references = [("&", "&amp;"), ("$", "&dollar;"), ("%", "&#37;"), ("\"", "&quot;"), ("\\", "&bsol;")];
    let keys = references.iter().fold(keys.to_owned(), |keys, (plain, reference)| keys.replace(plain, reference));
    format!("<p>no user {keys} for this note</p>")
}

fn in_base64(keys: &str) -> String {
    keys.split(" with ").fold("no user".to_owned(), |said, key| said + " " + &batchpost::api::basic_auth("", key))
}

#[test]
fn keys_that_the_api_repeats_are_hidden_wherever_the_answer_is_quoted() {
    let (as_json, as_html) =
        ("no user [hidden] with [hidden] for this note", "no user [hidden] with [hidden] for this");
    for (status, body, code, hidden) in [
        (400, in_json as fn(&str) -> String, 1, as_json),
        (400, in_html, 1, as_html),
        // The run ends, and the reply is its reason.
        (401, in_html, 3, as_html),
        // The row is in doubt.
        (502, in_html, 4, as_html),
        (400, in_base64, 1, "no user Basic O[hidden]"),
    ] {
        let folder = Folder::with_rows(1);
        let url = indiscreet(status, body);
        let ran = ended(with_keys(&mut folder.run_command(&url, &["-vv"]))).with_code(code);
        assert_kept(&ran, &folder);
        assert!(ran.stderr.contains(hidden), "{status}: {}", ran.stderr);
        assert!(folder.read("notes.csv.ledger.jsonl").contains(hidden), "{status}");
        for command in
            [&["show", "notes.csv.ledger.jsonl"][..], &["report", "notes.csv.ledger.jsonl", "--output", "page.html"]]
        {
            assert_kept(&folder.call(command), &folder);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_list_does_not_show_the_keys() {
    let api = Api::start(Settings { faults: vec!["silence@1".parse().unwrap()], ..demanding() });
    let folder = Folder::with_rows(3);
    let running = Running::start(with_keys(&mut folder.run_command(&api.url(), &[])));
    until("the first request has arrived", || api.arrivals() == 1);
    let line = std::fs::read(format!("/proc/{}/cmdline", running.id())).unwrap();
    let line = String::from_utf8_lossy(&line);
    assert!(line.contains("notes.csv") && !WORDS.iter().any(|word| line.contains(word)), "{line}");
}

#[test]
fn keys_come_from_files_without_the_line_break_at_their_end() {
    for line_break in ["", "\n", "\r\n"] {
        let api = Api::start(demanding());
        let (folder, keys) = (Folder::with_rows(5), Folder::new());
        keys.secret("access", format!("{ACCESS}{line_break}"));
        keys.secret("secret", format!("{SECRET}{line_break}"));
        let mut command = folder.run_command(&api.url(), &[]);
        command.env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY");
        command.env("LSQ_ACCESS_KEY_FILE", keys.path("access")).env("LSQ_SECRET_KEY_FILE", keys.path("secret"));
        assert_kept(&ended(&mut command).with_code(0), &folder);
        assert_eq!(api.texts(), texts(5), "{line_break:?}");
    }
}

#[test]
fn an_empty_variable_for_a_keys_file_says_nothing() {
    let api = Api::start(demanding());
    let folder = Folder::with_rows(2);
    let mut command = folder.run_command(&api.url(), &[]);
    with_keys(&mut command).env("LSQ_ACCESS_KEY_FILE", "").env("LSQ_SECRET_KEY_FILE", "");
    ended(&mut command).with_code(0);
    assert_eq!(api.texts(), texts(2));
}

#[test]
fn a_missing_key_or_one_given_twice_ends_before_anything_is_sent() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    for variable in ["LSQ_ACCESS_KEY", "LSQ_SECRET_KEY"] {
        let file = format!("{variable}_FILE");
        let without = || {
            let mut command = folder.run_command(&api.url(), &[]);
            command.env_remove(variable);
            command
        };
        ended(&mut without()).with_code(2).saying(&[variable, &file]);
        ended(without().env(variable, "")).with_code(2).saying(&[variable, &file]);
        ended(without().env(&file, folder.path("not there"))).with_code(2).saying(&["not there"]);
        ended(without().env(variable, "key").env(&file, "key")).with_code(2).saying(&["both", variable, &file]);
    }
    assert_eq!(api.arrivals(), 0);
}

#[test]
fn plain_http_to_another_machine_is_refused() {
    let folder = Folder::with_rows(3);
    for url in
        ["http://api.example.com/upload", "http://127.0.0.1.example.com/", "http://10.0.0.1/", "ftp://localhost/"]
    {
        ended(&mut folder.run_command(url, &[])).with_code(2).saying(&["use https"]);
    }
    let secretive = "https://user:MARIGOLD@api.example.com/?key=PRIMROSE";
    let ran = ended(&mut folder.run_command(secretive, &[])).with_code(2);
    assert_kept(&ran, &folder);
    assert!(!folder.path("notes.csv.ledger.jsonl").exists());
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let api = Api::start(quick());
    let folder = Folder::with_rows(3);
    let mut command = folder.run_command(&api.url(), &[]);
    for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(variable, closed_port_url());
    }
    ended(&mut command).with_code(0);
    assert_eq!(api.texts(), texts(3));
}

#[test]
fn keys_that_are_part_of_every_answer_leave_no_row_in_doubt() {
    let api = Api::failing(&["400@ticket:1002"]);
    let folder = Folder::with_rows(5);
    let mut command = folder.run_command(&api.url(), &["--json"]);
    let json = ended(command.env("LSQ_ACCESS_KEY", "Created").env("LSQ_SECRET_KEY", "1")).with_code(1).json();
    assert_eq!((&json["posted"], &json["rejected"], &json["in_doubt"]), (&4.into(), &1.into(), &0.into()), "{json}");
}

/// A run with a profile that names the sources of both keys, on a server that checks them.
#[cfg(unix)]
fn by_file(api: &Api, folder: &Folder, access: &str, secret: &str) -> Command {
    let file = format!("[profile.acme]\nurl = '{}'\nlimit = '{LIMIT}'\n{access}\n{secret}\n", api.url());
    folder.write("batchpost.toml", file);
    let mut command = folder.batchpost(&["run", "notes.csv", "--profile", "acme", "-vv"]);
    command.env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY").env("RUST_LOG", "trace");
    command
}

#[cfg(unix)]
#[test]
fn keys_come_literally_from_wherever_the_file_says() {
    let keys = Folder::new();
    keys.secret("access", format!("{ACCESS}\n"));
    keys.secret("secret", SECRET);
    let of = |name: &str| keys.path(name).display().to_string();
    let (access, secret) = (of("access"), of("secret"));
    for (in_access, in_secret) in [
        (format!("access_key_file = '{access}'"), format!("secret_key_file = '{secret}'")),
        (format!("access_key_command = ['cat', '{access}']"), format!("secret_key_command = 'cat {secret} && echo'")),
        ("access_key_env = 'ACME_1'".to_owned(), "secret_key_env = 'ACME_2'".to_owned()),
    ] {
        let api = Api::start(demanding());
        let folder = Folder::with_rows(2);
        let mut command = by_file(&api, &folder, &in_access, &in_secret);
        let ran = ended(command.env("ACME_1", ACCESS).env("ACME_2", SECRET)).with_code(0);
        assert_kept(&ran, &folder);
        assert_eq!(api.texts(), texts(2), "{in_access}");
    }
}

#[cfg(unix)]
#[test]
fn the_service_managers_credentials_are_taken_whatever_their_mode() {
    let api = Api::start(demanding());
    let (folder, keys) = (Folder::with_rows(2), Folder::new());
    keys.write("lsq_access_key", ACCESS);
    keys.write("lsq_secret_key", SECRET);
    let mut command = folder.run_command(&api.url(), &[]);
    command.env_remove("LSQ_ACCESS_KEY").env_remove("LSQ_SECRET_KEY").env("CREDENTIALS_DIRECTORY", keys.path(""));
    assert_kept(&ended(&mut command).with_code(0), &folder);
    assert_eq!(api.texts(), texts(2));
}

#[cfg(unix)]
#[test]
fn a_source_that_gives_no_key_ends_before_anything_is_sent_and_its_output_is_not_repeated() {
    let api = Api::start(demanding());
    let folder = Folder::with_rows(2);
    folder.write("open", ACCESS);
    let fine = "secret_key_env = 'HOME'";
    for (access, wanted) in [
        ("access_key_file = 'open'", &["batchpost.toml:4", "chmod 600 open"][..]),
        ("access_key_file = 'not there'", &["batchpost.toml:4", "not there"]),
        ("access_key_command = 'echo PRIMROSE; exit 3'", &["batchpost.toml:4", "the command echo", "exit status: 3"]),
        ("access_key_command = ['printf', '']", &["batchpost.toml:4", "the command printf", "printed nothing"]),
        ("access_key_env = 'ACME_1'", &["ACME_1", "batchpost.toml:4", "not set"]),
    ] {
        let ran = ended(&mut by_file(&api, &folder, access, fine)).with_code(2).saying(wanted);
        assert!(!ran.stderr.contains("PRIMROSE"), "{}", ran.stderr);
    }
    let mut command = folder.run_command(&api.url(), &[]);
    command.env_remove("LSQ_ACCESS_KEY").env("LSQ_ACCESS_KEY_FILE", folder.path("open"));
    ended(&mut command).with_code(2).saying(&["chmod 600"]);
    assert_eq!(api.arrivals(), 0);
}
