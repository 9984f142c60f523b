//! What `tests/powercut/powercut` runs around a power cut: a node under load, and the check afterwards.
//!
//! ```text
//! powercut-node write DIR ACK      deals until it is killed; ACK holds the highest position acknowledged
//! powercut-node check DIR ACKED    the log verifies, reaches ACKED, and the node goes on from it
//! ```

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use quittance_tests::process::Server;
use quittance_tests::process::run;
use quittance_tests::till::Till;

/// Tills that deal at the same time, so that frames hold records of several.
const TILLS: u64 = 3;
fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", dir, ack] => write(Path::new(dir), Path::new(ack)),
        ["check", dir, acked] => check(Path::new(dir), acked),
        _ => Err(io::Error::other("usage: powercut-node write DIR ACK | check DIR ACKED")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("powercut-node: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Deals for ever.
fn write(dir: &Path, ack: &Path) -> io::Result<()> {
    let server = Server::start(quittance()?, dir);
    let highest = Arc::new(Mutex::new(0));
    let first = unused();
    let tills: Vec<_> = (first..first + TILLS)
        .map(|number| {
            let (address, ack, highest) = (server.address().to_owned(), ack.to_owned(), Arc::clone(&highest));
            thread::spawn(move || {
                let mut till = Till::new(number);
                loop {
                    till.step(&address)?;
                    acknowledge(&ack, &highest, till.last_position())?;
                }
            })
        })
        .collect();
    for till in tills {
        let ended: io::Result<()> =
            till.join().map_err(|_| io::Error::other("a till was refused something"))?;
        ended?;
    }
    Ok(())
}

/// A number that no till of an earlier start has had.
fn unused() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX - TILLS)
}

/// Writes a position down, outside the disk that is cut off, if it is the highest so far.
fn acknowledge(ack: &Path, highest: &Mutex<u64>, position: u64) -> io::Result<()> {
    let mut highest = highest.lock().unwrap_or_else(PoisonError::into_inner);
    if position <= *highest {
        return Ok(());
    }
    *highest = position;
    let unfinished = ack.with_extension("new");
    fs::write(&unfinished, position.to_string())?;
    fs::rename(&unfinished, ack)
}

fn check(dir: &Path, acked: &str) -> io::Result<()> {
    let acked: u64 = acked.parse().map_err(io::Error::other)?;
    // Before the first start has come as far as a log, nothing can have been acknowledged.
    if dir.join("log").exists() || acked > 0 {
        let reached = verified(dir)?;
        if reached < acked {
            return Err(io::Error::other(format!("ends at position {reached}, acknowledged was {acked}")));
        }
    }
    let server = Server::start(quittance()?, dir);
    let mut till = Till::new(unused());
    while till.payments() < 3 {
        till.step(server.address())?;
    }
    till.check(server.address(), 0)?;
    server.stop();
    let (reached, acked) = (verified(dir)?, till.last_position());
    if reached < acked {
        Err(io::Error::other(format!("ends at {reached}, not {acked}, after the check")))
    } else {
        Ok(())
    }
}

/// The last position of a log that verifies.
fn verified(dir: &Path) -> io::Result<u64> {
    let mut command = std::process::Command::new(quittance()?);
    let ran = run(command.args(["log", "verify", "--json", "--data"]).arg(dir));
    if ran.code != 0 {
        return Err(io::Error::other(format!("log verify: {}", ran.stderr.trim())));
    }
    ran.json()["last_position"].as_u64().ok_or_else(|| io::Error::other("log verify names no position"))
}

/// The command, which cargo puts beside this program.
fn quittance() -> io::Result<PathBuf> {
    let beside = env::current_exe()?.with_file_name("quittance-under-test");
    if beside.exists() {
        Ok(beside)
    } else {
        Err(io::Error::other(format!("{} is missing", beside.display())))
    }
}
