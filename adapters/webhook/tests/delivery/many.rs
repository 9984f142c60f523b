use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use quittance_core::ids::Timestamp;
use quittance_core::webhook::Delivery;
use quittance_runtime::ManualClock;
use quittance_runtime::log::MemoryLog;
use quittance_webhook::ID_HEADER;

use crate::support::{Merchant, Node, door, intent};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_dead_servers_keep_nobody_else_waiting() {
    let (node, dead, living) = (Node::new().await, Merchant::open().await, Merchant::open().await);
    let names: Vec<_> = (0..100).map(|n| format!("dead-{n}.example")).collect();
    let mut hosts: Vec<_> = names.iter().map(|name| (name.as_str(), dead.address)).collect();
    hosts.push(("shop.example", living.address));
    let (mut deliverer, shutdown) = node.deliverer(door(hosts), Duration::from_secs(3));
    // Each dead one has more to be told than it gets calls at a time.
    for (n, name) in (0..).zip(names.iter().cycle()).take(700) {
        node.ask(n, &format!("http://{name}/hang")).await;
        node.pay(n).await;
    }
    dead.heard_at_least(100).await;
    let mut paid = BTreeMap::new();
    for n in 1_000..1_200 {
        node.ask(n, "http://shop.example/200").await;
        node.pay(n).await;
        paid.insert(intent(n).to_string(), Instant::now());
    }
    let mut waits: Vec<_> = living
        .heard_at_least(paid.len())
        .await
        .into_iter()
        .map(|heard| {
            let id = heard.headers[ID_HEADER].to_str().unwrap();
            heard.at.saturating_duration_since(paid[id.split_once('-').unwrap().0])
        })
        .collect();
    waits.sort_unstable();
    let p99 = waits[waits.len() * 99 / 100];
    println!("p50 {:?}, p99 {p99:?}, most {:?}", waits[waits.len() / 2], waits[waits.len() - 1]);
    assert!(p99 < Duration::from_secs(1), "p99 {p99:?}");
    shutdown.cancel();
    deliverer.join().await.unwrap();
}

/// More is due for one dead server than is looked at at a time, and than it is let wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_paid_behind_thousands_of_deliveries_to_one_dead_server_is_told_at_once() {
    let (node, dead, living) = (Node::new().await, Merchant::open().await, Merchant::open().await);
    let door = door([("dead.example", dead.address), ("shop.example", living.address)]);
    for n in 0..3_000 {
        node.ask(n, "http://dead.example/hang").await;
        node.pay(n).await;
    }
    node.ask(5_000, "http://shop.example/200").await;
    node.pay(5_000).await;
    let begun = Instant::now();
    let (deliverer, _) = node.deliverer(door, Duration::from_secs(3));
    living.heard_at_least(1).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "after a start: {:?}", begun.elapsed());
    let begun = Instant::now();
    node.ask(5_001, "http://shop.example/200").await;
    node.pay(5_001).await;
    living.heard_at_least(2).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    deliverer.abort();
}

/// More of one host is due than may wait here: all of it is told, in its time.
#[tokio::test(flavor = "multi_thread")]
async fn what_there_was_no_room_for_is_told_when_there_is() {
    let (node, merchant) = (Node::new().await, Merchant::open().await);
    let deliveries = 1_500;
    for n in 0..deliveries {
        node.ask(n, "http://shop.example/200").await;
        node.pay(n).await;
    }
    let (mut deliverer, shutdown) =
        node.deliverer(door([("shop.example", merchant.address)]), Duration::from_secs(3));
    merchant.heard_at_least(usize::from(deliveries)).await;
    shutdown.cancel();
    deliverer.join().await.unwrap();
    let ids: std::collections::BTreeSet<_> =
        merchant.heard().into_iter().map(|heard| heard.headers[ID_HEADER].clone()).collect();
    assert_eq!(ids.len(), usize::from(deliveries));
}

/// A node that is killed over and over again, at any moment, tells everybody, and whoever hears twice can tell.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_a_node_is_killed_and_what_comes_twice_has_one_id() {
    let (log, clock) = (MemoryLog::new(), ManualClock::new(Timestamp(1_000_000)));
    let merchant = Merchant::open().await;
    let door = door([("shop.example", merchant.address)]);
    let deliveries = 200;
    let node = Node::on(&log, &clock).await;
    for n in 0..deliveries {
        node.ask(n, "http://shop.example/200").await;
        node.pay(n).await;
    }
    node.engine.shutdown().unwrap();
    let mut kills_in_the_middle = 0;
    for life in 0..20_u64 {
        let node = Node::on(&log, &clock).await;
        let (deliverer, _) = node.deliverer(door.clone(), Duration::from_secs(3));
        tokio::time::sleep(Duration::from_millis(life % 7)).await;
        // Killed: neither the deliverer nor its calls are asked to end.
        deliverer.abort();
        let mut open = 0;
        for n in 0..deliveries {
            open += usize::from(node.webhook(n).await.delivery != Delivery::Delivered);
        }
        kills_in_the_middle += usize::from(open > 0);
        node.engine.shutdown().unwrap();
    }
    assert!(kills_in_the_middle > 0, "everybody had been told at every kill");
    let node = Node::on(&log, &clock).await;
    let (mut deliverer, shutdown) = node.deliverer(door.clone(), Duration::from_secs(3));
    for n in 0..deliveries {
        let webhook = node.webhook_after(n, 1).await;
        assert_eq!(webhook.delivery, Delivery::Delivered, "number {n}");
    }
    shutdown.cancel();
    deliverer.join().await.unwrap();
    let mut ids = BTreeMap::<_, Vec<_>>::new();
    for heard in merchant.heard() {
        ids.entry(heard.body).or_default().push(heard.headers[ID_HEADER].clone());
    }
    assert_eq!(ids.len(), usize::from(deliveries), "some were not told");
    let twice = ids.values().filter(|ids| ids.len() > 1).count();
    println!("{kills_in_the_middle} kills in the middle, {twice} of {deliveries} told more than once");
    for ids in ids.values() {
        assert!(ids.iter().all(|id| *id == ids[0]), "one delivery came under two ids: {ids:?}");
    }
}
