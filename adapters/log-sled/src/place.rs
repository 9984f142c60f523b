//! Who has a log's directory, and who had it before.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use quittance_runtime::log::LogError;

use crate::files::{self, failed};

/// There while the log is open to append, so that the next one who opens it knows whether it was closed.
const RUNNING: &str = "running";

/// The lock of the one process that may append, for as long as this lives.
pub(crate) fn lock_to_append(dir: &Path) -> Result<File, LogError> {
    let path = dir.join("lock");
    let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let lock = options.map_err(failed(&path))?;
    locked(dir, lock.try_lock())?;
    Ok(lock)
}

/// A copy on a medium that cannot be written may have no lock file, and nobody to lock out.
pub(crate) fn lock_to_read(dir: &Path) -> Result<Option<File>, LogError> {
    let path = dir.join("lock");
    match File::open(&path) {
        Ok(lock) => {
            locked(dir, lock.try_lock_shared())?;
            Ok(Some(lock))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&path)(error)),
    }
}

fn locked(dir: &Path, result: Result<(), TryLockError>) -> Result<(), LogError> {
    result.map_err(|error| match error {
        TryLockError::WouldBlock => LogError::InUse { path: dir.display().to_string() },
        TryLockError::Error(error) => failed(&dir.join("lock"))(error),
    })
}

/// Says in the directory that the log is open to append, before anything is.
pub(crate) fn mark_running(dir: &Path) -> Result<(), LogError> {
    let running = dir.join(RUNNING);
    if !running.exists() {
        File::create(&running).map_err(failed(&running))?;
        files::sync(dir)?;
    }
    Ok(())
}

/// Whether whoever had the log open to append did not come to close it.
pub(crate) fn was_running(dir: &Path) -> bool {
    dir.join(RUNNING).exists()
}

/// Takes that back. If the power fails before it is durable, the next opening looks once more than it needs to.
pub(crate) fn mark_closed(dir: &Path) -> Result<(), LogError> {
    let running = dir.join(RUNNING);
    fs::remove_file(&running).map_err(failed(&running))
}
