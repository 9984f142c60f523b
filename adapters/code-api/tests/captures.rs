//! What the official clients really put on the wire: every recorded call is read here, and what a merchant or a browser
//! sends is built again from the recorded options, byte for byte.

mod common;

use common::{address, hex, nonce_options, payment, recorded, text, to_hex};
use prost::Message as _;
use quittance_code_api::call;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::json_v1;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::number::Rounding;
use quittance_code_api::proto::code::currency::v1::GetAllRatesRequest;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::micropayment::v1 as micropayment;
use quittance_code_api::proto::code::user::v1 as user;
use quittance_code_api::request::{LoginOptions, NonceOptions, SignedRequest};
use quittance_code_api::validate::Validate;
use quittance_code_api::{schema, wire};
use serde_json::{Value, json};

/// Recordings without a request.
const NOTHING_SENT: [&str; 3] = ["login-create-no-signer", "default-endpoint", "default-endpoint-create"];

/// The verifier of the recordings, from the recorded cases with a login.
const VERIFIER_SEED: &str = "1fc6201e86d9fdcabfc94865553980d3cc8c525025f0f13e906b513fecc5672d";

fn verifier() -> KeyPair {
    common::seed(&json!({ "seed": VERIFIER_SEED }), "seed")
}

#[test]
fn every_recorded_call_is_read_and_built_again() {
    let captures = recorded("captures.json");
    let mut silent = Vec::new();
    for capture in captures["captures"].as_array().expect("a list of captures") {
        let name = text(capture, "name");
        println!("{name}");
        let mut calls = 0;
        for request in capture["requests"].as_array().expect("a list of requests") {
            match (text(request, "transport"), request.get("envelope")) {
                ("ws", _) => {
                    for frame in request["frames"].as_array().expect("a list of frames") {
                        envelope_call(capture, &hex(frame, "payload_hex"), &frame["envelope"]);
                        calls += 1;
                    }
                }
                ("http", Some(recorded)) => {
                    envelope_call(capture, &hex(request, "body_hex"), recorded);
                    calls += 1;
                }
                ("http", None) => {
                    json_call(name, request);
                    calls += 1;
                }
                other => panic!("{name}: unknown transport {other:?}"),
            }
        }
        if calls == 0 {
            silent.push(name);
        }
    }
    assert_eq!(silent, NOTHING_SENT, "a recording that checks nothing must be one that sent nothing");
}

fn envelope_call(capture: &Value, bytes: &[u8], recorded: &Value) {
    let name = text(capture, "name");
    let call = envelope::decode_request(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(call.method.service_name(), text(recorded, "service"), "{name}");
    assert_eq!(call.method.method_name(), text(recorded, "method"), "{name}");
    assert_eq!(to_hex(&call.body), text(recorded, "body_hex"), "{name}");
    assert_eq!(envelope::encode_request(call.method, call.body.clone()), bytes, "{name}");
    let inputs = &capture["inputs"];
    match call.method {
        Method::SendMessage => {
            received(name, &call.body);
            assert_eq!(to_hex(&rebuilt(capture).signed_message().envelope()), to_hex(bytes), "{name}");
        }
        Method::OpenMessageStream => {
            let want = call::open_message_stream_unsigned(rebuilt(capture).intent_id());
            same(name, &call.body, &want);
        }
        Method::GetStatus => same(name, &call.body, &call::get_status(intent(capture))),
        Method::RegisterWebhook => {
            let url = inputs["url"].as_str().unwrap_or_else(|| text(&inputs["webhook"], "url"));
            let intent =
                if inputs.get("intent").is_some() { intent(capture) } else { rebuilt(capture).intent_id() };
            same(name, &call.body, &call::register_webhook(intent, url));
        }
        Method::GetLoginForThirdPartyApp => {
            let want = call::get_login_for_third_party_app(intent(capture), &verifier());
            same::<user::GetLoginForThirdPartyAppRequest>(name, &call.body, &want);
        }
        Method::GetTokenAccountInfos => {
            assert_eq!(text(inputs, "owner_seed"), "08 x 32");
            same(name, &call.body, &call::get_token_account_infos(&KeyPair::from_seed(&[8; 32])));
        }
        Method::GetAllRates => {
            let request = envelope::decode_body::<GetAllRatesRequest>(&call.body);
            assert_eq!(request, Ok(GetAllRatesRequest::default()), "{name}");
        }
        other => panic!("{name}: {other:?} is neither built again nor listed"),
    }
}

/// The body is what we build, reads back as such, and breaks no rule.
fn same<M: prost::Message + Default + PartialEq + core::fmt::Debug + Validate>(
    name: &str,
    body: &[u8],
    want: &M,
) {
    assert_eq!(to_hex(body), to_hex(&want.encode_to_vec()), "{name}");
    let read: M = envelope::decode_body(body).unwrap_or_else(|status| panic!("{name}: {status}"));
    assert_eq!(&read, want, "{name}");
    assert_eq!(read.validate(), Ok(()), "{name}");
}

/// A server can verify the request over the bytes as they came.
fn received(name: &str, body: &[u8]) {
    let request: messaging::SendMessageRequest = envelope::decode_body(body).expect("a request");
    assert_eq!(request.validate(), Ok(()), "{name}");
    let key = request.rendezvous_key.and_then(|key| PublicKey::from_slice(&key.value)).expect("a key");
    let signature = request.signature.expect("a signature").value.try_into().expect("64 bytes");
    let message = wire::sub_message(body, 1).expect("a message");
    let covered = wire::signed_candidates(message, &schema::MESSAGE, None).expect("candidates");
    assert!(key.verifies(&covered[0], &signature), "{name}");
}

/// The intent a call names, or the one of the recordings when its options do not.
fn intent(capture: &Value) -> PublicKey {
    let inputs = &capture["inputs"];
    if inputs.get("destination").is_some() {
        return rebuilt(capture).intent_id();
    }
    let recorded = "ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh";
    inputs["intent"].as_str().unwrap_or(recorded).parse().expect("an intent id")
}

fn rebuilt(capture: &Value) -> SignedRequest {
    let inputs = &capture["inputs"];
    let mut nonce = nonce_options(inputs);
    // Made at random in the recording; what came out of it is the client secret.
    if text(capture, "name") == "payment-create-random-nonce" {
        nonce = NonceOptions {
            client_secret: capture["result"]["clientSecret"].as_str(),
            ..NonceOptions::default()
        };
    }
    let verifier = verifier();
    let built = if inputs.get("destination").is_some() {
        payment(inputs, Rounding::JavaScript, Some(&verifier), nonce)
    } else {
        LoginOptions { domain: text(&inputs["login"], "domain"), verifier: &verifier }.build(nonce)
    };
    let request = built.unwrap_or_else(|error| panic!("{}: {error}", text(capture, "name")));
    if let Some(id) = capture["result"]["id"].as_str() {
        assert_eq!(request.intent_id(), address(&capture["result"], "id"), "{id}");
        assert_eq!(request.client_secret(), text(&capture["result"], "clientSecret"));
    }
    request
}

/// The older SDKs speak JSON.
fn json_call(name: &str, request: &Value) {
    let path = text(request, "path");
    if text(request, "method") == "GET" {
        let query = path.strip_prefix("/v1/getStatus?intent=").unwrap_or_else(|| panic!("{name}: {path}"));
        assert_eq!(
            json_v1::parse_status_query(Some(query)).map(|intent| intent.to_string()),
            Ok(query.to_owned())
        );
        return;
    }
    assert_eq!(path, "/v1/createIntent", "{name}");
    let body = hex(request, "body_hex");
    let parsed = json_v1::CreateIntent::parse(&body).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(parsed.intent.verifies(&parsed.message(), &parsed.signature), "{name}");
    received(name, &parsed.send_message_request());
    let options = json!({
        "destination": "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR",
        "amount": 0.25, "currency": "usd", "idempotencyKey": "order-42",
    });
    let built = payment(&options, Rounding::JavaScript, None, nonce_options(&options)).expect("a request");
    let written = built.create_intent_json(parsed.webhook.as_deref());
    if name == "old-js-client-1.0.3" {
        assert_eq!(written.as_bytes(), body, "{name}");
    } else {
        // Python writes spaces, and null for no webhook.
        let mut recorded: Value = serde_json::from_slice(&body).expect("JSON");
        if recorded["webhook"].is_null() {
            recorded.as_object_mut().expect("an object").remove("webhook");
        }
        assert_eq!(serde_json::from_str::<Value>(&written).ok(), Some(recorded), "{name}");
    }
    let status = micropayment::GetStatusRequest { intent_id: Some(parsed.intent.into()) };
    assert_eq!(call::get_status(built.intent_id()).encode_to_vec(), status.encode_to_vec());
}
