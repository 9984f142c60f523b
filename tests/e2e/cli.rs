//! The command line as people and their scripts see it.

use std::net::TcpListener;
use std::sync::OnceLock;

use data_encoding::{BASE64, HEXLOWER};
use quittance_code_api::request::SignedRequest;
use quittance_tests::here;
use quittance_tests::http;
use quittance_tests::people::{MERCHANT, create, intent, order};
use quittance_tests::process::{Here, text};
use quittance_tests::proxy::{Alter, Proxy};
use serde_json::{Value, json};

const HERE: Here = here!();
const PURSE: u64 = 1_000_000_000_000;
const SOMEBODY_ELSE: &str = "67Au2pGKHnnTNiVX79U5kH57K7kDBTJZCR8M47KQM6D8";

#[test]
fn every_help_has_an_example() {
    let mut asked = 0;
    let mut ask = vec![vec![]];
    while let Some(command) = ask.pop() {
        let ran = HERE.run(command.iter().map(String::as_str).chain(["--help"]));
        assert_eq!(ran.code, 0, "{command:?} --help");
        let example = if command.is_empty() { "Start here:" } else { "Example:" };
        assert!(ran.stdout.contains(example), "quittance {command:?} --help has no example:\n{}", ran.stdout);
        let list = ran.stdout.split("Commands:\n").nth(1).unwrap_or_default();
        let names = list.lines().take_while(|line| line.starts_with("  ")).filter_map(|line| {
            line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split(' ').next()
        });
        for name in names.filter(|name| *name != "help") {
            ask.push([command.as_slice(), &[name.to_owned()]].concat());
        }
        asked += 1;
    }
    assert!(asked >= 14, "only {asked} commands found");
}

#[test]
fn a_demo_ends_with_a_log_that_verifies() {
    let demo = HERE.run(["demo", "--json"]).json();
    assert_eq!(demo["log"]["ok"], true, "{demo}");
    assert!(demo["confirmed"].is_string() && demo["canceled"].is_string(), "{demo}");
    let told = HERE.run(["demo"]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    for event in
        ["payment_intent.created", "payment_intent.confirmed", "payment_intent.canceled", "log verify  ok"]
    {
        assert!(told.stdout.contains(event), "the demo does not show {event}:\n{}", told.stdout);
    }
}

#[test]
fn a_server_that_does_not_answer_is_exit_code_4() {
    let directory = tempfile::tempdir().expect("a directory");
    let (key, account) = HERE.key(directory.path(), "payer.key");
    let key = key.to_str().expect("a path in UTF-8");
    let closed =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let url = format!("http://{closed}");
    for command in [
        vec!["show", MERCHANT],
        vec!["pay", MERCHANT, "--key", key],
        vec!["account", "show", &account],
        vec!["account", "deposit", &account, "5"],
    ] {
        let ran = HERE.run(command.iter().copied().chain(["--server", &url, "--json"]));
        assert_eq!(ran.code, 4, "{command:?}: {}", ran.stderr);
        let told: Value = serde_json::from_str(&ran.stderr).expect("one JSON object");
        assert_eq!(told["error"]["kind"], "unreachable", "{command:?}");
        assert!(text(&told["error"]["message"]).contains(&url), "{command:?}: {told}");
    }
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_a_new_key() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let (path, _) = HERE.key(directory.path(), "payer.key");
    let mode = std::fs::metadata(path).expect("the key file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_payer_can_use_whatever_it_has_in_hand() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let (key, account) = HERE.funded_key(directory.path(), &server, PURSE);
    let key = key.to_str().expect("a path in UTF-8");
    let check = |name: &str, scanned: bool, hand: &dyn Fn(&SignedRequest) -> Vec<String>| {
        let request = order(MERCHANT, 25, "usd", name);
        create(server.address(), &request).expect("a node").expect("an intent");
        let hand = hand(&request);
        let rest = ["--key", key, "--server", server.url(), "--json"];
        let arguments = || ["pay"].into_iter().chain(hand.iter().map(String::as_str)).chain(rest);
        let paid = HERE.run(arguments()).json();
        assert_eq!(paid["id"], request.intent_id().to_string(), "{name}");
        assert_eq!(paid["payer"], account, "{name}");
        assert!(matches!(text(&paid["state"]).as_str(), "scheduled" | "confirmed"), "{name}: {paid}");
        let known =
            intent(server.address(), &request.intent_id().to_string()).expect("a node").expect("an intent");
        assert_eq!(known.scanned, scanned, "{name}");
        let again = HERE.run(arguments()).json();
        assert_eq!(
            (&again["repeated"], &again["quarks"]),
            (&json!(true), &paid["quarks"]),
            "{name}: paid twice"
        );
    };
    check("the payload", true, &|request| vec![HEXLOWER.encode(request.payload())]);
    check("the drawn code", true, &|request| vec![HEXLOWER.encode(&request.drawn_code())]);
    check("id and secret", true, &|request| {
        vec![request.intent_id().to_string(), "--client-secret".into(), request.client_secret()]
    });
    check("the bare id", false, &|request| vec![request.intent_id().to_string()]);
    server.stop();
}

#[test]
fn altered_terms_are_never_signed() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let (key, _) = HERE.funded_key(directory.path(), &server, PURSE);
    let key = key.to_str().expect("a path in UTF-8");
    let request = order(MERCHANT, 25, "usd", "order-42");
    create(server.address(), &request).expect("a node").expect("an intent");
    let (id, secret) = (request.intent_id().to_string(), request.client_secret());
    let check = |what: &str, alter: Alter| {
        let proxy = Proxy::before(server.address(), alter);
        for hand in [vec!["pay", &id, "--client-secret", &secret], vec!["pay", &id]] {
            let url = proxy.url();
            let ran = HERE.run(hand.iter().copied().chain(["--key", key, "--server", &url]));
            assert_eq!(ran.code, 3, "{what}: {}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains("Nothing was signed"), "{what}: {}", ran.stderr);
        }
        let asked = proxy.asked();
        assert!(!asked.is_empty(), "{what}: the proxy was not asked");
        assert!(!asked.iter().any(|what| what.contains("/submissions")), "{what}: submitted: {asked:?}");
        let known = intent(server.address(), &id).expect("a node").expect("an intent");
        assert_eq!(known.state, "created", "{what}");
    };
    check("another destination", |what, answer| {
        if is_intent(what) {
            answer["terms"]["destination"] = json!(SOMEBODY_ELSE);
        }
    });
    check("another amount", |what, answer| {
        if is_intent(what) {
            answer["terms"]["amount"] = json!("2.50");
        }
    });
    check("another fee", |what, answer| {
        if is_intent(what) {
            answer["terms"]["fees"] = json!([{ "destination": SOMEBODY_ELSE, "basis_points": 5000 }]);
        }
    });
    check("another destination in terms and signed bytes", |what, answer| {
        if is_intent(what) {
            answer["terms"]["destination"] = json!(SOMEBODY_ELSE);
            answer["authorization"]["signed"] = diverted(&answer["authorization"]["signed"]);
        }
    });
    check("another destination in the quote", |what, answer| {
        if what.ends_with("/quote") {
            answer["payload"] = diverted(&answer["payload"]);
        }
    });
    check("another node", |what, answer| {
        if what == "GET /v1/node" {
            answer["node"] = json!(SOMEBODY_ELSE);
        }
    });
    check("somebody else's terms, honestly signed", |what, answer| {
        if is_intent(what) {
            let other = order(SOMEBODY_ELSE, 25, "usd", "order-43");
            answer["terms"]["destination"] = json!(SOMEBODY_ELSE);
            answer["authorization"]["signed"] = json!(BASE64.encode(&other.signed_message().message()));
            answer["authorization"]["signature"] =
                json!(bs58::encode(other.signed_message().signature()).into_string());
        }
    });

    // The same way, with nobody in between.
    let honest = Proxy::before(server.address(), |_, _| {});
    let url = honest.url();
    let paid =
        HERE.run(["pay", &id, "--client-secret", &secret, "--key", key, "--server", &url, "--json"]).json();
    assert_eq!(paid["state"], "confirmed", "{paid}");
    server.stop();
}

/// A quote for another intent, in the payer's name, as a lying node got it from an honest one.
static BAIT: OnceLock<Value> = OnceLock::new();

#[test]
fn a_payment_put_into_the_payers_mouth_is_not_signed() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let (key, payer) = HERE.funded_key(directory.path(), &server, PURSE);
    let key = key.to_str().expect("a path in UTF-8");
    let (wanted, trap) = (order(MERCHANT, 25, "usd", "order-42"), order(SOMEBODY_ELSE, 500, "usd", "trap"));
    for request in [&wanted, &trap] {
        create(server.address(), request).expect("a node").expect("an intent");
    }
    let (id, trap) = (wanted.intent_id().to_string(), trap.intent_id().to_string());
    let quote =
        http::post(server.address(), &format!("/v1/intents/{trap}/quote"), &json!({ "payer": payer }));
    let quote = quote.expect("a node").json();
    let signature = bs58::encode([7; 64]).into_string();
    let bait = json!({
        "payer": payer, "rate": quote["rate"], "quarks": quote["quarks"], "transfers": quote["transfers"],
        "payload": quote["payload"], "signature": signature, "transactions": [],
    });
    BAIT.set(bait).expect("set once");
    let liar = Proxy::before(server.address(), |what, answer| {
        if is_intent(what) && answer["state"] == "created" {
            answer["payment"] = BAIT.get().expect("set before").clone();
        }
    });
    let paid = HERE.run(["pay", &id, "--key", key, "--server", &liar.url(), "--json"]).json();
    assert_eq!((&paid["state"], &paid["repeated"]), (&json!("confirmed"), &json!(false)), "{paid}");
    let spared = intent(server.address(), &trap).expect("a node").expect("an intent");
    assert_eq!(spared.state, "created", "the payer paid what it never meant to");
    server.stop();
}

#[test]
fn a_payer_goes_no_further_than_its_bounds() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let (key, _) = HERE.funded_key(directory.path(), &server, PURSE);
    let key = key.to_str().expect("a path in UTF-8");
    let request = order(MERCHANT, 25, "usd", "order-42");
    create(server.address(), &request).expect("a node").expect("an intent");
    let id = request.intent_id().to_string();
    let node = text(&http::get(server.address(), "/v1/node").expect("a node").json()["node"]);
    // $0.25 at $0.00002 a kin is 12 500 kin.
    for (bound, value, code) in [
        ("--max-quarks", "1249999999", 3),
        ("--node", SOMEBODY_ELSE, 3),
        ("--max-quarks", "1250000000", 0),
        ("--node", &node, 0),
    ] {
        let ran = HERE.run(["pay", &id, "--key", key, "--server", server.url(), bound, value]);
        assert_eq!(ran.code, code, "{bound} {value}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(code == 3, ran.stderr.contains("Nothing was signed"), "{}", ran.stderr);
    }
    server.stop();
}

fn is_intent(what: &str) -> bool {
    what.starts_with("GET /v1/intents/")
}

/// The same bytes with another destination.
fn diverted(base64: &Value) -> Value {
    let bytes = |account: &str| bs58::decode(account).into_vec().expect("base58");
    let mut payload = BASE64.decode(text(base64).as_bytes()).expect("base64");
    let (from, to) = (bytes(MERCHANT), bytes(SOMEBODY_ELSE));
    let at = payload.windows(32).position(|part| part == from).expect("the destination is in it");
    payload[at..at + 32].copy_from_slice(&to);
    json!(BASE64.encode(&payload))
}

#[test]
fn a_key_given_as_a_configuration_is_not_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, _) = HERE.key(directory.path(), "payer.key");
    let kept: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).expect("the key file")).expect("a JSON object");
    let path = path.to_str().expect("a path in UTF-8");
    let ran = HERE.run(["serve", "--data", path, "--config", path]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(!ran.stderr.contains(&text(&kept["secret_key"])), "the secret key is in the error");
}

#[test]
fn an_operator_watches_a_node_while_it_works() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let at = data.to_str().expect("a path in UTF-8");
    let server = HERE.serve(&data);
    let watched = std::thread::scope(|scope| {
        let top = scope.spawn(|| HERE.run(["top", "--data", at, "--times", "4", "--json"]));
        // Between the first look and the last there are three seconds.
        std::thread::sleep(std::time::Duration::from_millis(1_200));
        let _ = HERE.funded_key(directory.path(), &server, 5);
        top.join().expect("top ends")
    });
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    let looks: Vec<Value> =
        watched.stdout.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    assert_eq!(looks.len(), 4, "{}", watched.stdout);
    let deposits = |look: &Value| look["events"]["account.deposited"]["now"].as_u64().unwrap_or_default();
    assert_eq!(looks.iter().map(deposits).sum::<u64>(), 1, "{}", watched.stdout);
    assert_eq!(looks[3]["events"]["account.deposited"]["since"], 1, "{}", watched.stdout);
    let (first, last) = (looks[0]["position"].as_u64(), looks[3]["position"].as_u64());
    assert_eq!(first.map(|first| first + 1), last, "{}", watched.stdout);
    server.stop();
    let stopped = HERE.run(["top", "--data", at, "--times", "1"]);
    assert_eq!(stopped.code, 4, "{}", stopped.stdout);
    assert!(stopped.stderr.contains("no node runs"), "{}", stopped.stderr);
}
