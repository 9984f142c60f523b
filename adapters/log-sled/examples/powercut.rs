//! The programs that the tests run around a power cut or a failing disk.
//!
//! ```text
//! cargo build --release -p quittance-log-sled --example powercut
//! P=target/release/examples/powercut
//! tests/powercut/powercut --trials 200 --write "$P write {dir} {ack}" --check "$P check {dir} {acked}"
//! tests/powercut/powercut --trials 80 --write "$P write {dir} {ack} 8192" --check "$P check {dir} {acked}"
//! ```
//!
//! The number is how many records each append has; without it they are mixed. `steps` is a short life of a log, for a disk
//! that fails at each of its calls in turn.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use quittance_core::frame::{Frame, Tip};
use quittance_core::ids::{NodeId, Position};
use quittance_log_sled::SledLog;
use quittance_runtime::log::EventLog;
use quittance_runtime::log::contract::{sample_frames, sample_record};
use quittance_runtime::table::Table;

const NODE: NodeId = NodeId([7; 32]);

/// Records an append: one alone, a group, a full frame, eight frames under one sync, and 64 frames under eight.
const GROUPS: [u64; 8] = [1, 16, 128, 1, 1, 1_024, 16, 8_192];

/// Appends between two openings.
const APPENDS: usize = 400;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", dir, ack] => write(Path::new(dir), Path::new(ack), &GROUPS),
        ["write", dir, ack, group] => group
            .parse()
            .map_err(Into::into)
            .and_then(|group| write(Path::new(dir), Path::new(ack), &[group])),
        ["steps", dir, ack] => steps(Path::new(dir), Path::new(ack)),
        ["check", dir, acked] => check(Path::new(dir), acked),
        ["rate", dir, group, seconds] => rate(Path::new(dir), group, seconds),
        _ => Err("usage: powercut write DIR ACK [GROUP] | steps DIR ACK | check DIR ACKED | rate DIR GROUP SECONDS".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("powercut: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Appends for ever, and writes down the last position of every append that succeeded.
fn write(dir: &Path, ack: &Path, groups: &[u64]) -> Result<(), Box<dyn Error>> {
    let unfinished = ack.with_extension("new");
    for epoch in 1.. {
        let mut log = SledLog::open(dir, Some(NODE))?;
        let table = log.table("secondary");
        for group in groups.iter().cycle().take(APPENDS) {
            let (frames, tip) = sample_frames(log.tip(), epoch, *group);
            log.append(&frames)?;
            fs::write(&unfinished, tip.position.to_string())?;
            fs::rename(&unfinished, ack)?;
            table.put(&(tip.position.0 % 64).to_be_bytes(), &tip.position.0.to_be_bytes())?;
        }
        Box::new(log).close()?;
    }
    Ok(())
}

/// Makes a log, appends, closes it, opens it and appends again. Lines in ACK: `opened TIME`, and for every append that
/// succeeded `acked POSITION FROM TO`; times are microseconds of the system's clock.
fn steps(dir: &Path, ack: &Path) -> Result<(), Box<dyn Error>> {
    let mut ack = fs::File::create(ack)?;
    for epoch in 1..=2 {
        let mut log = SledLog::open(dir, Some(NODE))?;
        writeln!(ack, "opened {}", micros()?)?;
        let table = log.table("secondary");
        for group in [1, 16, 1, 2_000, 1] {
            let (frames, tip) = sample_frames(log.tip(), epoch, group);
            let from = micros()?;
            log.append(&frames)?;
            writeln!(ack, "acked {} {from} {}", tip.position, micros()?)?;
            table.put(&group.to_be_bytes(), b"secondary")?;
        }
        Box::new(log).close()?;
    }
    Ok(())
}

fn micros() -> Result<u128, Box<dyn Error>> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())
}

/// Opens the log after the cut as a node would, reads all of it, and goes on writing.
fn check(dir: &Path, acked: &str) -> Result<(), Box<dyn Error>> {
    let acked = Position(acked.parse()?);
    let mut log = SledLog::open(dir, Some(NODE))?;
    let epoch = log.tip().epoch + 1;
    verify(&log, acked)?;
    for group in GROUPS {
        let (frames, _) = sample_frames(log.tip(), epoch, group);
        log.append(&frames)?;
    }
    let tip = log.tip();
    Box::new(log).close()?;
    verify(&SledLog::open(dir, Some(NODE))?, tip.position)
}

fn verify(log: &SledLog, acked: Position) -> Result<(), Box<dyn Error>> {
    let mut tip = Tip::EMPTY;
    for bytes in log.reader().frames(Position(1)) {
        let (Frame { records, .. }, next) = tip.follow(&bytes?)?;
        if let Some(wrong) = records.iter().find(|record| **record != sample_record(record.position)) {
            return Err(format!("record {} is not the one written", wrong.position).into());
        }
        tip = next;
    }
    if tip != log.tip() {
        return Err(format!("reads to position {}, ends at {}", tip.position, log.tip().position).into());
    }
    if tip.position < acked {
        return Err(format!("ends at position {}, acknowledged was {acked}", tip.position).into());
    }
    Ok(())
}

/// Records a second in groups of one size, encoding included, and the time to open and to read what they leave.
fn rate(dir: &Path, group: &str, seconds: &str) -> Result<(), Box<dyn Error>> {
    let (group, seconds): (u64, u64) = (group.parse()?, seconds.parse()?);
    let mut log = SledLog::open(dir, Some(NODE))?;
    let start = Instant::now();
    while start.elapsed().as_secs() < seconds {
        let (frames, _) = sample_frames(log.tip(), 1, group);
        log.append(&frames)?;
    }
    let (records, took) = (log.tip().position.0, start.elapsed().as_millis().max(1));
    Box::new(log).close()?;
    let start = Instant::now();
    let log = SledLog::open(dir, Some(NODE))?;
    let opened = start.elapsed().as_millis();
    verify(&log, Position(records))?;
    let read = start.elapsed().as_millis() - opened;
    let per_second = u128::from(records) * 1000 / took;
    println!(
        "groups of {group}: {per_second} records/s; {records} records opened in {opened} ms, verified in {read} ms"
    );
    Ok(())
}
