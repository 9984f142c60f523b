//! What the engine needs of a store: append frames, read them back, say where it ends.

pub mod contract;
mod faulty;
mod memory;
mod room;

use std::fmt::Debug;
use std::sync::Arc;

use quittance_core::frame::{EncodedFrame, FrameError, Tip};
use quittance_core::ids::{ChainHash, NodeId, Position};

pub use faulty::{Fault, FaultyLog};
pub use memory::MemoryLog;
pub use room::{Full, Room};

/// An append-only log of frames with one writer.
///
/// [`contract`] holds every implementation to what is said here.
pub trait EventLog: Debug + Send {
    /// The end of the log: what the next frame has to follow. Only what is durable counts.
    fn tip(&self) -> Tip;

    /// Appends frames that follow the tip and each other.
    ///
    /// Runs on a thread of its own and may take as long as the store needs; the engine fills the next frames meanwhile.
    ///
    /// # Errors
    /// See [`AppendError`]; after any but [`AppendError::NotNext`] and [`AppendError::Full`] the log takes no more appends until
    /// it is opened again.
    ///
    /// # Durability
    /// When it returns `Ok` every frame survives a power cut. When it does not, any number of them may be there, from the
    /// first on and each one whole: what a crash leaves is always a prefix.
    fn append(&mut self, frames: &[EncodedFrame]) -> Result<(), AppendError>;

    /// A way to read that does not stand in the writer's way.
    fn reader(&self) -> Arc<dyn LogReader>;

    /// A way to ask whether there is room, before something is decided that has to be appended. What was decided while there
    /// was room can be appended, up to what the store keeps back for it. By default there always is room.
    fn room(&self) -> Arc<dyn Room> {
        room::unbounded()
    }

    /// Leaves the store in order. Nothing that was appended depends on it.
    ///
    /// # Errors
    /// The store does; the log can be opened again all the same.
    fn close(self: Box<Self>) -> Result<(), LogError>;
}

/// Reads a log, from any thread. May see frames that are written but not yet durable: whoever reads behind a running writer
/// keeps to the positions it has been told of.
pub trait LogReader: Debug + Send + Sync {
    /// The stored bytes of frames, in order, beginning with the frame that holds `from`, or with the first after it.
    fn frames(&self, from: Position) -> FrameBytes;
}

/// Stored frames, in order; ends at the first error.
pub type FrameBytes = Box<dyn Iterator<Item = Result<Vec<u8>, LogError>> + Send>;

/// Why an append did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The first frame does not follow the tip, or the frames do not follow each other. Nothing was written.
    #[error("the frame at position {got} does not follow the end of the log at position {tip}")]
    NotNext {
        /// Where the log ends.
        tip: Position,
        /// Where the frame begins.
        got: Position,
    },
    /// Another writer has taken over. Nothing was written.
    #[error("a newer writer, of epoch {newest}, has taken over the log")]
    Fenced {
        /// The epoch of the other writer.
        newest: u64,
    },
    /// The store has no room. Nothing was written; the log takes appends again once there is room.
    #[error("the store is full: {0}")]
    Full(String),
    /// The store failed; the frames may or may not be there.
    #[error("the store failed and may or may not have kept the frames: {0}")]
    Unknown(String),
}

/// Why a log cannot be opened or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Another process has it open.
    #[error("{path} is in use by another process; stop it first, or give another directory")]
    InUse {
        /// The directory.
        path: String,
    },
    /// It is shorter than what it had acknowledged, or another history.
    #[error(
        "the log ends at position {found}, but position {acknowledged} with hash {hash} was acknowledged: \
         data is lost. Restore a backup; never start over in this directory"
    )]
    Lost {
        /// The position it had acknowledged.
        acknowledged: Position,
        /// The hash of the frame that ended there.
        hash: ChainHash,
        /// Where it ends now.
        found: Position,
    },
    /// It belongs to another node.
    #[error("the log belongs to node {found}, not to {expected}: check the data directory and the node key")]
    OtherNode {
        /// Whose log it should be.
        expected: NodeId,
        /// Whose it is.
        found: NodeId,
    },
    /// Bytes in it are not the ones that were written.
    #[error("the log is damaged behind position {after}: {why}. Restore a backup")]
    Damaged {
        /// The last position that is sound.
        after: Position,
        /// What was found.
        why: String,
    },
    /// The store or the file system failed.
    #[error("{path}: {why}")]
    Store {
        /// The file or directory.
        path: String,
        /// The store's words.
        why: String,
    },
}

impl LogError {
    /// A frame that does not verify or does not follow.
    #[must_use]
    pub fn damaged(after: Position, error: &FrameError) -> Self {
        Self::Damaged { after, why: error.to_string() }
    }
}

/// Checks that `frames` follow `tip` and each other, as [`EventLog::append`] demands; the tip behind them.
///
/// # Errors
/// [`AppendError::NotNext`], and [`AppendError::Fenced`] for an epoch below the tip's.
pub fn check_follow(tip: &Tip, frames: &[EncodedFrame]) -> Result<Tip, AppendError> {
    frames.iter().try_fold(*tip, |tip, frame| {
        let follows =
            frame.first == tip.position.next() && frame.last >= frame.first && frame.previous == tip.hash;
        if !follows {
            return Err(AppendError::NotNext { tip: tip.position, got: frame.first });
        }
        if frame.epoch < tip.epoch {
            return Err(AppendError::Fenced { newest: tip.epoch });
        }
        Ok(Tip { position: frame.last, hash: frame.hash, epoch: frame.epoch })
    })
}
