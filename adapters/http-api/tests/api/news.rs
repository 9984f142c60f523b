//! Waiting for news. If it fails, a shop or a wallet asks again and again, or shows too late that somebody has paid.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

use crate::stage::{Stage, create, id, terms};

/// As many as may wait at a time.
const MOST: usize = 1_024;
const PAID: u8 = 10;
const OTHER: u8 = 11;

async fn stage() -> Arc<Stage> {
    let stage = Stage::with(|_| ()).await;
    for rendezvous in [PAID, OTHER] {
        let created = stage.post("/v1/intents", create(rendezvous, &terms("kin", "0.10"))).await;
        assert_eq!(created.status, 200, "{}", created.body);
    }
    Arc::new(stage)
}

async fn wait(stage: Arc<Stage>, rendezvous: u8, after: u64, ms: u64) -> (Value, Duration) {
    let begun = Instant::now();
    let path = format!("/v1/intents/{}?after={after}&wait_ms={ms}", id(rendezvous));
    let answer = stage.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    (answer.body, begun.elapsed())
}

fn begin(stage: &Arc<Stage>, rendezvous: u8, ms: u64) -> JoinHandle<(Value, Duration)> {
    tokio::spawn(wait(Arc::clone(stage), rendezvous, 0, ms))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_hears_of_their_own_intent_and_of_no_other() {
    let stage = stage().await;
    let waiting: Vec<_> = (0..50).map(|_| begin(&stage, PAID, 30_000)).collect();
    let others: Vec<_> = (0..50).map(|_| begin(&stage, OTHER, 1_500)).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()), "there is no news yet");
    assert_eq!(stage.pay(PAID, json!({})).await.status, 200);
    for waiting in waiting {
        let (intent, took) = waiting.await.unwrap();
        assert!(intent["revision"].as_u64() > Some(0), "{intent}");
        assert!(took < Duration::from_secs(25), "{took:?}");
    }
    for other in others {
        let (intent, took) = other.await.unwrap();
        assert_eq!((&intent["revision"], &intent["state"]), (&json!(0), &json!("created")));
        assert!(took >= Duration::from_millis(1_500), "woken for somebody else's payment: {took:?}");
    }
    // With nobody waiting nobody follows the log. Whoever comes next is told all the same, and of everything on the way.
    let (mut revision, mut state) = (0, Value::Null);
    let later = begin(&stage, OTHER, 30_000);
    assert_eq!(stage.pay(OTHER, json!({})).await.status, 200);
    later.await.unwrap();
    while state != "confirmed" {
        let (intent, took) = wait(Arc::clone(&stage), OTHER, revision, 30_000).await;
        assert!(took < Duration::from_secs(25), "after {revision}, {state}: {took:?}");
        (revision, state) = (intent["revision"].as_u64().unwrap(), intent["state"].clone());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_too_many_wait_the_next_is_answered_at_once_and_when_they_have_gone_it_may_wait() {
    let stage = stage().await;
    let mut waiting = JoinSet::new();
    let begun = Instant::now();
    loop {
        // Again as many as there are to be: one finds no place while the one below has it.
        while waiting.try_join_next().is_some() {}
        while waiting.len() < MOST {
            waiting.spawn(wait(Arc::clone(&stage), OTHER, 0, 30_000));
        }
        if wait(Arc::clone(&stage), PAID, 0, 200).await.1 < Duration::from_millis(200) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "more than {MOST} may wait");
    }
    waiting.shutdown().await;
    let (_, took) = wait(Arc::clone(&stage), PAID, 0, 200).await;
    assert!(took >= Duration::from_millis(200), "places of those who have gone stay taken: {took:?}");
}
