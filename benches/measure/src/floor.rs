//! What bounds the engine: the disk, sled alone, the signature check alone.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ed25519_dalek::{Signature, VerifyingKey};
use quittance_core::command::Request;
use quittance_log_sled::{WRITES_PER_SYNC, sled_config};
use tempfile::TempDir;

use crate::error::{self, BenchError};
use crate::frames::{Groups, Piece};
use crate::machine::cores;

/// Checks between two looks at the clock.
const BLOCK: usize = 16;

/// What was written, and how long it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) groups: usize,
    pub(crate) records: u64,
    pub(crate) elapsed: Duration,
}

impl Written {
    pub(crate) fn records_per_second(&self) -> f64 {
        self.records as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn groups_per_second(&self) -> f64 {
        self.groups as f64 / self.elapsed.as_secs_f64()
    }
}

/// How a raw file has room for what is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It grows: each sync also writes down where the file ends and which blocks are its own.
    Grows,
    /// Its blocks are written beforehand, outside the clock, so that a sync has nothing but the bytes to write. Nothing that is
    /// durable can be faster on one file: the floor.
    Made,
}

/// A file to write to from its beginning.
struct RawFile {
    path: PathBuf,
    file: File,
}

impl RawFile {
    fn create(dir: &Path, room: Room, bytes: u64) -> Result<Self, BenchError> {
        let path = dir.join("raw");
        let made = File::create(&path).and_then(|mut file| {
            if room == Room::Made {
                io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
                file.rewind()?;
            }
            file.sync_all()?;
            Ok(file)
        });
        Ok(Self { file: made.map_err(error::file(&path))?, path })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        self.file.write_all(bytes).and_then(|()| self.file.sync_data()).map_err(error::file(&self.path))
    }
}

/// Writes groups to a new file, with one `fdatasync` after each, until all are written or the time is up.
pub(crate) fn raw_file(
    dir: TempDir,
    groups: &Groups,
    room: Room,
    limit: Duration,
) -> Result<Written, BenchError> {
    let mut raw = RawFile::create(dir.path(), room, groups.bytes())?;
    // Each group in one piece beforehand: one write, one sync.
    let joined: Vec<Vec<u8>> = groups
        .iter()
        .map(|group| group.pieces.iter().flat_map(|piece| piece.bytes.iter().copied()).collect())
        .collect();
    timed(groups, limit, |number, _| raw.write(&joined[number]))
}

/// Inserts groups into a new sled database with the log's settings, made durable as the log does it, until all are written or
/// the time is up.
pub(crate) fn bare_sled(dir: TempDir, groups: &Groups, limit: Duration) -> Result<Written, BenchError> {
    let path = dir.path().join("sled");
    let db = sled_config(&path).open()?;
    let tree = db.open_tree("frames")?;
    db.flush()?;
    // sled's flush ends in sync_file_range, which is not a sync.
    let data = path.join("db");
    let db_file = File::options().read(true).write(true).open(&data).map_err(error::file(&data))?;
    let insert = |pieces: &[Piece]| {
        let [piece] = pieces else {
            let mut batch = sled::Batch::default();
            for piece in pieces {
                batch.insert(&piece.key, piece.bytes.as_slice());
            }
            return tree.apply_batch(batch);
        };
        tree.insert(piece.key, piece.bytes.as_slice()).map(drop)
    };
    let written = timed(groups, limit, |_, pieces| {
        for pieces in pieces.chunks(WRITES_PER_SYNC) {
            insert(pieces)?;
            db.flush()?;
            db_file.sync_data().map_err(error::file(&data))?;
        }
        Ok(())
    });
    drop((tree, db));
    written
}

/// Does something with one group after the other, until all are done or the time is up.
pub(crate) fn timed(
    groups: &Groups,
    limit: Duration,
    mut write: impl FnMut(usize, &[Piece]) -> Result<(), BenchError>,
) -> Result<Written, BenchError> {
    let (mut written, start) = (Written { groups: 0, records: 0, elapsed: Duration::ZERO }, Instant::now());
    for (number, group) in groups.iter().enumerate() {
        write(number, &group.pieces)?;
        written.groups += 1;
        written.records += group.records;
        written.elapsed = start.elapsed();
        if written.elapsed >= limit {
            break;
        }
    }
    Ok(written)
}

/// The median time of writing and syncing one of these groups, in microseconds.
pub(crate) fn sync_us(dir: TempDir, groups: &Groups, limit: Duration) -> Result<f64, BenchError> {
    let mut raw = RawFile::create(dir.path(), Room::Made, groups.bytes())?;
    let mut times = Vec::new();
    timed(groups, limit, |_, pieces| {
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes.iter().copied()).collect();
        let before = Instant::now();
        raw.write(&bytes)?;
        times.push(before.elapsed());
        Ok(())
    })?;
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(median.as_secs_f64() * 1e6)
}

/// One signature, as it comes in: nothing is worked out beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    key: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
}

impl Check {
    /// The signature in a request; `None` if it has none.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        match request {
            Request::Create { intent, terms, signed } => Some(Self {
                key: intent.0,
                message: terms.signing_bytes(*intent),
                signature: signed.signature.0,
            }),
            Request::Submit { payer, payload, signature, .. } => {
                Some(Self { key: payer.0, message: payload.clone(), signature: signature.0 })
            }
            _ => None,
        }
    }

    fn holds(&self) -> bool {
        VerifyingKey::from_bytes(&self.key).is_ok_and(|key| {
            key.verify_strict(&self.message, &Signature::from_bytes(&self.signature)).is_ok()
        })
    }
}

/// How many of these checks a second all cores make, and nothing else.
///
/// On twice as many threads as cores: where other programs run too, the system shares out by thread, the engine has more than
/// one a core, and a ceiling that gets a smaller share would be none.
pub(crate) fn checks_on_all_cores(checks: &[Check], length: Duration) -> Result<f64, BenchError> {
    checks_per_second(checks, 2 * cores(), length)
}

/// How many of these checks a second so many threads make.
pub(crate) fn checks_per_second(
    checks: &[Check],
    threads: usize,
    length: Duration,
) -> Result<f64, BenchError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(checks.is_empty()));
    let start = Instant::now();
    // By turns, not by halves: a core that others use meanwhile does less, and holds nobody up.
    let work = || {
        let mut done = 0;
        while start.elapsed() < length && !failed.load(Ordering::Relaxed) {
            let first = next.fetch_add(BLOCK, Ordering::Relaxed);
            for check in (first..first + BLOCK).map(|number| &checks[number % checks.len()]) {
                failed.fetch_or(!check.holds(), Ordering::Relaxed);
            }
            done += BLOCK;
        }
        done
    };
    let done: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("checking does not panic")).sum()
    });
    let elapsed = start.elapsed();
    if failed.load(Ordering::Relaxed) {
        return Err(BenchError::Wrong("a signature made here does not verify; this is a bug".to_owned()));
    }
    Ok(done as f64 / elapsed.as_secs_f64())
}
