//! Logging in at a site that uses the official SDK, with the command line as the payer's app. If this breaks, a site takes one
//! of its users for another, or a payer is known at a site that it never went to.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use quittance_code_api::key::KeyPair;
use quittance_tests::driver::Driver;
use quittance_tests::hook::Hook;
use quittance_tests::people::MERCHANT;
use quittance_tests::process::{Here, Ran, Server, text};
use quittance_tests::{here, http, sdk};
use serde_json::{Value, json};

const HERE: Here = here!();
const PURSE: u64 = 1_000_000_000_000;

/// The key that signs for the site, and one that does not.
const SITE: [u8; 32] = [0x31; 32];
const STRANGER: [u8; 32] = [0x32; 32];

/// A site's web server; the document may be changed.
struct Site {
    address: SocketAddr,
    document: Arc<Mutex<String>>,
}

impl Site {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let key = KeyPair::from_seed(&SITE).public_key();
        let document = Arc::new(Mutex::new(json!({ "public_keys": [key.to_string()] }).to_string()));
        let said = document.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut head = [0; 4096];
                let read = stream.read(&mut head).unwrap_or(0);
                let asked = head[..read].starts_with(b"GET /.well-known/code-payments.json ");
                let (status, body) = match asked {
                    true => (200, said.lock().expect("the document").clone()),
                    false => (404, String::new()),
                };
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all((head + &body).as_bytes());
            }
        });
        Self { address, document }
    }
}

/// A node that finds two sites on this machine, and a payer.
struct Stage {
    directory: tempfile::TempDir,
    server: Server,
    key: PathBuf,
    account: String,
}

impl Stage {
    fn open(site: &Site) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = directory.path().join("node.toml");
        let at = site.address;
        let hosts =
            format!("[outbound]\nhosts = {{ \"example.com\" = \"{at}\", \"example.org\" = \"{at}\" }}\n");
        fs::write(&config, hosts).expect("a file");
        let config = config.to_str().expect("a path in UTF-8");
        let server = HERE.serve_with(&directory.path().join("data"), &["--config", config]);
        let (key, account) = HERE.funded_key(directory.path(), &server, PURSE);
        Self { directory, server, key, account }
    }

    /// `quittance login`, as whoever has the key.
    fn log_in(&self, key: &Path, arguments: &[&str]) -> Ran {
        let key = key.to_str().expect("a path in UTF-8");
        let common = ["login", "--key", key, "--server", self.server.url(), "--json"];
        HERE.run([&common, arguments].concat())
    }

    fn show(&self, id: &str) -> Value {
        HERE.run(["show", id, "--server", self.server.url(), "--json"]).json()
    }

    fn close(self) {
        self.server.stop();
        HERE.verify(&self.directory.path().join("data"));
    }
}

fn site_key(seed: [u8; 32]) -> String {
    HEXLOWER.encode(&seed)
}

fn login(domain: &str, seed: [u8; 32], name: &str) -> Value {
    json!({ "domain": domain, "seed": site_key(seed), "idempotencyKey": name })
}

#[test]
fn a_site_with_the_current_sdk_learns_who_logged_in() {
    let modules = sdk::javascript(&HERE);
    let site = Site::open();
    let stage = Stage::open(&site);
    let mut sdk = Driver::node(&modules, "client.cjs", stage.server.url());
    let created = sdk.call("createLogin", &login("example.com", SITE, "login-1")).expect("created");
    let again = sdk.call("createLogin", &login("example.com", SITE, "login-1"));
    assert_eq!(again.as_ref(), Ok(&created), "asking again gives the same code");
    let (id, secret) = (text(&created["id"]), text(&created["clientSecret"]));
    let mut who = |seed: [u8; 32], id: &str| {
        let answer = sdk.call("getUserId", &json!({ "intent": id, "seed": site_key(seed) }));
        answer.map(|answer| answer["userId"].clone())
    };
    assert_eq!(who(SITE, &id), Ok(Value::Null), "nobody has logged in yet");

    let told = stage.log_in(&stage.key, &[&id, "--client-secret", &secret, "--domain", "example.com"]).json();
    let user = text(&told["user"]);
    assert_eq!((text(&told["domain"]), &told["logged_in"]), ("example.com".to_owned(), &json!(true)));
    assert_ne!(user, stage.account, "the site does not learn the payer's own account");
    assert_eq!(who(SITE, &id), Ok(json!(user)));
    let refused = who(STRANGER, &id).expect_err("another site's key");
    assert!(refused.contains("status code 401"), "{refused}");
    let shown = stage.show(&id);
    assert_eq!(shown["scanned"], true, "{shown}");
    for path in [format!("/v1/intents/{id}"), format!("/v1/intents/{id}/why"), format!("/intents/{id}/story")]
    {
        let public = http::get(stage.server.address(), &path).expect("an answer").text();
        assert!(public.contains("example.com"), "{path}: {public}");
        let told = [user.clone(), format!("{}…", &user[..4])].iter().any(|name| public.contains(name));
        assert!(!told, "{path} tells everybody who knows the code who logged in: {public}");
    }
    let repeated = stage.log_in(&stage.key, &[&id]).json();
    assert_eq!(text(&repeated["user"]), user, "logging in again changes nothing");
    let (other, account) = HERE.key(stage.directory.path(), "other.key");
    let ran = stage.log_in(&other, &[&id]);
    assert!(ran.code == 3 && ran.stderr.contains("owner has no account on this node"), "{}", ran.stderr);
    let funded =
        HERE.run(["account", "deposit", &account, "100000", "--server", stage.server.url(), "--json"]);
    assert_eq!(funded.code, 0, "{}", funded.stderr);
    let ran = stage.log_in(&other, &[&id]);
    assert!(ran.code == 3 && ran.stderr.contains("somebody else has logged in"), "{}", ran.stderr);

    // The same person elsewhere is another user, and here the same.
    let mut next = |domain: &str, name: &str| {
        let created = sdk.call("createLogin", &login(domain, SITE, name)).expect("created");
        let told = stage.log_in(&stage.key, &[&text(&created["id"])]).json();
        text(&told["user"])
    };
    assert_eq!(next("example.com", "login-2"), user);
    assert_ne!(next("example.org", "login-3"), user);
    stage.close();
}

#[test]
fn a_sites_server_is_told_who_logged_in() {
    let modules = sdk::javascript(&HERE);
    let site = Site::open();
    let stage = Stage::open(&site);
    let hook = Hook::open(|_, _| Some(200));
    let mut sdk = Driver::node(&modules, "client.cjs", stage.server.url());
    let mut options = login("example.com", SITE, "login-1");
    options["webhook"] = json!({ "url": hook.url("/logins") });
    let id = text(&sdk.call("createLogin", &options).expect("created")["id"]);
    assert_eq!(hook.told().len(), 0, "nobody has logged in yet");
    let user = text(&stage.log_in(&stage.key, &[&id]).json()["user"]);
    let told = hook.told_at_least(1);
    let claims = told[0].token.split('.').nth(1).expect("a token of three parts");
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims, json!({ "intent": id, "state": "SUBMITTED", "user": user }));
    stage.close();
}

#[test]
fn whoever_pays_a_site_that_asks_for_it_is_known_there() {
    let modules = sdk::javascript(&HERE);
    let site = Site::open();
    let stage = Stage::open(&site);
    let mut sdk = Driver::node(&modules, "client.cjs", stage.server.url());
    let order = json!({
        "destination": MERCHANT, "amount": 0.25, "currency": "usd", "idempotencyKey": "order-1",
        "domain": "example.com", "seed": site_key(SITE),
    });
    let created = sdk.call("createWithLogin", &order).expect("created");
    let (id, secret) = (text(&created["id"]), text(&created["clientSecret"]));
    let ran = stage.log_in(&stage.key, &[&id, "--client-secret", &secret]);
    assert!(ran.code == 3 && ran.stderr.contains("paying it logs in"), "{}", ran.stderr);
    let user = text(&serde_json::from_str::<Value>(&ran.stdout).expect("what it came to")["user"]);
    let mut who = || sdk.call("getUserId", &json!({ "intent": id, "seed": site_key(SITE) }));
    assert_eq!(who().map(|answer| answer["userId"].clone()), Ok(Value::Null), "nobody has paid yet");
    let (key, url) = (stage.key.to_str().expect("a path in UTF-8"), stage.server.url());
    let paid =
        HERE.run(["pay", &id, "--client-secret", &secret, "--key", key, "--server", url, "--json"]).json();
    assert_eq!(paid["state"], "confirmed", "{paid}");
    assert_eq!(who().map(|answer| answer["userId"].clone()), Ok(json!(user)));
    stage.close();
}

#[test]
fn a_payer_is_asked_under_a_domain_only_by_whom_the_domain_names() {
    let modules = sdk::javascript(&HERE);
    let site = Site::open();
    let stage = Stage::open(&site);
    let mut sdk = Driver::node(&modules, "client.cjs", stage.server.url());
    let error = sdk.call("createLogin", &login("example.com", STRANGER, "a")).expect_err("not its key");
    assert!(error.contains("status code 403"), "{error}");
    let error = sdk.call("createLogin", &login("nowhere.invalid", SITE, "b")).expect_err("no such site");
    assert!(error.contains("status code 401"), "{error}");

    // Whom the payer means, and whom the payer is asked by, are two things; and an intent may ask nobody to log in.
    let created = sdk.call("createLogin", &login("example.com", SITE, "c")).expect("created");
    let ran = stage.log_in(&stage.key, &[&text(&created["id"]), "--domain", "example.org"]);
    assert!(ran.code == 3 && ran.stderr.contains("example.com asks, not example.org"), "{}", ran.stderr);
    let order =
        json!({ "destination": MERCHANT, "amount": 0.25, "currency": "usd", "idempotencyKey": "plain" });
    let plain = sdk.call("create", &order).expect("created");
    let ran = stage.log_in(&stage.key, &[&text(&plain["id"])]);
    assert!(ran.code == 3 && ran.stderr.contains("asks nobody to log in"), "{}", ran.stderr);
    "{}".clone_into(&mut site.document.lock().expect("the document"));
    let error = sdk.call("createLogin", &login("example.org", SITE, "d")).expect_err("it says nothing");
    assert!(error.contains("status code 401"), "{error}");
    stage.close();
}
