//! Pages rendered per second, on one core: an open checkout with and without its codes, a story, an element.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request as HttpRequest, StatusCode, header};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::SigningKey;
use quittance_benches::{NODE, policy};
use quittance_code_api::key::KeyPair;
use quittance_code_api::nonce::Nonce;
use quittance_code_api::scan_code::ScanCode;
use quittance_core::command::{Request, Unproven};
use quittance_core::currency::Currency;
use quittance_core::ids::{AccountId, IntentId, Signature};
use quittance_core::metadata::Metadata;
use quittance_core::money::NativeAmount;
use quittance_core::terms::Terms;
use quittance_runtime::log::MemoryLog;
use quittance_runtime::{Engine, Options};
use tower::ServiceExt as _;

/// The largest page that is read, in bytes.
const MAX_PAGE_BYTES: usize = 1 << 20;

/// A request for 1.25 dollars: the order, its id and client secret.
fn order(number: u8) -> (Request, IntentId, String) {
    let nonce = Nonce([number; 11]);
    let currency = "usd".parse().expect("a currency");
    let payload = ScanCode::PaymentRequest { currency, hundredths: 125, nonce }.encode().expect("a code");
    let key = KeyPair::rendezvous(&payload);
    let intent = IntentId(key.public_key().0);
    let terms = Terms {
        destination: AccountId(SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes()),
        currency: Currency::USD,
        amount: NativeAmount::from_hundredths(125).expect("an amount"),
        fees: vec![],
        expires_at: None,
        metadata: Metadata::new([("order", "2026-117"), ("note", "Two espressi & a croissant")])
            .expect("metadata"),
        site: None,
    };
    let signature = Signature(key.sign(&terms.signing_bytes(intent)));
    (Request::Create { intent, terms, signed: Unproven::native(signature) }, intent, nonce.client_secret())
}

async fn get(routes: &Router, path: &str) -> usize {
    let request = HttpRequest::get(path).header(header::HOST, "pay.example").body(Body::empty());
    let answer = routes.clone().oneshot(request.expect("a request")).await.expect("answered");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    to_bytes(answer.into_body(), MAX_PAGE_BYTES).await.expect("a page").len()
}

fn pages(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let options = Options { policy: policy(), ..Options::new(NODE) };
    let engine = Engine::start(Box::new(MemoryLog::new()), options).expect("starts");
    let handle = engine.handle();
    let routes = quittance_pages::router(engine.handle(), quittance_cli::pages::options(false));
    let (create, id, secret) = order(1);
    handle.execute_blocking(create).expect("created");
    let mut group = criterion.benchmark_group("pages");
    group.throughput(Throughput::Elements(1));
    for (name, path) in [
        ("checkout with codes", format!("/checkout/{id}?code={secret}&lang=de")),
        ("checkout without a code", format!("/checkout/{id}")),
        ("story", format!("/intents/{id}/story")),
        ("button of an element", "/v1/elements/payment-request-button/".to_owned()),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| runtime.block_on(get(&routes, &path))));
    }
    group.finish();
    drop(routes);
    engine.shutdown().expect("stops");
}

criterion_group!(benches, pages);
criterion_main!(benches);
