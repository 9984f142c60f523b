//! Bad input of every kind: who sent it learns what was wrong in its own protocol's form, and nothing is recorded.

use prost::Message as _;
use quittance_code_api::envelope::{MAX_ENVELOPE_LEN, Method};
use quittance_code_api::proto::code::common::v1 as common;
use quittance_code_api::wire::delimited;

use crate::node::{Answer, DESTINATION, Node, kin};

fn json(answer: &Answer, status: u16, error: &str) {
    let want = serde_json::json!({ "error": error, "success": false }).to_string();
    assert_eq!((answer.status, answer.text()), (status, want));
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
}

#[tokio::test]
async fn an_older_sdk_is_refused_in_json_with_the_texts_it_knows() {
    let node = Node::start().await;
    let before = node.position();
    let good: serde_json::Value =
        serde_json::from_str(&kin("order-1").create_intent_json(None)).expect("JSON");
    let with = |key: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[key] = value;
        body.to_string()
    };
    let foreign = kin("order-2").signed_message().signature().to_vec();
    let foreign = quittance_code_api::key::base58(&foreign);
    let schema = "rpc error: code = InvalidArgument desc = invalid SendMessageRequest.Message: embedded message failed \
                  validation | caused by: invalid Message.RequestToReceiveBill: embedded message failed validation | \
                  caused by: invalid RequestToReceiveBill.RequestorAccount: value is required";
    for (body, status, error) in [
        (String::new(), 400, "EOF while parsing a value at line 1 column 0"),
        (" []".to_owned(), 400, "expected an object, got an array"),
        ("{}".to_owned(), 400, "intent is not a public key"),
        (with("intent", "0OIl".into()), 400, "intent is not a public key"),
        (with("intent", DESTINATION[8..].into()), 400, "intent is not a public key"),
        (with("intent", format!("{DESTINATION}1").into()), 400, "intent is not a public key"),
        (with("signature", DESTINATION.into()), 400, "signature is invalid"),
        (with("message", "CgA=".into()), 400, "message not valid base64"),
        (with("message", "____".into()), 400, "message bytes is not a RequestToReceiveBill"),
        (with("message", "".into()), 400, schema),
        (with("webhook", "https://example.com/hook".into()), 400, "webhooks are not available on this node"),
        (with("webhook", "".into()), 400, "webhooks are not available on this node"),
        (with("signature", foreign.into()), 401, "authentication failed"),
        (with("intent", DESTINATION.into()), 401, "authentication failed"),
    ] {
        println!("{body}");
        json(&node.http("POST", "/v1/createIntent", body.as_bytes()).await, status, error);
    }
    let long = vec![b' '; MAX_ENVELOPE_LEN + 1];
    let answer = node.http("POST", "/v1/createIntent", &long).await;
    json(&answer, 400, "expected a body of at most 65536 bytes");
    for (method, path, error) in [
        ("GET", "/v1/createIntent", "http post expected"),
        ("PUT", "/v1/createIntent", "http post expected"),
        ("OPTIONS", "/v1/createIntent", "http post expected"),
        ("POST", "/v1/getStatus", "http get expected"),
        ("DELETE", "/v1/getStatus?intent=x", "http get expected"),
        ("GET", "/v1/getStatus", "intent query parameter missing"),
        ("GET", "/v1/getStatus?", "intent query parameter missing"),
        ("GET", "/v1/getStatus?intent", "intent query parameter missing"),
        ("GET", "/v1/getStatus?other=1&intent=%00", "intent id is not a public key"),
        ("GET", "/v1/getStatus?intent=%ff%zz", "intent id is not a public key"),
    ] {
        println!("{method} {path}");
        json(&node.http(method, path, b"").await, 400, error);
    }
    assert_eq!(node.position(), before);
}

#[tokio::test]
async fn a_call_that_cannot_be_read_is_refused_in_an_envelope() {
    let node = Node::start().await;
    let named = |service: &str, method: &str| {
        let (service, method) = (service.to_owned(), method.to_owned());
        common::Request { service, method, ..common::Request::default() }.encode_to_vec()
    };
    let whole = kin("order-1").signed_message().envelope();
    for (body, status, text) in [
        (Vec::new(), 404, "Invalid service name: "),
        (named("Teleport", "go"), 404, "Invalid service name: Teleport"),
        (named("Messaging", "SendMessage"), 404, "Invalid method name: Messaging.SendMessage"),
        (named("Chat", "getChats"), 404, "Invalid method name: Chat.getChats"),
        (named(&"x".repeat(60_000), ""), 404, &format!("Invalid service name: {}", "x".repeat(64))),
        (
            named("MicroPayment", "registerWebhook"),
            501,
            "[unimplemented] MicroPayment.registerWebhook is not available on this node",
        ),
        (
            named("Messaging", "openMessageStreamWithKeepAlive"),
            501,
            "[unimplemented] Messaging.openMessageStreamWithKeepAlive is a conversation: expected a WebSocket or gRPC",
        ),
    ] {
        let answer = node.http("POST", "/v1/api/", &body).await;
        assert_eq!((answer.status, answer.envelope()), (status, Err(text.to_owned())));
        assert!(answer.head.contains("access-control-allow-origin: *"), "{}", answer.head);
    }
    for half in [&whole[..whole.len() - 1], &whole[..20], b"{}", &[0x22, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
        let answer = node.http("POST", "/v1/api", half).await;
        let text = answer.envelope().expect_err("half a call");
        assert!(answer.status == 400 && text.starts_with("undecodable envelope: "), "{text}");
    }
    let too_long = "[invalid_argument] expected an envelope of at most 65536 bytes";
    for head in [
        "POST /v1/api HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Length: 65537\r\n\r\n",
        "POST /v1/api HTTP/1.1\r\nHost: node\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n10002\r\n",
    ] {
        let body = vec![0; MAX_ENVELOPE_LEN + 2];
        let body = if head.contains("chunked") { &body[..] } else { &[] };
        let answer = node.raw(head, body).await;
        assert_eq!((answer.status, answer.envelope()), (413, Err(too_long.to_owned())));
    }
    let answer = node.http("GET", "/v1/api", b"").await;
    assert_eq!(answer.status, 405);
    assert!(answer.envelope().is_err());
    let answer = node.http("OPTIONS", "/v1/api/", b"").await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    for header in ["allow-origin: *", "allow-methods: post", "allow-headers: content-type"] {
        assert!(answer.head.contains(header), "a browser would not send its call: {}", answer.head);
    }
    assert_eq!(node.position().0, 1, "only the log's own beginning");
}

#[tokio::test]
async fn noise_never_gets_an_answer_that_looks_like_success() {
    let node = Node::start().await;
    let whole = kin("order-1").signed_message().to_request().encode_to_vec();
    // A fixed sequence: a failure is found again by running the test.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).expect("31 bits")
    };
    for round in 0..600 {
        let mut body = whole.clone();
        for _ in 0..=next() % 3 {
            match next() % 3 {
                0 => body.truncate(next() % (body.len() + 1)),
                1 => body.extend_from_within(next() % (body.len() + 1)..),
                _ if body.is_empty() => {}
                _ => {
                    let at = next() % body.len();
                    body[at] = next().to_le_bytes()[0];
                }
            }
        }
        if body == whole {
            continue;
        }
        let method =
            [Method::SendMessage, Method::PollMessages, Method::AckMessages, Method::GetStatus][next() % 4];
        let (status, answer) = node.call(method, body).await;
        let harmless = matches!(method, Method::AckMessages | Method::GetStatus) && status == 200;
        assert!(harmless || (400..500).contains(&status), "round {round}: {status} {answer:?}");
    }
    assert_eq!(node.position().0, 1);
}

#[tokio::test]
async fn one_flipped_bit_anywhere_in_message_or_signature_creates_nothing() {
    let node = Node::start().await;
    let request = kin("order-1");
    let (message, signature) = (request.signed_message().message(), *request.signed_message().signature());
    let key = delimited(2, &delimited(1, &request.intent_id().0));
    for bit in 0..(message.len() + signature.len()) * 8 {
        let mut bytes = [&message[..], &signature].concat();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (message, signature) = bytes.split_at(message.len());
        let body = [delimited(1, message), key.clone(), delimited(3, &delimited(1, signature))].concat();
        let (status, answer) = node.call(Method::SendMessage, body).await;
        // What does not decode or breaks the schema is 400; everything else is unsigned, whatever else is wrong with it.
        assert!(matches!(status, 400 | 401), "bit {bit}: {status} {answer:?}");
        assert!(status != 400 || bit < message.len() * 8, "a signature decides nothing else: bit {bit}");
    }
    assert_eq!(node.position().0, 1);
    assert!(node.send(request.signed_message().to_request()).await.is_ok(), "unflipped it is accepted");
}
