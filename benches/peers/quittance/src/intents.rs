//! Intents that wait for their rail: created by a merchant, paid by a payer, both signed, scheduled by the engine.

use std::collections::{HashMap, VecDeque};

use ed25519_dalek::{Signer, SigningKey};
use quittance_peers_common::{Plan, Stream};
use quittance_runtime::core::command::{Request, Unproven};
use quittance_runtime::core::currency::{Currency, Rate};
use quittance_runtime::core::event::PaymentForm;
use quittance_runtime::core::ids::{
    AccountId, DepositKey, IntentId, NodeId, Revision, Signature, Timestamp, TransactionId,
};
use quittance_runtime::core::metadata::Metadata;
use quittance_runtime::core::money::{NativeAmount, Quarks};
use quittance_runtime::core::payment::{Payment, Purpose, Transfer};
use quittance_runtime::core::policy::Policy;
use quittance_runtime::core::terms::Terms;
use quittance_runtime::{Handle, Ticket};

use crate::words;

/// Whose log it is.
pub(crate) const NODE: NodeId = NodeId([7; 32]);
/// The metadata key that says which stream an intent is.
pub(crate) const STREAM: &str = "stream";
/// The revision of an intent's first report: created, submitted, verified and scheduled come before.
pub(crate) const FIRST_REVISION: u32 = 4;

/// How many payers share the load.
const PAYERS: u32 = 16;
/// Requests under way at a time while getting ready; fewer than the engine's queue holds.
const IN_FLIGHT: usize = 1_024;
/// Quarks of one payment: 1 kin.
const QUARKS: u64 = 100_000;
/// An intent that takes reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scheduled {
    pub(crate) intent: IntentId,
    pub(crate) transaction: TransactionId,
    /// Its revision before the first report.
    pub(crate) revision: Revision,
}

/// No service fee, so that nothing depends on a rate table, and as many attempts as the log can number.
pub(crate) fn policy() -> Policy {
    Policy { service_fee: None, max_attempts: u16::MAX, ..Policy::standard(AccountId(NODE.0)) }
}

/// The intents that a plan will go through on a machine where nothing waits for a disk, and so many events a second are
/// written; on a faster one the rest are made inside the time. One writer waits for a sync after each event.
pub(crate) fn streams(plan: &Plan, per_second: f64) -> Vec<Stream> {
    let share = match plan.writers {
        1 => 0.1,
        2..=16 => 0.5,
        _ => 1.0,
    };
    let events = (share * per_second * plan.seconds).min(plan.events as f64);
    let generations = (events / f64::from(plan.stream_length) / f64::from(plan.slots)).ceil() as u32 + 2;
    let slots = 0..plan.slots;
    slots.flat_map(|slot| (0..generations).map(move |generation| Stream { slot, generation })).collect()
}

/// Makes every intent of a plan.
pub(crate) fn schedule_all(handle: &Handle, plan: &Plan) -> Result<HashMap<Stream, Scheduled>, String> {
    let streams = streams(plan, 100_000.0);
    all(handle, (0..PAYERS).map(deposit))?;
    all(handle, streams.iter().map(|stream| create(*stream)))?;
    all(handle, streams.iter().map(|stream| submit(*stream, handle.now())))?;
    let wanted = streams.clone();
    let look = move |state: &quittance_runtime::core::state::State| -> Vec<Option<Scheduled>> {
        wanted.iter().map(|stream| scheduled(state, intent(*stream))).collect()
    };
    let found = handle.query_blocking(look).map_err(words)?;
    let pair = |(stream, found): (Stream, Option<Scheduled>)| {
        found.map(|found| (stream, found)).ok_or(format!("the intent of {stream} is not scheduled"))
    };
    streams.into_iter().zip(found).map(pair).collect()
}

/// Makes one intent, for a stream that nobody made ready.
pub(crate) async fn schedule(handle: &Handle, stream: Stream) -> Result<Scheduled, String> {
    handle.execute(create(stream)).await.map_err(words)?;
    handle.execute(submit(stream, handle.now())).await.map_err(words)?;
    let found = handle.query(move |state| scheduled(state, intent(stream))).await.map_err(words)?;
    found.ok_or_else(|| format!("the intent of {stream} is not scheduled"))
}

fn scheduled(state: &quittance_runtime::core::state::State, id: IntentId) -> Option<Scheduled> {
    let intent = state.intent(&id)?;
    let first = intent.settlement()?.transactions.first()?;
    Some(Scheduled { intent: id, transaction: first.transaction.id, revision: intent.revision })
}

fn all(handle: &Handle, requests: impl Iterator<Item = Request>) -> Result<(), String> {
    let mut under_way: VecDeque<Ticket> = VecDeque::new();
    for request in requests {
        if under_way.len() == IN_FLIGHT
            && let Some(oldest) = under_way.pop_front()
        {
            oldest.wait_blocking().map_err(words)?;
        }
        under_way.push_back(handle.begin(request).map_err(words)?);
    }
    under_way.into_iter().try_for_each(|ticket| ticket.wait_blocking().map(|_| ()).map_err(words))
}

/// A key pair by what it is for and which.
pub(crate) fn key(kind: u8, slot: u32, generation: u32) -> SigningKey {
    let mut seed = [kind; 32];
    seed[..4].copy_from_slice(&slot.to_le_bytes());
    seed[4..8].copy_from_slice(&generation.to_le_bytes());
    SigningKey::from_bytes(&seed)
}

pub(crate) fn intent(stream: Stream) -> IntentId {
    IntentId(rendezvous(stream).verifying_key().to_bytes())
}

fn rendezvous(stream: Stream) -> SigningKey {
    key(1, stream.slot, stream.generation)
}

fn payer(number: u32) -> SigningKey {
    key(2, number, 0)
}

fn deposit(number: u32) -> Request {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&number.to_le_bytes());
    Request::Deposit {
        key: DepositKey(key),
        account: AccountId(payer(number).verifying_key().to_bytes()),
        quarks: Quarks::new(u64::MAX / 1_024),
    }
}

/// A request for 1 kin with these words, signed by the stream's own key.
pub(crate) fn create_with(stream: Stream, words: (&str, String)) -> Request {
    let rendezvous = rendezvous(stream);
    let intent = IntentId(rendezvous.verifying_key().to_bytes());
    let terms = Terms {
        destination: AccountId([9; 32]),
        currency: Currency::KIN,
        amount: NativeAmount::from_hundredths(100).expect("in range"),
        fees: Vec::new(),
        expires_at: None,
        metadata: Metadata::new([words]).expect("short"),
        site: None,
    };
    let signature = Signature(rendezvous.sign(&terms.signing_bytes(intent)).to_bytes());
    Request::Create { intent, terms, signed: Unproven::native(signature) }
}

fn create(stream: Stream) -> Request {
    create_with(stream, (STREAM, stream.to_string()))
}

fn submit(stream: Stream, now: Timestamp) -> Request {
    let payer_key = payer((stream.slot ^ stream.generation) % PAYERS);
    let payer = AccountId(payer_key.verifying_key().to_bytes());
    let intent = intent(stream);
    let payment = Payment {
        node: NODE,
        intent,
        payer,
        currency: Currency::KIN,
        amount: NativeAmount::from_hundredths(100).expect("in range"),
        rate: Rate::ONE,
        valid_until: Timestamp(now.0 + 60_000_000),
        transfers: vec![Transfer {
            purpose: Purpose::Destination,
            destination: AccountId([9; 32]),
            quarks: Quarks::new(QUARKS),
        }],
    };
    let payload = payment.to_bytes();
    let signature = Signature(payer_key.sign(&payload).to_bytes());
    Request::Submit { intent, payer, payload, form: PaymentForm::Native, signature, expected: None }
}
