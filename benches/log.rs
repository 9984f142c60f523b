//! What the log costs: appending frames, in memory and on disk, and reading them back with and without their signatures.

use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quittance_benches::{NODE, NOW, create, funds, policy, step, submit};
use quittance_core::command::Request;
use quittance_core::event::Record;
use quittance_core::frame::{EncodedFrame, FrameBuilder, Tip};
use quittance_core::machine::{Core, Effects};
use quittance_log_sled::SledLog;
use quittance_runtime::log::{EventLog, MemoryLog};
use quittance_runtime::{AuditError, ReplayError, Signatures, audit, replay};
use tempfile::TempDir;

const INTENTS: u64 = 2_000;
/// Records that share a commit.
const GROUP: usize = 128;

fn records() -> Vec<Record> {
    let (mut core, mut effects) = (Core::default(), Effects::default());
    let begin = Request::Initialize { node: NODE, policy: policy() };
    let lives = (0..INTENTS).flat_map(|number| [create(number), submit(number, NOW)]);
    for request in std::iter::once(begin).chain(funds()).chain(lives) {
        step(&mut core, &request.verify().expect("signed"), &mut effects);
    }
    effects.records
}

fn commits(records: &[Record]) -> Vec<Vec<EncodedFrame>> {
    let mut tip = Tip::EMPTY;
    let commit = |records: &[Record]| {
        let mut builder = FrameBuilder::new(tip, 1);
        records.iter().for_each(|record| builder.push(std::slice::from_ref(record)));
        let (frames, behind) = builder.finish();
        tip = behind;
        frames
    };
    records.chunks(GROUP).map(commit).collect()
}

fn filled<L: EventLog>(mut log: L, commits: &[Vec<EncodedFrame>]) -> L {
    commits.iter().for_each(|frames| log.append(frames).expect("appended"));
    log
}

fn append(criterion: &mut Criterion) {
    let records = records();
    let commits = commits(&records);
    let mut group = criterion.benchmark_group("append, per record, 128 a commit");
    group.throughput(Throughput::Elements(records.len() as u64)).sample_size(10);
    group.bench_function("in memory", |bencher| {
        bencher.iter_batched(MemoryLog::new, |log| filled(log, &commits), BatchSize::LargeInput);
    });
    group.bench_function("on sled, durable", |bencher| {
        bencher.iter_custom(|times| {
            let once = |_| {
                let directory = TempDir::new().expect("a directory");
                let log = SledLog::open(directory.path(), Some(NODE)).expect("a log");
                let start = Instant::now();
                let log = filled(log, &commits);
                let elapsed = start.elapsed();
                drop(log);
                elapsed
            };
            (0..times).map(once).sum::<Duration>()
        });
    });
    group.finish();
}

fn read_back(criterion: &mut Criterion) {
    let records = records();
    let directory = TempDir::new().expect("a directory");
    let log = SledLog::open(directory.path(), Some(NODE)).expect("a log");
    let log = filled(log, &commits(&records));
    let reader = log.reader();
    let mut group = criterion.benchmark_group("replay from sled, per record");
    group.throughput(Throughput::Elements(records.len() as u64)).sample_size(10);
    group.bench_function("hashes, links and rules", |bencher| {
        bencher.iter(|| replay::<ReplayError>(&*reader, |_, _| Ok(())).expect("whole"));
    });
    group.bench_function("signatures too, all cores", |bencher| {
        bencher.iter(|| {
            audit::<AuditError>(&*reader, Signatures::on_all_cores(), |_, _| Ok(())).expect("whole")
        });
    });
    group.finish();
}

criterion_group!(benches, append, read_back);
criterion_main!(benches);
