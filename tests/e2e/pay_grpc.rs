//! `quittance pay --grpc`: an official payer's conversation, from another process, with the real server.

use data_encoding::HEXLOWER;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::request::Fee;
use quittance_tests::here;
use quittance_tests::http;
use quittance_tests::people::{MERCHANT, create, intent, order, order_with_fees};
use quittance_tests::process::{Here, text};
use quittance_tests::{driver::Driver, sdk};
use serde_json::{Value, json};

const HERE: Here = here!();
const PURSE: u64 = 1_000_000_000_000;

/// Lost if this fails: a payer with the official protocol alone cannot pay, or pays twice.
#[test]
fn a_payer_pays_with_the_official_protocol_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let server = HERE.serve(&data);
    let (key, account) = HERE.funded_key(directory.path(), &server, PURSE);
    let key = key.to_str().expect("a path in UTF-8");
    let shares = [
        Fee { destination: PublicKey([3; 32]), basis_points: 125 },
        Fee { destination: PublicKey([4; 32]), basis_points: 3 },
    ];
    let secret = order(MERCHANT, 25, "usd", "order-1");
    let code = order_with_fees(MERCHANT, 31, "eur", "order-2", Some(&shares));
    let kin = order(MERCHANT, 300_000, "kin", "order-3");
    let hands = [
        vec![secret.intent_id().to_string(), "--client-secret".into(), secret.client_secret()],
        vec![HEXLOWER.encode(code.payload())],
        vec![HEXLOWER.encode(&kin.drawn_code())],
    ];
    let mut spent = 0;
    for (request, hand) in [&secret, &code, &kin].into_iter().zip(&hands) {
        create(server.address(), request).expect("a node").expect("an intent");
        let rest = ["--grpc", "--key", key, "--server", server.url(), "--json"];
        let pay = || HERE.run(["pay"].into_iter().chain(hand.iter().map(String::as_str)).chain(rest));
        let paid = pay().json();
        let id = request.intent_id().to_string();
        assert_eq!((&paid["id"], &paid["payer"]), (&json!(id), &json!(account)), "{paid}");
        assert_eq!((&paid["state"], &paid["repeated"]), (&json!("confirmed"), &json!(false)), "{paid}");
        let known = intent(server.address(), &id).expect("a node").expect("an intent");
        assert!(known.scanned, "the merchant's page shows that the code was seen");
        let payment = known.payment.expect("a payment");
        let purposes: Vec<_> = payment.transfers.iter().map(|to| to.purpose.as_str()).collect();
        let fees = if std::ptr::eq(request, &raw const code) { 2 } else { 0 };
        assert_eq!(purposes, [&["service_fee"], &["fee"; 2][..fees], &["destination"]].concat());
        assert_eq!(paid["quarks"], payment.quarks);
        spent += payment.quarks;
        let again = pay().json();
        assert_eq!((&again["repeated"], &again["quarks"]), (&json!(true), &paid["quarks"]), "paid twice");
        assert_eq!(again["submitted_at_position"], paid["submitted_at_position"]);
    }
    let left = HERE.run(["account", "show", &account, "--server", server.url(), "--json"]).json();
    assert_eq!(left["balance"], PURSE - spent);
    server.stop();
    let verified = HERE.run(["log", "verify", "--data", data.to_str().expect("UTF-8"), "--json"]).json();
    assert_eq!(verified["ok"], true, "{verified}");
}

/// Lost if this fails: a payer signs away more than it meant to, or is not told why it cannot pay.
#[test]
fn a_payer_goes_no_further_than_its_bounds() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let (rich, _) = HERE.funded_key(directory.path(), &server, PURSE);
    let (poor, _) = HERE.key(directory.path(), "poor.key");
    let request = order(MERCHANT, 25, "usd", "order-1");
    create(server.address(), &request).expect("a node").expect("an intent");
    let code = HEXLOWER.encode(request.payload());
    let check = |key: &std::path::Path, more: &[&str], exit: u8, said: &str| {
        let key = key.to_str().expect("a path in UTF-8");
        let arguments = ["pay", "--grpc", "--key", key, "--server", server.url()];
        let ran = HERE.run(arguments.iter().chain(more).copied());
        assert_eq!(ran.code, i32::from(exit), "{more:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(said), "{more:?}: expected {said:?} in {}", ran.stderr);
    };
    check(&rich, &[&code, "--max-quarks", "1000000"], 3, "--max-quarks allows 1000000. Nothing was signed");
    check(&rich, &[&code, "--node", MERCHANT], 3, "not the one asked for. Nothing was signed");
    check(&poor, &[&code], 3, "insufficient balance to perform action");
    check(&rich, &[&request.intent_id().to_string()], 2, "an id is no code");
    let unknown = order(MERCHANT, 25, "usd", "nobody made this one");
    check(&rich, &[&HEXLOWER.encode(unknown.payload())], 3, "the mailbox of this code has no request");
    let known =
        intent(server.address(), &request.intent_id().to_string()).expect("a node").expect("an intent");
    assert!(known.payment.is_none(), "somebody paid");
    let id = request.intent_id().to_string();
    let shown = HERE.run(["show", &id, "--server", server.url(), "--json"]).json();
    assert_eq!(text(&shown["state"]), "created");
    server.stop();
}

/// Lost if this fails: an app whose makers have read the protocol, and not this code, builds other transactions than the node and
/// cannot pay.
#[test]
fn an_app_written_from_the_protocol_alone_signs_the_same_transactions() {
    let python = sdk::python_grpc(&HERE);
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let node = Driver::python(&python, "grpc_payer.py", server.url());
    let (mut app, seed) = (node, [0x42; 32]);
    let payer = KeyPair::from_seed(&seed);
    let account = payer.public_key().to_string();
    let deposit = ["account", "deposit", &account, "1000000000000", "--server", server.url()];
    assert_eq!(HERE.run(deposit).code, 0);
    let fees = [(PublicKey([3; 32]), 125), (PublicKey([4; 32]), 3)];
    let shares = fees.map(|(destination, basis_points)| Fee { destination, basis_points });
    let here = http::get(server.address(), "/v1/node").expect("a node");
    let here: Value = serde_json::from_slice(&here.body).expect("JSON");
    for (currency, hundredths) in [("usd", 25), ("eur", 31), ("jpy", 4_000), ("ngn", 55_555)] {
        let request = order_with_fees(MERCHANT, hundredths, currency, currency, Some(&shares));
        create(server.address(), &request).expect("a node").expect("an intent");
        let id = request.intent_id().to_string();
        let options = |spoil: bool| {
            json!({
                "payer": HEXLOWER.encode(&seed),
                "node": here["node"],
                "intent": id,
                "destination": MERCHANT,
                "currency": currency,
                "amount": format!("{}.{:02}", hundredths / 100, hundredths % 100),
                "fees": fees.map(|(account, bps)| json!([account.to_string(), bps])),
                "spoil": spoil,
            })
        };
        let spoilt = app.call("pay", &options(true)).expect("an answer");
        assert_eq!(spoilt, json!(["SIGNATURE_ERROR", ""]), "{currency}: the one signature is named");
        assert_eq!(app.call("pay", &options(false)), Ok(json!("paid")), "{currency}");
        let again = app.call("pay", &options(false)).expect("an answer");
        assert_eq!(again, json!(["STALE_STATE", "intent already exists"]), "{currency}");
        let known = intent(server.address(), &id).expect("a node").expect("an intent");
        assert_eq!(known.payment.expect("a payment").payer, account);
    }
    server.stop();
}
