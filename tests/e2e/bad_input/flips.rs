//! One wrong bit, anywhere, in what a key has signed.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use quittance_code_api::envelope;
use quittance_tests::http;
use quittance_tests::people::{MERCHANT, order, submit};
use serde_json::{Value, json};

use crate::Stage;

/// Every seventh bit: each place in a byte comes up in turn.
const STEP: usize = 7;

fn flipped(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len() * 8).step_by(STEP).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        (bit, bytes)
    })
}

#[test]
fn a_wrong_bit_in_an_envelope_creates_nothing() {
    let stage = Stage::set();
    let envelope = order(MERCHANT, 25, "usd", "never created").signed_message().envelope();
    for (bit, wrong) in flipped(&envelope) {
        let answer = http::call(stage.address(), "POST", "/v1/api/", "application/octet-stream", &wrong)
            .unwrap_or_else(|error| panic!("bit {bit}: no answer: {error}"));
        assert!((400..500).contains(&answer.status), "bit {bit}: HTTP {}: {}", answer.status, answer.text());
        let told =
            envelope::decode_response(&answer.body).unwrap_or_else(|error| panic!("bit {bit}: {error}"));
        assert!(told.is_err(), "bit {bit}: an OK envelope");
    }
    stage.must_be_as_before_and_then(|address| {
        // The same envelope without a wrong bit: it was the bit.
        let answer = http::call(address, "POST", "/v1/api/", "application/octet-stream", &envelope);
        assert_eq!(answer.expect("a node").status, 200);
    });
}

#[test]
fn a_wrong_bit_in_a_json_request_creates_nothing() {
    let stage = Stage::set();
    let honest: Value =
        serde_json::from_str(&order(MERCHANT, 25, "usd", "never created").create_intent_json(None))
            .expect("JSON");
    let text = |key: &str| honest[key].as_str().expect("a text").to_owned();
    let message = BASE64URL_NOPAD.decode(text("message").as_bytes()).expect("base64");
    let signature = bs58::decode(text("signature")).into_vec().expect("base58");
    let intent = bs58::decode(text("intent")).into_vec().expect("base58");
    let check = |key: &str, bit: usize, wrong: String| {
        let mut body = honest.clone();
        body[key] = json!(wrong);
        let answer = http::post(stage.address(), "/v1/createIntent", &body)
            .unwrap_or_else(|error| panic!("bit {bit} of {key}: no answer: {error}"));
        assert!(
            matches!(answer.status, 400 | 401),
            "bit {bit} of {key}: HTTP {}: {}",
            answer.status,
            answer.text()
        );
        assert_eq!(answer.json()["success"], false, "bit {bit} of {key}");
    };
    for (bit, wrong) in flipped(&message) {
        check("message", bit, BASE64URL_NOPAD.encode(&wrong));
    }
    for (bit, wrong) in flipped(&signature) {
        check("signature", bit, bs58::encode(wrong).into_string());
    }
    for (bit, wrong) in flipped(&intent) {
        check("intent", bit, bs58::encode(wrong).into_string());
    }
    stage.must_be_as_before_and_then(|address| {
        let answer = http::post(address, "/v1/createIntent", &honest).expect("a node");
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
}

#[test]
fn a_wrong_bit_in_a_payment_moves_nothing() {
    let stage = Stage::set();
    let intent = stage.open.intent_id().to_string();
    let quote = stage.payer.quote(stage.address(), &intent).expect("a node").expect("a quote");
    let honest = stage.payer.sign(&quote);
    let payload = BASE64.decode(honest.payload.as_bytes()).expect("base64");
    let signature = bs58::decode(&honest.signature).into_vec().expect("base58");
    let check = |what: &str, bit: usize, payload: &[u8], signature: &[u8]| {
        let body = json!({
            "payer": honest.payer,
            "payload": BASE64.encode(payload),
            "signature": bs58::encode(signature).into_string(),
        });
        let answer = http::post(stage.address(), &format!("/v1/intents/{intent}/submissions"), &body)
            .unwrap_or_else(|error| panic!("bit {bit} of {what}: no answer: {error}"));
        let told = answer.json();
        let code = told["error"]["code"].as_str().unwrap_or_default();
        let is_refused = match answer.status {
            400 => code.starts_with("payload_"),
            401 => code == "signature_invalid",
            _ => false,
        };
        assert!(is_refused, "bit {bit} of {what}: HTTP {}: {told}", answer.status);
    };
    for (bit, wrong) in flipped(&payload) {
        check("payload", bit, &wrong, &signature);
    }
    for (bit, wrong) in flipped(&signature) {
        check("signature", bit, &payload, &wrong);
    }
    stage.must_be_as_before_and_then(|address| {
        submit(address, &intent, &honest).expect("a node").expect("the payment without a wrong bit");
    });
}
