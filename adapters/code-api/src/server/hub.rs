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
use super::places::Origin;
use super::refusal::unavailable;
use crate::proto::code::transaction::v2 as transaction;
use crate::status::{Code, Status};

/// Messages that may wait in front of one stream (protocol e.7).
const BUFFER: usize = 64;

/// Records handed out before other tasks of the thread get a turn.
const TURN: usize = 128;

/// The streams of one rendezvous key whose clients signed, and as many whose clients did not: a page in two browsers, and a few
/// old ones whose clients' leaving was not noticed yet.
const MAX_OF_A_KIND: usize = 4;

/// Hands each new message to the streams that are open for its rendezvous key. Follows the log once, whatever the number of
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
    open: HashMap<IntentId, Slots>,
}

/// The streams of one key, the oldest first.
#[derive(Debug, Default)]
struct Slots {
    all: Vec<Slot>,
    /// Of a payment whose record has come, until the one that says it was accepted. Both are in one frame.
    metadata: Option<transaction::Metadata>,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    client: Client,
    letters: mpsc::Sender<Letter>,
    end: Arc<OnceLock<Status>>,
}

/// Who opens a stream, as far as that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    /// By the key. Who knows no more than an intent's id cannot, and must not come in the way of those who can.
    pub(super) has_signed: bool,
    pub(super) origin: Option<Origin>,
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

    /// Opens a stream of a rendezvous key. Where as many of the same kind are open as may be, the client's own oldest ends, or
    /// the oldest when the client has none.
    ///
    /// It delivers every message behind the position that the engine's state has after this call, and may deliver some from
    /// before: whoever replays first drops those.
    pub(super) fn open(&self, intent: IntentId, client: Client) -> Result<Stream, Status> {
        let mut streams = self.streams();
        if self.0.shutdown.is_cancelled() {
            return Err(shutting_down());
        }
        streams.opened += 1;
        let number = streams.opened;
        let (to, letters) = mpsc::channel(BUFFER);
        let end = Arc::new(OnceLock::new());
        let slots = streams.open.entry(intent).or_default();
        let older = slots.in_the_way_of(client);
        slots.all.push(Slot { number, client, letters: to, end: end.clone() });
        if let Some(older) = older {
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
        for slot in streams.open.drain().flat_map(|(_, slots)| slots.all) {
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
        if let Some(slots) = to
            && let Some((intent, letter)) = slots.letter(record)
        {
            for unread in slots.all.extract_if(.., |slot| slot.letters.try_send(letter.clone()).is_err()) {
                unread.end(Status::new(Code::Aborted, "the stream was not read"));
            }
            if slots.all.is_empty() {
                streams.open.remove(&intent);
            }
        }
        true
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        // Nothing panics while it is held.
        self.0.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    /// Takes out the stream that has to end so that this client can have one, if one has.
    fn in_the_way_of(&mut self, client: Client) -> Option<Slot> {
        let is_same_kind = |slot: &Slot| slot.client.has_signed == client.has_signed;
        if self.all.iter().filter(|slot| is_same_kind(slot)).count() < MAX_OF_A_KIND {
            return None;
        }
        let own = self.all.iter().position(|slot| slot.client == client);
        let index = own.or_else(|| self.all.iter().position(is_same_kind))?;
        Some(self.all.remove(index))
    }

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
}

impl Slot {
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
        if let Some(slots) = streams.open.get_mut(&self.intent) {
            slots.all.retain(|slot| slot.number != self.number);
            if slots.all.is_empty() {
                streams.open.remove(&self.intent);
            }
        }
    }
}

pub(super) fn shutting_down() -> Status {
    unavailable("the node is shutting down; try again in a moment")
}
