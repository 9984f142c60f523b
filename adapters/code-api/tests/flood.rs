//! Thousands of open streams, as on a day when a shop is on television. In a process of its own, as it weighs the process.

#[path = "server/grpc_client.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod grpc_client;
#[path = "server/node.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod node;

use std::time::{Duration, Instant};

use prost::Message as _;
use quittance_code_api::call;
use quittance_code_api::envelope::Method;
use quittance_code_api::key::PublicKey;
use quittance_code_api::server::Destinations;

use crate::grpc_client::path;
use crate::node::{Node, kin};

/// Streams of one connection; servers usually take at most 100 to 200.
const PER_CONNECTION: usize = 100;

/// What one open stream may cost, client, server and both ends of its socket's share in this one process.
const BYTES_PER_STREAM: usize = 24 * 1024;

/// Lost if this fails: whoever opens streams and says nothing can stop everybody's payments, or end the process.
///
/// Every tenth stream is a WebSocket, which is a connection of its own, with two ends in this process.
/// An ordinary run opens 1000; `QUITTANCE_FLOOD=10000` opens as many as that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_streams_leaves_everybody_else_their_messages() {
    let asked: Option<usize> =
        std::env::var("QUITTANCE_FLOOD").ok().map(|count| count.parse().expect("QUITTANCE_FLOOD: a number"));
    let count = asked.unwrap_or(1000);
    let node = Node::with(|options| {
        options.destinations = Destinations::Any;
        // All that streams may have, without the sixteenth of all places that is kept for payments.
        options.max_sockets = (count + 2) * 16 / 15;
    })
    .await;
    let before = resident();
    let open = path(Method::OpenMessageStream);
    let (mut connections, mut streams, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..count {
        if index % PER_CONNECTION == 0 {
            connections.push(node.grpc().await);
        }
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(index as u64).to_le_bytes());
        let request = call::open_message_stream_unsigned(PublicKey(key)).encode_to_vec();
        if index % 10 == 9 {
            let mut socket = node.socket("/").await;
            socket.call(Method::OpenMessageStream, request).await;
            sockets.push(socket);
            continue;
        }
        let connection = connections.last_mut().expect("a connection");
        let mut stream = connection.start(&open, &request);
        stream.opened().await;
        streams.push(stream);
    }
    match before.zip(resident()) {
        Some((before, after)) => {
            let each = after.saturating_sub(before) / count;
            println!("{count} streams, {each} bytes each");
            assert!((1..BYTES_PER_STREAM).contains(&each), "{each} bytes each");
        }
        None => println!("{count} streams; memory is not weighed here, for want of /proc"),
    }

    // Every place but two is taken; a customer needs one, and has to hear of its payment at once.
    let order = kin("order-1");
    let key = order.rendezvous_key();
    let mut customer = node.grpc().await.start(&open, &call::open_message_stream(key).encode_to_vec());
    customer.opened().await;
    let start = Instant::now();
    node.send(order.signed_message().to_request()).await.expect("a request");
    assert!(customer.message().await.kind.is_some());
    node.pay(key).await;
    assert!(customer.message().await.kind.is_some());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let mut flooder = node.grpc().await;
    let request = |key| call::open_message_stream_unsigned(PublicKey([key; 32])).encode_to_vec();
    let mut last = flooder.start(&open, &request(0xfe));
    last.opened().await;
    assert_eq!(flooder.start(&open, &request(0xff)).end().await.0, 14, "one too many");

    // All of them go at once, and leave nothing behind that a newcomer would miss.
    drop((streams, connections, sockets, last));
    for _ in 0..400 {
        let mut next = flooder.start(&open, &request(0xff));
        if next.is_opened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the places of streams that are gone are never given back");
}

/// Bytes of memory that this process has, where the system says so.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    let kib: usize = kib.expect("VmRSS in /proc/self/status").trim().parse().expect("a number of KiB");
    Some(kib * 1024)
}
