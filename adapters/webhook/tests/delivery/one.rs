use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::Signature;
use quittance_core::command::Request;
use quittance_core::ids::Timestamp;
use quittance_core::webhook::{Delivery, DeliveryOutcome, SCHEDULE};
use quittance_outbound::Post;
use quittance_runtime::log::MemoryLog;
use quittance_runtime::{Clock as _, ManualClock};
use quittance_webhook::ID_HEADER;

use crate::support::{MERCHANT, Merchant, Node, door, intent, narrow_door, node_key};

const SOON: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_secs(3);

fn claims(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    let signature = Signature::from_slice(&signature).unwrap();
    node_key().verifying_key().verify_strict(input.as_bytes(), &signature).expect("the node's signature");
    let (_, claims) = input.split_once('.').unwrap();
    String::from_utf8(BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_hears_once_and_provably_that_it_was_paid() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let (mut deliverer, shutdown) = node.deliverer(door([("shop.example", merchant.address)]), TIMEOUT);
    node.ask(1, "http://shop.example/200").await;
    // Whoever delivers this has come past what was asked before it.
    node.ask(2, "http://shop.example/other/200").await;
    node.pay(2).await;
    node.webhook_after(2, 1).await;
    let told: Vec<_> = merchant.heard().into_iter().map(|heard| heard.path).collect();
    assert_eq!(told, ["/other/200"], "told before anybody paid");
    node.pay(1).await;
    let webhook = node.webhook_after(1, 1).await;
    assert_eq!(webhook.delivery, Delivery::Delivered);
    let heard = &merchant.heard()[1];
    assert_eq!(heard.headers["content-type"], "application/jwt");
    let want = format!(
        r#"{{"amount":5,"currency":"KIN","destination":"{MERCHANT}","exchangeRate":1,"fees":0,"intent":"{}","quarks":500000,"state":"SUBMITTED"}}"#,
        intent(1)
    );
    assert_eq!(claims(&heard.body), want);

    // Ordered again, it is the same delivery, by its id and to the byte.
    node.handle.execute(Request::Redeliver { intent: intent(1) }).await.unwrap();
    let again = &merchant.heard_at_least(3).await[2];
    assert_eq!((&again.headers[ID_HEADER], &again.body), (&heard.headers[ID_HEADER], &heard.body));
    shutdown.cancel();
    deliverer.join().await.unwrap();
    assert_eq!(merchant.heard().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_status_200_counts_and_no_answer_costs_more_than_its_time() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hosts = [("shop.example", merchant.address), ("dead.example", dead)];
    let (mut deliverer, shutdown) = node.deliverer(door(hosts), SOON);
    let answered = |status| Ok::<u16, &str>(status);
    let cases = [
        ("http://shop.example/200", answered(200)),
        ("http://shop.example/201", answered(201)),
        ("http://shop.example/204", answered(204)),
        ("http://shop.example/302", answered(302)),
        ("http://shop.example/404", answered(404)),
        ("http://shop.example/500", answered(500)),
        ("http://shop.example/slow", answered(200)),
        ("http://shop.example/huge", answered(200)),
        ("http://shop.example/hang", Err("shop.example did not answer within 300 ms")),
        ("http://dead.example/", Err("cannot connect to dead.example")),
        ("http://10.0.0.1/", Err("host is not a valid domain name: expected a name")),
        ("http://no-such-name.invalid/", Err("error resolving hostname: no-such-name.invalid")),
    ];
    for (n, (url, _)) in (0..).zip(cases) {
        node.ask(n, url).await;
        node.pay(n).await;
    }
    for (n, (url, want)) in (0..).zip(cases) {
        let webhook = node.webhook_after(n, 1).await;
        let attempt = &webhook.attempts[0];
        match (&attempt.outcome, want) {
            (DeliveryOutcome::Answered { status }, Ok(want)) => assert_eq!(*status, want, "{url}"),
            (DeliveryOutcome::Unreachable { reason }, Err(want)) => {
                assert!(reason.starts_with(want), "{url}: {reason}");
            }
            (outcome, want) => panic!("{url}: expected {want:?}, got {outcome:?}"),
        }
        assert_eq!(webhook.delivery == Delivery::Delivered, want == Ok(200), "{url}");
        assert!(attempt.latency < Duration::from_secs(2), "{url} took {:?}", attempt.latency);
    }
    let redirected = merchant.heard().iter().filter(|heard| heard.path == "/200").count();
    assert_eq!(redirected, 1, "a redirect was followed");
    shutdown.cancel();
    deliverer.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_for_a_day_is_told_eight_times_by_a_node_that_restarts_each_time() {
    let (log, clock, merchant) =
        (MemoryLog::new(), ManualClock::new(Timestamp(1_000_000)), Merchant::open().await);
    let door = door([("shop.example", merchant.address)]);
    for (attempt, wait) in (1..).zip(SCHEDULE) {
        clock.advance(wait);
        let node = Node::on(&log, &clock).await;
        if attempt == 1 {
            node.ask(1, "http://shop.example/500").await;
            node.pay(1).await;
        }
        let (mut deliverer, shutdown) = node.deliverer(door.clone(), TIMEOUT);
        let webhook = node.webhook_after(1, attempt).await;
        assert_eq!(webhook.delivery == Delivery::Failed, attempt == SCHEDULE.len(), "{webhook:?}");
        shutdown.cancel();
        deliverer.join().await.unwrap();
        node.engine.shutdown().unwrap();
    }
    let heard = merchant.heard();
    let ids: std::collections::BTreeSet<_> = heard.iter().map(|heard| &heard.headers[ID_HEADER]).collect();
    assert_eq!((heard.len(), ids.len()), (8, 1), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_made_again_when_its_time_has_come() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let (mut deliverer, shutdown) = node.deliverer(door([("shop.example", merchant.address)]), TIMEOUT);
    node.ask(1, "http://shop.example/third").await;
    node.pay(1).await;
    for attempt in 1..3 {
        node.webhook_after(1, attempt).await;
        node.clock.advance(Duration::from_millis(800));
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        assert_eq!(merchant.heard().len(), attempt, "called before its time");
        node.clock.advance(Duration::from_millis(200));
    }
    assert_eq!(node.webhook_after(1, 3).await.delivery, Delivery::Delivered);
    shutdown.cancel();
    deliverer.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_a_call_under_way_no_longer_than_the_call_may_take() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let (mut deliverer, shutdown) = node.deliverer(door([("shop.example", merchant.address)]), SOON);
    node.ask(1, "http://shop.example/hang").await;
    node.pay(1).await;
    merchant.heard_at_least(1).await;
    let begun = Instant::now();
    shutdown.cancel();
    deliverer.join().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(node.webhook(1).await.attempts.len(), 1, "the attempt is not on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_ordered_again_while_an_attempt_is_under_way_is_made_again() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let (mut deliverer, shutdown) = node.deliverer(door([("shop.example", merchant.address)]), TIMEOUT);
    node.ask(1, "http://shop.example/second-late").await;
    node.pay(1).await;
    node.webhook_after(1, 1).await;
    node.clock.advance(Duration::from_secs(1));
    merchant.heard_at_least(2).await;
    node.handle.execute(Request::Redeliver { intent: intent(1) }).await.unwrap();
    let webhook = node.webhook_after(1, 1).await;
    assert_eq!((webhook.delivery, webhook.attempts.len()), (Delivery::Delivered, 1));
    assert_eq!(merchant.heard().len(), 3);
    shutdown.cancel();
    deliverer.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hung_once_is_called_again_when_the_schedule_says_and_not_a_minute_later() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    // Longer than the wait in front of the second attempt: by the time of the report, that one is due.
    let timeout = Duration::from_millis(1_100);
    let (mut deliverer, shutdown) = node.deliverer(door([("shop.example", merchant.address)]), timeout);
    for n in 0..4 {
        node.ask(n, &format!("http://shop.example/{n}/second-in-time")).await;
        node.pay(n).await;
    }
    for n in 0..4 {
        assert_eq!(node.webhook_after(n, 2).await.delivery, Delivery::Delivered, "number {n}");
    }
    shutdown.cancel();
    deliverer.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_this_node_had_no_place_for_uses_up_no_attempt_of_the_merchants() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let door = narrow_door([("shop.example", merchant.address)]);
    let other = door.clone();
    let busy = tokio::spawn(async move {
        let url = "http://shop.example/hang";
        let timeout = Duration::from_secs(2);
        other.post(Post { url, content_type: "a/b", headers: &[], body: Vec::new(), timeout }).await
    });
    merchant.heard_at_least(1).await;
    let (mut deliverer, shutdown) = node.deliverer(door, SOON);
    node.ask(1, "http://shop.example/200").await;
    node.pay(1).await;
    let webhook = node.webhook_after(1, 1).await;
    assert!(busy.is_finished(), "called while there was no place");
    assert_eq!((webhook.delivery, webhook.attempts.len()), (Delivery::Delivered, 1), "{webhook:?}");
    shutdown.cancel();
    deliverer.join().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_keeps_nobody_from_being_told() {
    let (log, merchant) = (MemoryLog::new(), Merchant::open().await);
    let node = Node::on(&log, &ManualClock::new(Timestamp(80_000_000_000))).await;
    node.ask(1, "http://shop.example/200").await;
    node.pay(1).await;
    node.engine.shutdown().unwrap();
    let node = Node::on(&log, &ManualClock::new(Timestamp(1_000_000))).await;
    let (mut deliverer, shutdown) = node.deliverer(door([("shop.example", merchant.address)]), TIMEOUT);
    assert_eq!(node.webhook_after(1, 1).await.delivery, Delivery::Delivered);
    node.ask(2, "http://shop.example/200").await;
    node.pay(2).await;
    assert_eq!(node.webhook_after(2, 1).await.delivery, Delivery::Delivered);
    shutdown.cancel();
    deliverer.join().await.unwrap();
}

/// By a clock that was set back, what waited for its turn would be due no more, and be forgotten for a minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_while_a_delivery_waits_for_its_turn_does_not_make_it_wait_again() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let (mut deliverer, shutdown) = node.deliverer(door([("shop.example", merchant.address)]), TIMEOUT);
    let began = node.clock.now();
    node.ask(1, "http://shop.example/1/third").await;
    node.pay(1).await;
    node.webhook_after(1, 1).await;
    // By now two calls at a time: both hang.
    for n in 2..4 {
        node.ask(n, &format!("http://shop.example/{n}/hang")).await;
        node.pay(n).await;
    }
    merchant.heard_at_least(3).await;
    node.clock.advance(Duration::from_secs(1));
    // It is taken up when that second has gone by, and waits behind them.
    tokio::time::sleep(Duration::from_millis(1_400)).await;
    node.clock.set(began);
    node.webhook_after(2, 1).await;
    node.webhook_after(3, 1).await;
    let begun = Instant::now();
    node.webhook_after(1, 2).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    shutdown.cancel();
    deliverer.join().await.unwrap();
}

/// Who asks for a login alone has to learn which intent it is about, and who it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_hears_who_logged_in() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let (mut deliverer, shutdown) = node.deliverer(door([("site.example", merchant.address)]), TIMEOUT);
    let user = node.log_in(1, "http://site.example/200").await;
    assert_eq!(node.webhook_after(1, 1).await.delivery, Delivery::Delivered);
    let want = format!(r#"{{"intent":"{}","state":"SUBMITTED","user":"{user}"}}"#, intent(1));
    assert_eq!(claims(&merchant.heard()[0].body), want);
    shutdown.cancel();
    deliverer.join().await.unwrap();
}
