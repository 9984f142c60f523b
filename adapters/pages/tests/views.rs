//! What a browser is told about the pages of the official elements and about the wallet. If this breaks, a merchant's page shows
//! nothing, or a page can be made to do what it is not for.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use quittance_core::ids::NodeId;
use quittance_pages::{Options, Protocol, router};
use quittance_runtime::Engine;
use quittance_runtime::log::MemoryLog;
use tower::ServiceExt as _;

struct Stage {
    router: Router,
    _engine: Engine,
}

impl Stage {
    async fn open(dev: bool) -> Self {
        let mut setup = quittance_runtime::Options::new(NodeId([7; 32]));
        setup.verify_workers = 1;
        let start = move || Engine::start(Box::new(MemoryLog::new()), setup).expect("starts");
        let engine = tokio::task::spawn_blocking(start).await.expect("started");
        // None of these pages shows an amount or a code by itself.
        let protocol = Protocol {
            ring_code: |_, _, _, _| None,
            app_link: |_, _, _, _, _| None,
            qr_code: |_, _| None,
            amount: |_, _| String::new(),
        };
        let router = router(engine.handle(), Options { dev, protocol, shop: None });
        Self { router, _engine: engine }
    }

    async fn get(&self, path: &str) -> (u16, HeaderMap, String) {
        let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("answered");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = to_bytes(answer.into_body(), 1 << 20).await.expect("a page");
        (status, headers, String::from_utf8(body.to_vec()).expect("a page in UTF-8"))
    }
}

/// Every address of protocol g.1 that this node can answer.
fn views() -> Vec<String> {
    let names = ["button", "modal-desktop", "modal-mobile", "page-desktop", "page-mobile"];
    let view = |mode: &'static str| names.map(|name| format!("/v1/elements/{mode}-request-{name}/"));
    ["payment", "login"].into_iter().flat_map(view).collect()
}

#[tokio::test]
async fn every_view_is_where_the_published_elements_look_for_it_and_may_be_framed_by_any_shop() {
    let stage = Stage::open(false).await;
    for path in views() {
        let (status, headers, body) = stage.get(&path).await;
        assert_eq!(status, 200, "{path}");
        let (_, _, without_slash) = stage.get(path.trim_end_matches('/')).await;
        assert_eq!(without_slash, body, "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors *"), "{path}: {policy}");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert!(!headers.contains_key("x-frame-options"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        // A shop that isolates itself frames nothing without them.
        assert_eq!(headers["cross-origin-embedder-policy"], "require-corp", "{path}");
        assert_eq!(headers["cross-origin-resource-policy"], "cross-origin", "{path}");
        // Scripts and styles of its own would be refused by the policy.
        assert!(!body.contains("style="), "{path}");
        assert!(!body.contains("<script>"), "{path}");
        assert!(
            !body.contains("data-wallet"),
            "{path}: a node for real money has no wallet to send people to"
        );
    }
    assert_eq!(stage.get("/v1/elements/tip-request-button/").await.0, 404, "tips have no request");
}

#[tokio::test]
async fn the_script_that_moves_the_elements_here_can_be_loaded_by_any_page_and_is_the_newest() {
    let (status, headers, body) = Stage::open(false).await.get("/v1/elements/here.js").await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["cache-control"], "public, max-age=300");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(body.contains("https://sdk.getcode.com/v1/elements"), "{body}");
}

#[tokio::test]
async fn a_node_for_real_money_has_no_wallet() {
    let (stage, real) = (Stage::open(true).await, Stage::open(false).await);
    for path in ["/wallet", "/wallet/words.txt"] {
        assert_eq!(stage.get(path).await.0, 200, "{path}");
        assert_eq!(real.get(path).await.0, 404, "{path}");
    }
    let (_, headers, body) = stage.get("/wallet").await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("frame-ancestors 'none'"),
        "a page around it could have its button pressed: {policy}"
    );
    assert!(headers["permissions-policy"].to_str().unwrap().contains("camera=(self)"));
    assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
    assert!(!body.contains("<script>") && !body.contains("style="));
    for path in views().iter().filter(|path| !path.contains("button")) {
        assert!(stage.get(path).await.2.contains("data-wallet=\"/wallet\""), "{path}");
    }
}

#[tokio::test]
async fn the_words_of_a_key_are_those_that_other_wallets_have() {
    let (_, headers, body) = Stage::open(true).await.get("/wallet/words.txt").await;
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let words: Vec<_> = body.lines().collect();
    assert_eq!((words.len(), words[0], words[3], words[2047]), (2048, "abandon", "about", "zoo"));
    assert!(words.is_sorted());
}
