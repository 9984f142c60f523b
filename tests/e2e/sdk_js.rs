//! The official JavaScript SDKs, unmodified, against a running node. What breaks here breaks every merchant who uses them.

use quittance_tests::driver::Driver;
use quittance_tests::process::Here;
use quittance_tests::shop::Shop;
use quittance_tests::{here, sdk};
use serde_json::json;

const HERE: Here = here!();
const MERCHANT: &str = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR";
const SOMEBODY_ELSE: &str = "67Au2pGKHnnTNiVX79U5kH57K7kDBTJZCR8M47KQM6D8";

#[test]
fn a_merchant_with_the_current_sdk_is_paid() {
    let modules = sdk::javascript(&HERE);
    let shop = Shop::open(HERE);
    let mut sdk = Driver::node(&modules, "client.cjs", shop.server().url());
    for case in [
        "payment-intent/idempotency-order-42",
        "payment-intent/usd-0.29",
        "payment-intent/eur-0.5",
        "payment-intent/kin-2500",
        "payment-intent/fees-one",
        "payment-intent/fees-three-kin",
    ] {
        shop.sell(&mut sdk, case);
    }
    shop.close();
}

#[test]
fn a_merchant_with_the_current_sdk_hears_of_a_refusal() {
    let modules = sdk::javascript(&HERE);
    let shop = Shop::open(HERE);
    let mut sdk = Driver::node(&modules, "client.cjs", shop.server().url());
    let order =
        json!({ "destination": MERCHANT, "amount": 0.25, "currency": "usd", "idempotencyKey": "order-42" });
    let created = sdk.call("create", &order).expect("the first create");
    let with = |field: &str, value: serde_json::Value| {
        let mut order = order.clone();
        order[field] = value;
        order
    };
    let id = created["id"].as_str().expect("an id").to_owned();
    shop.refuse(
        &mut sdk,
        "another destination",
        &with("destination", json!(SOMEBODY_ELSE)),
        "status code 400",
    );
    shop.refuse(&mut sdk, "more than the limit", &with("amount", json!(5.01)), "status code 400");
    shop.refuse(&mut sdk, "less than the limit", &with("amount", json!(0.04)), "status code 400");
    shop.refuse(&mut sdk, "less than any amount", &with("amount", json!(0.004)), "");
    shop.refuse(&mut sdk, "a currency without a limit", &with("currency", json!("ssp")), "status code 400");
    let fees = json!([{ "destination": SOMEBODY_ELSE, "basisPoints": 10_000 }]);
    shop.refuse(&mut sdk, "fees of everything", &with("fees", fees), "status code 400");
    let shown = shop.show(&id);
    assert_eq!(shown["terms"]["destination"], MERCHANT, "a refused request changes nothing: {shown}");
    assert_eq!(shown["revision"], 0, "a refused request leaves no trace: {shown}");
    shop.close();
}

#[test]
fn a_merchant_with_the_old_sdk_is_paid_and_hears_of_a_refusal() {
    let modules = sdk::javascript(&HERE);
    let shop = Shop::open(HERE);
    let mut sdk = Driver::node(&modules, "client_v1.cjs", shop.server().url());
    for case in ["payment-intent/idempotency-order-42", "payment-intent/kin-2500"] {
        shop.sell(&mut sdk, case);
    }
    let order =
        json!({ "destination": MERCHANT, "amount": 1, "currency": "usd", "idempotencyKey": "order-43" });
    let changes = [
        ("another destination", "destination", json!(SOMEBODY_ELSE)),
        ("more than the limit", "amount", json!(5.01)),
    ];
    shop.refuse_changes(&mut sdk, &order, &changes, "unexpected HTTP status: 400");
    shop.close();
}
