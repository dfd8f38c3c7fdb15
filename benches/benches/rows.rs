//! How fast are rows read, with keys and identity, when an export is read for the first time? What does one
//! job cost?

use std::hint::black_box;
use std::io::Cursor;

use batchpost::input::{Format, Options, Rows};
use batchpost::job::{Identity, Key, KeyMap};
use batchpost::ledger::JobState;
use batchpost::planning::{JobFileWriter, Planner, ReadPolicy, SampleSizes};
use batchpost::reading::plan_rows;
use batchpost_benches::{TARGET, csv, pending_job, request_template, text};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rust_xlsxwriter::{Workbook, XlsxError};

const ROWS: u64 = 20_000;

fn json_lines() -> Vec<u8> {
    let line = |row| {
        format!(
            "{{\"Ticket ID\":{},\"Subject\":\"Line down\",\"Comment\":\"{}\"}}\n",
            pending_job(row).job.ticket,
            text(row)
        )
    };
    (1..=ROWS).map(line).collect::<String>().into_bytes()
}

fn xlsx() -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (column, name) in (0..).zip(["Ticket ID", "Subject", "Comment"]) {
        sheet.write(0, column, name)?;
    }
    for (row, number) in (1..).zip(1..=ROWS) {
        sheet.write(row, 0, pending_job(number).job.ticket.as_number().map(|number| number as f64))?;
        sheet.write(row, 1, "Line down")?;
        sheet.write(row, 2, text(number))?;
    }
    workbook.save_to_buffer()
}

fn rows(input: &[u8], format: Format) -> Rows<&[u8]> {
    Rows::open(input, &Options::new(format).into()).expect("a good export")
}

fn read(rows: &mut Rows<impl std::io::Read>) {
    let policy = ReadPolicy { identity: Identity::of(TARGET), ..ReadPolicy::default() };
    let named = SampleSizes { notes: 20, jobs: 3 };
    let mut jobs = JobFileWriter::new(std::io::sink());
    let mut job_states = KeyMap::default();
    let planner = Planner::new(&policy, JobState::NEW, named, &mut job_states);
    let (found, _) = plan_rows(rows, planner, &mut jobs).expect("a good export");
    assert_eq!(found.to_do, ROWS);
}

fn first_reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first reading");
    group.sample_size(20);
    for (name, format, input) in [("CSV", Format::Csv, csv(ROWS)), ("JSON lines", Format::JsonLines, json_lines())] {
        group.throughput(Throughput::ElementsAndBytes { elements: ROWS, bytes: input.len() as u64 });
        group.bench_function(name, |bencher| bencher.iter(|| read(&mut rows(&input, format))));
    }
    let workbook = xlsx().expect("a small sheet");
    group.throughput(Throughput::ElementsAndBytes { elements: ROWS, bytes: workbook.len() as u64 });
    group.sample_size(10).bench_function("XLSX", |bencher| {
        bencher.iter(|| {
            let recipe = Options::new(Format::Workbook).into();
            let rows: Result<Rows<&[u8]>, _> = Rows::open_workbook(Cursor::new(workbook.clone()), &recipe);
            read(&mut rows.expect("a good workbook"));
        });
    });
    group.finish();
}

fn jobs(criterion: &mut Criterion) {
    let job = pending_job(7).job;
    let (identity, request_template) = (Identity::of(TARGET), request_template());
    let mut group = criterion.benchmark_group("job");
    group.throughput(Throughput::Elements(1));
    group.bench_function("key", |bencher| {
        bencher.iter(|| assert_eq!(Key::of_job(&identity, &job.ticket, black_box(&job.text)), job.key));
    });
    group.bench_function("request", |bencher| {
        bencher.iter(|| assert!(request_template.request(black_box(&job)).body.len() > job.text.len()));
    });
    group.finish();
}

criterion_group!(benches, first_reading, jobs);
criterion_main!(benches);
