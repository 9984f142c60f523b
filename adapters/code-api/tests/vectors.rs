//! Every recorded case of the official SDKs, by its id: the bytes must be the same, or the case must be listed as belonging
//! to something that is not here. A merchant loses payments if one differs: its page and its server would compute two ids.

mod common;

use std::collections::BTreeSet;

use common::{address, bytes, hex, nonce_options, payment, recorded, seed, text, to_hex};
use prost::Message as _;
use prost_types::{Duration, Timestamp};
use quittance_code_api::call::{self, SignedMessage};
use quittance_code_api::currency_index::Currency;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::{KeyPair, PublicKey, base58_exact};
use quittance_code_api::nonce::Nonce;
use quittance_code_api::number::{Rounding, hundredths_to_double, quarks_from_kin};
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::proto::code::transaction::v2 as transaction;
use quittance_code_api::proto::code::{account, common as schema_common, micropayment, user};
use quittance_code_api::request::{LoginOptions, SignedRequest, login_message, payment_message};
use quittance_code_api::scan_code::ScanCode;
use quittance_code_api::status::Status;
use quittance_code_api::{drawn_code, json_v1, limits, login_domain, schema, wire};
use serde_json::Value;

/// Cases that need a feature this crate does not have.
const NOT_COVERED_YET: [(&str, &str); 9] = [
    ("kikcode/drawing-summary", "drawing a code as vector graphics"),
    ("keys/pda-2", "derived Solana addresses"),
    ("keys/timelock-state", "derived Solana addresses"),
    ("keys/pool-state", "derived Solana addresses"),
    ("keys/pool-vault", "derived Solana addresses"),
    ("keys/commitment-vault", "derived Solana addresses"),
    ("webhook/docs-jwt", "webhook bodies"),
    ("elements/encode-as-element", "options in a page's address"),
    ("elements/encode-empty", "options in a page's address"),
];

/// 2024-03-09T16:00:00.123Z, the one time in the recordings.
const RECORDED_AT: Timestamp = Timestamp { seconds: 1_710_000_000, nanos: 123_000_000 };

#[test]
fn every_recorded_case_has_the_same_bytes_here() {
    let vectors = recorded("vectors.json");
    let cases = vectors["cases"].as_array().expect("a list of cases");
    assert_eq!(Some(cases.len() as u64), vectors["meta"]["count"].as_u64());
    let mut listed: BTreeSet<&str> = NOT_COVERED_YET.iter().map(|(id, _)| *id).collect();
    for case in cases {
        let id = text(case, "id");
        if !listed.remove(id) {
            println!("{id}");
            check(id, &case["input"], &case["output"]);
        }
    }
    assert!(listed.is_empty(), "listed, but not among the cases: {listed:?}");
}

fn check(id: &str, input: &Value, output: &Value) {
    match id.split_once('/').expect("group/name") {
        ("keys", _) => keys(id, input, output),
        ("currency", _) => currency(input, output),
        ("nonce", _) => nonce(input, output),
        ("payload", _) => payload(input, output),
        ("kikcode", _) => drawn(input, output),
        ("payment-intent", _) => {
            payment_intent(payment(input, Rounding::JavaScript, None, nonce_options(input)), output);
        }
        ("python-sdk", _) => python_sdk(input, output),
        ("payment-login-intent", "sdk-test") => low_level_payment_login(input, output),
        ("payment-login-intent", _) => {
            let verifier = seed(input, "verifier_seed");
            payment_intent(
                payment(input, Rounding::JavaScript, Some(&verifier), nonce_options(input)),
                output,
            );
        }
        ("login-intent", name) => login_intent(name, input, output),
        ("tip-intent", _) => tip(text(&input["platform"], "username"), output),
        ("envelope", name) if name.starts_with("response") => envelope_response(name, input, output),
        ("envelope", _) => envelope_request(id, input, output),
        ("signature" | "stream", _) => signed_call(id, input, output),
        ("submit-intent", _) => submit_intent(id, input, output),
        _ => panic!("{id}: neither checked nor listed as not covered yet"),
    }
}

fn refused<T: core::fmt::Debug, E: core::fmt::Display>(result: Result<T, E>, output: &Value) {
    let (error, want) = (result.expect_err("must be refused").to_string(), text(output, "error"));
    assert!(error.starts_with(want), "expected {want:?}, got {error:?}");
}

fn keys(id: &str, input: &Value, output: &Value) {
    if let Some(encoded) = input["base58"].as_str() {
        match output.get("error") {
            Some(_) => refused(encoded.parse::<PublicKey>(), output),
            None => {
                let key: PublicKey = encoded.parse().expect("a key");
                assert_eq!((key.0, key.to_string().as_str()), (bytes(output, "public_key"), encoded));
            }
        }
        return;
    }
    let key = match (input.get("seed"), input.get("secret_key")) {
        (Some(_), _) => seed(input, "seed"),
        (_, Some(_)) => KeyPair::from_secret_key(&bytes(input, "secret_key")).expect("a key pair"),
        _ => {
            let secret = base58_exact(text(input, "secret_key_base58")).expect("64 bytes");
            KeyPair::from_secret_key(&secret).expect("a key pair")
        }
    };
    assert_eq!(key.public_key().to_string(), text(output, "base58"), "{id}");
    if output.get("public_key").is_some() {
        assert_eq!(key.public_key().0, bytes(output, "public_key"));
    }
    if output.get("signature_of_utf8_message1").is_some() {
        let signature = bytes(output, "signature_of_utf8_message1");
        assert_eq!(key.sign(b"message1"), signature);
        assert!(key.public_key().verifies(b"message1", &signature));
        assert!(!key.public_key().verifies(b"message2", &signature));
    }
}

fn currency(input: &Value, output: &Value) {
    if let Some(kin) = input["kin"].as_f64() {
        assert_eq!(
            quarks_from_kin(kin).map(|quarks| quarks.to_string()),
            Ok(text(output, "quarks").to_owned())
        );
    } else if let Some(index) = input["index"].as_u64() {
        refused(Currency::from_index(index.try_into().expect("a byte")), output);
    } else if output.get("error").is_some() {
        refused(text(input, "code").parse::<Currency>(), output);
    } else {
        let currency: Currency = text(input, "code").parse().expect("a currency");
        assert_eq!(Some(u64::from(currency.index())), output["index"].as_u64());
    }
}

fn nonce(input: &Value, output: &Value) {
    let nonce = match input["seed_utf8"].as_str() {
        Some(key) => Nonce::from_idempotency_key(key),
        None => Nonce::from_client_secret(text(input, "client_secret")).expect("a secret"),
    };
    assert_eq!(nonce.0, bytes(output, "nonce"));
    let secret = output["client_secret"].as_str().or(input["client_secret"].as_str()).expect("a secret");
    assert_eq!(nonce.client_secret(), secret);
    assert_eq!(Nonce::from_client_secret(secret), Ok(nonce));
}

fn payload(input: &Value, output: &Value) {
    if input.get("payload").is_some() {
        return refused(ScanCode::decode(&hex(input, "payload")), output);
    }
    let amount: Option<u64> = input["amount"].as_str().map(|amount| amount.parse().expect("an integer"));
    let nonce = || Nonce(bytes(input, "nonce"));
    let hundredths = amount.unwrap_or_default();
    let Ok(currency) = input["currency"].as_str().unwrap_or_default().parse() else {
        return without_currency(input, output, amount);
    };
    let code = match input["kind"].as_u64() {
        Some(2) => ScanCode::PaymentRequest { currency, hundredths, nonce: nonce() },
        Some(4) => ScanCode::PaymentRequestWithFees { currency, hundredths, nonce: nonce() },
        kind => panic!("kind {kind:?} has no currency"),
    };
    if hundredths > quittance_code_api::scan_code::MAX_REQUEST_HUNDREDTHS {
        assert!(code.encode().is_err(), "an amount that does not fit is refused here");
        let payload = code.encode_dropping_high_bits().expect("what the SDK shows");
        assert_eq!(to_hex(&payload), text(output, "payload"));
        let read = ScanCode::decode(&payload);
        assert_eq!(read, Ok(ScanCode::PaymentRequest { currency, hundredths: 0, nonce: nonce() }));
        return;
    }
    written_and_read(&code, output);
}

fn without_currency(input: &Value, output: &Value, amount: Option<u64>) {
    let nonce = || Nonce(bytes(input, "nonce"));
    let quarks = amount.unwrap_or_default();
    let code = match input["kind"].as_u64() {
        Some(0) => ScanCode::Cash { quarks, nonce: nonce() },
        Some(1) => ScanCode::GiftCard { quarks, nonce: nonce() },
        // Here a payment request always has a currency; what is left to refuse is its text.
        Some(2) => return refused("".parse::<Currency>(), output),
        Some(3) => ScanCode::LoginRequest { nonce: nonce() },
        Some(4) => ScanCode::fees_request_without_currency(nonce()),
        Some(5) => return tip(input["username"].as_str().unwrap_or_default(), output),
        kind => panic!("unknown kind {kind:?}"),
    };
    written_and_read(&code, output);
}

fn tip(username: &str, output: &Value) {
    written_and_read(&ScanCode::Tip { username: username.to_owned() }, output);
}

fn written_and_read(code: &ScanCode, output: &Value) {
    let payload = match (code.encode(), output.get("error")) {
        (result, Some(_)) => return refused(result, output),
        (result, None) => result.expect("a payload"),
    };
    assert_eq!(to_hex(&payload), text(output, "payload"));
    assert_eq!(ScanCode::decode(&payload).as_ref(), Ok(code));
    if output.get("intent_id").is_some() {
        same_key(&code.rendezvous_key().expect("a key"), output);
        assert_eq!(to_hex(&drawn_code::encode(&payload)), text(output, "kikcode"));
    }
}

fn same_key(key: &KeyPair, output: &Value) {
    assert_eq!(key.public_key().to_string(), text(output, "intent_id"));
    if output.get("rendezvous_seed").is_some() {
        assert_eq!(to_hex(&*key.seed()), text(output, "rendezvous_seed"));
        assert_eq!(to_hex(&key.public_key().0), text(output, "rendezvous_public_key"));
    }
}

fn drawn(input: &Value, output: &Value) {
    let payload = bytes(input, "payload");
    let code = drawn_code::encode(&payload);
    assert_eq!(to_hex(&code), text(output, "encoded"));
    if output.get("drawn_bytes").is_some() {
        assert_eq!(to_hex(&drawn_code::drawn_bytes(&code)), text(output, "drawn_bytes"));
    }
    // The SDK's reader strips zeros from the end.
    let mut read = hex(output, "decoded");
    read.resize(payload.len(), 0);
    assert_eq!(drawn_code::decode(&code).map(|payload| payload.to_vec()), Ok(read));
}

fn payment_intent<E>(built: Result<SignedRequest, E>, output: &Value)
where
    E: core::fmt::Display + core::fmt::Debug,
{
    let request = match (built, output.get("error")) {
        (built, Some(_)) => return refused(built, output),
        (built, None) => built.expect("a request"),
    };
    same_request(&request, output);
    let units: u64 = text(output, "units").parse().expect("an integer");
    assert_eq!(Some(hundredths_to_double(units)), output["normalized_amount"].as_f64());
    assert!(matches!(
        ScanCode::decode(request.payload()),
        Ok(ScanCode::PaymentRequest { hundredths, .. } | ScanCode::PaymentRequestWithFees { hundredths, .. })
            if hundredths == units
    ));
    same_json(&request, &output["json_v1_create_intent"]);
}

/// Everything an SDK computes for a request, payment or login.
fn same_request(request: &SignedRequest, output: &Value) {
    assert_eq!(request.client_secret(), text(output, "client_secret"));
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

fn python_sdk(input: &Value, output: &Value) {
    let python = payment(input, Rounding::Python, None, nonce_options(input)).expect("a request");
    let javascript = payment(input, Rounding::JavaScript, None, nonce_options(input)).expect("a request");
    same_request(&python, output);
    same_json(&python, &output["json_v1_create_intent"]);
    let same = python.intent_id() == javascript.intent_id();
    assert_eq!(Some(same), output["same_intent_id_as_js_sdk"].as_bool());
}

fn login_intent(name: &str, input: &Value, output: &Value) {
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

fn low_level_payment_login(input: &Value, output: &Value) {
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

fn envelope_request(id: &str, input: &Value, output: &Value) {
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

fn envelope_response(name: &str, input: &Value, output: &Value) {
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

fn signed_call(id: &str, input: &Value, output: &Value) {
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
        _ => panic!("{id}: neither checked nor listed as not covered yet"),
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

fn submit_intent(id: &str, input: &Value, output: &Value) {
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

#[test]
fn the_currency_table_is_the_one_every_code_was_written_with() {
    let vectors = recorded("vectors.json");
    let want: Vec<_> = vectors["data"]["currency_index_table"].as_array().expect("a table").iter().collect();
    let have: Vec<_> = Currency::all().map(Currency::code).collect();
    assert_eq!(have, want);
    for (index, currency) in Currency::all().enumerate() {
        assert_eq!(usize::from(currency.index()), index);
        assert_eq!(currency.code().parse(), Ok(currency));
    }
}

#[test]
fn the_limits_are_the_references_to_the_hundredth() {
    let vectors = recorded("vectors.json");
    let want = vectors["data"]["micropayment_limits"]["limits"].as_object().expect("limits");
    assert_eq!(limits::all().count(), want.len());
    for (currency, bounds) in want {
        let limit = limits::micro_payment(currency).unwrap_or_else(|| panic!("{currency} has a limit"));
        let have = (hundredths_to_double(limit.min_hundredths), hundredths_to_double(limit.max_hundredths));
        assert_eq!(
            (Some(have.0), Some(have.1)),
            (bounds["min"].as_f64(), bounds["max"].as_f64()),
            "{currency}"
        );
        assert!(limit.admits(limit.min_hundredths) && limit.admits(limit.max_hundredths), "{currency}");
        assert!(
            !limit.admits(limit.min_hundredths - 1) && !limit.admits(limit.max_hundredths + 1),
            "{currency}"
        );
    }
    for refused in ["ssp", "stn", "ves", "USD", ""] {
        assert_eq!(limits::micro_payment(refused), None, "{refused}");
    }
}
