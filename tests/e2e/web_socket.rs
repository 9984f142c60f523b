//! The page behind a payment button, over WebSocket with the official stream class: what a payer does shows there at once.

use quittance_tests::driver::Driver;
use quittance_tests::process::Here;
use quittance_tests::shop::Shop;
use quittance_tests::vectors::recorded;
use quittance_tests::{here, sdk};
use serde_json::{Value, json};

const HERE: Here = here!();

#[test]
fn a_page_sees_its_code_scanned_and_paid() {
    let modules = sdk::javascript(&HERE);
    let shop = Shop::open(HERE);
    let (options, recorded) = recorded("payment-intent/idempotency-order-42");
    let (id, secret) = (recorded["intent_id"].clone(), recorded["client_secret"].clone());
    let mut page = Driver::node(&modules, "view.cjs", shop.server().url());
    let call = |page: &mut Driver, name: &str, options: &Value| {
        page.call(name, options).unwrap_or_else(|error| panic!("{name} fails: {error}"))
    };
    let status = |exists: bool, scanned: bool, submitted: bool| json!({ "exists": exists, "codeScanned": scanned, "intentSubmitted": submitted });
    let intent = json!({ "intent": id });

    call(&mut page, "connect", &Value::Null);
    assert_eq!(call(&mut page, "getStatus", &intent), status(false, false, false));
    let sent = call(&mut page, "sendMessage", &options);
    assert_eq!(sent, json!({ "id": id, "clientSecret": secret, "result": "OK" }));
    call(&mut page, "openMessageStream", &intent);
    assert_eq!(page.event(), json!({ "event": "requestToReceiveBill" }));
    assert_eq!(call(&mut page, "getStatus", &intent), status(true, false, false));

    shop.pay(id.as_str().expect("an id"), secret.as_str().expect("a secret"));
    assert_eq!(page.event(), json!({ "event": "codeScanned" }));
    assert_eq!(page.event(), json!({ "event": "intentSubmitted" }));
    assert_eq!(call(&mut page, "getStatus", &intent), status(true, true, true));

    // Somebody else looks at the same code later, and sees all of it.
    let mut late = Driver::node(&modules, "view.cjs", shop.server().url());
    call(&mut late, "connect", &Value::Null);
    call(&mut late, "openMessageStream", &intent);
    for event in ["requestToReceiveBill", "codeScanned", "intentSubmitted"] {
        assert_eq!(late.event(), json!({ "event": event }));
    }
    call(&mut late, "close", &Value::Null);
    assert_eq!(late.event(), json!({ "event": "closed" }));
    shop.close();
}

#[test]
fn a_page_is_told_in_words_what_is_wrong() {
    let modules = sdk::javascript(&HERE);
    let shop = Shop::open(HERE);
    let mut page = Driver::node(&modules, "view.cjs", shop.server().url());
    let (mut options, _) = recorded("payment-intent/idempotency-order-42");
    options["amount"] = json!(5.01);
    let refused = page.call("sendMessage", &options).expect_err("more than the limit");
    assert!(refused.contains("[invalid_argument]"), "{refused}");
    shop.close();
}
