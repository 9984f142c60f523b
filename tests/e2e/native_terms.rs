//! A merchant without an SDK: it signs the engine's own form, and the payer's app checks that form as it checks the SDKs'.

use ed25519_dalek::{Signer, SigningKey};
use quittance_core::ids::IntentId;
use quittance_core::terms;
use quittance_http_api::document;
use quittance_tests::here;
use quittance_tests::http;
use quittance_tests::people::{MERCHANT, intent};
use quittance_tests::process::{Here, text};
use quittance_tests::proxy::{Alter, Proxy};
use serde_json::{Value, json};

const HERE: Here = here!();
const SOMEBODY_ELSE: &str = "67Au2pGKHnnTNiVX79U5kH57K7kDBTJZCR8M47KQM6D8";
/// More than what is bought: 10 million kin.
const PURSE: u64 = 1_000_000_000_000;

#[test]
fn terms_in_the_engines_own_form_are_paid_as_they_were_signed_or_not_at_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let server = HERE.serve(&data);
    let (key, _) = HERE.funded_key(directory.path(), &server, PURSE);
    let key = key.to_str().expect("a path in UTF-8");
    let rendezvous = SigningKey::from_bytes(&[0x4A; 32]);
    let id = IntentId(rendezvous.verifying_key().to_bytes());
    let asked = json!({
        "destination": MERCHANT, "currency": "jpy", "amount": "7.25", "fees": [], "metadata": { "order": "42" },
    });
    let read: document::Terms = serde_json::from_value(asked.clone()).expect("terms");
    let signed = terms::Terms::try_from(&read).expect("terms").signing_bytes(id);
    let signature = bs58::encode(rendezvous.sign(&signed).to_bytes()).into_string();
    let wish = json!({ "id": id.to_string(), "terms": asked, "signature": signature });
    let created = http::post(server.address(), "/v1/intents", &wish).expect("a node");
    assert!(created.is_success(), "{}", created.text());

    let id = id.to_string();
    let check = |what: &str, alter: Alter| {
        let proxy = Proxy::before(server.address(), alter);
        let url = proxy.url();
        let ran = HERE.run(["pay", &id, "--key", key, "--server", &url]);
        assert_eq!(ran.code, 3, "{what}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("Nothing was signed"), "{what}: {}", ran.stderr);
        assert_eq!(
            intent(server.address(), &id).expect("a node").expect("an intent").state,
            "created",
            "{what}"
        );
    };
    check("another destination", |what, answer| alter(what, answer, "destination", json!(SOMEBODY_ELSE)));
    check("another amount", |what, answer| alter(what, answer, "amount", json!("7.26")));
    check("another order", |what, answer| alter(what, answer, "metadata", json!({ "order": "43" })));
    check("no order", |what, answer| alter(what, answer, "metadata", json!({})));
    check("another deadline", |what, answer| {
        alter(what, answer, "expires_at", json!("2100-01-01T00:00:00Z"));
    });
    check("an amount that is none", |what, answer| alter(what, answer, "amount", json!("7.255")));

    let paid = HERE.run(["pay", &id, "--key", key, "--server", server.url(), "--json"]).json();
    assert_eq!(paid["state"], "confirmed", "{paid}");
    let shown = HERE.run(["show", &id, "--server", server.url()]).stdout;
    assert!(shown.contains("asks      7.25 jpy for") && shown.contains("order = \"42\""), "{shown}");
    let live = HERE.run(["why", &id, "--server", server.url(), "--json"]).json();
    server.stop();
    let kept = HERE.run(["why", &id, "--data", data.to_str().expect("a path in UTF-8"), "--json"]).json();
    assert_eq!(live, kept, "the log tells another story than the node that wrote it");
    assert_eq!(text(&kept[0]["records"][0]["data"]["terms"]["metadata"]["order"]), "42");
    HERE.verify(&data);
}

fn alter(what: &str, answer: &mut Value, field: &str, value: Value) {
    if what.starts_with("GET /v1/intents/") {
        answer["terms"][field] = value;
    }
}
