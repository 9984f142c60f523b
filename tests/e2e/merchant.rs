//! A whole shop on Express with the official SDK: orders, the page a customer comes back to, the webhook, a login. If this breaks,
//! a shop that was written for the protocol hands out nothing for money, or something for none.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use quittance_tests::driver::Driver;
use quittance_tests::http::{self, Answer};
use quittance_tests::people::MERCHANT;
use quittance_tests::process::{Here, Server, text};
use quittance_tests::{here, sdk};
use serde_json::{Value, json};

const HERE: Here = here!();
const PURSE: u64 = 1_000_000_000_000;
const PATIENCE: Duration = Duration::from_secs(20);

struct Street {
    _shop: Driver,
    /// The shop's address.
    address: String,
    directory: tempfile::TempDir,
    node: Server,
    key: PathBuf,
}

impl Street {
    fn open() -> Self {
        let modules = sdk::javascript(&HERE);
        let mut shop = Driver::node(&modules, "merchant.cjs", "");
        let origin = text(&shop.call("where", &json!({})).expect("the shop opens"));
        let address = origin.strip_prefix("http://").expect("http").to_owned();
        let directory = tempfile::tempdir().expect("a directory");
        let config = directory.path().join("node.toml");
        fs::write(&config, format!("[outbound]\nhosts = {{ \"example.com\" = \"{address}\" }}\n"))
            .expect("a file");
        let config = config.to_str().expect("a path in UTF-8");
        let node = HERE.serve_with(&directory.path().join("data"), &["--config", config]);
        shop.call("open", &json!({ "url": node.url() })).expect("the shop knows its node");
        let (key, _) = HERE.funded_key(directory.path(), &node, PURSE);
        Self { _shop: shop, address, directory, node, key }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = http::post(&self.address, path, body).expect("the shop answers");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    fn get(&self, path: &str) -> Answer {
        http::get(&self.address, path).expect("the shop answers")
    }

    /// The command line as the payer's app.
    fn payer(&self, command: &str, id: &str, secret: &str) -> Value {
        let key = self.key.to_str().expect("a path in UTF-8");
        let url = self.node.url();
        HERE.run([command, id, "--client-secret", secret, "--key", key, "--server", url, "--json"]).json()
    }

    fn close(self) {
        self.node.stop();
        HERE.verify(&self.directory.path().join("data"));
    }
}

#[test]
fn an_order_is_paid_and_the_shop_knows_by_the_webhook_and_on_the_page() {
    let street = Street::open();
    let order = json!({ "destination": MERCHANT, "amount": 0.25, "currency": "usd", "number": 7 });
    let created = street.post("/orders", &order);
    assert_eq!(street.post("/orders", &order), created, "a customer who clicks twice has one order");
    let (id, secret) = (text(&created["id"]), text(&created["clientSecret"]));
    let page = || street.get(&format!("/orders/{id}")).text();
    assert!(page().contains("waiting for payment, not told"), "{}", page());
    let forged = http::call(&street.address, "POST", "/webhook", "application/jwt", b"e30.e30.AAAA")
        .expect("an answer");
    assert_eq!((forged.status, page().contains("not told")), (400, true), "anybody could pay with a webhook");

    let paid = street.payer("pay", &id, &secret);
    assert_eq!(paid["state"], "confirmed", "{paid}");
    assert!(page().contains("<p>paid"), "{}", page());
    let since = Instant::now();
    while !page().contains("told of 0.25 USD, 1 time(s)") {
        assert!(since.elapsed() < PATIENCE, "the shop was not told, or twice: {}", page());
        sleep(Duration::from_millis(20));
    }
    street.close();
}

#[test]
fn a_visitor_logs_in_and_the_shop_knows_who_it_is() {
    let street = Street::open();
    let created = street.post("/logins", &json!({ "number": 1 }));
    let (id, secret) = (text(&created["id"]), text(&created["clientSecret"]));
    let user = || street.get(&format!("/logins/{id}")).json()["user"].clone();
    assert_eq!(user(), Value::Null, "nobody yet");
    let told = street.payer("login", &id, &secret);
    assert_eq!(user(), told["user"]);
    assert!(told["user"].is_string(), "{told}");
    street.close();
}
