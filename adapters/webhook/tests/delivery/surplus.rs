use std::time::{Duration, Instant};

use quittance_core::command::Request;
use quittance_core::state::State;
use quittance_core::webhook::{Delivery, DeliveryOutcome};

use crate::support::{Merchant, Node, STUCK, door, intent};

async fn undelivered(node: &Node) -> usize {
    node.handle.query(State::undelivered).await.unwrap()
}

/// Lost if this fails: somebody fills a node with webhooks for a server that nobody runs, or a shop whose server is away for a
/// minute is not told, because somebody did.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_keeps_no_more_waiting_than_may_and_gives_up_its_own() {
    let (node, dead, living) = (Node::new().await, Merchant::open().await, Merchant::open().await);
    let door = door([("r1.dead.example", dead.address), ("shop.living.example", living.address)]);
    for n in 0..100 {
        node.log_in(n, "http://r1.dead.example/hang").await;
    }
    for n in 100..110 {
        node.log_in(n, &format!("http://shop.living.example/{n}/third")).await;
    }
    let start = || {
        node.deliverer_with(door.clone(), |options| {
            (options.timeout, options.max_undelivered) = (Duration::from_millis(300), Some(48));
        })
    };
    let (mut deliverer, shutdown) = start();
    let begun = Instant::now();
    while undelivered(&node).await > 48 {
        assert!(begun.elapsed() < STUCK, "{} wait still", undelivered(&node).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut given_up = Vec::new();
    for n in 0..110 {
        let webhook = node.webhook(n).await;
        let reason = match webhook.attempts.last().map(|attempt| &attempt.outcome) {
            Some(DeliveryOutcome::Unreachable { reason }) => reason.as_str(),
            _ => "",
        };
        if webhook.delivery == Delivery::Failed {
            assert!(n < 100, "the shop's own were given up: {webhook:?}");
            let said = "given up without a call: 1";
            assert!(reason.starts_with(said) && reason.ends_with("of them are for dead.example"), "{reason}");
            given_up.push(n);
        }
    }
    // All but 45, and what was being called just then is not among them.
    assert!((62..=65).contains(&given_up.len()), "{given_up:?}");
    assert!(given_up.iter().all(|n| *n < 65), "not the oldest: {given_up:?}");
    shutdown.cancel();
    deliverer.join().await.unwrap();
    let waited = undelivered(&node).await;

    // Ordered again it is called again; the shop, when it is back, hears all of its own.
    let again = given_up[0];
    let before = dead.heard().len();
    node.handle.execute(Request::Redeliver { intent: intent(again) }).await.unwrap();
    assert_eq!(undelivered(&node).await, waited + 1);
    let (mut deliverer, shutdown) = start();
    node.clock.advance(Duration::from_secs(2));
    for n in 100..110 {
        let begun = Instant::now();
        while node.webhook(n).await.delivery != Delivery::Delivered {
            assert!(begun.elapsed() < STUCK, "number {n} is not told: {:?}", node.webhook(n).await);
            node.clock.advance(Duration::from_millis(200));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    dead.heard_at_least(before + 1).await;
    shutdown.cancel();
    deliverer.join().await.unwrap();
}
