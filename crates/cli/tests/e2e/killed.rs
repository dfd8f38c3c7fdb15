//! Runs killed repeatedly with SIGKILL: nothing is created twice, nothing is missing, and every row in doubt
//! has a known cause.

use std::collections::BTreeSet;
use std::time::Duration;

use batchpost_sandbox::Settings;
use serde_json::Value;

use crate::support::{Api, Folder, Running, Stopwatch, quick, text, texts, until};

const ROWS: u64 = 500;
const KILLS: usize = 50;
const LEDGER: &str = "notes.csv.ledger.jsonl";
/// Determines the moments of the kills and the lost replies; change it to try others.
const SEED: u64 = 20_261_122;

/// The texts of the rows with an intent and no outcome, from the complete lines of the ledger.
fn in_flight(folder: &Folder) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    if !folder.path(LEDGER).exists() {
        return open;
    }
    for line in folder.read(LEDGER).lines() {
        // The last line may be a torn tail.
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        if let Some(row) = line["intent"]["row"].as_u64() {
            open.insert(text(row));
        } else if let Some(row) = line["outcome"]["row"].as_u64() {
            open.remove(&text(row));
        }
    }
    open
}

/// The texts of the rows in this state.
fn that_stand(folder: &Folder, state: &str) -> BTreeSet<String> {
    let shown = folder.call(&["show", LEDGER, "--state", state, "--json"]).with_code(0).stdout;
    let row = |line: &str| serde_json::from_str::<Value>(line).unwrap()["row"].as_u64().unwrap();
    shown.lines().map(|line| text(row(line))).collect()
}

#[test]
fn killed_at_fifty_moments_nothing_is_created_twice_nothing_is_missing_and_every_doubt_has_its_cause() {
    let mut rng = fastrand::Rng::with_seed(SEED);
    let lost: BTreeSet<u64> = std::iter::repeat_with(|| rng.u64(1..=ROWS)).take(ROWS as usize / 50).collect();
    let lost: Vec<u64> = lost.into_iter().collect();
    let list: Vec<String> = lost.iter().map(u64::to_string).collect();
    let api = Api::start(Settings {
        limit: Some(400),
        faults: vec![format!("reset@{}", list.join(",")).parse().unwrap()],
        latency: Duration::ZERO..=Duration::from_millis(5),
        ..quick()
    });
    let folder = Folder::with_rows(ROWS);
    let command = || folder.run_command(&api.url(), &["--limit", "400/1s", "--concurrency", "6"]);

    let mut caught = BTreeSet::new();
    let mut before_it_posted = 0;
    for kill in 0..KILLS {
        let before = api.arrivals();
        let enough = before + rng.usize(0..8);
        let moment = if rng.bool() { Duration::from_micros(rng.u64(0..60_000)) } else { Duration::MAX };
        let watch = Stopwatch::start();
        let mut running = Running::start(&mut command());
        // The moment is a number of arrivals or, in half of the runs, a time if that comes first: so some die
        // before they post, and none gets far.
        until("it is time to kill it", || api.arrivals() > enough || watch.elapsed() >= moment || running.is_over());
        assert_eq!(running.killed().code, None, "seed {SEED}: run {kill} was over before it was killed");
        before_it_posted += usize::from(api.arrivals() == before);
        caught.extend(in_flight(&folder));
    }
    let last = folder.run(&api, &["--limit", "400/1s"]).with_code(4).json();

    // The server's view.
    let notes = api.notes();
    let created = api.texts();
    let once: BTreeSet<String> = created.iter().cloned().collect();
    assert_eq!(created.len(), once.len(), "seed {SEED}: created twice");
    assert_eq!(api.arrivals(), notes.len(), "every request that arrived made a note, so its number is the note's");
    let unanswered: BTreeSet<String> =
        lost.iter().filter_map(|number| notes.get(*number as usize - 1)).map(|note| note.text.clone()).collect();

    // The ledger's view.
    let (posted, in_doubt) = (that_stand(&folder, "posted"), that_stand(&folder, "in_doubt"));
    let all: BTreeSet<String> = texts(ROWS).into_iter().collect();
    assert_eq!(&posted | &in_doubt, all, "seed {SEED}: missing");
    assert!(posted.is_disjoint(&in_doubt) && posted.is_subset(&once), "seed {SEED}: posted, and not created");
    assert_eq!(in_doubt, &unanswered | &caught, "seed {SEED}: in doubt without a cause, or not in doubt with one");
    assert_eq!((&last["posted"], &last["in_doubt"]), (&posted.len().into(), &in_doubt.len().into()), "{last}");

    // The kills must cover moments before, between and after posts, and with requests in flight.
    assert!((1..KILLS).contains(&before_it_posted), "seed {SEED}: {before_it_posted} of {KILLS} before any post");
    assert!(caught.len() > 5 && !unanswered.is_empty(), "seed {SEED}: {} caught, {unanswered:?}", caught.len());
    let audit = folder.call(&["audit", LEDGER, "--json"]).json();
    assert_eq!(audit["problems"], Value::Array(Vec::new()), "{audit}");
    // Requests of runs killed between the intent and the first byte never arrived.
    let attempts = audit["attempts"].as_u64().unwrap() as usize;
    let never_sent = caught.difference(&once).count();
    assert_eq!(attempts, api.arrivals() + never_sent, "{audit}");
}
