//! From a log, and a snapshot where there is one, to the state that the engine goes on from.

use std::fmt;
use std::sync::Arc;

use quittance_core::event::{Event, Record};
use quittance_core::evolve::IllegalTransition;
use quittance_core::frame::{self, Tip};
use quittance_core::ids::{NodeId, Position};
use quittance_core::invariant;
use quittance_core::state::{Intent, Key, State};

use crate::archive::Archive;
use crate::checkpoint;
use crate::engine::Options;
use crate::error::StartError;
use crate::log::{LogError, LogReader};
use crate::recall::{self, RecallError};
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

/// What an engine begins with.
pub(crate) struct Restored {
    pub(crate) state: State,
    pub(crate) tip: Tip,
    pub(crate) keeper: Option<Keeper>,
}

/// The archive as it is after a restore, and the last snapshot.
pub(crate) struct Keeper {
    pub(crate) table: Arc<dyn Table>,
    pub(crate) archive: Archive,
    /// The number of the next snapshot.
    pub(crate) next: u64,
    /// Where the last snapshot was taken.
    pub(crate) saved: Position,
    /// Where what has ended was last put away.
    pub(crate) archived: Position,
}

/// Restores from the newest snapshot in `table` and the log behind it, or, if there is none that fits or `rebuild` says so, from
/// the whole log.
pub(crate) fn restore(
    reader: &dyn LogReader,
    end: Position,
    options: &Options,
) -> Result<Restored, StartError> {
    if let Some(table) = options.table.as_ref().filter(|_| !options.rebuild)
        && let Some(begun) = from_snapshot(reader, table)
    {
        match begun.go_on(reader, end, options) {
            Err(StartError::Recall(error)) => {
                tracing::warn!(%error, "the archive is not used; the whole log is replayed");
            }
            restored => return restored,
        }
    }
    from_nothing(options.table.as_ref())?.go_on(reader, end, options)
}

fn from_nothing(table: Option<&Arc<dyn Table>>) -> Result<Restored, StartError> {
    let Some(table) = table else {
        return Ok(Restored { state: State::default(), tip: Tip::EMPTY, keeper: None });
    };
    checkpoint::clear(&**table)?;
    let archive = Archive::new(Arc::clone(table)).map_err(RecallError::from)?;
    let (saved, archived) = (Position::START, Position::START);
    let keeper = Keeper { table: Arc::clone(table), archive, next: 0, saved, archived };
    Ok(Restored { state: State::default(), tip: Tip::EMPTY, keeper: Some(keeper) })
}

/// The newest snapshot, if it belongs to this log. A snapshot that does not is only reported: the log has everything.
fn from_snapshot(reader: &dyn LogReader, table: &Arc<dyn Table>) -> Option<Restored> {
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
            Some(Restored { state, tip, keeper: Some(keeper) })
        }
        Err(error) => {
            tracing::warn!(%error, "the snapshot's archive is not used; the whole log is replayed");
            None
        }
    }
}

impl Restored {
    /// Takes in what the log has behind the state.
    fn go_on(mut self, reader: &dyn LogReader, end: Position, options: &Options) -> Result<Self, StartError> {
        let every = options.checkpoints.archive_every.max(1);
        for bytes in reader.frames(self.tip.position.next()) {
            self.frame(reader, &bytes.map_err(ReplayError::from)?)?;
            self.put_away(every)?;
            if let Some(Progress(told)) = &options.progress {
                told(self.tip.position, end);
            }
        }
        Ok(self)
    }

    fn frame(&mut self, reader: &dyn LogReader, bytes: &[u8]) -> Result<(), StartError> {
        let after = self.tip.position;
        let (frame, next) =
            self.tip.follow(bytes).map_err(|error| ReplayError::from(LogError::damaged(after, &error)))?;
        for record in &frame.records {
            self.recall(reader, record)?;
            let before =
                record.subject.and_then(|subject| self.state.intent(&subject.intent)).map(Intent::status);
            self.state.apply(record).map_err(ReplayError::from)?;
            invariant::check_record(before, record, &self.state)
                .map_err(|violation| ReplayError::Broken { position: record.position.0, violation })?;
        }
        self.tip = next;
        Ok(())
    }

    /// Brings back what the next record is about, if it is put away.
    fn recall(&mut self, reader: &dyn LogReader, record: &Record) -> Result<(), StartError> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let new = |key: &Key| -> Result<(), StartError> {
            match keeper.archive.find(key).map_err(RecallError::from)? {
                None => Ok(()),
                Some(_) => {
                    let (position, from, event) = (record.position, "log", record.event.name());
                    let why = "what it begins exists already";
                    Err(ReplayError::Illegal(IllegalTransition { position, from, event, why }).into())
                }
            }
        };
        match (record.subject, &record.event) {
            (Some(subject), Event::IntentCreated { .. }) => new(&Key::Intent(subject.intent)),
            (None, Event::FundsDeposited { key, .. }) => new(&Key::Deposit(*key)),
            (Some(subject), _) if self.state.intent(&subject.intent).is_none() => {
                let node = self.state.node().unwrap_or(NodeId([0; 32]));
                let key = Key::Intent(subject.intent);
                let ended = recall::ended(reader, node, &key, subject.previous)?;
                self.state.recall(&key, &ended);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A long replay must not fill memory with what ended long ago.
    fn put_away(&mut self, every: u64) -> Result<(), StartError> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        if self.state.position().0 - keeper.archived.0 < every {
            return Ok(());
        }
        let away: Vec<_> = self.state.ended().collect();
        keeper.archive = keeper.archive.with(away.clone()).map_err(RecallError::from)?;
        keeper.archived = self.state.position();
        for (key, last) in away {
            self.state.put_away(&key, last);
        }
        Ok(())
    }
}
