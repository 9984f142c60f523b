//! Exchange rates: what a payer's app reads is what this node quotes and accepts, now and at the time it says.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use quittance_code_api::envelope::Method;
use quittance_code_api::proto::code::currency::v1 as currency;
use quittance_core::command::Request;
use quittance_core::currency::Currency;
use quittance_core::ids::Timestamp;
use quittance_runtime::ManualClock;
use quittance_runtime::log::MemoryLog;

use crate::node::Node;

async fn rates(node: &Node, at: Option<i64>) -> Result<(i32, i64, Vec<(String, f64)>), String> {
    let timestamp = at.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 });
    let request = currency::GetAllRatesRequest { timestamp };
    let (status, answer) = node.call(Method::GetAllRates, request.encode_to_vec()).await;
    assert_eq!(status == 200, answer.is_ok());
    let answer = currency::GetAllRatesResponse::decode(answer?.as_slice()).expect("a response");
    let mut rates: Vec<_> = answer.rates.into_iter().collect();
    rates.sort_by(|one, other| one.0.cmp(&other.0));
    Ok((answer.result, answer.as_of.expect("as_of is always set").seconds, rates))
}

async fn publish(node: &Node, rates: &[(&str, &str)]) -> Timestamp {
    let rate = |(code, rate): &(&str, &str)| {
        let currency: Currency = code.parse().expect("a currency");
        (currency, rate.parse().expect("a rate"))
    };
    let rates = rates.iter().map(rate).collect();
    let publish = Request::PublishRates { source: "test".into(), rates };
    node.handle.execute(publish).await.expect("published");
    let latest =
        |state: &quittance_core::state::State| state.rates().latest().map(|table| table.published_at);
    node.handle.query(latest).await.expect("an answer").expect("a table")
}

fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.0 / 1_000_000).expect("a time")
}

#[tokio::test]
async fn a_payers_app_reads_the_rates_that_it_will_be_held_to() {
    let node = Node::start().await;
    let now = seconds(node.handle.now());
    let (result, as_of, none) = rates(&node, None).await.expect("an answer");
    assert_eq!((result, none), (1, vec![]), "nothing is known before anything is published");
    assert!((as_of - now).abs() < 60);

    // Seventeen digits, and a price below what six decimals show: no digit is lost on the way.
    let at = publish(&node, &[("usd", "0.00002"), ("jpy", "0.0031415926535897932")]).await;
    let want = vec![
        ("jpy".to_owned(), 0.003_141_592_653_589_793_2),
        ("kin".to_owned(), 1.0),
        ("usd".to_owned(), 0.000_02),
    ];
    for when in [None, Some(now), Some(now - 14 * 60), Some(now + 59 * 60)] {
        assert_eq!(rates(&node, when).await, Ok((0, seconds(at), want.clone())), "{when:?}");
    }
    let (result, as_of, none) = rates(&node, Some(now - 16 * 60)).await.expect("an answer");
    assert_eq!((result, as_of, none), (1, now - 16 * 60, vec![]), "nothing was published then");
    let refused = rates(&node, Some(now + 3700)).await.expect_err("too far ahead");
    assert_eq!(refused, "[invalid_argument] timestamp too far in the future");
    let refused = rates(&node, Some(-1)).await.expect_err("before 1970");
    assert_eq!(refused, "[invalid_argument] timestamp: expected a time from 1970 on");
}

#[tokio::test]
async fn the_rates_of_an_earlier_hour_are_the_ones_that_counted_then() {
    let clock = ManualClock::new(Timestamp(1_700_000_000_000_000));
    let node = Node::at(Arc::new(clock.clone()), MemoryLog::new(), |_| {}).await;
    let hour = Duration::from_secs(3600);
    let mut published = Vec::new();
    for rate in ["0.00001", "0.00002", "0.00003"] {
        published.push(seconds(publish(&node, &[("usd", rate)]).await));
        clock.advance(hour);
    }
    let [first, second, third] = published[..] else { panic!("three tables") };
    for (when, as_of, rate) in [
        (first - 1, first - 1, None),
        (first, first, Some(0.000_01)),
        (second - 1, first, Some(0.000_01)),
        (second, second, Some(0.000_02)),
        (third - 1, second, Some(0.000_02)),
        (third + 3600, third, Some(0.000_03)),
    ] {
        let (result, at, rates) = rates(&node, Some(when)).await.expect("an answer");
        let have = rates.iter().find(|(code, _)| code == "usd").map(|(_, rate)| *rate);
        assert_eq!((result, at, have), (i32::from(rate.is_none()), as_of, rate), "{when}");
    }
}
