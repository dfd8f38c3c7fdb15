//! The real binary, in its own folder and environment, and a real server to post to.

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

/// Only a hanging test takes this long.
const DEADLINE: Duration = Duration::from_secs(300);

/// A server with a high limit that replies at once.
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
    // Before its runtime, because fields are dropped in order.
    server: Server,
    _runtime: Runtime,
}

impl Api {
    pub(crate) fn start(settings: Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings)).unwrap();
        Self { server, _runtime: runtime }
    }

    /// A quick API with these faults.
    pub(crate) fn failing(faults: &[&str]) -> Self {
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        Self::start(Settings { faults, ..quick() })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The number of requests counted so far.
    pub(crate) fn arrivals(&self) -> usize {
        self.server.model().arrivals().len()
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        self.server.model().notes().to_vec()
    }

    /// The texts of the notes, sorted.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.notes().into_iter().map(|note| note.text).collect();
        texts.sort();
        texts
    }

    pub(crate) fn report(&self) -> Report {
        self.server.model().report()
    }
}

/// The URL of a port on this machine on which nothing listens, also not later while these tests run.
pub(crate) fn closed_port_url() -> String {
    // Bound, but never listened on. A listener that was closed would be open in any process that is just
    // being started, and its port would be free for another test's server.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    format!("http://{address}/api/tenants/1/internalnote/upload")
}

/// A working folder that is removed after the test, and beside it a state folder.
pub(crate) struct Folder(TempDir, TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
    }

    /// A folder with `rows` rows in `notes.csv`: row 7 has the text `note 007` and the ticket 1007.
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

    /// Writes a file that only its owner may read.
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

    /// The records of a ledger.
    pub(crate) fn ledger(&self, name: impl AsRef<Path>) -> Vec<Value> {
        self.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The binary in this folder, with this environment and nothing else, and nothing on standard input.
    pub(crate) fn batchpost<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_batchpost"));
        command.args(arguments);
        self.isolated(command)
    }

    /// The default state home.
    #[cfg(unix)]
    pub(crate) fn state_home(&self) -> &Path {
        self.1.path()
    }

    /// `command` in this folder, with this environment and nothing else, and nothing on standard input.
    pub(crate) fn isolated(&self, mut command: Command) -> Command {
        command.current_dir(self.0.path()).env_clear().env("TMPDIR", self.0.path());
        command.env("XDG_STATE_HOME", self.1.path());
        // Tests must not use this machine's shared state folder.
        command.env("BATCHPOST_SHARED_STATE_DIR", self.1.path().join("shared"));
        command.env("LSQ_ACCESS_KEY", "access").env("LSQ_SECRET_KEY", "secret").stdin(Stdio::null());
        command
    }

    /// Runs `command` through a shell line in which `$0` is its program and `$@` its arguments.
    #[cfg(target_os = "linux")]
    pub(crate) fn in_shell(&self, line: &str, command: &Command) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line]).arg(command.get_program()).args(command.get_args());
        self.isolated(shell)
    }

    /// Runs the binary with these arguments to its end.
    #[track_caller]
    pub(crate) fn call<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Ran {
        ended(&mut self.batchpost(arguments))
    }

    /// The exit code with these arguments if the reader of the output is gone.
    pub(crate) fn unheard(&self, arguments: &[&str]) -> Option<i32> {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        self.batchpost(arguments).stdout(writer).stderr(Stdio::null()).status().unwrap().code()
    }

    /// The names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// `run notes.csv` to `url`, with the limit of quick servers unless `more` has another.
    pub(crate) fn run_command(&self, url: &str, more: &[&str]) -> Command {
        let mut arguments = vec!["run", "notes.csv", "--url", url];
        if !more.contains(&"--limit") {
            arguments.extend(["--limit", LIMIT]);
        }
        arguments.extend(more);
        self.batchpost(&arguments)
    }

    /// Runs it to its end, with the result as JSON.
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

/// The texts of the first `rows` rows, each once, sorted.
pub(crate) fn texts(rows: u64) -> Vec<String> {
    (1..=rows).map(text).collect()
}

/// The records of one kind, in order.
pub(crate) fn records<'a>(ledger: &'a [Value], kind: &str) -> Vec<&'a Value> {
    ledger.iter().filter_map(|line| line.get(kind)).collect()
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Parses the only JSON object on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in\n{}\nstderr:\n{}", self.stdout, self.stderr));
        assert!(value.is_object(), "{value}");
        value
    }

    /// Asserts that all of these words are on standard error.
    #[track_caller]
    pub(crate) fn saying(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not said in:\n{}", self.stderr);
        }
        self
    }
}

/// Runs the command to its end and asserts that its counts equal those of its ledger.
#[track_caller]
pub(crate) fn ended(command: &mut Command) -> Ran {
    let ran = Running::start(command).ended();
    assert_sums_are_the_ledgers(command.get_current_dir(), &ran);
    ran
}

/// Checks runs with `--json`, except those whose ledger failed.
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

/// A running process, killed on drop.
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

    /// Starts the command with this on standard input.
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

    /// The standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// The standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Sends `HUP`, `INT`, `TERM` or `KILL`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(status.success(), "kill {status}");
    }

    /// Sends several signals without a pause.
    #[cfg(unix)]
    pub(crate) fn signals(&self, names: &[&str]) {
        let each: Vec<String> = names.iter().map(|name| format!("kill -{name} {}", self.id())).collect();
        let status = Command::new("/bin/sh").args(["-c", &each.join("; ")]).status().unwrap();
        assert!(status.success(), "kill {status}");
    }

    /// Waits until the process ends.
    #[track_caller]
    pub(crate) fn ended(self) -> Ran {
        self.ended_within(DEADLINE)
    }

    /// Waits until the process ends, at most for this time.
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

    /// Kills the process, as a crash would.
    pub(crate) fn killed(mut self) -> Ran {
        self.child.kill().unwrap();
        self.ended()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ignore errors: the process may be gone, and a failing test reports its own cause.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The content of a pipe, read by a thread so that the writer never blocks.
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

/// Waits until `condition` is true; fails after the deadline.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "waited in vain until {what}");
        rest();
    }
}

/// The time passed, for random moments given as times.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits between two actions on a process if there is no condition to wait for.
pub(crate) fn pause(time: Duration) {
    let began = now();
    while let Some(left) = time.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

/// Yields the processor to the process; only the condition decides how long to wait.
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
