//! What the demo's shop tells a browser that orders without scripts. If this breaks, a client secret is kept or told where it must
//! not be.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use quittance_core::ids::{AccountId, IntentId, NodeId};
use quittance_pages::{Answer, Options, Order, Ordered, Protocol, Shop, router};
use quittance_runtime::Engine;
use quittance_runtime::log::MemoryLog;
use tower::ServiceExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_checkout_is_neither_kept_nor_told_to_the_next_page() {
    let mut setup = quittance_runtime::Options::new(NodeId([7; 32]));
    setup.verify_workers = 1;
    let start = move || Engine::start(Box::new(MemoryLog::new()), setup).expect("starts");
    let engine = tokio::task::spawn_blocking(start).await.expect("started");
    let protocol = Protocol {
        ring_code: |_, _, _, _| None,
        app_link: |_, _, _, _, _| None,
        qr_code: |_, _| None,
        amount: |_, _| String::new(),
    };
    let id = IntentId([9; 32]);
    let order = move |_: Order| -> Answer {
        Box::pin(async move { Ok(Ordered { id, client_secret: "s3cret".into() }) })
    };
    let shop = Shop { destination: AccountId([3; 32]), order: Arc::new(order), elements: None };
    let router = router(engine.handle(), Options { dev: true, protocol, shop: Some(shop) });
    let request = Request::post("/shop/orders")
        .header("host", "pay.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("good=poem"))
        .expect("a request");
    let answer = router.oneshot(request).await.expect("answered");
    assert_eq!(answer.status(), 303);
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    assert!(
        header("location").starts_with(&format!("/checkout/{id}?code=s3cret&")),
        "{}",
        header("location")
    );
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("referrer-policy"), "no-referrer");
}
