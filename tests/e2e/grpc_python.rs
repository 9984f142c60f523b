//! A gRPC client that Python's own tools generate from the schema, against a running node: what a payer's app does.

use data_encoding::HEXLOWER;
use quittance_tests::driver::Driver;
use quittance_tests::process::Here;
use quittance_tests::shop::Shop;
use quittance_tests::{here, people, sdk};
use serde_json::{Value, json};

const HERE: Here = here!();

/// What two streams of one program say, each in its order.
#[derive(Default)]
struct Both(Vec<Value>);

impl Both {
    /// The kinds of the next messages of the stream with this name; questions whether it is there are passed over.
    fn next(&mut self, app: &mut Driver, name: &str) -> Value {
        loop {
            if let Some(at) = self.0.iter().position(|event| event["event"] == name) {
                return self.0.remove(at)["kinds"].clone();
            }
            let event = app.event();
            if event.get("ping").is_none() {
                self.0.push(event);
            }
        }
    }
}

fn call(client: &mut Driver, name: &str, options: &Value) -> Value {
    client.call(name, options).unwrap_or_else(|error| panic!("{name} {options} fails: {error}"))
}

#[test]
fn an_app_with_a_generated_client_follows_a_payment_to_its_end() {
    let python = sdk::python_grpc(&HERE);
    let shop = Shop::open(HERE);
    let mut app = Driver::python(&python, "grpc_client.py", shop.server().url());
    let order = people::order(people::MERCHANT, 250_000, "kin", "an order over gRPC");
    let destination = bs58::decode(people::MERCHANT).into_vec().expect("an account");
    let with = |more: Value| {
        let mut options = json!({
            "seed": HEXLOWER.encode(&order.rendezvous_key().seed()[..]),
            "destination": HEXLOWER.encode(&destination),
            "kin": 2500,
        });
        options.as_object_mut().expect("options").extend(more.as_object().expect("options").clone());
        options
    };
    assert_eq!(call(&mut app, "status", &with(json!({}))), json!([false, false, false]));
    call(&mut app, "keepAlive", &with(json!({ "name": "app" })));
    assert_eq!(app.event(), json!({ "event": "app", "ping": 5 }), "asked at once, and every 5 seconds");
    let id = call(&mut app, "send", &with(json!({ "kind": "request" })));
    assert_eq!(app.event(), json!({ "event": "app", "kinds": ["request_to_receive_bill"] }));
    assert_eq!(call(&mut app, "send", &with(json!({ "kind": "request" }))), id, "the same request again");
    assert_eq!(call(&mut app, "status", &with(json!({}))), json!([true, false, false]));

    // Whoever knows the id may look on without a signature, and ends nobody's stream with it.
    call(&mut app, "open", &with(json!({ "name": "looker-on" })));
    let mut both = Both::default();
    assert_eq!(both.next(&mut app, "looker-on"), json!(["request_to_receive_bill"]));
    call(&mut app, "send", &with(json!({ "kind": "scanned" })));
    shop.pay(&order.intent_id().to_string(), &order.client_secret());
    for name in ["looker-on", "app"] {
        assert_eq!(both.next(&mut app, name), json!(["code_scanned"]), "{name}");
        assert_eq!(both.next(&mut app, name), json!(["intent_submitted"]), "{name}");
    }
    assert_eq!(call(&mut app, "status", &with(json!({}))), json!([true, true, true]));

    let polled = call(&mut app, "poll", &with(json!({})));
    let polled = polled.as_array().expect("messages");
    let kinds: Vec<_> = polled.iter().map(|message| message[0].clone()).collect();
    assert_eq!(kinds, ["request_to_receive_bill", "code_scanned", "intent_submitted"]);
    assert_eq!(polled[0][1], id);
    call(&mut app, "acknowledge", &with(json!({ "ids": [polled[0][1], polled[1][1]] })));
    assert_eq!(call(&mut app, "poll", &with(json!({}))), json!([polled[2]]));

    // What cannot be is told in gRPC's words.
    for (name, more, why) in [
        ("send", json!({ "kind": "rejected" }), "INVALID_ARGUMENT: client submitted intent"),
        (
            "send",
            json!({ "kind": "request", "kin": 0 }),
            "INVALID_ARGUMENT: invalid SendMessageRequest.Message",
        ),
        (
            "unknown",
            json!({ "method": "/code.messaging.v1.Messaging/Nothing" }),
            "UNIMPLEMENTED: the service has no such method",
        ),
        ("unknown", json!({ "method": "/code.badge.v1.Badge/ResetBadgeCount" }), "UNIMPLEMENTED: "),
    ] {
        let error = app.call(name, &with(more)).expect_err(name);
        assert!(error.starts_with(why), "{name}: {error}");
    }
    shop.close();
    let mut told = Vec::new();
    while told.len() < 2 {
        let event = app.event();
        if event.get("ping").is_none() {
            told.push(event);
        }
    }
    told.sort_by_key(|event| event["event"] != "app");
    let end = |name: &str| json!({ "event": name, "end": "UNAVAILABLE" });
    assert_eq!(told, [end("app"), end("looker-on")], "told before the node is gone");
}

#[test]
fn a_tool_that_knows_nothing_of_the_schema_asks_the_node() {
    let python = sdk::python_grpc(&HERE);
    let shop = Shop::open(HERE);
    let mut tool = Driver::python(&python, "grpc_client.py", shop.server().url());
    let told = call(&mut tool, "reflect", &json!({}));
    let services = told["services"].as_array().expect("services");
    for service in [
        "code.account.v1.Account",
        "code.currency.v1.Currency",
        "code.messaging.v1.Messaging",
        "code.micropayment.v1.MicroPayment",
        "code.transaction.v2.Transaction",
        "code.user.v1.Identity",
    ] {
        assert!(services.contains(&json!(service)), "{services:?}");
        assert_eq!(call(&mut tool, "health", &json!({ "service": service })), "SERVING");
    }
    assert_eq!(call(&mut tool, "health", &json!({ "service": "" })), "SERVING");
    let methods =
        ["OpenMessageStream", "OpenMessageStreamWithKeepAlive", "PollMessages", "AckMessages", "SendMessage"];
    assert_eq!(told["messaging"], json!(methods));
    shop.close();
}
