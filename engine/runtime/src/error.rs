use quittance_core::evolve::IllegalTransition;
use quittance_core::ids::{NodeId, Timestamp};
use quittance_core::invariant::Violation;
use quittance_core::rejection::Rejection;

use crate::log::{AppendError, Full, LogError};
use crate::recall::RecallError;
use crate::replay::ReplayError;
use crate::table::TableError;

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The rules refuse it. Includes `node_overloaded`, which is worth another try after a moment.
    #[error(transparent)]
    Rejected(Rejection),
    /// The log's store has no room. Nothing was decided or written: the request may be asked again once there is room, which
    /// needs no restart. What only looks at the state is answered meanwhile.
    #[error("the node takes no writes for now: {0}. Nothing was done; ask again once there is room")]
    Full(Full),
    /// What was asked about has ended, and cannot be read. Others are answered.
    #[error("what was asked about has ended and cannot be read: {0}")]
    Unreadable(RecallError),
    /// The engine has stopped acknowledging, and will until it is started again on the log. Whether the request was carried
    /// out is unknown; asking again after the restart tells.
    #[error("the engine stopped: {0}; restart it on the same log, then ask again")]
    Failed(Failure),
    /// The engine is shutting down, or is gone.
    #[error("the engine is shutting down")]
    Stopped,
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// What made the engine stop acknowledging.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The log did not take a commit.
    #[error("{0}")]
    Append(AppendError),
    /// A decision did not fit the state it was made for: a bug.
    #[error("this is a bug: {0}")]
    Illegal(IllegalTransition),
    /// Something that has ended cannot be brought back, so nothing can be decided about it.
    #[error("what has ended cannot be read: {0}")]
    Recall(RecallError),
}

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be read, or its records do not follow each other.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The table of the archive and the snapshots fails.
    #[error("the state table: {0}")]
    Table(#[from] TableError),
    /// The log is another node's.
    #[error("the log belongs to node {found}, not to {expected}: check the data directory and the node key")]
    OtherNode {
        /// Whose it should be.
        expected: NodeId,
        /// Whose it is.
        found: NodeId,
    },
    /// The log's last record is of more than a day from now, so one of the two times is wrong.
    #[error(
        "the log's last record is {} s ahead of this machine's clock: one of the two is wrong", last.since(*now).as_secs()
    )]
    ClockBehind {
        /// The time of the last record.
        last: Timestamp,
        /// What the clock says.
        now: Timestamp,
    },
    /// The log replays, but to a state that must not be.
    #[error("the log is whole, but its state breaks an invariant: {0}. Do not go on with it")]
    Invariant(Violation),
    /// The log ends somewhere else than its records do.
    #[error("the log says it ends at position {tip}, its records end at {replayed}")]
    TipMismatch {
        /// Where the log says it ends.
        tip: u64,
        /// Where the records end.
        replayed: u64,
    },
    /// The first record could not be written.
    #[error("could not begin the log: {0}")]
    Initialize(Error),
    /// The system gives no thread.
    #[error("could not start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why an engine did not shut down cleanly. Nothing acknowledged is lost.
#[derive(Debug, thiserror::Error)]
pub enum ShutdownError {
    /// It had stopped acknowledging before.
    #[error("the engine had stopped before: {0}")]
    Failed(Failure),
    /// One of its threads panicked: a bug.
    #[error("the {0} thread panicked; this is a bug")]
    Panicked(&'static str),
    /// The store was not left in order.
    #[error(transparent)]
    Close(#[from] LogError),
}
