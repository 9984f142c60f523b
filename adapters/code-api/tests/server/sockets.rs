//! WebSockets whose clients break the rules, or are too many.

use std::time::Duration;

use prost::Message as _;
use quittance_code_api::call;
use quittance_code_api::envelope::{self, MAX_ENVELOPE_LEN, Method};
use quittance_code_api::key::PublicKey;

use tokio_tungstenite::tungstenite::Message;

use crate::node::{Node, StoppedClock, kin};

#[tokio::test]
async fn a_socket_is_told_what_was_wrong_and_closed() {
    let node = Node::start().await;
    let request = kin("order-1");
    let status =
        envelope::encode_request(Method::GetStatus, call::get_status(request.intent_id()).encode_to_vec());
    for frame in [&status[..status.len() - 1], &status[..5], b"\xff"] {
        let mut socket = node.socket("/").await;
        socket.send(frame.to_vec()).await;
        assert!(socket.refusal().await.starts_with("undecodable envelope: "));
    }
    let mut socket = node.socket("/v1/api").await;
    socket.send(Vec::new()).await;
    assert_eq!(socket.refusal().await, "Invalid service name: ");

    let mut socket = node.socket("/v1/api/").await;
    futures_util::SinkExt::send(&mut socket.0, "hello".into()).await.expect("a text frame");
    assert_eq!(socket.refusal().await, "[invalid_argument] expected a binary frame, got a text frame");

    let mut socket = node.socket("/").await;
    socket.send(vec![0; MAX_ENVELOPE_LEN + 1]).await;
    assert!(socket.refusal().await.starts_with("expected an envelope of at most "));

    let mut socket = node.socket("/").await;
    for _ in 0..2 {
        socket.send(status.clone()).await;
        assert!(socket.next().await.expect("a frame").is_ok());
    }
    socket.send(request.signed_message().envelope()).await;
    assert_eq!(socket.refusal().await, "[invalid_argument] Unexpected service name: Messaging");

    let mut socket = node.socket("/").await;
    let open = call::open_message_stream_unsigned(request.intent_id()).encode_to_vec();
    socket.call(Method::OpenMessageStream, open.clone()).await;
    socket.call(Method::PollMessages, call::poll_messages(request.rendezvous_key()).encode_to_vec()).await;
    assert_eq!(socket.refusal().await, "[invalid_argument] Unexpected method name: pollMessages");

    let mut socket = node.socket("/").await;
    socket.call(Method::OpenMessageStream, open.clone()).await;
    socket.call(Method::OpenMessageStream, open).await;
    assert!(socket.refusal().await.starts_with("[invalid_argument] this call takes one request"));

    // A failed call leaves the socket to its client, which closes it.
    let mut socket = node.socket("/").await;
    socket.call(Method::GetStatus, Vec::new()).await;
    let want = "[invalid_argument] invalid GetStatusRequest.IntentId: value is required";
    assert_eq!(socket.next().await, Some(Err(want.to_owned())));
    assert_eq!(node.position().0, 1);
}

/// Lost if this fails: a client behind a proxy that cuts frames into pieces, or that pings, is not heard.
#[tokio::test]
async fn a_call_in_pieces_with_a_ping_between_them_is_one_call() {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame, coding::CloseCode};
    let node = Node::start().await;
    let status = call::get_status(kin("order-1").intent_id()).encode_to_vec();
    let call = envelope::encode_request(Method::GetStatus, status);
    let mut socket = node.socket("/").await;
    let (first, second) = call.split_at(9);
    let piece =
        |bytes: &[u8], kind, last| Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(kind), last));
    socket.0.send(piece(first, Data::Binary, false)).await.expect("a piece");
    socket.0.send(Message::Ping("there?".into())).await.expect("a ping");
    socket.0.send(piece(second, Data::Continue, true)).await.expect("a piece");
    let pong = socket.0.next().await.expect("a frame").expect("a frame");
    assert_eq!(pong, Message::Pong("there?".into()));
    assert_eq!(socket.next().await, Some(Ok(Vec::new())));
    let bye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    socket.0.send(Message::Close(Some(bye.clone()))).await.expect("a close");
    assert_eq!(socket.0.next().await.expect("a frame").expect("a frame"), Message::Close(Some(bye)));
    assert!(socket.0.next().await.is_none(), "closed in good order");

    let mut socket = node.socket("/").await;
    socket.0.send("hello".into()).await.expect("a text frame");
    assert!(socket.next().await.expect("a frame").is_err());
    match socket.0.next().await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(frame.code, CloseCode::Unsupported),
        other => panic!("expected a close with a code, got {other:?}"),
    }
}

/// Lost if this fails: with half a frame each, strangers hold every place for as long as a stream may live.
#[tokio::test]
async fn half_a_frame_keeps_no_place() {
    use tokio::io::AsyncWriteExt as _;
    let node = Node::with(|options| options.max_sockets = 2).await;
    let mut silent = node.socket("/").await;
    let mut streaming = node.socket("/").await;
    let open = call::open_message_stream_unsigned(PublicKey([4; 32])).encode_to_vec();
    streaming.call(Method::OpenMessageStream, open.clone()).await;
    for socket in [&mut silent, &mut streaming] {
        // The head of a frame of 100 bytes, and some of them.
        socket.0.get_mut().write_all(&[0x82, 0x80 | 100, 1, 2, 3, 4, 5, 6]).await.expect("half a frame");
    }
    let status = node.call(Method::OpenMessageStream, open.clone()).await.0;
    assert_eq!(status, 503, "both places are taken");
    let clock = StoppedClock::new();
    for _ in 0..4 {
        clock.pass(Duration::from_millis(30_001)).await;
    }
    tokio::time::resume();
    let _free = [node.socket("/").await, node.socket("/").await];
}

#[tokio::test]
async fn a_socket_too_many_is_refused_and_a_closed_one_makes_room() {
    let node = Node::with(|options| options.max_sockets = 1).await;
    let first = node.socket("/").await;
    let head = "GET / HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let once = head.replace("Connection: Upgrade", "Connection: Upgrade, close");
    let answer = node.raw(&once, b"").await;
    let text = "[unavailable] too many open sockets; try again in a moment";
    assert_eq!((answer.status, answer.envelope()), (503, Err(text.to_owned())));
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    let open = call::open_message_stream_unsigned(PublicKey([4; 32])).encode_to_vec();
    assert_eq!(
        node.call(Method::OpenMessageStream, open).await.0,
        503,
        "a waiting request takes a place too"
    );
    drop(first);
    // The server notices when it notices.
    for _ in 0..400 {
        let stream = tokio::net::TcpStream::connect(node.address).await.expect("a connection");
        if tokio_tungstenite::client_async(format!("ws://{}/", node.address), stream).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the place of a closed socket is never given back");
}
