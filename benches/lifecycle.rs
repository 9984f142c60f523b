//! Whole signed lifecycles through the engine on sled. What bounds them, and the ratios, are `quittance bench`'s.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quittance_benches::{NODE, NOW, create, funds, policy, submit};
use quittance_core::command::Request;
use quittance_log_sled::SledLog;
use quittance_rail_ledger::LedgerRail;
use quittance_runtime::{Engine, Handle, ManualClock, Options, Ticket};
use tempfile::TempDir;

/// Lifecycles in one measurement.
const LIVES: u64 = 4_096;
/// Requests under way at a time.
const IN_FLIGHT: usize = 512;

fn all(engine: &Handle, requests: Vec<Request>) {
    let mut under_way: VecDeque<Ticket> = VecDeque::new();
    for request in requests {
        if under_way.len() == IN_FLIGHT {
            under_way.pop_front().expect("some").wait_blocking().expect("accepted");
        }
        under_way.push_back(engine.begin(request).expect("room"));
    }
    under_way.into_iter().for_each(|ticket| {
        ticket.wait_blocking().expect("accepted");
    });
}

/// Creates, submits and waits for the confirmation of `LIVES` intents from `first` on.
fn lifecycles(engine: &Handle, first: u64) -> Duration {
    let creates: Vec<_> = (first..first + LIVES).map(create).collect();
    let submits: Vec<_> = (first..first + LIVES).map(|number| submit(number, NOW)).collect();
    let start = Instant::now();
    all(engine, creates);
    all(engine, submits);
    while engine.query_blocking(|state| state.unsettled().next().is_some()).expect("answered") {
        thread::sleep(Duration::from_micros(200));
    }
    start.elapsed()
}

fn engine(criterion: &mut Criterion) {
    let directory = TempDir::new().expect("a directory");
    let log = SledLog::open(directory.path(), Some(NODE)).expect("a log");
    let options = Options {
        policy: policy(),
        clock: Arc::new(ManualClock::new(NOW)),
        queue: 2 * IN_FLIGHT,
        ..Options::new(NODE)
    };
    let engine = Engine::start(Box::new(log), options).expect("starts");
    let handle = engine.handle();
    LedgerRail::start(engine.handle()).expect("a thread");
    all(&handle, funds());
    let mut next = 0;
    let mut group = criterion.benchmark_group("signed lifecycle");
    group.throughput(Throughput::Elements(LIVES)).sample_size(10);
    group.bench_function("engine on sled, confirmed", |bencher| {
        bencher.iter_custom(|times| {
            (0..times)
                .map(|_| {
                    next += LIVES;
                    lifecycles(&handle, next)
                })
                .sum()
        });
    });
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
