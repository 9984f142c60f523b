//! An official payer's conversation, from another process, with the real server: by `quittance pay --grpc`, by an app
//! written from the protocol alone, and through the official client's WebSocket.

use data_encoding::HEXLOWER;
use prost::Message as _;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::payer::Order;
use quittance_code_api::proto::code::transaction::v2::SubmitIntentResponse;
use quittance_code_api::proto::code::transaction::v2::submit_intent_response::Response;
use quittance_code_api::request::Fee;
use quittance_core::currency::Currency;
use quittance_core::ids::AccountId;
use quittance_core::money::{NativeAmount, Quarks};
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

/// Lost if this fails: an app whose makers have read the protocol, and not this code, builds other transactions than the
/// node and cannot pay.
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

/// Lost if this fails: a node whose operator asks no fee, or another, or few nonces, has payers who pay a wrong one or none
/// at all.
#[test]
fn a_payer_pays_the_fee_that_the_protocol_names_or_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let check = |name: &str, config: &str| {
        let file = directory.path().join(name).with_extension("toml");
        std::fs::write(&file, config).expect("a configuration");
        let file = file.to_str().expect("UTF-8");
        let server = HERE.serve_with(&directory.path().join(name), &["--config", file]);
        let (key, _) = HERE.funded_key(directory.path(), &server, PURSE);
        let request = order(MERCHANT, 25, "usd", name);
        create(server.address(), &request).expect("a node").expect("an intent");
        let key = key.to_str().expect("UTF-8");
        let arguments = ["pay", &HEXLOWER.encode(request.payload()), "--grpc", "--key", key];
        let ran = HERE.run(arguments.into_iter().chain(["--server", server.url(), "--json"]));
        let known = intent(server.address(), &request.intent_id().to_string());
        let payment = known.expect("a node").expect("an intent").payment;
        server.stop();
        std::fs::remove_file(key).expect("the key");
        (ran, payment.map(|payment| payment.transfers.len()))
    };
    let (free, transfers) = check("free", "nonces = 1\n[policy]\nservice_fee_us_cents = 0\n");
    assert_eq!((free.code, transfers), (0, Some(1)), "{}", free.stderr);
    let (dear, transfers) = check("dear", "[policy]\nservice_fee_us_cents = 2\n");
    assert_eq!((dear.code, transfers), (3, None), "{}", dear.stderr);
    assert!(dear.stderr.contains("code fee payment amount must be $0.02 USD"), "{}", dear.stderr);
    let (few, transfers) = check("few", "nonces = 1\n");
    assert_eq!((few.code, transfers), (4, None), "{}", few.stderr);
    assert!(few.stderr.contains("no nonce is free"), "{}", few.stderr);
}

/// Lost if this fails: what official clients speak over a WebSocket is not what the node hears there.
#[test]
fn the_official_client_carries_a_submission_over_a_web_socket() {
    let modules = sdk::javascript(&HERE);
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let payer = KeyPair::from_seed(&[0x43; 32]);
    let account = payer.public_key().to_string();
    let deposit = ["account", "deposit", &account, "1000000000000", "--server", server.url()];
    assert_eq!(HERE.run(deposit).code, 0);
    let here = http::get(server.address(), "/v1/node").expect("a node");
    let here: Value = serde_json::from_slice(&here.body).expect("JSON");
    let request = order(MERCHANT, 25, "usd", "order-1");
    create(server.address(), &request).expect("a node").expect("an intent");
    let order = Order {
        intent: request.intent_id(),
        node: text(&here["node"]).parse().expect("a key"),
        destination: AccountId(MERCHANT.parse::<PublicKey>().expect("a key").0),
        currency: Currency::USD,
        amount: NativeAmount::from_hundredths(25).expect("an amount"),
        fees: &[],
        rate: "0.00002".parse().expect("a rate"),
        service_fee: Some(Quarks::new(50_000_000)),
    };
    let draft = order.draft(&payer).expect("a draft");
    let mut app = Driver::node(&modules, "submit.cjs", server.url());
    let mut call = |name: &str, message: &[u8]| {
        let answer = app.call(name, &json!({ "message": HEXLOWER.encode(message) }));
        answer.unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let answer = call("submit", &draft.first_message());
    assert_eq!(answer["kind"], "serverParameters", "{answer}");
    let message = HEXLOWER.decode(text(&answer["message"]).as_bytes()).expect("hex");
    let response = SubmitIntentResponse::decode(message.as_slice()).expect("a response").response;
    let Some(Response::ServerParameters(parameters)) = response else { panic!("{response:?}") };
    let signatures = draft.second_message(&payer, &parameters).expect("signatures");
    assert_eq!(call("sign", &signatures)["kind"], "success");
    let again = call("submit", &draft.first_message());
    let reason = &again["json"]["error"]["errorDetails"][0]["reasonString"]["reason"];
    assert_eq!(
        (&again["json"]["error"]["code"], reason),
        (&json!("STALE_STATE"), &json!("intent already exists"))
    );
    server.stop();
}
