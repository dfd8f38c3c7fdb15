//! How many records per second become durable, with a given number waiting at a time and a real fdatasync for
//! each group? How fast is a ledger of 1,000,000 posted jobs read?

use batchpost::ledger::{Ledger, Record, inspect};
use batchpost::outcome::Outcome;
use batchpost::runtime::LedgerFile;
use batchpost_benches::{Folder, records};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    group.sample_size(20);
    for waiting in [1, 25, 256] {
        let folder = Folder::with_ledger().expect("a folder");
        let (mut ledger, ..) =
            Ledger::open(LedgerFile::open(&folder.path()).expect("it is there")).expect("it is sound");
        let records: Vec<Record> = (1..=waiting).map(|row| records(row)[0].clone()).collect();
        group.throughput(Throughput::Elements(waiting));
        group.bench_function(format!("{waiting} waiting"), |bencher| {
            bencher.iter(|| ledger.commit(&records).expect("the disk takes it"));
        });
    }
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    const JOBS: u64 = 1_000_000;
    const A_GROUP: u64 = 1000;
    let folder = Folder::with_ledger().expect("a folder");
    let (mut ledger, ..) = Ledger::open(LedgerFile::open(&folder.path()).expect("it is there")).expect("it is sound");
    for first in (1..=JOBS).step_by(A_GROUP as usize) {
        let group: Vec<Record> = (first..first + A_GROUP).flat_map(records).collect();
        ledger.commit(&group).expect("the disk takes it");
    }
    drop(ledger);
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(JOBS)).sample_size(10);
    group.bench_function("1,000,000 posted jobs", |bencher| {
        bencher.iter_batched(
            || LedgerFile::open_to_read(&folder.path()).expect("it is there"),
            |file| {
                let (batch, _) = inspect(&file).expect("it is sound");
                assert_eq!(batch.job_states.len() as u64, JOBS);
                assert!(batch.job_states.values().all(|job_state| job_state.outcome() == Outcome::Posted));
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, append, replay);
criterion_main!(benches);
