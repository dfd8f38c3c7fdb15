//! What runs of one account know of each other, through the library alone.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test, whose files need not outlast the machine")]

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use batchpost::api::Endpoint;
use batchpost::batch::{Error, ReadyRun, RunReport, RunRequest, Source};
use batchpost::input::{Format, Options};
use batchpost::leadsquared::LeadSquared;
use batchpost::runtime::{Credentials, Http, HttpOptions, Interrupts, StateFolders};
use batchpost::settings::Settings;
use batchpost_sandbox::Server;

async fn server() -> Server {
    let latency = Duration::ZERO..=Duration::ZERO;
    let settings = batchpost_sandbox::Settings { latency, ..batchpost_sandbox::Settings::default() };
    Server::start((Ipv4Addr::LOCALHOST, 0).into(), settings).await.unwrap()
}

/// A run that has read its sheet and has not claimed its rows yet. Each run has a folder of its own, so that only the
/// state folder lets it know of others.
fn ready(server: &Server, folder: &Path, name: &str, rows: &[u64]) -> ReadyRun {
    let (own, endpoint) = (folder.join(name), Endpoint::from_url(&server.url()).unwrap());
    std::fs::create_dir(&own).unwrap();
    let sheet: String = rows.iter().map(|row| format!("{},row {row}\n", 1000 + row)).collect();
    std::fs::write(own.join("notes.csv"), format!("Ticket,Note\n{sheet}")).unwrap();
    let (ledger, source) = (own.join("notes.csv.ledger.jsonl"), Source::File(own.join("notes.csv")));
    let (api, options) = (Arc::new(LeadSquared), Options::new(Format::Csv));
    let mut request = RunRequest::new(api, &endpoint, Settings::of(&LeadSquared), ledger, source, options).unwrap();
    request.state = StateFolders::named(folder.join("state"));
    ReadyRun::open(request).unwrap()
}

async fn post(run: ReadyRun, server: &Server) -> Result<RunReport, Error> {
    let credentials = Credentials::new(&LeadSquared, &["access".into(), "secret".into()]).unwrap();
    let endpoint = Endpoint::from_url(&server.url()).unwrap();
    let http = Http::new(endpoint, credentials, Duration::from_secs(10), &HttpOptions::default()).unwrap();
    run.post(http, Interrupts::never(), &mut |_| ()).await
}

#[tokio::test]
async fn a_row_posted_between_a_runs_look_and_its_claim_ends_it_before_it_sends() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    let b = ready(&server, folder.path(), "b", &[1, 2, 3]);
    assert_eq!(b.to_send(), Some(3));
    let a = ready(&server, folder.path(), "a", &[2]);
    assert_eq!(post(a, &server).await.unwrap().posted_now, 1);
    let error = post(b, &server).await.unwrap_err();
    assert!(matches!(error, Error::BecameKnown { rows: 1, .. }), "{error}");
    assert_eq!(server.model().notes().len(), 1);
}
