//! What things cost, in exact fractions.

use quittance_core::currency::{Currency, Rate};
use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
use quittance_core::payment::{Purpose, Transfer};
use quittance_core::policy::Policy;
use quittance_core::terms::Terms;

use super::Table;

/// The service fee and the total in quarks, at the rate that was signed or else at the table's own.
pub(super) fn priced(
    policy: &Policy,
    terms: &Terms,
    table: Option<&Table>,
    signed: Option<Rate>,
) -> Result<(u128, u128), u16> {
    let rate_of = |currency: Currency| match currency {
        Currency::KIN => Ok(Rate::ONE),
        other => table.and_then(|table| table.rates.get(&other).copied()).ok_or(74_u16),
    };
    let listed = rate_of(terms.currency)?;
    let service_fee = match policy.service_fee {
        Some(fee) => price(fee, rate_of(Currency::USD)?),
        None => Some(0),
    };
    let rate = signed.unwrap_or(listed);
    // A kin is a kin: there is nothing to be off from.
    let tolerance = policy.rate_tolerance.filter(|_| terms.currency != Currency::KIN);
    if !is_near(rate, listed, tolerance) {
        return Err(74);
    }
    let total = price(terms.amount, rate).filter(|total| *total != 0);
    service_fee.zip(total).ok_or(75)
}

/// Whether a rate is the listed one, or as near as is tolerated.
fn is_near(rate: Rate, listed: Rate, tolerance: Option<BasisPoints>) -> bool {
    let scale = rate.scale().max(listed.scale());
    let scaled =
        |rate: Rate| u128::from(rate.mantissa()).checked_mul(10_u128.pow(u32::from(scale - rate.scale())));
    let (Some(rate), Some(listed)) = (scaled(rate), scaled(listed)) else { return false };
    let tolerance = tolerance.map_or(0, |tolerance| u128::from(tolerance.get()));
    // listed * tolerance / 10 000, rounded down, without a product that may not fit.
    let margin = listed / 10_000 * tolerance + listed % 10_000 * tolerance / 10_000;
    rate.abs_diff(listed) <= margin
}

/// What an amount costs in quarks, rounded half up, if it can be said.
fn price(amount: NativeAmount, rate: Rate) -> Option<u128> {
    // hundredths / 100 in the currency, over the rate in kin, times 100 000 in quarks.
    let scaled = u128::from(amount.hundredths()).checked_mul(10_u128.pow(u32::from(rate.scale())))?;
    let quarks = scaled.checked_mul(1_000)?;
    let divisor = u128::from(rate.mantissa());
    let rounded = quarks / divisor + u128::from(quarks % divisor * 2 >= divisor);
    (rounded <= u128::from(u64::MAX)).then_some(rounded)
}

/// The transfers that a payment has to be made of.
pub(super) fn split(
    policy: &Policy,
    terms: &Terms,
    service_fee: u128,
    total: u128,
) -> Result<Vec<Transfer>, u16> {
    let mut parts = vec![(Purpose::ServiceFee, policy.fee_account, service_fee)];
    for fee in &terms.fees {
        let share = total * u128::from(fee.basis_points.get()) / 10_000;
        parts.push((Purpose::Fee, fee.destination, share));
    }
    let fees: u128 = parts.iter().map(|(_, _, quarks)| quarks).sum();
    if fees >= total {
        return Err(76);
    }
    parts.push((Purpose::Destination, terms.destination, total - fees));
    parts.retain(|(_, _, quarks)| *quarks != 0);
    let transfer = |(purpose, destination, quarks)| {
        let quarks = Quarks::new(u64::try_from(quarks).expect("each is at most the total"));
        Transfer { purpose, destination, quarks }
    };
    Ok(parts.into_iter().map(transfer).collect())
}
