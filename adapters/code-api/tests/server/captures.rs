//! What the official clients put on the wire, posted as it is: each gets the answer its client knows what to do with.

use prost::Message as _;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::proto::code::account::v1 as account;
use quittance_code_api::proto::code::account::v1::get_token_account_infos_response::Result as Accounts;
use quittance_code_api::proto::code::currency::v1 as currency;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::micropayment::v1 as micropayment;
use quittance_code_api::proto::code::micropayment::v1::register_webhook_response::Result as Registered;
use quittance_code_api::proto::code::user::v1 as user;
use quittance_code_api::proto::code::user::v1::get_login_for_third_party_app_response::Result as Login;
use serde_json::Value;

use crate::node::Node;
use crate::recorded::{hex, recorded, text};
use crate::site::Site;

/// The key that the recorded merchant signs its logins with.
const VERIFIER: &str = "AiXmGd1DkRbVyfiLLNxC6EFF9ZidCdGpyVY9QFH966Bm";

#[tokio::test]
async fn every_recorded_call_gets_an_answer_its_client_understands() {
    let captures = recorded("captures.json");
    let site = Site::publishing(&[VERIFIER.parse().expect("a key")]).await;
    let (mut http, mut json, mut frames) = (0, 0, 0);
    for capture in captures["captures"].as_array().expect("a list of captures") {
        // A node of its own, since several recordings use the same intent.
        let node = site.node().await;
        for request in capture["requests"].as_array().expect("a list of requests") {
            println!("{}", text(capture, "name"));
            let path = text(request, "path");
            match (text(request, "transport"), request.get("envelope")) {
                ("ws", _) => frames += socket(&node, path, request).await,
                (_, Some(_)) => {
                    let body = hex(request, "body_hex");
                    let answer = node.http("POST", path, &body).await;
                    let call = envelope::decode_request(&body).expect("a call");
                    check(&call.method, answer.status, answer.envelope());
                    http += 1;
                }
                (_, None) => {
                    json_call(&node, path, request).await;
                    json += 1;
                }
            }
        }
    }
    assert!(http > 40 && json >= 6 && frames >= 7, "{http} {json} {frames}");
}

fn check(method: &Method, status: u16, answer: Result<Vec<u8>, String>) {
    let answer = answer.expect("an answer");
    assert_eq!(status, 200);
    match method {
        Method::SendMessage => {
            let response = messaging::SendMessageResponse::decode(answer.as_slice()).expect("a response");
            assert_eq!((response.result, response.message_id.map(|id| id.value.len())), (0, Some(16)));
        }
        Method::GetStatus => {
            micropayment::GetStatusResponse::decode(answer.as_slice()).expect("a status");
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
async fn socket(node: &Node, path: &str, request: &Value) -> usize {
    let mut socket = node.socket(path).await;
    let frames = request["frames"].as_array().expect("a list of frames");
    for frame in frames {
        let bytes = hex(frame, "payload_hex");
        let call = envelope::decode_request(&bytes).expect("a call");
        socket.send(bytes).await;
        if call.method == Method::OpenMessageStream {
            let created = recorded("captures.json")["captures"][0]["requests"][0].clone();
            assert_eq!(node.http("POST", "/v1/api/", &hex(&created, "body_hex")).await.status, 200);
        }
        let answer = socket.next().await.expect("a frame");
        check(&call.method, if answer.is_ok() { 200 } else { 501 }, answer);
    }
    frames.len()
}

async fn json_call(node: &Node, path: &str, request: &Value) {
    let method = text(request, "method");
    let body = if method == "POST" { hex(request, "body_hex") } else { Vec::new() };
    let answer = node.http(method, path, &body).await;
    let want = match method {
        "POST" => (200, r#"{"success":true}"#),
        _ => (200, r#"{"status":"PENDING","success":true}"#),
    };
    assert_eq!((answer.status, answer.text().as_str()), want);
}
