//! What a browser waits for: every message once, in order, whenever it looks.

use std::time::Duration;

use prost::Message as _;
use quittance_code_api::call::{self, SignedMessage};
use quittance_code_api::envelope::Method;
use quittance_code_api::key::KeyPair;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::server::Destinations;
use quittance_runtime::log::MemoryLog;

use crate::node::{Node, Socket, kin};

fn name(message: &messaging::Message) -> &'static str {
    match &message.kind {
        Some(Kind::RequestToReceiveBill(_)) => "request",
        Some(Kind::CodeScanned(_)) => "scanned",
        Some(Kind::ClientRejectedPayment(_)) => "rejected",
        Some(Kind::IntentSubmitted(_)) => "submitted",
        other => panic!("unexpected {other:?}"),
    }
}

async fn open(node: &Node, key: &KeyPair) -> Socket {
    let mut socket = node.socket("/").await;
    let request = call::open_message_stream_unsigned(key.public_key());
    socket.call(Method::OpenMessageStream, request.encode_to_vec()).await;
    socket
}

async fn scan(node: &Node, key: &KeyPair) -> Vec<u8> {
    let message = SignedMessage::code_scanned(key, prost_types::Timestamp { seconds: 1, nanos: 0 });
    node.send(message.to_request()).await.expect("a scan")
}

#[tokio::test]
async fn a_page_opened_at_any_time_sees_the_same_story() {
    let node = Node::start().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    // As a browser's view does: the stream's socket first, silent while two others ask and create (protocol g.4).
    let mut early = node.socket("/").await;
    let mut other = node.socket("/").await;
    other.call(Method::GetStatus, call::get_status(key.public_key()).encode_to_vec()).await;
    assert_eq!(other.next().await, Some(Ok(Vec::new())), "nothing is known yet");
    let mut other = node.socket("/").await;
    other.send(request.signed_message().envelope()).await;
    assert!(other.next().await.expect("an answer").is_ok());
    let signed = call::open_message_stream(key).encode_to_vec();
    early.call(Method::OpenMessageStream, signed).await;
    let mut seen = vec![early.message().await];
    scan(&node, key).await;
    seen.push(early.message().await);
    node.pay(key).await;
    seen.push(early.message().await);
    assert_eq!(seen.iter().map(name).collect::<Vec<_>>(), ["request", "scanned", "submitted"]);

    let mut late = open(&node, key).await;
    for message in &seen {
        assert_eq!(&late.message().await, message, "the same message with the same id");
    }
    assert_eq!(node.poll(key).await, seen);
    let body = call::open_message_stream_unsigned(key.public_key()).encode_to_vec();
    let (status, first) = node.call(Method::OpenMessageStream, body).await;
    let first = messaging::OpenMessageStreamResponse::decode(first.expect("a message").as_slice());
    assert_eq!((status, first.expect("a response").messages), (200, vec![seen[0].clone()]));
}

#[tokio::test]
async fn streams_opened_while_messages_come_in_miss_none_and_repeat_none() {
    let node = Node::start().await;
    for round in 0..40 {
        let request = kin(&format!("order-{round}"));
        let key = request.rendezvous_key();
        let write = async {
            node.send(request.signed_message().to_request()).await.expect("a request");
            scan(&node, key).await;
            node.send(SignedMessage::client_rejected_payment(key).to_request()).await.expect("a rejection");
        };
        let read = async {
            // Somewhere between before the first and after the last.
            tokio::time::sleep(Duration::from_micros(round * 150)).await;
            let mut socket = open(&node, key).await;
            [socket.message().await, socket.message().await, socket.message().await]
        };
        let ((), seen) = tokio::join!(write, read);
        assert_eq!(seen.iter().map(name).collect::<Vec<_>>(), ["request", "scanned", "rejected"], "{round}");
    }
}

#[tokio::test]
async fn a_page_that_stays_open_over_a_restart_sees_no_message_twice() {
    let log = MemoryLog::new();
    let request = kin("order-1");
    let key = request.rendezvous_key();
    let node = Node::on(log.clone(), |options| options.destinations = Destinations::Any).await;
    node.send(request.signed_message().to_request()).await.expect("a request");
    scan(&node, key).await;
    node.pay(key).await;
    let before = node.poll(key).await;
    drop(node);
    let node = Node::on(log, |_| {}).await;
    assert_eq!(before.len(), 3);
    assert_eq!(node.poll(key).await, before, "read back from the log, with the same ids");
    let mut socket = open(&node, key).await;
    for message in &before {
        assert_eq!(&socket.message().await, message);
    }
}

#[tokio::test]
async fn an_acknowledged_message_does_not_come_back_and_strangers_cannot_fill_the_table() {
    let node = Node::start().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    let id = node.send(request.signed_message().to_request()).await.expect("a request");
    let scanned = scan(&node, key).await;
    let (other, unknown) = (kin("order-2"), kin("order-3"));
    node.send(other.signed_message().to_request()).await.expect("a request");
    node.acknowledge(unknown.rendezvous_key(), [vec![1; 16], id.clone()]).await;
    node.acknowledge(other.rendezvous_key(), [vec![1; 16], id.clone(), scanned.clone()]).await;
    node.acknowledge(key, (0..=255).map(|byte| vec![byte; 16])).await;
    assert_eq!(node.acknowledged(), 0, "ids of no message of that key");
    for _ in 0..2 {
        node.acknowledge(key, [vec![1; 16], id.clone(), id.clone()]).await;
        assert_eq!(node.acknowledged(), 1);
    }
    let left = node.poll(key).await;
    assert_eq!(left.iter().map(name).collect::<Vec<_>>(), ["scanned"]);
    let mut socket = open(&node, key).await;
    assert_eq!(name(&socket.message().await), "scanned");
    node.acknowledge(key, [scanned]).await;
    node.send(SignedMessage::client_rejected_payment(key).to_request()).await.expect("a rejection");
    assert_eq!(name(&socket.message().await), "rejected");
    let mut socket = open(&node, key).await;
    assert_eq!(name(&socket.message().await), "rejected");
}

/// Lost if this fails: whoever knows an intent's id, which is no secret, ends the streams of those who wait for the payment.
#[tokio::test]
async fn the_newest_pages_get_the_streams_and_strangers_take_none_of_those_who_sign() {
    let node = Node::start().await;
    let (request, other) = (kin("order-1"), kin("order-2"));
    let key = request.rendezvous_key();
    node.send(request.signed_message().to_request()).await.expect("a request");
    let mut bystander = open(&node, other.rendezvous_key()).await;
    let unsigned = call::open_message_stream_unsigned(key.public_key()).encode_to_vec();
    let signed = call::open_message_stream(key).encode_to_vec();
    let watch = async |from: &str, open: &[u8]| {
        let mut socket = node.socket_from(from).await.expect("a socket");
        socket.call(Method::OpenMessageStream, open.to_vec()).await;
        socket.message().await;
        socket
    };
    let (page, stranger) = ("203.0.113.7", "203.0.113.8");
    let mut app = watch(page, &signed).await;
    let mut first = watch(page, &unsigned).await;
    let mut oldest = watch(stranger, &unsigned).await;
    let mut others = Vec::new();
    for _ in 0..2 {
        others.push(watch(stranger, &unsigned).await);
    }
    let mut last = watch(stranger, &unsigned).await;
    let replaced = "[aborted] a newer stream for this key was opened";
    assert_eq!(oldest.refusal().await, replaced, "a client's own stream goes first");
    let mut elsewhere = watch("203.0.113.9", &unsigned).await;
    assert_eq!(first.refusal().await, replaced, "of all others the oldest");
    for (n, socket) in [&mut app, &mut last, &mut elsewhere].into_iter().enumerate() {
        if n == 0 {
            scan(&node, key).await;
        }
        assert_eq!(name(&socket.message().await), "scanned", "every stream hears of it");
    }
    let mut apps = Vec::new();
    for _ in 0..3 {
        apps.push(watch(page, &signed).await);
    }
    let _newest = watch(page, &signed).await;
    assert_eq!(app.refusal().await, replaced);
    node.send(other.signed_message().to_request()).await.expect("a request");
    assert_eq!(name(&bystander.message().await), "request", "another key's stream goes on");
}

#[tokio::test]
async fn a_stream_ends_with_a_word_when_its_time_has_come() {
    let node = Node::with(|options| options.stream_life = Duration::from_millis(50)).await;
    let mut socket = open(&node, kin("order-1").rendezvous_key()).await;
    assert!(socket.refusal().await.starts_with("[deadline_exceeded]"));
}

#[tokio::test]
async fn a_node_that_shuts_down_sends_everybody_home() {
    let node = Node::start().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    node.send(request.signed_message().to_request()).await.expect("a request");
    let mut streaming = open(&node, key).await;
    streaming.message().await;
    let mut silent = node.socket("/").await;
    let body = call::open_message_stream_unsigned(kin("order-2").intent_id()).encode_to_vec();
    let waiting = node.call(Method::OpenMessageStream, body.clone());
    let shutdown = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        node.shutdown.cancel();
    };
    let ((status, answer), ()) = tokio::join!(waiting, shutdown);
    let text = "[unavailable] the node is shutting down; try again in a moment";
    assert_eq!((status, answer), (503, Err(text.to_owned())));
    for socket in [&mut streaming, &mut silent] {
        assert_eq!(socket.refusal().await, text);
    }
    assert_eq!(node.call(Method::OpenMessageStream, body).await.0, 503);
}
