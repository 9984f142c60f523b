//! What one decision costs, without signatures and without a disk, and what a signature costs beside it.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::Signer;
use quittance_benches::{NOW, core, create, key, step, submit};
use quittance_core::command::{Command, Report, Request, SettlementOutcome};
use quittance_core::decide::decide;
use quittance_core::event::{Event, Record};
use quittance_core::frame::{FrameBuilder, Tip, decode};
use quittance_core::ids::{AttemptNumber, Position, Signature};
use quittance_core::machine::{Core, Effects};
use quittance_core::record;
use quittance_core::state::State;
use quittance_core::verify::is_signed_by;

/// Intents that are there already: a map of some depth.
const INTENTS: u64 = 1_000;

fn commands(numbers: std::ops::Range<u64>, make: impl Fn(u64) -> Request) -> Vec<Command> {
    numbers.map(|number| make(number).verify().expect("signed")).collect()
}

fn reports(records: &[Record]) -> Vec<Command> {
    let report = |record: &Record| match (&record.event, record.subject) {
        (Event::IntentScheduled { transactions }, Some(subject)) => Some(Command::ReportSettlement(Report {
            intent: subject.intent,
            transaction: transactions[0].id,
            attempt: AttemptNumber::FIRST,
            outcome: SettlementOutcome::Settled,
            expected: None,
        })),
        _ => None,
    };
    records.iter().filter_map(report).collect()
}

fn run(core: &Core, commands: &[Command]) -> (Core, Effects) {
    let (mut core, mut effects) = (core.clone(), Effects::default());
    for command in commands {
        step(&mut core, command, &mut effects);
    }
    (core, effects)
}

fn decide_and_evolve(criterion: &mut Criterion) {
    let (base, _) = run(&core(), &commands(0..INTENTS, create));
    let creates = commands(INTENTS..2 * INTENTS, create);
    let submits = commands(INTENTS..2 * INTENTS, |number| submit(number, NOW));
    let (created, _) = run(&base, &creates);
    let (scheduled, effects) = run(&created, &submits);
    let reports = reports(&effects.records);
    let mut group = criterion.benchmark_group("decide and evolve, per command");
    group.throughput(Throughput::Elements(INTENTS));
    for (name, start, commands) in [
        ("create", &base, &creates),
        ("submit", &created, &submits),
        ("report settled", &scheduled, &reports),
    ] {
        group.bench_function(name, |bencher| {
            let setup = || (start.clone(), Effects::default());
            let work = |(mut core, mut effects): (Core, Effects)| {
                for command in commands {
                    step(&mut core, command, &mut effects);
                }
                (core, effects)
            };
            bencher.iter_batched(setup, work, BatchSize::LargeInput);
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("decide alone, per command");
    group.throughput(Throughput::Elements(INTENTS));
    for (name, start, commands) in [("create", &base, &creates), ("submit", &created, &submits)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for command in commands {
                    black_box(decide(start.state(), command, NOW).expect("accepted"));
                }
            });
        });
    }
    group.finish();
}

fn verify(criterion: &mut Criterion) {
    let pair = key(1, 1);
    let message = [3; 200];
    let signature = Signature(pair.sign(&message).to_bytes());
    let public = pair.verifying_key().to_bytes();
    let mut group = criterion.benchmark_group("signatures, one core");
    group.throughput(Throughput::Elements(1));
    group.bench_function("verify_strict of 200 bytes", |bencher| {
        bencher
            .iter(|| assert!(is_signed_by(black_box(&public), black_box(&message), black_box(&signature))));
    });
    group.finish();
}

fn frames(criterion: &mut Criterion) {
    let (_, effects) = run(&core(), &commands(0..INTENTS, create));
    let records = effects.records;
    let tip = Tip { position: Position(records[0].position.0 - 1), ..Tip::EMPTY };
    let encode = || {
        let mut builder = FrameBuilder::new(tip, 1);
        for record in &records {
            builder.push(std::slice::from_ref(record));
        }
        builder.finish().0
    };
    let encoded = encode();
    let mut group = criterion.benchmark_group("records and frames, per record");
    group.throughput(Throughput::Elements(INTENTS));
    group.bench_function("encode a record", |bencher| {
        let mut bytes = Vec::new();
        bencher.iter(|| {
            bytes.clear();
            records.iter().for_each(|record| record::encode(black_box(record), &mut bytes));
        });
    });
    group.bench_function("encode and chain", |bencher| bencher.iter(encode));
    group.bench_function("check and decode", |bencher| {
        bencher.iter(|| {
            encoded.iter().map(|frame| decode(&frame.bytes).expect("whole").records.len()).sum::<usize>()
        });
    });
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let mut all = Effects::default();
    let mut world = Core::default();
    let begin = Request::Initialize { node: quittance_benches::NODE, policy: quittance_benches::policy() };
    let setup = std::iter::once(begin).chain(quittance_benches::funds());
    let lives = (0..INTENTS).flat_map(|number| [create(number), submit(number, NOW)]);
    for request in setup.chain(lives) {
        step(&mut world, &request.verify().expect("signed"), &mut all);
    }
    for command in reports(&all.records.clone()) {
        step(&mut world, &command, &mut all);
    }
    let mut group = criterion.benchmark_group("state");
    group.throughput(Throughput::Elements(all.records.len() as u64));
    group.bench_function("evolve (apply), per record", |bencher| {
        bencher.iter(|| {
            let mut state = State::default();
            all.records.iter().for_each(|record| state.apply(record).expect("legal"));
            state
        });
    });
    group.throughput(Throughput::Elements(INTENTS));
    group.bench_function("digest, per confirmed intent", |bencher| bencher.iter(|| world.state().digest()));
    group.finish();
}

criterion_group!(benches, decide_and_evolve, verify, frames, replay);
criterion_main!(benches);
