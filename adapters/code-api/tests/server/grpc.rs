//! gRPC clients see the same node as everybody else.

use std::time::Duration;

use prost::Message as _;
use quittance_code_api::call::{self, SignedMessage};
use quittance_code_api::envelope::Method;
use quittance_code_api::key::KeyPair;
use quittance_code_api::proto::DESCRIPTORS;
use quittance_code_api::proto::code::micropayment::v1 as micropayment;
use quittance_code_api::status::Code;
use quittance_code_api::wire::delimited;

use crate::grpc_client::{Grpc, GrpcCall, path};
use crate::node::{Node, kin};

fn open(client: &mut Grpc, key: &KeyPair) -> GrpcCall {
    let request = call::open_message_stream(key).encode_to_vec();
    client.start(&path(Method::OpenMessageStream), &request)
}

fn scanned(key: &KeyPair) -> SignedMessage {
    SignedMessage::code_scanned(key, prost_types::Timestamp { seconds: 1, nanos: 0 })
}

/// Lost if this fails: a call that the schema offers is answered over one transport and unknown over the other.
#[tokio::test]
async fn every_method_of_the_schema_is_reached() {
    let node = Node::start().await;
    let mut client = node.grpc().await;
    let schema = prost_types::FileDescriptorSet::decode(DESCRIPTORS).expect("a schema");
    let mut seen = 0;
    for file in &schema.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                // Whatever it wants to be told, it is there.
                if let Err(failure) = client.start(&path, &[]).answer().await {
                    assert_ne!(failure.1, "the service has no such method", "{path}");
                    assert!(matches!(failure.0, 3 | 12), "{path}: {failure:?}");
                }
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 17);
    for path in ["/code.messaging.v1.Messaging/sendMessage", "/code.messaging.v1.Messaging/GetStatus"] {
        assert_eq!(client.start(path, &[]).end().await.0, 12, "{path}");
    }
}

/// Lost if this fails: an app that is moved from one transport to another is told something else.
#[tokio::test]
async fn a_call_is_answered_alike_in_an_envelope_and_over_grpc() {
    let node = Node::start().await;
    let mut client = node.grpc().await;
    let (request, other) = (kin("order-1"), kin("order-2"));
    let key = request.rendezvous_key();
    let send = request.signed_message().to_request();
    let mut forged = send.clone();
    forged.signature = other.signed_message().to_request().signature;
    let mut unsigned = send.clone();
    unsigned.signature = None;
    let unknown = SignedMessage::client_rejected_payment(other.rendezvous_key()).to_request();
    let poll = call::poll_messages(key).encode_to_vec();
    for (method, body) in [
        (Method::GetStatus, call::get_status(request.intent_id()).encode_to_vec()),
        (Method::SendMessage, send.encode_to_vec()),
        (Method::SendMessage, send.encode_to_vec()),
        (Method::GetStatus, call::get_status(request.intent_id()).encode_to_vec()),
        (Method::SendMessage, scanned(key).to_request().encode_to_vec()),
        (Method::PollMessages, poll.clone()),
        (Method::AckMessages, call::ack_messages(request.intent_id(), [[7; 16]]).encode_to_vec()),
        (Method::PollMessages, poll),
        (Method::SendMessage, forged.encode_to_vec()),
        (Method::SendMessage, unsigned.encode_to_vec()),
        (Method::SendMessage, unknown.encode_to_vec()),
        (Method::SendMessage, vec![0x0a]),
        (Method::GetStatus, Vec::new()),
        (Method::Codify, Vec::new()),
    ] {
        let grpc = client.call(method, &body).await;
        let (_, enveloped) = node.call(method, body).await;
        let told = grpc.map_err(|(code, text)| {
            let code = [Code::InvalidArgument, Code::NotFound, Code::Unimplemented, Code::Unauthenticated]
                .into_iter()
                .find(|known| u32::from(*known as u8) == code)
                .unwrap_or_else(|| panic!("{code} {text}"));
            if text.is_empty() { format!("[{}]", code.name()) } else { format!("[{}] {text}", code.name()) }
        });
        assert_eq!(told, enveloped, "{method:?}");
    }
    assert_eq!(node.status(key).await, (true, true, false));
}

/// Lost if this fails: an app of a newer version, whose messages have a field we do not know, cannot pay here any more.
#[tokio::test]
async fn a_signature_covers_what_was_sent_and_not_what_we_understood_of_it() {
    let node = Node::start().await;
    let mut client = node.grpc().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    let message = [request.signed_message().message(), delimited(99, b"from a later version")].concat();
    let signed = |message: &[u8]| {
        let to = delimited(2, &delimited(1, &key.public_key().0));
        [delimited(1, message), to, delimited(3, &delimited(1, &key.sign(message)))].concat()
    };
    client.call(Method::SendMessage, &signed(&message)).await.expect("an answer");
    let poll = [delimited(1, &delimited(1, &key.public_key().0)), delimited(98, b"later")].concat();
    let poll = [poll.clone(), delimited(2, &delimited(1, &key.sign(&poll)))].concat();
    let answer = client.call(Method::PollMessages, &poll).await.expect("messages");
    let relayed = answer.windows(20).any(|window| window == b"from a later version");
    assert!(relayed, "what the merchant signed is relayed whole, or nobody can check its signature");
}

#[tokio::test]
async fn a_stream_tells_the_story_once_and_in_order_whoever_else_reads_along() {
    let node = Node::start().await;
    let mut client = node.grpc().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    let send = request.signed_message().to_request().encode_to_vec();
    client.call(Method::SendMessage, &send).await.expect("a request");
    let mut early = open(&mut client, key);
    let mut story = vec![early.message().await];
    client.call(Method::SendMessage, &scanned(key).to_request().encode_to_vec()).await.expect("a scan");
    story.push(early.message().await);
    node.pay(key).await;
    story.push(early.message().await);
    assert_eq!(node.poll(key).await, story);

    // Over another connection, and from the beginning.
    let mut late = open(&mut node.grpc().await, key);
    for message in &story {
        assert_eq!(&late.message().await, message, "the same message with the same id");
    }
    let status = client.call(Method::GetStatus, &call::get_status(key.public_key()).encode_to_vec()).await;
    let status = micropayment::GetStatusResponse::decode(status.expect("a status").as_slice());
    assert!(status.expect("a status").intent_submitted, "the connection goes on");
    let mut socket = node.socket("/").await;
    socket.call(Method::OpenMessageStream, call::open_message_stream(key).encode_to_vec()).await;
    assert_eq!(socket.message().await, story[0]);
    let mut newer = Vec::new();
    for _ in 0..2 {
        let mut next = open(&mut node.grpc().await, key);
        next.message().await;
        newer.push(next);
    }
    assert_eq!(early.end().await, (10, "a newer stream for this key was opened".to_owned()));
}

#[tokio::test]
async fn streams_opened_while_messages_come_in_miss_none_and_repeat_none() {
    let node = Node::start().await;
    let client = node.grpc().await;
    for round in 0..40 {
        let request = kin(&format!("order-{round}"));
        let key = request.rendezvous_key();
        let mut writer = client.clone();
        let write = async {
            for message in
                [request.signed_message(), &scanned(key), &SignedMessage::client_rejected_payment(key)]
            {
                let body = message.to_request().encode_to_vec();
                writer.call(Method::SendMessage, &body).await.expect("a message");
            }
        };
        let mut reader = client.clone();
        let read = async {
            tokio::time::sleep(Duration::from_micros(round * 150)).await;
            let mut stream = open(&mut reader, key);
            [stream.message().await, stream.message().await, stream.message().await]
        };
        let ((), seen) = tokio::join!(write, read);
        assert_eq!(node.poll(key).await, seen, "{round}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_a_word_when_its_time_has_come() {
    let node = Node::with(|options| options.stream_life = Duration::from_millis(50)).await;
    let mut client = node.grpc().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    let aged = (4, "the stream has reached its age".to_owned());
    assert_eq!(open(&mut client, key).end().await, aged);
    let mut impatient = client.open(&path(Method::OpenMessageStream), &[("grpc-timeout", "1m")]);
    impatient.send(&call::open_message_stream(key).encode_to_vec());
    impatient.close();
    assert_eq!(impatient.end().await, (4, "the deadline of this call has passed".to_owned()));
}

#[tokio::test]
async fn a_node_that_shuts_down_sends_everybody_home() {
    let node = Node::start().await;
    let mut client = node.grpc().await;
    let mut stream = open(&mut client, kin("order-1").rendezvous_key());
    let mut watch = client.start("/grpc.health.v1.Health/Watch", &[]);
    assert_eq!(watch.next().await, Some(vec![8, 1]), "serving");
    let mut unasked = client.open("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &[]);
    // Answered, so that all three are under way.
    unasked.send(&delimited(7, b""));
    assert!(unasked.next().await.is_some());
    node.shutdown.cancel();
    let text = "the node is shutting down; try again in a moment".to_owned();
    assert_eq!(stream.end().await, (14, text.clone()));
    assert_eq!(unasked.end().await, (14, text.clone()));
    assert_eq!(watch.next().await, Some(vec![8, 2]), "who watches a node hears that it serves no more");
    assert_eq!(watch.end().await, (14, text.clone()));
    let check = client.start("/grpc.health.v1.Health/Check", &[]).answer().await;
    assert_eq!(check, Ok(vec![8, 2]), "a node that shuts down says that it serves");
    let mut late = open(&mut client, kin("order-2").rendezvous_key());
    assert_eq!(late.end().await, (14, text));
}

#[tokio::test]
async fn a_tool_learns_what_the_node_speaks() {
    let node = Node::start().await;
    let mut client = node.grpc().await;
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let mut tool = client.open(&path, &[]);
        tool.send(&delimited(7, b""));
        let services = String::from_utf8_lossy(&tool.next().await.expect("the services")).into_owned();
        for service in
            ["code.messaging.v1.Messaging", "code.transaction.v2.Transaction", "code.user.v1.Identity"]
        {
            assert!(services.contains(service), "{services}");
        }
        tool.send(&delimited(4, b"code.messaging.v1.Messaging.SendMessage"));
        let file = tool.next().await.expect("the file");
        let file = String::from_utf8_lossy(&file);
        assert!(file.contains("request_to_receive_bill"), "{file}");
        tool.close();
        assert_eq!(tool.end().await.0, 0);
        let mut unknown = client.open(&path, &[]);
        unknown.send(&delimited(4, b"code.messaging.v1.Nothing"));
        assert_eq!(unknown.end().await.0, 5);
    }
    let check = |service: &str| delimited(1, service.as_bytes());
    for service in ["", "code.messaging.v1.Messaging", "code.transaction.v2.Transaction"] {
        let answer = client.start("/grpc.health.v1.Health/Check", &check(service)).answer().await;
        assert_eq!(answer, Ok(vec![8, 1]), "{service}");
    }
    assert_eq!(client.start("/grpc.health.v1.Health/Check", &check("code.Nothing")).end().await.0, 5);
}
