use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Sender, TrySendError};
use quittance_core::command::Request;
use quittance_core::event::Record;
use quittance_core::ids::{IntentId, NodeId, Position, Timestamp};
use quittance_core::machine::Accepted;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::state::{Key, State};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::error::{Error, Failure};
use crate::gate::Gate;
use crate::log::{LogError, LogReader};
use crate::recall::{self, Recall};
use crate::recent::Recent;
use crate::sequencer::{Job, Query, Ready, Reply, Told};
use crate::subscription::Subscription;
use crate::timekeeper::Timekeeper;
use crate::turns::{Turn, Turns};
use crate::verifier::Unverified;

/// The most requests in one batch.
pub const MAX_BATCH: usize = 1024;

/// A way to ask the engine. Cheap to clone; every clone is as good as the first.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) requests: Sender<Unverified>,
    pub(crate) jobs: Sender<Job>,
    pub(crate) shared: Arc<Shared>,
}

/// A request on its way; its answer comes when it is durable. Dropping it takes nothing back.
#[derive(Debug)]
#[must_use = "the answer says whether it was carried out"]
pub struct Ticket<T = Accepted> {
    answer: oneshot::Receiver<Result<T, Error>>,
    shared: Arc<Shared>,
}

impl<T> Ticket<T> {
    /// The answer.
    ///
    /// # Errors
    /// As [`Handle::execute`].
    pub async fn wait(self) -> Result<T, Error> {
        self.shared.answer(self.answer).await
    }

    /// The answer, blocking the thread. Not for use inside an async runtime.
    ///
    /// # Errors
    /// As [`Handle::execute`].
    pub fn wait_blocking(self) -> Result<T, Error> {
        pollster::block_on(self.wait())
    }
}

/// What all threads of an engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) node: NodeId,
    pub(crate) clock: Arc<Timekeeper>,
    pub(crate) reader: Arc<dyn LogReader>,
    pub(crate) recall: Recall,
    pub(crate) gate: Gate,
    pub(crate) turns: Arc<Turns>,
    /// Places for requests that wait in batches.
    pub(crate) batched: Arc<Semaphore>,
    pub(crate) recent: Arc<Recent>,
    pub(crate) durable: watch::Receiver<Position>,
    /// Never changes; ends with the thread that answers last.
    pub(crate) alive: watch::Receiver<()>,
    pub(crate) stopping: AtomicBool,
    pub(crate) failed: OnceLock<Failure>,
}

impl Handle {
    /// Asks for something and waits until the answer is durable.
    ///
    /// A dropped future takes nothing back: the request may be carried out all the same.
    ///
    /// # Errors
    /// The rules refuse it, the queue is full (`node_overloaded`), the log's store is full, or the engine has stopped.
    ///
    /// # Durability
    /// An `Ok` survives a power cut, as far as the log's store does.
    pub async fn execute(&self, request: Request) -> Result<Accepted, Error> {
        self.begin(request)?.wait().await
    }

    /// The same, blocking the thread. Not for use inside an async runtime.
    ///
    /// # Errors
    /// As [`Handle::execute`].
    pub fn execute_blocking(&self, request: Request) -> Result<Accepted, Error> {
        self.begin(request)?.wait_blocking()
    }

    /// Asks for something without waiting for the answer, so that many requests can share one sync. Requests under way at
    /// the same time may be carried out in any order.
    ///
    /// # Errors
    /// The queue is full, or one intent's share of it (`node_overloaded`), or the engine has stopped.
    pub fn begin(&self, request: Request) -> Result<Ticket, Error> {
        self.running()?;
        // Before anything is made for it: whoever asks too often should cost little.
        let full = if request.is_signed() { self.requests.is_full() } else { self.jobs.is_full() };
        if full {
            return Err(overloaded());
        }
        let (to, answer) = oneshot::channel();
        let turn = request.intent().map(|intent| self.turn(&intent)).transpose()?;
        if request.is_signed() {
            let unverified = Unverified::Request(request, turn, to);
            self.requests.try_send(unverified).map_err(|error| self.refused(&error))?;
        } else {
            self.begin_unsigned(request, turn, to)?;
        }
        Ok(Ticket { answer, shared: self.shared.clone() })
    }

    /// Asks for many things at once, which costs little more than asking for one: for a rail that reports a block of
    /// settlements, or for whoever moves in from another system. They are decided in order, each by itself: one that is refused
    /// holds up none of the others. The answers come together, in the same order, when all are durable.
    ///
    /// One worker checks all the signatures of a batch, so that signed requests are checked side by side only in several
    /// batches.
    ///
    /// # Errors
    /// There are more than [`MAX_BATCH`] (`batch_too_large`), or as [`Handle::begin`]; then none of them is carried out.
    pub fn begin_batch(&self, requests: Vec<Request>) -> Result<Ticket<Vec<Result<Accepted, Error>>>, Error> {
        self.running()?;
        if requests.len() > MAX_BATCH {
            let (code, got) = (RejectionCode::BatchTooLarge, requests.len());
            return Err(Rejection::new(code, "requests", ("at most", MAX_BATCH), got).into());
        }
        // Each request counts, or a queue of batches would hold a thousand times what it is meant to.
        let count = u32::try_from(requests.len()).unwrap_or(u32::MAX);
        let places = Arc::clone(&self.shared.batched).try_acquire_many_owned(count);
        let places = places.map_err(|_| overloaded())?;
        let (to, answer) = oneshot::channel();
        let batch = Unverified::Batch(requests, places, to);
        self.requests.try_send(batch).map_err(|error| self.refused(&error))?;
        Ok(Ticket { answer, shared: self.shared.clone() })
    }

    /// Looks at the state. What comes back is durable, and includes everything acknowledged before the call.
    ///
    /// `look` runs on the thread that decides: it must be quick and must not block.
    ///
    /// # Errors
    /// The queue is full (`node_overloaded`), or the engine has stopped.
    pub async fn query<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.shared.answer(self.ask(look)?).await
    }

    /// The same, with one thing in the state even if it has ended and was put away. Without this a query sees what is open, and
    /// of what has ended only what happens to be in memory still.
    ///
    /// # Errors
    /// As [`Handle::query`], and [`Error::Unreadable`] when it has ended and its records cannot be read.
    pub async fn query_about<T: Send + 'static>(
        &self,
        key: Key,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.shared.answer(self.ask_about(key, look)?).await
    }

    /// The same, blocking the thread. Not for use inside an async runtime.
    ///
    /// # Errors
    /// As [`Handle::query`].
    pub fn query_about_blocking<T: Send + 'static>(
        &self,
        key: Key,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Error> {
        pollster::block_on(self.shared.answer(self.ask_about(key, look)?))
    }

    /// The same, blocking the thread. Not for use inside an async runtime.
    ///
    /// # Errors
    /// As [`Handle::query`].
    pub fn query_blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Error> {
        pollster::block_on(self.shared.answer(self.ask(look)?))
    }

    /// Durable records from `from` on, those to come included.
    #[must_use]
    pub fn subscribe(&self, from: Position) -> Subscription {
        let Shared { durable, recent, reader, .. } = &*self.shared;
        Subscription::new(from, durable.clone(), recent.clone(), reader.clone())
    }

    /// The durable record at `position`; `None` behind the last one. One intent's history is a walk from its last record
    /// along [`Subject::previous`](quittance_core::event::Subject::previous).
    ///
    /// May read the store, so it blocks the thread for as long as that takes.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn record_at(&self, position: Position) -> Result<Option<Record>, LogError> {
        if position == Position::START || position > self.durable() {
            return Ok(None);
        }
        if let Some(record) = self.shared.recent.at(position) {
            return Ok(Some(record));
        }
        recall::record_at(&*self.shared.reader, position)
    }

    /// The sequencer's name.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.shared.node
    }

    /// The engine's time, by which deadlines pass: its clock's, as far as that can be believed. It never stands still and never
    /// goes back, and is never before the last record's, whatever happens to the clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// The position of the last durable record.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.shared.durable()
    }

    /// What made the engine stop acknowledging, if it has.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.shared.failure()
    }

    fn ask<T: Send + 'static>(
        &self,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, Error>>, Error> {
        self.running()?;
        let (query, answer) = question(look);
        self.jobs.try_send(Job::Query(query, None)).map_err(|error| self.refused(&error))?;
        Ok(answer)
    }

    fn ask_about<T: Send + 'static>(
        &self,
        key: Key,
        look: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, Error>>, Error> {
        self.running()?;
        let (query, answer) = question(look);
        self.requests.try_send(Unverified::Query(key, query)).map_err(|error| self.refused(&error))?;
        Ok(answer)
    }

    /// What takes no time to look at goes straight to the sequencer: a hop through a worker costs more.
    fn begin_unsigned(&self, request: Request, turn: Option<Turn>, to: Reply) -> Result<(), Error> {
        let command = request.verify()?;
        let recalled = command.key().map(|key| self.shared.recall.at_once(key));
        if let Some(None) = recalled {
            let unverified = Unverified::Command(command, turn, to);
            return self.requests.try_send(unverified).map_err(|error| self.refused(&error));
        }
        let ready = Ready { command, recalled: recalled.flatten() };
        self.jobs.try_send(Job::Command(ready, turn, to)).map_err(|error| self.refused(&error))
    }

    fn turn(&self, intent: &IntentId) -> Result<Turn, Error> {
        let turns = &self.shared.turns;
        turns.take(intent).ok_or_else(|| {
            let expected = ("requests under way about one intent: at most", turns.most());
            Rejection::new(RejectionCode::NodeOverloaded, "intent", expected, intent).into()
        })
    }

    fn running(&self) -> Result<(), Error> {
        match self.failure() {
            Some(failure) => Err(Error::Failed(failure)),
            None if self.shared.stopping.load(Ordering::Acquire) => Err(Error::Stopped),
            None => Ok(()),
        }
    }

    fn refused<T>(&self, error: &TrySendError<T>) -> Error {
        match error {
            TrySendError::Full(_) => overloaded(),
            TrySendError::Disconnected(_) => self.shared.gone(),
        }
    }
}

fn overloaded() -> Error {
    let expected = "room in the queue; try again in a moment";
    Rejection::new(RejectionCode::NodeOverloaded, "", expected, "a full queue").into()
}

fn question<T: Send + 'static>(
    look: impl FnOnce(&State) -> T + Send + 'static,
) -> (Query, oneshot::Receiver<Result<T, Error>>) {
    let (to, answer) = oneshot::channel();
    let query = move |state: Result<&State, Error>| -> Told {
        let seen = state.map(look);
        Box::new(move |durable: Result<(), Error>| {
            // The asker may have given up waiting.
            let _ = to.send(durable.and(seen));
        })
    };
    (Box::new(query), answer)
}

impl Shared {
    pub(crate) fn durable(&self) -> Position {
        *self.durable.borrow()
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failed.get().cloned()
    }

    /// Waits for an answer, or for the end of everybody who could give it: what was put into a queue after its reader had
    /// stopped would otherwise be waited for as long as anybody holds a [`Handle`].
    async fn answer<T>(&self, mut answer: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
        // What is there already is taken without a word to the other threads.
        match answer.try_recv() {
            Ok(answered) => return answered,
            Err(TryRecvError::Closed) => return Err(self.gone()),
            Err(TryRecvError::Empty) => {}
        }
        let mut alive = self.alive.clone();
        tokio::select! {
            biased;
            answered = &mut answer => answered.unwrap_or_else(|_| Err(self.gone())),
            _ = alive.changed() => answer.try_recv().unwrap_or_else(|_| Err(self.gone())),
        }
    }

    /// Why an answer never came.
    fn gone(&self) -> Error {
        self.failure().map_or(Error::Stopped, Error::Failed)
    }

    /// Latches the first failure; that one is what everybody is told.
    pub(crate) fn fail(&self, failure: Failure) -> Failure {
        self.failed.get_or_init(|| failure).clone()
    }
}
