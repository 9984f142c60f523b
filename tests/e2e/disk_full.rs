//! A disk fills up under a node that deals, and has room again: writes are refused and nothing else happens. If the disk is
//! filled so fast that a write fails after all, the node stops, and the restart has everything that was acknowledged.
//!
//! Needs root, loop devices and mkfs.ext4; without them it says that it was skipped.

use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use quittance_tests::asked;
use quittance_tests::disk::Disk;
use quittance_tests::here;
use quittance_tests::process::{Here, Server};
use quittance_tests::till::Till;

const HERE: Here = here!();
const DISK_MIB: u64 = 160;
const RESERVE_MIB: u64 = 24;
const TILLS: u64 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    if !asked::for_test("disk_full") {
        return ExitCode::SUCCESS;
    }
    if let Some(missing) = Disk::is_missing() {
        return missing.skips("disk_full");
    }
    slowly(&Disk::new(DISK_MIB).expect("a disk like the one just made"));
    println!(
        "disk_full: a disk that fills up stops writes and nothing else, and takes them again when it has room"
    );
    for round in 0..2 {
        suddenly(&Disk::new(DISK_MIB).expect("a second disk like the first"), round);
    }
    println!(
        "disk_full: a disk that is full inside a write stops the node, and nothing acknowledged is lost"
    );
    ExitCode::SUCCESS
}

/// Below the reserve writes are refused, also when the last byte is gone; then there is room again.
fn slowly(disk: &Disk) {
    // What the node logs goes beside its directory, which must not be the full disk.
    let data = disk.beside().join("data");
    symlink(&disk.path().join("data"), &data);
    let mut server = serve(&data, RESERVE_MIB).unwrap_or_else(|log| panic!("{log}"));
    let address = server.address().to_owned();
    let mut tills: Vec<Till> = (0..TILLS).map(Till::new).collect();
    for to_the_last_byte in [false, true] {
        let dealing = Dealing::start(tills, &address);
        dealing.until("payments are taken while there is room", |count| count.taken > 30);
        disk.leave(RESERVE_MIB - 4).expect("a ballast file");
        // By then each till has been refused, and nothing is under way that was taken before.
        dealing.until("writes are refused below the reserve", |count| count.refused > 300);
        if to_the_last_byte {
            disk.fill().expect("a ballast file");
        }
        let before = dealing.count();
        dealing.until("writes stay refused", |count| count.refused > before.refused + 30);
        assert_eq!(dealing.count().taken, before.taken, "a write was taken without room for it");
        tills = dealing.stop();
        for till in &tills {
            // The account, and what it has reserved: read from the state, through the sequencer.
            let read = till.is_settled(&address);
            assert!(read.is_ok(), "a full disk keeps people from looking: {read:?}");
        }
        assert!(server.is_up(), "a full disk ended the node; it logged:\n{}", server.log());
        let log = server.log();
        assert!(
            log.contains("no more writes for now") && log.contains("MiB free"),
            "the operator hears nothing:\n{log}"
        );
        disk.make_room().expect("the ballast goes");
        let dealing = Dealing::start(tills, &address);
        dealing.until("writes are taken again without a restart", |count| count.taken > 30);
        tills = dealing.stop();
        assert!(server.log().contains("there is room again"), "{}", server.log());
    }
    disk.fill().expect("a ballast file");
    server.kill();
    match serve(&data, RESERVE_MIB) {
        Ok(server) => panic!("a node began on a full disk; it logged:\n{}", server.log()),
        Err(log) => {
            assert!(
                log.contains("MiB free") && log.contains("\"hint\":\"make room"),
                "a start on a full disk says:\n{log}"
            );
        }
    }
    disk.make_room().expect("the ballast goes");
    check(&data, &mut tills);
}

/// Nothing is kept free, so the disk is full inside a write.
fn suddenly(disk: &Disk, round: u64) {
    let data = disk.beside().join("data");
    symlink(&disk.path().join("data"), &data);
    let mut server = serve(&data, 0).unwrap_or_else(|log| panic!("{log}"));
    let address = server.address().to_owned();
    let first = 100 * (round + 1);
    let dealing = Dealing::start((first..first + TILLS).map(Till::new).collect(), &address);
    dealing.until("payments are taken while there is room", |count| count.taken > 20 * (round + 1));
    disk.fill().expect("a ballast file");
    let code = server.ended_within(PATIENCE);
    let mut tills = dealing.stop();
    assert_eq!(code, Some(1), "a node whose write failed must stop; it logged:\n{}", server.log());
    let log = server.log();
    assert!(
        log.contains("No space left") && log.contains("\"hint\":\""),
        "the operator hears nothing of it:\n{log}"
    );
    disk.make_room().expect("the ballast goes");
    check(&data, &mut tills);
}

/// Everything acknowledged is in a log that verifies, and the node goes on.
fn check(data: &Path, tills: &mut [Till]) {
    let reached = HERE.verify(data)["last_position"].as_u64();
    let acknowledged = tills.iter().map(Till::last_position).max();
    assert!(acknowledged <= reached, "acknowledged {acknowledged:?}, the log ends at {reached:?}");
    let server = serve(data, RESERVE_MIB).unwrap_or_else(|log| panic!("{log}"));
    for till in tills.iter_mut() {
        till.finish(server.address()).expect("a node with room takes payments");
        // All of them are looked for in the log; what the node says of the last ones is enough.
        till.check(server.address(), till.payments().saturating_sub(50)).expect("a node that is up answers");
    }
    server.stop();
    let records = HERE.dump(data);
    tills.iter().for_each(|till| till.check_positions(&records));
}

/// A node that leaves this much of the disk free, or what it logged before it ended.
fn serve(data: &Path, reserve_mib: u64) -> Result<Server, String> {
    let mut command = Command::new(HERE.binary);
    command.env("QUITTANCE_DISK_RESERVE_MB", reserve_mib.to_string());
    Server::launch(&mut command, data).map_err(|ended| format!("exit code {}: {}", ended.code, ended.stderr))
}

fn symlink(to: &Path, at: &Path) {
    std::fs::create_dir(to).expect("a directory on the disk");
    std::os::unix::fs::symlink(to, at).expect("a link to it");
}

/// Tills at work, each on a thread of its own.
struct Dealing {
    tills: Vec<JoinHandle<Till>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    taken: AtomicU64,
    refused: AtomicU64,
    stop: AtomicBool,
}

#[derive(Clone, Copy)]
struct Count {
    taken: u64,
    refused: u64,
}

impl Dealing {
    fn start(tills: Vec<Till>, address: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let work = |mut till: Till| {
            let (address, shared) = (address.to_owned(), Arc::clone(&shared));
            thread::spawn(move || {
                while !shared.stop.load(Ordering::SeqCst) {
                    match till.step(&address) {
                        Ok(()) => shared.taken.fetch_add(1, Ordering::SeqCst),
                        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                            thread::sleep(Duration::from_millis(2));
                            shared.refused.fetch_add(1, Ordering::SeqCst)
                        }
                        Err(_) => break,
                    };
                }
                till
            })
        };
        Self { tills: tills.into_iter().map(work).collect(), shared }
    }

    fn count(&self) -> Count {
        let read = |number: &AtomicU64| number.load(Ordering::SeqCst);
        Count { taken: read(&self.shared.taken), refused: read(&self.shared.refused) }
    }

    fn until(&self, what: &str, holds: impl Fn(Count) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self.count()) {
            assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn stop(self) -> Vec<Till> {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.tills.into_iter().map(|till| till.join().expect("a till finds nothing wrong")).collect()
    }
}
