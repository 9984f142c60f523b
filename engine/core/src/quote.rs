//! What a payment has to look like: the transfers that terms, an exchange rate and the fees give.

use alloc::vec::Vec;

use crate::currency::{Currency, Rate};
use crate::ids::{AccountId, IntentId, Timestamp};
use crate::lifecycle::closed;
use crate::money::Quarks;
use crate::payment::{Payment, Purpose, Transfer};
use crate::policy::Policy;
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Intent, RateTable, State, Status};
use crate::terms::Terms;

/// The payment that `payer` would have to sign to pay `intent` at `now`. Promises nothing: no funds are set aside.
///
/// # Errors
/// The intent does not exist or is not open, there is no rate for its currency, or the payer cannot be its payer.
pub fn quote(
    state: &State,
    intent: IntentId,
    payer: AccountId,
    now: Timestamp,
) -> Result<Payment, Rejection> {
    let node = state.node().ok_or_else(|| Rejection::new(RejectionCode::NodeNotInitialized, "", "", ""))?;
    let known = state
        .intent(&intent)
        .ok_or_else(|| Rejection::new(RejectionCode::IntentNotFound, "intent", "a known intent", intent))?;
    open(known, now)?;
    let policy = state.policy();
    let terms = known.terms().ok_or_else(|| {
        let expected = "an intent that asks for a payment";
        Rejection::new(RejectionCode::PaymentNotRequested, "intent", expected, intent)
    })?;
    let prices = Prices::from_table(state.rates().latest(), terms, policy, None)?;
    let transfers = split(terms, &prices, policy.fee_account)?;
    if transfers.iter().any(|transfer| transfer.destination == payer) {
        return Err(pays_itself(payer));
    }
    if prices.total > policy.max_payment {
        return Err(exceeds_limit(policy.max_payment, prices.total));
    }
    let valid_until = now.saturating_add(policy.quote_lifetime).min(known.expires_at);
    let Terms { currency, amount, .. } = *terms;
    Ok(Payment { node, intent, payer, currency, amount, rate: prices.rate, valid_until, transfers })
}

/// What the fees and the amount cost at one moment's rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prices {
    pub(crate) rate: Rate,
    pub(crate) total: Quarks,
    service_fee: Quarks,
}

impl Prices {
    /// The prices of one table. Kin is worth one kin without any table; everything else needs one. The amount is priced at the
    /// `signed` rate where there is one, which has to be the table's within the policy's tolerance; the service fee always at
    /// the table's own.
    pub(crate) fn from_table(
        table: Option<&RateTable>,
        terms: &Terms,
        policy: &Policy,
        signed: Option<Rate>,
    ) -> Result<Self, Rejection> {
        let rate = |currency: Currency| {
            let known = match currency {
                Currency::KIN => Some(Rate::ONE),
                _ => table.and_then(|table| table.rate(currency)),
            };
            known.ok_or_else(|| {
                let field = alloc::format!("rates.{currency}");
                Rejection::new(RejectionCode::RateNotKnown, field, "a published rate", "none")
            })
        };
        let out_of_range = || {
            let expected = "an amount worth 1 to 2^64 - 1 quarks";
            Rejection::new(RejectionCode::AmountOutOfRange, "amount", expected, terms.amount)
        };
        let service_fee = policy.service_fee.map(|fee| Ok((fee, rate(Currency::USD)?))).transpose()?;
        let listed = rate(terms.currency)?;
        let rate = signed.unwrap_or(listed);
        // A kin is a kin: there is nothing to be off from.
        let tolerance = policy.rate_tolerance.filter(|_| terms.currency != Currency::KIN);
        if !rate.is_within(tolerance, listed) {
            let expected = match tolerance {
                None => alloc::format!("a rate of the last {:?}", policy.rate_window),
                Some(off) => {
                    alloc::format!("a rate within {off} of one of the last {:?}", policy.rate_window)
                }
            };
            return Err(Rejection::new(RejectionCode::RateNotKnown, "payload.rate", expected, rate));
        }
        let service_fee = match service_fee {
            None => Quarks::ZERO,
            Some((fee, dollar)) => dollar.quarks(fee).ok_or_else(out_of_range)?,
        };
        let total =
            rate.quarks(terms.amount).filter(|total| *total > Quarks::ZERO).ok_or_else(out_of_range)?;
        Ok(Self { rate, total, service_fee })
    }
}

/// How far the quarks of a payment that was signed in the official protocol's words may lie from `total`, its amount at its rate: a
/// kin and the rounding of one (protocol e.3, step 5), and never more than a thousandth. The protocol's smallest request is of 2 500
/// kin, for which the two say the same; the engine's own may be of less than a kin.
#[must_use]
pub fn quark_tolerance(total: Quarks) -> u64 {
    const KIN_AND_ITS_ROUNDING: u64 = 100_100;
    KIN_AND_ITS_ROUNDING.min(total.get() / 1_000)
}

impl Prices {
    /// The prices that such a payment states, where they are near enough to these: the total within [`quark_tolerance`], the service
    /// fee within a hundredth of itself, as the protocol has it between 0.99 and 1.01 cents (protocol e.6).
    pub(crate) fn as_stated(self, payment: &Payment) -> Self {
        let total = payment
            .total()
            .filter(|total| total.get().abs_diff(self.total.get()) <= quark_tolerance(self.total))
            .unwrap_or(self.total);
        let service = payment.transfers.first().filter(|first| first.purpose == Purpose::ServiceFee);
        let service_fee = service
            .map(|first| first.quarks)
            .filter(|fee| {
                let off = u128::from(fee.get().abs_diff(self.service_fee.get()));
                off * 100 < u128::from(self.service_fee.get())
            })
            .unwrap_or(self.service_fee);
        Self { rate: self.rate, total, service_fee }
    }
}

/// Every quark of the total, exactly once: the service fee, then each fee rounded down, then the rest to the destination.
/// Transfers of nothing are left out.
pub(crate) fn split(
    terms: &Terms,
    prices: &Prices,
    fee_account: AccountId,
) -> Result<Vec<Transfer>, Rejection> {
    let service =
        Transfer { purpose: Purpose::ServiceFee, destination: fee_account, quarks: prices.service_fee };
    let fees = terms.fees.iter().map(|fee| Transfer {
        purpose: Purpose::Fee,
        destination: fee.destination,
        quarks: prices.total.share(fee.basis_points),
    });
    let mut transfers: Vec<_> =
        core::iter::once(service).chain(fees).filter(|transfer| transfer.quarks > Quarks::ZERO).collect();
    let rest = Quarks::checked_sum(transfers.iter().map(|transfer| transfer.quarks))
        .and_then(|fees| prices.total.checked_sub(fees))
        .filter(|rest| *rest > Quarks::ZERO)
        .ok_or_else(|| {
            let expected = "more than its fees";
            Rejection::new(RejectionCode::AmountBelowFees, "amount", expected, prices.total)
        })?;
    transfers.push(Transfer { purpose: Purpose::Destination, destination: terms.destination, quarks: rest });
    Ok(transfers)
}

/// Whether an intent is still open at `now`: neither paid nor ended, and its deadline not passed.
pub(crate) fn open(intent: &Intent, now: Timestamp) -> Result<(), Rejection> {
    match intent.status() {
        Status::Created if now <= intent.expires_at => Ok(()),
        // The tick that records it may not have come yet.
        Status::Created | Status::Expired => {
            let expected = ("a request no later than", intent.expires_at.0);
            Err(Rejection::new(RejectionCode::IntentExpired, "intent", expected, now.0))
        }
        status => Err(Rejection::new(closed(status), "intent", "an open intent", status.name())),
    }
}

pub(crate) fn exceeds_limit(limit: Quarks, total: Quarks) -> Rejection {
    Rejection::new(RejectionCode::AmountExceedsLimit, "amount", ("at most", limit), total)
}

pub(crate) fn pays_itself(payer: AccountId) -> Rejection {
    let expected = "another account than every receiver";
    Rejection::new(RejectionCode::PayerIsDestination, "payer", expected, payer)
}
