//! `createIntent` of the official JSON API over HTTP on loopback: parsing, signature, decision, sync and answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quittance_benches::{NODE, policy};
use quittance_code_api::nonce::Nonce;
use quittance_code_api::request::{NonceOptions, PaymentOptions};
use quittance_code_api::server::{self, Destinations};
use quittance_log_sled::SledLog;
use quittance_runtime::{Engine, Options};
use tokio_util::sync::CancellationToken;

/// Requests in one measurement.
const REQUESTS: usize = 2_048;

fn bodies(from: u64) -> Vec<String> {
    let body = |number: u64| {
        let mut nonce = [0; 11];
        nonce[..8].copy_from_slice(&number.to_le_bytes());
        let options = PaymentOptions {
            destination: Some("E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR"),
            hundredths: Some(25),
            currency: Some("usd"),
            fees: None,
            nonce: NonceOptions { given: Some(Nonce(nonce)), ..NonceOptions::default() },
            login: None,
        };
        options.build().expect("valid").create_intent_json(None)
    };
    (from..from + REQUESTS as u64).map(body).collect()
}

async fn post_all(client: &reqwest::Client, url: &str, bodies: Vec<String>, connections: usize) -> Duration {
    let bodies = Arc::new(bodies);
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let workers = (0..connections).map(|_| {
        let (client, url, bodies, next) = (client.clone(), url.to_owned(), bodies.clone(), next.clone());
        tokio::spawn(async move {
            while let Some(body) =
                bodies.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).expect("small"))
            {
                let answer = client.post(&url).body(body.clone()).send().await.expect("answered");
                assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
                answer.bytes().await.expect("a body");
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("finished");
    }
    start.elapsed()
}

fn create_intent(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = tempfile::TempDir::new().expect("a directory");
    let log = SledLog::open(directory.path(), Some(NODE)).expect("a log");
    let table = Arc::new(log.table("acknowledged"));
    let engine =
        Engine::start(Box::new(log), Options { policy: policy(), ..Options::new(NODE) }).expect("starts");
    let mut options = server::Options::new(table, CancellationToken::new());
    options.destinations = Destinations::Any;
    let routes = server::router(engine.handle(), options);
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let url = format!("http://{}/v1/createIntent", listener.local_addr().expect("bound"));
    runtime.spawn(axum::serve(listener, routes).into_future());
    // Nothing here is encrypted, but the client is not built without a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let mut from = 0;
    let mut group = criterion.benchmark_group("createIntent over HTTP");
    group.throughput(Throughput::Elements(REQUESTS as u64)).sample_size(10);
    for connections in [1, 16, 64] {
        group.bench_function(format!("{connections} connections"), |bencher| {
            bencher.iter_custom(|times| {
                (0..times)
                    .map(|_| {
                        from += REQUESTS as u64;
                        runtime.block_on(post_all(&client, &url, bodies(from), connections))
                    })
                    .sum()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, create_intent);
criterion_main!(benches);
