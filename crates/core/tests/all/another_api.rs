//! Tests that apply to an API outside this crate, with the example's API.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "../../examples/freshdesk/target.rs"]
mod target;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use batchpost::api::{Api, Endpoint};
use batchpost::batch::{RunRequest, Source};
use batchpost::input::{Format, Options};
use batchpost::limit::Limit;
use batchpost::settings::Settings;
use target::Freshdesk;

fn limits_of(settings: impl FnOnce(&dyn Api) -> Settings) -> Vec<String> {
    let target = Arc::new(Freshdesk { calls_a_minute: NonZeroU32::new(50).unwrap() });
    let endpoint = Endpoint::from_url("https://acme.freshdesk.com/").unwrap();
    let (ledger, source) = (PathBuf::from("notes.ledger.jsonl"), Source::File("notes.csv".into()));
    let settings = settings(target.as_ref());
    let run_request = RunRequest::new(target, &endpoint, settings, ledger, source, Options::new(Format::Csv)).unwrap();
    let planned = run_request.plan().limits.iter().map(|load| load.limit).collect::<Vec<Limit>>();
    assert_eq!(planned, run_request.settings.limits);
    planned.iter().map(ToString::to_string).collect()
}

#[test]
fn where_no_limit_is_said_a_run_keeps_that_of_its_target() {
    assert_eq!(limits_of(Settings::of), ["50/1m"]);
    assert_eq!(limits_of(|target| Settings { max_attempts: 9, ..Settings::of(target) }), ["50/1m"]);
    let said = |target: &dyn Api| Settings { limits: vec!["20/1s".parse().unwrap()], ..Settings::of(target) };
    assert_eq!(limits_of(said), ["20/1s"]);
}
