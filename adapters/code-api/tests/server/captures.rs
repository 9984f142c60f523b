//! What the official clients put on the wire, heads and bodies posted as they are: each gets the answer its client knows what
//! to do with.

use prost::Message as _;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::PublicKey;
use quittance_code_api::proto::code::account::v1 as account;
use quittance_code_api::proto::code::account::v1::get_token_account_infos_response::Result as Accounts;
use quittance_code_api::proto::code::currency::v1 as currency;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::micropayment::v1 as micropayment;
use quittance_code_api::proto::code::micropayment::v1::register_webhook_response::Result as Registered;
use quittance_code_api::proto::code::user::v1 as user;
use quittance_code_api::proto::code::user::v1::get_login_for_third_party_app_response::Result as Login;
use serde_json::Value;

use crate::node::{Answer, Node};
use crate::recorded::{hex, recorded, text};
use crate::site::Site;

/// The key that the recorded merchant signs its logins with.
const VERIFIER: &str = "AiXmGd1DkRbVyfiLLNxC6EFF9ZidCdGpyVY9QFH966Bm";

/// The intent of the first recording.
const CREATED: &str = "ntawYA5xBFHX2Y7i9PrPFm2ij79MhcKk23qHopykAdh";

#[tokio::test]
async fn every_recorded_call_gets_an_answer_its_client_understands() {
    let captures = recorded("captures.json");
    let site = Site::publishing(&[VERIFIER.parse().expect("a key")]).await;
    let (mut http, mut json, mut frames, mut asked_again) = (0, 0, 0, 0);
    for capture in captures["captures"].as_array().expect("a list of captures") {
        // A node of its own, since several recordings use the same intent.
        let node = site.node().await;
        let mut is_created = false;
        for request in capture["requests"].as_array().expect("a list of requests") {
            println!("{}", text(capture, "name"));
            let path = text(request, "path");
            match (text(request, "transport"), request.get("envelope")) {
                ("ws", _) => frames += socket(&node, path, request, &mut is_created).await,
                (_, Some(_)) => {
                    let method = post(&node, path, request, false).await;
                    http += 1;
                    if method == Method::GetStatus {
                        // Asked again once it can be known.
                        create(&node).await;
                        post(&node, path, request, true).await;
                        asked_again += 1;
                    }
                }
                (_, None) => {
                    json_call(&node, path, request).await;
                    json += 1;
                }
            }
        }
    }
    assert!(
        http > 40 && json >= 6 && frames >= 7 && asked_again >= 8,
        "{http} {json} {frames} {asked_again}"
    );
}

/// The first recording: the intent that nearly all others are about.
async fn create(node: &Node) {
    let created = recorded("captures.json")["captures"][0]["requests"][0].clone();
    assert_eq!(call(node, "/v1/api/", &created).await.status, 200);
}

/// A recorded request with its head, but for what belongs to the connection.
async fn call(node: &Node, path: &str, request: &Value) -> Answer {
    let body = if request["body_hex"].is_null() { Vec::new() } else { hex(request, "body_hex") };
    let method = text(request, "method");
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n");
    for (name, value) in headers(request) {
        head += &format!("{name}: {value}\r\n");
    }
    node.raw(&format!("{head}\r\n"), &body).await
}

fn headers(request: &Value) -> impl Iterator<Item = (&str, &str)> {
    let headers = request["headers"].as_object().expect("headers");
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text")))
}

async fn post(node: &Node, path: &str, request: &Value, is_created: bool) -> Method {
    let answer = call(node, path, request).await;
    let sent = envelope::decode_request(&hex(request, "body_hex")).expect("a call");
    check(&sent.method, &sent.body, is_created, answer.status, answer.envelope());
    sent.method
}

fn check(method: &Method, sent: &[u8], is_created: bool, status: u16, answer: Result<Vec<u8>, String>) {
    let answer = answer.expect("an answer");
    assert_eq!(status, 200);
    match method {
        Method::SendMessage => {
            let response = messaging::SendMessageResponse::decode(answer.as_slice()).expect("a response");
            assert_eq!((response.result, response.message_id.map(|id| id.value.len())), (0, Some(16)));
        }
        Method::GetStatus => {
            let about = micropayment::GetStatusRequest::decode(sent).expect("a question").intent_id;
            let about = PublicKey::from_slice(&about.expect("an intent").value).expect("an id");
            let exists = is_created && about.to_string() == CREATED;
            let response = micropayment::GetStatusResponse::decode(answer.as_slice()).expect("a status");
            let micropayment::GetStatusResponse { exists: known, code_scanned, intent_submitted } = response;
            assert_eq!((known, code_scanned, intent_submitted), (exists, false, false), "{about}");
        }
        Method::RegisterWebhook => {
            let response = micropayment::RegisterWebhookResponse::decode(answer.as_slice());
            let result = response.expect("a response").result();
            // Some recordings register for an intent of an earlier one.
            assert!(matches!(result, Registered::Ok | Registered::RequestNotFound), "{result:?}");
        }
        Method::OpenMessageStream => {
            let response = messaging::OpenMessageStreamResponse::decode(answer.as_slice());
            assert_eq!(response.expect("a response").messages.len(), 1);
        }
        Method::GetAllRates => {
            let response = currency::GetAllRatesResponse::decode(answer.as_slice()).expect("a response");
            assert!(response.result == 1 && response.as_of.is_some(), "this node has no rates");
        }
        Method::GetLoginForThirdPartyApp => {
            let response = user::GetLoginForThirdPartyAppResponse::decode(answer.as_slice());
            assert_eq!(response.expect("a response").result(), Login::RequestNotFound, "not asked for here");
        }
        Method::GetTokenAccountInfos => {
            let response = account::GetTokenAccountInfosResponse::decode(answer.as_slice());
            assert_eq!(
                response.expect("a response").result(),
                Accounts::NotFound,
                "nobody holds anything here"
            );
        }
        other => panic!("{other:?} is neither answered nor refused here"),
    }
}

/// A socket of a recording. The stream of the view's sequence comes first there and is silent until its request is stored
/// by a later one; here it is opened behind a request of its own.
async fn socket(node: &Node, path: &str, request: &Value, is_created: &mut bool) -> usize {
    let mut socket = node.socket_with(path, headers(request)).await;
    let frames = request["frames"].as_array().expect("a list of frames");
    for frame in frames {
        let bytes = hex(frame, "payload_hex");
        let call = envelope::decode_request(&bytes).expect("a call");
        socket.send(bytes).await;
        if call.method == Method::OpenMessageStream {
            create(node).await;
            *is_created = true;
        }
        let answer = socket.next().await.expect("a frame");
        check(&call.method, &call.body, *is_created, if answer.is_ok() { 200 } else { 501 }, answer);
    }
    frames.len()
}

async fn json_call(node: &Node, path: &str, request: &Value) {
    let method = text(request, "method");
    let answer = call(node, path, request).await;
    let want = match method {
        "POST" => (200, r#"{"success":true}"#),
        _ => (200, r#"{"status":"PENDING","success":true}"#),
    };
    assert_eq!((answer.status, answer.text().as_str()), want);
}
