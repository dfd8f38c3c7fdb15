//! Kills real runs with SIGKILL at random moments, a thousand times, and checks with the server that nothing
//! was posted twice, lost, or sent above the limit. Not in CI: it takes some minutes.
//!
//! ```text
//! cargo build -p batchpost-cli --bins && cargo run -p batchpost-cli --example kills -- [KILLS] [SEED]
//! ```
//!
//! It runs one batch after another, of 20 to 40 rows each, all on one account with a limit that they reach. A
//! batch runs under one to three names at once (copies in other folders), with and without `--key` and
//! `--known skip`. Its runs are killed and restarted until its share of kills is used up; then each runs to
//! its end. Rows in doubt are counted, and then settled or sent again on request. After each batch the
//! ledgers are compared with the server's notes. On a violation it prints the batch's options, keeps the
//! folder and panics.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use batchpost_sandbox::{Server, Settings};
use serde_json::Value;
use tokio::runtime::Runtime;

const LIMIT: u32 = 50;
/// The reply timeout. A killed run keeps its slots for this time plus a window.
const TIMEOUT: &str = "2s";
/// Maximum number of rounds of a batch; a round starts all its copies at once.
const ROUNDS: usize = 15;
/// Longer than any run takes, even if every slot is in use when it starts.
const DEADLINE: Duration = Duration::from_secs(120);

fn main() {
    let number = |at: usize| std::env::args().nth(at).map(|word| word.parse::<u64>().expect("a number"));
    let kills = number(1).unwrap_or(1000);
    let seed = number(2).unwrap_or_else(|| SystemTime::UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs());
    println!("{kills} kills, seed {seed}");
    let began = now();
    let mut field = Field::new(seed);
    while field.sums.kills < kills {
        field.batch(kills);
    }
    fs::remove_dir_all(&field.root).expect("a folder of ours");
    let report = field.server.model().report();
    println!("{:?} in {:.0} s", field.sums, began.elapsed().as_secs_f64());
    println!(
        "the server: {} requests, {} notes, {} requests above the limit, at most {} in 1 s of {LIMIT}",
        report.requests, report.notes, report.refused, report.most_in_any_window,
    );
}

/// The totals so far.
#[derive(Debug, Default)]
struct Sums {
    batches: u64,
    rows: u64,
    runs: u64,
    kills: u64,
    /// Kills of a run before its batch had a note.
    kills_before_a_note: u64,
    /// Runs refused because another run had their rows.
    refused: u64,
    in_doubt: u64,
    /// The rows in doubt whose note is on the server.
    in_doubt_and_created: u64,
    sent_again_by_order: u64,
}

struct Field {
    rng: fastrand::Rng,
    seed: u64,
    binary: PathBuf,
    root: PathBuf,
    // Before its runtime, because fields are dropped in order.
    server: Server,
    _runtime: Runtime,
    sums: Sums,
}

/// The sheet under one name.
struct Copy {
    folder: PathBuf,
    name: String,
}

/// The options of a batch.
#[derive(Debug)]
struct Batch {
    number: u64,
    rows: u64,
    key: bool,
    skip_known: bool,
    copies: usize,
}

impl Field {
    fn new(seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let settings = Settings {
            limit: Some(LIMIT),
            window: Duration::from_secs(1),
            latency: Duration::ZERO..=Duration::from_millis(15),
            faults: ["reset=0.005", "reset-lost=0.005"].iter().map(|fault| fault.parse().expect("a fault")).collect(),
            seed,
            ..Settings::default()
        };
        let server = runtime.block_on(Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings)).expect("a server");
        let beside = std::env::current_exe().expect("its own path");
        let binary = beside.parent().and_then(Path::parent).expect("target/PROFILE/examples").join("batchpost");
        assert!(binary.exists(), "{} is not there: build it first", binary.display());
        let root = tempfile::tempdir().expect("a temporary folder").keep();
        Self {
            rng: fastrand::Rng::with_seed(seed),
            seed,
            binary,
            root,
            server,
            _runtime: runtime,
            sums: Sums::default(),
        }
    }

    fn batch(&mut self, kills: u64) {
        let rng = &mut self.rng;
        let batch = Batch {
            number: self.sums.batches,
            rows: rng.u64(20..=40),
            key: rng.bool(),
            skip_known: rng.bool(),
            copies: rng.usize(1..=3),
        };
        let context = format!("seed {}: {batch:?} in {}", self.seed, self.root.display());
        let copies = self.write(&batch);
        let enough = kills.min(self.sums.kills + self.rng.u64(5..=15));
        for _ in 0..ROUNDS {
            // If all rows are posted, kills would only hit runs that read.
            if self.sums.kills >= enough || self.notes(&batch).len() as u64 == batch.rows {
                break;
            }
            self.round(&batch, &copies, enough);
        }
        self.finish(&batch, &copies, &context);
        self.compare(&batch, &copies, &context);
        self.sums.batches += 1;
        self.sums.rows += batch.rows;
    }

    /// Writes the sheet under each of its names.
    fn write(&self, batch: &Batch) -> Vec<Copy> {
        let rows: String =
            (1..=batch.rows).map(|row| format!("{row},{},{}\n", batch.ticket(row), batch.text(row))).collect();
        let copy = |n: usize| {
            // The second copy is in the folder of the first.
            let folder = self.root.join(format!("{}-{}", batch.number, n / 2));
            fs::create_dir_all(&folder).expect("a folder");
            let name = format!("copy-{n}.csv");
            let mut file = File::create(folder.join(&name)).expect("a sheet");
            file.write_all(format!("Id,Ticket,Text\n{rows}").as_bytes()).expect("room for a sheet");
            Copy { folder, name }
        };
        (0..batch.copies).map(copy).collect()
    }

    /// Starts all copies at once and kills each at its own random moment, unless it has ended before.
    fn round(&mut self, batch: &Batch, copies: &[Copy], enough: u64) {
        let before = self.server.model().arrivals().len();
        let notes_before = self.notes(batch).len();
        let began = now();
        let mut running = Vec::new();
        for copy in copies {
            let child = self.start(batch, copy, batch.skip_known, &[]);
            // The moment is a number of arrivals or, in half of the runs, a time if that is first: so some
            // die before they post.
            let arrivals = before + self.rng.usize(0..12);
            let moment = if self.rng.bool() { Duration::from_micros(self.rng.u64(0..90_000)) } else { DEADLINE };
            running.push((child, arrivals, moment));
        }
        while !running.is_empty() {
            assert!(began.elapsed() < DEADLINE + DEADLINE, "seed {}: runs of {batch:?} hang", self.seed);
            let arrived = self.server.model().arrivals().len();
            let mut left = Vec::new();
            for (mut child, arrivals, moment) in running {
                if let Some(status) = child.try_wait().expect("a child") {
                    self.ended(status.code(), batch);
                } else if self.sums.kills < enough && (arrived > arrivals || began.elapsed() >= moment) {
                    child.kill().expect("a child");
                    match child.wait().expect("a child").code() {
                        None => {
                            self.sums.kills += 1;
                            self.sums.kills_before_a_note +=
                                u64::from(notes_before == 0 && self.notes(batch).is_empty());
                        }
                        code => self.ended(code, batch),
                    }
                } else {
                    left.push((child, arrivals, moment));
                }
            }
            running = left;
            rest();
        }
    }

    /// Records the exit code of a run that was not killed.
    fn ended(&mut self, code: Option<i32>, batch: &Batch) {
        // Finished, finished with rows in doubt, or refused because other runs have or had its rows.
        assert!(
            matches!(code, Some(0 | 4 | 2 | 75)),
            "seed {}: {code:?} in {}, {batch:?}",
            self.seed,
            self.root.display()
        );
        self.sums.refused += u64::from(matches!(code, Some(2 | 75)));
    }

    fn start(&mut self, batch: &Batch, copy: &Copy, skip_known: bool, more: &[&str]) -> Child {
        self.sums.runs += 1;
        let mut command = self.command(&copy.folder);
        command.args(["run", &copy.name, "--url", &self.server.url(), "--limit", &format!("{LIMIT}/1s")]);
        command.args(["--timeout", TIMEOUT, "--concurrency", "6"]);
        if batch.key {
            command.args(["--key", "Id"]);
        }
        if skip_known {
            command.args(["--known", "skip"]);
        }
        let log = OpenOptions::new().create(true).append(true).open(copy.folder.join(format!("{}.log", copy.name)));
        let log = log.expect("a log");
        command.args(more).stdout(Stdio::null()).stderr(log).spawn().expect("a process")
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(folder).env_clear().env("TMPDIR", folder).stdin(Stdio::null());
        command
            .env("XDG_STATE_HOME", self.root.join("state"))
            .env("BATCHPOST_SHARED_STATE_DIR", self.root.join("shared"));
        command.env("LSQ_ACCESS_KEY", "access").env("LSQ_SECRET_KEY", "secret");
        command
    }

    /// Runs each copy to its end.
    fn finish(&mut self, batch: &Batch, copies: &[Copy], context: &str) {
        for copy in copies {
            // Skip the others' rows, so that one of the copies posts what is left.
            let code = self.start(batch, copy, true, &[]).wait().expect("a child").code();
            assert!(matches!(code, Some(0 | 4)), "{context}: {} ended with {code:?}", copy.name);
        }
    }

    /// Compares the ledgers with the server, then settles the rows in doubt or sends them again.
    fn compare(&mut self, batch: &Batch, copies: &[Copy], context: &str) {
        let created = self.notes(batch);
        let states: Vec<BTreeMap<u64, String>> = copies.iter().map(|copy| self.states(copy)).collect();
        let mut in_doubt = Vec::new();
        for row in 1..=batch.rows {
            let times = created.get(&batch.text(row)).copied().unwrap_or(0);
            assert!(times <= 1, "{context}: row {row} was created {times} times");
            let is =
                |state: &str| states.iter().filter(|states| states.get(&row).is_some_and(|is| is == state)).count();
            let skipped = is("skipped");
            assert_eq!(is("posted") + is("in_doubt") + skipped, copies.len(), "{context}: row {row} has another state");
            assert!(skipped < copies.len(), "{context}: row {row} was skipped by all: lost");
            assert_eq!(is("posted") + is("in_doubt"), 1, "{context}: row {row} was sent by two ledgers");
            assert!(is("posted") == 0 || times == 1, "{context}: row {row} is called posted and was not created");
            if is("in_doubt") > 0 {
                in_doubt.push(row);
                self.sums.in_doubt_and_created += times as u64;
            }
        }
        assert_eq!(
            created.len() as u64 + self.absent(&created, batch, &in_doubt),
            batch.rows,
            "{context}: rows are lost"
        );
        self.sums.in_doubt += in_doubt.len() as u64;
        self.never_over(context);
        if self.rng.bool() {
            self.settle(copies, context);
        } else {
            self.send_again(batch, copies, &created, &in_doubt, context);
        }
        self.audit(copies, context);
    }

    fn absent(&self, created: &BTreeMap<String, usize>, batch: &Batch, in_doubt: &[u64]) -> u64 {
        in_doubt.iter().filter(|row| !created.contains_key(&batch.text(**row))).count() as u64
    }

    /// Settles the rows in doubt as posted.
    fn settle(&self, copies: &[Copy], context: &str) {
        for copy in copies {
            let ledger = copy.ledger();
            if !self.states(copy).values().any(|state| state == "in_doubt") {
                continue;
            }
            let args = ["settle", &ledger, "--state", "in_doubt", "--as", "posted"];
            let settled = self.command(&copy.folder).args(args).output().expect("a process");
            assert!(settled.status.success(), "{context}: {settled:?}");
            assert!(self.states(copy).values().all(|state| state != "in_doubt"), "{context}: {ledger} is not settled");
        }
    }

    fn send_again(
        &mut self,
        batch: &Batch,
        copies: &[Copy],
        created: &BTreeMap<String, usize>,
        in_doubt: &[u64],
        context: &str,
    ) {
        for copy in copies {
            let code = self.start(batch, copy, true, &["--in-doubt", "retry"]).wait().expect("a child").code();
            assert!(matches!(code, Some(0 | 4)), "{context}: {} ended with {code:?}", copy.name);
        }
        let after = self.notes(batch);
        for row in 1..=batch.rows {
            let (before, after) =
                [created, &after].map(|notes| notes.get(&batch.text(row)).copied().unwrap_or(0)).into();
            assert!(after == before || in_doubt.contains(&row) && after == before + 1, "{context}: row {row}, {after}");
            self.sums.sent_again_by_order += (after - before) as u64;
        }
        self.never_over(context);
    }

    fn never_over(&self, context: &str) {
        let report = self.server.model().report();
        let most = report.most_in_any_window;
        assert!(
            most <= LIMIT as usize && report.refused == 0,
            "{context}: {most} in a window, {} refused",
            report.refused
        );
    }

    /// Checks that the ledger is consistent and shows no run that exceeded the limit.
    fn audit(&self, copies: &[Copy], context: &str) {
        for copy in copies.iter().filter(|copy| copy.folder.join(copy.ledger()).exists()) {
            let output =
                self.command(&copy.folder).args(["audit", &copy.ledger(), "--json"]).output().expect("a process");
            let audit: Value = serde_json::from_slice(&output.stdout).expect("an audit");
            assert_eq!(audit["problems"], Value::Array(Vec::new()), "{context}: {}: {audit}", copy.name);
        }
    }

    /// The state of each row in a copy's ledger.
    fn states(&self, copy: &Copy) -> BTreeMap<u64, String> {
        let output = self.command(&copy.folder).args(["show", &copy.ledger(), "--json"]).output().expect("a process");
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = |line: &str| {
            let row: Value = serde_json::from_str(line).expect("a line of JSON");
            (row["row"].as_u64().expect("a row"), row["outcome"].as_str().unwrap_or_default().to_owned())
        };
        lines.lines().map(line).collect()
    }

    /// The number of times each note of the batch was created.
    fn notes(&self, batch: &Batch) -> BTreeMap<String, usize> {
        let mut created = BTreeMap::new();
        let of_batch = format!("batch {} ", batch.number);
        let model = self.server.model();
        let notes = model.notes().iter().filter(|note| note.text.starts_with(&of_batch));
        notes.for_each(|note| *created.entry(note.text.clone()).or_default() += 1);
        created
    }
}

impl Copy {
    fn ledger(&self) -> String {
        format!("{}.ledger.jsonl", self.name)
    }
}

impl Batch {
    fn ticket(&self, row: u64) -> u64 {
        // Every fifth row has the ticket of the row before it.
        1000 * (self.number + 1) + row - u64::from(row.is_multiple_of(5))
    }

    fn text(&self, row: u64) -> String {
        format!("batch {} row {row}", self.number)
    }
}

#[expect(clippy::disallowed_methods, reason = "processes are killed on the real clock")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "it looks at processes now and then")]
fn rest() {
    std::thread::sleep(Duration::from_micros(300));
}
