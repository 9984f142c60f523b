//! Who may speak for a domain: every word of the protocol about it, and how little a stranger can make the node fetch.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost::Message as _;
use quittance_code_api::call::SignedMessage;
use quittance_code_api::envelope::Method;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::proto::code::common::v1 as common;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::proto::code::transaction::v2::AdditionalFeePayment;
use quittance_code_api::request::{LoginOptions, NonceOptions};
use quittance_code_api::wire::delimited;
use quittance_core::command::{Request, Unproven};
use quittance_core::ids::{AccountId, Signature};
use quittance_core::verify::relationship_signing_bytes;
use quittance_outbound::{Addresses, HostTable, Lookup, Outbound, Resolve};

use crate::node::{Node, kin};
use crate::recorded::{hex, recorded, text};
use crate::site::{Site, document, verifier};

fn domain(value: &str) -> Option<common::Domain> {
    Some(common::Domain { value: value.to_owned() })
}

/// A request for 2500 kin under a domain, changed and then signed by verifier and rendezvous key.
fn asked(
    name: &str,
    by: &KeyPair,
    change: impl FnOnce(&mut messaging::RequestToReceiveBill),
) -> messaging::SendMessageRequest {
    let plain = kin(name);
    let mut bill = messaging::RequestToReceiveBill::decode(plain.inner_message()).expect("a request");
    bill.domain = domain("example.com");
    bill.verifier = Some(by.public_key().into());
    bill.rendezvous_key = Some(plain.intent_id().into());
    bill.signature = Some([0; 64].into());
    change(&mut bill);
    if bill.signature == Some([0; 64].into()) {
        bill.signature = None;
        bill.signature = Some(by.sign(&bill.encode_to_vec()).into());
    }
    SignedMessage::new(plain.rendezvous_key(), Kind::RequestToReceiveBill(bill)).to_request()
}

async fn check(node: &Node, request: messaging::SendMessageRequest, status: u16, want: &str) {
    let got = node.send(request).await.expect_err(want);
    assert!(got.0 == status && got.1.contains(want), "expected {status} {want:?}, got {got:?}");
}

#[tokio::test]
async fn a_request_is_shown_under_a_domain_only_by_whom_the_domain_names() {
    let site = Site::publishing(&[verifier().public_key(), PublicKey([3; 32])]).await;
    let node = site.node().await;
    let before = node.position();
    let (key, stranger) = (verifier(), KeyPair::from_seed(&[0x66; 32]));
    let ask = |change: fn(&mut messaging::RequestToReceiveBill)| asked("order-1", &verifier(), change);
    for (request, status, want) in [
        (ask(|bill| bill.signature = None), 400, "signature must be set for domain verification"),
        (ask(|bill| bill.rendezvous_key = None), 400, "rendezvous key must be set for domain verification"),
        (ask(|bill| bill.rendezvous_key = Some(PublicKey([1; 32]).into())), 400, "rendezvous key mismatch"),
        (ask(|bill| bill.verifier = None), 400, "signature can only be set when verifying domain"),
        (
            ask(|bill| (bill.verifier, bill.signature) = (None, None)),
            400,
            "rendezvous key can only be set when verifying domain",
        ),
        (ask(|bill| bill.domain = None), 400, "verifier cannot be set when domain not provided"),
        (
            ask(|bill| (bill.domain, bill.verifier) = (None, None)),
            400,
            "signature cannot be set when domain not provided",
        ),
        (
            ask(|bill| (bill.domain, bill.verifier, bill.signature) = (None, None, None)),
            400,
            "rendezvous key cannot be set when domain not provided",
        ),
        (
            ask(|bill| bill.domain = domain("localhost")),
            400,
            "domain is invalid: value must have base domain and tld",
        ),
        (ask(|bill| bill.domain = domain("xn--a.com")), 400, "domain is invalid: "),
        (ask(|bill| bill.domain = domain("ex ample.com")), 400, "value must be a valid hostname"),
        (
            ask(|bill| bill.domain = domain("shop.example.com")),
            401,
            "[unauthenticated] error veryfing domain ownership: subdomains cannot be verified",
        ),
        (ask(|bill| bill.signature = Some([7; 64].into())), 401, "[unauthenticated]"),
        (
            asked("order-1", &stranger, |_| {}),
            403,
            &format!("[permission_denied] {} does not own domain example.com", stranger.public_key()),
        ),
        (
            ask(|bill| bill.domain = domain("nowhere.invalid")),
            401,
            "[unauthenticated] error veryfing domain ownership: error resolving hostname: nowhere.invalid",
        ),
    ] {
        check(&node, request, status, want).await;
    }
    assert_eq!(node.position(), before, "nothing of it is on record");

    // A domain that is only named, a subdomain even, is nobody's word but the merchant's.
    let named = asked("order-2", &key, |bill| {
        (bill.verifier, bill.signature, bill.rendezvous_key) = (None, None, None);
        bill.domain = domain("shop.example.com");
    });
    node.send(named).await.expect("asked");
    node.send(ask(|_| {})).await.expect("asked");
    node.send(ask(|_| {})).await.expect("asked again");
    let plain = kin("order-1").signed_message().to_request();
    check(&node, plain, 400, "domain mismatches original request").await;
    check(&node, ask(|bill| bill.domain = domain("example.org")), 400, "domain mismatches original request")
        .await;
    let unproved = ask(|bill| (bill.verifier, bill.signature, bill.rendezvous_key) = (None, None, None));
    check(&node, unproved, 400, "original request is verified").await;
    check(&node, asked("order-2", &key, |_| {}), 400, "original request isn't verified").await;
}

/// Lost if this fails: a stranger makes the node ask domains by requests that nobody could accept, and a merchant is told to look
/// for a mistake in its domain that is elsewhere.
#[tokio::test]
async fn a_domain_is_asked_about_a_request_that_is_right_otherwise() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let fee =
        |to: u8, fee_bps| AdditionalFeePayment { destination: Some(PublicKey([to; 32]).into()), fee_bps };
    let stranger = KeyPair::from_seed(&[0x66; 32]);
    let ask = |change: &dyn Fn(&mut messaging::RequestToReceiveBill)| asked("order-1", &stranger, change);
    let destination: PublicKey = crate::node::DESTINATION.parse().expect("a key");
    let to_itself = AdditionalFeePayment { destination: Some(destination.into()), fee_bps: 1 };
    for (fees, want) in [
        (vec![to_itself], "fee taker at index 0 is the payment destination and should be omitted"),
        (vec![fee(1, 1), fee(1, 2)], "fee taker at index 1 appears multiple times and should be merged"),
        (vec![fee(1, 2500), fee(2, 2501)], "total fee percentage cannot exceed 5000 basis points"),
    ] {
        check(&node, ask(&|bill| bill.additional_fees.clone_from(&fees)), 400, want).await;
    }
    assert_eq!(site.asked(), 0);
    let original = asked("order-1", &verifier(), |bill| bill.additional_fees = vec![fee(1, 100), fee(2, 50)]);
    node.send(original).await.expect("asked");
    for (fees, want) in [
        (vec![fee(1, 100)], "original request configured 2 fee takers"),
        (vec![fee(1, 100), fee(3, 50)], "destination for fee at index 1 mismatches original request"),
        (vec![fee(1, 101), fee(2, 50)], "basis points for fee at index 0 mismatches original request"),
        (vec![fee(1, 100), fee(2, 50)], "does not own domain example.com"),
    ] {
        let status = if want.starts_with("does not own") { 403 } else { 400 };
        check(&node, ask(&|bill| bill.additional_fees.clone_from(&fees)), status, want).await;
    }
    let otherwise = ask(&|bill| bill.domain = domain("example.org"));
    check(&node, otherwise, 400, "domain mismatches original request").await;
}

#[tokio::test]
async fn a_login_is_asked_for_only_by_the_site_itself() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let build = |name: &str, domain: &str, by: &KeyPair| {
        let options = LoginOptions { domain, verifier: by };
        options.build(NonceOptions::idempotency_key(name)).expect("a login")
    };
    let request = build("login-1", "example.com", &verifier());
    let changed = |change: fn(&mut messaging::RequestToLogin)| {
        let mut login = messaging::RequestToLogin::decode(request.inner_message()).expect("a request");
        change(&mut login);
        if login.signature == Some([0; 64].into()) {
            login.signature = None;
            login.signature = Some(verifier().sign(&login.encode_to_vec()).into());
        }
        SignedMessage::new(request.rendezvous_key(), Kind::RequestToLogin(login)).to_request()
    };
    let stranger = KeyPair::from_seed(&[0x66; 32]);
    for (request, status, want) in [
        (changed(|login| login.signature = Some([7; 64].into())), 401, "[unauthenticated]"),
        (
            changed(|login| {
                (login.rendezvous_key, login.signature) =
                    (Some(PublicKey([1; 32]).into()), Some([0; 64].into()));
            }),
            400,
            "rendezvous key mismatch",
        ),
        (
            changed(|login| (login.domain, login.signature) = (domain("com"), Some([0; 64].into()))),
            400,
            "domain is invalid: value must have base domain and tld",
        ),
        (changed(|login| login.domain = None), 400, "invalid RequestToLogin.Domain: value is required"),
        (
            changed(|login| {
                (login.domain, login.signature) = (domain("a.example.com"), Some([0; 64].into()));
            }),
            401,
            "subdomains cannot be verified",
        ),
        (
            build("login-1", "example.com", &stranger).signed_message().to_request(),
            403,
            "does not own domain example.com",
        ),
    ] {
        check(&node, request, status, want).await;
    }
    node.send(request.signed_message().to_request()).await.expect("asked");
    let elsewhere = build("login-1", "example.org", &verifier());
    assert_eq!(elsewhere.intent_id(), request.intent_id(), "a login's code does not name its site");
    check(&node, elsewhere.signed_message().to_request(), 400, "domain mismatches original request").await;

    let payment = kin("order-1");
    node.send(payment.signed_message().to_request()).await.expect("asked");
    let mut login = messaging::RequestToLogin::decode(request.inner_message()).expect("a request");
    (login.rendezvous_key, login.signature) = (Some(payment.intent_id().into()), None);
    login.signature = Some(verifier().sign(&login.encode_to_vec()).into());
    let login = SignedMessage::new(payment.rendezvous_key(), Kind::RequestToLogin(login)).to_request();
    check(&node, login, 400, "original request requires payment").await;
    let mut bill = messaging::RequestToReceiveBill::decode(payment.inner_message()).expect("a request");
    bill.domain = None;
    let bill = SignedMessage::new(request.rendezvous_key(), Kind::RequestToReceiveBill(bill)).to_request();
    check(&node, bill, 400, "original request doesn't require payment").await;
}

#[tokio::test]
async fn the_account_that_a_site_knows_somebody_by_is_paid_through_that_site_alone() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let owner = KeyPair::from_seed(&[0x52; 32]);
    let (id, domain_of) = (AccountId(owner.public_key().0), "example.com".parse().expect("a domain"));
    let account = KeyPair::from_seed(&[0x53; 32]);
    let known = AccountId(account.public_key().0);
    node.fund(id).await;
    let bytes = relationship_signing_bytes(id, &domain_of, known);
    let [signed, consent] = [&owner, &account].map(|key| Unproven::native(Signature(key.sign(&bytes))));
    let establish =
        Request::EstablishRelationship { owner: id, domain: domain_of, authority: known, signed, consent };
    node.handle.execute(establish).await.expect("a relationship");
    let to_known = |bill: &mut messaging::RequestToReceiveBill| {
        bill.requestor_account = Some(PublicKey(known.0).into());
    };
    let unproved = asked("order-1", &verifier(), |bill| {
        to_known(bill);
        (bill.domain, bill.verifier, bill.signature, bill.rendezvous_key) = (None, None, None, None);
    });
    check(&node, unproved, 400, "domain verification is required when using a relationship account").await;
    let elsewhere = asked("order-1", &verifier(), |bill| {
        to_known(bill);
        bill.domain = domain("example.org");
    });
    check(&node, elsewhere, 400, "is not associated with example.org").await;
    node.send(asked("order-1", &verifier(), to_known)).await.expect("asked");
}

#[tokio::test]
async fn a_domain_is_asked_once_for_many_and_forgotten_after_minutes() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let orders: Vec<_> = (0..20).map(|n| asked(&format!("order-{n}"), &verifier(), |_| {})).collect();
    let sent = orders.iter().map(|order| node.send(order.clone()));
    for answer in futures_util::future::join_all(sent).await {
        answer.expect("asked");
    }
    assert_eq!(site.asked(), 1, "twenty requests, one look");

    // A key that is taken off its domain stops counting within five minutes; one that comes needs no longer.
    let late = || asked("order-late", &verifier(), |_| {});
    site.says(200, &document(&[PublicKey([3; 32])]));
    pass(Duration::from_secs(301)).await;
    check(&node, late(), 403, "does not own domain").await;
    site.says(500, "");
    pass(Duration::from_secs(301)).await;
    for _ in 0..3 {
        check(&node, late(), 401, "error veryfing domain ownership: expected HTTP 200").await;
    }
    assert_eq!(site.asked(), 3, "a site that fails is left alone for a while");
    site.says(200, "[]");
    pass(Duration::from_secs(31)).await;
    check(&node, late(), 401, "error veryfing domain ownership: ").await;
    site.says(200, &"x".repeat(70_000));
    pass(Duration::from_secs(31)).await;
    check(&node, late(), 401, "error veryfing domain ownership: ").await;
    let keys = format!(r#"{{"public_keys":["no key","{}"]}}"#, verifier().public_key());
    site.says(200, &keys);
    pass(Duration::from_secs(31)).await;
    node.send(late()).await.expect("what is no key keeps nobody else from counting");
    assert_eq!(site.asked(), 6);

    let mut unsigned = asked("order-unsigned", &verifier(), |bill| bill.domain = domain("example.org"));
    unsigned.signature = Some([7; 64].into());
    check(&node, unsigned, 401, "[unauthenticated]").await;
    assert_eq!(site.asked(), 6, "nobody is asked for the sake of what nobody signed");
}

/// Finds `example.com`; other names until it is told to let them hang, and then keeps their places.
#[derive(Debug)]
struct Sluggish {
    address: SocketAddr,
    hangs: AtomicBool,
    held: Mutex<Vec<Lookup>>,
}

impl Resolve for Sluggish {
    fn resolve<'a>(&'a self, host: &'a str, _: u16, lookup: Lookup) -> Addresses<'a> {
        if host == "example.com" || !self.hangs.load(Ordering::SeqCst) {
            return Box::pin(async { Ok(vec![self.address]) });
        }
        self.held.lock().expect("no other holder panicked").push(lookup);
        Box::pin(std::future::pending())
    }
}

impl Sluggish {
    /// Takes every look-up's place: a third for names that were found before.
    async fn fill(&self, door: &Outbound) {
        let url = |n: usize| format!("http://www.other-{n}.example/");
        for n in 0..16 {
            door.check_url(&url(n)).await.expect("a name");
        }
        self.hangs.store(true, Ordering::SeqCst);
        let urls: Vec<_> = (0..48).map(url).collect();
        futures_util::future::join_all(urls.iter().map(|url| door.get(url))).await;
        assert_eq!(self.held.lock().expect("no other holder panicked").len(), 48);
    }

    fn clear(&self) {
        self.hangs.store(false, Ordering::SeqCst);
        self.held.lock().expect("no other holder panicked").clear();
    }
}

#[tokio::test]
async fn a_busy_node_takes_no_domain_for_broken_and_keeps_the_keys_it_knew_for_a_while() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let (address, hangs, held) = (site.address, AtomicBool::new(false), Mutex::default());
    let resolver = Arc::new(Sluggish { address, hangs, held });
    let door = site.door(|door| {
        (door.resolver, door.resolve_timeout) = (resolver.clone(), Duration::from_millis(100));
    });
    let node = site.node_behind(door.clone(), |_| {}).await;
    let order = |name: &str| asked(name, &verifier(), |_| {});
    let stranger = || asked("order-9", &KeyPair::from_seed(&[0x66; 32]), |_| {});
    resolver.fill(&door).await;
    check(&node, order("order-1"), 503, "try again").await;
    resolver.clear();
    node.send(order("order-1")).await.expect("it was not the domain that failed");
    assert_eq!(site.asked(), 1);

    pass(Duration::from_secs(301)).await;
    resolver.fill(&door).await;
    node.send(order("order-2")).await.expect("the keys that it knew");
    check(&node, stranger(), 403, "does not own domain").await;
    pass(Duration::from_secs(121)).await;
    check(&node, order("order-3"), 503, "try again").await;
    resolver.clear();
    node.send(order("order-3")).await.expect("it is asked as soon as it can be");
    assert_eq!(site.asked(), 2);
}

/// Lost if this fails: one stranger, with names of servers that do not answer, keeps every shop from asking for payments.
#[tokio::test]
async fn a_shop_that_proved_a_key_waits_for_no_stranger_whose_servers_hang() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    // The system takes connections for it, and nobody answers them.
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = hangs.local_addr().expect("an address");
    let name = |n: usize| format!("hangs-{n}.example");
    let names = (0..80).map(|n| (name(n), address)).chain([("example.com".to_owned(), site.address)]);
    let resolver = Arc::new(HostTable::new(names.collect()));
    let node = site.node_behind(site.door(|door| door.resolver = resolver), |_| {}).await;
    node.send(asked("order-1", &verifier(), |_| {})).await.expect("asked");
    pass(Duration::from_secs(422)).await;

    let stranger = KeyPair::from_seed(&[0x66; 32]);
    let claim = |n| node.send(asked(&format!("claim-{n}"), &stranger, |bill| bill.domain = domain(&name(n))));
    let shop = async {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        let begun = std::time::Instant::now();
        node.send(asked("order-2", &verifier(), |_| {})).await.expect("asked");
        begun.elapsed()
    };
    let (claims, took) =
        futures_util::future::join(futures_util::future::join_all((0..80).map(claim)), shop).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(claims.iter().all(Result::is_err));
    assert_eq!(site.asked(), 2);
}

/// Time goes by for whoever asks tokio for it, at once.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Lost if this fails: a merchant who uses an official SDK asks, and nobody can pay or log in.
#[tokio::test]
async fn every_recorded_request_of_the_official_sdks_is_taken_and_none_with_a_bit_changed() {
    let vectors = recorded("vectors.json");
    let (mut taken, mut limited) = (Vec::new(), 0);
    for case in vectors["cases"].as_array().expect("a list of cases") {
        let (id, input, output) = (text(case, "id"), &case["input"], &case["output"]);
        let group = text(case, "group");
        if !matches!(group, "payment-intent" | "login-intent" | "payment-login-intent")
            || output.get("message").is_none()
        {
            continue;
        }
        let seed = if output.get("rendezvous_seed").is_some() { output } else { input };
        let key = KeyPair::from_seed(&hex(seed, "rendezvous_seed").try_into().expect("a seed"));
        let (message, signature) = (hex(output, "message"), hex(output, "rendezvous_signature"));
        let body = |message: &[u8]| {
            let key = delimited(2, &delimited(1, &key.public_key().0));
            [delimited(1, message), key, delimited(3, &delimited(1, &signature))].concat()
        };
        let mut keys = Vec::new();
        if input.get("verifier_seed").is_some() {
            let verifier = KeyPair::from_seed(&hex(input, "verifier_seed").try_into().expect("a seed"));
            keys.push(verifier.public_key());
        }
        let node = Site::publishing(&keys).await.node().await;
        // One bit in each byte, another one in each: a whole message would take minutes.
        let bits = 0..if taken.len() % 8 == 0 || !keys.is_empty() { message.len() } else { 0 };
        for at in bits {
            let mut changed = message.clone();
            changed[at] ^= 1 << (at % 8);
            let (status, answer) = node.call(Method::SendMessage, body(&changed)).await;
            assert!(matches!(status, 400 | 401), "{id}, byte {at}: {status} {answer:?}");
        }
        match node.call(Method::SendMessage, body(&message)).await {
            (200, Ok(_)) => taken.push(id),
            // By the rules for amounts (protocol e.3, e.6), which some of the recorded ones are outside of.
            (400, Err(text)) if text.contains("currency has a m") || text.contains("fractional kin") => {
                limited += 1;
            }
            other => panic!("{id}: {other:?}"),
        }
    }
    let logins = taken.iter().filter(|id| id.contains("login")).count();
    assert!(
        taken.len() >= 25 && logins == 6 && limited <= 8,
        "{limited} are outside of the rules for amounts, taken: {taken:?}"
    );
}
