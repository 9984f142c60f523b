//! The native JSON API.

use quittance_tests::http::{self, Answer};
use quittance_tests::people::MERCHANT;
use serde_json::{Value, json};

use crate::{Stage, refused_as_a_problem};

#[test]
fn a_bad_request_is_refused_with_the_field_at_fault() {
    let stage = Stage::set();
    let (intent, payer) = (stage.open.intent_id().to_string(), stage.payer.account());
    let get = |what: &str, path: &str, status: u16, code: &str, field: &str| {
        refused_as_a_problem(what, &call(&stage, "GET", path, b""), status, code, field);
    };
    get("a path that is none", "/v1/nothing", 404, "path_not_found", "path");
    get("an id that is none", "/v1/intents/abc", 400, "request_malformed", "intent");
    get(
        "an id with a wrong letter",
        &format!("/v1/intents/0{}", &intent[1..]),
        400,
        "request_malformed",
        "intent",
    );
    get("a zero as an id", "/v1/intents/%00", 400, "request_malformed", "intent");
    assert_eq!(call(&stage, "GET", "/v1/intents/%ff", b"").status, 400, "bytes as an id");
    get("an unknown id", &format!("/v1/intents/{MERCHANT}"), 404, "intent_not_found", "intent");
    get("words as a revision", &format!("/v1/intents/{intent}?after=x"), 400, "request_malformed", "query");
    get(
        "a revision below zero",
        &format!("/v1/intents/{intent}?after=-1"),
        400,
        "request_malformed",
        "query",
    );
    get(
        "an unknown question",
        &format!("/v1/intents/{intent}?revision=1"),
        400,
        "request_malformed",
        "query",
    );
    get("an account that is none", "/v1/accounts/abc", 400, "request_malformed", "account");

    let post = |what: &str, path: &str, body: &[u8], status: u16, code: &str, field: &str| {
        refused_as_a_problem(what, &call(&stage, "POST", path, body), status, code, field);
    };
    let quote = format!("/v1/intents/{intent}/quote");
    post("no body", &quote, b"", 400, "request_malformed", "body");
    post("no JSON", &quote, b"payer=me", 400, "request_malformed", "body");
    post("bytes", &quote, &[0xff; 20], 400, "request_malformed", "body");
    post("too much", &quote, &[b' '; 17_000], 413, "request_malformed", "body");
    post("no payer", &quote, b"{}", 422, "request_malformed", "body");
    post(
        "a field too many",
        &quote,
        json!({ "payer": payer, "tip": 1 }).to_string().as_bytes(),
        422,
        "request_malformed",
        "body",
    );
    post("a payer that is none", &quote, br#"{"payer":"me"}"#, 400, "request_malformed", "payer");
    let unknown = format!("/v1/intents/{MERCHANT}/quote");
    post(
        "a quote for nothing",
        &unknown,
        json!({ "payer": payer }).to_string().as_bytes(),
        404,
        "intent_not_found",
        "intent",
    );

    let quoted = stage.payer.quote(stage.address(), &intent).expect("a node").expect("a quote");
    let honest = json!(stage.payer.sign(&quoted));
    let with = |key: &str, value: Value| {
        let mut body = honest.clone();
        body[key] = value;
        body.to_string().into_bytes()
    };
    let submit = format!("/v1/intents/{intent}/submissions");
    let stranger = with("payer", json!(MERCHANT));
    post("no payload", &submit, &with("payload", Value::Null), 422, "request_malformed", "body");
    post(
        "a payload that is no base64",
        &submit,
        &with("payload", json!("?")),
        400,
        "request_malformed",
        "payload",
    );
    post(
        "a short signature",
        &submit,
        &with("signature", json!("abc")),
        400,
        "request_malformed",
        "signature",
    );
    post(
        "a signature of ones",
        &submit,
        &with("signature", json!("1".repeat(64))),
        401,
        "signature_invalid",
        "signature",
    );
    post(
        "an empty payload",
        &submit,
        &with("payload", json!("")),
        400,
        "payload_malformed",
        "payload.domain",
    );
    post("somebody else as the payer", &submit, &stranger, 400, "payload_payer_mismatch", "payload.payer");
    let unknown = format!("/v1/intents/{MERCHANT}/submissions");
    post(
        "a payment for another intent",
        &unknown,
        &with("payer", json!(payer)),
        400,
        "payload_intent_mismatch",
        "payload.intent",
    );

    let deposit = format!("/v1/accounts/{payer}/deposits");
    let check = |what: &str, body: Value, status: u16, code: &str, field: &str| {
        post(what, &deposit, body.to_string().as_bytes(), status, code, field);
    };
    check("nothing", json!({ "quarks": 0, "key": "a" }), 422, "quarks_must_not_be_zero", "quarks");
    check("less than nothing", json!({ "quarks": -1, "key": "a" }), 422, "request_malformed", "body");
    check("a part", json!({ "quarks": 0.5, "key": "a" }), 422, "request_malformed", "body");
    check("a text", json!({ "quarks": "5", "key": "a" }), 422, "request_malformed", "body");
    check(
        "more than there can be",
        json!({ "quarks": u64::MAX, "key": "a" }),
        422,
        "balance_out_of_range",
        "quarks",
    );
    check("no key", json!({ "quarks": 5 }), 422, "request_malformed", "body");
    check("an empty key", json!({ "quarks": 5, "key": "" }), 400, "request_malformed", "key");
    check("a long key", json!({ "quarks": 5, "key": "x".repeat(256) }), 400, "request_malformed", "key");
    check(
        "the same key with another sum",
        json!({ "quarks": 5, "key": "first" }),
        409,
        "deposit_mismatch",
        "quarks",
    );

    for (method, path) in
        [("DELETE", "/v1/node"), ("POST", "/v1/node"), ("PUT", quote.as_str()), ("GET", submit.as_str())]
    {
        let answer = call(&stage, method, path, b"{}");
        refused_as_a_problem(&format!("{method} {path}"), &answer, 405, "method_not_allowed", "method");
        assert!(
            answer.header("allow").is_some(),
            "{method} {path} does not say what is allowed: {}",
            answer.head
        );
    }
    stage.must_be_as_before();
}

fn call(stage: &Stage, method: &str, path: &str, body: &[u8]) -> Answer {
    http::call(stage.address(), method, path, "application/json", body)
        .unwrap_or_else(|error| panic!("{method} {path} with {} bytes: no answer: {error}", body.len()))
}
