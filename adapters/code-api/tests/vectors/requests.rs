//! Requests for payments and logins, from options to signed bytes.

use prost::Message as _;
use quittance_code_api::call::SignedMessage;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::nonce::Nonce;
use quittance_code_api::number::{Rounding, hundredths_to_double};
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::request::{LoginOptions, SignedRequest, login_message, payment_message};
use quittance_code_api::scan_code::ScanCode;
use quittance_code_api::{json_v1, login_domain, schema, wire};
use serde_json::Value;

use crate::codes::same_key;
use crate::common::{address, bytes, nonce_options, payment, seed, text, to_hex};
use crate::refused;

pub(crate) fn payment_intent<E>(built: Result<SignedRequest, E>, output: &Value)
where
    E: core::fmt::Display + core::fmt::Debug,
{
    let request = match (built, output.get("error")) {
        (built, Some(_)) => return refused(built, output),
        (built, None) => built.expect("a request"),
    };
    same_request(&request, output);
    same_amount(&request, output);
    same_json(&request, &output["json_v1_create_intent"]);
}

fn same_amount(request: &SignedRequest, output: &Value) {
    let units: u64 = text(output, "units").parse().expect("an integer");
    assert_eq!(Some(hundredths_to_double(units)), output["normalized_amount"].as_f64());
    assert!(matches!(
        ScanCode::decode(request.payload()),
        Ok(ScanCode::PaymentRequest { hundredths, .. } | ScanCode::PaymentRequestWithFees { hundredths, .. })
            if hundredths == units
    ));
}

/// Everything an SDK computes for a request, payment or login.
fn same_request(request: &SignedRequest, output: &Value) {
    assert_eq!(request.client_secret(), text(output, "client_secret"));
    assert_eq!(Nonce::from_client_secret(&request.client_secret()), Ok(Nonce(bytes(output, "nonce"))));
    assert_eq!(to_hex(request.payload()), text(output, "payload"));
    same_key(request.rendezvous_key(), output);
    assert_eq!(to_hex(request.inner_message()), text(output, "inner_message"));
    let signed = request.signed_message();
    assert_eq!(to_hex(&signed.message()), text(output, "message"));
    assert_eq!(to_hex(signed.signature()), text(output, "rendezvous_signature"));
    if output.get("http_envelope").is_some() {
        assert_eq!(to_hex(&request.drawn_code()), text(output, "kikcode"));
        let body = signed.to_request().encode_to_vec();
        assert_eq!(to_hex(&body), text(output, "send_message_request"));
        assert_eq!(to_hex(&signed.envelope()), text(output, "http_envelope"));
        let call = envelope::decode_request(&signed.envelope()).expect("a call");
        assert_eq!((call.method, &call.body), (Method::SendMessage, &body));
        received(&body, output);
    }
}

/// What a server finds in the request, without decoding and encoding it.
fn received(body: &[u8], output: &Value) {
    let message = wire::sub_message(body, 1).expect("a message");
    assert_eq!(to_hex(message), text(output, "message"));
    let covered = wire::signed_candidates(message, &schema::MESSAGE, None).expect("candidates");
    let request = messaging::SendMessageRequest::decode(body).expect("a request");
    let key = PublicKey::from_slice(&request.rendezvous_key.expect("a key").value).expect("32 bytes");
    let signature = bytes(output, "rendezvous_signature");
    assert!(key.verifies(&covered[0], &signature));
    for place in 0..covered[0].len() {
        let mut damaged = covered[0].clone();
        damaged[place] ^= 1;
        assert!(!key.verifies(&damaged, &signature), "byte {place} is not covered by the signature");
    }
    let Some(verifier_bytes) = output.get("verifier_signed_bytes") else { return };
    let (inner, schema, signature_field, verifier_field) = match output["inner_message_type"].as_str() {
        Some("code.messaging.v1.RequestToLogin") => {
            (wire::sub_message(message, 10), &schema::REQUEST_TO_LOGIN, 5, 4)
        }
        _ => (wire::sub_message(message, 5), &schema::REQUEST_TO_RECEIVE_BILL, 6, 5),
    };
    let inner = inner.expect("the request within the message");
    let covered = wire::signed_candidates(inner, schema, Some(signature_field)).expect("candidates");
    assert_eq!(Some(to_hex(&covered[0]).as_str()), verifier_bytes.as_str());
    let value =
        |field| wire::sub_message(wire::sub_message(inner, field).expect("a field"), 1).expect("its value");
    let verifier = PublicKey::from_slice(value(verifier_field)).expect("32 bytes");
    let signature: [u8; 64] = value(signature_field).try_into().expect("64 bytes");
    assert_eq!(to_hex(&signature), text(output, "verifier_signature"));
    assert!(verifier.verifies(&covered[0], &signature));
}

fn same_json(request: &SignedRequest, recorded: &Value) {
    let body = request.create_intent_json(None);
    let mut want = recorded.clone();
    if want["webhook"].is_null() {
        want.as_object_mut().expect("an object").remove("webhook");
    }
    assert_eq!(serde_json::from_str::<Value>(&body).ok(), Some(want));
    let parsed = json_v1::CreateIntent::parse(recorded.to_string().as_bytes()).expect("a body");
    assert_eq!((parsed.intent, &parsed.inner[..]), (request.intent_id(), request.inner_message()));
    assert_eq!(parsed.message(), request.signed_message().message());
    assert_eq!(parsed.send_message_request(), request.signed_message().to_request().encode_to_vec());
}

pub(crate) fn python_sdk(input: &Value, output: &Value) {
    let python = payment(input, Rounding::Python, None, nonce_options(input)).expect("a request");
    let javascript = payment(input, Rounding::JavaScript, None, nonce_options(input)).expect("a request");
    same_request(&python, output);
    same_amount(&python, output);
    same_json(&python, &output["json_v1_create_intent"]);
    let same = python.intent_id() == javascript.intent_id();
    assert_eq!(Some(same), output["same_intent_id_as_js_sdk"].as_bool());
}

pub(crate) fn login_intent(name: &str, input: &Value, output: &Value) {
    if output.get("error").is_some() {
        return refused(login_domain::check(text(input, "domain")), output);
    }
    let verifier = seed(input, "verifier_seed");
    if name == "sdk-test" {
        let rendezvous = seed(input, "rendezvous_seed");
        let login = LoginOptions { domain: text(input, "domain"), verifier: &verifier };
        let request = login_message(login, rendezvous.public_key());
        assert_eq!(verifier.public_key(), address(output, "verifier"));
        assert_eq!(rendezvous.public_key(), address(output, "rendezvous"));
        return low_level(&rendezvous, &request.encode_to_vec(), 5, Kind::RequestToLogin(request), output);
    }
    let login = LoginOptions { domain: text(&input["login"], "domain"), verifier: &verifier };
    let request = login.build(nonce_options(input)).expect("a request");
    same_request(&request, output);
}

pub(crate) fn low_level_payment_login(input: &Value, output: &Value) {
    let (verifier, rendezvous) = (seed(input, "verifier_seed"), seed(input, "rendezvous_seed"));
    let login = LoginOptions { domain: text(input, "domain"), verifier: &verifier };
    let request = payment_message(
        address(input, "destination"),
        text(input, "currency").parse().expect("a currency"),
        Rounding::JavaScript.hundredths(input["amount"].as_f64().expect("an amount")).expect("an amount"),
        &[],
        Some(login),
        rendezvous.public_key(),
    );
    low_level(&rendezvous, &request.encode_to_vec(), 6, Kind::RequestToReceiveBill(request), output);
}

fn low_level(rendezvous: &KeyPair, inner: &[u8], signature_field: u32, kind: Kind, output: &Value) {
    assert_eq!(to_hex(inner), text(output, "inner_message"));
    let covered = wire::without_field(inner, signature_field).expect("a message");
    assert_eq!(to_hex(&covered), text(output, "verifier_signed_bytes"));
    let signature =
        wire::sub_message(wire::sub_message(inner, signature_field).expect("it"), 1).expect("bytes");
    assert_eq!(to_hex(signature), text(output, "verifier_signature"));
    let signed = SignedMessage::new(rendezvous, kind);
    assert_eq!(to_hex(&signed.message()), text(output, "message"));
    assert_eq!(to_hex(signed.signature()), text(output, "rendezvous_signature"));
}
