//! The page behind a payment button over gRPC-Web, with the official schema and the client library that it was made for.

use quittance_tests::driver::Driver;
use quittance_tests::process::Here;
use quittance_tests::shop::Shop;
use quittance_tests::vectors::recorded;
use quittance_tests::{here, sdk};
use serde_json::{Value, json};

const HERE: Here = here!();

#[test]
fn a_page_over_grpc_web_sees_its_code_scanned_and_paid() {
    let modules = sdk::javascript(&HERE);
    let shop = Shop::open(HERE);
    let (options, recorded) = recorded("payment-intent/idempotency-order-42");
    let (id, secret) = (recorded["intent_id"].clone(), recorded["client_secret"].clone());
    let mut page = Driver::node(&modules, "grpc_web.cjs", shop.server().url());
    let call = |page: &mut Driver, name: &str, options: &Value| {
        page.call(name, options).unwrap_or_else(|error| panic!("{name} fails: {error}"))
    };
    let status = |exists: bool, scanned: bool, submitted: bool| json!({ "exists": exists, "codeScanned": scanned, "intentSubmitted": submitted });
    let intent = json!({ "intent": id });
    assert_eq!(call(&mut page, "getStatus", &intent), status(false, false, false));
    call(&mut page, "openMessageStream", &intent);
    let sent = call(&mut page, "sendMessage", &options);
    assert_eq!(sent, json!({ "id": id, "clientSecret": secret, "result": 0 }));
    assert_eq!(page.event(), json!({ "event": "requestToReceiveBill" }));

    shop.pay(id.as_str().expect("an id"), secret.as_str().expect("a secret"));
    assert_eq!(page.event(), json!({ "event": "codeScanned" }));
    assert_eq!(page.event(), json!({ "event": "intentSubmitted" }));
    assert_eq!(call(&mut page, "getStatus", &intent), status(true, true, true));

    // Another page opens the same code and sees the same.
    let mut late = Driver::node(&modules, "grpc_web.cjs", shop.server().url());
    call(&mut late, "openMessageStream", &intent);
    for event in ["requestToReceiveBill", "codeScanned", "intentSubmitted"] {
        assert_eq!(late.event(), json!({ "event": event }));
    }

    let mut too_much = options;
    too_much["amount"] = json!(5.01);
    let refused = page.call("sendMessage", &too_much).expect_err("more than the limit");
    assert!(refused.starts_with("InvalidArgument: "), "{refused}");
    shop.close();
    let text = "Unavailable: the node is shutting down; try again in a moment";
    for page in [&mut page, &mut late] {
        assert_eq!(page.event(), json!({ "event": "end", "text": text }));
    }
}
