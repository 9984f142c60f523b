//! A node without sockets, and people with keys.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use ed25519_dalek::{Signer, SigningKey};
use quittance_core::command;
use quittance_core::ids::{AccountId, DepositKey, IdempotencyKey, IntentId, NodeId};
use quittance_core::money::Quarks;
use quittance_core::policy::Policy;
use quittance_core::refund::Refund;
use quittance_core::terms;
use quittance_core::withdrawal::Withdrawal;
use quittance_http_api::{Destinations, Options, document, router};
use quittance_rail_ledger::LedgerRail;
use quittance_runtime::log::MemoryLog;
use quittance_runtime::table::MemoryTable;
use quittance_runtime::{Engine, Handle};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const NODE: NodeId = NodeId([7; 32]);
pub(crate) const MERCHANT: u8 = 2;
pub(crate) const PAYER: u8 = 3;
/// What the payer has: 100 kin.
pub(crate) const PURSE: u64 = 10_000_000;

pub(crate) struct Stage {
    router: Router,
    pub(crate) engine: Handle,
    /// The same log that the engine writes to.
    pub(crate) log: MemoryLog,
    _running: (Engine, LedgerRail),
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl Stage {
    /// A node where anybody can be paid, under the policy as `change` leaves it.
    pub(crate) async fn with(change: impl FnOnce(&mut Policy)) -> Self {
        Self::set(Destinations::Any, change).await
    }

    pub(crate) async fn set(destinations: Destinations, change: impl FnOnce(&mut Policy)) -> Self {
        let mut options = quittance_runtime::Options::new(NODE);
        // Without it a payment in kin needs no rates.
        options.policy.service_fee = None;
        options.verify_workers = 1;
        // What has ended leaves memory at once, and nobody who asks may notice.
        options.table = Some(Arc::new(MemoryTable::new()));
        options.checkpoints.archive_every = 1;
        change(&mut options.policy);
        let log = MemoryLog::new();
        let opened = log.clone();
        let start = move || Engine::start(Box::new(opened), options).unwrap();
        let running = tokio::task::spawn_blocking(start).await.unwrap();
        let engine = running.handle();
        let (key, account) = (DepositKey::from_text("purse"), AccountId(public(PAYER)));
        let deposit = command::Request::Deposit { key, account, quarks: Quarks::new(PURSE) };
        engine.execute(deposit).await.unwrap();
        let rail = LedgerRail::start(engine.clone()).unwrap();
        let router = router(engine.clone(), Options { destinations, ..Options::default() });
        Self { router, engine, log, _running: (running, rail) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(body)).await
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let retry_after = headers.get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        Answer { status, retry_after, body: serde_json::from_slice(&bytes).unwrap() }
    }

    /// Creates an intent and pays it, as far as the rules let it.
    pub(crate) async fn sell(&self, rendezvous: u8, terms: &Value) -> Answer {
        let created = self.post("/v1/intents", create(rendezvous, terms)).await;
        assert_eq!(created.status, 200, "{}", created.body);
        self.pay(rendezvous, json!({})).await
    }

    /// Pays an intent; `more` goes into the submission.
    pub(crate) async fn pay(&self, rendezvous: u8, more: Value) -> Answer {
        let path = format!("/v1/intents/{}", id(rendezvous));
        let quote = self.post(&format!("{path}/quote"), json!({ "payer": account(PAYER) })).await;
        assert_eq!(quote.status, 200, "{}", quote.body);
        let payload = quote.body["payload"].as_str().unwrap();
        let bytes = data_encoding::BASE64.decode(payload.as_bytes()).unwrap();
        let mut body =
            json!({ "payer": account(PAYER), "payload": payload, "signature": sign(PAYER, &bytes) });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post(&format!("{path}/submissions"), body).await
    }

    /// Waits until `path` gives something that `holds`.
    pub(crate) async fn eventually(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..5_000 {
            let answer = self.get(path).await;
            if answer.status == 200 && holds(&answer.body) {
                return answer.body;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("{path}: not within ten seconds");
    }
}

impl Answer {
    /// Status, rule and field of a refusal.
    pub(crate) fn refusal(&self) -> (u16, &str, &str) {
        let error = &self.body["error"];
        (self.status, error["code"].as_str().unwrap_or("?"), error["field"].as_str().unwrap_or("?"))
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

pub(crate) fn account(seed: u8) -> String {
    AccountId(public(seed)).to_string()
}

pub(crate) fn id(seed: u8) -> String {
    account(seed)
}

pub(crate) fn sign(seed: u8, bytes: &[u8]) -> String {
    bs58::encode(key(seed).sign(bytes).to_bytes()).into_string()
}

/// Terms for the merchant.
pub(crate) fn terms(currency: &str, amount: &str) -> Value {
    json!({ "destination": account(MERCHANT), "currency": currency, "amount": amount })
}

/// A signed wish for a payment.
pub(crate) fn create(rendezvous: u8, terms: &Value) -> Value {
    let read: document::Terms = serde_json::from_value(terms.clone()).unwrap();
    let signed = terms::Terms::try_from(&read).unwrap().signing_bytes(IntentId(public(rendezvous)));
    json!({ "id": id(rendezvous), "terms": terms, "signature": sign(rendezvous, &signed) })
}

/// A refund signed by `merchant`.
pub(crate) fn refund(rendezvous: u8, merchant: u8, words: &str, quarks: u64) -> Value {
    let key = IdempotencyKey::from_text(words);
    let (intent, giver) = (IntentId(public(rendezvous)), AccountId(public(merchant)));
    let refund = Refund { node: NODE, intent, merchant: giver, key, quarks: Quarks::new(quarks) };
    let signature = sign(merchant, &refund.signing_bytes());
    json!({ "merchant": account(merchant), "key": key.to_string(), "quarks": quarks, "signature": signature })
}

/// A withdrawal signed by `owner`.
pub(crate) fn withdrawal(owner: u8, words: &str, quarks: u64, to: &str) -> Value {
    let (key, account) = (IdempotencyKey::from_text(words), AccountId(public(owner)));
    let withdrawal = Withdrawal { node: NODE, account, key, quarks: Quarks::new(quarks), to: to.into() };
    let signature = sign(owner, &withdrawal.signing_bytes());
    json!({ "key": key.to_string(), "quarks": quarks, "to": to, "signature": signature })
}
