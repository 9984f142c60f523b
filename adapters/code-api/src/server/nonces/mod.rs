//! The values that payers' transactions are signed over, each for one transaction (protocol f).

mod pool;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quittance_core::event::{Event, Record};
use quittance_core::ids::IntentId;
use quittance_runtime::{Handle, Subscription};
use tokio_util::sync::CancellationToken;

use super::refusal::unavailable;
use crate::key::PublicKey;
use crate::solana::transaction::DurableNonce;
use crate::status::Status;
use pool::{Held, Pool};

/// The most nonces of one node: some 40 bytes each.
pub const MAX_NONCES: usize = 1 << 20;

/// How many submissions of one owner may wait for their signatures, so that nobody keeps all nonces from the others by being
/// slow.
const MAX_OF_ONE_OWNER: usize = 8;

/// Records read before other tasks of the thread get a turn.
const TURN: usize = 128;

/// The node's nonces. Follows the log while a payment holds some of them.
#[derive(Debug, Clone)]
pub(super) struct Nonces(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: Handle,
    shutdown: CancellationToken,
    size: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Made when the first one is asked for, as that can fail.
    pool: Option<Pool>,
    /// How many reservations each owner has that are not bound yet.
    offered: HashMap<PublicKey, usize>,
    /// What payments hold that were sent to the engine.
    bound: HashMap<IntentId, Vec<Held>>,
    following: bool,
}

/// Nonces offered to a client. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    nonces: Nonces,
    owner: PublicKey,
    held: Vec<Held>,
}

/// Nonces of a payment that is with the engine. They come back when it has ended.
#[derive(Debug)]
pub(super) struct Bound {
    nonces: Nonces,
    intent: IntentId,
    held: Vec<Held>,
}

impl Nonces {
    pub(super) fn new(engine: Handle, shutdown: CancellationToken, size: usize) -> Self {
        let size = size.clamp(1, MAX_NONCES);
        Self(Arc::new(Shared { engine, shutdown, size, state: Mutex::default() }))
    }

    /// Reserves so many for a client that has proved to be the owner.
    ///
    /// # Errors
    /// `unavailable` when there are not so many free ones, no randomness, or the owner has too many reservations already.
    pub(super) fn reserve(&self, owner: PublicKey, count: usize) -> Result<Reservation, Status> {
        let mut guard = self.state();
        let state = &mut *guard;
        let offered = state.offered.get(&owner).copied().unwrap_or_default();
        if offered >= MAX_OF_ONE_OWNER {
            return Err(unavailable(
                "too many submissions of this owner are under way; try again in a moment",
            ));
        }
        let pool = match &mut state.pool {
            Some(pool) => pool,
            none => {
                let mut salt = [0; 32];
                getrandom::fill(&mut salt).map_err(no_randomness)?;
                none.insert(Pool::new(salt, self.0.size))
            }
        };
        let choose = |left: usize| {
            let number = getrandom::u64().map_err(no_randomness)?;
            // Below a number of this size some are likelier than others by one part in 2^44.
            Ok::<_, Status>(usize::try_from(number % left as u64).unwrap_or_default())
        };
        let held = pool.reserve(count, choose)?;
        let held = held.ok_or_else(|| unavailable("no nonce is free; try again in a moment"))?;
        state.offered.insert(owner, offered + 1);
        drop(guard);
        Ok(Reservation { nonces: self.clone(), owner, held })
    }

    async fn follow(self, mut records: Subscription) {
        let mut turn = 0;
        loop {
            let next = tokio::select! {
                biased;
                () = self.0.shutdown.cancelled() => break,
                next = records.next() => next,
            };
            match next {
                Some(Ok(record)) => {
                    if !self.settled(&record) {
                        return;
                    }
                }
                Some(Err(error)) => {
                    // Held for ever rather than used twice.
                    tracing::error!(%error, "nonces stay reserved: the log cannot be read");
                    break;
                }
                None => break,
            }
            turn += 1;
            if turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        self.state().following = false;
    }

    /// Releases what an ended payment held. Whether there is anything left to follow the log for.
    fn settled(&self, record: &Record) -> bool {
        let mut state = self.state();
        let ended = matches!(
            record.event,
            Event::IntentConfirmed | Event::IntentFailed { .. } | Event::IntentRejected { .. }
        );
        if ended && let Some(subject) = record.subject {
            let held = state.bound.remove(&subject.intent).unwrap_or_default();
            if let Some(pool) = &mut state.pool {
                held.into_iter().for_each(|held| pool.release(held));
            }
        }
        state.following = !state.bound.is_empty();
        state.following
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// In the order they were asked for.
    pub(super) fn nonces(&self) -> Vec<DurableNonce> {
        let state = self.nonces.state();
        let pool = state.pool.iter();
        pool.flat_map(|pool| self.held.iter().map(|held| pool.nonce(*held))).collect()
    }

    /// Ties them to a payment. To be called before the engine is asked: afterwards it may have ended already.
    pub(super) fn bind(mut self, intent: IntentId) -> Bound {
        let held = std::mem::take(&mut self.held);
        let nonces = self.nonces.clone();
        let mut state = nonces.state();
        state.bound.entry(intent).or_default().extend(&held);
        if !state.following {
            state.following = true;
            let engine = &nonces.0.engine;
            let records = engine.subscribe(engine.durable().next());
            tokio::spawn(nonces.clone().follow(records));
        }
        drop(state);
        Bound { nonces, intent, held }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.nonces.state();
        match state.offered.get_mut(&self.owner) {
            Some(offered) if *offered > 1 => *offered -= 1,
            _ => drop(state.offered.remove(&self.owner)),
        }
        // Nothing when they were bound.
        if let Some(pool) = &mut state.pool {
            self.held.iter().for_each(|held| pool.give_back(*held));
        }
    }
}

impl Bound {
    /// The payment was not accepted: their values are as good as before.
    pub(super) fn refused(self) {
        let mut state = self.nonces.state();
        if let Some(bound) = state.bound.get_mut(&self.intent) {
            bound.retain(|held| !self.held.contains(held));
            if bound.is_empty() {
                state.bound.remove(&self.intent);
            }
        }
        if let Some(pool) = &mut state.pool {
            self.held.iter().for_each(|held| pool.give_back(*held));
        }
    }
}

fn no_randomness(error: getrandom::Error) -> Status {
    tracing::error!(%error, "the system gives no randomness for nonces");
    unavailable("no nonce can be made; try again in a moment")
}
