use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quittance_runtime::log::{Full, Room};

/// How long an answer about free space holds. Asking costs about a microsecond, which is what deciding costs.
const FRESH: Duration = Duration::from_millis(10);

/// The disk space that a log leaves free: it takes no more writes before the disk is full, because sled cannot go on after it
/// has met a full disk inside a write.
///
/// [`Room::check`] refuses below the reserve, so that nothing more is decided. The reserve is for what had been decided before:
/// an append refuses only below an eighth of it, and that stops the engine. Free is what the system grants to processes
/// without privileges. Quotas are not seen; a quota that strikes inside a write stops the log until it is opened again.
#[derive(Clone, Debug)]
pub struct Reserve(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    bytes: AtomicU64,
    answered: Mutex<Option<(Instant, Result<(), Full>)>>,
}

impl Reserve {
    /// 64 MiB. What waits in the engine's queues when space ends comes to a few MiB, and sled writes up to 14 times what it
    /// is given when frames are as large as they may be.
    pub const DEFAULT_BYTES: u64 = 64 * 1024 * 1024;

    pub(crate) fn new(dir: &Path) -> Self {
        let (bytes, answered) = (AtomicU64::new(Self::DEFAULT_BYTES), Mutex::new(None));
        Self(Arc::new(Inner { dir: dir.to_owned(), bytes, answered }))
    }

    /// Changes how many bytes are left free, also while the log is in use; 0 for none.
    pub fn set(&self, bytes: u64) {
        self.0.bytes.store(bytes, Ordering::Relaxed);
        *self.0.answered.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether `bytes` may be appended that were decided while there was room.
    pub(crate) fn check_append(&self, bytes: u64) -> Result<(), Full> {
        let reserve = self.0.bytes.load(Ordering::Relaxed);
        // Without a reserve nothing is held back, and nothing refused either.
        if reserve == 0 { Ok(()) } else { self.check_free((reserve / 8).saturating_add(bytes)) }
    }

    fn check_free(&self, needed: u64) -> Result<(), Full> {
        // Whoever cannot ask finds out by writing.
        match free(&self.0.dir) {
            Some(free) if free < needed => Err(Full(format!(
                "the disk of {} has {} MiB free, and {} MiB are kept free; make room there",
                self.0.dir.display(),
                free >> 20,
                needed.div_ceil(1 << 20)
            ))),
            _ => Ok(()),
        }
    }
}

impl Room for Reserve {
    fn check(&self) -> Result<(), Full> {
        let mut answered = self.0.answered.lock().unwrap_or_else(PoisonError::into_inner);
        match &*answered {
            Some((when, answer)) if when.elapsed() < FRESH => answer.clone(),
            _ => {
                let answer = self.check_free(self.0.bytes.load(Ordering::Relaxed));
                *answered = Some((Instant::now(), answer.clone()));
                answer
            }
        }
    }
}

/// Bytes that processes without privileges may still write there.
#[cfg(unix)]
fn free(dir: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(dir).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}
