//! Quarks that go back: refunds to payers, withdrawals to owners.

use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::event::Event;
use quittance_core::ids::{AccountId, NodeId, TransactionId};
use quittance_core::money::Quarks;
use quittance_core::policy::{Limits, Policy};
use quittance_core::rejection::RejectionCode;
use quittance_core::state::TransactionState;

use crate::rejections;
use crate::support::{
    FEES, SHOP_SEED, World, create, deposit, intent, no_funds, payer, rates, refund, refund_of, report,
    report_withdrawal, shop, submit, usd, withdraw, withdrawal_of,
};

const PAYER: u8 = 100;
/// $5.00 at $0.00002 a kin.
const PAID: u64 = 25_000_000_000;
/// What the shop got: all but the service fee of a cent.
const GOT: u64 = PAID - 50_000_000;

/// A confirmed payment.
fn confirmed(policy: Policy) -> World {
    let mut world = World::with_policy(policy);
    world.must(rates(&[("usd", "0.00002")]));
    world.must(deposit("funds", payer(PAYER), PAID));
    world.must(create(1, usd(500)));
    let payment = world.quote(1, PAYER);
    world.must(submit(PAYER, &payment));
    let id = world.transaction(1);
    world.must(report(1, id, SettlementOutcome::Settled));
    world
}

fn holds(world: &World, whom: AccountId) -> (u64, u64) {
    let account = world.core.state().ledger().account(&whom);
    (account.balance.get(), account.reserved.get())
}

fn back(key: &str, quarks: u64) -> Request {
    refund(SHOP_SEED, refund_of(1, SHOP_SEED, key, quarks))
}

fn transaction(key: &str) -> TransactionId {
    refund_of(1, SHOP_SEED, key, 0).transaction()
}

#[test]
fn refunds_whole_and_part_add_up_to_what_was_paid_and_not_a_quark_more() {
    let mut world = confirmed(Policy::standard(FEES));
    world.must(back("first", 10_000_000_000));
    assert_eq!(holds(&world, shop()), (GOT, 10_000_000_000), "set aside before it moves");
    world.must(report(1, transaction("first"), SettlementOutcome::Settled));
    assert_eq!(
        (holds(&world, shop()), holds(&world, payer(PAYER))),
        ((GOT - 10_000_000_000, 0), (10_000_000_000, 0))
    );
    // The service fee is the node's: to give back everything, the shop adds it from its own.
    assert_eq!(world.refusal_code(back("rest", 15_000_000_000)), RejectionCode::RefundFundsInsufficient);
    world.must(deposit("own", shop(), 50_000_000));
    assert_eq!(world.refusal_code(back("rest", 15_000_000_001)), RejectionCode::RefundExceedsPayment);
    world.must(back("rest", 15_000_000_000));
    assert_eq!(world.refusal_code(back("more", 1)), RejectionCode::RefundExceedsPayment);
    world.must(report(1, transaction("rest"), SettlementOutcome::Settled));
    assert_eq!((holds(&world, shop()), holds(&world, payer(PAYER))), ((0, 0), (PAID, 0)));
    let known = world.core.state().intent(&intent(1)).expect("there");
    assert_eq!(known.refunded(), Quarks::new(PAID));
}

#[test]
fn a_refund_that_fails_gives_the_shop_its_funds_and_the_payer_another_chance() {
    let mut world = confirmed(Policy::standard(FEES));
    world.must(back("all", GOT));
    world.must(report(1, transaction("all"), no_funds()));
    assert_eq!(holds(&world, shop()), (GOT, 0));
    let known = world.core.state().intent(&intent(1)).expect("there");
    assert!(matches!(known.refunds[0].progress.state(), TransactionState::Failed { .. }));
    assert_eq!(known.refunded(), Quarks::ZERO);
    world.must(back("again", GOT));
    world.must(report(1, transaction("again"), SettlementOutcome::Settled));
    // The first one stays as it ended, whatever is said of it later.
    let late = report(1, transaction("all"), SettlementOutcome::Settled);
    assert_eq!(world.refusal_code(late), RejectionCode::SettlementContradicts);
    assert_eq!((holds(&world, shop()), holds(&world, payer(PAYER))), ((0, 0), (GOT, 0)));
}

#[test]
fn asking_for_a_refund_or_a_withdrawal_again_never_pays_twice() {
    let mut world = confirmed(Policy { min_withdrawal: Quarks::new(1), ..Policy::standard(FEES) });
    let once = |world: &mut World, request: Request| {
        let first = world.send(request.clone()).1.expect("taken");
        let (events, again) = world.send(request);
        assert_eq!(events, []);
        assert_eq!(again.map(|again| (again.position, again.repeated)), Ok((first.position, true)));
    };
    once(&mut world, back("one", 5));
    let owned = |quarks, to: &str| withdraw(SHOP_SEED, withdrawal_of(SHOP_SEED, "one", quarks, to));
    once(&mut world, owned(7, "bank"));
    assert_eq!(holds(&world, shop()), (GOT, 12));
    // Also when both are done.
    world.must(report(1, transaction("one"), SettlementOutcome::Settled));
    let out = withdrawal_of(SHOP_SEED, "one", 7, "bank").transaction();
    world.must(report_withdrawal(out, 1, SettlementOutcome::Settled));
    for request in [back("one", 5), owned(7, "bank")] {
        assert_eq!(world.must(request), []);
    }
    assert_eq!(holds(&world, shop()), (GOT - 12, 0));
}

#[test]
fn a_withdrawal_leaves_the_accounts_once_it_is_final_and_not_before() {
    for (said, left, withdrawn) in [
        (SettlementOutcome::Sent, (GOT, GOT), 0),
        (SettlementOutcome::Settled, (0, 0), u128::from(GOT)),
        (no_funds(), (GOT, 0), 0),
    ] {
        let mut world = confirmed(Policy::standard(FEES));
        let order = withdrawal_of(SHOP_SEED, "all", GOT, "the shop's bank");
        world.must(withdraw(SHOP_SEED, order.clone()));
        assert_eq!(world.core.state().open_withdrawals().count(), 1);
        let events = world.must(report_withdrawal(order.transaction(), 1, said));
        assert_eq!(events.len(), 1);
        assert_eq!((holds(&world, shop()), world.core.state().ledger().withdrawn()), (left, withdrawn));
        let contradiction = report_withdrawal(order.transaction(), 1, SettlementOutcome::Settled);
        if matches!(events[0], Event::WithdrawalFailed { .. }) {
            assert_eq!(world.refusal_code(contradiction), RejectionCode::SettlementContradicts);
            assert_eq!(holds(&world, shop()), left, "what failed has failed");
        }
    }
}

/// The refusals of refunds and withdrawals.
pub(crate) fn cases() -> Vec<RejectionCode> {
    use RejectionCode as Code;
    let mut made = Vec::new();
    let mut case = |code, field: &str, world: &mut World, request: Request| {
        made.push(rejections::check(code, field, world, request));
    };
    let limits = Limits { per_day: Some(Quarks::new(25)), per_five_minutes: Some(2) };
    let policy = Policy {
        max_refunds: 2,
        min_withdrawal: Quarks::new(10),
        withdrawal_limits: limits,
        ..Policy::standard(FEES)
    };
    let mut world = confirmed(policy);
    world.must(create(2, usd(500)));
    let of = |seed, quarks| refund_of(seed, SHOP_SEED, "first", quarks);
    let by_shop = |order| refund(SHOP_SEED, order);
    case(Code::IntentNotFound, "intent", &mut world, by_shop(of(77, 1)));
    case(Code::IntentNotConfirmed, "intent", &mut world, by_shop(of(2, 1)));
    let mut foreign = of(1, 1);
    foreign.node = NodeId([1; 32]);
    case(Code::NodeMismatch, "node", &mut world, by_shop(foreign));
    case(Code::QuarksMustNotBeZero, "quarks", &mut world, by_shop(of(1, 0)));
    world.must(back("first", 5));
    case(Code::RefundMismatch, "quarks", &mut world, back("first", 6));
    let thief = refund(PAYER, refund_of(1, PAYER, "steal", 5));
    case(Code::RefundSignerNotDestination, "merchant", &mut world, thief);
    let mut unsigned = back("second", 5);
    if let Request::Refund { refund, .. } = &mut unsigned {
        refund.quarks = Quarks::new(6);
    }
    case(Code::SignatureInvalid, "signature", &mut world, unsigned);
    case(Code::RefundExceedsPayment, "quarks", &mut world, back("second", PAID - 4));
    case(Code::RefundFundsInsufficient, "merchant", &mut world, back("second", GOT - 4));
    world.must(back("second", 1));
    case(Code::RefundsTooMany, "intent", &mut world, back("third", 1));

    let out = |key: &str, quarks, to: &str| withdraw(SHOP_SEED, withdrawal_of(SHOP_SEED, key, quarks, to));
    let mut foreign = withdrawal_of(SHOP_SEED, "first", 10, "bank");
    foreign.node = NodeId([1; 32]);
    case(Code::NodeMismatch, "node", &mut world, withdraw(SHOP_SEED, foreign));
    case(Code::QuarksMustNotBeZero, "quarks", &mut world, out("first", 0, "bank"));
    case(Code::WithdrawalAddressOutOfRange, "to", &mut world, out("first", 10, ""));
    case(Code::WithdrawalAddressOutOfRange, "to", &mut world, out("first", 10, &"b".repeat(129)));
    case(Code::WithdrawalBelowMinimum, "quarks", &mut world, out("first", 9, "bank"));
    case(Code::WithdrawalFundsInsufficient, "account", &mut world, out("first", GOT, "bank"));
    world.must(out("first", 10, &"b".repeat(128)));
    case(Code::WithdrawalMismatch, "quarks", &mut world, out("first", 11, "bank"));
    case(Code::WithdrawalMismatch, "to", &mut world, out("first", 10, "bank"));
    let mut foreign = withdrawal_of(SHOP_SEED, "first", 10, &"b".repeat(128));
    foreign.node = NodeId([1; 32]);
    case(Code::NodeMismatch, "node", &mut world, withdraw(SHOP_SEED, foreign));
    case(Code::QuarksMustNotBeZero, "quarks", &mut world, out("first", 0, "bank"));
    let mut stolen = out("second", 10, "bank");
    if let Request::Withdraw { withdrawal, .. } = &mut stolen {
        withdrawal.to = "another bank".into();
    }
    case(Code::SignatureInvalid, "signature", &mut world, stolen);
    let long = out("second", 10, &"b".repeat(5_000));
    case(Code::SignedBytesTooLong, "withdrawal", &mut world, long);
    case(Code::WithdrawalDailyAmountExceeded, "account", &mut world, out("second", 16, "bank"));
    world.must(out("second", 10, "bank"));
    let failed = withdrawal_of(SHOP_SEED, "second", 10, "bank").transaction();
    world.must(report_withdrawal(failed, 1, no_funds()));
    // What failed was not taken out, but was tried.
    case(Code::WithdrawalsTooFrequent, "account", &mut world, out("third", 15, "bank"));
    case(Code::WithdrawalDailyAmountExceeded, "account", &mut world, out("third", 16, "bank"));
    let unknown = report_withdrawal(TransactionId([0; 32]), 1, SettlementOutcome::Settled);
    case(Code::WithdrawalNotFound, "transaction", &mut world, unknown);
    made
}
