//! What is measured with: a node, funded payers, and as many intents as asked for, all with real signatures.

use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use quittance_core::command::{Request, Unproven};
use quittance_core::currency::{Currency, Rate};
use quittance_core::event::PaymentForm;
use quittance_core::ids::{AccountId, DepositKey, IntentId, NodeId, Signature, Timestamp};
use quittance_core::metadata::Metadata;
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::payment::{Payment, Purpose, Transfer};
use quittance_core::policy::Policy;
use quittance_core::terms::Terms;

/// Whose node it is.
pub const NODE: NodeId = NodeId([7; 32]);

/// How many payers share the load.
pub const PAYERS: u64 = 16;

/// How long intents and quotes live: nothing expires while it is measured.
pub const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Who is paid.
const SHOP: AccountId = AccountId([9; 32]);

/// 2 500 kin, in hundredths of a kin and in quarks.
const HUNDREDTHS: u64 = 250_000;
const QUARKS: u64 = 250_000_000;

/// A key pair by number.
#[must_use]
pub fn key(kind: u8, number: u64) -> SigningKey {
    let mut seed = [kind; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    SigningKey::from_bytes(&seed)
}

/// The policy measured under: the standard one without a service fee, so that nothing depends on a rate table (kin are worth
/// themselves), and with [`LIFETIME`].
#[must_use]
pub fn policy() -> Policy {
    Policy {
        service_fee: None,
        intent_lifetime: LIFETIME,
        quote_lifetime: LIFETIME,
        ..Policy::standard(AccountId(NODE.0))
    }
}

/// A signed request for 2 500 kin.
#[must_use]
pub fn create(number: u64) -> Request {
    request(number, None)
}

/// The same, open until this moment.
#[must_use]
pub fn create_until(number: u64, expires_at: Timestamp) -> Request {
    request(number, Some(expires_at))
}

fn request(number: u64, expires_at: Option<Timestamp>) -> Request {
    let rendezvous = key(1, number);
    let intent = IntentId(rendezvous.verifying_key().to_bytes());
    let terms = Terms {
        destination: SHOP,
        currency: Currency::KIN,
        amount: amount(),
        fees: Vec::new(),
        expires_at,
        metadata: Metadata::default(),
        site: None,
    };
    let signature = Signature(rendezvous.sign(&terms.signing_bytes(intent)).to_bytes());
    Request::Create { intent, terms, signed: Unproven::native(signature) }
}

/// A signed payment of the request with this number.
#[must_use]
pub fn submit(number: u64, valid_until: Timestamp) -> Request {
    let payer_key = key(2, number % PAYERS);
    let payer = AccountId(payer_key.verifying_key().to_bytes());
    let intent = IntentId(key(1, number).verifying_key().to_bytes());
    let payment = Payment {
        node: NODE,
        intent,
        payer,
        currency: Currency::KIN,
        amount: amount(),
        rate: Rate::ONE,
        valid_until,
        transfers: vec![Transfer {
            purpose: Purpose::Destination,
            destination: SHOP,
            quarks: Quarks::new(QUARKS),
        }],
    };
    let payload = payment.to_bytes();
    let signature = Signature(payer_key.sign(&payload).to_bytes());
    Request::Submit { intent, payer, payload, form: PaymentForm::Native, signature, expected: None }
}

/// Enough for every payer, whatever is measured.
#[must_use]
pub fn funds() -> Vec<Request> {
    let deposit = |payer| Request::Deposit {
        key: DepositKey([u8::try_from(payer).expect("few"); 32]),
        account: AccountId(key(2, payer).verifying_key().to_bytes()),
        quarks: Quarks::new(u64::MAX / 1024),
    };
    (0..PAYERS).map(deposit).collect()
}

/// A small deposit: the cheapest command there is, one record without a signature.
#[must_use]
pub fn deposit(number: u64) -> Request {
    let (mut key, mut account) = ([0xD0; 32], [0xAC; 32]);
    key[..8].copy_from_slice(&number.to_le_bytes());
    // A thousand accounts: a ledger of some size.
    account[..2].copy_from_slice(&u16::try_from(number % 1_000).expect("below 1 000").to_le_bytes());
    Request::Deposit { key: DepositKey(key), account: AccountId(account), quarks: Quarks::new(1) }
}

fn amount() -> NativeAmount {
    NativeAmount::from_hundredths(HUNDREDTHS).expect("in range")
}
