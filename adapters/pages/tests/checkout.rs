//! What a payer reads on a checkout, in every state it can be in: who asks, whether somebody proved it, and what has become of it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request as HttpRequest;
use ed25519_dalek::{Signer, SigningKey};
use quittance_core::command::{Request, Unproven};
use quittance_core::currency::Currency;
use quittance_core::event::CanceledBy;
use quittance_core::ids::{AccountId, DepositKey, IntentId, NodeId, Signature};
use quittance_core::login::LoginTerms;
use quittance_core::metadata::Metadata;
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::site::{Domain, Site};
use quittance_core::terms::Terms;
use quittance_core::verify::{
    cancel_signing_bytes, login_signing_bytes, relationship_signing_bytes, scan_signing_bytes,
};
use quittance_pages::{Options, Protocol, router};
use quittance_runtime::log::MemoryLog;
use quittance_runtime::{Engine, Handle};
use tower::ServiceExt as _;

/// One intent, and whoever holds its key.
struct Asked {
    key: SigningKey,
    id: IntentId,
}

impl Asked {
    fn new(seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let id = IntentId(key.verifying_key().to_bytes());
        Self { key, id }
    }

    fn signed(&self, bytes: &[u8]) -> Unproven {
        Unproven::native(Signature(self.key.sign(bytes).to_bytes()))
    }

    fn payment(&self, site: Option<Site>) -> Request {
        let terms = Terms {
            destination: AccountId([3; 32]),
            currency: Currency::USD,
            amount: NativeAmount::from_hundredths(125).expect("an amount"),
            fees: vec![],
            expires_at: None,
            metadata: Metadata::default(),
            site: site.map(Box::new),
        };
        let signed = self.signed(&terms.signing_bytes(self.id));
        Request::Create { intent: self.id, terms, signed }
    }

    fn login(&self) -> Request {
        let login =
            LoginTerms { domain: "shop.example".parse().expect("a domain"), verifier: AccountId([4; 32]) };
        let signed = self.signed(&login.signing_bytes(self.id));
        Request::RequestLogin { intent: self.id, login, signed }
    }

    fn scan(&self) -> Request {
        let signed = self.signed(&scan_signing_bytes(self.id));
        Request::MarkScanned { intent: self.id, signed, expected: None }
    }

    fn cancel(&self, by: CanceledBy) -> Request {
        let signed = self.signed(&cancel_signing_bytes(self.id, by));
        Request::Cancel { intent: self.id, by, signed, expected: None }
    }
}

struct Stage {
    engine: Handle,
    router: Router,
    _engine: Engine,
}

impl Stage {
    async fn open(dev: bool) -> Self {
        let mut setup = quittance_runtime::Options::new(NodeId([7; 32]));
        setup.verify_workers = 1;
        let start = move || Engine::start(Box::new(MemoryLog::new()), setup).expect("starts");
        let engine = tokio::task::spawn_blocking(start).await.expect("started");
        // Codes are the protocol's, and drawn in other tests; here it counts whether one is shown at all.
        let protocol = Protocol {
            ring_code: |_, _, secret, title| (secret == "right").then(|| format!("<svg>{title}</svg>")),
            app_link: |_, _, _, _, _| None,
            qr_code: |_, _| None,
            amount: |_, amount| amount.to_string(),
        };
        let router = router(engine.handle(), Options { dev, protocol, shop: None });
        Self { engine: engine.handle(), router, _engine: engine }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let request = HttpRequest::builder()
            .uri(path)
            .header("host", "pay.example")
            .body(Body::empty())
            .expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("answered");
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 20).await.expect("a page");
        (status, String::from_utf8(body.to_vec()).expect("a page in UTF-8"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_reads_who_asks_and_what_has_become_of_it() {
    let stage = Stage::open(false).await;
    let site = |proved: bool| {
        let verifier = proved.then_some(AccountId([4; 32]));
        Some(Site { domain: "shop.example".parse().unwrap(), verifier })
    };
    let check = async |seed: u8, requests: Vec<Request>, words: &[&str], absent: &[&str]| {
        for request in requests {
            stage.engine.execute(request).await.unwrap();
        }
        let (status, html) = stage.get(&format!("/checkout/{}?code=right", Asked::new(seed).id)).await;
        assert_eq!(status, 200);
        for word in words {
            assert!(html.contains(word), "{seed}: {word:?} is not in {html}");
        }
        for word in absent {
            assert!(!html.contains(word), "{seed}: {word:?} is in {html}");
        }
    };
    let one = Asked::new;
    let (proved, doubt) = ("shop.example asks for a payment", "Nobody has proved that");
    check(1, vec![one(1).payment(None)], &["You are asked for a payment", "1.25", "<svg>"], &[doubt]).await;
    check(2, vec![one(2).payment(site(false))], &["You are asked for a payment", doubt], &[proved]).await;
    check(3, vec![one(3).payment(site(true))], &[proved], &[doubt]).await;
    let waits = "Waiting for the payment";
    check(4, vec![one(4).payment(None), one(4).scan()], &["Code scanned", "<svg>"], &[waits]).await;
    let declined = vec![one(5).payment(None), one(5).cancel(CanceledBy::Payer)];
    check(5, declined, &["Declined. Nothing was paid"], &["<svg>", "Pay until", waits]).await;
    let withdrawn = vec![one(6).payment(None), one(6).cancel(CanceledBy::Merchant)];
    check(6, withdrawn, &["Withdrawn by the merchant"], &["<svg>"]).await;
    let asks = "shop.example asks you to log in";
    check(
        7,
        vec![one(7).login()],
        &[asks, "Waiting for you to log in", "Code to log in at shop.example"],
        &["USD"],
    )
    .await;
    let (owner, user) = (SigningKey::from_bytes(&[9; 32]), SigningKey::from_bytes(&[10; 32]));
    let account = |key: &SigningKey| AccountId(key.verifying_key().to_bytes());
    let sign = |key: &SigningKey, bytes: &[u8]| Unproven::native(Signature(key.sign(bytes).to_bytes()));
    let domain: Domain = "shop.example".parse().unwrap();
    let known = relationship_signing_bytes(account(&owner), &domain, account(&user));
    let (signed, consent) = (sign(&owner, &known), sign(&user, &known));
    let (owner, authority) = (account(&owner), account(&user));
    let (key, quarks) = (DepositKey([1; 32]), Quarks::new(1));
    let held = Request::Deposit { key, account: owner, quarks };
    let known = Request::EstablishRelationship { owner, domain, authority, signed, consent };
    let signed = sign(&user, &login_signing_bytes(one(8).id, authority));
    let login = Request::Login { intent: one(8).id, user: authority, signed };
    check(8, vec![held, known, one(8).login(), login], &[asks, "Logged in"], &["<svg>"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_leaves_by_the_merchants_way_once_it_has_ended_and_not_before() {
    let stage = Stage::open(false).await;
    let asked = Asked::new(1);
    let verifier = Some(AccountId([4; 32]));
    let site = Site { domain: "shop.example".parse().unwrap(), verifier };
    stage.engine.execute(asked.payment(Some(site))).await.unwrap();
    let id = asked.id;
    let ways = "success_url=https://shop.example/thanks&cancel_url=https://shop.example:8443/{{INTENT_ID}}";
    let path = format!("/checkout/{id}?{}", ways.replace('{', "%7B").replace('}', "%7D"));
    let (_, open) = stage.get(&path).await;
    assert!(open.contains("Afterwards back to") && !open.contains("id=\"onward\""), "{open}");
    assert!(!open.contains("http-equiv"), "it goes on before anything was paid: {open}");
    stage.engine.execute(asked.cancel(CanceledBy::Payer)).await.unwrap();
    let (_, ended) = stage.get(&path).await;
    let way = format!("https://shop.example:8443/{id}");
    assert!(
        ended.contains(&format!("href=\"{way}\"")) && ended.contains("Go on to shop.example:8443"),
        "{ended}"
    );
    assert!(
        ended.contains(&format!(
            "<noscript><meta http-equiv=\"refresh\" content=\"8; url={way}\"></noscript>"
        ))
    );
    assert!(!ended.contains("https://shop.example/thanks\""), "a payer who declined is thanked: {ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_anybody_can_write_sends_nobody_anywhere_without_being_asked() {
    let site = |proved: bool| {
        let verifier = proved.then_some(AccountId([4; 32]));
        Some(Site { domain: "shop.example".parse().unwrap(), verifier })
    };
    let check = async |dev: bool, site: Option<Site>, way: &str, by_itself: bool| {
        let stage = Stage::open(dev).await;
        let asked = Asked::new(1);
        stage.engine.execute(asked.payment(site)).await.unwrap();
        stage.engine.execute(asked.cancel(CanceledBy::Merchant)).await.unwrap();
        let (status, html) = stage.get(&format!("/checkout/{}?cancel_url={way}", asked.id)).await;
        assert_eq!(status, 200);
        assert!(html.contains(&format!("href=\"{way}\"")) && html.contains("Go on to "), "{way}: {html}");
        for part in ["http-equiv=\"refresh\"", "id=\"leaving\""] {
            assert_eq!(html.contains(part), by_itself, "{way}: {part} in {html}");
        }
    };
    check(false, site(true), "https://www.shop.example/thanks", true).await;
    check(false, site(true), "https://evil.example/", false).await;
    check(false, site(false), "https://shop.example/thanks", false).await;
    check(false, None, "https://evil.example/", false).await;
    check(true, None, "http://pay.example/shop", true).await;
    check(true, None, "https://evil.example/", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_for_real_money_says_nothing_of_made_up_money_and_sends_nobody_to_plain_http() {
    for dev in [false, true] {
        let stage = Stage::open(dev).await;
        let asked = Asked::new(1);
        stage.engine.execute(asked.payment(None)).await.unwrap();
        let (_, html) = stage.get(&format!("/checkout/{}?code=right", asked.id)).await;
        for words in ["made up", "quittance pay", "/wallet"] {
            assert_eq!(html.contains(words), dev, "{words}");
        }
        let (status, _) =
            stage.get(&format!("/checkout/{}?success_url=http://127.0.0.1:3000/", asked.id)).await;
        assert_eq!(status, if dev { 200 } else { 400 });
        assert_eq!(stage.get("/shop").await.0, 404, "there is a shop that nobody opened");
    }
}
