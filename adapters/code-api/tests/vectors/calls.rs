//! Envelopes, the payer's and the browser's calls, and what a server answers.

use prost::Message as _;
use prost_types::{Duration, Timestamp};
use quittance_code_api::call::{self, SignedMessage};
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::PublicKey;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::proto::code::transaction::v2 as transaction;
use quittance_code_api::proto::code::{account, common as schema_common, micropayment, user};
use quittance_code_api::status::Status;
use quittance_code_api::{schema, wire};
use serde_json::Value;

use crate::common::{address, bytes, hex, recorded, seed, text, to_hex};

/// 2024-03-09T16:00:00.123Z, the one time in the recordings.
const RECORDED_AT: Timestamp = Timestamp { seconds: 1_710_000_000, nanos: 123_000_000 };

pub(crate) fn envelope_request(id: &str, input: &Value, output: &Value) {
    let recorded = hex(if input.get("request").is_some() { input } else { output }, "request");
    let call = envelope::decode_request(&recorded).expect("a call");
    let names = if input.get("service").is_some() { input } else { output };
    assert_eq!(call.method.service_name(), text(names, "service"), "{id}");
    assert_eq!(call.method.method_name(), text(names, "method"), "{id}");
    assert_eq!(to_hex(&call.body), text(names, "body"), "{id}");
    let written = envelope::encode_request(call.method, call.body.clone());
    match id {
        // A version is accepted and forgotten.
        "envelope/docs-version-1.0" => assert!(recorded.ends_with(&written)),
        "envelope/docs-getstatus-explicit-empty-version" => {
            assert_eq!(to_hex(&written), text(output, "canonical_request"));
        }
        _ => assert_eq!(written, recorded, "{id}"),
    }
    let intent = || {
        let key = base64(&input["json"]["intentId"]["value"]);
        PublicKey::from_slice(&key).expect("32 bytes")
    };
    match id {
        "envelope/getStatus" => assert_eq!(call.body, call::get_status(intent()).encode_to_vec()),
        "envelope/registerWebhook" => {
            let body = call::register_webhook(intent(), text(&input["json"], "url")).encode_to_vec();
            assert_eq!(call.body, body);
        }
        _ => {}
    }
}

pub(crate) fn envelope_response(name: &str, input: &Value, output: &Value) {
    let recorded = hex(output, "response");
    let body = input.get("body").map(|_| hex(input, "body")).unwrap_or_default();
    let written = match name.strip_prefix("response-").and_then(|rest| rest.split('-').next()) {
        Some("error") => envelope::failed_response(&Status::unauthenticated()),
        Some("sendMessage") => again::<messaging::SendMessageResponse>(&body),
        Some("registerWebhook" | "ok") => again::<micropayment::v1::RegisterWebhookResponse>(&body),
        Some("getLogin") => again::<user::v1::GetLoginForThirdPartyAppResponse>(&body),
        _ => panic!("{name}: an answer to an unknown call"),
    };
    assert_eq!(to_hex(&written), to_hex(&recorded));
    let want = input["message"].as_str().map_or(Ok(body), |message| Err(message.to_owned()));
    assert_eq!(envelope::decode_response(&recorded), Ok(want));
}

/// The answer, decoded and put in an envelope again.
fn again<M: prost::Message + Default>(body: &[u8]) -> Vec<u8> {
    envelope::ok_response(&M::decode(body).expect("an answer"))
}

pub(crate) fn signed_call(id: &str, input: &Value, output: &Value) {
    let rendezvous = || seed(input, "rendezvous_seed");
    // The recordings without a key of their own use the one of the first payment case.
    let intent: PublicKey = "GHEXGTE2r1PartuDip4VhDz8b2RY4xqRTRtMCUEaEXXN".parse().expect("a key");
    match id {
        "signature/loginToThirdPartyApp" => {
            let request = call::login_to_third_party_app(address(input, "intent"), &seed(input, "user_seed"));
            signed(&request.encode_to_vec(), 3, &schema::INTENT_KEY_AND_SIGNATURE, output);
        }
        "signature/getTokenAccountInfos" => {
            let request: account::v1::GetTokenAccountInfosRequest =
                call::get_token_account_infos(&seed(input, "owner_seed"));
            let body = request.encode_to_vec();
            signed(&body, 2, &schema::KEY_AND_SIGNATURE, output);
            let call = envelope::encode_request(Method::GetTokenAccountInfos, body);
            assert_eq!(to_hex(&call), text(output, "http_envelope"));
        }
        "signature/getIntentMetadata-rendezvous" => {
            let request = call::get_intent_metadata(&rendezvous());
            signed(&request.encode_to_vec(), 3, &schema::INTENT_KEY_AND_SIGNATURE, output);
        }
        "stream/openMessageStream-signed" => {
            let request = call::open_message_stream(&rendezvous());
            signed(&request.encode_to_vec(), 2, &schema::KEY_AND_SIGNATURE, output);
            assert_eq!(call::poll_messages(&rendezvous()).encode_to_vec(), request.encode_to_vec());
        }
        "stream/ackMessages" => {
            let request = call::ack_messages(intent, [bytes(input, "message_id")]);
            assert_eq!(to_hex(&request.encode_to_vec()), text(output, "request"));
        }
        "stream/keepalive" => keep_alive(output),
        "signature/send-codeScanned" => {
            letter(&SignedMessage::code_scanned(&rendezvous(), RECORDED_AT), output);
        }
        "signature/send-clientRejectedLogin" => {
            letter(&SignedMessage::client_rejected_login(&rendezvous(), RECORDED_AT), output);
        }
        "signature/send-requestToGrabBill" => {
            let account = base64(&input["json"]["requestToGrabBill"]["requestorAccount"]["value"]);
            let account = PublicKey::from_slice(&account).expect("32 bytes");
            letter(&SignedMessage::request_to_grab_bill(&rendezvous(), account), output);
        }
        "stream/server-intentSubmitted-login" => {
            let kind = messaging::IntentSubmitted { intent_id: Some(intent.into()), metadata: None };
            server_letter(Kind::IntentSubmitted(kind), input, output);
        }
        "stream/server-webhookCalled" => {
            let kind = messaging::WebhookCalled { timestamp: Some(RECORDED_AT) };
            server_letter(Kind::WebhookCalled(kind), input, output);
        }
        _ => panic!("{id}: no check here knows this case"),
    }
}

fn signed(body: &[u8], signature_field: u32, schema: &schema::Schema, output: &Value) {
    assert_eq!(to_hex(body), text(output, "request"));
    let covered = wire::signed_candidates(body, schema, Some(signature_field)).expect("candidates");
    assert_eq!(covered.iter().map(|bytes| to_hex(bytes)).collect::<Vec<_>>(), [text(output, "signed_bytes")]);
    let signature =
        wire::sub_message(wire::sub_message(body, signature_field).expect("it"), 1).expect("bytes");
    assert_eq!(to_hex(signature), text(output, "signature"));
}

fn letter(signed: &SignedMessage, output: &Value) {
    assert_eq!(to_hex(&signed.message()), text(output, "signed_bytes"));
    assert_eq!(to_hex(signed.signature()), text(output, "signature"));
    let body = signed.to_request().encode_to_vec();
    assert_eq!(to_hex(&body), text(output, "send_message_request"));
    let covered = wire::sub_message(&body, 1).expect("a message");
    assert_eq!(wire::signed_candidates(covered, &schema::MESSAGE, None), Ok(vec![signed.message()]));
}

fn server_letter(kind: Kind, input: &Value, output: &Value) {
    let id = Some(messaging::MessageId { value: hex(input, "message_id") });
    let message = messaging::Message { id, send_message_request_signature: None, kind: Some(kind) };
    assert_eq!(to_hex(&message.encode_to_vec()), text(output, "message"));
    let response = messaging::OpenMessageStreamResponse { messages: vec![message] };
    assert_eq!(to_hex(&response.encode_to_vec()), text(output, "open_message_stream_response"));
    assert_eq!(to_hex(&envelope::ok_response(&response)), text(output, "ws_frame"));
}

fn keep_alive(output: &Value) {
    use messaging::open_message_stream_with_keep_alive_request::RequestOrPong;
    use messaging::open_message_stream_with_keep_alive_response::ResponseOrPing;
    let payment = recorded("vectors.json");
    let payment = payment["cases"]
        .as_array()
        .and_then(|cases| cases.iter().find(|case| case["id"] == "payment-intent/sdk-test-sign"));
    let rendezvous = seed(&payment.expect("the case the others refer to")["output"], "rendezvous_seed");
    let request = |part| messaging::OpenMessageStreamWithKeepAliveRequest { request_or_pong: Some(part) };
    let first = request(RequestOrPong::Request(call::open_message_stream(&rendezvous)));
    assert_eq!(to_hex(&first.encode_to_vec()), text(output, "first_request"));
    let pong = request(RequestOrPong::Pong(messaging::ClientPong { timestamp: Some(RECORDED_AT) }));
    assert_eq!(to_hex(&pong.encode_to_vec()), text(output, "pong"));
    let ping = messaging::ServerPing {
        timestamp: Some(RECORDED_AT),
        ping_delay: Some(Duration { seconds: 5, nanos: 0 }),
    };
    let ping = messaging::OpenMessageStreamWithKeepAliveResponse {
        response_or_ping: Some(ResponseOrPing::Ping(ping)),
    };
    assert_eq!(to_hex(&ping.encode_to_vec()), text(output, "ping"));
}

pub(crate) fn submit_intent(id: &str, input: &Value, output: &Value) {
    use transaction::submit_intent_response::{Error, Response};
    let recorded = hex(output, "submit_intent_response");
    let read = transaction::SubmitIntentResponse::decode(recorded.as_slice()).expect("an answer");
    let written = if id == "submit-intent/server-parameters" {
        server_parameters(&input["json"]["serverParameters"]["serverParameters"])
    } else {
        let reason = transaction::ReasonStringErrorDetails { reason: text(input, "reason").to_owned() };
        let details = transaction::error_details::Type::ReasonString(reason);
        let code = input["code"].as_i64().and_then(|code| code.try_into().ok()).expect("a code");
        Response::Error(Error {
            code,
            error_details: vec![transaction::ErrorDetails { r#type: Some(details) }],
        })
    };
    let written = transaction::SubmitIntentResponse { response: Some(written) };
    assert_eq!(read, written);
    assert_eq!(to_hex(&written.encode_to_vec()), to_hex(&recorded));
}

fn server_parameters(json: &Value) -> transaction::submit_intent_response::Response {
    use schema_common::v1::{Blockhash, SolanaAccountId};
    use transaction::server_parameter::Type;
    let account = |json: &Value| Some(SolanaAccountId { value: base64(&json["value"]) });
    let parameter = |json: &Value| {
        let nonces = json["nonces"].as_array().expect("nonces").iter().map(|nonce| {
            let blockhash = Some(Blockhash { value: base64(&nonce["blockhash"]["value"]) });
            transaction::NoncedTransactionMetadata { nonce: account(&nonce["nonce"]), blockhash }
        });
        let kind = match json.get("feePayment") {
            Some(fee) => {
                let code_destination = account(&fee["codeDestination"]);
                Type::FeePayment(transaction::FeePaymentServerParameter { code_destination })
            }
            None => Type::NoPrivacyWithdraw(transaction::NoPrivacyWithdrawServerParameter {}),
        };
        transaction::ServerParameter {
            action_id: json["actionId"].as_u64().and_then(|id| id.try_into().ok()).expect("an id"),
            nonces: nonces.collect(),
            r#type: Some(kind),
        }
    };
    let server_parameters = json.as_array().expect("parameters").iter().map(parameter).collect();
    transaction::submit_intent_response::Response::ServerParameters(
        transaction::submit_intent_response::ServerParameters { server_parameters },
    )
}

fn base64(json: &Value) -> Vec<u8> {
    data_encoding::BASE64.decode(json.as_str().expect("a text").as_bytes()).expect("base64")
}
