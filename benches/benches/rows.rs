//! How fast are rows read, with keys and identity: the first reading of an export?

use batchpost::input::{Format, Options, Rows};
use batchpost::job::{Identity, Key, KeyMap};
use batchpost::reading::{Ask, Named, Past, survey};
use batchpost_benches::{csv, offer};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ROWS: u64 = 20_000;

fn first_reading(criterion: &mut Criterion) {
    let export = csv(ROWS);
    let ask = Ask { identity: Identity::of("https://example.test/"), ..Ask::default() };
    let mut group = criterion.benchmark_group("first reading");
    group.sample_size(20);
    for (name, throughput) in
        [("CSV, rows", Throughput::Elements(ROWS)), ("CSV, bytes", Throughput::Bytes(export.len() as u64))]
    {
        group.throughput(throughput);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut rows = Rows::open(export.as_slice(), &Options::new(Format::Csv).into()).expect("a good export");
                let named = Named { notes: 20, jobs: 3 };
                let found =
                    survey(&mut rows, &ask, &Past::default(), named, &mut KeyMap::default()).expect("a good export");
                assert_eq!(found.to_do, ROWS);
            });
        });
    }
    group.finish();
}

fn keys(criterion: &mut Criterion) {
    let job = offer(7).job;
    let identity = Identity::of("https://example.test/");
    let mut group = criterion.benchmark_group("key");
    group.throughput(Throughput::Elements(1));
    group.bench_function("of a job", |bencher| {
        bencher.iter(|| Key::of_job(&identity, &job.ticket, std::hint::black_box(&job.text)));
    });
    group.finish();
}

criterion_group!(benches, first_reading, keys);
criterion_main!(benches);
