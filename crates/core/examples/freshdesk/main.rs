//! Posts a small sheet to another API than the one that comes with the crate. `target.rs` contains everything
//! needed for it.
//!
//! A stand-in server for Freshdesk on this machine enforces the limit, counts the notes, and fails now and
//! then.
//!
//! ```text
//! cargo run -p batchpost --example freshdesk
//! ```
#![expect(clippy::disallowed_methods, reason = "a sheet for one run need not outlast the machine")]

mod target;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use batchpost::api::Endpoint;
use batchpost::batch::{Observation, ReadyRun, RunRequest, Source};
use batchpost::input::{Format, Options};
use batchpost::runtime::{Credentials, Http, HttpOptions, Interrupts};
use batchpost::settings::{Settings, Sharing};
use batchpost_sandbox::{Api, Server};
use target::Freshdesk;

const ROWS: u64 = 60;
const LIMIT: u32 = 20;
const WINDOW: Duration = Duration::from_secs(1);
/// The ticket that the stand-in server rejects.
const REFUSED: u64 = 1033;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = stand_in().await?;
    let folder = tempfile::tempdir()?;
    let sheet = folder.path().join("notes.csv");
    std::fs::write(&sheet, (1..=ROWS).fold("Ticket,Note\n".to_owned(), |sheet, row| sheet + &line(row)))?;

    let target = Arc::new(Freshdesk { calls_a_minute: NonZeroU32::MIN.saturating_add(49) });
    let endpoint = Endpoint::from_url(&server.url())?;
    let settings = Settings {
        // The limits of the API are per minute. An example should end sooner.
        limits: vec![format!("{LIMIT}/{}s", WINDOW.as_secs()).parse()?],
        // No other program uses the stand-in server's account.
        budget: Sharing::Private,
        ..Settings::of(target.as_ref())
    };
    let ledger = folder.path().join("notes.ledger.jsonl");
    let run_request =
        RunRequest::new(target.clone(), &endpoint, settings, ledger, Source::File(sheet), Options::new(Format::Csv))?;
    let prepared = ReadyRun::open(run_request)?;

    let credentials = Credentials::new(target.as_ref(), &["s3cret".into()])?;
    let http = Http::new(endpoint, credentials, Duration::from_secs(10), &HttpOptions::default())?;
    let mut notices = 0;
    let report = prepared
        .post(http, Interrupts::never(), &mut |observation| {
            notices += u32::from(matches!(observation, Observation::Notice(_)));
        })
        .await?;

    let counts = report.counts;
    assert_eq!((counts.posted, counts.rejected), (ROWS - 1, 1), "{counts:?}");
    assert_eq!(report.stopped, None);
    let model = server.model();
    let mut notes: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for note in model.notes() {
        assert_eq!(note.fields["private"], true);
        notes.entry(note.ticket).or_default().push(&note.text);
    }
    for row in 1..=ROWS {
        let ticket = 1000 + row;
        let wanted: &[String] = if ticket == REFUSED { &[] } else { &[format!("row {row} &lt;b&gt; &amp; more")] };
        assert_eq!(notes.get(&ticket).map_or(&[][..], Vec::as_slice), wanted, "ticket {ticket}");
    }
    let counted = model.report();
    assert_eq!(counted.refused, 0, "nothing was sent that the limit did not allow");
    assert!(counted.most_in_any_window <= LIMIT as usize, "{counted:?}");
    println!(
        "freshdesk: {} of {ROWS} rows posted, {} rejected, {} requests, {} limited; at most {} in a window of {LIMIT}; {notices} notices",
        counts.posted, counts.rejected, counted.requests, counted.limited, counted.most_in_any_window
    );
    Ok(())
}

fn line(row: u64) -> String {
    format!("{},row {row} <b> & more\n", 1000 + row)
}

/// Rejects one ticket, responds once that the limit was exceeded, and once that it is unavailable.
async fn stand_in() -> Result<Server, Box<dyn std::error::Error>> {
    let settings = batchpost_sandbox::Settings {
        api: Api::Freshdesk,
        limit: Some(LIMIT),
        window: WINDOW,
        latency: Duration::from_millis(5)..=Duration::from_millis(20),
        access_key: Some("s3cret".to_owned()),
        faults: vec![
            format!("400@ticket:{REFUSED}").parse()?,
            "429-retry-after@9".parse()?,
            "503-retry-after@17".parse()?,
        ],
        ..batchpost_sandbox::Settings::default()
    };
    Ok(Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings).await?)
}
