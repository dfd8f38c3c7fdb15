//! How many rows per second get from a file to a durable outcome without a limit? This includes reading,
//! ledger, engine, HTTP over loopback, and a server in the same process, which uses part of the CPU.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use batchpost::api::Endpoint;
use batchpost::batch::ReadyRun;
use batchpost::leadsquared::LeadSquared;
use batchpost::runtime::{Credentials, Http, HttpOptions, Interrupts};
use batchpost_benches::{Echo, run_request, write_csv};
use batchpost_sandbox::{Server, Settings};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

const ROWS: u64 = 5000;

/// A run that is ready to post, and the folder with its input and ledger.
fn prepared() -> (ReadyRun, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("notes.csv");
    let mut file = std::fs::File::create(&input).expect("a file");
    write_csv(&mut std::io::BufWriter::new(&mut file), ROWS).expect("the disk takes it");
    let run_request = run_request(&input, &folder.path().join("ledger.jsonl"), None);
    (ReadyRun::open(run_request).expect("a good export"), folder)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn posting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rows to durable outcomes");
    group.throughput(Throughput::Elements(ROWS)).sample_size(10);
    group.bench_function("without a network", |bencher| {
        let runtime = runtime();
        bencher.iter_batched(
            prepared,
            |(prepared, folder)| {
                let report =
                    runtime.block_on(prepared.post(Echo, Interrupts::never(), &mut |_| ())).expect("it begins");
                assert_eq!(report.counts.posted, ROWS);
                folder
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("over loopback", |bencher| {
        let (send, receive) = std::sync::mpsc::channel();
        let (stop, mut stopped) = mpsc::channel::<()>(1);
        let server = std::thread::spawn(move || {
            runtime().block_on(async {
                let settings =
                    Settings { limit: None, latency: Duration::ZERO..=Duration::ZERO, ..Settings::default() };
                let server = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), settings).await.expect("a port");
                send.send(server.url()).expect("it is waited for");
                stopped.recv().await;
                server.shutdown().await;
            });
        });
        let endpoint = Endpoint::from_url(&receive.recv().expect("it starts")).expect("this machine");
        let runtime = runtime();
        bencher.iter_batched(
            prepared,
            |(prepared, folder)| {
                let keys = Credentials::new(&LeadSquared, &["a", "b"].map(|key| key.to_owned().into())).expect("keys");
                let http = Http::new(endpoint.clone(), keys, Duration::from_secs(30), &HttpOptions::default());
                let http = http.expect("a client");
                let report =
                    runtime.block_on(prepared.post(http, Interrupts::never(), &mut |_| ())).expect("it begins");
                assert_eq!(report.counts.posted, ROWS);
                folder
            },
            BatchSize::PerIteration,
        );
        drop(stop);
        server.join().expect("the server ends");
    });
    group.finish();
}

criterion_group!(benches, posting);
criterion_main!(benches);
