//! The official Python SDK, unmodified, against a running node.

use quittance_tests::driver::Driver;
use quittance_tests::process::Here;
use quittance_tests::shop::Shop;
use quittance_tests::{here, sdk};
use serde_json::json;

const HERE: Here = here!();
const MERCHANT: &str = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR";
const SOMEBODY_ELSE: &str = "67Au2pGKHnnTNiVX79U5kH57K7kDBTJZCR8M47KQM6D8";

#[test]
fn a_merchant_with_the_python_sdk_is_paid_and_hears_of_a_refusal() {
    let python = sdk::python(&HERE);
    let shop = Shop::open(HERE);
    let mut sdk = Driver::python(&python, "client.py", shop.server().url());
    for case in ["python-sdk/usd-0.14", "python-sdk/usd-0.125", "python-sdk/kin-10000"] {
        shop.sell(&mut sdk, case);
    }
    let order =
        json!({ "destination": MERCHANT, "amount": 1, "currency": "usd", "idempotencyKey": "order-43" });
    let changes = [
        ("another destination", "destination", json!(SOMEBODY_ELSE)),
        ("more than the limit", "amount", json!(5.01)),
        ("less than the limit", "amount", json!(0.04)),
    ];
    shop.refuse_changes(&mut sdk, &order, &changes, "ErrUnexpectedHttpStatus");
    shop.close();
}
