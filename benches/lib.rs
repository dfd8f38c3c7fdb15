//! Shared code of the benches: rows and their jobs, replies, a run request, and a fixed time.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use batchpost::api::RequestTemplate;
use batchpost::batch::{RunRequest, Source};
use batchpost::engine::{Now, PendingJob};
use batchpost::input::{Format, Options};
use batchpost::job::{Identity, Job, KEY_SCHEME, Key, Position, Ticket};
use batchpost::leadsquared::LeadSquared;
use batchpost::ledger::{self, AttemptEnd, Header, Intent, LedgerId, Record, VERSION};
use batchpost::outcome::{Outcome, VerdictWord};
use batchpost::runtime::LedgerFile;
use batchpost::settings::Settings;
use batchpost::storage::Directory;
use batchpost::transport::{Failure, Reply, Request, Transport};
use jiff::Timestamp;

/// The account URL of all jobs.
pub const TARGET: &str = "https://example.test/";

/// A moment of a run.
pub fn now(elapsed: Duration) -> Now {
    Now { elapsed, wall: Timestamp::UNIX_EPOCH }
}

/// The ticket of a row, different for each row.
pub fn ticket(row: u64) -> Ticket {
    Ticket::try_from(100_000 + row).expect("a positive number")
}

/// The text of a row, as long as typical helpdesk comments.
pub fn text(row: u64) -> String {
    format!("note {row}: {}", "called back, all well. ".repeat(8).trim_end())
}

/// The job of a row.
pub fn pending_job(row: u64) -> PendingJob {
    let (ticket, text) = (ticket(row), text(row));
    let key = Key::of_job(&Identity::of(TARGET), &ticket, &text);
    let position = Position { record: row, line: row + 1, byte: row * 200 };
    PendingJob { job: Job::new(position, key, ticket, text), outcome: Outcome::Pending, attempts: 0 }
}

/// Writes an export of `rows` rows of about 200 bytes as CSV.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write_csv(out: &mut impl Write, rows: u64) -> io::Result<()> {
    out.write_all(b"Ticket ID,Subject,Comment\r\n")?;
    (1..=rows).try_for_each(|row| write!(out, "{},Line down,\"{}\"\r\n", ticket(row), text(row)))
}

/// Returns an export as CSV.
pub fn csv(rows: u64) -> Vec<u8> {
    let mut csv = Vec::new();
    write_csv(&mut csv, rows).expect("memory takes writes");
    csv
}

/// The documented reply for a created note.
pub fn created(ticket: &Ticket) -> Reply {
    let body = format!(
        r#"{{"Message":"Activity Created","RelatedTicketId":"{ticket}","RelatedOrgId":"22824","RelatedChannelMonitoringRequestId":0}}"#
    );
    Reply::new(200, body)
}

/// The ticket in a request's body.
pub fn requested(body: &[u8]) -> Ticket {
    const NAME: &str = r#""RelatedTicketId":"#;
    let body = std::str::from_utf8(body).expect("JSON is UTF-8");
    let (_, rest) = body.rsplit_once(NAME).expect("a note names its ticket");
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    Ticket::number(digits).expect("a ticket is a number")
}

/// A transport that creates every note at once.
#[derive(Debug, Clone, Copy)]
pub struct Echo;

impl Transport for Echo {
    async fn send(&self, request: Request) -> Result<Reply, Failure> {
        Ok(created(&requested(&request.body)))
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// The template of all requests.
pub fn request_template() -> RequestTemplate {
    RequestTemplate::new(Arc::new(LeadSquared), &[], false).expect("the documented fields")
}

/// A run without a limit.
pub fn run_request(input: &Path, ledger: &Path, first: Option<u64>) -> RunRequest {
    let settings = Settings { limits: Vec::new(), concurrency: Some(256), ..Settings::of(&LeadSquared) };
    let (source, options) = (Source::File(input.to_owned()), Options::new(Format::Csv));
    let mut run_request =
        RunRequest::for_account(Arc::new(LeadSquared), TARGET, settings, ledger.to_owned(), source, options)
            .expect("the documented fields, at any hour");
    run_request.policy.first = first;
    run_request
}

/// A folder for one ledger.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// Creates a folder with a ledger that has no job records yet.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn with_ledger() -> io::Result<Self> {
        let mut folder = Self(tempfile::tempdir()?);
        let header = Header {
            version: VERSION,
            id: LedgerId(7),
            key_scheme: KEY_SCHEME,
            tool: "bench".to_owned(),
            api: None,
            target: TARGET.to_owned(),
            wall: Timestamp::UNIX_EPOCH,
        };
        ledger::begin(&mut folder, &header)?;
        Ok(folder)
    }

    /// The ledger's path.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("ledger.jsonl")
    }

    fn unfinished(&self) -> PathBuf {
        self.0.path().join("unfinished")
    }
}

impl Directory for Folder {
    type File = LedgerFile;

    fn open(&mut self) -> io::Result<Option<LedgerFile>> {
        LedgerFile::open(&self.path()).map(Some)
    }

    fn create_unfinished(&mut self) -> io::Result<LedgerFile> {
        File::create(self.unfinished())?;
        LedgerFile::open(&self.unfinished())
    }

    fn rename_finished(&mut self) -> io::Result<()> {
        std::fs::rename(self.unfinished(), self.path())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The intent and the outcome of the post of a row.
pub fn records(row: u64) -> [Record; 2] {
    let Job { key, ticket, .. } = pending_job(row).job;
    let (attempt, at_us, wall) = (1, row * 40, Timestamp::from_millisecond(1_795_000_000_123).expect("a moment"));
    let intent = Intent { row, key, content: None, ticket: ticket.clone(), attempt, at_us, wall };
    let (verdict, outcome) = (VerdictWord::Posted, Outcome::Posted);
    let outcome =
        AttemptEnd { row, key, ticket, attempt, at_us, wall, verdict, outcome, status: Some(200), reply: None };
    [Record::Intent(intent), Record::Outcome(outcome)]
}
