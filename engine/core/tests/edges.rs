//! The last value that a rule lets in, and the first that it does not.

use std::time::Duration;

use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::currency::Currency;
use quittance_core::event::{AttemptState, Event, Record, Transaction};
use quittance_core::ids::{AccountId, AttemptNumber, Timestamp, TransactionId};
use quittance_core::lifecycle;
use quittance_core::machine::Core;
use quittance_core::money::{BasisPoints, Quarks};
use quittance_core::payment::transaction_id;
use quittance_core::policy::Policy;
use quittance_core::rejection::RejectionCode as Code;
use quittance_core::state::{MAX_RATES, MAX_SOURCE_BYTES, State, Status};
use quittance_core::terms::Terms;

use crate::support::{
    FEES, NOON, PARTNER, SHOP_SEED, World, at, create, deposit, fee, intent, no_funds, payer, rate, rates,
    refund, refund_of, report, submit, usd,
};

const PAYER: u8 = 100;
/// $1.00 at $0.00002 a kin.
const DOLLAR: u64 = 5_000_000_000;

fn world(change: impl FnOnce(&mut Policy)) -> World {
    let mut policy = Policy::standard(FEES);
    change(&mut policy);
    let mut world = World::with_policy(policy);
    world.must(rates(&[("usd", "0.00002")]));
    world.must(deposit("funds", payer(PAYER), 100 * DOLLAR));
    world
}

fn code(world: &mut World, request: Request) -> Option<Code> {
    world.send(request).1.err().map(|rejection| rejection.code)
}

#[test]
fn a_merchant_gets_the_last_terms_that_are_allowed_and_not_the_first_that_are_not() {
    let month = Policy::standard(FEES).max_intent_lifetime;
    let until = |expires_at| Terms { expires_at: Some(expires_at), ..usd(100) };
    let latest = NOON.saturating_add(month);
    for (terms, refused) in [
        (Terms { fees: vec![fee(PARTNER, 5_000)], ..usd(100) }, None),
        (Terms { fees: vec![fee(PARTNER, 5_001)], ..usd(100) }, Some(Code::FeesExceedLimit)),
        (until(NOON), None),
        (until(Timestamp(NOON.0 - 1)), Some(Code::ExpiryInThePast)),
        (until(latest), None),
        (until(Timestamp(latest.0 + 1)), Some(Code::ExpiryTooFar)),
    ] {
        assert_eq!(code(&mut world(|_| {}), create(1, terms.clone())), refused, "{terms:?}");
    }
}

#[test]
fn an_operator_may_publish_as_many_rates_as_fit_and_be_as_tolerant_as_allowed() {
    let letter = |n: usize| char::from(b"abcdefghijklmnopqrstuvwxyz"[n % 26]);
    let many = |count: usize| -> Vec<_> {
        let name = |n: usize| String::from_iter([letter(n / 676), letter(n / 26), letter(n)]);
        (0..count).map(|n| (name(n).parse().unwrap(), rate("2"))).collect()
    };
    for (rates, source, refused) in [
        (MAX_RATES, MAX_SOURCE_BYTES, None),
        (MAX_RATES + 1, 1, Some(Code::RatesTooMany)),
        (1, MAX_SOURCE_BYTES + 1, Some(Code::RatesTooMany)),
    ] {
        let publish = Request::PublishRates { source: "s".repeat(source), rates: many(rates) };
        assert_eq!(code(&mut world(|_| {}), publish), refused, "{rates} rates, {source} bytes");
    }
    for (bps, refused) in [(1_000, None), (1_001, Some(Code::PolicyOutOfRange))] {
        let policy = Policy { rate_tolerance: BasisPoints::new(bps), ..Policy::standard(FEES) };
        assert_eq!(code(&mut world(|_| {}), Request::SetPolicy { policy }), refused, "{bps} bps");
    }
}

#[test]
fn the_largest_payment_can_be_quoted_and_made_and_one_quark_more_cannot() {
    for (most, refused) in [(DOLLAR, None), (DOLLAR - 1, Some(Code::AmountExceedsLimit))] {
        let mut world = world(|policy| policy.max_payment = Quarks::new(most));
        world.must(create(1, usd(100)));
        let quoted = quittance_core::quote::quote(world.core.state(), intent(1), payer(PAYER), at(0));
        assert_eq!(quoted.err().map(|rejection| rejection.code), refused, "quoted at most {most}");
        let payment = world.priced(1, PAYER).unwrap();
        assert_eq!(code(&mut world, submit(PAYER, &payment)), refused, "paid at most {most}");
    }
}

#[test]
fn an_intent_that_one_of_two_prices_can_pay_is_not_given_up() {
    let mut world = world(|policy| policy.max_payment = Quarks::new(DOLLAR));
    world.must(create(1, usd(100)));
    world.must(rates(&[("usd", "0.00001")]));
    // At the new price twice as many quarks; at the old one just as many as are allowed.
    let dear = world.priced(1, PAYER).unwrap();
    assert_eq!(code(&mut world, submit(PAYER, &dear)), Some(Code::AmountExceedsLimit));
    assert_eq!(world.status(1), Status::Created);
}

#[test]
fn an_amount_has_to_be_worth_more_than_nothing_and_more_than_its_fees() {
    let quote = |world: &World| {
        let quoted = quittance_core::quote::quote(world.core.state(), intent(1), payer(PAYER), at(0));
        quoted.map(|payment| payment.received().get()).map_err(|rejection| rejection.code)
    };
    for (hundredths, price, outcome) in [
        // The service fee of a cent is the whole cent.
        (1, "0.00002", Err(Code::AmountBelowFees)),
        (2, "0.00002", Ok(50_000_000)),
        // A hundredth of what costs 2 001 for a kin is less than half a quark.
        (1, "2001", Err(Code::AmountOutOfRange)),
    ] {
        let mut world = world(|_| {});
        world.must(rates(&[("usd", price)]));
        world.must(create(1, usd(hundredths)));
        assert_eq!(quote(&world), outcome, "{hundredths} at {price}");
    }
    // Kin needs no table at all.
    let mut world = World::with_policy(Policy { service_fee: None, ..Policy::standard(FEES) });
    world.must(create(1, Terms { currency: Currency::KIN, ..usd(100) }));
    assert_eq!(quote(&world), Ok(100_000));
}

#[test]
fn of_two_prices_that_do_not_fit_the_payer_is_told_of_the_newer() {
    let mut world = world(|_| {});
    world.must(rates(&[("usd", "0.00002"), ("eur", "0.00002")]));
    world.must(create(1, Terms { currency: "eur".parse().unwrap(), ..usd(100) }));
    let mut payment = world.quote(1, PAYER);
    world.must(rates(&[("usd", "0.00001"), ("eur", "0.00002")]));
    payment.transfers[0].quarks = Quarks::new(1);
    let refused = world.refused(submit(PAYER, &payment));
    assert_eq!(refused.code, Code::TransfersMismatch);
    // A cent at the newer price of a dollar.
    assert!(refused.expected.contains("100000000 quarks"), "{refused}");
}

#[test]
fn an_account_is_known_once_it_has_held_something() {
    let world = world(|_| {});
    let ledger = world.core.state().ledger();
    assert_eq!((ledger.contains(&payer(PAYER)), ledger.contains(&AccountId([7; 32]))), (true, false));
}

#[test]
fn who_paid_is_forgotten_after_a_day_so_that_memory_follows_who_pays() {
    let mut world = world(|_| {});
    world.must(deposit("second", payer(PAYER + 1), 100 * DOLLAR));
    let first = format!("{:?}", payer(PAYER));
    for (seed, whose, steps, remembered) in
        [(1, PAYER, 0, true), (2, PAYER + 1, 288, true), (3, PAYER + 1, 289, false)]
    {
        world.now = NOON.saturating_add(Duration::from_secs(300 * steps));
        world.must(create(seed, usd(100)));
        let payment = world.quote(seed, whose);
        world.must(submit(whose, &payment));
        let known = format!("{:?}", world.core.state().usage());
        assert_eq!(known.contains(&first), remembered, "{steps} steps later");
    }
}

/// A scheduled payment that two transactions carry. Today's rules order one; the log may hold more.
fn two_transactions() -> (World, [TransactionId; 2]) {
    let mut world = world(|_| {});
    world.must(create(1, usd(100)));
    let payment = world.quote(1, PAYER);
    let ids = [0, 1].map(|index| transaction_id(&payment.to_bytes(), index));
    world.must(submit(PAYER, &payment));
    let scheduled = world.records.pop().unwrap();
    let part = |index: u8| Transaction { id: ids[usize::from(index)], first_transfer: index, transfers: 1 };
    let event = Event::IntentScheduled { transactions: vec![part(0), part(1)] };
    world.records.push(Record { event, ..scheduled });
    restart(&mut world);
    (world, ids)
}

fn restart(world: &mut World) {
    let mut state = State::default();
    world.records.iter().for_each(|record| state.apply(record).unwrap());
    world.core = Core::new(state);
}

#[test]
fn a_payment_of_two_transactions_is_confirmed_by_the_second_and_not_by_the_first() {
    for order in [[0, 1], [1, 0]] {
        let (mut world, ids) = two_transactions();
        let settle = |world: &mut World, index: usize| {
            world.must(report(1, ids[index], SettlementOutcome::Settled));
            world.status(1)
        };
        assert_eq!(order.map(|index| settle(&mut world, index)), [Status::Scheduled, Status::Confirmed]);
    }
}

#[test]
fn what_settles_after_its_payment_has_failed_is_a_contradiction_and_nothing_else_is() {
    let (mut world, [first, second]) = two_transactions();
    world.must(report(1, first, no_funds()));
    let (attempt, reason) = (AttemptNumber::FIRST, String::new());
    let [settled, failed] = [AttemptState::Settled, AttemptState::Failed];
    for (known, reported, right) in [
        (failed, settled, true),
        (settled, failed, false),
        (failed, failed, false),
        (settled, settled, false),
    ] {
        let event = Event::SettlementContradicted {
            transaction: second,
            attempt,
            known,
            reported,
            reason: reason.clone(),
        };
        let mut record = world.records.last().unwrap().clone();
        let subject = record.subject.as_mut().unwrap();
        (subject.previous, subject.revision.0) = (record.position, subject.revision.0 + 1);
        (record.position, record.event) = (record.position.next(), event);
        let mut state = world.core.state().clone();
        assert_eq!(state.apply(&record).is_ok(), right, "{known:?} stands, {reported:?} came");
        if right {
            let known = state.intent(&intent(1)).and_then(|known| known.settlement()).expect("it was paid");
            assert_eq!(known.transactions[1].progress.contradictions(), 1);
        }
    }
}

#[test]
fn a_transaction_that_carries_nothing_is_refused_from_a_log() {
    let (mut world, ids) = two_transactions();
    let scheduled = world.records.pop().unwrap();
    restart(&mut world);
    let part =
        |index: usize, first_transfer, transfers| Transaction { id: ids[index], first_transfer, transfers };
    for (transactions, right) in [
        (vec![part(0, 0, 1), part(1, 1, 1)], true),
        (vec![part(0, 0, 2)], true),
        (vec![part(0, 0, 0), part(1, 0, 2)], false),
        (vec![part(0, 0, 2), part(1, 2, 0)], false),
        (vec![part(0, 0, 1)], false),
    ] {
        let record = Record {
            event: Event::IntentScheduled { transactions: transactions.clone() },
            ..scheduled.clone()
        };
        assert_eq!(world.core.state().clone().apply(&record).is_ok(), right, "{transactions:?}");
    }
}

#[test]
fn a_log_gives_back_no_more_than_was_paid_even_if_the_shop_is_rich() {
    let mut world = world(|_| {});
    world.must(create(1, usd(100)));
    let payment = world.quote(1, PAYER);
    world.must(submit(PAYER, &payment));
    let id = world.transaction(1);
    world.must(report(1, id, SettlementOutcome::Settled));
    world.must(deposit("rich", payer(SHOP_SEED), 10 * DOLLAR));
    world.must(refund(SHOP_SEED, refund_of(1, SHOP_SEED, "all", DOLLAR)));
    let taken = world.records.pop().unwrap();
    restart(&mut world);
    for (quarks, right) in [(DOLLAR, true), (DOLLAR + 1, false), (0, false)] {
        let Event::RefundScheduled { mut refund, signature, rule } = taken.event.clone() else {
            panic!("a refund")
        };
        refund.quarks = Quarks::new(quarks);
        let record = Record { event: Event::RefundScheduled { refund, signature, rule }, ..taken.clone() };
        assert_eq!(world.core.state().clone().apply(&record).is_ok(), right, "{quarks} quarks");
    }
}

#[test]
fn an_attempt_out_of_order_is_told_which_one_is_due() {
    let (mut world, [first, _]) = two_transactions();
    let sent = |attempt| crate::support::report_attempt(1, first, attempt, SettlementOutcome::Sent);
    assert_eq!(world.refused(sent(7)).expected, "at most 1");
    world.must(crate::support::report_attempt(
        1,
        first,
        1,
        SettlementOutcome::FailedRetryable { reason: "busy".into() },
    ));
    assert_eq!(world.refused(sent(7)).expected, "at most 2");
}

#[test]
fn the_diagram_shows_every_step_but_those_that_are_only_noted() {
    let diagram = lifecycle::mermaid();
    let lines: Vec<_> = diagram.lines().collect();
    assert_eq!(lines[0], "stateDiagram-v2");
    for line in [
        "    [*] --> created: the merchant asks for a payment / a site asks who somebody is",
        "    created --> confirmed: a payer logs in",
        "    created --> submitted: a payer signs a payment",
        "    scheduled --> confirmed: every transaction is final",
        "    failed --> [*]",
    ] {
        assert!(lines.contains(&line), "{line} is missing in\n{diagram}");
    }
    assert!(!diagram.contains("comes too late") && !diagram.contains("contradicts"), "{diagram}");
    assert!(lines.iter().all(|line| !line.ends_with(": ")), "{diagram}");
    let joined = lifecycle::steps().len();
    assert_eq!(
        lines.len(),
        1 + joined - 6 + 5,
        "each joined pair but six that are only noted, and five ends"
    );
}
