//! Along a log, record by record, with what has ended put away as it goes.

use std::sync::Arc;

use quittance_core::event::{Event, Record};
use quittance_core::evolve::IllegalTransition;
use quittance_core::frame::Tip;
use quittance_core::ids::{NodeId, Position};
use quittance_core::invariant;
use quittance_core::state::{Intent, Key, State};

use crate::archive::Archive;
use crate::log::{LogError, LogReader};
use crate::recall::{self, RecallError};
use crate::replay::ReplayError;
use crate::table::Table;

/// A state and the end of the log that it is the state of.
pub(crate) struct Follower {
    pub(crate) state: State,
    pub(crate) tip: Tip,
    /// `None` keeps everything in memory.
    pub(crate) keeper: Option<Keeper>,
}

/// Where what has ended is put, and what is known of the last snapshot.
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

impl Keeper {
    /// An empty one. Whatever the table has of an archive goes.
    pub(crate) fn new(table: Arc<dyn Table>) -> Result<Self, RecallError> {
        let archive = Archive::new(Arc::clone(&table))?;
        let (saved, archived) = (Position::START, Position::START);
        Ok(Self { table, archive, next: 0, saved, archived })
    }
}

impl Follower {
    /// In front of the first record.
    pub(crate) fn new(keeper: Option<Keeper>) -> Self {
        Self { state: State::default(), tip: Tip::EMPTY, keeper }
    }

    /// Takes in the next frame. `seen` is called with each record and the state before it.
    pub(crate) fn frame<E: From<ReplayError>>(
        &mut self,
        reader: &dyn LogReader,
        bytes: &[u8],
        seen: &mut impl FnMut(&State, &Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let after = self.tip.position;
        let (frame, next) =
            self.tip.follow(bytes).map_err(|error| ReplayError::from(LogError::damaged(after, &error)))?;
        for record in &frame.records {
            self.recall(reader, record)?;
            seen(&self.state, record)?;
            let before =
                record.subject.and_then(|subject| self.state.intent(&subject.intent)).map(Intent::status);
            self.state.apply(record).map_err(ReplayError::from)?;
            invariant::check_record(before, record, &self.state)
                .map_err(|violation| ReplayError::Broken { position: record.position.0, violation })?;
        }
        self.tip = next;
        Ok(())
    }

    /// Puts away what has ended, if `every` records have come since the last time: a long log must not fill memory with what
    /// ended long ago.
    pub(crate) fn put_away(&mut self, every: u64) -> Result<(), ReplayError> {
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        if self.state.position().0 - keeper.archived.0 < every {
            return Ok(());
        }
        let (archive, away) = keeper.archive.with_ended(&self.state).map_err(RecallError::from)?;
        keeper.archive = archive;
        keeper.archived = self.state.position();
        if keeper.saved == Position::START {
            // No snapshot names anything yet.
            keeper.archive.sweep().map_err(RecallError::from)?;
        }
        for (key, last) in away {
            self.state.put_away(&key, last);
        }
        Ok(())
    }

    /// Brings back what the next record is about, if it is put away.
    fn recall(&mut self, reader: &dyn LogReader, record: &Record) -> Result<(), ReplayError> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let Some(key) = Key::of(record).filter(|key| !self.state.holds(key)) else { return Ok(()) };
        // What is nowhere was never there, which the state says better.
        let Some(last) = keeper.archive.find(&key).map_err(RecallError::from)? else { return Ok(()) };
        let begins = matches!(
            record.event,
            Event::IntentCreated { .. }
                | Event::LoginRequested { .. }
                | Event::FundsDeposited { .. }
                | Event::WithdrawalScheduled { .. }
        );
        if begins {
            let (position, from, event) = (record.position, "log", record.event.name());
            let why = "what it begins exists already";
            return Err(IllegalTransition { position, from, event, why }.into());
        }
        let trail = keeper.archive.trail(last).map_err(RecallError::from)?;
        let node = self.state.node().unwrap_or(NodeId([0; 32]));
        let ended = recall::ended(reader, node, &key, &trail)?;
        self.state.recall(&key, &ended);
        Ok(())
    }
}
