use std::thread;
use std::time::{Duration, Instant};

use quittance_tests::here;
use quittance_tests::hook::Hook;
use quittance_tests::http;
use quittance_tests::people::{MERCHANT, Payer, order};
use quittance_tests::process::{Here, text};
use serde_json::{Value, json};

use crate::{ask, pay};

const HERE: Here = here!();
/// How long the next thing may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn an_operator_sees_what_a_merchant_was_told_and_tells_it_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let server = HERE.serve(&data);
    let hook = Hook::open(|path, _| if path == "/away" { Some(503) } else { Some(200) });
    let path = data.to_str().expect("a path in UTF-8");
    let webhook =
        |arguments: &[&str]| HERE.run(["webhook"].iter().chain(arguments).chain(&["--data", path, "--json"]));
    let payer = Payer::numbered(1);
    assert!(payer.deposit(server.address(), "purse", 1 << 40).expect("an answer").is_success());
    assert_eq!(webhook(&["list"]).json(), json!({ "webhooks": [], "all": true }));
    let (away, here) = (order(MERCHANT, 25, "usd", "away"), order(MERCHANT, 25, "usd", "here"));
    let (away_id, here_id) = (away.intent_id().to_string(), here.intent_id().to_string());
    for (request, at) in [(&away, "/away"), (&here, "/here")] {
        ask(server.address(), request, &hook.url(at)).expect("an answer");
        let waiting = webhook(&["show", &request.intent_id().to_string()]).json();
        assert_eq!(waiting["webhook"]["state"], "waiting", "{waiting}");
        let early = webhook(&["redeliver", &request.intent_id().to_string()]);
        assert_eq!(early.code, 3, "{}", early.stderr);
        assert!(early.stderr.contains("webhook_not_armed"), "{}", early.stderr);
        pay(server.address(), &payer, &request.intent_id().to_string()).expect("an answer");
    }
    let first = hook.told_at_least(2);
    let pending = eventually("one is on record as not told", || {
        let list = webhook(&["list"]).json();
        let [entry] = list["webhooks"].as_array().expect("a list").as_slice() else { return None };
        (entry["webhook"]["attempts"][0]["status"] == 503).then(|| entry.clone())
    });
    assert_eq!(
        (text(&pending["intent"]), text(&pending["webhook"]["state"])),
        (away_id.clone(), "pending".into())
    );
    // Given up, it is called no more until it is ordered again; and again, it is refused.
    let given_up = webhook(&["give-up", &away_id]).json();
    assert_eq!(given_up["webhook"]["state"], "failed", "{given_up}");
    let attempts = given_up["webhook"]["attempts"].as_array().expect("attempts").clone();
    assert_eq!(
        attempts.last().map(|last| text(&last["error"])),
        Some("given up without a call: the operator ordered it".into())
    );
    let twice = webhook(&["give-up", &away_id]);
    assert_eq!(twice.code, 3, "{}", twice.stderr);
    assert!(twice.stderr.contains("one that is pending"), "{}", twice.stderr);
    assert_eq!(webhook(&["list"]).json(), json!({ "webhooks": [], "all": true }));
    let failed = webhook(&["list", "--failed"]).json();
    assert_eq!(failed["webhooks"][0]["intent"], json!(away_id), "{failed}");
    let why = HERE.run(["why", &away_id, "--server", server.url()]);
    assert!(why.stdout.contains("give_up_delivery"), "{}", why.stdout);
    let before = hook.told().len();
    let ordered = webhook(&["redeliver", &away_id]).json();
    // It may have been called before the answer was written.
    assert!(ordered["webhook"]["state"] != "failed", "{ordered}");
    let _ = hook.told_at_least(before + 1);
    let shown = webhook(&["show", &here_id]).json();
    assert_eq!(shown["webhook"]["state"], "delivered", "{shown}");
    let again = webhook(&["redeliver", &here_id]).json();
    assert_eq!(again["intent"], json!(here_id));
    let calls = |at: &str| hook.told().into_iter().filter(|told| told.path == at).collect::<Vec<_>>();
    eventually("the merchant is told again", || (calls("/here").len() > 1).then_some(()));
    let id = |told: &quittance_tests::hook::Told| told.header("webhook-id").map(str::to_owned);
    assert_eq!(id(&calls("/here")[0]), id(&calls("/here")[1]));
    assert_ne!(id(&first[0]), id(&first[1]));
    let unknown = webhook(&["show", MERCHANT]);
    assert_eq!((unknown.code, unknown.stderr.contains("intent_not_found")), (3, true), "{}", unknown.stderr);
    assert_eq!(webhook(&["list", "--failed"]).json(), json!({ "webhooks": [] }), "it was ordered again");
    // What strangers reach has no way to order a delivery.
    let path = format!("/v1/intents/{here_id}/redeliver");
    assert_eq!(http::post(server.address(), &path, &Value::Null).expect("an answer").status, 404);
    server.stop();
    let stopped = webhook(&["list"]);
    assert_eq!(stopped.code, 4, "{}", stopped.stderr);
}

/// What is looked for until it is there.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn whoever_knows_an_intent_does_not_learn_the_secret_in_its_merchants_webhook() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let server = HERE.serve(&data);
    // Nobody answers there, so that there is a reason too.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let host = closed.expect("a port").to_string();
    let payer = Payer::numbered(1);
    assert!(payer.deposit(server.address(), "purse", 1 << 40).expect("an answer").is_success());
    let request = order(MERCHANT, 25, "usd", "secret");
    let id = request.intent_id().to_string();
    let url = format!("http://{host}/hooks/s3cret?token=s3cret");
    ask(server.address(), &request, &url).expect("an answer");
    pay(server.address(), &payer, &id).expect("an answer");
    let path = data.to_str().expect("a path in UTF-8");
    let shown = eventually("an attempt is on record", || {
        let shown = HERE.run(["webhook", "show", &id, "--data", path, "--json"]).json();
        shown["webhook"]["attempts"][0].is_object().then_some(shown)
    });
    assert_eq!(shown["webhook"]["url"], url, "the operator sees all of it");
    assert!(text(&shown["webhook"]["attempts"][0]["error"]).contains("cannot connect"), "{shown}");
    let (intent, story) = (format!("/v1/intents/{id}"), format!("/intents/{id}/story"));
    for path in [intent.clone(), format!("{intent}/why"), story.clone(), format!("{story}/arrows")] {
        let answer = http::get(server.address(), &path).expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
        let told = answer.text();
        assert!(told.contains(&host), "{path} does not say whose webhook it is: {told}");
        assert!(!told.contains("s3cret") && !told.contains("cannot connect"), "{path}: {told}");
    }
    server.stop();
}

#[test]
fn the_published_keys_are_what_the_command_shows() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let server = HERE.serve(&data);
    let published = http::get(server.address(), "/.well-known/quittance-keys.json").expect("an answer");
    assert_eq!(published.header("content-type"), Some("application/jwk-set+json"));
    let file = data.join("node.key");
    let shown =
        HERE.run(["keys", "show", file.to_str().expect("a path in UTF-8"), "--jwks", "--json"]).json();
    assert_eq!(shown, published.json());
    assert_eq!(shown["keys"][0]["crv"], "Ed25519");
    server.stop();
}
