//! gRPC-Web: what a browser page can speak, over HTTP/1.1.

use data_encoding::BASE64;
use prost::Message as _;
use quittance_code_api::call;
use quittance_code_api::envelope::Method;

use crate::grpc_client::{framed, path};
use crate::node::{Answer, Node, kin};

async fn post(node: &Node, method: Method, kind: &str, body: &[u8]) -> Answer {
    let (path, length) = (path(method), body.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\nOrigin: https://shop.example\r\n\
         X-Grpc-Web: 1\r\nContent-Type: {kind}\r\nAccept: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    node.raw(&head, body).await
}

/// Takes apart what came in HTTP/1.1's chunks.
fn dechunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").expect("a chunk's length");
        let length =
            usize::from_str_radix(std::str::from_utf8(&body[..end]).expect("text"), 16).expect("hex");
        whole.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
        if length == 0 {
            return whole;
        }
    }
}

/// The messages of an answer, and its trailers, which gRPC-Web writes behind them.
fn read(answer: &Answer, is_text: bool) -> (Vec<Vec<u8>>, String) {
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.head.contains("access-control-allow-origin: *"), "{}", answer.head);
    assert!(
        answer.head.contains("access-control-expose-headers: grpc-status, grpc-message"),
        "{}",
        answer.head
    );
    let mut bytes = match answer.head.contains("transfer-encoding: chunked") {
        true => dechunked(&answer.body),
        false => answer.body.clone(),
    };
    if is_text {
        // Each piece is a text of its own, with its own padding.
        let text = String::from_utf8(bytes).expect("text");
        bytes = text.as_bytes().chunks(4).flat_map(|four| BASE64.decode(four).expect("base64")).collect();
    }
    let (mut messages, mut rest) = (Vec::new(), bytes.as_slice());
    while let Some((head, after)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (message, after) = after.split_at(length);
        if head[0] == 0x80 {
            assert_eq!(after, b"", "trailers come last");
            return (messages, String::from_utf8(message.to_vec()).expect("text"));
        }
        messages.push(message.to_vec());
        rest = after;
    }
    (messages, answer.head.clone())
}

#[tokio::test]
async fn a_page_calls_the_node_in_either_of_the_two_forms() {
    let node = Node::start().await;
    let request = kin("order-1");
    let send = framed(&request.signed_message().to_request().encode_to_vec());
    let status = framed(&call::get_status(request.intent_id()).encode_to_vec());
    for kind in ["application/grpc-web+proto", "application/grpc-web-text"] {
        let is_text = kind.ends_with("text");
        let written = |body: &[u8]| if is_text { BASE64.encode(body).into_bytes() } else { body.to_vec() };
        let answer = post(&node, Method::SendMessage, kind, &written(&send)).await;
        let (messages, trailers) = read(&answer, is_text);
        assert!(messages.len() == 1 && trailers.contains("grpc-status:0"), "{kind} {trailers}");
        let answer = post(&node, Method::GetStatus, kind, &written(&status)).await;
        assert_eq!(read(&answer, is_text).0, [vec![8, 1]], "the request exists");
        // A failure comes without a body, so the page has to be allowed to read its headers.
        let answer = post(&node, Method::GetStatus, kind, &written(&framed(&[]))).await;
        let (messages, trailers) = read(&answer, is_text);
        assert!(messages.is_empty() && trailers.contains("grpc-status: 3"), "{kind} {trailers}");
        let answer = post(&node, Method::GetStatus, kind, &written(&status[..status.len() - 1])).await;
        assert!(read(&answer, is_text).1.contains("grpc-status: 3"), "half a message");
    }
}

#[tokio::test]
async fn a_page_reads_a_stream() {
    let node = Node::with(|options| {
        options.stream_life = std::time::Duration::from_millis(300);
        options.destinations = quittance_code_api::server::Destinations::Any;
    })
    .await;
    let request = kin("order-1");
    node.send(request.signed_message().to_request()).await.expect("a request");
    let open = call::open_message_stream_unsigned(request.intent_id()).encode_to_vec();
    let answer = post(&node, Method::OpenMessageStream, "application/grpc-web+proto", &framed(&open)).await;
    let (messages, trailers) = read(&answer, false);
    assert!(messages.len() == 1 && trailers.contains("grpc-status:4"), "{trailers}");
}

#[tokio::test]
async fn a_browser_is_told_beforehand_what_it_may_send_and_others_what_they_must() {
    let node = Node::start().await;
    let path = path(Method::SendMessage);
    let asked = node.http("OPTIONS", &path, b"").await;
    assert_eq!(asked.status, 204);
    for allowed in [
        "access-control-allow-origin: *",
        "access-control-allow-methods: post",
        "access-control-allow-headers: content-type, grpc-timeout, x-grpc-web, x-user-agent",
    ] {
        assert!(asked.head.contains(allowed), "{}", asked.head);
    }
    assert_eq!(node.http("GET", &path, b"").await.status, 405);
    assert_eq!(node.http("POST", &path, b"").await.status, 415);
    for unknown in ["application/grpc+json", "application/grpc-web+thrift", "application/json"] {
        assert_eq!(post(&node, Method::SendMessage, unknown, b"").await.status, 415, "{unknown}");
    }
    let plain = post(&node, Method::SendMessage, "application/grpc", b"").await;
    assert_eq!(plain.status, 400, "gRPC itself needs HTTP/2");
}
