use std::io;
use std::path::Path;

use quittance_core::ids::{NodeId, Position};
use quittance_runtime::log::LogError;

/// Why a file or a backup cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Not a file of this format, or of a newer version of it.
    #[error("{path} cannot be read as a log file: {why}")]
    NotALog {
        /// The file.
        path: String,
        /// What was found.
        why: String,
    },
    /// Not a backup, and not a place for one.
    #[error("{path} is not a backup: {why}")]
    NotABackup {
        /// The directory.
        path: String,
        /// What was found.
        why: String,
    },
    /// Bytes in it are missing, or are not the ones that were written.
    #[error("{path} is damaged behind position {after}: {why}")]
    Damaged {
        /// The file.
        path: String,
        /// The last position that is sound.
        after: Position,
        /// What was found.
        why: String,
    },
    /// Not what was written, or not what can be.
    #[error("{path} is damaged: {why}")]
    Unsound {
        /// The file.
        path: String,
        /// What was found.
        why: String,
    },
    /// What shall be appended does not follow what is there.
    #[error("the frame that should follow position {after} does not: {why}")]
    NotNext {
        /// The end of what is there.
        after: Position,
        /// What was found.
        why: String,
    },
    /// The log is not the one that the backup was made of.
    #[error("the backup {path} reaches position {position}, and the log has another history there: {why}")]
    OtherHistory {
        /// The directory.
        path: String,
        /// The last position of the backup.
        position: Position,
        /// What the log has instead.
        why: String,
    },
    /// It is another node's.
    #[error("{path} holds the log of node {found}, not of {expected}")]
    OtherNode {
        /// The file or directory.
        path: String,
        /// Whose it should be.
        expected: NodeId,
        /// Whose it is.
        found: NodeId,
    },
    /// Another process is at it.
    #[error("{path} is in use by another process; wait until that has ended")]
    InUse {
        /// The directory.
        path: String,
    },
    /// The file is there already.
    #[error("{path} exists and is not replaced")]
    Exists {
        /// The file.
        path: String,
    },
    /// The file system failed.
    #[error("{path}: {why}")]
    Io {
        /// The file or directory.
        path: String,
        /// The system's words.
        why: String,
    },
}

/// An error of the file system.
pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> FileError {
    |error| FileError::Io { path: path.display().to_string(), why: error.to_string() }
}

impl From<FileError> for LogError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Damaged { after, why, .. } => Self::Damaged { after, why },
            FileError::Io { path, why } => Self::Store { path, why },
            other => Self::Damaged { after: Position::START, why: other.to_string() },
        }
    }
}
