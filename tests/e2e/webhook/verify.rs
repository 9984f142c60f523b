use quittance_tests::driver::Driver;
use quittance_tests::hook::Hook;
use quittance_tests::process::Here;
use quittance_tests::shop::Shop;
use quittance_tests::{here, http, sdk};
use serde_json::{Value, json};

const HERE: Here = here!();
const README: &str = include_str!("../../../README.md");
const MERCHANT: &str = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR";

/// The merchant's SDK asks, the payer pays, the merchant's server is told, and a library that knows nothing of this node says
/// that it was the node.
///
/// Gives what the merchant's server was sent.
fn told_and_verified(shop: &Shop, sdk: &mut Driver, verifier: &mut Driver, key: &str) -> String {
    let hook = Hook::open(|_, _| Some(200));
    let url = hook.url("/paid?order=1");
    let options = json!({
        "destination": MERCHANT, "amount": 0.25, "currency": "usd", "idempotencyKey": key, "webhook": { "url": url },
    });
    let created = sdk.call("create", &options).expect("a create with a webhook");
    assert_eq!(sdk.call("create", &options).as_ref(), Ok(&created), "repeated, it fails");
    let (id, secret) =
        (created["id"].as_str().expect("an id"), created["clientSecret"].as_str().expect("one"));
    shop.pay(id, secret);
    let told = hook.told_at_least(1);
    assert_eq!(told[0].path, "/paid?order=1");
    assert_eq!(told[0].header("content-type"), Some("application/jwt"));
    let keys =
        http::get(shop.server().address(), "/.well-known/quittance-keys.json").expect("the keys").json();
    let verified =
        verifier.call("verify", &json!({ "token": told[0].token, "keys": keys })).expect("a good token");
    assert_eq!(verified["header"], json!({ "alg": "EdDSA", "typ": "JWT" }));
    let claims = &verified["payload"];
    let known = |claim: &str| claims[claim].clone();
    assert_eq!((known("intent"), known("state")), (json!(id), json!("SUBMITTED")));
    assert_eq!((known("amount"), known("currency")), (json!(0.25), json!("USD")));
    assert_eq!((known("destination"), known("exchangeRate")), (json!(MERCHANT), json!(0.00002)));
    assert_eq!((known("quarks"), known("fees")), (json!(1_250_000_000), json!(50_000_000)));

    let (body, signature) = told[0].token.rsplit_once('.').expect("a token");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{body}.{first}{}", &signature[1..]);
    let refused = verifier.call("verify", &json!({ "token": forged, "keys": keys }));
    assert!(refused.is_err(), "a forged token passes: {refused:?}");
    let shown = shop.show(id);
    assert_eq!(shown["webhook"]["state"], "delivered", "{shown}");
    told[0].token.clone()
}

#[test]
fn a_merchant_with_the_javascript_sdk_is_told_and_verifies_it_with_jose() {
    let modules = sdk::javascript(&HERE);
    let shop = Shop::open(HERE);
    let mut sdk = Driver::node(&modules, "client.cjs", shop.server().url());
    let mut verifier = Driver::node(&modules, "verify.cjs", "");
    let body = told_and_verified(&shop, &mut sdk, &mut verifier, "told-js");
    // As the README has it, with the keys fetched from the node.
    let blocks = README.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let mut snippets = blocks.filter(|(_, code)| code.contains("createRemoteJWKSet"));
    let code =
        snippets.next().expect("a snippet for jose").1.replace("https://pay.example", shop.server().url());
    let payload = verifier.call("run", &json!({ "code": code, "body": body })).expect("a payload");
    assert_eq!(payload["state"], "SUBMITTED");
    registered_results(&shop, &mut sdk);
    shop.close();
}

#[test]
fn a_merchant_with_the_python_sdk_is_told_and_verifies_it_with_pyjwt() {
    let python = sdk::python(&HERE);
    let shop = Shop::open(HERE);
    let mut sdk = Driver::python(&python, "client.py", shop.server().url());
    let mut verifier = Driver::python(&python, "verify.py", "");
    told_and_verified(&shop, &mut sdk, &mut verifier, "told-py");
    shop.close();
}

/// `webhook.register` of the current SDK: each result by the name it gives it.
fn registered_results(shop: &Shop, sdk: &mut Driver) {
    let order =
        json!({ "destination": MERCHANT, "amount": 1, "currency": "usd", "idempotencyKey": "results" });
    let created = sdk.call("create", &order).expect("a create");
    let (id, secret) = (&created["id"], &created["clientSecret"]);
    let unknown = json!(MERCHANT);
    let mut register =
        |intent: &Value, url: &str| sdk.call("registerWebhook", &json!({ "intent": intent, "url": url }));
    for (intent, url, want) in [
        (id, "http://10.0.0.1/hook", "invalid_url"),
        (id, "http://localhost:1/hook", "ok"),
        (id, "http://localhost:1/hook", "ok"),
        (id, "http://localhost:1/other", "already_registered"),
        (&unknown, "http://localhost:1/hook", "request_not_found"),
    ] {
        let result = register(intent, url);
        assert_eq!(result.as_ref().map(|result| &result["message"]), Ok(&json!(want)), "{url}: {result:?}");
    }
    shop.pay(id.as_str().expect("an id"), secret.as_str().expect("a secret"));
    let result = register(id, "http://localhost:1/other");
    assert_eq!(result.as_ref().map(|result| &result["message"]), Ok(&json!("intent_exists")), "{result:?}");
}
