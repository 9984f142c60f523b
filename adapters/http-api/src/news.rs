//! Waiting for news of an intent. One reader of the log for everybody who waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quittance_core::event::Record;
use quittance_core::ids::IntentId;
use quittance_runtime::{Handle, Subscription};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Requests that may wait at a time.
const MAX_WAITING: usize = 1024;

/// Records looked at before other tasks of the thread get a turn.
const TURN: usize = 128;

/// Tells those who wait for an intent that there is a new record about it. Follows the log once, however many they are, and not at
/// all while there are none.
#[derive(Clone, Debug)]
pub(crate) struct News(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: Handle,
    shutdown: CancellationToken,
    awaited: Mutex<Awaited>,
}

#[derive(Debug, Default)]
struct Awaited {
    following: bool,
    waiting: usize,
    intents: HashMap<IntentId, watch::Sender<()>>,
}

/// Somebody who waits for one intent. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Waiting {
    news: News,
    intent: IntentId,
    /// `None` only while it is dropped.
    told: Option<watch::Receiver<()>>,
}

impl News {
    pub(crate) fn new(engine: Handle, shutdown: CancellationToken) -> Self {
        Self(Arc::new(Shared { engine, shutdown, awaited: Mutex::default() }))
    }

    /// Waits for an intent. Whoever looks at it after this misses nothing. `None` when too many are waiting already.
    pub(crate) fn about(&self, intent: IntentId) -> Option<Waiting> {
        let mut awaited = self.awaited();
        if awaited.waiting >= MAX_WAITING {
            return None;
        }
        awaited.waiting += 1;
        let told = awaited.intents.entry(intent).or_default().subscribe();
        if !awaited.following {
            awaited.following = true;
            let records = self.0.engine.subscribe(self.0.engine.durable().next());
            tokio::spawn(self.clone().follow(records));
        }
        Some(Waiting { news: self.clone(), intent, told: Some(told) })
    }

    async fn follow(self, mut records: Subscription) {
        let mut turn = 0;
        while let Some(Some(next)) = self.0.shutdown.run_until_cancelled(records.next()).await {
            match next {
                Ok(record) => {
                    if !self.tell(&record) {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "nobody is told of news any more: the log cannot be read");
                    break;
                }
            }
            turn += 1;
            if turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        let mut awaited = self.awaited();
        awaited.following = false;
        // Ends every wait.
        awaited.intents.clear();
    }

    /// Whether there is anybody left to follow the log for.
    fn tell(&self, record: &Record) -> bool {
        let mut awaited = self.awaited();
        if let Some(told) = record.subject.and_then(|subject| awaited.intents.get(&subject.intent)) {
            told.send_replace(());
        }
        awaited.following = awaited.waiting > 0;
        awaited.following
    }

    fn awaited(&self) -> MutexGuard<'_, Awaited> {
        // Nothing panics while it is held.
        self.0.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Waits until there is a record about the intent since the last time; whether there is. `false` when the node is shutting
    /// down, or its log cannot be read.
    pub(crate) async fn next(&mut self) -> bool {
        match &mut self.told {
            Some(told) => told.changed().await.is_ok(),
            None => false,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut awaited = self.news.awaited();
        awaited.waiting -= 1;
        self.told = None;
        if awaited.intents.get(&self.intent).is_some_and(|told| told.receiver_count() == 0) {
            awaited.intents.remove(&self.intent);
        }
    }
}
