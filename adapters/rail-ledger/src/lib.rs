//! The embedded settlement rail: the engine's own accounts.
//!
//! It follows the log, carries out each scheduled transaction by reporting it settled (which moves the reserved quarks, in
//! the same frame), and so makes `scheduled` and `confirmed` two facts. It keeps nothing: after a restart it asks the
//! engine what is still open and goes on from there. Reporting the same transaction twice changes nothing, so no crash between
//! two lines can pay twice.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::event::{Event, Record};
use quittance_core::ids::{IntentId, TransactionId};
use quittance_core::rejection::{Class, Rejection};
use quittance_core::state::{State, TransactionState};
use quittance_runtime::{Error, Handle};

/// How long to wait before trying again what was refused for the moment.
const RETRY: Duration = Duration::from_millis(20);
/// The most reports under way at a time.
const IN_FLIGHT: usize = 256;

/// A running rail. It ends by itself when the engine shuts down.
#[derive(Debug)]
pub struct LedgerRail {
    thread: JoinHandle<Result<(), RailError>>,
}

/// Why the rail ended early. Scheduled intents stay scheduled until it runs again.
#[derive(Debug, thiserror::Error)]
pub enum RailError {
    /// The engine failed, or refused what it must not refuse.
    #[error("the ledger rail stopped: {0}")]
    Engine(#[from] Error),
    /// The log cannot be read.
    #[error("the ledger rail stopped: {0}")]
    Log(#[from] quittance_runtime::log::LogError),
    /// The thread panicked: a bug.
    #[error("the ledger rail panicked; this is a bug")]
    Panicked,
}

impl LedgerRail {
    /// Settles what is open and everything that will be scheduled, on a thread of its own.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(engine: Handle) -> std::io::Result<Self> {
        let thread =
            thread::Builder::new().name("quittance-rail-ledger".into()).spawn(move || run(&engine))?;
        Ok(Self { thread })
    }

    /// Whether it has ended, early or not.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until it has ended, which it does when the engine shuts down.
    ///
    /// # Errors
    /// It ended early.
    pub fn join(self) -> Result<(), RailError> {
        self.thread.join().unwrap_or(Err(RailError::Panicked))
    }
}

fn run(engine: &Handle) -> Result<(), RailError> {
    match follow(engine) {
        Err(RailError::Engine(Error::Stopped)) => Ok(()),
        ended => ended,
    }
}

fn follow(engine: &Handle) -> Result<(), RailError> {
    let (open, seen) = patiently(|| engine.query_blocking(|state| (open(state), state.position())))?;
    for some in open.chunks(IN_FLIGHT) {
        settle(engine, some)?;
    }
    let mut records = engine.subscribe(seen.next());
    while let Some(first) = records.next_blocking() {
        let mut ordered: Vec<_> = ordered(&first?).collect();
        // What else is there already shares the next sync.
        while ordered.len() < IN_FLIGHT
            && let Some(more) = records.try_next()?
        {
            ordered.extend(self::ordered(&more));
        }
        settle(engine, &ordered)?;
    }
    Ok(())
}

fn ordered(record: &Record) -> impl Iterator<Item = (IntentId, TransactionId)> {
    let (transactions, subject) = match (&record.event, record.subject) {
        (Event::IntentScheduled { transactions }, Some(subject)) => {
            (transactions.as_slice(), Some(subject.intent))
        }
        _ => (&[][..], None),
    };
    transactions.iter().filter_map(move |transaction| Some((subject?, transaction.id)))
}

/// What is with the rail and has not been reported on.
fn open(state: &State) -> Vec<(IntentId, TransactionId)> {
    let scheduled = state.scheduled().filter_map(|(id, intent)| Some((*id, intent.settlement()?)));
    let transactions =
        scheduled.flat_map(|(id, settlement)| settlement.transactions.iter().map(move |t| (id, t)));
    transactions
        .filter(|(_, transaction)| transaction.state == TransactionState::Ordered)
        .map(|(id, transaction)| (id, transaction.transaction.id))
        .collect()
}

fn settle(engine: &Handle, ordered: &[(IntentId, TransactionId)]) -> Result<(), RailError> {
    let report = |&(intent, transaction)| {
        let outcome = SettlementOutcome::Settled;
        engine.begin(Request::ReportSettlement { intent, transaction, outcome })
    };
    let mut under_way = Vec::with_capacity(ordered.len());
    for transaction in ordered {
        under_way.push((transaction, patiently(|| report(transaction))?));
    }
    for (transaction, ticket) in under_way {
        match ticket.wait_blocking() {
            Err(Error::Rejected(refused)) if refused.code.class() == Class::Transient => {
                patiently(|| report(transaction)?.wait_blocking())?;
            }
            answer => {
                answer?;
            }
        }
    }
    Ok(())
}

/// Asks again for as long as the answer is "not now".
fn patiently<T>(mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    loop {
        match ask() {
            Err(Error::Rejected(Rejection { code, .. })) if code.class() == Class::Transient => {
                thread::sleep(RETRY);
            }
            answer => return answer,
        }
    }
}
