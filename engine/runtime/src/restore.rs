//! From a log, and a snapshot where there is one, to the state that the engine goes on from.

use std::fmt;
use std::sync::Arc;

use quittance_core::frame;
use quittance_core::ids::Position;

use crate::archive::Archive;
use crate::checkpoint;
use crate::engine::Options;
use crate::error::StartError;
use crate::follow::{Follower, Keeper};
use crate::log::LogReader;
use crate::replay::ReplayError;
use crate::table::Table;

/// Told now and then how far a replay has come: the position reached, and the one where the log ends.
#[derive(Clone)]
pub struct Progress(pub Arc<dyn Fn(Position, Position) + Send + Sync>);

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// Restores from the newest snapshot in `table` and the log behind it, or, if there is none that fits or `rebuild` says so, from
/// the whole log.
pub(crate) fn restore(
    reader: &dyn LogReader,
    end: Position,
    options: &Options,
) -> Result<Follower, StartError> {
    if let Some(table) = options.table.as_ref().filter(|_| !options.rebuild)
        && let Some(begun) = from_snapshot(reader, table)
    {
        match go_on(begun, reader, end, options) {
            Err(ReplayError::Recall(error)) => {
                tracing::warn!(%error, "the archive is not used; the whole log is replayed");
            }
            restored => return Ok(restored?),
        }
    }
    Ok(go_on(from_nothing(options.table.as_ref())?, reader, end, options)?)
}

fn from_nothing(table: Option<&Arc<dyn Table>>) -> Result<Follower, StartError> {
    let Some(table) = table else { return Ok(Follower::new(None)) };
    checkpoint::clear(&**table)?;
    let keeper = Keeper::new(Arc::clone(table)).map_err(ReplayError::from)?;
    Ok(Follower::new(Some(keeper)))
}

/// The newest snapshot, if it belongs to this log. A snapshot that does not is only reported: the log has everything.
fn from_snapshot(reader: &dyn LogReader, table: &Arc<dyn Table>) -> Option<Follower> {
    let (manifest, state) = match checkpoint::load(&**table) {
        Ok(found) => found?,
        Err(error) => {
            tracing::warn!(%error, "the snapshot is not used; the whole log is replayed");
            return None;
        }
    };
    let tip = manifest.tip;
    let follows = reader.frames(tip.position).next().is_some_and(|bytes| {
        let frame = bytes.ok().and_then(|bytes| frame::decode(&bytes).ok());
        frame.is_some_and(|frame| {
            let end = frame.records.last().map(|last| last.position);
            (end, frame.hash, frame.epoch) == (Some(tip.position), tip.hash, tip.epoch)
        })
    });
    if !follows {
        let position = tip.position.0;
        tracing::warn!(position, "the snapshot is of another history; the whole log is replayed");
        return None;
    }
    match Archive::open(Arc::clone(table), &manifest.runs) {
        Ok(archive) => {
            let (next, saved, archived) = (manifest.number + 1, tip.position, tip.position);
            let keeper = Keeper { table: Arc::clone(table), archive, next, saved, archived };
            Some(Follower { state, tip, keeper: Some(keeper) })
        }
        Err(error) => {
            tracing::warn!(%error, "the snapshot's archive is not used; the whole log is replayed");
            None
        }
    }
}

/// Takes in what the log has behind the state.
fn go_on(
    mut follower: Follower,
    reader: &dyn LogReader,
    end: Position,
    options: &Options,
) -> Result<Follower, ReplayError> {
    let every = options.checkpoints.archive_every.max(1);
    for bytes in reader.frames(follower.tip.position.next()) {
        follower.frame::<ReplayError>(reader, &bytes?, &mut |_, _| Ok(()))?;
        follower.put_away(every)?;
        if let Some(Progress(told)) = &options.progress {
            told(follower.tip.position, end);
        }
    }
    Ok(follower)
}
