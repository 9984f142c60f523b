//! The values that payers' transactions are signed over, each for one transaction (protocol f).

mod aborts;
mod pool;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quittance_core::event::{Event, Record};
use quittance_core::ids::IntentId;
use quittance_runtime::{Handle, Subscription};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::refusal::unavailable;
use crate::key::PublicKey;
use crate::solana::transaction::DurableNonce;
use crate::status::Status;
use aborts::Aborts;
use pool::{Held, Pool};

/// The most nonces of one node: some 40 bytes each.
pub const MAX_NONCES: usize = 1 << 20;

/// How many nonces of one owner may wait for their signatures, so that nobody keeps them all from the others by being slow: three
/// payments with as many fees as there can be.
const MAX_OF_ONE_OWNER: usize = 16;

/// One in so many nonces is kept for owners who have not lately taken some and not paid: to hold them all takes ever new owners
/// with money.
const KEPT: usize = 4;

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
    /// What each owner has that is not bound yet, by what is to be paid.
    offered: HashMap<PublicKey, HashMap<IntentId, Offered>>,
    /// How many were ever offered.
    offers: u64,
    aborts: Aborts,
    /// What payments hold that were sent to the engine.
    bound: HashMap<IntentId, Vec<Held>>,
    following: bool,
}

#[derive(Debug)]
struct Offered {
    number: u64,
    held: Vec<Held>,
}

/// Nonces offered to a client. Given back when it is dropped, or when the same owner begins to pay the same anew.
#[derive(Debug)]
pub(super) struct Reservation {
    nonces: Nonces,
    owner: PublicKey,
    intent: IntentId,
    number: u64,
    values: Vec<DurableNonce>,
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

    /// Reserves so many for a client that has proved to be the owner. What the owner has for the same intent is void from now on:
    /// a client that has lost its connection begins anew before that is noticed here.
    ///
    /// # Errors
    /// `unavailable` when there are not so many free ones, no randomness, or the owner has too many already.
    pub(super) fn reserve(
        &self,
        owner: PublicKey,
        intent: IntentId,
        count: usize,
    ) -> Result<Reservation, Status> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.take_back(owner, intent, None);
        let offered = state.offered.get(&owner).into_iter().flat_map(HashMap::values);
        let offered: usize = offered.map(|offered| offered.held.len()).sum();
        if offered + count > MAX_OF_ONE_OWNER {
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
        let kept = if state.aborts.has(&owner, Instant::now()) { self.0.size / KEPT } else { 0 };
        let held = if pool.left() < count + kept { None } else { pool.reserve(count, choose)? };
        let held = held.ok_or_else(|| unavailable("no nonce is free; try again in a moment"))?;
        let values = held.iter().map(|held| pool.nonce(*held)).collect();
        state.offers += 1;
        let number = state.offers;
        state.offered.entry(owner).or_default().insert(intent, Offered { number, held });
        drop(guard);
        Ok(Reservation { nonces: self.clone(), owner, intent, number, values })
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

impl State {
    /// What an owner has for an intent, and no longer has: of this number, or of any.
    fn take(&mut self, owner: PublicKey, intent: IntentId, number: Option<u64>) -> Option<Vec<Held>> {
        let offers = self.offered.get_mut(&owner)?;
        let offered = offers.get(&intent)?;
        if number.is_some_and(|number| number != offered.number) {
            return None;
        }
        let taken = offers.remove(&intent);
        if offers.is_empty() {
            self.offered.remove(&owner);
        }
        taken.map(|offered| offered.held)
    }

    /// The same, when nothing was paid with it.
    fn take_back(&mut self, owner: PublicKey, intent: IntentId, number: Option<u64>) {
        let Some(held) = self.take(owner, intent, number) else { return };
        self.aborts.remember(owner, Instant::now());
        if let Some(pool) = &mut self.pool {
            held.iter().for_each(|held| pool.give_back(*held));
        }
    }
}

impl Reservation {
    /// In the order they were asked for.
    pub(super) fn nonces(&self) -> &[DurableNonce] {
        &self.values
    }

    /// Ties them to their payment. To be called before the engine is asked: afterwards it may have ended already. `None` when
    /// the owner has begun anew since.
    pub(super) fn bind(self) -> Option<Bound> {
        let (nonces, intent) = (self.nonces.clone(), self.intent);
        let mut state = nonces.state();
        let held = state.take(self.owner, intent, Some(self.number))?;
        state.bound.entry(intent).or_default().extend(&held);
        if !state.following {
            state.following = true;
            let engine = &nonces.0.engine;
            let records = engine.subscribe(engine.durable().next());
            tokio::spawn(nonces.clone().follow(records));
        }
        drop(state);
        Some(Bound { nonces, intent, held })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Nothing when they were bound.
        self.nonces.state().take_back(self.owner, self.intent, Some(self.number));
    }
}

impl Bound {
    /// The payment was not accepted, or had been with others: their values are as good as before.
    pub(super) fn unused(self) {
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
