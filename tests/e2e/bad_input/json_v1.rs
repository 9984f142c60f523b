//! The JSON API of the older SDKs.

use quittance_tests::http::{self, Answer};
use quittance_tests::people::{MERCHANT, order};
use serde_json::{Value, json};

use crate::{Stage, refused_in_json_v1};

#[test]
fn a_bad_request_is_refused_in_the_words_the_sdks_know() {
    let stage = Stage::set();
    let honest: Value =
        serde_json::from_str(&order(MERCHANT, 25, "usd", "never created").create_intent_json(None))
            .expect("JSON");
    let with = |key: &str, value: Value| {
        let mut body = honest.clone();
        body[key] = value;
        body.to_string()
    };
    let check = |what: &str, body: &str, status: u16, text: &str| {
        let answer = call(&stage, "POST", "/v1/createIntent", body);
        refused_in_json_v1(what, &answer, status, text);
    };
    check("nothing", "", 400, "EOF");
    check("half an object", r#"{"intent":"#, 400, "EOF");
    check("a list", "[1, 2]", 400, "");
    check("a number", "7", 400, "");
    check("an empty object", "{}", 400, "intent is not a public key");
    check(
        "an intent with a letter that base58 lacks",
        &with("intent", json!("0".repeat(44))),
        400,
        "intent is not a public key",
    );
    check("a short intent", &with("intent", json!("abc")), 400, "intent is not a public key");
    check(
        "a very long intent",
        &with("intent", json!("1".repeat(50_000))),
        400,
        "intent is not a public key",
    );
    check("a number as the intent", &with("intent", json!(7)), 400, "");
    check("a short signature", &with("signature", json!("abc")), 400, "signature is invalid");
    check("another's signature", &with("signature", json!("1".repeat(64))), 401, "authentication failed");
    check("no signature", &with("signature", Value::Null), 400, "signature is invalid");
    check("a message in another alphabet", &with("message", json!("+/+/")), 400, "message not valid base64");
    check("a message that is padded", &with("message", json!("CgA=")), 400, "message not valid base64");
    check(
        "a message of another form",
        &with("message", json!("____")),
        400,
        "message bytes is not a RequestToReceiveBill",
    );
    check("no message", &with("message", json!("")), 400, "");
    check("a webhook elsewhere", &with("webhook", json!("ftp://example.com/")), 400, "url scheme must be");
    let inside = with("webhook", json!("https://169.254.169.254/latest/meta-data/"));
    check("a webhook inside", &inside, 400, "host is not a valid domain name: ");
    check("too much", &format!("{}{}", " ".repeat(1 << 16), honest), 400, "at most");
    check("deep nesting", &"[".repeat(50_000), 400, "");
    let too_dear = order(MERCHANT, 501, "usd", "too dear").create_intent_json(None);
    check("an amount above the limit", &too_dear, 400, "rpc error: code = InvalidArgument desc = ");
    let too_cheap = order(MERCHANT, 4, "usd", "too cheap").create_intent_json(None);
    check("an amount below the limit", &too_cheap, 400, "rpc error: code = InvalidArgument desc = ");

    let check = |what: &str, method: &str, path: &str, text: &str| {
        refused_in_json_v1(what, &call(&stage, method, path, ""), 400, text);
    };
    check("looking at createIntent", "GET", "/v1/createIntent", "http post expected");
    check("posting to getStatus", "POST", "/v1/getStatus", "http get expected");
    check("a status of nothing", "GET", "/v1/getStatus", "intent query parameter missing");
    check("a status of an empty id", "GET", "/v1/getStatus?intent=", "intent query parameter missing");
    check("a status of a short id", "GET", "/v1/getStatus?intent=abc", "intent id is not a public key");
    check("a status of bytes", "GET", "/v1/getStatus?intent=%00%ff%zz", "");
    check(
        "a status of a long id",
        "GET",
        &format!("/v1/getStatus?intent={}", "1".repeat(5_000)),
        "intent id is not a public key",
    );
    stage.must_be_as_before();
}

fn call(stage: &Stage, method: &str, path: &str, body: &str) -> Answer {
    http::call(stage.address(), method, path, "application/json", body.as_bytes())
        .unwrap_or_else(|error| panic!("{method} {}: no answer: {error}", &path[..path.len().min(60)]))
}
