//! A world to measure in: one node, funded payers, and as many intents as asked for, all with real signatures.

use ed25519_dalek::{Signer, SigningKey};
use quittance_core::command::{Command, Request, Unproven};
use quittance_core::currency::Currency;
use quittance_core::ids::{AccountId, CausationId, DepositKey, IntentId, NodeId, Signature, Timestamp};
use quittance_core::machine::{Accepted, Core, Effects, Input};
use quittance_core::metadata::Metadata;
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::payment::{Payment, Purpose, Transfer};
use quittance_core::policy::Policy;
use quittance_core::terms::Terms;

/// When everything happens.
pub const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
/// Whose node it is.
pub const NODE: NodeId = NodeId([7; 32]);
/// How many payers share the load.
pub const PAYERS: u64 = 16;

/// A key pair by number.
#[must_use]
pub fn key(kind: u8, number: u64) -> SigningKey {
    let mut seed = [kind; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    SigningKey::from_bytes(&seed)
}

/// The policy measured under: no service fee, so that nothing depends on a rate table; kin are worth themselves.
#[must_use]
pub fn policy() -> Policy {
    Policy { service_fee: None, ..Policy::standard(AccountId(NODE.0)) }
}

/// A signed request for 2 500 kin.
#[must_use]
pub fn create(number: u64) -> Request {
    let rendezvous = key(1, number);
    let intent = IntentId(rendezvous.verifying_key().to_bytes());
    let terms = Terms {
        destination: AccountId([9; 32]),
        currency: Currency::KIN,
        amount: NativeAmount::from_hundredths(250_000).expect("in range"),
        fees: Vec::new(),
        expires_at: None,
        metadata: Metadata::default(),
    };
    let signature = Signature(rendezvous.sign(&terms.signing_bytes(intent)).to_bytes());
    Request::Create { intent, terms, signed: Unproven::native(signature) }
}

/// A signed payment of the request with this number, valid for a minute after `now`.
#[must_use]
pub fn submit(number: u64, now: Timestamp) -> Request {
    let payer_key = key(2, number % PAYERS);
    let payer = AccountId(payer_key.verifying_key().to_bytes());
    let intent = IntentId(key(1, number).verifying_key().to_bytes());
    let amount = NativeAmount::from_hundredths(250_000).expect("in range");
    let payment = Payment {
        node: NODE,
        intent,
        payer,
        currency: Currency::KIN,
        amount,
        rate: quittance_core::currency::Rate::ONE,
        valid_until: Timestamp(now.0 + 60_000_000),
        transfers: vec![Transfer {
            purpose: Purpose::Destination,
            destination: AccountId([9; 32]),
            quarks: Quarks::new(250_000_000),
        }],
    };
    let payload = payment.to_bytes();
    let signature = Signature(payer_key.sign(&payload).to_bytes());
    Request::Submit { intent, payer, payload, signature, expected: None }
}

/// Enough for every payer, whatever is measured.
#[must_use]
pub fn deposits() -> Vec<Request> {
    let deposit = |payer| Request::Deposit {
        key: DepositKey([u8::try_from(payer).expect("few"); 32]),
        account: AccountId(key(2, payer).verifying_key().to_bytes()),
        quarks: Quarks::new(u64::MAX / 1024),
    };
    (0..PAYERS).map(deposit).collect()
}

/// A core with funded payers.
#[must_use]
pub fn core() -> Core {
    let mut core = Core::default();
    let mut effects = Effects::default();
    let begin = Request::Initialize { node: NODE, policy: policy() };
    for request in std::iter::once(begin).chain(deposits()) {
        step(&mut core, &request.verify().expect("unsigned"), &mut effects);
    }
    core
}

/// One command through the core; it must be accepted.
pub fn step(core: &mut Core, command: &Command, effects: &mut Effects) -> Accepted {
    core.handle(NOW, CausationId(1), Input::Command(command.clone()), effects).expect("evolves");
    effects.answer.take().expect("answered").expect("accepted")
}
