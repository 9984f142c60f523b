use std::collections::VecDeque;
use std::sync::Arc;

use quittance_core::event::Record;
use quittance_core::frame;
use quittance_core::ids::Position;
use tokio::sync::watch;

use crate::log::{LogError, LogReader};
use crate::recent::Recent;

/// Frames decoded at a time while catching up: bounds a reader's memory at about 1 MiB.
const CATCH_UP_FRAMES: usize = 16;

/// Durable records in order, each exactly once: first those that are there already, then every new one.
///
/// A reader that stops reading holds nothing up: it falls behind and catches up from the log. To go on after a restart,
/// store the position of the last record handled and subscribe from the one after it.
#[derive(Debug)]
pub struct Subscription {
    next: Position,
    ready: VecDeque<Record>,
    durable: watch::Receiver<Position>,
    recent: Arc<Recent>,
    reader: Arc<dyn LogReader>,
}

impl Subscription {
    pub(crate) fn new(
        from: Position,
        durable: watch::Receiver<Position>,
        recent: Arc<Recent>,
        reader: Arc<dyn LogReader>,
    ) -> Self {
        Self { next: from.max(Position(1)), ready: VecDeque::new(), durable, recent, reader }
    }

    /// The next record; waits for it. `None` when the engine has shut down and everything was delivered. A reader far behind
    /// at that moment can get the error that the log is closed instead; it goes on from its position after the restart.
    ///
    /// Cancel safe: a record is lost by dropping the subscription, not by dropping this future.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn next(&mut self) -> Option<Result<Record, LogError>> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Some(Ok(record));
            }
            match self.refill() {
                Ok(true) => {}
                Ok(false) => {
                    if self.durable.changed().await.is_err() {
                        // The engine is gone: what it made durable last may not have been taken yet.
                        match self.refill() {
                            Ok(true) => {}
                            Ok(false) => return None,
                            Err(error) => return Some(Err(error)),
                        }
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The same, blocking the thread. Not for use inside an async runtime.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn next_blocking(&mut self) -> Option<Result<Record, LogError>> {
        pollster::block_on(self.next())
    }

    /// The next record if it is there already; does not wait.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn try_next(&mut self) -> Result<Option<Record>, LogError> {
        if self.ready.is_empty() {
            self.refill()?;
        }
        Ok(self.ready.pop_front())
    }

    /// The position of the record that comes next.
    #[must_use]
    pub fn position(&self) -> Position {
        self.ready.front().map_or(self.next, |record| record.position)
    }

    /// Takes what is durable and not yet taken; whether there was anything.
    fn refill(&mut self) -> Result<bool, LogError> {
        let durable = *self.durable.borrow_and_update();
        if self.next > durable {
            return Ok(false);
        }
        match self.recent.since(self.next) {
            Some(commits) => {
                let records = commits.iter().flat_map(|commit| commit.iter());
                let new = records.filter(|record| record.position >= self.next && record.position <= durable);
                self.ready.extend(new.cloned());
            }
            None => self.catch_up(durable)?,
        }
        self.mark_ready();
        Ok(!self.ready.is_empty())
    }

    /// What is ready is taken: whatever fails after this, it does not come again.
    fn mark_ready(&mut self) {
        if let Some(last) = self.ready.back() {
            self.next = last.position.next();
        }
    }

    fn catch_up(&mut self, durable: Position) -> Result<(), LogError> {
        for bytes in self.reader.frames(self.next).take(CATCH_UP_FRAMES) {
            let after = Position(self.next.0 - 1);
            let frame = frame::decode(&bytes?).map_err(|error| LogError::damaged(after, &error))?;
            let new = frame.records.into_iter().filter(|r| r.position >= self.next && r.position <= durable);
            let first = self.ready.len();
            self.ready.extend(new);
            match self.ready.get(first) {
                Some(record) if record.position != self.next => {
                    let why = format!("position {} is durable but cannot be read", self.next);
                    self.ready.truncate(first);
                    return Err(LogError::Damaged { after, why });
                }
                _ => self.mark_ready(),
            }
        }
        if self.ready.is_empty() {
            let why = format!("position {} is durable but cannot be read", self.next);
            return Err(LogError::Damaged { after: Position(self.next.0 - 1), why });
        }
        Ok(())
    }
}
