//! `OpenMessageStreamWithKeepAlive` over both transports: for as long as the client is there, and no longer.

use std::time::Duration;

use futures_util::FutureExt as _;
use prost::Message as _;
use quittance_code_api::call::{self, SignedMessage};
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::KeyPair;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::open_message_stream_with_keep_alive_response::ResponseOrPing;
use quittance_code_api::wire::delimited;
use tokio::time::{Instant, resume};

use crate::grpc_client::{GrpcCall, path};
use crate::node::{Node, Socket, StoppedClock, kin};

const METHOD: Method = Method::OpenMessageStreamWithKeepAlive;

const TRANSPORTS: [&str; 2] = ["socket", "gRPC"];

/// Both transports, each in its own words.
enum Client {
    Socket(Socket),
    Grpc(GrpcCall),
}

impl Client {
    /// Before its first message.
    async fn open(node: &Node, transport: &str) -> Self {
        match transport {
            "socket" => Self::Socket(node.socket("/").await),
            _ => Self::Grpc(node.grpc().await.open(&path(METHOD), &[])),
        }
    }

    async fn send(&mut self, message: Vec<u8>) {
        match self {
            Self::Socket(socket) => socket.send(envelope::encode_request(METHOD, message)).await,
            Self::Grpc(call) => call.send(&message),
        }
    }

    async fn next(&mut self) -> ResponseOrPing {
        let body = match self {
            Self::Socket(socket) => socket.next().await.expect("a frame").expect("a message"),
            Self::Grpc(call) => call.next().await.expect("a message"),
        };
        let response = messaging::OpenMessageStreamWithKeepAliveResponse::decode(body.as_slice());
        response.expect("a response").response_or_ping.expect("one of the two")
    }

    async fn ping(&mut self) -> messaging::ServerPing {
        match self.next().await {
            ResponseOrPing::Ping(ping) => ping,
            other => panic!("expected a ping, got {other:?}"),
        }
    }

    async fn messages(&mut self) -> Vec<messaging::Message> {
        match self.next().await {
            ResponseOrPing::Response(response) => response.messages,
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The last word, as an envelope has it.
    async fn refusal(&mut self) -> String {
        match self {
            Self::Socket(socket) => socket.refusal().await,
            Self::Grpc(call) => match call.end().await {
                (3, text) => format!("[invalid_argument] {text}"),
                (4, text) => format!("[deadline_exceeded] {text}"),
                (10, text) => format!("[aborted] {text}"),
                (16, text) => format!("[unauthenticated]{text}"),
                other => panic!("{other:?}"),
            },
        }
    }
}

fn request(key: &KeyPair) -> Vec<u8> {
    delimited(1, &call::open_message_stream(key).encode_to_vec())
}

fn pong() -> Vec<u8> {
    delimited(2, &delimited(1, &[8, 1]))
}

#[tokio::test]
async fn a_payers_app_sees_what_a_browser_sees_between_the_pings() {
    for name in TRANSPORTS {
        let node = Node::start().await;
        let order = kin("order-1");
        let key = order.rendezvous_key();
        node.send(order.signed_message().to_request()).await.expect("a request");
        let mut client = Client::open(&node, name).await;
        client.send(request(key)).await;
        let ping = client.ping().await;
        assert!(ping.timestamp.is_some_and(|at| at.seconds > 1_600_000_000), "a client sets its clock by it");
        assert_eq!(ping.ping_delay, Some(prost_types::Duration { seconds: 5, nanos: 0 }));
        let mut seen = client.messages().await;
        let scan = SignedMessage::code_scanned(key, prost_types::Timestamp { seconds: 1, nanos: 0 });
        node.send(scan.to_request()).await.expect("a scan");
        seen.extend(client.messages().await);
        assert_eq!(seen, node.poll(key).await);
        let mut newer = Vec::new();
        for _ in 0..4 {
            let mut next = node.socket("/").await;
            next.call(Method::OpenMessageStream, call::open_message_stream(key).encode_to_vec()).await;
            next.message().await;
            newer.push(next);
        }
        assert_eq!(client.refusal().await, "[aborted] a newer stream for this key was opened");
    }
}

/// Lost if this fails: an app behind a dead connection waits for ever for a payment that it was told of, or an app that is
/// there is cut off.
#[tokio::test]
async fn a_client_that_answers_stays_and_one_that_is_silent_goes() {
    let node = Node::start().await;
    for name in TRANSPORTS {
        let mut client = Client::open(&node, name).await;
        client.send(request(kin(name).rendezvous_key())).await;
        client.ping().await;
        let clock = StoppedClock::new();
        for _ in 0..12 {
            clock.pass(Duration::from_millis(4900)).await;
            assert!(client.next().now_or_never().is_none(), "{name}: early");
            // Timers count in whole milliseconds.
            clock.pass(Duration::from_millis(101)).await;
            client.ping().await;
            client.send(pong()).await;
        }
        clock.pass(Duration::from_millis(5001)).await;
        client.ping().await;
        clock.pass(Duration::from_millis(4900)).await;
        assert!(client.next().now_or_never().is_none(), "{name}: a client has ten seconds");
        clock.pass(Duration::from_millis(101)).await;
        assert_eq!(client.refusal().await, "[aborted] terminating unhealthy stream", "{name}");
        resume();
    }
}

#[tokio::test]
async fn a_stream_ends_after_its_life_however_healthy() {
    let node = Node::with(|options| options.stream_life = Duration::from_millis(80)).await;
    for name in TRANSPORTS {
        let mut client = Client::open(&node, name).await;
        client.send(request(kin(name).rendezvous_key())).await;
        client.ping().await;
        assert_eq!(client.refusal().await, "[deadline_exceeded] the stream has reached its age", "{name}");
    }
}

#[tokio::test]
async fn a_conversation_that_starts_wrong_or_goes_wrong_is_ended_with_the_protocols_words() {
    let node = Node::start().await;
    let order = kin("order-1");
    let key = order.rendezvous_key();
    let unsigned = call::open_message_stream_unsigned(order.intent_id()).encode_to_vec();
    let forged = {
        let mut forged = call::open_message_stream(key);
        forged.signature = call::open_message_stream(kin("order-2").rendezvous_key()).signature;
        forged.encode_to_vec()
    };
    let nothing =
        "[invalid_argument] invalid OpenMessageStreamWithKeepAliveRequest.RequestOrPong: value is required";
    for (first, want) in [
        (Vec::new(), nothing),
        (pong(), "[invalid_argument] request is nil"),
        (delimited(1, &unsigned), "[invalid_argument] signature is nil"),
        (delimited(1, &forged), "[unauthenticated]"),
        (
            [request(key), request(key)].concat(),
            "[invalid_argument] undecodable request: field 1: expected once, is there several times",
        ),
    ] {
        for name in TRANSPORTS {
            let mut client = Client::open(&node, name).await;
            client.send(first.clone()).await;
            assert_eq!(client.refusal().await, want);
        }
    }
    for second in [request(key), delimited(2, &[]), vec![0x0a]] {
        for name in TRANSPORTS {
            let mut client = Client::open(&node, name).await;
            client.send(request(key)).await;
            client.ping().await;
            client.send(second.clone()).await;
            assert_eq!(client.refusal().await, "[aborted] terminating unhealthy stream");
        }
    }
}

#[tokio::test]
async fn a_conversation_over_plain_http_is_sent_elsewhere() {
    let node = Node::start().await;
    let answer = node.call(METHOD, request(kin("order-1").rendezvous_key())).await;
    let text = "Messaging.openMessageStreamWithKeepAlive is a conversation: expected a WebSocket or gRPC";
    assert_eq!(answer, (501, Err(format!("[unimplemented] {text}"))));
}

#[tokio::test]
async fn a_grpc_client_that_opens_a_call_and_says_nothing_is_not_waited_for() {
    let node = Node::start().await;
    let start = Instant::now();
    let mut call = node.grpc().await.open(&path(METHOD), &[]);
    assert_eq!(call.end().await, (4, "no request came within 250 ms".to_owned()));
    assert!(start.elapsed() >= Duration::from_millis(250));
    let mut call = node.grpc().await.open(&path(METHOD), &[]);
    call.close();
    assert_eq!(call.end().await.0, 3, "the client has said that nothing comes");
}
