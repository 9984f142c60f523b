//! What every page promises to a browser, from outside: it runs and loads nothing but the node's own, strangers' words stay words,
//! and it is small.

use ed25519_dalek::{Signer, SigningKey};
use quittance_code_api::key::KeyPair;
use quittance_code_api::nonce::Nonce;
use quittance_code_api::scan_code::ScanCode;
use quittance_core::ids::IntentId;
use quittance_core::terms;
use quittance_http_api::document;
use quittance_tests::here;
use quittance_tests::http::{self, Answer};
use quittance_tests::people::MERCHANT;
use quittance_tests::process::{Here, Server};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const HERE: Here = here!();
/// The most that a checkout may transfer, all it loads included.
const MAX_CHECKOUT_BYTES: usize = 50_000;
/// What a stranger may write who wants a page to do something else.
const HOSTILE: [&str; 6] = [
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "</dd></dl><a href=javascript:alert(1)>",
    "{{ 7 * 7 }}{% include \"x\" %}",
    "<!--<svg/onload=alert(1)>",
    "\u{202e}]]>&lt;script&gt;",
];

/// A payment that was asked for in the engine's own form: id and client secret.
fn order(server: &Server, number: u8, metadata: &Value) -> (String, String) {
    let nonce = Nonce([number; 11]);
    let currency = "usd".parse().expect("a currency");
    let payload = ScanCode::PaymentRequest { currency, hundredths: 125, nonce }.encode().expect("a code");
    let rendezvous = SigningKey::from_bytes(&Sha256::digest(payload).into());
    let id = IntentId(KeyPair::rendezvous(&payload).public_key().0);
    let asked = json!({ "destination": MERCHANT, "currency": "usd", "amount": "1.25", "metadata": metadata });
    let read: document::Terms = serde_json::from_value(asked.clone()).expect("terms");
    let signed = terms::Terms::try_from(&read).expect("terms").signing_bytes(id);
    let signature = bs58::encode(rendezvous.sign(&signed).to_bytes()).into_string();
    let wish = json!({ "id": id.to_string(), "terms": asked, "signature": signature });
    let created = http::post(server.address(), "/v1/intents", &wish).expect("a node");
    assert!(created.is_success(), "{}", created.text());
    (id.to_string(), nonce.client_secret())
}

fn get(server: &Server, path: &str) -> Answer {
    http::get(server.address(), path).expect("a node")
}

/// The values of an attribute, wherever it stands.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let lead = format!(" {attribute}=\"");
    html.split(lead.as_str())
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value)
        .collect()
}

#[test]
fn no_page_runs_or_loads_what_is_not_the_nodes_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let (id, secret) = order(&server, 1, &json!({ "order": "42" }));
    let check = |path: &str, status: u16, framed: bool| {
        let answer = get(&server, path);
        assert_eq!(answer.status, status, "{path}");
        let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("{path} has no {name}"));
        let policy = header("content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'"] {
            assert!(policy.split("; ").any(|part| part == rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        let ancestors = if framed { "frame-ancestors *" } else { "frame-ancestors 'none'" };
        assert!(policy.contains(ancestors), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}: a client secret would travel on");
        assert!(header("cache-control").contains("no-store"), "{path}");
        let camera = if path == "/wallet" { "camera=(self)" } else { "camera=()" };
        assert!(header("permissions-policy").contains(camera), "{path}");
        let html = answer.text();
        for script in html.split("<script").skip(1) {
            assert!(script.contains(" src=\"") && script.contains("></script>"), "{path}: {script}");
        }
        assert!(
            !html.contains("<style") && !html.contains(" style=") && !html.contains(" onclick"),
            "{path}"
        );
        for address in [values(&html, "src"), values(&html, "href")].concat() {
            let own = address.is_empty() || address.starts_with(['/', '#', '?']);
            let own = own && !address.starts_with("//") || address.starts_with(server.url());
            // An app gets the address of this node's own view.
            let own = own || address.starts_with(&format!("codewallet://{}/v1/elements/", server.address()));
            assert!(own, "{path} leads to {address}");
            if address.starts_with("/assets/") {
                let asset = get(&server, address);
                assert_eq!(asset.status, 200, "{path}: {address}");
                assert!(
                    asset.header("cache-control").is_some_and(|kept| kept.contains("immutable")),
                    "{address}"
                );
                assert_eq!(asset.header("x-content-type-options"), Some("nosniff"), "{address}");
            }
        }
    };
    check(&format!("/checkout/{id}?code={secret}"), 200, false);
    check(&format!("/checkout/{id}"), 200, false);
    check("/checkout/nothing", 404, false);
    check(&format!("/checkout/{id}?success_url=javascript:alert(1)"), 400, false);
    check(&format!("/checkout/{id}?code=a&code=b"), 400, false);
    check(&format!("/intents/{id}/story"), 200, false);
    check("/intents/nothing/story", 404, false);
    check("/wallet", 200, false);
    check("/v1/elements/payment-request-button/", 200, true);
    check("/v1/elements/payment-request-modal-desktop/", 200, true);
    check("/v1/elements/login-request-page-mobile/", 200, true);
    assert_eq!(
        get(&server, "/assets/0000000000000000/design.css").status,
        404,
        "an old address, kept for ever"
    );
    assert_eq!(get(&server, "/shop").status, 404, "the shop is the demo's alone");
    server.stop();
}

#[test]
fn what_strangers_write_stays_text() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let metadata: serde_json::Map<_, _> =
        HOSTILE.iter().enumerate().map(|(i, text)| (format!("note{i}"), (*text).into())).collect();
    let (id, secret) = order(&server, 2, &Value::Object(metadata));
    let plain = get(&server, &format!("/checkout/{id}?code={secret}")).text();
    let tags = |html: &str| html.matches('<').count();
    let (scripts, length) = (plain.matches("<script").count(), tags(&plain));
    assert_eq!(scripts, 1, "{plain}");
    for text in HOSTILE {
        assert!(!plain.contains(text), "{text} is not text any more");
    }
    assert!(
        plain.contains("{{ 7 * 7 }}") || plain.contains("{{ 7 * 7 }}{% include"),
        "it is shown as it was written"
    );
    for text in HOSTILE {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            format!("/checkout/{id}?code={secret}&lang={encoded}"),
            format!("/checkout/{id}?code={encoded}"),
            format!("/checkout/{id}?success_url={encoded}"),
            format!("/checkout/{id}?success_url=https%3A%2F%2Fa.example%2F{encoded}"),
            format!("/checkout/{encoded}"),
            format!("/intents/{encoded}/story"),
        ] {
            let html = get(&server, &path).text();
            assert!(!html.contains(text), "{path}");
            assert!(html.matches("<script").count() <= 1 && !html.contains("<img"), "{path}");
            assert!(tags(&html) <= length, "{path} has more elements than any checkout");
        }
    }
    server.stop();
}

#[test]
fn a_checkout_is_there_at_once_on_a_slow_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let (id, secret) =
        order(&server, 3, &json!({ "order": "2026-117", "note": "Two espressi & a croissant" }));
    let success = "&success_url=https%3A%2F%2Fshop.example%2Fthanks%3Forder%3D2026-117";
    let page = get(&server, &format!("/checkout/{id}?code={secret}{success}"));
    let html = page.text();
    let mut whole = page.head.len() + page.body.len();
    let mut wanted: Vec<String> =
        [values(&html, "src"), values(&html, "href")].concat().into_iter().map(str::to_owned).collect();
    wanted.retain(|address| address.starts_with("/assets/"));
    let mut at = 0;
    while let Some(address) = wanted.get(at).cloned() {
        let asset = get(&server, &address);
        assert_eq!(asset.status, 200, "{address}");
        whole += asset.head.len() + asset.body.len();
        // What a module imports is loaded too.
        let base = format!("http://node.example{address}");
        for import in asset.text().split(" from \"").skip(1).filter_map(|rest| rest.split_once('"')) {
            let import = joined(&base, import.0);
            if !wanted.contains(&import) {
                wanted.push(import);
            }
        }
        at += 1;
    }
    assert!(wanted.len() >= 7, "{wanted:?}");
    assert!(whole < MAX_CHECKOUT_BYTES, "{whole} bytes in {} files", wanted.len() + 1);
    server.stop();
}

/// A relative address of a module, from the module that names it.
fn joined(base: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = base.trim_start_matches("http://node.example").split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn a_payer_reads_their_own_language() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = HERE.serve(&directory.path().join("data"));
    let (id, _) = order(&server, 4, &json!({}));
    let check = |query: &str, accepted: &str, tag: &str, direction: &str, words: &str| {
        let request = format!(
            "GET /checkout/{id}{query} HTTP/1.1\r\nhost: {}\r\naccept-language: {accepted}\r\nconnection: close\r\n\r\n",
            server.address()
        );
        let answer = http::raw(server.address(), request.as_bytes()).expect("a node");
        let html = String::from_utf8_lossy(&answer).into_owned();
        assert!(html.contains(&format!("<html lang=\"{tag}\" dir=\"{direction}\">")), "{query} {accepted}");
        assert!(html.contains(words), "{query} {accepted}: {html}");
    };
    check("", "en", "en", "ltr", "Waiting for the payment");
    check("", "de-AT,en;q=0.5", "de", "ltr", "1,25");
    check("", "fr,es;q=0.9", "es", "ltr", "Esperando el pago");
    check("?lang=ar", "de", "ar", "rtl", "بانتظار الدفع");
    server.stop();
}
