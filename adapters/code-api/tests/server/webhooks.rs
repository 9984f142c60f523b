//! Who is to be told of a payment: registered once, by whoever knows the intent, and only where this node would call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prost::Message as _;
use quittance_code_api::call::register_webhook;
use quittance_code_api::envelope::Method;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::proto::code::micropayment::v1 as micropayment;
use quittance_code_api::proto::code::micropayment::v1::register_webhook_response::Result as Registered;
use quittance_code_api::server::Destinations;
use quittance_core::command::Request;
use quittance_core::ids::IntentId;
use quittance_core::state::Key;
use quittance_core::webhook::DeliveryOutcome;
use quittance_outbound::{Addresses, Lookup, Outbound, Resolve};

use crate::node::{Node, kin};

const HOOK: &str = "https://example.com/hook";
const OTHER: &str = "https://example.com/other";

async fn register(node: &Node, intent: &KeyPair, url: &str) -> Registered {
    let request = register_webhook(intent.public_key(), url);
    let (status, answer) = node.call(Method::RegisterWebhook, request.encode_to_vec()).await;
    assert_eq!(status, 200, "{answer:?}");
    let response = micropayment::RegisterWebhookResponse::decode(answer.expect("a result").as_slice());
    response.expect("a response").result()
}

async fn registered(node: &Node, PublicKey(id): PublicKey) -> Option<String> {
    let look = move |state: &quittance_core::state::State| {
        state
            .intent(&IntentId(id))
            .and_then(|intent| intent.webhook.as_ref())
            .map(|webhook| webhook.url.clone())
    };
    node.handle.query_about(Key::Intent(IntentId(id)), look).await.expect("an answer")
}

#[tokio::test]
async fn a_webhook_is_registered_once_and_a_client_that_repeats_itself_does_not_fail() {
    let node = Node::with_webhooks().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    let check = async |url: &str, want: Registered| {
        assert_eq!(register(&node, key, url).await, want, "{url}");
    };
    check("http://example.com/hook", Registered::InvalidUrl).await;
    check("https://127.0.0.1/hook", Registered::InvalidUrl).await;
    check(HOOK, Registered::RequestNotFound).await;
    node.send(request.signed_message().to_request()).await.expect("a request");
    check("https://no-such-name.invalid/hook", Registered::InvalidUrl).await;
    check(HOOK, Registered::Ok).await;
    check(HOOK, Registered::Ok).await;
    check(OTHER, Registered::AlreadyRegistered).await;
    node.pay(key).await;
    check(HOOK, Registered::Ok).await;
    check(OTHER, Registered::IntentExists).await;
    assert_eq!(registered(&node, key.public_key()).await.as_deref(), Some(HOOK));
}

/// Finds no name, ever, and counts for how many it was asked.
#[derive(Debug, Default)]
struct Tarpit(AtomicUsize);

impl Resolve for Tarpit {
    fn resolve<'a>(&'a self, _: &'a str, _: u16, lookup: Lookup) -> Addresses<'a> {
        self.0.fetch_add(1, Ordering::SeqCst);
        // As the system's look-up does, it goes on when nobody waits for it any more.
        tokio::spawn(async {
            std::future::pending::<()>().await;
            drop(lookup);
        });
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn nobody_without_an_intent_makes_the_node_look_up_a_name_and_a_busy_node_calls_no_url_bad() {
    let resolver = Arc::new(Tarpit::default());
    let asked = || resolver.0.load(Ordering::SeqCst);
    let door = Outbound::new(quittance_outbound::Options {
        resolver: resolver.clone(),
        resolve_timeout: Duration::from_millis(100),
        ..Default::default()
    });
    let node = Node::with(|options| {
        options.destinations = Destinations::Any;
        options.outbound = Some(door.expect("a door"));
    })
    .await;
    let create = async |name: &str, url: &str, signed: bool| {
        let mut body: serde_json::Value =
            serde_json::from_str(&kin(name).create_intent_json(Some(url))).expect("JSON");
        if !signed {
            body["signature"] = bs58::encode([7; 64]).into_string().into();
        }
        node.http("POST", "/v1/createIntent", body.to_string().as_bytes()).await.status
    };
    let url = |n: usize| format!("https://www.tarpit-{n}.example/hook");
    for n in 0..20 {
        assert_eq!(create("forged", &url(n), false).await, 401);
        let unknown = register(&node, kin("unknown").rendezvous_key(), &url(n)).await;
        assert_eq!(unknown, Registered::RequestNotFound);
    }
    assert_eq!(asked(), 0, "strangers keep merchants from registering");
    let order = kin("order-1");
    node.send(order.signed_message().to_request()).await.expect("a request");
    assert_eq!(register(&node, order.rendezvous_key(), &url(0)).await, Registered::InvalidUrl);
    let mut ends = Vec::new();
    for n in 1..30 {
        ends.push(create("order-2", &url(n), true).await);
    }
    assert_eq!(asked(), 12, "those that strangers may have under way");
    assert_eq!(ends.iter().filter(|status| **status == 400).count(), 11, "{ends:?}");
    assert_eq!(ends.iter().filter(|status| **status == 503).count(), 18, "{ends:?}");
    let request = register_webhook(order.rendezvous_key().public_key(), &url(0));
    let (status, answer) = node.call(Method::RegisterWebhook, request.encode_to_vec()).await;
    assert!(
        status == 503 && answer.clone().is_err_and(|text| text.contains("try again")),
        "{status} {answer:?}"
    );
}

#[tokio::test]
async fn an_intent_that_is_over_takes_no_webhook() {
    let node = Node::with_webhooks().await;
    let (paid, declined) = (kin("paid"), kin("declined"));
    for request in [&paid, &declined] {
        node.send(request.signed_message().to_request()).await.expect("a request");
    }
    node.pay(paid.rendezvous_key()).await;
    let decline = quittance_code_api::call::SignedMessage::client_rejected_payment(declined.rendezvous_key());
    node.send(decline.to_request()).await.expect("a rejection");
    for request in [&paid, &declined] {
        assert_eq!(register(&node, request.rendezvous_key(), HOOK).await, Registered::IntentExists);
    }
}

#[tokio::test]
async fn an_older_sdk_asks_and_registers_in_one_call_or_hears_why_not_and_nothing_is_recorded() {
    let node = Node::with_webhooks().await;
    let request = kin("order-1");
    let create = async |url: &str| {
        let answer =
            node.http("POST", "/v1/createIntent", request.create_intent_json(Some(url)).as_bytes()).await;
        let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(answer.status == 200, body["success"] == true, "{body}");
        body["error"].as_str().map(str::to_owned)
    };
    let before = node.position();
    for (url, said) in [
        ("", "url scheme must be https"),
        ("http://example.com/hook", "url scheme must be https"),
        ("ftp://example.com/hook", "url scheme must be http or https"),
        ("https://", "host component missing"),
        ("https://example.com:8443/", "host is not a valid domain name: example.com:8443: "),
        ("https://[::1]/", "host is not a valid domain name: expected a name, got the address ::1"),
        ("https://no-such-name.invalid/", "error resolving hostname: no-such-name.invalid: "),
    ] {
        let error = create(url).await.unwrap_or_default();
        assert!(error.starts_with(said), "{url}: {error}");
    }
    assert_eq!(node.position(), before);
    assert_eq!(create(HOOK).await, None);
    assert_eq!(create(HOOK).await, None);
    // The reference takes it too, and the first one stays (protocol b.1).
    assert_eq!(create(OTHER).await, None);
    assert_eq!(registered(&node, request.intent_id()).await.as_deref(), Some(HOOK));
}

#[tokio::test]
async fn a_browser_hears_that_its_merchants_server_was_told_and_not_of_attempts_that_failed() {
    let node = Node::with_webhooks().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    let intent = IntentId(key.public_key().0);
    node.send(request.signed_message().to_request()).await.expect("a request");
    assert_eq!(register(&node, key, HOOK).await, Registered::Ok);
    node.pay(key).await;
    for (attempt, status, told) in [(1, 500, false), (2, 200, true)] {
        let (outcome, latency) = (DeliveryOutcome::Answered { status }, Duration::from_millis(5));
        let look = move |state: &quittance_core::state::State| {
            state.intent(&intent).and_then(|known| known.webhook.as_ref()?.ordered)
        };
        let ordered = node.handle.query(look).await.expect("an answer").expect("it is armed");
        let report = Request::ReportDelivery { intent, ordered, attempt, outcome, latency };
        node.handle.execute(report).await.expect("a report");
        let last = node.poll(key).await.pop().and_then(|message| message.kind);
        assert_eq!(matches!(last, Some(Kind::WebhookCalled(_))), told, "attempt {attempt}: {last:?}");
    }
}
