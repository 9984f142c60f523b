//! Messages and terms that break a rule of the protocol: signed or not, nothing is recorded.

use prost::Message as _;
use quittance_code_api::call::{self, SignedMessage};
use quittance_code_api::envelope::Method;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::proto::code::messaging::v1::request_to_receive_bill::ExchangeData;
use quittance_code_api::proto::code::transaction::v2 as transaction;
use quittance_code_api::request::{LoginOptions, NonceOptions, SignedRequest};
use quittance_code_api::server::Destinations;
use quittance_code_api::wire::delimited;
use quittance_core::command::Request;
use quittance_core::ids::{AccountId, DepositKey};
use quittance_core::money::Quarks;

use crate::node::{DESTINATION, Node, ask, kin};

/// A message somebody signed, whatever is in it.
fn signed(key: &KeyPair, message: &[u8]) -> Vec<u8> {
    let to = delimited(2, &delimited(1, &key.public_key().0));
    [delimited(1, message), to, delimited(3, &delimited(1, &key.sign(message)))].concat()
}

#[tokio::test]
async fn a_message_that_clients_may_not_send_is_refused_even_when_signed() {
    let node = Node::start().await;
    let request = kin("order-1");
    let key = request.rendezvous_key();
    let message = request.signed_message().message();
    let other = kin("order-2");
    let body = request.signed_message().to_request().encode_to_vec();
    let field = |number| quittance_code_api::wire::sub_message(&body, number).expect("a field");
    let repeated = |number| [body.clone(), delimited(number, field(number))].concat();
    let with = |extra: Vec<u8>| signed(key, &[message.clone(), extra].concat());
    let kind = |number, value: &[u8]| signed(key, &delimited(number, value));
    let stamp = delimited(1, &[]);
    let rejected = SignedMessage::new(
        key,
        Kind::ClientRejectedPayment(messaging::ClientRejectedPayment {
            intent_id: Some(other.intent_id().into()),
        }),
    );
    let other_id = format!("[invalid_argument] intent id must be {}", request.intent_id());
    for (body, status, want) in [
        (
            with(delimited(1, &delimited(1, &[9; 16]))),
            400,
            "[invalid_argument] message.id cannot be set by clients",
        ),
        (
            with(delimited(3, &delimited(1, &[9; 64]))),
            400,
            "[invalid_argument] message.send_message_request_signature cannot be set by clients",
        ),
        (kind(8, b""), 400, "[invalid_argument] message.kind cannot be intent_submitted"),
        (kind(9, b""), 400, "[invalid_argument] message.kind cannot be webhook_called"),
        (kind(4, b""), 400, "[invalid_argument] message.kind cannot be airdrop_received"),
        (
            SignedMessage::request_to_grab_bill(key, PublicKey([3; 32])).to_request().encode_to_vec(),
            403,
            "[permission_denied] requestor account must be latest temporary incoming account",
        ),
        (
            kind(99, b""),
            400,
            "[invalid_argument] invalid SendMessageRequest.Message: embedded message failed validation | \
             caused by: invalid Message.Kind: value is required",
        ),
        (
            with(delimited(6, &stamp)),
            400,
            "[invalid_argument] message: expected each field, and one kind, once",
        ),
        (with(message.clone()), 400, "[invalid_argument] message: expected each field, and one kind, once"),
        (
            repeated(1),
            400,
            "[invalid_argument] undecodable request: field 1: expected once, is there several times",
        ),
        (
            repeated(2),
            400,
            "[invalid_argument] undecodable request: field 2: expected once, is there several times",
        ),
        (
            repeated(3),
            400,
            "[invalid_argument] undecodable request: field 3: expected once, is there several times",
        ),
        (
            with(delimited(777, &[0; 4096])),
            400,
            "[invalid_argument] expected a message of at most 4096 bytes",
        ),
        (rejected.to_request().encode_to_vec(), 400, &other_id),
    ] {
        let (got, answer) = node.call(Method::SendMessage, body).await;
        let text = answer.expect_err(want);
        assert!(got == status && text.starts_with(want), "{got} {text}, not {status} {want}");
    }
    let login = LoginOptions { domain: "example.com", verifier: key };
    let login = login.build(NonceOptions::idempotency_key("x")).expect("a login");
    let refused = node.send(login.signed_message().to_request()).await;
    let want = "[unimplemented] domain verification is not available on this node";
    assert_eq!(refused, Err((501, want.to_owned())), "a node that calls nobody");
    assert_eq!(node.position().0, 1);
}

#[tokio::test]
async fn a_merchant_learns_what_is_wrong_with_its_terms() {
    let node = Node::start().await;
    let before = node.position();
    type Change = fn(&mut messaging::RequestToReceiveBill);
    let fee = |to: u8, fee_bps| transaction::AdditionalFeePayment {
        destination: Some(PublicKey([to; 32]).into()),
        fee_bps,
    };
    fn partial(request: &mut messaging::RequestToReceiveBill) -> &mut transaction::ExchangeDataWithoutRate {
        match &mut request.exchange_data {
            Some(ExchangeData::Partial(data)) => data,
            other => panic!("{other:?}"),
        }
    }
    fn exact(request: &mut messaging::RequestToReceiveBill) -> &mut transaction::ExchangeData {
        match &mut request.exchange_data {
            Some(ExchangeData::Exact(data)) => data,
            other => panic!("{other:?}"),
        }
    }
    let fiat: [(Change, &str); 12] = [
        (|r| partial(r).native_amount = 0.04, "usd currency has a minimum amount of 0.05"),
        (|r| partial(r).native_amount = 5.01, "usd currency has a maximum amount of 5.00"),
        (|r| partial(r).native_amount = 1e-300, "usd currency has a minimum amount of 0.05"),
        (|r| partial(r).native_amount = 1e300, "usd currency has a maximum amount of 5.00"),
        (|r| partial(r).native_amount = f64::INFINITY, "usd currency has a maximum amount of 5.00"),
        (|r| partial(r).native_amount = 0.255, "native amount must be a whole number of hundredths"),
        (|r| partial(r).native_amount = f64::NAN, "invalid SendMessageRequest.Message: "),
        (|r| partial(r).native_amount = -1.0, "invalid SendMessageRequest.Message: "),
        (|r| partial(r).currency = "ssp".to_owned(), "ssp currency is not currently supported"),
        (|r| partial(r).currency = "xyz".to_owned(), "xyz currency is not currently supported"),
        (|r| partial(r).currency = "USD".to_owned(), "invalid SendMessageRequest.Message: "),
        (|r| partial(r).currency = "kin".to_owned(), "partial exchange data is reserved for fiat currencies"),
    ];
    let in_kin: [(Change, &str); 8] = [
        (|r| exact(r).currency = "usd".to_owned(), "exact exchange data is reserved for kin only"),
        (|r| exact(r).native_amount = 2500.5, "native amount can't include fractional kin"),
        (|r| exact(r).native_amount = 2500.001, "native amount can't include fractional kin"),
        (|r| exact(r).quarks = 250_000_001, "quark amount can't include fractional kin"),
        (|r| exact(r).native_amount = 2499.0, "kin currency has a minimum amount of 2500.00"),
        (|r| exact(r).native_amount = 250_001.0, "kin currency has a maximum amount of 250000.00"),
        (|r| exact(r).exchange_rate = 1.000_000_1, "kin exchange rate must be 1"),
        (|r| exact(r).quarks += 100_000, "payment native amount and quark value mismatch"),
    ];
    let requests =
        fiat.map(|row| (25, "usd", row)).into_iter().chain(in_kin.map(|row| (250_000, "kin", row)));
    for (hundredths, currency, (change, want)) in requests {
        refused(&node, &ask("order-1", currency, hundredths), change, &format!("[invalid_argument] {want}"))
            .await;
    }
    let fees = [
        (
            vec![fee(1, 10), fee(0xee, 10)],
            "[invalid_argument] fee taker at index 1 is the payment destination and should be omitted",
        ),
        (
            vec![fee(1, 10), fee(2, 10), fee(1, 20)],
            "[invalid_argument] fee taker at index 2 appears multiple times and should be merged",
        ),
        (
            vec![fee(1, 5000), fee(2, 1)],
            "[invalid_argument] total fee percentage cannot exceed 5000 basis points",
        ),
        (vec![fee(1, 0)], "[invalid_argument] invalid SendMessageRequest.Message: "),
        (vec![fee(1, 10_001)], "[invalid_argument] invalid SendMessageRequest.Message: "),
        (
            vec![fee(1, 1), fee(2, 1), fee(3, 1), fee(4, 1)],
            "[invalid_argument] invalid SendMessageRequest.Message: ",
        ),
    ];
    let request = ask("order-1", "usd", 25);
    for (fees, want) in fees {
        let change = |r: &mut messaging::RequestToReceiveBill| {
            r.requestor_account = Some(PublicKey([0xee; 32]).into());
            r.additional_fees = fees;
        };
        refused(&node, &request, change, want).await;
    }
    let misplaced: [(Change, &str); 3] = [
        (|r| r.verifier = Some(PublicKey([1; 32]).into()), "verifier"),
        (|r| r.signature = Some([1; 64].into()), "signature"),
        (|r| r.rendezvous_key = Some(PublicKey([1; 32]).into()), "rendezvous key"),
    ];
    for (change, what) in misplaced {
        let want = format!("[invalid_argument] {what} cannot be set when domain not provided");
        refused(&node, &request, change, &want).await;
    }
    assert_eq!(node.position(), before);
}

/// Changes what is asked for, signs it and expects a refusal.
async fn refused(
    node: &Node,
    request: &SignedRequest,
    change: impl FnOnce(&mut messaging::RequestToReceiveBill),
    want: &str,
) {
    let (status, text) = node.send(changed(request, change)).await.expect_err(want);
    assert!(matches!(status, 400 | 501) && text.starts_with(want), "{status} {text}, not {want}");
}

/// The same request with other content, signed by the same key.
pub(crate) fn changed(
    request: &SignedRequest,
    change: impl FnOnce(&mut messaging::RequestToReceiveBill),
) -> messaging::SendMessageRequest {
    let mut inner = messaging::RequestToReceiveBill::decode(request.inner_message()).expect("a request");
    change(&mut inner);
    SignedMessage::new(request.rendezvous_key(), Kind::RequestToReceiveBill(inner)).to_request()
}

/// Lost if this fails: an app that is faster than the merchant's server fails, or the page never learns that its code was scanned.
#[tokio::test]
async fn an_app_may_speak_before_the_merchant() {
    let node = Node::start().await;
    let before = node.position();
    let scan = |key: &KeyPair| {
        let at = prost_types::Timestamp { seconds: 1, nanos: 0 };
        SignedMessage::code_scanned(key, at).to_request()
    };
    let (scanned, rejected) = (kin("order-1"), kin("order-2"));
    let key = scanned.rendezvous_key();
    for _ in 0..2 {
        node.send(scan(key)).await.expect("a scan");
    }
    let mut forged = scan(kin("order-3").rendezvous_key());
    forged.rendezvous_key = scan(rejected.rendezvous_key()).rendezvous_key;
    assert_eq!(node.send(forged).await, Err((401, "[unauthenticated]".to_owned())));
    let reject = SignedMessage::client_rejected_payment(rejected.rendezvous_key()).to_request();
    node.send(reject.clone()).await.expect("a rejection");
    let login = Kind::ClientRejectedLogin(messaging::ClientRejectedLogin {
        timestamp: Some(prost_types::Timestamp::default()),
    });
    let login = SignedMessage::new(rejected.rendezvous_key(), login).to_request();
    node.send(login).await.expect("a rejection");
    let mut strange = reject;
    strange.signature = Some([1; 64].into());
    assert_eq!(node.send(strange).await, Err((401, "[unauthenticated]".to_owned())));
    assert_eq!(node.position(), before, "nothing is recorded about what is not known");
    assert_eq!(node.status(key).await, (false, false, false));

    for request in [&scanned, &rejected] {
        node.send(request.signed_message().to_request()).await.expect("a request");
    }
    assert_eq!(node.status(key).await, (true, true, false));
    assert_eq!(node.poll(key).await.len(), 2, "the request, then the scan");
    assert_eq!(node.status(rejected.rendezvous_key()).await, (true, false, false), "it can still be paid");
}

#[tokio::test]
async fn money_goes_to_accounts_the_node_knows_unless_it_is_a_toy() {
    let listed = AccountId([0x11; 32]);
    let node = Node::with(|options| {
        options.destinations = Destinations::Known(std::sync::Arc::new([listed].into()));
    })
    .await;
    let request = kin("order-1");
    let mistyped = format!("[invalid_argument] {DESTINATION} is not an account of this node");
    assert_eq!(node.send(request.signed_message().to_request()).await, Err((400, mistyped)));

    let account: PublicKey = DESTINATION.parse().expect("an account");
    let key = DepositKey::from_text("the merchant's first quarks");
    let deposit = Request::Deposit { key, account: AccountId(account.0), quarks: Quarks::new(1) };
    node.handle.execute(deposit).await.expect("a deposit");
    let before = node.position();
    let fee = |to: [u8; 32]| transaction::AdditionalFeePayment {
        destination: Some(PublicKey(to).into()),
        fee_bps: 10,
    };
    let unknown_fee = changed(&request, |r| r.additional_fees = vec![fee(listed.0), fee([0x22; 32])]);
    let stranger = AccountId([0x22; 32]);
    let text = format!("[invalid_argument] {stranger} is not an account of this node");
    assert_eq!(node.send(unknown_fee).await, Err((400, text)));
    assert_eq!(node.position(), before);
    let known_fee = changed(&request, |r| r.additional_fees = vec![fee(listed.0)]);
    assert!(node.send(known_fee).await.is_ok());
}

#[tokio::test]
async fn only_the_holder_of_the_key_reads_an_inbox() {
    let node = Node::start().await;
    let request = kin("order-1");
    node.send(request.signed_message().to_request()).await.expect("a request");
    let thief = KeyPair::from_seed(&[1; 32]);
    let mut poll = call::poll_messages(request.rendezvous_key());
    poll.signature = call::poll_messages(&thief).signature;
    let mut stream = call::open_message_stream(request.rendezvous_key());
    stream.signature = Some([0; 64].into());
    for (method, body) in
        [(Method::PollMessages, poll.encode_to_vec()), (Method::OpenMessageStream, stream.encode_to_vec())]
    {
        let (status, answer) = node.call(method, body).await;
        assert_eq!((status, answer), (401, Err("[unauthenticated]".to_owned())));
    }
    let unsigned = messaging::PollMessagesRequest { signature: None, ..call::poll_messages(&thief) };
    let (status, answer) = node.call(Method::PollMessages, unsigned.encode_to_vec()).await;
    let want = "[invalid_argument] invalid PollMessagesRequest.Signature: value is required";
    assert_eq!((status, answer), (400, Err(want.to_owned())));
}
