//! What one payer may pay and one merchant may be paid in a while.

use std::time::Duration;

use quittance_core::money::{BasisPoints, Quarks};
use quittance_core::policy::{Limits, MAX_RATE_TOLERANCE, Policy};
use quittance_core::rejection::RejectionCode;
use quittance_core::state::MAX_TABLES;

use crate::rejections;
use crate::support::{
    FEES, World, at, create, deposit, no_funds, payer, rate, rates, report, report_withdrawal, submit, usd,
    withdraw, withdrawal_of,
};

const PAYER: u8 = 100;
/// $1.00 at $0.00002 a kin.
const DOLLAR: u64 = 5_000_000_000;

fn world(payer_limits: Limits, merchant_limits: Limits) -> World {
    let mut world = World::with_policy(Policy { payer_limits, merchant_limits, ..Policy::standard(FEES) });
    world.must(rates(&[("usd", "0.00002")]));
    for seed in [PAYER, PAYER + 1] {
        world.must(deposit(&seed.to_string(), payer(seed), 1_000 * DOLLAR));
    }
    world
}

/// Pays a new intent of so many dollars.
fn pay(world: &mut World, seed: u8, payer: u8, dollars: u64) -> Result<(), RejectionCode> {
    world.must(create(seed, usd(100 * dollars)));
    let payment = world.quote(seed, payer);
    world.send(submit(payer, &payment)).1.map(|_| ()).map_err(|rejection| rejection.code)
}

fn per_day(dollars: u64) -> Limits {
    Limits { per_day: Some(Quarks::new(dollars * DOLLAR)), per_five_minutes: None }
}

fn often(payments: u32) -> Limits {
    Limits { per_day: None, per_five_minutes: Some(payments) }
}

#[test]
fn a_day_and_five_minutes_end_when_they_say_so_that_nobody_is_kept_from_paying_longer() {
    use RejectionCode::{
        MerchantDailyAmountExceeded, MerchantPaymentsTooFrequent, PayerDailyAmountExceeded,
        PayerPaymentsTooFrequent,
    };
    let none = Limits::default;
    // A window slides in steps: full by its name, open again at most a step later.
    for (payer_limits, merchant_limits, code, full, free) in [
        (per_day(2), none(), PayerDailyAmountExceeded, 86_400, 86_400 + 300),
        (none(), per_day(2), MerchantDailyAmountExceeded, 86_400, 86_400 + 300),
        (often(2), none(), PayerPaymentsTooFrequent, 300, 310),
        (none(), often(2), MerchantPaymentsTooFrequent, 300, 310),
    ] {
        for (seconds, outcome) in [(0, Err(code)), (full, Err(code)), (free, Ok(()))] {
            let mut world = world(payer_limits, merchant_limits);
            for seed in [1, 2] {
                assert_eq!(pay(&mut world, seed, PAYER, 1), Ok(()), "{code:?}: within the limit");
            }
            world.now = at(seconds);
            assert_eq!(pay(&mut world, 3, PAYER, 1), outcome, "{code:?} after {seconds} s");
        }
    }
}

#[test]
fn one_payers_limit_is_not_anothers_and_a_merchants_counts_all_its_payers() {
    let mut first = world(per_day(1), Limits::default());
    assert_eq!(pay(&mut first, 1, PAYER, 1), Ok(()));
    assert_eq!(pay(&mut first, 2, PAYER + 1, 1), Ok(()));
    let mut second = world(Limits::default(), per_day(1));
    assert_eq!(pay(&mut second, 1, PAYER, 1), Ok(()));
    assert_eq!(pay(&mut second, 2, PAYER + 1, 1), Err(RejectionCode::MerchantDailyAmountExceeded));
}

#[test]
fn the_last_quark_of_a_limit_can_be_paid() {
    let limits = Limits { per_day: Some(Quarks::new(3 * DOLLAR)), per_five_minutes: Some(2) };
    let mut world = world(limits, Limits::default());
    assert_eq!(pay(&mut world, 1, PAYER, 2), Ok(()));
    assert_eq!(pay(&mut world, 2, PAYER, 2), Err(RejectionCode::PayerDailyAmountExceeded));
    assert_eq!(pay(&mut world, 3, PAYER, 1), Ok(()));
}

#[test]
fn what_failed_for_good_was_not_paid_but_was_tried() {
    let limits = Limits { per_day: Some(Quarks::new(DOLLAR)), per_five_minutes: Some(2) };
    let mut world = world(limits, Limits::default());
    assert_eq!(pay(&mut world, 1, PAYER, 1), Ok(()));
    let id = world.transaction(1);
    world.must(report(1, id, no_funds()));
    assert_eq!(pay(&mut world, 2, PAYER, 1), Ok(()), "the first dollar is the payer's again");
    let id = world.transaction(2);
    world.must(report(2, id, no_funds()));
    assert_eq!(pay(&mut world, 3, PAYER, 1), Err(RejectionCode::PayerPaymentsTooFrequent));
}

#[test]
fn a_new_policy_counts_what_was_paid_before_it() {
    let mut world = world(Limits::default(), Limits::default());
    assert_eq!(pay(&mut world, 1, PAYER, 5), Ok(()));
    let policy = Policy { payer_limits: per_day(6), ..world.core.state().policy().clone() };
    assert_eq!(world.core.state().policy_version(), 1);
    world.must(quittance_core::command::Request::SetPolicy { policy });
    assert_eq!(world.core.state().policy_version(), 2);
    assert_eq!(pay(&mut world, 2, PAYER, 2), Err(RejectionCode::PayerDailyAmountExceeded));
    assert_eq!(pay(&mut world, 3, PAYER, 1), Ok(()));
}

#[test]
fn a_rate_may_be_off_by_the_tolerance_and_no_more() {
    let bps = |n| BasisPoints::new(n);
    for (tolerance, listed, signed, within) in [
        (None, "0.00002", "0.00002", true),
        (None, "0.00002", "0.000020001", false),
        (bps(10), "0.00002", "0.00002002", true),
        (bps(10), "0.00002", "0.00001998", true),
        (bps(10), "0.00002", "0.0000200200001", false),
        (bps(10), "0.00002", "0.0000199799999", false),
        (bps(1), "3", "3.0003", true),
        (bps(1), "3", "3.00031", false),
        // Where the tolerance is no whole unit of the smaller scale, it is rounded down there.
        (bps(1), "9999", "10000", false),
        (bps(1), "10000", "10001", true),
        (bps(1), "10000", "9998", false),
        (bps(10), "1000000", "1001000", true),
        (bps(10), "1000000", "1001001", false),
        (bps(10), "1000000", "999000", true),
        (bps(10), "1009999", "1011008", true),
        (bps(10), "1009999", "1011009", false),
        // A factor of 2^64 and more apart: not on one scale of 128 bits, and not within any tolerance.
        (bps(1_000), "18446744073709551615", "0.000000000000000000000000001", false),
        (bps(1_000), "0.000000000000000000000000001", "18446744073709551615", false),
    ] {
        assert_eq!(
            rate(signed).is_within(tolerance, rate(listed)),
            within,
            "{signed} for {listed} ± {tolerance:?}"
        );
    }
}

#[test]
fn a_payment_at_a_rate_within_the_tolerance_is_priced_at_the_rate_its_payer_signed() {
    let tolerance = BasisPoints::new(10);
    for (tolerance, outcome) in [(tolerance, Ok(())), (None, Err(RejectionCode::RateNotKnown))] {
        let mut world = World::with_policy(Policy { rate_tolerance: tolerance, ..Policy::standard(FEES) });
        world.must(rates(&[("usd", "0.00002")]));
        world.must(deposit("funds", payer(PAYER), 10 * DOLLAR));
        world.must(create(1, usd(100)));
        let mut payment = world.quote(1, PAYER);
        payment.rate = rate("0.00001999");
        // $1.00 / 0.00001999 × 100 000, to the nearest quark; the service fee stays at the listed rate.
        payment.transfers[1].quarks = Quarks::new(5_002_501_251 - payment.transfers[0].quarks.get());
        let answer = world.send(submit(PAYER, &payment)).1;
        assert_eq!(answer.map(|_| ()).map_err(|rejection| rejection.code), outcome);
    }
}

#[test]
fn an_intent_is_not_given_up_while_a_tolerated_rate_can_still_pay_it() {
    // Worth 5 × 10⁹ quarks at the listed rate; at one 10 bps dearer, less.
    for (max_payment, ended) in [(DOLLAR - 1, false), (DOLLAR - DOLLAR / 1_000 - 1, true)] {
        let mut world = World::with_policy(Policy {
            rate_tolerance: BasisPoints::new(10),
            max_payment: Quarks::new(max_payment),
            ..Policy::standard(FEES)
        });
        world.must(rates(&[("usd", "0.00002")]));
        world.must(create(1, usd(100)));
        let payment = world.priced(1, PAYER).unwrap();
        assert_eq!(world.refusal_code(submit(PAYER, &payment)), RejectionCode::AmountExceedsLimit);
        assert_eq!(world.status(1).is_terminal(), ended, "{max_payment}");
    }
}

#[test]
fn tables_are_not_published_so_fast_that_a_live_quote_loses_its_price() {
    let quote_lifetime = Duration::from_secs(120);
    let mut world = World::with_policy(Policy { quote_lifetime, ..Policy::standard(FEES) });
    world.must(deposit("funds", payer(PAYER), 100 * DOLLAR));
    let publish =
        |world: &mut World, n: usize| world.send(rates(&[("usd", &format!("0.0000{}", 2_000 + n))])).1;
    publish(&mut world, 0).expect("the first");
    world.must(create(1, usd(100)));
    let quoted = world.quote(1, PAYER);
    for n in 1..MAX_TABLES {
        publish(&mut world, n).expect("there is room");
    }
    let refused = publish(&mut world, MAX_TABLES).expect_err("it would push out the quote's table");
    assert_eq!(refused.code, RejectionCode::RatesTooFrequent);
    world.now = at(120);
    assert_eq!(
        publish(&mut world, MAX_TABLES).map_err(|r| r.code).err(),
        Some(RejectionCode::RatesTooFrequent)
    );
    let mut paid = world.clone();
    paid.must(submit(PAYER, &quoted));
    world.now.0 += 1;
    publish(&mut world, MAX_TABLES).expect("the quote has run out");
    assert_eq!(world.core.state().rates().tables().count(), MAX_TABLES);
}

#[test]
fn what_moves_in_a_day_can_be_counted_or_a_node_could_not_start_again() {
    // No limit, and the same quarks back and forth.
    let all = u64::MAX / 2;
    let mut world =
        World::with_policy(Policy { max_payment: Quarks::MAX, service_fee: None, ..Policy::standard(FEES) });
    world.must(deposit("all", payer(PAYER), all));
    let kin = |seed: u8, from: u8, to: u8| {
        let terms = quittance_core::terms::Terms {
            destination: payer(to),
            currency: quittance_core::currency::Currency::KIN,
            ..usd(all / 1_000)
        };
        (create(seed, terms), seed, from)
    };
    let mut outcomes = Vec::new();
    for n in 0..6 {
        let (from, to) = if n % 2 == 0 { (PAYER, PAYER + 1) } else { (PAYER + 1, PAYER) };
        let (request, seed, from) = kin(n + 1, from, to);
        world.must(request);
        let payment = world.quote(seed, from);
        let code = world.send(submit(from, &payment)).1.map_err(|rejection| rejection.code);
        if code.is_ok() {
            let id = world.transaction(seed);
            world.must(report(seed, id, quittance_core::command::SettlementOutcome::Settled));
        }
        outcomes.push(code.map(|_| ()));
        quittance_core::invariant::check_all(world.core.state()).expect("it holds");
    }
    assert_eq!(outcomes[..4], [Ok(()), Ok(()), Ok(()), Ok(())]);
    assert_eq!(outcomes[4], Err(RejectionCode::PayerDailyAmountExceeded));
}

#[test]
fn what_went_out_can_come_in_again() {
    let mut world = World::with_policy(Policy::standard(FEES));
    let all = u64::MAX;
    for round in 0..3u64 {
        world.must(deposit(&round.to_string(), payer(PAYER), all));
        let more = deposit("more", payer(PAYER), 1);
        assert_eq!(world.refusal_code(more), RejectionCode::BalanceOutOfRange);
        let order = withdrawal_of(PAYER, &round.to_string(), all, "a bank");
        world.must(withdraw(PAYER, order.clone()));
        let settled = quittance_core::command::SettlementOutcome::Settled;
        world.must(report_withdrawal(order.transaction(), 1, settled));
        world.now = at(200_000 * (round + 1));
    }
    assert_eq!(world.core.state().ledger().deposited(), 3 * u128::from(all));
    assert_eq!(world.core.state().ledger().held(), Quarks::ZERO);
}

/// The refusals by limits.
pub(crate) fn cases() -> Vec<RejectionCode> {
    use RejectionCode as Code;
    let mut made = Vec::new();
    let none = Limits::default;
    for (payer_limits, merchant_limits, field, code) in [
        (per_day(1), none(), "payer", Code::PayerDailyAmountExceeded),
        (often(1), none(), "payer", Code::PayerPaymentsTooFrequent),
        (none(), per_day(1), "destination", Code::MerchantDailyAmountExceeded),
        (none(), often(1), "destination", Code::MerchantPaymentsTooFrequent),
    ] {
        let mut world = world(payer_limits, merchant_limits);
        assert_eq!(pay(&mut world, 1, PAYER, 1), Ok(()));
        world.must(create(2, usd(100)));
        let payment = world.quote(2, PAYER);
        made.push(rejections::check(code, field, &mut world, submit(PAYER, &payment)));
    }
    let mut world = world(none(), none());
    for n in 1..MAX_TABLES {
        world.must(rates(&[("usd", &format!("0.0000{}", 2_000 + n))]));
    }
    made.push(rejections::check(Code::RatesTooFrequent, "rates", &mut world, rates(&[("usd", "7")])));
    let standard = || Policy::standard(FEES);
    let zero = |per_day, per_five_minutes| Limits { per_day, per_five_minutes };
    let too_tolerant = BasisPoints::new(u32::from(MAX_RATE_TOLERANCE) + 1);
    for (policy, field) in [
        (Policy { rate_tolerance: too_tolerant, ..standard() }, "rate_tolerance"),
        (Policy { payer_limits: zero(Some(Quarks::ZERO), None), ..standard() }, "payer_limits.per_day"),
        (Policy { payer_limits: zero(None, Some(0)), ..standard() }, "payer_limits.per_five_minutes"),
        (Policy { merchant_limits: zero(Some(Quarks::ZERO), None), ..standard() }, "merchant_limits.per_day"),
        (Policy { merchant_limits: zero(None, Some(0)), ..standard() }, "merchant_limits.per_five_minutes"),
        (Policy { max_attempts: 0, ..standard() }, "max_attempts"),
    ] {
        let set = quittance_core::command::Request::SetPolicy { policy };
        made.push(rejections::check(Code::PolicyOutOfRange, field, &mut world, set));
    }
    made
}
