//! One reader of the log for every open stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use quittance_core::event::{Event, Record};
use quittance_core::ids::IntentId;
use quittance_runtime::{Handle, Subscription};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::inbox::store_failed;
use super::letter::{Letter, metadata};
use super::refusal::unavailable;
use crate::proto::code::transaction::v2 as transaction;
use crate::status::{Code, Status};

/// Messages that may wait in front of one stream (protocol e.7).
const BUFFER: usize = 64;

/// Records handed out before other tasks of the thread get a turn.
const TURN: usize = 128;

/// Hands each new message to the stream that is open for its rendezvous key. Follows the log once, whatever the number of
/// streams, and not at all while there are none.
#[derive(Debug, Clone)]
pub(super) struct Hub(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: Handle,
    shutdown: CancellationToken,
    streams: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    opened: u64,
    following: bool,
    open: HashMap<IntentId, Slot>,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    letters: mpsc::Sender<Letter>,
    /// Of a payment whose record has come, until the one that says it was accepted. Both are in one frame.
    metadata: Option<transaction::Metadata>,
    end: Arc<OnceLock<Status>>,
}

/// What is new for one rendezvous key, from the moment it was opened. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Stream {
    hub: Hub,
    intent: IntentId,
    number: u64,
    letters: mpsc::Receiver<Letter>,
    end: Arc<OnceLock<Status>>,
}

impl Hub {
    pub(super) fn new(engine: Handle, shutdown: CancellationToken) -> Self {
        Self(Arc::new(Shared { engine, shutdown, streams: Mutex::default() }))
    }

    /// Opens the stream of a rendezvous key and ends the one that is open for it.
    ///
    /// It delivers every message behind the position that the engine's state has after this call, and may deliver some from
    /// before: whoever replays first drops those.
    pub(super) fn open(&self, intent: IntentId) -> Result<Stream, Status> {
        let mut streams = self.streams();
        if self.0.shutdown.is_cancelled() {
            return Err(shutting_down());
        }
        streams.opened += 1;
        let number = streams.opened;
        let (to, letters) = mpsc::channel(BUFFER);
        let end = Arc::new(OnceLock::new());
        let slot = Slot { number, letters: to, metadata: None, end: end.clone() };
        if let Some(older) = streams.open.insert(intent, slot) {
            older.end(Status::new(Code::Aborted, "a newer stream for this key was opened"));
        }
        if !streams.following {
            streams.following = true;
            let records = self.0.engine.subscribe(self.0.engine.durable().next());
            tokio::spawn(self.clone().follow(records));
        }
        Ok(Stream { hub: self.clone(), intent, number, letters, end })
    }

    async fn follow(self, mut records: Subscription) {
        let mut turn = 0;
        let why = loop {
            let next = tokio::select! {
                biased;
                () = self.0.shutdown.cancelled() => break shutting_down(),
                next = records.next() => next,
            };
            match next {
                Some(Ok(record)) => {
                    if !self.deliver(&record) {
                        return;
                    }
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "message streams end: the log cannot be read");
                    break store_failed();
                }
                None => break shutting_down(),
            }
            turn += 1;
            if turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        };
        let mut streams = self.streams();
        streams.following = false;
        for (_, slot) in streams.open.drain() {
            slot.end(why.clone());
        }
    }

    /// Whether there is anybody left to follow the log for.
    fn deliver(&self, record: &Record) -> bool {
        let mut streams = self.streams();
        if streams.open.is_empty() {
            streams.following = false;
            return false;
        }
        let to = record.subject.and_then(|subject| streams.open.get_mut(&subject.intent));
        if let Some(slot) = to
            && let Some((intent, letter)) = slot.letter(record)
            && slot.letters.try_send(letter).is_err()
            && let Some(slot) = streams.open.remove(&intent)
        {
            slot.end(Status::new(Code::Aborted, "the stream was not read"));
        }
        true
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        // Nothing panics while it is held.
        self.0.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn letter(&mut self, record: &Record) -> Option<(IntentId, Letter)> {
        if matches!(record.event, Event::IntentSubmitted { .. }) {
            self.metadata = metadata(record);
        }
        let (intent, letter) = Letter::of(record)?;
        if matches!(record.event, Event::IntentScheduled { .. }) {
            let metadata = self.metadata.take();
            return Some((intent, Letter::submitted(intent, letter.position, metadata)));
        }
        Some((intent, letter))
    }

    /// The stream gives what it still holds, then this.
    fn end(self, why: Status) {
        // Set once: the slot is consumed here.
        let _ = self.end.set(why);
    }
}

impl Stream {
    /// The next message; waits for it.
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Letter, Status> {
        self.letters.recv().await.ok_or_else(|| self.end.get().cloned().unwrap_or_else(shutting_down))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut streams = self.hub.streams();
        if streams.open.get(&self.intent).is_some_and(|slot| slot.number == self.number) {
            streams.open.remove(&self.intent);
        }
    }
}

pub(super) fn shutting_down() -> Status {
    unavailable("the node is shutting down; try again in a moment")
}
