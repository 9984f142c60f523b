//! The embedded settlement rail: the engine's own accounts.
//!
//! It follows the log, carries out each transaction that a payment, a refund or a withdrawal orders by reporting it settled
//! (which moves the reserved quarks, in the same frame), and so makes `scheduled` and `confirmed` two facts. It keeps nothing:
//! after a restart it asks the engine what is still open and goes on from there. Reporting the same transaction twice changes
//! nothing, so no crash between two lines can pay twice.
//!
//! A withdrawal is final here when its quarks have left the engine's accounts. Paying it out to the address it names is the
//! operator's work, who follows `account.withdrawal_confirmed` in the log.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::event::{Event, Record, Subject};
use quittance_core::ids::{AttemptNumber, IntentId, TransactionId};
use quittance_core::rejection::RejectionCode;
use quittance_core::state::{State, TransactionState};
use quittance_runtime::{Error, Handle, MAX_BATCH};

/// How long to wait before trying again what was refused for the moment.
const RETRY: Duration = Duration::from_millis(20);

/// A running rail. It ends by itself when the engine shuts down.
#[derive(Debug)]
pub struct LedgerRail {
    thread: JoinHandle<Result<(), RailError>>,
}

/// Why the rail ended early. What is scheduled stays scheduled until it runs again.
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
    for some in open.chunks(MAX_BATCH) {
        settle(engine, some)?;
    }
    let mut records = engine.subscribe(seen.next());
    while let Some(first) = records.next_blocking() {
        let mut ordered = ordered(&first?);
        // What else is there already shares the next sync.
        while ordered.len() < MAX_BATCH
            && let Some(more) = records.try_next()?
        {
            ordered.extend(self::ordered(&more));
        }
        settle(engine, &ordered)?;
    }
    Ok(())
}

/// What a record orders of the rail.
fn ordered(record: &Record) -> Vec<Order> {
    let attempt = AttemptNumber::FIRST;
    match (&record.event, record.subject) {
        (Event::IntentScheduled { transactions }, Some(Subject { intent, .. })) => {
            transactions.iter().map(|ordered| Order::of_intent(intent, ordered.id, attempt)).collect()
        }
        (Event::RefundScheduled { refund, .. }, _) => {
            vec![Order::of_intent(refund.intent, refund.transaction(), attempt)]
        }
        (Event::WithdrawalScheduled { withdrawal, .. }, _) => {
            vec![Order { intent: None, transaction: withdrawal.transaction(), attempt }]
        }
        _ => Vec::new(),
    }
}

/// What is with the rail and has no final word yet.
fn open(state: &State) -> Vec<Order> {
    let of_intents = state.unsettled().flat_map(|(id, intent)| {
        let payment = intent.settlement().into_iter().flat_map(|settlement| &settlement.transactions);
        let payment = payment.map(|scheduled| (scheduled.transaction.id, &scheduled.progress));
        let refunds = intent.refunds.iter().map(|known| (known.refund.transaction(), &known.progress));
        payment.chain(refunds).map(move |(transaction, progress)| (Some(*id), transaction, progress))
    });
    let withdrawals = state.open_withdrawals().map(|(id, scheduled)| (None, *id, &scheduled.progress));
    of_intents
        .chain(withdrawals)
        .filter(|(.., progress)| progress.state() == TransactionState::Ordered)
        .map(|(intent, transaction, progress)| Order { intent, transaction, attempt: progress.current() })
        .collect()
}

fn settle(engine: &Handle, ordered: &[Order]) -> Result<(), RailError> {
    for some in ordered.chunks(MAX_BATCH) {
        let reports = || some.iter().map(|order| order.settled()).collect();
        let answers = patiently(|| engine.begin_batch(reports())?.wait_blocking())?;
        for (order, answer) in some.iter().zip(answers) {
            match answer {
                Err(error) if heals(&error) => {
                    patiently(|| engine.execute_blocking(order.settled()))?;
                }
                answer => {
                    answer?;
                }
            }
        }
    }
    Ok(())
}

/// A transaction that the rail has to carry out.
#[derive(Clone, Copy, Debug)]
struct Order {
    /// Whose payment or refund it is; a withdrawal is of no intent.
    intent: Option<IntentId>,
    transaction: TransactionId,
    attempt: AttemptNumber,
}

impl Order {
    fn of_intent(intent: IntentId, transaction: TransactionId, attempt: AttemptNumber) -> Self {
        Self { intent: Some(intent), transaction, attempt }
    }

    /// The report that it is final. No word that the attempt was sent goes before it: this rail cannot half-succeed.
    fn settled(self) -> Request {
        let Self { intent, transaction, attempt } = self;
        let outcome = SettlementOutcome::Settled;
        match intent {
            Some(intent) => {
                Request::ReportSettlement { intent, transaction, attempt, outcome, expected: None }
            }
            None => Request::ReportWithdrawal { transaction, attempt, outcome },
        }
    }
}

/// Asks again for as long as the engine is busy or its store full. Any other refusal of what its own log orders is a fault to be seen, also one
/// that time might heal.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    loop {
        match ask() {
            Err(error) if heals(&error) => thread::sleep(RETRY),
            answer => return answer,
        }
    }
}

fn heals(error: &Error) -> bool {
    match error {
        Error::Rejected(rejection) => rejection.code == RejectionCode::NodeOverloaded,
        Error::Full(_) => true,
        Error::Unreadable(_) => false,
        Error::Failed(_) | Error::Stopped => false,
    }
}
