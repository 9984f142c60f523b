//! Links to pages that are paid for. If these fail, an author is paid into an account that nobody has, or strangers make the node
//! fetch what they like.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use prost::Message as _;
use quittance_code_api::call::codify;
use quittance_code_api::envelope::Method;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::proto::code::micropayment::v1 as micropayment;
use quittance_code_api::solana::address::Timelock;
use tokio::net::TcpListener;

use crate::node::{Node, kin};
use crate::site::{Site, verifier};

/// Who has an account: it pays in these tests.
fn author() -> KeyPair {
    KeyPair::from_seed(&[0x77; 32])
}

/// A page of a megabyte, and how often it was asked for.
async fn page() -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let serve = move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        "x".repeat(1 << 20)
    };
    let gone = || async { StatusCode::GONE };
    let router = Router::new().route("/article", get(serve)).route("/gone", get(gone));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

async fn coded(node: &Node, request: &micropayment::CodifyRequest) -> Result<(i32, String), (u16, String)> {
    let (status, answer) = node.call(Method::Codify, request.encode_to_vec()).await;
    let answer = answer.map_err(|text| (status, text))?;
    let answer = micropayment::CodifyResponse::decode(answer.as_slice()).expect("a response");
    Ok((answer.result, answer.codified_url))
}

async fn metadata(node: &Node, path: &str) -> Result<micropayment::GetPathMetadataResponse, String> {
    let request = micropayment::GetPathMetadataRequest { path: path.to_owned() };
    let (_, answer) = node.call(Method::GetPathMetadata, request.encode_to_vec()).await;
    Ok(micropayment::GetPathMetadataResponse::decode(answer?.as_slice()).expect("a response"))
}

#[tokio::test]
async fn an_author_is_paid_for_the_page_that_the_link_leads_to() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let node = site.node().await;
    let (url, asked) = page().await;
    let article = format!("{url}/article");
    let vault = Timelock::of(author().public_key(), PublicKey(node.handle.node().0)).vault.address;
    let ask = |url: &str, currency: &str, amount: f64| codify(url, currency, amount, &author(), vault);
    let stranger = coded(&node, &ask(&article, "usd", 0.25)).await;
    assert_eq!(stranger, Ok((2, String::new())), "INVALID_ACCOUNT: it holds nothing here");
    node.send(kin("order-1").signed_message().to_request()).await.expect("asked");
    node.pay(kin("order-1").rendezvous_key()).await;

    let mut forged = ask(&article, "usd", 0.25);
    forged.native_amount = 0.30;
    assert_eq!(coded(&node, &forged).await, Err((401, "[unauthenticated]".to_owned())));
    let elsewhere = codify(&article, "usd", 0.25, &author(), author().public_key());
    for (request, result) in [
        (elsewhere, 2),                  // INVALID_ACCOUNT
        (ask(&article, "ves", 0.25), 3), // UNSUPPORTED_CURRENCY
        (ask(&article, "usd", 5.01), 4), // NATIVE_AMOUNT_EXCEEDS_LIMIT
        (ask(&article, "usd", 0.04), 4),
        (ask(&article, "usd", 0.001), 4),
        (ask(&article, "usd", 5.0101), 4),
        (ask(&article, "usd", 1e20), 4),
        (ask(&article, "usd", f64::MAX), 4),
    ] {
        assert_eq!(coded(&node, &request).await, Ok((result, String::new())));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing was fetched for those");
    for bad in [format!("{url}/gone"), format!("{url}/nothing"), "http://nowhere.invalid/".to_owned()] {
        assert_eq!(coded(&node, &ask(&bad, "usd", 0.25)).await, Ok((1, String::new())), "INVALID_URL: {bad}");
    }
    let (status, text) = coded(&node, &ask("ftp://x.example", "usd", 0.25)).await.expect_err("no URL");
    assert_eq!((status, text.contains("CodifyRequest.Url")), (400, true), "{text}");
    let (status, text) = coded(&node, &ask(&article, "usd", 0.255)).await.expect_err("half a cent");
    assert_eq!((status, text.contains("native amount")), (400, true), "{text}");
    let (status, text) = coded(&node, &ask(&article, "kin", 2500.5)).await.expect_err("half a kin");
    assert_eq!((status, text.contains("native amount can't include fractional kin")), (400, true), "{text}");
    assert!(coded(&node, &ask(&article, "usd", f64::INFINITY)).await.is_err());

    let (result, link) = coded(&node, &ask(&article, "usd", 0.25)).await.expect("a link");
    assert_eq!(result, 0);
    assert_eq!(coded(&node, &ask(&article, "usd", 0.25)).await, Ok((0, link.clone())), "the same link again");
    assert_ne!(coded(&node, &ask(&article, "usd", 0.30)).await, Ok((0, link.clone())), "another price");
    // Twenty times a minute the node looks at a page for one owner, and for the sake of what is known not at all.
    let mut refused = 0;
    for cents in 31..60 {
        match coded(&node, &ask(&article, "usd", f64::from(cents) / 100.0)).await {
            Ok((0, _)) => {}
            Err((429, text)) => {
                assert!(text.starts_with("[resource_exhausted] expected at most 20 new links"), "{text}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((asked.load(Ordering::SeqCst), refused), (17, 14), "three of the twenty were other pages");
    assert_eq!(coded(&node, &ask(&article, "usd", 0.25)).await, Ok((0, link.clone())), "what is there stays");
    let path = link.strip_prefix("getcode.com/m/").expect("the protocol's form");
    let found = metadata(&node, path).await.expect("an answer");
    let paid = PublicKey::from_slice(&found.destination.expect("a destination").value);
    assert_eq!(paid, Some(author().public_key()), "an account that its owner can use here");
    assert_eq!((found.result, found.currency.as_str(), found.native_amount), (0, "usd", 0.25));
    assert_eq!(found.redirct_url, article);
    assert_eq!(metadata(&node, "nothere").await.expect("an answer").result, 1, "NOT_FOUND");
    let refused = metadata(&node, "../x").await.expect_err("no path");
    assert!(refused.contains("GetPathMetadataRequest.Path"), "{refused}");
}

#[tokio::test]
async fn an_owner_makes_the_node_look_at_few_pages_at_a_time_and_a_busy_node_calls_no_page_missing() {
    let site = Site::publishing(&[verifier().public_key()]).await;
    let door = site.door(|door| door.get_timeout = std::time::Duration::from_millis(1_000));
    let node = site.node_behind(door.clone(), |_| {}).await;
    let vault = Timelock::of(author().public_key(), PublicKey(node.handle.node().0)).vault.address;
    let ask = |url: &str| codify(url, "usd", 0.25, &author(), vault);
    node.send(kin("order-1").signed_message().to_request()).await.expect("asked");
    node.pay(kin("order-1").rendezvous_key()).await;
    let never = ask("http://example.com/never");
    let many = futures_util::future::join_all((0..20).map(|_| coded(&node, &never))).await;
    let (mut looked, mut refused) = (0, 0);
    for answer in many {
        match answer {
            Ok((1, _)) => looked += 1,
            Err((429, text)) if text.contains("pages of one owner") => refused += 1,
            answer => panic!("{answer:?}"),
        }
    }
    assert!(refused >= 10 && looked <= 10, "{looked} were looked at, {refused} were not");
    // Others have every place at that host, and others wait for them.
    let mut hangs = Vec::new();
    for _ in 0..2 {
        for _ in 0..4 {
            let door = door.clone();
            hangs.push(tokio::spawn(async move { door.status("http://example.com/never").await }));
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    let answer = coded(&node, &ask("http://example.com/.well-known/code-payments.json")).await;
    let (status, text) = answer.expect_err("no place");
    assert!(status == 503 && text.contains("try again"), "{status} {text}");
    drop(hangs);
}
