//! A small world, explored to its last corner: two intents, two payers who can afford one payment each, one rail.
//!
//! Every message can come at any time and any number of times, so every order and every duplicate is among the paths. After
//! every message the node may crash and read its log again: what it then knows has to be what it knew. `QUITTANCE_WORLD=large`
//! explores a larger world by hand.

use std::collections::{BTreeMap, VecDeque};

use quittance_core::command::{Command, Request};
use quittance_core::event::{AttemptState, CanceledBy};
use quittance_core::ids::{CausationId, Timestamp};
use quittance_core::invariant::check_all;
use quittance_core::machine::{Core, Effects, Input};
use quittance_core::money::Quarks;
use quittance_core::policy::Policy;
use quittance_core::record;
use quittance_core::state::{Progress, State, Status, Submission, TransactionState};

use crate::support::model::{Model, Said};
use crate::support::{
    FEES, SHOP_SEED, World, at, cancel, create, deposit, intent, mark_scanned, outcome, payer, rates, refund,
    refund_of, report_attempt, submit, usd,
};

const PAYERS: [u8; 2] = [100, 101];
const INTENTS: [u8; 2] = [1, 2];
/// $5.00 at $0.00002 a kin.
const PRICE: u64 = 25_000_000_000;

/// How much of the world there is.
struct Size {
    attempts: u16,
    scans: bool,
    refunded: &'static [u8],
}

const SMALL: Size = Size { attempts: 1, scans: false, refunded: &[1] };
const LARGE: Size = Size { attempts: 2, scans: true, refunded: &[1] };

#[derive(Clone)]
struct Node {
    core: Core,
    model: Model,
    now: Timestamp,
}

/// What decides what can happen next, without places in the log.
type Key = (bool, Vec<Vec<u64>>, Vec<(u64, u64)>);

fn key(node: &Node) -> Key {
    let state = node.core.state();
    let progress = |progress: &Progress| {
        let attempts = progress.attempts().iter().map(|attempt| attempt.state as u64);
        // Contradictions change nothing but their number: none and some are all there is to tell apart.
        attempts.chain([100 + u64::from(progress.contradictions().min(1))]).collect::<Vec<_>>()
    };
    let intents = INTENTS.iter().map(|seed| {
        let Some(known) = state.intent(&intent(*seed)) else { return vec![] };
        let whose = known.submission().map_or(0, |submission| u64::from(submission.payment.payer.0[0]));
        let facts = [
            known.status() as u64,
            u64::from(known.expires_at > at(3_600)),
            u64::from(known.scanned.is_some()),
            u64::from(known.refusals),
            whose,
        ];
        let payment =
            known.settlement().map_or(vec![], |settlement| progress(&settlement.transactions[0].progress));
        let refunds = known.refunds.iter().flat_map(|refund| progress(&refund.progress));
        facts.into_iter().chain(payment).chain(refunds).collect()
    });
    let accounts = state.ledger().accounts().map(|(_, a)| (a.balance.get(), a.reserved.get()));
    (node.now > at(3_600), intents.collect(), accounts.collect())
}

/// A node with rates and funds, and every message that can come to it.
fn begin(size: &Size) -> (Node, Vec<Command>) {
    let mut world = World::with_policy(Policy {
        max_attempts: size.attempts,
        max_refusals: 1,
        max_refunds: 1,
        quote_lifetime: std::time::Duration::from_secs(10_000),
        ..Policy::standard(FEES)
    });
    let mut model = Model::default();
    let mut requests = vec![rates(&[("usd", "0.00002")])];
    requests.extend(PAYERS.map(|seed| deposit(&seed.to_string(), payer(seed), PRICE)));
    let initialize =
        Request::Initialize { node: crate::support::NODE, policy: world.core.state().policy().clone() };
    model.command(world.now.0, &initialize.verify().unwrap());
    for request in requests {
        model.command(world.now.0, &request.clone().verify().unwrap());
        world.must(request);
    }
    let mut messages = Vec::new();
    for seed in INTENTS {
        messages.push(create(seed, usd(500)));
        messages.push(cancel(seed, CanceledBy::Merchant));
        if size.scans {
            messages.push(mark_scanned(seed));
        }
        let mut quoting = world.clone();
        quoting.must(create(seed, usd(500)));
        for whose in PAYERS {
            let payment = quoting.quote(seed, whose);
            let id = quittance_core::payment::transaction_id(&payment.to_bytes(), 0);
            messages.push(submit(whose, &payment));
            for (attempt, said) in (1..=size.attempts).flat_map(|n| AttemptState::ALL.map(|said| (n, said))) {
                messages.push(report_attempt(seed, id, attempt, outcome(said, "")));
            }
        }
        if size.refunded.contains(&seed) {
            let order = refund_of(seed, SHOP_SEED, "back", 1_000);
            messages.push(refund(SHOP_SEED, order));
            for said in AttemptState::ALL {
                messages.push(report_attempt(seed, order.transaction(), 1, outcome(said, "")));
            }
        }
    }
    let commands = messages.into_iter().map(|request| request.verify().unwrap()).collect();
    (Node { core: world.core, model, now: world.now }, commands)
}

/// The node after an input; core, model and a node that crashed and read its log agree.
fn after(node: &Node, input: Input) -> Node {
    let mut next = node.clone();
    let text = format!("{input:?}");
    let said = match &input {
        Input::Command(command) => Some(next.model.command(next.now.0, command)),
        Input::Tick => None,
    };
    let mut effects = Effects::default();
    next.core.handle(next.now, CausationId(1), input, &mut effects).expect("it takes in what it decides");
    let names: Vec<_> = effects.records.iter().map(|record| record.event.name()).collect();
    let answered = match effects.answer {
        None => None,
        Some(Ok(accepted)) if accepted.repeated => Some(Said::Repeated),
        Some(Ok(_)) => Some(Said::Done(names.clone())),
        Some(Err(rejection)) => Some(Said::Refused(rejection.code.number(), names.clone())),
    };
    match said {
        Some(said) => assert_eq!(answered, Some(said), "core (left) and model disagree about {text}"),
        None => assert_eq!(names, next.model.tick(next.now.0), "core (left) and model disagree about a tick"),
    }
    let mut restarted = node.core.state().clone();
    for made in &effects.records {
        let mut bytes = Vec::new();
        record::encode(made, &mut bytes);
        let read = record::decode(&bytes, made.position).expect("it reads what it wrote");
        restarted.apply(&read).expect("it follows");
    }
    assert_eq!(
        restarted.digest(),
        next.core.state().digest(),
        "a crash behind {text} changes what the node knows"
    );
    if names.is_empty() {
        assert_eq!(
            node.core.state().digest(),
            next.core.state().digest(),
            "{text} changed what is in no log"
        );
    }
    next
}

/// What must hold from one state to the next, whatever the message.
fn holds(before: &State, after: &State, event_free: bool) {
    check_all(after).unwrap();
    for seed in INTENTS {
        let (was, is) = (before.intent(&intent(seed)), after.intent(&intent(seed)));
        let paid = |known: Option<&quittance_core::state::Intent>| {
            known
                .and_then(|known| known.submission())
                .map(|submission: &Submission| submission.payment.clone())
        };
        if let Some(payment) = paid(was) {
            assert_eq!(
                paid(is),
                Some(payment),
                "an accepted payment was replaced: two payers for one intent"
            );
        }
        if let (Some(was), Some(is)) = (was, is) {
            assert!(!was.status().is_terminal() || was.status() == is.status(), "an end that was not one");
        }
    }
    assert!(event_free || after.position() > before.position());
}

/// Time passes and the rail answers: nothing stays open, and nothing set aside.
fn heals(node: &Node) {
    let mut node = Node { now: at(20_000), ..node.clone() };
    node = after(&node, Input::Tick);
    for seed in INTENTS {
        let known = node.core.state().intent(&intent(seed));
        let transactions = known.into_iter().flat_map(|known| {
            let payment = known.settlement().into_iter().flat_map(|settlement| &settlement.transactions);
            let refunds =
                known.refunds.iter().map(|refund| (refund.refund.transaction(), refund.progress.clone()));
            payment.map(|scheduled| (scheduled.transaction.id, scheduled.progress.clone())).chain(refunds)
        });
        let open = transactions.filter(|(_, progress)| progress.state() == TransactionState::Ordered);
        for (id, progress) in open.collect::<Vec<_>>() {
            let said = outcome(AttemptState::Settled, "");
            let report = report_attempt(seed, id, progress.current().0, said).verify().unwrap();
            node = after(&node, Input::Command(report));
        }
    }
    let state = node.core.state();
    assert!(state.intents().all(|(_, known)| known.status().is_terminal()), "an intent is stuck");
    assert!(
        state.ledger().accounts().all(|(_, account)| account.reserved == Quarks::ZERO),
        "funds are stuck"
    );
}

#[test]
fn no_order_duplicate_or_crash_in_a_small_world_pays_twice_loses_a_quark_or_leaves_anything_stuck() {
    let large = std::env::var("QUITTANCE_WORLD").is_ok_and(|size| size == "large");
    let (start, messages) = begin(if large { &LARGE } else { &SMALL });
    let mut known = BTreeMap::from([(key(&start), ())]);
    let mut waiting = VecDeque::from([start]);
    let (mut transitions, mut ends) = (0u64, BTreeMap::<_, u64>::new());
    while let Some(node) = waiting.pop_front() {
        let mut inputs: Vec<_> = messages.iter().cloned().map(Input::Command).collect();
        inputs.push(Input::Tick);
        let mut nexts: Vec<_> = inputs.into_iter().map(|input| after(&node, input)).collect();
        // The deadline passes.
        nexts.push(Node { now: at(3_601), ..node.clone() });
        heals(&node);
        for next in nexts {
            transitions += 1;
            let (before, now) = (node.core.state(), next.core.state());
            holds(before, now, now.position() == before.position());
            if known.insert(key(&next), ()).is_none() {
                for seed in INTENTS {
                    let status = now.intent(&intent(seed)).map(quittance_core::state::Intent::status);
                    *ends.entry(status).or_default() += 1;
                }
                waiting.push_back(next);
                if large && known.len() % 10_000 == 0 {
                    eprintln!("{} states, {transitions} transitions, {} waiting", known.len(), waiting.len());
                }
            }
        }
    }
    println!("{} states, {transitions} transitions: {ends:?}", known.len());
    for status in [None].into_iter().chain(Status::ALL.map(Some)) {
        let passing = [Status::Submitted, Status::Verified, Status::Rejected].map(Some).contains(&status);
        assert_ne!(
            ends.contains_key(&status),
            passing,
            "{status:?}: the world is too small to mean something"
        );
    }
    assert!(known.len() > 1_000, "{} states are not a world", known.len());
}
