//! Posts every row of a spreadsheet to a rate-limited API: never faster than the account may, never a row lost, never
//! a row twice by its own doing, and able to say afterwards what became of each.
//!
//! A run reads its [input], makes a [job] of each row, and lets the [engine] decide what is sent when; the [shell]
//! carries that out and tells the engine what came back. The [ledger] is written before anything is sent and holds
//! what became of every row, so that a run that was cut off anywhere is continued by the next.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use batchpost::input::{Format, Options};
//! use batchpost::leadsquared::{self, LeadSquared};
//! use batchpost::plan::Openings;
//! use batchpost::reading::{Ask, Named};
//! use batchpost::settings::Settings;
//! use batchpost::shell::{Access, Credentials, Http, HttpOptions, Order, Prepared, Source, caller, interrupts};
//! use batchpost::target::Form;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = leadsquared::endpoint("apigw.example.com", "12345")?;
//! let settings = Settings::default();
//! let form = Form::new(Arc::new(LeadSquared), &settings.fields, settings.marker)?;
//! let order = Order {
//!     source: Source::File("notes.csv".into()),
//!     options: Options {
//!         columns: vec!["ticket=Ticket ID".parse()?, "text=Comment".parse()?],
//!         ..Options::new(Format::Csv)
//!     },
//!     ledger: "notes.csv.ledger.jsonl".into(),
//!     ask: Ask { identity: form.identity(endpoint.as_str()), ..Ask::default() },
//!     form,
//!     openings: Openings::always(),
//!     settings: settings.clone(),
//!     tool: "example 1.0".to_owned(),
//!     caller: Some(caller()),
//!     named: Named { notes: 20, jobs: 3 },
//!     history: None,
//!     state: Some("/home/me/.local/state/batchpost".into()),
//! };
//! let prepared = Prepared::open(order, Access::Post)?;
//! let keys = [std::env::var("LSQ_ACCESS_KEY")?.into(), std::env::var("LSQ_SECRET_KEY")?.into()];
//! let keys = Credentials::new(&LeadSquared, &keys)?;
//! let http = Http::new(endpoint, keys, settings.timeout, &HttpOptions::default())?;
//! let report = prepared.post(http, interrupts()?, &mut |_| ()).await?;
//! println!("{} posted, {} in doubt", report.counts.posted, report.counts.in_doubt);
//! # Ok(())
//! # }
//! ```
//!
//! # Floors
//!
//! A file imports from its own floor or a lower one:
//!
//! 1. values and arithmetic on them, no I/O and no clock: [job], [outcome], [limit], [plan], [settings], [fields],
//!    [export];
//! 2. seams to the outside: [storage], [transport], [budget];
//! 3. the seam to an API: [target];
//! 4. the API that comes with the crate: [leadsquared];
//! 5. mechanisms, with `now` and the random generator as arguments: [input], [limiter], [retry], [ledger], [engine],
//!    [reading], [report];
//! 6. the [shell], the only place that names tokio, files and sockets.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod budget;
pub mod engine;
pub mod export;
pub mod fields;
pub mod input;
pub mod job;
pub mod leadsquared;
pub mod ledger;
pub mod limit;
pub mod limiter;
pub mod outcome;
pub mod plan;
pub mod reading;
pub mod report;
pub mod retry;
pub mod settings;
pub mod shell;
pub mod storage;
pub mod target;
pub mod transport;
