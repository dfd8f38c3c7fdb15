//! After a signal, nothing new is sent, and requests in flight are awaited and recorded.

#[cfg(target_os = "linux")]
use std::io::Write;
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};
use std::time::Duration;

use batchpost::driver::DELIBERATE_AFTER;
use batchpost_sandbox::Settings;

use crate::support::{Api, Folder, Running, Stopwatch, closed_port_url, quick, records, texts, until};

/// The limit allows four requests and no more for seconds. They arrive, and the signal comes while they are
/// in flight.
#[track_caller]
fn ends_well_on(signal: &str, code: i32) {
    let latency = Duration::from_millis(600)..=Duration::from_millis(600);
    let api = Api::start(Settings { latency, ..quick() });
    let folder = Folder::with_rows(30);
    let running = Running::start(&mut folder.run_command(&api.url(), &["--limit", "4/5s", "--json"]));
    until("all four have arrived", || api.arrivals() == 4);
    running.signal(signal);
    let json = running.ended().with_code(code).json();

    assert_eq!(api.arrivals(), 4, "sent after the signal");
    assert_eq!(json["stopped"], "interrupted", "{json}");
    assert_eq!((&json["posted"], &json["pending"], &json["in_doubt"]), (&4.into(), &26.into(), &0.into()), "{json}");
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    let recorded = records(&ledger, "outcome").into_iter().filter(|end| end["stands"] == "posted").count();
    assert_eq!(recorded, 4, "{ledger:?}");
    assert_eq!(records(&ledger, "finish")[0]["stopped"], "interrupted");

    folder.run(&api, &["--limit", "100/1s"]).with_code(0);
    assert_eq!(api.texts(), texts(30));
}

#[test]
fn ctrl_c_awaits_and_records_what_is_in_flight() {
    ends_well_on("INT", 130);
}

#[test]
fn sigterm_awaits_and_records_what_is_in_flight() {
    ends_well_on("TERM", 143);
}

/// `command`, started with this disposition of SIGHUP.
#[cfg(target_os = "linux")]
fn with_hang_ups(folder: &Folder, how: &str, command: &Command) -> Command {
    folder.in_shell(&format!("exec env --{how}-signal=HUP \"$0\" \"$@\""), command)
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_goes_away_leaves_no_doubt_and_hangs_up_once_or_twice() {
    let latency = Duration::from_millis(600)..=Duration::from_millis(600);
    let api = Api::start(Settings { latency, ..quick() });
    let folder = Folder::with_rows(30);
    let mut run = with_hang_ups(&folder, "default", &folder.run_command(&api.url(), &["--limit", "4/5s"]));
    // As with a closed terminal, writes fail from then on.
    let (out, err) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
    let mut running = run.stdout(out.1).stderr(err.1).spawn().unwrap();
    drop(run);
    until("all four have arrived", || api.arrivals() == 4);
    drop((out.0, err.0));
    for _ in 0..2 {
        assert!(Command::new("kill").args(["-HUP", &running.id().to_string()]).status().unwrap().success());
    }
    assert_eq!(running.wait().unwrap().code(), Some(129));

    assert_eq!(api.arrivals(), 4, "sent after the signal");
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    let recorded = records(&ledger, "outcome").into_iter().filter(|end| end["stands"] == "posted").count();
    assert_eq!(recorded, 4, "{ledger:?}");
    assert_eq!(records(&ledger, "finish")[0]["stopped"], "interrupted");
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_was_started_to_ignore_hang_ups_goes_on() {
    let api = Api::failing(&["silence@1"]);
    let folder = Folder::with_rows(5);
    let run = folder.run_command(&api.url(), &["--timeout", "2s", "--json"]);
    let running = Running::start(&mut with_hang_ups(&folder, "ignore", &run));
    until("the first request has arrived", || api.arrivals() == 1);
    running.signal("HUP");
    let json = running.ended().with_code(4).json();
    assert_eq!((&json["in_doubt"], &json["posted"]), (&1.into(), &4.into()), "{json}");
}

#[test]
fn a_signal_during_a_full_pipeline_leaves_no_doubt() {
    let latency = Duration::from_millis(10)..=Duration::from_millis(40);
    let api = Api::start(Settings { latency, ..quick() });
    let folder = Folder::with_rows(600);
    let running = Running::start(&mut folder.run_command(&api.url(), &["--concurrency", "8", "--json"]));
    until("it is well under way", || api.arrivals() >= 60);
    running.signal("INT");
    let json = running.ended().with_code(130).json();
    assert_eq!(json["in_doubt"], 0, "{json}");
    let posted = json["posted"].as_u64().unwrap();
    assert!((60..600).contains(&posted), "{json}");
    assert_eq!((posted as usize, posted as usize), (api.arrivals(), api.notes().len()), "{json}");
}

#[test]
fn two_signals_at_once_are_one_request() {
    let latency = Duration::from_millis(600)..=Duration::from_millis(600);
    let api = Api::start(Settings { latency, ..quick() });
    let folder = Folder::with_rows(30);
    let running = Running::start(&mut folder.run_command(&api.url(), &["--limit", "4/5s", "--json"]));
    until("all four have arrived", || api.arrivals() == 4);
    // As process managers do: to the process, and to its group. Two signals of one kind may be delivered as
    // one. If the system delivers both kinds at once, either may be the first.
    running.signals(&["TERM", "INT", "TERM"]);
    let ran = running.ended();
    assert!([130, 143].map(Some).contains(&ran.code), "{ran:?}");
    let json = ran.json();
    assert_eq!((&json["posted"], &json["pending"], &json["in_doubt"]), (&4.into(), &26.into(), &0.into()), "{json}");
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    assert_eq!(records(&ledger, "finish")[0]["stopped"], "interrupted");
}

#[test]
fn a_second_signal_a_second_later_ends_at_once_and_the_next_run_has_the_row_in_doubt() {
    let api = Api::failing(&["silence@1"]);
    let folder = Folder::with_rows(5);
    let running = Running::start(&mut folder.run_command(&api.url(), &["--json"]));
    until("the first request has arrived", || api.arrivals() == 1);
    running.signal("INT");
    until("the signal was heard", || running.stderr().contains("stopping"));
    let since = Stopwatch::start();
    until("it is taken for another one", || since.elapsed() > DELIBERATE_AFTER);
    running.signal("TERM");
    // The timeout and the grace period are half a minute each.
    let json = running.ended_within(Duration::from_secs(20)).with_code(130).json();
    assert_eq!((&json["in_doubt"], &json["pending"], &json["attempts"]), (&1.into(), &4.into(), &1.into()), "{json}");
    let status = folder.call(&["status", "notes.csv.ledger.jsonl", "--json"]).json();
    for sum in ["rows", "posted", "pending", "in_doubt", "attempts", "limited"] {
        assert_eq!(json[sum], status[sum], "{sum}: {json} {status}");
    }

    let json = folder.run(&api, &[]).with_code(4).json();
    assert_eq!((&json["in_doubt"], &json["posted"]), (&1.into(), &4.into()), "{json}");
    assert_eq!(api.texts(), texts(5));
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_is_held_up_by_whoever_does_not_read_what_it_says_ends_at_the_second_signal() {
    const PIPE_BYTES: usize = 64 << 10;
    const PAGE_BYTES: usize = 4 << 10;
    let api = Api::start(quick());
    let folder = Folder::with_rows(600);
    let (_unread, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&vec![b'\n'; PIPE_BYTES - PAGE_BYTES]).unwrap();
    let mut command = folder.run_command(&api.url(), &["--concurrency", "1", "-vv"]);
    let mut child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    drop(command);
    let (mut arrivals, mut since) = (0, Stopwatch::start());
    until("nothing more arrives", || {
        if api.arrivals() > arrivals {
            (arrivals, since) = (api.arrivals(), Stopwatch::start());
        }
        arrivals > 0 && since.elapsed() > Duration::from_millis(500)
    });
    assert!(arrivals < 600, "what it says has to fill the pipe");
    let id = child.id().to_string();
    until("it has ended", || {
        Command::new("kill").args(["-INT", &id]).stderr(Stdio::null()).status().unwrap();
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let json = folder.run(&api, &[]).json();
    let (posted, in_doubt) = (json["posted"].as_u64().unwrap(), json["in_doubt"].as_u64().unwrap());
    assert_eq!((posted + in_doubt, api.arrivals()), (600, 600), "{json}");
    assert!(in_doubt <= 1, "{json}");
}

#[test]
fn a_reply_that_outlasts_the_grace_leaves_its_row_in_doubt() {
    let api = Api::failing(&["silence@1"]);
    let folder = Folder::with_rows(5);
    let running = Running::start(&mut folder.run_command(&api.url(), &["--grace", "200ms", "--json"]));
    until("the first request has arrived", || api.arrivals() == 1);
    running.signal("TERM");
    let json = running.ended_within(Duration::from_secs(20)).with_code(143).json();
    assert_eq!((&json["in_doubt"], &json["pending"]), (&1.into(), &4.into()), "{json}");
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    assert_eq!(records(&ledger, "outcome")[0]["stands"], "in_doubt", "it was recorded, not left open");
}

#[test]
fn a_server_that_is_not_there_makes_the_run_pause_with_every_row_still_to_do() {
    let folder = Folder::with_rows(10);
    let running = Running::start(&mut folder.run_command(&closed_port_url(), &["--json"]));
    until("it pauses", || running.stderr().contains("the API cannot be reached"));
    running.signal("INT");
    let json = running.ended().with_code(130).json();
    assert_eq!((&json["pending"], &json["in_doubt"], &json["posted"]), (&10.into(), &0.into(), &0.into()), "{json}");
    assert_eq!(json["attempts_now"], 3, "after three attempts it pauses: {json}");
    let ledger = folder.ledger("notes.csv.ledger.jsonl");
    let ends = records(&ledger, "outcome");
    assert!(ends.iter().all(|end| end["stands"] == "pending" && end["verdict"] == "unsent"), "{ends:?}");
}
