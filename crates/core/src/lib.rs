//! Posts every row of a spreadsheet to a rate-limited API. The account's limit is never exceeded, no row is lost or
//! posted twice by the tool's own doing, and the outcome of every row is on record.
//!
//! A run reads its [input] and turns each row into a [job]. The [engine] decides which job is sent and when. The
//! [batch] carries out these decisions and reports the replies to the engine. The [ledger] records every attempt before
//! it is sent, and its outcome afterwards, so the next run can continue after an interruption at any point.
//!
//! # Post a sheet
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use batchpost::input::{Format, Options};
//! use batchpost::leadsquared::{self, LeadSquared};
//! use batchpost::settings::Settings;
//! use batchpost::runtime::{Credentials, Http, HttpOptions, StateFolders, interrupts};
//! use batchpost::batch::{ReadyRun, RunRequest, Source};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = leadsquared::endpoint("apigw.example.com", "12345")?;
//! let settings = Settings::of(&LeadSquared);
//! let timeout = settings.timeout;
//! let options = Options {
//!     columns: vec!["ticket=Ticket ID".parse()?, "text=Comment".parse()?],
//!     ..Options::new(Format::Csv)
//! };
//! let (sheet, ledger) = (Source::File("notes.csv".into()), "notes.csv.ledger.jsonl".into());
//! let mut run_request = RunRequest::new(Arc::new(LeadSquared), &endpoint, settings, ledger, sheet, options)?;
//! // All runs that use this folder share the account's limit.
//! run_request.state = StateFolders::named("/home/me/.local/state/batchpost");
//!
//! // Reads the whole sheet. Nothing is sent yet.
//! let run = ReadyRun::open(run_request)?;
//! println!("{:?} rows to send", run.to_send());
//!
//! let keys = [std::env::var("LSQ_ACCESS_KEY")?.into(), std::env::var("LSQ_SECRET_KEY")?.into()];
//! let keys = Credentials::new(&LeadSquared, &keys)?;
//! let http = Http::new(endpoint, keys, timeout, &HttpOptions::default())?;
//! let report = run.post(http, interrupts()?, &mut |_| ()).await?;
//! println!("{} posted, {} in doubt", report.counts.posted, report.counts.in_doubt);
//! # Ok(())
//! # }
//! ```
//!
//! A second run with the same ledger continues where the first one stopped. A row that cannot be posted is not an error
//! but has an [outcome](outcome::Outcome). If a run stops early, [the report](batch::RunReport::stopped) contains the
//! reason.
//!
//! # Observe and cancel a run
//!
//! [`ReadyRun::post`](batch::ReadyRun::post) calls its observer for every event, in order, on the task that posts. A
//! slow observer delays the run, so an observer that prints or sends should pass the events on to another task. A
//! [`Canceller`](runtime::Canceller) ends the run from anywhere.
//!
//! ```no_run
//! use batchpost::engine::Notice;
//! use batchpost::outcome::Outcome;
//! use batchpost::batch::{Error, Observation, ReadyRun, RunReport};
//! use batchpost::runtime::{Http, Interrupts};
//!
//! /// Posts until a row is in doubt, then awaits the requests in flight and stops.
//! async fn post_carefully(run: ReadyRun, http: Http) -> Result<RunReport, Error> {
//!     let (canceller, interrupts) = Interrupts::by_hand();
//!     let (events, mut watched) = tokio::sync::mpsc::unbounded_channel();
//!     tokio::spawn(async move {
//!         while let Some(Notice::Settled { row, outcome, .. }) = watched.recv().await {
//!             println!("row {row}: {outcome}");
//!         }
//!     });
//!     run.post(http, interrupts, &mut |observation| match observation {
//!         Observation::Notice(settled @ Notice::Settled { outcome, .. }) => {
//!             if *outcome == Outcome::InDoubt {
//!                 canceller.cancel();
//!             }
//!             events.send(settled.clone()).ok();
//!         }
//!         Observation::Progress(progress, elapsed) => {
//!             println!("{elapsed:?}: {} posted, {:?}", progress.posted, progress.waiting);
//!         }
//!         _ => {}
//!     })
//!     .await
//! }
//! ```
//!
//! # Read a ledger
//!
//! A ledger is a file of JSON lines. [`look`](batch::look) folds it into the state of its batch, [`ledger::read`]
//! returns its records one by one, and [`audit`](batch::audit) verifies that the limits were kept. None of these
//! functions changes or locks the ledger.
//!
//! ```
//! use std::path::Path;
//!
//! use batchpost::ledger::{Record, read};
//! use batchpost::runtime::{LedgerFile};
//! use batchpost::batch::{audit, look};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ledgers/v1.jsonl"));
//! let (batch, _) = look(path)?;
//! assert_eq!((batch.counts().posted, batch.counts().rejected), (3, 1));
//!
//! let mut answers = Vec::new();
//! read(&LedgerFile::open_to_read(path)?, &mut |entry| {
//!     if let Record::Outcome(end) = entry.record {
//!         answers.push((end.row, end.verdict));
//!     }
//! })?;
//! assert_eq!(answers.len() as u64, batch.attempts);
//! assert!(audit(path)?.holds());
//! # Ok(())
//! # }
//! ```
//!
//! # Post to another API
//!
//! A type that implements [`Api`](api::Api) describes everything the engine needs to know about an API. This one posts
//! comments to the requests of a service desk, whose ids are keys such as `HELP-12`:
//!
//! ```
//! use std::sync::Arc;
//!
//! use batchpost::job::{Identity, Job, Key, Position, Ticket, TicketError};
//! use batchpost::limit::Limit;
//! use batchpost::outcome::{Stop, Verdict};
//! use batchpost::settings::Settings;
//! use batchpost::api::{Api, Context, FieldSpec, Fields, Judgement, Kind, Note, RequestTemplate, basic_auth};
//! use batchpost::transport::{Reply, Request};
//! use http::HeaderName;
//! use serde_json::json;
//!
//! #[derive(Debug)]
//! struct ServiceDesk;
//!
//! impl Api for ServiceDesk {
//!     fn name(&self) -> &'static str {
//!         "service-desk"
//!     }
//!
//!     fn fields(&self) -> Fields {
//!         let public = FieldSpec::new("public", Kind::Flag).required().usually(false);
//!         Fields::new(FieldSpec::new("issueKey", Kind::Text), "body").with(public)
//!     }
//!
//!     fn ticket(&self, text: &str) -> Result<Ticket, TicketError> {
//!         let wanted = || TicketError::not_like("a key like HELP-12", text);
//!         let (project, number) = text.trim().split_once('-').ok_or_else(wanted)?;
//!         let is_key = project.bytes().all(|b| b.is_ascii_uppercase()) && number.parse::<u32>().is_ok();
//!         if is_key { Ticket::text(text) } else { Err(wanted()) }
//!     }
//!
//!     fn request(&self, note: &Note<'_>) -> Request {
//!         let mut body = json!({ "body": note.text() });
//!         for (name, value) in note.settings() {
//!             body[name] = value.clone();
//!         }
//!         let key = note.job().ticket.to_string();
//!         // The path is below the endpoint, whatever the key is: a request names no host.
//!         Request::post(body.to_string()).at(["rest", "servicedeskapi", "request", &key, "comment"])
//!     }
//!
//!     fn judge(&self, reply: &Reply, _: &Job, context: Context) -> Judgement {
//!         let retry_after = reply.retry_after(context.wall);
//!         let verdict = match reply.status {
//!             201 => Verdict::Posted,
//!             429 => Verdict::Limited { retry_after, named: None },
//!             401 => Verdict::SetupFault(Stop::Credentials),
//!             404 if !context.posted_before => Verdict::SetupFault(Stop::Endpoint),
//!             404 => Verdict::Rejected { suspicious: true },
//!             400 => Verdict::Rejected { suspicious: false },
//!             // It is unknown whether the comment was created: a person has to check.
//!             _ => Verdict::Unknown,
//!         };
//!         Judgement::new(verdict, reply, |body| {
//!             let body: serde_json::Value = serde_json::from_slice(body).ok()?;
//!             body["errorMessage"].as_str().map(str::to_owned)
//!         })
//!     }
//!
//!     fn limits(&self) -> Vec<Limit> {
//!         vec!["100/1m".parse().expect("a valid limit")]
//!     }
//!
//!     fn credentials(&self) -> &'static [&'static str] {
//!         &["user", "token"]
//!     }
//!
//!     fn authorize(&self, secrets: &[&str]) -> Vec<(HeaderName, String)> {
//!         vec![(http::header::AUTHORIZATION, basic_auth(secrets[0], secrets[1]))]
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! assert!(ServiceDesk.ticket("12").is_err());
//! let ticket = ServiceDesk.ticket(" HELP-12")?;
//! let request_template = RequestTemplate::new(Arc::new(ServiceDesk), &["public:=true".parse()?], false)?;
//! let position = Position { record: 1, line: 2, byte: 20 };
//! let key = Key::of_job(&request_template.identity("https://desk.example/"), &ticket, "All well.");
//! let job = Job::new(position, key, ticket, "All well.".to_owned());
//! assert_eq!(request_template.request(&job).body, r#"{"body":"All well.","public":true}"#);
//!
//! let context = Context::at(jiff::Timestamp::UNIX_EPOCH);
//! let said = ServiceDesk.judge(&Reply::new(400, r#"{"errorMessage":"no such request"}"#), &job, context);
//! assert_eq!(*said.verdict(), Verdict::Rejected { suspicious: false });
//! assert_eq!(said.reply(), "400 no such request");
//!
//! assert_eq!(Settings::of(&ServiceDesk).limits, ServiceDesk.limits());
//! # Ok(())
//! # }
//! ```
//!
//! Use this value instead of `LeadSquared`, in the settings too, and the examples above work with the other API.
//! `examples/freshdesk` is a complete API of this kind, run against a stand-in server that enforces a limit and
//! sometimes fails.
//!
//! # Modules
//!
//! This crate reads inputs into notes ([input], [reading]), runs and maintains batches ([batch], on the [runtime]), derives reports from
//! ledgers ([report]), and diagnoses machines ([doctor]). The crate `batchpost-engine` decides about rows and attempts
//! and defines the types for it; its modules are re-exported here. [leadsquared] is part of `batchpost-apis`.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod batch;
pub mod doctor;
pub mod export;
pub mod input;
pub mod probes;
pub mod reading;
pub mod report;
pub mod runtime;

pub use batchpost_apis::leadsquared;
pub use batchpost_engine::{
    api, budget, driver, engine, fields, job, known, ledger, limit, limiter, outcome, planning, retry, schedule,
    settings, storage, transport,
};
