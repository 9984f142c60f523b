use std::sync::Arc;

use quittance_core::event::Record;
use quittance_core::evolve::IllegalTransition;
use quittance_core::frame::Tip;
use quittance_core::ids::Position;
use quittance_core::invariant::Violation;
use quittance_core::state::State;

use crate::checkpoint::Checkpoints;
use crate::follow::{Follower, Keeper};
use crate::log::{LogError, LogReader};
use crate::recall::RecallError;
use crate::table::{MemoryTable, Table};

/// What a whole log folds to.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Everything the log knows. Of a long log what has ended is [put away](State::put_away), as an engine does it.
    pub state: State,
    /// Where the log ends.
    pub tip: Tip,
    /// How many frames it has.
    pub frames: u64,
}

/// Why a log does not replay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read, or a frame is damaged or does not follow the one before.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record does not follow from those before it.
    #[error("the log is whole, but {0}; was it written by another version of the program?")]
    Illegal(#[from] IllegalTransition),
    /// Something that ended earlier in it cannot be read again.
    #[error(transparent)]
    Recall(#[from] RecallError),
    /// A record follows, but to a state that must not be.
    #[error("the log is whole, but record {position} breaks an invariant: {violation}. Do not go on with it")]
    Broken {
        /// The record's position.
        position: u64,
        /// What does not hold.
        violation: Violation,
    },
}

/// Folds a log from its first record, checking every frame's hash, link and epoch, every record's place, and what no record
/// may break ([`quittance_core::invariant::check_record`]). `seen` is called with each record, before it is taken in, and can end the replay
/// with an error of its own.
///
/// # Errors
/// [`ReplayError`], as the error type of `seen` wraps it.
///
/// # Determinism
/// The same log gives the same state and digest on any machine.
pub fn replay<E: From<ReplayError>>(
    reader: &dyn LogReader,
    mut seen: impl FnMut(&State, &Record) -> Result<(), E>,
) -> Result<Replay, E> {
    let table: Arc<dyn Table> = Arc::new(MemoryTable::new());
    let mut follower = Follower::new(Some(Keeper::new(table).map_err(ReplayError::from)?));
    let every = Checkpoints::default().archive_every;
    let mut frames = 0;
    for bytes in reader.frames(Position(1)) {
        let bytes = bytes.map_err(ReplayError::from)?;
        follower.frame(reader, &bytes, &mut seen)?;
        follower.put_away(every)?;
        frames += 1;
    }
    let Follower { state, tip, .. } = follower;
    Ok(Replay { state, tip, frames })
}
