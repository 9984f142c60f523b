//! A merchant's server that asks again gets the same answer; one that asks for something else learns which field.

use quittance_code_api::key::PublicKey;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::request_to_receive_bill::ExchangeData;
use quittance_code_api::request::{Fee, NonceOptions, PaymentOptions};

use crate::messages::changed;
use crate::node::{DESTINATION, Node, kin};

type Change = fn(&mut messaging::RequestToReceiveBill);

#[tokio::test]
async fn the_same_request_again_is_the_same_message() {
    let node = Node::start().await;
    let request = kin("order-1");
    let first = node.send(request.signed_message().to_request()).await.expect("a message");
    let position = node.position();
    assert_eq!(node.send(request.signed_message().to_request()).await, Ok(first));
    for _ in 0..2 {
        let answer = node.http("POST", "/v1/createIntent", request.create_intent_json(None).as_bytes()).await;
        assert_eq!((answer.status, answer.text()), (200, r#"{"success":true}"#.to_owned()));
    }
    assert_eq!(node.position(), position, "a repetition is answered from the record that is there");
}

#[tokio::test]
async fn another_request_under_the_same_code_is_told_which_field_differs() {
    let node = Node::start().await;
    let fees = [1, 2].map(|to| Fee { destination: PublicKey([to; 32]), basis_points: 100 });
    let options = PaymentOptions {
        destination: Some(DESTINATION),
        hundredths: Some(25),
        currency: Some("usd"),
        fees: Some(&fees),
        nonce: NonceOptions::idempotency_key("order-1"),
        login: None,
    };
    let fiat = options.build().expect("a request");
    let in_kin = kin("order-1");
    for request in [&fiat, &in_kin] {
        node.send(request.signed_message().to_request()).await.expect("the original");
    }
    let position = node.position();
    fn amount(request: &mut messaging::RequestToReceiveBill, native: f64, code: &str) {
        if let Some(ExchangeData::Partial(data)) = &mut request.exchange_data {
            (data.native_amount, data.currency) = (native, code.to_owned());
        }
    }
    fn exact(request: &mut messaging::RequestToReceiveBill, native: f64, rate: f64, quarks: u64) {
        if let Some(ExchangeData::Exact(data)) = &mut request.exchange_data {
            (data.native_amount, data.exchange_rate, data.quarks) = (native, rate, quarks);
        }
    }
    let in_fiat: [(Change, &str); 10] = [
        (
            |r| r.requestor_account = Some(PublicKey([9; 32]).into()),
            "destination mismatches original request",
        ),
        (|r| amount(r, 0.25, "eur"), "exchange currency mismatches original request"),
        (|r| amount(r, 0.25, "xyz"), "exchange currency mismatches original request"),
        (|r| amount(r, 0.26, "usd"), "native amount mismatches original request"),
        (|r| amount(r, 0.255, "usd"), "native amount mismatches original request"),
        (|r| amount(r, 1e9, "usd"), "native amount mismatches original request"),
        (|r| r.additional_fees.truncate(1), "original request configured 2 fee takers"),
        (
            |r| r.additional_fees[1].destination = Some(PublicKey([3; 32]).into()),
            "destination for fee at index 1 mismatches original request",
        ),
        (
            |r| r.additional_fees[0].fee_bps = 101,
            "basis points for fee at index 0 mismatches original request",
        ),
        (|r| r.additional_fees.swap(0, 1), "destination for fee at index 0 mismatches original request"),
    ];
    let exactly: [(Change, &str); 4] = [
        (|r| exact(r, 2600.0, 1.0, 260_000_000), "native amount mismatches original request"),
        (|r| exact(r, 2500.0, 2.0, 250_000_000), "exchange rate mismatches original request"),
        (|r| exact(r, 2500.0, 1.0, 250_100_000), "quarks mismatches original request"),
        (|r| exact(r, 1.0, 1.0, 100_000), "native amount mismatches original request"),
    ];
    let rows = in_fiat.map(|row| (&fiat, row)).into_iter().chain(exactly.map(|row| (&in_kin, row)));
    for (request, (change, want)) in rows {
        let refused = node.send(changed(request, change)).await;
        assert_eq!(refused, Err((400, format!("[invalid_argument] {want}"))));
    }
    node.pay(in_kin.rendezvous_key()).await;
    let paid = Err((400, "[invalid_argument] client submitted intent".to_owned()));
    for change in [|_: &mut _| {}, exactly[0].0, exactly[3].0] {
        assert_eq!(node.send(changed(&in_kin, change)).await, paid);
    }
    assert!(node.position() > position, "the payment, and nothing else");
}
