//! Envelopes over HTTP, and what is in them.

use prost::Message as _;
use quittance_code_api::call::{SignedMessage, get_status, open_message_stream_unsigned, register_webhook};
use quittance_code_api::envelope::{Method, encode_request};
use quittance_code_api::key::PublicKey;
use quittance_code_api::proto::code::common::v1::{Request, SolanaAccountId};
use quittance_code_api::proto::code::messaging::v1::RequestToReceiveBill;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::proto::code::messaging::v1::request_to_receive_bill::ExchangeData;
use quittance_code_api::proto::code::transaction::v2::{AdditionalFeePayment, ExchangeDataWithoutRate};
use quittance_tests::http::{self, Answer};
use quittance_tests::people::{MERCHANT, order};

use crate::{Stage, refused_in_an_envelope};

#[test]
fn an_envelope_that_is_none_is_refused() {
    let stage = Stage::set();
    let check = |what: &str, method: &str, body: &[u8], status: u16, text: &str| {
        refused_in_an_envelope(what, &send(&stage, method, body), status, text);
    };
    let call = |service: &str, method: &str, body: &[u8]| {
        let (service, method, body) = (service.to_owned(), method.to_owned(), body.to_vec());
        Request { version: String::new(), service, method, body }.encode_to_vec()
    };
    let good = get_status(stage.open.intent_id()).encode_to_vec();
    check("nothing", "POST", b"", 404, "Invalid service name: ");
    check("characters", "POST", b"hello, is this a sequencer?", 400, "undecodable envelope");
    check("zeros", "POST", &[0; 100], 400, "undecodable envelope");
    check("every bit set", "POST", &[0xff; 100], 400, "undecodable envelope");
    check("a length beyond the end", "POST", b"\x22\xff\xff\xff\x7f", 400, "undecodable envelope");
    check(
        "too much",
        "POST",
        &call("MicroPayment", "getStatus", &vec![0; 1 << 16]),
        413,
        "at most 65536 bytes",
    );
    check(
        "no such service",
        "POST",
        &call("Casino", "getStatus", &good),
        404,
        "Invalid service name: Casino",
    );
    check(
        "no such method",
        "POST",
        &call("MicroPayment", "win", &good),
        404,
        "Invalid method name: MicroPayment.win",
    );
    check(
        "another service's method",
        "POST",
        &call("Messaging", "getStatus", &good),
        404,
        "Invalid method name",
    );
    check(
        "a call for others",
        "POST",
        &call("Chat", "getChats", &good),
        404,
        "Invalid method name: Chat.getChats",
    );
    check("a long name", "POST", &call(&"x".repeat(50_000), "y", &good), 404, "Invalid service name: xxx");
    check(
        "a call that is not offered",
        "POST",
        &call("Transaction", "submitIntent", b""),
        501,
        "[unimplemented]",
    );
    check(
        "a body of another form",
        "POST",
        &call("MicroPayment", "getStatus", b"\xff"),
        400,
        "[invalid_argument]",
    );
    check("no intent", "POST", &call("MicroPayment", "getStatus", b""), 400, "[invalid_argument]");
    check("looking", "GET", b"", 405, "http post or a WebSocket upgrade expected");
    check("putting", "PUT", &call("MicroPayment", "getStatus", &good), 405, "http post");
    check("deleting", "DELETE", b"", 405, "http post");
    let webhook = register_webhook(stage.open.intent_id(), "ftp://127.0.0.1:1/").encode_to_vec();
    check("a webhook", "POST", &encode_request(Method::RegisterWebhook, webhook), 400, "[invalid_argument]");
    let mut short = get_status(stage.open.intent_id());
    short.intent_id.as_mut().expect("an id").value.pop();
    check(
        "a short id",
        "POST",
        &encode_request(Method::GetStatus, short.encode_to_vec()),
        400,
        "[invalid_argument]",
    );
    let mut long = open_message_stream_unsigned(stage.open.intent_id());
    long.rendezvous_key.as_mut().expect("a key").value.push(0);
    let long = encode_request(Method::OpenMessageStream, long.encode_to_vec());
    check("a long key", "POST", &long, 400, "[invalid_argument]");
    stage.must_be_as_before();
}

#[test]
fn a_request_that_breaks_a_rule_is_refused() {
    let stage = Stage::set();
    let stranger = PublicKey([9; 32]);
    let check = |what: &str, status: u16, text: &str, alter: &dyn Fn(&mut RequestToReceiveBill)| {
        let honest = order(MERCHANT, 25, "usd", what);
        let mut bill = RequestToReceiveBill::decode(honest.inner_message()).expect("a request");
        alter(&mut bill);
        let signed = SignedMessage::new(honest.rendezvous_key(), Kind::RequestToReceiveBill(bill));
        refused_in_an_envelope(what, &send(&stage, "POST", &signed.envelope()), status, text);
    };
    let amount = |native_amount: f64| {
        move |bill: &mut RequestToReceiveBill| {
            let currency = "usd".to_owned();
            bill.exchange_data =
                Some(ExchangeData::Partial(ExchangeDataWithoutRate { currency, native_amount }));
        }
    };
    let currency = |code: &str| {
        let currency = code.to_owned();
        move |bill: &mut RequestToReceiveBill| {
            let (currency, native_amount) = (currency.clone(), 0.25);
            bill.exchange_data =
                Some(ExchangeData::Partial(ExchangeDataWithoutRate { currency, native_amount }));
        }
    };
    let fees = |fees: Vec<(PublicKey, u32)>| {
        move |bill: &mut RequestToReceiveBill| {
            let fee = |(destination, fee_bps): &(PublicKey, u32)| AdditionalFeePayment {
                destination: Some((*destination).into()),
                fee_bps: *fee_bps,
            };
            bill.additional_fees = fees.iter().map(fee).collect();
        }
    };
    for wrong in
        [0.0, -0.25, 0.04, 5.01, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE]
    {
        check(&format!("{wrong} US dollars"), 400, "[invalid_argument]", &amount(wrong));
    }
    for wrong in ["", "us", "USD", "usdd", "zzz", "ssp", "kin", "u\u{17f}d", "\0\0\0"] {
        check(&format!("0.25 {wrong:?}"), 400, "[invalid_argument]", &currency(wrong));
    }
    check("no amount", 400, "[invalid_argument]", &|bill| bill.exchange_data = None);
    check("no destination", 400, "[invalid_argument]", &|bill| bill.requestor_account = None);
    for length in [0, 31, 33, 1000] {
        let account = SolanaAccountId { value: vec![7; length] };
        check(&format!("a destination of {length} bytes"), 400, "[invalid_argument]", &|bill| {
            bill.requestor_account = Some(account.clone());
        });
    }
    check("four fees", 400, "[invalid_argument]", &fees((1..=4).map(|n| (PublicKey([n; 32]), 1)).collect()));
    check("a fee of nothing", 400, "[invalid_argument]", &fees(vec![(stranger, 0)]));
    check("a fee above everything", 400, "[invalid_argument]", &fees(vec![(stranger, 10_001)]));
    check("fees that leave too little", 400, "cannot exceed", &fees(vec![(stranger, 9_999)]));
    check("one receiver twice", 400, "[invalid_argument]", &fees(vec![(stranger, 1), (stranger, 2)]));
    let merchant: PublicKey = MERCHANT.parse().expect("a key");
    check("a fee for the destination", 400, "[invalid_argument]", &fees(vec![(merchant, 1)]));
    stage.must_be_as_before();
}

#[test]
fn a_letter_that_only_the_node_may_write_is_refused() {
    use quittance_code_api::proto::code::common::v1::IntentId;
    use quittance_code_api::proto::code::messaging::v1::{ClientRejectedPayment, IntentSubmitted};
    let stage = Stage::set();
    let key = stage.open.rendezvous_key();
    let check = |what: &str, text: &str, kind: Kind| {
        let signed = SignedMessage::new(key, kind);
        refused_in_an_envelope(what, &send(&stage, "POST", &signed.envelope()), 400, text);
    };
    let intent_id = Some(IntentId { value: stage.open.intent_id().0.to_vec() });
    let submitted = IntentSubmitted { intent_id: intent_id.clone(), metadata: None };
    check("a payment that nobody made", "message.kind cannot be", Kind::IntentSubmitted(submitted));
    let other = Some(IntentId { value: vec![1; 32] });
    check(
        "a refusal of another intent",
        "[invalid_argument]",
        Kind::ClientRejectedPayment(ClientRejectedPayment { intent_id: other }),
    );
    check(
        "a refusal of nothing",
        "[invalid_argument]",
        Kind::ClientRejectedPayment(ClientRejectedPayment { intent_id: None }),
    );
    stage.must_be_as_before();
}

fn send(stage: &Stage, method: &str, body: &[u8]) -> Answer {
    http::call(stage.address(), method, "/v1/api/", "application/octet-stream", body)
        .unwrap_or_else(|error| panic!("{method} with {} bytes: no answer: {error}", body.len()))
}
