use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use quittance_tests::here;
use quittance_tests::hook::Hook;
use quittance_tests::people::{MERCHANT, Payer, order};
use quittance_tests::process::{Here, text};

use crate::{ask, pay};

const HERE: Here = here!();
/// In an ordinary run. `QUITTANCE_KILLS=200` makes it 200 kills and 1000 deliveries.
const KILLS: u32 = 8;
const DELIVERIES_A_KILL: u32 = 5;
/// How long everybody may take to be told once nobody kills the node any more: three attempts, and what they wait.
const TOLD: Duration = Duration::from_secs(60);

#[test]
fn every_merchant_is_told_however_often_the_node_is_killed_and_twice_under_one_id_only() {
    let kills =
        env::var("QUITTANCE_KILLS").map_or(KILLS, |kills| kills.parse().expect("QUITTANCE_KILLS: a number"));
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    // A quarter of them fail once, a quarter have no answer twice.
    let hook = Hook::open(|path, nth| match (path.as_bytes().last().map(|byte| byte % 4), nth) {
        (Some(0), 0) => Some(500),
        (Some(1), 0 | 1) => None,
        _ => Some(200),
    });
    let payer = Payer::numbered(1);
    let (mut intents, mut in_the_middle) = (BTreeSet::new(), 0);
    for life in 0..kills {
        let server = HERE.serve(&data);
        let deposited = payer.deposit(server.address(), "purse", 1 << 50).expect("an answer");
        assert!(deposited.is_success(), "{}", deposited.text());
        for nth in 0..DELIVERIES_A_KILL {
            let request = order(MERCHANT, 25, "usd", &format!("delivery {life}.{nth}"));
            let intent = request.intent_id().to_string();
            ask(server.address(), &request, &hook.url(&format!("/{intent}"))).expect("an answer");
            pay(server.address(), &payer, &intent).expect("an answer");
            intents.insert(intent);
        }
        // Some of them are called, some not, some in the middle.
        thread::sleep(Duration::from_millis(u64::from(life * 7 % 23)));
        server.kill();
        let records = HERE.dump(&data);
        let told = records.iter().filter(|record| record["type"] == "webhook.delivered").count();
        in_the_middle += u32::from(told < intents.len());
    }
    assert!(in_the_middle > 0, "everybody had been told at every kill");
    let server = HERE.serve(&data);
    let deadline = Instant::now() + TOLD;
    loop {
        let list = HERE.run(["webhook", "list", "--json", "--data", data.to_str().expect("UTF-8")]).json();
        if list["webhooks"].as_array().is_some_and(Vec::is_empty) {
            break;
        }
        assert!(Instant::now() < deadline, "still to be told: {list}");
        thread::sleep(Duration::from_millis(100));
    }
    server.stop();
    let mut by_intent = BTreeMap::<_, Vec<_>>::new();
    for told in hook.told() {
        by_intent.entry(told.path.trim_start_matches('/').to_owned()).or_default().push(told);
    }
    let delivered: BTreeMap<_, _> = HERE
        .dump(&data)
        .iter()
        .filter(|record| record["type"] == "webhook.delivered")
        .map(|record| (text(&record["intent"]), text(&record["position"])))
        .collect();
    let mut twice = 0;
    for intent in &intents {
        let calls = by_intent.get(intent).unwrap_or_else(|| panic!("{intent} was never told"));
        assert!(calls.iter().any(|told| told.answered == Some(200)), "{intent} was not taken: {calls:?}");
        assert!(delivered.contains_key(intent), "{intent} is not on record");
        let once: BTreeSet<_> = calls.iter().map(|told| (told.header("webhook-id"), &told.token)).collect();
        assert_eq!(once.len(), 1, "{intent} was told in two ways");
        twice += usize::from(calls.iter().filter(|told| told.answered == Some(200)).count() > 1);
    }
    println!(
        "{} deliveries, {kills} kills, {in_the_middle} of them before all were told: none lost, {twice} taken more than once",
        intents.len()
    );
}
