use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::call;
use crate::key::{KeyPair, PublicKey};
use crate::request::{Fee, LoginOptions, NonceOptions, PaymentOptions};

fn send_message() -> messaging::SendMessageRequest {
    let options = PaymentOptions {
        destination: Some("E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR"),
        hundredths: Some(25),
        currency: Some("usd"),
        fees: Some(&[Fee { destination: PublicKey([9; 32]), basis_points: 100 }]),
        nonce: NonceOptions::idempotency_key("order-42"),
        login: Some(LoginOptions { domain: "example.com", verifier: &KeyPair::from_seed(&[8; 32]) }),
    };
    options.build().expect("a whole request").signed_message().to_request()
}

fn bill(change: impl FnOnce(&mut messaging::RequestToReceiveBill)) -> messaging::SendMessageRequest {
    let mut request = send_message();
    if let Some(Kind::RequestToReceiveBill(bill)) =
        request.message.as_mut().and_then(|message| message.kind.as_mut())
    {
        change(bill);
    }
    request
}

fn check(message: &impl Validate, want: &str) {
    assert_eq!(message.validate().map_err(|violation| violation.to_string()), Err(want.to_owned()));
}

#[test]
fn a_request_as_an_sdk_builds_it_passes() {
    assert_eq!(send_message().validate(), Ok(()));
    let key = KeyPair::from_seed(&[8; 32]);
    assert_eq!(call::open_message_stream_unsigned(key.public_key()).validate(), Ok(()));
    assert_eq!(call::poll_messages(&key).validate(), Ok(()));
    assert_eq!(call::register_webhook(key.public_key(), "https://example.com/webhook").validate(), Ok(()));
}

#[test]
fn a_merchant_is_told_which_field_of_which_message_is_wrong() {
    let inside = |rest: &str| {
        format!(
            "invalid SendMessageRequest.Message: embedded message failed validation | caused by: \
             invalid Message.RequestToReceiveBill: embedded message failed validation | caused by: {rest}"
        )
    };
    check(&messaging::SendMessageRequest::default(), "invalid SendMessageRequest.Message: value is required");
    check(&messaging::Message::default(), "invalid Message.Kind: value is required");
    let mut unsigned = send_message();
    unsigned.signature = None;
    check(&unsigned, "invalid SendMessageRequest.Signature: value is required");
    unsigned.signature = Some(common::Signature { value: vec![0; 63] });
    check(
        &unsigned,
        "invalid SendMessageRequest.Signature: embedded message failed validation | caused by: \
         invalid Signature.Value: value length must be 64 bytes",
    );
    check(
        &bill(|bill| bill.exchange_data = None),
        &inside("invalid RequestToReceiveBill.ExchangeData: value is required"),
    );
    check(
        &bill(|bill| bill.additional_fees[0].fee_bps = 10_001),
        &inside(
            "invalid RequestToReceiveBill.AdditionalFees[0]: embedded message failed validation | caused by: \
             invalid AdditionalFeePayment.FeeBps: value must be inside range [1, 10000]",
        ),
    );
    check(
        &bill(|bill| bill.additional_fees = vec![bill.additional_fees[0].clone(); 4]),
        &inside("invalid RequestToReceiveBill.AdditionalFees: value must contain no more than 3 item(s)"),
    );
    check(
        &bill(|bill| bill.domain = Some(common::Domain { value: "exa mple.com".into() })),
        &inside(
            "invalid RequestToReceiveBill.Domain: embedded message failed validation | caused by: \
             invalid Domain.Value: value must be a valid hostname",
        ),
    );
}

#[test]
fn an_amount_that_is_no_amount_is_refused() {
    for native_amount in [0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
        let data = transaction::ExchangeDataWithoutRate { currency: "usd".into(), native_amount };
        check(&data, "invalid ExchangeDataWithoutRate.NativeAmount: value must be greater than 0");
    }
    let data = transaction::ExchangeDataWithoutRate { currency: "USD".into(), native_amount: 1.0 };
    check(
        &data,
        "invalid ExchangeDataWithoutRate.Currency: value does not match regex pattern \"^[a-z]{3}$\"",
    );
}

#[test]
fn an_address_that_cannot_be_called_is_refused() {
    let webhook = |url: &str| call::register_webhook(PublicKey([1; 32]), url);
    let length =
        "invalid RegisterWebhookRequest.Url: value length must be between 1 and 1024 runes, inclusive";
    check(&webhook(""), length);
    check(&webhook(&format!("https://{}", "a".repeat(1017))), length);
    assert_eq!(webhook(&format!("https://{}", "a".repeat(1016))).validate(), Ok(()));
    check(
        &webhook("ftp://example.com"),
        "invalid RegisterWebhookRequest.Url: value does not have prefix \"http\"",
    );
    check(&webhook("http"), "invalid RegisterWebhookRequest.Url: value must be a valid URI");
    check(&webhook("https://exa mple.com"), "invalid RegisterWebhookRequest.Url: value must be a valid URI");
}

#[test]
fn acknowledging_has_a_limit() {
    let ack = |count: usize| call::ack_messages(PublicKey([1; 32]), vec![[0; 16]; count]);
    let rule =
        "invalid AckMessagesRequest.MessageIds: value must contain between 1 and 1024 items, inclusive";
    check(&ack(0), rule);
    check(&ack(1025), rule);
    assert_eq!(ack(1024).validate(), Ok(()));
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = messaging::SendMessageRequest::decode(bytes.as_slice()) {
            let _ = request.validate();
        }
    }

    #[test]
    fn a_damaged_request_is_an_answer(place in any::<proptest::sample::Index>(), flip in 1_u8..) {
        let mut bytes = send_message().encode_to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        if let Ok(request) = messaging::SendMessageRequest::decode(bytes.as_slice()) {
            let _ = request.validate();
        }
    }
}
