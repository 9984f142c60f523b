use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use quittance_core::ids::Position;
use quittance_runtime::log::{AppendError, LogError};
use quittance_runtime::table::TableError;

/// Why sled did not do as asked.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Bytes are not the ones that were written.
    Damaged(String),
    /// Anything else.
    Other(String),
}

impl Failure {
    pub(crate) fn into_log_error(self, path: &Path, after: Position) -> LogError {
        match self {
            Self::Damaged(why) => LogError::Damaged { after, why },
            Self::Other(why) => LogError::Store { path: path.display().to_string(), why },
        }
    }
}

impl From<Failure> for AppendError {
    fn from(failure: Failure) -> Self {
        // Also for a full disk: sled met it inside a write, and what it has written of that nobody knows.
        let (Failure::Damaged(why) | Failure::Other(why)) = failure;
        Self::Unknown(why)
    }
}

impl From<Failure> for TableError {
    fn from(failure: Failure) -> Self {
        let (Failure::Damaged(why) | Failure::Other(why)) = failure;
        Self::Store(why)
    }
}

/// sled answers some damage with a panic; that must stop the log, not the process.
pub(crate) fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error @ sled::Error::Corruption { .. })) => Err(Failure::Damaged(error.to_string())),
        Ok(Err(error)) => Err(Failure::Other(error.to_string())),
        Err(panic) => {
            let why = format!("the store gave up: {}", message(panic.as_ref()));
            // sled unwraps some results of the file system; those say nothing about the bytes.
            Err(if why.contains("Os { code: ") { Failure::Other(why) } else { Failure::Damaged(why) })
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}
