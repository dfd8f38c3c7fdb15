//! The real binary, in a folder and an environment of its own, and a real server to post to.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use batchpost_sandbox::{Note, Report, Server, Settings};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

/// The limit of the quick servers, as an option's value.
pub(crate) const LIMIT: &str = "500/1s";

/// Nothing here takes so long unless it hangs.
const DEADLINE: Duration = Duration::from_secs(300);

/// A server with a limit that is not reached soon, that answers at once.
pub(crate) fn quick() -> Settings {
    Settings {
        limit: Some(500),
        window: Duration::from_secs(1),
        latency: Duration::ZERO..=Duration::from_millis(5),
        ..Settings::default()
    }
}

/// The API, in this process.
pub(crate) struct Api {
    // Before the runtime that it runs on, for fields are dropped in order.
    server: Server,
    _runtime: Runtime,
}

impl Api {
    pub(crate) fn start(settings: Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings)).unwrap();
        Self { server, _runtime: runtime }
    }

    /// A quick one that fails like this.
    pub(crate) fn failing(faults: &[&str]) -> Self {
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        Self::start(Settings { faults, ..quick() })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Requests that were counted so far.
    pub(crate) fn arrivals(&self) -> usize {
        self.server.model().arrivals().len()
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        self.server.model().notes().to_vec()
    }

    /// The texts of the notes, in the order of the alphabet.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.notes().into_iter().map(|note| note.text).collect();
        texts.sort();
        texts
    }

    pub(crate) fn report(&self) -> Report {
        self.server.model().report()
    }
}

/// A port of this machine on which nobody listens, nor will while these tests run.
pub(crate) fn closed_port_url() -> String {
    // Bound and never listened on. A listener that was closed would be open in any process that is just being started,
    // and its port free for another test's server.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    format!("http://{address}/api/tenants/1/internalnote/upload")
}

/// A working folder that ends with the test, and beside it one for what runs leave for each other.
pub(crate) struct Folder(TempDir, TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
    }

    /// One with `rows` rows in `notes.csv`: row 7 is the text `note 007` under ticket 1007.
    pub(crate) fn with_rows(rows: u64) -> Self {
        let folder = Self::new();
        folder.write("notes.csv", sheet(1..=rows));
        folder
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        File::create(self.path(name)).unwrap().write_all(content.as_ref()).unwrap();
    }

    /// A file that only its owner may read.
    pub(crate) fn secret(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write(name, content);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    pub(crate) fn read(&self, name: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The lines of a ledger.
    pub(crate) fn ledger(&self, name: impl AsRef<Path>) -> Vec<Value> {
        self.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The binary with this environment and nothing else, in this folder, with nothing on standard input.
    pub(crate) fn batchpost<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_batchpost"));
        command.args(arguments);
        self.isolated(command)
    }

    /// What runs leave for each other is under it, by default.
    #[cfg(unix)]
    pub(crate) fn state_home(&self) -> &Path {
        self.1.path()
    }

    /// `command` with this environment and nothing else, in this folder, with nothing on standard input.
    pub(crate) fn isolated(&self, mut command: Command) -> Command {
        command.current_dir(self.0.path()).env_clear().env("TMPDIR", self.0.path());
        command.env("XDG_STATE_HOME", self.1.path());
        // What users of this machine share is not for tests.
        command.env("BATCHPOST_SHARED_STATE_DIR", self.1.path().join("shared"));
        command.env("LSQ_ACCESS_KEY", "access").env("LSQ_SECRET_KEY", "secret").stdin(Stdio::null());
        command
    }

    /// `command`, carried out by a line of shell that has its program as `$0` and its arguments as `$@`.
    #[cfg(target_os = "linux")]
    pub(crate) fn in_shell(&self, line: &str, command: &Command) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line]).arg(command.get_program()).args(command.get_args());
        self.isolated(shell)
    }

    /// The binary with these arguments, to its end.
    #[track_caller]
    pub(crate) fn call<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Ran {
        ended(&mut self.batchpost(arguments))
    }

    /// How the binary ends with these arguments when nobody reads what it prints.
    pub(crate) fn unheard(&self, arguments: &[&str]) -> Option<i32> {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        self.batchpost(arguments).stdout(writer).stderr(Stdio::null()).status().unwrap().code()
    }

    /// The names of all that is in it, in the order of the alphabet.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// `run notes.csv` against `url`, with the quick servers' limit unless `more` says another.
    pub(crate) fn run_command(&self, url: &str, more: &[&str]) -> Command {
        let mut arguments = vec!["run", "notes.csv", "--url", url];
        if !more.contains(&"--limit") {
            arguments.extend(["--limit", LIMIT]);
        }
        arguments.extend(more);
        self.batchpost(&arguments)
    }

    /// The same to its end, with the result as JSON.
    pub(crate) fn run(&self, api: &Api, more: &[&str]) -> Ran {
        let mut command = self.run_command(&api.url(), more);
        ended(command.arg("--json"))
    }
}

/// A CSV with these rows.
pub(crate) fn sheet(rows: impl IntoIterator<Item = u64>) -> String {
    let rows: String = rows.into_iter().map(|row| format!("{},{}\n", 1000 + row, text(row))).collect();
    format!("Ticket ID,Comment\n{rows}")
}

/// The text of row `row` in such a CSV.
pub(crate) fn text(row: u64) -> String {
    format!("note {row:03}")
}

/// The texts of the first `rows` rows, each once, in the order of the alphabet.
pub(crate) fn texts(rows: u64) -> Vec<String> {
    (1..=rows).map(text).collect()
}

/// The records of one kind, in order.
pub(crate) fn records<'a>(ledger: &'a [Value], kind: &str) -> Vec<&'a Value> {
    ledger.iter().filter_map(|line| line.get(kind)).collect()
}

/// A process that ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// None where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Itself, having ended with this code.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The one JSON object on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in\n{}\nstderr:\n{}", self.stdout, self.stderr));
        assert!(value.is_object(), "{value}");
        value
    }

    /// Itself, with every one of these on standard error.
    #[track_caller]
    pub(crate) fn saying(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not said in:\n{}", self.stderr);
        }
        self
    }
}

/// Runs it to its end. What a run then counts must be what its ledger says.
#[track_caller]
pub(crate) fn ended(command: &mut Command) -> Ran {
    let ran = Running::start(command).ended();
    assert_sums_are_the_ledgers(command.get_current_dir(), &ran);
    ran
}

/// Of a run with `--json`, unless its ledger failed under it.
#[track_caller]
fn assert_sums_are_the_ledgers(folder: Option<&Path>, ran: &Ran) {
    const SUMS: [&str; 13] = [
        "rows",
        "posted",
        "rejected",
        "failed",
        "in_doubt",
        "pending",
        "invalid",
        "held",
        "skipped",
        "vanished",
        "vanished_in_doubt",
        "attempts",
        "limited",
    ];
    let Ok(run) = serde_json::from_str::<Value>(&ran.stdout) else { return };
    if run.get("posted_now").is_none() || run["stopped"] == "ledger" {
        return;
    }
    let mut status = Command::new(env!("CARGO_BIN_EXE_batchpost"));
    status.args(["status", run["ledger"].as_str().unwrap(), "--json"]).env_clear().stdin(Stdio::null());
    status.current_dir(folder.unwrap_or(Path::new(".")));
    let status: Value = serde_json::from_slice(&status.output().unwrap().stdout).unwrap();
    for sum in SUMS {
        assert_eq!(run[sum], status[sum], "{sum}: the run has {run}, its ledger {status}");
    }
}

/// A process under way. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Heard,
    stderr: Heard,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Heard::listen(child.stdout.take().unwrap());
        let stderr = Heard::listen(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// The same, given this on standard input.
    pub(crate) fn start_fed(command: &mut Command, input: &str) -> Self {
        let mut running = Self::start(command.stdin(Stdio::piped()));
        running.child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        running
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// What it has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Sends `HUP`, `INT`, `TERM` or `KILL`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(status.success(), "kill {status}");
    }

    /// Sends several, with nothing between them.
    #[cfg(unix)]
    pub(crate) fn signals(&self, names: &[&str]) {
        let each: Vec<String> = names.iter().map(|name| format!("kill -{name} {}", self.id())).collect();
        let status = Command::new("/bin/sh").args(["-c", &each.join("; ")]).status().unwrap();
        assert!(status.success(), "kill {status}");
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn ended(self) -> Ran {
        self.ended_within(DEADLINE)
    }

    /// The same, but not for longer than this.
    #[track_caller]
    pub(crate) fn ended_within(mut self, deadline: Duration) -> Ran {
        let began = now();
        while !self.is_over() {
            assert!(began.elapsed() < deadline, "it goes on for longer than {deadline:?}; stderr:\n{}", self.stderr());
            rest();
        }
        let code = self.child.wait().unwrap().code();
        Ran { code, stdout: self.stdout.whole(), stderr: self.stderr.whole() }
    }

    /// Ends it as a crash would.
    pub(crate) fn killed(mut self) -> Ran {
        self.child.kill().unwrap();
        self.ended()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already, and a test that fails has its own story to tell.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What comes out of a pipe, read by a thread so that the writer never waits.
#[derive(Debug)]
struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Heard {
    fn listen(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
}

/// Comes back when `condition` holds, and fails when it does not come to hold.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "waited in vain until {what}");
        rest();
    }
}

/// What has passed, for moments that are drawn in time.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Lets time pass between two things that a test does to a process, for which no condition can be waited for.
pub(crate) fn pause(time: Duration) {
    let began = now();
    while let Some(left) = time.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

/// Leaves the processor to the process that is waited for; the condition alone decides how long.
fn rest() {
    thread::park_timeout(Duration::from_millis(1));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test that hangs must come to an end, and a real process is killed at a real moment"
)]
fn now() -> Instant {
    Instant::now()
}
