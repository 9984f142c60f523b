//! Whole signed lifecycles through the engine on sled, next to what bounds them: the signature checks alone, and the same
//! bytes in a raw file. The three run in turns in one process, since a figure from another run means nothing on a noisy
//! machine; ratios of medians are printed at the end.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group};
use quittance_benches::{NODE, NOW, create, deposits, policy, submit};
use quittance_core::command::Request;
use quittance_core::ids::Position;
use quittance_log_sled::SledLog;
use quittance_rail_ledger::LedgerRail;
use quittance_runtime::log::EventLog;
use quittance_runtime::{Engine, Handle, ManualClock, Options, Ticket};
use tempfile::TempDir;

/// Lifecycles in one measurement.
const LIVES: u64 = 4_096;
/// Requests under way at a time.
const IN_FLIGHT: usize = 512;
/// Turns for the printed ratios.
const TURNS: usize = 5;

struct World {
    engine: Engine,
    _rail: LedgerRail,
    directory: TempDir,
}

fn world() -> World {
    let directory = TempDir::new().expect("a directory");
    let log = SledLog::open(directory.path(), Some(NODE)).expect("a log");
    let options = Options {
        policy: policy(),
        clock: Arc::new(ManualClock::new(NOW)),
        queue: 2 * IN_FLIGHT,
        ..Options::new(NODE)
    };
    let engine = Engine::start(Box::new(log), options).expect("starts");
    let rail = LedgerRail::start(engine.handle()).expect("a thread");
    for deposit in deposits() {
        engine.handle().execute_blocking(deposit).expect("deposited");
    }
    World { engine, _rail: rail, directory }
}

fn all(engine: &Handle, requests: Vec<Request>) {
    let mut under_way: std::collections::VecDeque<Ticket> = std::collections::VecDeque::new();
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

/// Creates, submits and waits for the confirmation of `lives` intents from `first` on.
fn lifecycles(engine: &Handle, first: u64, lives: u64) -> Duration {
    let creates: Vec<_> = (first..first + lives).map(create).collect();
    let submits: Vec<_> = (first..first + lives).map(|number| submit(number, NOW)).collect();
    let start = Instant::now();
    all(engine, creates);
    all(engine, submits);
    while engine.query_blocking(|state| state.unsettled().next().is_some()).expect("answered") {
        thread::sleep(Duration::from_micros(200));
    }
    start.elapsed()
}

/// The two signature checks of each lifecycle, on all cores, and nothing else.
fn signatures(lives: u64) -> Duration {
    let work: Vec<_> = (0..lives).flat_map(|number| [create(number), submit(number, NOW)]).collect();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    thread::scope(|scope| {
        for chunk in work.chunks(work.len().div_ceil(cores)) {
            scope.spawn(move || {
                chunk.iter().for_each(|request| drop(request.clone().verify().expect("signed")));
            });
        }
    });
    start.elapsed()
}

/// The same bytes appended to a file, synced once for every `IN_FLIGHT` requests.
fn raw_file(directory: &TempDir, bytes: usize, lives: u64) -> Duration {
    let file = File::create(directory.path().join("raw")).expect("a file");
    // Allocated beforehand, so that only data has to reach the disk.
    (&file).write_all(&vec![0; bytes]).expect("room");
    file.sync_all().expect("synced");
    let groups = (usize::try_from(lives).expect("few") * 2).div_ceil(IN_FLIGHT);
    let group = vec![7; bytes / groups];
    let start = Instant::now();
    for number in 0..groups {
        file.write_all_at(&group, (number * group.len()) as u64).expect("written");
        file.sync_data().expect("synced");
    }
    start.elapsed()
}

fn engine(criterion: &mut Criterion) {
    let world = world();
    let handle = world.engine.handle();
    let mut next = 0;
    let mut group = criterion.benchmark_group("signed lifecycle");
    group.throughput(Throughput::Elements(LIVES)).sample_size(10);
    group.bench_function("engine on sled, confirmed", |bencher| {
        bencher.iter_custom(|times| {
            (0..times)
                .map(|_| {
                    next += LIVES;
                    lifecycles(&handle, next, LIVES)
                })
                .sum()
        });
    });
    group.bench_function("signatures alone, all cores", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| signatures(LIVES)).sum());
    });
    group.finish();
}

fn ratios() {
    let (mut lives, mut ceiling, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let world = world();
        lives.push(lifecycles(&world.engine.handle(), 0, LIVES));
        let tip = world.engine.shutdown().expect("in order");
        let log = SledLog::open(world.directory.path(), None).expect("a log");
        let frames = log.reader().frames(Position(1));
        let bytes: usize = frames.map(|frame| frame.expect("read").len()).sum();
        assert!(tip.position.0 > LIVES * 5, "{} records", tip.position.0);
        ceiling.push(signatures(LIVES));
        floor.push(raw_file(&world.directory, bytes, LIVES));
    }
    let rate = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        LIVES as f64 / times[TURNS / 2].as_secs_f64()
    };
    let (lives, ceiling, floor) = (rate(&mut lives), rate(&mut ceiling), rate(&mut floor));
    println!("\nmedians of {TURNS} turns, {LIVES} lifecycles each, {IN_FLIGHT} requests under way:");
    println!("  engine on sled, confirmed      {lives:>9.0} lifecycles/s");
    println!(
        "  two verify_strict, all cores   {ceiling:>9.0} lifecycles/s   engine / this = {:.2}",
        lives / ceiling
    );
    println!(
        "  same bytes, file + fdatasync   {floor:>9.0} lifecycles/s   engine / this = {:.2}",
        lives / floor
    );
}

criterion_group!(benches, engine);

fn main() {
    benches();
    ratios();
}
