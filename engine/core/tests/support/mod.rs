//! Small worlds with real signatures from fixed seeds. Used by the tests here and by the fuzz targets.

pub(crate) mod actions;

use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use quittance_core::command::{Request, SettlementOutcome, Unproven};
use quittance_core::currency::{Currency, Rate};
use quittance_core::event::{CanceledBy, Event, Record};
use quittance_core::ids::{
    AccountId, CausationId, DepositKey, IntentId, NodeId, Signature, Timestamp, TransactionId,
};
use quittance_core::machine::{Answer, Core, Effects, Input};
use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
use quittance_core::payment::Payment;
use quittance_core::policy::Policy;
use quittance_core::quote::quote;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::terms::{Fee, Terms};
use quittance_core::verify::{cancel_signing_bytes, scan_signing_bytes};

/// The sequencer of these worlds.
pub(crate) const NODE: NodeId = NodeId([0xA0; 32]);
/// Who receives its service fee.
pub(crate) const FEES: AccountId = AccountId([0xFE; 32]);
/// A merchant's account.
pub(crate) const SHOP: AccountId = AccountId([0x51; 32]);
/// Someone with a share in what the merchant sells.
pub(crate) const PARTNER: AccountId = AccountId([0x52; 32]);
/// 2026-11-22T12:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp(1_795_348_800_000_000);

/// So many seconds after noon.
pub(crate) fn at(seconds: u64) -> Timestamp {
    NOON.saturating_add(Duration::from_secs(seconds))
}

/// The signing key of a seed.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

/// The rendezvous key of a seed, as an intent.
pub(crate) fn intent(seed: u8) -> IntentId {
    IntentId(public(seed))
}

/// The key of a seed, as a payer.
pub(crate) fn payer(seed: u8) -> AccountId {
    AccountId(public(seed))
}

pub(crate) fn sign(seed: u8, bytes: &[u8]) -> Signature {
    Signature(key(seed).sign(bytes).to_bytes())
}

pub(crate) fn usd(hundredths: u64) -> Terms {
    Terms {
        destination: SHOP,
        currency: Currency::USD,
        amount: NativeAmount::from_hundredths(hundredths).unwrap(),
        fees: Vec::new(),
        expires_at: None,
    }
}

pub(crate) fn fee(destination: AccountId, basis_points: u32) -> Fee {
    Fee { destination, basis_points: BasisPoints::new(basis_points).unwrap() }
}

pub(crate) fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

pub(crate) fn create(seed: u8, terms: Terms) -> Request {
    let signature = sign(seed, &terms.signing_bytes(intent(seed)));
    Request::Create { intent: intent(seed), terms, signed: Unproven::native(signature) }
}

pub(crate) fn mark_scanned(seed: u8) -> Request {
    let signature = sign(seed, &scan_signing_bytes(intent(seed)));
    Request::MarkScanned { intent: intent(seed), signed: Unproven::native(signature) }
}

pub(crate) fn cancel(seed: u8, by: CanceledBy) -> Request {
    let signature = sign(seed, &cancel_signing_bytes(intent(seed), by));
    Request::Cancel { intent: intent(seed), by, signed: Unproven::native(signature) }
}

/// What the payer of `seed` sends to pay: the payment is the payer's own, whatever it says.
pub(crate) fn submit(seed: u8, payment: &Payment) -> Request {
    let payload = payment.to_bytes();
    let signature = sign(seed, &payload);
    Request::Submit { intent: payment.intent, payer: payment.payer, payload, signature }
}

pub(crate) fn deposit(text: &str, account: AccountId, quarks: u64) -> Request {
    Request::Deposit { key: DepositKey::from_text(text), account, quarks: Quarks::new(quarks) }
}

pub(crate) fn rates(list: &[(&str, &str)]) -> Request {
    let rates = list.iter().map(|(code, price)| (code.parse().unwrap(), rate(price))).collect();
    Request::PublishRates { source: "test".into(), rates }
}

pub(crate) fn report(seed: u8, transaction: TransactionId, outcome: SettlementOutcome) -> Request {
    Request::ReportSettlement { intent: intent(seed), transaction, outcome }
}

pub(crate) fn no_funds() -> SettlementOutcome {
    SettlementOutcome::Failed { reason: "the rail is closed".into() }
}

/// A core, everything it has recorded, and a clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) records: Vec<Record>,
    pub(crate) inputs: u64,
    pub(crate) now: Timestamp,
}

impl World {
    /// A node under `policy`, at noon, with nothing else.
    pub(crate) fn with_policy(policy: Policy) -> Self {
        let mut world = Self { now: NOON, ..Self::default() };
        world.must(Request::Initialize { node: NODE, policy });
        world
    }

    /// A node with the standard policy, a price for dollars, and a payer (seed 100) with a thousand kin: three records.
    pub(crate) fn funded() -> Self {
        Self::funded_with(Policy::standard(FEES))
    }

    pub(crate) fn funded_with(policy: Policy) -> Self {
        let mut world = Self::with_policy(policy);
        world.must(rates(&[("usd", "0.00002")]));
        world.must(deposit("first", payer(100), 100_000_000));
        world
    }

    /// Takes in one input; its events and its answer.
    pub(crate) fn input(&mut self, input: Input) -> (Vec<Event>, Option<Answer>) {
        self.inputs += 1;
        let mut effects = Effects::default();
        let causation = CausationId(u128::from(self.inputs));
        self.core
            .handle(self.now, causation, input, &mut effects)
            .expect("what the core decides, the core can take in");
        let events = effects.records.iter().map(|record| record.event.clone()).collect();
        self.records.append(&mut effects.records);
        (events, effects.answer)
    }

    /// Checks the signatures of a request and takes it in.
    pub(crate) fn send(&mut self, request: Request) -> (Vec<Event>, Answer) {
        match request.verify() {
            Ok(command) => {
                let (events, answer) = self.input(Input::Command(command));
                (events, answer.expect("every command is answered"))
            }
            Err(rejection) => (Vec::new(), Err(rejection)),
        }
    }

    /// Sends what has to pass.
    pub(crate) fn must(&mut self, request: Request) -> Vec<Event> {
        let text = format!("{request:?}");
        let (events, answer) = self.send(request);
        answer.unwrap_or_else(|rejection| panic!("{rejection}\n{text}"));
        events
    }

    /// Sends what must not pass.
    pub(crate) fn refused(&mut self, request: Request) -> Rejection {
        let text = format!("{request:?}");
        match self.send(request).1 {
            Ok(accepted) => panic!("accepted: {accepted:?}\n{text}"),
            Err(rejection) => rejection,
        }
    }

    pub(crate) fn refusal_code(&mut self, request: Request) -> RejectionCode {
        self.refused(request).code
    }

    pub(crate) fn tick(&mut self) -> Vec<Event> {
        let (events, answer) = self.input(Input::Tick);
        assert_eq!(answer, None, "nobody asked");
        events
    }

    /// What the payer of a seed would have to sign for the intent of another.
    pub(crate) fn quote(&self, intent_seed: u8, payer_seed: u8) -> Payment {
        self.priced(intent_seed, payer_seed).expect("a quote")
    }

    /// The same, also when the node would not quote it because it is worth too much: nobody keeps a payer from working it
    /// out and signing it.
    pub(crate) fn priced(&self, intent_seed: u8, payer_seed: u8) -> Result<Payment, Rejection> {
        let (id, payer) = (intent(intent_seed), payer(payer_seed));
        let now = self.now.max(self.core.state().time());
        let quoted = quote(self.core.state(), id, payer, now);
        if !matches!(&quoted, Err(refused) if refused.code == RejectionCode::AmountExceedsLimit) {
            return quoted;
        }
        let mut generous = self.core.clone();
        let policy = Policy { max_payment: Quarks::MAX, ..generous.state().policy().clone() };
        let set = Input::Command(Request::SetPolicy { policy }.verify().expect("unsigned"));
        generous.handle(now, CausationId(0), set, &mut Effects::default()).expect("evolves");
        quote(generous.state(), id, payer, now)
    }
}
