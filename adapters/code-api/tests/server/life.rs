//! One payment from its request to its end, as each kind of client follows it.

use quittance_code_api::call::SignedMessage;
use quittance_code_api::proto::code::messaging::v1::message::Kind;

use crate::node::{Node, kin};

fn scanned(key: &quittance_code_api::key::KeyPair) -> SignedMessage {
    SignedMessage::code_scanned(key, prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 })
}

#[tokio::test]
async fn a_merchant_sees_its_payment_come_in() {
    let node = Node::start().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    assert_eq!(node.status(key).await, (false, false, false));
    assert_eq!(node.json_status(key).await, r#"{"status":"UNKNOWN","success":true}"#);

    let answer = node.http("POST", "/v1/createIntent", request.create_intent_json(None).as_bytes()).await;
    assert_eq!((answer.status, answer.text()), (200, r#"{"success":true}"#.to_owned()));
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    assert_eq!(node.status(key).await, (true, false, false));
    assert_eq!(node.json_status(key).await, r#"{"status":"PENDING","success":true}"#);

    let first = node.send(scanned(key).to_request()).await.expect("a message");
    assert_eq!(node.send(scanned(key).to_request()).await, Ok(first.clone()), "scanned twice is scanned");
    assert_eq!(node.status(key).await, (true, true, false));
    node.acknowledge(key, [first.clone()]).await;
    assert_eq!(node.status(key).await, (true, true, false), "acknowledging does not unscan");

    node.pay(key).await;
    assert_eq!(node.status(key).await, (true, true, true));
    assert_eq!(node.json_status(key).await, r#"{"status":"SUBMITTED","success":true}"#);
    let late = node.send(SignedMessage::client_rejected_payment(key).to_request()).await;
    assert_eq!(late, Err((400, "[invalid_argument] client submitted intent".to_owned())));

    let kinds: Vec<_> = node.poll(key).await.into_iter().map(|message| message.kind).collect();
    assert!(
        matches!(&kinds[..], [Some(Kind::RequestToReceiveBill(_)), Some(Kind::IntentSubmitted(submitted))]
            if submitted.intent_id.as_ref().is_some_and(|id| id.value == request.intent_id().0)),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn a_payer_who_declines_has_declined() {
    let node = Node::start().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    node.send(request.signed_message().to_request()).await.expect("a request");
    let rejection = SignedMessage::client_rejected_payment(key).to_request();
    let id = node.send(rejection.clone()).await.expect("a message");
    assert_eq!(node.send(rejection).await, Ok(id.clone()));
    assert_eq!(node.status(key).await, (true, false, false));
    assert_eq!(node.json_status(key).await, r#"{"status":"PENDING","success":true}"#);
    let (status, text) = node.send(scanned(key).to_request()).await.expect_err("it is over");
    assert!(status == 400 && text.starts_with("[invalid_argument] intent_canceled"), "{text}");
    assert_eq!(
        node.poll(key).await.last().and_then(|message| message.id.clone()).map(|id| id.value),
        Some(id)
    );
}

#[tokio::test]
async fn what_is_relayed_can_be_checked_by_whoever_reads_it() {
    let node = Node::start().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    let ids = [
        node.send(request.signed_message().to_request()).await.expect("a request"),
        node.send(scanned(key).to_request()).await.expect("a scan"),
    ];
    let messages = node.poll(key).await;
    assert_eq!(messages.len(), 2);
    for ((message, id), sent) in messages.into_iter().zip(ids).zip([request.signed_message(), &scanned(key)])
    {
        assert_eq!(message.id.as_ref().map(|id| id.value.clone()), Some(id.clone()));
        assert_eq!((id[6] >> 4, id[8] >> 6), (8, 2), "a UUID of version 8");
        let signature = message.send_message_request_signature.clone().expect("the sender's signature");
        assert_eq!(signature.value, sent.signature());
        assert_eq!(message.kind, sent.to_request().message.and_then(|message| message.kind));
    }
}
