//! Which prices a payer may still pay at.

use std::time::Duration;

use quittance_core::policy::Policy;
use quittance_core::rejection::RejectionCode;

use crate::support::{FEES, NOON, World, at, create, deposit, payer, rates, submit, usd};

const PAYER: u8 = 100;
const WINDOW: Duration = Duration::from_secs(1_800);

/// A price at noon, a quote with it, and another price ten seconds later; quotes hold for an hour.
fn repriced() -> (World, quittance_core::payment::Payment) {
    let mut world =
        World::with_policy(Policy { quote_lifetime: Duration::from_secs(3_600), ..Policy::standard(FEES) });
    world.must(rates(&[("usd", "0.00002")]));
    world.must(deposit("funds", payer(PAYER), 1_000_000_000_000));
    world.must(create(1, usd(500)));
    let quoted = world.quote(1, PAYER);
    world.now = at(10);
    world.must(rates(&[("usd", "0.00004")]));
    (world, quoted)
}

#[test]
fn a_price_counts_for_a_window_after_it_was_replaced_and_not_a_microsecond_longer() {
    let replaced = at(10);
    for (late, outcome) in [(0, None), (1, Some(RejectionCode::RateNotKnown))] {
        let (mut world, quoted) = repriced();
        world.now = replaced.saturating_add(WINDOW).saturating_add(Duration::from_micros(late));
        let answer = world.send(submit(PAYER, &quoted)).1;
        assert_eq!(answer.err().map(|rejection| rejection.code), outcome, "{late} µs after the window");
    }
}

#[test]
fn the_newest_price_counts_however_old_it_is() {
    let (mut world, _) = repriced();
    world.now = NOON.saturating_add(Duration::from_secs(3_000));
    let quoted = world.quote(1, PAYER);
    assert_eq!(quoted.rate.to_string(), "0.00004");
    world.must(submit(PAYER, &quoted));
}

#[test]
fn a_payer_cannot_mix_the_prices_of_two_moments() {
    // The amount at the old price, the service fee at the new one, and the other way round.
    let (mut world, old) = repriced();
    let new = world.quote(1, PAYER);
    for (mut mixed, fee) in [(old.clone(), &new), (new.clone(), &old)] {
        let (before, after) = (mixed.transfers[0].quarks.get(), fee.transfers[0].quarks.get());
        assert_ne!(before, after);
        mixed.transfers[0].quarks = fee.transfers[0].quarks;
        let rest = mixed.transfers[1].quarks.get() + before - after;
        mixed.transfers[1].quarks = quittance_core::money::Quarks::new(rest);
        assert_eq!(world.refusal_code(submit(PAYER, &mixed)), RejectionCode::TransfersMismatch);
    }
    world.must(submit(PAYER, &old));
}

#[test]
fn the_same_prices_again_are_not_written_again_and_of_two_for_one_currency_the_later_counts() {
    let mut world = World::funded();
    assert_eq!(world.must(rates(&[("usd", "0.00002")])), []);
    assert_eq!(world.must(rates(&[("usd", "0.5"), ("usd", "0.00002")])), []);
    assert_eq!(world.must(rates(&[("usd", "0.00002"), ("eur", "0.00002")])).len(), 1);
    assert_eq!(world.must(rates(&[("usd", "0.00002")])).len(), 1, "a currency that is gone is a change");
}
