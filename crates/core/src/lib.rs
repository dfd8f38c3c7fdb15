//! Posts every row of a spreadsheet to a rate-limited API: never faster than the account may, never a row lost, never
//! a row twice by its own doing, and able to say afterwards what became of each.
//!
//! A run reads its [input], makes a [job] of each row, and lets the [engine] decide what is sent when; the [shell]
//! carries that out and tells the engine what came back. The [ledger] is written before anything is sent and holds
//! what became of every row, so that a run that was cut off anywhere is continued by the next.
//!
//! # Post a sheet
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use batchpost::input::{Format, Options};
//! use batchpost::leadsquared::{self, LeadSquared};
//! use batchpost::settings::Settings;
//! use batchpost::shell::{Access, Credentials, Http, HttpOptions, RunRequest, Prepared, Source, StateFolders, interrupts};
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
//! // All runs that use this folder keep the account's limit together.
//! run_request.state = StateFolders::named("/home/me/.local/state/batchpost");
//!
//! // Reads the whole sheet and sends nothing yet.
//! let prepared = Prepared::open(run_request, Access::Post)?;
//! println!("{:?} rows to send", prepared.to_send());
//!
//! let keys = [std::env::var("LSQ_ACCESS_KEY")?.into(), std::env::var("LSQ_SECRET_KEY")?.into()];
//! let keys = Credentials::new(&LeadSquared, &keys)?;
//! let http = Http::new(endpoint, keys, timeout, &HttpOptions::default())?;
//! let report = prepared.post(http, interrupts()?, &mut |_| ()).await?;
//! println!("{} posted, {} in doubt", report.counts.posted, report.counts.in_doubt);
//! # Ok(())
//! # }
//! ```
//!
//! Run again, it goes on after what the ledger has. A row that cannot be posted is no error but an
//! [outcome](outcome::Outcome); what stopped the run early is [in the report](shell::Report::stopped).
//!
//! # Watch it, and stop it
//!
//! [`Prepared::post`](shell::Prepared::post) tells its observer of all that happens, in the order in which it happens,
//! on the task that posts: an observer that takes long holds the run up, so one that prints or sends elsewhere passes on
//! what it is told. A [`Canceller`](shell::Canceller) ends the run from anywhere.
//!
//! ```no_run
//! use batchpost::engine::Notice;
//! use batchpost::outcome::Outcome;
//! use batchpost::shell::{Error, Http, Interrupts, Observation, Prepared, Report};
//!
//! /// Posts until the first row is in doubt, then lets what is in flight end and stops.
//! async fn post_carefully(prepared: Prepared, http: Http) -> Result<Report, Error> {
//!     let (canceller, interrupts) = Interrupts::by_hand();
//!     let (events, mut watched) = tokio::sync::mpsc::unbounded_channel();
//!     tokio::spawn(async move {
//!         while let Some(Notice::Settled { row, stands, .. }) = watched.recv().await {
//!             println!("row {row}: {stands}");
//!         }
//!     });
//!     prepared
//!         .post(http, interrupts, &mut |observation| match observation {
//!             Observation::Notice(settled @ Notice::Settled { stands, .. }) => {
//!                 if *stands == Outcome::InDoubt {
//!                     canceller.cancel();
//!                 }
//!                 events.send(settled.clone()).ok();
//!             }
//!             Observation::Progress(progress, elapsed) => {
//!                 println!("{elapsed:?}: {} posted, {:?}", progress.posted, progress.waiting);
//!             }
//!             _ => {}
//!         })
//!         .await
//! }
//! ```
//!
//! # Read a ledger afterwards
//!
//! A ledger is a file of JSON lines; [`look`](shell::look) folds it into what it knows of its batch, [`ledger::read`]
//! gives its records one by one, and [`audit`](shell::audit) proves from it that the limits held. None of them changes
//! or locks anything.
//!
//! ```
//! use std::path::Path;
//!
//! use batchpost::ledger::{Record, read};
//! use batchpost::shell::{LedgerFile, audit, look};
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
//! One value says all that there is to know of an API: an [`Api`](api::Api). This one posts comments to requests
//! of a service desk whose ids are keys like `HELP-12`:
//!
//! ```
//! use std::sync::Arc;
//!
//! use batchpost::job::{Identity, Job, Key, Position, Ticket, TicketError};
//! use batchpost::limit::Limit;
//! use batchpost::outcome::{Stop, Verdict};
//! use batchpost::settings::Settings;
//! use batchpost::api::{Context, FieldSpec, Fields, RequestTemplate, Judgement, Kind, Note, Api, basic_auth};
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
//!         // Below the endpoint, whatever the key is: a request names no host.
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
//!             // What may have been created or not: a person has to look.
//!             _ => Verdict::Unknown,
//!         };
//!         Judgement::new(verdict, reply, |body| {
//!             let body: serde_json::Value = serde_json::from_slice(body).ok()?;
//!             body["errorMessage"].as_str().map(str::to_owned)
//!         })
//!     }
//!
//!     fn limits(&self) -> Vec<Limit> {
//!         vec!["100/1m".parse().expect("it is written as limits are")]
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
//! With it in the place of LeadSquared, in the settings too, all that is above holds for the other API.
//! `examples/freshdesk` is such a target in full, run against a stand-in that keeps a limit and fails now and then.
//!
//! # Where things are
//!
//! This crate reads inputs into notes ([input], [reading]), runs and maintains batches ([shell]), and makes data of ledgers
//! ([report]) and machines ([doctor]). What decides about rows and attempts, and all that it works on, is the crate
//! `batchpost-engine`, whose modules are re-exported here; [leadsquared] is of `batchpost-apis`.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod doctor;
pub mod export;
pub mod input;
pub mod reading;
pub mod report;
pub mod shell;

pub use batchpost_apis::leadsquared;
pub use batchpost_engine::{
    api, budget, driver, engine, fields, job, known, ledger, limit, limiter, outcome, planning, retry, schedule,
    settings, storage, transport,
};
