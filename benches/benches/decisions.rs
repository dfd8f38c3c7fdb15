//! How many decisions per second does the engine make? Everything outside is simulated: commits are durable
//! and replies arrive at once.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use batchpost::api::{Api, Context};
use batchpost::budget::{Budget, Ended, Grant, Request};
use batchpost::engine::{Action, Config, Engine, Event};
use batchpost::leadsquared::LeadSquared;
use batchpost::limiter::Limiter;
use batchpost::outcome::{Counts, Verdict};
use batchpost::settings::{On500, Spread};
use batchpost_benches::{created, now, pending_job};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;

const ROWS: u64 = 10_000;

/// Posts all jobs and records durable outcomes; asserts that every row was posted.
fn post_all(mut offers: std::vec::IntoIter<batchpost::engine::PendingJob>) -> Counts {
    let mut engine = Engine::new(Config {
        target: Arc::new(LeadSquared),
        openings: batchpost::schedule::Openings::always(),
        no_wait: false,
        limits: Vec::new(),
        give_up_after: Duration::from_secs(900),
        concurrency: 256,
        max_attempts: 5,
        on_500: On500::Retry,
        counts: Counts::default(),
        stream: true,
        seed: 1,
    });
    let mut elapsed = Duration::ZERO;
    let mut written = 0;
    let mut sent = Vec::new();
    loop {
        elapsed += Duration::from_micros(1);
        let now = now(elapsed);
        while engine.wants_input() {
            let event = offers.next().map_or(Event::InputEnded(Vec::new()), Event::Job);
            engine.handle(event, now);
        }
        while let Some(action) = engine.next_action(now) {
            match action {
                Action::Write(_) => written += 1,
                Action::Send(attempt, job) => sent.push((attempt, created(&job.ticket))),
                Action::Take(granted) => engine.handle(Event::Slots(Grant { granted, wait: None }), now),
                Action::GiveBack(..) | Action::Throttle(_) | Action::Notify(_) => {}
                Action::Done(_) => return engine.progress().counts,
            }
        }
        engine.handle(Event::Committed(written), now);
        for (attempt, reply) in sent.drain(..) {
            engine.handle(Event::Ended(attempt, Ok(reply)), now);
        }
    }
}

fn engine(criterion: &mut Criterion) {
    let offers: Vec<_> = (1..=ROWS).map(pending_job).collect();
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(ROWS)).sample_size(20);
    group.bench_function("rows to outcomes", |bencher| {
        bencher.iter_batched(
            || offers.clone().into_iter(),
            |offers| assert_eq!(post_all(offers).posted, ROWS),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn limiter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limiter");
    group.throughput(Throughput::Elements(1));
    for limit in ["25/5s", "10000/5s"] {
        let limit: batchpost::limit::Limit = limit.parse().expect("a limit");
        let mut limiter = Limiter::new(&[limit], Spread::Burst, Duration::from_secs(30));
        let pace = limit.window() / limit.count() * 2;
        let mut now = Duration::ZERO;
        let mut ended = Vec::new();
        group.bench_function(limit.to_string(), |bencher| {
            bencher.iter(|| {
                now += pace;
                let ended = std::mem::replace(&mut ended, vec![(Ended::Answered, now)]);
                let answer = limiter.exchange(&Request { ended, want: Some(1), ..Request::default() }, now);
                assert_eq!(answer.expect("memory does not fail").granted, 1, "at half the rate there is always a slot");
            });
        });
    }
    group.finish();
}

fn verdicts(criterion: &mut Criterion) {
    let job = pending_job(1).job;
    let reply = created(&job.ticket);
    let context = Context::at(Timestamp::UNIX_EPOCH).after_a_post();
    let target: &dyn Api = &LeadSquared;
    let mut group = criterion.benchmark_group("verdict");
    group.throughput(Throughput::Elements(1));
    group.bench_function("posted", |bencher| {
        bencher.iter(|| assert_eq!(*target.judge(black_box(&reply), &job, context).verdict(), Verdict::Posted));
    });
    group.finish();
}

criterion_group!(benches, engine, limiter, verdicts);
criterion_main!(benches);
