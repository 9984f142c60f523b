//! Requests with real signatures, and logs that can be held up, made to fail, or read badly.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use quittance_core::command::{Request, SettlementOutcome, Unproven};
use quittance_core::currency::Currency;
use quittance_core::digest::Digest;
use quittance_core::event::{CanceledBy, PaymentForm};
use quittance_core::frame::{EncodedFrame, Tip};
use quittance_core::ids::{
    AccountId, AttemptNumber, DepositKey, IdempotencyKey, IntentId, NodeId, Position, Signature, Timestamp,
};
use quittance_core::metadata::Metadata;
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::payment::Payment;
use quittance_core::policy::Policy;
use quittance_core::quote::quote;
use quittance_core::rejection::RejectionCode;
use quittance_core::state::State;
use quittance_core::terms::Terms;
use quittance_core::verify::cancel_signing_bytes;
use quittance_core::withdrawal::Withdrawal;
use quittance_runtime::log::{AppendError, EventLog, FrameBytes, LogError, LogReader, MemoryLog};
use quittance_runtime::{Engine, Error, Handle, ManualClock, Options, ReplayError, replay};

pub(crate) const NODE: NodeId = NodeId([0xA0; 32]);
const SHOP: AccountId = AccountId([0x51; 32]);

fn sign(seed: u8, bytes: &[u8]) -> Signature {
    Signature(SigningKey::from_bytes(&[seed; 32]).sign(bytes).to_bytes())
}

fn public(seed: u8) -> [u8; 32] {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()
}

pub(crate) fn intent(seed: u8) -> IntentId {
    IntentId(public(seed))
}

pub(crate) fn payer(seed: u8) -> AccountId {
    AccountId(public(seed))
}

pub(crate) fn deposit(number: u64) -> Request {
    let key = DepositKey::from_text(&number.to_string());
    Request::Deposit { key, account: payer(100), quarks: Quarks::new(1_000_000) }
}

/// A request for five kin.
pub(crate) fn create(seed: u8) -> Request {
    create_for(seed, SHOP)
}

pub(crate) fn create_for(seed: u8, destination: AccountId) -> Request {
    create_with(seed, destination, None, Metadata::default())
}

pub(crate) fn create_until(seed: u8, expires_at: Timestamp) -> Request {
    create_with(seed, SHOP, Some(expires_at), Metadata::default())
}

/// One that is as large as may be.
pub(crate) fn create_padded(seed: u8) -> Request {
    let entries = ["a", "b", "c", "d"].map(|key| (key, "-".repeat(500)));
    create_with(seed, SHOP, None, Metadata::new(entries).unwrap())
}

fn create_with(
    seed: u8,
    destination: AccountId,
    expires_at: Option<Timestamp>,
    metadata: Metadata,
) -> Request {
    let amount = NativeAmount::from_hundredths(500).unwrap();
    let terms = Terms {
        destination,
        currency: Currency::KIN,
        amount,
        fees: Vec::new(),
        expires_at,
        metadata,
        site: None,
    };
    let signature = sign(seed, &terms.signing_bytes(intent(seed)));
    Request::Create { intent: intent(seed), terms, signed: Unproven::native(signature) }
}

pub(crate) fn submit(seed: u8, payment: &Payment) -> Request {
    let payload = payment.to_bytes();
    let signature = sign(seed, &payload);
    Request::Submit {
        intent: payment.intent,
        payer: payment.payer,
        payload,
        form: PaymentForm::Native,
        signature,
        expected: None,
    }
}

pub(crate) fn settled(seed: u8, payment: &Payment) -> Request {
    let transaction = quittance_core::payment::transaction_id(&payment.to_bytes(), 0);
    Request::ReportSettlement {
        intent: intent(seed),
        transaction,
        attempt: AttemptNumber::FIRST,
        outcome: SettlementOutcome::Settled,
        expected: None,
    }
}

/// The payer of the deposits takes some of it out.
pub(crate) fn withdrawal(key: &str, quarks: u64) -> Withdrawal {
    let (key, quarks) = (IdempotencyKey::from_text(key), Quarks::new(quarks));
    Withdrawal { node: NODE, account: payer(100), key, quarks, to: "a bank".into() }
}

pub(crate) fn withdraw(withdrawal: &Withdrawal) -> Request {
    let signature = sign(100, &withdrawal.signing_bytes());
    Request::Withdraw { withdrawal: withdrawal.clone(), signature }
}

pub(crate) fn report_withdrawal(
    withdrawal: &Withdrawal,
    attempt: u16,
    outcome: SettlementOutcome,
) -> Request {
    let (transaction, attempt) = (withdrawal.transaction(), AttemptNumber(attempt));
    Request::ReportWithdrawal { transaction, attempt, outcome }
}

pub(crate) fn quoted(handle: &Handle, seed: u8) -> Payment {
    quoted_to(handle, seed, 100)
}

pub(crate) fn quoted_to(handle: &Handle, seed: u8, payer_seed: u8) -> Payment {
    let now = handle.now();
    let look = move |state: &State| quote(state, intent(seed), payer(payer_seed), now);
    handle.query_blocking(look).unwrap().unwrap()
}

/// The merchant takes its request back.
pub(crate) fn cancel(seed: u8) -> Request {
    let by = CanceledBy::Merchant;
    let signature = sign(seed, &cancel_signing_bytes(intent(seed), by));
    Request::Cancel { intent: intent(seed), by, signed: Unproven::native(signature), expected: None }
}

/// No service fee, so that kin need no exchange rate; one worker, and a clock that stands at noon.
pub(crate) fn options(clock: &ManualClock) -> Options {
    Options {
        policy: Policy { service_fee: None, ..Policy::standard(AccountId([0xFE; 32])) },
        verify_workers: 1,
        clock: Arc::new(clock.clone()),
        ..Options::new(NODE)
    }
}

pub(crate) fn noon() -> ManualClock {
    ManualClock::new(Timestamp(1_795_348_800_000_000))
}

pub(crate) fn start(log: impl EventLog + 'static) -> Engine {
    Engine::start(Box::new(log), options(&noon())).expect("the log can be started on")
}

pub(crate) fn digest(log: &MemoryLog) -> Digest {
    replay::<ReplayError>(&*log.reader(), |_, _| Ok(())).expect("the log replays").state.digest()
}

pub(crate) fn is_overloaded<T>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Rejected(rejection)) if rejection.code == RejectionCode::NodeOverloaded)
}

/// Whether a future has its answer already.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// Waits until everything up to this position is decided, whether it is durable or not.
pub(crate) fn eventually_decided(handle: &Handle, position: Position) {
    let seen = Arc::new(AtomicU64::new(0));
    eventually("all of them are decided", || {
        let seen_here = seen.clone();
        let look = move |state: &State| seen_here.store(state.position().0, Ordering::SeqCst);
        // Looked at when its turn comes; its answer waits for the disk, and nobody waits for that.
        assert!(!matches!(ready(handle.query(look)), Some(Err(_))));
        seen.load(Ordering::SeqCst) >= position.0
    });
}

/// Waits for what another thread brings about. The limit is for a broken test, not a promise about speed.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{what}: not within ten seconds");
}

/// Holds appends up, in front of the store, until it is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    closed: Arc<(Mutex<bool>, Condvar)>,
    /// Appends that came to the gate.
    pub(crate) arrived: Arc<AtomicU64>,
}

impl Gate {
    pub(crate) fn set(&self, closed: bool) {
        *self.closed.0.lock().unwrap() = closed;
        self.closed.1.notify_all();
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::SeqCst)
    }

    fn pass(&self) {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        // A test that fails in front of a closed gate must not hang in it.
        let limit = Duration::from_secs(20);
        let closed = self.closed.0.lock().unwrap();
        drop(self.closed.1.wait_timeout_while(closed, limit, |closed| *closed).unwrap());
    }
}

#[derive(Debug)]
pub(crate) struct GatedLog<L>(pub(crate) L, pub(crate) Gate);

impl<L: EventLog> EventLog for GatedLog<L> {
    fn tip(&self) -> Tip {
        self.0.tip()
    }

    fn append(&mut self, frames: &[EncodedFrame]) -> Result<(), AppendError> {
        self.1.pass();
        self.0.append(frames)
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.0.reader()
    }

    fn close(self: Box<Self>) -> Result<(), LogError> {
        Box::new(self.0).close()
    }
}

/// A log whose reads fail behind `good` frames, as often as `left` says.
#[derive(Debug)]
pub(crate) struct BadlyReadLog {
    pub(crate) inner: MemoryLog,
    pub(crate) good: usize,
    pub(crate) left: Arc<AtomicU64>,
}

#[derive(Debug)]
struct BadReader {
    inner: Arc<dyn LogReader>,
    good: usize,
    left: Arc<AtomicU64>,
}

impl EventLog for BadlyReadLog {
    fn tip(&self) -> Tip {
        self.inner.tip()
    }

    fn append(&mut self, frames: &[EncodedFrame]) -> Result<(), AppendError> {
        self.inner.append(frames)
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::new(BadReader { inner: self.inner.reader(), good: self.good, left: self.left.clone() })
    }

    fn close(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

impl LogReader for BadReader {
    fn frames(&self, from: Position) -> FrameBytes {
        let fails =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let frames = self.inner.frames(from);
        if !fails {
            return frames;
        }
        let error = LogError::Store { path: "disk".into(), why: "a bad sector".into() };
        Box::new(frames.take(self.good).chain([Err(error)]))
    }
}
