//! A node at half of what it can do, for as long as you like, killed again and again: its memory follows what is open, and
//! nothing that it acknowledged is lost. `QUITTANCE_SOAK=1800 cargo test --release -p quittance-tests --test soak --
//! --nocapture` takes half an hour; without the variable it takes a quarter of a minute.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use quittance_tests::here;
use quittance_tests::process::{Here, Server};
use quittance_tests::till::Till;

const HERE: Here = here!();
const TILLS: u64 = 4;
/// How long it is measured what the node can do.
const PEAK: Duration = Duration::from_secs(3);
/// How often it is killed.
const LIVES: u32 = 15;
/// Payments of each till that are looked at again after each kill, and at the end.
const LAST: usize = 25;
/// Records between two snapshots: rarely, as in a node, and not as often as tests like it.
const EVERY: &str = "100000";
/// How often it is weighed in one life.
const WEIGHED: u32 = 30;
/// What a node may have more in memory at the end of its last life than at the end of an early one: a little for what
/// the allocator does, and for each payment since what remains of one that has ended, some 25 bytes, twice.
const SLACK_BYTES: u64 = 32 << 20;
const BYTES_A_PAYMENT: u64 = 50;

/// One life of the node.
struct Life {
    payments: u64,
    resident: Option<u64>,
}

#[test]
fn a_node_at_half_load_keeps_its_memory_and_its_word_through_kills() {
    let length = match std::env::var("QUITTANCE_SOAK") {
        Ok(seconds) => Duration::from_secs(seconds.parse().expect("QUITTANCE_SOAK: a number of seconds")),
        Err(_) => Duration::from_secs(15),
    };
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let mut tills: Vec<Till> = (0..TILLS).map(Till::new).collect();

    let server = serve(&data);
    let began = Instant::now();
    let before = payments(&tills);
    tills = run(tills, server.address(), Duration::ZERO, || thread::sleep(PEAK));
    let peak = (payments(&tills) - before) as f64 / began.elapsed().as_secs_f64();
    server.kill();
    // Between two payments of one till when all of them together do what the node can.
    let pause = Duration::from_secs_f64(TILLS as f64 / peak);
    println!("peak {peak:.0} payments a second with {TILLS} tills; half of that for {} s", length.as_secs());

    let mut lives = Vec::new();
    for life in 1..=LIVES {
        let server = serve(&data);
        let address = server.address().to_owned();
        for till in &mut tills {
            till.finish(&address).expect("a node that is up answers");
            till.check(&address, till.payments().saturating_sub(LAST)).expect("a node that is up answers");
        }
        let mut resident = None;
        tills = run(tills, &address, pause, || {
            resident = least(&server, length / LIVES);
            server.kill();
        });
        let payments = payments(&tills);
        let weight = resident.map_or("not weighed here".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
        println!("life {life:>2}: {payments:>9} payments so far, {weight}");
        lives.push(Life { payments, resident });
    }

    let server = serve(&data);
    let address = server.address().to_owned();
    for till in &mut tills {
        till.finish(&address).expect("a node that is up answers");
        till.check(&address, till.payments().saturating_sub(LAST)).expect("a node that is up answers");
    }
    server.stop();
    let whole = HERE.verify(&data);
    // What the node went on from, kill after kill, was snapshots; what is rebuilt from the log alone has to be the same.
    let server = HERE.serve_with(&data, &["--rebuild", "--snapshot-every", EVERY]);
    let address = server.address().to_owned();
    for till in &tills {
        till.check(&address, till.payments().saturating_sub(LAST)).expect("a node that is up answers");
    }
    server.stop();
    assert_eq!(HERE.verify(&data), whole, "a rebuild led to another state");
    println!("{} records, digest {}", whole["last_position"], whole["digest"]);
    assert!(is_flat(&lives), "memory grew with what has ended");
}

fn serve(data: &Path) -> Server {
    HERE.serve_with(data, &["--snapshot-every", EVERY])
}

/// The least that it has in memory in the second half of this time: what has ended leaves memory in portions, so that any one
/// moment says little.
fn least(server: &Server, time: Duration) -> Option<u64> {
    thread::sleep(time / 2);
    let weigh = |_| {
        thread::sleep(time / 2 / WEIGHED);
        server.resident_bytes()
    };
    (0..WEIGHED).map(weigh).min().flatten()
}

fn payments(tills: &[Till]) -> u64 {
    tills.iter().map(|till| till.payments() as u64).sum()
}

/// Has the tills buy, each pausing between two payments begun, until `until` returns.
fn run(tills: Vec<Till>, address: &str, pause: Duration, until: impl FnOnce()) -> Vec<Till> {
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = tills
        .into_iter()
        .map(|mut till| {
            let (address, stop) = (address.to_owned(), Arc::clone(&stop));
            thread::spawn(move || {
                let mut next = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    let known = till.payments();
                    while till.payments() == known {
                        if till.step(&address).is_err() {
                            return till;
                        }
                    }
                    // What it did not get done in time it catches up with.
                    next += 2 * pause;
                    thread::sleep(next.saturating_duration_since(Instant::now()));
                }
                till
            })
        })
        .collect();
    until();
    stop.store(true, Ordering::Relaxed);
    workers.into_iter().map(|worker| worker.join().expect("a till finds nothing wrong")).collect()
}

/// Compares the last life with the third: the first ones have little in any cache.
fn is_flat(lives: &[Life]) -> bool {
    let (Some(early), Some(last)) = (lives.get(2), lives.last()) else { return true };
    let (Some(had), Some(has)) = (early.resident, last.resident) else { return true };
    has <= had + SLACK_BYTES + (last.payments - early.payments) * BYTES_A_PAYMENT
}
