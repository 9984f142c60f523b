//! Many clients, and one that wants everything.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use prost::Message as _;
use quittance_code_api::call;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::PublicKey;
use quittance_code_api::server::{Admit, Destinations};

use crate::grpc_client::{Grpc, GrpcCall, path};
use crate::node::{FROM, Node, kin};
use crate::submit_client::{order, payer};

const ONE: &str = "203.0.113.7";
const OTHER: &str = "203.0.113.8";

/// Lost if this fails: a stranger opens one socket and asks as much as it likes over it.
#[tokio::test]
async fn the_frames_of_a_socket_are_counted_like_requests() {
    let left = AtomicU32::new(2);
    let count = move |address: std::net::IpAddr| {
        assert_eq!(address.to_string(), ONE);
        let count = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        count.map(drop).map_err(|_| Duration::from_millis(250))
    };
    let node = Node::with(|options| options.admit = Some(Admit::new(count))).await;
    let status = call::get_status(PublicKey([4; 32])).encode_to_vec();
    let mut socket = node.socket_from(ONE).await.expect("a socket");
    // The first frame came with the request for the socket.
    for _ in 0..3 {
        socket.call(Method::GetStatus, status.clone()).await;
        assert_eq!(socket.next().await, Some(Ok(Vec::new())));
    }
    socket.call(Method::GetStatus, status.clone()).await;
    let text = "[resource_exhausted] too many requests from this address; try again in 250 ms";
    assert_eq!(socket.refusal().await, text);
    let mut trusted = node.socket("/").await;
    for _ in 0..9 {
        trusted.call(Method::GetStatus, status.clone()).await;
        assert_eq!(trusted.next().await, Some(Ok(Vec::new())), "nobody counts those who come from nowhere");
    }
}

/// Lost if this fails: one stranger takes the places of all streams, and nobody else can wait for a payment, or pay.
#[tokio::test]
async fn one_address_takes_its_share_of_the_places_and_payers_have_their_own() {
    let node = Node::with(|options| {
        options.destinations = Destinations::Any;
        options.max_sockets = 32;
    })
    .await;
    let request = kin("order-1");
    node.send(request.signed_message().to_request()).await.expect("a request");
    node.deposit(&payer(), 1_000_000_000_000).await;
    let draft = order(&node, request.intent_id(), &[]).draft(&payer()).expect("a draft");
    let mut client = node.grpc().await;
    let watch = |client: &mut Grpc, from: &str, key: u8| {
        let open = call::open_message_stream_unsigned(PublicKey([key; 32])).encode_to_vec();
        let mut call = client.open(&path(Method::OpenMessageStream), &[(FROM, from)]);
        call.send(&open);
        call.close();
        call
    };
    let mut first = watch(&mut client, ONE, 1);
    first.opened().await;
    let too_many = "too many open sockets of this address; close one first";
    assert_eq!(watch(&mut client, ONE, 2).end().await, (8, too_many.to_owned()));
    let talk = path(Method::OpenMessageStreamWithKeepAlive);
    assert_eq!(client.open(&talk, &[(FROM, ONE)]).end().await.0, 8);
    let mut health = client.open("/grpc.health.v1.Health/Watch", &[(FROM, ONE)]);
    health.send(&[]);
    assert_eq!(health.end().await.0, 8);
    assert_eq!(node.socket_from(ONE).await.err(), Some(429));
    let body = call::open_message_stream_unsigned(PublicKey([5; 32])).encode_to_vec();
    let body = envelope::encode_request(Method::OpenMessageStream, body);
    let head = format!(
        "POST /v1/api HTTP/1.1\r\nHost: node\r\n{FROM}: {ONE}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    assert_eq!(node.raw(&head, &body).await.status, 429);
    // Another address finds a place, and the others after it until there are no more.
    let mut others: Vec<GrpcCall> = Vec::new();
    for last in 8..37 {
        let mut other = watch(&mut client, &format!("203.0.113.{last}"), last);
        other.opened().await;
        others.push(other);
    }
    assert_eq!(watch(&mut client, "198.51.100.1", 99).end().await.0, 14);
    // Those who pay have places of their own; of these, too, one address has only some.
    let pay = |client: &mut Grpc| client.open(&path(Method::SubmitIntent), &[(FROM, OTHER)]);
    let mut payment = pay(&mut client);
    payment.send(&draft.first_message());
    assert!(payment.next().await.is_some(), "the nonces for a payment");
    assert_eq!(pay(&mut client).end().await.0, 14);
    // The share comes back with the stream.
    drop(first);
    let mut again = None;
    for _ in 0..400 {
        let mut next = watch(&mut client, ONE, 3);
        if next.is_opened().await {
            again = Some(next);
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(again.is_some(), "the place of a stream that was left is never given back");
}
