//! Logging in. If these fail, a site takes one person for another, or learns of people who did not log in there.

use prost::Message as _;
use quittance_code_api::call::{
    self, SignedMessage, get_login_for_third_party_app, login_to_third_party_app,
};
use quittance_code_api::envelope::Method;
use quittance_code_api::key::{KeyPair, PublicKey, base58};
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::proto::code::user::v1 as user;
use quittance_code_api::request::{LoginOptions, NonceOptions, PaymentOptions, SignedRequest};
use quittance_core::command::{Request, Unproven};
use quittance_core::ids::{AccountId, Signature};
use quittance_core::verify::relationship_signing_bytes;

use crate::node::{DESTINATION, Node, kin};
use crate::site::{Site, verifier};

/// The key that a payer is known to a site by.
fn user() -> KeyPair {
    KeyPair::from_seed(&[0x51; 32])
}

fn login_at(domain: &str, name: &str) -> SignedRequest {
    let options = LoginOptions { domain, verifier: &verifier() };
    options.build(NonceOptions::idempotency_key(name)).expect("a login")
}

fn payment_with_login(name: &str) -> SignedRequest {
    let options = PaymentOptions {
        destination: Some(DESTINATION),
        hundredths: Some(250_000),
        currency: Some("kin"),
        nonce: NonceOptions::idempotency_key(name),
        login: Some(LoginOptions { domain: "example.com", verifier: &verifier() }),
        ..PaymentOptions::default()
    };
    options.build().expect("a request")
}

async fn know(node: &Node, owner: &KeyPair, domain: &str, authority: &KeyPair) {
    let (id, authority_id) = (AccountId(owner.public_key().0), AccountId(authority.public_key().0));
    let domain = domain.parse().expect("a domain");
    node.fund(id).await;
    let bytes = relationship_signing_bytes(id, &domain, authority_id);
    let [signed, consent] = [owner, authority].map(|key| Unproven::native(Signature(key.sign(&bytes))));
    let authority = authority_id;
    let establish = Request::EstablishRelationship { owner: id, domain, authority, signed, consent };
    node.handle.execute(establish).await.expect("a relationship");
}

async fn log_in(node: &Node, request: user::LoginToThirdPartyAppRequest) -> Result<i32, (u16, String)> {
    let (status, answer) = node.call(Method::LoginToThirdPartyApp, request.encode_to_vec()).await;
    let answer = answer.map_err(|text| (status, text))?;
    Ok(user::LoginToThirdPartyAppResponse::decode(answer.as_slice()).expect("a response").result)
}

async fn who(
    node: &Node,
    request: &user::GetLoginForThirdPartyAppRequest,
) -> Result<(i32, Option<PublicKey>), (u16, String)> {
    let (status, answer) = node.call(Method::GetLoginForThirdPartyApp, request.encode_to_vec()).await;
    let answer = answer.map_err(|text| (status, text))?;
    let answer = user::GetLoginForThirdPartyAppResponse::decode(answer.as_slice()).expect("a response");
    Ok((answer.result, answer.user_id.map(|id| PublicKey::from_slice(&id.value).expect("a key"))))
}

/// The same asked by an older SDK.
async fn who_in_json(node: &Node, intent: PublicKey, by: &KeyPair) -> (u16, String) {
    let mut request = get_login_for_third_party_app(intent, by);
    let signature = request.signature.replace([1; 64].into()).expect("a signature").value;
    let message = data_encoding::BASE64URL_NOPAD.encode(&request.encode_to_vec());
    let body = serde_json::json!({
        "intent": intent.to_string(), "message": message, "signature": base58(&signature),
    });
    let answer = node.http("POST", "/v1/getUserId", body.to_string().as_bytes()).await;
    (answer.status, answer.text())
}

fn kinds(messages: Vec<messaging::Message>) -> Vec<&'static str> {
    let name = |message: messaging::Message| match message.kind {
        Some(Kind::RequestToLogin(_)) => "request_to_login",
        Some(Kind::RequestToReceiveBill(_)) => "request_to_receive_bill",
        Some(Kind::CodeScanned(_)) => "code_scanned",
        Some(Kind::IntentSubmitted(_)) => "intent_submitted",
        Some(Kind::ClientRejectedLogin(_)) => "client_rejected_login",
        _ => "another",
    };
    messages.into_iter().map(name).collect()
}

#[tokio::test]
async fn a_site_learns_who_logged_in_and_nobody_else_does() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let request = login_at("example.com", "login-1");
    let (intent, key) = (request.intent_id(), request.rendezvous_key());
    let ask = get_login_for_third_party_app(intent, &verifier());
    assert_eq!(who(&node, &ask).await, Ok((1, None)), "REQUEST_NOT_FOUND");
    assert_eq!(log_in(&node, login_to_third_party_app(intent, &user())).await, Ok(1));

    for _ in 0..2 {
        node.send(request.signed_message().to_request()).await.expect("asked, and asked again");
    }
    assert_eq!(node.status(key).await, (true, false, false));
    assert_eq!(who(&node, &ask).await, Ok((3, None)), "NO_USER_LOGGED_IN");
    assert_eq!(who_in_json(&node, intent, &verifier()).await, (200, r#"{"success":true}"#.to_owned()));

    let unknown = log_in(&node, login_to_third_party_app(intent, &user())).await;
    assert_eq!(unknown, Ok(5), "INVALID_ACCOUNT: no site knows anybody by this key");
    let (owner, other) = (KeyPair::from_seed(&[0x52; 32]), KeyPair::from_seed(&[0x53; 32]));
    know(&node, &owner, "example.com", &user()).await;
    know(&node, &other, "example.com", &other).await;
    know(&node, &owner, "example.org", &owner).await;
    let elsewhere = log_in(&node, login_to_third_party_app(intent, &owner)).await;
    assert_eq!(elsewhere, Ok(5), "INVALID_ACCOUNT: another site knows somebody by this key");
    let mut forged = login_to_third_party_app(intent, &user());
    forged.signature = login_to_third_party_app(intent, &owner).signature;
    assert_eq!(log_in(&node, forged).await, Err((401, "[unauthenticated]".to_owned())));

    for _ in 0..2 {
        assert_eq!(log_in(&node, login_to_third_party_app(intent, &user())).await, Ok(0));
    }
    assert_eq!(
        log_in(&node, login_to_third_party_app(intent, &other)).await,
        Ok(4),
        "DIFFERENT_LOGIN_EXISTS"
    );
    assert_eq!(node.status(key).await, (true, false, true));
    assert_eq!(kinds(node.poll(key).await), ["request_to_login", "intent_submitted"]);

    assert_eq!(who(&node, &ask).await, Ok((0, Some(user().public_key()))));
    let told = format!(r#"{{"success":true,"user":"{}"}}"#, user().public_key());
    assert_eq!(who_in_json(&node, intent, &verifier()).await, (200, told));
    let mut unsigned = ask.clone();
    unsigned.signature = Some([7; 64].into());
    assert_eq!(who(&node, &unsigned).await, Err((401, "[unauthenticated]".to_owned())));
    let stranger = get_login_for_third_party_app(intent, &other);
    let (status, text) = who(&node, &stranger).await.expect_err("a key of another domain");
    assert_eq!((status, text.contains("does not own domain example.com")), (401, true), "{text}");
    let refused = (401, r#"{"error":"authentication failed","success":false}"#.to_owned());
    assert_eq!(who_in_json(&node, intent, &other).await, refused);

    let again = node.send(request.signed_message().to_request()).await;
    assert_eq!(again, Err((400, "[invalid_argument] client submitted intent".to_owned())));
}

#[tokio::test]
async fn whoever_pays_a_site_that_asks_for_it_is_logged_in_there() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let request = payment_with_login("order-1");
    let intent = request.intent_id();
    node.send(request.signed_message().to_request()).await.expect("asked");
    assert_eq!(log_in(&node, login_to_third_party_app(intent, &user())).await, Ok(2), "PAYMENT_REQUIRED");
    let ask = get_login_for_third_party_app(intent, &verifier());
    assert_eq!(who(&node, &ask).await, Ok((3, None)));
    // Who pays in these tests.
    let payer = KeyPair::from_seed(&[0x77; 32]);
    node.pay(request.rendezvous_key()).await;
    assert_eq!(who(&node, &ask).await, Ok((3, None)), "the site knows the payer by no account");
    know(&node, &payer, "example.com", &user()).await;
    assert_eq!(who(&node, &ask).await, Ok((0, Some(user().public_key()))));

    let plain = kin("order-2");
    node.send(plain.signed_message().to_request()).await.expect("asked");
    assert_eq!(
        log_in(&node, login_to_third_party_app(plain.intent_id(), &user())).await,
        Ok(3),
        "NOT_SUPPORTED"
    );
    let ask = get_login_for_third_party_app(plain.intent_id(), &verifier());
    assert_eq!(who(&node, &ask).await, Ok((2, None)), "LOGIN_NOT_SUPPORTED");
}

#[tokio::test]
async fn a_payer_who_does_not_want_to_log_in_says_so_to_the_page() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let request = login_at("example.com", "login-1");
    let key = request.rendezvous_key();
    node.send(request.signed_message().to_request()).await.expect("asked");
    let at = prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 };
    node.send(SignedMessage::code_scanned(key, at).to_request()).await.expect("scanned");
    node.send(SignedMessage::client_rejected_login(key, at).to_request()).await.expect("declined");
    assert_eq!(kinds(node.poll(key).await), ["request_to_login", "code_scanned", "client_rejected_login"]);
    know(&node, &user(), "example.com", &user()).await;
    let (status, text) = log_in(&node, login_to_third_party_app(request.intent_id(), &user()))
        .await
        .expect_err("it was declined for good");
    assert_eq!((status, text.starts_with("[invalid_argument] ")), (400, true), "{text}");
}

#[tokio::test]
async fn an_owner_sees_its_accounts_and_nobody_elses() {
    use quittance_code_api::proto::code::account::v1 as account;
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let owner = KeyPair::from_seed(&[0x77; 32]);
    let infos = async |request: account::GetTokenAccountInfosRequest| {
        let (status, answer) = node.call(Method::GetTokenAccountInfos, request.encode_to_vec()).await;
        let answer = answer.map_err(|text| (status, text))?;
        Ok(account::GetTokenAccountInfosResponse::decode(answer.as_slice()).expect("a response"))
    };
    let ask = call::get_token_account_infos(&owner);
    let none: Result<_, (u16, String)> = infos(ask.clone()).await;
    let none = none.expect("an answer");
    assert_eq!((none.result, none.token_account_infos.len()), (1, 0), "NOT_FOUND");

    node.send(kin("order-1").signed_message().to_request()).await.expect("asked");
    node.pay(kin("order-1").rendezvous_key()).await;
    know(&node, &owner, "example.com", &user()).await;
    let found = infos(ask.clone()).await.expect("an answer");
    assert_eq!((found.result, found.token_account_infos.len()), (0, 2));
    let node_key = PublicKey(node.handle.node().0);
    for (authority, kind, balance, domain) in [
        // With the quark that made it an account.
        (owner.public_key(), 1, 1_000_000_000_001 - 250_000_000, None),
        (user().public_key(), 13, 0, Some("example.com")),
    ] {
        let vault = quittance_code_api::solana::address::Timelock::of(authority, node_key).vault.address;
        let info = &found.token_account_infos[&vault.to_string()];
        let key = |id: &Option<quittance_code_api::proto::code::common::v1::SolanaAccountId>| {
            PublicKey::from_slice(&id.as_ref().expect("a key").value).expect("32 bytes")
        };
        assert_eq!(
            (key(&info.address), key(&info.owner), key(&info.authority)),
            (vault, owner.public_key(), authority)
        );
        assert_eq!(key(&info.mint).to_string(), "kinXdEcpDQeHPEuQnqmUgtYykqKGVFq6CeVX5iAHJq6");
        assert_eq!((info.account_type, info.balance), (kind, balance));
        // CACHE, LOCKED, DOES_NOT_EXIST.
        assert_eq!((info.balance_source, info.management_state, info.blockchain_state), (2, 3, 1));
        assert_eq!(info.relationship.is_some(), domain.is_some());
    }
    let forged = account::GetTokenAccountInfosRequest {
        signature: call::get_token_account_infos(&user()).signature,
        ..ask
    };
    assert_eq!(infos(forged).await.map(|_| ()), Err((401, "[unauthenticated]".to_owned())));
}

/// Lost if this fails: somebody logs in as another, or reads what only an owner or a site may.
#[tokio::test]
async fn a_call_with_one_bit_changed_is_nobodys() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let request = login_at("example.com", "login-1");
    node.send(request.signed_message().to_request()).await.expect("asked");
    know(&node, &KeyPair::from_seed(&[0x52; 32]), "example.com", &user()).await;
    let vault = PublicKey([1; 32]);
    for (method, whole) in [
        (
            Method::LoginToThirdPartyApp,
            login_to_third_party_app(request.intent_id(), &user()).encode_to_vec(),
        ),
        (
            Method::GetLoginForThirdPartyApp,
            get_login_for_third_party_app(request.intent_id(), &verifier()).encode_to_vec(),
        ),
        (Method::GetTokenAccountInfos, call::get_token_account_infos(&user()).encode_to_vec()),
        (Method::Codify, call::codify("https://a.example/", "usd", 0.25, &user(), vault).encode_to_vec()),
    ] {
        let before = node.position();
        // Each byte is changed in one bit, another one in each.
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            let (status, answer) = node.call(method, changed).await;
            assert!(matches!(status, 400 | 401), "{method:?}, byte {at}: {status} {answer:?}");
        }
        // The same part twice is one that nobody signed.
        for doubled in [whole.repeat(2), [whole.clone(), vec![0x0a, 0x02, 0x0a, 0x00]].concat()] {
            let (status, answer) = node.call(method, doubled).await;
            assert!(matches!(status, 400 | 401), "{method:?}: {status} {answer:?}");
        }
        assert_eq!(node.position(), before, "{method:?}");
        assert_eq!(node.call(method, whole).await.0, 200, "{method:?}: unchanged it is answered");
    }
}
