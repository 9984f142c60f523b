//! Small worlds with real signatures from fixed seeds. Used by the tests here and by the fuzz targets.

pub(crate) mod actions;
pub(crate) mod model;

use std::sync::LazyLock;
use std::time::Duration;

use ed25519_dalek::{Signer, SigningKey};
use quittance_core::command::{Request, SettlementOutcome, Unproven};
use quittance_core::currency::{Currency, Rate};
use quittance_core::event::{AttemptState, CanceledBy, Event, PaymentForm, Record};
use quittance_core::ids::{
    AccountId, AttemptNumber, CausationId, DepositKey, IdempotencyKey, IntentId, NodeId, Position, Revision,
    Signature, Timestamp, TransactionId,
};
use quittance_core::login::LoginTerms;
use quittance_core::machine::{Answer, Core, Effects, Input};
use quittance_core::metadata::Metadata;
use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
use quittance_core::payment::Payment;
use quittance_core::policy::Policy;
use quittance_core::quote::quote;
use quittance_core::refund::Refund;
use quittance_core::rejection::{Rejection, RejectionCode};
use quittance_core::site::Domain;
use quittance_core::state::Status;
use quittance_core::terms::{Fee, Terms};
use quittance_core::verify::{
    cancel_signing_bytes, login_signing_bytes, relationship_signing_bytes, scan_signing_bytes,
};
use quittance_core::webhook::DeliveryOutcome;
use quittance_core::withdrawal::Withdrawal;

/// The sequencer of these worlds.
pub(crate) const NODE: NodeId = NodeId([0xA0; 32]);
/// Who receives its service fee.
pub(crate) const FEES: AccountId = AccountId([0xFE; 32]);
/// The seed of a merchant's key.
pub(crate) const SHOP_SEED: u8 = 90;
/// Someone with a share in what the merchant sells.
pub(crate) const PARTNER: AccountId = AccountId([0x52; 32]);
/// 2026-11-22T12:00:00Z.
pub(crate) const NOON: Timestamp = Timestamp(1_795_348_800_000_000);

/// So many seconds after noon.
pub(crate) fn at(seconds: u64) -> Timestamp {
    NOON.saturating_add(Duration::from_secs(seconds))
}

/// The merchant's account.
pub(crate) fn shop() -> AccountId {
    payer(SHOP_SEED)
}

/// The signing key of every seed. Made once: a key costs as much as a signature.
static KEYS: LazyLock<Vec<SigningKey>> =
    LazyLock::new(|| (0..=u8::MAX).map(|seed| SigningKey::from_bytes(&[seed; 32])).collect());

/// The signing key of a seed.
pub(crate) fn key(seed: u8) -> &'static SigningKey {
    &KEYS[usize::from(seed)]
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
        destination: shop(),
        currency: Currency::USD,
        amount: NativeAmount::from_hundredths(hundredths).unwrap(),
        fees: Vec::new(),
        expires_at: None,
        metadata: Metadata::default(),
        site: None,
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
    Request::MarkScanned { intent: intent(seed), signed: Unproven::native(signature), expected: None }
}

pub(crate) fn cancel(seed: u8, by: CanceledBy) -> Request {
    let signature = sign(seed, &cancel_signing_bytes(intent(seed), by));
    Request::Cancel { intent: intent(seed), by, signed: Unproven::native(signature), expected: None }
}

/// What the payer of `seed` sends to pay: the payment is the payer's own, whatever it says.
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

/// What a site asks for that wants to know who somebody is.
pub(crate) fn login_terms(domain: &str, verifier: u8) -> LoginTerms {
    LoginTerms { domain: domain.parse().unwrap(), verifier: payer(verifier) }
}

pub(crate) fn request_login(seed: u8, login: LoginTerms) -> Request {
    let signature = sign(seed, &login.signing_bytes(intent(seed)));
    Request::RequestLogin { intent: intent(seed), login, signed: Unproven::native(signature) }
}

/// The key of `user` logs in.
pub(crate) fn login(seed: u8, user: u8) -> Request {
    let signature = sign(user, &login_signing_bytes(intent(seed), payer(user)));
    Request::Login { intent: intent(seed), user: payer(user), signed: Unproven::native(signature) }
}

/// The owner's key gets an account for a site, and the account's key agrees.
pub(crate) fn establish(owner: u8, domain: &str, account: u8) -> Request {
    let (domain, authority): (Domain, _) = (domain.parse().unwrap(), payer(account));
    let bytes = relationship_signing_bytes(payer(owner), &domain, authority);
    let [signed, consent] = [owner, account].map(|seed| Unproven::native(sign(seed, &bytes)));
    Request::EstablishRelationship { owner: payer(owner), domain, authority, signed, consent }
}

pub(crate) fn register_webhook(seed: u8, url: &str) -> Request {
    Request::RegisterWebhook { intent: intent(seed), url: url.into() }
}

pub(crate) fn give_up(seed: u8, ordered: Option<Position>) -> Request {
    Request::GiveUpDelivery { intent: intent(seed), ordered, reason: "given up".into() }
}

/// The deliverer's word on an attempt: the status that came, or none.
pub(crate) fn report_delivery(
    seed: u8,
    ordered: Position,
    attempt: u8,
    status: Option<u16>,
    latency: Duration,
) -> Request {
    let outcome = match status {
        Some(status) => DeliveryOutcome::Answered { status },
        None => DeliveryOutcome::Unreachable { reason: "connection refused".into() },
    };
    Request::ReportDelivery { intent: intent(seed), ordered, attempt, outcome, latency }
}

/// The same payment, signed in the words of another protocol, whatever those are: the adapter vouches for them.
pub(crate) fn submit_as_actions(seed: u8, payment: &Payment) -> Request {
    let words = [b"actions for ".as_slice(), &payment.to_bytes()].concat();
    let (payload, signature) = (payment.to_bytes(), sign(seed, &words));
    let form = PaymentForm::CodeSubmitActions(words);
    let (intent, payer) = (payment.intent, payment.payer);
    Request::Submit { intent, payer, payload, form, signature, expected: None }
}

pub(crate) fn deposit(text: &str, account: AccountId, quarks: u64) -> Request {
    Request::Deposit { key: DepositKey::from_text(text), account, quarks: Quarks::new(quarks) }
}

pub(crate) fn rates(list: &[(&str, &str)]) -> Request {
    let rates = list.iter().map(|(code, price)| (code.parse().unwrap(), rate(price))).collect();
    Request::PublishRates { source: "test".into(), rates }
}

pub(crate) fn report(seed: u8, transaction: TransactionId, outcome: SettlementOutcome) -> Request {
    report_attempt(seed, transaction, 1, outcome)
}

pub(crate) fn report_attempt(
    seed: u8,
    transaction: TransactionId,
    attempt: u16,
    outcome: SettlementOutcome,
) -> Request {
    let attempt = AttemptNumber(attempt);
    Request::ReportSettlement { intent: intent(seed), transaction, attempt, outcome, expected: None }
}

/// What the merchant of a seed would sign to give back quarks of an intent.
pub(crate) fn refund_of(seed: u8, merchant: u8, key: &str, quarks: u64) -> Refund {
    let (intent, merchant) = (intent(seed), payer(merchant));
    Refund { node: NODE, intent, merchant, key: IdempotencyKey::from_text(key), quarks: Quarks::new(quarks) }
}

pub(crate) fn refund(merchant: u8, refund: Refund) -> Request {
    let signature = sign(merchant, &refund.signing_bytes());
    Request::Refund { refund, signature, expected: None }
}

/// What the owner of a seed would sign to take quarks out.
pub(crate) fn withdrawal_of(owner: u8, key: &str, quarks: u64, to: &str) -> Withdrawal {
    let (account, key) = (payer(owner), IdempotencyKey::from_text(key));
    Withdrawal { node: NODE, account, key, quarks: Quarks::new(quarks), to: to.into() }
}

pub(crate) fn withdraw(owner: u8, withdrawal: Withdrawal) -> Request {
    let signature = sign(owner, &withdrawal.signing_bytes());
    Request::Withdraw { withdrawal, signature }
}

pub(crate) fn report_withdrawal(
    transaction: TransactionId,
    attempt: u16,
    outcome: SettlementOutcome,
) -> Request {
    Request::ReportWithdrawal { transaction, attempt: AttemptNumber(attempt), outcome }
}

/// The same request by somebody who has seen the intent at a revision.
pub(crate) fn expecting(request: Request, revision: u32) -> Request {
    let seen = Some(Revision(revision));
    let mut request = request;
    match &mut request {
        Request::MarkScanned { expected, .. }
        | Request::Cancel { expected, .. }
        | Request::Submit { expected, .. }
        | Request::Refund { expected, .. }
        | Request::ReportSettlement { expected, .. } => *expected = seen,
        other => panic!("{other:?} expects no revision"),
    }
    request
}

/// What a rail says to bring an attempt into a state.
pub(crate) fn outcome(state: AttemptState, reason: &str) -> SettlementOutcome {
    let reason = reason.into();
    match state {
        AttemptState::Sent => SettlementOutcome::Sent,
        AttemptState::Indeterminate => SettlementOutcome::Indeterminate { reason },
        AttemptState::Settled => SettlementOutcome::Settled,
        AttemptState::FailedRetryable => SettlementOutcome::FailedRetryable { reason },
        AttemptState::Failed => SettlementOutcome::Failed { reason },
    }
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

    /// The deliverer's word on an attempt at what was ordered last.
    pub(crate) fn told(&self, seed: u8, attempt: u8, status: Option<u16>, latency: Duration) -> Request {
        let webhook = self.core.state().intent(&intent(seed)).and_then(|known| known.webhook.as_ref());
        let ordered = webhook.and_then(|webhook| webhook.ordered).unwrap_or(Position::START);
        report_delivery(seed, ordered, attempt, status, latency)
    }

    /// Reports an attempt at what was ordered last.
    pub(crate) fn tell(
        &mut self,
        seed: u8,
        attempt: u8,
        status: Option<u16>,
        latency: Duration,
    ) -> Vec<Event> {
        let report = self.told(seed, attempt, status, latency);
        self.must(report)
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

    /// Where the intent of a seed is.
    pub(crate) fn status(&self, seed: u8) -> Status {
        self.core.state().intent(&intent(seed)).expect("it was created").status()
    }

    /// The transaction that carries out the payment of a seed's intent.
    pub(crate) fn transaction(&self, seed: u8) -> TransactionId {
        let known = self.core.state().intent(&intent(seed)).and_then(|known| known.settlement());
        known.expect("it was paid").transactions[0].transaction.id
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
