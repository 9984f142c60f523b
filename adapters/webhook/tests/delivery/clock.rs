use std::time::Duration;

use quittance_core::state::State;
use quittance_core::webhook::Delivery;
use quittance_runtime::Clock as _;

use crate::support::{Merchant, Node, door};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The clock was a year ahead for so long that it was believed, and is right again: the log's times are not, for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_wrong_for_an_hour_keeps_no_attempt_from_being_made_again() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let right = node.clock.now();
    node.clock.set(right.saturating_add(YEAR));
    assert_eq!(node.handle.now(), right, "not believed at once");
    node.clock.advance(Duration::from_secs(3_600));
    let door = door([("shop.example", merchant.address)]);
    let (mut deliverer, shutdown) = node.deliverer(door, Duration::from_secs(3));
    node.ask(1, "http://shop.example/third").await;
    node.pay(1).await;
    node.webhook_after(1, 1).await;
    let recorded = node.handle.query(State::time).await.unwrap();
    assert!(recorded >= right.saturating_add(YEAR), "the clock is believed: {recorded:?}");

    node.clock.set(right.saturating_add(Duration::from_secs(3_600)));
    for attempt in 2..=3 {
        node.clock.advance(Duration::from_secs(2));
        node.webhook_after(1, attempt).await;
    }
    assert_eq!(node.webhook(1).await.delivery, Delivery::Delivered);
    shutdown.cancel();
    deliverer.join().await.unwrap();
}
