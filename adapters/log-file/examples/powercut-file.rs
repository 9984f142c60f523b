//! The two programs that `tests/powercut/powercut` runs around a power cut, for a backup and for exports.
//!
//! ```text
//! cargo build --release -p quittance-log-file --example powercut-file
//! P=target/release/examples/powercut-file
//! tests/powercut/powercut --trials 200 --rounds 2 --write "$P write {dir} {ack}" --check "$P check {dir} {acked}"
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use quittance_core::digest::Digest;
use quittance_core::event::{Event, Record};
use quittance_core::frame::{EncodedFrame, FrameBuilder, Tip};
use quittance_core::ids::{AccountId, NodeId, Position};
use quittance_core::policy::Policy;
use quittance_log_file::{Backup, Export, KeptBackup, LogFile, Trailer};
use quittance_runtime::log::LogReader;
use quittance_runtime::log::contract::{sample_frames, sample_record};

const NODE: NodeId = NodeId([7; 32]);

/// Records a run finds to be new: few, many, and several frames of them.
const GROUPS: [u64; 5] = [1, 16, 500, 3, 128];

/// Exports are made as long as they are small.
const EXPORTED: Position = Position(4_000);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", dir, ack] => write(Path::new(dir), Path::new(ack)),
        ["check", dir, acked] => check(Path::new(dir), acked),
        _ => Err("usage: powercut-file write DIR ACK | check DIR ACKED".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("powercut-file: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Backs up a log that grows, for ever, and writes down the position of every run that finished.
fn write(dir: &Path, ack: &Path) -> Result<(), Box<dyn Error>> {
    let unfinished = ack.with_extension("new");
    let mut log = Log::default();
    loop {
        let tip = run(dir, &mut log)?;
        let export = dir.join(format!("export-{tip}"));
        if tip <= EXPORTED && !export.exists() {
            let mut export = Export::create(&export, NODE)?;
            log.upto(tip).iter().try_for_each(|frame| export.append(&frame.bytes))?;
            export.finish(&trailer(&log.tip()))?;
        }
        fs::write(&unfinished, tip.to_string())?;
        fs::rename(&unfinished, ack)?;
    }
}

/// One run of the backup, of a log that has grown since the one before.
fn run(dir: &Path, log: &mut Log) -> Result<Position, Box<dyn Error>> {
    let mut backup = Backup::open(&dir.join("backup"))?;
    backup.begin(NODE)?;
    let before = backup.tip().position;
    log.grow_behind(before);
    for frame in log.frames.iter().filter(|frame| frame.last >= before) {
        backup.take(&frame.bytes)?;
    }
    backup.taken()?;
    let tip = backup.tip();
    backup.vouch(&trailer(&tip))?;
    Ok(tip.position)
}

/// Reads what the cut has left, as a restore would, and goes on with the backup.
fn check(dir: &Path, acked: &str) -> Result<(), Box<dyn Error>> {
    let acked = Position(acked.parse()?);
    if acked > Position::START {
        let kept = KeptBackup::open(&dir.join("backup"))?;
        if kept.trailer().position() < acked {
            return Err(format!("vouches for {}, acknowledged was {acked}", kept.trailer().position()).into());
        }
        verify(&kept.file())?;
    }
    let mut exports = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(position) = entry.file_name().to_string_lossy().strip_prefix("export-")
            && let Ok(position) = position.parse()
        {
            let file = LogFile::open(&entry.path())?;
            if file.trailer()?.position() != Position(position) {
                return Err(format!("export-{position} ends elsewhere").into());
            }
            verify(&file)?;
            exports += 1;
        }
    }
    if acked > Position::START && exports == 0 {
        return Err("an export that was finished is gone".into());
    }
    run(dir, &mut Log::default())?;
    verify(&KeptBackup::open(&dir.join("backup"))?.file())
}

fn verify(file: &LogFile) -> Result<(), Box<dyn Error>> {
    let mut tip = Tip::EMPTY;
    for bytes in file.frames(Position(1)) {
        let (frame, next) = tip.follow(&bytes?)?;
        if let Some(wrong) = frame.records.iter().find(|record| **record != record_of(record.position)) {
            return Err(format!("record {} is not the one written", wrong.position).into());
        }
        tip = next;
    }
    Ok(())
}

/// A log that is the same in every process.
#[derive(Default)]
struct Log {
    frames: Vec<EncodedFrame>,
    groups: usize,
}

impl Log {
    fn tip(&self) -> Tip {
        let end = |last: &EncodedFrame| Tip { position: last.last, hash: last.hash, epoch: last.epoch };
        self.frames.last().map_or(Tip::EMPTY, end)
    }

    fn grow_behind(&mut self, position: Position) {
        while self.tip().position <= position {
            let tip = self.tip();
            if tip == Tip::EMPTY {
                let mut builder = FrameBuilder::new(tip, 1);
                builder.push(&[record_of(Position(1))]);
                self.frames.extend(builder.finish().0);
                continue;
            }
            self.frames.extend(sample_frames(tip, 1, GROUPS[self.groups % GROUPS.len()]).0);
            self.groups += 1;
        }
    }

    fn upto(&self, position: Position) -> &[EncodedFrame] {
        &self.frames[..self.frames.partition_point(|frame| frame.last <= position)]
    }
}

fn record_of(position: Position) -> Record {
    let sample = sample_record(position);
    match position {
        Position(1) => Record {
            event: Event::NodeInitialized { node: NODE, policy: Policy::standard(AccountId(NODE.0)).into() },
            ..sample
        },
        _ => sample,
    }
}

/// The digest stands for any: nothing here replays.
fn trailer(tip: &Tip) -> Trailer {
    Trailer::new(tip, Digest([9; 32]))
}
