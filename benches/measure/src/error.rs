use std::io;
use std::path::Path;

use quittance_log_sled::SledLog;
use quittance_rail_ledger::RailError;
use quittance_runtime::log::{AppendError, LogError};
use quittance_runtime::{AuditError, ReplayError, ShutdownError, StartError};

/// Why a measurement was not finished.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The plan asks for what cannot be measured.
    #[error("{0}")]
    Plan(String),
    /// Whoever is told of the progress wanted no more.
    #[error("stopped before the end; nothing is left behind in the directory")]
    Stopped,
    /// The file system failed.
    #[error("{path}: {source}")]
    File {
        /// The file or directory.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// sled alone failed.
    #[error("sled: {0}")]
    Sled(#[from] sled::Error),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log alone did not take frames.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The engine does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The engine refuses what it must take, or has failed.
    #[error("the engine did not carry out a request: {0}")]
    Engine(#[from] quittance_runtime::Error),
    /// The engine does not stop in order.
    #[error(transparent)]
    Shutdown(#[from] ShutdownError),
    /// The rail ended early.
    #[error(transparent)]
    Rail(#[from] RailError),
    /// The engine's own log does not verify.
    #[error("the log that was just written does not verify: {0}")]
    Audit(#[from] AuditError),
    /// A measurement did not do what it was to measure: its figure would mean nothing.
    #[error("{0}")]
    Wrong(String),
}

impl From<ReplayError> for BenchError {
    fn from(error: ReplayError) -> Self {
        Self::Audit(error.into())
    }
}

/// An error of the file system, with the file it is about.
pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> BenchError {
    |source| BenchError::File { path: path.display().to_string(), source }
}

/// The log in a directory of a measurement's, to append to.
pub(crate) fn open_log(dir: &Path) -> Result<SledLog, LogError> {
    SledLog::open(dir, Some(crate::world::NODE))
}
